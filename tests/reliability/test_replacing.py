"""What a program writes: files are replaced whole, and nothing else is replaced or followed."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest
import tiny_captioner
from http_server import FaultyServer, serves

from minicap import score, writing
from minicap.captioning.features.feature_file import open_features
from minicap.captioning.features.feature_writer import FeatureWriter
from minicap.cli import run_program
from minicap.download.fetch import RemoteFile, fetch
from minicap.errors import UserError
from minicap.files import write_text
from minicap.writing import create, new_folder, replacing

IMAGES = tiny_captioner.NAMES


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def python(code, *arguments, **options):
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, **options)


@pytest.fixture
def victim(tmp_path):
    """A file to which planted links lead."""
    path = tmp_path / "victim"
    path.write_text("mine")
    yield path
    assert path.read_text() == "mine"


# ------------------------------------------------------------------------------------------ devices, pipes, sockets

def test_a_pipe_gets_everything_and_stays_a_pipe(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_text(pipe, "whole")
    reader.join()
    assert read == [b"whole"] and stat.S_ISFIFO(pipe.stat().st_mode) and names(tmp_path) == ["pipe"]


def test_a_device_is_written_into_and_stays_a_device(tmp_path):
    device = tmp_path / "null"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        device.write_bytes(b"")
    except PermissionError:
        pytest.skip("only the administrator makes devices")
    write_text(device, "into nothing")
    assert stat.S_ISCHR(device.stat().st_mode) and names(tmp_path) == ["null"]


def test_a_socket_is_a_sentence_and_stays_a_socket(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        with pytest.raises(UserError, match="cannot write socket"):
            write_text("socket", "x")
        assert stat.S_ISSOCK((tmp_path / "socket").stat().st_mode)


PRINT_AND_WRITE = """
import sys
from minicap.files import write_text
print("before")
write_text(sys.argv[1], "written\\n")
print("after")
"""


# Not /dev/stdout itself, which is a link to this: where the tests run as root, a fault would replace it for everybody.
STDOUT = "/proc/self/fd/1"


@pytest.mark.parametrize("path", [STDOUT, "link", "out.txt"])
def test_what_the_program_prints_into_is_written_behind_what_is_there(tmp_path, path):
    """A file of that name is the one that the shell has opened: renamed over, what is printed later would be lost."""
    (tmp_path / "link").symlink_to(STDOUT)
    with open(tmp_path / "out.txt", "w") as out:
        subprocess.run([sys.executable, "-c", PRINT_AND_WRITE, path], stdout=out, cwd=tmp_path, check=True,
                       env=os.environ | {"PYTHONPATH": os.getcwd()})
    assert (tmp_path / "out.txt").read_text() == "before\nwritten\nafter\n"


def test_output_through_a_pipe_comes_in_order():
    assert python(PRINT_AND_WRITE, STDOUT).stdout == "before\nwritten\nafter\n"


# ------------------------------------------------------------------------------------------------------------ links

@pytest.mark.parametrize("target", ["there/a.txt", "not-yet/a.txt"])
def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path, target):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.txt").write_text("old")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to(target)
    write_text(tmp_path / "one", "new")
    assert (tmp_path / "one").is_symlink() and (tmp_path / "two").is_symlink()
    assert (tmp_path / target).read_text() == "new" and not (tmp_path / target).is_symlink()


def test_links_that_lead_in_a_circle_are_a_sentence(tmp_path):
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(UserError, match=r"cannot write .*one: Too many levels of symbolic links"):
        write_text(tmp_path / "one", "x")
    assert (tmp_path / "one").is_symlink()


def test_a_new_file_is_never_one_that_somebody_has_put_there(tmp_path, victim, monkeypatch):
    monkeypatch.setattr(writing.secrets, "token_hex", lambda size: "foreseen")
    (tmp_path / writing.PARTIAL.format("foreseen")).symlink_to(victim)
    with pytest.raises(UserError, match=r"cannot write .*a\.txt: File exists"):
        write_text(tmp_path / "a.txt", "x")
    with pytest.raises(FileExistsError):
        create(victim)


def writer(path):
    return FeatureWriter(path, tiny_captioner.SOURCE, IMAGES)


@pytest.mark.parametrize("planted", ["f.partial.npy", "f.partial.json", "f.partial.done"])
def test_a_link_in_the_place_of_unfinished_features_is_not_followed(tmp_path, victim, planted):
    begun = writer(tmp_path / "f.npy")
    begun.write(np.ones((4, 6)))
    begun.save_progress()
    (tmp_path / planted).rename(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").read_bytes()
    (tmp_path / planted).symlink_to("elsewhere")
    features = writer(tmp_path / "f.npy")
    assert features.done == 0
    features.write(np.zeros((len(IMAGES), 6)))
    features.finish()
    assert (tmp_path / "elsewhere").read_bytes() == before
    assert not open_features(tmp_path / "f.npy").array.any()


def test_features_go_to_where_a_link_leads(tmp_path):
    (tmp_path / "large-disk").mkdir()
    (tmp_path / "f.npy").symlink_to("large-disk/vgg.npy")
    features = writer(tmp_path / "f.npy")
    assert features.partial.parent == tmp_path / "large-disk"
    features.write(np.ones((len(IMAGES), 6)))
    features.finish()
    assert (tmp_path / "f.npy").is_symlink() and names(tmp_path / "large-disk") == ["vgg.npy"]
    assert open_features(tmp_path / "f.npy").array.all()


@pytest.mark.parametrize("planted", ["file.bin.partial", "file.bin.partial.json"])
def test_a_link_in_the_place_of_a_partial_download_is_not_followed(tmp_path, victim, planted):
    server = FaultyServer()
    try:
        server.routes["/file"] = [serves(b"content")]
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / planted).symlink_to(victim)
        path = fetch(RemoteFile("file.bin", (f"{server.base}/file",)), tmp_path / "out")
    finally:
        server.close()
    assert path.read_bytes() == b"content" and not path.is_symlink() and names(path.parent) == ["file.bin"]


# ------------------------------------------------------------------------------------------------------ permissions

@pytest.mark.parametrize(("mask", "former", "expected"), [
    (0o022, None, 0o644), (0o077, None, 0o600), (0o002, None, 0o664), (0o022, 0o600, 0o600), (0o022, 0o664, 0o664)])
def test_a_file_has_the_permissions_of_the_one_before_or_those_of_new_files(tmp_path, mask, former, expected):
    path, before = tmp_path / "a.txt", os.umask(mask)
    try:
        if former is not None:
            path.touch()
            path.chmod(former)
        with replacing(path) as partial:
            assert former is None or stat.S_IMODE(partial.stat().st_mode) == 0o600  # not even for a moment for more
            partial.write_text("new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == expected


# ------------------------------------------------------------------------------------- killed, or without power

KILLED = """
import os, signal, sys
from pathlib import Path
from minicap.writing import new_folder, replacing
with replacing(sys.argv[1]) as file, new_folder(sys.argv[2]) as folder:
    file.write_text("half")
    (folder / "one").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_program_has_left_is_cleared_by_the_next_one(tmp_path):
    assert python(KILLED, tmp_path / "a.txt", tmp_path / "b").returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2 and all(name.startswith(".minicap-") for name in names(tmp_path))
    write_text(tmp_path / "c.txt", "another")
    assert names(tmp_path) == ["c.txt"]


def test_what_another_program_is_still_writing_stays(tmp_path):
    with replacing(tmp_path / "a.txt") as partial, new_folder(tmp_path / "b") as folder:
        partial.write_text("first")
        write_text(tmp_path / "a.txt", "second")
        (folder / "x").touch()
    assert (tmp_path / "a.txt").read_text() == "first" and names(tmp_path) == ["a.txt", "b"]


def test_a_file_is_on_the_disk_before_it_has_its_name_and_then_the_name_is(tmp_path, monkeypatch):
    happened, fsync, replace = [], os.fsync, os.replace

    def note_fsync(fd):
        happened.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")
        fsync(fd)

    def note_replace(source, target):
        happened.append("renamed")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    write_text(tmp_path / "a.txt", "x")
    assert happened == ["file", "renamed", "folder"]


# ---------------------------------------------------------------------------------------------------------- folders

def test_a_folder_appears_when_it_is_complete(tmp_path):
    with new_folder(tmp_path / "out" / "a") as partial:
        (partial / "x").write_text("x")
        assert not (tmp_path / "out" / "a").exists()
    assert names(tmp_path / "out") == ["a"] and names(tmp_path / "out" / "a") == ["x"]


def test_an_empty_folder_that_is_there_stays_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino
    with new_folder(".") as partial:
        (partial / "x").write_text("x")
    assert names(tmp_path) == ["x"] and tmp_path.stat().st_ino == before


def test_a_folder_that_was_not_completed_leaves_nothing(tmp_path):
    with pytest.raises(UserError, match=r"cannot write .*a: No space left"), new_folder(tmp_path / "a") as partial:
        (partial / "x").write_text("x")
        raise OSError(28, "No space left on device")
    assert names(tmp_path) == []


def test_a_folder_does_not_replace_what_came_in_between(tmp_path):
    with pytest.raises(UserError, match=r"cannot write .*a: "), new_folder(tmp_path / "a") as partial:
        (partial / "x").write_text("x")
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "theirs").touch()
    assert names(tmp_path) == ["a"] and names(tmp_path / "a") == ["theirs"]


@pytest.mark.parametrize("arguments", [
    ("p.json", "--references", "r.csv", "--per-image", "loop"), ("loop", "--references", "r.csv", "--per-image", "o"),
    ("p.json", "--references", "loop")])
def test_a_link_that_leads_to_itself_is_a_sentence(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "p.json").write_text('{"a.jpg": "a dog"}')
    (tmp_path / "r.csv").write_text("image,caption\na.jpg,a dog\n")
    with pytest.raises(SystemExit) as end:
        run_program(score.main, list(arguments))
    err = capsys.readouterr().err
    assert end.value.code == 2 and "loop" in err and "Traceback" not in err


@pytest.mark.parametrize("before", ["", "first\n"])
def test_what_is_written_into_the_output_of_the_program_follows_what_is_there(tmp_path, before):
    (tmp_path / "p.json").write_text('{"a.jpg": "a dog"}')
    (tmp_path / "r.csv").write_text("image,caption\na.jpg,a dog\n")
    with open(tmp_path / "out", "a") as out:
        out.write(before)
        out.flush()
        command = [sys.executable, "-m", "minicap.score", "p.json", "--references", "r.csv", "--per-image", out.name]
        subprocess.run(command, cwd=tmp_path, stdout=out, check=True)
    text = (tmp_path / "out").read_text()
    assert text.startswith(before) and "a.jpg" in text and "BLEU-1" in text
