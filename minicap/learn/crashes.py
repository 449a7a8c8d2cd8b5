"""What an exception in the learner's code means: the line, and an explanation of the most frequent ones."""

import linecache
import re
import traceback

EXPLAINED = (  # (exception, pattern of its message, what it means)
    (ValueError, r"could not be broadcast|non-broadcastable",
     "NumPy aligns shapes at their last axes; two lengths are compatible if they are equal, or one of them is 1. Is a "
     "sum or mean taken along the right axis, is a keepdims=True or a [:, None] missing?"),
    (ValueError, r"matmul: Input operand 1 has a mismatch",
     "In A @ B the last axis of A has to be as long as the last but one of B. Write down both shapes: does one of them "
     "have to be transposed, or do A and B have to be swapped?"),
    (ValueError, r"cannot reshape array of size",
     "A reshape keeps every number: the product of the lengths of the new shape has to be the size."),
    (ValueError, r"truth value of an array",
     "An `if` needs one True or False, and this is an array of them: np.where or a mask chooses number by number."),
    (ValueError, r"setting an array element with a sequence",
     "There is room for one number, and an array was given: is an index missing on the left, or a sum on the right?"),
    (ValueError, r"not enough values to unpack|too many values to unpack",
     "There are more, or fewer, names on the left than values on the right: how many axes, or results, does it have?"),
    (IndexError, r"out of bounds|out of range", "Indices begin at 0, so that the last of n is n - 1."),
    (IndexError, r"too many indices", "It has fewer axes than indices were given: print its shape."),
    (TypeError, r"NoneType", "Something is None there. A function without a return gives that; so does a list's "
     "append or sort, which change the list itself."),
    (TypeError, r"positional argument|unexpected keyword", "The exercise states which arguments it calls a function "
     "with, and the first line of yours, its def, has to have the same ones; help(...) shows those of a function that "
     "you call."),
    (TypeError, r"cannot be interpreted as an integer|indices must be integers|only integers|sequence of integers",
     "Lengths and indices are whole numbers, and / always gives a float, even if it divides evenly: use //."),
    (TypeError, r"object is not callable", "Round brackets after it call it as a function; an index goes in [ ]."),
    (NameError, "", "Is it spelled as in its definition? Was it defined in another function, or is an import missing?"),
    (AttributeError, r"'NoneType'", "Something is None there. A function without a return gives that."),
    (RecursionError, "", "The function calls itself without end."),
    (SystemExit, "", "That ends Python. To end a function, use return."),
    (EOFError, "EOF when reading a line", "Nobody answers input() during a check: what a function needs is in its "
     "arguments."),
)


def stopped(error, module):
    """A sentence or two about an exception: the lines of the learner's code that it passed through, and its meaning."""
    where = "file" if hasattr(module, "__file__") else "cell"  # of a notebook
    lines = [f"line {line} of your {where}: `{source}`" if n == 0 else f"called in line {line}: `{source}`"
             for n, (line, source) in enumerate(reversed(lines_of(error, module)))]
    if not lines and is_raised_by_the_check(error):
        return str(error.args[0])
    meaning = meaning_of(error)
    return (f"it stopped with {described(error)}" + (f" ({', '.join(lines[:3])})" if lines else "")
            + (f". {meaning}" if meaning else ""))


def is_raised_by_the_check(error):
    """Whether a `raise` of the check itself says what is wrong with an answer: nothing has stopped then."""
    *_, (frame, number) = traceback.walk_tb(error.__traceback__)
    return linecache.getline(frame.f_code.co_filename, number).strip().startswith("raise ") and bool(error.args)


def described(error):
    """ZeroDivisionError: division by zero"""
    words = "" if isinstance(error, SystemExit) and error.code is None else str(error)
    return type(error).__name__ + f": {words}" * bool(words)


def meaning_of(error):
    """The sentence of EXPLAINED for this exception, or None."""
    return next((meaning for kind, pattern, meaning in EXPLAINED
                 if isinstance(error, kind) and re.search(pattern, str(error))), None)


def lines_of(error, module):
    """(number, text) of each line of the learner's code that an exception passed through, the innermost last."""
    lines = []
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_globals is vars(module):
            linecache.checkcache(frame.f_code.co_filename)  # a file may have been saved again since
            lines.append((number, linecache.getline(frame.f_code.co_filename, number).strip()))
    # A generator in a line is called in that line.
    return [line for n, line in enumerate(lines) if n == 0 or line != lines[n - 1]]
