"""Schemas: what a JSON file has to hold, written as Python types, and one clause on where it does not.

    class Recipe(TypedDict):
        steps: list[list[str]]
        seed: NotRequired[int | None]

    misfit({"steps": [["train", 3]]}, Recipe)    "steps[0][1] has to be text, and not 3"

Schemas are made of str, bool, int, float, list[...], dict[str, ...], tuple[..., ...] (a list in JSON), ``A | None``,
Literal, TypedDict, and dataclasses, whose fields without a default are required. ``object`` is anything. An int is no
bool, a float is a finite number, whole or not, and ``Annotated[float, Within(0, 1)]`` is one from 0 to below 1. Entries
that a TypedDict does not name are allowed, as a newer version may have written them; a dataclass has no place for them.

Not implemented: what else the module ``typing`` has.
"""

import dataclasses
import math
import reprlib
import types
import typing
from dataclasses import dataclass
from typing import Annotated

from .errors import UserError


@dataclass(frozen=True)
class Within:
    """The numbers from ``least`` to below ``below``."""

    least: float
    below: float

    def __contains__(self, value):
        return self.least <= value < self.below


Count = Annotated[int, Within(0, 2**53)]  # which every program that reads JSON can hold
Size = Annotated[int, Within(1, 2**31)]   # of an axis of an array
Fraction = Annotated[float, Within(0, 1)]

_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a finite number", list: "a list",
          dict: "an object", types.NoneType: "null"}


def fitting(value, schema, where):
    """``value``, from the file that ``where`` names, if it fits ``schema``; else a UserError."""
    if problem := misfit(value, schema):
        raise UserError(f"{where} is not what belongs there: {problem}; use another copy")
    return value


def misfit(value, schema):
    """Where ``value``, from a JSON file, does not fit ``schema``: "steps[0][1] has to be text, and not 3"; or None."""
    return next(_misfits(value, schema, ""), None)


def _misfits(value, schema, place):
    """Yield each misfit in words; ``place`` is where ``value`` stands in the file."""
    kind, parts, base = typing.get_origin(schema) or schema, typing.get_args(schema), _base(schema)

    def wanted(words):
        return f"{place or 'its content'} has to be {words}, and not {reprlib.repr(value)}"

    if kind in (typing.Union, types.UnionType):
        fitting = [part for part in parts if _is(value, _base(part))]
        if fitting:
            yield from _misfits(value, fitting[0], place)
        else:
            yield wanted(" or ".join(_WORDS[_base(part)] for part in parts))
    elif kind is typing.Literal:
        if not any(type(value) is type(part) and value == part for part in parts):
            yield wanted(f"one of {', '.join(map(str, parts))}")
    elif not _is(value, base):
        yield wanted(_WORDS[base])
    elif kind is Annotated:
        yield from _misfits(value, parts[0], place)
        if value not in parts[1]:
            yield wanted(f"{_WORDS[parts[0]]} of at least {parts[1].least:,} and below {parts[1].below:,}")
    elif _has_fields(kind):
        for name, entry, required in _fields(kind):
            inner = f"{place}.{name}" if place else name
            if name in value:
                yield from _misfits(value[name], entry, inner)
            elif required:
                yield f"{inner} is missing"
        if dataclasses.is_dataclass(kind):
            known = {field.name for field in dataclasses.fields(kind)}
            yield from (f"{reprlib.repr(name)} is unknown" for name in value if name not in known)
    elif base is dict and parts:
        for key, entry in value.items():
            yield from _misfits(entry, parts[1], f"{place}[{reprlib.repr(key)}]")
    elif base is list and parts and not (parts[0] in _WORDS and all(type(item) is parts[0] for item in value)):
        for i, item in enumerate(value):
            yield from _misfits(item, parts[0], f"{place}[{i}]")


def _base(schema):
    """The kind of value that stands for a schema in JSON: dict for a TypedDict or a dataclass, list for a tuple."""
    kind = typing.get_origin(schema) or schema
    if kind is typing.Literal:
        return type(typing.get_args(schema)[0])
    if kind is Annotated:
        return _base(typing.get_args(schema)[0])
    return dict if _has_fields(kind) else list if kind is tuple else kind


def _has_fields(kind):
    return typing.is_typeddict(kind) or dataclasses.is_dataclass(kind)


def _fields(kind):
    """(name, schema, whether it has to be there) of each field."""
    hints = typing.get_type_hints(kind, include_extras=True)
    if typing.is_typeddict(kind):
        for name, schema in hints.items():
            optional = typing.get_origin(schema) is typing.NotRequired
            yield name, typing.get_args(schema)[0] if optional else schema, name in kind.__required_keys__
    else:
        for field in dataclasses.fields(kind):
            yield (field.name, hints[field.name],
                   field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING)


def _is(value, base):
    if base is float:
        return type(value) in (int, float) and abs(value) < 2**1023 and math.isfinite(value)
    return base is object or type(value) is base
