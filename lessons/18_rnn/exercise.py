"""Lesson 18: a recurrent network. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np


def rnn_step(x, h, W, U, b):
    """One step of a recurrent network: h' = tanh(x W + h U + b), and what the backward pass will need.

    x: (N, D), the input; h: (N, H), the previous state; W: (D, H); U: (H, H); b: (H,). Returns (h', cache): the new
    state, of shape (N, H), and in ``cache`` whatever your rnn_step_backward needs.

        x = [[2]]    h = [[0.5, 1]]    W = [[1, 2]]    U = [[0, 1],    b = [-3, -4]
                                                            [2, -1]]
        h' = [[tanh(1), tanh(-0.5)]] = [[0.7616, -0.4621]]
    """
    raise NotImplementedError("exercise 18.1 is still to do")


def rnn_step_backward(dh, cache):
    """The gradients of one step, from dh = dL/dh' and the cache of rnn_step.

    dh: (N, H). Returns (dx, dh, dW, dU, db), shaped like x, h, W, U and b; the second one is the gradient of the
    previous state.

        x, h, W, U and b as above, dh = [[1, 10]]
        dx = [[16.149]]    dh = [[7.8645, -7.0245]]    dW = [[0.8399, 15.729]]
        dU = [[0.2100, 3.9322],    db = [0.4200, 7.8645]
              [0.4200, 7.8645]]
    """
    raise NotImplementedError("exercise 18.2 is still to do")


def rnn_forward(x, h0, W, U, b):
    """A whole sequence: y[:, t] is the state after step t.

    x: (N, T, D); h0: (N, H), the state before the first step. Returns (y, cache), y of shape (N, T, H). Use rnn_step.

        x = [[[1], [0], [-1]]]    h0 = [[2]]    W = [[1]]    U = [[0.5]]    b = [0]
        y = [[[0.9640], [0.4479], [-0.6504]]]
    """
    raise NotImplementedError("exercise 18.3 is still to do")


def rnn_backward(dy, cache):
    """The gradients of a whole sequence, from dy = dL/dy and the cache of rnn_forward: backpropagation through time.

    dy: (N, T, H), in which every step has a gradient of its own. Returns (dx, dh0, dW, dU, db). Use rnn_step_backward.

        x, h0, W, U and b as above, dy = [[[1], [0], [10]]]
        dx = [[[0.1521], [2.3060], [5.7692]]]    dh0 = [[0.0761]]
        dW = [[-5.6171]]    dU = [[5.1111]]    db = [8.2273]
    """
    raise NotImplementedError("exercise 18.4 is still to do")
