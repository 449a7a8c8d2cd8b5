"""Lesson 6: overfit eight examples first. Fill in what is still to do, then `python -m minicap.learn check`."""

import numpy as np

from minicap import SoftmaxCrossEntropy


def baselines(targets, V):
    """Two losses that need no picture: that of equal probabilities, and that of each class's frequency.

    targets: (N,) whole numbers from 0 to V - 1, the right classes. Returns two numbers: the cross-entropy when every
    class gets the probability 1 / V, and when every class gets its relative frequency among the targets. A class that
    never occurs contributes 0.

        targets = [0, 0, 0, 1], V = 3
        baselines(targets, V) = (log 3, -(3/4 log 3/4 + 1/4 log 1/4)) = (1.099, 0.562)
    """
    raise NotImplementedError("exercise 6.1 is still to do")


def starts_right(model, x, targets, V):
    """Is the loss before any training that of guessing? True if it is within 10 % of log V, else False.

    model: model(x) gives the logits, one row for each sample; targets: (N,) whole numbers; V: the number of classes.
    The loss is the cross-entropy (SoftmaxCrossEntropy()(logits, targets)).

        logits all 0: the loss is log V, True
        logits of 100 for class 0, and targets of all kinds: the loss is far above log V, False
        logits of 100 for the right class of each: the loss is near 0 before anything was learned, False
    """
    raise NotImplementedError("exercise 6.2 is still to do")


def can_overfit(model, optimizer, x, targets):
    """Can the model memorise these few samples? Train it on all of them at once for 50 steps, then look at the loss.

    model: a Layer, with forward, backward and zero_grad; optimizer: has step(). Returns True if the cross-entropy of
    the last step is below 0.05, else False.

        a linear layer and two different samples:            True
        the same layer and one sample with two labels:       False, no answer is right for both
    """
    raise NotImplementedError("exercise 6.3 is still to do")


def with_shuffled_labels(fit, x, targets, x_dev, targets_dev, rng):
    """Accuracy on dev after training on the labels as they are, and after training on the same labels shuffled.

    fit(x, targets) trains a fresh model and returns a function predict; predict(x) gives the class of each sample.
    Accuracy is the fraction of dev samples whose predicted class is right. Shuffle only the training labels, with rng,
    so that pictures and labels no longer match; targets itself has to stay as it is. Returns two numbers.

        4 dev samples. Labels as they are: 3 of 4 right. Shuffled: 1 of 4.
        with_shuffled_labels(...) = (0.75, 0.25)
    """
    raise NotImplementedError("exercise 6.4 is still to do")
