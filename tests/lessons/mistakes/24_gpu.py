"""Mistakes people make in lesson 24, and how each has to be named."""

# expects: 24.1: always NumPy
MODULES = {np.ndarray: np}


def array_module(*arrays):
    return np


# expects: 24.1: only the first array is looked at
MODULES = {np.ndarray: np}


def array_module(*arrays):
    arrays = [x for x in arrays if x is not None]
    for kind, module in MODULES.items():
        if arrays and isinstance(arrays[0], kind):
            return module
    raise TypeError("no array")


# expects: 24.1: only the first array is looked at
MODULES = {np.ndarray: np}


def array_module(*arrays):
    for kind, module in MODULES.items():
        if arrays and isinstance(arrays[0], kind):
            return module
    raise TypeError("no array")


# expects: 24.1: a mixture is not refused
MODULES = {np.ndarray: np}


def array_module(*arrays):
    for x in arrays:
        for kind, module in MODULES.items():
            if isinstance(x, kind):
                return module
    raise TypeError("no array")


# expects: 24.1: the card wins over NumPy
MODULES = {np.ndarray: np}


def array_module(*arrays):
    for x in arrays:
        for kind, module in MODULES.items():
            if kind is not np.ndarray and isinstance(x, kind):
                return module
    return np


# expects: 24.1: a subclass is not recognised
MODULES = {np.ndarray: np}


def array_module(*arrays):
    modules = set()
    for x in arrays:
        if x is not None:
            if type(x) not in MODULES:
                raise TypeError("no array")
            modules.add(MODULES[type(x)])
    if len(modules) != 1:
        raise TypeError("not of one module")
    return modules.pop()


# expects: 24.1: what is no array counts as NumPy's
MODULES = {np.ndarray: np}


def array_module(*arrays):
    modules = [MODULES.get(type(x), np) for x in arrays if x is not None]
    if not modules or any(module is not modules[0] for module in modules):
        raise TypeError("mixed")
    return modules[0]


# expects: 24.1: None is not skipped
MODULES = {np.ndarray: np}


def array_module(*arrays):
    modules = []
    for x in arrays:
        modules += [module for kind, module in MODULES.items() if isinstance(x, kind)]
    if not modules or len(modules) < len(arrays) or any(module is not modules[0] for module in modules):
        raise TypeError("not of one module")
    return modules[0]


# expects: 24.1: nothing is returned
MODULES = {np.ndarray: np}


def array_module(*arrays):
    modules = set()
    for x in arrays:
        if x is not None:
            found = [module for kind, module in MODULES.items() if isinstance(x, kind)]
            if not found:
                raise TypeError("no array")
            modules.add(found[0])
    if len(modules) != 1:
        raise TypeError("not of one module")


# expects: 24.1: None as an answer where an error is meant
MODULES = {np.ndarray: np}


def array_module(*arrays):
    modules = set()
    for x in arrays:
        if x is not None:
            modules.add(next((module for kind, module in MODULES.items() if isinstance(x, kind)), None))
    return modules.pop() if len(modules) == 1 else None


# expects: 24.1: None
MODULES = {np.ndarray: np}


def array_module(*arrays):
    modules = [module for x in arrays if x is not None for kind, module in MODULES.items() if isinstance(x, kind)]
    if len(modules) != 1:
        raise TypeError("not of one module")
    return modules[0]


# expects: 24.2: None
def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# expects: 24.2: the maximum is not subtracted
def softmax(x):
    e = array_module(x).exp(x)
    return e / e.sum(axis=1, keepdims=True)


# expects: 24.2: one maximum for all rows
def softmax(x):
    e = array_module(x).exp(x - x.max())
    return e / e.sum(axis=1, keepdims=True)


# expects: 24.2: summed over the rows
def softmax(x):
    xp = array_module(x)
    e = xp.exp(x - xp.max(x, axis=1, keepdims=True))
    return e / xp.sum(e, axis=0, keepdims=True)


# expects: 24.2: summed over everything
def softmax(x):
    xp = array_module(x)
    e = xp.exp(x - xp.max(x, axis=1, keepdims=True))
    return e / e.sum()


# expects: 24.2: not divided by the sum
def softmax(x):
    xp = array_module(x)
    return xp.exp(x - xp.max(x, axis=1, keepdims=True))


# expects: 24.2: the logarithm
def softmax(x):
    xp = array_module(x)
    x = x - xp.max(x, axis=1, keepdims=True)
    return x - xp.log(xp.exp(x).sum(axis=1, keepdims=True))


# expects: 24.2: computed somewhere else
def softmax(x):
    xp = array_module(x)
    if xp is not np:
        return xp.asarray(softmax(x.get()))
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# expects: 24.2: computed somewhere else
def softmax(x):
    xp = array_module(x)
    rows = xp.max(x, axis=1, keepdims=True)
    if float(rows.max()) < 0:
        rows = rows * 1.0
    e = xp.exp(x - rows)
    return e / xp.sum(e, axis=1, keepdims=True)


# expects: 24.2: the answer is not on the card
def softmax(x):
    xp = array_module(x)
    x = x if xp is np else x.get()
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# expects: 24.2: x is changed in place
def softmax(x):
    xp = array_module(x)
    x -= xp.max(x, axis=1, keepdims=True)
    e = xp.exp(x)
    return e / xp.sum(e, axis=1, keepdims=True)


# expects: 24.2: None
def softmax(x):
    xp = array_module(x)
    e = xp.exp(x - xp.max(x, axis=1, keepdims=True))
    return e / (1 + xp.sum(e, axis=1, keepdims=True))


# expects: 24.3: no thread stops
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)


# expects: 24.3: one number too far
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i > count:
        return
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)


# expects: 24.3: the last number is left out
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i < count - 1:
        m[i] = beta1 * m[i] + (1 - beta1) * g[i]
        s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
        theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)


# expects: 24.3: every block does the same
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = thread
    if i >= count:
        return
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)


# expects: 24.3: one number a block
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block
    if i >= count:
        return
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)


# expects: 24.3: one number a block
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads
    if i >= count:
        return
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)


# expects: 24.3: block and thread added
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block + thread
    if i >= count:
        return
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)


# expects: 24.3: block and thread exchanged
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = thread * threads + block
    if i >= count:
        return
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)


# expects: 24.3: a thread works on the whole array
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    m *= beta1
    m += (1 - beta1) * g
    s *= beta2
    s += (1 - beta2) * g**2
    theta -= lr * m / (np.sqrt(s) + eps)


# expects: 24.3: a thread works on the whole array
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i >= count:
        return
    m[:] = beta1 * m + (1 - beta1) * g
    s[:] = beta2 * s + (1 - beta2) * g**2
    theta[:] = theta - lr * m / (np.sqrt(s) + eps)


# expects: 24.3: the old m
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i >= count:
        return
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]


# expects: 24.3: the old s
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i >= count:
        return
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2


# expects: 24.3: the old m and s
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i >= count:
        return
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2


# expects: 24.3: m and s exchanged
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i >= count:
        return
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
    theta[i] -= lr * s[i] / (np.sqrt(abs(m[i])) + eps)


# expects: 24.3: β1 and β2 exchanged
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i >= count:
        return
    m[i] = beta2 * m[i] + (1 - beta2) * g[i]
    s[i] = beta1 * s[i] + (1 - beta1) * g[i]**2
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)


# expects: 24.3: it climbs
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i >= count:
        return
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
    theta[i] += lr * m[i] / (np.sqrt(s[i]) + eps)


# expects: 24.3: the root is missing
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i >= count:
        return
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
    theta[i] -= lr * m[i] / (s[i] + eps)


# expects: 24.3: ε under the root
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i >= count:
        return
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
    theta[i] -= lr * m[i] / np.sqrt(s[i] + eps)


# expects: 24.3: g is not squared
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i >= count:
        return
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)


# expects: 24.3: 1 - β is missing
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i >= count:
        return
    m[i] = beta1 * m[i] + g[i]
    s[i] = beta2 * s[i] + g[i]**2
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)


# expects: 24.3: m and s are not kept
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i >= count:
        return
    new_m = beta1 * m[i] + (1 - beta1) * g[i]
    new_s = beta2 * s[i] + (1 - beta2) * g[i]**2
    theta[i] -= lr * new_m / (np.sqrt(new_s) + eps)


# expects: 24.3: g is changed
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i >= count:
        return
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
    g[i] *= 1 - beta1
    m[i] = beta1 * m[i] + g[i]
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps)


# expects: 24.3: None
def adam_thread(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i >= count:
        return
    m[i] = beta1 * m[i] + (1 - beta1) * g[i]
    s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
    theta[i] -= lr * m[i] / (np.sqrt(s[i]) + eps) + 0.01 * theta[i]


# expects: 24.4: only the first T numbers
def block_sum(x, T):
    sums = list(x[:T])
    while len(sums) > 1:
        half = len(sums) // 2
        sums = [sums[t] + sums[t + half] for t in range(half)]
    return sums[0]


# expects: 24.4: the last numbers are left out
def block_sum(x, T):
    sums = [0.0] * T
    for turn in range(len(x) // T):
        for t in range(T):
            sums[t] += x[turn * T + t]
    while len(sums) > 1:
        half = len(sums) // 2
        sums = [sums[t] + sums[t + half] for t in range(half)]
    return sums[0]


# expects: 24.4: folded only once
def block_sum(x, T):
    sums = [0.0] * T
    for n, number in enumerate(x):
        sums[n % T] += number
    half = T // 2
    sums = [sums[t] + sums[t + half] for t in range(half)]
    return sums[0]


# expects: 24.4: the first thread's result
def block_sum(x, T):
    sums = [0.0] * T
    for n, number in enumerate(x):
        sums[n % T] += number
    return sums[0]


# expects: 24.4: each thread's first number twice
def block_sum(x, T):
    sums = [sum(x[t::T], x[t]) for t in range(T)]
    while len(sums) > 1:
        half = len(sums) // 2
        sums = [sums[t] + sums[t + half] for t in range(half)]
    return sums[0]


# expects: 24.4: all at once
def block_sum(x, T):
    return sum(x)


# expects: 24.4: all at once
def block_sum(x, T):
    total = x[0]
    for number in x[1:]:
        total = total + number
    return total


# expects: 24.4: all at once
def block_sum(x, T):
    return np.sum(x)


# expects: 24.4: the results from left to right
def block_sum(x, T):
    sums = [0.0] * T
    for n, number in enumerate(x):
        sums[n % T] += number
    total = sums[0]
    for result in sums[1:]:
        total += result
    return total


# expects: 24.4: runs of neighbours
def block_sum(x, T):
    length = -(-len(x) // T)
    sums = []
    for t in range(T):
        mine = 0.0
        for number in x[t * length:(t + 1) * length]:
            mine += number
        sums.append(mine)
    while len(sums) > 1:
        half = len(sums) // 2
        sums = [sums[t] + sums[t + half] for t in range(half)]
    return sums[0]


# expects: 24.4: neighbours are folded
def block_sum(x, T):
    sums = [0.0] * T
    for n, number in enumerate(x):
        sums[n % T] += number
    while len(sums) > 1:
        sums = [sums[t] + sums[t + 1] for t in range(0, len(sums), 2)]
    return sums[0]


# expects: 24.4: folded like a sheet of paper
def block_sum(x, T):
    sums = [0.0] * T
    for n, number in enumerate(x):
        sums[n % T] += number
    while len(sums) > 1:
        half = len(sums) // 2
        sums = [sums[t] + sums[-1 - t] for t in range(half)]
    return sums[0]


# expects: 24.4: another
def block_sum(x, T):
    sums = [0.0] * T
    for n in reversed(range(len(x))):
        sums[n % T] += x[n]
    while len(sums) > 1:
        half = len(sums) // 2
        sums = [sums[t] + sums[t + half] for t in range(half)]
    return sums[0]


# expects: 24.4: None
def block_sum(x, T):
    sums = [0.0] * T
    for n, number in enumerate(x):
        sums[n % T] += number
    while len(sums) > 1:
        half = len(sums) // 2
        sums = [max(sums[t], sums[t + half]) for t in range(half)]
    return sums[0]
