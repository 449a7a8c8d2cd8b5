"""What it brings to take x W and dW out of the time loop: writes measured.json."""

import numpy as np

from minicap.learn.measure import measure, write

rng = np.random.default_rng(0)
T, N, D, H = 20, 8, 256, 256
x, W = rng.standard_normal((T, N, D), dtype=np.float32), rng.standard_normal((D, H), dtype=np.float32)
da = rng.standard_normal((T, N, H), dtype=np.float32)


def dw_in_steps():
    dW = np.zeros_like(W)
    for t in range(T):
        dW += x[t].T @ da[t]
    return dW


def dw_at_once():
    return x.reshape(T * N, D).T @ da.reshape(T * N, H)


assert np.allclose(dw_in_steps(), dw_at_once(), atol=1e-3)
write(__file__, **{name: f"{1e3 * measure(function, repeat=100):.2f}" for name, function in {
    "xw_in_steps_ms": lambda: [x[t] @ W for t in range(T)],
    "xw_at_once_ms": lambda: x.reshape(T * N, D) @ W,
    "dw_in_steps_ms": dw_in_steps,
    "dw_at_once_ms": dw_at_once}.items()})
