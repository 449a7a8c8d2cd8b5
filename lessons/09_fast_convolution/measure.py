"""How long a convolution takes on one core, written in four ways: writes measured.json."""

import numpy as np
from solution import conv2d as shifted_products
from solution import conv2d_backward
from threadpoolctl import threadpool_limits

from minicap import conv
from minicap.learn.measure import measure, write

rng = np.random.default_rng(0)
x, W, b, dy = (rng.standard_normal(shape).astype(np.float32)
               for shape in ((1, 56, 56, 64), (3, 3, 64, 64), 64, (1, 56, 56, 64)))

with threadpool_limits(1):
    loops = min(measure(lambda: conv.conv2d_loops(x, W, b, P=1), repeat=1) for _ in range(4))
    fast = {"im2col_ms": lambda: conv.conv2d_im2col(x, W, b, P=1), "shifted_ms": lambda: shifted_products(x, W, b, P=1),
            "minicap_ms": lambda: conv.conv2d(x, W, b, P=1), "backward_ms": lambda: conv2d_backward(dy, x, W, P=1)}
    rounds = [{name: 1e3 * measure(function, repeat=15) for name, function in fast.items()} for _ in range(4)]
milliseconds = {name: min(times[name] for times in rounds) for name in fast}  # of the round least disturbed
write(__file__, loops_seconds=f"{loops:.1f}", times=f"{1e3 * loops / milliseconds['shifted_ms']:,.0f}",
      **{name: f"{value:.1f}" for name, value in milliseconds.items()})
