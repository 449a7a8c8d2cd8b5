"""Servers that take time, memory or disk without an end, or pass on to where nobody should go."""

import hashlib
import shutil
import ssl
import subprocess
import time
from collections import namedtuple

import pytest
from http_server import FaultyServer, answers, breaks_off, redirects, sends, serves

from minicap.download.__main__ import main
from minicap.download.connection import Limits, UnusableError, next_address
from minicap.download.fetch import LARGEST, RemoteFile, fetch
from minicap.errors import UserError

BODY = bytes(range(256)) * 1000
MD5 = "md5:" + hashlib.md5(BODY).hexdigest()
MUCH = bytes(1 << 16)
FEW = 1 << 24  # bytes that a server may get rid of before it notices that nobody reads: the system's buffers
OK, CHUNKED = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = FaultyServer()
    yield server
    server.close()


def get(server, folder, *behaviours, checksum=MD5, largest=LARGEST, **limits):
    server.routes["/file.bin"] = list(behaviours)
    file = RemoteFile("file.bin", (f"{server.base}/file.bin",), checksum, largest)
    short = {"silence": 5.0, "answer": 5.0, "least": 1000, "window": 5.0, "reserve": 0}
    return fetch(file, folder, limits=Limits(**short | limits), sleep=lambda seconds: None)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# ------------------------------------------------------------------------------------------------------------ time

@pytest.mark.parametrize("behaviour", [
    sends(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    sends(b"", b"HTTP/1.1 100 Continue\r\n\r\n", every=0.01),
    sends(b"HTTP/1.1 200 ", b"O", every=0.01),
    sends(OK + b"X: ", b"x", every=0.01),
    sends(OK, b"X: x\r\n", every=0.02),
    sends(b"HTTP/1.1 302 Found\r\nLocation: /", b"x", every=0.01),
], ids=["100 Continue", "100 Continue, slowly", "a status line", "a header", "headers", "a redirect"])
def test_an_answer_that_never_begins_ends_in_time(server, tmp_path, behaviour):
    begin = time.monotonic()
    with pytest.raises(UserError, match=r"no answer: sent no complete answer within 0\.3 seconds"):
        get(server, tmp_path, behaviour, answer=0.3)
    assert time.monotonic() - begin < 4 and names(tmp_path) == []


@pytest.mark.parametrize("behaviour", [
    sends(OK + b"Content-Length: 256000\r\n\r\n", b"x", every=0.01),
    sends(OK + b"\r\n", b"x", every=0.01),
    sends(CHUNKED, b"1\r\nx\r\n", every=0.01),
    sends(CHUNKED + b"1;", b"x", every=0.01),
    sends(CHUNKED + b"1\r\nx\r\n0\r\n", b"X: x\r\n" * 1000),
    sends(CHUNKED + b"1\r\nx\r\n0\r\n", b"X: x\r\n", every=0.01),
], ids=["bytes", "bytes without a length", "chunks", "a chunk extension", "trailers", "trailers, slowly"])
def test_a_body_that_hardly_comes_ends_in_time(server, tmp_path, behaviour):
    begin = time.monotonic()
    with pytest.raises(UserError, match=r"sent only \d+ bytes of the file in 0\.3 seconds"):
        get(server, tmp_path, behaviour, window=0.3, attempts=1)
    assert time.monotonic() - begin < 4


def test_a_slow_server_that_is_fast_enough_is_waited_for(server, tmp_path):
    slices = [BODY[i:i + 16000] for i in range(0, len(BODY), 16000)]

    def slowly(handler, owner):
        handler.connection.sendall(OK + b"Content-Length: 256000\r\n\r\n")
        for part in slices:
            time.sleep(0.1)
            handler.connection.sendall(part)

    assert get(server, tmp_path, slowly, window=1.0, least=16000, attempts=1).read_bytes() == BODY  # takes 1.6 s


def test_one_byte_an_attempt_is_no_progress(server, tmp_path):
    with pytest.raises(UserError, match="broke off after 5 of 256,000 bytes"):
        get(server, tmp_path, *(breaks_off(BODY, after=n) for n in range(1, 30)))
    assert len(server.requests) == 5


# ------------------------------------------------------------------------------------------------- memory and disk

@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 404, 500, 204])
@pytest.mark.parametrize("length", [b"Content-Length: 4000000000\r\n", b""])
def test_the_body_of_an_answer_that_is_not_the_file_is_not_read(server, tmp_path, status, length):
    server.routes["/real"] = [serves(BODY)]
    other = sends(b"HTTP/1.1 %d No\r\nLocation: /real\r\n%b\r\n" % (status, length), MUCH)
    if status // 100 == 3:
        assert get(server, tmp_path, other).read_bytes() == BODY
    else:
        with pytest.raises(UserError, match=f"answered {status} No"):
            get(server, tmp_path, other)
    assert server.sent < FEW


def test_a_body_without_a_length_ends_at_the_size_that_the_file_can_have(server, tmp_path):
    with pytest.raises(UserError, match=r"sent more than the 0\.3 MB that file\.bin can have"):
        get(server, tmp_path, sends(OK + b"\r\n", MUCH), largest=300_000)
    assert server.sent < FEW and names(tmp_path) == []


def test_a_promise_of_more_than_the_file_can_have_is_refused_before_anything_is_written(server, tmp_path):
    with pytest.raises(UserError, match=r"promises 4,500\.0 MB, but file\.bin has at most 4,295\.0 MB"):
        get(server, tmp_path, sends(OK + b"Content-Length: 4500000000\r\n\r\n", MUCH))
    assert server.sent < FEW and names(tmp_path) == []


def test_a_part_that_promises_more_than_the_file_can_have_is_refused(server, tmp_path):
    part = answers(206, BODY[1000:], ETag='"v1"', Content_Range="bytes 1000-1999999/2000000")
    first = sends(OK + b'ETag: "v1"\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n' + BODY[:1000] + b"\r\n")
    with pytest.raises(UserError, match=r"promises 2\.0 MB, but file\.bin has at most 1\.0 MB"):
        get(server, tmp_path, first, part, largest=1_000_000)
    assert [headers.get("Range") for _, headers in server.requests] == [None, "bytes=1000-"]


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "٣", ""])
def test_a_length_that_is_no_number_is_none(server, tmp_path, length):
    head = OK + f"Content-Length: {length}\r\n\r\n".encode()
    assert get(server, tmp_path, sends(head + BODY)).read_bytes() == BODY


@pytest.mark.parametrize("head", [OK + b"\r\n", OK + b"Content-Length: 256000\r\n\r\n"])
def test_a_disk_that_fills_up_meanwhile_keeps_its_reserve(server, tmp_path, monkeypatch, head):
    free = iter([1_000_000, *range(900_000, 100_000, -100_000)])  # somebody else writes much faster
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**6, 0, next(free)))
    with pytest.raises(UserError, match=r"has 0\.\d MB free, but 0\.\d MB are still to come and 0 MB have to stay"):
        get(server, tmp_path, sends(head, BODY[:16000], every=0.01), reserve=400_000)
    assert names(tmp_path) == ["file.bin.partial", "file.bin.partial.json"]  # for the next run, on a larger disk


def test_a_header_that_cannot_be_sent_back_is_not_used_to_resume(server, tmp_path):
    broken = sends(OK + b'ETag: "a\r\n b"\r\nContent-Length: 256000\r\n\r\n' + BODY[:2000])
    assert get(server, tmp_path, broken, serves(BODY)).read_bytes() == BODY
    assert [headers.get("If-Range") for _, headers in server.requests] == [None, None]


# -------------------------------------------------------------------------------------------------------- redirects

@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/file.bin", "data:,x", "javascript:x"])
def test_redirects_lead_to_http_only(server, tmp_path, location):
    with pytest.raises(UserError, match=f"redirects to {location}, which is neither http:// nor https://"):
        get(server, tmp_path, redirects(location))


@pytest.mark.parametrize("location", ["http://[::1", "http://127.0.0.1:" + "9" * 30, "http://127.0.0.1:x/", "http:///x",
                                      "//", "http://a..b/", "http://\x1b[2J/"])
def test_a_redirect_to_nowhere_is_one_sentence(server, tmp_path, location):
    with pytest.raises(UserError, match=r"cannot download file\.bin") as error:
        get(server, tmp_path, redirects(location))
    assert str(error.value).isprintable()


def test_redirects_without_an_end_are_counted(server, tmp_path):
    with pytest.raises(UserError, match="redirects more than 3 times"):
        get(server, tmp_path, redirects("/file.bin"), redirects=3)
    assert len(server.requests) == 4
    for n in range(9):
        server.routes[f"/{n}"] = [redirects(f"/{n + 1}")]
    server.routes["/9"] = [serves(BODY)]
    assert get(server, tmp_path, redirects("/0")).read_bytes() == BODY


def test_a_redirect_with_blanks_and_accents_is_followed(server, tmp_path):
    server.routes["/a%20caf%C3%A9"] = [serves(BODY)]
    location = "/a café".encode().decode("latin-1")  # the bytes that servers write
    assert get(server, tmp_path, redirects(location)).read_bytes() == BODY


@pytest.fixture
def secure_server(tmp_path, monkeypatch):
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate of the server")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = FaultyServer(context)
    yield server
    server.close()


@pytest.mark.parametrize(("checksum", "is_fetched"), [(MD5, True), ("sha256:", False)])
def test_from_an_encrypted_server_to_an_open_one(server, secure_server, tmp_path, checksum, is_fetched):
    server.routes["/real"] = [serves(BODY)]
    secure_server.routes["/file.bin"] = [redirects(f"{server.base}/real")]
    file = RemoteFile("file.bin", (f"{secure_server.base}/file.bin",), checksum)
    if is_fetched:
        assert fetch(file, tmp_path / "out").read_bytes() == BODY
    else:
        with pytest.raises(UserError, match="redirects from https:// to http://127"):
            fetch(file, tmp_path / "out")
    assert len(secure_server.requests) == 1 and len(server.requests) == is_fetched


def test_an_encrypted_server_that_takes_its_time_is_left_in_time(secure_server, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    slowly = sends(b"", b"HTTP/1.1 100 Continue\r\n\r\n", every=0.01)
    with pytest.raises(UserError, match=r"sent no complete answer within 0\.3 seconds"):
        get(secure_server, tmp_path, slowly, answer=0.3)


def test_a_server_whose_certificate_is_somebody_elses_is_not_asked(secure_server, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(UserError, match="CERTIFICATE_VERIFY_FAILED"):
        get(secure_server, tmp_path, serves(BODY))
    assert secure_server.requests == []


def test_the_proxy_of_the_environment_is_asked(server, tmp_path, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.base)
    server.routes["http://nowhere.invalid/file.bin"] = [serves(BODY)]
    file = RemoteFile("file.bin", ("http://nowhere.invalid/file.bin",), MD5)
    assert fetch(file, tmp_path).read_bytes() == BODY


def test_encryption_is_given_up_only_where_a_checksum_decides(capsys):
    secure, open_ = "https://a.org/x", "http://b.org/x"
    with pytest.raises(UnusableError, match=f"redirects from https:// to {open_}, where nobody could tell"):
        next_address(secure, open_, is_verified=False)
    assert next_address(secure, open_, is_verified=True) == open_
    assert "without encryption; the published checksum decides" in capsys.readouterr().err
    assert next_address("http://a.org/x", open_, is_verified=False) == open_
    assert next_address(secure, "/y", is_verified=False) == "https://a.org/y"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("checksum", "is_verified"), [
    (MD5, True), ("sha256:" + "0" * 64, True), ("sha256:" + "0" * 8, False), ("sha256:", False), ("md5:", False)])
def test_only_a_whole_checksum_verifies(checksum, is_verified):
    assert RemoteFile("x", (), checksum).is_verified is is_verified


@pytest.mark.parametrize("mirror", ["file:///etc", "ftp://host/", "http://[::1", "http://host:99999/", "http://host:x/",
                                    "http:///x", "https://"])
def test_a_mirror_that_is_no_address_is_refused(mirror, tmp_path):
    with pytest.raises(UserError, match=r"--mirror .* is (not an address that begins with http|no valid address)"):
        main(["vgg16", "--out", str(tmp_path), "--mirror", mirror])
