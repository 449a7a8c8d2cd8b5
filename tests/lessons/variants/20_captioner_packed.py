"""Lesson 20 with packed words, minicap's loss, no lengths for the LSTM, and the image through its state."""

import numpy as np

from minicap import SoftmaxCrossEntropy
from minicap.captioning.text.vocabulary import END, NEVER, PAD, START


def real_places(targets, lengths):
    return np.nonzero(np.arange(targets.shape[1])[None] < np.asarray(lengths)[:, None])


def teacher_forcing(captions):
    lengths = np.array([len(words) for words in captions]) + 1
    targets = np.full((len(captions), max(lengths)), PAD)
    targets[np.arange(targets.shape[1]) < lengths[:, None]] = [word for words in captions for word in (*words, END)]
    tokens = np.concatenate([np.full((len(captions), 1), START), targets[:, :-1]], axis=1)
    tokens[tokens == END] = PAD
    return [tokens, targets, lengths]


def log_frequencies(targets, lengths, V):
    words, counts = np.unique(targets[real_places(targets, lengths)], return_counts=True)
    b = np.full(V, float(NEVER))
    b[words] = np.log(counts) - np.log(lengths.sum())
    return b


def masked_loss(logits, targets, lengths):
    criterion, places = SoftmaxCrossEntropy(), real_places(targets, lengths)
    loss, cache = criterion.forward(logits[places], targets[places])
    dlogits = np.zeros_like(logits)
    dlogits[places] = criterion.backward(1.0, cache)[0]
    return loss, dlogits


def training_step(model, features, tokens, targets, lengths):
    seen, of_encoder = model.encoder.forward(features)
    nothing = np.zeros((len(seen), model.lstm.cell.U.shape[0]), seen.dtype)
    (h, c), of_first = model.lstm.cell.forward(seen, nothing, nothing)
    read, of_embedding = model.embedding.forward(tokens)
    (y, _, _), of_lstm = model.lstm.forward(read, h, c)
    logits, of_output = model.output.forward(y)
    loss, dlogits = masked_loss(logits, targets, lengths)
    dy = model.output.backward(dlogits, of_output)
    dread, dh, dc = model.lstm.backward((dy, None, None), of_lstm)
    model.embedding.backward(dread, of_embedding)
    model.encoder.backward(model.lstm.cell.backward((dh, dc), of_first)[0], of_encoder)
    return loss
