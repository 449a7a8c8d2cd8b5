"""What lesson 13 asks for."""

import itertools
import json
import os
import pickle
import pickletools
import re
import struct
from collections import OrderedDict
from functools import partial

import numpy as np

from minicap.learn.exercises import Exercise
from minicap.learn.recurring import things

KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def file_of(arrays, metadata=None):
    """The bytes of a .safetensors file; arrays: {name: (kind, array)}, which stand in it in another order."""
    entries, body = {}, b""
    for name, (kind, array) in arrays.items():
        raw = np.ascontiguousarray(array).astype(KINDS[kind]).tobytes()
        entries[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    entries = dict(sorted(entries.items(), reverse=True))
    if metadata is not None:
        first, *others = entries.items()
        entries = dict([first, ("__metadata__", metadata), *others])
    header = json.dumps(entries, ensure_ascii=False).encode()
    if metadata is not None:
        header += b" " * 5  # the library has some, so that the numbers begin at a multiple of 8
    return struct.pack("<Q", len(header)) + header + body


def parse(data, without=("__metadata__",)):
    begin = 8 + int.from_bytes(data[:8], "little")
    return begin, {name: entry for name, entry in json.loads(data[8:begin]).items() if name not in without}


def some_file(rng):
    """Two arrays of float32 and one of int32: every kind has 4 bytes, so that a wrong kind gives wrong numbers.

    The header is longer than two bytes can say, and there are names that are not in ASCII, or begin with an underscore.
    """
    names = rng.permutation(["conv1.W", "__scale__", "größe"]).tolist()
    arrays = {name: (kind, 10 * rng.standard_normal(shape)) for name, kind, shape in
              zip(names, ("F32", "I32", "F32"), ((2, 3), (4, 2), (5, 2, 3)), strict=True)}
    return (file_of(arrays, {"made by": "a check", "notes": "-" * (1 << 16)}),)


SMALL = (file_of({"b": ("F32", np.array([1.0, 2.0]))}),)


# -------------------------------------------------------------------------------------------------------- read_header

def header(module, data):
    """(begin, tensors): most mistakes show in the number."""
    try:
        answer = module.read_header(data)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        if getattr(error, "encoding", "utf-8") != "utf-8":
            raise ValueError(f"the JSON is UTF-8, and not {error.encoding}: json.loads takes the bytes as they "
                             "are") from error
        raise ValueError(f"what was read as JSON is none ({error}). It begins at byte 8, and its length is in the "
                         "first 8 bytes, the byte that counts least in front: struct.unpack(\"<Q\", ...)") from error
    tensors, begin = things(answer, "read_header", "tensors", "begin")
    if isinstance(begin, dict):
        raise TypeError("read_header returns its results in another order. It is `return tensors, begin`")
    return begin, tensors


READ_HEADER = Exercise(
    "13.1", "read_header", ("begin", "tensors"), lambda data: parse(data),
    example=(SMALL, (69, {"b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})),
    cases=some_file, call=header,
    mistakes={"begin": [
        ("the first 8 bytes are not counted", "begin is the length of the JSON. The 8 bytes before the JSON say its "
         "length: add 8.", lambda right: right - 8),
        ("the 8 bytes are counted twice", "begin is 8 too large: is the 8 added twice?", lambda right: right + 8),
        ("a multiple of 8", "begin is rounded up to a multiple of 8. The numbers begin right after the JSON.",
         lambda right: -(-right // 8) * 8),
        ("spaces are not counted", "begin leaves out spaces at the end of the JSON. The length in the first 8 bytes "
         "counts them: begin is 8 plus that length.", lambda data: 8 + len(data[8:parse(data)[0]].rstrip())),
        ("characters are counted", "begin counts characters. The length counts bytes, and a letter such as ö has two.",
         lambda data: 8 + len(data[8:parse(data)[0]].decode())),
        ("the JSON is not counted", "begin is 8, where the JSON begins. The numbers begin after it.", lambda: 8),
        ("the end of the file", "begin is the length of the file. The numbers begin right after the JSON.",
         lambda data: len(data)),
    ], "tensors": [
        ("__metadata__ is kept", "The dictionary still has \"__metadata__\", which holds notes and no tensor: remove "
         "it.", lambda data: parse(data, without=())[1]),
        ("every name with an underscore is removed", "Names that begin with an underscore are missing. Only "
         "\"__metadata__\" is no tensor.",
         lambda right: {name: entry for name, entry in right.items() if name[0] != "_"}),
        ("the letters are wrong", "A name such as größe has become another one: JSON is UTF-8, and json.loads takes "
         "the bytes as they are.",
         lambda right: {name.encode().decode("latin-1"): entry for name, entry in right.items()}),
        ("only the names", "These are the names alone. The exercise asks for the whole dictionary: each name with "
         "what the JSON says of it.", lambda right: list(right)),
    ]})


# --------------------------------------------------------------------------------------------------- read_safetensors

def arrays_of(data, *, begin=lambda right: right, kind=KINDS.get, order="C"):
    right, tensors = parse(data)
    arrays = {}
    for name, entry in tensors.items():
        start, end = (begin(right) + offset for offset in entry["data_offsets"])
        arrays[name] = np.frombuffer(data[start:end], kind(entry["dtype"])).reshape(entry["shape"], order=order)
    return arrays


def one_after_another(data):
    """The arrays as they would be if they stood in the file in the order of the JSON."""
    begin, entries = parse(data)
    arrays = {}
    for name, entry in entries.items():
        start, end = entry["data_offsets"]
        raw = data[begin:(begin := begin + end - start)]
        arrays[name] = np.frombuffer(raw, KINDS[entry["dtype"]]).reshape(entry["shape"])
    return three_views(arrays)


def three_views(arrays):
    """(shapes, numbers, kinds) of a dictionary of arrays."""
    return ({name: tuple(array.shape) for name, array in arrays.items()},
            np.concatenate([np.ravel(arrays[name]).astype(float) for name in sorted(arrays)]),
            {name: str(array.dtype) for name, array in arrays.items()})


def read(data, **how):
    return three_views(arrays_of(data, **how))


def tensors(module, data):
    arrays = module.read_safetensors(data)
    if not isinstance(arrays, dict) or not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise TypeError("read_safetensors has to return a dictionary whose values are NumPy arrays")
    return three_views(arrays)


def other_kinds(module):
    """None, or what is wrong with kinds of another length than 4 bytes, and with an array that has no axis."""
    arrays = {"double": ("F64", np.array([[0.5, 1.5, 2.5]])), "half": ("F16", np.array([1.5, -2.0])),
              "long": ("I64", np.array([2**40, -1])), "byte": ("U8", np.array([[255], [7]])),
              "flag": ("BOOL", np.array([True, False])), "single": ("F32", np.array(0.25))}
    data = file_of(arrays)
    try:
        found = module.read_safetensors(data)
    except Exception as error:
        return (f"with arrays of all KINDS in one file it stops with {type(error).__name__}: {error}. A number has as "
                "many bytes as its kind says.")
    for name, (kind, array) in arrays.items():
        wanted, got = np.asarray(array).astype(KINDS[kind]), found.get(name)
        if got is None or np.shape(got) != wanted.shape or np.asarray(got).dtype != wanted.dtype \
                or not np.array_equal(got, wanted):
            return f"of dtype {kind} and shape {list(wanted.shape)} it makes {got!r}; right is {wanted!r}."
    return None


READ_SAFETENSORS = Exercise(
    "13.2", "read_safetensors", ("shapes", "numbers", "kinds"), read,
    example=(SMALL, ({"b": (2,)}, np.array([1.0, 2.0]), {"b": "float32"})),
    cases=some_file, call=tensors, learns=other_kinds, needs=("read_header",),
    mistakes={"shapes": [
        ("no shape", "The arrays are flat. The header's shape says how many numbers make a row: reshape.",
         lambda right: {name: (int(np.prod(shape)),) for name, shape in right.items()}),
        ("the arrays are transposed", "Rows and columns are swapped. The file has the numbers row after row, as NumPy "
         "does: reshape is enough.", lambda right: {name: shape[::-1] for name, shape in right.items()}),
    ], "numbers": [
        ("counted from the beginning of the file", "The offsets were counted from the beginning of the file. They "
         "count from where the numbers begin.", partial(read, begin=lambda right: 0)),
        ("counted from byte 8", "The offsets were counted from byte 8, where the JSON begins. They count from its end.",
         partial(read, begin=lambda right: 8)),
        ("8 bytes too early", "The numbers were read 8 bytes too early: the 8 bytes of the length are missing in where "
         "they begin.", partial(read, begin=lambda right: right - 8)),
        ("everything is float32", "Whole numbers were read as float32. The dtype in the header says what the bytes "
         "are: KINDS[entry[\"dtype\"]].", partial(read, kind=lambda dtype: "<f4")),
        ("the bytes are turned round", "The bytes of each number were read in the opposite order. The file is "
         "little-endian, \"<f4\".", partial(read, kind=lambda dtype: KINDS[dtype].replace("<", ">"))),
        ("the offsets are not used", "The arrays were read one after another, in the order of the JSON. They may stand "
         "in another one: data_offsets says where.", one_after_another),
        ("column after column", "The arrays were filled column by column. The file goes row by row, NumPy's usual "
         "order.", partial(read, order="F")),
    ], "kinds": [
        ("everything becomes float32", "The numbers are right, and all of them are float32. Whole numbers stay whole: "
         "frombuffer has given them their dtype, leave out astype.",
         lambda right: dict.fromkeys(right, "float32")),
    ]})


# --------------------------------------------------------------------------------------------------------- imports_of

FLAG = "MINICAP_LESSON_13"
SOME = (("torch._utils", "_rebuild_tensor_v2"), ("torch", "FloatStorage"), ("collections", "OrderedDict"),
        ("os", "system"), ("builtins", "eval"), ("numpy.core.multiarray", "_reconstruct"), ("subprocess", "Popen"))


def text(words):
    return b"X" + struct.pack("<I", len(words)) + words.encode()


def imported(module, name):
    return f"c{module}\n{name}\n".encode()


def program(rng):
    """A pickle that imports some names, some of them twice, and holds texts that look like names.

    Whoever runs it sets a harmless environment variable, by which that is noticed.
    """
    canary = imported("operator", "setitem") + imported("os", "environ") + text(FLAG) + text("run") + b"\x87R"
    chosen = [SOME[i] for i in rng.permutation(len(SOME))[:4]]
    parts = [imported(*name) for name in chosen] + [imported(*chosen[i]) for i in rng.integers(4, size=2)]
    parts += [text("os system"), text("torch FloatStorage"), text("cplatform\nnode\n")]
    return b"\x80\x02(" + canary + b"".join(parts[i] for i in rng.permutation(len(parts))) + b"t."


def all_names(data, wanted=("GLOBAL",), join=lambda argument: argument.replace(" ", ".", 1)):
    return [join(argument) for instruction, argument, _ in pickletools.genops(data) if instruction.name in wanted]


def names_in(data, **how):
    """Each once."""
    return list(dict.fromkeys(all_names(data, **how)))


def each(function, **how):
    return lambda pickles: [function(data, **how) for data in pickles]


def imports(module, pickles):
    os.environ.pop(FLAG, None)
    try:
        found = [module.imports_of(data) for data in pickles]
    finally:
        ran = os.environ.pop(FLAG, None)
    if ran:
        raise RuntimeError("imports_of has run the pickle, and the pickle did what it wanted: it has set an "
                           "environment variable. Look at it with pickletools.genops, which only reads")
    for names in found:
        if names is not None and not isinstance(names, (tuple, list)):
            raise TypeError("imports_of has to return a list of names, in their order, and not a "
                            f"{type(names).__name__}")
    return [names if names is None else list(names) for names in found]


IMPORTS_OF = Exercise(
    "13.3", "imports_of", ("names",), each(names_in),
    example=(([pickle.dumps(OrderedDict(a=1), protocol=2), pickle.dumps([1, "os system"], protocol=2)],),
             [["collections.OrderedDict"], []]),
    cases=lambda rng: ([program(rng) for _ in range(3)],), call=imports,
    mistakes=[
        ("every name as often as it comes", "Some names are in the list more than once. List each of them once.",
         each(all_names)),
        ("in alphabetical order", "The names are sorted. List them in the order in which they first appear.",
         each(lambda data: sorted(names_in(data)))),
        ("a space instead of a dot", "Module and name are still separated by a space: \"os.system\".",
         each(names_in, join=str)),
        ("without the module", "The names lack their module. os.system and platform.system are different things.",
         each(names_in, join=lambda argument: argument.split(" ")[1])),
        ("only the module", "These are the modules alone. What is imported from them is the dangerous part.",
         each(names_in, join=lambda argument: argument.split(" ")[0])),
        ("texts are taken for imports", "Texts are in the list, too. A text is only data; what imports is the "
         "instruction GLOBAL.", each(names_in, wanted=("GLOBAL", "BINUNICODE"))),
        ("bytes are searched for imports", "What looks like an import in the middle of a text is in the list, too. "
         "Only genops knows where an instruction begins.", each(lambda data: list(dict.fromkeys(
             f"{module}.{name}" for module, name in re.findall(r"c([\w.]+)\n([\w.]+)\n", data.decode("latin-1")))))),
        ("in the order of last appearance", "The names are in the order in which they appear last. A name that is "
         "there already keeps its place.", each(lambda data: list(dict.fromkeys(all_names(data)[::-1]))[::-1])),
        ("only neighbours are compared", "A name is left out only right behind itself. Look for it in the whole list.",
         each(lambda data: [name for name, _ in itertools.groupby(all_names(data))])),
        ("builtins are left out", "The builtins are missing, and eval is one of them: list every name.",
         each(lambda data: [name for name in names_in(data) if not name.startswith("builtins")])),
        ("pairs of module and name", "Each entry is a pair. Join the two with a dot: \"os.system\".",
         each(names_in, join=lambda argument: tuple(argument.split(" ")))),
        ("only the first", "Only the first name is there: is a `return` inside the loop?",
         each(lambda data: names_in(data)[:1])),
        ("nothing is found", "No name was found. Compare instruction.name with \"GLOBAL\": the instruction itself is "
         "an object.", each(lambda data: [])),
    ])


# ------------------------------------------------------------------------------------------------------------ strided

def view(storage, offset, size, strides):
    index = np.indices(size)
    return storage[offset + sum(i * stride for i, stride in zip(index, strides, strict=True))]


def some_view(rng):
    """Axes of a larger box in a mixed order, as a transposed kernel's, beginning somewhere."""
    size, strides = (2, 3, 4), np.array([30, 6, 1])
    order = rng.permutation(3)
    while (order == np.arange(3)).all():
        order = rng.permutation(3)
    offset = int(rng.integers(8, 15))
    return rng.standard_normal(offset + 140), offset, size, tuple(strides[order].tolist())


def any_tensor(module):
    """None, or what is wrong with other numbers of axes, with a stride of 0, or at the very end of the storage."""
    storage = np.arange(0.0, 70, 10)
    for size, strides in (((7,), (1,)), ((2, 3), (3, 1)), ((2, 3), (0, 2)), ((), ()), ((2, 2, 2), (1, 2, 3))):
        offset = len(storage) - 1 - sum((n - 1) * stride for n, stride in zip(size, strides, strict=True))
        got, wanted = module.strided(storage.copy(), offset, size, strides), view(storage, offset, size, strides)
        if not np.array_equal(got, wanted):
            return (f"of the storage 0, 10, ... 60 with offset {offset}, size {size} and strides {strides} it makes "
                    f"{np.asarray(got).tolist()}; right is {wanted.tolist()}")
    return None


STRIDED = Exercise(
    "13.4", "strided", ("tensor",), view, cases=some_view, learns=any_tensor,
    example=((np.arange(0.0, 80, 10), 2, (2, 2), (3, 1)), np.array([[20.0, 30], [50, 60]])),
    mistakes=[
        ("the offset is forgotten", "The tensor begins at the first number of the storage. It begins at "
         "storage[offset].", lambda storage, size, strides: view(storage, 0, size, strides)),
        ("the offset in bytes", "The offset was divided by the bytes of a number. It counts numbers: storage[offset:].",
         lambda storage, offset, size, strides: view(storage, offset // storage.itemsize, size, strides)),
        ("the size in place of the strides", "An index was multiplied by the size of its axis. It takes as many steps "
         "as the index says, and a step is the axis's stride.",
         lambda storage, offset, size: view(storage, offset, size, size)),
        ("bytes of float32", "A number was taken to have 4 bytes. as_strided wants the strides times storage.itemsize.",
         lambda storage, offset, size, strides: np.lib.stride_tricks.as_strided(
             storage[offset:], size, tuple(4 * stride for stride in strides))),
        ("the strides are not used", "The numbers were taken one after another. To the next row it is strides[0] "
         "numbers, to the next column strides[1].",
         lambda storage, offset, size: storage[offset:offset + int(np.prod(size))].reshape(size)),
        ("the strides are not used", "The numbers were taken one after another, from the first. Begin at offset; the "
         "next row is strides[0] numbers on.", lambda storage, size: storage[:int(np.prod(size))].reshape(size)),
        ("the strides the other way round", "The strides were used from the last axis to the first. strides[0] belongs "
         "to axis 0.", lambda storage, offset, size, strides: view(storage, offset, size, strides[::-1])),
        ("strides in bytes", "The strides were taken as bytes. They count numbers: as_strided takes them times "
         "storage.itemsize.",
         lambda storage, offset, size, strides: np.lib.stride_tricks.as_strided(storage[offset:], size, strides)),
    ])

EXERCISES = (READ_HEADER, READ_SAFETENSORS, IMPORTS_OF, STRIDED)
