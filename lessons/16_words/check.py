"""What lesson 16 asks for."""

from collections import Counter

import numpy as np

from minicap import Linear, SoftmaxCrossEntropy
from minicap.learn.exercises import Exercise, Mistake, gradient_exercise

PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


# --------------------------------------------------------------------------------------------------------- 16.1

def counts(captions):
    return Counter(word for caption in captions for word in caption)


def vocabulary_of(captions, min_count):
    return SPECIAL + by_frequency(counts(captions), min_count)


def by_frequency(count_of, min_count):
    return sorted((word for word in count_of if count_of[word] >= min_count), key=lambda word: (-count_of[word], word))


def in_order_of_appearance(captions, min_count):
    return SPECIAL + [word for word, count in counts(captions).most_common() if count >= min_count]


def sorted_upside_down(captions, min_count):
    count_of = counts(captions)
    pairs = sorted(((count, word) for word, count in count_of.items()), reverse=True)
    return SPECIAL + [word for count, word in pairs if count >= min_count]


def captions_of(rng):
    """5 captions, and a smallest count that some words just reach and others just miss; many ties."""
    words = rng.permutation(["ant", "bee", "cow", "dog", "elk", "fox", "gnu", "hen", "owl", "pig"])
    tokens = [word for word, count in zip(words, (6, 5, 5, 3, 3, 3, 3, 2, 2, 1), strict=True) for _ in range(count)]
    tokens = [str(token) for token in rng.permutation(tokens)]
    ends = np.cumsum(rng.permutation([5, 6, 7, 8]))
    return [tokens[begin:end] for begin, end in zip([0, *ends], [*ends, len(tokens)], strict=True)], 3


def list_from(module, captions, min_count):
    answer = module.build_vocabulary([list(caption) for caption in captions], min_count)
    if list(getattr(module, "SPECIAL", SPECIAL)) != SPECIAL:
        raise ValueError("build_vocabulary has changed SPECIAL itself. `vocabulary = SPECIAL` is a second name for the "
                         "same list, and append or += then change it for everybody; begin with `list(SPECIAL)`")
    if answer is not None and not isinstance(answer, (list, tuple)):
        raise TypeError(f"build_vocabulary has to return a list of words, and not a {type(answer).__name__}")
    return answer if answer is None else [str(word) for word in answer]


BUILD_VOCABULARY = Exercise(
    "16.1", "build_vocabulary", ("the vocabulary",), vocabulary_of,
    example=(([["a", "dog", "sleeps"], ["a", "cat", "runs", "home"], ["a", "dog", "runs"]], 2),
             [*SPECIAL, "a", "dog", "runs"]),
    cases=captions_of, call=list_from,
    mistakes=(
        Mistake("the list is empty", "The list is empty: nothing was put into it, or it was made again in the loop.",
                lambda right, captions, min_count: []),
        Mistake("the special words are missing", "SPECIAL is not in it. <pad>, <start>, <end> and <unk> need numbers "
                "like any other word, and the batch counts on 0, 1, 2 and 3: begin the list with SPECIAL.",
                lambda right, captions, min_count: right[4:]),
        Mistake("the special words are at the end", "SPECIAL stands behind the words. Then its numbers change with the "
                "captions, and PAD = 0 is an ordinary word. Put it in front.",
                lambda right, captions, min_count: right[4:] + SPECIAL),
        Mistake("rare words are kept", "It keeps every word, also those that occur fewer than min_count times. They "
                "are what <unk> is for.", lambda right, captions, min_count: vocabulary_of(captions, 1)),
        Mistake("more than min_count instead of at least", "Words that occur exactly min_count times are missing: the "
                "comparison is `>=`, at least, and not `>`.",
                lambda right, captions, min_count: vocabulary_of(captions, min_count + 1)),
        Mistake("captions are counted instead of words", "It counts in how many captions a word occurs. A word that "
                "stands twice in a caption has to count twice; is there a set() on the way?",
                lambda right, captions, min_count: vocabulary_of([set(caption) for caption in captions], min_count)),
        Mistake("ties in order of appearance", "Equally frequent words stand in the order in which they came, as "
                "Counter.most_common leaves them. Then the same captions in another order give other numbers, and "
                "weights that were trained with one list do not fit the other. Sort by (-count, word).",
                lambda right, captions, min_count: in_order_of_appearance(captions, min_count)),
        Mistake("ties backwards", "Equally frequent words stand in the order z to a: reverse=True turned the alphabet "
                "round together with the counts. Leave it out and sort by (-count, word).",
                lambda right, captions, min_count: sorted_upside_down(captions, min_count)),
        Mistake("the rarest first", "The rarest word comes first. Sort by falling count: the key is -count.",
                lambda right, captions, min_count: SPECIAL + sorted(
                    right[4:], key=lambda word: (counts(captions)[word], word))),
        Mistake("in alphabetical order", "All words are in alphabetical order. The alphabet is only there for equally "
                "frequent ones; the count comes first.",
                lambda right, captions, min_count: SPECIAL + sorted(right[4:])),
        Mistake("in the order the captions have them", "The words stand in the order in which the captions bring them. "
                "They have to be sorted: many before few.",
                lambda right, captions, min_count: SPECIAL + [word for word in counts(captions) if word in right]),
    ))


# --------------------------------------------------------------------------------------------------------- 16.2

def batch_of(captions, vocabulary, start=True, end=True, unknown=UNK):
    """What make_batch has to give; without ``start``, ``end``, or with another number for unknown words, on request."""
    N, T = len(captions), max(map(len, captions)) + 1
    tokens, targets, mask = np.full((N, T), PAD), np.full((N, T), PAD), np.zeros((N, T), bool)
    for n, caption in enumerate(captions):
        words = [vocabulary.index(word) if word in vocabulary else unknown for word in caption]
        read, said = [START] * start + words, words + [END] * end
        tokens[n, :len(read)], targets[n, :len(said)], mask[n, :len(words) + 1] = read, said, True
    return tokens, targets, mask


def known(captions, vocabulary):
    return [[word for word in caption if word in vocabulary] for caption in captions]


def in_front(right, captions):
    """The same rows with the padding on the left."""
    return np.array([np.roll(row, len(row) - len(caption) - 1) for row, caption in zip(right, captions, strict=True)])


def with_end(right, captions):
    """<end> read as if it were a word, where there is room for it."""
    right = right.copy()
    for row, caption in zip(right, captions, strict=True):
        row[len(caption) + 1:len(caption) + 2] = END
    return right


def captions_and_vocabulary(rng):
    """4 captions of different lengths, the longest last or first or between, with words that are not in the list."""
    animals = [str(word) for word in rng.permutation(["ant", "bee", "cow", "dog", "elk", "fox", "gnu"])]
    captions = [[str(word) for word in rng.choice(animals, length)] for length in (2, 3, 5, 1)]
    captions[0][0] = captions[2][1] = animals[6]  # not in the vocabulary
    captions[1][1] = animals[0]
    return [captions[n] for n in rng.permutation(4)], [*SPECIAL, *animals[:5]]


def batch_from(module, captions, vocabulary):
    answer = module.make_batch([list(caption) for caption in captions], list(vocabulary))
    if isinstance(answer, (tuple, list)) and len(answer) == 3:
        for name, array in zip(("tokens", "targets"), answer, strict=False):
            if isinstance(array, np.ndarray) and array.dtype.kind == "f":
                raise TypeError(f"{name} holds {array.dtype} numbers. They are places in a list, whole numbers: make "
                                "the array with np.full((N, T), PAD) or np.zeros((N, T), int)")
    return answer


MAKE_BATCH = Exercise(
    "16.2", "make_batch", ("tokens", "targets", "mask"), batch_of,
    example=(([["a", "big", "dog"], ["dog", "runs"]], [*SPECIAL, "a", "dog", "runs"]),
             (np.array([[1, 4, 3, 5], [1, 5, 6, 0]]), np.array([[4, 3, 5, 2], [5, 6, 2, 0]]),
              np.array([[True, True, True, True], [True, True, True, False]]))),
    cases=captions_and_vocabulary, call=batch_from,
    mistakes=(
        Mistake("tokens and targets are the same", "tokens is what targets has to be. A network that reads the word it "
                "is to say learns to copy: what it reads stands one place behind, after <start>.",
                lambda right, captions, vocabulary: batch_of(captions, vocabulary)[1]),
        Mistake("no <start>", "The rows of tokens begin with the caption's first word. Before that word something has "
                "to be read too, or nobody would know how captions begin: <start>.",
                lambda right, captions, vocabulary: batch_of(captions, vocabulary, start=False)[0]),
        Mistake("an unknown word is left out", "A word that is not in the vocabulary was skipped. What stands around "
                "it would become neighbours: put <unk> in its place.",
                lambda right, captions, vocabulary: batch_of(known(captions, vocabulary), vocabulary)[0]),
        Mistake("an unknown word is <pad>", "A word that is not in the vocabulary became 0, which is <pad>. The mask "
                "would take it for the end of the caption. It is <unk>, 3.",
                lambda right, captions, vocabulary: batch_of(captions, vocabulary, unknown=PAD)[0]),
        Mistake("an unknown word is -1", "A word that is not in the vocabulary became -1. NumPy reads -1 as the last "
                "row of the table, which belongs to another word. It is <unk>, 3.",
                lambda right, captions, vocabulary: batch_of(captions, vocabulary, unknown=-1)[0]),
        Mistake("the padding is in front", "The padding stands in front of the caption. Then every caption would begin "
                "with words that are none; put <pad> behind.",
                lambda right, captions, vocabulary: in_front(right, captions)),
        Mistake("<end> is read", "There is an <end> in tokens. It is the last thing to be said, and after it nothing "
                "is read: a row of tokens is <start> and the caption. (The mask would hide it, so this costs nothing "
                "but clarity.)", lambda right, captions, vocabulary: with_end(right, captions)),
        Mistake("the rows are sorted", "The rows are in another order than the captions, the longest first. What "
                "belongs to a caption, its picture for one, would have to be sorted with it: keep the order.",
                lambda right, captions, vocabulary: right[np.argsort([-len(caption) for caption in captions])]),
        Mistake("one place too short", "The batch is as wide as the longest caption. It has one thing more to say than "
                "it has words, <end>: T is the longest length plus 1.",
                lambda right, captions, vocabulary: right[:, :-1]),
        Mistake("targets and tokens are the same", "targets is what tokens has to be, with <start> in front. What has "
                "to be said at a place is the next word: the caption and <end>.",
                lambda right, captions, vocabulary: batch_of(captions, vocabulary)[0], of="targets"),
        Mistake("no <end>", "There is no <end> in targets. A network that is never shown where a caption ends does not "
                "stop writing.",
                lambda right, captions, vocabulary: batch_of(captions, vocabulary, end=False)[1], of="targets"),
        Mistake("an unknown word is <pad>", "In targets a word that is not in the vocabulary became 0, which is <pad>. "
                "It is <unk>, 3, as in tokens.",
                lambda right, captions, vocabulary: batch_of(captions, vocabulary, unknown=PAD)[1], of="targets"),
        Mistake("the mask leaves out <end>", "The mask ends one place too early, at the last word. <end> has to be "
                "learned as well, or captions do not stop.",
                lambda right, captions, vocabulary: right & (batch_of(captions, vocabulary)[1] != END), of="mask"),
        Mistake("the mask is upside down", "The mask is True at the padding. True is for what counts.",
                lambda right, captions, vocabulary: ~right, of="mask"),
        Mistake("the mask is True everywhere", "The mask is True at the padding, too. There is nothing to say: False.",
                lambda right, captions, vocabulary: np.ones_like(right), of="mask"),
        Mistake("the mask leaves out <unk>", "The mask is False where the word is <unk>. That is a word as well, one "
                "of the rare ones, and has to be said; only padding is left out.",
                lambda right, captions, vocabulary: right & (batch_of(captions, vocabulary)[1] != UNK), of="mask"),
    ))


# --------------------------------------------------------------------------------------------------------- 16.3

def words_table_dy(rng):
    """Words that occur twice in a caption, twice at one step, and not at all; V = 7."""
    names = np.array([0, *(1 + rng.permutation(6))])
    words = names[np.array([[4, 5, 4, 0, 0], [4, 1, 5, 3, 0], [5, 1, 3, 3, 4]])]
    return words, rng.standard_normal((7, 2)), rng.standard_normal((3, 5, 2))


def lost_in(groups):
    """What `dW[words] += dy` gives when it is done once for each of the groups of places."""
    def wrong(right, words, W, dy):
        dW = np.zeros_like(W)
        for places in groups(words):
            dW[words[places]] += dy[places]
        return dW
    return wrong


def mean_of_places(right, words, W, dy):
    count = np.bincount(words.ravel(), minlength=len(W))
    return right / np.maximum(count, 1)[:, None]


def without(row):
    def wrong(right, words, W, dy):
        right = right.copy()
        right[row] = 0
        return right
    return wrong


def learns_which_word_follows(module):
    """Three captions' next words, from a table that learns by the learner's gradient."""
    rng = np.random.default_rng(0)
    words = np.array([[1, 4, 5, 6], [1, 4, 7, 8], [1, 9, 5, 6]])
    targets = np.array([[4, 5, 6, 2], [4, 7, 8, 2], [9, 5, 6, 2]])
    W, linear = 0.1 * rng.standard_normal((10, 4)), Linear(4, 10, rng=rng).astype(np.float64)
    loss, seen = SoftmaxCrossEntropy(), []
    for _ in range(60):
        logits, cache = linear.forward(W[words].reshape(-1, 4))
        value, loss_cache = loss.forward(logits, targets.ravel())
        dy = linear.backward(loss.backward(1.0, loss_cache)[0], cache).reshape(3, 4, 4)
        W -= 3 * module.embedding_backward(dy, words, 10)
        for parameter in linear.parameters():
            parameter.data -= parameter.grad
        linear.zero_grad()
        seen.append(float(value))
    if not seen[-1] < 0.5:
        return (f"a table that learns which word follows does not get there: after 60 steps the loss is "
                f"{seen[-1]:.2f}, it began at {seen[0]:.2f}")


EMBEDDING_BACKWARD = gradient_exercise(
    "16.3", "embedding_backward", lambda words, W: W[words], {"dW": 1},
    example=((np.array([[4, 5, 4]]), np.zeros((6, 2)), np.array([[[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]]])),
             np.array([[0.0, 0.0]] * 4 + [[5.0, 50.0], [2.0, 20.0]])),
    cases=words_table_dy, call=lambda module, words, W, dy: module.embedding_backward(dy, words, len(W)),
    learns=learns_which_word_follows,
    mistakes=(
        Mistake("a repeated word keeps one gradient", "A word that occurs several times has only the gradient of its "
                "last place; each place was written over the one before. `dW[words] = dy` does that, and so does "
                "`dW[words] += dy`: NumPy reads all rows, adds, and then writes all rows. Every place has to be "
                "added: a loop over the places, or np.add.at.", lost_in(lambda words: [(slice(None), slice(None))])),
        Mistake("a word repeated in a caption keeps one gradient", "Captions are added one by one, but a word that "
                "occurs twice in the same caption has only the gradient of its last place. `dW[words[n]] += dy[n]` "
                "writes each row once, however often its number is in words[n]. Go through the places, or use "
                "np.add.at.", lost_in(lambda words: range(len(words)))),
        Mistake("a word repeated at one step keeps one gradient", "Steps are added one by one, but of several captions "
                "that have the same word at the same step only the last one counts. `dW[words[:, t]] += dy[:, t]` "
                "writes each row once. Go through the places, or use np.add.at.",
                lost_in(lambda words: [(slice(None), t) for t in range(words.shape[1])])),
        Mistake("a mean over a word's places", "Each row is the mean of what the word's places want. They all pull at "
                "the same row, and pulls add up.", mean_of_places),
        Mistake("divided by the number of places", "Everything is divided by N · T, all places of the batch. What a "
                "mean divides by is in the loss, and has come with dy.",
                lambda right, words, W, dy: right / words.size),
        Mistake("the row of <pad> is left out", "Row 0 got nothing. That a word is padding is the business of the "
                "mask: where it is False, dy has come as 0 already. The table treats all words alike.", without(0)),
        Mistake("every row has the sum of everything", "All V rows are the same, the sum over all places. A row has "
                "only been read at the places of its own word.",
                lambda right, words, W, dy: np.broadcast_to(dy.sum(axis=(0, 1)), W.shape)),
        Mistake("dy is returned", "It is dy. A gradient has the shape of what it is the gradient of, and W has a row "
                "for each of V words, not for each place of the batch.", lambda right, words, W, dy: dy),
    ))


# --------------------------------------------------------------------------------------------------------- 16.4

def masked_mean(losses, mask):
    return (losses * mask).sum() / mask.sum(), mask / mask.sum()


def losses_and_mask(rng):
    lengths = rng.permutation([6, 2, 5, 3])
    return rng.uniform(0.5, 4, (4, 6)), np.arange(6) < lengths[:, None]


MASKED_MEAN = Exercise(
    "16.4", "masked_mean", ("mean", "dlosses"), masked_mean,
    example=((np.array([[1.0, 2.0, 9.0], [3.0, 9.0, 9.0]]), np.array([[True, True, False], [True, False, False]])),
             (2.0, np.array([[1 / 3, 1 / 3, 0], [1 / 3, 0, 0]]))),
    cases=losses_and_mask,
    mistakes=(
        Mistake("the padding counts", "It is the mean of all losses, those of the padding among them. What the network "
                "says there means nothing.", lambda right, losses, mask: losses.mean()),
        Mistake("divided by all places", "The sum leaves out the padding, and is then divided by N · T, all places. "
                "The more padding a batch has, the smaller its loss would be: divide by mask.sum(). (np.mean of "
                "losses * mask does this, too.)", lambda right, losses, mask: (losses * mask).mean()),
        Mistake("divided by the number of captions", "The sum is right, and divided by N. That is the mean per "
                "caption, which grows with its length; the mean per word divides by mask.sum().",
                lambda right, losses, mask: (losses * mask).sum() / len(losses)),
        Mistake("the mean of the captions' means", "It is the mean of one mean for each caption. A word in a short "
                "caption then counts more than one in a long caption. Sum over the whole batch, then divide once.",
                lambda right, losses, mask: ((losses * mask).sum(axis=1) / mask.sum(axis=1)).mean()),
        Mistake("a sum instead of a mean", "It is the sum of the losses that count; divide by how many there are.",
                lambda right, losses, mask: (losses * mask).sum()),
        Mistake("the mask is upside down", "It is the mean over the padding: mask is True where a place counts.",
                lambda right, losses, mask: losses[~mask].mean()),
        Mistake("the padding gets a gradient", "dlosses is the same everywhere. The losses of the padding were not "
                "added, so the mean does not move with them: their gradient is 0.",
                lambda right, losses, mask: np.full_like(losses, 1 / mask.sum()), of="dlosses"),
        Mistake("the gradient of the plain mean", "dlosses is 1 / (N T) everywhere, as if the padding counted.",
                lambda right, losses, mask: np.full_like(losses, 1 / mask.size), of="dlosses"),
        Mistake("dlosses divided by all places", "dlosses is mask / (N T). The mean was divided by mask.sum(), and so "
                "is its gradient.", lambda right, losses, mask: mask / mask.size, of="dlosses"),
        Mistake("dlosses divided by the number of captions", "dlosses is mask / N. The mean was divided by mask.sum(), "
                "and so is its gradient.", lambda right, losses, mask: mask / len(mask), of="dlosses"),
        Mistake("dlosses is the mask", "dlosses is the mask itself, the gradient of the sum. A mean passes on the "
                "share 1 / mask.sum().", lambda right, losses, mask: mask * 1.0, of="dlosses"),
        Mistake("the loss instead of its gradient", "dlosses holds the losses. The mean is a sum of losses, each times "
                "1 / mask.sum(): that factor is the gradient, whatever the loss is.",
                lambda right, losses, mask: losses * right, of="dlosses"),
    ))

EXERCISES = (BUILD_VOCABULARY, MAKE_BATCH, EMBEDDING_BACKWARD, MASKED_MEAN)
