"""Mistakes people make in lesson 10, and how each has to be named."""

# expects: 10.1: the maximum begins at 0
def max_pool2d(x, K, S, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P, -np.inf)
    y = np.empty((N, OH, OW, C), dtype=x.dtype)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                y[n, oh, ow] = 0
                for kh in range(K):
                    for kw in range(K):
                        y[n, oh, ow] = np.maximum(y[n, oh, ow], x[n, S * oh + kh, S * ow + kw])
    return y


# expects: 10.1: the largest of all channels
def max_pool2d(x, K, S, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P, -np.inf)
    y = np.empty((N, OH, OW, C), dtype=x.dtype)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, S * oh:S * oh + K, S * ow:S * ow + K]
                y[n, oh, ow] = window.max()
    return y


# expects: 10.1: the last pixel of the window
def max_pool2d(x, K, S, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P, -np.inf)
    y = np.empty((N, OH, OW, C), dtype=x.dtype)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for kh in range(K):
                    for kw in range(K):
                        y[n, oh, ow] = x[n, S * oh + kh, S * ow + kw]
    return y


# expects: 10.1: the padding wins
def max_pool2d(x, K, S, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P)
    y = np.empty((N, OH, OW, C), dtype=x.dtype)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, S * oh:S * oh + K, S * ow:S * ow + K]
                y[n, oh, ow] = window.max(axis=(0, 1))
    return y


# expects: 10.1: the stride is ignored
def max_pool2d(x, K, S, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P, -np.inf)
    y = np.empty((N, OH, OW, C), dtype=x.dtype)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, oh:oh + K, ow:ow + K]
                y[n, oh, ow] = window.max(axis=(0, 1))
    return y


# expects: 10.1: K instead of the stride
def max_pool2d(x, K, S, P=0):
    N, H, W, C = x.shape
    S = K
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P, -np.inf)
    y = np.empty((N, OH, OW, C), dtype=x.dtype)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, S * oh:S * oh + K, S * ow:S * ow + K]
                y[n, oh, ow] = window.max(axis=(0, 1))
    return y


# expects: 10.1: None
def max_pool2d(x, K, S, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P, -np.inf)
    y = np.empty((N, OH, OW, C), dtype=x.dtype)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, S * oh:S * oh + K, S * ow:S * ow + K]
                y[n, oh, ow] = window.max(axis=0)[0]
    return y


# expects: 10.2: all equal pixels get the gradient
def max_pool2d_backward(dy, x, y, K, S, P=0):
    N, H, W, C = x.shape
    N, OH, OW, C = dy.shape
    x = pad(x, P, -np.inf)
    dx = np.zeros_like(x)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for c in range(C):
                    window = x[n, S * oh:S * oh + K, S * ow:S * ow + K, c]
                    mask = window == window.max()
                    dx[n, S * oh:S * oh + K, S * ow:S * ow + K, c] += mask * dy[n, oh, ow, c]
    return dx[:, P:P + H, P:P + W]


# expects: 10.2: the first column by column
def max_pool2d_backward(dy, x, y, K, S, P=0):
    N, H, W, C = x.shape
    N, OH, OW, C = dy.shape
    x = pad(x, P, -np.inf)
    dx = np.zeros_like(x)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for c in range(C):
                    window = x[n, S * oh:S * oh + K, S * ow:S * ow + K, c]
                    largest = -np.inf
                    for j in range(K):
                        for i in range(K):
                            if window[i, j] > largest:
                                largest, kh, kw = window[i, j], i, j
                    dx[n, S * oh + kh, S * ow + kw, c] += dy[n, oh, ow, c]
    return dx[:, P:P + H, P:P + W]


# expects: 10.2: dx still has its frame
def max_pool2d_backward(dy, x, y, K, S, P=0):
    N, H, W, C = x.shape
    N, OH, OW, C = dy.shape
    x = pad(x, P, -np.inf)
    dx = np.zeros_like(x)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for c in range(C):
                    window = x[n, S * oh:S * oh + K, S * ow:S * ow + K, c]
                    kh, kw = divmod(int(window.argmax()), K)
                    dx[n, S * oh + kh, S * ow + kw, c] += dy[n, oh, ow, c]
    return dx


# expects: 10.2: the last of equal pixels
def max_pool2d_backward(dy, x, y, K, S, P=0):
    N, H, W, C = x.shape
    N, OH, OW, C = dy.shape
    x = pad(x, P, -np.inf)
    dx = np.zeros_like(x)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for c in range(C):
                    window = x[n, S * oh:S * oh + K, S * ow:S * ow + K, c]
                    largest = -np.inf
                    for i in range(K):
                        for j in range(K):
                            if window[i, j] >= largest:
                                largest, kh, kw = window[i, j], i, j
                    dx[n, S * oh + kh, S * ow + kw, c] += dy[n, oh, ow, c]
    return dx[:, P:P + H, P:P + W]


# expects: 10.2: cut off by -0
def max_pool2d_backward(dy, x, y, K, S, P=0):
    N, H, W, C = x.shape
    N, OH, OW, C = dy.shape
    x = pad(x, P, -np.inf)
    dx = np.zeros_like(x)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for c in range(C):
                    window = x[n, S * oh:S * oh + K, S * ow:S * ow + K, c]
                    kh, kw = divmod(int(window.argmax()), K)
                    dx[n, S * oh + kh, S * ow + kw, c] += dy[n, oh, ow, c]
    return dx[:, P:-P, P:-P]


# expects: 10.2: dy is left out
def max_pool2d_backward(dy, x, y, K, S, P=0):
    N, H, W, C = x.shape
    N, OH, OW, C = dy.shape
    x = pad(x, P, -np.inf)
    dx = np.zeros_like(x)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for c in range(C):
                    window = x[n, S * oh:S * oh + K, S * ow:S * ow + K, c]
                    kh, kw = divmod(int(window.argmax()), K)
                    dx[n, S * oh + kh, S * ow + kw, c] += 1
    return dx[:, P:P + H, P:P + W]


# expects: 10.2: windows overwrite each other
def max_pool2d_backward(dy, x, y, K, S, P=0):
    N, H, W, C = x.shape
    N, OH, OW, C = dy.shape
    x = pad(x, P, -np.inf)
    dx = np.zeros_like(x)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for c in range(C):
                    window = x[n, S * oh:S * oh + K, S * ow:S * ow + K, c]
                    kh, kw = divmod(int(window.argmax()), K)
                    dx[n, S * oh + kh, S * ow + kw, c] = dy[n, oh, ow, c]
    return dx[:, P:P + H, P:P + W]


# expects: 10.2: the padding takes the gradient
def max_pool2d_backward(dy, x, y, K, S, P=0):
    N, H, W, C = x.shape
    N, OH, OW, C = dy.shape
    x = pad(x, P)
    dx = np.zeros_like(x)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for c in range(C):
                    window = x[n, S * oh:S * oh + K, S * ow:S * ow + K, c]
                    kh, kw = divmod(int(window.argmax()), K)
                    dx[n, S * oh + kh, S * ow + kw, c] += dy[n, oh, ow, c]
    return dx[:, P:P + H, P:P + W]


# expects: 10.2: equal pixels share the gradient
def max_pool2d_backward(dy, x, y, K, S, P=0):
    N, H, W, C = x.shape
    N, OH, OW, C = dy.shape
    x = pad(x, P, -np.inf)
    dx = np.zeros_like(x)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for c in range(C):
                    window = x[n, S * oh:S * oh + K, S * ow:S * ow + K, c]
                    mask = window == y[n, oh, ow, c]
                    dx[n, S * oh:S * oh + K, S * ow:S * ow + K, c] += mask / mask.sum() * dy[n, oh, ow, c]
    return dx[:, P:P + H, P:P + W]


# expects: 10.2: row and column changed places
def max_pool2d_backward(dy, x, y, K, S, P=0):
    N, H, W, C = x.shape
    N, OH, OW, C = dy.shape
    x = pad(x, P, -np.inf)
    dx = np.zeros_like(x)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                for c in range(C):
                    window = x[n, S * oh:S * oh + K, S * ow:S * ow + K, c]
                    kw, kh = divmod(int(window.argmax()), K)
                    dx[n, S * oh + kh, S * ow + kw, c] += dy[n, oh, ow, c]
    return dx[:, P:P + H, P:P + W]


# expects: 10.3: divided by K
def avg_pool2d(x, K, S, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P)
    y = np.empty((N, OH, OW, C), dtype=x.dtype)
    for oh in range(OH):
        for ow in range(OW):
            y[:, oh, ow] = x[:, S * oh:S * oh + K, S * ow:S * ow + K].sum(axis=(1, 2)) / K
    return y


# expects: 10.3: the mean of all channels
def avg_pool2d(x, K, S, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P)
    y = np.empty((N, OH, OW, C), dtype=x.dtype)
    for oh in range(OH):
        for ow in range(OW):
            y[:, oh, ow] = x[:, S * oh:S * oh + K, S * ow:S * ow + K].mean(axis=(1, 2, 3))[:, None]
    return y


# expects: 10.3: the padding is -inf
def avg_pool2d(x, K, S, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P, -np.inf)
    y = np.empty((N, OH, OW, C), dtype=x.dtype)
    for oh in range(OH):
        for ow in range(OW):
            y[:, oh, ow] = x[:, S * oh:S * oh + K, S * ow:S * ow + K].mean(axis=(1, 2))
    return y


# expects: 10.3: the padding does not count
def avg_pool2d(x, K, S, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P, np.nan)
    y = np.empty((N, OH, OW, C), dtype=x.dtype)
    for oh in range(OH):
        for ow in range(OW):
            y[:, oh, ow] = np.nanmean(x[:, S * oh:S * oh + K, S * ow:S * ow + K], axis=(1, 2))
    return y


# expects: 10.3: the sum
def avg_pool2d(x, K, S, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P)
    y = np.empty((N, OH, OW, C), dtype=x.dtype)
    for oh in range(OH):
        for ow in range(OW):
            y[:, oh, ow] = x[:, S * oh:S * oh + K, S * ow:S * ow + K].sum(axis=(1, 2))
    return y


# expects: 10.4: divided by K
def avg_pool2d_backward(dy, shape, K, S, P=0):
    N, H, W, C = shape
    N, OH, OW, C = dy.shape
    dx = np.zeros((N, H + 2 * P, W + 2 * P, C))
    for oh in range(OH):
        for ow in range(OW):
            dx[:, S * oh:S * oh + K, S * ow:S * ow + K] += dy[:, oh:oh + 1, ow:ow + 1] / K
    return dx[:, P:P + H, P:P + W]


# expects: 10.4: sign
def avg_pool2d_backward(dy, shape, K, S, P=0):
    N, H, W, C = shape
    N, OH, OW, C = dy.shape
    dx = np.zeros((N, H + 2 * P, W + 2 * P, C))
    for oh in range(OH):
        for ow in range(OW):
            dx[:, S * oh:S * oh + K, S * ow:S * ow + K] -= dy[:, oh:oh + 1, ow:ow + 1] / K**2
    return dx[:, P:P + H, P:P + W]


# expects: 10.4: dx is cut out of the corner
def avg_pool2d_backward(dy, shape, K, S, P=0):
    N, H, W, C = shape
    N, OH, OW, C = dy.shape
    dx = np.zeros((N, H + 2 * P, W + 2 * P, C))
    for oh in range(OH):
        for ow in range(OW):
            dx[:, S * oh:S * oh + K, S * ow:S * ow + K] += dy[:, oh:oh + 1, ow:ow + 1] / K**2
    return dx[:, :H, :W]


# expects: 10.4: windows overwrite each other
def avg_pool2d_backward(dy, shape, K, S, P=0):
    N, H, W, C = shape
    N, OH, OW, C = dy.shape
    dx = np.zeros((N, H + 2 * P, W + 2 * P, C))
    for oh in range(OH):
        for ow in range(OW):
            dx[:, S * oh:S * oh + K, S * ow:S * ow + K] = dy[:, oh:oh + 1, ow:ow + 1] / K**2
    return dx[:, P:P + H, P:P + W]


# expects: 10.4: not divided
def avg_pool2d_backward(dy, shape, K, S, P=0):
    N, H, W, C = shape
    N, OH, OW, C = dy.shape
    dx = np.zeros((N, H + 2 * P, W + 2 * P, C))
    for oh in range(OH):
        for ow in range(OW):
            dx[:, S * oh:S * oh + K, S * ow:S * ow + K] += dy[:, oh:oh + 1, ow:ow + 1]
    return dx[:, P:P + H, P:P + W]


# expects: 10.4: only the first pixel gets it
def avg_pool2d_backward(dy, shape, K, S, P=0):
    N, H, W, C = shape
    N, OH, OW, C = dy.shape
    dx = np.zeros((N, H + 2 * P, W + 2 * P, C))
    for oh in range(OH):
        for ow in range(OW):
            dx[:, S * oh, S * ow] += dy[:, oh, ow]
    return dx[:, P:P + H, P:P + W]
