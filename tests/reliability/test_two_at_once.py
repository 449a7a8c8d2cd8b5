"""Two programs with one target: the second is told who is at work, and the first one's result is whole.

The first program is stopped (SIGSTOP) as soon as it has the lock, so that it is at work for as long as the second runs.
"""

import dataclasses
import errno
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tiny_captioner
import tiny_vgg
from http_server import FaultyServer, serves
from PIL import Image

from minicap import locks, train
from minicap.byte_locks import ByteLocks
from minicap.captioning.checkpoint import load_tensors
from minicap.captioning.features.feature_file import open_features
from minicap.captioning.training.settings import TrainSettings
from minicap.download.catalogue import WEIGHTS
from minicap.errors import UserError
from minicap.locks import NAME, locked, locked_folder, shared

TESTS = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "no_proxy": "127.0.0.1",
                            "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
UNDRAWN = "from minicap.captioning.reporting import plots; plots.save_curves = plots.save_samples = lambda *_: None; "


def program(name, *arguments, before=""):
    """``python -m minicap.NAME`` in a process, after the code ``before``."""
    code = f"import runpy; {before}runpy.run_module('minicap.{name}', run_name='__main__', alter_sys=True)"
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)


def stop_when(first, condition):
    """Stop the process ``first`` as soon as the condition is true."""
    end = time.monotonic() + 60
    while not condition():
        assert first.poll() is None and time.monotonic() < end, first.communicate()
        time.sleep(0.001)
    first.send_signal(signal.SIGSTOP)


def ended(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def assert_refused(second, holder):
    code, _, err = ended(second)
    assert code == 2, err
    assert re.fullmatch(rf"error: .* is being written by `minicap\.\w+` \(process {holder.pid} on \S+, since "
                        r"\d{4}-\d\d-\d\d \d\d:\d\d\); wait for it, or choose another place", err.splitlines()[-1]), err


def assert_only_one_writes(start, lock):
    """Start a program, a second one while the first is at work, and let the first one finish."""
    first = start()
    try:
        stop_when(first, lambda: lock.exists() and lock.read_text())
        assert_refused(start(), first)
    finally:
        first.send_signal(signal.SIGCONT)
    code, _, err = ended(first)
    assert code == 0, err
    assert not lock.exists()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """(folder of pictures, feature file)"""
    folder = tmp_path_factory.mktemp("data")
    return tiny_captioner.write_folder(folder / "pictures"), tiny_captioner.write_features(folder / "features.npy")


@pytest.fixture(scope="module")
def run(data):
    """A finished training run."""
    folder = data[0].parent / "run"
    assert ended(training(folder, data))[0] == 0
    return folder


def training(folder, data, *more):
    return program("train", *tiny_captioner.train_arguments(folder, *data, *more), before=UNDRAWN)


# ------------------------------------------------------------------------------------------------------------ training

def test_two_runs_in_one_folder(tmp_path, data, run):
    assert_only_one_writes(lambda: training(tmp_path / "run", data), tmp_path / "run" / NAME)
    ours, theirs = (load_tensors(folder / "best.safetensors", "checkpoint")[0] for folder in (tmp_path / "run", run))
    assert all(np.array_equal(ours[name], array) for name, array in theirs.items())


def test_a_run_that_is_at_work_is_read_but_not_resumed(tmp_path, data):
    folder = tmp_path / "run"
    first = training(folder, data, "--epochs", 1000, "--patience", 1000)
    try:
        stop_when(first, lambda: (folder / "last.safetensors").exists())
        assert_refused(training(folder, data, "--resume"), first)
        code, _, err = ended(program("evaluate", "--checkpoint", folder, "--device", "cpu"))
        assert code == 0, err
    finally:
        first.kill()
    ended(first)
    resumed = training(folder, data, "--resume", "--epochs", 1000, "--patience", 1)  # past the lock of the dead
    code, _, err = ended(resumed)
    assert code == 2 and "patience" in err and not (folder / NAME).exists()  # refused for another reason


def test_two_runs_without_a_folder_get_two(tmp_path, data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = tiny_captioner.train_arguments("runs/folder-1", *data)
    at = arguments.index("--out")
    first = program("train", *arguments[:at], *arguments[at + 2:], before=UNDRAWN)
    try:
        stop_when(first, (tmp_path / "runs" / "folder-1").exists)
        second = program("train", *arguments[:at], *arguments[at + 2:], before=UNDRAWN)
        assert ended(second)[0] == 0
    finally:
        first.send_signal(signal.SIGCONT)
    assert ended(first)[0] == 0
    for number in (1, 2):
        assert (tmp_path / "runs" / f"folder-{number}" / "last.safetensors").exists()


def test_a_folder_that_another_run_takes_at_the_same_moment_is_not_shared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = TrainSettings()
    settings = given.resolved()
    with locked_folder(settings.out), train.contextlib.ExitStack() as stack:
        assert settings.out == "runs/shapes-1"
        assert train.hold_folder(stack, given, settings).out == "runs/shapes-2"
        with pytest.raises(UserError, match="is being written"):
            train.hold_folder(stack, dataclasses.replace(given, out="runs/shapes-1"), settings)
    assert not (tmp_path / "runs").exists()  # nothing was written


# ----------------------------------------------------------------------------------------- features, downloads, folders

def test_two_extractions_into_one_file(tmp_path, rng, data, monkeypatch):
    tiny_vgg.shrink(monkeypatch, size=32)
    weights = tiny_vgg.save_npz(tmp_path / "vgg11.npz", tiny_vgg.random_vgg(11, rng))
    shrink = "import pytest, tiny_vgg; tiny_vgg.shrink(pytest.MonkeyPatch(), size=32); "
    assert_only_one_writes(lambda: program(
        "extract", "--data", "folder", "--data-dir", data[0], "--weights", weights, "--out", tmp_path / "f",
        "--device", "cpu", "--preprocessing", "caffe-bgr", before=shrink), tmp_path / f".f.npy{NAME}")
    assert open_features(tmp_path / "f.npy").read(slice(None)).any(axis=1).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.json", "f.npy", "vgg11.npz"]


BODY = bytes(range(256)) * 1000
NAME_OF_WEIGHTS = WEIGHTS["vgg19", "keras"].name


@pytest.fixture
def server():
    server = FaultyServer()
    server.routes[f"/{NAME_OF_WEIGHTS}"] = [serves(BODY)]
    yield server
    server.close()


def downloading(folder, server):
    """Downloads BODY as the weights of VGG-19."""
    checksum = "md5:" + hashlib.md5(BODY).hexdigest()
    before = ("import dataclasses; from minicap.download.catalogue import WEIGHTS; WEIGHTS['vgg19', 'keras'] = "
              f"dataclasses.replace(WEIGHTS['vgg19', 'keras'], checksum='{checksum}', addresses=()); ")
    return program("download", "vgg19", "--out", folder, "--mirror", server.base, before=before)


def test_two_downloads_of_one_file(tmp_path, server):
    assert_only_one_writes(lambda: downloading(tmp_path, server), tmp_path / f".{NAME_OF_WEIGHTS}{NAME}")
    assert (tmp_path / NAME_OF_WEIGHTS).read_bytes() == BODY and len(list(tmp_path.iterdir())) == 1


def test_a_download_is_verified_by_what_is_on_the_disk_not_by_what_was_received(tmp_path, server):
    """Another program, or one of ours where there are no locks, writes into the same file."""
    def breaks_off(handler, owner):
        handler.answer(200, BODY[:1000], ETag='"v1"', Content_Length=len(BODY))

    def serves_the_rest_while_another_writes(handler, owner):
        with open(tmp_path / f"{NAME_OF_WEIGHTS}.partial", "ab") as file:
            file.write(b"from another program")
        serves(BODY)(handler, owner)

    server.routes[f"/{NAME_OF_WEIGHTS}"] = [breaks_off, serves_the_rest_while_another_writes]
    code, _, err = ended(downloading(tmp_path, server))
    assert code == 2 and "sent a wrong file: its md5 is" in err and not (tmp_path / NAME_OF_WEIGHTS).exists()


def test_two_exports_to_one_folder(tmp_path, run):
    assert_only_one_writes(lambda: program("export", run, tmp_path / "out"), tmp_path / f".out{NAME}")
    assert {"README.md", "best.safetensors"} <= {path.name for path in (tmp_path / "out").iterdir()}


def test_two_folders_of_lessons(tmp_path):
    assert_only_one_writes(lambda: program("learn", "init", tmp_path / "mine"), tmp_path / f".mine{NAME}")
    assert (tmp_path / "mine" / "progress.json").exists() and len(list(tmp_path.iterdir())) == 1


def test_two_evaluations_with_one_file_of_captions(tmp_path, run):
    out = tmp_path / "captions.json"
    assert_only_one_writes(lambda: program("evaluate", "--checkpoint", run, "--device", "cpu", "--predictions", out),
                           tmp_path / f".captions.json{NAME}")
    assert out.exists()


# ---------------------------------------------------------------------------------------------------- the lock itself

def test_a_lock_stops_its_own_process_too_until_it_is_released(tmp_path):
    with locked(tmp_path / "a.txt"):
        with pytest.raises(UserError, match=r"a\.txt is being written by this program already"), \
                locked(tmp_path / "sub" / ".." / "a.txt"):
            pass
        with locked(tmp_path / "b.txt"):
            pass
    with locked(tmp_path / "a.txt"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_file_and_a_link_to_it_have_one_lock(tmp_path):
    (tmp_path / "link").symlink_to("a.txt")
    with locked(tmp_path / "a.txt"), pytest.raises(UserError, match="is being written"), locked(tmp_path / "link"):
        pass


@pytest.mark.parametrize("name", ["x" * 255, "犬" * 85])
def test_a_file_with_the_longest_name_is_locked_as_well(tmp_path, name):
    (tmp_path / name).touch()
    with locked(tmp_path / name), pytest.raises(UserError, match="is being written"), locked(tmp_path / name):
        pass
    with locked(tmp_path / name):
        (tmp_path / name[1:]).touch()
        with locked(tmp_path / name[1:]):
            pass


def test_folders_made_for_a_lock_are_deleted_if_nothing_was_written(tmp_path):
    with locked_folder(tmp_path / "a" / "b"):
        pass
    assert not list(tmp_path.iterdir())
    with locked_folder(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "x").touch()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["x"]


@pytest.mark.parametrize("text", [b"", b"\xff\x00\x1b[31m" * 1000])
def test_whatever_a_lock_file_says_is_printed_as_text(tmp_path, text):
    with locked(tmp_path / "a.txt"):
        (tmp_path / f".a.txt{NAME}").write_bytes(text)
        with pytest.raises(UserError) as refusal, locked(tmp_path / "a.txt"):
            pass
    assert str(refusal.value).isprintable() and len(str(refusal.value)) < 600


def test_devices_and_pipes_need_no_lock(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with locked(None, tmp_path / "pipe"), locked(None, tmp_path / "pipe"):
        assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.parametrize("plant", [Path.symlink_to, Path.hardlink_to, lambda path, _: path.mkdir(),
                                   lambda path, _: os.mkfifo(path)])
def test_what_somebody_has_put_in_the_place_of_a_lock_is_refused(tmp_path, plant):
    victim, lock = tmp_path / "victim", tmp_path / f".a.txt{NAME}"
    victim.write_text("mine")
    plant(lock, victim)
    with pytest.raises(UserError, match="where a lock file has to be, is a link, a folder or a device; delete it"), \
            locked(tmp_path / "a.txt"):
        pass
    assert victim.read_text() == "mine" and os.path.lexists(lock)


def test_a_file_system_without_locks_is_said_once(tmp_path, monkeypatch, capsys):
    def no_locks(fd):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks, "try_lock", no_locks)
    for _ in range(2):
        with locked(tmp_path / "a.txt"), locked(tmp_path / "a.txt"):
            (tmp_path / "a.txt").write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert capsys.readouterr().err == (f"warning: {tmp_path} is on a file system without locks (No locks available): "
                                       "nothing keeps two programs from writing there at the same time\n")


@pytest.mark.parametrize("reason", [errno.EROFS, errno.EACCES])
def test_where_nothing_can_be_written_nothing_is_locked(tmp_path, monkeypatch, reason):
    def refuse(*_):
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(locks.os, "open", refuse)
    with locked(tmp_path / "a.txt"):
        pass


def test_a_lock_file_of_another_user_is_locked_as_well(tmp_path, monkeypatch):
    """Who may only read it can still see whether its owner is at work."""
    opened = os.open

    def only_for_reading(path, flags, *mode):
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, flags, *mode)

    with locked(tmp_path / "a.txt"):
        monkeypatch.setattr(locks.os, "open", only_for_reading)
        with pytest.raises(UserError, match="is being written"), locked(tmp_path / "a.txt"):
            pass


# -------------------------------------------------------------------------------- the lock that several processes share

def test_those_who_share_a_lock_keep_out_who_does_not_until_the_last_has_ended(tmp_path):
    with shared(tmp_path / "sub" / "a.txt") as first:
        assert first.alone
        first.let_others_in()
        with shared(tmp_path / "sub" / "a.txt") as second:
            assert not first.alone and not second.alone
            second.let_others_in()
        with pytest.raises(UserError, match=r"written by `\w+` \(several processes on .*; wait for it, or choose"), \
                locked(tmp_path / "sub" / "a.txt"):
            pass
    assert not list(tmp_path.iterdir())
    with locked(tmp_path / "a.txt"):
        pass


@pytest.mark.parametrize("left", ["", "`minicap.extract` (process 1 on here, since 2020-01-01 00:00)",
                                  "`minicap.extract` (several processes on elsewhere, since 2020-01-01 00:00)"])
def test_the_first_who_shares_a_lock_is_waited_for(tmp_path, left):
    (tmp_path / f".a.txt{NAME}").write_text(left)  # by a program that was killed
    order = []

    def second():
        with shared(tmp_path / "a.txt") as lock:
            order.append(("second", lock.alone))

    with shared(tmp_path / "a.txt") as first:
        assert first.alone
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("prepared")
        first.let_others_in()
        thread.join()
    assert order == ["prepared", ("second", False)]
    assert not list(tmp_path.iterdir())


def test_who_wants_to_share_a_lock_does_not_wait_for_who_does_not(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "SOON", 0.2)
    with locked(tmp_path / "a.txt"), pytest.raises(UserError, match="is being written by this program already"), \
            shared(tmp_path / "a.txt"):
        pass


def test_no_lock_is_shared_where_there_is_none(tmp_path, monkeypatch):
    def no_locks(fd):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with monkeypatch.context() as patch:
        patch.setattr(locks, "try_lock", no_locks)
        with pytest.raises(UserError, match=r"file system without locks \(No locks available\), .* with host="), \
                shared(tmp_path / "a.txt"):
            pass
    monkeypatch.setattr(locks, "fcntl", None)
    with pytest.raises(UserError, match=r"on Windows, .* with host="), shared(tmp_path / "a.txt"):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork, and no shared locks")
def test_the_number_that_a_process_has_taken_is_free_when_it_ends(tmp_path):
    (tmp_path / "bytes").write_bytes(b"")
    ours = ByteLocks(tmp_path / "bytes")
    assert ours.take(3) and ours.take(1 << 40)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        theirs = ByteLocks(tmp_path / "bytes")
        os.write(writing, bytes([theirs.take(number) for number in (3, 1 << 40, 4)]))
        signal.pause()
    assert os.read(reading, 3) == bytes([False, False, True])
    assert not ours.take(4)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert ours.take(4, wait=True)
    ours.close()
    os.close(reading)
    os.close(writing)


# ----------------------------------------------------------------------------- lessons: killed while they are copied

HALF = """
import os, shutil, signal
copy, count = shutil.copy2, []
def stop_halfway(*arguments, **options):
    count.append(1)
    if len(count) == 30:
        {what}
    return copy(*arguments, **options)
shutil.copytree.__defaults__ = tuple(stop_halfway if value is copy else value for value in shutil.copytree.__defaults__)
"""
EMPTY = """
import os, signal
rename, count = os.rename, []
def stop_halfway(*arguments):
    count.append(1)
    if len(count) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(*arguments)
os.rename = stop_halfway
"""


def init(folder, before=""):
    return ended(program("learn", "init", folder, before=f"exec({before!r}); "))


def lessons(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if "__pycache__" not in path.parts)


def test_lessons_killed_halfway_leave_no_folder_and_a_full_disk_nothing(tmp_path):
    code, _, _ = init(tmp_path / "mine", HALF.format(what="os.kill(os.getpid(), signal.SIGKILL)"))
    assert code == -signal.SIGKILL and not (tmp_path / "mine").exists()
    code, _, err = init(tmp_path / "mine", HALF.format(what="raise OSError(28, 'No space left on device')"))
    assert code == 2 and "No space left on device" in err and len(err) < 1000
    assert not list(tmp_path.iterdir())  # nor what was left by the one that was killed
    assert init(tmp_path / "mine")[0] == 0 and (tmp_path / "mine" / "progress.json").exists()


def test_lessons_killed_halfway_into_an_empty_folder_are_completed(tmp_path):
    whole, mine = tmp_path / "whole", tmp_path / "mine"
    mine.mkdir()
    assert init(whole)[0] == 0
    assert init(mine, EMPTY)[0] == -signal.SIGKILL
    assert len([path for path in mine.iterdir() if path.name[0].isdigit()]) == 4
    assert init(mine)[0] == 0
    assert lessons(mine) == lessons(whole)
    code, _, err = init(mine)
    assert code == 2 and "is not empty" in err


def test_pictures_of_somebody_are_no_lessons(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    code, _, err = init(tmp_path)
    assert code == 2 and "is not empty" in err
