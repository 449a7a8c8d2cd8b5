"""Mistakes people make in lesson 17, and how each has to be named."""

# expects: 17.1: the bias is missing
def rnn_step(x, h, W, U, b):
    h_next = np.tanh(x @ W + h @ U)
    return h_next, (x, h, W, U, h_next)


# expects: 17.1: the state is not read
def rnn_step(x, h, W, U, b):
    h_next = np.tanh(x @ W + b)
    return h_next, (x, h, W, U, h_next)


# expects: 17.1: no tanh
def rnn_step(x, h, W, U, b):
    h_next = x @ W + h @ U + b
    return h_next, (x, h, W, U, h_next)


# expects: 17.1: the old state is added
def rnn_step(x, h, W, U, b):
    h_next = h + np.tanh(x @ W + h @ U + b)
    return h_next, (x, h, W, U, h_next)


# expects: 17.1: None
def rnn_step(x, h, W, U, b):
    h_next = np.tanh(x @ W + 0.9 * (h @ U) + b)
    return h_next, (x, h, W, U, h_next)


# expects: 17.1: a sigmoid
def rnn_step(x, h, W, U, b):
    h_next = 1 / (1 + np.exp(-(x @ W + h @ U + b)))
    return h_next, (x, h, W, U, h_next)


# expects: 17.1: tanh of x W alone
def rnn_step(x, h, W, U, b):
    h_next = np.tanh(x @ W + b) + h @ U
    return h_next, (x, h, W, U, h_next)


# expects: 17.1: the bias is added twice
def rnn_step(x, h, W, U, b):
    h_next = np.tanh((x @ W + b) + (h @ U + b))
    return h_next, (x, h, W, U, h_next)


# expects: 17.1: U transposed
def rnn_step(x, h, W, U, b):
    h_next = np.tanh(x @ W + h @ U.T + b)
    return h_next, (x, h, W, U, h_next)


# expects: 17.2: None
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = abs(dh) * (1 - h_next**2)
    dx = da @ W.T
    dW = x.T @ da
    dU = h.T @ da
    db = da.sum(axis=0)
    return dx, da @ U.T, dW, dU, db


# expects: 17.2: db is a mean over the batch
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh * (1 - h_next**2)
    dx = da @ W.T
    dW = x.T @ da
    dU = h.T @ da
    db = da.mean(axis=0)
    return dx, da @ U.T, dW, dU, db


# expects: 17.2: db not summed over the batch
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh * (1 - h_next**2)
    dx = da @ W.T
    dW = x.T @ da
    dU = h.T @ da
    db = da
    return dx, da @ U.T, dW, dU, db


# expects: 17.2: db without the slope
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh * (1 - h_next**2)
    dx = da @ W.T
    dW = x.T @ da
    dU = h.T @ da
    db = dh.sum(axis=0)
    return dx, da @ U.T, dW, dU, db


# expects: 17.2: dh is handed back as it came
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh * (1 - h_next**2)
    dx = da @ W.T
    dW = x.T @ da
    dU = h.T @ da
    db = da.sum(axis=0)
    return dx, dh, dW, dU, db


# expects: 17.2: dh has kept what came in
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh * (1 - h_next**2)
    dx = da @ W.T
    dW = x.T @ da
    dU = h.T @ da
    db = da.sum(axis=0)
    return dx, dh + da @ U.T, dW, dU, db


# expects: 17.2: dh without U
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh * (1 - h_next**2)
    dx = da @ W.T
    dW = x.T @ da
    dU = h.T @ da
    db = da.sum(axis=0)
    return dx, da, dW, dU, db


# expects: 17.2: dU from the new state
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh * (1 - h_next**2)
    dx = da @ W.T
    dW = x.T @ da
    dU = h_next.T @ da
    db = da.sum(axis=0)
    return dx, da @ U.T, dW, dU, db


# expects: 17.2: dU transposed
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh * (1 - h_next**2)
    dx = da @ W.T
    dW = x.T @ da
    dU = da.T @ h
    db = da.sum(axis=0)
    return dx, da @ U.T, dW, dU, db


# expects: 17.2: dW transposed
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh * (1 - h_next**2)
    dx = da @ W.T
    dW = da.T @ x
    dU = h.T @ da
    db = da.sum(axis=0)
    return dx, da @ U.T, dW, dU, db


# expects: 17.2: the slope of tanh is missing
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh
    dx = da @ W.T
    dW = x.T @ da
    dU = h.T @ da
    db = da.sum(axis=0)
    return dx, da @ U.T, dW, dU, db


# expects: 17.2: 1 - h' instead of its square
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh * (1 - h_next)
    dx = da @ W.T
    dW = x.T @ da
    dU = h.T @ da
    db = da.sum(axis=0)
    return dx, da @ U.T, dW, dU, db


# expects: 17.2: the slope of the sigmoid
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh * h_next * (1 - h_next)
    dx = da @ W.T
    dW = x.T @ da
    dU = h.T @ da
    db = da.sum(axis=0)
    return dx, da @ U.T, dW, dU, db


# expects: 17.2: the slope from what went into tanh
def rnn_step(x, h, W, U, b):
    a = x @ W + h @ U + b
    return np.tanh(a), (x, h, W, U, a)


def rnn_step_backward(dh, cache):
    x, h, W, U, a = cache
    da = dh * (1 - a**2)
    return da @ W.T, da @ U.T, x.T @ da, h.T @ da, da.sum(axis=0)


# expects: 17.2: the slope from the old state
def rnn_step(x, h, W, U, b):
    return np.tanh(x @ W + h @ U + b), (x, h, W, U)


def rnn_step_backward(dh, cache):
    x, h, W, U = cache
    da = dh * (1 - h**2)
    return da @ W.T, da @ U.T, x.T @ da, h.T @ da, da.sum(axis=0)


# expects: 17.2: tanh taken twice
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh * (1 - np.tanh(h_next)**2)
    dx = da @ W.T
    dW = x.T @ da
    dU = h.T @ da
    db = da.sum(axis=0)
    return dx, da @ U.T, dW, dU, db


# expects: 17.2: U not transposed
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh * (1 - h_next**2)
    dx = da @ W.T
    dW = x.T @ da
    dU = h.T @ da
    db = da.sum(axis=0)
    return dx, da @ U, dW, dU, db


# expects: 17.3: every step begins with h0
def rnn_forward(x, h0, W, U, b):
    states, caches = [], []
    for t in range(x.shape[1]):
        h, cache = rnn_step(x[:, t], h0, W, U, b)
        states.append(h)
        caches.append(cache)
    return np.stack(states, axis=1), caches


# expects: 17.3: h0 is among the outputs
def rnn_forward(x, h0, W, U, b):
    states, caches = [h0], []
    for t in range(x.shape[1]):
        h, cache = rnn_step(x[:, t], states[-1], W, U, b)
        states.append(h)
        caches.append(cache)
    return np.stack(states, axis=1), caches


# expects: 17.3: only the last state
def rnn_forward(x, h0, W, U, b):
    h, caches = h0, []
    for t in range(x.shape[1]):
        h, cache = rnn_step(x[:, t], h, W, U, b)
        caches.append(cache)
    return h, caches


# expects: 17.3: None
def rnn_forward(x, h0, W, U, b):
    N, T, D = x.shape
    h, y, caches = h0, np.zeros((N, T, len(U))), []
    for t in range(T - 1):
        h, cache = rnn_step(x[:, t], h, W, U, b)
        y[:, t] = h
        caches.append(cache)
    return y, caches


# expects: 17.3: the sequence is read backwards
def rnn_forward(x, h0, W, U, b):
    N, T, D = x.shape
    h, y, caches = h0, np.zeros((N, T, len(U))), []
    for t in reversed(range(T)):
        h, cache = rnn_step(x[:, t], h, W, U, b)
        y[:, t] = h
        caches.append(cache)
    return y, caches


# expects: 17.3: the last state everywhere
def rnn_forward(x, h0, W, U, b):
    h, states, caches = h0.copy(), [], []
    for t in range(x.shape[1]):
        h[:], cache = rnn_step(x[:, t], h, W, U, b)
        states.append(h)
        caches.append(cache)
    return np.stack(states, axis=1), caches


# expects: 17.3: h0 is not used
def rnn_forward(x, h0, W, U, b):
    h, states, caches = np.zeros((len(x), len(U))), [], []
    for t in range(x.shape[1]):
        h, cache = rnn_step(x[:, t], h, W, U, b)
        states.append(h)
        caches.append(cache)
    return np.stack(states, axis=1), caches


# expects: 17.3: the states before the steps
def rnn_forward(x, h0, W, U, b):
    h, states, caches = h0, [], []
    for t in range(x.shape[1]):
        states.append(h)
        h, cache = rnn_step(x[:, t], h, W, U, b)
        caches.append(cache)
    return np.stack(states, axis=1), caches


# expects: 17.3: time comes first
def rnn_forward(x, h0, W, U, b):
    h, states, caches = h0, [], []
    for t in range(x.shape[1]):
        h, cache = rnn_step(x[:, t], h, W, U, b)
        states.append(h)
        caches.append(cache)
    return np.array(states), caches


# expects: 17.3: every step begins with zeros
def rnn_forward(x, h0, W, U, b):
    states, caches = [], []
    for t in range(x.shape[1]):
        h = np.zeros_like(h0)
        h, cache = rnn_step(x[:, t], h, W, U, b)
        states.append(h)
        caches.append(cache)
    return np.stack(states, axis=1), caches


# expects: 17.4: dy arrives a step late
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = dy[:, -1], 0, 0, 0
    for t in reversed(range(T)):
        dx[:, t], dh, dW_t, dU_t, db_t = rnn_step_backward(dh, cache[t])
        dh = dh + dy[:, t]
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return dx, dh, dW, dU, db


# expects: 17.4: divided by the batch
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = 0, 0, 0, 0
    for t in reversed(range(T)):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(dh + dy[:, t], cache[t])
        dx[:, t] = dx_t
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return dx, dh, dW / N, dU / N, db / N


# expects: 17.4: a mean over time
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = 0, 0, 0, 0
    for t in reversed(range(T)):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(dh + dy[:, t], cache[t])
        dx[:, t] = dx_t
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return dx, dh, dW, dU, db / T


# expects: 17.4: only the first step's weights count
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = 0, 0, 0, 0
    for t in reversed(range(T)):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(dh + dy[:, t], cache[t])
        dx[:, t] = dx_t
        dW, dU, db = dW + dW_t, dU + dU_t, db_t
    return dx, dh, dW, dU, db


# expects: 17.4: dh0 is what came into the first step
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    carried, dW, dU, db = 0, 0, 0, 0
    for t in reversed(range(T)):
        dh = carried + dy[:, t]
        dx[:, t], carried, dW_t, dU_t, db_t = rnn_step_backward(dh, cache[t])
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return dx, dh, dW, dU, db


# expects: 17.4: nothing was filled in
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = 0, 0, 0, 0
    for t in reversed(range(T)):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(dh + dy[:, t], cache[t])
        dx[:, t] = dx_t
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return dx, np.zeros((N, H)), dW, dU, db


# expects: 17.4: dh is added up instead of handed on
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = np.zeros((N, H)), 0, 0, 0
    for t in reversed(range(T)):
        dh = dh + dy[:, t]
        dx[:, t], dh_t, dW_t, dU_t, db_t = rnn_step_backward(dh, cache[t])
        dh += dh_t
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return dx, dh, dW, dU, db


# expects: 17.4: only the last step's weights count
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = 0, 0, None, None
    for t in reversed(range(T)):
        dx[:, t], dh, dW_t, dU_t, db_t = rnn_step_backward(dh + dy[:, t], cache[t])
        dW = dW + dW_t
        if dU is None:
            dU, db = dU_t, db_t
    return dx, dh, dW, dU, db


# expects: 17.4: a mean over time
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = 0, 0, 0, 0
    for t in reversed(range(T)):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(dh + dy[:, t], cache[t])
        dx[:, t] = dx_t
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return dx, dh, dW, dU / T, db / T


# expects: 17.4: dU from the states after the steps
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    carried, dW, dU, db = 0, 0, 0, 0
    for t in reversed(range(T)):
        x, h, W, U, h_next = cache[t]
        da = (carried + dy[:, t]) * (1 - h_next**2)
        dx[:, t], carried = da @ W.T, da @ U.T
        dW, dU, db = dW + x.T @ da, dU + h_next.T @ da, db + da.sum(axis=0)
    return dx, carried, dW, dU, db


# expects: 17.4: dU as if h0 were zero
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = 0, 0, 0, 0
    for t in reversed(range(T)):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(dh + dy[:, t], cache[t])
        dx[:, t] = dx_t
        dW, dU, db = dW + dW_t, dU + dU_t * (t > 0), db + db_t
    return dx, dh, dW, dU, db


# expects: 17.4: only the first step's weights count
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = 0, 0, 0, 0
    for t in reversed(range(T)):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(dh + dy[:, t], cache[t])
        dx[:, t] = dx_t
        dW, dU, db = dW + dW_t, dU_t, db + db_t
    return dx, dh, dW, dU, db


# expects: 17.4: a mean over time
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = 0, 0, 0, 0
    for t in reversed(range(T)):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(dh + dy[:, t], cache[t])
        dx[:, t] = dx_t
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return dx, dh, dW / T, dU / T, db / T


# expects: 17.4: only the last step's weights count
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dx[:, -1], dh, dW, dU, db = rnn_step_backward(dy[:, -1], cache[-1])
    for t in reversed(range(T - 1)):
        dx[:, t], dh, _, _, _ = rnn_step_backward(dh + dy[:, t], cache[t])
    return dx, dh, dW, dU, db


# expects: 17.4: only the first step's weights count
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = 0, 0, 0, 0
    for t in reversed(range(T)):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(dh + dy[:, t], cache[t])
        dx[:, t] = dx_t
        dW, dU, db = dW_t, dU_t, db_t
    return dx, dh, dW, dU, db


# expects: 17.4: dx in the opposite order
def rnn_backward(dy, cache):
    dx, dh, dW, dU, db = [], 0, 0, 0, 0
    for t in reversed(range(len(cache))):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(dh + dy[:, t], cache[t])
        dx.append(dx_t)
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return np.stack(dx, axis=1), dh, dW, dU, db


# expects: 17.4: time comes first
def rnn_backward(dy, cache):
    dx, dh, dW, dU, db = [], 0, 0, 0, 0
    for t in reversed(range(len(cache))):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(dh + dy[:, t], cache[t])
        dx.append(dx_t)
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return np.array(dx[::-1]), dh, dW, dU, db


# expects: 17.4: time comes first, in the opposite order
def rnn_backward(dy, cache):
    dx, dh, dW, dU, db = [], 0, 0, 0, 0
    for t in reversed(range(len(cache))):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(dh + dy[:, t], cache[t])
        dx.append(dx_t)
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return np.array(dx), dh, dW, dU, db


# expects: 17.4: the gradient goes forward in time
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = 0, 0, 0, 0
    for t in range(T):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(dh + dy[:, t], cache[t])
        dx[:, t] = dx_t
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return dx, dh, dW, dU, db


# expects: 17.4: only the last dy counts
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = dy[:, -1], 0, 0, 0
    for t in reversed(range(T)):
        dx[:, t], dh, dW_t, dU_t, db_t = rnn_step_backward(dh, cache[t])
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return dx, dh, dW, dU, db


# expects: 17.4: nothing comes back from the step after
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = 0, 0, 0, 0
    for t in reversed(range(T)):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(dy[:, t], cache[t])
        dx[:, t] = dx_t
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return dx, dh, dW, dU, db


# expects: 17.4: None
def rnn_backward(dy, cache):
    N, T, H = dy.shape
    dx = np.zeros((N, T, cache[0][0].shape[1]))
    dh, dW, dU, db = 0, 0, 0, 0
    for t in reversed(range(T)):
        dx_t, dh, dW_t, dU_t, db_t = rnn_step_backward(0.9 * dh + dy[:, t], cache[t])
        dx[:, t] = dx_t
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
    return dx, dh, dW, dU, db


# expects: 17.2: divided by the batch
def rnn_step_backward(dh, cache):
    x, h, W, U, h_next = cache
    da = dh * (1 - h_next**2)
    return da @ W.T, da @ U.T, x.T @ da / len(x), h.T @ da, da.sum(axis=0)
