"""What an exception in the learner's code means: the line, and a sentence for those that beginners meet most."""

import linecache
import re
import traceback

EXPLAINED = (  # (exception, pattern of its message, what it means)
    (ValueError, r"could not be broadcast|non-broadcastable",
     "NumPy puts the shapes below each other with their last axes together; two lengths may meet if they are equal, or "
     "one of them is 1. Is a sum or mean taken along the right axis, is a keepdims=True or a [:, None] missing?"),
    (ValueError, r"matmul: Input operand 1 has a mismatch",
     "In A @ B the last axis of A has to be as long as the last but one of B. Write down both shapes: does one of them "
     "have to be transposed, or do the two have to change places?"),
    (ValueError, r"cannot reshape array of size",
     "A reshape keeps every number: multiply the lengths of the new shape, the product has to be the size."),
    (ValueError, r"truth value of an array",
     "An `if` asks for one True or False, and this is an array of them: np.where or a mask chooses number by number."),
    (ValueError, r"setting an array element with a sequence",
     "There is room for one number, and an array was given: is an index missing on the left, or a sum on the right?"),
    (ValueError, r"not enough values to unpack|too many values to unpack",
     "On the left there are more names, or fewer, than things on the right: how many axes, or results, has it got?"),
    (IndexError, r"out of bounds|out of range", "Indices begin at 0, so that the last of n is n - 1."),
    (IndexError, r"too many indices", "It has fewer axes than indices were given: print its shape."),
    (TypeError, r"NoneType", "Something is None there. A function without a return gives that; so does a list's "
     "append or sort, which change the list itself."),
    (TypeError, r"positional argument|unexpected keyword", "The exercise says which arguments a function is called "
     "with; the first line of yours, its def, has to have the same ones."),
    (TypeError, r"cannot be interpreted as an integer|indices must be integers|only integers|sequence of integers",
     "Lengths and indices are whole numbers, and / gives a fraction even where it comes out even: use //."),
    (TypeError, r"object is not callable", "Round brackets after it call it as a function; an index goes in [ ]."),
    (NameError, "", "Is it spelled as where it was made? Was it made in another function, or does an import lack?"),
    (AttributeError, r"'NoneType'", "Something is None there. A function without a return gives that."),
    (RecursionError, "", "The function calls itself without end."),
)


def stopped(error, module):
    """A sentence or two about an exception: the learner's lines that it passed through, and what it means."""
    places = [f"line {line} of your file: `{source}`" if n == 0 else f"called in line {line}: `{source}`"
              for n, (line, source) in enumerate(reversed(lines_of(error, module)))]
    meaning = meaning_of(error)
    return (f"it stopped with {type(error).__name__}: {error}" + (f" ({', '.join(places[:3])})" if places else "")
            + (f". {meaning}" if meaning else ""))


def meaning_of(error):
    """The sentence of EXPLAINED for this exception, or None."""
    return next((meaning for kind, pattern, meaning in EXPLAINED
                 if isinstance(error, kind) and re.search(pattern, str(error))), None)


def lines_of(error, module):
    """(number, text) of each line of the learner's file that an exception passed through, the innermost last."""
    path = getattr(module, "__file__", None)
    if path is None:
        return []
    linecache.checkcache(path)  # it may have been saved again since
    return [(frame.lineno, linecache.getline(path, frame.lineno).strip())
            for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
