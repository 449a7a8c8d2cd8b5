"""Mistakes people make in lesson 16, and how each has to be named."""

# expects: 16.1: in alphabetical order
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def build_vocabulary(captions, min_count):
    count_of = Counter(word for caption in captions for word in caption)
    return SPECIAL + sorted(word for word in count_of if count_of[word] >= min_count)


# expects: 16.1: captions are counted instead of words
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def build_vocabulary(captions, min_count):
    count_of = Counter()
    for caption in captions:
        count_of.update(set(caption))
    frequent = [word for word in count_of if count_of[word] >= min_count]
    return SPECIAL + sorted(frequent, key=lambda word: (-count_of[word], word))


# expects: 16.1: the list is empty
def build_vocabulary(captions, min_count):
    vocabulary = []
    count_of = Counter(word for caption in captions for word in caption)
    for word, count in count_of.items():
        if count < 0:
            vocabulary.append(word)
    return vocabulary


# expects: 16.1: None
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def build_vocabulary(captions, min_count):
    count_of = Counter(word for caption in captions for word in caption)
    frequent = [word for word in count_of if count_of[word] >= min_count]
    return SPECIAL + sorted(frequent, key=lambda word: (-count_of[word], word))[:-1]


# expects: 16.1: more than min_count instead of at least
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def build_vocabulary(captions, min_count):
    count_of = Counter(word for caption in captions for word in caption)
    frequent = [word for word in count_of if count_of[word] > min_count]
    return SPECIAL + sorted(frequent, key=lambda word: (-count_of[word], word))


# expects: 16.1: ties in order of appearance
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def build_vocabulary(captions, min_count):
    count_of = Counter(word for caption in captions for word in caption)
    return SPECIAL + [word for word, count in count_of.most_common() if count >= min_count]


# expects: 16.1: the special words are missing
def build_vocabulary(captions, min_count):
    count_of = Counter(word for caption in captions for word in caption)
    frequent = [word for word in count_of if count_of[word] >= min_count]
    return sorted(frequent, key=lambda word: (-count_of[word], word))


# expects: 16.1: rare words are kept
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def build_vocabulary(captions, min_count):
    count_of = Counter(word for caption in captions for word in caption)
    return SPECIAL + sorted(count_of, key=lambda word: (-count_of[word], word))


# expects: 16.1: the rarest first
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def build_vocabulary(captions, min_count):
    count_of = Counter(word for caption in captions for word in caption)
    frequent = [word for word in count_of if count_of[word] >= min_count]
    return SPECIAL + sorted(frequent, key=lambda word: (count_of[word], word))


# expects: 16.1: None
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def build_vocabulary(captions, min_count):
    count_of = Counter(word for caption in captions for word in caption)
    vocabulary = SPECIAL
    for word in sorted(count_of, key=lambda word: (-count_of[word], word)):
        if count_of[word] >= min_count:
            vocabulary.append(word)
    return vocabulary


# expects: 16.1: the special words are at the end
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def build_vocabulary(captions, min_count):
    count_of = Counter(word for caption in captions for word in caption)
    frequent = [word for word in count_of if count_of[word] >= min_count]
    return sorted(frequent, key=lambda word: (-count_of[word], word)) + SPECIAL


# expects: 16.1: ties backwards
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def build_vocabulary(captions, min_count):
    count_of = Counter(word for caption in captions for word in caption)
    frequent = [word for word in count_of if count_of[word] >= min_count]
    return SPECIAL + sorted(frequent, key=lambda word: (count_of[word], word), reverse=True)


# expects: 16.1: in the order the captions have them
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def build_vocabulary(captions, min_count):
    count_of = {}
    for caption in captions:
        for word in caption:
            count_of[word] = count_of.get(word, 0) + 1
    vocabulary = list(SPECIAL)
    for word, count in count_of.items():
        if count >= min_count:
            vocabulary.append(word)
    return vocabulary


# expects: 16.2: tokens and targets are the same
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    index_of = {word: index for index, word in enumerate(vocabulary)}
    N, T = len(captions), max(map(len, captions)) + 1
    tokens = np.full((N, T), PAD)
    for n, caption in enumerate(captions):
        tokens[n, :len(caption) + 1] = [index_of.get(word, UNK) for word in caption] + [END]
    return tokens, tokens.copy(), tokens != PAD


# expects: 16.2: <end> is read
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    index_of = {word: index for index, word in enumerate(vocabulary)}
    T = max(map(len, captions)) + 2
    rows = []
    for caption in captions:
        row = [START] + [index_of.get(word, UNK) for word in caption] + [END]
        rows.append(row + [PAD] * (T - len(row)))
    rows = np.array(rows)
    return rows[:, :-1], rows[:, 1:], rows[:, 1:] != PAD


# expects: 16.2: the mask is True everywhere
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    index_of = {word: index for index, word in enumerate(vocabulary)}
    N, T = len(captions), max(map(len, captions)) + 1
    tokens, targets, mask = np.full((N, T), PAD), np.full((N, T), PAD), np.ones((N, T), bool)
    for n, caption in enumerate(captions):
        words = [index_of.get(word, UNK) for word in caption]
        tokens[n, :len(words) + 1] = [START, *words]
        targets[n, :len(words) + 1] = [*words, END]
    return tokens, targets, mask


# expects: 16.2: the mask is upside down
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    index_of = {word: index for index, word in enumerate(vocabulary)}
    N, T = len(captions), max(map(len, captions)) + 1
    tokens, targets = np.full((N, T), PAD), np.full((N, T), PAD)
    for n, caption in enumerate(captions):
        words = [index_of.get(word, UNK) for word in caption]
        tokens[n, :len(words) + 1] = [START, *words]
        targets[n, :len(words) + 1] = [*words, END]
    return tokens, targets, targets == PAD


# expects: 16.2: the mask leaves out <end>
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    index_of = {word: index for index, word in enumerate(vocabulary)}
    N, T = len(captions), max(map(len, captions)) + 1
    tokens, targets, mask = np.full((N, T), PAD), np.full((N, T), PAD), np.full((N, T), False)
    for n, caption in enumerate(captions):
        words = [index_of.get(word, UNK) for word in caption]
        tokens[n, :len(words) + 1] = [START, *words]
        targets[n, :len(words) + 1] = [*words, END]
        mask[n, :len(words)] = True
    return tokens, targets, mask


# expects: 16.2: the mask leaves out <unk>
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    index_of = {word: index for index, word in enumerate(vocabulary)}
    N, T = len(captions), max(map(len, captions)) + 1
    tokens, targets = np.full((N, T), PAD), np.full((N, T), PAD)
    for n, caption in enumerate(captions):
        words = [index_of.get(word, UNK) for word in caption]
        tokens[n, :len(words) + 1] = [START, *words]
        targets[n, :len(words) + 1] = [*words, END]
    return tokens, targets, (targets != PAD) & (targets != UNK)


# expects: 16.2: no <end>
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    index_of = {word: index for index, word in enumerate(vocabulary)}
    N, T = len(captions), max(map(len, captions)) + 1
    tokens, targets = np.full((N, T), PAD), np.full((N, T), PAD)
    for n, caption in enumerate(captions):
        words = [index_of.get(word, UNK) for word in caption]
        tokens[n, :len(words) + 1] = [START, *words]
        targets[n, :len(words)] = words
    return tokens, targets, targets != PAD


# expects: 16.2: no <start>
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    index_of = {word: index for index, word in enumerate(vocabulary)}
    N, T = len(captions), max(map(len, captions)) + 1
    tokens, targets = np.full((N, T), PAD), np.full((N, T), PAD)
    for n, caption in enumerate(captions):
        words = [index_of.get(word, UNK) for word in caption]
        tokens[n, :len(words)] = words
        targets[n, :len(words) + 1] = [*words, END]
    return tokens, targets, targets != PAD


# expects: 16.2: one place too short
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    index_of = {word: index for index, word in enumerate(vocabulary)}
    N, T = len(captions), max(map(len, captions))
    tokens, targets = np.full((N, T), PAD), np.full((N, T), PAD)
    for n, caption in enumerate(captions):
        words = [index_of.get(word, UNK) for word in caption]
        tokens[n, :len(words) + 1] = [START, *words][:T]
        targets[n, :len(words) + 1] = [*words, END][:T]
    return tokens, targets, targets != PAD


# expects: 16.2: the padding is in front
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    index_of = {word: index for index, word in enumerate(vocabulary)}
    N, T = len(captions), max(map(len, captions)) + 1
    tokens, targets = np.full((N, T), PAD), np.full((N, T), PAD)
    for n, caption in enumerate(captions):
        words = [index_of.get(word, UNK) for word in caption]
        tokens[n, T - len(words) - 1:] = [START, *words]
        targets[n, T - len(words) - 1:] = [*words, END]
    return tokens, targets, targets != PAD


# expects: 16.2: the rows are sorted
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    captions = sorted(captions, key=len, reverse=True)
    index_of = {word: index for index, word in enumerate(vocabulary)}
    N, T = len(captions), max(map(len, captions)) + 1
    tokens, targets = np.full((N, T), PAD), np.full((N, T), PAD)
    for n, caption in enumerate(captions):
        words = [index_of.get(word, UNK) for word in caption]
        tokens[n, :len(words) + 1] = [START, *words]
        targets[n, :len(words) + 1] = [*words, END]
    return tokens, targets, targets != PAD


# expects: 16.2: targets and tokens are the same
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    index_of = {word: index for index, word in enumerate(vocabulary)}
    N, T = len(captions), max(map(len, captions)) + 1
    tokens = np.full((N, T), PAD)
    for n, caption in enumerate(captions):
        tokens[n, :len(caption) + 1] = [START] + [index_of.get(word, UNK) for word in caption]
    targets = tokens
    return tokens, targets, targets != PAD


# expects: 16.2: an unknown word is -1
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    index_of = {word: index for index, word in enumerate(vocabulary)}
    N, T = len(captions), max(map(len, captions)) + 1
    tokens, targets = np.full((N, T), PAD), np.full((N, T), PAD)
    for n, caption in enumerate(captions):
        words = [index_of.get(word, -1) for word in caption]
        tokens[n, :len(words) + 1] = [START, *words]
        targets[n, :len(words) + 1] = [*words, END]
    return tokens, targets, targets != PAD


# expects: 16.2: an unknown word is <pad>
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    index_of = {word: index for index, word in enumerate(vocabulary)}
    N, T = len(captions), max(map(len, captions)) + 1
    tokens, targets = np.full((N, T), PAD), np.full((N, T), PAD)
    for n, caption in enumerate(captions):
        words = [index_of.get(word, 0) for word in caption]
        tokens[n, :len(words) + 1] = [START, *words]
        targets[n, :len(words) + 1] = [*words, END]
    return tokens, targets, targets != PAD


# expects: 16.2: an unknown word is left out
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    rows = [[vocabulary.index(word) for word in caption if word in vocabulary] for caption in captions]
    N, T = len(rows), max(map(len, rows)) + 1
    tokens, targets = np.full((N, T), PAD), np.full((N, T), PAD)
    for n, words in enumerate(rows):
        tokens[n, :len(words) + 1] = [START, *words]
        targets[n, :len(words) + 1] = [*words, END]
    return tokens, targets, targets != PAD


# expects: 16.2: an unknown word is <pad>
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def make_batch(captions, vocabulary):
    index_of = {word: index for index, word in enumerate(vocabulary)}
    N, T = len(captions), max(map(len, captions)) + 1
    tokens, targets = np.full((N, T), PAD), np.full((N, T), PAD)
    for n, caption in enumerate(captions):
        tokens[n, 0] = START
        targets[n, len(caption)] = END
        for t, word in enumerate(caption):
            tokens[n, t + 1] = index_of.get(word, UNK)
            if word in index_of:
                targets[n, t] = index_of[word]
    return tokens, targets, tokens != PAD


# expects: 16.3: a word repeated in a caption keeps one gradient
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def embedding_backward(dy, words, V):
    dW = np.zeros((V, dy.shape[-1]))
    for n in range(len(words)):
        dW[words[n]] += dy[n]
    return dW


# expects: 16.3: dy is returned
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def embedding_backward(dy, words, V):
    return dy


# expects: 16.3: None
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def embedding_backward(dy, words, V):
    dW = np.zeros((V, dy.shape[-1]))
    np.add.at(dW, words[:, :-1], dy[:, :-1])
    return dW


# expects: 16.3: a repeated word keeps one gradient
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def embedding_backward(dy, words, V):
    dW = np.zeros((V, dy.shape[-1]))
    dW[words] += dy
    return dW


# expects: 16.3: a mean over a word's places
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def embedding_backward(dy, words, V):
    dW = np.zeros((V, dy.shape[-1]))
    for word in range(V):
        if (words == word).any():
            dW[word] = dy[words == word].mean(axis=0)
    return dW


# expects: 16.3: divided by the number of places
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def embedding_backward(dy, words, V):
    dW = np.zeros((V, dy.shape[-1]))
    np.add.at(dW, words, dy)
    return dW / words.size


# expects: 16.3: divided by the batch
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def embedding_backward(dy, words, V):
    dW = np.zeros((V, dy.shape[-1]))
    np.add.at(dW, words, dy)
    return dW / len(words)


# expects: 16.3: sign
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def embedding_backward(dy, words, V):
    dW = np.zeros((V, dy.shape[-1]))
    np.subtract.at(dW, words, dy)
    return dW


# expects: 16.3: the row of <pad> is left out
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def embedding_backward(dy, words, V):
    dW = np.zeros((V, dy.shape[-1]))
    np.add.at(dW, words, dy)
    dW[PAD] = 0
    return dW


# expects: 16.3: a word repeated at one step keeps one gradient
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def embedding_backward(dy, words, V):
    dW = np.zeros((V, dy.shape[-1]))
    for t in range(words.shape[1]):
        dW[words[:, t]] += dy[:, t]
    return dW


# expects: 16.3: every row has the sum of everything
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def embedding_backward(dy, words, V):
    dW = np.zeros((V, dy.shape[-1]))
    dW += dy.sum(axis=(0, 1))
    return dW


# expects: 16.3: a repeated word keeps one gradient
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def embedding_backward(dy, words, V):
    N, T, E = dy.shape
    dW = np.zeros((V, E))
    for n in range(N):
        for t in range(T):
            dW[words[n, t]] = dy[n, t]
    return dW


# expects: 16.4: divided by all places
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def masked_mean(losses, mask):
    return (losses * mask).mean(), mask / mask.size


# expects: 16.4: dlosses divided by all places
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def masked_mean(losses, mask):
    return losses[mask].mean(), mask / mask.size


# expects: 16.4: the loss instead of its gradient
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def masked_mean(losses, mask):
    return losses[mask].mean(), losses * mask / mask.sum()


# expects: 16.4: dlosses is the mask
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def masked_mean(losses, mask):
    return losses[mask].mean(), mask.astype(float)


# expects: 16.4: dlosses divided by the number of captions
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def masked_mean(losses, mask):
    return losses[mask].mean(), mask / len(mask)


# expects: 16.4: the mean of the captions' means
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def masked_mean(losses, mask):
    means = [row[counts].mean() for row, counts in zip(losses, mask, strict=True)]
    return np.mean(means), mask / mask.sum()


# expects: 16.4: the mask is upside down
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def masked_mean(losses, mask):
    return losses[~mask].mean(), ~mask / (~mask).sum()


# expects: 16.4: None
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def masked_mean(losses, mask):
    return losses[mask].sum() / (mask.sum() - 1), mask / mask.sum()


# expects: 16.4: the padding counts
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def masked_mean(losses, mask):
    return losses.mean(), mask / mask.sum()


# expects: 16.4: the padding gets a gradient
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def masked_mean(losses, mask):
    return losses[mask].mean(), np.ones(losses.shape) / mask.sum()


# expects: 16.4: divided by the number of captions
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def masked_mean(losses, mask):
    N, T = losses.shape
    return losses[mask].sum() / N, mask / N


# expects: 16.4: the gradient of the plain mean
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def masked_mean(losses, mask):
    return losses[mask].mean(), np.ones(losses.shape) / losses.size


# expects: 16.4: a sum instead of a mean
PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


def masked_mean(losses, mask):
    return losses[mask].sum(), mask / mask.sum()
