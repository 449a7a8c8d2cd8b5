# expects: 3.2: nothing returned
def linear_forward(x, W, b):
    return x @ W + b, (x, W)


def linear_backward(dy, cache):
    x, W = cache
    dW = x.T @ dy
    return dy @ W.T, None, dW.sum(axis=0)
