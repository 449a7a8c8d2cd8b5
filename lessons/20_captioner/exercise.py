"""Lesson 20: a captioner. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np

from minicap.captioning.text.vocabulary import END, NEVER, PAD, START  # 0 PAD, 1 START, 2 END; NEVER is -30
from minicap.losses import log_softmax  # over the last axis


def teacher_forcing(captions):
    """The inputs and the targets of the model for a batch of captions.

    captions: N lists of word indices. Returns (tokens, targets, lengths): tokens (N, T), START and then the words;
    targets (N, T), the words and then END; both padded with PAD at the end of the row, T being the longest. lengths
    (N,): how many targets of each row are real, END included.

        captions = [[4, 5, 6],         tokens = [[1, 4, 5, 6],    targets = [[4, 5, 6, 2],    lengths = [4, 3]
                    [7, 8]]                      [1, 7, 8, 0]]               [7, 8, 2, 0]]
    """
    raise NotImplementedError("exercise 20.1 is still to do")


def log_frequencies(targets, lengths, V):
    """The log of every word's relative frequency among the real targets: the initial bias of the output layer.

    targets: (N, T), lengths: (N,), as teacher_forcing returns them. Returns (V,); NEVER for a word that is never a
    target.

        targets = [[4, 5, 6, 2],    lengths = [4, 3]    V = 9
                   [7, 8, 2, 0]]

        [-30, -30, log 2/7, -30, log 1/7, log 1/7, log 1/7, log 1/7, log 1/7]    7 real targets, 2 of them END
    """
    raise NotImplementedError("exercise 20.2 is still to do")


def masked_loss(logits, targets, lengths):
    """The mean cross-entropy of the real targets, and its gradient.

    logits: (N, T, V), any finite numbers; targets: (N, T), lengths: (N,): in row n the columns 0 ... lengths[n] - 1
    count. Returns (loss, dlogits): the mean, over all M = Σ lengths real targets, of -log softmax(logits)[target]; its
    gradient (N, T, V).

        V = 2    logits = [[[0, 0], [log 3, 0]]]    targets = [[1, 0]]    lengths = [1]

        Probabilities are 1/2 and 1/2, then 3/4 and 1/4; only the first position counts:
        loss = log 2 = 0.6931    dlogits = [[[0.5, -0.5], [0, 0]]]
    """
    raise NotImplementedError("exercise 20.3 is still to do")


def training_step(model, features, tokens, targets, lengths):
    """Forward and backward through the captioner: returns the loss, and leaves every gradient in its parameter.

    model has four minicap layers: ``encoder``, Linear(D -> E), for features (N, D); ``embedding``, for V words of E
    numbers; ``lstm``, LSTM(E -> H); ``output``, Linear(H -> V). The lstm reads the encoded image first, then the
    embedded tokens: 1 + T steps. Its output after the image is not used; after token t it predicts target t.

        layer.forward(x) returns (y, cache); layer.backward(dy, cache) adds to its gradients and returns dx.
        model.lstm.forward(x, lengths=steps of each row) returns ((y, h, c), cache): x (N, 1 + T, E), y (N, 1 + T, H).
        model.lstm.backward((dy, None, None), cache) returns (dx, dh0, dc0).

    An example to do by hand: if output.W and output.b are 0, all V words are equally probable. For the two captions of
    teacher_forcing and V = 9, whatever the features:

        loss = log 9 = 2.1972    model.output.b.grad = 1/9 - the word's frequency among the targets:
                                 [1/9, 1/9, 1/9 - 2/7, 1/9, 1/9 - 1/7, 1/9 - 1/7, 1/9 - 1/7, 1/9 - 1/7, 1/9 - 1/7]
        and the lstm, the embedding and the encoder get gradients of 0: nothing passes through an output.W of 0.
    """
    raise NotImplementedError("exercise 20.4 is still to do")
