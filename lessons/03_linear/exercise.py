"""Lesson 3: a linear layer, and why (y, cache). Fill in what is still to do, then `python -m minicap.learn check`."""



def linear_forward(x, W, b):
    """y = x W + b for a batch, and what the backward pass will need.

    x: (N, D), N samples of D numbers each; W: (D, H); b: (H,). Returns (y, cache): y of shape (N, H), and in ``cache``
    whatever your linear_backward needs; a tuple is fine.

        x = [[1, 2]]    W = [[1, 0, 1],    b = [10, 20, 30]
                             [0, 1, 1]]
        y = [[11, 22, 33]]
    """
    raise NotImplementedError("exercise 3.1 is still to do")


def linear_backward(dy, cache):
    """The gradients of x, W and b, from dy = dL/dy and the cache of linear_forward.

    dy: (N, H). Returns (dx, dW, db), shaped like x, W and b.

        x and W as above, dy = [[1, 10, 100]]
        dx = [[101, 110]]    dW = [[1, 10, 100],    db = [1, 10, 100]
                                   [2, 20, 200]]
    """
    raise NotImplementedError("exercise 3.2 is still to do")


def two_layers_backward(x, W1, b1, W2, b2, dy):
    """The gradients of two linear layers, one after the other: y = (x W1 + b1) W2 + b2.

    x: (N, D), W1: (D, H), W2: (H, F), dy: (N, F). Use linear_forward and linear_backward, each twice. Returns
    (dx, dW1, db1, dW2, db2).

        x = [[1]]  W1 = [[2]]  b1 = [3]  W2 = [[4]]  b2 = [5]  dy = [[1]]
        dx = [[8]]  dW1 = [[4]]  db1 = [4]  dW2 = [[5]]  db2 = [1]
    """
    raise NotImplementedError("exercise 3.3 is still to do")
