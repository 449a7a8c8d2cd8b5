"""The learner's functions in place of the library's: compared with it, swapped in, used in training, and removed."""

import dataclasses
import io
import json

import numpy as np
import pytest
import tiny_captioner

from minicap import conv, recurrent, train
from minicap.captioning.models.show_tell import small_cnn
from minicap.errors import UserError
from minicap.learn import own_functions
from minicap.learn.console import Console
from minicap.learn.progress import Progress
from minicap.recurrent import LSTM

CONVOLUTION = '''
import numpy as np

CALLS = []


def conv2d(x, W, b, S=1, P=0):
    CALLS.append("conv2d")
    (N, H, Wd, C), K, F = x.shape, len(W), W.shape[3]
    x = np.pad(x, ((0, 0), (P, P), (P, P), (0, 0)))
    OH, OW = (H + 2 * P - K) // S + 1, (Wd + 2 * P - K) // S + 1
    return b + sum(x[:, kh:kh + S * OH:S, kw:kw + S * OW:S] @ W[kh, kw] for kh in range(K) for kw in range(K))


def conv2d_backward(dy, x, W, S=1, P=0):
    CALLS.append("conv2d_backward")
    (N, OH, OW, F), K = dy.shape, len(W)
    padded = np.pad(x, ((0, 0), (P, P), (P, P), (0, 0)))
    dx, dW = np.zeros_like(padded), np.zeros_like(W)
    for kh in range(K):
        for kw in range(K):
            place = np.s_[:, kh:kh + S * OH:S, kw:kw + S * OW:S]
            dW[kh, kw] = np.tensordot(padded[place], dy, axes=([0, 1, 2], [0, 1, 2]))
            dx[place] += dy @ W[kh, kw].T
    H, Wd = x.shape[1:3]
    return dx[:, P:P + H, P:P + Wd], dW, dy.sum(axis=(0, 1, 2))
'''
LSTM_STEP = '''
import numpy as np

CALLS = []


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step(x, h, c, W, U, b):
    CALLS.append("lstm_step")
    i, f, o, g = np.split(x @ W + h @ U + b, 4, axis=1)
    i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    new = f * c + i * g
    return o * np.tanh(new), new, (x, h, c, W, U, i, f, o, g, new)


def lstm_step_backward(dh, dc, cache):
    CALLS.append("lstm_step_backward")
    x, h, c, W, U, i, f, o, g, new = cache
    t = np.tanh(new)
    dc = dc + dh * o * (1 - t * t)
    di, df, do, dg = dc * g * i * (1 - i), dc * c * f * (1 - f), dh * t * o * (1 - o), dc * i * (1 - g * g)
    dz = np.concatenate([di, df, do, dg], axis=1)
    return dz @ W.T, dz @ U.T, dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)
'''
LOOPS = '''
import numpy as np


def conv2d_loops(x, W, b, S=1, P=0):
    (N, H, Wd, C), K, F = x.shape, len(W), W.shape[3]
    x = np.pad(x, ((0, 0), (P, P), (P, P), (0, 0)))
    y = np.zeros((N, (H + 2 * P - K) // S + 1, (Wd + 2 * P - K) // S + 1, F), x.dtype)
    for n, oh, ow, f in np.ndindex(y.shape):
        y[n, oh, ow, f] = (x[n, oh * S:oh * S + K, ow * S:ow * S + K] * W[..., f]).sum() + b[f]
    return y
'''


@pytest.fixture
def course(tmp_path):
    """A learner's folder with three lessons that are done."""
    for name, source in (("07_convolution", LOOPS), ("09_fast_convolution", CONVOLUTION), ("19_lstm", LSTM_STEP)):
        (tmp_path / "course" / name).mkdir(parents=True)
        (tmp_path / "course" / name / "exercise.py").write_text(source)
    return Progress(tmp_path / "course")


def functions(course, number):
    lesson = own_functions.the_lesson(course.lessons, number)
    return own_functions.functions_of(lesson, own_functions.part_of(lesson, course.lessons))


def gradients(layer, dy, *inputs, **options):
    layer.zero_grad()
    y, cache = layer.forward(*inputs, **options)
    d = layer.backward(dy, cache)
    return [*(y if isinstance(y, tuple) else [y]), *(d if isinstance(d, tuple) else [d] * (d is not None)),
            *(p.grad for p in layer.parameters())]


def assert_same(found, expected):
    assert len(found) == len(expected) > 2
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4 * max(1, np.abs(b).max()))


def test_a_cnn_gives_the_same_with_their_convolution_which_is_called_and_then_forgotten(course, rng):
    cnn = small_cnn(16, 5, channels=(4, 6), rng=rng)
    x, dy = (rng.standard_normal(shape).astype(np.float32) for shape in ((3, 16, 16, 3), (3, 5)))
    expected, before = gradients(cnn, dy, x), (conv.conv2d, conv.conv2d_backward)
    theirs = functions(course, 9)
    with own_functions.swapped(own_functions.convolution_replacements(theirs)):
        found = gradients(cnn, dy, x)
    assert_same(found, expected)
    calls = theirs["conv2d"].__globals__["CALLS"]
    assert calls.count("conv2d") == calls.count("conv2d_backward") == 2
    assert (conv.conv2d, conv.conv2d_backward) == before


@pytest.mark.parametrize("options", ["plain", "lengths", "constant"])
def test_an_lstm_gives_the_same_with_their_step(course, rng, options):
    layer = LSTM(7 if options == "constant" else 4, 6, rng=rng)
    x, h, c, constant, dy, dh, dc = (rng.standard_normal(shape).astype(np.float32) for shape in (
        (3, 5, 4), (3, 6), (3, 6), (3, 3), (3, 5, 6), (3, 6), (3, 6)))
    given = {"plain": {}, "lengths": {"lengths": np.array([2, 5, 1])},
             "constant": {"constant": constant, "lengths": np.array([5, 3, 4])}}[options]
    if "lengths" in given:
        dy[np.arange(5) >= given["lengths"][:, None]] = 0
    expected = gradients(layer, (dy, dh, dc), x, h, c, **given)
    theirs = functions(course, 19)
    with own_functions.swapped(own_functions.lstm_replacements(theirs)):
        found = gradients(layer, (dy, dh, dc), x, h, c, **given)
    assert_same(found, expected)
    assert theirs["lstm_step"].__globals__["CALLS"].count("lstm_step_backward") == 5
    assert recurrent.LSTM.forward.__module__ == "minicap.recurrent"


def test_a_captioner_is_trained_with_what_they_wrote(course, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "show", lambda *_: None)
    swapped_in, parts, replacements = [], own_functions.PARTS, own_functions.lstm_replacements
    monkeypatch.setattr(own_functions, "PARTS", parts | {"lstm": dataclasses.replace(
        parts["lstm"], replace=lambda functions: (swapped_in.append(functions), replacements(functions))[1])})
    data = (tiny_captioner.write_folder(tmp_path / "pictures"),
            tiny_captioner.write_features(tmp_path / "features.npy"))
    losses = []
    for theirs in (False, True):
        out = tmp_path / f"run-{theirs}"
        arguments = tiny_captioner.train_arguments(out, *data, "--epochs", 2, "--drop", 0)
        if theirs:
            console = io.StringIO()
            own_functions.main(Console(console), course, ["19"], arguments)
            assert "LSTM: the same numbers as the library's; yours takes" in console.getvalue()
        else:
            train.main(arguments)
        losses.append([json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert swapped_in[0]["lstm_step"].__globals__["CALLS"].count("lstm_step_backward") > 20


def test_loops_are_compared_and_told_why_they_are_not_trained_with(course, monkeypatch):
    monkeypatch.setattr(train, "main", lambda *_: pytest.fail("trained"))
    console = io.StringIO()
    own_functions.main(Console(console), course, ["07"], [])
    said = " ".join(console.getvalue().split())
    assert "convolution by loops: the same numbers" in said and "in Python loops that would take days" in said


def test_the_number_of_a_lesson_is_the_one_it_has_in_the_learner_s_folder(course, monkeypatch):
    (course.folder / "19_lstm").rename(course.folder / "18_lstm")  # as in a folder made by an earlier version
    monkeypatch.setattr(train, "main", lambda arguments: None)
    console = io.StringIO()
    own_functions.main(Console(console), Progress(course.folder), ["18"], [])
    assert "LSTM: the same numbers as the library's" in console.getvalue()


def test_what_cannot_be_swapped_in_is_refused_with_a_sentence(course):
    (lesson,) = (lesson for lesson in course.lessons if lesson.number == "09")
    (course.folder / "03_linear").mkdir()
    (course.folder / "03_linear" / "exercise.py").write_text("")
    with pytest.raises(UserError, match=r"the captioner uses no function of lesson 03; --mine takes 07, 09, 19"):
        own_functions.main(Console(io.StringIO()), Progress(course.folder), ["3"], [])
    lesson.exercise.write_text(CONVOLUTION.replace("b + sum(", "sum("))
    with pytest.raises(UserError, match=r"does not agree with the library \(result 1 is off by"):
        own_functions.main(Console(io.StringIO()), course, ["09"], [])
    stub = "def conv2d(x, W, b, S, P):\n    raise NotImplementedError('exercise 9.1 is still to do')\n"
    lesson.exercise.write_text(f"{stub}conv2d_backward = None\n")
    with pytest.raises(UserError, match="conv2d_backward of lesson 09 is still to do"):
        own_functions.main(Console(io.StringIO()), course, ["09"], [])
    lesson.exercise.write_text(CONVOLUTION.replace("CALLS.append(", "exit("))
    with pytest.raises(UserError, match=r"lesson 09 stopped with SystemExit: conv2d; .*check 9` tells you more"):
        own_functions.main(Console(io.StringIO()), course, ["09"], [])
    lesson.exercise.write_text(stub + "def conv2d_backward(dy, x, W, S, P):\n    return 1, 2, 3\n")
    with pytest.raises(UserError, match="conv2d of lesson 09 is still to do"):
        own_functions.main(Console(io.StringIO()), course, ["09"], [])
