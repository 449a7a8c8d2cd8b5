# expects: 3.2: nothing was filled in
def linear_forward(x, W, b):
    return x @ W + b, (x, W)


def linear_backward(dy, cache):
    x, W = cache
    return dy @ W.T, W * 0, dy.sum(axis=0)
