"""What lesson 25 asks for. No GPU is needed: card.py refuses what CuPy would refuse, and counts."""

import contextlib
import math
from functools import partial
from pathlib import Path

import numpy as np

from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise
from minicap.learn.lessons import load
from minicap.losses import log_softmax

card_py = load(Path(__file__).with_name("card.py"))
card, Array = card_py.card, card_py.Array


@contextlib.contextmanager
def with_card(module):
    """Within the block the learner's MODULES know the card, too."""
    modules = getattr(module, "MODULES", None)
    if not isinstance(modules, dict):
        raise TypeError("MODULES, {type of an array: module}, is not there any more; bring its line back: "
                        "MODULES = {np.ndarray: np}")
    modules[Array] = card
    try:
        yield
    finally:
        modules.pop(Array, None)


# ---------------------------------------------------------------------------------------------------------------- 25.1

class Mapped(np.ndarray):
    """An array of a subclass, as memory maps are."""


def arrays_named(names):
    made = {"NumPy": lambda: np.ones(2), "card": lambda: Array(np.ones(2)), "map": lambda: np.ones(2).view(Mapped),
            "list": lambda: [1.0, 2.0], "None": lambda: None, "empty": lambda: np.ones((0, 3)),
            "zero": lambda: Array(np.zeros(1))}
    return [made[name]() for name in names]


def module_for(names):
    """What array_module has to answer for a call with these arrays."""
    modules = {"NumPy": "np", "map": "np", "empty": "np", "card": "card", "zero": "card", "list": "nothing"}
    found = {modules[name] for name in names if name != "None"}
    return found.pop() if len(found) == 1 and found != {"nothing"} else "TypeError"


def answer_of(module, names):
    try:
        answer = module.array_module(*arrays_named(names))
    except TypeError:
        return "TypeError"
    except NotImplementedError:
        raise
    except Exception as error:
        return type(error).__name__
    return {id(np): "np", id(card): "card", id(None): "None"}.get(id(answer), "something else")


def differences(calls, answer):
    """What is not as it has to be."""
    return [f"({', '.join(names)}): {answer(names)} and not {module_for(names)}" for names in calls
            if answer(names) != module_for(names)]


def what_it_answers_wrongly(module, calls):
    with with_card(module):
        return differences(calls, partial(answer_of, module))


def calls_with(answer):
    """What comes out where another rule answers."""
    return lambda calls: differences(calls, answer)


CALLS = [("NumPy",), ("card", "None", "card"), ("NumPy", "card"), ("NumPy", "list"), ("None",)]


def drawn_calls(rng):
    calls = [*CALLS, ("card",), ("map",), ("None", "NumPy"), ("card", "NumPy"), ("card", "card", "NumPy"), ("list",),
             ("NumPy", "card", "NumPy"), ("list", "card"), ("map", "NumPy"), ("map", "card"), ("empty",), ("zero",), ()]
    return ([calls[place] for place in rng.permutation(len(calls))],)


def of_first(names, none_too=False):
    """Only the first array is looked at (that is not None, or None as well)."""
    return module_for([name for name in names if none_too or name != "None"][:1])


def of_any(names):
    """The first module that any of the arrays belongs to; the others are not asked."""
    modules = [module_for([name]) for name in names if name != "None"]
    return next((module for module in modules if module != "TypeError"), "TypeError")


def unless_refused(answer):
    """answer(names without None) where each of the arrays has a module."""
    def wrong(names):
        names = [name for name in names if name != "None"]
        return "TypeError" if not names or "list" in names else answer(names)
    return wrong


def numpy_otherwise(names):
    """Whatever is not of the card is taken for NumPy's."""
    answers = {"card" if name in ("card", "zero") else "np" for name in names if name != "None"}
    return answers.pop() if len(answers) == 1 else "TypeError"


ARRAY_MODULE = Exercise(
    "25.1", "array_module", ("what it answers wrongly",), lambda calls: [],
    example=((CALLS,), []), cases=drawn_calls, call=what_it_answers_wrongly,
    mistakes=[
        ("always NumPy", "It always answers np. Look up the type of the arrays in MODULES.",
         calls_with(lambda names: "np")),
        ("only the first array is looked at", "Only the first array is looked at. The others may lie on another "
         "device, and the first may be None: look at all of them.",
         (calls_with(of_first), calls_with(partial(of_first, none_too=True)))),
        ("a mixture is not refused", "A mixture of arrays of NumPy and the card has to be a TypeError: each copy would "
         "cost more than the computation.",
         (calls_with(of_any), calls_with(unless_refused(of_first)),
          calls_with(unless_refused(lambda names: "card" if {"card", "zero"} & set(names) else "np")))),
        ("only the first and the last are compared", "A mixture is not refused where the first and the last array are "
         "of one module: compare each of them with the first.",
         calls_with(unless_refused(lambda names: module_for([names[0], names[-1]])))),
        ("what is no array is skipped", "What is no array is skipped, as None is. A list would be slow or wrong later: "
         "TypeError.", calls_with(lambda names: module_for([name for name in names if name != "list"]))),
        ("nothing left counts as NumPy's", "Where no array is left it answers np. Nobody has said so: TypeError.",
         calls_with(lambda names: module_for(names) if set(names) - {"None"} else "np")),
        ("another kind of error", "What is refused is a TypeError, so that callers can tell it from other errors: "
         "raise TypeError(...).",
         (calls_with(lambda names: module_for(names).replace("TypeError", "ValueError")),
          calls_with(lambda names: module_for(names).replace("TypeError", "TypeError" if "list" in names
                                                             else "ValueError")))),
        ("the type is returned", "It returns something else than a module: MODULES maps the type of an array to the "
         "module, MODULES[type].",
         calls_with(lambda names: "TypeError" if module_for(names) == "TypeError" else "something else")),
        ("the card is not known", "Arrays of the card are refused. Go through MODULES; its card is added later.",
         calls_with(lambda names: "np" if module_for(names) == "np" else "TypeError")),
        ("the card wins over NumPy", "It answers card as soon as one array is the card's, else np. A mixture, and what "
         "is no array, has to be a TypeError.",
         calls_with(lambda names: "card" if {"card", "zero"} & set(names) else "np")),
        ("a subclass is not recognised", "Memory maps are NumPy arrays as well, of a subclass: isinstance(x, "
         "np.ndarray) instead of type(x).",
         calls_with(lambda names: "TypeError" if "map" in names else module_for(names))),
        ("what is no array counts as NumPy's", "What is unknown is taken for an array of NumPy. A list would be slow "
         "or wrong later: TypeError.", calls_with(numpy_otherwise)),
        ("None is not skipped", "None stands for an array that is not there: skip it, if there are others.",
         calls_with(lambda names: "TypeError" if "None" in names else module_for(names))),
        ("nothing is returned", known.no_return("It answers None"),
         calls_with(lambda names: "None" if module_for(names) != "TypeError" else "TypeError")),
        ("None as an answer where an error is meant", "Where there is no module it answers None, and the caller's "
         "xp.exp fails somewhere else: raise TypeError here.",
         (calls_with(lambda names: module_for(names).replace("TypeError", "None")),
          calls_with(lambda names: module_for(names).replace("TypeError", "TypeError" if "list" in names
                                                             else "None")))),
    ])


# ---------------------------------------------------------------------------------------------------------------- 25.2

def softmax_of(x, subtracted=lambda x: x.max(axis=1, keepdims=True), axis=1):
    e = np.exp(x - subtracted(x))
    return e / e.sum(axis=axis, keepdims=True)


def on_both(module, x):
    """softmax of an array of NumPy and of one of the card, and what moved between."""
    with with_card(module):
        here = module.softmax(x.copy())
        there = Array(x.copy())
        card.reset()
        answer = module.softmax(there)
        transfers = card.transfers
        if answer is not None and not isinstance(answer, Array):
            return here, here, "the answer is no array of the card any more"
        if not np.array_equal(there.data, x):
            return here, here, "x was changed in place"
        return here, None if answer is None else answer.data, "nothing moved" if not transfers else "something moved"


SOFTMAX = Exercise(
    "25.2", "softmax", ("p of an array of NumPy", "p of an array of the card", "between card and computer"),
    lambda x: (softmax_of(x), softmax_of(x), "nothing moved"),
    example=((np.array([[0.0, np.log(3)], [1000.0, 1000.0]]),),
             (np.array([[0.25, 0.75], [0.5, 0.5]]), np.array([[0.25, 0.75], [0.5, 0.5]]), "nothing moved")),
    cases=lambda rng: (3 * rng.standard_normal((4, 3)) + np.array([[0] * 3, [2000, 1200, 400], [-1000] * 3, [0] * 3]),),
    call=on_both,
    needs=("array_module",),
    mistakes={"p of an array of NumPy": [
        ("the maximum is not subtracted", "exp(1000) is infinite, and infinite / infinite is nan. Subtract the largest "
         "number of each row first.", partial(softmax_of, subtracted=lambda x: 0)),
        ("one maximum for all rows", known.one_maximum(), partial(softmax_of, subtracted=np.max)),
        ("the maximum of each column", "The largest number of each column was subtracted. Those of one row make a "
         "softmax: axis=1.", partial(softmax_of, subtracted=lambda x: x.max(axis=0))),
        ("the minimum is subtracted", "The smallest number of each row was subtracted, so exp of the largest is "
         "infinite. Subtract the largest.", partial(softmax_of, subtracted=lambda x: x.min(axis=1, keepdims=True))),
        ("a mean in place of the sum", "exp was divided by its mean. Each row has to sum to 1: divide by its sum.",
         lambda x: x.shape[1] * softmax_of(x)),
        ("summed over the rows", known.softmax_axis("exp"), partial(softmax_of, axis=0)),
        ("summed over everything", known.softmax_everything("exp"), partial(softmax_of, axis=None)),
        ("not divided by the sum", known.not_divided_by_sum("exp"), lambda x: np.exp(x - x.max(axis=1, keepdims=True))),
        ("the logarithm", "It is log softmax: return exp(...) / sum.",
         (lambda x: np.log(softmax_of(x)), lambda x: log_softmax(x))),
    ], "between card and computer": [
        ("computed somewhere else", "The answer is right, but data went from the card to the computer: get(), "
         "float(...) or asarray. Compute with xp alone.", lambda: "something moved"),
        ("the answer is not on the card", "The array is on the card and the answer is NumPy's. It has to stay where x "
         "is.", lambda: "the answer is no array of the card any more"),
        ("x is changed in place", "x itself was changed, by -= or /=. The caller still needs it: e = x - ... makes a "
         "new array.", lambda: "x was changed in place"),
    ]})


# ---------------------------------------------------------------------------------------------------------------- 25.3

def grid(thread_function, threads, count, theta, g, m, s, beta1, beta2, lr, eps):
    """Every thread of every block, in an order by chance, on copies; what the arrays are afterwards."""
    arrays = [a.copy() for a in (theta, g, m, s)]
    blocks = -(-count // threads)
    for index in np.random.default_rng(0).permutation(blocks * threads):
        block, thread = divmod(int(index), threads)
        answer = thread_function(block, thread, threads, *arrays, count, beta1, beta2, lr, eps)
        if answer is not None:
            raise TypeError("a thread returns nothing, nobody would be there to take it: write the results into the "
                            f"arrays (it returned {type(answer).__name__})")
    return tuple(arrays)


def adam(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps, *,
         index=lambda block, thread, threads: block * threads + thread, last=lambda count: count,
         used=lambda old, new: new, store=True, root=lambda s, eps: np.sqrt(s) + eps,
         square=lambda g, share: share * g * g, sign=-1, rest=True, left=lambda g_i, beta1: g_i):
    """As the docstring says, or with one of these mistakes."""
    i = index(block, thread, threads)
    if i >= last(count):
        return
    g_i = g[i]
    g[i] = left(g_i, beta1)
    new = (beta1 * m[i] + (1 - beta1 if rest else 1) * g_i, beta2 * s[i] + square(g_i, 1 - beta2 if rest else 1))
    used_m, used_s = used((m[i], s[i]), new)
    theta[i] += sign * lr * used_m / root(used_s, eps)
    if store:
        m[i], s[i] = new


def whole_arrays(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps, stops=False):
    if not stops or block * threads + thread < count:
        m *= beta1
        m += (1 - beta1) * g
        s *= beta2
        s += (1 - beta2) * g * g
        theta -= lr * m / (np.sqrt(s) + eps)


def betas_exchanged(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    adam(block, thread, threads, theta, g, m, s, count, beta2, beta1, lr, eps)


def all_threads(function=adam, **mistake):
    """A mistake of one thread, as it shows when all of them have run."""
    return lambda *inputs: grid(partial(function, **mistake), *inputs)


def arrays_and_numbers(rng):
    """11 of 20 numbers, eight threads a block: the last block has some threads too many."""
    theta, g, m = rng.standard_normal((3, 20))
    return (8, 11, theta, g, m, rng.uniform(0.5, 2, 20), float(rng.uniform(0.5, 0.8)), float(rng.uniform(0.6, 0.95)),
            float(rng.uniform(0.1, 0.5)), float(rng.uniform(0.1, 0.3)))


def one_number_each(module):
    """None, or what else than its own number a thread has changed."""
    for place in range(6):
        arrays = np.full((4, 6), 0.5)
        module.adam_thread(*divmod(place, 4), 4, *arrays, 6, 0.5, 0.75, 1.0, 0.5)
        others = sorted({int(i) for i in np.nonzero(arrays != 0.5)[1]} - {place})
        if others:
            return (f"when all threads have run the numbers are right, but thread {place % 4} of block {place // 4} "
                    f"alone has changed number {others[0]}. Threads run at once, each for its own number, here "
                    f"{place}.")
    return None


BEYOND = ("A thread has written beyond the last number. {}. On a GPU no error says so, and other data is overwritten. "
          "Threads whose index is not below count must return at once.")

ADAM_THREAD = Exercise(
    "25.3", "adam_thread", ("theta", "g", "m", "s"), partial(grid, adam),
    example=((2, 3, np.array([1.0, 1, 5, 7]), np.array([0.0, 0, 4, 1]), np.zeros(4), np.zeros(4), 0.5, 0.75, 1.0, 0.5),
             (np.array([1, 1, 4.2, 7]), np.array([0.0, 0, 4, 1]), np.array([0.0, 0, 2, 0]),
              np.array([0.0, 0, 4, 0]))),
    cases=arrays_and_numbers, call=lambda module, *inputs: grid(module.adam_thread, *inputs), learns=one_number_each,
    mistakes={"theta": [
        ("no thread stops", BEYOND.format("The last block has more threads than numbers are left"),
         all_threads(last=lambda count: np.inf)),
        ("one number too far", BEYOND.format("Number count - 1 is the last one"),
         all_threads(last=lambda count: count + 1)),
        ("the last number is left out", "The last number was left as it was: count - 1 still counts, so a thread "
         "returns if i >= count.", all_threads(last=lambda count: count - 1)),
        ("every block does the same", "Every block worked on the first numbers: the block is missing in the index. It "
         "begins at number block · threads.", all_threads(index=lambda block, thread, threads: thread)),
        ("one number a block", "All threads of a block worked on one number: the thread is missing in the index.",
         (all_threads(index=lambda block, thread, threads: block),
          all_threads(index=lambda block, thread, threads: block * threads))),
        ("block and thread added", "block + thread is the same for many threads, and some numbers have none. A block "
         "begins at block · threads.", all_threads(index=lambda block, thread, threads: block + thread)),
        ("blocks counted from 1", "The index is (block - 1) · threads + thread, as if blocks were counted from 1. The "
         "first one is block 0.",
         all_threads(index=lambda block, thread, threads: (block - 1) * threads + thread)),
        ("block and thread exchanged", "thread · threads + block: the two are swapped. The blocks follow one another, "
         "so block is multiplied by threads.",
         all_threads(index=lambda block, thread, threads: thread * threads + block)),
        ("a thread works on the whole array", "Each thread did the step for the whole array. A thread has one number: "
         "m[i], s[i], theta[i].", (all_threads(whole_arrays), all_threads(whole_arrays, stops=True))),
        ("the old m", "theta moved by m as it was before this step. The new m includes this gradient.",
         all_threads(used=lambda old, new: (old[0], new[1]))),
        ("the old s", "theta was divided by s as it was before this step; it is the new one.",
         all_threads(used=lambda old, new: (new[0], old[1]))),
        ("the old m and s", "theta moved by m and s as they were before this step. Compute both first.",
         all_threads(used=lambda old, new: old)),
        ("m and s exchanged", "m and s are swapped in the line of theta: m / √s.",
         all_threads(used=lambda old, new: (new[1], np.abs(new[0])))),
        ("β1 and β2 exchanged", "β1 and β2 are swapped: β1 belongs to m and β2 to s.", all_threads(betas_exchanged)),
        ("it climbs", "theta has moved uphill: subtract.", all_threads(sign=1)),
        ("the root is missing", "It was divided by s + ε; the root of s has the size of a gradient.",
         all_threads(root=lambda s, eps: s + eps)),
        ("ε under the root", "It is √(s + ε). ε is added after the root: √s + ε.",
         all_threads(root=lambda s, eps: np.sqrt(s + eps))),
        ("g is not squared", "s averages the squares of g, and here it averaged g itself.",
         all_threads(square=lambda g, share: share * g)),
        ("1 - β2 is squared, too", "s got ((1 - β2) g)². Only g is squared: (1 - β2) g².",
         all_threads(square=lambda g, share: (share * g)**2)),
        ("1 - β is missing", "g was added to m and s in full. In a mean the new number has the weight 1 - β.",
         all_threads(rest=False)),
    ], "m": [
        ("m and s are not kept", "theta is right, and m was not written into the array: m[i] = ...",
         all_threads(store=False)),
    ], "g": [
        ("g is changed", "g was changed. Others may still need it: compute with a number of your own.",
         (all_threads(left=lambda g_i, beta1: (1 - beta1) * g_i), all_threads(left=lambda g_i, beta1: 0))),
    ]})


# ---------------------------------------------------------------------------------------------------------------- 25.4

def by_block(x, T, mine=lambda x, t, T: x[t::T], pair=lambda sums, t, half: sums[t] + sums[t + half], fold=None,
             total=None):
    """Each thread's own numbers, then the results folded until one is left, or taken by ``fold``."""
    sums = [(total or one_after_the_other)(mine(x, t, T)) for t in range(T)]
    if fold is not None:
        return fold(sums)
    while len(sums) > 1:
        sums = [pair(sums, t, len(sums) // 2) for t in range(len(sums) // 2)]
    return sums[0]


def one_after_the_other(numbers):
    total = 0.0
    for number in numbers:
        total += number
    return total


def neighbours(sums, t, half):
    return sums[2 * t] + sums[2 * t + 1]


def from_the_end(sums, t, half):
    return sums[t] + sums[-1 - t]


def chunk(x, t, T):
    """A run of neighbours for each thread, the last one shorter."""
    length = -(-len(x) // T)
    return x[t * length:(t + 1) * length]


ORDERS = (  # ways to add up the same numbers; Python's own sum() rounds less often from 3.12 on
    ("as asked", by_block),
    ("as asked", partial(by_block, total=sum)),
    ("all at once", lambda x, T: one_after_the_other(x)),
    ("all at once", lambda x, T: sum(x)),
    ("all at once", lambda x, T: np.sum(x)),
    ("all at once", lambda x, T: math.fsum(x)),
    ("the results from left to right", partial(by_block, fold=one_after_the_other)),
    ("the results from left to right", partial(by_block, fold=sum, total=sum)),
    ("runs of neighbours", partial(by_block, mine=chunk)),
    ("runs of neighbours", partial(by_block, mine=chunk, total=sum)),
    ("neighbours are folded", partial(by_block, pair=neighbours)),
    ("neighbours are folded", partial(by_block, pair=neighbours, total=sum)),
    ("folded like a sheet of paper", partial(by_block, pair=from_the_end)),
    ("folded like a sheet of paper", partial(by_block, pair=from_the_end, total=sum)),
)


def sum_and_order(module, x, T):
    """What it makes of x, and in which order it adds up: where rounding differs in the last digit, the order does."""
    rng = np.random.default_rng(0)
    drawn = [rng.standard_normal(len(x)).tolist() for _ in range(20)]
    given = [float(module.block_sum(list(numbers), T)) for numbers in drawn]

    def is_it(order):
        return given == [float(order(numbers, T)) for numbers in drawn]

    found = next((name for name, order in ORDERS if is_it(order)), "another")
    return module.block_sum(x, T), found


def of_list(**how):
    return lambda x, T: by_block(x, T, **how)


def numbers(rng):
    """Ten numbers or eleven for each of 8 threads, or of 4. With fewer than 8 np.sum adds as a loop does."""
    T = int(rng.choice([4, 8]))
    return rng.standard_normal({4: 43, 8: 83}[T]).tolist(), T


BLOCK_SUM = Exercise(
    "25.4", "block_sum", ("the sum", "the order of the additions"),
    lambda x, T: (by_block(x, T), "as asked"),
    example=(([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 4), (28.0, "as asked")), cases=numbers, call=sum_and_order,
    mistakes={"the sum": [
        ("only the first T numbers", "Only the first T numbers were added up. Thread t also has x[t + T], x[t + 2T] "
         "and so on.", of_list(mine=lambda x, t, T: x[t:t + 1])),
        ("the last numbers are left out", "The numbers after the last full round are missing. N need not be a multiple "
         "of T: x[t::T].", of_list(mine=lambda x, t, T: x[t:len(x) // T * T:T])),
        ("folded only once", "The results were reduced once, and the first of those left was returned. Go on until "
         "one is left.", of_list(fold=lambda sums: sums[0] + sums[len(sums) // 2])),
        ("one round is missing", "It stops when two results are left, and returns the first. Go on until one is left.",
         of_list(fold=lambda sums: one_after_the_other(sums[::2]))),
        ("subtracted", "The second half of the results was subtracted from the first: add.",
         of_list(pair=lambda sums, t, half: sums[t] - sums[t + half])),
        ("the first number is left out", "A number is missing at the beginning: thread 0 begins with x[0].",
         of_list(mine=lambda x, t, T: x[t + 1::T])),
        ("the first thread's result", "It is what thread 0 has before the results are reduced: add the results of the "
         "other threads.",
         of_list(fold=lambda sums: sums[0])),
        ("each thread's first number twice", "The first number of each thread counts twice: a sum that begins with "
         "x[t] continues with x[t + T].", of_list(mine=lambda x, t, T: [x[t], *x[t::T]])),
    ], "the order of the additions": [
        ("all at once", "The sum is right, but added up by one loop or call. Each of T threads adds its own numbers, "
         "then the results are reduced.", lambda: "all at once"),
        ("the results from left to right", "Each thread has its sum, but these were added one after the other. Reduce "
         "them: T/2 additions at once, then T/4, and so on.", lambda: "the results from left to right"),
        ("runs of neighbours", "The sum is right, but each thread had a run of neighbours. Thread t has x[t], x[t + "
         "T], ..., so that in each round the threads read neighbours, which is fast.", lambda: "runs of neighbours"),
        ("neighbours are folded", "The sum is right, but neighbours were added. Add the second half to the first, "
         "results[t] + results[t + half], so that the first threads go on working.", lambda: "neighbours are folded"),
        ("folded like a sheet of paper", "The sum is right, but the last result was added to the first. Thread t takes "
         "results[t + half], not the one from the end.", lambda: "folded like a sheet of paper"),
        ("another", "The sum is right, but in another order, and on a GPU its last digits would differ. First x[t] + "
         "x[t + T] + ... for each thread, then the second half of the results is added to the first.",
         lambda: "another"),
    ]})

EXERCISES = (ARRAY_MODULE, SOFTMAX, ADAM_THREAD, BLOCK_SUM)
