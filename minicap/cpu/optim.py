"""The memory of an optimiser on the CPU, and the norm of the gradients: a piece at a time, on all cores."""

import numpy as np

from .pointwise import PIECE
from .threads import aligned, run_blocks


def slot_for(theta):
    if theta.dtype != np.float32:
        return NotImplemented
    slot = aligned(theta.size).reshape(theta.shape)
    slot[...] = 0
    return slot


def sum_of_squares(x):
    if x.dtype != np.float32 or not x.flags.c_contiguous:
        return NotImplemented
    flat, squares = x.reshape(-1), {}
    if flat.size <= PIECE:
        return np.dot(flat, flat)

    def block(begin):
        piece = flat[begin:begin + PIECE]
        squares[begin] = float(np.dot(piece, piece))

    run_blocks(block, [(begin,) for begin in range(0, flat.size, PIECE)])
    return np.float32(sum(squares[begin] for begin in sorted(squares)))
