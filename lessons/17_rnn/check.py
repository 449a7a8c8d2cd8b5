"""What lesson 17 asks for."""

from itertools import product

import numpy as np

from minicap.learn.exercises import Exercise, Mistake, gradient_exercise

GIVES = {"dx": 0, "dh": 1, "dW": 2, "dU": 3, "db": 4}  # and which input each is the gradient of


def inputs_from(rng, *shapes):
    return tuple(0.6 * rng.standard_normal(shape) for shape in shapes)


# ------------------------------------------------------------------------------------------------------------ one step

def before_tanh(x, h, W, U, b):
    return x @ W + h @ U + b


def step(x, h, W, U, b):
    return np.tanh(before_tanh(x, h, W, U, b))


def slope(a, h_next, h):
    return 1 - h_next**2


def step_gradients(x, h, W, U, b, dh, slope=slope):
    """What rnn_step_backward has to give; with another slope of tanh on request."""
    da = dh * slope(before_tanh(x, h, W, U, b), step(x, h, W, U, b), h)
    return da @ W.T, da @ U.T, x.T @ da, h.T @ da, da.sum(axis=0)


def da_of(x, h, W, U, b, dh):
    return dh * (1 - step(x, h, W, U, b)**2)


def with_slope(slope, of="dx"):
    return lambda right, *inputs: step_gradients(*inputs, slope=slope)[GIVES[of]]


STEP = tuple(np.array(a, float) for a in ([[2]], [[0.5, 1]], [[1, 2]], [[0, 1], [2, -1]], [-3, -4]))
STEP_DH = np.array([[1.0, 10.0]])


def cases_of_a_step(rng):
    return inputs_from(rng, (4, 3), (4, 2), (3, 2), (2, 2), 2)


RNN_STEP = Exercise(
    "17.1", "rnn_step", ("h'",), step, example=(STEP, step(*STEP)), cases=cases_of_a_step,
    call=lambda module, *inputs: first_of_two(module.rnn_step(*inputs), "rnn_step", "h', cache"),
    mistakes=(
        Mistake("no tanh", "It is x W + h U + b without tanh.", lambda right, *inputs: before_tanh(*inputs)),
        Mistake("the state is not read", "It is tanh(x W + b): the state before, h U, is missing. Without it the "
                "network forgets everything at every step.", lambda right, x, h, W, U, b: np.tanh(x @ W + b)),
        Mistake("the bias is missing", "It is tanh(x W + h U): add b.",
                lambda right, x, h, W, U, b: np.tanh(x @ W + h @ U)),
        Mistake("the bias is added twice", "It is tanh(x W + h U + 2 b). One bias serves both products; two linear "
                "layers in a row would have one each.", lambda right, x, h, W, U, b: np.tanh(x @ W + h @ U + 2 * b)),
        Mistake("U transposed", "It is h U^T. U is square, so nothing complains: h is a row and stands on the left, h "
                "@ U.", lambda right, x, h, W, U, b: np.tanh(x @ W + h @ U.T + b)),
        Mistake("tanh of x W alone", "tanh was taken of x W + b, and h U added behind it. Then the state is not kept "
                "between -1 and 1 and grows from step to step; everything belongs inside.",
                lambda right, x, h, W, U, b: np.tanh(x @ W + b) + h @ U),
        Mistake("a sigmoid", "It is the sigmoid of x W + h U + b, between 0 and 1. tanh lies between -1 and 1.",
                lambda right, *inputs: 1 / (1 + np.exp(-before_tanh(*inputs)))),
        Mistake("the old state is added", "It is h + tanh(...). The new state takes the place of the old one, which is "
                "already inside, in h U.", lambda right, x, h, W, U, b: h + right),
    ))

RNN_STEP_BACKWARD = gradient_exercise(
    "17.2", "rnn_step_backward", step, GIVES, example=((*STEP, STEP_DH), step_gradients(*STEP, STEP_DH)),
    cases=lambda rng: (*cases_of_a_step(rng), rng.standard_normal((4, 2))), needs=("rnn_step",),
    call=lambda module, *inputs: module.rnn_step_backward(inputs[-1], second_of_two(module.rnn_step(*inputs[:-1]))),
    mistakes=(
        Mistake("the slope of tanh is missing", "dx is dh W^T. On the way back every part of the step has its turn, "
                "tanh first: da = dh (1 - h'²), and then da W^T.", with_slope(lambda a, h_next, h: 1)),
        Mistake("1 - h' instead of its square", "The slope of tanh was taken as 1 - h'. It is 1 - h'².",
                with_slope(lambda a, h_next, h: 1 - h_next)),
        Mistake("the slope of the sigmoid", "The slope was taken as h' (1 - h'). That is the sigmoid's; tanh has 1 - "
                "h'².", with_slope(lambda a, h_next, h: h_next * (1 - h_next))),
        Mistake("the slope from what went into tanh", "The slope was taken as 1 - a², with a = x W + h U + b. The "
                "square is of tanh's output: 1 - tanh(a)² = 1 - h'².", with_slope(lambda a, h_next, h: 1 - a**2)),
        Mistake("tanh taken twice", "The slope was taken as 1 - tanh(h')². h' is tanh(a) already: 1 - h'².",
                with_slope(lambda a, h_next, h: 1 - np.tanh(h_next)**2)),
        Mistake("the slope from the old state", "The slope was taken as 1 - h², with the state before the step. It is "
                "that of the new state h', which the cache has to keep too.",
                with_slope(lambda a, h_next, h: 1 - h**2)),
        Mistake("U not transposed", "dh is da U. Going back, each new number hands its pull to the old numbers it came "
                "from: da @ U.T. U is square, so shapes do not tell.",
                lambda right, x, h, W, U, b, dh: da_of(x, h, W, U, b, dh) @ U, of="dh"),
        Mistake("dh without U", "dh is da. The old state went through U into a, so its gradient is da U^T.",
                lambda right, x, h, W, U, b, dh: da_of(x, h, W, U, b, dh), of="dh"),
        Mistake("dh is handed back as it came", "dh is what came in, dL/dh'. To return is dL/dh, of the state before "
                "the step: da U^T.", lambda right, x, h, W, U, b, dh: dh, of="dh"),
        Mistake("dh has kept what came in", "dh is dh + da U^T. The new state took the place of the old one: all there "
                "is comes through U.", lambda right, x, h, W, U, b, dh: dh + right, of="dh"),
        Mistake("dW transposed", "dW is da^T x, which is its transpose: x.T @ da.",
                lambda right, x, h, W, U, b, dh: right.T, of="dW"),
        Mistake("dU from the new state", "dU is h'^T da, with the state after the step. U was multiplied by the state "
                "before: h.T @ da.",
                lambda right, x, h, W, U, b, dh: step(x, h, W, U, b).T @ da_of(x, h, W, U, b, dh), of="dU"),
        Mistake("dU transposed", "dU is da^T h, its transpose. U is square, so shapes do not tell: dU[k, l] belongs to "
                "U[k, l], which leads from h[k] to a[l]: h.T @ da.", lambda right, *inputs: right.T, of="dU"),
        Mistake("db not summed over the batch", "db is da itself. b was added to all N rows: sum over them, axis=0.",
                lambda right, *inputs: da_of(*inputs), of="db"),
        Mistake("db is a mean over the batch", "db is a mean. The pulls of all rows add up: sum.",
                lambda right, *inputs: da_of(*inputs).mean(axis=0), of="db"),
        Mistake("db without the slope", "db is dh summed over the batch. b stands inside tanh: sum da, and not dh.",
                lambda right, x, h, W, U, b, dh: dh.sum(axis=0), of="db"),
    ))


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


def summed(pieces):
    return sum(pieces)


def before(state, t):
    return state[:, t]


def gradients(x, h0, W, U, b, dy, *, carry=1, late=0, kept=0, add=summed, read=before):
    """What rnn_backward has to give, with mistakes on request.

    carry   how much of the next step's gradient is handed on
    late    1: dy arrives a step late
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
        dh = carry * (da @ U.T) + kept * total + late * dy[:, t]
        dh0 = da @ U.T + kept * total + late * dy[:, t]
    return dx, dh0, *(add(each) for each in zip(*pieces, strict=True))


def forwards_in_time(x, h0, W, U, b, dy):
    """The loop from the first step to the last."""
    state, dx, dh = states(x, h0, W, U, b), np.zeros_like(x), 0
    for t in range(x.shape[1]):
        da = (dh + dy[:, t]) * (1 - state[:, t + 1]**2)
        dx[:, t], dh = da @ W.T, da @ U.T
    return dx


def last_dy_alone(dy):
    dy = dy.copy()
    dy[:, :-1] = 0
    return dy


WHOLE = {"dx": 0, "dh0": 1, "dW": 2, "dU": 3, "db": 4}


def wrong(of, **options):
    return lambda right, *inputs: gradients(*inputs, **options)[WHOLE[of]]


def for_each(name, sentence, names, **options):
    """The same mistake in several arrays, each named in its sentence."""
    return tuple(Mistake(name, sentence.format(of), wrong(of, **options), of=of) for of in names)


SEQUENCE = tuple(np.array(a, float) for a in ([[[1], [0], [-1]]], [[2]], [[1]], [[0.5]], [0]))
SEQUENCE_DY = np.array([[[1.0], [0.0], [10.0]]])


def cases_of_a_sequence(rng):
    return inputs_from(rng, (3, 5, 2), (3, 4), (2, 4), (4, 4), 4)


def learns_to_remember(module):
    """All sequences of four signs; after the last one the network has to know the first."""
    rng = np.random.default_rng(0)
    x = np.array(list(product((-1.0, 1.0), repeat=4)))[:, :, None]
    N, H = len(x), 4
    weights = [0.6 * rng.standard_normal(shape) for shape in ((1, H), (H, H), H, H)]
    seen = []
    for _ in range(60):
        W, U, b, v = weights
        y, cache = module.rnn_forward(x, np.zeros((N, H)), W, U, b)
        off = y[:, -1] @ v - x[:, 0, 0]
        dy = np.zeros_like(y)
        dy[:, -1] = 2 * off[:, None] * v / N
        _, _, *found = module.rnn_backward(dy, cache)
        found.append(y[:, -1].T @ (2 * off / N))
        weights = [w - 0.3 * dw for w, dw in zip(weights, found, strict=True)]
        seen.append(float((off**2).mean()))
    if not seen[-1] < 0.2:
        return ("a network that learns to say the first of four signs does not get there: after 60 steps its "
                f"squared error is {seen[-1]:.2f}, it began at {seen[0]:.2f}")


RNN_FORWARD = Exercise(
    "17.3", "rnn_forward", ("y",), outputs, example=(SEQUENCE, outputs(*SEQUENCE)), cases=cases_of_a_sequence,
    needs=("rnn_step",),
    call=lambda module, *inputs: first_of_two(module.rnn_forward(*inputs), "rnn_forward", "y, cache"),
    mistakes=(
        Mistake("every step begins with h0", "Every step starts from h0. A step reads the state that the step before "
                "has left: `h, cache = rnn_step(..., h, ...)`.", lambda right, *inputs: forgetting(*inputs)),
        Mistake("h0 is not used", "The first step starts from zeros, not from h0.",
                lambda right, x, h0, W, U, b: outputs(x, 0 * h0, W, U, b)),
        Mistake("every step begins with zeros", "Every step starts from a state of zeros. Only the first one starts "
                "from what is given, h0, and each later one from the state before.",
                lambda right, x, h0, W, U, b: forgetting(x, 0 * h0, W, U, b)),
        Mistake("the states before the steps", "y[:, t] is the state before step t: it begins with h0, and the last "
                "state is missing. Keep the state after rnn_step has made it.",
                lambda right, *inputs: states(*inputs)[:, :-1]),
        Mistake("h0 is among the outputs", "y has T + 1 states, h0 among them. y[:, t] is the state after step t, so "
                "there are T.", lambda right, *inputs: states(*inputs)),
        Mistake("only the last state", "It is the state after the last step, (N, H). y holds the states after all "
                "steps, (N, T, H).", lambda right, *inputs: right[:, -1]),
        Mistake("time comes first", "The axes are (T, N, H). The batch comes first: np.stack(states, axis=1), or y[:, "
                "t] = h.", lambda right, *inputs: right.swapaxes(0, 1)),
        Mistake("the sequence is read backwards", "The steps go from the last to the first. Going forward, t runs from "
                "0.", lambda right, x, h0, W, U, b: outputs(x[:, ::-1], h0, W, U, b)[:, ::-1]),
        Mistake("the last state everywhere", "Every y[:, t] is the last state. If one array is changed in place at "
                "each step, all places in a list show that same array; a new one has to be made at each step.",
                lambda right, *inputs: np.repeat(right[:, -1:], right.shape[1], axis=1)),
    ))

RNN_BACKWARD = gradient_exercise(
    "17.4", "rnn_backward", outputs, WHOLE, example=((*SEQUENCE, SEQUENCE_DY), gradients(*SEQUENCE, SEQUENCE_DY)),
    cases=lambda rng: (*cases_of_a_sequence(rng), rng.standard_normal((3, 5, 4))),
    needs=("rnn_step", "rnn_step_backward", "rnn_forward"), learns=learns_to_remember,
    call=lambda module, *inputs: module.rnn_backward(inputs[-1], second_of_two(module.rnn_forward(*inputs[:-1]))),
    mistakes=(
        Mistake("nothing comes back from the step after", "Each step got its own dy alone. The state after step t was "
                "also read by step t + 1, and what that one wants of it, the dh it returns, has to be added to dy[:, "
                "t].", wrong("dx", carry=0)),
        Mistake("only the last dy counts", "Only dy of the last step was used. Every step has an output of its own: "
                "add dy[:, t] at each step on the way back.",
                lambda right, *inputs: gradients(*inputs[:-1], last_dy_alone(inputs[-1]))[0]),
        Mistake("dy arrives a step late", "dy[:, t] was added after step t had been gone through, so it reached the "
                "state before it. Add it to dh first, then go back through step t.", wrong("dx", late=1)),
        Mistake("the gradient goes forward in time", "The loop runs from the first step to the last. The last step has "
                "no step after it, so the way back begins there: for t in reversed(range(T)).",
                lambda right, *inputs: forwards_in_time(*inputs)),
        Mistake("dx in the opposite order", "dx stands in the order in which it was found, the last step first. Turn "
                "it round, or write each into dx[:, t].", lambda right, *inputs: right[:, ::-1]),
        Mistake("time comes first", "The axes of dx are (T, N, D). It is shaped like x: np.stack(..., axis=1), or "
                "dx[:, t] = ...", lambda right, *inputs: right.swapaxes(0, 1)),
        Mistake("time comes first, in the opposite order", "The axes of dx are (T, N, D), and the last step comes "
                "first. It is shaped like x and in its order: write each into dx[:, t].",
                lambda right, *inputs: right[:, ::-1].swapaxes(0, 1)),
        Mistake("dh is added up instead of handed on", "What rnn_step_backward returned as dh was added to the old dh "
                "(`dh += ...`). It takes its place: the gradient of a state is what the step after wants of it, plus "
                "its own dy.", wrong("dx", kept=1)),
        Mistake("dh0 is what came into the first step", "dh0 is the gradient of the state after the first step. Go "
                "back through that step too: dh0 is the dh it returns.",
                lambda right, *inputs: state_gradient(*inputs), of="dh0"),
        *for_each("only the first step's weights count", "{0} is that of the first step alone, where the loop has "
                  "ended: `{0} = ...` writes over what was there. The same weights worked at every step, so all pieces "
                  "add up: `{0} = {0} + ...`.", ("dW", "dU", "db"), add=lambda pieces: pieces[-1]),
        *for_each("only the last step's weights count", "{0} is that of the last step alone. The same weights worked "
                  "at every step: add up what all of them want.", ("dW", "dU", "db"), add=lambda pieces: pieces[0]),
        *for_each("a mean over time", "{0} is a mean over the T steps. All steps have pulled at the same weights, and "
                  "pulls add up.", ("dW", "dU", "db"), add=lambda pieces: sum(pieces) / len(pieces)),
        Mistake("dU from the states after the steps", "dU pairs da of each step with the state after it. U was "
                "multiplied by the state before: h0 for the first step, y[:, t - 1] for step t.",
                wrong("dU", read=lambda state, t: state[:, t + 1]), of="dU"),
        Mistake("dU as if h0 were zero", "dU leaves out the first step. What it multiplied by U was h0.",
                wrong("dU", read=lambda state, t: state[:, t] * (t > 0)), of="dU"),
    ))

EXERCISES = (RNN_STEP, RNN_STEP_BACKWARD, RNN_FORWARD, RNN_BACKWARD)


def state_gradient(x, h0, W, U, b, dy):
    """dL/d(state after the first step)."""
    if x.shape[1] == 1:
        return dy[:, 0]
    later = gradients(x[:, 1:], states(x, h0, W, U, b)[:, 1], W, U, b, dy[:, 1:])[1]
    return later + dy[:, 0]


def first_of_two(answer, name, what):
    """y out of (y, cache)."""
    if not (isinstance(answer, (tuple, list)) and len(answer) == 2):
        raise TypeError(f"{name} has to return two things, `return {what}`, and not {type(answer).__name__}")
    return answer[0]


def second_of_two(answer):
    return answer[1]
