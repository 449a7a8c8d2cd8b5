"""The command ``minicap``: what it lists, runs and completes, and what is said in place of a traceback."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from minicap import command, missing
from minicap.command import FOLDERS, PROGRAMS, SHELLS, TOGETHER, load, main
from minicap.started import as_typed

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(command.__file__).parent  # where it is installed
WITHOUT_LIBRARIES = (sys.executable, "-S")  # a Python with nothing but its standard library


def run(*words, cwd=ROOT):
    return subprocess.run([*map(str, words)], capture_output=True, text=True, cwd=cwd)


def call(monkeypatch, capsys, *words):
    """(exit code, stdout, stderr) of the command with these words."""
    monkeypatch.setattr(sys, "argv", ["/home/ada/.venv/bin/minicap", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code, *capsys.readouterr()


def sources():
    """{name: text} of all programs, whatever the table says."""
    found = [(path.relative_to(ROOT / "minicap").parts[0].removesuffix(".py"), path.read_text(encoding="utf-8"))
             for path in (ROOT / "minicap").rglob("*.py")]
    return {name: text for name, text in found if "\n    run_program(main" in text}


# ------------------------------------------------------------------------------------------------------ the programs

def test_the_table_has_every_program_and_knows_which_can_be_several_processes():
    assert sources().keys() == PROGRAMS.keys()
    assert {name for name, text in sources().items() if "together=True" in text} == set(TOGETHER)
    assert {name for name in PROGRAMS if (ROOT / "minicap" / name).is_dir()} == set(FOLDERS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_called_as_it_was_typed_and_described_as_in_the_list(name, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, err = call(monkeypatch, capsys, name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: minicap {name} ") and f"\n\n{PROGRAMS[name]}\n\n" in out
    assert "python -m minicap" not in out
    assert re.search(rf"(?m)^    {name} +{re.escape(PROGRAMS[name])}$", command.overview())


def test_without_a_program_it_lists_them_and_needs_nothing_for_it():
    for words in ((), ("--help",)):
        done = run(*WITHOUT_LIBRARIES, "-m", "minicap", *words)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("usage: python -m minicap PROGRAM") and set(PROGRAMS) <= set(done.stdout.split())
    done = run(*WITHOUT_LIBRARIES, "-m", "minicap", "--version")
    assert re.fullmatch(r"minicap \d+\.\d+\.\d+\n", done.stdout)


def test_a_program_is_run_without_the_others():
    code = """
import sys
from minicap.command import PROGRAMS, main
sys.argv = ["minicap", "score", "--help"]
try:
    main()
finally:
    print(*(name for name in PROGRAMS if f"minicap.{name}" in sys.modules), file=sys.stderr)
"""
    assert run(sys.executable, "-c", code).stderr == "score\n"


@pytest.mark.parametrize(("words", "sentence"), [
    (("trian",), "there is no program 'trian'; perhaps you mean train; `minicap` lists all of them"),
    (("Caption", "a.jpg"), "there is no program 'Caption'; perhaps you mean caption; `minicap` lists all of them"),
    (("--versoin",), "there is no program '--versoin'; perhaps you mean --version; `minicap` lists all of them"),
    (("xyzzy",), "there is no program 'xyzzy'; `minicap` lists all of them"),
    (("--version", "train"), "--version takes nothing behind it; `minicap PROGRAM --help` shows the options of a "
                             "program"),
    (("--print-completion", "fish"), "--print-completion needs the name of a shell: bash, zsh, tcsh"),
    (("train", "--epoch", "1"), "unrecognized arguments: --epoch 1; minicap train --help lists the options"),
    (("learn", "chek"), "argument command: invalid choice: 'chek' ("),
])
def test_a_mistyped_command_is_one_sentence_and_2(words, sentence, monkeypatch, capsys):
    code, out, err = call(monkeypatch, capsys, *words)
    assert (code, out) == (2, "") and err.startswith(f"error: {sentence}") and err.count("\n") == 1


# --------------------------------------------------------------------------------------------------- what was typed

@pytest.mark.parametrize(("started", "begin"), [
    ("/home/ada/.venv/bin/minicap", "minicap "), ("C:/venv/Scripts/minicap.exe", "minicap "),
    (str(PACKAGE / "__main__.py"), "python -m minicap "), (str(PACKAGE / "train.py"), None),
    ("notebook.py", None)])
def test_programs_are_named_as_this_one_was_started(started, begin, monkeypatch):
    monkeypatch.setattr(sys, "argv", [started])
    sentence = "`python -m minicap.download vgg19`, or run python -m minicap.doctor."
    named = sentence if begin is None else sentence.replace("python -m minicap.", begin)
    assert as_typed(sentence) == named
    for other in ("python -m minicap.learn.overview", "python -m benchmarks", "minicap.train"):
        assert as_typed(other) == other


def test_messages_name_other_programs_as_this_one_was_started(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert "; `minicap learn init DIR` copies them" in call(monkeypatch, capsys, "learn", "status")[2]
    assert "`minicap train --out gone` creates one" in call(monkeypatch, capsys, "evaluate", "--checkpoint", "gone")[2]
    _, out, _ = call(monkeypatch, capsys, "learn", "init", "course")
    assert "\n    minicap learn next\n" in out


# -------------------------------------------------------------------------------------- a Python without the libraries

@pytest.mark.parametrize("words", [
    *((name, "--help") for name in PROGRAMS if name not in ("doctor", "download", "learn")), ("learn", "start", "3")])
def test_without_numpy_every_program_says_so_in_a_sentence(words):
    name, *arguments = words
    done = run(*WITHOUT_LIBRARIES, "-m", f"minicap.{name}", *arguments)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: this Python, {sys.executable}, lacks NumPy, SciPy, ")
    assert f"; use the Python for which minicap was installed, or install what is missing with {sys.executable} " \
           "-m pip install numpy scipy pillow " in done.stderr


def test_what_needs_no_numpy_runs_without_it():
    for name in ("download", "learn"):
        assert run(*WITHOUT_LIBRARIES, "-m", f"minicap.{name}", "--help").returncode == 0
    done = run(*WITHOUT_LIBRARIES, "-m", "minicap.doctor")
    assert (done.returncode, done.stderr) == (2, "") and "MISSING  NumPy " in done.stdout
    assert run(*WITHOUT_LIBRARIES, "-c", "import minicap; minicap.__all__").returncode == 0


def test_other_exceptions_keep_their_traceback(monkeypatch):
    assert missing.explanation(ZeroDivisionError()) is None
    assert missing.explanation(ModuleNotFoundError("no module named cupy", name="cupy")) is None
    assert missing.explanation(ModuleNotFoundError("no module named numpy.x", name="numpy.x")) is None  # NumPy is here
    monkeypatch.setattr(missing.importlib.util, "find_spec", lambda name: None if name in ("PIL", "h5py") else name)
    sentence = missing.explanation(ModuleNotFoundError("no module named PIL", name="PIL.Image"))
    assert " lacks Pillow and h5py; " in sentence and sentence.endswith("-m pip install pillow h5py")


def test_whatever_fails_in_a_python_that_is_too_old_is_put_down_to_that(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    assert missing.explanation(SyntaxError()) == ("minicap needs Python 3.11 or newer, and this is 3.10 "
                                                  f"({sys.executable})")


# --------------------------------------------------------------------------------------------------------- completion

COMPLETE = """
source "$0"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
COMPREPLY=()
$(complete -p minicap | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
echo "${COMPREPLY[*]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    pytest.importorskip("shtab")
    path = tmp_path_factory.mktemp("completion") / "minicap.bash"
    path.write_text(command.completion("bash"))
    return path


@pytest.mark.parametrize(("words", "completed"), [
    (("",), [*PROGRAMS]), (("tr",), ["train"]), (("--p",), ["--print-completion"]),
    (("train", "--model", ""), ["show-tell", "attend"]), (("train", "--mod"), ["--model"]),
    (("download", ""), ["flickr8k", "vgg16", "vgg19"]), (("learn", "h"), ["hint"]),
    (("learn", "train", "--m"), ["--mine"]), (("caption", "README"), ["README.md"]), (("export", "less"), ["lessons"]),
    (("train", "--data-dir", "benchm"), ["benchmarks"])])
def test_the_shell_completes_programs_options_choices_and_files(script, words, completed):
    done = run("bash", "-c", COMPLETE, script, "minicap", *words)
    assert done.stdout.split() == completed, done.stderr


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_option_of_every_program_is_completed(script, name, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "500")
    _, out, _ = call(monkeypatch, capsys, name, "--help")
    options = set(re.findall(r"(?m)^ +(--[\w-]+)", out))
    offered = run("bash", "-c", COMPLETE, script, "minicap", name, "--").stdout.split()
    assert options <= set(offered)


@pytest.mark.parametrize("shell", SHELLS)
def test_without_shtab_a_sentence_says_what_is_missing(shell, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert call(monkeypatch, capsys, "--print-completion", shell) == (
        2, "", "error: shtab, which writes the script, is not installed; `pip install shtab` installs it\n")


def test_every_shell_gets_a_script_of_its_own():
    pytest.importorskip("shtab")
    assert len({command.completion(shell)[:200] for shell in SHELLS}) == len(SHELLS)


def test_a_program_is_loaded_by_its_name():
    assert {name: load(name).__name__.split(".")[1] for name in PROGRAMS} == {name: name for name in PROGRAMS}
    assert importlib.util.find_spec("minicap.__main__")
