import shutil
import stat
import zipfile
from collections import namedtuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicap.download.archives import Contents, unpack
from minicap.errors import UserError

GOOD = {"Pictures/a.jpg": b"a" * 100, "Pictures/b.jpg": b"b" * 100, "ids.txt": b"a.jpg\nb.jpg\n"}
CONTENTS = Contents(images={"Pictures": 2}, lines={"ids.txt": 2})


def member(name, mode=stat.S_IFREG | 0o644):
    info = zipfile.ZipInfo("name")
    info.filename = name  # as it stands: the constructor would tidy it
    info.external_attr = mode << 16
    return info


def make(path, members, *more):
    """A zip file of {name: bytes}, and of (ZipInfo, bytes) pairs."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in members.items():
            z.writestr(name, data)
        for info, data in more:
            z.writestr(info, data)
    return path


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_archive_is_unpacked_whole_and_nothing_else_stays(tmp_path):
    unpack(make(tmp_path / "a.zip", GOOD), tmp_path / "out" / "here")
    assert tree(tmp_path / "out" / "here") == GOOD
    assert sorted(path.name for path in (tmp_path / "out" / "here").iterdir()) == ["Pictures", "ids.txt"]


def test_resource_forks_of_macos_are_left_out(tmp_path):
    unpack(make(tmp_path / "a.zip", GOOD | {"__MACOSX/Pictures/._a.jpg": b"x"}), tmp_path / "out")
    assert tree(tmp_path / "out") == GOOD


def test_a_folder_that_is_there_is_completed_and_keeps_its_other_files(tmp_path):
    (tmp_path / "out" / "Pictures").mkdir(parents=True)
    (tmp_path / "out" / "Pictures" / "a.jpg").write_bytes(b"half")
    (tmp_path / "out" / "Pictures" / "mine.jpg").write_bytes(b"mine")
    unpack(make(tmp_path / "a.zip", GOOD), tmp_path / "out")
    assert tree(tmp_path / "out") == GOOD | {"Pictures/mine.jpg": b"mine"}


@pytest.mark.parametrize(("info", "reason"), [
    (member("/etc/passwd"), "has an absolute path"),
    (member("../outside.txt"), "points outside the folder"),
    (member("Pictures/../../outside.txt"), "points outside the folder"),
    (member("Pictures/.."), "points outside the folder"),
    (member("C:/outside.txt"), "has a backslash or a colon"),
    (member("C:outside.txt"), "has a backslash or a colon"),
    (member("..\\outside.txt"), "has a backslash or a colon"),
    (member("\\\\server\\share\\x"), "has a backslash or a colon"),
    (member("ids.txt:stream"), "has a backslash or a colon"),
    (member("a\nb.txt"), "has no valid name"),
    (member("Pictures//a.txt"), "has no valid name"),
    (member("./a.txt"), "has no valid name"),
    (member("Pictures/link", stat.S_IFLNK | 0o777), "is a symbolic link"),
    (member("device", stat.S_IFCHR | 0o666), "is neither a file nor a folder"),
    (member("IDS.TXT"), "occurs twice"),
    (member("__MACOSX/../../x"), "points outside the folder"),
])
def test_a_member_that_must_not_be_unpacked_is_named_and_nothing_is_written(tmp_path, info, reason):
    archive = make(tmp_path / "a.zip", GOOD, (info, b"/etc"))
    with pytest.raises(UserError) as error:
        unpack(archive, tmp_path / "out")
    assert f"{archive} is refused: its member {info.filename!r} {reason}" in str(error.value)
    assert tree(tmp_path / "out") == {} and sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "out"]
    assert str(error.value) == CONTENTS.archive_problem(archive)


def test_a_name_that_is_cut_by_a_nul_is_refused(tmp_path):
    archive = make(tmp_path / "a.zip", {"ids.txt0.jpg": b"x"})
    archive.write_bytes(archive.read_bytes().replace(b"ids.txt0.jpg", b"ids.txt\0.jpg"))
    with pytest.raises(UserError, match="has no valid name"):
        unpack(archive, tmp_path / "out")


def test_an_encrypted_member_is_refused(tmp_path):
    archive = make(tmp_path / "a.zip", {"ids.txt": b"x"})
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1  # general purpose flag of the central directory
    archive.write_bytes(data)
    with pytest.raises(UserError, match="is encrypted"):
        unpack(archive, tmp_path / "out")


def test_a_bomb_is_refused(tmp_path):
    archive = make(tmp_path / "a.zip", {"zeros": bytes(10**7)})
    with pytest.raises(UserError, match=r"is refused: its .* bytes would become 10,000,000"):
        unpack(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == {}


def test_a_member_larger_than_it_declares_is_not_written_whole(tmp_path):
    archive = make(tmp_path / "a.zip", {"ids.txt": bytes(100_000)})
    data = bytearray(archive.read_bytes())
    directory = data.index(b"PK\1\2")
    data[directory + 24:directory + 28] = (1000).to_bytes(4, "little")
    archive.write_bytes(data)
    with pytest.raises(UserError, match="is damaged"):
        unpack(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == {}


def test_a_disk_that_is_too_small_is_noticed_before_anything_is_written(tmp_path, monkeypatch):
    archive = make(tmp_path / "a.zip", GOOD)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1000, 900, 100))
    with pytest.raises(UserError, match=r"MB free, but unpacking a\.zip takes"):
        unpack(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == {}


def test_a_break_while_unpacking_leaves_nothing(tmp_path, monkeypatch):
    extract = zipfile.ZipFile.extract

    def interrupted(self, info, folder):
        if info.filename == "ids.txt":
            raise KeyboardInterrupt
        return extract(self, info, folder)

    archive = make(tmp_path / "a.zip", GOOD)
    monkeypatch.setattr(zipfile.ZipFile, "extract", interrupted)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_a_killed_run_left_is_cleared_away(tmp_path):
    (tmp_path / "out" / ".minicap-0123.partial" / "Pictures").mkdir(parents=True)
    (tmp_path / "out" / ".minicap-0123.partial" / "Pictures" / "half.jpg").write_bytes(b"half")
    unpack(make(tmp_path / "a.zip", GOOD), tmp_path / "out")
    assert tree(tmp_path / "out") == GOOD


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UserError, match=r"cannot unpack .*a\.zip into .*out: File exists"):
        unpack(make(tmp_path / "a.zip", GOOD), tmp_path / "out")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_archive_is_a_sentence_or_still_right(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    archive = make(folder / "a.zip", GOOD)
    content = bytearray(archive.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    archive.write_bytes(content[:data.draw(st.integers(0, len(content)))])
    CONTENTS.archive_problem(archive)
    try:
        unpack(archive, folder / "out")
    except UserError:
        assert not (folder / "out").exists() or tree(folder / "out") == {}
    else:  # the harm was in a date, a name or a comment
        assert set(tree(folder / "out").values()) <= set(GOOD.values())
    assert not (folder / "out" / ".minicap-0123.partial").exists()


def test_contents_are_counted_in_the_archive_and_in_the_folder(tmp_path):
    archive = make(tmp_path / "a.zip", GOOD)
    assert CONTENTS.archive_problem(archive) is None
    unpack(archive, tmp_path)
    assert CONTENTS.problem(tmp_path) is None
    (tmp_path / "Pictures" / "._a.jpg").write_bytes(b"left by macOS")
    assert CONTENTS.problem(tmp_path) is None
    (tmp_path / "Pictures" / "a.jpg").unlink()
    assert CONTENTS.problem(tmp_path) == "Pictures holds 1 images instead of 2"


def test_caption_ids_and_image_names_are_counted_once_each(tmp_path):
    (tmp_path / "token.txt").write_text("a.jpg#0\tA dog .\na.jpg#1\tA cat .\na.jpg#1\tA cat again .\n\n")
    assert Contents({}, {"token.txt": 2}).problem(tmp_path) is None
    assert Contents({}, {"token.txt": 3}).problem(tmp_path) == "token.txt lists 2 different items instead of 3"
    assert Contents({}, {"none.txt": 3}).problem(tmp_path) == "none.txt lists 0 different items instead of 3"


def test_what_is_wrong_with_an_archive_is_said(tmp_path):
    other = make(tmp_path / "other.zip", {"Pictures/a.jpg": b"a", "ids.txt": b"a.jpg\n"})
    assert CONTENTS.archive_problem(other) == "Pictures holds 1 images instead of 2"
    page = tmp_path / "page.zip"
    page.write_text("<html>Please log in</html>")
    assert "not a complete zip file" in CONTENTS.archive_problem(page)
    with zipfile.ZipFile(tmp_path / "stored.zip", "w") as z:
        for name, data in GOOD.items():
            z.writestr(name, data)
    flipped = bytearray((tmp_path / "stored.zip").read_bytes())
    flipped[flipped.index(b"bbbb")] ^= 1
    (tmp_path / "stored.zip").write_bytes(flipped)
    assert CONTENTS.archive_problem(tmp_path / "stored.zip") == "its member Pictures/b.jpg is damaged"
