"""Sums over segments on the CPU: a product with the one-hot matrix of the segments, as a sparse matrix."""

import numpy as np


def segment_sum(x, segments, count):
    if x.dtype != np.float32:
        return NotImplemented
    from scipy.sparse import csr_matrix

    E, M = x.shape[-1], segments.size
    one_hot = csr_matrix((np.ones(M, np.float32), (segments.reshape(-1), np.arange(M))), shape=(count, M))
    return one_hot @ x.reshape(M, E)
