"""A sequence through LSTMCell, step by step, and through LSTM: writes measured.json."""

import os

os.environ["MINICAP_NUMBA"] = "0"  # what everybody has; with numba both are faster

import numpy as np

from minicap import LSTM
from minicap.learn.measure import measure, write

rng = np.random.default_rng(0)
N, T, D, H = 32, 20, 256, 256
x = rng.standard_normal((N, T, D), dtype=np.float32)
dy = rng.standard_normal((N, T, H), dtype=np.float32)
lstm = LSTM(D, H, rng=rng)


def step_by_step():
    h = c = np.zeros((N, H), np.float32)
    y, caches = [], []
    for t in range(T):
        (h, c), cache = lstm.cell.forward(x[:, t], h, c)
        y.append(h)
        caches.append(cache)
    dh = dc = np.zeros((N, H), np.float32)
    for t in reversed(range(T)):
        _, dh, dc = lstm.cell.backward((dh + dy[:, t], dc), caches[t])
    return np.stack(y, axis=1)


def sequence():
    (y, _, _), cache = lstm.forward(x)
    lstm.backward((dy, None, None), cache)
    return y


assert np.allclose(step_by_step(), sequence(), atol=1e-5)
write(__file__, cell_ms=f"{1e3 * measure(step_by_step, repeat=31):.0f}",
      lstm_ms=f"{1e3 * measure(sequence, repeat=31):.0f}")
