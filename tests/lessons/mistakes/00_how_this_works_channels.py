# expects: 0.1: the channels are forgotten
def numbers_in(H, W, C):
    return H * W
