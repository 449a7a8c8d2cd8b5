"""Arrays that lie in a file, mapped into memory: pages of it come when they are read, and go when they have been.

A page that was read counts as memory of the process until the system needs it for something else. Of VGG-19's 575 MB
each is needed once for one photograph, so that after every piece its pages are given back. They stay in the system's
cache of the disk, from where a second reading gets them in no time.
"""

import mmap

import numpy as np

PIECE = 16 << 20  # bytes


def pieces(array):
    """Views of some rows of ``array`` after the other; behind each, the pages of a file that it lies in are given back.
    """
    rows, file = max(1, PIECE * len(array) // max(1, array.nbytes)), file_of(array)
    for begin in range(0, len(array), rows):
        yield array[begin:begin + rows]
        if file is not None:
            file.madvise(mmap.MADV_DONTNEED)


def file_of(array):
    """The mapped file that ``array`` is a view of, if its pages can be given back, else None.

    Those of a file that may be written to cannot: what was written there would be lost.
    """
    while isinstance(array, np.ndarray):
        array = array.base
    file = array.obj if isinstance(array, memoryview) else array
    can = isinstance(file, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED")  # which Windows has not
    return file if can and memoryview(file).readonly else None
