"""Mistakes people make in lesson 5, and how each has to be named."""

# expects: 5.1: a mean of the gradients
def momentum_step(theta, g, v, lr, momentum):
    v = momentum * v + (1 - momentum) * g
    return v, theta - lr * v


# expects: 5.1: momentum at both
def momentum_step(theta, g, v, lr, momentum):
    v = momentum * (v + g)
    return v, theta - lr * v


# expects: 5.1: momentum at the gradient
def momentum_step(theta, g, v, lr, momentum):
    v = v + momentum * g
    return v, theta - lr * v


# expects: 5.1: None
def momentum_step(theta, g, v, lr, momentum):
    v = momentum * v + g + 0.1
    return v, theta - lr * v


# expects: 5.1: one step ahead
def momentum_step(theta, g, v, lr, momentum):
    v = momentum * v + g
    return v, theta - lr * (g + momentum * v)


# expects: 5.1: no momentum
def momentum_step(theta, g, v, lr, momentum):
    v = momentum * v + g
    return v, theta - lr * g


# expects: 5.1: the learning rate is missing
def momentum_step(theta, g, v, lr, momentum):
    v = momentum * v + g
    return v, theta - v


# expects: 5.1: nothing is lost
def momentum_step(theta, g, v, lr, momentum):
    v = v + g
    return v, theta - lr * v


# expects: 5.1: the old velocity
def momentum_step(theta, g, v, lr, momentum):
    theta = theta - lr * v
    v = momentum * v + g
    return v, theta


# expects: 5.1: the old velocity is returned
def momentum_step(theta, g, v, lr, momentum):
    new = momentum * v + g
    return v, theta - lr * new


# expects: 5.1: the learning rate is in the velocity
def momentum_step(theta, g, v, lr, momentum):
    v = momentum * v + lr * g
    return v, theta - v


# expects: 5.1: the learning rate is in the velocity
def momentum_step(theta, g, v, lr, momentum):
    v = momentum * v - lr * g
    return v, theta + v


# expects: 5.1: the learning rate is in the velocity
def momentum_step(theta, g, v, lr, momentum):
    v = lr * (momentum * v + g)
    return v, theta - v


# expects: 5.1: the learning rate is in the velocity
def momentum_step(theta, g, v, lr, momentum):
    v = momentum * v + lr * g
    return v, theta - lr * v


# expects: 5.1: the step goes uphill
def momentum_step(theta, g, v, lr, momentum):
    v = momentum * v + g
    return v, theta + lr * v


# expects: 5.1: an input is changed in place
def momentum_step(theta, g, v, lr, momentum):
    v *= momentum
    v += g
    return v, theta - lr * v


# expects: 5.2: an input is changed in place
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m *= beta1
    m += (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: None
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, s, theta - lr * m_hat**2 / (np.sqrt(s_hat) + eps)


# expects: 5.2: the step goes uphill
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, s, theta + lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: the betas changed places
def adam_step(theta, g, m, s, t, lr, beta2, beta1, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: eps beside the uncorrected root
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    lr = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return m, s, theta - lr * m / (np.sqrt(s) + eps)


# expects: 5.2: eps is under the root
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat + eps))


# expects: 5.2: the corrected ones are kept
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m, s = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, s, theta - lr * m / (np.sqrt(s) + eps)


# expects: 5.2: only s is corrected
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m, s / (1 - beta2**t)
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: eps is missing
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, s, theta - lr * m_hat / np.sqrt(s_hat)


# expects: 5.2: the root is missing
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, s, theta - lr * m_hat / (s_hat + eps)


# expects: 5.2: t is not in the correction
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1), s / (1 - beta2)
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: nothing is corrected
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m, s
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: the gradient is not squared
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: the old m is returned
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    old = m
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return old, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: the old s is returned
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    old = s
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, old, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: a product instead of a power
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1 * t), s / (1 - beta2 * t)
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: the gradient instead of its mean
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, s, theta - lr * g / (np.sqrt(s_hat) + eps)


# expects: 5.2: only m is corrected
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: 1 - beta1 is missing
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: 1 - beta2 is missing
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: 1 - beta1 is missing
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + g
    s = beta2 * s + g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: the size instead of the square
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * abs(g)
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: t is one too small
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**(t - 1)), s / (1 - beta2**(t - 1))
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.2: t is one too large
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**(t + 1)), s / (1 - beta2**(t + 1))
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


# expects: 5.3: not shuffled
def batches(N, size, rng):
    pieces = [np.arange(i, min(i + size, N)) for i in range(0, N, size)]
    order = rng.permutation(len(pieces) - 1)
    return [pieces[i] for i in order] + pieces[-1:]


# expects: 5.3: None
def batches(N, size, rng):
    order = rng.permutation(N)
    return [order[i:i + size] for i in range(0, N, size + 1)]


# expects: 5.3: the last batch is as large as the others
def batches(N, size, rng):
    return [rng.choice(N, size, replace=False) for i in range(0, N, size)]


# expects: 5.3: not shuffled
def batches(N, size, rng):
    order = np.arange(N)
    return [order[i:i + size] for i in range(0, N, size)]


# expects: 5.3: size is taken for the number of batches
def batches(N, size, rng):
    order = rng.permutation(N)
    return np.array_split(order, size)


# expects: 5.3: one batch of everything
def batches(N, size, rng):
    order = rng.permutation(N)
    return [order]


# expects: 5.3: the same order every time
def batches(N, size, rng):
    order = np.random.default_rng(0).permutation(N)
    return [order[i:i + size] for i in range(0, N, size)]


# expects: 5.3: drawn with replacement
def batches(N, size, rng):
    order = rng.integers(0, N, N)
    return [order[i:i + size] for i in range(0, N, size)]


# expects: 5.3: the rest is lost
def batches(N, size, rng):
    order = rng.permutation(N)
    return [order[i:i + size] for i in range(0, N - size + 1, size)]


# expects: 5.3: single numbers
def batches(N, size, rng):
    order = rng.permutation(N)
    return [order[i:i + 1] for i in range(N)]


# expects: 5.4: all samples in every step
def train(model, optimizer, x, targets, batches):
    loss_layer, losses = SoftmaxCrossEntropy(), []
    for _ in batches:
        logits, cache = model.forward(x)
        loss, loss_cache = loss_layer.forward(logits, targets)
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        model.zero_grad()
        losses.append(float(loss))
    return losses


# expects: 5.4: backward was given the size of the batch
def train(model, optimizer, x, targets, batches):
    loss_layer, losses = SoftmaxCrossEntropy(), []
    for batch in batches:
        logits, cache = model.forward(x[batch])
        loss, loss_cache = loss_layer.forward(logits, targets[batch])
        dlogits, _ = loss_layer.backward(len(batch), loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        model.zero_grad()
        losses.append(float(loss))
    return losses


# expects: 5.4: nothing is learned
def train(model, optimizer, x, targets, batches):
    loss_layer, losses = SoftmaxCrossEntropy(), []
    for batch in batches:
        logits, cache = model.forward(x[batch])
        loss, loss_cache = loss_layer.forward(logits, targets[batch])
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        model.zero_grad()
        optimizer.step()
        losses.append(float(loss))
    return losses


# expects: 5.4: only the last loss
def train(model, optimizer, x, targets, batches):
    loss_layer, losses = SoftmaxCrossEntropy(), []
    for batch in batches:
        logits, cache = model.forward(x[batch])
        loss, loss_cache = loss_layer.forward(logits, targets[batch])
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        model.zero_grad()
        losses.append(float(loss))
    return losses[-1]


# expects: 5.4: the loss after the step
def train(model, optimizer, x, targets, batches):
    loss_layer, losses = SoftmaxCrossEntropy(), []
    for batch in batches:
        logits, cache = model.forward(x[batch])
        loss, loss_cache = loss_layer.forward(logits, targets[batch])
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        model.zero_grad()
        losses.append(loss_layer(model(x[batch]), targets[batch]))
    return losses


# expects: 5.4: backward was given the loss
def train(model, optimizer, x, targets, batches):
    loss_layer, losses = SoftmaxCrossEntropy(), []
    for batch in batches:
        logits, cache = model.forward(x[batch])
        loss, loss_cache = loss_layer.forward(logits, targets[batch])
        dlogits, _ = loss_layer.backward(loss, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        model.zero_grad()
        losses.append(float(loss))
    return losses


# expects: 5.4: nothing returned
def train(model, optimizer, x, targets, batches):
    loss_layer, losses = SoftmaxCrossEntropy(), []
    for batch in batches:
        logits, cache = model.forward(x[batch])
        loss, loss_cache = loss_layer.forward(logits, targets[batch])
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        model.zero_grad()
        losses.append(float(loss))


# expects: 5.4: the mean so far
def train(model, optimizer, x, targets, batches):
    loss_layer, losses = SoftmaxCrossEntropy(), []
    for batch in batches:
        logits, cache = model.forward(x[batch])
        loss, loss_cache = loss_layer.forward(logits, targets[batch])
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        model.zero_grad()
        losses.append(float(loss) + sum(losses) * 0)
    return [sum(losses[:i]) / i for i in range(1, len(losses) + 1)]


# expects: 5.4: the gradients are never cleared
def train(model, optimizer, x, targets, batches):
    loss_layer, losses = SoftmaxCrossEntropy(), []
    for batch in batches:
        logits, cache = model.forward(x[batch])
        loss, loss_cache = loss_layer.forward(logits, targets[batch])
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        losses.append(float(loss))
    return losses


# expects: 5.4: nothing is learned
def train(model, optimizer, x, targets, batches):
    loss_layer, losses = SoftmaxCrossEntropy(), []
    for batch in batches:
        logits, cache = model.forward(x[batch])
        loss, loss_cache = loss_layer.forward(logits, targets[batch])
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        optimizer.step()
        model.zero_grad()
        losses.append(float(loss))
    return losses


# expects: 5.4: nothing is learned
def train(model, optimizer, x, targets, batches):
    loss_layer, losses = SoftmaxCrossEntropy(), []
    for batch in batches:
        logits, cache = model.forward(x[batch])
        loss, loss_cache = loss_layer.forward(logits, targets[batch])
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        model.zero_grad()
        losses.append(float(loss))
    return losses


# expects: 5.4: the step comes before backward
def train(model, optimizer, x, targets, batches):
    loss_layer, losses = SoftmaxCrossEntropy(), []
    for batch in batches:
        logits, cache = model.forward(x[batch])
        loss, loss_cache = loss_layer.forward(logits, targets[batch])
        optimizer.step()
        model.zero_grad()
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        losses.append(float(loss))
    return losses


# expects: 5.4: the sum so far
def train(model, optimizer, x, targets, batches):
    loss_layer, losses = SoftmaxCrossEntropy(), []
    for batch in batches:
        logits, cache = model.forward(x[batch])
        loss, loss_cache = loss_layer.forward(logits, targets[batch])
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        model.zero_grad()
        losses.append(float(loss) + (losses[-1] if losses else 0))
    return losses


# expects: 5.4: None
def train(model, optimizer, x, targets, batches):
    loss_layer, losses = SoftmaxCrossEntropy(), []
    for batch in batches:
        logits, cache = model.forward(x[batch])
        loss, loss_cache = loss_layer.forward(logits, targets[batch])
        dlogits, _ = loss_layer.backward(0.7, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        model.zero_grad()
        losses.append(float(loss))
    return losses


# expects: 5.2: the gradient is not squared
def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g
    return m, s, theta - lr * m / (np.sqrt(s) + eps)
