"""Formulas of several steps, element by element: on pieces that stay in the cache, on all cores."""

from .threads import run_blocks

PIECE = 1 << 15  # elements: for Adam the fastest of 1,024 to 32,768; smaller pieces cost more calls than they save
ALONE = 1 << 18  # fewer elements than this are not worth waking another core


def pointwise(x, *others, change):
    arrays = (x, *others)
    if not all(a.flags.c_contiguous and a.size == x.size for a in arrays):
        return NotImplemented
    flat = [a.reshape(-1) for a in arrays]

    def block(begin, end):
        for piece in range(begin, end, PIECE):
            change(*(a[piece:min(piece + PIECE, end)] for a in flat))

    if x.size < ALONE:
        block(0, x.size)
    else:
        run_blocks(block, [(begin, min(begin + ALONE, x.size)) for begin in range(0, x.size, ALONE)])
    return None
