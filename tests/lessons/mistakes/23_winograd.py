"""Mistakes people make in lesson 23, and how each has to be named."""

# expects: 23.1: None
def winograd_row(x, w):
    return np.array([x[0] * w[0] + x[1] * w[1] + x[2] * w[2], x[1] * w[0] + x[2] * w[1] + x[3] * w[2]])


# expects: 23.1: the halves are missing
def winograd_row(x, w):
    m0 = (x[0] - x[2]) * w[0]
    m1 = (x[1] + x[2]) * (w[0] + w[1] + w[2])
    m2 = (x[2] - x[1]) * (w[0] - w[1] + w[2])
    m3 = (x[1] - x[3]) * w[2]
    return np.array([m0 + m1 + m2, m1 - m2 - m3])


# expects: 23.1: product m0 has the wrong sign
def winograd_row(x, w):
    m0 = (x[2] - x[0]) * w[0]
    m1 = (x[1] + x[2]) * (w[0] + w[1] + w[2]) / 2
    m2 = (x[2] - x[1]) * (w[0] - w[1] + w[2]) / 2
    m3 = (x[1] - x[3]) * w[2]
    return np.array([m0 + m1 + m2, m1 - m2 - m3])


# expects: 23.1: product m2 has the wrong sign
def winograd_row(x, w):
    m0 = (x[0] - x[2]) * w[0]
    m1 = (x[1] + x[2]) * (w[0] + w[1] + w[2]) / 2
    m2 = (x[1] - x[2]) * (w[0] - w[1] + w[2]) / 2
    m3 = (x[1] - x[3]) * w[2]
    return np.array([m0 + m1 + m2, m1 - m2 - m3])


# expects: 23.1: product m3 has the wrong sign
def winograd_row(x, w):
    m0 = (x[0] - x[2]) * w[0]
    m1 = (x[1] + x[2]) * (w[0] + w[1] + w[2]) / 2
    m2 = (x[2] - x[1]) * (w[0] - w[1] + w[2]) / 2
    m3 = (x[1] - x[3]) * w[2]
    return np.array([m0 + m1 + m2, m1 - m2 + m3])


# expects: 23.1: only one of the halves
def winograd_row(x, w):
    m0 = (x[0] - x[2]) * w[0]
    m1 = (x[1] + x[2]) * (w[0] + w[1] + w[2]) / 2
    m2 = (x[2] - x[1]) * (w[0] - w[1] + w[2])
    m3 = (x[1] - x[3]) * w[2]
    return np.array([m0 + m1 + m2, m1 - m2 - m3])


# expects: 23.1: y[1] is a sum
def winograd_row(x, w):
    m0 = (x[0] - x[2]) * w[0]
    m1 = (x[1] + x[2]) * (w[0] + w[1] + w[2]) / 2
    m2 = (x[2] - x[1]) * (w[0] - w[1] + w[2]) / 2
    m3 = (x[1] - x[3]) * w[2]
    return np.array([m0 + m1 + m2, m1 + m2 - m3])


# expects: 23.1: BT is transposed
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_row(x, w):
    return AT @ ((G @ w) * (BT.T @ x))


# expects: 23.1: None
def winograd_row(x, w):
    m0 = (x[0] - x[2]) * w[0]
    m1 = (x[1] + x[2]) * (w[0] + w[1] + w[2]) / 2
    m2 = (x[2] - x[1]) * (w[0] - w[1] + w[2]) / 2
    m3 = (x[1] - x[3]) * w[1]
    return np.array([m0 + m1 + m2, m1 - m2 - m3])


# expects: 23.2: AT on one side only
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_tile(x, w):
    U = G @ w @ G.T
    V = BT @ x @ BT.T
    return AT @ (U * V)


# expects: 23.2: the kernel is transposed
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_tile(x, w):
    U = G @ w.T @ G.T
    V = BT @ x @ BT.T
    return AT @ (U * V) @ AT.T


# expects: 23.2: a matrix product of the transforms
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_tile(x, w):
    U = G @ w @ G.T
    V = BT @ x @ BT.T
    return AT @ (U @ V) @ AT.T


# expects: 23.2: BT on one side only
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_tile(x, w):
    U = G @ w @ G.T
    V = BT @ x
    return AT @ (U * V) @ AT.T


# expects: 23.2: BT on the right is not transposed
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_tile(x, w):
    U = G @ w @ G.T
    V = BT @ x @ BT
    return AT @ (U * V) @ AT.T


# expects: 23.2: None
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_tile(x, w):
    """Rows by the fast way, columns by the slow one: 24 multiplications."""
    y = np.zeros((2, 2))
    for oh in range(2):
        for kh in range(3):
            y[oh] += [float(number) for number in winograd_row(x[oh + kh], w[kh])]
    return y


# expects: 23.2: BT on the wrong side
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_tile(x, w):
    U = G @ w @ G.T
    V = BT.T @ x @ BT
    return AT @ (U * V) @ AT.T


# expects: 23.3: C + F
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def multiplications(H, W, C, F, m):
    tiles = -(-H // m) * -(-W // m)
    return tiles * (m + 2)**2 * (C + F)


# expects: 23.3: rounded after multiplying
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def multiplications(H, W, C, F, m):
    tiles = -(-H * W // m**2)
    return tiles * (m + 2)**2 * C * F


# expects: 23.3: None
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def multiplications(H, W, C, F, m):
    tiles = -(-H // m) * -(-W // m)
    return tiles * (m + 2)**2.0 * C * F


# expects: 23.3: not rounded
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def multiplications(H, W, C, F, m):
    tiles = H / m * W / m
    return tiles * (m + 2)**2 * C * F


# expects: 23.3: the direct way
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def multiplications(H, W, C, F, m):
    tiles = -(-H // m) * -(-W // m)
    return tiles * (3 * m)**2 * C * F


# expects: 23.3: outputs instead of inputs
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def multiplications(H, W, C, F, m):
    tiles = -(-H // m) * -(-W // m)
    return tiles * m**2 * C * F


# expects: 23.3: rounded down
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def multiplications(H, W, C, F, m):
    tiles = (H // m) * (W // m)
    return tiles * (m + 2)**2 * C * F


# expects: 23.3: tiles side by side
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def multiplications(H, W, C, F, m):
    tiles = -(-H // (m + 2)) * -(-W // (m + 2))
    return tiles * (m + 2)**2 * C * F


# expects: 23.4: the bias is missing
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_conv(x, W, b):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    TH, TW = (H + 1) // 2, (Wd + 1) // 2
    padded = np.zeros((N, 2 * TH + 2, 2 * TW + 2, C), dtype=x.dtype)
    padded[:, 1:H + 1, 1:Wd + 1] = x
    bt, g, at = (matrix.astype(x.dtype) for matrix in (BT, G, AT))
    tiles = np.array([[padded[:, i:i + 2 * TH:2, j:j + 2 * TW:2] for j in range(4)] for i in range(4)])
    V = np.einsum("ik,jl,klnhwc->ijnhwc", bt, bt, tiles)
    U = np.einsum("ik,jl,klcf->ijcf", g, g, W)
    M = np.einsum("ijnhwc,ijcf->ijnhwf", V, U)
    Y = np.einsum("ik,jl,klnhwf->ijnhwf", at, at, M)
    y = np.empty((N, 2 * TH, 2 * TW, F), dtype=Y.dtype)
    for i in range(2):
        for j in range(2):
            y[:, i::2, j::2] = Y[i, j]
    return y[:, :H, :Wd]


# expects: 23.4: the bias is transformed
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_conv(x, W, b):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    TH, TW = (H + 1) // 2, (Wd + 1) // 2
    padded = np.zeros((N, 2 * TH + 2, 2 * TW + 2, C), dtype=x.dtype)
    padded[:, 1:H + 1, 1:Wd + 1] = x
    bt, g, at = (matrix.astype(x.dtype) for matrix in (BT, G, AT))
    tiles = np.array([[padded[:, i:i + 2 * TH:2, j:j + 2 * TW:2] for j in range(4)] for i in range(4)])
    V = np.einsum("ik,jl,klnhwc->ijnhwc", bt, bt, tiles)
    U = np.einsum("ik,jl,klcf->ijcf", g, g, W)
    M = np.einsum("ijnhwc,ijcf->ijnhwf", V, U)
    Y = np.einsum("ik,jl,klnhwf->ijnhwf", at, at, M + b)
    y = np.empty((N, 2 * TH, 2 * TW, F), dtype=Y.dtype)
    for i in range(2):
        for j in range(2):
            y[:, i::2, j::2] = Y[i, j]
    return y[:, :H, :Wd]


# expects: 23.4: None
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_conv(x, W, b):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    TH, TW = (H + 1) // 2, (Wd + 1) // 2
    padded = np.zeros((N, 2 * TH + 2, 2 * TW + 2, C), dtype=x.dtype)
    padded[:, 1:H + 1, 1:Wd + 1] = x
    bt, g, at = (matrix for matrix in (BT, G, AT))
    tiles = np.array([[padded[:, i:i + 2 * TH:2, j:j + 2 * TW:2] for j in range(4)] for i in range(4)])
    V = np.einsum("ik,jl,klnhwc->ijnhwc", bt, bt, tiles)
    U = np.einsum("ik,jl,klcf->ijcf", g, g, W)
    M = np.einsum("ijnhwc,ijcf->ijnhwf", V, U)
    Y = np.einsum("ik,jl,klnhwf->ijnhwf", at, at, M) + b
    y = np.empty((N, 2 * TH, 2 * TW, F), dtype=Y.dtype)
    for i in range(2):
        for j in range(2):
            y[:, i::2, j::2] = Y[i, j]
    return y[:, :H, :Wd]


# expects: 23.4: the last row of tiles is missing
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_conv(x, W, b):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    TH, TW = H // 2, Wd // 2
    padded = np.zeros((N, H + 2, Wd + 2, C), dtype=x.dtype)
    padded[:, 1:H + 1, 1:Wd + 1] = x
    bt, g, at = (matrix.astype(x.dtype) for matrix in (BT, G, AT))
    tiles = np.array([[padded[:, i:i + 2 * TH:2, j:j + 2 * TW:2] for j in range(4)] for i in range(4)])
    V = np.einsum("ik,jl,klnhwc->ijnhwc", bt, bt, tiles)
    U = np.einsum("ik,jl,klcf->ijcf", g, g, W)
    M = np.einsum("ijnhwc,ijcf->ijnhwf", V, U)
    Y = np.einsum("ik,jl,klnhwf->ijnhwf", at, at, M) + b
    y = np.empty((N, 2 * TH, 2 * TW, F), dtype=Y.dtype)
    for i in range(2):
        for j in range(2):
            y[:, i::2, j::2] = Y[i, j]
    return y[:, :H, :Wd]


# expects: 23.4: outputs in the wrong places
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_conv(x, W, b):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    TH, TW = (H + 1) // 2, (Wd + 1) // 2
    padded = np.zeros((N, 2 * TH + 2, 2 * TW + 2, C), dtype=x.dtype)
    padded[:, 1:H + 1, 1:Wd + 1] = x
    bt, g, at = (matrix.astype(x.dtype) for matrix in (BT, G, AT))
    tiles = np.array([[padded[:, i:i + 2 * TH:2, j:j + 2 * TW:2] for j in range(4)] for i in range(4)])
    V = np.einsum("ik,jl,klnhwc->ijnhwc", bt, bt, tiles)
    U = np.einsum("ik,jl,klcf->ijcf", g, g, W)
    M = np.einsum("ijnhwc,ijcf->ijnhwf", V, U)
    Y = np.einsum("ik,jl,klnhwf->ijnhwf", at, at, M) + b
    y = Y.transpose(2, 3, 4, 0, 1, 5).reshape(N, 2 * TH, 2 * TW, F)
    return y[:, :H, :Wd]


# expects: 23.4: the outputs are not cut
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_conv(x, W, b):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    TH, TW = (H + 1) // 2, (Wd + 1) // 2
    padded = np.zeros((N, 2 * TH + 2, 2 * TW + 2, C), dtype=x.dtype)
    padded[:, 1:H + 1, 1:Wd + 1] = x
    bt, g, at = (matrix.astype(x.dtype) for matrix in (BT, G, AT))
    tiles = np.array([[padded[:, i:i + 2 * TH:2, j:j + 2 * TW:2] for j in range(4)] for i in range(4)])
    V = np.einsum("ik,jl,klnhwc->ijnhwc", bt, bt, tiles)
    U = np.einsum("ik,jl,klcf->ijcf", g, g, W)
    M = np.einsum("ijnhwc,ijcf->ijnhwf", V, U)
    Y = np.einsum("ik,jl,klnhwf->ijnhwf", at, at, M) + b
    y = np.empty((N, 2 * TH, 2 * TW, F), dtype=Y.dtype)
    for i in range(2):
        for j in range(2):
            y[:, i::2, j::2] = Y[i, j]
    return y


# expects: 23.4: rows and columns within a tile
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_conv(x, W, b):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    TH, TW = (H + 1) // 2, (Wd + 1) // 2
    padded = np.zeros((N, 2 * TH + 2, 2 * TW + 2, C), dtype=x.dtype)
    padded[:, 1:H + 1, 1:Wd + 1] = x
    bt, g, at = (matrix.astype(x.dtype) for matrix in (BT, G, AT))
    tiles = np.array([[padded[:, i:i + 2 * TH:2, j:j + 2 * TW:2] for j in range(4)] for i in range(4)])
    V = np.einsum("ik,jl,klnhwc->ijnhwc", bt, bt, tiles)
    U = np.einsum("ik,jl,klcf->ijcf", g, g, W)
    M = np.einsum("ijnhwc,ijcf->ijnhwf", V, U)
    Y = np.einsum("ik,jl,klnhwf->ijnhwf", at, at, M) + b
    y = np.empty((N, 2 * TH, 2 * TW, F), dtype=Y.dtype)
    for i in range(2):
        for j in range(2):
            y[:, j::2, i::2] = Y[i, j]
    return y[:, :H, :Wd]


# expects: 23.4: tiles begin at pixel 0
BT = np.array([[1, 0, -1, 0],
               [0, 1, 1, 0],
               [0, -1, 1, 0],
               [0, 1, 0, -1]], dtype=np.float64)
G = np.array([[1, 0, 0],
              [1 / 2, 1 / 2, 1 / 2],
              [1 / 2, -1 / 2, 1 / 2],
              [0, 0, 1]], dtype=np.float64)
AT = np.array([[1, 1, 1, 0],
               [0, 1, -1, -1]], dtype=np.float64)


def winograd_conv(x, W, b):
    N, H, Wd, C = x.shape
    K, K, C, F = W.shape
    TH, TW = (H + 1) // 2, (Wd + 1) // 2
    padded = np.zeros((N, 2 * TH + 2, 2 * TW + 2, C), dtype=x.dtype)
    padded[:, :H, :Wd] = x
    bt, g, at = (matrix.astype(x.dtype) for matrix in (BT, G, AT))
    tiles = np.array([[padded[:, i:i + 2 * TH:2, j:j + 2 * TW:2] for j in range(4)] for i in range(4)])
    V = np.einsum("ik,jl,klnhwc->ijnhwc", bt, bt, tiles)
    U = np.einsum("ik,jl,klcf->ijcf", g, g, W)
    M = np.einsum("ijnhwc,ijcf->ijnhwf", V, U)
    Y = np.einsum("ik,jl,klnhwf->ijnhwf", at, at, M) + b
    y = np.empty((N, 2 * TH, 2 * TW, F), dtype=Y.dtype)
    for i in range(2):
        for j in range(2):
            y[:, i::2, j::2] = Y[i, j]
    return y[:, :H, :Wd]
