"""Ctrl-C at any moment from a program's first import to the end of Python: exit code 130, and no traceback.

SIGINT is sent by the program itself, at its n-th import, when its main is entered, or when Python clears up: a clock
would meet other moments on every machine. (Before minicap is imported, Python itself is starting, and prints what it
likes.)
"""

import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from minicap import interrupt

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = ("caption", "classify", "demo", "doctor", "download", "evaluate", "export", "extract", "learn", "reproduce",
            "score", "train")

# Python executes sitecustomize before everything else.
SENDER = """
import atexit, os, signal, sys, threading

when, seen = os.environ["SEND_SIGINT"], []

def send(*_):
    os.kill(os.getpid(), signal.SIGINT)

def count(event, arguments):
    if event == "import" and (seen or arguments[0] == "minicap.interrupt"):
        seen.append(arguments[0])
        if len(seen) == int(when):
            send()

def in_main(frame, event, argument):
    if event == "call" and frame.f_code.co_name == "parse_known_args":
        sys.setprofile(None)
        send()

if when == "main":
    sys.setprofile(in_main)
elif when == "exit":
    atexit.register(send)
elif when == "threads":  # before atexit: Python waits for its threads
    threading._register_atexit(send)
else:
    sys.addaudithook(count)
"""


@pytest.fixture(scope="module")
def sender(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sender")
    (folder / "sitecustomize.py").write_text(SENDER)
    return folder


def run(sender, when, *command):
    environment = os.environ | {"PYTHONPATH": f"{sender}{os.pathsep}{ROOT}", "SEND_SIGINT": str(when)}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment, timeout=60)


@pytest.mark.parametrize("when", [8, "main", "threads", "exit"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_ctrl_c_is_130_without_a_traceback(sender, name, when):
    done = run(sender, when, "-m", f"minicap.{name}", "--help")
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
    assert bool(done.stdout) == (when in ("threads", "exit"))


@pytest.mark.parametrize("when", [8, "main", "exit"])
def test_ctrl_c_is_130_in_the_command_as_well(sender, when, tmp_path):
    (tmp_path / "minicap").write_text("from minicap.command import main\nmain()")
    for start in ([tmp_path / "minicap"], ["-m", "minicap"])[:1 if when == 8 else 2]:
        done = run(sender, when, *start, "score", "--help")
        assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_every_program_is_tried():
    package = ROOT / "minicap"
    programs = {path.relative_to(package).parts[0].removesuffix(".py") for path in package.rglob("*.py")
                if "\n    run_program(main" in path.read_text(encoding="utf-8")}
    assert programs == set(PROGRAMS)


def test_where_minicap_is_only_imported_ctrl_c_raises_keyboard_interrupt(sender, tmp_path):
    (tmp_path / "another.py").write_text("import signal, minicap, minicap.cli\n"
                                         "print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)")
    for command in (["another.py"], ["-m", "another"], ["-c", "import another"]):
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=tmp_path,
                              env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"})
        assert done.stdout == "True\n", done.stderr


def test_a_program_that_was_started_to_ignore_ctrl_c_goes_on(sender):
    """nohup, and & in a script, do so."""
    ignoring = ("import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
                "os.execv(sys.executable, [sys.executable, '-m', 'minicap.score', '--help'])")
    environment = os.environ | {"PYTHONPATH": f"{sender}{os.pathsep}{ROOT}", "SEND_SIGINT": "8"}
    done = subprocess.run([sys.executable, "-c", ignoring], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and "usage: python -m minicap.score" in done.stdout


def test_ctrl_c_in_a_callback_where_nothing_can_be_raised_is_not_forgotten(capsys):
    with pytest.raises(KeyboardInterrupt):
        interrupt._raise_later(types.SimpleNamespace(exc_type=KeyboardInterrupt))
        signal.pause()
    assert capsys.readouterr().err == ""
