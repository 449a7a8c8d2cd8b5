"""The inner loops of the CPU's twins as machine code, by numba (``pip install '.[fast]'``); nothing needs them.

NumPy makes one pass over memory for every step of a formula, even if each pass stays in the cache. Numba compiles the
same formula, written as the loop it means, into a single pass with vector instructions. What stands here is only that:
which blocks there are, and which core takes them, is said in the files of the same names one folder above.

``TWINS`` says in which file the twin of a function stands (see :func:`minicap.backend.op`). MINICAP_NUMBA=0 in the
environment does without them. The machine code is kept on disk by numba: it is compiled once.
"""

TWINS = {
    "mask": "activations",
    "segment_sum": "linear",
    "largest_of_windows": "pooling",
    "hand_back": "pooling",
    "sums_of_powers": "normalization",
    "scale_and_shift": "normalization",
    "sums_of_gradients": "normalization",
    "combine": "normalization",
    "gates_": "recurrent",
    "gates_backward_": "recurrent",
    "scores_of_regions": "attention",
    "scores_of_regions_backward": "attention",
    "exponentials": "losses",
    "adam_": "optim",
    "approach": "optim",
    "most_probable": "beam_search",
    "transform_input": "winograd",
    "transform_output": "winograd",
    "transform_output_gradient": "winograd",
}
