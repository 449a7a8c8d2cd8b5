"""What lesson 18 asks for."""

from itertools import permutations, product
from types import SimpleNamespace

import numpy as np

from minicap.activations import sigmoid
from minicap.learn.exercises import Exercise, Mistake, slopes

GATES = "ifog"
OTHER_ORDERS = ["".join(order) for order in permutations(GATES) if "".join(order) != GATES]


def blocks(z):
    """The four blocks of z (N, 4H)."""
    return np.split(z, 4, axis=1)


def run(x, h, c, W, U, b, order=GATES, cut=blocks):
    """One step with everything in it: z, the gates, c2 and h2. With the blocks in another order on request."""
    z = x @ W + h @ U + b
    parts = dict(zip(order, cut(z), strict=True))
    i, f, o, g = sigmoid(parts["i"]), sigmoid(parts["f"]), sigmoid(parts["o"]), np.tanh(parts["g"])
    c2 = f * c + i * g
    tanh_c = np.tanh(c2)
    return SimpleNamespace(parts=parts, i=i, f=f, o=o, g=g, c=c, h=h, x=x, c2=c2, tanh_c=tanh_c, h2=o * tanh_c)


def states(*inputs, **options):
    step = run(*inputs, **options)
    return step.h2, step.c2


def mistaken(name, sentence, h_of):
    """A known mistake in one step: ``h_of`` makes a wrong h' out of the right step."""
    return Mistake(name, sentence, lambda right, *inputs: h_of(run(*inputs)))


def cut_as(order):
    if order == "fiog":  # the same numbers come of two mistakes
        return ("i and f have changed places: the blocks of z were taken in the order f, i, o, g, or c' is i c + f g. "
                "The order is i, f, o, g, and f says how much of the old is kept, i how much of the new is written.")
    known = " (That is the order of PyTorch and Keras.)" if order == "ifgo" else ""
    return (f"The blocks of z were taken in the order {', '.join(order)}. Here they are i, f, o, g, so that the three "
            f"that go through the sigmoid stand side by side.{known}")


def put_together_as(order):
    return (f"The blocks of dz stand in the order {', '.join(order)}. z was cut as i, f, o, g, and dz has to be put "
            "together the same way.")


def shown(c2, step):
    return step.o * np.tanh(c2)


# --------------------------------------------------------------------------------------------------------------- 18.1

STEP = tuple(np.array(a, float) for a in ([[1]], [[0.5]], [[2]], [[1, 2, 3, 4]], [[2, 2, 4, 2]], [-3, -2, -3, -4]))
DH, DC = np.array([[1.0]]), np.array([[10.0]])


def cases_of_a_step(rng):
    return tuple(0.7 * rng.standard_normal(shape) for shape in ((5, 3), (5, 2), (5, 2), (3, 8), (2, 8), 8))


def states_of(answer):
    """(h', c') out of (h', c', cache)."""
    if not (isinstance(answer, (tuple, list)) and len(answer) == 3):
        got = f"{len(answer)} things" if isinstance(answer, (tuple, list)) else type(answer).__name__
        raise TypeError(f"lstm_step has to return three things, `return h, c, cache`, and not {got}")
    return tuple(answer[:2])


LSTM_STEP = Exercise(
    "18.1", "lstm_step", ("h'", "c'"), states, example=(STEP, states(*STEP)), cases=cases_of_a_step,
    call=lambda module, *inputs: states_of(module.lstm_step(*inputs)),
    mistakes=(
        *(Mistake("gates in another order", cut_as(order),
                  lambda right, *inputs, order=order: run(*inputs, order=order).h2) for order in OTHER_ORDERS),
        Mistake("every fourth column is a gate", "z was cut into every fourth column, z[:, 0::4] and so on, or "
                "reshaped to (N, H, 4). The blocks stand one behind the other: columns 0 to H - 1 are i, the next H "
                "are f.", lambda right, *inputs: run(*inputs, cut=lambda z: [z[:, k::4] for k in range(4)]).h2),
        Mistake("h' and c' changed places", "What is returned first is c'. The order is h', c', cache.",
                lambda right, *inputs: run(*inputs).c2),
        Mistake("the bias is missing", "z is x W + h U: add b.",
                lambda right, x, h, c, W, U, b: run(x, h, c, W, U, 0 * b).h2),
        Mistake("the state is not read", "z is x W + b: what the state says, h U, is missing.",
                lambda right, x, h, c, W, U, b: run(x, h, c, W, 0 * U, b).h2),
        Mistake("1 is added to the forget gate", "The forget gate is σ(z_f + 1). That it begins at 1 is a matter of "
                "how b starts out; b has it already.",
                lambda right, x, h, c, W, U, b: run(x, h, c, W, U, b + np.repeat([0, 1, 0, 0], len(b) // 4)).h2),
        mistaken("a sigmoid for the candidate", "All four blocks went through the sigmoid. The candidate g is written "
                 "into the memory and has to be able to lower it, too: tanh.",
                 lambda s: shown(s.f * s.c + s.i * sigmoid(s.parts["g"]), s)),
        mistaken("tanh for the gates", "All four blocks went through tanh. A gate is a share, between 0 and 1: i, f "
                 "and o go through the sigmoid.",
                 lambda s: np.tanh(s.parts["o"]) * np.tanh(np.tanh(s.parts["f"]) * s.c + np.tanh(s.parts["i"]) * s.g)),
        mistaken("the gates without a sigmoid", "i, f and o were used as they stand in z. A gate is a share, between 0 "
                 "and 1: sigmoid.", lambda s: s.parts["o"] * np.tanh(s.parts["f"] * s.c + s.parts["i"] * s.g)),
        mistaken("the candidate without tanh", "g was used as it stands in z. It has to go through tanh.",
                 lambda s: shown(s.f * s.c + s.i * s.parts["g"], s)),
        mistaken("no tanh on the way out", "h' is o c'. The memory can be of any size; tanh brings it between -1 and 1 "
                 "before it is shown: o tanh(c').", lambda s: s.o * s.c2),
        mistaken("h' from the old memory", "h' is o tanh(c), with the memory before the step. What was just written "
                 "has to be seen: o tanh(c').", lambda s: shown(s.c, s)),
        mistaken("no output gate", "h' is tanh(c'): multiply by the output gate o.", lambda s: np.tanh(s.c2)),
        mistaken("no input gate", "c' is f c + g: how much is written is up to the input gate, i g.",
                 lambda s: shown(s.f * s.c + s.g, s)),
        mistaken("no forget gate", "c' is c + i g: how much is kept is up to the forget gate, f c.",
                 lambda s: shown(s.c + s.i * s.g, s)),
        mistaken("the old memory is lost", "c' is i g: what was remembered, f c, is missing.",
                 lambda s: shown(s.i * s.g, s)),
        mistaken("1 - f for the input gate", "c' is f c + (1 - f) g. In a GRU one gate does both; an LSTM has a gate "
                 "of its own for writing, i.", lambda s: shown(s.f * s.c + (1 - s.f) * s.g, s)),
        mistaken("the forget gate upside down", "c' is (1 - f) c + i g. In spite of its name f is the share that is "
                 "kept: f c.", lambda s: shown((1 - s.f) * s.c + s.i * s.g, s)),
        mistaken("h in place of c", "c' is f h + i g. What is kept is the memory c; the state h is only read, in h U.",
                 lambda s: shown(s.f * s.h + s.i * s.g, s)),
        Mistake("c' is returned behind tanh", "What is returned as c' is tanh(c'). The memory goes on as it is; only "
                "h' sees it through tanh.", lambda right, *inputs: np.tanh(right), of="c'"),
        Mistake("c' is the old memory", "What is returned as c' is c, the memory before the step.",
                lambda right, x, h, c, W, U, b: c, of="c'"),
        Mistake("c' and h' are the same", "What is returned as c' is h'.", lambda right, *inputs: run(*inputs).h2,
                of="c'"),
    ))


# --------------------------------------------------------------------------------------------------------------- 18.2

MEMORY_GIVES = {"di": 0, "df": 1, "do": 2, "dg": 3, "dc": 4}


def memory(i, f, o, g, c):
    c2 = f * c + i * g
    return o * np.tanh(c2), c2


def memory_loss(i, f, o, g, c, dh, dc):
    h2, c2 = memory(i, f, o, g, c)
    return float((h2 * dh).sum() + (c2 * dc).sum())


def measured(loss, gives):
    return lambda *inputs: tuple(slopes(loss, inputs, index) for index in gives.values())


def all_of_c2(s, dh, dc):
    """What is wanted of c': what the next step wants, and what h' wants."""
    return dc + dh * s.o * (1 - s.tanh_c**2)


ROADS = {  # (name, sentence): what was taken for the gradient of c'
    ("the road through h' is missing", "c' got the dc of the next step alone. It is used twice: h' = o tanh(c') reads "
     "it as well, so dh o (1 - tanh²(c')) has to be added."):
        lambda s, dh, dc: dc,
    ("the road through the next step is missing", "c' got only what comes through h'. The next step has read it too "
     "and hands back dc: add it."):
        lambda s, dh, dc: dh * s.o * (1 - s.tanh_c**2),
    ("the slope of tanh is missing", "To dc was added dh o. h' is o tanh(c'), so on the way back tanh has its slope: "
     "dh o (1 - tanh²(c'))."):
        lambda s, dh, dc: dc + dh * s.o,
    ("the output gate is missing", "To dc was added dh (1 - tanh²(c')). h' is o tanh(c'): what h' wants of tanh(c') is "
     "dh o."):
        lambda s, dh, dc: dc + dh * (1 - s.tanh_c**2),
    ("dh went into dc as it is", "To dc was added dh. Between c' and h' there are tanh and o: dh o (1 - tanh²(c'))."):
        lambda s, dh, dc: dc + dh,
    ("the slope from c' instead of tanh(c')", "The slope was taken as 1 - c'². The square is of tanh's output: 1 - "
     "tanh(c')²."):
        lambda s, dh, dc: dc + dh * s.o * (1 - s.c2**2),
    ("the slope at the old memory", "The slope was taken as 1 - tanh(c)², with the memory before the step. h' = o "
     "tanh(c') has the new one."):
        lambda s, dh, dc: dc + dh * s.o * (1 - np.tanh(s.c)**2),
    ("the slope from h'", "The slope was taken as 1 - h'². h' is o tanh(c'): the square is of tanh(c') alone."):
        lambda s, dh, dc: dc + dh * s.o * (1 - s.h2**2),
    ("the slope without a square", "The slope was taken as 1 - tanh(c'). It is 1 - tanh²(c')."):
        lambda s, dh, dc: dc + dh * s.o * (1 - s.tanh_c),
}

FACTORS = (  # for one gate or the old memory: name, sentence, of, (s, dh, dc, the gradient of c') -> what was returned
    ("di times the wrong factor", "di is the gradient of c' times i. In the product i g each factor gets the other "
     "one: g.", "di", lambda s, dh, dc, all_dc: all_dc * s.i),
    ("di and df changed places", "di is the gradient of c' times c, which is df's. In c' = f c + i g, i stands beside "
     "g.", "di", lambda s, dh, dc, all_dc: all_dc * s.c),
    ("df from the new memory", "df is the gradient of c' times c'. The forget gate was multiplied by the memory before "
     "the step, c.", "df", lambda s, dh, dc, all_dc: all_dc * s.c2),
    ("df times the wrong factor", "df is the gradient of c' times f. In the product f c each factor gets the other "
     "one: c.", "df", lambda s, dh, dc, all_dc: all_dc * s.f),
    ("do from the old memory", "do is dh tanh(c), with the memory before the step. The output gate was multiplied by "
     "tanh(c').", "do", lambda s, dh, dc, all_dc: dh * np.tanh(s.c)),
    ("do without tanh", "do is dh c'. In h' = o tanh(c') the gate was multiplied by tanh(c').", "do",
     lambda s, dh, dc, all_dc: dh * s.c2),
    ("do from the gradient of c'", "do is the gradient of c' times tanh(c'). The output gate stands in h' alone: dh "
     "tanh(c').", "do", lambda s, dh, dc, all_dc: all_dc * s.tanh_c),
    ("do times the wrong factor", "do is dh h'. In the product o tanh(c') the gate gets the other factor, tanh(c'), "
     "without o.", "do", lambda s, dh, dc, all_dc: dh * s.h2),
    ("dg times the wrong factor", "dg is the gradient of c' times g. In the product i g each factor gets the other "
     "one: i.", "dg", lambda s, dh, dc, all_dc: all_dc * s.g),
    ("dc without the forget gate", "dc is the gradient of c', as it is. The old memory was multiplied by f on its way "
     "into c', and so is its gradient on the way back.", "dc", lambda s, dh, dc, all_dc: all_dc),
    ("dc without the road through h'", "dc is f times the dc that came in. Both roads lead on to the old memory: f "
     "times their sum.", "dc", lambda s, dh, dc, all_dc: dc * s.f),
    ("dc is handed back as it came", "dc is what came in, dL/dc'. To return is that of the memory before the step: f "
     "times all that is wanted of c'.", "dc", lambda s, dh, dc, all_dc: dc),
    ("dc has kept what came in", "dc is what came in, and f times the gradient of c' on top. The old memory goes into "
     "c' only through f.", "dc", lambda s, dh, dc, all_dc: dc + all_dc * s.f),
)


def memory_gradients(s, dh, all_dc):
    return {"di": all_dc * s.g, "df": all_dc * s.c, "do": dh * s.tanh_c, "dg": all_dc * s.i, "dc": all_dc * s.f}


def from_gates(i, f, o, g, c):
    h2, c2 = memory(i, f, o, g, c)
    return SimpleNamespace(i=i, f=f, o=o, g=g, c=c, c2=c2, tanh_c=np.tanh(c2), h2=h2)


def wrong_road(road, of):
    def wrong(right, i, f, o, g, c, dh, dc):
        s = from_gates(i, f, o, g, c)
        return memory_gradients(s, dh, road(s, dh, dc))[of]
    return wrong


def wrong_factor(factor):
    def wrong(right, i, f, o, g, c, dh, dc):
        s = from_gates(i, f, o, g, c)
        return factor(s, dh, dc, all_of_c2(s, dh, dc))
    return wrong


def cases_of_a_memory(rng):
    shape = (4, 3)
    return (*(rng.uniform(0.1, 0.9, shape) for _ in range(3)), rng.uniform(-0.9, 0.9, shape),
            *(rng.standard_normal(shape) for _ in range(3)))


STEP_GATES = tuple(getattr(run(*STEP), name) for name in "ifogc")
MEMORY_BACKWARD = Exercise(
    "18.2", "memory_backward", tuple(MEMORY_GIVES), measured(memory_loss, MEMORY_GIVES),
    example=((*STEP_GATES, DH, DC), measured(memory_loss, MEMORY_GIVES)(*STEP_GATES, DH, DC)),
    cases=cases_of_a_memory, loss=memory_loss, slopes=MEMORY_GIVES,
    call=lambda module, i, f, o, g, c, dh, dc: module.memory_backward(dh, dc, i, f, o, g, c),
    mistakes=(
        *(Mistake(name, sentence, wrong_factor(factor), of=of) for name, sentence, of, factor in FACTORS),
        *(Mistake(name, sentence, wrong_road(road, of), of=of)
          for (name, sentence), road in ROADS.items() for of in ("di", "df", "dg", "dc")),
    ))


# --------------------------------------------------------------------------------------------------------------- 18.3

GIVES = {"dx": 0, "dh": 1, "dc": 2, "dW": 3, "dU": 4, "db": 5}


def step_loss(*inputs):
    *inputs, dh, dc = inputs
    h2, c2 = states(*inputs)
    return float((h2 * dh).sum() + (c2 * dc).sum())


def right_slopes(s):
    return {"i": s.i * (1 - s.i), "f": s.f * (1 - s.f), "o": s.o * (1 - s.o), "g": 1 - s.g**2}


def sigmoid_taken_twice(s):
    return {name: sigmoid(a) * (1 - sigmoid(a)) for name, a in (("i", s.i), ("f", s.f), ("o", s.o))}


def slopes_from_z(s):
    return {name: z * (1 - z) for name, z in s.parts.items()} | {"g": 1 - s.parts["g"]**2}


def changed(names, slope):
    """Other slopes for some of the gates: slope(s, name)."""
    return lambda s: right_slopes(s) | {name: slope(s, name) for name in names}


def step_gradients(x, h, c, W, U, b, dh, dc, *, road=all_of_c2, slopes=right_slopes, order=GATES, factors=None):
    """What lstm_step_backward has to give, with mistakes on request; ``factors`` are other gradients of some gates."""
    s = run(x, h, c, W, U, b)
    all_dc = road(s, dh, dc)
    gradients = memory_gradients(s, dh, all_dc)
    gradients |= {of: factor(s, dh, dc, all_dc) for of, factor in (factors or {}).items()}
    slope = slopes(s)
    dz = np.concatenate([gradients["d" + name] * slope[name] for name in order], axis=1)
    return {"dx": dz @ W.T, "dh": dz @ U.T, "dc": gradients["dc"], "dW": x.T @ dz, "dU": h.T @ dz, "db": dz.sum(axis=0),
            "dz": dz}


def wrong(of="dx", **options):
    return lambda right, *inputs: step_gradients(*inputs, **options)[of]


def of_dz(make):
    """make(the step, dz) is what the array was taken for."""
    return lambda right, *inputs: make(run(*inputs[:6]), step_gradients(*inputs)["dz"])


def cases_of_a_gradient(rng):
    return (*cases_of_a_step(rng), rng.standard_normal((5, 2)), rng.standard_normal((5, 2)))


def learns_to_remember(module):
    """All sequences of four signs; after the last one the network has to know the first."""
    rng = np.random.default_rng(0)
    x = np.array(list(product((-1.0, 1.0), repeat=4)))
    N, H = len(x), 3
    weights = [0.6 * rng.standard_normal(shape) for shape in ((1, 4 * H), (H, 4 * H), 4 * H, H)]
    weights[2][H:2 * H] += 1
    seen = []
    for _ in range(60):
        W, U, b, v = weights
        h, c, caches = np.zeros((N, H)), np.zeros((N, H)), []
        for t in range(4):
            h, c, cache = module.lstm_step(x[:, t:t + 1], h, c, W, U, b)
            caches.append(cache)
        off = h @ v - x[:, 0]
        found = [0 * W, 0 * U, 0 * b, h.T @ (2 * off / N)]
        dh, dc = 2 * off[:, None] * v / N, np.zeros((N, H))
        for cache in reversed(caches):
            _, dh, dc, *pieces = module.lstm_step_backward(dh, dc, cache)
            found[:3] = [total + piece for total, piece in zip(found, pieces, strict=False)]
        weights = [w - 0.8 * dw for w, dw in zip(weights, found, strict=True)]
        seen.append(float((off**2).mean()))
    if not seen[-1] < 0.2:
        return ("a network that learns to say the first of four signs does not get there: after 60 steps its squared "
                f"error is {seen[-1]:.2f}, it began at {seen[0]:.2f}")


LSTM_STEP_BACKWARD = Exercise(
    "18.3", "lstm_step_backward", tuple(GIVES), measured(step_loss, GIVES),
    example=((*STEP, DH, DC), measured(step_loss, GIVES)(*STEP, DH, DC)),
    cases=cases_of_a_gradient, loss=step_loss, slopes=GIVES, needs=("lstm_step",), learns=learns_to_remember,
    call=lambda module, *inputs: module.lstm_step_backward(*inputs[6:], module.lstm_step(*inputs[:6])[2]),
    mistakes=(
        Mistake("no slopes at all", "dz is made of di, df, do and dg as they are. Each gate has come out of a sigmoid "
                "or tanh and has to go back through it: i (1 - i), f (1 - f), o (1 - o), 1 - g².",
                wrong(slopes=lambda s: dict.fromkeys(GATES, 1))),
        Mistake("the sigmoid's slope is missing", "di, df and do went into dz without the slope of the sigmoid: i (1 - "
                "i) and so on. (g's is right.)", wrong(slopes=changed("ifo", lambda s, name: 1))),
        Mistake("g's slope is missing", "dg went into dz without the slope of tanh, 1 - g².",
                wrong(slopes=changed("g", lambda s, name: 1))),
        Mistake("the sigmoid taken twice", "The slopes were taken as σ(i) (1 - σ(i)). i is σ(z_i) already: i (1 - i). "
                "The formula σ(z) (1 - σ(z)) asks for what went into the sigmoid.",
                wrong(slopes=lambda s: right_slopes(s) | sigmoid_taken_twice(s))),
        Mistake("tanh taken twice", "g's slope was taken as 1 - tanh(g)². g is tanh(z_g) already: 1 - g².",
                wrong(slopes=changed("g", lambda s, name: 1 - np.tanh(s.g)**2))),
        Mistake("sigmoid and tanh taken twice", "The slopes were taken as σ(i) (1 - σ(i)) and 1 - tanh(g)². i and g "
                "have come out of σ and tanh already: i (1 - i) and 1 - g².",
                wrong(slopes=lambda s: sigmoid_taken_twice(s) | {"g": 1 - np.tanh(s.g)**2})),
        Mistake("slopes from what went in", "The slopes were taken as z (1 - z) and 1 - z². They are written with what "
                "comes out: i (1 - i), 1 - g².",
                wrong(slopes=slopes_from_z)),
        Mistake("the sigmoid's slope for g", "g's slope was taken as g (1 - g), the sigmoid's. g has come out of tanh: "
                "1 - g².", wrong(slopes=changed("g", lambda s, name: s.g * (1 - s.g)))),
        Mistake("tanh's slope for the gates", "The slopes of i, f and o were taken as 1 - i², and so on, which is "
                "tanh's. They have come out of a sigmoid: i (1 - i).",
                wrong(slopes=changed("ifo", lambda s, name: 1 - getattr(s, name)**2))),
        Mistake("1 - g without a square", "g's slope was taken as 1 - g. It is 1 - g².",
                wrong(slopes=changed("g", lambda s, name: 1 - s.g))),
        *(Mistake("blocks in another order", put_together_as(order), wrong(order=order)) for order in OTHER_ORDERS),
        *(Mistake(name, sentence, wrong(road=road)) for (name, sentence), road in ROADS.items()),
        *(Mistake(name, sentence, wrong(factors={of: factor})) for name, sentence, of, factor in FACTORS if of != "dc"),
        Mistake("di and df changed places", "di is the gradient of c' times c, and df that times g. In c' = f c + i g, "
                "i stands beside g, and f beside c.",
                wrong(factors={"di": lambda s, dh, dc, all_dc: all_dc * s.c,
                               "df": lambda s, dh, dc, all_dc: all_dc * s.g})),
        Mistake("dh is handed back as it came", "dh is what came in, dL/dh'. To return is that of the state before the "
                "step, which has gone into z through U: dz U^T.", lambda right, x, h, c, W, U, b, dh, dc: dh, of="dh"),
        Mistake("dh has kept what came in", "dh is what came in, and dz U^T on top. The new state took the place of "
                "the old one, which goes on only through z: dz U^T.",
                lambda right, x, h, c, W, U, b, dh, dc: dh + right, of="dh"),
        *(Mistake(name, sentence, wrong("dc", factors={"dc": factor}), of="dc")
          for name, sentence, of, factor in FACTORS if of == "dc"),
        Mistake("dW transposed", "dW is dz^T x, which is its transpose: x.T @ dz.", lambda right, *inputs: right.T,
                of="dW"),
        Mistake("dU from the new state", "dU is h'^T dz, with the state after the step. U was multiplied by the state "
                "before: h.T @ dz.", of_dz(lambda s, dz: s.h2.T @ dz), of="dU"),
        Mistake("dU from the memory", "dU is c^T dz. U was multiplied by the state h, and not by the memory: h.T @ dz.",
                of_dz(lambda s, dz: s.c.T @ dz), of="dU"),
        Mistake("dU transposed", "dU is dz^T h, which is its transpose: h.T @ dz.", lambda right, *inputs: right.T,
                of="dU"),
        Mistake("db not summed over the batch", "db is dz itself. b was added to all N rows: sum over them, axis=0.",
                of_dz(lambda s, dz: dz), of="db"),
        Mistake("db is a mean over the batch", "db is a mean. The pulls of all rows add up: sum.",
                of_dz(lambda s, dz: dz.mean(axis=0)), of="db"),
        Mistake("db summed over the wrong axis", "dz was summed over its columns. b has one number for each column and "
                "none for each sample: axis=0.", of_dz(lambda s, dz: dz.sum(axis=1)), of="db"),
    ))

EXERCISES = (LSTM_STEP, MEMORY_BACKWARD, LSTM_STEP_BACKWARD)
