"""How long it takes to subtract the mean of every column, in loops and by broadcasting: writes measured.json."""

import numpy as np

from minicap.learn.measure import measure, write

x = np.random.default_rng(0).standard_normal((20_000, 50))


def loops():
    N, D = x.shape
    y = np.zeros((N, D))
    for d in range(D):
        mean = 0.0
        for n in range(N):
            mean += x[n, d] / N
        for n in range(N):
            y[n, d] = x[n, d] - mean


loops_ms = 1e3 * measure(loops, repeat=3)
broadcast_ms = 1e3 * measure(lambda: x - x.mean(axis=0), repeat=20)
write(__file__, loops_ms=f"{loops_ms:.0f}", broadcast_ms=f"{broadcast_ms:.1f}", times=f"{loops_ms / broadcast_ms:.0f}")
