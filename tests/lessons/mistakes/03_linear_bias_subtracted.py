# expects: 3.1: the bias is subtracted
def linear_forward(x, W, b):
    return x @ W - b, (x, W)
