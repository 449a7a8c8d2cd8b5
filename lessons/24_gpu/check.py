"""What lesson 24 asks for. No GPU is needed: card.py refuses what CuPy would refuse, and counts."""

import contextlib
import math
from pathlib import Path

import numpy as np

from minicap.learn.exercises import Exercise, Mistake
from minicap.learn.lessons import load

card_py = load(Path(__file__).with_name("card.py"))
card, Array = card_py.card, card_py.Array


@contextlib.contextmanager
def with_card(module):
    """Within the block the learner's MODULES know the card, too."""
    modules = getattr(module, "MODULES", None)
    if not isinstance(modules, dict):
        raise TypeError("MODULES, {type of an array: module}, is not in your file any more; `python -m minicap.learn "
                        "diff` shows what changed")
    modules[Array] = card
    try:
        yield
    finally:
        modules.pop(Array, None)


# ---------------------------------------------------------------------------------------------------------------- 24.1

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


def said(module, names):
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


def what_it_says_wrongly(module, calls):
    with with_card(module):
        return differences(calls, lambda names: said(module, names))


def calls_with(answer):
    """What comes out where another rule answers."""
    return lambda right, calls: differences(calls, answer)


CALLS = [("NumPy",), ("card", "None", "card"), ("NumPy", "card"), ("NumPy", "list"), ("None",)]


def drawn_calls(rng):
    calls = [*CALLS, ("card",), ("map",), ("None", "NumPy"), ("card", "NumPy"), ("card", "card", "NumPy"), ("list",),
             ("list", "card"), ("map", "NumPy"), ("map", "card"), ("empty",), ("zero",), ()]
    return ([calls[place] for place in rng.permutation(len(calls))],)


def of_first(names, none_too=False):
    """Only the first array is looked at (that is not None, or None as well)."""
    names = [name for name in names if none_too or name != "None"][:1]
    return module_for(names)


def of_any(names):
    """The first module that any of the arrays belongs to; the others are not asked."""
    modules = [module_for([name]) for name in names if name != "None"]
    return next((module for module in modules if module != "TypeError"), "TypeError")


def strict_about_subclasses(names):
    return "TypeError" if "map" in names else module_for(names)


def numpy_otherwise(names):
    """Whatever is not of the card is taken for NumPy's."""
    answers = {"card" if name in ("card", "zero") else "np" for name in names if name != "None"}
    return answers.pop() if len(answers) == 1 else "TypeError"


def card_if_any(names):
    return "card" if {"card", "zero"} & set(names) else "np"


ARRAY_MODULE = Exercise(
    "24.1", "array_module", ("what it answers wrongly",), lambda calls: [],
    example=((CALLS,), []), cases=drawn_calls, call=what_it_says_wrongly,
    mistakes=(
        Mistake("always NumPy", "It answers np whatever comes. What counts is the type of the arrays: look it up in "
                "MODULES.", calls_with(lambda names: "np")),
        Mistake("only the first array is looked at",
                "Only the first array is looked at. If the second one lies on another "
                "device, it is better to hear of it here than from an operation far away: look at all of them.",
                calls_with(of_first)),
        Mistake("only the first array is looked at",
                "Only the first argument is looked at. It may be None, which is to be skipped, and the others may lie "
                "on another device: look at all of them.", calls_with(lambda names: of_first(names, none_too=True))),
        Mistake("a mixture is not refused",
                "An array of NumPy and one of the card came together, and it took the module of one of them. Such a "
                "mixture has to be a TypeError: nobody meant it, and each copy would cost more than the computation.",
                calls_with(of_any)),
        Mistake("the card wins over NumPy", "It answers card as soon as one array is the card's, and np otherwise. A "
                "mixture has to be a TypeError, and so has something that is no array.", calls_with(card_if_any)),
        Mistake("a subclass is not recognised",
                "Memory maps are arrays of NumPy as well, of a subclass: type(x) is not "
                "np.ndarray then, and isinstance(x, np.ndarray) is True.", calls_with(strict_about_subclasses)),
        Mistake("what is no array counts as NumPy's",
                "A list, or nothing but None... whatever is unknown is taken for an "
                "array of NumPy. A list would be computed with for a while, and then be slow or wrong: TypeError.",
                calls_with(numpy_otherwise)),
        Mistake("None is not skipped",
                "None stands for an array that is not there, and is to be skipped; it is no reason "
                "for an error if others are there.", calls_with(
                    lambda names: "TypeError" if "None" in names else module_for(names))),
        Mistake("nothing is returned", "It answers None: is there a `return` at the end?",
                calls_with(lambda names: "None" if module_for(names) != "TypeError" else "TypeError")),
        Mistake("None as an answer where an error is meant",
                "Where there is no module to answer it answers None. Then the "
                "caller's xp.exp fails with a message about None, somewhere else: raise TypeError here.",
                calls_with(lambda names: module_for(names).replace("TypeError", "None"))),
    ))


# ---------------------------------------------------------------------------------------------------------------- 24.2

def softmax_of(x, shift=True, axis=1):
    e = np.exp(x - x.max(axis=1, keepdims=True) * shift)
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


def logits(rng):
    x = 3 * rng.standard_normal((4, 3))
    x[1] += 1000
    x[2] -= 1000
    return (x,)


P = ("p of an array of NumPy", "p of an array of the card", "between card and computer")


def both_ways(name, sentence, function):
    return Mistake(name, sentence, lambda right, x: function(x), of=P[0])


SOFTMAX = Exercise(
    "24.2", "softmax", P, lambda x: (softmax_of(x), softmax_of(x), "nothing moved"),
    example=((np.array([[0.0, np.log(3)], [1000.0, 1000.0]]),),
             (np.array([[0.25, 0.75], [0.5, 0.5]]), np.array([[0.25, 0.75], [0.5, 0.5]]), "nothing moved")),
    cases=logits, call=on_both, needs=("array_module",),
    mistakes=(
        both_ways("the maximum is not subtracted",
                  "exp(1000) is infinite, and infinite / infinite is no number. Subtract the largest number of each "
                  "row before: it changes nothing but the size of numerator and denominator.",
                  lambda x: softmax_of(x, shift=False)),
        both_ways("one maximum for all rows",
                  "The largest number of all rows was subtracted from each. Then a row that lies "
                  "far below has nothing but zeros left, and 0 / 0 is no number: axis=1, keepdims=True.",
                  lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(axis=1, keepdims=True)),
        both_ways("summed over the rows",
                  "It was divided by the sum over axis 0. The probabilities of a row are to add up "
                  "to 1: axis=1.", lambda x: softmax_of(x, axis=0)),
        both_ways("summed over everything", "It was divided by the sum of everything. Each row has a sum of its own: "
                  "axis=1, keepdims=True.", lambda x: softmax_of(x, axis=None)),
        both_ways("not divided by the sum", "exp is right, and the division by the sum of the row is missing.",
                  lambda x: np.exp(x - x.max(axis=1, keepdims=True))),
        both_ways("the logarithm", "It is log softmax: return exp(...) / sum.", lambda x: np.log(softmax_of(x))),
        Mistake("computed somewhere else",
                "The answer is right, and for it something went from the card to the computer: "
                "get(), float(...) or asarray. A transfer costs more than the whole softmax, and the card has to wait: "
                "compute with xp alone.", lambda right, x: "something moved", of=P[2]),
        Mistake("the answer is not on the card", "The array came from the card and the answer is one of NumPy. Whoever "
                "goes on computing with it would mix the two: it has to stay where x is.",
                lambda right, x: "the answer is no array of the card any more", of=P[2]),
        Mistake("x is changed in place",
                "x itself was changed, by -= or /=. Whoever called still needs it: e = x - ..., "
                "which makes a new array.", lambda right, x: "x was changed in place", of=P[2]),
    ))


# ---------------------------------------------------------------------------------------------------------------- 24.3

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
         index=lambda block, thread, threads: block * threads + thread, beyond=0, bound=True, old_m=False, old_s=False,
         store=True, root=np.sqrt, square=lambda g: g * g, sign=-1, rest=True, eps_inside=False, keep_g=True):
    """As the docstring says, or with one of these mistakes."""
    i = index(block, thread, threads)
    if bound and i >= count + beyond:
        return
    if not keep_g:
        g[i] *= 1 - beta1
    new_m = beta1 * m[i] + ((1 - beta1) if rest else 1) * (g[i] if keep_g else g[i] / (1 - beta1))
    new_s = beta2 * s[i] + ((1 - beta2) if rest else 1) * square(g[i] if keep_g else g[i] / (1 - beta1))
    used_m, used_s = (m[i] if old_m else new_m), (s[i] if old_s else new_s)
    theta[i] += sign * lr * used_m / (np.sqrt(used_s + eps) if eps_inside else root(used_s) + eps)
    if store:
        m[i], s[i] = new_m, new_s


def whole_arrays(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    m *= beta1
    m += (1 - beta1) * g
    s *= beta2
    s += (1 - beta2) * g * g
    theta -= lr * m / (np.sqrt(s) + eps)


def whole_arrays_and_stops(block, thread, threads, theta, g, m, s, count, *numbers):
    if block * threads + thread < count:
        whole_arrays(block, thread, threads, theta, g, m, s, count, *numbers)


def betas_exchanged(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    adam(block, thread, threads, theta, g, m, s, count, beta2, beta1, lr, eps)


def m_and_s_exchanged(block, thread, threads, theta, g, m, s, count, beta1, beta2, lr, eps):
    i = block * threads + thread
    if i < count:
        m[i] = beta1 * m[i] + (1 - beta1) * g[i]
        s[i] = beta2 * s[i] + (1 - beta2) * g[i]**2
        theta[i] -= lr * s[i] / (np.sqrt(np.abs(m[i])) + eps)


STEP = ("theta", "g", "m", "s")


def slip(name, sentence, of="theta", function=adam, **options):
    """A mistake of one thread, as it shows when all of them have run."""
    def wrong(right, threads, count, *others):
        def one(*arguments):
            function(*arguments, **options)
        return grid(one, threads, count, *others)[STEP.index(of)]
    return Mistake(name, sentence, wrong, of)


def arrays_and_numbers(rng):
    """11 of 20 numbers, eight threads a block: the last block has some threads too many."""
    theta, g, m = rng.standard_normal((3, 20))
    return (8, 11, theta, g, m, rng.uniform(0.5, 2, 20), float(rng.uniform(0.5, 0.8)), float(rng.uniform(0.6, 0.95)),
            float(rng.uniform(0.1, 0.5)), float(rng.uniform(0.1, 0.3)))


ALL_BLOCKS_ALIKE = ("Every block worked on the first numbers again, and the others were left out: the number of the "
                    "block is not in the index. In front of this block there are block · threads numbers.")
BEYOND = ("A thread has written behind the last number. {}On a GPU no error tells: what stands there belongs to "
          "somebody else, and is wrong from now on. Threads whose index is not below count have to return.")

ADAM_THREAD = Exercise(
    "24.3", "adam_thread", STEP, lambda *inputs: grid(adam, *inputs),
    example=((2, 3, np.array([1.0, 1, 5, 7]), np.array([0.0, 0, 4, 1]), np.zeros(4), np.zeros(4), 0.5, 0.75, 1.0, 0.5),
             (np.array([1, 1, 4.2, 7]), np.array([0.0, 0, 4, 1]), np.array([0.0, 0, 2, 0]),
              np.array([0.0, 0, 4, 0]))),
    cases=arrays_and_numbers,
    call=lambda module, *inputs: grid(module.adam_thread, *inputs),
    mistakes=(
        slip("no thread stops", BEYOND.format("The last block has more threads than numbers are left. "), bound=False),
        slip("one number too far", BEYOND.format("The last one that is meant is number count - 1. "), beyond=1),
        slip("the last number is left out", "The last number was left as it was: number count - 1 is still meant, so a "
             "thread returns if i >= count.", beyond=-1),
        slip("every block does the same", ALL_BLOCKS_ALIKE, index=lambda block, thread, threads: thread),
        slip("one number a block",
             "Every thread of a block worked on the same number: the number of the thread is not in "
             "the index.", index=lambda block, thread, threads: block),
        slip("one number a block", "Every thread of a block worked on the first number of the block: the number of the "
             "thread is not in the index.", index=lambda block, thread, threads: block * threads),
        slip("block and thread added",
             "block + thread is the same number for many threads, and some numbers have none. In front of this block "
             "there are block · threads numbers.", index=lambda block, thread, threads: block + thread),
        slip("block and thread exchanged", "thread · threads + block: the two have changed places. The blocks lie one "
             "behind the other, so the number of the block is the one that is multiplied by threads.",
             index=lambda block, thread, threads: thread * threads + block),
        slip("a thread works on the whole array",
             "Each thread did the step for the whole array, so that it was done as often "
             "as there are threads. A thread has one number: m[i], s[i], theta[i].", function=whole_arrays),
        slip("a thread works on the whole array", "Each thread did the step for the whole array, so that it was done "
             "as often as there are numbers. A thread has one number: m[i], s[i], theta[i].",
             function=whole_arrays_and_stops),
        slip("the old m",
             "theta moved by m as it was before this step. The new m is what counts, it holds this gradient.",
             old_m=True),
        slip("the old s", "theta was divided by s as it was before this step; it is the new one.", old_s=True),
        slip("the old m and s", "theta moved by m and s as they were before this step. Compute both first.", old_m=True,
             old_s=True),
        slip("m and s exchanged",
             "m and s have changed places in the line of theta: m / √s.", function=m_and_s_exchanged),
        slip("β1 and β2 exchanged", "β1 and β2 have changed places: β1 belongs to m and β2 to s.",
             function=betas_exchanged),
        slip("it climbs", "theta has moved uphill: subtract.", sign=1),
        slip("the root is missing", "It was divided by s + ε; the root of s is what has the size of a gradient.",
             root=lambda s: s),
        slip("ε under the root", "ε stands under the root: √(s + ε). Here it is √s + ε.", eps_inside=True),
        slip("g is not squared", "s collects the squares of g, and here it collected g itself.", square=lambda g: g),
        slip("1 - β is missing",
             "g was added to m and s in full: the new one gets the share 1 - β, so that m is a mean "
             "and no sum.", rest=False),
        slip("m and s are not kept",
             "theta is right, and m is what it was before: the new values were not written into the "
             "arrays. A name of your own is gone when the thread ends; m[i] = ... stays.", of="m", store=False),
        slip("g is changed", "g was changed. Others may still need it: compute with a number of your own.", of="g",
             keep_g=False),
    ))


# ---------------------------------------------------------------------------------------------------------------- 24.4

def by_block(x, T, mine=lambda x, t, T: x[t::T], fold=None, total=None):
    sums = [(total or one_after_the_other)(mine(x, t, T)) for t in range(T)]
    if fold is not None:
        return fold(sums)
    while len(sums) > 1:
        half = len(sums) // 2
        sums = [sums[t] + sums[t + half] for t in range(half)]
    return sums[0]


def one_after_the_other(numbers):
    total = 0.0
    for number in numbers:
        total += number
    return total


def neighbours(sums):
    while len(sums) > 1:
        sums = [sums[t] + sums[t + 1] for t in range(0, len(sums), 2)]
    return sums[0]


def from_the_end(sums):
    while len(sums) > 1:
        half = len(sums) // 2
        sums = [sums[t] + sums[-1 - t] for t in range(half)]
    return sums[0]


def chunk(x, t, T):
    """A run of neighbours for each thread, the last one shorter."""
    length = -(-len(x) // T)
    return x[t * length:(t + 1) * length]


ORDERS = (  # ways to add up the same numbers; Python's own sum() rounds less often from 3.12 on
    ("as asked", by_block),
    ("as asked", lambda x, T: by_block(x, T, total=sum)),
    ("all at once", lambda x, T: one_after_the_other(x)),
    ("all at once", lambda x, T: sum(x)),
    ("all at once", lambda x, T: np.sum(x)),
    ("all at once", lambda x, T: math.fsum(x)),
    ("the results from left to right", lambda x, T: by_block(x, T, fold=one_after_the_other)),
    ("the results from left to right", lambda x, T: by_block(x, T, fold=sum, total=sum)),
    ("runs of neighbours", lambda x, T: by_block(x, T, chunk)),
    ("runs of neighbours", lambda x, T: by_block(x, T, chunk, total=sum)),
    ("neighbours are folded", lambda x, T: by_block(x, T, fold=neighbours)),
    ("neighbours are folded", lambda x, T: by_block(x, T, fold=neighbours, total=sum)),
    ("folded like a sheet of paper", lambda x, T: by_block(x, T, fold=from_the_end)),
    ("folded like a sheet of paper", lambda x, T: by_block(x, T, fold=from_the_end, total=sum)),
)


def sum_and_order(module, x, T):
    """What it makes of x, and in which order it adds up: where rounding differs in the last digit, the order does."""
    rng = np.random.default_rng(0)
    drawn = [rng.standard_normal(len(x)).tolist() for _ in range(20)]
    given = [float(module.block_sum(list(numbers), T)) for numbers in drawn]

    def is_it(order):
        return given == [float(order(numbers, T)) for numbers in drawn]

    found = next((name for name, order in ORDERS if is_it(order)), "another")
    return module.block_sum(x.tolist(), T), found


SUMS = ("the sum", "the order of the additions")


def wrong_sum(name, sentence, function):
    return Mistake(name, sentence, lambda right, x, T: function(x.tolist(), T), SUMS[0])


def wrong_order(name, sentence):
    return Mistake(name, sentence, lambda right, x, T: name, SUMS[1])


def numbers(rng):
    """19 numbers for 8 threads, or 11 for 4: not every thread has as many."""
    T = int(rng.choice([4, 8]))
    return rng.standard_normal({4: 11, 8: 19}[T]), T


BLOCK_SUM = Exercise(
    "24.4", "block_sum", SUMS, lambda x, T: (by_block(x.tolist(), T), "as asked"),
    example=((np.arange(1.0, 8.0), 4), (28.0, "as asked")), cases=numbers, call=sum_and_order,
    mistakes=(
        wrong_sum("only the first T numbers",
                  "Only the first T numbers were added up. Thread t also has x[t + T], x[t + 2T] "
                  "and so on.", lambda x, T: by_block(x, T, lambda x, t, T: x[t:t + 1])),
        wrong_sum("the last numbers are left out",
                  "The numbers behind the last full round are missing. N need not be a "
                  "multiple of T: x[t::T] ends where the list ends.",
                  lambda x, T: by_block(x, T, lambda x, t, T: x[t:len(x) // T * T:T])),
        wrong_sum("folded only once",
                  "The results were folded once, and the first of what was left was returned. Fold until "
                  "one is left.", lambda x, T: by_block(x, T, fold=lambda s: s[0] + s[len(s) // 2])),
        wrong_sum("the first thread's result",
                  "It is what thread 0 has before the folding: the results of the other threads "
                  "are still to be added.", lambda x, T: by_block(x, T, fold=lambda s: s[0])),
        wrong_sum("each thread's first number twice",
                  "The first number of each thread counts twice: a sum that begins with "
                  "x[t] has to go on with x[t + T].", lambda x, T: by_block(
                      x, T, lambda x, t, T: [x[t], *x[t::T]])),
        wrong_order("all at once",
                    "The sum is right, and it was added up by one loop or one call for all numbers. T threads cannot "
                    "do that at once: each adds up its own numbers first, and the results are folded."),
        wrong_order("the results from left to right",
                    "Each thread has its sum, and then they were added up one after the "
                    "other. Fold: T/2 additions at once, then T/4, and so on."),
        wrong_order("runs of neighbours",
                    "The sum is right, and each thread had a run of neighbours. Here thread t has x[t], x[t + T], "
                    "...: then in every turn the threads read numbers that lie side by side, which memory is fast at."),
        wrong_order("neighbours are folded",
                    "The sum is right, and neighbours were added, results[0] + results[1]. The second half is to be "
                    "folded onto the first, results[t] + results[t + half], so that the threads that still work are "
                    "the first ones."),
        wrong_order("folded like a sheet of paper",
                    "The sum is right, and the last result was added to the first, as a sheet "
                    "of paper is folded. Thread t takes results[t + half], and not the one from the end."),
        wrong_order("another",
                    "The sum is right to the last digits but one, and the order of the additions is another one. On a "
                    "GPU that would be another number in every version of the program: first x[t] + x[t + T] + ... "
                    "for each thread, from left to right, then the second half of the results onto the first."),
    ))

EXERCISES = (ARRAY_MODULE, SOFTMAX, ADAM_THREAD, BLOCK_SUM)
