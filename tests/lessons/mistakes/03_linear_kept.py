# expects: 3.2: something is kept from call to call
def linear_forward(x, W, b):
    return x @ W + b, (x, W)


TOTAL = {}


def linear_backward(dy, cache):
    x, W = cache
    TOTAL['dW'] = TOTAL.get('dW', 0) + x.T @ dy
    return dy @ W.T, TOTAL['dW'], dy.sum(axis=0)
