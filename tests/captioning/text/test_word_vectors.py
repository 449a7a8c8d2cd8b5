"""Word vectors: every layout gives the same, and a file that is cut off or something else is a sentence."""

import bz2
import gzip
import lzma
import pickle
import struct

import numpy as np
import pytest

from minicap.captioning.text.vocabulary import SPECIAL, Vocabulary
from minicap.captioning.text.word_vectors import WordVectors, vectors_in_place
from minicap.errors import UserError

E = 5
WORDS = ("the", "dog", "café", "कि", "runs", "1.5")
VECTORS = dict(zip(WORDS, np.random.default_rng(0).normal(0, 0.4, (len(WORDS), E)).astype(np.float32), strict=True))


def lines(vectors=VECTORS, separator=" ", end="\n"):
    return [f"{word}{separator}{separator.join(map(repr, vector.tolist()))}{end}" for word, vector in vectors.items()]


def glove(**options):
    return "".join(lines(**options)).encode()


def text(count=6, **options):
    return f"{count} {E}\n".encode() + glove(**options)


def binary(count=6, end=b""):
    rows = [word.encode() + b" " + vector.tobytes() + end for word, vector in VECTORS.items()]
    return f"{count} {E}\n".encode() + b"".join(rows)


LAYOUTS = {
    "GloVe": glove(),
    "GloVe with tabs": glove(separator="\t"),
    "GloVe with blanks at the ends of lines": glove(end=" \n"),
    "GloVe with Windows' line ends": glove(end="\r\n"),
    "GloVe without a last line end": glove()[:-1],
    "GloVe with a byte-order mark": b"\xef\xbb\xbf" + glove(),
    "GloVe with words that have blanks": b". . . 1 2 3 4 5\nthe dog 9 9 9 9 9\n" + glove() + b"at x@y.org 1 2 3 4 5\n",
    "GloVe with a word twice": glove() + b"dog 1 2 3 4 5\n",
    "word2vec, text": text(),
    "word2vec, text, with blanks at the ends of lines": text(end=" \n"),
    "GloVe with a comment in front": b"# 6 words of 5 numbers\n" + glove(),
    "GloVe after blank lines": b"\n\n" + glove(),
    "GloVe, its first word a number": b"7 1 2 3 4 5\n" + glove(),
    "GloVe, its first word two numbers": b"7 8 1 2 3 4 5\n" + glove(),
    "word2vec, text, with Windows' line ends and tabs": text(separator="\t", end="\r\n").replace(b"6 5\n", b"6\t5\r\n"),
    "words in Latin-1 among them": b"caf\xe9 1 2 3 4 5\n" + glove(),
    "word2vec, binary": binary(),
    "word2vec, binary, with line ends": binary(end=b"\n"),
    "GloVe, gzip": gzip.compress(glove()),
    "word2vec, text, gzip": gzip.compress(text()),
    "word2vec, binary, gzip": gzip.compress(binary()),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vectors"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_vectors_of_the_words_that_are_asked_for(path, layout):
    path.write_bytes(LAYOUTS[layout])
    vectors = WordVectors(path)
    assert vectors.size == E
    found = vectors.of(["dog", "zebra", "कि", "1.5", "the"])
    assert list(found) == ["the", "dog", "कि", "1.5"]  # in the order of the file
    for word, vector in found.items():
        assert vector.dtype == np.float32
        np.testing.assert_array_equal(vector, VECTORS[word])


@pytest.mark.parametrize("block", [1, 7, 24, 60])
def test_a_binary_file_is_read_in_blocks(path, block, monkeypatch):
    monkeypatch.setattr("minicap.captioning.text.word_vectors.BLOCK", block)
    path.write_bytes(binary(end=b"\n"))
    found = WordVectors(path).of(WORDS)
    np.testing.assert_array_equal([found[word] for word in WORDS], list(VECTORS.values()))


NAN = VECTORS | {"dog": np.array([1, np.nan, 3, 4, 5], np.float32)}

BROKEN = {
    "GloVe, cut in a line": (glove() + b"every 0.1 0.2", "cut off or damaged after 6 words; download"),
    "GloVe, cut in a line of ours": (glove().replace(b"dog ", b"x ").split(b"runs ")[0] + b"dog 1 2 3\n",
                                     "line 5: expected 5 numbers behind the word, found 3"),
    "a row of ours with one number too many": (b"zebra 1 2 3 4 5 6\n" + glove(),
                                               "line 1: expected 5 numbers behind the word, found 6"),
    "a row of ours with one number too few": (b"zebra 1 2 3 4\n" + glove(),
                                              "line 1: expected 5 numbers behind the word, found 4"),
    **{f"word2vec's text, its size {size}": (
        f"6 {size}\n".encode() + glove(), f"has 5 numbers behind each word, but its first line announces {size}; use")
       for size in (0, 1, 3, 4, 6, 50)},
    "word2vec's text, longer": (text(count=4), "has 6 words, but its first line announces 4; use another copy, or"),
    "a number that is none": (glove() + b"zebra 1 2 3,5 4 5\n", "line 7: .*3,5"),
    "word2vec's text, cut after a line": (text(count=9), "after 6 words of the 9 that its first line announces"),
    "word2vec's binary, cut": (binary()[:-3], "after 5 words of the 6 that its first line announces; download it"),
    "word2vec's binary, longer": (binary() + b"more", r"does not end where its first line says, after 6 word"),
    "gzip, cut": (gzip.compress(binary())[:-30], "cut off or damaged"),
    "gzip, damaged": (gzip.compress(glove())[:40] + bytes(100), "cut off or damaged"),
    "not finite": (glove(vectors=NAN), "has a vector for 'dog' with numbers that are not finite"),
    "beyond float32": (b"zebra 1 2 3 4 1e39\n" + glove(), "a vector for 'zebra' with numbers that are not finite, or"),
    "beyond a million": (b"zebra 1 2 3 4 1e30\n" + glove(), "not finite, or beyond a million"),
    "a zip archive": (b"PK\x03\x04" + glove(), "is a zip archive; unpack it and name the file of word vectors in it"),
    "a zip archive in gzip": (gzip.compress(b"PK\x03\x04" + glove()), "is a zip archive; unpack it"),
    "a tar archive": (b"vectors.txt".ljust(257, b"\0") + b"ustar".ljust(255, b"\0") + glove(), "is a tar archive"),
    "bzip2": (bz2.compress(glove()), "is packed by bzip2; unpack it"),
    "xz": (lzma.compress(glove()), "is packed by xz; unpack it"),
    "gzip twice": (gzip.compress(gzip.compress(glove())), "is packed by gzip twice; unpack it"),
    "gensim's own format": (pickle.dumps({"a": 1}), "a pickle, as gensim .* by `vectors.save_word2vec_format.FILE.`"),
    "fastText's .bin": (struct.pack("<ii", 793712314, 12) + bytes(200), "is a model of fastText; name the .vec file"),
    "UTF-16": (glove().decode().encode("utf-16"), "is text in UTF-16; save it as UTF-8"),
    "line ends of old Macs": (glove(end="\r"), "is no file of word vectors"),
    "numbers without words": (b"1 2 3\n4 5 6\n", "is no file of word vectors"),
    "commas": (glove(separator=","), "is no file of word vectors"),
    "a header, and one number a word": (b"2 50\nthe 1\ndog 2\n", "is no file of word vectors"),
    "prose": (b"the dog runs\nthrough the grass\n", "is no file of word vectors"),
    "a table of one number a word": (b"the 3\ndog 4\n", "is no file of word vectors"),
    "words alone": (b"the\ndog\n", "is no file of word vectors"),
    "two numbers and prose": (b"400 50\nthe dog runs through the grass and over meadows\n", "is no file of word"),
    "other lines": (b"the 1 2 3 4\nof something else entirely\n", "is no file of word vectors"),
    "nothing": (b"", "is no file of word vectors"),
    "a NumPy file": (b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'}\n" + bytes(400), "is an array without words"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_is_something_else_or_cut_off_is_one_sentence(path, what):
    data, words = BROKEN[what]
    path.write_bytes(data)
    with pytest.raises(UserError, match=words) as caught:
        WordVectors(path).of([*WORDS, "zebra"])
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_only_the_words_of_the_vocabulary_are_kept_in_memory(path):
    tracemalloc = pytest.importorskip("tracemalloc")
    E, count = 50, 60_000
    with open(path, "wb") as f:
        for i in range(count):
            f.write(b"w%d " % i + b"0.25 " * (E - 1) + b"1\n")
    tracemalloc.start()
    found = WordVectors(path).of([f"w{i}" for i in range(0, count, 1000)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 60 and peak < 4e6  # the file has 15 MB, and its first MB is looked at


def test_words_without_a_vector_begin_at_random_with_the_deviation_of_the_vectors():
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(400)]
    vocabulary = Vocabulary((*SPECIAL, *words), range(404))
    vectors = {word: rng.normal(0, 0.3, 50).astype(np.float32) for word in words[::2]}
    W = rng.standard_normal((404, 50), dtype=np.float32)
    placed = vectors_in_place(W, vocabulary, vectors | {"<end>": np.ones(50, np.float32)})
    assert placed.dtype == np.float32
    np.testing.assert_array_equal(placed[4::2], list(vectors.values()))
    deviation = np.std(list(vectors.values()))
    others = np.r_[0:4, 5:404:2]
    np.testing.assert_allclose(placed[others], W[others] * deviation, rtol=1e-6)
