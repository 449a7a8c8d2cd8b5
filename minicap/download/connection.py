"""Requests over HTTP to servers that may do anything: each part of an answer has a limit of time or size.

A timeout alone is no limit, as it begins again with every byte: a server may send one each time just before it ends, or
"100 Continue", header lines or the lines behind the last chunk for ever. So a :class:`Stopwatch` looks at the clock
before everything that is read from the connection. Redirects are followed by hand: urllib would read their bodies
(perhaps of 4 GB) into memory, and follow them to ftp:// and from https:// to http://.

Proxies are those of the environment (``https_proxy``, ``no_proxy``, ...), as everywhere in Python.
"""

import functools
import http.client
import io
import string
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from ..errors import warn
from ..terminal import shown

REDIRECTS = (301, 302, 303, 307, 308)


class UnusableError(Exception):
    """This address cannot provide the file; the next one may."""


class BrokenOffError(Exception):
    """The transfer ended early; another request to the same address may get the rest."""


class NoAnswerError(BrokenOffError):
    """There was not even a connection."""


class TooSlowError(TimeoutError):
    """The server sends something, but not what it was asked for, or not fast enough."""


@dataclass(frozen=True)
class Limits:
    """What a server may take.

    silence     seconds without a byte
    answer      seconds for the headers of an answer, over all redirects
    least       bytes of the file that have to come in each ``window``, in seconds: 1 kB/s
    redirects   how many in a row
    attempts    failures in a row, none of which brought ``least`` bytes, before an address is given up
    reserve     bytes that are left free on the disk, for everybody else
    """

    silence: float = 30.0
    answer: float = 60.0
    least: int = 60_000
    window: float = 60.0
    redirects: int = 10
    attempts: int = 5
    reserve: int = 100_000_000


class Stopwatch:
    """Raises TooSlowError when time is up."""

    def __init__(self, limits):
        self.limits, self.waiting = limits, True
        self.end, self.received = time.monotonic() + limits.answer, 0

    def start_transfer(self):
        """The answer is there; from now on it is the rate that counts."""
        self.waiting = False
        self.end, self.received = time.monotonic() + self.limits.window, 0

    def add(self, count):
        """``count`` bytes of the file have come."""
        self.received += count
        if self.received >= self.limits.least:
            self.start_transfer()

    def check(self):
        if time.monotonic() > self.end:
            raise TooSlowError(f"sent no complete answer within {self.limits.answer:g} seconds" if self.waiting else
                               f"sent only {self.received:,} bytes of the file in {self.limits.window:g} seconds")


class Watched(io.RawIOBase):
    """The bytes of a connection, read while a :class:`Stopwatch` runs."""

    def __init__(self, connection, stopwatch):
        self.connection, self.stopwatch = connection, stopwatch

    def readable(self):
        return True

    def readinto(self, buffer):
        self.stopwatch.check()
        return self.connection.readinto(buffer)

    def close(self):
        self.connection.close()
        super().close()


class WatchedResponse(http.client.HTTPResponse):
    def __init__(self, stopwatch, sock, *arguments, **keywords):
        super().__init__(sock, *arguments, **keywords)
        self.fp = io.BufferedReader(Watched(self.fp.detach(), stopwatch))


class WatchedHandler(urllib.request.AbstractHTTPHandler):
    """Opens http:// and https://, directly or through a proxy."""

    def __init__(self, stopwatch):
        super().__init__()
        self.stopwatch = stopwatch

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def http_open(self, request):
        return self.do_open(functools.partial(self.connection, http.client.HTTPConnection), request)

    def https_open(self, request):
        return self.do_open(functools.partial(self.connection, http.client.HTTPSConnection), request)

    def connection(self, kind, host, **keywords):
        made = kind(host, **keywords)
        made.response_class = functools.partial(WatchedResponse, self.stopwatch)
        return made


def request(address, headers, limits, is_verified):
    """(the response of ``address`` whose status is not a redirect, its Stopwatch): its body has not been read.

    ``is_verified`` says that a published checksum decides about the contents, whoever sends them: only then may an
    https:// address pass the request on to an http:// one, where anybody on the way could send something else.
    """
    stopwatch = Stopwatch(limits)
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler(), WatchedHandler(stopwatch), urllib.request.UnknownHandler()):
        opener.add_handler(handler)
    for _ in range(limits.redirects + 1):
        try:
            stopwatch.check()
            response = opener.open(urllib.request.Request(address, headers=headers), timeout=limits.silence)
        except (OSError, http.client.HTTPException, ValueError, OverflowError) as error:  # an invalid host or port
            raise NoAnswerError(f"no answer: {reason(error, limits)}") from error
        if response.status not in REDIRECTS or not response.headers.get("Location"):
            stopwatch.start_transfer()
            return response, stopwatch
        response.close()
        address = next_address(address, response.headers["Location"], is_verified)
    raise UnusableError(f"redirects more than {limits.redirects} times")


def next_address(address, location, is_verified):
    """Where a redirect leads; UnusableError if it may not be followed."""
    try:
        following = urljoin(address, quote(location, safe=string.punctuation, encoding="latin-1"))  # as it was sent
        secure, scheme = urlsplit(address).scheme == "https", urlsplit(following).scheme
    except ValueError as error:
        raise UnusableError(f"redirects to {shown(location)}, which is no address") from error
    if scheme not in ("http", "https"):
        raise UnusableError(f"redirects to {shown(following)}, which is neither http:// nor https://")
    if secure and scheme == "http":
        if not is_verified:
            raise UnusableError(f"redirects from https:// to {shown(following)}, where nobody could tell whether the "
                                "file is the right one, as no checksum of it is published")
        warn(f"{address} redirects to http://, without encryption; the published checksum decides about the file")
    return following


def reason(error, limits):
    """What went wrong with a connection, in words."""
    error = getattr(error, "reason", error)
    if isinstance(error, TimeoutError) and not isinstance(error, TooSlowError):
        return f"sent nothing for {limits.silence:g} seconds"
    return shown(getattr(error, "strerror", None) or str(error) or type(error).__name__)
