"""Mistakes people make in lesson 3, and how each has to be named."""

# expects: 3.1: the bias is subtracted
def linear_forward(x, W, b):
    return x @ W - b, (x, W)


# expects: 3.1: the bias is missing
def linear_forward(x, W, b):
    return x @ W, (x, W)


# expects: 3.2: dW divided by the batch
def linear_backward(dy, cache):
    x, W = cache
    return dy @ W.T, x.T @ dy / len(x), dy.sum(axis=0)


# expects: 3.2: sign
def linear_backward(dy, cache):
    x, W = cache
    return dy @ W.T, -x.T @ dy, dy.sum(axis=0)


# expects: 3.2: dW transposed
def linear_backward(dy, cache):
    x, W = cache
    return dy @ W.T, dy.T @ x, dy.sum(axis=0)


# expects: 3.2: nothing was filled in
def linear_backward(dy, cache):
    x, W = cache
    return dy @ W.T, W * 0, dy.sum(axis=0)


# expects: 3.2: db summed over the wrong axis
def linear_backward(dy, cache):
    x, W = cache
    return dy @ W.T, x.T @ dy, dy.sum(axis=1)


# expects: 3.2: db is a mean over the batch
def linear_backward(dy, cache):
    x, W = cache
    return dy @ W.T, x.T @ dy, dy.mean(axis=0)


# expects: 3.2: db not summed over the batch
def linear_backward(dy, cache):
    x, W = cache
    return dy @ W.T, x.T @ dy, dy


# expects: 3.2: db summed over everything
def linear_backward(dy, cache):
    x, W = cache
    return dy @ W.T, x.T @ dy, dy.sum()


# expects: 3.2: twice
def linear_backward(dy, cache):
    x, W = cache
    return 2 * (dy @ W.T), x.T @ dy, dy.sum(axis=0)


# expects: 3.2: an input is changed in place
def linear_backward(dy, cache):
    x, W = cache
    dx = dy @ W.T
    dW = x.T @ dy
    dy *= 2
    return dx, dW, dy.sum(axis=0) / 2


# expects: 3.2: something is kept from call to call
TOTAL = {}


def linear_backward(dy, cache):
    x, W = cache
    TOTAL['dW'] = TOTAL.get('dW', 0) + x.T @ dy
    return dy @ W.T, TOTAL['dW'], dy.sum(axis=0)


# expects: 3.2: nothing returned
def linear_backward(dy, cache):
    x, W = cache
    dW = x.T @ dy
    return dy @ W.T, None, dW.sum(axis=0)


# expects: 3.2: None
def linear_backward(dy, cache):
    x, W = cache
    return dy @ W.T, x.T @ dy + 0.25, dy.sum(axis=0)


# expects: 3.3: the second layer read x
def two_layers_backward(x, W1, b1, W2, b2, dy):
    h, cache1 = linear_forward(x, W1, b1)
    dh = dy @ W2.T
    dx, dW1, db1 = linear_backward(dh, cache1)
    return dx, dW1, db1, x.T @ dy, dy.sum(axis=0)
