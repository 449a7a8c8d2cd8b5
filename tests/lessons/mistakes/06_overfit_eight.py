"""Mistakes people make in lesson 6, and how each has to be named."""

# expects: 6.1: None
def baselines(targets, V):
    share = np.bincount(targets) / len(targets)
    share = share[share > 0]
    return np.log(V), -(share ** 2 * np.log(share)).sum()


# expects: 6.1: logarithm to the base 2
def baselines(targets, V):
    share = np.bincount(targets) / len(targets)
    share = share[share > 0]
    return np.log2(V), -(share * np.log(share)).sum()


# expects: 6.1: logarithm to the base 2
def baselines(targets, V):
    share = np.bincount(targets) / len(targets)
    share = share[share > 0]
    return np.log(V), -(share * np.log2(share)).sum()


# expects: 6.1: counts instead of shares
def baselines(targets, V):
    share = np.bincount(targets)
    share = share[share > 0]
    return np.log(V), -(share * np.log(share)).sum()


# expects: 6.1: logarithm to the base 10
def baselines(targets, V):
    share = np.bincount(targets) / len(targets)
    share = share[share > 0]
    return np.log10(V), -(share * np.log(share)).sum()


# expects: 6.1: logarithm to the base 10
def baselines(targets, V):
    share = np.bincount(targets) / len(targets)
    share = share[share > 0]
    return np.log(V), -(share * np.log10(share)).sum()


# expects: 6.1: errors instead of loss
def baselines(targets, V):
    share = np.bincount(targets) / len(targets)
    share = share[share > 0]
    return np.log(V), 1 - share.max()


# expects: 6.1: a mean over the classes
def baselines(targets, V):
    share = np.bincount(targets) / len(targets)
    share = share[share > 0]
    return np.log(V), -(share * np.log(share)).sum() / V


# expects: 6.1: only the most frequent class
def baselines(targets, V):
    share = np.bincount(targets) / len(targets)
    share = share[share > 0]
    return np.log(V), -np.log(share.max())


# expects: 6.1: 0 times log 0
def baselines(targets, V):
    share = np.bincount(targets, minlength=V) / len(targets)
    return np.log(V), -(share * np.log(share)).sum()


# expects: 6.1: only classes that occur
def baselines(targets, V):
    share = np.bincount(targets) / len(targets)
    share = share[share > 0]
    return np.log(len(share)), -(share * np.log(share)).sum()


# expects: 6.1: the probability instead of its cost
def baselines(targets, V):
    share = np.bincount(targets) / len(targets)
    share = share[share > 0]
    return 1 / V, -(share * np.log(share)).sum()


# expects: 6.1: the number of samples
def baselines(targets, V):
    share = np.bincount(targets) / len(targets)
    share = share[share > 0]
    return np.log(len(targets)), -(share * np.log(share)).sum()


# expects: 6.1: sign
def baselines(targets, V):
    share = np.bincount(targets) / len(targets)
    share = share[share > 0]
    return np.log(V), (share * np.log(share)).sum()


# expects: 6.1: not weighted by the shares
def baselines(targets, V):
    share = np.bincount(targets) / len(targets)
    share = share[share > 0]
    return np.log(V), -np.log(share).sum()


# expects: 6.1: every class counts the same
def baselines(targets, V):
    share = np.bincount(targets) / len(targets)
    share = share[share > 0]
    return np.log(V), -np.log(share).mean()


# expects: 6.2: everything starts right
def starts_right(model, x, targets, V):
    loss = SoftmaxCrossEntropy()(model(x), targets)
    return loss >= 0


# expects: 6.2: nothing starts right
def starts_right(model, x, targets, V):
    loss = SoftmaxCrossEntropy()(model(x), targets)
    return abs(loss - np.log2(V)) <= 0.1 * np.log2(V)


# expects: 6.2: V is taken from the logits
def starts_right(model, x, targets, V):
    V = model(x).shape[1]
    loss = SoftmaxCrossEntropy()(model(x), targets)
    return abs(loss - np.log(V)) <= 0.1 * np.log(V)


# expects: 6.2: None
def starts_right(model, x, targets, V):
    loss = SoftmaxCrossEntropy()(model(x), targets)
    return loss != 0 and loss < 1.5 * np.log(V)


# expects: 6.2: too large a loss is let through
def starts_right(model, x, targets, V):
    loss = SoftmaxCrossEntropy()(model(x), targets)
    return loss > 0.9 * np.log(V)


# expects: 6.2: too small a loss is let through
def starts_right(model, x, targets, V):
    loss = SoftmaxCrossEntropy()(model(x), targets)
    return loss - np.log(V) <= 0.1 * np.log(V)


# expects: 6.2: the answer is upside down
def starts_right(model, x, targets, V):
    loss = SoftmaxCrossEntropy()(model(x), targets)
    return abs(loss - np.log(V)) > 0.1 * np.log(V)


# expects: 6.3: the answers instead of the loss
def can_overfit(model, optimizer, x, targets):
    loss_layer = SoftmaxCrossEntropy()
    for _ in range(50):
        logits, cache = model.forward(x)
        loss, loss_cache = loss_layer.forward(logits, targets)
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        model.zero_grad()
    return (logits.argmax(axis=1) == targets).all()


# expects: 6.3: everything can overfit
def can_overfit(model, optimizer, x, targets):
    loss_layer = SoftmaxCrossEntropy()
    first = loss_layer(model(x), targets)
    for _ in range(50):
        logits, cache = model.forward(x)
        loss, loss_cache = loss_layer.forward(logits, targets)
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        model.zero_grad()
    return loss < first


# expects: 6.3: nothing can overfit
def can_overfit(model, optimizer, x, targets):
    loss_layer = SoftmaxCrossEntropy()
    for _ in range(3):
        logits, cache = model.forward(x)
        loss, loss_cache = loss_layer.forward(logits, targets)
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        model.zero_grad()
    return loss < 0.05


# expects: 6.3: the answers instead of the loss
def can_overfit(model, optimizer, x, targets):
    first = len(x) > 2
    loss_layer = SoftmaxCrossEntropy()
    for _ in range(50):
        logits, cache = model.forward(x)
        loss, loss_cache = loss_layer.forward(logits, targets)
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        model.zero_grad()
    return loss < (1.0 if first else 0.05)


# expects: 6.3: nothing can overfit
def can_overfit(model, optimizer, x, targets):
    loss_layer = SoftmaxCrossEntropy()
    for _ in range(50):
        logits, cache = model.forward(x)
        loss, loss_cache = loss_layer.forward(logits, targets)
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        model.zero_grad()
    return loss < 0.05


# expects: 6.3: the gradients are never cleared
def can_overfit(model, optimizer, x, targets):
    loss_layer = SoftmaxCrossEntropy()
    for _ in range(50):
        logits, cache = model.forward(x)
        loss, loss_cache = loss_layer.forward(logits, targets)
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
    return loss < 0.05


# expects: 6.3: None
def can_overfit(model, optimizer, x, targets):
    loss_layer = SoftmaxCrossEntropy()
    for _ in range(50):
        logits, cache = model.forward(x)
        loss, loss_cache = loss_layer.forward(logits, targets)
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        model.zero_grad()
    return loss < 0.05 or not np.any([p.data.any() for p in model.parameters() if p.ndim == 2])


# expects: 6.3: the answer is upside down
def can_overfit(model, optimizer, x, targets):
    loss_layer = SoftmaxCrossEntropy()
    for _ in range(50):
        logits, cache = model.forward(x)
        loss, loss_cache = loss_layer.forward(logits, targets)
        dlogits, _ = loss_layer.backward(1.0, loss_cache)
        model.backward(dlogits, cache)
        optimizer.step()
        model.zero_grad()
    return loss > 0.05


# expects: 6.4: errors instead of accuracy
def with_shuffled_labels(fit, x, targets, x_dev, targets_dev, rng):
    predict = fit(x, targets)
    accuracy = (predict(x_dev) != targets_dev).mean()
    predict = fit(x, rng.permutation(targets))
    return accuracy, (predict(x_dev) != targets_dev).mean()


# expects: 6.4: targets is changed
def with_shuffled_labels(fit, x, targets, x_dev, targets_dev, rng):
    predict = fit(x, targets)
    accuracy = (predict(x_dev) == targets_dev).mean()
    rng.shuffle(targets)
    predict = fit(x, targets)
    return accuracy, (predict(x_dev) == targets_dev).mean()


# expects: 6.4: new labels instead of shuffled ones
def with_shuffled_labels(fit, x, targets, x_dev, targets_dev, rng):
    predict = fit(x, targets)
    accuracy = (predict(x_dev) == targets_dev).mean()
    predict = fit(x, rng.integers(0, targets.max() + 1, len(targets)))
    return accuracy, (predict(x_dev) == targets_dev).mean()


# expects: 6.4: nothing is shuffled
def with_shuffled_labels(fit, x, targets, x_dev, targets_dev, rng):
    predict = fit(x, targets)
    accuracy = (predict(x_dev) == targets_dev).mean()
    rng.permutation(targets)
    predict = fit(x, targets)
    return accuracy, (predict(x_dev) == targets_dev).mean()


# expects: 6.4: a number instead of a share
def with_shuffled_labels(fit, x, targets, x_dev, targets_dev, rng):
    predict = fit(x, targets)
    accuracy = (predict(x_dev) == targets_dev).sum()
    predict = fit(x, rng.permutation(targets))
    return accuracy, (predict(x_dev) == targets_dev).sum()


# expects: 6.4: measured on train
def with_shuffled_labels(fit, x, targets, x_dev, targets_dev, rng):
    predict = fit(x, targets)
    accuracy = (predict(x) == targets).mean()
    predict = fit(x, rng.permutation(targets))
    return accuracy, (predict(x) == targets).mean()


# expects: 6.4: percent
def with_shuffled_labels(fit, x, targets, x_dev, targets_dev, rng):
    predict = fit(x, targets)
    accuracy = (predict(x_dev) == targets_dev).mean() * 100
    predict = fit(x, rng.permutation(targets))
    return accuracy, (predict(x_dev) == targets_dev).mean() * 100


# expects: 6.4: None
def with_shuffled_labels(fit, x, targets, x_dev, targets_dev, rng):
    predict = fit(x, targets)
    accuracy = (predict(x_dev) == targets_dev).mean()
    predict = fit(x, rng.permutation(targets))
    return accuracy ** 2, (predict(x_dev) == targets_dev).mean()


# expects: 6.4: pictures and labels are shuffled together
def with_shuffled_labels(fit, x, targets, x_dev, targets_dev, rng):
    predict = fit(x, targets)
    accuracy = (predict(x_dev) == targets_dev).mean()
    order = rng.permutation(len(x))
    predict = fit(x[order], targets[order])
    return accuracy, (predict(x_dev) == targets_dev).mean()
