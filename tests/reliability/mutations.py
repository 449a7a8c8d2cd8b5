"""Mutations of files that know what is in them: a number in a header is replaced by another number, a JSON value by one
of another type, a member of an archive by a mutated member.

A mutation is a function (data: bytes, rng: random.Random) -> bytes. Each is a function of its generator alone, so that
a case can be repeated from its number.
"""

import copy
import functools
import io
import json
import random
import re
import struct
import zipfile
import zlib

NUMBERS = (0, 1, -1, 2, 3, 127, 128, 255, 256, 2**15 - 1, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1,
           2**64 - 1)
VALUES = (None, True, False, 0, -1, 1.5, 1e308, float("nan"), float("-inf"), 2**63, 10**300, "", "x", "1", "\0",
          "\ud800", "../../x", "/abs", "\x1b[31m", "a" * 300, [], {}, [[]], [None], [0], {"": 0}, {"a": {"a": []}},
          [[1, 2], [3]])
INTEGERS = ("-1", "0", "1", "2147483648", "9223372036854775808", "1" + "0" * 30, "-9223372036854775809", "1.5", "", "x",
            "1" * 5000, "٣", "1_0")
FLOATS = ("nan", "inf", "-inf", "-1", "0", "1", "1e300", "1e-300", "1e308", "-0.0", "", "x", "1e999")
TEXTS = ("", " ", ".", "..", "/", "//", "a" * 300, "a/" * 3000 + "a", "x\ny", "\x1b[31m", "\udce9", "~nobody/x", "~",
         "/dev/null", "/dev/full", "/proc/self/status", "-", ",", "a,b", "=", "'", "run", "vgg.h5", "data", "cuda",
         "cuda:-1", "cuda:99999999999", "é", "*")
TOKENS = ("\0", "\ufeff", "\x1b[2J", "\u202e", "\u200d", "\ud83d", "'", '"', '""', ",", ";", "\t", "\r", "\n", "#",
          "#0", "|", "{", "[", "}", "]", "\\", "\\u0000", "/", "..", "nan", "1e999", "-1", "99999999999999999999",
          "é", "漢", "कि")


def bytes_(data, rng):
    """One to four changes of a file of which nothing is known: flipped bits, numbers, cuts, repetitions."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = _place(len(data), rng)
        kind = rng.randrange(7)
        if not data or kind == 0:
            data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 8, 100)))
        elif kind == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            size = rng.choice((1, 2, 4, 8))
            number = rng.choice(NUMBERS) % (1 << 8 * size)
            data[at:at + size] = number.to_bytes(size, rng.choice(("little", "big")))
        elif kind == 3:
            del data[at:]
        elif kind == 4:
            del data[at:at + rng.choice((1, 2, 4, 8, 100))]
        elif kind == 5:
            data[at:at] = data[at:at + rng.choice((1, 4, 16, 100, 1000))]
        else:
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
    return bytes(data)


def _place(size, rng):
    """Anywhere, but rather near the beginning or the end, where headers and directories are."""
    if not size:
        return 0
    near = min(size, rng.choice((16, 64, 512, 4096, size, size)))
    return rng.randrange(near) if rng.random() < 0.7 else size - 1 - rng.randrange(near)


def text(data, rng):
    """Tokens put in, lines and cells moved, another encoding."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    for _ in range(rng.choice((1, 1, 2, 4))):
        at, kind = rng.randrange(len(lines)), rng.randrange(8)
        line, token = lines[at], rng.choice(TOKENS)
        where = rng.randrange(len(line) + 1)
        if kind <= 1:
            lines[at] = line[:where] + token + line[where:]
        elif kind == 2:
            lines[at] = line[:where] + line[where + rng.choice((1, 3, 10)):]
        elif kind == 3:
            lines.insert(at, rng.choice(lines))
        elif kind == 4:
            lines[at] = ""
        elif kind == 5:
            del lines[at:at + rng.choice((1, 1, 3))]
            lines = lines or [""]
        elif kind == 6:
            cells = re.split(r"([,;\t ])", line)
            rng.shuffle(cells)
            lines[at] = "".join(cells)
        else:
            lines[at] = line * rng.choice((2, 50)) if len(line) < 1000 else token
    changed = "\n".join(lines)
    encoding = rng.choice(("utf-8",) * 12 + ("utf-16", "utf-8-sig", "latin-1", "utf-32"))
    try:
        return changed.encode(encoding, "surrogateescape" if encoding == "utf-8" else "replace")
    except UnicodeEncodeError:
        return changed.encode("utf-8", "surrogatepass")


def json_(data, rng):
    """A value replaced, an entry taken out, doubled or renamed; now and then only the text is changed."""
    if rng.random() < 0.15:
        return text(data, rng)
    value = copy.deepcopy(_parsed(data))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        value = _with_a_change(value, rng)
    out = json.dumps(value, ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.02:
        out = rng.choice(("[" * 100_000, '{"a":' * 50_000, out.replace("1", "1" * 5000, 1), out + out))
    return out.encode("utf-8", "surrogatepass")


@functools.lru_cache(8)
def _parsed(data):
    return json.loads(data)


def _with_a_change(value, rng):
    places = list(_places(value))
    container, key = rng.choice(places) if places else (None, None)
    if container is None or rng.random() < 0.03:
        return copy.deepcopy(rng.choice(VALUES))
    kind = rng.randrange(8)
    if kind <= 3:
        container[key] = copy.deepcopy(rng.choice(VALUES))
    elif kind == 4:
        del container[key]
    elif kind == 5:
        container[key] = copy.deepcopy(_at(rng.choice(places)))
    elif isinstance(container, dict):
        container[rng.choice(("", "id", "image", "caption", "\0", str(key) * 2, str(key).upper()))] = container[key]
        if kind == 6:
            container.pop(key)
    else:
        container[key:key] = [container[key]] * rng.choice((1, 2, 100))
    return value


def _at(place):
    container, key = place
    return container[key]


def _places(value):
    """(container, key) of every value within."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def json_lines(data, rng):
    lines = data.splitlines() or [b""]
    at = rng.randrange(len(lines))
    lines[at] = json_(lines[at], rng)
    return b"\n".join(lines)


def npy(data, rng):
    """The header of an .npy: its version, length, dtype, order and shape; or the numbers behind it."""
    if data[:6] != b"\x93NUMPY" or rng.random() < 0.2:
        return bytes_(data, rng)
    end = 10 + int.from_bytes(data[8:10], "little")
    header, body = data[10:end].decode("latin-1"), data[end:]
    kind = rng.randrange(5)
    if kind == 0:
        kinds = ("|V0", "|V8", "|O", "|S0", "<U0", "<U7", "|b1", "|i1", ">f8", "<f2", "<f16", "<c16", "<M8[ns]", "f",
                 "",                 "<f4,<f4", "no kind")
        header = re.sub(r"'descr': '[^']*'", f"'descr': {rng.choice(kinds)!r}", header)
    elif kind == 1:
        header = header.replace("'descr': '", "'descr': [('a', '<f4', (3,))], 'x': '")
    elif kind == 2:
        shape = tuple(rng.choice((*NUMBERS, True, 1.5, "3", -5)) for _ in range(rng.choice((0, 1, 2, 3, 4, 70))))
        header = re.sub(r"'shape': \(.*?\)", lambda _: f"'shape': {shape!r}", header)
    elif kind == 3:
        header = text(header.encode(), rng).decode("latin-1")
    else:
        header = header.replace("False", rng.choice(("True", "None", "0", "'x'", "[]")))
    encoded = header.encode("latin-1", "replace")
    length = len(encoded) if rng.random() < 0.9 else rng.choice(NUMBERS) % 2**16
    version = rng.choice((b"\x01\x00",) * 6 + (b"\x02\x00", b"\x03\x00", b"\x09\x00"))
    size = struct.pack("<H" if version[0] == 1 else "<I", length % 2**16)
    return b"\x93NUMPY" + version + size + encoded + body


def safetensors(data, rng):
    """The JSON header, or its length."""
    if rng.random() < 0.2:
        return bytes_(data, rng)
    size = int.from_bytes(data[:8], "little")
    header, body = data[8:8 + size], data[8 + size:]
    if rng.random() < 0.3:  # minicap's facts are JSON within JSON
        outer = json.loads(header)
        facts = outer.get("__metadata__", {})
        for name in facts:
            facts[name] = json_(facts[name].encode(), rng).decode("utf-8", "replace")
        header = json.dumps(outer).encode()
    else:
        header = json_(header, rng)
    length = len(header) if rng.random() < 0.95 else rng.choice(NUMBERS) % 2**64
    return length.to_bytes(8, "little") + header + body


def zipped(of_member=bytes_):
    """A member mutated by ``of_member``, renamed, left out or there twice; or the bytes of the archive."""
    def mutation(data, rng):
        if rng.random() < 0.3:
            return bytes_(data, rng)
        stream = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(stream, "w") as target:
            members = source.infolist()
            chosen, kind = rng.choice(members).filename, rng.randrange(10)
            for member in members:
                name, content = member.filename, source.read(member)
                how = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)) if name == chosen else member.compress_type
                if name == chosen and kind <= 5:
                    content = of_member(content, rng)
                elif name == chosen and kind == 6:
                    name = rng.choice(("", "x", "../x", "/x", name * 2, "a\\b", "data.pkl", "\x1b[2J", "\U0001f600"))
                elif name == chosen and kind == 7:
                    continue
                elif name == chosen and kind == 8:
                    content = rng.choice((b"", b"\0" * 100_000, content * 2))
                _write(target, name, content, how)
                if name == chosen and kind == 9:
                    _write(target, name, content, how)
        return stream.getvalue()
    return mutation


def _write(archive, name, content, how):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there twice
        archive.writestr(zipfile.ZipInfo(name or "x"), content, how)


def command_line(data, rng):
    """A JSON list, [program, argument, ...], with one more option, whose value is an odd one."""
    import programs

    program, *arguments = json.loads(data)
    flag, kind, positional = rng.choice(programs.options(program))
    values = {"int": INTEGERS, "float": FLOATS, "str": TEXTS}[kind]
    given = [rng.choice(values) for _ in range(rng.choice((1, 1, 1, 2)) if positional else 1)]
    if positional:
        arguments = given + arguments[len(given):]
    else:
        arguments += [f"{flag}={given[0]}"]
    return json.dumps([program, *arguments]).encode()


def gzipped(of_content=bytes_):
    def mutation(data, rng):
        if rng.random() < 0.3:
            return bytes_(data, rng)
        packer = zlib.compressobj(1, wbits=31)
        return packer.compress(of_content(zlib.decompress(data, 31), rng)) + packer.flush()
    return mutation


def either(*mutations):
    def mutation(data, rng):
        return rng.choice(mutations)(data, rng)
    return mutation


def generator(seed, reader, case):
    """The random numbers of one case."""
    return random.Random(f"{seed} {reader} {case}")
