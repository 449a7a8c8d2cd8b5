"""Lesson 7 without a loop: windows as views, the sum by einsum."""

import math

import numpy as np


def output_size(H, K, S, P):
    return math.floor((H + 2 * P - K) / S + 1)


def pad(x, P, value=0):
    return np.pad(x, [(0, 0), (P, P), (P, P), (0, 0)], constant_values=value)


def conv2d_loops(x, W, b, S=1, P=0):
    windows = np.lib.stride_tricks.sliding_window_view(pad(x, P), W.shape[:2], axis=(1, 2))[:, ::S, ::S]
    return b + np.einsum("nhwckl,klcf->nhwf", windows, W)
