"""The LSTM on a GPU: in every step a matrix product and one launch for all the rest (lstm.cu), nothing allocated."""

from ..backend import array_module
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
    launch("lstm", "gates_backward", *blocks_for(N * H), dh, None, dc, gates, c, tanh_c, N, H, N)
    return gates, dc


def lstm_steps(z, U, h, c, tanh_c, running):
    if not fits(z, U, h, c, tanh_c):
        return NotImplemented
    xp = array_module(z)
    N, H = h.shape[1:]
    product = xp.empty((N, 4 * H), dtype=xp.float32)
    for t, n in enumerate(running):
        xp.matmul(h[t, :n], U, out=product[:n])
        launch("lstm", "gates_forward", *blocks_for(n * H), z[t, :n], product[:n], c[t, :n], c[t + 1, :n],
               tanh_c[t + 1, :n], h[t + 1, :n], n, H)
    return None


def lstm_steps_backward(gates, U, c, tanh_c, dy, dh, dc, running):
    if not fits(gates, U, c, tanh_c, dy, dh, dc):
        return NotImplemented
    xp = array_module(gates)
    N, H = dh.shape
    dy = xp.ascontiguousarray(dy)
    for t in reversed(range(len(running))):
        n = running[t]
        launch("lstm", "gates_backward", *blocks_for(N * H), dh, dy[t], dc, gates[t], c[t], tanh_c[t + 1], N, H, n)
        xp.matmul(gates[t, :n], U.T, out=dh[:n])
    return None
