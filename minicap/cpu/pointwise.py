"""Formulas of several steps, element by element: on pieces that stay in the cache, on all cores."""

from ..backend import compiles
from .threads import run_blocks

PIECE = 1 << 15  # elements: for Adam the fastest of 1,024 to 32,768; smaller pieces cost more calls than they save.
                 # Compiled, a formula is one pass, and no pieces are needed
ALONE = 1 << 18  # fewer elements than this are not worth waking another core


def pointwise(x, *others, change):
    arrays = (x, *others)
    if not all(a.flags.c_contiguous and a.size == x.size for a in arrays):
        return NotImplemented
    flat = [a.reshape(-1) for a in arrays]

    size = ALONE if compiles() else PIECE

    def block(begin, end):
        for piece in range(begin, end, size):
            change(*(a[piece:min(piece + size, end)] for a in flat))

    if x.size < ALONE:
        block(0, x.size)
    else:
        run_blocks(block, [(begin, min(begin + ALONE, x.size)) for begin in range(0, x.size, ALONE)])
    return None
