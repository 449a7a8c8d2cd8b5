"""Word vectors that others have trained on billions of words, for the words of a vocabulary.

    the -0.038 -0.244 0.728 ...        GloVe (Pennington et al. 2014): a word a line, no header
    400000 50                          word2vec's text, also fastText's .vec: the same under a header, words and numbers
    3000000 300\\n</s> <300 float32>    word2vec (Mikolov et al. 2013), binary

Each may be compressed by gzip; which it is shows in the first bytes, whatever the file is called. A file of gigabytes
is gone through once, and only the words that are wanted are kept.
"""

import gzip
import zlib

import numpy as np

from ...errors import UserError
from ...files import existing_file
from .vocabulary import SPECIAL

BOM = b"\xef\xbb\xbf"
HEAD, BLOCK = 1 << 20, 1 << 24  # bytes: to tell what a file is, and of a binary file at a time
LINE, MOST = 1 << 20, 1 << 15  # bytes of a line and numbers of a vector: more are not read, as they may have no end


class WordVectors:
    """A file of word vectors: ``size`` numbers a word, and :meth:`of` the vectors of given words.

    UserError when there is no such file or it is of another kind.
    """

    def __init__(self, path):
        self.path = existing_file(path, "file of word vectors")
        with self._open() as stream:
            head = self._guarded(lambda: stream.read(HEAD)).removeprefix(BOM)
        first, end, rest = head.partition(b"\n")
        parts = first.split()
        self.count = self.size = None
        if end and len(parts) == 2 and all(part.isdigit() and len(part) < 16 for part in parts):
            self.count, self.size = map(int, parts)
            second = rest.partition(b"\n")[0]
            self.binary = len(_numbers_behind(second)) < self.size
            right = self.size > 1 and (not self.binary or self._begins_with_a_vector(rest))
        else:
            self.size, self.binary = len(_numbers_behind(first)), False
            second = rest.partition(b"\n")[0]
            right = end and self.size > 1 and (not second.strip() or len(_numbers_behind(second)) >= self.size)
        if right and self.size > MOST:
            raise UserError(f"{self.path} has vectors of {self.size:,} numbers; more than {MOST:,} are not read")
        if not right:
            archive = head.startswith(b"PK")
            raise UserError(f"{self.path} " + ("is a zip archive; unpack it and name one of its files" if archive else
                            "is no file of word vectors: neither GloVe's text (a word and its numbers on a line) nor "
                            "word2vec's text or binary"))

    def of(self, words):
        """{word: (size,) float32} for those of ``words`` that the file has; of a word given twice the first vector."""
        wanted, found = {word.encode(): word for word in words}, {}
        with self._open() as stream:
            rows = self._binary_rows(stream, wanted) if self.binary else self._text_rows(stream, wanted)
            while (row := self._guarded(lambda: next(rows, None))) is not None:
                word, vector = wanted.pop(row[0]), row[1]
                if not np.isfinite(vector).all():
                    raise UserError(f"{self.path} has a vector for {word!r} that is not finite; use another copy")
                found[word] = vector
        return found

    def _open(self):
        with open(self.path, "rb") as f:
            packed = f.read(2) == b"\x1f\x8b"
        return gzip.open(self.path) if packed else open(self.path, "rb")

    def _guarded(self, read):
        try:
            return read()
        except (EOFError, OSError, zlib.error) as error:
            raise UserError(f"{self.path} is cut off or damaged ({error}); download it again") from error

    def _begins_with_a_vector(self, data):
        """Whether a word, a blank and ``size`` plausible numbers stand there."""
        word, blank, numbers = data.partition(b" ")
        vector = np.frombuffer(numbers[:4 * self.size // 4 * 4], "<f4", min(self.size, len(numbers) // 4))
        with np.errstate(invalid="ignore"):
            return bool(blank and len(word) < 1000 and len(vector) and (np.abs(vector) < 1e6).all())

    def _text_rows(self, stream, wanted):
        """Pairs (word, vector), in order. Words with blanks in them, of which GloVe has some, are not among ours."""
        line, rows = b"", 0
        if self.count is not None:
            stream.readline()
        lines = iter(lambda: stream.readline(LINE), b"")
        for number, line in enumerate(lines, start=1 if self.count is None else 2):
            if len(line) == LINE:
                raise UserError(f"{self.path}, line {number} has more than {LINE:,} bytes; use another copy")
            line = line.removeprefix(BOM) if number == 1 else line
            word, *_ = line.split(None, 1) or [b""]
            rows += bool(word)
            if word in wanted:
                parts = line.split()
                if len(parts) <= self.size:
                    raise UserError(f"{self.path}, line {number}: expected {self.size} numbers behind the word, found "
                                    f"{len(parts) - 1}; the file is cut off or damaged, so download it again")
                if len(parts) == self.size + 1:
                    try:
                        yield word, np.array(parts[1:], np.float32)
                    except ValueError as error:
                        raise UserError(f"{self.path}, line {number}: {error}; the file is damaged, so download it "
                                        "again") from error
        cut = bool(line.strip()) and len(line.split()) <= self.size
        self._expect_all(rows - cut, cut)

    def _binary_rows(self, stream, wanted):
        """The same of a binary file, which some programs write with a line end behind each vector."""
        stream.readline()
        data, at, size = b"", 0, 4 * self.size
        for row in range(self.count):
            while (blank := data.find(b" ", at)) < 0 or len(data) < blank + 1 + size:
                if len(data) - at > LINE:
                    raise UserError(f"{self.path} has a word of more than a million bytes; use another copy")
                if not (block := stream.read(BLOCK)):
                    self._expect_all(row, cut=True)
                data, at = data[at:] + block, 0
            word = data[at:blank].lstrip(b"\n")
            if word in wanted:
                yield word, np.frombuffer(data, "<f4", self.size, blank + 1).astype(np.float32)
            at = blank + 1 + size
        if (data[at:] + stream.read(BLOCK)).strip(b"\n"):
            raise UserError(f"{self.path} does not end where its first line says, after {self.count:,} word(s) with "
                            f"{self.size:,} float32 each; use another copy")

    def _expect_all(self, rows, cut):
        if cut or self.count not in (None, rows):
            of = "" if self.count is None else f" of the {self.count:,} that its first line announces"
            raise UserError(f"{self.path} is cut off or damaged after {rows:,} words{of}; download it again")


def _numbers_behind(line):
    """The numbers at the end of a line, behind a word or several."""
    numbers = []
    for part in reversed(line.split()[1:]):
        try:
            numbers.append(float(part))
        except ValueError:
            break
    return numbers


def vectors_in_place(W, vocabulary, vectors):
    """(V, E): row by row the vector of each word that has one. ``W``: (V, E) random numbers of deviation 1.

    The other rows, also those of <start>, <end> and <unk>, are those of W at the deviation of the vectors.
    """
    known = [index for index, word in enumerate(vocabulary.words) if word in vectors and index >= len(SPECIAL)]
    found = np.stack([vectors[vocabulary.words[index]] for index in known])
    placed = W * found.std()
    placed[known] = found
    return placed.astype(W.dtype)
