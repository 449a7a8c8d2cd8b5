"""Download a large file over HTTP: resumed after an interruption, verified before it gets its final name.

    fetch(RemoteFile("vgg16.h5", ("https://...",), "md5:6437..."), folder)  ->  folder/vgg16.h5

Bytes go to a partial file, with a record of where they came from (:mod:`.partial`). The rest is requested with
``Range`` and ``If-Range`` (RFC 9110, sections 13.1.5 and 14): a server whose file has changed sends the new one from
its start, so that two versions are never mixed. After an interruption, including Ctrl-C, the partial file stays for the
next run. What servers may do is limited (:mod:`.connection`), and so is what they may send: at most the size that the
file can have, and never so much that the disk is full.

Not implemented: several connections at once, and resuming from another mirror.
"""

import http.client
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError, warn
from ..terminal import progress_bar, shown
from .connection import BrokenOffError, Limits, NoAnswerError, UnusableError, reason, request
from .partial import Partial, digest_of

BLOCK = 1 << 16  # bytes per read
LARGEST = 1 << 32  # bytes, for files of which nothing is known
FULL_DIGITS = {"md5": 32, "sha256": 64}
LIMITS = Limits()


def no_problem(path):
    return None


@dataclass(frozen=True)
class RemoteFile:
    """A file, the addresses to try, in this order, and how to verify it."""

    name: str
    addresses: tuple[str, ...]
    checksum: str = "sha256:"  # "md5:..." or "sha256:..."; the digits that are published, perhaps none
    largest: int = LARGEST  # bytes; more is certainly not this file
    inspect: Callable[[Path], str | None] = no_problem  # what is wrong with a file, where there is no checksum, or None

    @property
    def algorithm(self):
        return self.checksum.partition(":")[0]

    @property
    def is_verified(self):
        """Whether the checksum alone decides that a file is the right one."""
        return len(self.checksum.partition(":")[2]) == FULL_DIGITS[self.algorithm]

    def problem(self, path, digest=None):
        """What is wrong with the file at ``path`` (whose hex ``digest`` may be known already), or None."""
        if published := self.checksum.partition(":")[2]:
            digest = digest or digest_of(path, self.algorithm)
            if not digest.startswith(published):
                return f"its {self.algorithm} is {digest}, not the published {published}"
        return self.inspect(path)


def fetch(file, folder, *, limits=LIMITS, sleep=time.sleep):
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
                _receive_all(file, address, partial, limits, sleep)
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


def _receive_all(file, address, partial, limits, sleep):
    """Request the file from ``address``, and after each interruption the rest, until it is complete.

    Waits 1, 2, 4, ... seconds between failures in a row; an attempt that brought ``limits.least`` new bytes resets the
    count.
    """
    failures, furthest = 0, partial.size if partial.is_from(address) else 0
    while not (partial.is_from(address) and partial.size == partial.origin["length"]):
        try:
            return _receive(file, address, partial, limits)
        except BrokenOffError as broken:
            never_there = failures == 0 and isinstance(broken, NoAnswerError)
            failures = 1 if partial.size - furthest >= limits.least else failures + 1
            furthest = max(furthest, partial.size)
            if never_there or failures >= limits.attempts:
                raise UnusableError(str(broken)) from broken
            warn(f"{address}: {broken}; trying again")
            sleep(2 ** (failures - 1))


def _receive(file, address, partial, limits):
    """Make one request, and append what the response contains to ``partial``."""
    headers = {"User-Agent": "minicap", "Accept-Encoding": "identity"}
    resuming = partial.is_from(address) and partial.size > 0 and partial.validator()
    if resuming:
        headers |= {"Range": f"bytes={partial.size}-", "If-Range": partial.validator()}
    response, stopwatch = request(address, headers, limits, file.is_verified)
    with response:
        # 416: there is nothing after our bytes. So they are the complete file, or the server has a shorter one now.
        if response.status == 416 and resuming:
            if response.headers.get("Content-Range") != f"bytes */{partial.size}":
                partial.forget()
                raise BrokenOffError("has another version of the file now")
            return
        total = _expected_length(file, address, response, partial, resuming, limits)
        _append(file, response, partial, total, stopwatch)


def _expected_length(file, address, response, partial, resuming, limits):
    """The length in bytes of the complete file, or None; ``partial`` is emptied unless the response continues it."""
    headers = response.headers
    if headers.get("Content-Encoding", "identity") != "identity":
        raise UnusableError(f"answered with Content-Encoding {shown(headers['Content-Encoding'])}, which was not "
                            "requested")
    if response.status == 200:  # the complete file: a first request, a changed file, or a server without Range
        length = _checked(file, _integer(headers.get("Content-Length")))
        _check_space(partial.path.parent, length or 0, limits)
        partial.restart({"address": address, "etag": _one_line(headers.get("ETag")),
                         "last_modified": _one_line(headers.get("Last-Modified")), "length": length})
        return length
    if response.status == 206 and resuming:
        part = re.fullmatch(r"bytes (\d{1,18})-\d+/(\d+|\*)", headers.get("Content-Range", ""), re.ASCII)
        known = partial.origin["length"]
        length = (_integer(part[2]) if part else None) or known
        same_version = headers.get("ETag") in (None, partial.origin["etag"]) and known in (None, length)
        if not part or int(part[1]) != partial.size or not same_version:
            partial.forget()
            raise BrokenOffError("answered with a part that does not continue ours")
        _check_space(partial.path.parent, (_checked(file, length) or partial.size) - partial.size, limits)
        return length
    raise UnusableError(f"answered {response.status} {shown(response.reason)}".rstrip())


def _checked(file, length):
    """``length``, if the file can have it."""
    if length is not None and length > file.largest:
        raise UnusableError(f"promises {length / 1e6:,.1f} MB, but {file.name} has at most "
                            f"{file.largest / 1e6:,.1f} MB")
    return length


def _check_space(folder, missing, limits):
    free = shutil.disk_usage(folder).free
    if missing + limits.reserve > free:
        raise UserError(f"{folder} has {free / 1e6:,.1f} MB free, but {missing / 1e6:,.1f} MB are still to come"
                        + (f" and {limits.reserve / 1e6:,.0f} MB have to stay free" if limits.reserve else "")
                        + "; free some space or choose another folder with out=")


def _append(file, response, partial, total, stopwatch):
    with open(partial.path, "ab") as f, progress_bar(desc=partial.path.stem, initial=partial.size, total=total,
                                                     unit="B", unit_scale=True, unit_divisor=1024) as bar:
        while block := _read(response, stopwatch.limits):
            if partial.size + len(block) > (file.largest if total is None else total):
                f.close()
                partial.forget()
                raise UnusableError(f"sent more than the {total} bytes it had promised" if total is not None else
                                    f"sent more than the {file.largest / 1e6:,.1f} MB that {file.name} can have")
            missing = len(block) if total is None else total - partial.size
            _check_space(partial.path.parent, missing, stopwatch.limits)  # others write, too; it takes microseconds
            f.write(block)
            f.flush()  # so that even a killed run leaves all the bytes it has received
            partial.size += len(block)
            stopwatch.add(len(block))
            bar.update(len(block))
    if total is not None and partial.size < total:
        raise BrokenOffError(f"broke off after {partial.size:,} of {total:,} bytes")


def _read(response, limits):
    """The next bytes. Network errors become BrokenOffError, so that any other OSError is one of the disk."""
    try:
        return response.read1(BLOCK)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise BrokenOffError(reason(error, limits)) from error


def _one_line(header):
    """A header as it can be sent back; one that is continued on another line cannot."""
    return header if header and header.isascii() and header.isprintable() else None


def _integer(text):
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text or "") else None
