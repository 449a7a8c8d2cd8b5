"""``--scaling``: how cost grows with the batch, the threads, the side of the image and the vocabulary."""

from .rows.convolution import VGGInference
from .rows.layers import SoftmaxCrossEntropyTrain

NOTE = ("Times are per image: they stay the same where the batch grows if cost is proportional, halve with twice the "
        "threads, grow fourfold with twice the side. Those of a vocabulary are per batch of 64 x 20 words.")


def _vgg(name, N, **options):
    return VGGInference(name=f"vgg16_inference {name}", unit="image", units=N, N=N, **options)


SCALING = (
    *(_vgg(f"batch={N}", N) for N in (1, 4, 16, 64)),
    *(_vgg(f"threads={threads}", 8, threads=threads) for threads in (1, 2)),
    *(_vgg(f"side={side}", 1, side=side) for side in (112, 224, 448)),
    *(SoftmaxCrossEntropyTrain(name=f"softmax_ce_train V={V}", V=V) for V in (1_000, 3_000, 10_000, 30_000)),
)
