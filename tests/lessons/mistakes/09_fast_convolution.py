"""Mistakes people make in lesson 9, and how each has to be named."""

# expects: 9.1: reshaped without moving axes
def im2col(x, K, S=1, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P)
    columns = np.empty((K, K, N, OH, OW, C), dtype=x.dtype)
    for kh in range(K):
        for kw in range(K):
            columns[kh, kw] = x[:, kh:kh + S * OH:S, kw:kw + S * OW:S]
    return columns.reshape(N, OH, OW, K * K * C)


# expects: 9.1: channels before places
def im2col(x, K, S=1, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P)
    columns = np.empty((N, OH, OW, C, K, K), dtype=x.dtype)
    for kh in range(K):
        for kw in range(K):
            columns[..., kh, kw] = x[:, kh:kh + S * OH:S, kw:kw + S * OW:S]
    return columns.reshape(N, OH, OW, K * K * C)


# expects: 9.1: every place holds the first pixel
def im2col(x, K, S=1, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P)
    columns = np.empty((N, OH, OW, K, K, C), dtype=x.dtype)
    for kh in range(K):
        for kw in range(K):
            columns[:, :, :, kh, kw] = x[:, :S * OH:S, :S * OW:S]
    return columns.reshape(N, OH, OW, K * K * C)


# expects: 9.1: None
def im2col(x, K, S=1, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P)
    columns = np.empty((N, OH, OW, K, K, C))
    for kh in range(K):
        for kw in range(K):
            columns[:, :, :, kh, kw] = x[:, kh:kh + S * OH:S, kw:kw + S * OW:S]
    return columns.reshape(N, OH, OW, K * K * C)


# expects: 9.1: the windows are joined, too
def im2col(x, K, S=1, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P)
    columns = np.empty((N, OH, OW, K, K, C), dtype=x.dtype)
    for kh in range(K):
        for kw in range(K):
            columns[:, :, :, kh, kw] = x[:, kh:kh + S * OH:S, kw:kw + S * OW:S]
    return columns.reshape(N * OH * OW, K * K * C)


# expects: 9.1: no padding
from minicap.conv import output_size


def im2col(x, K, S=1, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, 0), output_size(W, K, S, 0)
    columns = np.empty((N, OH, OW, K, K, C), dtype=x.dtype)
    for kh in range(K):
        for kw in range(K):
            columns[:, :, :, kh, kw] = x[:, kh:kh + S * OH:S, kw:kw + S * OW:S]
    return columns.reshape(N, OH, OW, K * K * C)


# expects: 9.1: the axes of the window are not joined
def im2col(x, K, S=1, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P)
    columns = np.empty((N, OH, OW, K, K, C), dtype=x.dtype)
    for kh in range(K):
        for kw in range(K):
            columns[:, :, :, kh, kw] = x[:, kh:kh + S * OH:S, kw:kw + S * OW:S]
    return columns


# expects: 9.1: kh and kw changed places
def im2col(x, K, S=1, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P)
    columns = np.empty((N, OH, OW, K, K, C), dtype=x.dtype)
    for kh in range(K):
        for kw in range(K):
            columns[:, :, :, kw, kh] = x[:, kh:kh + S * OH:S, kw:kw + S * OW:S]
    return columns.reshape(N, OH, OW, K * K * C)


# expects: 9.1: the stride is ignored
def im2col(x, K, S=1, P=0):
    N, H, W, C = x.shape
    OH, OW = output_size(H, K, S, P), output_size(W, K, S, P)
    x = pad(x, P)
    columns = np.empty((N, OH, OW, K, K, C), dtype=x.dtype)
    for kh in range(K):
        for kw in range(K):
            columns[:, :, :, kh, kw] = x[:, kh:kh + OH, kw:kw + OW]
    return columns.reshape(N, OH, OW, K * K * C)


# expects: 9.2: the bias is missing
def conv2d(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F), dtype=x.dtype)
    for kh in range(K):
        for kw in range(K):
            y += x[:, kh:kh + S * OH:S, kw:kw + S * OW:S] @ W[kh, kw]
    return y


# expects: 9.2: the bias is added too often
def conv2d(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F), dtype=x.dtype)
    for kh in range(K):
        for kw in range(K):
            y += x[:, kh:kh + S * OH:S, kw:kw + S * OW:S] @ W[kh, kw] + b
    return y


# expects: 9.2: the first product counts twice
def conv2d(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = x[:, :S * OH:S, :S * OW:S] @ W[0, 0]
    for kh in range(K):
        for kw in range(K):
            y += x[:, kh:kh + S * OH:S, kw:kw + S * OW:S] @ W[kh, kw]
    return y + b


# expects: 9.2: only the last place of the kernel counts
def conv2d(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F), dtype=x.dtype)
    for kh in range(K):
        for kw in range(K):
            y = x[:, kh:kh + S * OH:S, kw:kw + S * OW:S] @ W[kh, kw]
    return y + b


# expects: 9.2: kernel and windows in different orders
def conv2d(x, W, b, S=1, P=0):
    K, K, C, F = W.shape
    return im2col(x, K, S, P) @ W.reshape(F, K * K * C).T + b


# expects: 9.2: None
def conv2d(x, W, b, S=1, P=0):
    K, K, C, F = W.shape
    OH, OW = output_size(x.shape[1], K, S, P), output_size(x.shape[2], K, S, P)
    x = pad(x, P)
    y = np.zeros((len(x), OH, OW, F), dtype=x.dtype)
    for n in range(len(x)):
        for oh in range(OH):
            for ow in range(OW):
                window = x[n, S * oh:S * oh + K, S * ow:S * ow + K]
                y[n, oh, ow] = window.reshape(-1) @ W.reshape(-1, F) + b
    return y


# expects: 9.2: the stride is ignored
def conv2d(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F), dtype=x.dtype)
    for kh in range(K):
        for kw in range(K):
            y += x[:, kh:kh + OH, kw:kw + OW] @ W[kh, kw]
    return y + b


# expects: 9.2: the kernel is turned round
def conv2d(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F), dtype=x.dtype)
    for kh in range(K):
        for kw in range(K):
            y += x[:, kh:kh + S * OH:S, kw:kw + S * OW:S] @ W[K - 1 - kh, K - 1 - kw]
    return y + b


# expects: 9.2: None
def conv2d(x, W, b, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    OH, OW = output_size(H, K, S, P), output_size(Wd, K, S, P)
    x = pad(x, P)
    y = np.zeros((N, OH, OW, F), dtype=x.dtype)
    for kh in range(K):
        for kw in range(K):
            y += x[:, kh:kh + S * OH:S, kw:kw + S * OW:S] @ W[kh, kw].mean(axis=0, keepdims=True).repeat(C, axis=0)
    return y + b


# expects: 9.3: None
def conv2d_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros(x.shape), np.zeros(W.shape)
    for kh in range(K):
        for kw in range(K):
            rows, columns = slice(kh, kh + S * OH, S), slice(kw, kw + S * OW, S)
            dW[kh, kw] = x[:, rows, columns].reshape(-1, C).T @ dy.reshape(-1, F)
            dx[:, rows, columns] += dy @ W[kh, kw].T
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


# expects: 9.3: divided by the batch
def conv2d_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for kh in range(K):
        for kw in range(K):
            rows, columns = slice(kh, kh + S * OH, S), slice(kw, kw + S * OW, S)
            dW[kh, kw] = x[:, rows, columns].reshape(-1, C).T @ dy.reshape(-1, F)
            dx[:, rows, columns] += dy @ W[kh, kw].T
    return dx[:, P:P + H, P:P + Wd], dW / N, dy.sum(axis=(0, 1, 2))


# expects: 9.3: dW is in another order
def conv2d_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for kh in range(K):
        for kw in range(K):
            rows, columns = slice(kh, kh + S * OH, S), slice(kw, kw + S * OW, S)
            dx[:, rows, columns] += dy @ W[kh, kw].T
    windows = np.lib.stride_tricks.sliding_window_view(x, (K, K), axis=(1, 2))[:, ::S, ::S]
    dW = (windows.reshape(-1, C * K * K).T @ dy.reshape(-1, F)).reshape(K, K, C, F)
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


# expects: 9.3: dW is the same at every place
def conv2d_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for kh in range(K):
        for kw in range(K):
            rows, columns = slice(kh, kh + S * OH, S), slice(kw, kw + S * OW, S)
            dW[:] = x[:, rows, columns].reshape(-1, C).T @ dy.reshape(-1, F)
            dx[:, rows, columns] += dy @ W[kh, kw].T
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


# expects: 9.3: channels and kernels changed places in dW
def conv2d_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros((K, K, F, C))
    for kh in range(K):
        for kw in range(K):
            rows, columns = slice(kh, kh + S * OH, S), slice(kw, kw + S * OW, S)
            dW[kh, kw] = dy.reshape(-1, F).T @ x[:, rows, columns].reshape(-1, C)
            dx[:, rows, columns] += dy @ W[kh, kw].T
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


# expects: 9.3: db counts every place of the kernel
def conv2d_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    db = np.zeros(F)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for kh in range(K):
        for kw in range(K):
            rows, columns = slice(kh, kh + S * OH, S), slice(kw, kw + S * OW, S)
            dW[kh, kw] = x[:, rows, columns].reshape(-1, C).T @ dy.reshape(-1, F)
            db += dy.sum(axis=(0, 1, 2))
            dx[:, rows, columns] += dy @ W[kh, kw].T
    return dx[:, P:P + H, P:P + Wd], dW, db


# expects: 9.3: db summed over pictures only
def conv2d_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for kh in range(K):
        for kw in range(K):
            rows, columns = slice(kh, kh + S * OH, S), slice(kw, kw + S * OW, S)
            dW[kh, kw] = x[:, rows, columns].reshape(-1, C).T @ dy.reshape(-1, F)
            dx[:, rows, columns] += dy @ W[kh, kw].T
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=0)


# expects: 9.3: db summed over places only
def conv2d_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for kh in range(K):
        for kw in range(K):
            rows, columns = slice(kh, kh + S * OH, S), slice(kw, kw + S * OW, S)
            dW[kh, kw] = x[:, rows, columns].reshape(-1, C).T @ dy.reshape(-1, F)
            dx[:, rows, columns] += dy @ W[kh, kw].T
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(1, 2))


# expects: 9.3: the stride is ignored in dx
def conv2d_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for kh in range(K):
        for kw in range(K):
            rows, columns = slice(kh, kh + S * OH, S), slice(kw, kw + S * OW, S)
            dW[kh, kw] = x[:, rows, columns].reshape(-1, C).T @ dy.reshape(-1, F)
            dx[:, kh:kh + OH, kw:kw + OW] += dy @ W[kh, kw].T
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


# expects: 9.3: the kernel is turned round in dx
def conv2d_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for kh in range(K):
        for kw in range(K):
            rows, columns = slice(kh, kh + S * OH, S), slice(kw, kw + S * OW, S)
            dW[kh, kw] = x[:, rows, columns].reshape(-1, C).T @ dy.reshape(-1, F)
            dx[:, rows, columns] += dy @ W[::-1, ::-1][kh, kw].T
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


# expects: 9.3: dx still has its frame
def conv2d_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for kh in range(K):
        for kw in range(K):
            rows, columns = slice(kh, kh + S * OH, S), slice(kw, kw + S * OW, S)
            dW[kh, kw] = x[:, rows, columns].reshape(-1, C).T @ dy.reshape(-1, F)
            dx[:, rows, columns] += dy @ W[kh, kw].T
    return dx, dW, dy.sum(axis=(0, 1, 2))


# expects: 9.3: cut off by -0
def conv2d_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for kh in range(K):
        for kw in range(K):
            rows, columns = slice(kh, kh + S * OH, S), slice(kw, kw + S * OW, S)
            dW[kh, kw] = x[:, rows, columns].reshape(-1, C).T @ dy.reshape(-1, F)
            dx[:, rows, columns] += dy @ W[kh, kw].T
    return dx[:, P:-P, P:-P], dW, dy.sum(axis=(0, 1, 2))


# expects: 9.3: places overwrite each other
def conv2d_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for kh in range(K):
        for kw in range(K):
            rows, columns = slice(kh, kh + S * OH, S), slice(kw, kw + S * OW, S)
            dW[kh, kw] = x[:, rows, columns].reshape(-1, C).T @ dy.reshape(-1, F)
            dx[:, rows, columns] = dy @ W[kh, kw].T
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))
