"""Deep learning by hand: convolution, LSTM and image captioning on NumPy and CuPy.

    from minicap import Captioner, vgg19, Conv2d, check_gradients

Names are imported when they are first used, so that ``import minicap`` takes almost no time.
"""

import importlib
import os

from . import interrupt, started

if started.is_program():
    interrupt.end_at_once()  # before the slow imports begin
    from . import missing

    missing.explain_at_end()
# After a matrix product, OpenBLAS's threads keep their cores busy for 2^26 clock ticks in case another one comes, while
# our own threads (minicap/cpu/threads.py) wait. OpenBLAS reads this when NumPy is loaded: import minicap first.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "18")

__version__ = "0.1.0"

_HOMES = {
    "activations": ("Dropout", "ReLU", "ReLU6", "Sigmoid", "Tanh"),
    "backend": ("array_module", "get_device", "to_numpy"),
    "captioning.captioner": ("Captioner",),
    "captioning.ensemble": ("with_mirror",),
    "conv": ("Conv2d",),
    "depthwise": ("DepthwiseConv2d",),
    "efficientnet": ("efficientnet_lite",),
    "errors": ("UserError",),
    "gradcheck": ("assert_gradients", "check_gradients"),
    "gradcheck_layers": ("check_layers",),
    "layer": ("Buffer", "Cache", "Layer", "Parameter", "Residual", "Sequential"),
    "linear": ("Embedding", "Flatten", "Linear"),
    "losses": ("SoftmaxCrossEntropy",),
    "normalization": ("BatchNorm2d", "L2Normalize"),
    "optim": ("SGD", "Adam", "RMSProp", "clip_gradients"),
    "pooling": ("AvgPool2d", "MaxPool2d"),
    "recurrent": ("LSTM", "LSTMCell"),
    "vgg": ("vgg11", "vgg13", "vgg16", "vgg19"),
    "weights": ("read_weights",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module 'minicap' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def __dir__():
    return sorted([*globals(), *__all__])
