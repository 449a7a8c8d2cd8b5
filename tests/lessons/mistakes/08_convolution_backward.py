"""Mistakes people make in lesson 8, and how each has to be named."""

# expects: 8.1: only the last window counts in dw
def conv1d_backward(dy, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(len(dy)):
        dx[i:i + len(w)] += dy[i] * w
        dw = dy[i] * x[i:i + len(w)]
    return dx, dw


# expects: 8.1: windows overwrite each other
def conv1d_backward(dy, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(len(dy)):
        dx[i:i + len(w)] = dy[i] * w
        dw += dy[i] * x[i:i + len(w)]
    return dx, dw


# expects: 8.1: the window does not move in dw
def conv1d_backward(dy, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(len(dy)):
        dx[i:i + len(w)] += dy[i] * w
        dw += dy[i] * x[:len(w)]
    return dx, dw


# expects: 8.1: the gradients in another order
def conv1d_backward(dy, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(len(dy)):
        dx[i:i + len(w)] += dy[i] * w
        dw += dy[i] * x[i:i + len(w)]
    return dw, dx


# expects: 8.1: the kernel lies the wrong way round in dx
def conv1d_backward(dy, x, w):
    dx, dw = np.correlate(dy, w, "full"), np.zeros_like(w)
    for i in range(len(dy)):
        dw += dy[i] * x[i:i + len(w)]
    return dx, dw


# expects: 8.1: w instead of x in dw
def conv1d_backward(dy, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(len(dy)):
        dx[i:i + len(w)] += dy[i] * w
        dw += dy[i] * w
    return dx, dw


# expects: 8.1: x instead of w in dx
def conv1d_backward(dy, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(len(dy)):
        dx[i:i + len(w)] += dy[i] * x[i:i + len(w)]
        dw += dy[i] * x[i:i + len(w)]
    return dx, dw


# expects: 8.2: windows and kernels overwrite each other
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] = dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


# expects: 8.2: divided by the batch
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] += dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return dx[:, P:P + H, P:P + Wd], dW / N, dy.sum(axis=(0, 1, 2))


# expects: 8.2: dx is cut out of the corner
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] += dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return dx[:, :H, :Wd], dW, dy.sum(axis=(0, 1, 2))


# expects: 8.2: dW is a mean over the windows
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] += dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return dx[:, P:P + H, P:P + Wd], dW / (N * OH * OW), dy.sum(axis=(0, 1, 2))


# expects: 8.2: db is a mean
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] += dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return dx[:, P:P + H, P:P + Wd], dW, dy.mean(axis=(0, 1, 2))


# expects: 8.2: db is one number
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] += dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum()


# expects: 8.2: db summed over pictures only
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] += dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=0)


# expects: 8.2: db summed over places only
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] += dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(1, 2))


# expects: 8.2: half
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] += dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return 0.5 * dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


# expects: 8.2: dx still has its frame
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] += dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return dx, dW, dy.sum(axis=(0, 1, 2))


# expects: 8.2: only the last window counts in dW
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] += dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] = dy[n, oh, ow, f] * x[n, rows, columns]
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


# expects: 8.2: cut off by -0
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] += dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return dx[:, P:-P, P:-P], dW, dy.sum(axis=(0, 1, 2))


# expects: 8.2: windows overwrite each other
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                dx[n, rows, columns] = W @ dy[n, oh, ow]
                for f in range(F):
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


# expects: 8.2: the stride is ignored in dW
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] += dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, oh:oh + K, ow:ow + K]
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


# expects: 8.2: the stride is ignored in dx
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, oh:oh + K, ow:ow + K] += dy[n, oh, ow, f] * W[..., f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


# expects: 8.2: the kernel is turned round in dx
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] += dy[n, oh, ow, f] * W[::-1, ::-1, :, f]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


# expects: 8.2: None
from minicap.conv import pad


def conv2d_loops_backward(dy, x, W, S=1, P=0):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    N, OH, OW, F = dy.shape
    x = pad(x, P)
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(N):
        for oh in range(OH):
            for ow in range(OW):
                rows, columns = slice(S * oh, S * oh + K), slice(S * ow, S * ow + K)
                for f in range(F):
                    dx[n, rows, columns] += dy[n, oh, ow, f] * W[..., 0]
                    dW[..., f] += dy[n, oh, ow, f] * x[n, rows, columns]
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))


# expects: 8.3: None
def dx_by_convolution(dy, W, P=0):
    K, K, C, F = W.shape
    turned = W[::-1, ::-1]
    return conv2d(dy, turned, np.zeros(C), P=K - 1 - P)


# expects: 8.3: the channels are in reverse, too
def dx_by_convolution(dy, W, P=0):
    K, K, C, F = W.shape
    turned = np.flip(W).transpose(0, 1, 3, 2)
    return conv2d(dy, turned, np.zeros(C), P=K - 1 - P)


# expects: 8.3: the frame is still there
def dx_by_convolution(dy, W, P=0):
    K, K, C, F = W.shape
    turned = W[::-1, ::-1].transpose(0, 1, 3, 2)
    return conv2d(dy, turned, np.zeros(C), P=K - 1)


# expects: 8.3: the kernel is not turned round
def dx_by_convolution(dy, W, P=0):
    K, K, C, F = W.shape
    turned = W.transpose(0, 1, 3, 2)
    return conv2d(dy, turned, np.zeros(C), P=K - 1 - P)


# expects: 8.3: the padding of the forward pass
def dx_by_convolution(dy, W, P=0):
    K, K, C, F = W.shape
    turned = W[::-1, ::-1].transpose(0, 1, 3, 2)
    return conv2d(dy, turned, np.zeros(C), P=P)


# expects: 8.3: channels swapped by reshape
def dx_by_convolution(dy, W, P=0):
    K, K, C, F = W.shape
    turned = W[::-1, ::-1].reshape(K, K, F, C)
    return conv2d(dy, turned, np.zeros(C), P=K - 1 - P)


# expects: 8.3: the kernel is transposed instead of turned
def dx_by_convolution(dy, W, P=0):
    K, K, C, F = W.shape
    turned = W.transpose(1, 0, 3, 2)
    return conv2d(dy, turned, np.zeros(C), P=K - 1 - P)


# expects: 8.3: the kernel is turned over only once
def dx_by_convolution(dy, W, P=0):
    K, K, C, F = W.shape
    turned = W[::-1].transpose(0, 1, 3, 2)
    return conv2d(dy, turned, np.zeros(C), P=K - 1 - P)
