"""Lesson 5, solved."""

import numpy as np

from minicap import SoftmaxCrossEntropy


def momentum_step(theta, g, v, lr, momentum):
    v = momentum * v + g
    return v, theta - lr * v


def adam_step(theta, g, m, s, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
    return m, s, theta - lr * m_hat / (np.sqrt(s_hat) + eps)


def batches(N, size, rng):
    order = rng.permutation(N)
    return [order[i:i + size] for i in range(0, N, size)]


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
    return losses
