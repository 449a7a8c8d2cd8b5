"""Lesson 23: soft attention. Fill in what is still to do, then `python -m minicap.learn check`.

Each of N rows has an image of L regions, and one query, which depends on the words so far.
"""

import numpy as np

from minicap.attention import softmax  # over the last axis


def attention_forward(regions, keys, query, v):
    """The sum of the regions, weighted by how well their keys fit the query.

        e_i = v · tanh(key_i + query)        alpha = softmax of e over the regions        z = Σ_i alpha_i region_i

    regions: (N, L, D); keys: (N, L, A); query: (N, A); v: (A,). Returns ((z, alpha), cache): z (N, D), alpha (N, L),
    and in ``cache`` whatever your attention_backward needs.

        regions = [[[4, 0],    keys = [[[0     ],    query = [[0]]    v = [1]        tanh 0.8540 = 0.6931 = log 2
                    [0, 4],             [0.8540],
                    [8, 8]]]            [0     ]]]

        e = [[0, log 2, 0]]    alpha = [[0.25, 0.5, 0.25]]    z = [[3, 4]]
    """
    raise NotImplementedError("exercise 23.1 is still to do")


def softmax_backward(dalpha, alpha):
    """The gradient of e, from that of alpha = softmax(e).

    dalpha, alpha: (N, L), a softmax in every row. Returns de (N, L).

        alpha = [[0.25, 0.5, 0.25]]    dalpha = [[4, 0, 8]]        0.25 · 4 + 0.5 · 0 + 0.25 · 8 = 3

        de = [[0.25, -1.5, 1.25]]
    """
    raise NotImplementedError("exercise 23.2 is still to do")


def attention_backward(dz, cache):
    """The gradients of all four inputs of attention_forward, from dz (N, D) and its cache.

    Returns (dregions, dkeys, dquery, dv), shaped like regions, keys, query and v.

        With the example of attention_forward and dz = [[1, 0]], de is that of softmax_backward:

        dregions = [[[0.25, 0], [0.5, 0], [0.25, 0]]]
        dkeys = [[[0.25], [-0.7793], [1.25]]]        -0.7793 = -1.5 · (1 - 0.6931²)
        dquery = [[0.7207]]    dv = [-1.0397]        -1.0397 = -1.5 · 0.6931
    """
    raise NotImplementedError("exercise 23.3 is still to do")


def doubly_stochastic(alphas, weight):
    """The loss term that asks for attention to every region, and its gradient.

        loss = weight / (N · T) · Σ_n Σ_i (1 - Σ_t alphas[n, t, i])²

    alphas: (N, T, L), the attention weights of N captions of T words. Returns (loss, dalphas), a number and an array
    (N, T, L).

        alphas = [[[1, 0],       weight = 2       Σ_t is [[1.5, 0.5]], so both squares are 0.25
                   [0.5, 0.5]]]

        loss = 0.5    dalphas = [[[1, -1], [1, -1]]]
    """
    raise NotImplementedError("exercise 23.4 is still to do")
