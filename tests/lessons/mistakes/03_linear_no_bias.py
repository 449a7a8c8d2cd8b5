# expects: 3.1: the bias is missing
def linear_forward(x, W, b):
    return x @ W, (x, W)
