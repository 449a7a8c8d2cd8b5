# expects: 3.2: an input is changed in place
def linear_forward(x, W, b):
    return x @ W + b, (x, W)


def linear_backward(dy, cache):
    x, W = cache
    dx = dy @ W.T
    dW = x.T @ dy
    dy *= 2
    return dx, dW, dy.sum(axis=0) / 2
