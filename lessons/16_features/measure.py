"""What a picture costs VGG-19 on one core, and what its features cost from a file: writes measured.json.

The weights are drawn at random: the time does not depend on them.
"""

import tempfile
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from minicap.cpu.inference import InferencePlan
from minicap.learn.measure import measure, write
from minicap.vgg import vgg19

rng = np.random.default_rng(0)
plan = InferencePlan(vgg19(rng=rng).up_to("relu7"))
x = rng.standard_normal((8, 224, 224, 3), dtype=np.float32)
with threadpool_limits(1):
    network_seconds = measure(lambda: plan(x), repeat=3) / len(x)

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "features.npy")
    np.save(path, rng.standard_normal((6000, 4096), dtype=np.float32).astype(np.float16))
    array = np.load(path, mmap_mode="r")
    rows = rng.permutation(6000)[:64]
    file_seconds = measure(lambda: array[rows].astype(np.float32), repeat=50) / len(rows)

epochs, pictures = 8, 6000
write(__file__, network_ms=f"{1e3 * network_seconds:.0f}", file_us=f"{1e6 * file_seconds:.0f}",
      times=f"{network_seconds / file_seconds:,.0f}", hours=f"{epochs * pictures * network_seconds / 3600:.1f}",
      minutes=f"{pictures * network_seconds / 60:.0f}", seconds=f"{epochs * pictures * file_seconds:.1f}")
