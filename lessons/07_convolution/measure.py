"""How long one convolution takes on one core, in loops and in minicap: writes measured.json."""

import numpy as np
from threadpoolctl import threadpool_limits

from minicap.conv import conv2d, conv2d_loops
from minicap.learn.measure import measure, write

rng = np.random.default_rng(0)
x, W, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 56, 56, 64), (3, 3, 64, 64), 64))

with threadpool_limits(1):
    loops_seconds = min(measure(lambda: conv2d_loops(x, W, b, P=1), repeat=1) for _ in range(4))
    minicap_seconds = min(measure(lambda: conv2d(x, W, b, P=1), repeat=15) for _ in range(4))
write(__file__, loops_seconds=f"{loops_seconds:.1f}", minicap_ms=f"{1e3 * minicap_seconds:.0f}")
