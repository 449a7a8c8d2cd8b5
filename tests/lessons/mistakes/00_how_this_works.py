"""Mistakes people make in lesson 0, and how each has to be named."""

# expects: 0.1: the channels are forgotten
def numbers_in(H, W, C):
    return H * W


# expects: 0.1: added instead of multiplied
def numbers_in(H, W, C):
    return H + W + C
