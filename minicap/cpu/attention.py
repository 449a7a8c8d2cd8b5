"""Attention on the CPU, without tanh and one image at a time.

A tanh for every region, word and channel would be most of the work. By the addition theorem

    tanh(k + q) = 1 - 2 r,      r = 1 / (1 + e^2k e^2q)      and      1 - tanh² = 4 r (1 - r)

so the exponential of the keys is taken once per sequence (``prepare_keys``) and that of the query once per word, which
leaves a product, a sum and a reciprocal for each step. Rows for the same image are processed together, while its
regions are in the cache.

Keys are clipped at ±``KEY``: with a query of at most ``QUERY`` their tanh is ±1 in float32 anyway. A product that
overflows then does no harm, because 1 / (1 + inf) is 0, as it should be, and inf · 0 cannot occur.
"""

import numpy as np

from ..backend import op
from .threads import run_blocks, scratch

KEY, QUERY = 43.0, 34.0  # e^86 and its reciprocal are float32 numbers; 1 - tanh(43 - 34) is beyond float32
BLOCK_BYTES = 1 << 19    # of keys at a time


def prepare_keys(keys):
    """e^(2 keys)"""
    if keys.dtype != np.float32:
        return NotImplemented
    exp_keys = np.empty_like(keys)

    def block(image):
        part = np.clip(keys[image], -KEY, KEY, out=exp_keys[image])
        part *= 2
        np.exp(part, out=part)

    run_blocks(block, [(image,) for image in range(len(keys))])
    return exp_keys


def attention_scores(keys, prepared, query, v, image_of):
    if not _supported(keys, query, v):
        return NotImplemented
    exp_keys, exp_query = prepared, np.exp(2 * query)
    e = np.empty((len(query), keys.shape[1]), np.float32)

    def block(image, rows):
        for part in _parts(keys):
            for n in rows:
                scores_of_regions(exp_keys[image, part], exp_query[n], v, e[n, part])

    run_blocks(block, _by_image(image_of))
    e *= -2
    e += v.sum()
    return e


def attention_scores_backward(keys, prepared, query, v, image_of, de, dkeys):
    if not _supported(keys, query, v, de, dkeys):
        return NotImplemented
    exp_keys, exp_query = prepared, np.exp(2 * query)
    dquery, dv = np.zeros_like(query), np.zeros_like(query)
    v = 4 * v

    def block(image, rows):
        for part in _parts(keys):
            for n in rows:
                scores_of_regions_backward(exp_keys[image, part], exp_query[n], v, de[n, part], dkeys[image, part],
                                           dquery[n], dv[n])

    run_blocks(block, _by_image(image_of))
    dquery *= v
    return dquery, de.sum() - 2 * dv.sum(axis=0)


@op
def scores_of_regions(exp_keys, exp_query, v, e):
    """e = r · v for some regions (l, A) and one query (A,)."""
    np.matmul(_r(exp_keys, exp_query), v, out=e)


@op
def scores_of_regions_backward(exp_keys, exp_query, v, de, dkeys, dquery, dv):
    """Adds to dkeys (l, A), dquery (A,) and dv (A,), except for constant factors that the caller applies at the end."""
    r = _r(exp_keys, exp_query)
    dv += de @ r
    slope = np.multiply(r, r, out=scratch().empty("slope", r.shape))
    np.subtract(r, slope, out=slope)
    dquery += de @ slope
    slope *= np.multiply(de[:, None], v, out=r)
    dkeys += slope


def weighted_sum(regions, alpha, image_of):
    if regions.dtype != np.float32 or alpha.dtype != np.float32:
        return NotImplemented
    z = np.empty((len(alpha), regions.shape[2]), np.float32)

    def block(image, rows):
        z[rows] = alpha[rows] @ regions[image]

    run_blocks(block, _by_image(image_of))
    return z


def weighted_sum_backward(regions, alpha, image_of, dy, dregions=None):
    if regions.dtype != np.float32 or alpha.dtype != np.float32 or dy.dtype != np.float32:
        return NotImplemented
    dalpha = np.empty(alpha.shape, np.float32)

    def block(image, rows):
        dalpha[rows] = dy[rows] @ regions[image].T
        if dregions is not None:
            dregions[image] += alpha[rows].T @ dy[rows]

    run_blocks(block, _by_image(image_of))
    return dalpha


def _supported(keys, query, *arrays):
    """Whether all arrays are float32 and no query exceeds what the clipped keys allow."""
    return (all(a.dtype == np.float32 for a in (keys, query, *arrays)) and np.abs(query).max(initial=0) <= QUERY)


def _r(exp_keys, exp_query):
    """1 / (1 + e^2k e^2q), in scratch memory."""
    with np.errstate(over="ignore"):
        r = np.multiply(exp_keys, exp_query, out=scratch().empty("r", exp_keys.shape))
    r += 1
    return np.divide(1, r, out=r)


def _parts(keys):
    """Slices of the regions of an image that fit into the cache."""
    _, L, A = keys.shape
    step = max(1, BLOCK_BYTES // (4 * A))
    return [slice(begin, begin + step) for begin in range(0, L, step)]


def _by_image(image_of):
    """(image, its rows) for every image in ``image_of``."""
    order = np.argsort(image_of, kind="stable")
    images, starts = np.unique(image_of[order], return_index=True)
    return list(zip(images.tolist(), np.split(order, starts[1:]), strict=True))
