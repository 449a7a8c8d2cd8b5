"""Pointwise formulas of several steps, on pieces that stay in the cache, on all cores."""

from .threads import run_blocks

PIECE = 1 << 18  # elements; with fewer it is not worth waking another core


def change_each(x, tasks):
    blocks = list(_blocks(tasks))

    def block(*pieces):
        for *arrays, change in pieces:
            change(*arrays)

    if sum(task[0].size for task in tasks) < PIECE:
        block(*(piece for pieces in blocks for piece in pieces))
    else:
        run_blocks(block, blocks)


def _blocks(tasks):
    """The tasks in pieces, put together so that about PIECE elements, a core's fair share, make a block."""
    block, size = [], 0
    for *arrays, change in tasks:
        for piece in _pieces(arrays):
            block.append((*piece, change))
            size += piece[0].size
            if size >= PIECE:
                yield block
                block, size = [], 0
    if block:
        yield block


def _pieces(arrays):
    """Arrays that are one run of memory in pieces of at most PIECE elements, others as they are."""
    size = arrays[0].size
    if not all(a.flags.c_contiguous and a.size == size for a in arrays):
        return [arrays]
    flat = [a.reshape(-1) for a in arrays]
    return [[a[begin:begin + PIECE] for a in flat] for begin in range(0, size, PIECE)]
