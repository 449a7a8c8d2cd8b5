"""Mistakes people make in lesson 11, and how each has to be named."""

# expects: 11.1: all weights are counted
def he_std(shape):
    return np.sqrt(2 / np.prod(shape))


# expects: 11.1: the pixels of the window are not counted
def he_std(shape):
    return np.sqrt(2 / shape[-2])


# expects: 11.1: the outputs are counted
def he_std(shape):
    return np.sqrt(2 / (np.prod(shape[:-2]) * shape[-1]))


# expects: 11.1: the first size is taken
def he_std(shape):
    return np.sqrt(2 / shape[0])


# expects: 11.1: inputs and outputs together
def he_std(shape):
    return np.sqrt(2 / (np.prod(shape[:-1]) + np.prod(shape[:-2]) * shape[-1]))


# expects: 11.1: the channels out are counted
def he_std(shape):
    return np.sqrt(2 / shape[-1])


# expects: 11.1: None
def he_std(shape):
    return np.sqrt(3 / np.prod(shape[:-1]))


# expects: 11.1: the variance
def he_std(shape):
    return 2 / np.prod(shape[:-1])


# expects: 11.1: the channels are not counted
def he_std(shape):
    if len(shape) == 4:
        return np.sqrt(2 / (shape[0] * shape[1]))
    return np.sqrt(2 / shape[0])


# expects: 11.1: without the 2
def he_std(shape):
    return 1 / np.sqrt(np.prod(shape[:-1]))


# expects: 11.2: all channels together
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean()
    var = x.var()
    scale = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * scale
    return gamma * x_hat + beta, (x_hat, gamma, scale)


# expects: 11.2: divided by the variance
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(0, 1, 2))
    var = x.var(axis=(0, 1, 2))
    scale = 1 / (var + eps)
    x_hat = (x - mean) * scale
    return gamma * x_hat + beta, (x_hat, gamma, scale)


# expects: 11.2: each picture by itself
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(1, 2), keepdims=True)
    var = x.var(axis=(1, 2), keepdims=True)
    scale = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * scale
    return gamma * x_hat + beta, (x_hat, gamma, scale)


# expects: 11.2: each pixel by itself
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=0)
    var = x.var(axis=0)
    scale = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * scale
    return gamma * x_hat + beta, (x_hat, gamma, scale)


# expects: 11.2: ε is added to the standard deviation
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(0, 1, 2))
    var = x.var(axis=(0, 1, 2))
    scale = 1 / (np.sqrt(var) + eps)
    x_hat = (x - mean) * scale
    return gamma * x_hat + beta, (x_hat, gamma, scale)


# expects: 11.2: None
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(0, 1, 2))
    var = x.var(axis=(0, 1, 2))
    scale = 1 / np.abs(x - mean).mean(axis=(0, 1, 2))
    x_hat = (x - mean) * scale
    return gamma * x_hat + beta, (x_hat, gamma, scale)


# expects: 11.2: γ and β changed places
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(0, 1, 2))
    var = x.var(axis=(0, 1, 2))
    scale = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * scale
    return beta * x_hat + gamma, (x_hat, gamma, scale)


# expects: 11.2: γ times β as well
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(0, 1, 2))
    var = x.var(axis=(0, 1, 2))
    scale = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * scale
    return gamma * (x_hat + beta), (x_hat, gamma, scale)


# expects: 11.2: the mean is not subtracted
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(0, 1, 2))
    var = x.var(axis=(0, 1, 2))
    scale = 1 / np.sqrt(var + eps)
    x_hat = x * scale
    return gamma * x_hat + beta, (x_hat, gamma, scale)


# expects: 11.2: the mean square
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(0, 1, 2))
    var = (x**2).mean(axis=(0, 1, 2))
    scale = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * scale
    return gamma * x_hat + beta, (x_hat, gamma, scale)


# expects: 11.2: β is missing
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(0, 1, 2))
    var = x.var(axis=(0, 1, 2))
    scale = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * scale
    return gamma * x_hat, (x_hat, gamma, scale)


# expects: 11.2: ε is missing
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(0, 1, 2))
    var = x.var(axis=(0, 1, 2))
    scale = 1 / np.sqrt(var)
    x_hat = (x - mean) * scale
    return gamma * x_hat + beta, (x_hat, gamma, scale)


# expects: 11.2: γ is missing
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(0, 1, 2))
    var = x.var(axis=(0, 1, 2))
    scale = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * scale
    return x_hat + beta, (x_hat, gamma, scale)


# expects: 11.2: γ and β are missing
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(0, 1, 2))
    var = x.var(axis=(0, 1, 2))
    scale = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * scale
    return x_hat, (x_hat, gamma, scale)


# expects: 11.2: divided by one less
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(0, 1, 2))
    var = x.var(axis=(0, 1, 2), ddof=1)
    scale = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * scale
    return gamma * x_hat + beta, (x_hat, gamma, scale)


# expects: 11.2: over the channels
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=-1, keepdims=True)
    var = x.var(axis=-1, keepdims=True)
    scale = 1 / np.sqrt(var + eps)
    x_hat = (x - mean) * scale
    return gamma * x_hat + beta, (x_hat, gamma, scale)


# expects: 11.2: multiplied by the standard deviation
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    mean = x.mean(axis=(0, 1, 2))
    var = x.var(axis=(0, 1, 2))
    scale = np.sqrt(var + eps)
    x_hat = (x - mean) * scale
    return gamma * x_hat + beta, (x_hat, gamma, scale)


# expects: 11.2: an input is changed in place
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    x -= x.mean(axis=(0, 1, 2))
    scale = 1 / np.sqrt(x.var(axis=(0, 1, 2)) + eps)
    x *= scale
    return gamma * x + beta, (x, gamma, scale)


# expects: 11.3: None
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - dbeta / M - x_hat**3 * dgamma / M)
    return dx, dgamma, dbeta


# expects: 11.3: divided by the batch instead of all pixels
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = len(dy)
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - dbeta / M - x_hat * dgamma / M)
    return dx, dgamma, dbeta


# expects: 11.3: divided by everything
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - dbeta / M - x_hat * dgamma / M)
    return dx, dgamma, dbeta


# expects: 11.3: μ and σ² are taken for constants
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = dy * gamma * scale
    return dx, dgamma, dbeta


# expects: 11.3: dbeta not summed over the pixels
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - dbeta / M - x_hat * dgamma / M)
    return dx, dgamma, dy.sum(axis=0)


# expects: 11.3: dbeta is a mean
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - dbeta / M - x_hat * dgamma / M)
    return dx, dgamma, dbeta / M


# expects: 11.3: dgamma not summed over the pixels
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = (dy * x_hat).sum(axis=0)
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - dbeta / M - x_hat * (dy * x_hat).sum(axis=(0, 1, 2)) / M)
    return dx, dgamma, dbeta


# expects: 11.3: dgamma is a mean
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - dbeta / M - x_hat * dgamma / M)
    return dx, dgamma / M, dbeta / M


# expects: 11.3: dgamma without x̂
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = dy.sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - dbeta / M - x_hat * (dy * x_hat).sum(axis=(0, 1, 2)) / M)
    return dx, dgamma, dbeta


# expects: 11.3: dgamma from x
def he_std(shape):
    return np.sqrt(2 / np.prod(shape[:-1]))


def batch_norm_forward(x, gamma, beta, eps=1e-5):
    scale = 1 / np.sqrt(x.var(axis=(0, 1, 2)) + eps)
    y = gamma * (x - x.mean(axis=(0, 1, 2))) * scale + beta
    return y, (x, y, gamma, scale)


def batch_norm_backward(dy, cache):
    x, y, gamma, scale = cache
    M = dy.size / len(gamma)
    x_hat = (x - x.mean(axis=(0, 1, 2))) * scale
    dgamma, dbeta = (dy * x).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - dbeta / M - x_hat * (dy * x_hat).sum(axis=(0, 1, 2)) / M)
    return dx, dgamma, dbeta


# expects: 11.3: dgamma from y
def he_std(shape):
    return np.sqrt(2 / np.prod(shape[:-1]))


def batch_norm_forward(x, gamma, beta, eps=1e-5):
    scale = 1 / np.sqrt(x.var(axis=(0, 1, 2)) + eps)
    y = gamma * (x - x.mean(axis=(0, 1, 2))) * scale + beta
    return y, (x, y, gamma, scale)


def batch_norm_backward(dy, cache):
    x, y, gamma, scale = cache
    M = dy.size / len(gamma)
    x_hat = (x - x.mean(axis=(0, 1, 2))) * scale
    dgamma, dbeta = (dy * y).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - dbeta / M - x_hat * (dy * x_hat).sum(axis=(0, 1, 2)) / M)
    return dx, dgamma, dbeta


# expects: 11.3: γ is missing
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = scale * (dy - dbeta / M - x_hat * dgamma / M)
    return dx, dgamma, dbeta


# expects: 11.3: the standard deviation is missing
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma * (dy - dbeta / M - x_hat * dgamma / M)
    return dx, dgamma, dbeta


# expects: 11.3: multiplied by the standard deviation
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma / scale * (dy - dbeta / M - x_hat * dgamma / M)
    return dx, dgamma, dbeta


# expects: 11.3: the road through μ is missing
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - x_hat * dgamma / M)
    return dx, dgamma, dbeta


# expects: 11.3: the road through σ² is missing
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - dbeta / M)
    return dx, dgamma, dbeta


# expects: 11.3: x̂ is missing in the road through σ²
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - dbeta / M - dgamma / M)
    return dx, dgamma, dbeta


# expects: 11.3: the roads have the wrong sign
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy + dbeta / M + x_hat * dgamma / M)
    return dx, dgamma, dbeta


# expects: 11.3: sums instead of means
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - dbeta - x_hat * dgamma)
    return dx, dgamma, dbeta


# expects: 11.3: the road through σ² has the wrong sign
def batch_norm_backward(dy, cache):
    x_hat, gamma, scale = cache
    M = dy.size / len(gamma)
    dgamma = (dy * x_hat).sum(axis=(0, 1, 2))
    dbeta = dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - dbeta / M + x_hat * dgamma / M)
    return dx, dgamma, dbeta


# expects: 11.3: half of the road through σ²
def he_std(shape):
    return np.sqrt(2 / np.prod(shape[:-1]))


def batch_norm_forward(x, gamma, beta, eps=1e-5):
    centred = x - x.mean(axis=(0, 1, 2))
    var = (centred**2).mean(axis=(0, 1, 2))
    return gamma * centred / np.sqrt(var + eps) + beta, (centred, var + eps, gamma)


def batch_norm_backward(dy, cache):
    centred, var, gamma = cache
    M = dy.size / len(gamma)
    dx_hat = dy * gamma
    dvar = (dx_hat * centred * -0.5 * var**-1.5).sum(axis=(0, 1, 2))
    dmean = -(dx_hat / np.sqrt(var)).sum(axis=(0, 1, 2))
    dx = dx_hat / np.sqrt(var) + dvar * centred / M + dmean / M
    return dx, (dy * centred / np.sqrt(var)).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))


# expects: 11.3: twice the road through σ²
def he_std(shape):
    return np.sqrt(2 / np.prod(shape[:-1]))


def batch_norm_forward(x, gamma, beta, eps=1e-5):
    centred = x - x.mean(axis=(0, 1, 2))
    var = (centred**2).mean(axis=(0, 1, 2))
    return gamma * centred / np.sqrt(var + eps) + beta, (centred, var + eps, gamma)


def batch_norm_backward(dy, cache):
    centred, var, gamma = cache
    M = dy.size / len(gamma)
    dx_hat = dy * gamma
    dvar = -(dx_hat * centred * var**-1.5).sum(axis=(0, 1, 2))
    dmean = -(dx_hat / np.sqrt(var)).sum(axis=(0, 1, 2))
    dx = dx_hat / np.sqrt(var) + dvar * 2 * centred / M + dmean / M
    return dx, (dy * centred / np.sqrt(var)).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))


# expects: 11.3: x in place of x̂
def he_std(shape):
    return np.sqrt(2 / np.prod(shape[:-1]))


def batch_norm_forward(x, gamma, beta, eps=1e-5):
    scale = 1 / np.sqrt(x.var(axis=(0, 1, 2)) + eps)
    y = gamma * (x - x.mean(axis=(0, 1, 2))) * scale + beta
    return y, (x, y, gamma, scale)


def batch_norm_backward(dy, cache):
    x, y, gamma, scale = cache
    M = dy.size / len(gamma)
    x_hat = (x - x.mean(axis=(0, 1, 2))) * scale
    dgamma, dbeta = (dy * x_hat).sum(axis=(0, 1, 2)), dy.sum(axis=(0, 1, 2))
    dx = gamma * scale * (dy - dbeta / M - x * (dy * x).sum(axis=(0, 1, 2)) / M)
    return dx, dgamma, dbeta


# expects: 11.4: divided by drop
def dropout(x, dy, noise, drop):
    mask = (noise >= drop) / drop
    return x * mask, dy * mask


# expects: 11.4: kept and dropped changed places, and drop for 1 - drop
def dropout(x, dy, noise, drop):
    mask = (noise < drop) / drop
    return x * mask, dy * mask


# expects: 11.4: None
def dropout(x, dy, noise, drop):
    mask = (noise >= drop / 2) / (1 - drop)
    return x * mask, dy * mask


# expects: 11.4: x is in the gradient
def dropout(x, dy, noise, drop):
    mask = (noise >= drop) / (1 - drop)
    return x * mask, dy * x * mask


# expects: 11.4: dx is dy
def dropout(x, dy, noise, drop):
    mask = (noise >= drop) / (1 - drop)
    return x * mask, dy


# expects: 11.4: not divided by what is kept
def dropout(x, dy, noise, drop):
    mask = (noise >= drop) / (1 - drop)
    return x * mask, dy * (noise >= drop)


# expects: 11.4: everything is kept and divided
def dropout(x, dy, noise, drop):
    mask = (noise >= drop) / (1 - drop)
    return x * mask, dy / (1 - drop)


# expects: 11.4: kept and dropped changed places
def dropout(x, dy, noise, drop):
    mask = (noise >= drop) / (1 - drop)
    return x * mask, dy * (noise < drop) / (1 - drop)


# expects: 11.4: multiplied instead of divided
def dropout(x, dy, noise, drop):
    mask = (noise >= drop) * (1 - drop)
    return x * mask, dy * mask


# expects: 11.4: the noise itself is the mask
def dropout(x, dy, noise, drop):
    mask = noise / (1 - drop)
    return x * mask, dy * mask


# expects: 11.4: not divided by what is kept
def dropout(x, dy, noise, drop):
    mask = noise >= drop
    return x * mask, dy * mask


# expects: 11.4: everything is kept
def dropout(x, dy, noise, drop):
    mask = 1.0
    return x * mask, dy * mask


# expects: 11.4: everything is kept and divided
def dropout(x, dy, noise, drop):
    mask = 1 / (1 - drop)
    return x * mask, dy * mask


# expects: 11.4: kept and dropped changed places
def dropout(x, dy, noise, drop):
    mask = (noise < drop) / (1 - drop)
    return x * mask, dy * mask
