"""What lesson 20 asks for."""

from functools import partial
from types import SimpleNamespace

import numpy as np

from minicap import LSTM, Adam, Embedding, Linear
from minicap.captioning.text.vocabulary import END, NEVER, PAD, START
from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise
from minicap.learn.recurring import whole_numbers
from minicap.losses import log_softmax

# ---------------------------------------------------------------------------------------------------- teacher_forcing


def random_captions(rng, V=9, N=4):
    """N captions of different lengths, the longest not in front."""
    lengths = rng.permutation([1, 2, 3, 5])[:N]
    return [rng.integers(4, V, length).tolist() for length in lengths]


def padded(rows, fill=PAD, front=False, wider=0):
    T = max(map(len, rows)) + wider
    return np.array([[fill] * (T - len(row)) + row if front else row + [fill] * (T - len(row)) for row in rows])


def rows(of, **how):
    """Rows of(words) in place of tokens, or targets."""
    return lambda captions: padded([of(words) for words in captions], **how)


def read(words):
    return [START, *words]


def predicted(words):
    return [*words, END]


def batch_of(captions):
    return rows(read)(captions), rows(predicted)(captions), np.array([len(words) + 1 for words in captions])


CAPTIONS = [[4, 5, 6], [7, 8]]

TEACHER_FORCING = Exercise(
    "20.1", "teacher_forcing", ("tokens", "targets", "lengths"), batch_of,
    example=((CAPTIONS,), (np.array([[1, 4, 5, 6], [1, 7, 8, 0]]), np.array([[4, 5, 6, 2], [7, 8, 2, 0]]),
                           np.array([4, 3]))),
    cases=lambda rng: (random_captions(rng),),
    learns=whole_numbers("teacher_forcing", (CAPTIONS,), ("tokens", "targets", "lengths")),
    mistakes={"tokens": [
        ("it reads what it should say", known.reads_its_target("tokens are the targets", "START"), rows(predicted)),
        ("START is missing", "tokens begin with the first word. START is read before it: put it in front.",
         lambda captions: padded(captions)),
        ("END is read", "tokens end with END. After END nothing is read: START and the words.",
         rows(lambda words: [START, *words, END])),
        ("the last word is not read", "The last word of every caption is missing in tokens. It is read, too, and END "
         "is its target.",
         (rows(lambda words: [START, *words[:-1]]), rows(lambda words: [START, *words[:-1]], wider=1))),
        ("padding in front", "PAD comes before the short captions. It belongs after them: the words follow the image "
         "at once.", rows(read, front=True)),
        ("filled with END", "The rows are filled up with END. The filler is PAD.", rows(read, fill=END)),
        ("the captions are in another order", "The captions were sorted by length. Row n has to stay caption n: it "
         "belongs to picture n.", (lambda captions: rows(read)(sorted(captions, key=len, reverse=True)),
                                   lambda captions: rows(read)(sorted(captions, key=len)))),
        ("as long as the first caption", "The rows are as long as the first caption. They have to be as long as the "
         "longest.", lambda captions: np.array([(read(words) + [PAD] * 99)[:len(captions[0]) + 1]
                                                for words in captions])),
    ], "targets": [
        ("END is missing", "targets lack END. A model that never learns END never stops.",
         (rows(lambda words: words), rows(lambda words: words, wider=1))),
        ("it has to say START", "targets begin with START. It is read, and never a target: the first target is the "
         "first word.", (rows(read), rows(lambda words: [START, *words, END]))),
        ("padding in front", "PAD comes before the short captions. It belongs after them.",
         rows(predicted, front=True)),
        ("filled with END", "The rows are filled up with END. The filler is PAD, which is never a target that counts.",
         rows(predicted, fill=END)),
        ("END at the end of the row", "END is in the last column of every row, after the padding. It comes right after "
         "the last word.", lambda captions: np.insert(padded(captions), max(map(len, captions)), END, axis=1)),
    ], "lengths": [
        ("END is not counted", "lengths are those of the captions without END. END is a target, too: one more.",
         lambda right: right - 1),
        ("START and END are counted", "lengths are one too large: START and END were both counted. Only END is a "
         "target.", lambda right: right + 1),
        ("all rows have length T", "lengths are T for every row. They say where each row ends.",
         lambda right: np.full_like(right, right.max())),
    ]})


# ---------------------------------------------------------------------------------------------------- log_frequencies

def counts_of(targets, lengths, V, extra=0, every=False):
    real = np.arange(targets.shape[1]) < (lengths + extra)[:, None]
    return np.bincount(targets[real | every], minlength=V).astype(float)


def logs(counts, never=NEVER, total=None, log=np.log):
    with np.errstate(divide="ignore"):
        return np.where(counts > 0, log(counts / (counts.sum() if total is None else total)), never)


def frequencies(targets, lengths, V, **options):
    return logs(counts_of(targets, lengths, V), **options)


def some_targets(rng):
    _, targets, lengths = batch_of([rng.integers(4, 11, n).tolist() for n in rng.permutation([2, 4, 5, 9])])
    return targets, lengths, 13


LOG_FREQUENCIES = Exercise(
    "20.2", "log_frequencies", ("b",), frequencies,
    example=((*batch_of(CAPTIONS)[1:], 9), np.where(np.arange(9) == END, np.log(2 / 7), np.where(
        np.arange(9) > 3, np.log(1 / 7), NEVER))),
    cases=some_targets,
    mistakes=[
        ("padding is counted", "PAD was counted as if it were a target. Only the first lengths[n] targets of row n are "
         "real.", lambda *inputs: logs(counts_of(*inputs, every=True))),
        ("padding is in the total", "Every frequency is too small: the counts were divided by N · T, padding "
         "included. Divide by Σ lengths.",
         lambda targets, lengths, V: frequencies(targets, lengths, V, total=targets.size)),
        ("the total is V",
         known.divided_by("Every count", "the size of the vocabulary", "the number of real targets, Σ lengths"),
         lambda targets, lengths, V: frequencies(targets, lengths, V, total=V)),
        ("END is not counted", "The last real target of each row, END, was left out. A model has to know how often "
         "captions end.", lambda *inputs: logs(counts_of(*inputs, extra=-1))),
        ("minus infinity", "A word that is never a target has log 0 = -inf, whose loss is infinite and whose gradient "
         "is nan: put NEVER there.", partial(frequencies, never=-np.inf)),
        ("never means 0", "A word that is never a target has 0, the log of 1: it would be the most probable of all. "
         "Put NEVER there.", partial(frequencies, never=0)),
        ("the log of the counts", "It is the log of the counts. Divide them by their sum: NEVER is meant to stand "
         "beside probabilities. (For the softmax alone it would make no difference.)", partial(frequencies, total=1)),
        ("no logarithm",
         known.no_logarithm("These are the shares", "The bias is added to logits, and logits are logarithms"),
         (lambda *inputs: counts_of(*inputs) / counts_of(*inputs).sum(),
          partial(frequencies, log=lambda share: share))),
        ("one is added", "One was added to every count. Here words that never occur get NEVER instead.",
         lambda *inputs: logs(counts_of(*inputs) + 1)),
        ("another logarithm", known.natural_logarithm(),
         (partial(frequencies, log=np.log10), partial(frequencies, log=np.log2))),
        ("no place for the last words", "np.bincount has as many places as the largest word needs. b has V: "
         "minlength=V.", lambda right, targets: right[:targets.max() + 1]),
        ("counted once a caption", "A word that a caption has several times was counted once. Every real target "
         "counts.", lambda targets, lengths, V: logs(sum(
             np.bincount(np.unique(row[:k]), minlength=V) for row, k in zip(targets, lengths, strict=True)))),
    ])


# -------------------------------------------------------------------------------------------------------- masked_loss

def masked(logits, targets, lengths, *, extra=0, share=None, hot=1.0, by_word=False, log_softmax=log_softmax):
    """(loss, dlogits)"""
    N, T, V = logits.shape
    real = (targets != PAD if by_word else np.arange(T) < (lengths + extra)[:, None]).astype(float)
    weight = real / real.sum() if share is None else real * share(N, T, lengths)
    one_hot, log_p = np.eye(V)[targets], log_softmax(logits)
    return -(weight[:, :, None] * one_hot * log_p).sum(), weight[:, :, None] * (np.exp(log_p) - hot * one_hot)


def every(logits, targets, lengths):
    return masked(logits, targets, np.full_like(lengths, logits.shape[1]))


def chosen(values, targets, lengths):
    """The sum of values[target] over the real targets, divided by their number."""
    real = np.arange(targets.shape[1]) < lengths[:, None]
    return np.take_along_axis(values, targets[:, :, None], 2)[:, :, 0][real].mean()


def logits_case(rng):
    """One place where exp is too large for a float, and one whose target is all but impossible.

    Word 0 is a target as well, and some of what fills up the rows is not: the lengths say what counts.
    """
    _, targets, lengths = batch_of([rng.integers(4, 7, n).tolist() for n in rng.permutation([1, 2, 4])])
    targets[lengths == 5, 2], targets[:, 4] = PAD, END
    logits = 2 * rng.standard_normal((3, 5, 7))
    logits[0, 0] += 800
    logits[1, 0, targets[1, 0]] -= 800
    return logits, targets, lengths


def with_a_small_number(small):
    return lambda logits, targets, lengths: -chosen(np.log(np.exp(log_softmax(logits)) + small), targets, lengths)


BY_WORD = ("the mask is made of the words", "What counts was decided by targets != PAD. The lengths say it: columns 0 "
           "to lengths[n] - 1 of row n.",
           (partial(masked, by_word=True),
            partial(masked, by_word=True, share=lambda N, T, lengths: 1 / lengths.sum())))
OVER_TIME = ("softmax over the positions", "softmax ran over the T positions. The V words of one position share the "
             "probability: the last axis.", partial(masked, log_softmax=lambda x: log_softmax(
                 x.swapaxes(1, 2)).swapaxes(1, 2)))

MASKED_LOSS = Exercise(
    "20.3", "masked_loss", ("loss", "dlogits"), masked,
    example=((np.array([[[0.0, 0], [np.log(3), 0]]]), np.array([[1, 0]]), np.array([1])),
             (np.log(2), np.array([[[0.5, -0.5], [0.0, 0.0]]]))),
    cases=logits_case,
    mistakes={("loss", "dlogits"): [BY_WORD, OVER_TIME], "loss": [
        ("a small number is added to p", "A small number was added to p before its logarithm, which changes the loss "
         "where it matters most. log_softmax needs nothing of the kind.",
         [with_a_small_number(10.0**-digits) for digits in (6, 7, 8, 9, 10, 12, 15, 16, 20, 30, 100, 300)]),
        ("padding counts", "The padding counts, as if PAD were a target. The model soon learns it, and the loss looks "
         "good for the wrong reason. Only the first lengths[n] columns of row n count.", every),
        ("divided by all places", known.divided_by_places("The sum", "Σ lengths"),
         partial(masked, share=lambda N, T, lengths: 1 / (N * T))),
        ("divided by the captions", known.divided_by("The sum", "N, which makes it a mean per caption", "Σ lengths"),
         partial(masked, share=lambda N, T, lengths: 1 / N)),
        ("not divided", "It is the sum over all real targets. Divide by their number, Σ lengths.",
         partial(masked, share=lambda N, T, lengths: 1)),
        ("a mean of means", known.mean_of_means("Σ lengths"),
         partial(masked, share=lambda N, T, lengths: 1 / (N * lengths[:, None]))),
        ("END does not count", "The last real target of each row is missing: END. `np.arange(T) < lengths[:, None]` "
         "includes it.",
         (partial(masked, extra=-1), partial(masked, extra=-1, share=lambda N, T, lengths: 1 / lengths.sum()))),
        ("one column too many", "One padded column of each row counts, too: `<=` where `<` is meant.",
         (partial(masked, extra=1), partial(masked, extra=1, share=lambda N, T, lengths: 1 / lengths.sum()))),
        ("no softmax", "It is the mean of -logits[target]. Logits become probabilities first: log_softmax.",
         lambda logits, targets, lengths: -chosen(logits, targets, lengths)),
        ("no logarithm", "It is the mean of -p[target]. The loss is -log p.",
         lambda logits, targets, lengths: -chosen(np.exp(log_softmax(logits)), targets, lengths)),
        ("the minus is missing", "It is the mean of log p, which is negative. The loss is -log p.",
         lambda *inputs: -masked(*inputs)[0]),
        ("softmax and logarithm in two steps", "exp(800) is inf, and the log of a probability that was rounded to 0 is "
         "-inf. log_softmax subtracts the maximum before exp, and needs no p.", (lambda: np.inf, lambda: np.nan)),
    ], "dlogits": [
        ("the target is not subtracted", "dlogits is the probabilities, divided. Subtract 1 at the target first: p - "
         "one_hot.", partial(masked, hot=0.0)),
        ("padding gets a gradient", known.padding_gradient("dlogits"),
         (lambda *inputs: every(*inputs)[1] * (inputs[1].size / inputs[2].sum()), every)),
        ("not divided", "dlogits is Σ lengths times too large: the loss is a mean, so its gradient is divided by that, "
         "too.", partial(masked, share=lambda N, T, lengths: 1)),
        ("divided by all places", known.divided_by("dlogits", "N · T", "Σ lengths, as the loss is"),
         partial(masked, share=lambda N, T, lengths: 1 / (N * T))),
        ("divided by the captions", known.divided_by("dlogits", "N", "Σ lengths, as the loss is"),
         partial(masked, share=lambda N, T, lengths: 1 / N)),
        ("one minus p", "dlogits is one_hot - p. The target's gradient is negative, so that a step makes it more "
         "probable: p - one_hot.", lambda *inputs: -masked(*inputs)[1]),
    ]})


# ------------------------------------------------------------------------------------------------------ training_step

LEFT, CLEARED, MOVED = "left in the parameters", "cleared again", "used to change the parameters"
GIVES = ("output.b", "output.W", "lstm.cell.b", "lstm.cell.W", "lstm.cell.U", "embedding.W", "encoder.b", "encoder.W")


def model_of(seed, D, E=4, H=5, V=9, zero=False, dtype=np.float64):
    """The same model for the same seed."""
    rng = np.random.default_rng(seed)
    layers = {"encoder": Linear(D, E, rng=rng), "embedding": Embedding(V, E, rng=rng),
              "lstm": LSTM(E, H, rng=rng), "output": Linear(H, V, rng=rng)}
    layers["embedding"].W.data *= 10
    if zero:
        layers["output"].W.data[...] = 0
    return SimpleNamespace(**{name: layer.astype(dtype) for name, layer in layers.items()})


def parameters_of(model):
    return {f"{name}.{p}": parameter for name, layer in vars(model).items()
            for p, parameter in layer.named_parameters()}


def step(model, features, tokens, targets, lengths, *, reads=None, image="first", says=slice(1, None), more=1,
         back_says=None, words=slice(1, None), of_image=lambda dx: dx[:, 0]):
    """The solution, with room for mistakes."""
    seen, of_encoder = model.encoder.forward(features)
    read, of_embedding = model.embedding.forward(tokens if reads is None else reads(tokens, targets))
    x = {"first": lambda: np.concatenate([seen[:, None], read], axis=1),
         "last": lambda: np.concatenate([read, seen[:, None]], axis=1),
         "zeros": lambda: np.concatenate([0 * seen[:, None], read], axis=1),
         "added": lambda: np.concatenate([0 * seen[:, None], read + seen[:, None]], axis=1)}[image]()
    (y, _, _), of_lstm = model.lstm.forward(x, lengths=lengths + more)
    logits, of_output = model.output.forward(y[:, says])
    loss, dlogits = masked(logits, targets, lengths)
    dy = np.zeros_like(y)
    dy[:, says if back_says is None else back_says] = model.output.backward(dlogits, of_output)
    dx, _, _ = model.lstm.backward((dy, None, None), of_lstm)
    model.embedding.backward(dx[:, words], of_embedding)
    model.encoder.backward(of_image(dx), of_encoder)
    return loss


def answer_of(take_step, seed, captions, features, **options):
    """The loss, whether gradients are left, and those of GIVES; zeros where nothing has arrived."""
    model = model_of(seed, features.shape[1], zero=seed == 0)
    passed, backward = [], model.output.backward
    before = {name: parameter.data.copy() for name, parameter in parameters_of(model).items()}
    model.output.backward = lambda *inputs: passed.append(True) or backward(*inputs)
    loss = take_step(model, features, *batch_of(captions), **options)
    parameters = parameters_of(model)
    left = any(parameter.grad is not None and parameter.grad.any() for parameter in parameters.values())
    found = [np.zeros_like(parameters[name].data) if parameters[name].grad is None else parameters[name].grad
             for name in GIVES]
    moved = any(not np.array_equal(parameter.data, before[name]) for name, parameter in parameters.items())
    return loss, MOVED if moved else CLEARED if passed and not left else LEFT, *found


def with_step(**mistake):
    return partial(answer_of, step, **mistake)


def learner_s(module, *inputs):
    loss, *found = answer_of(module.training_step, *inputs)
    if not isinstance(loss, (float, np.floating, np.ndarray)) or np.size(loss) != 1:
        raise TypeError(f"training_step has to return the loss, one number, and not {type(loss).__name__}")
    return (np.reshape(loss, ()), *found)


def overfits(module):
    """None, or a sentence: eight captions are learned by heart."""
    rng = np.random.default_rng(1)
    captions = [rng.integers(4, 20, rng.integers(3, 8)).tolist() for _ in range(8)]
    batch, features = batch_of(captions), rng.standard_normal((8, 10)).astype(np.float32)
    model, losses = model_of(2, 10, 32, 32, 20, dtype=np.float32), []
    optimizer = Adam(parameters_of(model), lr=0.02)
    for _ in range(60):
        losses.append(float(module.training_step(model, features, *batch)))
        optimizer.step()
        for parameter in parameters_of(model).values():
            parameter.grad = None
    if not losses[-1] < 0.1:
        return (f"eight captions were not memorised in 60 steps: the loss went from {losses[0]:.2f} to "
                f"{losses[-1]:.2f}, and 0.1 is easily reached.")
    return None


EXAMPLE = 0, CAPTIONS, np.array([[1.0, 2, 3], [3, 1, 2]])

TRAINING_STEP = Exercise(
    "20.4", "training_step", ("loss", "gradients", *GIVES), with_step(), example=(EXAMPLE, with_step()(*EXAMPLE)),
    cases=lambda rng: (int(rng.integers(1, 1000)), random_captions(rng), rng.standard_normal((4, 3))),
    call=learner_s, learns=overfits, needs=("masked_loss",),
    mistakes={("loss", *GIVES): [
        ("the outputs are one step off", "The last output was dropped, and the first one used. After the image nothing "
         "is said; after START the first word is: y[:, 1:].", with_step(says=slice(None, -1))),
        ("the lstm ends one step early", "The last step of every caption was not computed. With the image in front "
         "each row has lengths + 1 steps.", with_step(more=0)),
        ("it reads what it should say", "targets were embedded where tokens belong: the model reads the answer.",
         with_step(reads=lambda tokens, targets: targets)),
        ("the image is read last", "The image comes after the words. The lstm reads it first.",
         with_step(image="last")),
        ("the image does not matter", "The image changes nothing: the lstm reads zeros for it, or reads it after the "
         "words. It reads it first.", with_step(image="zeros")),
        ("the image is added to every word", "The image was added to the words. It is a step of its own, in front of "
         "them.", with_step(image="added")),
    ], "gradients": [
        ("the gradients are cleared at the end", "All gradients are gone when training_step returns: they were cleared "
         "at the end. The optimizer still needs them; whoever calls it clears them.", lambda: CLEARED),
        ("the parameters are changed", "The parameters have been changed. training_step leaves gradients; the step "
         "against them is the optimizer's, whoever calls it.", lambda: MOVED),
    ], ("lstm.cell.b", "lstm.cell.W", "lstm.cell.U"): [
        ("dy is one step off", "The outputs' gradient was put one step too early. The loss is about y[:, 1:], so it "
         "goes to dy[:, 1:].", with_step(back_says=slice(None, -1))),
    ], "embedding.W": [
        ("the words got the image's gradient", "The embedding got dx[:, :-1]. Step 0 was the image; the words are "
         "dx[:, 1:].", with_step(words=slice(None, -1))),
    ], ("encoder.b", "encoder.W"): [
        ("the image got a word's gradient", "The encoder got the gradient of a word's step. The image is step 0: dx[:, "
         "0].", (with_step(of_image=lambda dx: dx[:, -1]), with_step(of_image=lambda dx: dx[:, 1]))),
        ("the image got everything's gradient", "The encoder got the sum over all steps. The image was read once, in "
         "step 0: dx[:, 0].", with_step(of_image=lambda dx: dx.sum(axis=1))),
    ], GIVES: [
        ("no gradient arrives", "This parameter has no gradient. Did its layer's backward run, with the gradient that "
         "the next layer returned, not with zeros, and was nothing cleared afterwards?",
         lambda right: np.zeros_like(right)),
    ]})

EXERCISES = (TEACHER_FORCING, LOG_FREQUENCIES, MASKED_LOSS, TRAINING_STEP)
