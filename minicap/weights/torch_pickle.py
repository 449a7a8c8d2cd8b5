"""Unpickling on a stack machine that can only build plain data.

A pickle is a program for a small stack machine. Python's own ``pickle.Unpickler`` lets that program import any name
and call it, which is how a downloaded .pth can run code; and even restricted by a ``find_class`` it will allocate what
the program requests, call ``__setstate__``, and hash what it is given. So this module implements the machine itself,
with only the instructions that state dicts use (protocols 2 to 5, written by Python 2 and 3). ``pickletools.genops``
from the standard library splits the bytes into instructions and never executes one.

Everything on the stack is None, a bool, int, float, str, bytes, tuple, list, dict, OrderedDict or an object made by the
caller's own functions. Names are looked up only in the caller's table: nothing is imported.
"""

import pickletools
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from .refusal import RefusalError, damaged, shown

#: Instructions per pickle. A tensor of a state dict takes about 50; this bounds time and memory for hostile files.
MAX_INSTRUCTIONS = 2_000_000


@dataclass(frozen=True)
class Constructor:
    """An allowed callable. ``make`` is *our* function, which gets the tuple of arguments and checks it."""

    make: Callable


@dataclass(frozen=True)
class Refused:
    """A known name that stands for ``what`` cannot be used, such as "sparse tensors"."""

    what: str


def fill(mapping, pairs):
    """``mapping[key] = value`` for each pair. Keys are scalars: hashing a deeply nested tuple overflows the C stack."""
    for key, value in pairs:
        if type(key) not in (str, int, float, bool, type(None)):
            raise RefusalError(f"uses a {type(key).__name__} as a key, which a state dict never does; refusing to load")
        mapping[key] = value
    return mapping


def _foreign(instruction):
    return RefusalError(f"uses the pickle instruction {instruction}, which state dicts do not need; refusing to load")


def _instructions(stream):
    """(name, argument) of each instruction up to and including STOP."""
    try:
        for instruction, argument, _ in pickletools.genops(stream):
            yield instruction.name, argument
    except ValueError as error:  # the file ends, or a byte is no instruction
        raise damaged(f"holds a truncated or garbled pickle ({shown(error)})") from error


class PickleMachine:
    """``PickleMachine(table, persistent, build).run(stream)`` -> the object, with ``stream`` left after the pickle.

    ``table[module, name]`` is what an allowed global becomes: a Constructor, or a constant; or it is Refused.
    ``persistent(id)`` returns the object for a persistent id (torch: a storage).
    ``build(object, state)`` sets the state of an existing object (torch: old tensors, attributes of an OrderedDict).
    All of them raise RefusalError for what they do not accept, as does ``run``.
    """

    def __init__(self, table, persistent, build):
        self.table, self.persistent, self.build = table, persistent, build

    def run(self, stream):
        self.stack, self.below_marks, self.memo = [], [], {}
        for count, (instruction, argument) in enumerate(_instructions(stream)):
            if count == MAX_INSTRUCTIONS:
                raise RefusalError(f"holds a pickle of more than {MAX_INSTRUCTIONS:,} instructions; refusing to load")
            self.step(instruction, argument)
        return self.pop()  # after STOP

    def step(self, name, argument):
        push, pop = self.stack.append, self.pop
        match name:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case "NONE":
                push(None)
            case "NEWTRUE" | "NEWFALSE":
                push(name == "NEWTRUE")
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT":
                push(argument)
            case "BINUNICODE" | "SHORT_BINUNICODE" | "BINUNICODE8" | "BINSTRING" | "SHORT_BINSTRING":
                push(argument)  # the last two are Python 2's str
            case "BINBYTES" | "SHORT_BINBYTES" | "BINBYTES8":
                push(argument)
            case "EMPTY_DICT":
                push({})
            case "EMPTY_LIST":
                push([])
            case "EMPTY_TUPLE":
                push(())
            case "TUPLE1":
                push((pop(),))
            case "TUPLE2" | "TUPLE3":
                items = [pop() for _ in range(int(name[-1]))]
                push(tuple(reversed(items)))
            case "MARK":
                self.below_marks.append(self.stack)
                self.stack = []
            case "TUPLE":
                items = self.pop_to_mark()
                self.stack.append(tuple(items))
            case "APPEND":
                item = pop()
                self.top(list).append(item)
            case "APPENDS":
                items = self.pop_to_mark()
                self.top(list).extend(items)
            case "SETITEM":
                value, key = pop(), pop()
                fill(self.top(dict, OrderedDict), [(key, value)])
            case "SETITEMS":
                items = self.pop_to_mark()
                fill(self.top(dict, OrderedDict), zip(items[::2], items[1::2], strict=False))
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = self.top()
            case "MEMOIZE":
                self.memo[len(self.memo)] = self.top()
            case "BINGET" | "LONG_BINGET":
                if argument not in self.memo:
                    raise damaged("holds a garbled pickle")
                push(self.memo[argument])
            case "GLOBAL":
                push(self.find(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                attribute, module = pop(), pop()
                push(self.find(module, attribute))
            case "REDUCE" | "NEWOBJ":
                arguments, function = pop(), pop()
                if type(function) is not Constructor or type(arguments) is not tuple:
                    raise RefusalError("calls something that is not a listed constructor; refusing to load")
                push(function.make(arguments))
            case "BUILD":
                state = pop()
                self.build(self.top(), state)
            case "BINPERSID":
                push(self.persistent(pop()))
            case "INST":  # looks up and calls in one; only ever seen in an attack, so say what it asks for
                self.find(*argument.split(" ", 1))
                raise _foreign(name)
            case _:
                raise _foreign(name)

    def find(self, module, name):
        if type(module) is not str or type(name) is not str:
            raise damaged("holds a garbled pickle")
        if (module, name) not in self.table:
            raise RefusalError(
                f"asks for {shown(f'{module}.{name}')}, which could run code; refusing to load (weights alone, saved "
                "by torch.save(model.state_dict(), FILE), ask for nothing of the kind)")
        found = self.table[module, name]
        if type(found) is Refused:
            raise RefusalError(f"holds {found.what}: save the original numbers, as float32 or float16")
        return found

    def pop(self):
        self.top()
        return self.stack.pop()

    def pop_to_mark(self):
        if not self.below_marks:
            raise damaged("holds a garbled pickle")
        items, self.stack = self.stack, self.below_marks.pop()
        return items

    def top(self, *types):
        if not self.stack or (types and type(self.stack[-1]) not in types):
            raise damaged("holds a garbled pickle")
        return self.stack[-1]
