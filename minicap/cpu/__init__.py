"""Fast twins for the CPU: the same mathematics as the layers, arranged for caches and cores.

``TWINS`` names the file of each op's twin (see :func:`minicap.backend.op`). Twins compute in float32 and leave
everything else, such as the gradient check's float64, to the plain function. Their inner loops are NumPy's; where numba
is installed, the loops in ``compiled/`` replace them.
"""

from .memory import keep_freed_memory

TWINS = {
    "change_each": "pointwise",
    "relu_backward": "activations",
    "relu6_backward": "activations",
    "segment_sum": "linear",
    "times_transpose": "linear",
    "conv2d": "conv",
    "conv2d_backward": "conv",
    "max_pool2d": "pooling",
    "max_pool2d_backward": "pooling",
    "depthwise_conv2d": "depthwise",
    "depthwise_conv2d_backward": "depthwise",
    "channel_moments": "normalization",
    "batch_norm": "normalization",
    "batch_norm_backward": "normalization",
    "gates_forward": "recurrent",
    "lstm_steps": "recurrent",
    "lstm_steps_backward": "recurrent",
    "prepare_keys": "attention",
    "attention_scores": "attention",
    "attention_scores_backward": "attention",
    "weighted_sum": "attention",
    "weighted_sum_backward": "attention",
    "slot_for": "optim",
    "sum_of_squares": "optim",
    "log_softmax": "losses",
    "softmax_cross_entropy": "losses",
    "softmax_cross_entropy_backward": "losses",
}

keep_freed_memory()
