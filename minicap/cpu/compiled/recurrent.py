"""The LSTM's gates, forward and backward, in one pass each."""

from .arithmetic import ONE, kernel, sigmoid, tanh


@kernel
def gates_(z, c, c_next, tanh_c, h_next):
    N, H = c.shape
    for n in range(N):  # several short loops over a row in the cache: the compiler vectorises each of them
        for j in range(3 * H):
            z[n, j] = sigmoid(z[n, j])
        i, f, o, g = z[n, :H], z[n, H:2 * H], z[n, 2 * H:3 * H], z[n, 3 * H:]
        for j in range(H):
            g[j] = tanh(g[j])
        for j in range(H):
            c_next[n, j] = f[j] * c[n, j] + i[j] * g[j]
        for j in range(H):
            tanh_c[n, j] = tanh(c_next[n, j])
            h_next[n, j] = o[j] * tanh_c[n, j]


@kernel
def gates_backward_(dh, dc, gates, c, tanh_c):
    N, H = c.shape
    for n in range(N):
        for j in range(H):
            i, f, o, g = gates[n, j], gates[n, H + j], gates[n, 2 * H + j], gates[n, 3 * H + j]
            dc_next = dc[n, j] + dh[n, j] * o * (ONE - tanh_c[n, j] * tanh_c[n, j])
            gates[n, j] = dc_next * g * i * (ONE - i)
            gates[n, H + j] = dc_next * c[n, j] * f * (ONE - f)
            gates[n, 2 * H + j] = dh[n, j] * tanh_c[n, j] * o * (ONE - o)
            gates[n, 3 * H + j] = dc_next * i * (ONE - g * g)
            dc[n, j] = dc_next * f
