"""The LSTM on a GPU: in every step a matrix product and one launch for all the rest (lstm.cu), nothing allocated."""

from ..backend import array_module
from ..recurrent import steps_of
from .kernels import blocks_for, fits, launch


def gates_forward(z, c):
    if not (fits(z, c) and z.flags.c_contiguous):
        return NotImplemented
    xp = array_module(z, c)
    N, H = c.shape
    h_next, c_next, tanh_c = (xp.empty((N, H), dtype=xp.float32) for _ in range(3))
    launch("lstm", "gates_forward", *blocks_for(N * H), z, None, xp.ascontiguousarray(c), c_next, tanh_c, h_next, N, H)
    return h_next, c_next, tanh_c


def gates_backward(dh, dc, gates, c, tanh_c):
    if not (fits(dh, dc, gates, c, tanh_c) and gates.flags.c_contiguous):
        return NotImplemented
    xp = array_module(gates)
    N, H = c.shape
    dh, c, tanh_c = (xp.ascontiguousarray(a) for a in (dh, c, tanh_c))
    dc = dc.copy()  # the kernel works in place
    launch("lstm", "gates_backward", *blocks_for(N * H), dh, None, dc, gates, c, tanh_c, N, H)
    return gates, dc


def lstm_steps(z, U, h, c, tanh_c, batch_sizes):
    if not fits(z, U, h, c, tanh_c):
        return NotImplemented
    H = U.shape[0]
    product = array_module(z).empty((batch_sizes[0], 4 * H), dtype=z.dtype)
    for now, before, after in steps_of(batch_sizes):
        n = now.stop - now.start
        array_module(z).matmul(h[before], U, out=product[:n])
        launch("lstm", "gates_forward", *blocks_for(n * H), z[now], product[:n], c[before], c[after], tanh_c[after],
               h[after], n, H)
    return None


def lstm_steps_backward(gates, U, c, tanh_c, dy, dh, dc, batch_sizes):
    if not fits(gates, U, c, tanh_c, dy, dh, dc):
        return NotImplemented
    xp = array_module(gates)
    H = U.shape[0]
    dy = xp.ascontiguousarray(dy)
    for now, before, after in reversed(list(steps_of(batch_sizes))):
        n = now.stop - now.start
        launch("lstm", "gates_backward", *blocks_for(n * H), dh[:n], dy[now], dc[:n], gates[now], c[before],
               tanh_c[after], n, H)
        xp.matmul(gates[now], U.T, out=dh[:n])
    return None
