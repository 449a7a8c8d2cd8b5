"""Fast twins for NVIDIA GPUs: what neither CuPy's functions nor its fusion can say, as CUDA C++ kernels.

``TWINS`` says in which file the twin of an op stands (see :func:`minicap.backend.op`). The kernels are the .cu files in
this folder; kernels.py compiles and calls them. Matrix products stay cuBLAS's, called through CuPy. They compute in
float32 and leave everything else, the gradient check's float64 for one, to the plain function.

Every kernel adds in a fixed order and none uses atomics, so the same numbers come out of every run on the same GPU
(cuBLAS promises the same for its products): there is no deterministic mode to switch on.
"""

TWINS = {
    "segment_sum": "linear",
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
    "gates_backward": "recurrent",
    "lstm_steps": "recurrent",
    "lstm_steps_backward": "recurrent",
    "log_softmax": "losses",
    "softmax_cross_entropy": "losses",
    "softmax_cross_entropy_backward": "losses",
}
