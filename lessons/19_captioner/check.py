"""What lesson 19 asks for."""

from types import SimpleNamespace

import numpy as np

from minicap import LSTM, Adam, Embedding, Linear
from minicap.captioning.text.vocabulary import END, NEVER, PAD, START
from minicap.learn.exercises import Exercise, Mistake
from minicap.losses import log_softmax


def random_captions(rng, V=9, N=4):
    """N captions of different lengths, the longest not in front."""
    lengths = rng.permutation([1, 2, 3, 5])[:N]
    return [rng.integers(4, V, length).tolist() for length in lengths]


# ---------------------------------------------------------------------------------------------------- teacher_forcing

def padded(rows, fill=PAD, front=False):
    T = max(map(len, rows))
    return np.array([[fill] * (T - len(row)) + row if front else row + [fill] * (T - len(row)) for row in rows])


def batch_of(captions):
    return (padded([[START, *words] for words in captions]), padded([[*words, END] for words in captions]),
            np.array([len(words) + 1 for words in captions]))


def in_tokens(name, sentence, wrong):
    return Mistake(name, sentence, lambda right, captions: wrong(captions), "tokens")


def in_targets(name, sentence, wrong):
    return Mistake(name, sentence, lambda right, captions: wrong(captions), "targets")


CAPTIONS = [[4, 5, 6], [7, 8]]

TEACHER_FORCING = Exercise(
    "19.1", "teacher_forcing", ("tokens", "targets", "lengths"), batch_of,
    example=((CAPTIONS,), (np.array([[1, 4, 5, 6], [1, 7, 8, 0]]), np.array([[4, 5, 6, 2], [7, 8, 2, 0]]),
                           np.array([4, 3]))),
    cases=lambda rng: (random_captions(rng),),
    mistakes=(
        in_tokens("it reads what it should say", "tokens are the targets. The model would read the very word it has "
                  "to say next, learn to copy it, and be lost when nobody tells it. tokens begin with START and are "
                  "one step behind.", lambda captions: padded([[*words, END] for words in captions])),
        in_tokens("START is missing", "tokens begin with the first word. Something has to be read before anything is "
                  "said: START stands in front.", lambda captions: padded(captions)),
        in_tokens("END is read", "tokens end with END. It is the last thing that is said, and after it nothing is "
                  "read: START and the words.", lambda captions: padded([[START, *words, END] for words in captions])),
        in_tokens("the last word is not read", "The last word of every caption is missing in tokens. After it END "
                  "has to be said, so it is read, too.",
                  lambda captions: padded([[START, *words[:-1]] for words in captions])),
        in_tokens("the last word is not read", "The last word of every caption is missing in tokens. After it END "
                  "has to be said, so it is read, too.",
                  lambda captions: np.pad(padded([[START, *words[:-1]] for words in captions]), ((0, 0), (0, 1)))),
        in_tokens("padding in front", "PAD stands in front of the short captions. It belongs behind: the image is "
                  "read first, and the words have to follow it at once.",
                  lambda captions: padded([[START, *words] for words in captions], front=True)),
        in_tokens("filled with END", "The rows are filled up with END. What fills is PAD, and it is never looked at.",
                  lambda captions: padded([[START, *words] for words in captions], fill=END)),
        in_targets("END is missing", "targets lack END. A model that never has to say it never stops.",
                   lambda captions: padded([*captions])),
        in_targets("END is missing", "targets lack END. A model that never has to say it never stops.",
                   lambda captions: np.pad(padded([*captions]), ((0, 0), (0, 1)), constant_values=PAD)),
        in_targets("it has to say START", "targets begin with START. It is read, and never said: the first target is "
                   "the first word.", lambda captions: padded([[START, *words] for words in captions])),
        in_targets("it has to say START", "targets begin with START. It is read, and never said: the first target is "
                   "the first word.", lambda captions: padded([[START, *words, END] for words in captions])),
        in_targets("padding in front", "PAD stands in front of the short captions. It belongs behind.",
                   lambda captions: padded([[*words, END] for words in captions], front=True)),
        in_targets("filled with END", "The rows are filled up with END. What fills is PAD, and it is never a target "
                   "that counts.", lambda captions: padded([[*words, END] for words in captions], fill=END)),
        in_targets("END at the end of the row", "END stands in the last column of every row, behind the padding. It "
                   "comes right after the last word.",
                   lambda captions: np.concatenate([padded([*captions]), np.full((len(captions), 1), END)], axis=1)),
        Mistake("END is not counted", "lengths are those of the captions without END. END is a target, too: one more.",
                lambda right, captions: right - 1, "lengths"),
        Mistake("START and END are counted", "lengths are one too large: START and END were both counted. Only END "
                "is a target.", lambda right, captions: right + 1, "lengths"),
        Mistake("all rows have length T", "lengths are T for every row. They say where each row ends.",
                lambda right, captions: np.full_like(right, right.max()), "lengths"),
    ))


# ---------------------------------------------------------------------------------------------------- log_frequencies

def counts_of(targets, lengths, V, extra=0, every=False):
    real = np.arange(targets.shape[1]) < (lengths + extra)[:, None]
    return np.bincount(targets[real | every], minlength=V).astype(float)


def logs(counts, never=NEVER, total=None, log=np.log):
    with np.errstate(divide="ignore"):
        return np.where(counts > 0, log(counts / (counts.sum() if total is None else total)), never)


def frequencies(targets, lengths, V):
    return logs(counts_of(targets, lengths, V))


def in_frequencies(name, sentence, wrong):
    return Mistake(name, sentence, lambda right, *inputs: wrong(*inputs))


def some_targets(rng):
    _, targets, lengths = batch_of([rng.integers(4, 11, n).tolist() for n in rng.permutation([2, 4, 5, 9])])
    return targets, lengths, 13


LOG_FREQUENCIES = Exercise(
    "19.2", "log_frequencies", ("b",), frequencies,
    example=((*batch_of(CAPTIONS)[1:], 9), np.where(np.arange(9) == END, np.log(2 / 7), np.where(
        np.arange(9) > 3, np.log(1 / 7), NEVER))),
    cases=some_targets,
    mistakes=(
        in_frequencies("padding is counted", "PAD was counted as if it were said. Only the first lengths[n] targets "
                       "of row n are real.", lambda t, l, V: logs(counts_of(t, l, V, every=True))),
        in_frequencies("padding is in the total", "Every share is too small: the counts were divided by N · T, "
                       "padding included. Divide by the number of real targets, Σ lengths.",
                       lambda t, l, V: logs(counts_of(t, l, V), total=t.size)),
        in_frequencies("the total is V", "The counts were divided by the size of the vocabulary. Divide by the "
                       "number of real targets, Σ lengths.", lambda t, l, V: logs(counts_of(t, l, V), total=V)),
        in_frequencies("END is not counted", "The last real target of each row, END, was left out. A model has to "
                       "know how often captions end.", lambda t, l, V: logs(counts_of(t, l, V, extra=-1))),
        in_frequencies("minus infinity", "Where a word is never a target it is log 0 = -inf. The loss of it would be "
                       "infinite, and its gradient not a number: put NEVER there.",
                       lambda t, l, V: logs(counts_of(t, l, V), never=-np.inf)),
        in_frequencies("never means 0", "A word that is never a target has 0, which is the log of 1: it would be the "
                       "most probable word of all. Put NEVER there.",
                       lambda t, l, V: logs(counts_of(t, l, V), never=0)),
        in_frequencies("the log of the counts", "It is the log of the counts. Divide them by their sum, so that e to "
                       "these numbers are probabilities. (The softmax would forgive you, since it ignores what is "
                       "added to all logits; but NEVER is meant beside probabilities.)",
                       lambda t, l, V: logs(counts_of(t, l, V), total=1)),
        in_frequencies("no logarithm", "These are the shares without their logarithm. The bias is added to logits, "
                       "and logits are logarithms.", lambda t, l, V: counts_of(t, l, V) / counts_of(t, l, V).sum()),
        in_frequencies("no logarithm", "These are the shares without their logarithm. The bias is added to logits, "
                       "and logits are logarithms.",
                       lambda t, l, V: logs(counts_of(t, l, V), log=lambda share: share)),
        in_frequencies("one is added", "One was added to every count. Here words that never occur get NEVER instead.",
                       lambda t, l, V: logs(counts_of(t, l, V) + 1)),
        in_frequencies("another logarithm", "It is a logarithm to another base. Natural logarithms are meant, "
                       "np.log, as in the softmax.", lambda t, l, V: logs(counts_of(t, l, V), log=np.log10)),
    ))


# -------------------------------------------------------------------------------------------------------- masked_loss

def masked(logits, targets, lengths, *, extra=0, share=None, hot=1.0):
    """(loss, dlogits)"""
    N, T, V = logits.shape
    real = (np.arange(T) < (lengths + extra)[:, None]).astype(float)
    weight = real / real.sum() if share is None else real * share(N, T, lengths)
    one_hot, log_p = np.eye(V)[targets], log_softmax(logits)
    return -(weight[:, :, None] * one_hot * log_p).sum(), weight[:, :, None] * (np.exp(log_p) - hot * one_hot)


def in_loss(name, sentence, wrong):
    return Mistake(name, sentence, lambda right, *inputs: np.asarray(wrong(*inputs)), "loss")


def in_dlogits(name, sentence, wrong):
    return Mistake(name, sentence, lambda right, *inputs: wrong(*inputs), "dlogits")


def every(logits, targets, lengths):
    return masked(logits, targets, np.full_like(lengths, logits.shape[1]))


def chosen(values, targets, lengths):
    """The sum of values[target] over the real targets, divided by their number."""
    real = np.arange(targets.shape[1]) < lengths[:, None]
    return np.take_along_axis(values, targets[:, :, None], 2)[:, :, 0][real].mean()


def logits_case(rng):
    _, targets, lengths = batch_of([rng.integers(4, 7, n).tolist() for n in rng.permutation([1, 2, 4])])
    return 2 * rng.standard_normal((3, 5, 7)), targets, lengths


MASKED_LOSS = Exercise(
    "19.3", "masked_loss", ("loss", "dlogits"), masked,
    example=((np.array([[[0.0, 0], [np.log(3), 0]]]), np.array([[1, 0]]), np.array([1])),
             (np.log(2), np.array([[[0.5, -0.5], [0.0, 0.0]]]))),
    cases=logits_case,
    mistakes=(
        in_loss("padding counts", "The padding counts, as if PAD had to be said. The model soon learns to do that, "
                "and the loss looks good for the wrong reason. Only the first lengths[n] columns of row n count.",
                lambda *inputs: every(*inputs)[0]),
        in_loss("divided by all places", "The real targets were summed, and divided by N · T. Divide by their "
                "number, Σ lengths, or a batch with much padding counts for less.",
                lambda *inputs: masked(*inputs, share=lambda N, T, lengths: 1 / (N * T))[0]),
        in_loss("divided by the captions", "The sum was divided by N. It is a mean over words: divide by Σ lengths.",
                lambda *inputs: masked(*inputs, share=lambda N, T, lengths: 1 / N)[0]),
        in_loss("not divided", "It is the sum over all real targets. Divide by their number, Σ lengths.",
                lambda *inputs: masked(*inputs, share=lambda N, T, lengths: 1)[0]),
        in_loss("a mean of means", "Every caption was averaged by itself, and then the captions. That way a word in "
                "a short caption counts for more. All real words count alike: one sum, divided by Σ lengths.",
                lambda *inputs: masked(*inputs, share=lambda N, T, lengths: 1 / (N * lengths[:, None]))[0]),
        in_loss("END does not count", "The last real target of each row is missing: END. Columns 0 ... lengths[n] - "
                "1 count, which is `np.arange(T) < lengths[:, None]`.", lambda *inputs: masked(*inputs, extra=-1)[0]),
        in_loss("END does not count", "The last real target of each row is missing: END. Columns 0 ... lengths[n] - "
                "1 count, which is `np.arange(T) < lengths[:, None]`.",
                lambda *inputs: masked(*inputs, extra=-1, share=lambda N, T, lengths: 1 / lengths.sum())[0]),
        in_loss("one column too many", "One padded column of each row counts, too: `<=` where `<` is meant.",
                lambda *inputs: masked(*inputs, extra=1)[0]),
        in_loss("one column too many", "One padded column of each row counts, too: `<=` where `<` is meant.",
                lambda *inputs: masked(*inputs, extra=1, share=lambda N, T, lengths: 1 / lengths.sum())[0]),
        in_loss("no softmax", "It is the mean of -logits[target]. Logits are made probabilities first: log_softmax.",
                lambda logits, targets, lengths: -chosen(logits, targets, lengths)),
        in_loss("no logarithm", "It is the mean of -p[target]. The loss is -log p.",
                lambda logits, targets, lengths: -chosen(np.exp(log_softmax(logits)), targets, lengths)),
        in_loss("the minus is missing", "It is the mean of log p, which is negative. The loss is -log p.",
                lambda *inputs: -masked(*inputs)[0]),
        in_dlogits("the target is not subtracted", "dlogits is the probabilities, divided. At the target 1 is "
                   "subtracted first: p - one_hot.", lambda *inputs: masked(*inputs, hot=0.0)[1]),
        in_dlogits("padding gets a gradient", "dlogits is not 0 where there is padding. What does not count in the "
                   "loss gets no gradient.", lambda *inputs: every(*inputs)[1] * (inputs[1].size / inputs[2].sum())),
        in_dlogits("padding gets a gradient", "dlogits is not 0 where there is padding. What does not count in the "
                   "loss gets no gradient.", lambda *inputs: every(*inputs)[1]),
        in_dlogits("not divided", "dlogits is Σ lengths times too large: the loss is a mean, so each word's share of "
                   "the gradient is divided by that, too.",
                   lambda *inputs: masked(*inputs, share=lambda N, T, lengths: 1)[1]),
        in_dlogits("divided by all places", "dlogits was divided by N · T. The loss is divided by Σ lengths.",
                   lambda *inputs: masked(*inputs, share=lambda N, T, lengths: 1 / (N * T))[1]),
        in_dlogits("divided by the captions", "dlogits was divided by N. The loss is divided by Σ lengths.",
                   lambda *inputs: masked(*inputs, share=lambda N, T, lengths: 1 / N)[1]),
        in_dlogits("one minus p", "dlogits has the wrong sign: one_hot - p. Going down the slope has to make the "
                   "target more probable, so its gradient is negative: p - one_hot.",
                   lambda *inputs: -masked(*inputs)[1]),
    ))


# ------------------------------------------------------------------------------------------------------ training_step

SIZES = {"D": 3, "E": 4, "H": 5, "V": 9}
GIVES = ("output.b", "output.W", "lstm.cell.b", "lstm.cell.W", "lstm.cell.U", "embedding.W", "encoder.b", "encoder.W")


def model_of(seed, D, E, H, V, zero=False, dtype=np.float64):
    """The same model for the same seed."""
    rng = np.random.default_rng(seed)
    layers = {"encoder": Linear(D, E, rng=rng), "embedding": Embedding(V, E, rng=rng),
              "lstm": LSTM(E, H, rng=rng), "output": Linear(H, V, rng=rng)}
    layers["embedding"].W.data *= 10
    if zero:
        layers["output"].W.data[...] = 0
    return SimpleNamespace(**{name: layer.astype(dtype) for name, layer in layers.items()})


def gradients(model):
    """Those of GIVES; zeros where nothing has arrived."""
    parameters = {f"{name}.{p}": parameter for name, layer in vars(model).items()
                  for p, parameter in layer.named_parameters()}
    return [np.zeros_like(parameters[name].data) if parameters[name].grad is None else parameters[name].grad
            for name in GIVES]


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
    tokens, targets, lengths = batch_of(captions)
    sizes = SIZES | {"D": features.shape[1]}
    model = model_of(seed, **sizes, zero=seed == 0)
    loss = take_step(model, features, tokens, targets, lengths, **options)
    return (loss, *gradients(model))


def learner_s(module, *inputs):
    loss, *found = answer_of(module.training_step, *inputs)
    if not isinstance(loss, (float, np.floating, np.ndarray)) or np.size(loss) != 1:
        raise TypeError(f"training_step has to return the loss, one number, and not {type(loss).__name__}")
    return (np.reshape(loss, ()), *found)


def in_step(of, name, sentence, **options):
    def wrong(right, *inputs):
        return np.asarray(dict(zip(ALL, answer_of(step, *inputs, **options), strict=True))[of])

    return Mistake(name, sentence, wrong, of)


def in_each(names, name, sentence, **options):
    return [in_step(of, name, sentence, **options) for of in names]


def untouched(of):
    sentence = (f"{of} has no gradient. Did its layer's backward run, with what the layer behind it wants, and not "
                "with zeros?")
    return Mistake("no gradient arrives", sentence, lambda right, *inputs: np.zeros_like(right), of)


ALL, OF_LSTM, OF_ENCODER = ("loss", *GIVES), ("lstm.cell.b", "lstm.cell.W", "lstm.cell.U"), ("encoder.b", "encoder.W")


def overfits(module):
    """None, or a sentence: eight captions are learned by heart."""
    rng = np.random.default_rng(1)
    captions = [rng.integers(4, 20, rng.integers(3, 8)).tolist() for _ in range(8)]
    batch, features = batch_of(captions), rng.standard_normal((8, 10)).astype(np.float32)
    model = model_of(2, 10, 32, 32, 20, dtype=np.float32)
    parameters = {f"{name}.{p}": parameter for name, layer in vars(model).items()
                  for p, parameter in layer.named_parameters()}
    optimizer = Adam(parameters, lr=0.02)
    first = last = None
    for _ in range(60):
        last = float(module.training_step(model, features, *batch))
        first = last if first is None else first
        optimizer.step()
        for parameter in parameters.values():
            parameter.grad = None
    if not last < 0.1:
        return (f"eight captions were not learned by heart in 60 steps: the loss went from {first:.2f} to {last:.2f}, "
                "and 0.1 is easily reached.")
    return None


TRAINING_STEP = Exercise(
    "19.4", "training_step", ("loss", *GIVES), lambda *inputs: answer_of(step, *inputs),
    example=((0, CAPTIONS, np.array([[1.0, 2, 3], [3, 1, 2]])),
             answer_of(step, 0, CAPTIONS, np.array([[1.0, 2, 3], [3, 1, 2]]))),
    cases=lambda rng: (int(rng.integers(1, 1000)), random_captions(rng), rng.standard_normal((4, 3))),
    call=learner_s, learns=overfits, needs=("masked_loss",),
    mistakes=(
        *in_each(ALL, "the outputs are one step off", "Each word was said before it was read: the last output was "
                 "dropped, and the first one used. After the image nothing is said; after START the first word is. "
                 "y[:, 1:].", says=slice(None, -1)),
        *in_each(ALL, "the lstm ends one step early", "The last step of every caption was not computed. With the "
                 "image in front each row has lengths + 1 steps.", more=0),
        *in_each(ALL, "it reads what it should say", "targets were embedded where tokens belong: the model reads the "
                 "answer.", reads=lambda tokens, targets: targets),
        *in_each(ALL, "the image is read last", "The image stands behind the words. It is what the lstm reads first.",
                 image="last"),
        *in_each(ALL, "the image does not matter", "The image changes nothing: the lstm reads zeros for it, or reads "
                 "it when all has been said. It is what the lstm reads first.", image="zeros"),
        *in_each(ALL, "the image is added to every word", "The image was added to the words. It is a step of its "
                 "own, in front of them.", image="added"),
        *in_each(OF_LSTM, "dy is one step off", "The gradient of the outputs was put one step too early. The outputs "
                 "that say something are y[:, 1:], so their gradient goes to dy[:, 1:].", back_says=slice(None, -1)),
        in_step("embedding.W", "the words got the image's gradient", "The embedding got dx[:, :-1]. Step 0 was the "
                "image; the words are dx[:, 1:].", words=slice(None, -1)),
        *in_each(OF_ENCODER, "the image got a word's gradient", "The encoder got the gradient of the last step. The "
                 "image is step 0: dx[:, 0].", of_image=lambda dx: dx[:, -1]),
        *in_each(OF_ENCODER, "the image got a word's gradient", "The encoder got the gradient of step 1, which is "
                 "START. The image is step 0: dx[:, 0].", of_image=lambda dx: dx[:, 1]),
        *in_each(OF_ENCODER, "the image got everything's gradient", "The encoder got the sum over all steps. The "
                 "image was read once, in step 0: dx[:, 0].", of_image=lambda dx: dx.sum(axis=1)),
        *map(untouched, GIVES),
    ))

EXERCISES = (TEACHER_FORCING, LOG_FREQUENCIES, MASKED_LOSS, TRAINING_STEP)
