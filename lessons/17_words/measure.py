"""How long a lookup and its gradient take, and the same as products with one-hot vectors: writes measured.json."""

import numpy as np

from minicap.learn.measure import measure, write

rng = np.random.default_rng(0)
N, T, V, E = 64, 12, 8000, 256
W, words = rng.standard_normal((V, E), dtype=np.float32), rng.integers(V, size=(N, T))
dy = rng.standard_normal((N, T, E), dtype=np.float32)


def one_hot():
    hot = np.zeros((N * T, V), np.float32)
    hot[np.arange(N * T), words.ravel()] = 1
    return hot


def add_at():
    dW = np.zeros((V, E), np.float32)
    np.add.at(dW, words, dy)


write(__file__, product_ms=f"{1e3 * measure(lambda: one_hot() @ W):.0f}",
      lookup_ms=f"{1e3 * measure(lambda: W[words], repeat=50):.2f}",
      product_back_ms=f"{1e3 * measure(lambda: one_hot().T @ dy.reshape(-1, E)):.0f}",
      add_at_ms=f"{1e3 * measure(add_at, repeat=20):.1f}")
