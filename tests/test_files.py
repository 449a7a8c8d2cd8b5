"""Files are written completely or not at all; what cannot be read or written is a one-line error."""

import errno
import hashlib
import os
import threading

import pytest

from minicap.errors import UserError
from minicap.files import (
    begun,
    check_output,
    existing_file,
    is_json_of_ours,
    read_json,
    sha256,
    write_json,
    write_text,
)
from minicap.writing import replacing


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# ------------------------------------------------------------------------------------------------------- in a thread

def test_what_was_begun_goes_on_meanwhile_and_says_its_result_or_error_whenever_it_is_asked():
    go_on = threading.Event()
    result = begun(lambda a, b: go_on.wait(60) and a + b, 1, 2)  # were it done at once, nobody would let it go on
    go_on.set()
    assert result() == result() == 3
    error = begun(sha256, "gone.h5")
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            error()


# --------------------------------------------------------------------------------------------------------- writing

def test_a_file_appears_under_its_name_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    with replacing(path) as partial:
        partial.write_text("whole")
        assert not path.exists() and partial.parent == path.parent
    assert path.read_text() == "whole" and names(path.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyboardInterrupt(), UserError("no")], ids=repr)
def test_whatever_breaks_the_writing_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(type(error)), replacing(path) as partial:
        partial.write_text("half")
        raise error
    assert path.read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_a_full_disk_is_a_sentence_and_the_old_file_stays(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(UserError) as refusal, replacing(path) as partial:
        partial.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(refusal.value) == (
        f"cannot write {path}: No space left on device; free some space or choose another place")
    assert path.read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_a_file_where_a_folder_is_needed_is_a_sentence(tmp_path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(UserError, match=r"cannot write .*metrics\.json: "):
        write_json(tmp_path / "results" / "metrics.json", {})


def test_a_folder_under_the_name_of_the_file_is_a_sentence(tmp_path):
    (tmp_path / "metrics.json").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*metrics\.json: "):
        write_text(tmp_path / "metrics.json", "x")
    assert names(tmp_path) == ["metrics.json"]


@pytest.mark.parametrize("text, ours", [
    ('{\n "a": 1\n}\n', True), ('{"a": 1}', False), ('{\n "a": 1\n}', False), ('{\n "b": 1\n}\n', False), ("{", False),
    ("", False), ("[" * 100_000, False)])
def test_json_is_ours_if_it_is_to_the_letter_what_we_write(tmp_path, text, ours):
    path = tmp_path / "a.json"
    path.write_text(text)
    assert is_json_of_ours(path, lambda value: "a" in value) == ours
    write_json(path, {"a": "caf\udce9"})
    assert is_json_of_ours(path, lambda value: "a" in value)


def test_an_output_that_cannot_be_written_is_a_sentence_before_the_work(tmp_path):
    (tmp_path / "file").write_text("mine")
    for path, words in ((f"{tmp_path}/new/", "html= .*/new/ is a folder; name a file"),
                        (tmp_path, "is a folder; name a file"),
                        (tmp_path / "file", "file is there already and was not written by this option"),
                        (tmp_path / "file" / "new", "as .*/file is no folder that may be written to")):
        with pytest.raises(UserError, match=words):
            check_output(path, "html", lambda path: False)
    check_output(tmp_path / "file", "html", lambda path: True)
    check_output(os.devnull, "html", lambda path: False)  # which is written into
    (tmp_path / "file").write_text("")
    check_output(tmp_path / "file", "html", lambda path: False)  # there is nothing to be lost
    check_output(tmp_path / "new" / "newer", "html", lambda path: False)
    assert names(tmp_path) == ["file"]


def test_text_and_json_are_utf8_and_come_back(tmp_path):
    write_text(tmp_path / "a.txt", "Größe\n")
    assert (tmp_path / "a.txt").read_bytes() == "Größe\n".encode()
    value = {"caption": "ein Hund läuft", "p": [0.5, None]}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert "läuft" in (tmp_path / "a.json").read_text(encoding="utf-8")  # readable, not \u00e4


# --------------------------------------------------------------------------------------------------------- reading

def test_a_missing_file_is_named_with_what_was_expected(tmp_path):
    with pytest.raises(UserError) as refusal:
        existing_file(tmp_path / "w.h5", "weights file")
    assert str(refusal.value) == f"weights file {tmp_path / 'w.h5'} does not exist; check the path"


def test_a_folder_where_a_file_is_meant_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"is a folder; weights file has to be a file"):
        existing_file(tmp_path, "weights file")


def test_a_path_may_start_with_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.txt").write_text("x")
    assert existing_file("~/a.txt", "file") == tmp_path / "a.txt"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}", b"{'a': 1}"])
def test_what_is_no_json_is_refused_by_name(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(UserError, match=r"settings .*a\.json is not valid JSON"):
        read_json(tmp_path / "a.json", "settings")


def test_options_of_the_json_module_are_passed_on(tmp_path):
    (tmp_path / "a.json").write_text('{"b": 1, "a": 2}')
    assert read_json(tmp_path / "a.json", object_pairs_hook=list) == [("b", 1), ("a", 2)]


def test_a_checksum_is_that_of_the_contents_also_past_one_block(tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(content)
    assert sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_is_read_with_a_byte_order_mark_and_windows_line_ends(tmp_path, encoding):
    (tmp_path / "a.json").write_bytes('{"café":\r\n 1}'.encode(encoding))
    assert read_json(tmp_path / "a.json") == {"café": 1}


@pytest.mark.parametrize("data", [b"\xff{}", b"\xff\xfe{", b'{"a": 1', b"[" * 100_000, b"1" * 10_000])
def test_text_that_python_cannot_load_is_refused_by_name(tmp_path, data):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(UserError, match=r"settings .*a\.json is not valid JSON"):
        read_json(tmp_path / "a.json", "settings")


def test_json_holds_names_that_utf_8_cannot(tmp_path):
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    write_json(tmp_path / "a.json", {name: "a dog"})
    assert read_json(tmp_path / "a.json") == {name: "a dog"}
