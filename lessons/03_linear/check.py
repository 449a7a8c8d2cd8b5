"""What lesson 3 asks for."""

import numpy as np

from minicap.learn.exercises import Exercise, Mistake, gradient_exercise


def forward(x, W, b):
    return x @ W + b


def case(rng):
    return rng.standard_normal((4, 3)), rng.standard_normal((3, 2)), rng.standard_normal(2)


def with_dy(rng):
    return *case(rng), rng.standard_normal((4, 2))


X, W, B = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]), np.array([10.0, 20.0, 30.0])

LINEAR_FORWARD = Exercise(
    "3.1", "linear_forward", ("y",), forward, example=((X, W, B), np.array([[11.0, 22.0, 33.0]])), cases=case,
    call=lambda module, *inputs: y_of(module.linear_forward(*inputs)),
    mistakes=(
        Mistake("the bias is missing", "It is x W without b: add b, which NumPy does for every row at once.",
                lambda right, x, W, b: x @ W),
        Mistake("the bias is subtracted", "It is x W - b; the layer adds b.", lambda right, x, W, b: x @ W - b),
        Mistake("products of elements instead of a matrix product",
                "It looks like `*`, which multiplies number by number. A matrix product, which sums over the inner "
                "index, is `@`.", lambda right, x, W, b: x * W + b),
    ))

LINEAR_BACKWARD = gradient_exercise(
    "3.2", "linear_backward", forward, {"dx": 0, "dW": 1, "db": 2},
    example=((X, W, B, np.array([[1.0, 10.0, 100.0]])),
             (np.array([[101.0, 110.0]]), np.array([[1.0, 10.0, 100.0], [2.0, 20.0, 200.0]]),
              np.array([1.0, 10.0, 100.0]))),
    cases=with_dy, needs=("linear_forward",),
    call=lambda module, x, W, b, dy: module.linear_backward(dy, module.linear_forward(x, W, b)[1]),
    mistakes=(
        Mistake("dW transposed", "dW is dy^T x, which is its transpose. dW[d, h] belongs to W[d, h], so it is "
                "x.T @ dy.", lambda right, x, W, b, dy: dy.T @ x, of="dW"),
        Mistake("dW divided by the batch", "dW is a mean over the N samples. Every sample has pulled at W and all "
                "pulls add up; the 1/N of a mean is in the loss and has come with dy.",
                lambda right, x, W, b, dy: right / len(x), of="dW"),
        Mistake("db not summed over the batch", "db is dy itself. b was added to all N rows, so what all rows want of "
                "it is summed: dy.sum(axis=0).", lambda right, x, W, b, dy: dy, of="db"),
        Mistake("db is a mean over the batch", "db is the mean of dy over the batch. The pulls of all rows add up: "
                "sum, and not mean.", lambda right, x, W, b, dy: dy.mean(axis=0), of="db"),
        Mistake("db summed over everything", "db is one number, the sum of all of dy. Each b[h] has its own: sum over "
                "the samples alone, axis=0.", lambda right, x, W, b, dy: dy.sum(), of="db"),
        Mistake("db summed over the wrong axis", "dy was summed over axis 1, the outputs. b has one number for each "
                "output and none for each sample: axis=0.", lambda right, x, W, b, dy: dy.sum(axis=1), of="db"),
        Mistake("dx with W not transposed", "dx is dy W. Going back, each output hands its pull to the inputs it came "
                "from: dy @ W.T.", lambda right, x, W, b, dy: dy @ W, of="dx"),
    ))

TWO_LAYERS = gradient_exercise(
    "3.3", "two_layers_backward", lambda x, W1, b1, W2, b2: (x @ W1 + b1) @ W2 + b2,
    {"dx": 0, "dW1": 1, "db1": 2, "dW2": 3, "db2": 4},
    example=(tuple(np.array(a, float) for a in ([[1]], [[2]], [3], [[4]], [5], [[1]])),
             tuple(np.array(a, float) for a in ([[8]], [[4]], [4], [[5]], [1]))),
    cases=lambda rng: tuple(rng.standard_normal(shape) for shape in ((4, 3), (3, 2), 2, (2, 3), 3, (4, 3))),
    needs=("linear_forward", "linear_backward"),
    mistakes=(
        Mistake("the second layer read x", "dW2 is x^T dy: the cache of the wrong layer, or the second layer was given "
                "x. It reads h, what the first one made.", lambda right, x, W1, b1, W2, b2, dy: x.T @ dy, of="dW2"),
        Mistake("the first layer got dy", "dW1 is x^T dy. The first layer's dy is dh, what the second one returned for "
                "its input.", lambda right, x, W1, b1, W2, b2, dy: x.T @ dy, of="dW1"),
        Mistake("the first layer got dy", "db1 is the sum of dy. The first layer's dy is dh, what the second one "
                "returned for its input.", lambda right, x, W1, b1, W2, b2, dy: dy.sum(axis=0), of="db1"),
    ))

EXERCISES = (LINEAR_FORWARD, LINEAR_BACKWARD, TWO_LAYERS)


def y_of(answer):
    """y out of (y, cache)."""
    if not (isinstance(answer, tuple) and len(answer) == 2):
        raise TypeError(f"linear_forward has to return two things, `return y, cache`, and not {type(answer).__name__}")
    return answer[0]
