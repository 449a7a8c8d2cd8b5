import hashlib
import json
import shutil
from collections import namedtuple

import pytest
from http_server import FaultyServer, answers, breaks_off, fails, redirects, says_nothing, serves, stalls
from hypothesis import given, settings
from hypothesis import strategies as st

from minicap.download.connection import Limits
from minicap.download.fetch import RemoteFile, fetch
from minicap.errors import UserError

BODY = bytes(range(256)) * 1000
OTHER = bytes(reversed(BODY))
MD5 = "md5:" + hashlib.md5(BODY).hexdigest()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = FaultyServer()
    yield server
    server.close()


def get(server, folder, *behaviours, checksum=MD5, waits=None, mirrors=(), **limits):
    """Fetch `file.bin` from a server that behaves like this, then from the other `mirrors` (lists of behaviours)."""
    addresses = []
    for i, route in enumerate((list(behaviours), *mirrors)):
        server.routes[f"/{i}/file.bin"] = list(route)
        addresses.append(f"{server.base}/{i}/file.bin")
    waits = [] if waits is None else waits
    return fetch(RemoteFile("file.bin", tuple(addresses), checksum), folder,
                 limits=Limits(**{"silence": 5.0, "least": 1, "reserve": 0} | limits), sleep=waits.append)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_verified_and_alone_in_its_folder(server, tmp_path, capsys):
    path = get(server, tmp_path / "new" / "folder", serves(BODY))
    assert path == tmp_path / "new" / "folder" / "file.bin" and path.read_bytes() == BODY
    assert names(path.parent) == ["file.bin"]
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("downloading http://") and MD5[4:] in err


def test_a_file_that_is_there_and_right_is_not_fetched_again(server, tmp_path):
    (tmp_path / "file.bin").write_bytes(BODY)
    get(server, tmp_path, serves(OTHER))
    assert server.requests == []


def test_a_wrong_file_of_that_name_is_left_alone_and_named(server, tmp_path):
    (tmp_path / "file.bin").write_bytes(OTHER)
    with pytest.raises(UserError, match=r"file\.bin is already there, but its md5 is .*, not the published .*move it"):
        get(server, tmp_path, serves(BODY))
    assert (tmp_path / "file.bin").read_bytes() == OTHER and server.requests == []


def test_a_break_is_resumed_where_it_happened(server, tmp_path):
    waits = []
    path = get(server, tmp_path, breaks_off(BODY, after=1000), breaks_off(BODY, after=5000), serves(BODY), waits=waits)
    assert path.read_bytes() == BODY
    assert server.ranges() == [None, "bytes=1000-", "bytes=5000-"]
    assert all(headers["If-Range"] == '"v1"' for _, headers in server.requests[1:])
    assert waits == [1, 1]  # each break had brought new bytes


def test_waits_grow_while_nothing_new_comes_and_the_part_is_kept_for_the_next_run(server, tmp_path):
    waits = []
    with pytest.raises(UserError, match=r"broke off after 1,000 of 256,000 bytes"):
        get(server, tmp_path, breaks_off(BODY, after=1000), waits=waits, attempts=4)
    assert waits == [1, 2, 4] and len(server.requests) == 4
    assert names(tmp_path) == ["file.bin.partial", "file.bin.partial.json"]
    assert get(server, tmp_path, serves(BODY)).read_bytes() == BODY
    assert server.ranges()[-1] == "bytes=1000-" and names(tmp_path) == ["file.bin"]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, len(BODY) - 1), max_size=4, unique=True).map(sorted))
def test_however_often_it_breaks_the_bytes_are_the_same(tmp_path_factory, cuts):
    server = FaultyServer()
    try:
        folder = tmp_path_factory.mktemp("cuts")
        path = get(server, folder, *(breaks_off(BODY, after=cut) for cut in cuts), serves(BODY))
        assert path.read_bytes() == BODY
        assert server.ranges() == [None] + [f"bytes={cut}-" for cut in cuts]
    finally:
        server.close()


def test_a_file_that_changes_between_two_tries_is_begun_again(server, tmp_path):
    path = get(server, tmp_path, breaks_off(OTHER, after=1000, etag='"v0"'), serves(BODY, etag='"v1"'))
    assert path.read_bytes() == BODY and server.ranges() == [None, "bytes=1000-"]


def test_a_changed_file_is_not_glued_even_if_the_server_ignores_if_range(server, tmp_path):
    def part(**headers):
        return answers(206, BODY[1000:], **({"Content_Range": f"bytes 1000-{len(BODY) - 1}/{len(BODY)}"} | headers))

    for liar in (part(ETag='"v2"'), part(Content_Range=f"bytes 999-{len(BODY) - 1}/{len(BODY)}"),
                 part(Content_Range=f"bytes 1000-{len(BODY)}/{len(BODY) + 1}"), part(Content_Range=None)):
        server.requests.clear()
        path = get(server, tmp_path, breaks_off(OTHER, after=1000), liar, serves(BODY), checksum="sha256:")
        assert path.read_bytes() == BODY and server.ranges() == [None, "bytes=1000-", None]
        path.unlink()


def test_a_date_serves_as_validator_where_there_is_no_strong_etag(server, tmp_path):
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    get(server, tmp_path, breaks_off(BODY, after=1000, etag='W/"weak"', Last_Modified=date),
        serves(BODY, etag='W/"weak"', Last_Modified=date))
    assert server.requests[1][1]["If-Range"] == date and server.ranges() == [None, "bytes=1000-"]


def test_without_any_validator_the_file_is_begun_again(server, tmp_path):
    get(server, tmp_path, breaks_off(BODY, after=1000, etag=None), serves(BODY, etag=None))
    assert server.ranges() == [None, None]


def test_a_server_without_ranges_begins_again(server, tmp_path):
    path = get(server, tmp_path, breaks_off(BODY, after=1000), serves(BODY, ranges=False))
    assert path.read_bytes() == BODY and server.ranges() == [None, "bytes=1000-"]


def test_a_part_that_is_already_whole_needs_no_request(server, tmp_path):
    address = f"{server.base}/0/file.bin"
    (tmp_path / "file.bin.partial").write_bytes(BODY)
    origin = {"address": address, "etag": '"v1"', "last_modified": None, "length": len(BODY)}
    (tmp_path / "file.bin.partial.json").write_text(json.dumps(origin))
    assert get(server, tmp_path, fails(500)).read_bytes() == BODY
    assert server.requests == [] and names(tmp_path) == ["file.bin"]


@pytest.mark.parametrize("origin", ["not json", "[]", '{"address": "elsewhere"}', None])
def test_a_part_of_unknown_origin_is_thrown_away(server, tmp_path, origin):
    (tmp_path / "file.bin.partial").write_bytes(OTHER[:77])
    if origin is not None:
        (tmp_path / "file.bin.partial.json").write_text(origin)
    assert get(server, tmp_path, serves(BODY)).read_bytes() == BODY
    assert server.ranges() == [None] and names(tmp_path) == ["file.bin"]


def test_416_for_a_file_that_has_become_shorter_begins_again(server, tmp_path):
    path = get(server, tmp_path, breaks_off(OTHER, after=1000), answers(416, Content_Range="bytes */500"), serves(BODY))
    assert path.read_bytes() == BODY and server.ranges() == [None, "bytes=1000-", None]


def test_416_at_the_very_end_means_that_the_promised_length_was_too_long(server, tmp_path):
    promised_more = answers(200, BODY, ETag='"v1"', Content_Length=len(BODY) + 10)
    assert get(server, tmp_path, promised_more, serves(BODY)).read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={len(BODY)}-"]


def test_more_bytes_than_promised_are_refused(server, tmp_path):
    total = len(BODY)
    too_much = answers(206, BODY[1000:] + b"more", ETag='"v1"', Content_Range=f"bytes 1000-{total - 1}/{total}")
    with pytest.raises(UserError, match=f"sent more than the {total} bytes it had promised"):
        get(server, tmp_path, breaks_off(BODY, after=1000), too_much)
    assert names(tmp_path) == []


def test_fewer_bytes_promised_than_the_file_has_are_caught_by_the_checksum(server, tmp_path):
    path = get(server, tmp_path, answers(200, BODY, Content_Length=len(BODY) - 9), mirrors=[[serves(BODY)]])
    assert path.read_bytes() == BODY and len(server.requests) == 2


def test_wrong_bytes_are_deleted_and_the_next_mirror_is_asked(server, tmp_path, capsys):
    path = get(server, tmp_path, serves(OTHER), mirrors=[[serves(BODY)]])
    assert path.read_bytes() == BODY and names(tmp_path) == ["file.bin"]
    assert "warning: " in capsys.readouterr().err


def test_wrong_bytes_everywhere_leave_nothing(server, tmp_path):
    with pytest.raises(UserError, match="sent a wrong file: its md5 is"):
        get(server, tmp_path, serves(OTHER))
    assert names(tmp_path) == []


def test_the_published_beginning_of_a_checksum_is_compared(server, tmp_path):
    sha256 = hashlib.sha256(BODY).hexdigest()
    path = get(server, tmp_path, serves(BODY), checksum=f"sha256:{sha256[:8]}")
    path.unlink()
    with pytest.raises(UserError, match=f"its sha256 is {sha256}, not the published 0123"):
        get(server, tmp_path, serves(BODY), checksum="sha256:0123")


@pytest.mark.parametrize("status", [403, 404, 500, 204])
def test_a_mirror_without_the_file_is_passed_over_at_once(server, tmp_path, status):
    waits = []
    assert get(server, tmp_path, fails(status), mirrors=[[serves(BODY)]], waits=waits).read_bytes() == BODY
    assert waits == [] and len(server.requests) == 2


def test_when_all_fail_one_sentence_names_each_address_and_the_way_out(server, tmp_path):
    with pytest.raises(UserError) as error:
        get(server, tmp_path, fails(404), mirrors=[[fails(403)]])
    message = str(error.value)
    assert f"{server.base}/0/file.bin (answered 404 Not Found)" in message
    assert f"{server.base}/1/file.bin (answered 403 Forbidden)" in message
    assert f"put the file at {tmp_path / 'file.bin'} yourself" in message and "\n" not in message


def test_a_host_that_does_not_answer_is_passed_over_at_once(server, tmp_path):
    closed = FaultyServer()
    closed.close()
    server.routes["/file.bin"] = [serves(BODY)]
    file = RemoteFile("file.bin", (f"{closed.base}/file.bin", "http://a..b/file.bin", f"{server.base}/file.bin"), MD5)
    waits = []
    assert fetch(file, tmp_path, sleep=waits.append).read_bytes() == BODY and waits == []


def test_a_redirect_is_followed_and_the_range_goes_with_it(server, tmp_path):
    server.routes["/real"] = [breaks_off(BODY, after=1000), serves(BODY)]
    assert get(server, tmp_path, redirects("/real")).read_bytes() == BODY
    assert server.ranges() == [None, None, "bytes=1000-", "bytes=1000-"]


def test_a_circle_of_redirects_ends(server, tmp_path):
    with pytest.raises(UserError, match="redirects more than 10 times"):
        get(server, tmp_path, redirects("/0/file.bin"))


def test_a_stall_in_the_middle_is_resumed(server, tmp_path):
    path = get(server, tmp_path, stalls(BODY, after=1000), serves(BODY), silence=0.2)
    assert path.read_bytes() == BODY and server.ranges() == [None, "bytes=1000-"]


def test_a_host_that_accepts_and_says_nothing_is_passed_over(server, tmp_path):
    with pytest.raises(UserError, match=r"no answer: sent nothing for 0\.2 seconds"):
        get(server, tmp_path, says_nothing, silence=0.2)


def test_an_encoded_answer_is_refused(server, tmp_path):
    with pytest.raises(UserError, match="Content-Encoding gzip"):
        get(server, tmp_path, serves(BODY, Content_Encoding="gzip"))
    assert server.requests[0][1]["Accept-Encoding"] == "identity"


def test_a_disk_that_is_too_small_is_noticed_before_the_transfer(server, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**6, 900_000, 100_000))
    with pytest.raises(UserError, match=r"has 0\.1 MB free, but 0\.3 MB are still to come"):
        get(server, tmp_path, serves(BODY))
    assert names(tmp_path) == []


def test_a_full_disk_is_one_sentence_and_the_part_stays(server, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError):
        get(server, tmp_path, breaks_off(BODY, after=1000), attempts=1)
    monkeypatch.setattr("minicap.download.fetch._append", full)
    with pytest.raises(UserError, match=r"cannot write .*file\.bin: No space left on device"):
        get(server, tmp_path, serves(BODY))
    assert (tmp_path / "file.bin.partial").read_bytes() == BODY[:1000] and not (tmp_path / "file.bin").exists()


def test_ctrl_c_leaves_the_part_for_the_next_run(server, tmp_path):
    def interrupt(seconds):
        raise KeyboardInterrupt

    server.routes["/file.bin"] = [breaks_off(BODY, after=1000), serves(BODY)]
    file = RemoteFile("file.bin", (f"{server.base}/file.bin",), MD5)
    with pytest.raises(KeyboardInterrupt):
        fetch(file, tmp_path, sleep=interrupt)
    assert names(tmp_path) == ["file.bin.partial", "file.bin.partial.json"]
    assert fetch(file, tmp_path).read_bytes() == BODY and server.ranges() == [None, "bytes=1000-"]


@pytest.mark.parametrize("wrong", [{"etag": 5}, {"length": "x"}, {"address": None}, {"etag": '"a"\r\nX: y'},
                                   {"etag": '"漢"'}, {"last_modified": []}, {"length": -1}])
def test_a_record_of_another_kind_beside_a_partial_file_begins_anew(server, tmp_path, wrong):
    address = f"{server.base}/0/file.bin"
    (tmp_path / "file.bin.partial").write_bytes(BODY[:100])
    origin = {"address": address, "etag": '"v1"', "last_modified": None, "length": len(BODY)}
    (tmp_path / "file.bin.partial.json").write_text(json.dumps(origin | wrong))
    assert get(server, tmp_path, serves(BODY)).read_bytes() == BODY
    assert server.ranges() == [None] and names(tmp_path) == ["file.bin"]
