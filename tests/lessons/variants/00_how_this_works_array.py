"""Lesson 0 by asking an array."""

import numpy as np


def numbers_in(H, W, C):
    return np.zeros((H, W, C), np.uint8).size
