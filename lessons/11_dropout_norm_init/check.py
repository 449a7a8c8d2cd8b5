"""What lesson 11 asks for."""

from types import SimpleNamespace

import numpy as np

from minicap.learn.exercises import Exercise, Mistake, gradient_exercise

# --------------------------------------------------------------------------------------------------------------- 11.1


def for_each(number):
    """A function of one shape as a function of several."""
    return lambda *shapes: np.array([number(*shape) for shape in shapes])


def instead(number):
    return lambda right, *shapes: for_each(number)(*shapes)


def shapes_of(rng):
    """Two linear layers, one wide and one narrow, and two convolutions."""
    d, h, c, f = (int(n) for n in rng.choice(np.arange(4, 90), 4, replace=False))
    return (d, h), (h, 2 * d + 1), (3, 3, c, f), (5, 5, f, 2 * c + 1)


def conv(*shape):
    return len(shape) > 2


def fan_in(*shape):
    return np.prod(shape[:-1])


def fan_out(*shape):
    return np.prod(shape[:-2]) * shape[-1]


HE_STD = Exercise(
    "11.1", "he_std", ("std",), for_each(lambda *shape: np.sqrt(2 / fan_in(*shape))),
    example=(((8, 3), (5, 5, 2, 7)), np.array([0.5, 0.2])), cases=shapes_of,
    call=lambda module, *shapes: np.array([float(module.he_std(shape)) for shape in shapes]),
    mistakes=(
        Mistake("the variance", "It is 2 / fan_in, the variance. A standard deviation is its square root.",
                instead(lambda *shape: 2 / fan_in(*shape))),
        Mistake("without the 2", "It is sqrt(1 / fan_in), which is right in front of a layer without ReLU. A ReLU "
                "throws half of the square away, and the 2 makes up for it.",
                instead(lambda *shape: np.sqrt(1 / fan_in(*shape)))),
        Mistake("the outputs are counted", "It is sqrt(2 / number of outputs). What adds up in one output are its "
                "inputs.", instead(lambda *shape: np.sqrt(2 / fan_out(*shape)))),
        Mistake("the channels out are counted", "It is sqrt(2 / last size). What adds up in one output are its inputs.",
                instead(lambda *shape: np.sqrt(2 / shape[-1]))),
        Mistake("the first size is taken", "It is sqrt(2 / shape[0]). That is the number of inputs of a linear layer; "
                "of a convolution it is the kernel's height. An output sees K · K · C numbers.",
                instead(lambda *shape: np.sqrt(2 / shape[0]))),
        Mistake("the pixels of the window are not counted", "For a convolution it is sqrt(2 / C). One output sees a "
                "window of K x K pixels, K · K · C numbers.", instead(lambda *shape: np.sqrt(2 / shape[-2]))),
        Mistake("the channels are not counted", "For a convolution it is sqrt(2 / K²). One output sees all C channels "
                "of the window, K · K · C numbers.",
                instead(lambda *shape: np.sqrt(2 / np.prod(shape[:-2] if conv(*shape) else shape[:1])))),
        Mistake("all weights are counted", "It is sqrt(2 / number of all weights). One output sees only its own: leave "
                "out the last size.", instead(lambda *shape: np.sqrt(2 / np.prod(shape)))),
        Mistake("inputs and outputs together", "It is sqrt(2 / (fan_in + fan_out)), Glorot's proposal for tanh. He's "
                "counts the inputs alone.", instead(lambda *shape: np.sqrt(2 / (fan_in(*shape) + fan_out(*shape))))),
    ))


# ------------------------------------------------------------------------------------------------------- 11.2 and 11.3

EVERYWHERE = (0, 1, 2)


def batch_norm(x, gamma, beta, eps=1e-5):
    return gamma * ((x - x.mean(axis=EVERYWHERE)) / np.sqrt(x.var(axis=EVERYWHERE) + eps)) + beta


def over(axes):
    """Normalised over other axes."""
    def wrong(right, x, gamma, beta, eps=1e-5):
        return gamma * ((x - x.mean(axis=axes, keepdims=True)) / np.sqrt(x.var(axis=axes, keepdims=True) + eps)) + beta
    return wrong


def with_scale(scale):
    """Another factor in place of 1 / sqrt(σ² + ε): scale(x, mean, eps)."""
    def wrong(right, x, gamma, beta, eps=1e-5):
        mean = x.mean(axis=EVERYWHERE)
        return gamma * ((x - mean) * scale(x, mean, eps)) + beta
    return wrong


def inverse(std):
    return lambda x, mean, eps: 1 / std(x, eps)


def pictures(rng):
    """Four channels, one of them loud, one nearly silent, so that ε counts."""
    x = rng.standard_normal((3, 2, 5, 4)) * np.array([1, 4, 0.01, 0.5]) + np.array([0, 3, 0.02, -2])
    return x, rng.uniform(0.5, 2, 4), rng.standard_normal(4)


def pictures_and_dy(rng):
    x = rng.standard_normal((3, 2, 4, 2)) * np.array([0.7, 2]) + np.array([1, -2])
    return x, rng.uniform(0.5, 2, 2), rng.standard_normal(2), rng.standard_normal(x.shape)


def y_of(answer):
    """y out of (y, cache)."""
    if not (isinstance(answer, (tuple, list)) and len(answer) == 2):
        raise TypeError("batch_norm_forward has to return two things, `return y, cache`, and not "
                        f"{type(answer).__name__}")
    return answer[0]


def one_channel(*numbers):
    """Two pictures of 1 x 2 pixels."""
    return np.array(numbers, float).reshape(2, 1, 2, 1)


ONE_CHANNEL, ONE_OF_FOUR = one_channel(0, 2, -6, 8), one_channel(1, 0, 0, 0)
TEN, ONE = np.array([10.0]), np.array([1.0])

BATCH_NORM_FORWARD = Exercise(
    "11.2", "batch_norm_forward", ("y",), batch_norm,
    example=((ONE_CHANNEL, TEN, ONE, 0.0), one_channel(-1, 3, -13, 15)), cases=pictures,
    call=lambda module, *inputs: y_of(module.batch_norm_forward(*inputs)),
    mistakes=(
        Mistake("each pixel by itself", "Mean and variance were taken over the batch alone, axis=0, one for each "
                "pixel. A channel is normalised over the batch and all pixels: axis=(0, 1, 2).", over((0,))),
        Mistake("each picture by itself", "Mean and variance were taken over the pixels of one picture, axis=(1, 2). "
                "That exists, as instance norm; batch norm takes all pictures of the batch together: axis=(0, 1, 2).",
                over((1, 2))),
        Mistake("over the channels", "Mean and variance were taken over the channels of one pixel, the last axis. That "
                "exists, as layer norm; here each channel is normalised by itself, over axis=(0, 1, 2).", over((3,))),
        Mistake("all channels together", "One mean and one variance were taken of everything. Each channel has its "
                "own: axis=(0, 1, 2).", over((0, 1, 2, 3))),
        Mistake("the mean is not subtracted", "x was divided by its standard deviation, and the mean is still in it: "
                "(x - μ).",
                lambda right, x, gamma, beta, eps=1e-5: gamma * (x / np.sqrt(x.var(axis=EVERYWHERE) + eps)) + beta),
        Mistake("divided by the variance", "x - μ was divided by σ² + ε. Divide by its square root.",
                with_scale(inverse(lambda x, eps: x.var(axis=EVERYWHERE) + eps))),
        Mistake("multiplied by the standard deviation", "x - μ was multiplied by sqrt(σ² + ε): divide.",
                with_scale(lambda x, mean, eps: np.sqrt(x.var(axis=EVERYWHERE) + eps))),
        Mistake("ε is missing", "ε was not added. Where all pixels of a channel are nearly the same, σ² is nearly 0, "
                "and dividing by it blows up noise.", with_scale(inverse(lambda x, eps: x.std(axis=EVERYWHERE)))),
        Mistake("ε is added to the standard deviation", "ε was added to σ. It is added to σ², inside the root: sqrt(σ² "
                "+ ε).", with_scale(inverse(lambda x, eps: x.std(axis=EVERYWHERE) + eps))),
        Mistake("divided by one less", "The variance was divided by M - 1 (ddof=1). In a layer it is a plain mean of M "
                "squares.", with_scale(inverse(lambda x, eps: np.sqrt(x.var(axis=EVERYWHERE, ddof=1) + eps)))),
        Mistake("the mean square", "The variance was taken as the mean of x². It is the mean of (x - μ)².",
                with_scale(inverse(lambda x, eps: np.sqrt((x * x).mean(axis=EVERYWHERE) + eps)))),
        Mistake("γ is missing", "It is (x - μ) / sqrt(σ² + ε) + β: multiply by gamma.",
                lambda right, x, gamma, beta, eps=1e-5: batch_norm(x, 1, beta, eps)),
        Mistake("β is missing", "It is γ (x - μ) / sqrt(σ² + ε): add beta.",
                lambda right, x, gamma, beta, eps=1e-5: batch_norm(x, gamma, 0, eps)),
        Mistake("γ and β are missing", "It is (x - μ) / sqrt(σ² + ε), without gamma and beta.",
                lambda right, x, gamma, beta, eps=1e-5: batch_norm(x, 1, 0, eps)),
        Mistake("γ and β changed places", "It is β (x - μ) / sqrt(σ² + ε) + γ. gamma scales, beta shifts.",
                lambda right, x, gamma, beta, eps=1e-5: batch_norm(x, beta, gamma, eps)),
        Mistake("γ times β as well", "It is γ ((x - μ) / sqrt(σ² + ε) + β). beta is added at the end and is not "
                "scaled.", lambda right, x, gamma, beta, eps=1e-5: gamma * batch_norm(x, 1, beta, eps)),
    ))


def parts(x, gamma, beta, dy, eps=1e-5):
    """Everything dx is made of; ``mean`` and ``along`` are the means of dy and of dy x̂ in each channel."""
    scale = 1 / np.sqrt(x.var(axis=EVERYWHERE) + eps)
    x_hat = (x - x.mean(axis=EVERYWHERE)) * scale
    return SimpleNamespace(x=x, x_hat=x_hat, scale=scale, gamma=gamma, dy=dy, mean=dy.mean(axis=EVERYWHERE),
                           along=(dy * x_hat).mean(axis=EVERYWHERE), N=len(x), C=x.shape[-1], M=x.size // x.shape[-1])


def dx_of(formula):
    return lambda right, *inputs: formula(parts(*inputs))


def gradients(*inputs):
    p = parts(*inputs)
    return p.gamma * p.scale * (p.dy - p.mean - p.x_hat * p.along), p.M * p.along, p.M * p.mean


BATCH_NORM_BACKWARD = gradient_exercise(
    "11.3", "batch_norm_backward", batch_norm, {"dx": 0, "dgamma": 1, "dbeta": 2},
    cases=pictures_and_dy, needs=("batch_norm_forward",),
    example=((ONE_CHANNEL, TEN, ONE, ONE_OF_FOUR), gradients(ONE_CHANNEL, TEN, ONE, ONE_OF_FOUR)),
    call=lambda module, *inputs: module.batch_norm_backward(inputs[-1], module.batch_norm_forward(*inputs[:-1])[1]),
    mistakes=(
        Mistake("μ and σ² are taken for constants", "dx is γ dy / sqrt(σ² + ε). That is right if μ and σ² are fixed. "
                "Here every x moves them, and through them all others: from dy go its mean and its part along x̂.",
                dx_of(lambda p: p.gamma * p.scale * p.dy)),
        Mistake("the road through σ² is missing", "From dy was taken its mean, but not its part along x̂. Every x "
                "moves σ², too: subtract x̂ · mean(dy x̂).",
                dx_of(lambda p: p.gamma * p.scale * (p.dy - p.mean))),
        Mistake("the road through μ is missing", "From dy was taken its part along x̂, but not its mean. Every x moves "
                "μ, too: subtract mean(dy).",
                dx_of(lambda p: p.gamma * p.scale * (p.dy - p.x_hat * p.along))),
        Mistake("the roads have the wrong sign", "The mean of dy and its part along x̂ were added. They are what the "
                "normalisation takes away: subtract.",
                dx_of(lambda p: p.gamma * p.scale * (p.dy + p.mean + p.x_hat * p.along))),
        Mistake("the road through σ² has the wrong sign", "x̂ · mean(dy x̂) was added. It has to be subtracted like "
                "the mean.", dx_of(lambda p: p.gamma * p.scale * (p.dy - p.mean + p.x_hat * p.along))),
        Mistake("half of the road through σ²", "x̂ · mean(dy x̂) was subtracted only half. Going through σ² step by "
                "step, the 2 of the square (x - μ)² and the 1/2 of the root cancel; the 2 is missing.",
                dx_of(lambda p: p.gamma * p.scale * (p.dy - p.mean - p.x_hat * p.along / 2))),
        Mistake("twice the road through σ²", "x̂ · mean(dy x̂) was subtracted twice. Going through σ² step by step, "
                "the 2 of the square (x - μ)² and the 1/2 of the root cancel; the 1/2 is missing.",
                dx_of(lambda p: p.gamma * p.scale * (p.dy - p.mean - 2 * p.x_hat * p.along))),
        Mistake("x̂ is missing in the road through σ²", "From dy was taken mean(dy x̂), the same for every number. "
                "Each x moves σ² as far as it is from μ: times x̂.",
                dx_of(lambda p: p.gamma * p.scale * (p.dy - p.mean - p.along))),
        Mistake("sums instead of means", "dbeta and dgamma were subtracted as they are, which are sums. It is their "
                "M-th part, M = N · H · W.",
                dx_of(lambda p: p.gamma * p.scale * (p.dy - p.M * p.mean - p.x_hat * p.M * p.along))),
        Mistake("divided by the batch instead of all pixels", "The sums were divided by N. A channel has M = N · H · W "
                "numbers, and mean and variance were taken over all of them.",
                dx_of(lambda p: p.gamma * p.scale * (p.dy - (p.mean + p.x_hat * p.along) * p.M / p.N))),
        Mistake("divided by everything", "The sums were divided by the number of all numbers in dy. A channel has M = "
                "N · H · W of them.",
                dx_of(lambda p: p.gamma * p.scale * (p.dy - (p.mean + p.x_hat * p.along) / p.C))),
        Mistake("γ is missing", "dx is that of x̂ alone. y is γ x̂ + β, so what is wanted of x̂ is γ dy.",
                dx_of(lambda p: p.scale * (p.dy - p.mean - p.x_hat * p.along))),
        Mistake("the standard deviation is missing", "dx is not divided by sqrt(σ² + ε). x̂ is (x - μ) / sqrt(σ² + ε), "
                "and so is its slope.",
                dx_of(lambda p: p.gamma * (p.dy - p.mean - p.x_hat * p.along))),
        Mistake("multiplied by the standard deviation", "dx was multiplied by sqrt(σ² + ε): divide.",
                dx_of(lambda p: p.gamma / p.scale * (p.dy - p.mean - p.x_hat * p.along))),
        Mistake("x in place of x̂", "The part along x was taken, not along x̂ = (x - μ) / sqrt(σ² + ε).",
                dx_of(lambda p: p.gamma * p.scale * (p.dy - p.mean - p.x * (p.dy * p.x).mean(axis=EVERYWHERE)))),
        Mistake("dgamma without x̂", "dgamma is the sum of dy, which is dbeta. gamma was multiplied by x̂: sum dy x̂.",
                lambda right, x, gamma, beta, dy: dy.sum(axis=EVERYWHERE), of="dgamma"),
        Mistake("dgamma from x", "dgamma is the sum of dy x. gamma was multiplied by x̂, what is left after "
                "normalising.", lambda right, x, gamma, beta, dy: (dy * x).sum(axis=EVERYWHERE), of="dgamma"),
        Mistake("dgamma from y", "dgamma is the sum of dy y. gamma was multiplied by x̂, which is y before gamma and "
                "beta.", lambda right, x, gamma, beta, dy: (dy * batch_norm(x, gamma, beta)).sum(axis=EVERYWHERE),
                of="dgamma"),
        Mistake("dgamma is a mean", "dgamma is a mean over the channel. It has served all M numbers, and what they "
                "want adds up: sum.", lambda right, x, gamma, beta, dy: right * gamma.size / dy.size, of="dgamma"),
        Mistake("dgamma not summed over the pixels", "dgamma was summed over the batch alone. Gamma has served all "
                "pixels: axis=(0, 1, 2).",
                lambda right, x, gamma, beta, dy: (dy * parts(x, gamma, beta, dy).x_hat).sum(axis=0), of="dgamma"),
        Mistake("dbeta is a mean", "dbeta is a mean over the channel. It was added to all M numbers, and what they "
                "want adds up: sum.", lambda right, x, gamma, beta, dy: right * beta.size / dy.size, of="dbeta"),
        Mistake("dbeta not summed over the pixels", "dbeta was summed over the batch alone. Beta was added to all "
                "pixels: axis=(0, 1, 2).", lambda right, x, gamma, beta, dy: dy.sum(axis=0), of="dbeta"),
    ))


# --------------------------------------------------------------------------------------------------------------- 11.4

def dropout(x, dy, noise, drop):
    scaled_mask = (noise >= drop) / (1 - drop)
    return x * scaled_mask, dy * scaled_mask


def times(factor, of="y"):
    """factor(kept, drop) in place of the scaled mask."""
    return lambda right, x, dy, noise, drop: {"y": x, "dx": dy}[of] * factor(noise >= drop, drop)


FACTORS = (
    ("not divided by what is kept", "{0} is not divided by 1 - drop. Then it is smaller on average than {1}: divide "
     "what is kept by the share that is kept.", lambda kept, drop: kept),
    ("divided by drop", "What is kept was divided by drop. The share that is kept is 1 - drop.",
     lambda kept, drop: kept / drop),
    ("multiplied instead of divided", "What is kept was multiplied by 1 - drop. Fewer elements are left, so each has "
     "to be louder: divide.", lambda kept, drop: kept * (1 - drop)),
    ("kept and dropped changed places", "What should be dropped is kept, and the other way round. An element is "
     "dropped where its noise is less than drop.", lambda kept, drop: ~kept / (1 - drop)),
    ("kept and dropped changed places, and drop for 1 - drop", "An element was kept where its noise is less than drop, "
     "and divided by drop: so drop was taken for the probability to be kept. It is the probability to be dropped.",
     lambda kept, drop: ~kept / drop),
    ("everything is kept", "Nothing was dropped.", lambda kept, drop: np.ones(kept.shape)),
    ("everything is kept and divided", "Nothing was dropped, and everything divided by 1 - drop.",
     lambda kept, drop: np.ones(kept.shape) / (1 - drop)),
)

DROPOUT = Exercise(
    "11.4", "dropout", ("y", "dx"), dropout,
    example=((np.array([[10.0, 20.0, 30.0]]), np.array([[1.0, 2.0, 3.0]]), np.array([[0.9, 0.1, 0.5]]), 0.2),
             (np.array([[12.5, 0, 37.5]]), np.array([[1.25, 0, 3.75]]))),
    cases=lambda rng: (rng.standard_normal((4, 7)), rng.standard_normal((4, 7)), rng.random((4, 7)), 0.3),
    mistakes=(
        *(Mistake(name, sentence.format("y", "x"), times(factor)) for name, sentence, factor in FACTORS),
        Mistake("the noise itself is the mask", "x was multiplied by the noise. The noise decides only whether an "
                "element is kept: noise >= drop is 1 or 0.", lambda right, x, dy, noise, drop: x * noise / (1 - drop)),
        Mistake("dx is dy", "dx is dy. An element that was dropped has not moved the loss: its gradient is 0, and that "
                "of the others is divided by 1 - drop as well.", lambda right, x, dy, noise, drop: dy, of="dx"),
        *(Mistake(name, sentence.format("dx", "dy"), times(factor, "dx"), of="dx") for name, sentence, factor in FACTORS
          if name != "everything is kept"),
        Mistake("x is in the gradient", "dx is dy times y. y is x times the mask, so the slope is the mask alone.",
                lambda right, x, dy, noise, drop: right * x, of="dx"),
    ))

EXERCISES = (HE_STD, BATCH_NORM_FORWARD, BATCH_NORM_BACKWARD, DROPOUT)
