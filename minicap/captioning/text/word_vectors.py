"""Word vectors that others have trained on billions of words, for the words of a vocabulary.

    the -0.038 -0.244 0.728 ...        GloVe (Pennington et al. 2014): a word a line, no header
    400000 50                          word2vec's text, also fastText's .vec: the same under a header, words and numbers
    3000000 300\\n</s> <300 float32>    word2vec (Mikolov et al. 2013), binary

Each may be compressed by gzip; which it is shows in the first bytes, whatever the file is called. A file of gigabytes
is gone through once, and only the words that are wanted are kept.
"""

import gzip
import re
import zlib
from collections import Counter
from itertools import takewhile

import numpy as np

from ...errors import UserError
from ...files import existing_file
from .vocabulary import SPECIAL

BOM = b"\xef\xbb\xbf"
HEAD, BLOCK = 1 << 20, 1 << 24  # bytes: to tell what a file is, and of a binary file at a time
ROWS = 100  # of a text are looked at to find out how many numbers a word has
LARGEST = 1e6  # larger numbers are no word vectors but bytes misread
HEADER = re.compile(rb"(\d{1,12})[ \t]+(\d{1,6})[ \t\r]*\n")  # number of words, numbers a word

UNPACK = "unpack it and name the file of word vectors in it"
OTHERS = {  # by their first bytes
    b"PK": f"is a zip archive; {UNPACK}", b"BZh": f"is packed by bzip2; {UNPACK}",
    b"\xfd7zXZ": f"is packed by xz; {UNPACK}", b"\x1f\x8b": f"is packed by gzip twice; {UNPACK}",
    b"\x80": "is a pickle, as gensim and PyTorch save models; write it as text, in gensim by "
             "`vectors.save_word2vec_format(FILE)`",
    b"\xba\x16\x4f\x2f": "is a model of fastText; name the .vec file that belongs to it",
    b"\x93NUMPY": "is an array without words; write a word and its numbers on each line",
    b"\xff\xfe": "is text in UTF-16; save it as UTF-8", b"\xfe\xff": "is text in UTF-16; save it as UTF-8"}
LINE, MOST = 1 << 20, 1 << 15  # bytes of a line and numbers of a vector: more are not read, as they may have no end


class WordVectors:
    """A file of word vectors: ``size`` numbers a word, and :meth:`of` the vectors of given words.

    ``first`` is the first word of a text, or None. UserError when there is no such file or it is of another kind.
    """

    def __init__(self, path):
        self.path = existing_file(path, "file of word vectors")
        with self._open() as stream:
            head = self._guarded(lambda: stream.read(HEAD)).removeprefix(BOM)
        other = "is a tar archive; " + UNPACK if head[257:262] == b"ustar" else None
        if other := other or next((what for begin, what in OTHERS.items() if head.startswith(begin)), None):
            raise UserError(f"{self.path} {other}")
        header = HEADER.match(head)
        self.count, self.size = map(int, header.groups()) if header else (None, None)
        rows = head[header.end() if header else 0:]
        found, self.first = _numbers_a_word(rows)
        self.binary = header is not None and not found
        if self.size is None:
            self.size = found
        elif found not in (0, 1, self.size):
            raise UserError(f"{self.path} has {found} numbers behind each word, but its first line announces "
                            f"{self.size}; use another copy, or correct that line")
        if self.size > MOST:
            raise UserError(f"{self.path} has vectors of {self.size:,} numbers; more than {MOST:,} are not read")
        if self.size < 2 or found == 1 or (self.binary and not self._begins_with_a_vector(rows)):
            raise UserError(f"{self.path} is no file of word vectors: neither GloVe's text (on each line a word and "
                            "its numbers, with blanks or tabs between) nor word2vec's text or binary")

    def of(self, words):
        """{word: (size,) float32} for those of ``words`` that the file has; of a word given twice the first vector."""
        wanted, found = {word.encode(): word for word in words}, {}
        with self._open() as stream:
            rows = self._binary_rows(stream, wanted) if self.binary else self._text_rows(stream, wanted)
            while (row := self._guarded(lambda: next(rows, None))) is not None:
                word, vector = wanted.pop(row[0]), row[1]
                if not (np.abs(vector) < LARGEST).all():
                    raise UserError(f"{self.path} has a vector for {word!r} with numbers that are not finite, or "
                                    "beyond a million; use another copy")
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
            return bool(blank and len(word) < 1000 and len(vector) and (np.abs(vector) < LARGEST).all())

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
                parts = line.split()[1:]
                if self.size < len(parts) > len(_numbers_behind(line)):
                    continue  # of a word with blanks this is only the first part
                if len(parts) != self.size:
                    raise UserError(f"{self.path}, line {number}: expected {self.size} numbers behind the word, found "
                                    f"{len(parts)}; the file is cut off or damaged, so use another copy")
                try:
                    with np.errstate(over="ignore"):
                        yield word, np.array(parts, np.float32)
                except ValueError as error:
                    raise UserError(f"{self.path}, line {number}: {error}; the file is damaged, so use another copy") \
                        from error
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
        if self.count is not None and rows > self.count:
            raise UserError(f"{self.path} has {rows:,} words, but its first line announces {self.count:,}; use another "
                            "copy, or correct that line")
        if cut or self.count not in (None, rows):
            of = "" if self.count is None else f" of the {self.count:,} that its first line announces"
            raise UserError(f"{self.path} is cut off or damaged after {rows:,} words{of}; download it again")


def _numbers_a_word(rows):
    """(how many numbers stand behind the word on most of the first lines, or 0; the first word or None) of a text."""
    lines = [line for line in rows.split(b"\n", ROWS)[:ROWS] if line.strip()]
    if any(b"\r" in line.rstrip() for line in lines) or all(_is_number(line.split()[0]) for line in lines):
        return 0, None  # line ends of old Macs; a table without words
    numbers, times = Counter(len(_numbers_behind(line)) for line in lines).most_common(1)[0]
    return (numbers, lines[0].split()[0].decode("utf-8", "replace")) if 2 * times > len(lines) else (0, None)


def _numbers_behind(line):
    """The numbers at the end of a line, behind a word or several."""
    return list(takewhile(_is_number, reversed(line.split()[1:])))


def _is_number(part):
    try:
        float(part)
    except ValueError:
        return False
    return True


def vectors_in_place(W, vocabulary, vectors):
    """(V, E): row by row the vector of each word that has one. ``W``: (V, E) random numbers of deviation 1.

    The other rows, also those of <start>, <end> and <unk>, are those of W at the deviation of the vectors.
    """
    known = [index for index, word in enumerate(vocabulary.words) if word in vectors and index >= len(SPECIAL)]
    found = np.stack([vectors[vocabulary.words[index]] for index in known])
    placed = W * found.std()
    placed[known] = found
    return placed.astype(W.dtype)
