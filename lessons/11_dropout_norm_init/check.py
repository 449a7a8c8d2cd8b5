"""What lesson 11 asks for."""

from functools import partial
from types import SimpleNamespace

import numpy as np

from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise, gradient_exercise
from minicap.learn.recurring import after_forward, without_cache

# --------------------------------------------------------------------------------------------------------------- 11.1


def fan_in(shape):
    return np.prod(shape[:-1])


def fan_out(shape):
    return np.prod(shape[:-2]) * shape[-1]


def std(count, of=lambda count: np.sqrt(2 / count)):
    """What comes out, of several shapes, where so many numbers are counted."""
    return lambda *shapes: np.array([of(count(shape)) for shape in shapes])


def shapes_of(rng):
    """Two linear layers, one wide and one narrow, and two convolutions."""
    d, h, c, f = (int(n) for n in rng.choice(np.arange(4, 90), 4, replace=False))
    return (d, h), (h, 2 * d + 1), (3, 3, c, f), (5, 5, f, 2 * c + 1)


HE_STD = Exercise(
    "11.1", "he_std", ("std",), std(fan_in), example=(((8, 3), (5, 5, 2, 7)), np.array([0.5, 0.2])), cases=shapes_of,
    call=lambda module, *shapes: np.array([float(module.he_std(shape)) for shape in shapes]),
    mistakes=[
        ("the variance", "It is 2 / fan_in, the variance. A standard deviation is its square root.",
         std(fan_in, lambda count: 2 / count)),
        ("without the 2", "It is sqrt(1 / fan_in), right before a layer without ReLU. A ReLU drops half of the square; "
         "the 2 makes up for it.", std(fan_in, lambda count: np.sqrt(1 / count))),
        ("the root of 2 alone", "It is sqrt(2) / fan_in. The whole fraction is under the root: sqrt(2 / fan_in).",
         std(fan_in, lambda count: np.sqrt(2) / count)),
        ("the first size is left out", "It is sqrt(2 / product of shape[1:]), the fan-in of PyTorch's (F, C, K, K). "
         "Here the outputs come last: leave out the last size.", std(lambda shape: np.prod(shape[1:]))),
        ("the outputs are counted", "It is sqrt(2 / number of outputs). An output is a sum over its inputs: count "
         "those.",
         std(fan_out)),
        ("the channels out are counted", "It is sqrt(2 / last size). An output is a sum over its inputs: count those.",
         std(lambda shape: shape[-1])),
        ("the first size is taken", "It is sqrt(2 / shape[0]), for a convolution the kernel's height. An output sees K "
         "· K · C numbers.", std(lambda shape: shape[0])),
        ("the pixels of the window are not counted", "For a convolution it is sqrt(2 / C). One output sees a window of "
         "K x K pixels, K · K · C numbers.", std(lambda shape: shape[-2])),
        ("the channels are not counted", "For a convolution it is sqrt(2 / K²). One output sees all C channels of the "
         "window, K · K · C numbers.", std(lambda shape: np.prod(shape[:-2] or shape[:1]))),
        ("all weights are counted", "It is sqrt(2 / number of all weights). One output sees only its own: leave out "
         "the last size.", std(np.prod)),
        ("inputs and outputs together", "It is sqrt(2 / (fan_in + fan_out)), Glorot's proposal for tanh. He's counts "
         "the inputs alone.", std(lambda shape: fan_in(shape) + fan_out(shape))),
    ])


# ------------------------------------------------------------------------------------------------------- 11.2 and 11.3

EVERYWHERE = (0, 1, 2)


def batch_norm(x, gamma, beta, eps, *, axes=EVERYWHERE, factor=lambda x, var, eps: 1 / np.sqrt(var + eps)):
    """As it should be, or normalised over other axes or by another factor."""
    mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    return gamma * ((x - mean) * factor(x, var, eps)) + beta


def pictures(rng):
    """Four channels, one of them loud, one nearly silent, so that ε counts."""
    x = rng.standard_normal((3, 2, 5, 4)) * np.array([1, 4, 0.01, 0.5]) + np.array([0, 3, 0.02, -2])
    return x, rng.uniform(0.5, 2, 4), rng.standard_normal(4), float(rng.uniform(2e-5, 2e-4))


def pictures_and_dy(rng):
    x = rng.standard_normal((3, 2, 4, 2)) * np.array([0.7, 2]) + np.array([1, -2])
    return x, rng.uniform(0.5, 2, 2), rng.standard_normal(2), rng.standard_normal(x.shape)


def one_channel(*numbers):
    """Two pictures of 1 x 2 pixels."""
    return np.array(numbers, float).reshape(2, 1, 2, 1)


EXAMPLE = one_channel(0, 2, -6, 8), np.array([10.0]), np.array([1.0])

BATCH_NORM_FORWARD = Exercise(
    "11.2", "batch_norm_forward", ("y",), batch_norm,
    example=((*EXAMPLE, 0.0), one_channel(-1, 3, -13, 15)), cases=pictures,
    call=without_cache("batch_norm_forward", "y"),
    mistakes=[
        ("each pixel by itself", "Mean and variance are those of each pixel, axis=0. A channel is normalised over "
         "batch and pixels: axis=(0, 1, 2).", partial(batch_norm, axes=(0,))),
        ("each picture by itself", "Mean and variance are those of each picture, as in instance norm. Batch norm takes "
         "the whole batch: axis=(0, 1, 2).", partial(batch_norm, axes=(1, 2))),
        ("over the channels", "Mean and variance are taken over the channels, as in layer norm. Here each channel has "
         "its own: axis=(0, 1, 2).", partial(batch_norm, axes=(3,))),
        ("all channels together", "One mean and one variance were taken of everything. Each channel has its own: "
         "axis=(0, 1, 2).", partial(batch_norm, axes=(0, 1, 2, 3))),
        ("the mean is not subtracted", "x was divided by its standard deviation, and the mean is still in it: (x - μ).",
         lambda x, gamma, beta, eps: gamma * (x / np.sqrt(x.var(axis=EVERYWHERE) + eps)) + beta),
        ("divided by the variance", "x - μ was divided by σ² + ε. Divide by its square root.",
         partial(batch_norm, factor=lambda x, var, eps: 1 / (var + eps))),
        ("multiplied by the standard deviation", known.multiplied("x - μ", "sqrt(σ² + ε)"),
         partial(batch_norm, factor=lambda x, var, eps: np.sqrt(var + eps))),
        ("1e-5 is written in", "ε is always 0.00001. It is an argument: take eps, whose default is 1e-5.",
         lambda x, gamma, beta: batch_norm(x, gamma, beta, 1e-5)),
        ("ε is missing", "ε was not added. Where all pixels of a channel are nearly the same, σ² is nearly 0, and "
         "dividing by it amplifies noise.", partial(batch_norm, factor=lambda x, var, eps: 1 / np.sqrt(var))),
        ("ε is added to the standard deviation", "ε was added to σ. It is added to σ², inside the root: sqrt(σ² + ε).",
         partial(batch_norm, factor=lambda x, var, eps: 1 / (np.sqrt(var) + eps))),
        ("divided by one less", "The variance was divided by M - 1 (ddof=1). In a layer it is a plain mean of M "
         "squares.", partial(batch_norm, factor=lambda x, var, eps: 1 / np.sqrt(x.var(axis=EVERYWHERE, ddof=1) + eps))),
        ("the mean square", "The variance was taken as the mean of x². It is the mean of (x - μ)².",
         partial(batch_norm, factor=lambda x, var, eps: 1 / np.sqrt((x * x).mean(axis=EVERYWHERE) + eps))),
        ("γ is missing", "It is (x - μ) / sqrt(σ² + ε) + β: multiply by gamma.",
         lambda x, beta, eps: batch_norm(x, 1, beta, eps)),
        ("β is missing", "It is γ (x - μ) / sqrt(σ² + ε): add beta.",
         lambda x, gamma, eps: batch_norm(x, gamma, 0, eps)),
        ("γ and β are missing", "It is (x - μ) / sqrt(σ² + ε), without gamma and beta.",
         lambda x, eps: batch_norm(x, 1, 0, eps)),
        ("γ and β changed places", "It is β (x - μ) / sqrt(σ² + ε) + γ. gamma scales, beta shifts.",
         lambda x, gamma, beta, eps: batch_norm(x, beta, gamma, eps)),
        ("γ times β as well", "It is γ ((x - μ) / sqrt(σ² + ε) + β). beta is added at the end and is not scaled.",
         lambda x, gamma, beta, eps: gamma * batch_norm(x, 1, beta, eps)),
    ])


def parts(x, gamma, beta, dy, eps=1e-5):
    """Everything dx is made of; ``mean`` and ``along`` are the means of dy and of dy x̂ in each channel."""
    scale = 1 / np.sqrt(x.var(axis=EVERYWHERE) + eps)
    x_hat = (x - x.mean(axis=EVERYWHERE)) * scale
    mean, along = dy.mean(axis=EVERYWHERE), (dy * x_hat).mean(axis=EVERYWHERE)
    return SimpleNamespace(x=x, x_hat=x_hat, scale=scale, gamma=gamma, dy=dy, mean=mean, along=along,
                           right=dy - mean - x_hat * along, N=len(x), C=x.shape[-1], M=x.size // x.shape[-1])


def dx_of(formula):
    return lambda *inputs: formula(parts(*inputs))


def dy_minus(formula):
    """dx where something else than mean and part along x̂ is subtracted from dy."""
    return dx_of(lambda p: p.gamma * p.scale * (p.dy - formula(p)))


def gradients(*inputs):
    p = parts(*inputs)
    return p.gamma * p.scale * p.right, p.M * p.along, p.M * p.mean


BATCH_NORM_BACKWARD = gradient_exercise(
    "11.3", "batch_norm_backward", lambda x, gamma, beta: batch_norm(x, gamma, beta, 1e-5),
    {"dx": 0, "dgamma": 1, "dbeta": 2}, cases=pictures_and_dy, needs=("batch_norm_forward",),
    example=((*EXAMPLE, one_channel(1, 0, 0, 0)), gradients(*EXAMPLE, one_channel(1, 0, 0, 0))),
    call=after_forward("batch_norm_backward", "batch_norm_forward"),
    mistakes={"dx": [
        ("μ and σ² are taken for constants", "dx is γ dy / sqrt(σ² + ε), right if μ and σ² are fixed. Here x moves "
         "them: subtract the mean of dy and its part along x̂.", dy_minus(lambda p: 0)),
        ("the road through σ² is missing", "dy lost its mean, but not its part along x̂. Every x moves σ², too: "
         "subtract x̂ · mean(dy x̂).", dy_minus(lambda p: p.mean)),
        ("the road through μ is missing", "dy lost its part along x̂, but not its mean. Every x moves μ, too: subtract "
         "mean(dy).", dy_minus(lambda p: p.x_hat * p.along)),
        ("the roads have the wrong sign", "The mean of dy and its part along x̂ were added. They are what the "
         "normalisation takes away: subtract.", dy_minus(lambda p: -p.mean - p.x_hat * p.along)),
        ("the road through σ² has the wrong sign", "x̂ · mean(dy x̂) was added. It has to be subtracted like the mean.",
         dy_minus(lambda p: p.mean - p.x_hat * p.along)),
        ("half of the road through σ²", "Only half of x̂ · mean(dy x̂) is subtracted. The 2 of the square (x - μ)² and "
         "the 1/2 of the root cancel; the 2 is missing.", dy_minus(lambda p: p.mean + p.x_hat * p.along / 2)),
        ("twice the road through σ²", "Twice x̂ · mean(dy x̂) is subtracted. The 2 of the square (x - μ)² and the 1/2 "
         "of the root cancel; the 1/2 is missing.", dy_minus(lambda p: p.mean + 2 * p.x_hat * p.along)),
        ("x̂ is missing in the road through σ²", "mean(dy x̂) was subtracted everywhere. Each x moves σ² as far as it "
         "is from μ: times x̂.", dy_minus(lambda p: p.mean + p.along)),
        ("sums instead of means", "dbeta and dgamma, which are sums, were subtracted. Divide them by M = N · H · W "
         "first.", dy_minus(lambda p: p.M * (p.mean + p.x_hat * p.along))),
        ("divided by the batch instead of all pixels",
         known.divided_by("Each sum", "N", "M = N · H · W, the numbers of a channel"),
         dy_minus(lambda p: (p.mean + p.x_hat * p.along) * p.M / p.N)),
        ("divided by everything",
         known.divided_by("Each sum", "the number of all numbers in dy", "M = N · H · W, those of a channel"),
         dy_minus(lambda p: (p.mean + p.x_hat * p.along) / p.C)),
        ("γ is missing", "dx is that of x̂ alone. y is γ x̂ + β, so the gradient of x̂ is γ dy.",
         dx_of(lambda p: p.scale * p.right)),
        ("the standard deviation is missing", "dx is not divided by sqrt(σ² + ε). x̂ is (x - μ) / sqrt(σ² + ε), and so "
         "is its slope.", dx_of(lambda p: p.gamma * p.right)),
        ("multiplied by the standard deviation", known.multiplied("dx", "sqrt(σ² + ε)"),
         dx_of(lambda p: p.gamma / p.scale * p.right)),
        ("dgamma without x̂", "dx was made with dbeta in place of dgamma, or dgamma without x̂: it is sum dy x̂.",
         dy_minus(lambda p: p.mean + p.x_hat * p.mean)),
        ("x in place of x̂", "The part along x was taken, not along x̂ = (x - μ) / sqrt(σ² + ε).",
         dy_minus(lambda p: p.mean + p.x * (p.dy * p.x).mean(axis=EVERYWHERE))),
    ], "dgamma": [
        ("dgamma without x̂", "dgamma is the sum of dy, which is dbeta. gamma was multiplied by x̂: sum dy x̂.",
         lambda dy: dy.sum(axis=EVERYWHERE)),
        ("dgamma from x", "dgamma is the sum of dy x. gamma was multiplied by x̂, what is left after normalising.",
         lambda x, dy: (dy * x).sum(axis=EVERYWHERE)),
        ("dgamma from y", "dgamma is the sum of dy y. gamma was multiplied by x̂, which is y before gamma and beta.",
         lambda x, gamma, beta, dy: (dy * batch_norm(x, gamma, beta, 1e-5)).sum(axis=EVERYWHERE)),
        ("dgamma is a mean", known.mean("dgamma", "the M numbers of a channel"),
         lambda right, gamma, dy: right * gamma.size / dy.size),
        ("dgamma not summed over the pixels",
         known.partly_summed("dgamma", "the batch", "every pixel", "axis=(0, 1, 2)"),
         lambda x, gamma, beta, dy: (dy * parts(x, gamma, beta, dy).x_hat).sum(axis=0)),
    ], "dbeta": [
        ("dbeta is a mean", known.mean("dbeta", "the M numbers of a channel"),
         lambda right, beta, dy: right * beta.size / dy.size),
        ("dbeta not summed over the pixels", known.partly_summed("dbeta", "the batch", "every pixel", "axis=(0, 1, 2)"),
         lambda dy: dy.sum(axis=0)),
    ]})


# --------------------------------------------------------------------------------------------------------------- 11.4

def masked(factor):
    """(y, dx) with factor(kept, drop) in place of the scaled mask."""
    return lambda x, dy, noise, drop: (x * factor(noise >= drop, drop), dy * factor(noise >= drop, drop))


def noisy(rng):
    """x, in which a kept number is 0, dy, the noise, one number of which is drop itself, and drop."""
    drop, noise = float(rng.uniform(0.2, 0.45)), rng.random((4, 7))
    noise[2, 3] = drop
    x = rng.standard_normal((4, 7))
    x[0, noise[0].argmax()] = 0  # of what is kept, as after a ReLU
    return x, rng.standard_normal((4, 7)), noise, drop


DROPOUT = Exercise(
    "11.4", "dropout", ("y", "dx"), masked(lambda kept, drop: kept / (1 - drop)),
    example=((np.array([[10.0, 20.0, 30.0]]), np.array([[1.0, 2.0, 3.0]]), np.array([[0.9, 0.1, 0.5]]), 0.2),
             (np.array([[12.5, 0, 37.5]]), np.array([[1.25, 0, 3.75]]))),
    cases=noisy,
    mistakes={"y": [
        ("everything is kept", "Nothing was dropped.", lambda x: x),
        ("the noise itself is the mask", "x was multiplied by the noise. The noise only decides whether an element is "
         "kept: noise >= drop is 1 or 0.", lambda x, noise, drop: x * noise / (1 - drop)),
    ], "dx": [
        ("dx is dy", "dx is dy. A dropped element has not moved the loss: its gradient is 0. That of the others is "
         "divided by 1 - drop.", lambda dy: dy),
        ("dx is 0 where x is", "dx is 0 where y is 0. A kept element may be 0 by itself, and its gradient is that of "
         "the others: use the mask of the forward pass.", lambda right, x: right * (x != 0)),
        ("x is in the gradient", "dx is dy times y. y is x times the mask, so the slope is the mask alone.",
         lambda right, x: right * x),
    ], ("y", "dx"): [
        ("what equals drop is dropped", "An element whose noise is exactly drop was dropped. Only those whose noise "
         "is less than drop are dropped: noise >= drop is kept.",
         lambda x, dy, noise, drop: tuple(a * (noise > drop) / (1 - drop) for a in (x, dy))),
        ("not divided by what is kept", "It is not divided by 1 - drop, and is smaller on average than before: divide "
         "what is kept by the fraction that is kept.", masked(lambda kept, drop: kept)),
        ("divided by drop", "What is kept was divided by drop. The fraction that is kept is 1 - drop.",
         masked(lambda kept, drop: kept / drop)),
        ("multiplied instead of divided", "What is kept was multiplied by 1 - drop. Fewer elements are left, so each "
         "has to be larger: divide.", masked(lambda kept, drop: kept * (1 - drop))),
        ("kept and dropped changed places", "What should be dropped is kept, and the other way round. An element is "
         "dropped where its noise is less than drop.", masked(lambda kept, drop: ~kept / (1 - drop))),
        ("kept and dropped changed places, and drop for 1 - drop", "An element was kept where its noise is less than "
         "drop, and divided by drop. drop is the probability of being dropped, not of being kept.",
         masked(lambda kept, drop: ~kept / drop)),
        ("drop and 1 - drop changed places", "drop was taken for the probability of being kept. What is kept has "
         "noise >= drop, and is divided by 1 - drop.",
         lambda x, dy, noise, drop: tuple(a * (noise >= 1 - drop) / drop for a in (x, dy))),
        ("everything is kept and divided", "Nothing was dropped, and everything divided by 1 - drop.",
         masked(lambda kept, drop: np.ones(kept.shape) / (1 - drop))),
    ]})

EXERCISES = (HE_STD, BATCH_NORM_FORWARD, BATCH_NORM_BACKWARD, DROPOUT)
