"""What lesson 19 asks for."""

from functools import partial
from itertools import permutations
from types import SimpleNamespace

import numpy as np

from minicap.activations import sigmoid
from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise, slopes
from minicap.learn.recurring import after_forward, floats, normal, remembers_the_first_sign, without_cache

GATES = "ifog"
OTHER_ORDERS = ["".join(order) for order in permutations(GATES) if "".join(order) != GATES]


def run(x, h, c, W, U, b, order=GATES, cut=lambda z: np.split(z, 4, axis=1)):
    """One step with everything in it: z, the gates, c2 and h2. With the blocks in another order on request."""
    z = x @ W + h @ U + b
    parts = dict(zip(order, cut(z), strict=True))
    i, f, o, g = sigmoid(parts["i"]), sigmoid(parts["f"]), sigmoid(parts["o"]), np.tanh(parts["g"])
    return SimpleNamespace(parts=parts, h=h, x=x, **vars(from_gates(i, f, o, g, c)))


def from_gates(i, f, o, g, c):
    """What comes after the gates."""
    c2 = f * c + i * g
    return SimpleNamespace(i=i, f=f, o=o, g=g, c=c, c2=c2, tanh_c=np.tanh(c2), h2=o * np.tanh(c2))


def states(x, h, c, W, U, b, **options):
    step = run(x, h, c, W, U, b, **options)
    return step.h2, step.c2


def of_step(h_of):
    """A mistake that makes h_of(the right step) of it."""
    return lambda *inputs: h_of(run(*inputs))


def cut_as(order):
    if order == "fiog":  # the same numbers come of two mistakes
        return ("i and f are swapped: the blocks of z were taken in the order f, i, o, g, or c' is i c + f g. The "
                "order is i, f, o, g, and f says how much of the old is kept, i how much of the new is written.")
    note = " (That is the order of PyTorch and Keras.)" if order == "ifgo" else ""
    return (f"The blocks of z were taken in the order {', '.join(order)}. Here they are i, f, o, g, so that the three "
            f"that go through the sigmoid are side by side.{note}")


def put_together_as(order):
    return (f"The blocks of dz are in the order {', '.join(order)}. z was cut as i, f, o, g, and dz has to be put "
            "together the same way.")


def shown(c2, step):
    return step.o * np.tanh(c2)


# --------------------------------------------------------------------------------------------------------------- 19.1

STEP = floats([[1]], [[0.5]], [[2]], [[1, 2, 3, 4]], [[2, 2, 4, 2]], [-3, -2, -3, -4])
DH, DC = floats([[1]], [[10]])
STEPS = normal((5, 3), (5, 2), (5, 2), (3, 8), (2, 8), 8, scale=0.7)

def large_numbers(module):
    """None, or what is wrong where exp(z) is too large for a float."""
    x, *others = STEP
    with np.errstate(all="ignore"):
        found = module.lstm_step(1000 * x, *others)[:2]
    if not np.isfinite(found).all():
        return ("where z is 1000, h' or c' is not finite: exp(1000) is infinite. σ(z) is 1 / (1 + exp(-z)), or the "
                "`sigmoid` that exercise.py imports, and tanh is np.tanh.")
    return None


LSTM_STEP = Exercise(
    "19.1", "lstm_step", ("h'", "c'"), states, example=(STEP, states(*STEP)), cases=STEPS,
    call=without_cache("lstm_step", "h'", "c'"), learns=large_numbers,
    mistakes={"h'": [
        *(("gates in another order", cut_as(order), partial(states, order=order)) for order in OTHER_ORDERS),
        ("every fourth column is a gate", "Every fourth column was taken as a gate. The blocks follow one another: "
         "columns 0 to H - 1 are i, the next H are f.", partial(states, cut=lambda z: [z[:, k::4] for k in range(4)])),
        ("h' and c' changed places", "What is returned first is c'. The order is h', c', cache.",
         of_step(lambda s: s.c2)),
        ("the bias is missing", known.no_bias("b"), lambda x, h, c, W, U, b: run(x, h, c, W, U, 0 * b).h2),
        ("the state is not read", "z is x W + b: h U, what the state adds, is missing.",
         lambda x, h, c, W, U, b: run(x, h, c, W, 0 * U, b).h2),
        ("1 is added to the forget gate", "The forget gate is σ(z_f + 1). That 1 is part of how b is initialised; b "
         "has it already.", lambda x, h, c, W, U, b: run(x, h, c, W, U, b + np.repeat([0, 1, 0, 0], len(b) // 4)).h2),
        ("a sigmoid for the candidate", "All four blocks went through the sigmoid. The candidate g has to be able to "
         "lower the memory, too: tanh.", of_step(lambda s: shown(s.f * s.c + s.i * sigmoid(s.parts["g"]), s))),
        ("tanh for the gates", "All four blocks went through tanh. A gate is a fraction, between 0 and 1: i, f and o "
         "go through the sigmoid.",
         of_step(lambda s: np.tanh(s.parts["o"]) * np.tanh(np.tanh(s.parts["f"]) * s.c + np.tanh(s.parts["i"]) * s.g))),
        ("the gates without a sigmoid", "i, f and o were used as they are in z. A gate is a fraction, between 0 and "
         "1: sigmoid.", of_step(lambda s: s.parts["o"] * np.tanh(s.parts["f"] * s.c + s.parts["i"] * s.g))),
        ("the candidate without tanh", "g was used as it is in z. It has to go through tanh.",
         of_step(lambda s: shown(s.f * s.c + s.i * s.parts["g"], s))),
        ("no tanh on the way out", "h' is o c'. The memory can be of any size; tanh brings it between -1 and 1: o "
         "tanh(c').", of_step(lambda s: s.o * s.c2)),
        ("h' from the old memory", "h' is o tanh(c), with the memory before the step: o tanh(c').",
         of_step(lambda s: shown(s.c, s))),
        ("no output gate", "h' is tanh(c'): multiply by the output gate o.", of_step(lambda s: np.tanh(s.c2))),
        ("no input gate", "c' is f c + g. The input gate says how much is written: i g.",
         of_step(lambda s: shown(s.f * s.c + s.g, s))),
        ("no forget gate", "c' is c + i g. The forget gate says how much is kept: f c.",
         of_step(lambda s: shown(s.c + s.i * s.g, s))),
        ("the old memory is lost", "c' is i g: what was remembered, f c, is missing.",
         of_step(lambda s: shown(s.i * s.g, s))),
        ("1 - f for the input gate", "c' is f c + (1 - f) g, as in a GRU. An LSTM has a gate of its own for writing, "
         "i.", of_step(lambda s: shown(s.f * s.c + (1 - s.f) * s.g, s))),
        ("the forget gate upside down", "c' is (1 - f) c + i g. In spite of its name, f is the fraction that is kept: "
         "f c.",
         of_step(lambda s: shown((1 - s.f) * s.c + s.i * s.g, s))),
        ("h in place of c", "c' is f h + i g. What is kept is the memory c; the state h is only read, in h U.",
         of_step(lambda s: shown(s.f * s.h + s.i * s.g, s))),
    ], "c'": [
        ("c' is returned behind tanh", "What is returned as c' is tanh(c'). The memory goes on as it is; only h' sees "
         "it through tanh.", lambda right: np.tanh(right)),
        ("c' is the old memory", "c' is c, the memory that came in. The next step needs the new one.", lambda c: c),
        ("c' and h' are the same", "What is returned as c' is h'.", of_step(lambda s: s.h2)),
    ]})


# --------------------------------------------------------------------------------------------------------------- 19.2

def measured(loss, count):
    return lambda *inputs: tuple(slopes(loss, inputs, index) for index in range(count))


def memory_loss(i, f, o, g, c, dh, dc):
    s = from_gates(i, f, o, g, c)
    return float((s.h2 * dh).sum() + (s.c2 * dc).sum())


def all_of_c2(s, dh, dc):
    """The gradient of c': from the next step, and through h'."""
    return dc + dh * s.o * (1 - s.tanh_c**2)


ROADS = (  # name, sentence, what was taken for the gradient of c'
    ("the road through h' is missing", "c' got the dc of the next step alone. h' = o tanh(c') reads it as well: add dh "
     "o (1 - tanh²(c')).", lambda s, dh, dc: dc),
    ("the road through the next step is missing", "c' got only what comes through h'. The next step has read it too: "
     "add dc.", lambda s, dh, dc: dh * s.o * (1 - s.tanh_c**2)),
    ("the slope of tanh is missing", "dh o was added to dc. h' is o tanh(c'), so tanh's slope is missing: dh o (1 - "
     "tanh²(c')).", lambda s, dh, dc: dc + dh * s.o),
    ("the output gate is missing", "dh (1 - tanh²(c')) was added to dc. h' is o tanh(c'): the gradient of tanh(c') is "
     "dh o.", lambda s, dh, dc: dc + dh * (1 - s.tanh_c**2)),
    ("dh went into dc as it is", "dh was added to dc. Between c' and h' there are tanh and o: dh o (1 - tanh²(c')).",
     lambda s, dh, dc: dc + dh),
    ("the slope from c' instead of tanh(c')", known.slope_of_tanh("1 - c'²", "1 - tanh(c')²"),
     lambda s, dh, dc: dc + dh * s.o * (1 - s.c2**2)),
    ("the slope at the old memory", known.slope_of_tanh("1 - tanh(c)², at the memory before the step", "1 - tanh(c')²"),
     lambda s, dh, dc: dc + dh * s.o * (1 - np.tanh(s.c)**2)),
    ("the slope from h'", known.slope_of_tanh("1 - h'², but h' is o tanh(c')", "1 - tanh(c')²"),
     lambda s, dh, dc: dc + dh * s.o * (1 - s.h2**2)),
    ("the slope without a square", known.slope_of_tanh("1 - tanh(c')", "1 - tanh²(c')"),
     lambda s, dh, dc: dc + dh * s.o * (1 - s.tanh_c)),
)
OTHER_FACTOR = "{0} is {1}. In the product {2} each factor's gradient contains the other one: {3}.".format
FACTORS = {  # for one gate or the old memory: name, sentence, (s, dh, dc, the gradient of c') -> what was returned
    "di": [
        ("di times the wrong factor", OTHER_FACTOR("di", "the gradient of c' times i", "i g", "g"),
         lambda s, dh, dc, all_dc: all_dc * s.i),
        ("di and df changed places", "di is the gradient of c' times c, which is df's. In c' = f c + i g, i is "
         "multiplied by g.", lambda s, dh, dc, all_dc: all_dc * s.c)],
    "df": [
        ("df from the new memory", "df is the gradient of c' times c'. The forget gate was multiplied by the memory "
         "before the step, c.", lambda s, dh, dc, all_dc: all_dc * s.c2),
        ("df times the wrong factor", OTHER_FACTOR("df", "the gradient of c' times f", "f c", "c"),
         lambda s, dh, dc, all_dc: all_dc * s.f)],
    "do": [
        ("do from the old memory", "do is dh tanh(c), with the memory before the step. The output gate was multiplied "
         "by tanh(c').", lambda s, dh, dc, all_dc: dh * np.tanh(s.c)),
        ("do without tanh", "do is dh c'. In h' = o tanh(c') the gate was multiplied by tanh(c').",
         lambda s, dh, dc, all_dc: dh * s.c2),
        ("do from the gradient of c'", "do is the gradient of c' times tanh(c'). The output gate is in h' alone: "
         "dh tanh(c').", lambda s, dh, dc, all_dc: all_dc * s.tanh_c),
        ("do times the wrong factor", OTHER_FACTOR("do", "dh h'", "o tanh(c')", "tanh(c'), without o"),
         lambda s, dh, dc, all_dc: dh * s.h2)],
    "dg": [
        ("dg times the wrong factor", OTHER_FACTOR("dg", "the gradient of c' times g", "i g", "i"),
         lambda s, dh, dc, all_dc: all_dc * s.g)],
    "dc": [
        ("dc without the forget gate", "dc is the gradient of c'. The old memory was multiplied by f on its way into "
         "c', and so is its gradient on the way back.", lambda s, dh, dc, all_dc: all_dc),
        ("dc without the road through h'", "dc is f times the dc that came in. Both ways back lead to the old memory: "
         "f times their sum.", lambda s, dh, dc, all_dc: dc * s.f),
        ("dc is handed back as it came", "dc is what came in, dL/dc'. The exercise asks for that of the memory before "
         "the step: f times the gradient of c'.", lambda s, dh, dc, all_dc: dc),
        ("dc has kept what came in", "dc is what came in, plus f times the gradient of c'. The old memory goes into c' "
         "only through f.", lambda s, dh, dc, all_dc: dc + all_dc * s.f)],
}


def slope_too_early(gate, slope, right):
    """A mistake for one gate, whose gradient already contains the slope of its own σ or tanh."""
    return ("the slope of the gate, too", f"d{gate} is multiplied by {slope}. That is the way on to z, which comes in "
            f"lstm_step_backward; here d{gate} is the gradient of {gate} itself.",
            lambda i, f, o, g, c, dh, dc: right(from_gates(i, f, o, g, c), dh, dc))


SLOPES_TOO_EARLY = {f"d{gate}": [slope_too_early(
    gate, "1 - g²" if gate == "g" else f"{gate} (1 - {gate})",
    lambda s, dh, dc, gate=gate: memory_gradients(s, dh, dc)[f"d{gate}"] * right_slopes(s)[gate])] for gate in GATES}


def memory_gradients(s, dh, dc, road=all_of_c2, factors=None):
    """The gradients of i, f, o, g and c; ``factors`` gives some of them in another way."""
    all_dc = road(s, dh, dc)
    right = {"di": all_dc * s.g, "df": all_dc * s.c, "do": dh * s.tanh_c, "dg": all_dc * s.i, "dc": all_dc * s.f}
    return right | {of: factor(s, dh, dc, all_dc) for of, factor in (factors or {}).items()}


def in_memory(**options):
    def wrong(i, f, o, g, c, dh, dc):
        return tuple(memory_gradients(from_gates(i, f, o, g, c), dh, dc, **options).values())
    return wrong


def cases_of_a_memory(rng):
    return (*(rng.uniform(0.1, 0.9, (4, 3)) for _ in range(3)), rng.uniform(-0.9, 0.9, (4, 3)),
            *normal(*[(4, 3)] * 3)(rng))


STEP_GATES = tuple(getattr(run(*STEP), name) for name in "ifogc")
MEMORY_BACKWARD = Exercise(
    "19.2", "memory_backward", ("di", "df", "do", "dg", "dc"), measured(memory_loss, 5),
    example=((*STEP_GATES, DH, DC), measured(memory_loss, 5)(*STEP_GATES, DH, DC)),
    cases=cases_of_a_memory, loss=memory_loss, slopes={"di": 0, "df": 1, "do": 2, "dg": 3, "dc": 4},
    inputs=("i", "f", "o", "g", "c", "dh", "dc"),
    call=lambda module, i, f, o, g, c, dh, dc: module.memory_backward(dh, dc, i, f, o, g, c),
    mistakes={
        **{of: [(name, sentence, in_memory(factors={of: factor})) for name, sentence, factor in FACTORS[of]]
           + SLOPES_TOO_EARLY.get(of, []) for of in FACTORS},
        ("di", "df", "dg", "dc"): [(name, sentence, in_memory(road=road)) for name, sentence, road in ROADS]})


# --------------------------------------------------------------------------------------------------------------- 19.3

def step_loss(x, h, c, W, U, b, dh, dc):
    h2, c2 = states(x, h, c, W, U, b)
    return float((h2 * dh).sum() + (c2 * dc).sum())


def right_slopes(s):
    return {"i": s.i * (1 - s.i), "f": s.f * (1 - s.f), "o": s.o * (1 - s.o), "g": 1 - s.g**2}


def back_through(x, h, c, W, U, b, dh, dc, slopes=right_slopes, order=GATES, **options):
    """The step, dz and dc, with mistakes on request."""
    s = run(x, h, c, W, U, b)
    gradients, slope = memory_gradients(s, dh, dc, **options), slopes(s)
    return s, np.concatenate([gradients["d" + name] * slope[name] for name in order], axis=1), gradients["dc"]


def step_gradients(x, h, c, W, U, b, dh, dc, **options):
    """What lstm_step_backward has to give, with mistakes on request."""
    _, dz, dc = back_through(x, h, c, W, U, b, dh, dc, **options)
    return dz @ W.T, dz @ U.T, dc, x.T @ dz, h.T @ dz, dz.sum(axis=0)


def wrong(**options):
    return partial(step_gradients, **options)


def with_slope(names, slope):
    """Other slopes for some of the gates: slope(what comes out, what went in)."""
    return wrong(slopes=lambda s: right_slopes(s) | {name: slope(getattr(s, name), s.parts[name]) for name in names})


def with_slopes(of_sigmoid, of_tanh):
    return wrong(slopes=lambda s: {name: (of_tanh if name == "g" else of_sigmoid)(getattr(s, name), s.parts[name])
                                   for name in GATES})


def of_dz(make):
    """make(the step, dz) is what the array was taken for."""
    return lambda *inputs: make(*back_through(*inputs)[:2])


def sigmoid_twice(out, z):
    return sigmoid(out) * (1 - sigmoid(out))


def tanh_twice(out, z):
    return 1 - np.tanh(out)**2


def last_state(module, x, W, U, b):
    h, c, caches = np.zeros((len(x), len(U))), np.zeros((len(x), len(U))), []
    for t in range(x.shape[1]):
        h, c, cache = module.lstm_step(x[:, t], h, c, W, U, b)
        caches.append(cache)

    def back(dh):
        found, dc = [0, 0, 0], np.zeros_like(dh)
        for cache in reversed(caches):
            _, dh, dc, *pieces = module.lstm_step_backward(dh, dc, cache)
            found = [total + piece for total, piece in zip(found, pieces, strict=True)]
        return found
    return h, back


LSTM_STEP_BACKWARD = Exercise(
    "19.3", "lstm_step_backward", ("dx", "dh", "dc", "dW", "dU", "db"), measured(step_loss, 6),
    example=((*STEP, DH, DC), measured(step_loss, 6)(*STEP, DH, DC)),
    inputs=("x", "h", "c", "W", "U", "b", "dh", "dc"),
    cases=lambda rng: (*STEPS(rng), *normal((5, 2), (5, 2))(rng)), loss=step_loss,
    slopes={"dx": 0, "dh": 1, "dc": 2, "dW": 3, "dU": 4, "db": 5}, needs=("lstm_step",),
    learns=remembers_the_first_sign(((1, 12), (3, 12), 12, 3), 0.8, last_state),
    call=after_forward("lstm_step_backward", "lstm_step", arriving=2),
    mistakes={"dx": [
        ("no slopes at all", "dz is made of di, df, do and dg. Go back through each sigmoid and tanh: i (1 - i), f (1 "
         "- f), o (1 - o), 1 - g².", with_slopes(lambda out, z: 1, lambda out, z: 1)),
        ("the sigmoid's slope is missing", "di, df and do went into dz without the slope of the sigmoid: i (1 - i) and "
         "so on. (g's is right.)", with_slope("ifo", lambda out, z: 1)),
        ("g's slope is missing", "dg went into dz without the slope of tanh, 1 - g².",
         with_slope("g", lambda out, z: 1)),
        ("the sigmoid taken twice", "The slopes were taken as σ(i) (1 - σ(i)). i is σ(z_i) already: i (1 - i).",
         with_slope("ifo", sigmoid_twice)),
        ("tanh taken twice", known.slope_of_tanh("1 - tanh(g)², but g is tanh(z_g) already", "1 - g²"),
         with_slope("g", tanh_twice)),
        ("sigmoid and tanh taken twice", "The slopes were taken as σ(i) (1 - σ(i)) and 1 - tanh(g)². i and g are σ and "
         "tanh already: i (1 - i) and 1 - g².", with_slopes(sigmoid_twice, tanh_twice)),
        ("slopes from what went in", "The slopes were taken as z (1 - z) and 1 - z². They are written with what comes "
         "out: i (1 - i), 1 - g².", with_slopes(lambda out, z: z * (1 - z), lambda out, z: 1 - z**2)),
        ("the sigmoid's slope for g", known.sigmoid_slope("g (1 - g)", "1 - g²"),
         with_slope("g", lambda out, z: out * (1 - out))),
        ("tanh's slope for the gates", "The slopes of i, f and o were taken as 1 - i², and so on, which is tanh's. The "
         "sigmoid's is i (1 - i).", with_slope("ifo", lambda out, z: 1 - out**2)),
        ("1 - g without a square", known.slope_of_tanh("1 - g", "1 - g²"), with_slope("g", lambda out, z: 1 - out)),
        *(("blocks in another order", put_together_as(order), wrong(order=order)) for order in OTHER_ORDERS),
        *((name, sentence, wrong(road=road)) for name, sentence, road in ROADS),
        *((name, sentence, wrong(factors={of: factor})) for of in FACTORS if of != "dc"
          for name, sentence, factor in FACTORS[of]),
        ("di and df changed places", "di is the gradient of c' times c, and df that times g. In c' = f c + i g, i is "
         "multiplied by g, and f by c.",
         wrong(factors={"di": lambda s, dh, dc, all_dc: all_dc * s.c, "df": lambda s, dh, dc, all_dc: all_dc * s.g})),
    ], "dh": [
        ("dh is handed back as it came", known.dh_unchanged("dz U^T"), lambda dh: dh),
        ("dh has kept what came in", known.dh_kept("dz U^T"), lambda right, dh: dh + right),
    ], "dc": [
        *((name, sentence, wrong(factors={"dc": factor})) for name, sentence, factor in FACTORS["dc"]),
    ], "dW": [
        ("dW transposed", known.transposed("dW", "dz^T x", "x.T @ dz"), lambda right: right.T),
    ], "dU": [
        ("dU from the new state", known.du_from_new_state("dz"), of_dz(lambda s, dz: s.h2.T @ dz)),
        ("dU from the memory", "dU is c^T dz. U was multiplied by the state h, and not by the memory: h.T @ dz.",
         of_dz(lambda s, dz: s.c.T @ dz)),
        ("dU transposed", known.transposed("dU", "dz^T h", "h.T @ dz"), lambda right: right.T),
    ], "db": [
        ("db not summed over the batch", known.not_summed("db", "dz", "b was added to all N rows", "axis=0"),
         of_dz(lambda s, dz: dz)),
        ("db is a mean over the batch", known.mean("db", "the rows"), of_dz(lambda s, dz: dz.mean(axis=0))),
        ("db summed over the wrong axis",
         known.wrong_axis("db", "the columns", "b has one number for each column", "axis=0"),
         of_dz(lambda s, dz: dz.sum(axis=1))),
    ]})

EXERCISES = (LSTM_STEP, MEMORY_BACKWARD, LSTM_STEP_BACKWARD)
