"""Mistakes people make in lesson 19, and how each has to be named."""

# expects: 19.1: END at the end of the row
from minicap.captioning.text.vocabulary import END, PAD, START


def teacher_forcing(captions):
    lengths = np.array([len(words) + 1 for words in captions])
    tokens = np.full((len(captions), lengths.max()), PAD)
    targets = tokens.copy()
    for n, words in enumerate(captions):
        tokens[n, :lengths[n]] = [START, *words]
        targets[n, :len(words)] = words
        targets[n, -1] = END
    return tokens, targets, lengths


# expects: 19.1: END is read
from minicap.captioning.text.vocabulary import END, PAD, START


def teacher_forcing(captions):
    lengths = np.array([len(words) + 1 for words in captions])
    T = lengths.max() + 1
    tokens = np.array([[START, *words, END] + [PAD] * (T - len(words) - 2) for words in captions])
    return tokens, tokens[:, 1:], lengths


# expects: 19.1: filled with END
from minicap.captioning.text.vocabulary import END, START


def teacher_forcing(captions):
    lengths = np.array([len(words) + 1 for words in captions])
    tokens = np.full((len(captions), lengths.max()), END)
    targets = tokens.copy()
    for n, words in enumerate(captions):
        tokens[n, :lengths[n]] = [START, *words]
        targets[n, :lengths[n]] = [*words, END]
    return tokens, targets, lengths


# expects: 19.1: the last word is not read
from minicap.captioning.text.vocabulary import END, PAD, START


def teacher_forcing(captions):
    lengths = np.array([len(words) + 1 for words in captions])
    tokens = np.full((len(captions), lengths.max()), PAD)
    targets = tokens.copy()
    for n, words in enumerate(captions):
        tokens[n, :len(words)] = [START, *words][:-1]
        targets[n, :lengths[n]] = [*words, END]
    return tokens, targets, lengths


# expects: 19.1: END is not counted
from minicap.captioning.text.vocabulary import END, PAD, START


def teacher_forcing(captions):
    lengths = np.array([len(words) + 1 for words in captions])
    tokens = np.full((len(captions), lengths.max()), PAD)
    targets = tokens.copy()
    for n, words in enumerate(captions):
        tokens[n, :lengths[n]] = [START, *words]
        targets[n, :lengths[n]] = [*words, END]
    return tokens, targets, np.array([len(words) for words in captions])


# expects: 19.1: all rows have length T
from minicap.captioning.text.vocabulary import END, PAD, START


def teacher_forcing(captions):
    lengths = np.array([len(words) + 1 for words in captions])
    tokens = np.full((len(captions), lengths.max()), PAD)
    targets = tokens.copy()
    for n, words in enumerate(captions):
        tokens[n, :lengths[n]] = [START, *words]
        targets[n, :lengths[n]] = [*words, END]
    return tokens, targets, np.full(len(captions), tokens.shape[1])


# expects: 19.1: START and END are counted
from minicap.captioning.text.vocabulary import END, PAD, START


def teacher_forcing(captions):
    lengths = np.array([len(words) + 1 for words in captions])
    tokens = np.full((len(captions), lengths.max()), PAD)
    targets = tokens.copy()
    for n, words in enumerate(captions):
        tokens[n, :lengths[n]] = [START, *words]
        targets[n, :lengths[n]] = [*words, END]
    return tokens, targets, np.array([len([START, *words, END]) for words in captions])


# expects: 19.1: END is missing
from minicap.captioning.text.vocabulary import PAD, START


def teacher_forcing(captions):
    lengths = np.array([len(words) + 1 for words in captions])
    tokens = np.full((len(captions), lengths.max()), PAD)
    targets = tokens.copy()
    for n, words in enumerate(captions):
        tokens[n, :lengths[n]] = [START, *words]
        targets[n, :len(words)] = words
    return tokens, targets, lengths


# expects: 19.1: START is missing
from minicap.captioning.text.vocabulary import END, PAD


def teacher_forcing(captions):
    T = max(len(words) for words in captions)
    tokens = np.array([words + [PAD] * (T - len(words)) for words in captions])
    targets = np.array([[*words[1:], END] + [PAD] * (T - len(words)) for words in captions])
    return tokens, targets, np.array([len(words) for words in captions])


# expects: 19.1: padding in front
from minicap.captioning.text.vocabulary import END, PAD, START


def teacher_forcing(captions):
    lengths = np.array([len(words) + 1 for words in captions])
    tokens = np.full((len(captions), lengths.max()), PAD)
    targets = tokens.copy()
    for n, words in enumerate(captions):
        tokens[n, -lengths[n]:] = [START, *words]
        targets[n, -lengths[n]:] = [*words, END]
    return tokens, targets, lengths


# expects: 19.1: it reads what it should say
from minicap.captioning.text.vocabulary import END, PAD


def teacher_forcing(captions):
    lengths = np.array([len(words) + 1 for words in captions])
    tokens = np.full((len(captions), lengths.max()), PAD)
    targets = tokens.copy()
    for n, words in enumerate(captions):
        tokens[n, :lengths[n]] = [*words, END]
        targets[n, :lengths[n]] = [*words, END]
    return tokens, targets, lengths


# expects: 19.1: it has to say START
from minicap.captioning.text.vocabulary import PAD, START


def teacher_forcing(captions):
    lengths = np.array([len(words) + 1 for words in captions])
    tokens = np.full((len(captions), lengths.max()), PAD)
    targets = tokens.copy()
    for n, words in enumerate(captions):
        tokens[n, :lengths[n]] = [START, *words]
        targets[n, :lengths[n]] = [START, *words]
    return tokens, targets, lengths


# expects: 19.1: filled with END
from minicap.captioning.text.vocabulary import END, PAD, START


def teacher_forcing(captions):
    lengths = np.array([len(words) + 1 for words in captions])
    tokens = np.full((len(captions), lengths.max()), PAD)
    targets = np.full_like(tokens, END)
    for n, words in enumerate(captions):
        tokens[n, :lengths[n]] = [START, *words]
        targets[n, :lengths[n]] = [*words, END]
    return tokens, targets, lengths


# expects: 19.1: padding in front
from minicap.captioning.text.vocabulary import END, PAD, START


def teacher_forcing(captions):
    lengths = np.array([len(words) + 1 for words in captions])
    tokens = np.full((len(captions), lengths.max()), PAD)
    targets = tokens.copy()
    for n, words in enumerate(captions):
        tokens[n, :lengths[n]] = [START, *words]
        targets[n, -lengths[n]:] = [*words, END]
    return tokens, targets, lengths


# expects: 19.2: minus infinity
from minicap.captioning.text.vocabulary import END, PAD, START


def log_frequencies(targets, lengths, V):
    real = np.arange(targets.shape[1]) < lengths[:, None]
    counts = np.bincount(targets[real], minlength=V)
    with np.errstate(divide="ignore"):
        return np.log(counts / counts.sum())


# expects: 19.2: another logarithm
def log_frequencies(targets, lengths, V):
    real = np.arange(targets.shape[1]) < lengths[:, None]
    counts = np.bincount(targets[real], minlength=V)
    result = np.full(V, NEVER)
    result[counts > 0] = np.log10(counts[counts > 0] / counts.sum())
    return result


# expects: 19.2: the log of the counts
def log_frequencies(targets, lengths, V):
    real = np.arange(targets.shape[1]) < lengths[:, None]
    counts = np.bincount(targets[real], minlength=V)
    result = np.full(V, NEVER)
    result[counts > 0] = np.log(counts[counts > 0])
    return result


# expects: 19.2: never means 0
from minicap.captioning.text.vocabulary import END, PAD, START


def log_frequencies(targets, lengths, V):
    real = np.arange(targets.shape[1]) < lengths[:, None]
    counts = np.bincount(targets[real], minlength=V)
    result = np.zeros(V)
    result[counts > 0] = np.log(counts[counts > 0] / counts.sum())
    return result


# expects: 19.2: END is not counted
def log_frequencies(targets, lengths, V):
    real = np.arange(targets.shape[1]) < lengths[:, None] - 1
    counts = np.bincount(targets[real], minlength=V)
    result = np.full(V, NEVER)
    result[counts > 0] = np.log(counts[counts > 0] / counts.sum())
    return result


# expects: 19.2: no logarithm
from minicap.captioning.text.vocabulary import END, PAD, START


def log_frequencies(targets, lengths, V):
    real = np.arange(targets.shape[1]) < lengths[:, None]
    counts = np.bincount(targets[real], minlength=V)
    return counts / counts.sum()


# expects: 19.2: one is added
def log_frequencies(targets, lengths, V):
    real = np.arange(targets.shape[1]) < lengths[:, None]
    counts = np.bincount(targets[real], minlength=V) + 1
    result = np.full(V, NEVER)
    result[counts > 0] = np.log(counts[counts > 0] / counts.sum())
    return result


# expects: 19.2: padding is counted
def log_frequencies(targets, lengths, V):
    counts = np.bincount(targets.ravel(), minlength=V)
    result = np.full(V, NEVER)
    result[counts > 0] = np.log(counts[counts > 0] / counts.sum())
    return result


# expects: 19.2: the total is V
def log_frequencies(targets, lengths, V):
    real = np.arange(targets.shape[1]) < lengths[:, None]
    counts = np.bincount(targets[real], minlength=V)
    result = np.full(V, NEVER)
    result[counts > 0] = np.log(counts[counts > 0] / V)
    return result


# expects: 19.2: padding is in the total
def log_frequencies(targets, lengths, V):
    real = np.arange(targets.shape[1]) < lengths[:, None]
    counts = np.bincount(targets[real], minlength=V)
    result = np.full(V, NEVER)
    result[counts > 0] = np.log(counts[counts > 0] / targets.size)
    return result


# expects: 19.3: divided by all places
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) < lengths[:, None]
    weight = real / (N * T)
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * log_p).sum()
    dlogits = weight[:, :, None] * (np.exp(log_p) - one_hot)
    return loss, dlogits


# expects: 19.3: divided by the captions
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) < lengths[:, None]
    weight = real / N
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * log_p).sum()
    dlogits = weight[:, :, None] * (np.exp(log_p) - one_hot)
    return loss, dlogits


# expects: 19.3: END does not count
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) < lengths[:, None] - 1
    weight = real / real.sum()
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * log_p).sum()
    dlogits = weight[:, :, None] * (np.exp(log_p) - one_hot)
    return loss, dlogits


# expects: 19.3: divided by all places
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) < lengths[:, None]
    weight = real / lengths.sum()
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * log_p).sum()
    dlogits = real[:, :, None] / (N * T) * (np.exp(log_p) - one_hot)
    return loss, dlogits


# expects: 19.3: divided by the captions
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) < lengths[:, None]
    weight = real / lengths.sum()
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * log_p).sum()
    dlogits = real[:, :, None] / N * (np.exp(log_p) - one_hot)
    return loss, dlogits


# expects: 19.3: not divided
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) < lengths[:, None]
    weight = real / lengths.sum()
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * log_p).sum()
    dlogits = real[:, :, None] * (np.exp(log_p) - one_hot)
    return loss, dlogits


# expects: 19.3: a mean of means
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) < lengths[:, None]
    weight = real / lengths[:, None] / N
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * log_p).sum()
    dlogits = weight[:, :, None] * (np.exp(log_p) - one_hot)
    return loss, dlogits


# expects: 19.3: the minus is missing
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) < lengths[:, None]
    weight = real / lengths.sum()
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = (weight[:, :, None] * one_hot * log_p).sum()
    dlogits = weight[:, :, None] * (np.exp(log_p) - one_hot)
    return loss, dlogits


# expects: 19.3: the target is not subtracted
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) < lengths[:, None]
    weight = real / lengths.sum()
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * log_p).sum()
    dlogits = weight[:, :, None] * np.exp(log_p)
    return loss, dlogits


# expects: 19.3: no softmax
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) < lengths[:, None]
    weight = real / lengths.sum()
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * logits).sum()
    dlogits = weight[:, :, None] * (np.exp(log_p) - one_hot)
    return loss, dlogits


# expects: 19.3: not divided
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) < lengths[:, None]
    weight = real * 1.0
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * log_p).sum()
    dlogits = weight[:, :, None] * (np.exp(log_p) - one_hot)
    return loss, dlogits


# expects: 19.3: one column too many
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) <= lengths[:, None]
    weight = real / lengths.sum()
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * log_p).sum()
    dlogits = weight[:, :, None] * (np.exp(log_p) - one_hot)
    return loss, dlogits


# expects: 19.3: one column too many
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) <= lengths[:, None]
    weight = real / real.sum()
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * log_p).sum()
    dlogits = weight[:, :, None] * (np.exp(log_p) - one_hot)
    return loss, dlogits


# expects: 19.3: one minus p
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) < lengths[:, None]
    weight = real / lengths.sum()
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * log_p).sum()
    dlogits = weight[:, :, None] * (one_hot - np.exp(log_p))
    return loss, dlogits


# expects: 19.3: no logarithm
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) < lengths[:, None]
    weight = real / lengths.sum()
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * np.exp(log_p)).sum()
    dlogits = weight[:, :, None] * (np.exp(log_p) - one_hot)
    return loss, dlogits


# expects: 19.3: padding gets a gradient
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    real = np.arange(T) < lengths[:, None]
    weight = real / lengths.sum()
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * log_p).sum()
    dlogits = (np.exp(log_p) - one_hot) / lengths.sum()
    return loss, dlogits


# expects: 19.3: padding counts
def masked_loss(logits, targets, lengths):
    N, T, V = logits.shape
    weight = np.full((N, T), 1 / (N * T))
    log_p = log_softmax(logits)
    one_hot = np.eye(V)[targets]
    loss = -(weight[:, :, None] * one_hot * log_p).sum()
    dlogits = weight[:, :, None] * (np.exp(log_p) - one_hot)
    return loss, dlogits


# expects: 19.4: dy is one step off
def training_step(model, features, tokens, targets, lengths):
    image, of_image = model.encoder.forward(features)
    words, of_words = model.embedding.forward(tokens)
    x = np.concatenate([image[:, None], words], axis=1)
    (y, _, _), of_lstm = model.lstm.forward(x, lengths=lengths + 1)
    logits, of_output = model.output.forward(y[:, 1:])
    loss, dlogits = masked_loss(logits, targets, lengths)
    dy = np.zeros_like(y)
    dy[:, :-1] = model.output.backward(dlogits, of_output)
    dx, _, _ = model.lstm.backward((dy, None, None), of_lstm)
    model.embedding.backward(dx[:, 1:], of_words)
    model.encoder.backward(dx[:, 0], of_image)
    return loss


# expects: 19.4: the words got the image's gradient
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
    model.embedding.backward(dx[:, :-1], of_words)
    model.encoder.backward(dx[:, 0], of_image)
    return loss


# expects: 19.4: the image got a word's gradient
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
    model.encoder.backward(dx[:, -1], of_image)
    return loss


# expects: 19.4: the image got a word's gradient
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
    model.encoder.backward(dx[:, 1], of_image)
    return loss


# expects: 19.4: the image got everything's gradient
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
    model.encoder.backward(dx.sum(axis=1), of_image)
    return loss


# expects: 19.4: the lstm ends one step early
def training_step(model, features, tokens, targets, lengths):
    image, of_image = model.encoder.forward(features)
    words, of_words = model.embedding.forward(tokens)
    x = np.concatenate([image[:, None], words], axis=1)
    (y, _, _), of_lstm = model.lstm.forward(x, lengths=lengths)
    logits, of_output = model.output.forward(y[:, 1:])
    loss, dlogits = masked_loss(logits, targets, lengths)
    dy = np.zeros_like(y)
    dy[:, 1:] = model.output.backward(dlogits, of_output)
    dx, _, _ = model.lstm.backward((dy, None, None), of_lstm)
    model.embedding.backward(dx[:, 1:], of_words)
    model.encoder.backward(dx[:, 0], of_image)
    return loss


# expects: 19.4: the image does not matter
def training_step(model, features, tokens, targets, lengths):
    image, of_image = model.encoder.forward(features)
    words, of_words = model.embedding.forward(tokens)
    x = np.concatenate([words, image[:, None]], axis=1)
    (y, _, _), of_lstm = model.lstm.forward(x, lengths=lengths + 1)
    logits, of_output = model.output.forward(y[:, :-1])
    loss, dlogits = masked_loss(logits, targets, lengths)
    dy = np.zeros_like(y)
    dy[:, :-1] = model.output.backward(dlogits, of_output)
    dx, _, _ = model.lstm.backward((dy, None, None), of_lstm)
    model.embedding.backward(dx[:, :-1], of_words)
    model.encoder.backward(dx[:, -1], of_image)
    return loss


# expects: 19.4: the image is read last
def training_step(model, features, tokens, targets, lengths):
    image, of_image = model.encoder.forward(features)
    words, of_words = model.embedding.forward(tokens)
    x = np.concatenate([words, image[:, None]], axis=1)
    (y, _, _), of_lstm = model.lstm.forward(x, lengths=lengths + 1)
    logits, of_output = model.output.forward(y[:, 1:])
    loss, dlogits = masked_loss(logits, targets, lengths)
    dy = np.zeros_like(y)
    dy[:, 1:] = model.output.backward(dlogits, of_output)
    dx, _, _ = model.lstm.backward((dy, None, None), of_lstm)
    model.embedding.backward(dx[:, :-1], of_words)
    model.encoder.backward(dx[:, -1], of_image)
    return loss


# expects: 19.4: no gradient arrives
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
    model.encoder.backward(dx[:, 0], of_image)
    return loss


# expects: 19.4: no gradient arrives
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
    return loss


# expects: 19.4: the image does not matter
def training_step(model, features, tokens, targets, lengths):
    image, of_image = model.encoder.forward(features)
    words, of_words = model.embedding.forward(tokens)
    x = np.concatenate([np.zeros_like(image)[:, None], words], axis=1)
    (y, _, _), of_lstm = model.lstm.forward(x, lengths=lengths + 1)
    logits, of_output = model.output.forward(y[:, 1:])
    loss, dlogits = masked_loss(logits, targets, lengths)
    dy = np.zeros_like(y)
    dy[:, 1:] = model.output.backward(dlogits, of_output)
    dx, _, _ = model.lstm.backward((dy, None, None), of_lstm)
    model.embedding.backward(dx[:, 1:], of_words)
    model.encoder.backward(dx[:, 0], of_image)
    return loss


# expects: 19.4: the outputs are one step off
def training_step(model, features, tokens, targets, lengths):
    image, of_image = model.encoder.forward(features)
    words, of_words = model.embedding.forward(tokens)
    x = np.concatenate([image[:, None], words], axis=1)
    (y, _, _), of_lstm = model.lstm.forward(x, lengths=lengths + 1)
    logits, of_output = model.output.forward(y[:, :-1])
    loss, dlogits = masked_loss(logits, targets, lengths)
    dy = np.zeros_like(y)
    dy[:, :-1] = model.output.backward(dlogits, of_output)
    dx, _, _ = model.lstm.backward((dy, None, None), of_lstm)
    model.embedding.backward(dx[:, 1:], of_words)
    model.encoder.backward(dx[:, 0], of_image)
    return loss


# expects: 19.4: it reads what it should say
def training_step(model, features, tokens, targets, lengths):
    image, of_image = model.encoder.forward(features)
    words, of_words = model.embedding.forward(targets)
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


# expects: 19.4: twice
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
    model.encoder.b.grad = 2 * model.encoder.b.grad
    return loss


# expects: 19.4: None
def training_step(model, features, tokens, targets, lengths):
    image, of_image = model.encoder.forward(features)
    words, of_words = model.embedding.forward(tokens)
    x = np.concatenate([image[:, None], words], axis=1)
    (y, _, _), of_lstm = model.lstm.forward(x, lengths=np.minimum(lengths + 1, 2))
    logits, of_output = model.output.forward(y[:, 1:])
    loss, dlogits = masked_loss(logits, targets, lengths)
    dy = np.zeros_like(y)
    dy[:, 1:] = model.output.backward(dlogits, of_output)
    dx, _, _ = model.lstm.backward((dy, None, None), of_lstm)
    model.embedding.backward(dx[:, 1:], of_words)
    model.encoder.backward(dx[:, 0], of_image)
    return loss
