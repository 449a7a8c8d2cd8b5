"""Fast twins for the CPU: the same mathematics as the layers, arranged for caches and cores.

``TWINS`` says in which file the twin of an op stands (see :func:`minicap.backend.op`). They compute in float32 and
leave everything else, the gradient check's float64 for one, to the plain function.
"""

TWINS = {
    "conv2d": "conv",
    "conv2d_backward": "conv",
    "lstm_steps": "recurrent",
    "lstm_steps_backward": "recurrent",
}
