"""Mistakes people make in lesson 22, and how each has to be named."""

# expects: 22.1: a dot product
def attention_forward(regions, keys, query, v):
    alpha = softmax((keys * query[:, None]).sum(axis=2))
    z = (alpha[:, :, None] * regions).sum(axis=1)
    return (z, alpha), (regions, keys, v, alpha)


# expects: 22.1: softmax over everything
def attention_forward(regions, keys, query, v):
    tanh = np.tanh(keys + query[:, None])
    e = np.exp(tanh @ v)
    alpha = e / e.sum()
    z = (alpha[:, :, None] * regions).sum(axis=1)
    return (z, alpha), (regions, tanh, v, alpha)


# expects: 22.1: not divided by the sum
def attention_forward(regions, keys, query, v):
    tanh = np.tanh(keys + query[:, None])
    alpha = np.exp(tanh @ v)
    z = (alpha[:, :, None] * regions).sum(axis=1)
    return (z, alpha), (regions, tanh, v, alpha)


# expects: 22.1: only the best region
def attention_forward(regions, keys, query, v):
    tanh = np.tanh(keys + query[:, None])
    alpha = softmax(tanh @ v)
    z = np.array([regions[n, i] for n, i in enumerate(alpha.argmax(axis=1))])
    return (z, alpha), (regions, tanh, v, alpha)


# expects: 22.1: the keys are mixed
def attention_forward(regions, keys, query, v):
    tanh = np.tanh(keys + query[:, None])
    alpha = softmax(tanh @ v)
    z = (alpha[:, :, None] * keys).sum(axis=1)
    return (z, alpha), (regions, tanh, v, alpha)


# expects: 22.1: alpha is not used
def attention_forward(regions, keys, query, v):
    tanh = np.tanh(keys + query[:, None])
    alpha = softmax(tanh @ v)
    z = regions.mean(axis=1)
    return (z, alpha), (regions, tanh, v, alpha)


# expects: 22.1: divided without exp
def attention_forward(regions, keys, query, v):
    tanh = np.tanh(keys + query[:, None])
    e = tanh @ v
    alpha = e / e.sum(axis=1, keepdims=True)
    z = (alpha[:, :, None] * regions).sum(axis=1)
    return (z, alpha), (regions, tanh, v, alpha)


# expects: 22.1: the query does not matter
def attention_forward(regions, keys, query, v):
    tanh = np.tanh(keys)
    alpha = softmax(tanh @ v)
    z = (alpha[:, :, None] * regions).sum(axis=1)
    return (z, alpha), (regions, tanh, v, alpha)


# expects: 22.1: the regions are not added up
def attention_forward(regions, keys, query, v):
    tanh = np.tanh(keys + query[:, None])
    alpha = softmax(tanh @ v)
    z = alpha[:, :, None] * regions
    return (z, alpha), (regions, tanh, v, alpha)


# expects: 22.1: no tanh
def attention_forward(regions, keys, query, v):
    tanh = keys + query[:, None]
    alpha = softmax(tanh @ v)
    z = (alpha[:, :, None] * regions).sum(axis=1)
    return (z, alpha), (regions, tanh, v, alpha)


# expects: 22.1: v is forgotten
def attention_forward(regions, keys, query, v):
    tanh = np.tanh(keys + query[:, None])
    alpha = softmax(tanh.sum(axis=2))
    z = (alpha[:, :, None] * regions).sum(axis=1)
    return (z, alpha), (regions, tanh, v, alpha)


# expects: 22.1: the query does not matter
def attention_forward(regions, keys, query, v):
    tanh = np.tanh(keys) + query[:, None]
    alpha = softmax(tanh @ v)
    z = (alpha[:, :, None] * regions).sum(axis=1)
    return (z, alpha), (regions, tanh, v, alpha)


# expects: 22.1: softmax over the rows
def attention_forward(regions, keys, query, v):
    tanh = np.tanh(keys + query[:, None])
    alpha = softmax((tanh @ v).T).T
    z = (alpha[:, :, None] * regions).sum(axis=1)
    return (z, alpha), (regions, tanh, v, alpha)


# expects: 22.1: the scores are no shares
def attention_forward(regions, keys, query, v):
    tanh = np.tanh(keys + query[:, None])
    alpha = tanh @ v
    z = (alpha[:, :, None] * regions).sum(axis=1)
    return (z, alpha), (regions, tanh, v, alpha)


# expects: 22.1: z and alpha changed places
def attention_forward(regions, keys, query, v):
    tanh = np.tanh(keys + query[:, None])
    alpha = softmax(tanh @ v)
    z = (alpha[:, :, None] * regions).sum(axis=1)
    return (alpha, z), (regions, tanh, v, alpha)


# expects: 22.1: tanh outside
def attention_forward(regions, keys, query, v):
    tanh = keys + query[:, None]
    alpha = softmax(np.tanh(tanh @ v))
    z = (alpha[:, :, None] * regions).sum(axis=1)
    return (z, alpha), (regions, tanh, v, alpha)


# expects: 22.1: a mean of the weighted regions
def attention_forward(regions, keys, query, v):
    tanh = np.tanh(keys + query[:, None])
    alpha = softmax(tanh @ v)
    z = (alpha[:, :, None] * regions).mean(axis=1)
    return (z, alpha), (regions, tanh, v, alpha)


# expects: 22.2: summed over the rows
def softmax_backward(dalpha, alpha):
    return alpha * (dalpha - (alpha * dalpha).sum(axis=0, keepdims=True))


# expects: 22.2: alpha is forgotten in front of the mean
def softmax_backward(dalpha, alpha):
    return alpha * dalpha - (alpha * dalpha).sum(axis=1, keepdims=True)


# expects: 22.2: not multiplied by alpha
def softmax_backward(dalpha, alpha):
    return dalpha - (alpha * dalpha).sum(axis=1, keepdims=True)


# expects: 22.2: nothing is subtracted
def softmax_backward(dalpha, alpha):
    return alpha * dalpha


# expects: 22.2: the plain mean
def softmax_backward(dalpha, alpha):
    return alpha * (dalpha - dalpha.mean(axis=1, keepdims=True))


# expects: 22.2: the plain sum
def softmax_backward(dalpha, alpha):
    return alpha * (dalpha - dalpha.sum(axis=1, keepdims=True))


# expects: 22.2: added instead of subtracted
def softmax_backward(dalpha, alpha):
    return alpha * (dalpha + (alpha * dalpha).sum(axis=1, keepdims=True))


# expects: 22.2: every share for itself
def softmax_backward(dalpha, alpha):
    return alpha * (1 - alpha) * dalpha


# expects: 22.2: summed over the whole batch
def softmax_backward(dalpha, alpha):
    return alpha * (dalpha - (alpha * dalpha).sum())


# expects: 22.3: alpha in place of de
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = alpha[:, :, None] * v * (1 - tanh * tanh)
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: sign
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = -de[:, :, None] * v * (1 - tanh * tanh)
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: v is forgotten
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * (1 - tanh * tanh)
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: only one region
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v * (1 - tanh * tanh)
    dquery = dkeys[:, -1]
    dv = (de[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: a mean over the regions
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v * (1 - tanh * tanh)
    dquery = dkeys.mean(axis=1)
    dv = (de[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: not summed over the regions
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v * (1 - tanh * tanh)
    dquery = dkeys
    dv = (de[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: dalpha in place of alpha
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dalpha = (regions * dz[:, None]).sum(axis=2)
    dregions = dalpha[:, :, None] * dz[:, None]
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v * (1 - tanh * tanh)
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: alpha is forgotten
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = np.zeros_like(regions) + dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v * (1 - tanh * tanh)
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: the mean of dz
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = np.zeros_like(regions) + dz[:, None] / regions.shape[1]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v * (1 - tanh * tanh)
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: not summed over the batch
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v * (1 - tanh * tanh)
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * tanh).sum(axis=1)
    return dregions, dkeys, dquery, dv


# expects: 22.3: a mean over the batch
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v * (1 - tanh * tanh)
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * tanh).sum(axis=1).mean(axis=0)
    return dregions, dkeys, dquery, dv


# expects: 22.3: softmax was skipped
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v * (1 - tanh * tanh)
    dquery = dkeys.sum(axis=1)
    dv = (dalpha[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: without tanh
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v * (1 - tanh * tanh)
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * np.arctanh(tanh)).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: as if v stood inside tanh
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v * (1 - tanh * tanh)
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * (1 - tanh**2)).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: tanh was not differentiated
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: softmax was skipped
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = dalpha
    dkeys = de[:, :, None] * v * (1 - tanh * tanh)
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: the slope of the sigmoid
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v * tanh * (1 - tanh)
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: the slope of tanh
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v * (1 - tanh)
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: 1 minus the square of the wrong thing
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None]
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v * (1 - np.arctanh(tanh)**2)
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.3: None
def attention_backward(dz, cache):
    regions, tanh, v, alpha = cache
    dregions = alpha[:, :, None] * dz[:, None] + regions
    dalpha = (regions * dz[:, None]).sum(axis=2)
    de = softmax_backward(dalpha, alpha)
    dkeys = de[:, :, None] * v * (1 - tanh * tanh)
    dquery = dkeys.sum(axis=1)
    dv = (de[:, :, None] * tanh).sum(axis=(0, 1))
    return dregions, dkeys, dquery, dv


# expects: 22.4: the absolute value
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.sum(axis=1)
    loss = weight / (N * T) * np.abs(missing).sum()
    dalphas = np.repeat((-2 * weight / (N * T) * missing)[:, None], T, axis=1)
    return loss, dalphas


# expects: 22.4: divided by the captions
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.sum(axis=1)
    loss = weight / (N) * (missing**2).sum()
    dalphas = np.repeat((-2 * weight / (N) * missing)[:, None], T, axis=1)
    return loss, dalphas


# expects: 22.4: every share is compared with 1
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.sum(axis=1)
    loss = weight / (N * T) * (missing**2).sum()
    dalphas = -2 * weight / (N * T) * (1 - alphas)
    return loss, dalphas


# expects: 22.4: not divided by the words
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.sum(axis=1)
    loss = weight / (N * T) * (missing**2).sum()
    dalphas = np.repeat((-2 * weight * missing)[:, None], T, axis=1)
    return loss, dalphas


# expects: 22.4: the wrong sign
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.sum(axis=1)
    loss = weight / (N * T) * (missing**2).sum()
    dalphas = np.repeat((2 * weight / (N * T) * missing)[:, None], T, axis=1)
    return loss, dalphas


# expects: 22.4: the weight is forgotten
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.sum(axis=1)
    loss = weight / (N * T) * (missing**2).sum()
    dalphas = np.repeat((-2 / (N * T) * missing)[:, None], T, axis=1)
    return loss, dalphas


# expects: 22.4: divided by everything
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.sum(axis=1)
    loss = weight / (N * T * L) * (missing**2).sum()
    dalphas = np.repeat((-2 * weight / (N * T * L) * missing)[:, None], T, axis=1)
    return loss, dalphas


# expects: 22.4: every share is compared with 1
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas
    loss = weight / (N * T) * (missing**2).sum()
    dalphas = -2 * weight / (N * T) * missing
    return loss, dalphas


# expects: 22.4: not divided by the words
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.sum(axis=1)
    loss = weight * (missing**2).sum()
    dalphas = np.repeat((-2 * weight / (N * T) * missing)[:, None], T, axis=1)
    return loss, dalphas


# expects: 22.4: the weight is forgotten
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.sum(axis=1)
    loss = 1 / (N * T) * (missing**2).sum()
    dalphas = np.repeat((-2 * weight / (N * T) * missing)[:, None], T, axis=1)
    return loss, dalphas


# expects: 22.4: the 2 is forgotten
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.sum(axis=1)
    loss = weight / (N * T) * (missing**2).sum()
    dalphas = np.repeat((-weight / (N * T) * missing)[:, None], T, axis=1)
    return loss, dalphas


# expects: 22.4: no square
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.sum(axis=1)
    loss = weight / (N * T) * missing.sum()
    dalphas = np.repeat((-2 * weight / (N * T) * missing)[:, None], T, axis=1)
    return loss, dalphas


# expects: 22.4: not handed to every word
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.sum(axis=1)
    loss = weight / (N * T) * (missing**2).sum()
    dalphas = -2 * weight / (N * T) * missing
    return loss, dalphas


# expects: 22.4: summed over the regions
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.sum(axis=2)
    loss = weight / (N * T) * (missing**2).sum()
    dalphas = np.repeat((-2 * weight / (N * T) * missing)[:, :, None], L, axis=2)
    return loss, dalphas


# expects: 22.4: a mean over the regions
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.sum(axis=1)
    loss = weight * (missing**2).mean()
    dalphas = np.repeat((-2 * weight / (N * T) * missing)[:, None], T, axis=1)
    return loss, dalphas


# expects: 22.4: shared out over the words
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.sum(axis=1)
    loss = weight / (N * T) * (missing**2).sum()
    dalphas = np.repeat((-2 * weight / (N * T) * missing)[:, None] / T, T, axis=1)
    return loss, dalphas


# expects: 22.4: a mean over the words
def doubly_stochastic(alphas, weight):
    N, T, L = alphas.shape
    missing = 1 - alphas.mean(axis=1)
    loss = weight / (N * T) * (missing**2).sum()
    dalphas = np.repeat((-2 * weight / (N * T) * missing)[:, None], T, axis=1)
    return loss, dalphas
