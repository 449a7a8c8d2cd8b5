"""Mistakes people make in lesson 1, and how each has to be named."""

# expects: 1.1: only the mean is divided
def normalize_columns(x):
    return x - x.mean(axis=0) / x.std(axis=0)


# expects: 1.1: None
def normalize_columns(x):
    return (x - x.mean(axis=0)) / (x.std(axis=0) + 0.1)


# expects: 1.1: the sum of squares is divided by N - 1
def normalize_columns(x):
    difference = x - x.mean(axis=0)
    variance = (difference ** 2).sum(axis=0) / (len(x) - 1)
    return difference / variance ** 0.5


# expects: 1.1: one mean for everything
def normalize_columns(x):
    return (x - x.mean()) / x.std()


# expects: 1.1: an input is changed in place
def normalize_columns(x):
    x -= x.mean(axis=0)
    x /= x.std(axis=0)
    return x


# expects: 1.1: divided by the length of the column
def normalize_columns(x):
    y = x - x.mean(axis=0)
    return y / (y * y).sum(axis=0) ** 0.5


# expects: 1.1: multiplied by the deviation
def normalize_columns(x):
    return (x - x.mean(axis=0)) * x.std(axis=0)


# expects: 1.1: not divided by the deviation
def normalize_columns(x):
    y = x - x.mean(axis=0)
    y.std(axis=0)
    return y


# expects: 1.1: the mean is not subtracted
def normalize_columns(x):
    return x / x.std(axis=0)


# expects: 1.1: the squares are not of the distances from the mean
def normalize_columns(x):
    deviation = (x ** 2).mean(axis=0) ** 0.5
    return (x - x.mean(axis=0)) / deviation


# expects: 1.1: rows instead of columns
def normalize_columns(x):
    mean = x.mean(axis=1, keepdims=True)
    return (x - mean) / x.std(axis=1, keepdims=True)


# expects: 1.1: stretched between the smallest and the largest
def normalize_columns(x):
    low, high = x.min(axis=0), x.max(axis=0)
    return (x - low) / (high - low)


# expects: 1.1: divided before the mean is subtracted
def normalize_columns(x):
    return x / x.std(axis=0) - x.mean(axis=0)


# expects: 1.1: divided by the variance
def normalize_columns(x):
    difference = x - x.mean(axis=0)
    return difference / (difference ** 2).mean(axis=0)


# expects: 1.2: absolute values instead of squares
def squared_distances(a, b):
    return abs(a[:, None] - b).sum(axis=2)


# expects: 1.2: summed over the wrong axis
def squared_distances(a, b):
    return ((a[:, None] - b[None]) ** 2).sum(axis=1)


# expects: 1.2: summed over the wrong axis
def squared_distances(a, b):
    return sum((row - b) ** 2 for row in a)


# expects: 1.2: a mean over the D numbers
def squared_distances(a, b):
    return ((a[:, None] - b) ** 2).mean(axis=-1)


# expects: 1.2: not summed
def squared_distances(a, b):
    return (a[:, None] - b) ** 2


# expects: 1.2: None
def squared_distances(a, b):
    return (abs(a[:, None] - b) ** 3).sum(axis=2)


# expects: 1.2: the 2 of the mixed term is missing
def squared_distances(a, b):
    return (a ** 2).sum(axis=1, keepdims=True) + (b ** 2).sum(axis=1) - a @ b.T


# expects: 1.2: the differences are not squared
def squared_distances(a, b):
    difference = a[:, None, :] - b[None, :, :]
    difference ** 2
    return difference.sum(axis=2)


# expects: 1.2: a and b changed places
def squared_distances(a, b):
    return ((a[None, :, :] - b[:, None, :]) ** 2).sum(axis=-1)


# expects: 1.2: products instead of distances
def squared_distances(a, b):
    return a @ b.T


# expects: 1.2: the root was taken
import numpy as np


def squared_distances(a, b):
    return np.linalg.norm(a[:, None] - b, axis=2)


# expects: 1.2: squared after the sum
def squared_distances(a, b):
    return (a[:, None, :] - b[None, :, :]).sum(axis=2) ** 2


# expects: 1.2: one row of b for each row of a
import numpy as np


def squared_distances(a, b):
    return np.array([((p - q) ** 2).sum() for p, q in zip(a, b)])


# expects: 1.3: only the first copy counts
def unbroadcast(dy, shape):
    while dy.ndim > len(shape):
        dy = dy[0]
    return dy[tuple(slice(length) for length in shape)]


# expects: 1.3: only the last copy counts
import numpy as np


def unbroadcast(dy, shape):
    gradient = np.zeros(shape)
    for index in np.ndindex(dy.shape):
        own = index[dy.ndim - len(shape):]
        gradient[tuple(0 if length == 1 else i for i, length in zip(own, shape, strict=True))] = dy[index]
    return gradient


# expects: 1.3: lined up on the left
def unbroadcast(dy, shape):
    while dy.ndim > len(shape):
        dy = dy.sum(axis=-1)
    for i, length in enumerate(shape):
        if length == 1:
            dy = dy.sum(axis=i, keepdims=True)
    return dy


# expects: 1.3: an axis of length 1 is lost
def unbroadcast(dy, shape):
    while dy.ndim > len(shape):
        dy = dy.sum(axis=0)
    for i, length in enumerate(shape):
        if length == 1:
            dy = dy.sum(axis=i)
    return dy


# expects: 1.3: a mean instead of a sum
def unbroadcast(dy, shape):
    while dy.ndim > len(shape):
        dy = dy.mean(axis=0)
    for i, length in enumerate(shape):
        if length == 1:
            dy = dy.mean(axis=i, keepdims=True)
    return dy


# expects: 1.3: the axes in front are still there
def unbroadcast(dy, shape):
    return dy


# expects: 1.3: only one axis in front is summed
def unbroadcast(dy, shape):
    if dy.ndim > len(shape):
        dy = dy.sum(axis=0)
    for i, length in enumerate(shape):
        if length == 1:
            dy = dy.sum(axis=i, keepdims=True)
    return dy


# expects: 1.3: summed over everything
def unbroadcast(dy, shape):
    return dy.sum()


# expects: 1.3: summed over everything
import numpy as np


def unbroadcast(dy, shape):
    return np.zeros(shape) + dy.sum()


# expects: 1.3: axes of length 1 are not summed
def unbroadcast(dy, shape):
    while dy.ndim > len(shape):
        dy = dy.sum(axis=0)
    return dy


# expects: 1.3: the axes in front are still there
def unbroadcast(dy, shape):
    for i, length in enumerate(shape):
        if length == 1:
            dy = dy.sum(axis=i, keepdims=True)
    return dy


# expects: 1.3: None
def unbroadcast(dy, shape):
    while dy.ndim > len(shape):
        dy = dy.max(axis=0)
    for i, length in enumerate(shape):
        if length == 1:
            dy = dy.max(axis=i, keepdims=True)
    return dy


# expects: 1.4: sign
def adjust_backward(x, a, b, dy):
    dx = a * dy
    da = -unbroadcast(x * dy, a.shape)
    db = dy.sum(axis=0)
    return dx, da, db


# expects: 1.4: None
def adjust_backward(x, a, b, dy):
    dx = a * dy
    da = (x * dy).sum(axis=1, keepdims=True) + a
    db = dy.sum(axis=0)
    return dx, da, db


# expects: 1.4: da summed over the wrong axis
def adjust_backward(x, a, b, dy):
    dx = a * dy
    da = (x * dy).sum(axis=0)
    db = dy.sum(axis=0)
    return dx, da, db


# expects: 1.4: da lost its axis
def adjust_backward(x, a, b, dy):
    dx = a * dy
    da = (x * dy).sum(axis=1)
    db = dy.sum(axis=0)
    return dx, da, db


# expects: 1.4: da is a mean
def adjust_backward(x, a, b, dy):
    dx = a * dy
    da = (x * dy).mean(axis=1, keepdims=True)
    db = dy.sum(axis=0)
    return dx, da, db


# expects: 1.4: da without dy
def adjust_backward(x, a, b, dy):
    dx = a * dy
    da = x.sum(axis=1, keepdims=True)
    db = dy.sum(axis=0)
    return dx, da, db


# expects: 1.4: da not summed
def adjust_backward(x, a, b, dy):
    dx = a * dy
    da = x * dy
    db = dy.sum(axis=0)
    return dx, da, db


# expects: 1.4: da without x
def adjust_backward(x, a, b, dy):
    dx = a * dy
    da = unbroadcast(dy, a.shape)
    db = dy.sum(axis=0)
    return dx, da, db


# expects: 1.4: x and dy are summed before they are multiplied
def adjust_backward(x, a, b, dy):
    dx = a * dy
    da = x.sum(axis=1, keepdims=True) * dy.sum(axis=1, keepdims=True)
    db = dy.sum(axis=0)
    return dx, da, db


# expects: 1.4: db summed over the wrong axis
def adjust_backward(x, a, b, dy):
    dx = a * dy
    da = (x * dy).sum(axis=1, keepdims=True)
    db = dy.sum(axis=1)
    return dx, da, db


# expects: 1.4: db has one axis too many
def adjust_backward(x, a, b, dy):
    dx = a * dy
    da = (x * dy).sum(axis=1, keepdims=True)
    db = dy.sum(axis=0, keepdims=True)
    return dx, da, db


# expects: 1.4: db with the contrast
def adjust_backward(x, a, b, dy):
    dx = a * dy
    da = (x * dy).sum(axis=1, keepdims=True)
    db = dx.sum(axis=0)
    return dx, da, db


# expects: 1.4: db summed over everything
def adjust_backward(x, a, b, dy):
    dx = a * dy
    da = (x * dy).sum(axis=1, keepdims=True)
    db = dy.sum()
    return dx, da, db


# expects: 1.4: db is a mean
def adjust_backward(x, a, b, dy):
    dx = a * dy
    da = (x * dy).sum(axis=1, keepdims=True)
    db = dy.mean(axis=0)
    return dx, da, db


# expects: 1.4: db not summed
def adjust_backward(x, a, b, dy):
    dx = a * dy
    da = (x * dy).sum(axis=1, keepdims=True)
    db = dy
    return dx, da, db


# expects: 1.4: dx divided by the contrast
def adjust_backward(x, a, b, dy):
    dx = dy / a
    da = (x * dy).sum(axis=1, keepdims=True)
    db = dy.sum(axis=0)
    return dx, da, db


# expects: 1.4: dx without the contrast
def adjust_backward(x, a, b, dy):
    dx = dy
    da = (x * dy).sum(axis=1, keepdims=True)
    db = dy.sum(axis=0)
    return dx, da, db


# expects: 1.4: dx with x instead of a
def adjust_backward(x, a, b, dy):
    dx = x * dy
    da = (x * dy).sum(axis=1, keepdims=True)
    db = dy.sum(axis=0)
    return dx, da, db
