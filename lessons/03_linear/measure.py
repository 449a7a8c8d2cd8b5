"""How long a linear layer takes in loops and as a matrix product: writes measured.json."""

import numpy as np

from minicap.learn.measure import measure, write

rng = np.random.default_rng(0)
x, W, b = rng.standard_normal((64, 256)), rng.standard_normal((256, 256)), rng.standard_normal(256)


def loops():
    (N, D), H = x.shape, W.shape[1]
    y = np.zeros((N, H))
    for n in range(N):
        for h in range(H):
            y[n, h] = b[h]
            for d in range(D):
                y[n, h] += x[n, d] * W[d, h]


loops_seconds = measure(loops, repeat=1)
product_seconds = measure(lambda: x @ W + b, repeat=20)
write(__file__, loops_seconds=f"{loops_seconds:.1f}", product_ms=f"{1e3 * product_seconds:.1f}",
      times=f"{loops_seconds / product_seconds:,.0f}")
