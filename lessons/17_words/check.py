"""What lesson 17 asks for."""

from collections import Counter
from functools import partial

import numpy as np

from minicap import Linear, SoftmaxCrossEntropy
from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise, gradient_exercise

PAD, START, END, UNK = range(4)
SPECIAL = ["<pad>", "<start>", "<end>", "<unk>"]


# --------------------------------------------------------------------------------------------------------- 17.1

def counts(captions):
    return Counter(word for caption in captions for word in caption)


def vocabulary_of(captions, min_count, order=lambda word, count: (-count, word)):
    """SPECIAL and the frequent words, in this order, or as they come where it is the same for all."""
    pairs = sorted(counts(captions).items(), key=lambda pair: order(*pair))
    return SPECIAL + [word for word, count in pairs if count >= min_count]


def sorted_upside_down(captions, min_count):
    pairs = sorted(((count, word) for word, count in counts(captions).items()), reverse=True)
    return SPECIAL + [word for count, word in pairs if count >= min_count]


def captions_of(rng):
    """5 captions, and a smallest count that some words just reach and others just miss; many ties."""
    words = ["Tom", *rng.permutation(["bear", "cow", "dog", "elk", "fox", "goose", "hen", "ox", "pig"])]
    tokens = [word for word, count in zip(words, (6, 5, 5, 3, 3, 3, 3, 2, 2, 1), strict=True) for _ in range(count)]
    tokens = [str(token) for token in rng.permutation(tokens)]
    ends = np.cumsum(rng.permutation([5, 6, 7, 8]))
    return [tokens[begin:end] for begin, end in zip([0, *ends], [*ends, len(tokens)], strict=True)], 3


def list_from(module, captions, min_count):
    answer = module.build_vocabulary(captions, min_count)
    if list(getattr(module, "SPECIAL", SPECIAL)) != SPECIAL:
        raise ValueError("build_vocabulary has changed SPECIAL itself. `vocabulary = SPECIAL` is a second name for the "
                         "same list, and append or += then change it for everybody; begin with `list(SPECIAL)`")
    if answer is not None and not isinstance(answer, (list, tuple)):
        raise TypeError(f"build_vocabulary has to return a list of words, and not a {type(answer).__name__}")
    return answer if answer is None else [str(word) for word in answer]


BUILD_VOCABULARY = Exercise(
    "17.1", "build_vocabulary", ("the vocabulary",), lambda captions, min_count: vocabulary_of(captions, min_count),
    example=(([["a", "dog", "sleeps"], ["a", "cat", "runs", "home"], ["a", "dog", "runs"]], 2),
             [*SPECIAL, "a", "dog", "runs"]),
    cases=captions_of, call=list_from,
    mistakes=[
        ("the list is empty", "The list is empty: nothing was put into it, or it was made again in the loop.",
         lambda: []),
        ("the special words are missing", "SPECIAL is missing. <pad>, <start>, <end> and <unk> need the numbers 0 to "
         "3: begin the list with SPECIAL.", lambda right: right[4:]),
        ("the special words are at the end", "SPECIAL comes after the words, so its numbers change with the captions. "
         "Put it in front.", lambda right: right[4:] + SPECIAL),
        ("rare words are kept", "It keeps every word, also those that occur fewer than min_count times. They are what "
         "<unk> is for.", lambda captions: vocabulary_of(captions, 1)),
        ("more than min_count instead of at least", "Words that occur exactly min_count times are missing: `>=`, and "
         "not `>`.", lambda captions, min_count: vocabulary_of(captions, min_count + 1)),
        ("captions are counted instead of words", "It counts in how many captions a word occurs. A word twice in a "
         "caption counts twice; is there a set()?",
         lambda captions, min_count: vocabulary_of([set(caption) for caption in captions], min_count)),
        ("ties in order of appearance", "Equally frequent words are in the order they came, as from "
         "Counter.most_common, so numbers change with the order of the captions. Sort by (-count, word).",
         partial(vocabulary_of, order=lambda word, count: -count)),
        ("in lower case", "Tom became tom. Words are compared as they are; lower case is made elsewhere, if at all.",
         lambda captions, min_count: vocabulary_of([[word.lower() for word in caption] for caption in captions],
                                                   min_count)),
        ("2 is written in", "It keeps words that occur twice, whatever min_count says.",
         lambda captions: vocabulary_of(captions, 2)),
        ("min_count words", "These are the min_count most frequent words. min_count is how often a word has to occur.",
         lambda right, min_count: right[:4 + min_count]),
        ("ties by length", "Equally frequent words are sorted by their lengths. It is the alphabet that decides: "
         "(-count, word).", partial(vocabulary_of, order=lambda word, count: (-count, len(word)))),
        ("ties backwards", "Equally frequent words run from z to a: reverse=True reversed the alphabet, too. Sort by "
         "(-count, word).", sorted_upside_down),
        ("the rarest first", "The rarest word comes first. Sort by falling count: the key is -count.",
         lambda right, captions: SPECIAL + sorted(right[4:], key=lambda word: (counts(captions)[word], word))),
        ("in alphabetical order", "All words are in alphabetical order. That is only for equally frequent ones; the "
         "count comes first.", lambda right: SPECIAL + sorted(right[4:])),
        ("in the order the captions have them", "The words are in the order of the captions. Sort them: the most "
         "frequent first.", partial(vocabulary_of, order=lambda word, count: 0)),
    ])


# --------------------------------------------------------------------------------------------------------- 17.2

PAD_FOR_UNK = "An unknown word became 0, <pad>, which the mask takes for the end of the caption. It is <unk>, 3."


def batch_of(captions, vocabulary, *, start=True, end=True, unknown=UNK):
    """What make_batch has to give; without ``start``, ``end``, or with another number for unknown words, on request."""
    N, T = len(captions), max(map(len, captions)) + 1
    tokens, targets, mask = np.full((N, T), PAD), np.full((N, T), PAD), np.zeros((N, T), bool)
    for n, caption in enumerate(captions):
        words = [vocabulary.index(word) if word in vocabulary else unknown for word in caption]
        read, wanted = [START] * start + words, words + [END] * end
        tokens[n, :len(read)], targets[n, :len(wanted)], mask[n, :len(words) + 1] = read, wanted, True
    return tokens, targets, mask


def in_front(right, captions):
    """The same rows with the padding on the left."""
    return np.array([np.roll(row, len(row) - len(caption) - 1) for row, caption in zip(right, captions, strict=True)])


def end_last(right):
    """The targets with <end> in the last column."""
    right = np.where(right == END, PAD, right)
    right[:, -1] = END
    return right


def with_end(right, captions):
    """<end> read as if it were a word, where there is room for it."""
    right = right.copy()
    for row, caption in zip(right, captions, strict=True):
        row[len(caption) + 1:len(caption) + 2] = END
    return right


def without_unknown(captions, vocabulary, narrower=True):
    """Unknown words left out; the arrays are as narrow as that makes them, or as wide as they would have been."""
    found = batch_of([[word for word in caption if word in vocabulary] for caption in captions], vocabulary)
    missing = 0 if narrower else max(map(len, captions)) + 1 - found[0].shape[1]
    return tuple(np.pad(array, ((0, 0), (0, missing))) for array in found)


def captions_and_vocabulary(rng):
    """4 captions of different lengths, the longest last or first or between, with words that are not in the list."""
    animals = [str(word) for word in rng.permutation(["ant", "bee", "cow", "dog", "elk", "fox", "gnu"])]
    captions = [[str(word) for word in rng.choice(animals, length)] for length in (2, 3, 5, 1)]
    captions[0][0] = captions[2][1] = animals[6]  # not in the vocabulary
    captions[1][1] = animals[0]
    return [captions[n] for n in rng.permutation(4)], [*SPECIAL, *animals[:5]]


def batch_from(module, captions, vocabulary):
    answer = module.make_batch(captions, vocabulary)
    if isinstance(answer, (tuple, list)) and len(answer) == 3:
        for name, array in zip(("tokens", "targets"), answer, strict=False):
            if isinstance(array, np.ndarray) and array.dtype.kind == "f":
                raise TypeError(f"{name} holds {array.dtype} numbers. They are positions in a list, whole numbers: "
                                "make the array with np.full((N, T), PAD) or np.zeros((N, T), int)")
        if isinstance(answer[2], np.ndarray) and answer[2].dtype.kind in "iu":
            raise TypeError(f"mask holds {answer[2].dtype} numbers, and losses[mask] would take them for places: make "
                            "it of True and False, as a comparison gives them")
    return answer


MAKE_BATCH = Exercise(
    "17.2", "make_batch", ("tokens", "targets", "mask"), batch_of,
    example=(([["a", "big", "dog"], ["dog", "runs"]], [*SPECIAL, "a", "dog", "runs"]),
             (np.array([[1, 4, 3, 5], [1, 5, 6, 0]]), np.array([[4, 3, 5, 2], [5, 6, 2, 0]]),
              np.array([[True, True, True, True], [True, True, True, False]]))),
    cases=captions_and_vocabulary, call=batch_from,
    mistakes={"tokens": [
        ("tokens and targets are the same", known.reads_its_target("tokens is what targets has to be", "<start>"),
         lambda captions, vocabulary: batch_of(captions, vocabulary)[1]),
        ("no <start>", "The rows of tokens begin with the caption's first word. Something has to be read before it, "
         "too: <start>.", partial(batch_of, start=False)),
        ("an unknown word is left out", "A word that is not in the vocabulary was skipped, and its neighbours were "
         "joined. Put <unk> in its place.", (without_unknown, partial(without_unknown, narrower=False))),
        ("an unknown word is <pad>", PAD_FOR_UNK, partial(batch_of, unknown=PAD)),
        ("an unknown word is -1", "An unknown word became -1, which NumPy reads as the last row of the table, another "
         "word's. It is <unk>, 3.", partial(batch_of, unknown=-1)),
        ("the padding is in front", "The padding comes first, so that every caption begins with it: put <pad> at the "
         "end.", in_front),
        ("<end> is read", "There is an <end> in tokens. After it nothing is read. (The mask would hide it, so this "
         "costs only clarity.)", with_end),
        ("the rows are sorted", "The rows are in another order, the longest first. The pictures would have to be "
         "sorted, too: keep the order.",
         lambda right, captions: right[np.argsort([-len(caption) for caption in captions])]),
        ("one place too short", "The batch is as wide as the longest caption. The targets have one more, <end>: T is "
         "the longest length plus 1.", lambda right: right[:, :-1]),
    ], "targets": [
        ("targets and tokens are the same", "targets is what tokens has to be, with <start> in front. The target is "
         "the next word: the caption and <end>.", lambda captions, vocabulary: batch_of(captions, vocabulary)[0]),
        ("padded with <end>", "The padding of targets is <end>. It is <pad>, and <end> comes once.",
         lambda right: np.where(right == PAD, END, right)),
        ("<end> in the last column", "<end> stands at the end of the row, behind the padding. It comes right behind "
         "the caption, where the network has to stop.", end_last),
        ("no <end>", "There is no <end> in targets. A network that is never shown where captions end does not stop.",
         partial(batch_of, end=False)),
        ("an unknown word is <pad>", PAD_FOR_UNK, partial(batch_of, unknown=PAD)),
    ], "mask": [
        ("the mask leaves out <end>", "The mask ends one position too early. <end> has to be learned as well, or "
         "captions do not stop.",
         lambda right, captions, vocabulary: right & (batch_of(captions, vocabulary)[1] != END)),
        ("the mask is upside down", known.mask_upside_down(), lambda right: ~right),
        ("the mask is True everywhere", "The mask is True at the padding, too. Nothing counts there: False.",
         lambda right: np.ones_like(right)),
        ("the mask leaves out <unk>", "The mask is False where the word is <unk>. That is a word as well; only padding "
         "is left out.", lambda right, captions, vocabulary: right & (batch_of(captions, vocabulary)[1] != UNK)),
    ]})


# --------------------------------------------------------------------------------------------------------- 17.3

def words_table_dy(rng):
    """Words that occur twice in a caption, twice at one step, and not at all, the last one of V = 8 among these."""
    names = np.array([0, *(1 + rng.permutation(6))])
    words = names[np.array([[4, 5, 4, 0, 0], [4, 1, 5, 3, 0], [5, 1, 3, 3, 4]])]
    return words, rng.standard_normal((8, 2)), rng.standard_normal((3, 5, 2))


def lost_in(groups):
    """What `dW[words] += dy` gives when it is done once for each of the groups of places."""
    def wrong(words, W, dy):
        dW = np.zeros_like(W)
        for places in groups(words):
            dW[words[places]] += dy[places]
        return dW
    return wrong


def mean_of_places(right, words, W):
    return right / np.maximum(np.bincount(words.ravel(), minlength=len(W)), 1)[:, None]


def last_times_places(right, words, W, dy):
    dW = np.zeros_like(W)
    dW[words] = dy
    return dW * np.bincount(words.ravel(), minlength=len(W))[:, None]


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
    "17.3", "embedding_backward", lambda words, W: W[words], {"dW": 1},
    example=((np.array([[4, 5, 4]]), np.zeros((6, 2)), np.array([[[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]]])),
             np.array([[0.0, 0.0]] * 4 + [[5.0, 50.0], [2.0, 20.0]])),
    cases=words_table_dy, call=lambda module, words, W, dy: module.embedding_backward(dy, words, len(W)),
    learns=learns_which_word_follows,
    mistakes=[
        ("a repeated word keeps one gradient", "A repeated word has only the gradient of its last position. "
         "`dW[words] += dy` reads all rows, adds, then writes each once. Add position by position: a loop, or "
         "np.add.at.",
         lost_in(lambda words: [(slice(None), slice(None))])),
        ("a word repeated in a caption keeps one gradient", "A word twice in one caption has only its last position's "
         "gradient: `dW[words[n]] += dy[n]` writes each row once. Go position by position, or use np.add.at.",
         lost_in(lambda words: range(len(words)))),
        ("a word repeated at one step keeps one gradient", "Of captions with the same word at one step only the last "
         "counts: `dW[words[:, t]] += dy[:, t]` writes each row once. Go position by position, or use np.add.at.",
         lost_in(lambda words: [(slice(None), t) for t in range(words.shape[1])])),
        ("the last gradient times the places", "A word's row is its last gradient times the number of its places. Each "
         "place has a gradient of its own: add them up.", last_times_places),
        ("summed over E", "Every number of a row is the sum over E. dy[n, t] is added to the row as it is, (E,).",
         lambda right: np.broadcast_to(right.sum(axis=1, keepdims=True), right.shape)),
        ("a mean over a word's places", known.mean("Each row", "the word's places"), mean_of_places),
        ("divided by the number of places", "Everything is divided by N · T. What a mean divides by is in the loss, "
         "and came with dy.", lambda right, words: right / words.size),
        ("the row of <pad> is left out", "Row 0 got nothing. Padding is the business of the mask, where dy is 0 "
         "already. The table treats all words alike.",
         lambda right: np.where(np.arange(len(right))[:, None] == 0, 0, right)),
        ("no rows for words that do not occur", "The words at the end of the vocabulary that do not occur in this "
         "batch have no row. W has V rows, whatever words are in the batch: np.zeros((V, E)).",
         lambda right, words: right[:words.max() + 1]),
        ("every row has the sum of everything", "All V rows are the sum over all positions. A row was only read where "
         "its own word is.", lambda W, dy: np.broadcast_to(dy.sum(axis=(0, 1)), W.shape)),
        ("dy is returned", "It is dy. The gradient has the shape of W, a row for each of V words, not for each "
         "position in the batch.", lambda dy: dy),
    ])


# --------------------------------------------------------------------------------------------------------- 17.4

def losses_and_mask(rng):
    lengths = rng.permutation([6, 2, 5, 3])
    losses = rng.uniform(0.5, 4, (4, 6))
    losses[0, 0] = 0  # which counts
    return losses, np.arange(6) < lengths[:, None]


MASKED_MEAN = Exercise(
    "17.4", "masked_mean", ("mean", "dlosses"),
    lambda losses, mask: ((losses * mask).sum() / mask.sum(), mask / mask.sum()),
    example=((np.array([[1.0, 2.0, 9.0], [3.0, 9.0, 9.0]]), np.array([[True, True, False], [True, False, False]])),
             (2.0, np.array([[1 / 3, 1 / 3, 0], [1 / 3, 0, 0]]))),
    cases=losses_and_mask,
    mistakes={"mean": [
        ("losses of 0 do not count", "The mean leaves out losses that are 0. The mask says what counts, and not the "
         "losses.", lambda losses, mask: losses[mask & (losses != 0)].mean()),
        ("the padding counts", "It is the mean of all losses, those of the padding among them, which mean nothing.",
         lambda losses: losses.mean()),
        ("divided by all places", known.divided_by_places("The sum", "mask.sum()"),
         lambda losses, mask: (losses * mask).mean()),
        ("divided by the number of captions",
         known.divided_by("The sum", "N, which makes it a mean per caption", "mask.sum()"),
         lambda losses, mask: (losses * mask).sum() / len(losses)),
        ("the mean of the captions' means", known.mean_of_means("mask.sum()"),
         lambda losses, mask: ((losses * mask).sum(axis=1) / mask.sum(axis=1)).mean()),
        ("a sum instead of a mean", "It is the sum of the losses that count; divide by how many there are.",
         lambda losses, mask: (losses * mask).sum()),
        ("the mask is upside down", known.mask_upside_down(), lambda losses, mask: losses[~mask].mean()),
    ], "dlosses": [
        ("the padding gets a gradient", known.padding_gradient("dlosses"),
         lambda losses, mask: np.full_like(losses, 1 / mask.sum())),
        ("the gradient of the plain mean", "dlosses is 1 / (N T) everywhere, as if the padding counted.",
         lambda losses, mask: np.full_like(losses, 1 / mask.size)),
        ("dlosses divided caption by caption", "Each row of dlosses is divided by its own caption's length, as in a "
         "mean of means. Divide by mask.sum(), as the mean is.", lambda mask: mask / mask.sum(axis=1, keepdims=True)),
        ("dlosses divided by all places", known.divided_by("dlosses", "N · T", "mask.sum(), as the mean is"),
         lambda mask: mask / mask.size),
        ("dlosses divided by the number of captions", known.divided_by("dlosses", "N", "mask.sum(), as the mean is"),
         lambda mask: mask / len(mask)),
        ("dlosses is the mask", "dlosses is the mask, the gradient of the sum. A mean passes on 1 / mask.sum().",
         lambda mask: mask * 1.0),
        ("the loss instead of its gradient", "dlosses holds the losses. The mean is a sum of losses times 1 / "
         "mask.sum(): that factor is the gradient.", lambda right, losses: losses * right),
    ]})

EXERCISES = (BUILD_VOCABULARY, MAKE_BATCH, EMBEDDING_BACKWARD, MASKED_MEAN)
