"""Fast twins for the CPU: the same mathematics as the layers, arranged for caches and cores.

``TWINS`` says in which file the twin of an op stands (see :func:`minicap.backend.op`). They compute in float32 and
leave everything else, the gradient check's float64 for one, to the plain function. Their inner loops are NumPy; where
numba is installed, those of ``compiled/`` stand in for them.
"""

from .memory import keep_freed_memory

TWINS = {
    "pointwise": "pointwise",
    "relu_backward": "activations",
    "segment_sum": "linear",
    "conv2d": "conv",
    "conv2d_backward": "conv",
    "max_pool2d": "pooling",
    "max_pool2d_backward": "pooling",
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
    "sum_of_squares": "optim",
    "log_softmax": "losses",
    "softmax_cross_entropy": "losses",
    "softmax_cross_entropy_backward": "losses",
}

keep_freed_memory()
