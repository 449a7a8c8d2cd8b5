"""Lesson 20 word by word: loops over rows and columns, and the LSTM's cell one step at a time."""

import numpy as np

from minicap.captioning.text.vocabulary import END, NEVER, PAD, START


def teacher_forcing(captions):
    T = max(len(words) for words in captions) + 1
    tokens, targets, lengths = [], [], []
    for words in captions:
        rest = [PAD] * (T - len(words) - 1)
        tokens.append([START, *words, *rest])
        targets.append([*words, END, *rest])
        lengths.append(len(words) + 1)
    return np.array(tokens), np.array(targets), np.array(lengths)


def log_frequencies(targets, lengths, V):
    counts = [0] * V
    for row, length in zip(targets, lengths, strict=True):
        for word in row[:length]:
            counts[word] += 1
    return np.array([np.log(count / sum(counts)) if count else NEVER for count in counts])


def masked_loss(logits, targets, lengths):
    M = lengths.sum()
    loss, dlogits = 0.0, np.zeros(logits.shape)
    for n in range(len(logits)):
        for t in range(lengths[n]):
            z = logits[n, t] - logits[n, t].max()
            p = np.exp(z) / np.exp(z).sum()
            loss += (np.log(np.exp(z).sum()) - z[targets[n, t]]) / M
            dlogits[n, t] = p / M
            dlogits[n, t, targets[n, t]] -= 1 / M
    return loss, dlogits


def training_step(model, features, tokens, targets, lengths):
    N, T = tokens.shape
    cell, H = model.lstm.cell, model.lstm.cell.U.shape[0]
    h = c = np.zeros((N, H), features.dtype)
    x, of_image = model.encoder.forward(features)
    (h, c), first = cell.forward(x, h, c)
    logits, caches = [], []
    for t in range(T):  # the padding is computed, too; no gradient comes from there
        x, of_word = model.embedding.forward(tokens[:, t])
        (h, c), of_cell = cell.forward(x, h, c)
        y, of_output = model.output.forward(h)
        logits.append(y)
        caches.append((of_word, of_cell, of_output))
    loss, dlogits = masked_loss(np.stack(logits, axis=1), targets, lengths)
    dh = dc = np.zeros_like(h)
    for t in reversed(range(T)):
        of_word, of_cell, of_output = caches[t]
        dh = dh + model.output.backward(dlogits[:, t], of_output)
        dx, dh, dc = cell.backward((dh, dc), of_cell)
        model.embedding.backward(dx, of_word)
    dx, _, _ = cell.backward((dh, dc), first)
    model.encoder.backward(dx, of_image)
    return loss
