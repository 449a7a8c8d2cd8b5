"""Mistakes people make in lesson 13, and how each has to be named."""

# expects: 13.1: the 8 bytes are counted twice
def read_header(data):
    (length,) = struct.unpack("<Q", data[:8])
    begin = 8 + length
    tensors = json.loads(data[8:begin])
    tensors.pop("__metadata__", None)
    return tensors, 8 + begin


# expects: 13.1: None
def read_header(data):
    (length,) = struct.unpack(">Q", data[:8])
    begin = 8 + length
    tensors = json.loads(data[8:begin])
    tensors.pop("__metadata__", None)
    return tensors, begin


# expects: 13.1: the end of the file
def read_header(data):
    (length,) = struct.unpack("<Q", data[:8])
    begin = 8 + length
    tensors = json.loads(data[8:begin])
    tensors.pop("__metadata__", None)
    return tensors, len(data)


# expects: 13.1: __metadata__ is kept
def read_header(data):
    (length,) = struct.unpack("<Q", data[:8])
    begin = 8 + length
    tensors = json.loads(data[8:begin])
    return tensors, begin


# expects: 13.1: only the names
def read_header(data):
    (length,) = struct.unpack("<Q", data[:8])
    begin = 8 + length
    tensors = json.loads(data[8:begin])
    tensors.pop("__metadata__", None)
    return [*tensors], begin


# expects: 13.1: the first 8 bytes are not counted
def read_header(data):
    (length,) = struct.unpack("<Q", data[:8])
    begin = length
    tensors = json.loads(data[8:8 + length])
    tensors.pop("__metadata__", None)
    return tensors, begin


# expects: 13.1: the JSON is not counted
def read_header(data):
    (length,) = struct.unpack("<Q", data[:8])
    begin = 8
    tensors = json.loads(data[begin:begin + length])
    tensors.pop("__metadata__", None)
    return tensors, begin


# expects: 13.2: 8 bytes too early
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def read_safetensors(data):
    tensors, begin = read_header(data)
    arrays = {}
    for name, entry in tensors.items():
        start, end = entry["data_offsets"]
        numbers = np.frombuffer(data[begin - 8 + start:begin - 8 + end], KINDS[entry["dtype"]])
        arrays[name] = numbers.reshape(entry["shape"])
    return arrays


# expects: 13.2: column after column
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def read_safetensors(data):
    tensors, begin = read_header(data)
    arrays = {}
    for name, entry in tensors.items():
        start, end = entry["data_offsets"]
        numbers = np.frombuffer(data[begin + start:begin + end], KINDS[entry["dtype"]])
        arrays[name] = numbers.reshape(entry["shape"], order="F")
    return arrays


# expects: 13.2: no shape
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def read_safetensors(data):
    tensors, begin = read_header(data)
    arrays = {}
    for name, entry in tensors.items():
        start, end = entry["data_offsets"]
        numbers = np.frombuffer(data[begin + start:begin + end], KINDS[entry["dtype"]])
        arrays[name] = numbers
    return arrays


# expects: 13.2: everything is float32
def read_safetensors(data):
    tensors, begin = read_header(data)
    arrays = {}
    for name, entry in tensors.items():
        start, end = entry["data_offsets"]
        numbers = np.frombuffer(data[begin + start:begin + end], "<f4")
        arrays[name] = numbers.reshape(entry["shape"])
    return arrays


# expects: 13.2: None
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def read_safetensors(data):
    tensors, begin = read_header(data)
    arrays = {}
    for name, entry in tensors.items():
        start, end = entry["data_offsets"]
        numbers = np.frombuffer(data[begin + start:begin + end], KINDS[entry["dtype"]])
        arrays[name] = numbers.reshape(entry["shape"]).astype(KINDS[entry["dtype"]].replace("8", "4"))
    return arrays


# expects: 13.2: counted from byte 8
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def read_safetensors(data):
    tensors, begin = read_header(data)
    arrays = {}
    for name, entry in tensors.items():
        start, end = entry["data_offsets"]
        numbers = np.frombuffer(data[8 + start:8 + end], KINDS[entry["dtype"]])
        arrays[name] = numbers.reshape(entry["shape"])
    return arrays


# expects: 13.2: counted from the beginning of the file
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def read_safetensors(data):
    tensors, begin = read_header(data)
    arrays = {}
    for name, entry in tensors.items():
        start, end = entry["data_offsets"]
        numbers = np.frombuffer(data[start:end], KINDS[entry["dtype"]])
        arrays[name] = numbers.reshape(entry["shape"])
    return arrays


# expects: 13.2: the bytes are turned round
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def read_safetensors(data):
    tensors, begin = read_header(data)
    arrays = {}
    for name, entry in tensors.items():
        start, end = entry["data_offsets"]
        numbers = np.frombuffer(data[begin + start:begin + end], KINDS[entry["dtype"]].replace("<", ">"))
        arrays[name] = numbers.reshape(entry["shape"])
    return arrays


# expects: 13.3: only the first
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def imports_of(data):
    names = []
    for instruction, argument, _ in pickletools.genops(data):
        if instruction.name == "GLOBAL":
            name = argument.replace(" ", ".")
            if name not in names:
                return [name]
    return names


# expects: 13.3: only the module
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def imports_of(data):
    names = []
    for instruction, argument, _ in pickletools.genops(data):
        if instruction.name == "GLOBAL":
            name = argument.split(" ")[0]
            if name not in names:
                names.append(name)
    return names


# expects: 13.3: without the module
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def imports_of(data):
    names = []
    for instruction, argument, _ in pickletools.genops(data):
        if instruction.name == "GLOBAL":
            name = argument.split(" ")[1]
            if name not in names:
                names.append(name)
    return names


# expects: 13.3: nothing is found
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def imports_of(data):
    names = []
    for instruction, argument, _ in pickletools.genops(data):
        if instruction == "GLOBAL":
            name = argument.replace(" ", ".")
            if name not in names:
                names.append(name)
    return names


# expects: 13.3: None
import pickle
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def imports_of(data):
    found = pickle.loads(data)
    return [] if isinstance(found, list) else [f"{type(found).__module__}.{type(found).__name__}"]


# expects: 13.3: every name as often as it comes
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def imports_of(data):
    names = []
    for instruction, argument, _ in pickletools.genops(data):
        if instruction.name == "GLOBAL":
            name = argument.replace(" ", ".")
            names.append(name)
    return names


# expects: 13.3: in alphabetical order
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def imports_of(data):
    names = []
    for instruction, argument, _ in pickletools.genops(data):
        if instruction.name == "GLOBAL":
            name = argument.replace(" ", ".")
            if name not in names:
                names.append(name)
    return sorted(names)


# expects: 13.3: a space instead of a dot
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def imports_of(data):
    names = []
    for instruction, argument, _ in pickletools.genops(data):
        if instruction.name == "GLOBAL":
            name = argument
            if name not in names:
                names.append(name)
    return names


# expects: 13.3: texts are taken for imports
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def imports_of(data):
    names = []
    for _, argument, _ in pickletools.genops(data):
        if isinstance(argument, str):
            name = argument.replace(" ", ".")
            if name not in names:
                names.append(name)
    return names


# expects: 13.4: strides in bytes
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def strided(storage, offset, size, strides):
    return np.lib.stride_tricks.as_strided(storage[offset:], size, strides)


# expects: 13.4: the offset is forgotten
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def strided(storage, offset, size, strides):
    array = np.empty(size, storage.dtype)
    for index in np.ndindex(size):
        array[index] = storage[sum(i * stride for i, stride in zip(index, strides, strict=True))]
    return array


# expects: 13.4: the strides are not used
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def strided(storage, offset, size, strides):
    return storage[offset:offset + np.prod(size)].reshape(size)


# expects: 13.4: the strides the other way round
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def strided(storage, offset, size, strides):
    array = np.empty(size, storage.dtype)
    for index in np.ndindex(size):
        array[index] = storage[offset + sum(i * stride for i, stride in zip(index, strides[::-1], strict=True))]
    return array


# expects: 13.4: None
KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def strided(storage, offset, size, strides):
    array = np.empty(size, storage.dtype)
    for index in np.ndindex(size):
        array[index] = storage[offset + 1 + sum(i * stride for i, stride in zip(index, strides, strict=True))]
    return array
