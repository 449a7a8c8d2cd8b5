"""What lesson 3 asks for."""

import numpy as np

from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise, gradient_exercise
from minicap.learn.recurring import after_forward, floats, normal, without_cache


def forward(x, W, b):
    return x @ W + b


X, W, B = floats([[1, 2]], [[1, 0, 1], [0, 1, 1]], [10, 20, 30])

LINEAR_FORWARD = Exercise(
    "3.1", "linear_forward", ("y",), forward, example=((X, W, B), np.array([[11.0, 22.0, 33.0]])),
    cases=normal((4, 3), (3, 2), 2), call=without_cache("linear_forward", "y"),
    mistakes=[
        ("the bias is missing", known.no_bias("b"), lambda x, W: x @ W),
        ("the bias is added twice", "The bias is added twice: x W + b.", lambda right, b: right + b),
        ("the bias is subtracted", known.bias_subtracted("x W"), lambda x, W, b: x @ W - b),
    ])

LINEAR_BACKWARD = gradient_exercise(
    "3.2", "linear_backward", forward, {"dx": 0, "dW": 1, "db": 2},
    example=((X, W, B, np.array([[1.0, 10.0, 100.0]])),
             floats([[101, 110]], [[1, 10, 100], [2, 20, 200]], [1, 10, 100])),
    cases=normal((4, 3), (3, 2), 2, (4, 2)), needs=("linear_forward",),
    call=after_forward("linear_backward", "linear_forward"),
    mistakes={"dW": [
        ("dW transposed", known.transposed("dW", "dy^T x", "x.T @ dy"), lambda x, dy: dy.T @ x),
        ("dW divided by the batch", "dW is a mean over the N samples. The 1/N is in the loss and came with dy: sum, "
         "and not mean.", lambda right, x: right / len(x)),
    ], "db": [
        ("db not summed over the batch", known.not_summed("db", "dy", "b was added to all N rows", "dy.sum(axis=0)"),
         lambda dy: dy),
        ("db has one axis too many", "The sums are right, but b is (H,) and db is (1, H): leave keepdims out.",
         lambda right: right[None]),
        ("db is a mean over the batch", known.mean("db", "the rows"), lambda dy: dy.mean(axis=0)),
        ("db summed over everything", known.one_number("db", "Each b[h] has its own", "axis=0"), lambda dy: dy.sum()),
        ("db summed over the wrong axis",
         known.wrong_axis("db", "the outputs", "b has one number for each output", "axis=0"),
         lambda dy: dy.sum(axis=1)),
    ]})

TWO_LAYERS = gradient_exercise(
    "3.3", "two_layers_backward", lambda x, W1, b1, W2, b2: (x @ W1 + b1) @ W2 + b2,
    {"dx": 0, "dW1": 1, "db1": 2, "dW2": 3, "db2": 4},
    example=(floats([[1]], [[2]], [3], [[4]], [5], [[1]]), floats([[8]], [[4]], [4], [[5]], [1])),
    cases=normal((4, 3), (3, 2), 2, (2, 3), 3, (4, 3)), needs=("linear_forward", "linear_backward"),
    mistakes={"dW2": [
        ("the second layer read x", "dW2 is x^T dy: the cache of the wrong layer, or a second layer that was given x. "
         "It reads h, the first one's output.", lambda x, dy: x.T @ dy),
    ], "dW1": [
        ("the first layer got dy", "dW1 is x^T dy. The first layer's dy is dh, what the second one returned for its "
         "input.", lambda x, dy: x.T @ dy),
    ], "db1": [
        ("db1 is db2", "db1 is the sum of dy, which is db2. The first layer's bias gets the sum of dh, what the second "
         "one returned for its input.", lambda dy: dy.sum(axis=0)),
    ]})

EXERCISES = (LINEAR_FORWARD, LINEAR_BACKWARD, TWO_LAYERS)
