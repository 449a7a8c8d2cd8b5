"""How long one convolution takes on one core, with and without Winograd: writes measured.json."""

import numpy as np
from solution import winograd_conv as two_by_two
from threadpoolctl import threadpool_limits

from minicap.conv import conv2d, conv2d_im2col
from minicap.cpu.winograd import transform_kernel, winograd_conv
from minicap.learn.measure import measure, write

rng = np.random.default_rng(0)
x, W, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 28, 28, 256), (3, 3, 256, 256), 256))
U = transform_kernel(W)

with threadpool_limits(1):
    ways = {"im2col_ms": lambda: conv2d_im2col(x, W, b, P=1), "rows_ms": lambda: conv2d.plain(x, W, b, P=1),
            "two_by_two_ms": lambda: two_by_two(x, W, b), "minicap_ms": lambda: winograd_conv(x, U, b)}
    rounds = [{name: 1e3 * measure(function, repeat=15) for name, function in ways.items()} for _ in range(4)]
milliseconds = {name: min(times[name] for times in rounds) for name in ways}  # of the round least disturbed
write(__file__, **{name: f"{value:.0f}" for name, value in milliseconds.items()})
