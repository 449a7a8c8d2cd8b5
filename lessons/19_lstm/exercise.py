"""Lesson 19: the LSTM, gate by gate. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np

from minicap.activations import sigmoid


def lstm_step(x, h, c, W, U, b):
    """One step of an LSTM: (x, h, c) -> (h', c'), and what the backward pass will need.

    x: (N, D), the input; h, c: (N, H), state and memory before the step; W: (D, 4H), U: (H, 4H), b: (4H,), in four
    blocks of H columns: input gate i, forget gate f, output gate o, candidate g. Returns (h', c', cache).

        x = [[1]]  h = [[0.5]]  c = [[2]]  W = [[1, 2, 3, 4]]  U = [[2, 2, 4, 2]]  b = [-3, -2, -3, -4]
        z = [[-1, 1, 2, 1]]
        i = σ(-1) = 0.2689  f = σ(1) = 0.7311  o = σ(2) = 0.8808  g = tanh(1) = 0.7616
        c' = [[1.6669]]    h' = [[0.8202]]
    """
    raise NotImplementedError("exercise 19.1 is still to do")


def memory_backward(dh, dc, i, f, o, g, c):
    """The gradients of the gates and of the old memory in c' = f c + i g, h' = o tanh(c').

    dh = dL/dh'; dc: the gradient of c' from the next step. All arrays are (N, H); i, f, o and g are the outputs of σ
    and tanh, c is the memory before the step. Returns (di, df, do, dg, dc), the last one of the memory before the
    step.

        i, f, o, g and c as above (i = 0.2689, f = 0.7311, o = 0.8808, g = 0.7616, c = 2), dh = [[1]], dc = [[10]]
        di = [[7.7051]]  df = [[20.2342]]  do = [[0.9311]]  dg = [[2.7209]]  dc = [[7.3962]]
    """
    raise NotImplementedError("exercise 19.2 is still to do")


def lstm_step_backward(dh, dc, cache):
    """The gradients of one step, from dh = dL/dh', dc = dL/dc' and the cache of lstm_step.

    dh, dc: (N, H). Returns (dx, dh, dc, dW, dU, db), shaped like x, h, c, W, U and b; the second and the third are
    those of state and memory before the step.

        x, h, c, W, U and b as above, dh = [[1]], dc = [[10]]
        dx = [[14.3357]]    dh = [[13.6629]]    dc = [[7.3962]]
        dW = [[1.5149, 3.9783, 0.0978, 1.1427]]    dU = [[0.7575, 1.9891, 0.0489, 0.5714]]
        db = [1.5149, 3.9783, 0.0978, 1.1427]
    """
    raise NotImplementedError("exercise 19.3 is still to do")
