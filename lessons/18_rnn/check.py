"""What lesson 18 asks for."""

from functools import partial

import numpy as np

from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise, gradient_exercise
from minicap.learn.recurring import after_forward, floats, normal, remembers_the_first_sign, without_cache

# ------------------------------------------------------------------------------------------------------------ one step


def before_tanh(x, h, W, U, b):
    return x @ W + h @ U + b


def step(x, h, W, U, b):
    return np.tanh(before_tanh(x, h, W, U, b))


def da_of(x, h, W, U, b, dh):
    return dh * (1 - step(x, h, W, U, b)**2)


def step_gradients(x, h, W, U, b, dh, slope=lambda a, h_next, h: 1 - h_next**2):
    """What rnn_step_backward has to give; with another slope of tanh on request."""
    da = dh * slope(before_tanh(x, h, W, U, b), step(x, h, W, U, b), h)
    return da @ W.T, da @ U.T, x.T @ da, h.T @ da, da.sum(axis=0)


def with_slope(slope):
    return partial(step_gradients, slope=slope)


STEP = floats([[2]], [[0.5, 1]], [[1, 2]], [[0, 1], [2, -1]], [-3, -4])
STEP_DH = np.array([[1.0, 10.0]])
STEPS = normal((4, 3), (4, 2), (3, 2), (2, 2), 2, scale=0.6)

RNN_STEP = Exercise(
    "18.1", "rnn_step", ("h'",), step, example=(STEP, step(*STEP)), cases=STEPS, call=without_cache("rnn_step", "h'"),
    mistakes=[
        ("no tanh", "It is x W + h U + b without tanh.", before_tanh),
        ("the state is not read", "It is tanh(x W + b). Without h U the network forgets everything at every step.",
         lambda x, W, b: np.tanh(x @ W + b)),
        ("the bias is missing", known.no_bias("b"), lambda x, h, W, U: np.tanh(x @ W + h @ U)),
        ("the bias is added twice", "It is tanh(x W + h U + 2 b). One bias serves both products.",
         lambda x, h, W, U, b: np.tanh(x @ W + h @ U + 2 * b)),
        ("U transposed", "It is h U^T. U is square, so no shape tells: h is a row and comes on the left, h @ U.",
         lambda x, h, W, U, b: np.tanh(x @ W + h @ U.T + b)),
        ("tanh of x W alone", "h U was added after tanh, so the state is not kept between -1 and 1. Everything belongs "
         "inside.", lambda x, h, W, U, b: np.tanh(x @ W + b) + h @ U),
        ("the bias is added after tanh", "b was added after tanh. It belongs inside: tanh(x W + h U + b).",
         lambda x, h, W, U, b: np.tanh(x @ W + h @ U) + b),
        ("two tanh", "x W and h U each have a tanh of their own. There is one, of the sum of everything.",
         (lambda x, h, W, U, b: np.tanh(x @ W) + np.tanh(h @ U + b),
          lambda x, h, W, U, b: np.tanh(x @ W + b) + np.tanh(h @ U))),
        ("a sigmoid", "It is the sigmoid, between 0 and 1. tanh lies between -1 and 1.",
         lambda *inputs: 1 / (1 + np.exp(-before_tanh(*inputs)))),
        ("the old state is added", "It is h + tanh(...). The new state replaces the old one, which is already inside, "
         "in h U.", lambda right, h: h + right),
    ])

RNN_STEP_BACKWARD = gradient_exercise(
    "18.2", "rnn_step_backward", step, {"dx": 0, "dh": 1, "dW": 2, "dU": 3, "db": 4},
    example=((*STEP, STEP_DH), step_gradients(*STEP, STEP_DH)), inputs=("x", "h", "W", "U", "b", "dh"),
    cases=lambda rng: (*STEPS(rng), rng.standard_normal((4, 2))), needs=("rnn_step",),
    call=after_forward("rnn_step_backward", "rnn_step"),
    mistakes={"dx": [
        ("the slope of tanh is missing", "dx is dh W^T. Go back through tanh first: da = dh (1 - h'²), then da W^T.",
         with_slope(lambda a, h_next, h: 1)),
        ("1 - h' instead of its square", known.slope_of_tanh("1 - h'", "1 - h'²"),
         with_slope(lambda a, h_next, h: 1 - h_next)),
        ("the slope of the sigmoid", known.sigmoid_slope("h' (1 - h')", "1 - h'²"),
         with_slope(lambda a, h_next, h: h_next * (1 - h_next))),
        ("the slope from what went into tanh",
         known.slope_of_tanh("1 - a², with a = x W + h U + b", "1 - tanh(a)² = 1 - h'²"),
         with_slope(lambda a, h_next, h: 1 - a**2)),
        ("tanh taken twice", known.slope_of_tanh("1 - tanh(h')², but h' is tanh(a) already", "1 - h'²"),
         with_slope(lambda a, h_next, h: 1 - np.tanh(h_next)**2)),
        ("the slope from the old state", "The slope was taken as 1 - h², with the state before the step. It is that of "
         "h', which the cache has to keep, too.", with_slope(lambda a, h_next, h: 1 - h**2)),
    ], "dh": [
        ("U not transposed", "dh is da U. Going back, each number passes its gradient to those it came from: da @ U.T. "
         "U is square, so no shape tells.", lambda x, h, W, U, b, dh: da_of(x, h, W, U, b, dh) @ U),
        ("the slope twice", "dh has one slope too many, that of the old state. Its own tanh belongs to the step "
         "before, which puts it in itself.", lambda right, h: right * (1 - h**2)),
        ("dh without U", "dh is da. The old state went through U into a, so its gradient is da U^T.", da_of),
        ("dh is handed back as it came", known.dh_unchanged("da U^T"), lambda dh: dh),
        ("dh has kept what came in", known.dh_kept("da U^T"), lambda right, dh: dh + right),
    ], "dW": [
        ("dW without the slope", "dW is x^T dh. W is inside tanh: x.T @ da.", lambda x, dh: x.T @ dh),
        ("dW transposed", known.transposed("dW", "da^T x", "x.T @ da"), lambda right: right.T),
    ], "dU": [
        ("dU from the new state", known.du_from_new_state("da"),
         lambda x, h, W, U, b, dh: step(x, h, W, U, b).T @ da_of(x, h, W, U, b, dh)),
        ("dU without the slope", "dU is h^T dh. U is inside tanh: h.T @ da.", lambda h, dh: h.T @ dh),
        ("dU transposed", "dU is its transpose, da^T h. U is square, so no shape tells: dU[k, l] belongs to h[k] and "
         "a[l], h.T @ da.", lambda right: right.T),
    ], "db": [
        ("db not summed over the batch", known.not_summed("db", "da", "b was added to all N rows", "axis=0"), da_of),
        ("db is one number", known.one_number("db", "Each number of the state has a bias of its own", "axis=0"),
         lambda *inputs: da_of(*inputs).sum()),
        ("db is a mean over the batch", known.mean("db", "the rows"), lambda *inputs: da_of(*inputs).mean(axis=0)),
        ("db without the slope", "db is dh summed over the batch. b is inside tanh: sum da, and not dh.",
         lambda dh: dh.sum(axis=0)),
    ]})


# -------------------------------------------------------------------------------------------------------- all the steps

def states(x, h0, W, U, b):
    """The T + 1 states, the given one first: (N, T + 1, H)."""
    found = [h0]
    for t in range(x.shape[1]):
        found.append(step(x[:, t], found[-1], W, U, b))
    return np.stack(found, axis=1)


def outputs(x, h0, W, U, b):
    return states(x, h0, W, U, b)[:, 1:]


def forgetting(x, h0, W, U, b):
    return np.stack([step(x[:, t], h0, W, U, b) for t in range(x.shape[1])], axis=1)


def gradients(x, h0, W, U, b, dy, *, carry=1, late=0, kept=0, old=0, add=sum, read=lambda state, t: state[:, t]):
    """What rnn_backward has to give, with mistakes on request.

    carry   how much of the next step's gradient is passed on
    late    1: dy arrives a step late
    old     how much of the gradient that came back from the step after is kept for the step before
    kept    how much of a state's own gradient is added to that of the state before
    add     what becomes of the T pieces of dW, dU and db, the last step's first
    read    (the T + 1 states, t) -> what step t multiplied by U
    """
    T, state = x.shape[1], states(x, h0, W, U, b)
    dx, pieces, dh = np.zeros_like(x), [], dy[:, -1] * late
    for t in reversed(range(T)):
        total = dh + dy[:, t] * (1 - late)
        da = total * (1 - state[:, t + 1]**2)
        dx[:, t] = da @ W.T
        pieces.append((x[:, t].T @ da, read(state, t).T @ da, da.sum(axis=0)))
        dh0 = da @ U.T + kept * total + late * dy[:, t] + old * dh
        dh = dh0 + (carry - 1) * (da @ U.T)
    return dx, dh0, *(add(each) for each in zip(*pieces, strict=True))


def forwards_in_time(x, h0, W, U, b, dy):
    """The loop from the first step to the last."""
    state, dx, dh = states(x, h0, W, U, b), np.zeros_like(x), 0
    for t in range(x.shape[1]):
        da = (dh + dy[:, t]) * (1 - state[:, t + 1]**2)
        dx[:, t], dh = da @ W.T, da @ U.T
    return dx


def clipped(x, h0, W, U, b, dy):
    """dx where the gradient of every state is clipped."""
    state, dx, dh = states(x, h0, W, U, b), np.zeros_like(x), 0
    for t in reversed(range(x.shape[1])):
        da = np.clip(dh + dy[:, t], -1, 1) * (1 - state[:, t + 1]**2)
        dx[:, t], dh = da @ W.T, da @ U.T
    return dx


def last_dy_alone(*inputs):
    *inputs, dy = inputs
    return gradients(*inputs, dy * (np.arange(dy.shape[1]) == dy.shape[1] - 1)[:, None])


def first_state_gradient(x, h0, W, U, b, dy):
    """dL/d(state after the first step)."""
    if x.shape[1] == 1:
        return dy[:, 0]
    return gradients(x[:, 1:], states(x, h0, W, U, b)[:, 1], W, U, b, dy[:, 1:])[1] + dy[:, 0]


def last_state(module, x, W, U, b):
    y, cache = module.rnn_forward(x, np.zeros((len(x), len(b))), W, U, b)

    def back(dh):
        dy = np.zeros_like(y)
        dy[:, -1] = dh
        return module.rnn_backward(dy, cache)[2:]
    return y[:, -1], back


SEQUENCE = floats([[[1], [0], [-1]]], [[2]], [[1]], [[0.5]], [0])
SEQUENCE_DY = np.array([[[1.0], [0.0], [10.0]]])
SEQUENCES = normal((3, 5, 2), (3, 4), (2, 4), (4, 4), 4, scale=0.6)

RNN_FORWARD = Exercise(
    "18.3", "rnn_forward", ("y",), outputs, example=(SEQUENCE, outputs(*SEQUENCE)), cases=SEQUENCES,
    needs=("rnn_step",), call=without_cache("rnn_forward", "y"),
    mistakes=[
        ("every step begins with h0", "Every step starts from h0. A step reads the state that the step before "
         "returned: `h, cache = rnn_step(..., h, ...)`.", forgetting),
        ("h0 is not used", "The first step starts from zeros, not from h0.",
         lambda x, h0, W, U, b: outputs(x, 0 * h0, W, U, b)),
        ("every step begins with zeros", "Every step starts from zeros. Only the first one starts from h0, and each "
         "later one from the state before.", lambda x, h0, W, U, b: forgetting(x, 0 * h0, W, U, b)),
        ("the states before the steps", "y[:, t] is the state before step t. Keep the state after rnn_step has made "
         "it.", lambda *inputs: states(*inputs)[:, :-1]),
        ("h0 is among the outputs", "y has T + 1 states, h0 among them. y[:, t] is the state after step t, so there "
         "are T.", states),
        ("only the last state", "It is the state after the last step, (N, H). y holds the states after all steps, (N, "
         "T, H).", lambda right: right[:, -1]),
        ("a step is missing", "y has T - 1 states. There are x.shape[1] steps, and y[:, t] is the state after step t.",
         lambda right: right[:, :-1]),
        ("time comes first", known.time_first("(T, N, H)", "np.stack(states, axis=1), or y[:, t] = h"),
         lambda right: right.swapaxes(0, 1)),
        ("the sequence is read backwards", "The steps go from the last to the first. Going forward, t runs from 0.",
         (lambda x, h0, W, U, b: outputs(x[:, ::-1], h0, W, U, b)[:, ::-1],
          lambda x, h0, W, U, b: outputs(x[:, ::-1], h0, W, U, b))),
        ("reshaped instead of transposed", "The states are there, in the wrong places: (T, N, H) was reshaped to (N, "
         "T, H), which mixes the sequences. np.stack(states, axis=1) moves the axis.",
         lambda right: right.swapaxes(0, 1).reshape(right.shape)),
        ("the last state everywhere", "Every y[:, t] is the last state: one array was changed in place, and all places "
         "in the list are that array. Make a new one.", lambda right: np.repeat(right[:, -1:], right.shape[1], axis=1)),
    ])

RNN_BACKWARD = gradient_exercise(
    "18.4", "rnn_backward", outputs, {"dx": 0, "dh0": 1, "dW": 2, "dU": 3, "db": 4},
    example=((*SEQUENCE, SEQUENCE_DY), gradients(*SEQUENCE, SEQUENCE_DY)),
    cases=lambda rng: (*SEQUENCES(rng), rng.standard_normal((3, 5, 4))),
    needs=("rnn_step", "rnn_step_backward", "rnn_forward"), call=after_forward("rnn_backward", "rnn_forward"),
    learns=remembers_the_first_sign(((1, 4), (4, 4), 4, 4), 0.3, last_state),
    mistakes={"dx": [
        ("nothing comes back from the step after", "Each step got its own dy alone. Step t + 1 read the state after "
         "step t, too: add the dh it returns to dy[:, t].", partial(gradients, carry=0)),
        ("only the last dy counts", "Only dy of the last step was used. Every step has an output: add dy[:, t] at each "
         "step on the way back.", last_dy_alone),
        ("dy arrives a step late", "dy[:, t] was added after going back through step t. Add it to dh first.",
         partial(gradients, late=1)),
        ("the gradient goes forward in time", "The loop runs from the first step to the last. The way back begins at "
         "the last: for t in reversed(range(T)).",
         (forwards_in_time, lambda *inputs: forwards_in_time(*inputs)[:, ::-1])),
        ("dx in the opposite order", "dx is in the order in which it was found, the last step first. Write each into "
         "dx[:, t].", lambda right: right[:, ::-1]),
        ("time comes first", known.time_first("(T, N, D)", "np.stack(..., axis=1), or dx[:, t] = ..."),
         lambda right: right.swapaxes(0, 1)),
        ("time comes first, in the opposite order", "The axes of dx are (T, N, D), and the last step comes first: "
         "write each into dx[:, t].", lambda right: right[:, ::-1].swapaxes(0, 1)),
        ("dh is added up instead of handed on", "What rnn_step_backward returned was added to the old dh (`dh += "
         "...`). It replaces it.", (partial(gradients, kept=1), partial(gradients, old=1))),
        ("what comes back counts twice", "The gradient from step t + 1 was added twice: total is dh + dy[:, t].",
         partial(gradients, carry=2)),
        ("the gradient is clipped", "It was clipped to between -1 and 1. That is done, if at all, before a step of the "
         "optimiser; here the slope itself is asked for.", clipped),
    ], "dh0": [
        ("dh0 holds the first dy", "dy of the first step was added to dh0. dh0 is what rnn_step_backward returns for "
         "the first step; h0 itself is no output.", lambda right, dy: right + dy[:, 0]),
        ("dh0 is what came into the first step", "dh0 is the gradient of the state after the first step. Go back "
         "through that step too: dh0 is the dh it returns.", first_state_gradient),
    ], ("dW", "dU", "db"): [
        ("only the first step's weights count", "It is that of the first step alone, where the loop ended: `=` "
         "replaced what was there. The same weights are used at every step: dW = dW + ...",
         partial(gradients, add=lambda pieces: pieces[-1])),
        ("only the last step's weights count", "It is that of the last step alone. The same weights are used at every "
         "step: add up their gradients.", partial(gradients, add=lambda pieces: pieces[0])),
        ("a mean over time", known.mean("It", "the T steps"),
         partial(gradients, add=lambda pieces: sum(pieces) / len(pieces))),
    ], "dU": [
        ("dU from the states after the steps", "dU pairs da of each step with the state after it. U met the state "
         "before: h0, then y[:, t - 1].", partial(gradients, read=lambda state, t: state[:, t + 1])),
        ("dU as if h0 were zero", "dU leaves out the first step. There U was multiplied by h0.",
         partial(gradients, read=lambda state, t: state[:, t] * (t > 0))),
    ]})

EXERCISES = (RNN_STEP, RNN_STEP_BACKWARD, RNN_FORWARD, RNN_BACKWARD)
