"""What lesson 22 asks for."""

from types import SimpleNamespace

import numpy as np

from minicap.attention import softmax
from minicap.learn.exercises import Exercise, Mistake, gradient_exercise

LOG2 = np.log(2)


def scores(keys, query, v):
    return np.tanh(keys + query[:, None]) @ v


def mix(alpha, regions):
    return np.einsum("nl,nld->nd", alpha, regions)


def forward(regions, keys, query, v):
    alpha = softmax(scores(keys, query, v))
    return alpha, mix(alpha, regions)


def case(rng):
    return (rng.standard_normal((3, 5, 2)), rng.standard_normal((3, 5, 4)), rng.standard_normal((3, 4)),
            2 * rng.standard_normal(4))


def inputs_and_dz(rng):
    return *case(rng), rng.standard_normal((3, 2))


def looked(module, *inputs):
    """(alpha, z) out of ((z, alpha), cache)."""
    answer = module.attention_forward(*inputs)
    if not (isinstance(answer, (tuple, list)) and len(answer) == 2 and isinstance(answer[0], (tuple, list))
            and len(answer[0]) == 2):
        raise TypeError("attention_forward has to return ((z, alpha), cache): `return (z, alpha), cache`")
    (z, alpha), _ = answer
    return alpha, z


REGIONS = np.array([[[4.0, 0], [0, 4], [8, 8]]])
KEYS, QUERY, V = np.array([[[0.0], [np.arctanh(LOG2)], [0]]]), np.array([[0.0]]), np.array([1.0])


# -------------------------------------------------------------------------------------------------- attention_forward

def alpha_of(name, sentence, e, share=softmax):
    """A mistake in alpha: other scores, or another way to make shares of them."""
    return Mistake(name, sentence, lambda right, regions, keys, query, v: share(e(keys, query, v)), "alpha")


def z_of(name, sentence, z):
    return Mistake(name, sentence, lambda right, regions, keys, query, v: z(forward(regions, keys, query, v)[0],
                                                                           regions, keys), "z")


ATTENTION_FORWARD = Exercise(
    "22.1", "attention_forward", ("alpha", "z"), forward,
    example=((REGIONS, KEYS, QUERY, V), (np.array([[0.25, 0.5, 0.25]]), np.array([[3.0, 4.0]]))),
    cases=case, call=looked,
    mistakes=(
        alpha_of("the query does not matter", "alpha is the same whatever the query: it is missing, or added outside "
                 "tanh. Outside, it adds the same to every score of an image, and softmax cancels it. tanh(key + "
                 "query).", lambda keys, query, v: np.tanh(keys) @ v),
        alpha_of("no tanh", "The scores are v · (key + query), without tanh. Then the query adds the same to every "
                 "score, and softmax cancels it: the model cannot choose.",
                 lambda keys, query, v: (keys + query[:, None]) @ v),
        alpha_of("tanh outside", "tanh is taken of the score. It belongs around key + query, before the product with "
                 "v.", lambda keys, query, v: np.tanh((keys + query[:, None]) @ v)),
        alpha_of("v is forgotten", "The numbers of tanh(key + query) were summed without v. v says what counts how "
                 "much.", lambda keys, query, v: np.tanh(keys + query[:, None]).sum(axis=2)),
        alpha_of("a dot product", "The scores are key · query. That is another kind of attention, the one in "
                 "transformers; here it is v · tanh(key + query).",
                 lambda keys, query, v: np.einsum("nla,na->nl", keys, query)),
        alpha_of("softmax over the rows", "softmax ran over the rows, and compares regions of different images. Each "
                 "image's L shares have to sum to 1: axis 1, the last.", scores,
                 lambda e: np.exp(e) / np.exp(e).sum(axis=0)),
        alpha_of("softmax over everything", "The exponentials were divided by the sum of all of them. Each image's L "
                 "shares have to sum to 1: sum over axis 1 with keepdims=True.", scores,
                 lambda e: np.exp(e) / np.exp(e).sum()),
        alpha_of("the scores are no shares", "alpha is the scores e. softmax makes positive shares with sum 1 of "
                 "them.", scores, lambda e: e),
        alpha_of("not divided by the sum", "alpha is exp(e). Divide by the sum over the regions, so that the shares "
                 "sum to 1.", scores, np.exp),
        alpha_of("divided without exp", "The scores were divided by their sum. Scores may be negative; softmax takes "
                 "exp of them first.", scores, lambda e: e / e.sum(axis=1, keepdims=True)),
        Mistake("z and alpha changed places", "alpha is z: return (z, alpha), cache, in this order.",
                lambda right, *inputs: forward(*inputs)[1], "alpha"),
        z_of("alpha is not used", "z is the mean of the regions, as if the model looked everywhere alike. Each "
             "region counts alpha_i times.", lambda alpha, regions, keys: regions.mean(axis=1)),
        z_of("alpha is not used", "z is the sum of the regions. Each region counts alpha_i times.",
             lambda alpha, regions, keys: regions.sum(axis=1)),
        z_of("only the best region", "z is the region with the largest share. That is hard attention, through which "
             "no gradient flows; soft attention mixes all regions.",
             lambda alpha, regions, keys: regions[np.arange(len(regions)), alpha.argmax(axis=1)]),
        z_of("a mean of the weighted regions", "z is L times too small: the weighted regions were averaged. The "
             "shares sum to 1 already, so add up.", lambda alpha, regions, keys: mix(alpha, regions) / alpha.shape[1]),
        z_of("the keys are mixed", "z is made of the keys. Keys say how well a region fits; what is seen there is "
             "the region itself.", lambda alpha, regions, keys: mix(alpha, keys)),
        z_of("the regions are not added up", "z still has an axis for the regions: alpha_i region_i is there, and "
             "the sum over i is not.", lambda alpha, regions, keys: alpha[:, :, None] * regions),
    ))


# --------------------------------------------------------------------------------------------------- softmax_backward

def of_alpha(name, sentence, wrong):
    return Mistake(name, sentence, lambda right, e, dalpha: wrong(dalpha, softmax(e)))


SOFTMAX_BACKWARD = gradient_exercise(
    "22.2", "softmax_backward", softmax, {"de": 0},
    example=((np.array([[0, LOG2, 0]]), np.array([[4.0, 0, 8]])), np.array([[0.25, -1.5, 1.25]])),
    cases=lambda rng: (rng.standard_normal((3, 5)), rng.standard_normal((3, 5))),
    call=lambda module, e, dalpha: module.softmax_backward(dalpha, softmax(e)),
    mistakes=(
        of_alpha("every share for itself", "It is alpha (1 - alpha) dalpha, the derivative of the sigmoid. It says "
                 "what e_i does to alpha_i; but e_i moves the other shares, too, because they sum to 1.",
                 lambda d, a: a * (1 - a) * d),
        of_alpha("nothing is subtracted", "It is alpha · dalpha. What one share gains the others lose: subtract from "
                 "dalpha its weighted mean, Σ_j alpha_j dalpha_j.", lambda d, a: a * d),
        of_alpha("the plain mean", "The plain mean of dalpha is subtracted. It is the mean weighted by the shares, "
                 "Σ_j alpha_j dalpha_j.", lambda d, a: a * (d - d.mean(axis=1, keepdims=True))),
        of_alpha("the plain sum", "The sum of dalpha is subtracted. It is the mean weighted by the shares, Σ_j "
                 "alpha_j dalpha_j.", lambda d, a: a * (d - d.sum(axis=1, keepdims=True))),
        of_alpha("summed over the whole batch", "The weighted sum ran over all rows at once. Every row is a softmax "
                 "by itself: sum over axis 1, with keepdims=True.", lambda d, a: a * (d - (a * d).sum())),
        of_alpha("summed over the rows", "The weighted sum ran over the rows, axis 0. A softmax is a row: axis 1.",
                 lambda d, a: a * (d - (a * d).sum(axis=0))),
        of_alpha("not multiplied by alpha", "It is dalpha minus its weighted mean. What is missing is the factor "
                 "alpha_i: a share that is nearly 0 hardly moves.",
                 lambda d, a: d - (a * d).sum(axis=1, keepdims=True)),
        of_alpha("alpha is forgotten in front of the mean", "It is alpha · dalpha minus the weighted mean. alpha_i "
                 "multiplies both: alpha · (dalpha - mean).", lambda d, a: a * d - (a * d).sum(axis=1, keepdims=True)),
        of_alpha("added instead of subtracted", "The weighted mean was added. It is subtracted: what one share gains "
                 "the others lose.",
                 lambda d, a: a * (d + (a * d).sum(axis=1, keepdims=True))),
    ))


# ------------------------------------------------------------------------------------------------- attention_backward

def parts(regions, keys, query, v, dz):
    """Everything on the way back, as it should be."""
    tanh = np.tanh(keys + query[:, None])
    alpha = softmax(tanh @ v)
    dalpha = np.einsum("nld,nd->nl", regions, dz)
    de = alpha * (dalpha - (alpha * dalpha).sum(axis=1, keepdims=True))
    return SimpleNamespace(regions=regions, keys=keys, query=query, v=v, dz=dz, tanh=tanh, alpha=alpha, dalpha=dalpha,
                           de=de, L=keys.shape[1])


def dsum(de, tanh, v):
    return de[:, :, None] * v * (1 - tanh**2)


def in_backward(of, name, sentence, wrong):
    return Mistake(name, sentence, lambda right, *inputs: wrong(parts(*inputs)), of)


NO_SOFTMAX = ("softmax was skipped", "dalpha was taken for de: between the shares and the scores there is a softmax, "
              "and its gradient is softmax_backward(dalpha, alpha).")

ATTENTION_BACKWARD = gradient_exercise(
    "22.3", "attention_backward", lambda *inputs: forward(*inputs)[1],
    {"dregions": 0, "dkeys": 1, "dquery": 2, "dv": 3},
    example=((REGIONS, KEYS, QUERY, V, np.array([[1.0, 0]])),
             (np.array([[[0.25, 0], [0.5, 0], [0.25, 0]]]),
              np.array([[[0.25], [-1.5 * (1 - LOG2**2)], [1.25]]]),
              np.array([[1.5 - 1.5 * (1 - LOG2**2)]]), np.array([-1.5 * LOG2]))),
    cases=inputs_and_dz, needs=("attention_forward", "softmax_backward"),
    call=lambda module, *inputs: module.attention_backward(inputs[-1], module.attention_forward(*inputs[:-1])[1]),
    mistakes=(
        in_backward("dregions", "alpha is forgotten", "Every region gets all of dz. Region i counted alpha_i times "
                    "in z, so it gets alpha_i dz.", lambda p: np.repeat(p.dz[:, None], p.L, axis=1)),
        in_backward("dregions", "dalpha in place of alpha", "dregions is dalpha_i dz. What a region counted in z is "
                    "alpha_i.", lambda p: p.dalpha[:, :, None] * p.dz[:, None]),
        in_backward("dregions", "the mean of dz", "dz was shared out evenly, dz / L, as if z were the mean of the "
                    "regions. Region i gets alpha_i dz.", lambda p: np.repeat(p.dz[:, None], p.L, axis=1) / p.L),
        in_backward("dkeys", *NO_SOFTMAX, lambda p: dsum(p.dalpha, p.tanh, p.v)),
        in_backward("dkeys", "alpha in place of de", "dkeys is made of alpha where de belongs. The chain goes dz, "
                    "dalpha, de, dkeys.", lambda p: dsum(p.alpha, p.tanh, p.v)),
        in_backward("dkeys", "tanh was not differentiated", "dkeys is de_i v. Between e and the keys there is a "
                    "tanh, whose slope is 1 - tanh².", lambda p: p.de[:, :, None] * p.v * np.ones_like(p.tanh)),
        in_backward("dkeys", "the slope of tanh", "The slope of tanh was taken as 1 - tanh. It is 1 - tanh².",
                    lambda p: p.de[:, :, None] * p.v * (1 - p.tanh)),
        in_backward("dkeys", "the slope of the sigmoid", "The slope of tanh was taken as tanh (1 - tanh), which "
                    "belongs to the sigmoid. It is 1 - tanh².",
                    lambda p: p.de[:, :, None] * p.v * p.tanh * (1 - p.tanh)),
        in_backward("dkeys", "1 minus the square of the wrong thing", "1 - (key + query)² was taken for the slope of "
                    "tanh. It is 1 - tanh(key + query)².",
                    lambda p: p.de[:, :, None] * p.v * (1 - (p.keys + p.query[:, None])**2)),
        in_backward("dkeys", "v is forgotten", "dkeys lacks v: e_i = v · tanh(...), so what reaches the tanh is de_i "
                    "v.", lambda p: dsum(p.de, p.tanh, np.ones_like(p.v))),
        in_backward("dquery", "not summed over the regions", "dquery has one row for each region. The query was "
                    "added to all L keys, so what they want of it is summed: axis 1.",
                    lambda p: dsum(p.de, p.tanh, p.v)),
        in_backward("dquery", "a mean over the regions", "dquery is the mean over the regions. The query was added "
                    "to all L keys: sum, and not mean.", lambda p: dsum(p.de, p.tanh, p.v).mean(axis=1)),
        in_backward("dquery", "only one region", "dquery is that of the last region alone. The query was added to "
                    "all L keys: sum over axis 1.", lambda p: dsum(p.de, p.tanh, p.v)[:, -1]),
        in_backward("dv", *NO_SOFTMAX, lambda p: np.einsum("nl,nla->a", p.dalpha, p.tanh)),
        in_backward("dv", "not summed over the batch", "dv has one row for each image. The same v was used in all "
                    "rows, so what they want of it is summed.", lambda p: np.einsum("nl,nla->na", p.de, p.tanh)),
        in_backward("dv", "a mean over the batch", "dv is a mean over the rows. Every use of v pulls at it, and all "
                    "pulls add up.", lambda p: np.einsum("nl,nla->a", p.de, p.tanh) / len(p.regions)),
        in_backward("dv", "without tanh", "dv is Σ de_i (key_i + query). v met tanh(key_i + query).",
                    lambda p: np.einsum("nl,nla->a", p.de, p.keys + p.query[:, None])),
        in_backward("dv", "as if v stood inside tanh", "dv carries the slope of tanh. v is multiplied after the "
                    "tanh, so dv = Σ de_i tanh(key_i + query).",
                    lambda p: np.einsum("nl,nla->a", p.de, p.tanh * (1 - p.tanh**2))),
        in_backward("dv", "as if v stood inside tanh", "dv carries the slope of tanh. v is multiplied after the "
                    "tanh, so dv = Σ de_i tanh(key_i + query).",
                    lambda p: np.einsum("nl,nla->a", p.de, 1 - p.tanh**2)),
    ))


# -------------------------------------------------------------------------------------------------- doubly_stochastic

def doubly(alphas, weight, *, missing=lambda alphas: 1 - alphas.sum(axis=1), divide=lambda N, T, L: N * T):
    """(loss, dalphas)"""
    gap, share = missing(alphas), weight / divide(*alphas.shape)
    return share * (gap**2).sum(), np.broadcast_to(-2 * share * gap[:, None], alphas.shape)


def in_loss(name, sentence, wrong):
    return Mistake(name, sentence, lambda right, alphas, weight: np.asarray(wrong(alphas, weight)), "loss")


def in_dalphas(name, sentence, wrong):
    return Mistake(name, sentence, lambda right, alphas, weight: wrong(alphas, weight), "dalphas")


DOUBLY_STOCHASTIC = Exercise(
    "22.4", "doubly_stochastic", ("loss", "dalphas"), doubly,
    example=((np.array([[[1.0, 0], [0.5, 0.5]]]), 2.0), (0.5, np.array([[[1.0, -1], [1, -1]]]))),
    cases=lambda rng: (softmax(2 * rng.standard_normal((3, 4, 5))), float(rng.uniform(0.5, 2))),
    mistakes=(
        in_loss("summed over the regions", "The loss is 0. That happens when the shares are summed over the regions: "
                "that sum is 1 for every word anyway. Sum over the words, axis 1.", lambda alphas, weight: 0.0),
        in_loss("a mean over the words", "The mean of a region's shares was compared with 1. It is their sum over "
                "the words.", lambda alphas, weight: doubly(alphas, weight, missing=lambda a: 1 - a.mean(axis=1))[0]),
        in_loss("not divided by the words", "The loss is a sum over all captions. It is divided by the number of "
                "words, N · T, as the cross-entropy is.",
                lambda alphas, weight: doubly(alphas, weight, divide=lambda N, T, L: 1)[0]),
        in_loss("divided by the captions", "The loss was divided by N, the number of captions. It is divided by the "
                "number of words, N · T.", lambda alphas, weight: doubly(alphas, weight, divide=lambda N, T, L: N)[0]),
        in_loss("a mean over the regions", "The squares were averaged over captions and regions. They are summed, "
                "and divided by the number of words, N · T.",
                lambda alphas, weight: doubly(alphas, weight, divide=lambda N, T, L: N * L)[0]),
        in_loss("divided by everything", "The loss was divided by N · T · L. It is divided by the number of words, N "
                "· T.", lambda alphas, weight: doubly(alphas, weight, divide=lambda N, T, L: N * T * L)[0]),
        in_loss("no square", "The gaps 1 - Σ_t were added without their squares, so too much here makes up for too "
                "little there.",
                lambda alphas, weight: weight / np.prod(alphas.shape[:2]) * (1 - alphas.sum(axis=1)).sum()),
        in_loss("the absolute value", "The gaps 1 - Σ_t were added as absolute values. It is their squares.",
                lambda alphas, weight: weight / np.prod(alphas.shape[:2]) * abs(1 - alphas.sum(axis=1)).sum()),
        in_loss("every share is compared with 1", "Each share was compared with 1 by itself. First sum a region's "
                "shares over the words, then compare.",
                lambda alphas, weight: weight / np.prod(alphas.shape[:2]) * ((1 - alphas)**2).sum()),
        in_loss("the weight is forgotten", "The loss is not multiplied by weight.",
                lambda alphas, weight: doubly(alphas, 1.0)[0]),
        in_dalphas("the wrong sign", "dalphas has the wrong sign. A region that has less than its share (1 - Σ_t > "
                   "0) should get more, so its gradient is negative.",
                   lambda alphas, weight: -doubly(alphas, weight)[1]),
        in_dalphas("the 2 is forgotten", "dalphas is half of what it should be: the derivative of a square brings a "
                   "2.", lambda alphas, weight: doubly(alphas, weight)[1] / 2),
        in_dalphas("not handed to every word", "dalphas has no axis for the words. Every word's share went into the "
                   "sum, so every word gets the same gradient: (N, T, L).",
                   lambda alphas, weight: doubly(alphas, weight)[1][:, 0]),
        in_dalphas("shared out over the words", "dalphas is T times too small: the gradient of a sum was shared out "
                   "over the words. What was added gets all of it, each.",
                   lambda alphas, weight: doubly(alphas, weight)[1] / alphas.shape[1]),
        in_dalphas("not divided by the words", "dalphas lacks the division by the number of words, N · T, which the "
                   "loss has.", lambda alphas, weight: doubly(alphas, weight, divide=lambda N, T, L: 1)[1]),
        in_dalphas("the weight is forgotten", "dalphas is not multiplied by weight.",
                   lambda alphas, weight: doubly(alphas, 1.0)[1]),
        in_dalphas("every share is compared with 1", "dalphas was made of 1 - alphas. It is made of 1 - Σ_t alphas, "
                   "the same for every word.",
                   lambda alphas, weight: -2 * weight / np.prod(alphas.shape[:2]) * (1 - alphas)),
    ))

EXERCISES = (ATTENTION_FORWARD, SOFTMAX_BACKWARD, ATTENTION_BACKWARD, DOUBLY_STOCHASTIC)
