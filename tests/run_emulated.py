"""Run a program on the emulated GPU: ``--device cuda`` then means tests/emulator.py, in worker processes too.

    python tests/run_emulated.py [--tiny-vgg] MODULE [ARGUMENT ...]

With ``--tiny-vgg`` a VGG has a handful of channels and sees 32 x 32 pixels (tests/tiny_vgg.py).
"""

import os
import runpy
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import emulator  # noqa: E402
import pytest  # noqa: E402
import strict  # noqa: E402
import tiny_vgg  # noqa: E402

from minicap import backend  # noqa: E402

# A spawned worker imports this file too, under another name: so what follows is at the top level.
_get_device = backend.get_device
backend.register_array_type(strict.StrictArray, emulator.xp)
backend.get_device = lambda name="auto": (
    emulator.DEVICE if str(name).startswith(("cuda", "emulated")) else _get_device(name))


if "--tiny-vgg" in sys.argv[1:2]:
    os.environ["MINICAP_TINY_VGG"] = "1"
    del sys.argv[1]
if os.environ.get("MINICAP_TINY_VGG"):
    tiny_vgg.shrink(pytest.MonkeyPatch(), size=32)

if __name__ == "__main__":
    if emulator.problem():
        sys.exit(emulator.problem())
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=False)
