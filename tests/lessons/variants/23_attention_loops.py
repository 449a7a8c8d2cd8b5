"""Lesson 23 in loops over images and regions, with a cache that is a dictionary of what came in."""

import numpy as np


def attention_forward(regions, keys, query, v):
    N, L, D = regions.shape
    z, alpha = np.zeros((N, D)), np.zeros((N, L))
    for n in range(N):
        e = [sum(v * np.tanh(keys[n, i] + query[n])) for i in range(L)]
        powers = np.exp(e)
        alpha[n] = powers / sum(powers)
        for i in range(L):
            z[n] += alpha[n, i] * regions[n, i]
    return (z, alpha), {"regions": regions, "keys": keys, "query": query, "v": v}


def softmax_backward(dalpha, alpha):
    de = np.zeros_like(alpha)
    for n, a in enumerate(alpha):
        jacobian = np.diag(a) - np.outer(a, a)
        de[n] = jacobian @ dalpha[n]
    return de


def attention_backward(dz, cache):
    regions, keys, query, v = cache.values()
    (_, alpha), _ = attention_forward(regions, keys, query, v)
    dregions, dkeys, dquery, dv = map(np.zeros_like, cache.values())
    dalpha = np.array([[regions[n, i] @ dz[n] for i in range(regions.shape[1])] for n in range(len(dz))])
    de = softmax_backward(dalpha, alpha)
    for n in range(regions.shape[0]):
        for i in range(regions.shape[1]):
            t = np.tanh(keys[n, i] + query[n])
            dregions[n, i] = alpha[n, i] * dz[n]
            dv += de[n, i] * t
            d = de[n, i] * v * (1 - t**2)
            dkeys[n, i] = d
            dquery[n] += d
    return [dregions, dkeys, dquery, dv]


def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    loss, dalphas = 0.0, np.zeros((N, T, L))
    for n in range(N):
        for i in range(L):
            gap = 1 - sum(alphas[n, t, i] for t in range(T))
            loss += gap**2
            dalphas[n, :, i] = -2 * gap
    return weight * loss / (N * T), weight * dalphas / (N * T)
