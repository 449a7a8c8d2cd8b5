"""Lesson 20, solved."""

import numpy as np

from minicap.captioning.text.vocabulary import END, NEVER, PAD, START
from minicap.losses import log_softmax


def teacher_forcing(captions):
    lengths = np.array([len(words) + 1 for words in captions])
    tokens = np.full((len(captions), lengths.max()), PAD)
    targets = tokens.copy()
    for n, words in enumerate(captions):
        tokens[n, :lengths[n]] = [START, *words]
        targets[n, :lengths[n]] = [*words, END]
    return tokens, targets, lengths


def log_frequencies(targets, lengths, V):
    real = np.arange(targets.shape[1]) < lengths[:, None]
    counts = np.bincount(targets[real], minlength=V)
    result = np.full(V, NEVER)
    result[counts > 0] = np.log(counts[counts > 0] / counts.sum())
    return result


def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) < lengths[:, None]
    weight = real / lengths.sum()
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    return -(weight[:, :, None] * one_hot * log_p).sum(), weight[:, :, None] * (np.exp(log_p) - one_hot)


def training_step(model, features, tokens, targets, lengths):
    image, of_image = model.encoder.forward(features)
    words, of_words = model.embedding.forward(tokens)
    x = np.concatenate([image[:, None], words], axis=1)
    (y, _, _), of_lstm = model.lstm.forward(x, lengths=lengths + 1)
    logits, of_output = model.output.forward(y[:, 1:])
    loss, dlogits = masked_loss(logits, targets, lengths)
    dy = np.zeros_like(y)
    dy[:, 1:] = model.output.backward(dlogits, of_output)
    dx, _, _ = model.lstm.backward((dy, None, None), of_lstm)
    model.embedding.backward(dx[:, 1:], of_words)
    model.encoder.backward(dx[:, 0], of_image)
    return loss
