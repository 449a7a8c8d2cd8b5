# expects: 0.1: added instead of multiplied
def numbers_in(H, W, C):
    return H + W + C
