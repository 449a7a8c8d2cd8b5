"""Download a large file over HTTP: resumed after an interruption, verified before it gets its final name.

    fetch(RemoteFile("vgg16.h5", ("https://...",), "md5:6437..."), folder)  ->  folder/vgg16.h5

Bytes go to a partial file, with a record of where they came from (:mod:`.partial`). The rest is requested with
``Range`` and ``If-Range`` (RFC 9110, sections 13.1.5 and 14): a server whose file has changed sends the new one from
its start, so that two versions are never mixed. After an interruption, including Ctrl-C, the partial file stays for the
next run.

Not implemented: several connections at once, and resuming from another mirror.
"""

import http.client
import re
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError, warn
from .partial import Partial, digest_of

BLOCK = 1 << 16  # bytes per read
ATTEMPTS = 5  # failures in a row without a new byte before an address is given up
TIMEOUT = 30.0  # seconds without a byte


class UnusableError(Exception):
    """This address cannot provide the file; the next one may."""


class BrokenOffError(Exception):
    """The transfer ended early; another request to the same address may get the rest."""


class NoAnswerError(BrokenOffError):
    """There was not even a connection."""


def no_problem(path):
    return None


@dataclass(frozen=True)
class RemoteFile:
    """A file, the addresses to try, in this order, and how to verify it."""

    name: str
    addresses: tuple[str, ...]
    checksum: str = "sha256:"  # "md5:..." or "sha256:..."; the digits that are published, perhaps none
    inspect: Callable[[Path], str | None] = no_problem  # what is wrong with a file, where there is no checksum, or None

    @property
    def algorithm(self):
        return self.checksum.partition(":")[0]

    def problem(self, path, digest=None):
        """What is wrong with the file at ``path`` (whose hex ``digest`` may be known already), or None."""
        if published := self.checksum.partition(":")[2]:
            digest = digest or digest_of(path, self.algorithm)
            if not digest.startswith(published):
                return f"its {self.algorithm} is {digest}, not the published {published}"
        return self.inspect(path)


def fetch(file, folder, *, timeout=TIMEOUT, attempts=ATTEMPTS, sleep=time.sleep):
    """Return the path of the verified ``file`` in ``folder``; nothing is downloaded when it is there already.

    Raises UserError when a different file has that name, when the disk is full, or when no address provides the file.
    """
    target = Path(folder) / file.name
    try:
        if target.exists():
            if problem := file.problem(target):
                raise UserError(f"{target} is already there, but {problem}; move it away or delete it, then try again")
            Partial(target).forget()  # of a run that was killed after its last step but this
            print(f"{target} is already there and verified", file=sys.stderr)
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Partial(target)
        reasons = []
        for address in file.addresses:
            print(f"downloading {address}", file=sys.stderr)
            try:
                _receive_all(address, partial, timeout, attempts, sleep)
                digest = digest_of(partial.path, file.algorithm)  # of what is on the disk
                if problem := file.problem(partial.path, digest):
                    partial.forget()
                    raise UnusableError(f"sent a wrong file: {problem}")
            except UnusableError as reason:
                warn(f"{address}: {reason}")
                reasons.append(f"{address} ({reason})")
            else:
                partial.becomes_target()
                print(f"{target}: {partial.size:,} bytes, {file.algorithm} {digest}", file=sys.stderr)
                return target
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}; free some space or choose another folder") \
            from error
    raise UserError(f"cannot download {file.name}: {'; '.join(reasons)}; try again later, name another address with "
                    f"mirror=, or put the file at {target} yourself")


def _receive_all(address, partial, timeout, attempts, sleep):
    """Request the file from ``address``, and after each interruption the rest, until it is complete.

    Waits 1, 2, 4, ... seconds between failures in a row; an attempt that brought new bytes resets the count.
    """
    failures, furthest = 0, partial.size if partial.is_from(address) else 0
    while not (partial.is_from(address) and partial.size == partial.origin["length"]):
        try:
            return _receive(address, partial, timeout)
        except BrokenOffError as broken:
            never_there = failures == 0 and isinstance(broken, NoAnswerError)
            failures = 1 if partial.size > furthest else failures + 1
            furthest = max(furthest, partial.size)
            if never_there or failures >= attempts:
                raise UnusableError(str(broken)) from broken
            warn(f"{address}: {broken}; trying again")
            sleep(2 ** (failures - 1))


def _receive(address, partial, timeout):
    """Make one request, and append what the response contains to ``partial``."""
    headers = {"User-Agent": "minicap", "Accept-Encoding": "identity"}
    resuming = partial.is_from(address) and partial.size > 0 and partial.validator()
    if resuming:
        headers |= {"Range": f"bytes={partial.size}-", "If-Range": partial.validator()}
    try:
        response = urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 416 or not resuming:
            raise UnusableError(f"answered {error.code} {error.reason}") from error
        # 416: there is nothing after our bytes. So they are the complete file, or the server has a shorter one now.
        if error.headers.get("Content-Range") != f"bytes */{partial.size}":
            partial.forget()
            raise BrokenOffError("has another version of the file now") from error
        return
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: an invalid host name
        raise NoAnswerError(f"no answer: {_reason(error, timeout)}") from error
    with response:
        total = _expected_length(address, response, partial, resuming)
        _append(response, partial, total, timeout)


def _expected_length(address, response, partial, resuming):
    """The length in bytes of the complete file, or None; ``partial`` is emptied unless the response continues it."""
    headers = response.headers
    if headers.get("Content-Encoding", "identity") != "identity":
        raise UnusableError(f"answered with Content-Encoding {headers['Content-Encoding']}, which was not requested")
    if response.status == 200:  # the complete file: a first request, a changed file, or a server without Range
        length = _integer(headers.get("Content-Length"))
        _check_space(partial.path.parent, length or 0)
        partial.restart({"address": address, "etag": headers.get("ETag"),
                         "last_modified": headers.get("Last-Modified"), "length": length})
        return length
    if response.status == 206 and resuming:
        part = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
        known = partial.origin["length"]
        length = (_integer(part[2]) if part else None) or known
        same_version = headers.get("ETag") in (None, partial.origin["etag"]) and known in (None, length)
        if not part or int(part[1]) != partial.size or not same_version:
            partial.forget()
            raise BrokenOffError("answered with a part that does not continue ours")
        _check_space(partial.path.parent, (length or partial.size) - partial.size)
        return length
    raise UnusableError(f"answered {response.status}")


def _check_space(folder, missing):
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise UserError(f"{folder} has {free / 1e6:,.1f} MB free, but {missing / 1e6:,.1f} MB are still to come; "
                        "free some space or choose another folder with out=")


def _append(response, partial, total, timeout):
    from tqdm import tqdm

    with open(partial.path, "ab") as f, tqdm(desc=partial.path.stem, initial=partial.size, total=total, unit="B",
                                             unit_scale=True, unit_divisor=1024, file=sys.stderr) as bar:
        while block := _read(response, timeout):
            if total is not None and partial.size + len(block) > total:
                f.close()
                partial.forget()
                raise UnusableError(f"sent more than the {total} bytes it had promised")
            f.write(block)
            f.flush()  # so that even a killed run leaves all the bytes it has received
            partial.size += len(block)
            bar.update(len(block))
    if total is not None and partial.size < total:
        raise BrokenOffError(f"broke off after {partial.size:,} of {total:,} bytes")


def _read(response, timeout):
    """The next bytes. Network errors become BrokenOffError, so that any other OSError is one of the disk."""
    try:
        return response.read1(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise BrokenOffError(_reason(error, timeout)) from error


def _reason(error, timeout):
    error = getattr(error, "reason", error)
    if isinstance(error, TimeoutError):
        return f"sent nothing for {timeout:g} seconds"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _integer(text):
    return int(text) if text and text.isdecimal() else None
