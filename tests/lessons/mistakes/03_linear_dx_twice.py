# expects: 3.2: twice
def linear_forward(x, W, b):
    return x @ W + b, (x, W)


def linear_backward(dy, cache):
    x, W = cache
    return 2 * (dy @ W.T), x.T @ dy, dy.sum(axis=0)
