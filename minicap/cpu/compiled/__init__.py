"""The inner loops of the CPU's twins, compiled by numba (``pip install '.[fast]'``). They are optional.

NumPy makes one pass over memory for every step of a formula, even if each pass stays in the cache. Numba compiles the
same formula, written as an explicit loop, into a single pass with vector instructions. Only these loops are here; the
files of the same names one folder up divide the work into blocks and distribute them over the cores.

``TWINS`` names the file of each twin (see :func:`minicap.backend.op`). MINICAP_NUMBA=0 in the environment turns them
off. Numba caches the machine code on disk, so it is compiled only once.
"""

TWINS = {
    "add_and_limit": "activations",
    "add_and_limit_into": "activations",
    "mask": "activations",
    "mask6": "activations",
    "segment_sum": "linear",
    "largest_of_windows": "pooling",
    "scatter_to_maximum": "pooling",
    "filter_strip": "depthwise",
    "kernel_gradient_of_strip": "depthwise",
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
    "lerp_": "optim",
    "most_probable": "beam_search",
    "transform_input": "winograd",
    "transform_output": "winograd",
    "transform_output_gradient": "winograd",
}
