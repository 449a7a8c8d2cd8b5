"""Lesson 16: features, computed once. Fill in what is still to do, then `python -m minicap.learn check`."""

import hashlib
import json
import os

import numpy as np


def cache_key(weights, layer, preprocessing, images):
    """A string that changes whenever the features would change, and stays the same whenever they would stay the same.

    weights: pathlib.Path of the network's file; layer: a string; preprocessing: a dict of strings, numbers and lists
    of numbers; images: a list of names, in the order of the rows. Of the weights only the contents of the file count,
    not its name or its date. A dict with the same entries in another order is the same dict. The result has to be the
    same in another process, and tomorrow.

        a = cache_key(Path("vgg19.h5"), "fc7", {"order": "BGR", "scale": 1}, ["dog.jpg", "cat.jpg"])
        b = cache_key(Path("copy.h5"), "fc7", {"scale": 1, "order": "BGR"}, ["dog.jpg", "cat.jpg"])
        c = cache_key(Path("vgg19.h5"), "fc7", {"order": "BGR", "scale": 1}, ["cat.jpg", "dog.jpg"])

        a == b, if copy.h5 is a copy of vgg19.h5; a != c: the rows of the two pictures are swapped
    """
    raise NotImplementedError("exercise 16.1 is still to do")


def write_whole(path, pieces):
    """Write a file so that it is never found half-written.

    path: pathlib.Path of the file, which may exist already; pieces: an iterable that yields bytes, one piece after the
    other, and may raise an exception at any time. Write the pieces under another name in the same folder, and rename
    that file to ``path`` when it is complete. If anything fails, or Ctrl-C interrupts it, delete the unfinished file,
    leave ``path`` as it was, and let the exception through.

        write_whole(path, [b"abc", b"def"])    path holds b"abcdef"; until then it holds its old contents

        def broken():
            yield b"abc"
            raise OSError("no space left")

        write_whole(path, broken())            raises OSError, path is as it was, and no other file is there
    """
    raise NotImplementedError("exercise 16.2 is still to do")


def features_of(array, row_of, names):
    """The features of some pictures, in the order of the names.

    array: (images, ...) float16, a memory map: what you index is read from the disk, and nothing else; row_of: the row
    of every picture, {name: row}; names: a list of names, in any order, possibly with repetitions. Returns
    (len(names), ...) float32. Read only the rows that are needed.

        array = [[1, 2],    row_of = {"dog.jpg": 0, "cat.jpg": 1, "man.jpg": 2}
                 [3, 4],
                 [5, 6]]

        features_of(array, row_of, ["man.jpg", "dog.jpg", "man.jpg"]) is [[5, 6],
                                                                          [1, 2],
                                                                          [5, 6]]
    """
    raise NotImplementedError("exercise 16.3 is still to do")


def l2_normalize(x, length):
    """Every vector scaled to the same length; one that is all zeros stays as it is.

    x: (..., D), vectors along the last axis; length: a number. The length of a vector is the root of the sum of its
    squares. Returns (..., D).

        x = [[3, 4],    length = 10
             [0, 0]]

        l2_normalize(x, 10) is [[6, 8],    the length was 5
                                [0, 0]]
    """
    raise NotImplementedError("exercise 16.4 is still to do")
