"""What lesson 23 asks for."""

from functools import partial
from types import SimpleNamespace

import numpy as np

from minicap.attention import softmax
from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise, gradient_exercise
from minicap.learn.recurring import after_forward, floats, normal

LOG2 = np.log(2)


def scores(keys, query, v):
    return np.tanh(keys + query[:, None]) @ v


def mix(alpha, regions):
    return np.einsum("nl,nld->nd", alpha, regions)


def forward(regions, keys, query, v):
    alpha = softmax(scores(keys, query, v))
    return alpha, mix(alpha, regions)


def case(rng):
    return *normal((3, 5, 2), (3, 5, 4), (3, 4))(rng), 2 * rng.standard_normal(4)


def looked(module, *inputs):
    """(alpha, z) out of ((z, alpha), cache)."""
    answer = module.attention_forward(*inputs)
    if not (isinstance(answer, (tuple, list)) and len(answer) == 2 and isinstance(answer[0], (tuple, list))
            and len(answer[0]) == 2):
        raise TypeError("attention_forward has to return ((z, alpha), cache): `return (z, alpha), cache`")
    (z, alpha), _ = answer
    return alpha, z


EXAMPLE = floats([[[4, 0], [0, 4], [8, 8]]], [[[0], [np.arctanh(LOG2)], [0]]], [[0]], [1])


# -------------------------------------------------------------------------------------------------- attention_forward

def alpha_of(e, share=softmax):
    """A mistake in alpha: other scores, or another way to make shares of them."""
    return lambda keys, query, v: share(e(keys, query, v))


def z_of(z):
    return lambda regions, keys, query, v: z(softmax(scores(keys, query, v)), regions, keys)


ATTENTION_FORWARD = Exercise(
    "23.1", "attention_forward", ("alpha", "z"), forward,
    example=(EXAMPLE, floats([[0.25, 0.5, 0.25]], [[3, 4]])), cases=case, call=looked,
    mistakes={"alpha": [
        ("the query does not matter", "alpha is the same whatever the query: it is missing, or outside tanh, where "
         "softmax cancels it. tanh(key + query).", alpha_of(lambda keys, query, v: np.tanh(keys) @ v)),
        ("no tanh", "The scores are v · (key + query). Without tanh softmax cancels the query, the same in every "
         "score.", alpha_of(lambda keys, query, v: (keys + query[:, None]) @ v)),
        ("tanh outside", "tanh is taken of the score. It belongs around key + query, before the product with v.",
         alpha_of(lambda keys, query, v: np.tanh((keys + query[:, None]) @ v))),
        ("v is forgotten", "The numbers of tanh(key + query) were summed without v. v says how much each of them "
         "counts.",
         alpha_of(lambda keys, query, v: np.tanh(keys + query[:, None]).sum(axis=2))),
        ("the query is subtracted", "The scores are v · tanh(key - query). The query is added.",
         alpha_of(lambda keys, query, v: scores(keys, -query, v))),
        ("v inside tanh", "v was multiplied before tanh. It belongs behind it: v · tanh(key + query).",
         alpha_of(lambda keys, query, v: np.tanh((keys + query[:, None]) * v).sum(axis=2))),
        ("divided by √A", "The scores were divided by the root of A, as in transformers. Here they are not.",
         alpha_of(lambda keys, query, v: scores(keys, query, v) / np.sqrt(len(v)))),
        ("the first query for all", "Every image got the query of row 0. Each row has its own: query[:, None].",
         alpha_of(lambda keys, query, v: scores(keys, query[:1], v))),
        ("a sigmoid in place of softmax", "Each score went through a sigmoid. The L weights have to share 1: softmax.",
         alpha_of(scores, lambda e: 1 / (1 + np.exp(-e)))),
        ("a dot product", "The scores are key · query, the attention in transformers. Here it is v · tanh(key + "
         "query).", alpha_of(lambda keys, query, v: np.einsum("nla,na->nl", keys, query))),
        ("softmax over the rows", "softmax ran over the rows. Each image's L weights have to sum to 1: axis 1, the "
         "last.", alpha_of(scores, lambda e: np.exp(e) / np.exp(e).sum(axis=0))),
        ("softmax over everything", "The exponentials were divided by the sum of all. Each image's L weights have to "
         "sum to 1: axis 1, keepdims=True.", alpha_of(scores, lambda e: np.exp(e) / np.exp(e).sum())),
        ("the scores are no shares", "alpha is the scores e. softmax makes of them positive weights that sum to 1.",
         alpha_of(scores, lambda e: e)),
        ("not divided by the sum", known.not_divided_by_sum("exp(e)"), alpha_of(scores, np.exp)),
        ("divided without exp", "The scores were divided by their sum. Scores may be negative; softmax takes exp of "
         "them first.", alpha_of(scores, lambda e: e / e.sum(axis=1, keepdims=True))),
        ("z and alpha changed places", "alpha is z. The order is (z, alpha), cache.",
         lambda *inputs: forward(*inputs)[1]),
    ], "z": [
        ("alpha is not used", "z is the mean or the sum of the regions. Each region has the weight alpha_i.",
         (z_of(lambda alpha, regions, keys: regions.mean(axis=1)),
          z_of(lambda alpha, regions, keys: regions.sum(axis=1)))),
        ("only the best region", "z is the region with the largest weight. That is hard attention, with no gradient; "
         "soft attention mixes all regions.",
         z_of(lambda alpha, regions, keys: regions[np.arange(len(regions)), alpha.argmax(axis=1)])),
        ("a mean of the weighted regions", "z is a mean of the weighted regions. The weights sum to 1 already, so add "
         "up.", z_of(lambda alpha, regions, keys: mix(alpha, regions) / alpha.shape[1])),
        ("the keys are mixed", "z is made of the keys. They say how well a region fits; what is seen there is the "
         "region itself.", z_of(lambda alpha, regions, keys: mix(alpha, keys))),
        ("the regions are not added up", "z still has an axis for the regions: sum alpha_i region_i over i.",
         z_of(lambda alpha, regions, keys: alpha[:, :, None] * regions)),
    ]})


# --------------------------------------------------------------------------------------------------- softmax_backward

def of_alpha(wrong):
    """wrong(dalpha, alpha, the mean of dalpha weighted by alpha)"""
    return lambda e, dalpha: wrong(dalpha, softmax(e), (softmax(e) * dalpha).sum(axis=1, keepdims=True))


SOFTMAX_BACKWARD = gradient_exercise(
    "23.2", "softmax_backward", softmax, {"de": 0}, inputs=("e", "dalpha"),
    example=(floats([[0, LOG2, 0]], [[4, 0, 8]]), np.array([[0.25, -1.5, 1.25]])), cases=normal((3, 5), (3, 5)),
    call=lambda module, e, dalpha: module.softmax_backward(dalpha, softmax(e)),
    mistakes=[
        ("every share for itself", known.each_alone("alpha", "dalpha", "e"),
         of_alpha(lambda d, a, mean: a * (1 - a) * d)),
        ("nothing is subtracted", known.nothing_subtracted("alpha", "dalpha"), of_alpha(lambda d, a, mean: a * d)),
        ("the plain mean", known.plain_weights("mean", "dalpha", "alpha"),
         of_alpha(lambda d, a, mean: a * (d - d.mean(axis=1, keepdims=True)))),
        ("the plain sum", known.plain_weights("sum", "dalpha", "alpha"),
         of_alpha(lambda d, a, mean: a * (d - d.sum(axis=1, keepdims=True)))),
        ("summed over the whole batch", known.softmax_everything("alpha dalpha"),
         of_alpha(lambda d, a, mean: a * (d - (a * d).sum()))),
        ("summed over the rows", known.softmax_axis("alpha dalpha"),
         of_alpha(lambda d, a, mean: a * (d - (a * d).sum(axis=0)))),
        ("as with a cross-entropy", "It is alpha - dalpha, as if dalpha were targets: p - one_hot belongs to softmax "
         "and cross-entropy together. Here softmax is alone: alpha (dalpha - Σ alpha dalpha).",
         (of_alpha(lambda d, a, mean: a - d), of_alpha(lambda d, a, mean: d - a))),
        ("a mean of alpha dalpha", "alpha dalpha was averaged over the regions. The weights alpha sum to 1 already: "
         "sum.", of_alpha(lambda d, a, mean: a * (d - mean / a.shape[1]))),
        ("softmax taken twice", "softmax was taken of alpha, which is a softmax already: use alpha as it is.",
         lambda e, dalpha: (lambda a: a * (dalpha - (a * dalpha).sum(axis=1, keepdims=True)))(softmax(softmax(e)))),
        ("not multiplied by alpha", "It is dalpha minus its weighted mean. Multiply by alpha_i: a weight that is "
         "nearly 0 hardly moves.", of_alpha(lambda d, a, mean: d - mean)),
        ("alpha is forgotten in front of the mean", "It is alpha · dalpha minus the weighted mean. alpha_i multiplies "
         "both: alpha · (dalpha - mean).", of_alpha(lambda d, a, mean: a * d - mean)),
        ("added instead of subtracted",
         known.added_for_subtracted("weighted mean", "what one share gains the others lose"),
         of_alpha(lambda d, a, mean: a * (d + mean))),
    ])


# ------------------------------------------------------------------------------------------------- attention_backward

def of_parts(wrong):
    """wrong(everything on the way back, as it should be)"""
    def mistake(regions, keys, query, v, dz):
        tanh = np.tanh(keys + query[:, None])
        alpha = softmax(tanh @ v)
        dalpha = np.einsum("nld,nd->nl", regions, dz)
        de = alpha * (dalpha - (alpha * dalpha).sum(axis=1, keepdims=True))
        return wrong(SimpleNamespace(regions=regions, keys=keys, query=query, v=v, dz=dz, tanh=tanh, alpha=alpha,
                                     dalpha=dalpha, de=de, L=keys.shape[1]))
    return mistake


def dsum(de, tanh, v):
    return de[:, :, None] * v * (1 - tanh**2)


def with_slope(slope):
    return of_parts(lambda p: p.de[:, :, None] * p.v * slope(p))


def dv_of(de, parts, axes="a"):
    return np.einsum(f"nl,nla->{axes}", de, parts)


NO_SOFTMAX = "softmax was skipped", ("dalpha was taken for de. Between the weights and the scores there is a softmax: "
                                     "softmax_backward(dalpha, alpha).")

ATTENTION_BACKWARD = gradient_exercise(
    "23.3", "attention_backward", lambda regions, keys, query, v: forward(regions, keys, query, v)[1],
    {"dregions": 0, "dkeys": 1, "dquery": 2, "dv": 3}, inputs=("regions", "keys", "query", "v", "dz"),
    example=((*EXAMPLE, np.array([[1.0, 0]])),
             floats([[[0.25, 0], [0.5, 0], [0.25, 0]]], [[[0.25], [-1.5 * (1 - LOG2**2)], [1.25]]],
                    [[1.5 - 1.5 * (1 - LOG2**2)]], [-1.5 * LOG2])),
    cases=lambda rng: (*case(rng), rng.standard_normal((3, 2))), needs=("attention_forward", "softmax_backward"),
    call=after_forward("attention_backward", "attention_forward"),
    mistakes={"dregions": [
        ("alpha is forgotten", "Every region gets all of dz. Region i had the weight alpha_i in z, so it gets alpha_i "
         "dz.", of_parts(lambda p: np.repeat(p.dz[:, None], p.L, axis=1))),
        ("dalpha in place of alpha", "dregions is dalpha_i dz. The weight of a region in z is alpha_i.",
         of_parts(lambda p: p.dalpha[:, :, None] * p.dz[:, None])),
        ("the mean of dz", "dregions is dz / L, as if z were the mean of the regions. Region i gets alpha_i dz.",
         of_parts(lambda p: np.repeat(p.dz[:, None], p.L, axis=1) / p.L)),
    ], "dkeys": [
        (*NO_SOFTMAX, of_parts(lambda p: dsum(p.dalpha, p.tanh, p.v))),
        ("dalpha and alpha changed places", "softmax_backward was given alpha and dalpha in the wrong order: "
         "softmax_backward(dalpha, alpha).", of_parts(lambda p: dsum(p.dalpha * (
             p.alpha - (p.alpha * p.dalpha).sum(axis=1, keepdims=True)), p.tanh, p.v))),
        ("tanh taken twice", known.slope_of_tanh("1 - tanh(tanh(key + query))²", "1 - tanh(key + query)²"),
         with_slope(lambda p: 1 - np.tanh(p.tanh)**2)),
        ("alpha in place of de", "dkeys is made of alpha where de belongs. The chain goes dz, dalpha, de, dkeys.",
         of_parts(lambda p: dsum(p.alpha, p.tanh, p.v))),
        ("tanh was not differentiated", "dkeys is de_i v. Between e and the keys there is a tanh, whose slope is 1 - "
         "tanh².", with_slope(lambda p: np.ones_like(p.tanh))),
        ("the slope of tanh", known.slope_of_tanh("1 - tanh", "1 - tanh²"), with_slope(lambda p: 1 - p.tanh)),
        ("the slope of the sigmoid", known.sigmoid_slope("tanh (1 - tanh)", "1 - tanh²"),
         with_slope(lambda p: p.tanh * (1 - p.tanh))),
        ("1 minus the square of the wrong thing", known.slope_of_tanh("1 - (key + query)²", "1 - tanh(key + query)²"),
         with_slope(lambda p: 1 - (p.keys + p.query[:, None])**2)),
        ("v is forgotten", "dkeys lacks v: e_i = v · tanh(...), so what reaches the tanh is de_i v.",
         of_parts(lambda p: dsum(p.de, p.tanh, np.ones_like(p.v)))),
    ], "dquery": [
        ("not summed over the regions", "dquery has a row for each region. The query was added to all L keys, so sum "
         "their gradients: axis 1.", of_parts(lambda p: dsum(p.de, p.tanh, p.v))),
        ("a mean over the regions", known.mean("dquery", "the regions"),
         of_parts(lambda p: dsum(p.de, p.tanh, p.v).mean(axis=1))),
        ("summed over the batch", "dquery is summed over the images. Each image has its own query, which was added to "
         "its L keys: axis 1.", of_parts(lambda p: dsum(p.de, p.tanh, p.v).sum(axis=0))),
        ("only one region", known.last_only("dquery", "region"), of_parts(lambda p: dsum(p.de, p.tanh, p.v)[:, -1])),
    ], "dv": [
        (*NO_SOFTMAX, of_parts(lambda p: dv_of(p.dalpha, p.tanh))),
        ("not summed over the batch", "dv has a row for each image. The same v was used in all rows, so sum their "
         "gradients.", of_parts(lambda p: dv_of(p.de, p.tanh, "na"))),
        ("a mean over the batch", known.mean("dv", "the rows"),
         of_parts(lambda p: dv_of(p.de, p.tanh) / len(p.regions))),
        ("without tanh", "dv is Σ de_i (key_i + query). v was multiplied by tanh(key_i + query).",
         of_parts(lambda p: dv_of(p.de, p.keys + p.query[:, None]))),
        ("as if v stood inside tanh", "dv contains the slope of tanh. v is multiplied after the tanh: dv = Σ de_i "
         "tanh(key_i + query).",
         (of_parts(lambda p: dv_of(p.de, p.tanh * (1 - p.tanh**2))), of_parts(lambda p: dv_of(p.de, 1 - p.tanh**2)))),
    ]})


# -------------------------------------------------------------------------------------------------- doubly_stochastic

def doubly(alphas, weight, *, missing=lambda alphas: 1 - alphas.sum(axis=1), divide=lambda N, T, L: N * T,
           cost=np.square):
    """(loss, dalphas)"""
    gap, share = missing(alphas), weight / divide(*alphas.shape)
    per_word = gap if gap.ndim == 3 else gap[:, None]
    return share * cost(gap).sum(), np.broadcast_to(-2 * share * per_word, alphas.shape)


DOUBLY_STOCHASTIC = Exercise(
    "23.4", "doubly_stochastic", ("loss", "dalphas"), doubly,
    example=((np.array([[[1.0, 0], [0.5, 0.5]]]), 2.0), (0.5, np.array([[[1.0, -1], [1, -1]]]))),
    cases=lambda rng: (softmax(2 * rng.standard_normal((3, 4, 5))), float(rng.uniform(0.5, 2))),
    mistakes={"loss": [
        ("summed over the regions", "The loss is 0: each word's weights sum to 1 over the regions anyway. Sum over "
         "the words, axis 1.", lambda: 0.0),
        ("a mean over the words", "The mean of a region's weights was compared with 1. It is their sum over the words.",
         partial(doubly, missing=lambda a: 1 - a.mean(axis=1))),
        ("not divided by the words", "It is a sum over all captions. Divide by the number of words, N · T, as in the "
         "cross-entropy.", partial(doubly, divide=lambda N, T, L: 1)),
        ("divided by the captions", known.divided_by("The loss", "N", "the number of words, N · T"),
         partial(doubly, divide=lambda N, T, L: N)),
        ("a mean over the regions", "The squares were averaged over captions and regions. Sum them, and divide by the "
         "number of words, N · T.", partial(doubly, divide=lambda N, T, L: N * L)),
        ("divided by everything", known.divided_by("The loss", "N · T · L", "the number of words, N · T"),
         partial(doubly, divide=lambda N, T, L: N * T * L)),
        ("the square of the sum", "The gaps 1 - Σ_t were added first and then squared, so positive and negative ones "
         "cancel. Square each, then sum.", partial(doubly, cost=lambda gap: gap.sum()**2)),
        ("compared with T / L", "The sums were compared with T/L, their mean. The docstring says 1.",
         partial(doubly, missing=lambda a: a.shape[1] / a.shape[2] - a.sum(axis=1))),
        ("no square", "The gaps 1 - Σ_t were added without their squares, so positive and negative ones cancel.",
         partial(doubly, cost=lambda gap: gap)),
        ("the absolute value", "The gaps 1 - Σ_t were added as absolute values. It is their squares.",
         partial(doubly, cost=np.abs)),
        ("every share is compared with 1", "Each weight was compared with 1 by itself. First sum a region's weights "
         "over the words, then compare.", partial(doubly, missing=lambda a: 1 - a)),
        ("the weight is forgotten", known.not_used("weight", "Multiply the loss by it"),
         lambda alphas: doubly(alphas, 1.0)),
    ], "dalphas": [
        ("the wrong sign", "dalphas has the wrong sign. A region with a sum below 1 (1 - Σ_t > 0) should get more: "
         "its gradient is negative.", lambda right: -right),
        ("the 2 is forgotten", "dalphas is half of what it should be: the derivative of a square has a factor 2.",
         lambda right: right / 2),
        ("not handed to every word", "dalphas has no axis for the words. Every word's weight went into the sum, so "
         "each gets the same gradient: (N, T, L).", (lambda right: right[:, 0], lambda right: right[:, :1])),
        ("multiplied by alphas", "dalphas is multiplied by alphas. Σ_t is a plain sum, in which every weight has the "
         "factor 1.", lambda right, alphas: right * alphas),
        ("shared out over the words", "dalphas is T times too small: the gradient of a sum was divided by its terms. "
         "Each of them gets all of it.", lambda right, alphas: right / alphas.shape[1]),
        ("not divided by the words", "dalphas lacks the division by the number of words, N · T, which the loss has.",
         partial(doubly, divide=lambda N, T, L: 1)),
        ("the weight is forgotten", known.not_used("weight", "Multiply dalphas by it"),
         lambda alphas: doubly(alphas, 1.0)),
        ("every share is compared with 1", "dalphas was made of 1 - alphas. It is made of 1 - Σ_t alphas, the same for "
         "every word.", partial(doubly, missing=lambda a: 1 - a)),
    ]})

EXERCISES = (ATTENTION_FORWARD, SOFTMAX_BACKWARD, ATTENTION_BACKWARD, DOUBLY_STOCHASTIC)
