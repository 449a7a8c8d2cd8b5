"""Softmax and cross-entropy as one layer, because their gradient together is simpler than either alone."""

from .backend import Array, array_module, op
from .layer import Cache, Layer, expect_shape


@op
def log_softmax(logits):
    """logits - log Σ exp(logits) over the last axis; the maximum is subtracted first, so nothing overflows."""
    xp = array_module(logits)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))


@op
def softmax_cross_entropy(logits, targets, smoothing=0.0):
    """(probabilities (M, V), loss of each sample (M,)); see :class:`SoftmaxCrossEntropy`."""
    xp = array_module(logits, targets)
    shifted = logits - logits.max(axis=1, keepdims=True)
    p = xp.exp(shifted)
    total = p.sum(axis=1)
    loss = xp.log(total) - (1 - smoothing) * shifted[xp.arange(len(p)), targets]
    if smoothing:
        loss -= smoothing * shifted.mean(axis=1)
    p /= total[:, None]
    return p, loss


@op
def softmax_cross_entropy_backward(p, targets, dloss, smoothing=0.0):
    """dlogits, written over the probabilities. dloss: (M,), the gradient of each sample's loss."""
    p -= smoothing / p.shape[1]
    p[array_module(p).arange(len(p)), targets] -= 1 - smoothing
    p *= dloss[:, None]
    return p


class SoftmaxCrossEntropy(Layer):
    """The mean, over the samples that count, of -log softmax(logits)[target].

    logits: (M, V), targets: (M,) integers, mask: (M,) bool or None (all count); the loss is a 0-d array. With label
    smoothing ε the target is (1 - ε) one-hot + ε/V everywhere (Szegedy et al. 2016, section 7). The gradient is simply
    (probability - target) / number of samples. Derived in lesson 4, lessons/04_softmax.

    ``weight`` (M,), of any signs, replaces the mean: Σ_m weight_m · -log softmax(logits_m)[target_m].

    ``soft`` = (q, τ) are the probabilities q (M, V) of a teacher, each row with the sum 1, which take a part τ of the
    target's place: (1 - τ) one-hot + τ q (knowledge distillation, Hinton et al. 2015, at temperature 1).
    """

    def __init__(self, label_smoothing: float = 0.0):
        self.label_smoothing = label_smoothing

    def forward(self, logits: Array, targets: Array, mask: Array | None = None, *, weight: Array | None = None,
                soft: tuple[Array, float] | None = None) -> tuple[Array, Cache]:
        expect_shape(self, logits, "MV", "logits")
        M, V = logits.shape
        expect_shape(self, targets, "M", "targets", M=M)
        if mask is not None:
            expect_shape(self, mask, "M", "mask", M=M)  # (M, 1) would silently broadcast to (M, M) weights
        xp = array_module(logits, targets, mask)
        if weight is None:
            weight = xp.full(M, 1 / M) if mask is None else mask / xp.maximum(mask.sum(), 1)  # all masked: loss 0
        expect_shape(self, weight, "M", "weight", M=M)
        weight = weight.astype(logits.dtype)
        p, losses = softmax_cross_entropy(logits, targets, self.label_smoothing)
        if soft is None:
            return (losses * weight).sum(), Cache(p=p, targets=targets, weight=weight)
        q, tau = soft
        expect_shape(self, q, "MV", "q", M=M, V=V)
        losses = (1 - tau) * losses - tau * (q * log_softmax(logits)).sum(axis=1)
        return (losses * weight).sum(), Cache(p=p, targets=targets, weight=weight, soft=soft)

    def backward(self, dloss: float | Array, cache: Cache) -> tuple[Array, None]:
        """dloss: the gradient of the loss itself, usually 1. Returns (dlogits, None): integers have no gradient."""
        p, targets, weight, *soft = cache.spend(self)
        dlosses = weight * dloss
        if not soft:
            return softmax_cross_entropy_backward(p, targets, dlosses, self.label_smoothing), None
        ((q, tau),) = soft
        dq = (p - q) * (tau * dlosses)[:, None]
        return dq + softmax_cross_entropy_backward(p, targets, (1 - tau) * dlosses, self.label_smoothing), None

    def __call__(self, logits: Array, targets: Array, mask: Array | None = None) -> Array:
        """The loss without label smoothing, which is for training only: exp of this is the perplexity."""
        return SoftmaxCrossEntropy().forward(logits, targets, mask)[0]

    def __repr__(self):
        return f"SoftmaxCrossEntropy({f'label_smoothing={self.label_smoothing}' if self.label_smoothing else ''})"
