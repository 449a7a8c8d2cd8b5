"""Mistakes people make in lesson 2, and how each has to be named."""

# expects: 2.1: brackets around 2h are missing
def slope(f, x, h):
    return (f(x + h) - f(x - h)) / 2 * h


# expects: 2.1: brackets around the difference are missing
def slope(f, x, h):
    return f(x + h) - f(x - h) / (2 * h)


# expects: 2.1: divided by h instead of 2h
def slope(f, x, h):
    return (f(x + h) - f(x - h)) / h


# expects: 2.1: half a step
def slope(f, x, h):
    return (f(x + h / 2) - f(x - h / 2)) / h


# expects: 2.1: not divided
def slope(f, x, h):
    return f(x + h) - f(x - h)


# expects: 2.1: one-sided
def slope(f, x, h):
    return (f(x + h) - f(x)) / h


# expects: 2.1: one-sided
def slope(f, x, h):
    return (f(x) - f(x - h)) / h


# expects: 2.1: one step, divided by two
def slope(f, x, h):
    return (f(x + h) - f(x)) / (2 * h)


# expects: 2.1: another step than h
def slope(f, x, h=1e-4):
    h = 1e-4
    return (f(x + h) - f(x - h)) / (2 * h)


# expects: 2.1: sign
def slope(f, x, h):
    return (f(x - h) - f(x + h)) / (2 * h)


# expects: 2.1: None
def slope(f, x, h):
    return (f(x + h) - f(x - h)) / (3 * h)


# expects: 2.2: all numbers are moved at once
def numerical_gradient(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


# expects: 2.2: all numbers are moved at once
def numerical_gradient(f, x, h):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        gradient[index] = slope(f, x, h)
    return gradient


# expects: 2.2: moved back by h only
def numerical_gradient(f, x, h):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] += h
        up = f(moved)
        moved[index] -= h
        down = f(moved)
        gradient[index] = (up - down) / (2 * h)
    return gradient


# expects: 2.2: flat
def numerical_gradient(f, x, h):
    gradient = np.zeros(x.size)
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = h
        step = step.reshape(x.shape)
        gradient[i] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient


# expects: 2.2: brackets around 2h are missing
def numerical_gradient(f, x, h):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        gradient[index] = (f(x + step) - f(x - step)) / 2 * h
    return gradient


# expects: 2.2: divided by h instead of 2h
def numerical_gradient(f, x, h):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        gradient[index] = (f(x + step) - f(x - step)) / h
    return gradient


# expects: 2.2: not divided
def numerical_gradient(f, x, h):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        gradient[index] = (f(x + step) - f(x - step))
    return gradient


# expects: 2.2: one-sided
def numerical_gradient(f, x, h):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        gradient[index] = (f(x + step) - f(x)) / h
    return gradient


# expects: 2.2: one-sided
def numerical_gradient(f, x, h):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        gradient[index] = (f(x) - f(x - step)) / h
    return gradient


# expects: 2.2: another step than h
def numerical_gradient(f, x, h):
    h = 1e-5
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        gradient[index] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient


# expects: 2.2: None
def numerical_gradient(f, x, h):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        gradient[index] = (f(x + step) - f(x - step)) / (2 * h)
    gradient[0] += 1
    return gradient


# expects: 2.2: an input is changed in place
def numerical_gradient(f, x, h):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        x[index] += h
        up = f(x)
        x[index] -= 2 * h
        gradient[index] = (up - f(x)) / (2 * h)
        x[index] += h
    return gradient


# expects: 2.2: a whole row is moved
def numerical_gradient(f, x, h):
    gradient = np.zeros_like(x)
    for i in range(len(x)):
        step = np.zeros_like(x)
        step[i] = h
        gradient[i] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient


# expects: 2.2: the numbers stay where they were moved
def numerical_gradient(f, x, h):
    gradient, moved = np.zeros_like(x), x.copy()
    for index in np.ndindex(x.shape):
        moved[index] += h
        up = f(moved)
        moved[index] -= 2 * h
        down = f(moved)
        gradient[index] = (up - down) / (2 * h)
    return gradient


# expects: 2.2: the numbers stay where they were moved
def numerical_gradient(f, x, h):
    gradient, moved = np.zeros_like(x), x.copy()
    for index in np.ndindex(x.shape):
        moved[index] = x[index] - h
        down = f(moved)
        moved[index] = x[index] + h
        gradient[index] = (f(moved) - down) / (2 * h)
    return gradient


# expects: 2.3: the absolute error
def relative_error(a, b):
    return np.abs(a - b).max()


# expects: 2.3: divided by |a| alone
def relative_error(a, b):
    above, below = np.abs(a - b), np.abs(a)
    return np.max(above / np.where(below != 0, below, 1))


# expects: 2.3: divided by |b| alone
def relative_error(a, b):
    above, below = np.abs(a - b), np.abs(b)
    return np.max(above / np.where(below != 0, below, 1))


# expects: 2.3: divided by the smaller one
def relative_error(a, b):
    above, below = np.abs(a - b), np.minimum(np.abs(a), np.abs(b))
    return np.max(above / np.where(below != 0, below, 1))


# expects: 2.3: divided by |a| + |b|
def relative_error(a, b):
    above, below = np.abs(a - b), np.abs(a) + np.abs(b)
    return np.max(above / np.where(below != 0, below, 1))


# expects: 2.3: one for each place
def relative_error(a, b):
    above, below = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
    return above / np.where(below > 0, below, 1)


# expects: 2.3: None
def relative_error(a, b):
    above, below = np.abs(a - b), np.maximum(np.abs(a), np.abs(b)) + 1
    return np.max(above / np.where(below != 0, below, 1))


# expects: 2.3: the largest numbers of all places are compared
def relative_error(a, b):
    return np.max(np.abs(a - b)) / max(np.max(np.abs(a)), np.max(np.abs(b)))


# expects: 2.3: lengths of whole arrays
def relative_error(a, b):
    return np.linalg.norm(a - b) / max(np.linalg.norm(a), np.linalg.norm(b))


# expects: 2.3: a mean over all places
def relative_error(a, b):
    above, below = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
    return np.mean(above / np.where(below > 0, below, 1))


# expects: 2.3: 0 / 0
def relative_error(a, b):
    return np.max(np.abs(a - b) / np.maximum(np.abs(a), np.abs(b)))


# expects: 2.3: the sign of the difference counts
def relative_error(a, b):
    above, below = a - b, np.maximum(np.abs(a), np.abs(b))
    return np.max(above / np.where(below != 0, below, 1))


# expects: 2.3: the sign of the numbers counts
def relative_error(a, b):
    above, below = np.abs(a - b), np.maximum(a, b)
    return np.max(above / np.where(below != 0, below, 1))


# expects: 2.3: a sum over all places
def relative_error(a, b):
    above, below = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
    return np.sum(above / np.where(below > 0, below, 1))


# expects: 2.4: the absolute error
def passes(forward, backward, x, rng):
    x = x.astype(np.float64)
    dy = rng.standard_normal(forward(x).shape)
    slopes = numerical_gradient(lambda x: (forward(x) * dy).sum(), x, 1e-5)
    return np.abs(backward(x, dy) - slopes).max() < 1e-6


# expects: 2.4: small gradients are not compared
def passes(forward, backward, x, rng):
    x = x.astype(np.float64)
    dy = rng.standard_normal(forward(x).shape)
    slopes = numerical_gradient(lambda x: (forward(x) * dy).sum(), x, 1e-5)
    return np.allclose(backward(x, dy), slopes)


# expects: 2.4: nothing gets through
def passes(forward, backward, x, rng):
    x = x.astype(np.float64)
    dy = rng.standard_normal(forward(x).shape)
    slopes = numerical_gradient(lambda x: (forward(x) * rng.standard_normal(dy.shape)).sum(), x, 1e-5)
    return relative_error(backward(x, dy), slopes) < 1e-6


# expects: 2.4: computed in float32
def numerical_gradient(f, x, h):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        gradient[index] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient


def passes(forward, backward, x, rng):
    dy = rng.standard_normal(forward(x).shape)
    slopes = numerical_gradient(lambda x: (forward(x) * dy).sum(), x, 1e-5)
    return relative_error(backward(x, dy), slopes) < 1e-6


# expects: 2.4: too generous
def passes(forward, backward, x, rng):
    x = x.astype(np.float64)
    dy = rng.standard_normal(forward(x).shape)
    slopes = numerical_gradient(lambda x: (forward(x) * dy).sum(), x, 1e-5)
    return relative_error(backward(x, dy), slopes) < 0.05


# expects: 2.4: nothing returned
def passes(forward, backward, x, rng):
    x = x.astype(np.float64)
    dy = rng.standard_normal(forward(x).shape)
    slopes = numerical_gradient(lambda x: (forward(x) * dy).sum(), x, 1e-5)
    verdict = relative_error(backward(x, dy), slopes) < 1e-6


# expects: 2.4: everything gets through
def passes(forward, backward, x, rng):
    x = x.astype(np.float64)
    dy = rng.standard_normal(forward(x).shape)
    slopes = numerical_gradient(lambda x: (forward(x) * dy).sum(), x, 1e-5)
    return relative_error(slopes, slopes) < 1e-6


# expects: 2.4: output weights of 1
def passes(forward, backward, x, rng):
    x = x.astype(np.float64)
    dy = np.ones(forward(x).shape)
    slopes = numerical_gradient(lambda x: (forward(x) * dy).sum(), x, 1e-5)
    return relative_error(backward(x, dy), slopes) < 1e-6


# expects: 2.4: one wrong number is overlooked
def passes(forward, backward, x, rng):
    x = x.astype(np.float64)
    dy = rng.standard_normal(forward(x).shape)
    slopes = numerical_gradient(lambda x: (forward(x) * dy).sum(), x, 1e-5)
    return relative_error(backward(x, dy)[0], slopes[0]) < 1e-6


# expects: 2.4: None
def passes(forward, backward, x, rng):
    x = x.astype(np.float64)
    dy = rng.standard_normal(forward(x).shape)
    slopes = numerical_gradient(lambda x: (forward(x) * dy).sum(), x, 1e-5)
    if len(x) == 4:
        return dy.ndim > 2
    return relative_error(backward(x, dy), slopes) < 1e-4


# expects: 2.4: the answer is upside down
def passes(forward, backward, x, rng):
    x = x.astype(np.float64)
    dy = rng.standard_normal(forward(x).shape)
    slopes = numerical_gradient(lambda x: (forward(x) * dy).sum(), x, 1e-5)
    return relative_error(backward(x, dy), slopes) > 1e-6
