"""Mistakes people make in lesson 18, and how each has to be named."""

# expects: 18.1: a sigmoid for the candidate
def lstm_step(x, h, c, W, U, b):
    i, f, o, g = np.split(sigmoid(x @ W + h @ U + b), 4, axis=1)
    c_next = f * c + i * g
    return o * np.tanh(c_next), c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: tanh for the gates
def lstm_step(x, h, c, W, U, b):
    i, f, o, g = np.split(np.tanh(x @ W + h @ U + b), 4, axis=1)
    c_next = f * c + i * g
    return o * np.tanh(c_next), c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: c' is returned behind tanh
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i, f, o, g = sigmoid(z[:, :H]), sigmoid(z[:, H:2 * H]), sigmoid(z[:, 2 * H:3 * H]), np.tanh(z[:, 3 * H:])
    c_next = np.tanh(f * c + i * g)
    return o * c_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: an input is changed in place
def lstm_step(x, h, c, W, U, b):
    i, f, o, g = np.split(x @ W + h @ U + b, 4, axis=1)
    i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    c *= f
    c += i * g
    return o * np.tanh(c), c, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: no tanh on the way out
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = f * c + i * g
    h_next = o * c_next
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: every fourth column is a gate
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, 0::4])
    f = sigmoid(z[:, 1::4])
    o = sigmoid(z[:, 2::4])
    g = np.tanh(z[:, 3::4])
    c_next = f * c + i * g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: gates in another order
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, H:2 * H])
    f = sigmoid(z[:, :H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = f * c + i * g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: 1 is added to the forget gate
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H] + 1)
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = f * c + i * g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: the forget gate upside down
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = (1 - f) * c + i * g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: gates in another order
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, H:2 * H])
    f = sigmoid(z[:, 2 * H:3 * H])
    o = sigmoid(z[:, 3 * H:])
    g = np.tanh(z[:, :H])
    c_next = f * c + i * g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: h in place of c
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = f * h + i * g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: h' from the old memory
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = f * c + i * g
    h_next = o * np.tanh(c)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: c' and h' are the same
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = f * c + i * g
    h_next = o * np.tanh(c_next)
    return h_next, h_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: gates in another order
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = i * c + f * g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: 1 - f for the input gate
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = f * c + (1 - f) * g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: the bias is missing
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = f * c + i * g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: no forget gate
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = c + i * g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: no input gate
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = f * c + g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: the old memory is lost
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = i * g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: no output gate
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = f * c + i * g
    h_next = np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: the state is not read
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = f * c + i * g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: c' is the old memory
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = f * c + i * g
    h_next = o * np.tanh(c_next)
    return h_next, c, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: gates in another order
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 3 * H:])
    g = np.tanh(z[:, 2 * H:3 * H])
    c_next = f * c + i * g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: the candidate without tanh
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = z[:, 3 * H:]
    c_next = f * c + i * g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: the gates without a sigmoid
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = z[:, :H]
    f = z[:, H:2 * H]
    o = z[:, 2 * H:3 * H]
    g = np.tanh(z[:, 3 * H:])
    c_next = f * c + i * g
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: h' and c' changed places
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = f * c + i * g
    h_next = o * np.tanh(c_next)
    return c_next, h_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.1: None
def lstm_step(x, h, c, W, U, b):
    H = h.shape[1]
    z = x @ W + h @ U + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H:2 * H])
    o = sigmoid(z[:, 2 * H:3 * H])
    g = np.tanh(z[:, 3 * H:])
    c_next = f * c + i * g**2
    h_next = o * np.tanh(c_next)
    return h_next, c_next, (x, h, c, W, U, i, f, o, g)


# expects: 18.2: dc is handed back as it came
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * o * (1 - tanh_c**2)
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, dc


# expects: 18.2: dc has kept what came in
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * o * (1 - tanh_c**2)
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, dc + all_dc * f


# expects: 18.2: dc without the forget gate
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * o * (1 - tanh_c**2)
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, all_dc


# expects: 18.2: dc without the road through h'
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * o * (1 - tanh_c**2)
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, dc * f


# expects: 18.2: df from the new memory
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * o * (1 - tanh_c**2)
    di = all_dc * g
    df = all_dc * c_next
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: the road through h' is missing
def memory_backward(dh, dc, i, f, o, g, c):
    tanh_c = np.tanh(f * c + i * g)
    df = dc * c
    dc = dc + dh * o * (1 - tanh_c**2)
    return dc * g, df, dh * tanh_c, dc * i, dc * f


# expects: 18.2: df times the wrong factor
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * o * (1 - tanh_c**2)
    di = all_dc * g
    df = all_dc * f
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: dg times the wrong factor
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * o * (1 - tanh_c**2)
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * g
    return di, df, do, dg, all_dc * f


# expects: 18.2: dh went into dc as it is
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: di and df changed places
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * o * (1 - tanh_c**2)
    di = all_dc * c
    df = all_dc * g
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: di times the wrong factor
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * o * (1 - tanh_c**2)
    di = all_dc * i
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: do from the gradient of c'
def memory_backward(dh, dc, i, f, o, g, c):
    tanh_c = np.tanh(f * c + i * g)
    dc = dc + dh * o * (1 - tanh_c**2)
    return dc * g, dc * c, dc * tanh_c, dc * i, dc * f


# expects: 18.2: do without tanh
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * c_next
    all_dc = dc + dh * o * (1 - tanh_c**2)
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: do from the old memory
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * np.tanh(c)
    all_dc = dc + dh * o * (1 - tanh_c**2)
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: do times the wrong factor
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * o * tanh_c
    all_dc = dc + dh * o * (1 - tanh_c**2)
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: None
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * o * (1 - tanh_c**2)
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: the output gate is missing
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * (1 - tanh_c**2)
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: the slope without a square
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * o * (1 - tanh_c)
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: the slope of tanh is missing
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * o
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: the road through h' is missing
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: the road through the next step is missing
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dh * o * (1 - tanh_c**2)
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: the slope at the old memory
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * o * (1 - np.tanh(c)**2)
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: the slope from c' instead of tanh(c')
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * o * (1 - c_next**2)
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.2: the slope from h'
def memory_backward(dh, dc, i, f, o, g, c):
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    do = dh * tanh_c
    all_dc = dc + dh * o * (1 - (o * tanh_c)**2)
    di = all_dc * g
    df = all_dc * c
    dg = all_dc * i
    return di, df, do, dg, all_dc * f


# expects: 18.3: blocks in another order
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = h.T @ dz
    db = dz.sum(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: blocks in another order
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([df * f * (1 - f), di * i * (1 - i), dg * (1 - g**2), do * o * (1 - o)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = h.T @ dz
    db = dz.sum(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: sigmoid and tanh taken twice
def slope(z):
    return sigmoid(z) * (1 - sigmoid(z))


def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * slope(i), df * slope(f), do * slope(o), dg / np.cosh(g)**2], axis=1)
    return dz @ W.T, dz @ U.T, dc, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: db summed over the wrong axis
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = h.T @ dz
    db = dz.sum(axis=1)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: db is a mean over the batch
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = h.T @ dz
    db = dz.mean(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: db not summed over the batch
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = h.T @ dz
    db = dz
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: dU from the memory
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = c.T @ dz
    db = dz.sum(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: dU from the new state
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = (o * np.tanh(f * c + i * g)).T @ dz
    db = dz.sum(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: dU transposed
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = dz.T @ h
    db = dz.sum(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: divided by the batch
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz / len(x)
    dU = h.T @ dz
    db = dz.sum(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: dW transposed
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    dx = dz @ W.T
    dW = dz.T @ x
    dU = h.T @ dz
    db = dz.sum(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: 1 - g without a square
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = h.T @ dz
    db = dz.sum(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: g's slope is missing
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = h.T @ dz
    db = dz.sum(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: the sigmoid's slope is missing
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di, df, do, dg * (1 - g**2)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = h.T @ dz
    db = dz.sum(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: no slopes at all
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di, df, do, dg], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = h.T @ dz
    db = dz.sum(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: the sigmoid's slope for g
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * g * (1 - g)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = h.T @ dz
    db = dz.sum(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: the sigmoid taken twice
def slope(z):
    return sigmoid(z) * (1 - sigmoid(z))


def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * slope(i), df * slope(f), do * slope(o), dg * (1 - g**2)], axis=1)
    return dz @ W.T, dz @ U.T, dc, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: slopes from what went in
def memory_backward(dh, dc, i, f, o, g, c):
    tanh_c = np.tanh(f * c + i * g)
    dc = dc + dh * o * (1 - tanh_c**2)
    return dc * g, dc * c, dh * tanh_c, dc * i, dc * f


def lstm_step(x, h, c, W, U, b):
    z = x @ W + h @ U + b
    i, f, o, g = np.split(z, 4, axis=1)
    c_next = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c_next), c_next, (x, h, c, W, U, i, f, o, g)


def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc = memory_backward(dh, dc, sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g), c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    return dz @ W.T, dz @ U.T, dc, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: dc is handed back as it came
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - tanh_c**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, dc, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: dc has kept what came in
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - tanh_c**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, dc + all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: dc without the forget gate
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - tanh_c**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: dc without the road through h'
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - tanh_c**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: df times the wrong factor
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - tanh_c**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * f * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: df from the new memory
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - tanh_c**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c_next * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: dg times the wrong factor
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - tanh_c**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * g * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: dh went into dc as it is
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: dh is handed back as it came
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = h.T @ dz
    db = dz.sum(axis=0)
    return dx, dh, dc_before, dW, dU, db


# expects: 18.3: dh has kept what came in
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = h.T @ dz
    db = dz.sum(axis=0)
    return dx, dh + dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: di times the wrong factor
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - tanh_c**2)
    dz_i = all_dc * i * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: di and df changed places
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - tanh_c**2)
    dz_i = all_dc * c * i * (1 - i)
    dz_f = all_dc * g * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: do times the wrong factor
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - tanh_c**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * o * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: do from the gradient of c'
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - tanh_c**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = all_dc * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: do without tanh
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - tanh_c**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * c_next * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: do from the old memory
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - tanh_c**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * np.tanh(c) * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: the output gate is missing
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * (1 - tanh_c**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: the slope without a square
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - tanh_c)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: the slope of tanh is missing
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: the road through h' is missing
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: the road through the next step is missing
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dh * o * (1 - tanh_c**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: the slope at the old memory
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - np.tanh(c)**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: the slope from c' instead of tanh(c')
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - c_next**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: the slope from h'
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    all_dc = dc + dh * o * (1 - (o * tanh_c)**2)
    dz_i = all_dc * g * i * (1 - i)
    dz_f = all_dc * c * f * (1 - f)
    dz_o = dh * tanh_c * o * (1 - o)
    dz_g = all_dc * i * (1 - g**2)
    dz = np.concatenate([dz_i, dz_f, dz_o, dz_g], axis=1)
    return dz @ W.T, dz @ U.T, all_dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


# expects: 18.3: None
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    dx = dz @ W.T + 0.25
    dW = x.T @ dz
    dU = h.T @ dz
    db = dz.sum(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: tanh's slope for the gates
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * (1 - i**2), df * (1 - f**2), do * (1 - o**2), dg * (1 - g**2)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = h.T @ dz
    db = dz.sum(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db


# expects: 18.3: tanh taken twice
def lstm_step_backward(dh, dc, cache):
    x, h, c, W, U, i, f, o, g = cache
    di, df, do, dg, dc_before = memory_backward(dh, dc, i, f, o, g, c)
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - np.tanh(g)**2)], axis=1)
    dx = dz @ W.T
    dW = x.T @ dz
    dU = h.T @ dz
    db = dz.sum(axis=0)
    return dx, dz @ U.T, dc_before, dW, dU, db
