"""Features while they are written, by one process or by several together, any of which may be killed at any moment.

    f.partial.npy     the array, with all of its disk space
    f.partial.done    one byte an image: 0 not yet, 1 its row is there, 2 it cannot be read
    f.partial.json    what the features are, and the image names: written once, at the beginning

A byte is written after the row that it vouches for, and to save costs as much with a million images as with a hundred.
What several processes share are the batches: each takes one after another, by a lock that the system releases when the
process ends. So a batch is always the same images, whoever computes it, and its numbers are the same to the bit.
"""

import contextlib
import math
import os
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np

from ...byte_locks import ByteLocks
from ...errors import UserError, warn
from ...files import read_json, write_json
from ...locks import locked, shared
from ...npy import open_npy
from ...schema import Count
from ...writing import create, sync
from .feature_file import DAMAGED, changes, is_up_to_date
from .feature_paths import array_path, check_not_somebody_elses, marks_path, partial_path, sidecar
from .feature_source import FeatureSource

NOT_YET, THERE, UNREADABLE = range(3)
FINISHING, SHARDS = 1 << 40, 1 << 41  # numbers of locks that are no batches: of the end, and before those of processes


class Unfinished(TypedDict):
    """What stands in the JSON file meanwhile."""

    source: dict[str, object]             # FeatureSource.to_json
    images: list[str]
    batch_size: NotRequired[Count]
    done: NotRequired[Count]              # instead of a byte an image, in files from before: the first so many rows
    unreadable: NotRequired[list[str]]    # likewise


class FeatureWriter:
    """Writes features under a temporary name, and records which are there; its caller holds the lock of ``path``.

    path, source, images    the file, and what is to be in it
    batch_size              images that are computed together, see :meth:`batches`
    shard                   (number, count): this is one of several processes that write the file together
    alone                   whether this process may begin, and discard what is there: no other one is at work yet

    ``done`` is the row behind the last one written: at first the first that an earlier run with the same source and
    images has not written. ``discarded`` states how an unfinished file differs that cannot be continued (see
    :func:`.changes`). FileNotFoundError if there is nothing to join, for one that is not alone.
    """

    def __init__(self, path, source, images, batch_size=32, shard=None, alone=True):
        self.path = array_path(path)
        self.target = Path(os.path.realpath(self.path))  # a link stays, and leads to the features
        self.source, self.images, self.batch_size = source, tuple(images), batch_size
        self.shape = (len(self.images), *source.shape)
        self.partial, self.marked = partial_path(self.target), marks_path(self.target)
        self.progress = sidecar(self.partial)
        self.discarded, self.unsaved = [], []
        check_not_somebody_elses(self.path)
        self.array = self._reopen(alone)
        if self.array is None and not alone:
            raise FileNotFoundError(self.partial)
        if self.array is None:
            self.array = self._create()
        self.marks = np.memmap(self.marked, np.uint8, "r+")
        self.done = len(self.images) if self.is_complete else int(self.marks.argmin())
        self.shard, self.locks = shard, None
        if shard is not None:
            self.locks = ByteLocks(self.marked)
            if not self.locks.take(SHARDS + shard[0]):
                raise UserError(f"another process writes {self.path} as number {shard[0]} already; give each a number "
                                "of its own with shard=")

    # ------------------------------------------------------------------------------------------------- the beginning

    def _reopen(self, alone):
        """The array of an interrupted run, or of the others; None when there is none that can be continued."""
        if not all(path.is_file() and not path.is_symlink() for path in (self.partial, self.progress)):
            return None
        try:
            state = read_json(self.progress, "the progress of the extraction,", Unfinished)
            source = FeatureSource.from_json(state["source"])
            self.discarded = changes(source, state["images"], self.source, self.images)
            array = open_npy(self.partial, "r+")
            fits = not self.discarded and array.shape == self.shape and self._marks_fit(state)
        except DAMAGED:  # UserError is a ValueError
            return None
        if not alone and (other := self.discarded or ["batch_size="] * (state.get("batch_size") != self.batch_size)):
            raise UserError(f"{self.path} is being written by other processes with other features or options "
                            f"({', '.join(other)}); give all the same, or choose another place")
        if not fits:
            return None
        if alone and state != self._begun():
            write_json(self.progress, self._begun())
        return array

    def _marks_fit(self, state):
        """Whether there is a byte for each image; they are made of what former versions wrote."""
        if "done" in state and state["done"] <= len(self.images):
            unreadable, marks = set(state.get("unreadable", ())), np.zeros(len(self.images), np.uint8)
            for row, name in enumerate(self.images[:state["done"]]):
                marks[row] = UNREADABLE if name in unreadable else THERE
            self._write_marks(marks)
            return True
        marks = np.fromfile(self.marked, np.uint8) if not self.marked.is_symlink() else np.zeros(0)
        return len(marks) == len(self.images) and marks.max(initial=0) <= UNREADABLE

    def _create(self):
        """A new array, with all of its disk space allocated at once.

        Otherwise a full disk under a memory map would kill the process with SIGBUS.
        """
        try:
            self.partial.parent.mkdir(parents=True, exist_ok=True)
            self.progress.unlink(missing_ok=True)  # first: it vouches for numbers that are overwritten now
            self.partial.unlink(missing_ok=True)
            create(self.partial)  # not a file to which a link of this name leads
            array = np.lib.format.open_memmap(self.partial, "w+", np.float16, self.shape)
            if hasattr(os, "posix_fallocate"):
                with open(self.partial, "rb+") as f:
                    os.posix_fallocate(f.fileno(), 0, os.path.getsize(self.partial))
            self._write_marks(np.zeros(len(self.images), np.uint8))
            write_json(self.progress, self._begun())
        except (OSError, UserError) as error:
            for begun in (self.partial, self.marked):
                with contextlib.suppress(OSError):
                    begun.unlink()
            if isinstance(error, UserError):
                raise
            raise UserError(f"cannot write {2e-6 * math.prod(self.shape):,.0f} MB of features to {self.path} "
                            f"({error.strerror or error}); free some space or choose another place") from error
        return array

    def _write_marks(self, marks):
        self.marked.unlink(missing_ok=True)
        create(self.marked)
        self.marked.write_bytes(marks.tobytes())
        sync(self.marked)

    # ------------------------------------------------------------------------------------------------------ the rows

    def batches(self):
        """Yield the rows of each batch, a slice, of which some are not there and which no other process has taken.

        From now on it is this process that computes them. It begins with every n-th batch, so that n processes seldom
        ask for the same ones, and takes what the others have left when it has those.
        """
        count, (number, n) = -(-len(self.images) // self.batch_size), self.shard or (1, 1)
        for batch in sorted(range(count), key=lambda batch: (batch - number + 1) % n != 0):
            rows = slice(batch * self.batch_size, min((batch + 1) * self.batch_size, len(self.images)))
            if self.marks[rows].all() or not (self.locks is None or self.locks.take(batch)):
                continue
            if self.marks[rows].all():  # by now: another process has given it back
                self.locks.give_back(batch)
                continue
            yield rows

    def write(self, values, begin=None):
        """Write ``values`` (n, ...) to the rows from ``begin`` on, or to the next; None marks an unreadable image."""
        begin = self.done if begin is None else begin
        for row, value in enumerate(values, start=begin):
            self.array[row] = 0 if value is None else self._as_float16(value, row)
        self.unsaved.append((begin, [UNREADABLE if value is None else THERE for value in values]))
        self.done = begin + len(values)

    def _as_float16(self, value, row):
        """UserError, naming the image, for what has become, or would become, infinite or no number."""
        with np.errstate(over="ignore"):
            half = np.asarray(value).astype(np.float16)
        if not np.isfinite(half).all():
            cure = "scale them down" if self.source.is_own else "are these weights of pictures prepared in this way?"
            wrong = (f"exceed 65,504, the largest float16 number; {cure}" if np.isfinite(value).all() else
                     "are not finite (nan or inf); look for the reason in what they are made from")
            raise UserError(f"the {self.source.layer} features of {self.images[row]} {wrong}")
        return half

    def save_progress(self):
        self.array.flush()
        for begin, marks in self.unsaved:
            self.marks[begin:begin + len(marks)] = marks
            if self.locks is not None:
                self.locks.give_back(begin // self.batch_size)
        self.unsaved = []

    @property
    def is_complete(self):
        """Whether all rows are there, of all processes, and saved."""
        return bool(self.marks.all())

    @property
    def count(self):
        """How many rows are there, of all processes as far as they have saved them."""
        return np.count_nonzero(self.marks) + sum(np.count_nonzero(self.marks[begin:begin + len(marks)] == NOT_YET)
                                                  for begin, marks in self.unsaved)

    @property
    def unreadable(self):
        """The images that could not be read."""
        return [self.images[row] for row in np.flatnonzero(self.marks == UNREADABLE)]

    # ------------------------------------------------------------------------------------------------------- the end

    def finish(self):
        """Rename both files into place; of several processes one does it, and the others wait for it.

        At no time is an array there with the description of another one.
        """
        self.save_progress()  # if it is killed below this line, the next run only has to finish
        assert self.is_complete, "unfinished"
        if self.locks is not None:
            self.locks.take(FINISHING, wait=True)
        self.array = None  # closes the map: Windows renames no file that is open
        if self.locks is None or self.partial.exists():
            self.target.unlink(missing_ok=True)
            write_json(sidecar(self.path), {"source": self.source.to_json(), "unreadable": self.unreadable,
                                            "images": list(self.images)})
            os.replace(self.partial, self.target)
            sync(self.target.parent)
            self.progress.unlink(missing_ok=True)
        self.marks = np.array(self.marks)  # closes this map, and so ends the locks: it is another name of the file
        self.marked.unlink(missing_ok=True)

    def _begun(self):
        return {"source": self.source.to_json(), "images": list(self.images), "batch_size": self.batch_size}


@contextlib.contextmanager
def writing(path, source, images, batch_size, shard=None):
    """Hold the lock of the features ``path``; yield their FeatureWriter, or None if they are there already.

    With a ``shard``, see :class:`FeatureWriter`, the lock is shared with the other processes.
    """
    if shard is None:
        with locked(array_path(path)):
            yield _writer(path, source, images, batch_size)
        return
    with shared(array_path(path)) as lock:
        writer = _writer(path, source, images, batch_size, shard, lock.alone)
        lock.let_others_in()
        try:
            yield writer
        finally:
            if writer is not None:
                writer.locks.close()


def _writer(*arguments):
    if is_up_to_date(*arguments[:3]):
        return None
    try:
        writer = FeatureWriter(*arguments)
    except FileNotFoundError as error:  # the others have finished just now
        if is_up_to_date(*arguments[:3]):
            return None
        raise UserError(f"{error}, which other processes are writing, is gone or damaged; stop them, and start again") \
            from None
    if writer.discarded:
        warn(f"{writer.partial}, unfinished, has other features ({', '.join(writer.discarded)}); starting anew")
    return writer


def summary(writer):
    """What has been written, in words."""
    unreadable = len(writer.unreadable)
    return (f"{writer.path}: {len(writer.images):,} images, {writer.path.stat().st_size / 1e6:.0f} MB"
            + f", {unreadable} unreadable images left out" * (unreadable > 0))
