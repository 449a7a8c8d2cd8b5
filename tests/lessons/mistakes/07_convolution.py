"""Mistakes people make in lesson 7, and how each has to be named."""

# expects: 7.1: the first window is not counted
def output_size(H, K, S, P):
    return (H + 2 * P - K) // S


# expects: 7.1: None
def output_size(H, K, S, P):
    return (H + 2 * P - K) // S + 1.0


# expects: 7.1: not rounded
def output_size(H, K, S, P):
    return (H + 2 * P - K) / S + 1


# expects: 7.1: the kernel is not counted
def output_size(H, K, S, P):
    return (H + 2 * P) // S


# expects: 7.1: only K is divided
def output_size(H, K, S, P):
    return H + 2 * P - K // S + 1


# expects: 7.1: the 1 is divided, too
def output_size(H, K, S, P):
    return (H + 2 * P - K + 1) // S


# expects: 7.1: the padding is counted once
def output_size(H, K, S, P):
    return (H + P - K) // S + 1


# expects: 7.1: rounded up
import math


def output_size(H, K, S, P):
    return math.ceil((H + 2 * P - K) / S) + 1


# expects: 7.1: rounded up instead of + 1
import math


def output_size(H, K, S, P):
    return math.ceil((H + 2 * P - K) / S)


# expects: 7.2: None
def pad(x, P, value=0):
    N, H, W, C = x.shape
    padded = np.full((N, H + 2 * P, W + 2 * P, C), value, dtype=x.dtype)
    padded[:, P:-P, P:-P] = x
    return padded


# expects: 7.2: x is not in the middle
def pad(x, P, value=0):
    N, H, W, C = x.shape
    padded = np.full((N, H + 2 * P, W + 2 * P, C), value, dtype=x.dtype)
    padded[:, :H, :W] = x
    return padded


# expects: 7.2: every axis grew
def pad(x, P, value=0):
    N, H, W, C = x.shape
    return np.pad(x, P, constant_values=value)


# expects: 7.2: the frame is on one side only
def pad(x, P, value=0):
    N, H, W, C = x.shape
    padded = np.full((N, H + P, W + P, C), value, dtype=x.dtype)
    padded[:, P:, P:] = x
    return padded


# expects: 7.2: rows and pictures grew
def pad(x, P, value=0):
    N, H, W, C = x.shape
    return np.pad(x, ((P, P), (P, P), (0, 0), (0, 0)), constant_values=value)


# expects: 7.2: the value is not used
def pad(x, P, value=0):
    N, H, W, C = x.shape
    padded = np.zeros((N, H + 2 * P, W + 2 * P, C), dtype=x.dtype)
    padded[:, P:P + H, P:P + W] = x
    return padded


# expects: 7.3: each product overwrites the one before
def conv2d_loops(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F))
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for f in range(F):
                    for kh in range(K):
                        for kw in range(K):
                            for c in range(C):
                                total = 0
                                total += x[n, S * oh + kh, S * ow + kw, c] * W[kh, kw, c, f]
                    y[n, oh, ow, f] = total + b[f]
    return y


# expects: 7.3: the bias is in every product
def conv2d_loops(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F))
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, oh * S:oh * S + K, ow * S:ow * S + K]
                for f in range(F):
                    y[n, oh, ow, f] = (window * W[..., f] + b[f]).sum()
    return y


# expects: 7.3: the bias is missing
def conv2d_loops(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F))
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, oh * S:oh * S + K, ow * S:ow * S + K]
                for f in range(F):
                    y[n, oh, ow, f] = (window * W[..., f]).sum()
    return y


# expects: 7.3: integers instead of floats
def conv2d_loops(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F), dtype=int)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, oh * S:oh * S + K, ow * S:ow * S + K]
                for f in range(F):
                    y[n, oh, ow, f] = (window * W[..., f]).sum() + b[f]
    return y


# expects: 7.3: the kernel is transposed
def conv2d_loops(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F))
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for f in range(F):
                    y[n, oh, ow, f] = b[f]
                    for kh in range(K):
                        for kw in range(K):
                            for c in range(C):
                                y[n, oh, ow, f] += x[n, S * oh + kh, S * ow + kw, c] * W[kw, kh, c, f]
    return y


# expects: 7.3: the kernel is turned round
def conv2d_loops(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F))
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, oh * S:oh * S + K, ow * S:ow * S + K]
                for f in range(F):
                    y[n, oh, ow, f] = (window * W[::-1, ::-1, :, f]).sum() + b[f]
    return y


# expects: 7.3: a mean instead of a sum
def conv2d_loops(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F))
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, oh * S:oh * S + K, ow * S:ow * S + K]
                for f in range(F):
                    y[n, oh, ow, f] = (window * W[..., f]).mean() + b[f]
    return y


# expects: 7.3: no padding
def conv2d_loops(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, 0), output_size(Wd, K, S, 0)
    y = np.zeros((N, OH, OW, F))
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, oh * S:oh * S + K, ow * S:ow * S + K]
                for f in range(F):
                    y[n, oh, ow, f] = (window * W[..., f]).sum() + b[f]
    return y


# expects: 7.3: only one channel counts
def conv2d_loops(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F))
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for f in range(F):
                    for c in range(C):
                        window = x[n, oh * S:oh * S + K, ow * S:ow * S + K, c]
                        y[n, oh, ow, f] = (window * W[:, :, c, f]).sum() + b[f]
    return y


# expects: 7.3: each product overwrites the one before
def conv2d_loops(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F))
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for f in range(F):
                    y[n, oh, ow, f] = b[f]
                    for kh in range(K):
                        for kw in range(K):
                            for c in range(C):
                                y[n, oh, ow, f] = x[n, S * oh + kh, S * ow + kw, c] * W[kh, kw, c, f]
    return y


# expects: 7.3: it returns too early
def conv2d_loops(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F))
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, oh * S:oh * S + K, ow * S:ow * S + K]
                for f in range(F):
                    y[n, oh, ow, f] = (window * W[..., f]).sum() + b[f]
        return y


# expects: 7.3: the stride is missing in the columns
def conv2d_loops(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F))
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, oh * S:oh * S + K, ow:ow + K]
                for f in range(F):
                    y[n, oh, ow, f] = (window * W[..., f]).sum() + b[f]
    return y


# expects: 7.3: the stride is ignored
def conv2d_loops(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F))
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, oh:oh + K, ow:ow + K]
                for f in range(F):
                    y[n, oh, ow, f] = (window * W[..., f]).sum() + b[f]
    return y


# expects: 7.3: None
def conv2d_loops(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F))
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, oh * S:oh * S + K, ow * S:ow * S + K]
                for f in range(F):
                    y[n, oh, ow, f] = (window * W[..., f]).sum() + b[0]
    return y
