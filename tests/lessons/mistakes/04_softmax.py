"""Mistakes people make in lesson 4, and how each has to be named."""

# expects: 4.1: dy is cut off at 0
def relu_backward(dy, y):
    return np.maximum(dy, 0)


# expects: 4.1: negative gradients are stopped too
def relu_backward(dy, y):
    return np.maximum(0, dy * (y > 0))


# expects: 4.1: everything passes
def relu_backward(dy, y):
    return dy * (y >= 0)


# expects: 4.1: the wrong half passes
def relu_backward(dy, y):
    return np.where(y > 0, 0, dy)


# expects: 4.1: an input is changed in place
def relu_backward(dy, y):
    dy[y == 0] = 0
    return dy


# expects: 4.1: the mask alone
def relu_backward(dy, y):
    return (y > 0).astype(float)


# expects: 4.1: None
def relu_backward(dy, y):
    return np.where(y > 0, dy, 0.01 * dy)


# expects: 4.1: multiplied by y
def relu_backward(dy, y):
    return dy * y


# expects: 4.2: not divided by the sum
def softmax(z):
    return np.exp(z)


# expects: 4.2: the logarithm of p
def softmax(z):
    e = z - z.max(axis=1, keepdims=True)
    return e - np.log(np.exp(e).sum(axis=1, keepdims=True))


# expects: 4.2: the maximum of the columns
def softmax(z):
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=1, keepdims=True)


# expects: 4.2: divided by the mean
def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.mean(axis=1, keepdims=True)


# expects: 4.2: exp is missing
def softmax(z):
    e = z
    return e / e.sum(axis=1, keepdims=True)


# expects: 4.2: not divided by the sum
def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e


# expects: 4.2: one maximum for all rows
def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum(axis=1, keepdims=True)


# expects: 4.2: summed over everything
def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum()


# expects: 4.2: summed over everything
def softmax(z):
    e = np.exp(z - np.max(z))
    return e / np.sum(e)


# expects: 4.2: summed over the samples
def softmax(z):
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


# expects: 4.2: summed over the samples
def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum(axis=0)


# expects: 4.2: summed over the samples
def softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=0)


# expects: 4.2: summed over the samples
def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=0)


# expects: 4.2: nothing is subtracted
def softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


# expects: 4.2: each class for itself
def softmax(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


# expects: 4.2: None
def softmax(z):
    e = 2 ** (z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# expects: 4.3: added instead of subtracted
def softmax_backward(dp, p):
    return p * (dp + (p * dp).sum(axis=1, keepdims=True))


# expects: 4.3: summed over the samples
def softmax_backward(dp, p):
    return p * (dp - (p * dp).sum(axis=0))


# expects: 4.3: summed over everything
def softmax_backward(dp, p):
    return p * (dp - np.sum(p * dp))


# expects: 4.3: sign
def softmax_backward(dp, p):
    return p * ((p * dp).sum(axis=1, keepdims=True) - dp)


# expects: 4.3: None
def softmax_backward(dp, p):
    return p * dp - (p * dp).sum(axis=1, keepdims=True)


# expects: 4.3: only the class itself
def softmax_backward(dp, p):
    return dp * p * (1 - p)


# expects: 4.3: a mean of p dp
def softmax_backward(dp, p):
    return p * (dp - (p * dp).mean(axis=1, keepdims=True))


# expects: 4.3: the factor p in front is missing
def softmax_backward(dp, p):
    return dp - (p * dp).sum(axis=1, keepdims=True)


# expects: 4.3: the sum is not weighted
def softmax_backward(dp, p):
    return p * (dp - dp.sum(axis=1, keepdims=True))


# expects: 4.3: the others are forgotten
def softmax_backward(dp, p):
    return p * dp


# expects: 4.3: a plain mean instead of a weighted one
def softmax_backward(dp, p):
    return p * (dp - dp.mean(axis=1, keepdims=True))


# expects: 4.3: nothing was filled in
def softmax_backward(dp, p):
    return np.zeros_like(dp)


# expects: 4.4: a small number is added to p
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    losses = -np.log(np.clip(softmax(z)[samples, targets], 1e-10, 1))
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz / len(z)


# expects: 4.4: None
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]
    dz = softmax(z)
    dz[samples, targets] -= 0.9
    return losses.mean(), dz / len(z)


# expects: 4.4: 1 is subtracted everywhere
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]
    dz = softmax(z)
    dz -= 1
    return losses.mean(), dz / len(z)


# expects: 4.4: dz divided by the number of classes
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz / z.shape[1]


# expects: 4.4: 1 is subtracted in every row
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]
    dz = softmax(z)
    dz[:, targets] -= 1
    return losses.mean(), dz / len(z)


# expects: 4.4: dz divided by everything
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz / z.size


# expects: 4.4: 1 is subtracted after the division
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]
    dz = softmax(z) / len(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz


# expects: 4.4: log p instead of p
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]
    dz = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    dz[samples, targets] -= 1
    return losses.mean(), dz / len(z)


# expects: 4.4: the target is not subtracted
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]
    dz = softmax(z)
    return losses.mean(), dz / len(z)


# expects: 4.4: the gradient of p
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]
    dz = np.zeros_like(z)
    dz[samples, targets] = -1 / softmax(z)[samples, targets]
    return losses.mean(), dz / len(z)


# expects: 4.4: sign
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), -dz / len(z)


# expects: 4.4: dz not divided by the batch
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz


# expects: 4.4: dz divided twice by the batch
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz / len(z) ** 2


# expects: 4.4: the logarithm of 0
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    losses = -np.log(softmax(z)[samples, targets])
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz / len(z)


# expects: 4.4: the logarithm of a sum that is 0
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    losses = np.log(np.exp(z).sum(axis=1)) - z[samples, targets]
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz / len(z)


# expects: 4.4: logarithm to the base 2
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log2(np.exp(shifted).sum(axis=1)) - shifted[samples, targets] / np.log(2)
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz / len(z)


# expects: 4.4: logarithm to the base 10
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = (np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]) * np.log10(np.e)
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz / len(z)


# expects: 4.4: one loss for each sample
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses, dz / len(z)


# expects: 4.4: the maximum was subtracted in one place only
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - z[samples, targets]
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz / len(z)


# expects: 4.4: 1 - p instead of -log p
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    losses = 1 - softmax(z)[samples, targets]
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz / len(z)


# expects: 4.4: the most probable class instead of the target
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted.max(axis=1)
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz / len(z)


# expects: 4.4: the target is not used
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1, keepdims=True)) - shifted
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz / len(z)


# expects: 4.4: sign
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = shifted[samples, targets] - np.log(np.exp(shifted).sum(axis=1))
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz / len(z)


# expects: 4.4: summed over the samples
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.sum(), dz / len(z)


# expects: 4.4: every row with every target
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1))[:, None] - shifted[:, targets]
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz / len(z)


# expects: 4.4: a softmax of its own
def cross_entropy(z, targets):
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(z)), targets]).mean()
    p[np.arange(len(z)), targets] -= 1
    return loss, p / len(z)


# expects: 4.4: a softmax of its own
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[samples, targets]
    dz = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    dz[samples, targets] -= 1
    return losses.mean(), dz / len(z)


# expects: 4.4: a small number is added to p
def cross_entropy(z, targets):
    samples = np.arange(len(z))
    losses = -np.log(softmax(z)[samples, targets] + 1e-12)
    dz = softmax(z)
    dz[samples, targets] -= 1
    return losses.mean(), dz / len(z)
