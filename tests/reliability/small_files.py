"""Small files that ask for much memory: one function a kind of reader, each of which returns {what it is: path}.

In all of them the sizes are those that the file *declares*, or that a packed stream unpacks to.
"""

import io
import json
import shutil
import struct
import zipfile
import zlib

import h5py
import numpy as np
import tiny_captioner
from PIL import Image

from minicap.files import write_json

GB = 1 << 30


def zeros_packed(size, wbits=zlib.MAX_WBITS):
    """``size`` zeros, whole megabytes, as zlib packs them; ``wbits`` as there. The checksum of gzip is left out."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    first = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    head = {zlib.MAX_WBITS: b"\x78\xda", 31: b"\x1f\x8b\x08\0\0\0\0\0\0\xff", -zlib.MAX_WBITS: b""}[wbits]
    checksum = struct.pack(">HH", size % 65521, 1) if wbits == zlib.MAX_WBITS else b""
    return head + first * (size >> 20) + packer.flush() + checksum


# --------------------------------------------------------------------------------------------------------- weights

def weights(folder):
    return {path.name: path for path in (
        _chunks(folder / "h5 of a million chunks"),
        _one_chunk(folder / "h5 of one huge chunk", (GB >> 2,), zeros_packed(GB), 1),
        _one_chunk(folder / "h5 packed twice", (4,), zlib.compress(zeros_packed(2 * GB), 9), 2),
        _one_chunk(folder / "h5 of a chunk that unpacks to more than it declares", (4,), zeros_packed(2 * GB), 1),
        _one_text_often(folder / "h5 of an attribute that names one text often"),
        _one_group_often(folder / "h5 of one group under many names"),
        _keras_zip(folder / "keras of a packed member"),
        _npz(folder / "npz of packed zeros", "<f4", (1 << 28,), GB),
        _npz(folder / "npz that declares 4 TB", "<f4", (1 << 40,), 64),
        _npz(folder / "npz of numbers without size", "|V0", (1 << 40,), 0),
        _npz(folder / "npz of rows of a type", ("<f4", (1 << 28,)), (1,), 64),
        _npy_pickle(folder / "npy of many arrays with the same bytes"),
        _pickle(folder / "pth of two million dictionaries", b"}" * 1_999_990),
        _pickle(folder / "pth of a long number", b"\x8b" + struct.pack("<i", 1 << 30)),
        _pickle(folder / "pth of a text of a terabyte", b"\x8d" + struct.pack("<Q", 1 << 40)),
        _safetensors(folder / "safetensors nested deeply", b'{"a":' + b"[" * 100_000),
        _safetensors(folder / "safetensors of a long number", b'{"a":{"dtype":"F32","shape":[' + b"9" * 5000 + b"]"),
        _index(folder / "deep.safetensors.index.json", b'{"weight_map":' + b"[" * 100_000),
        _index(folder / "long.safetensors.index.json", b'{"weight_map":' + b"9" * 5000 + b"}"))}


def _chunks(path, name="block1_conv1/kernel:0"):
    with h5py.File(path, "w") as file:
        file.create_dataset(name, shape=(1_000_000,), dtype="f4", chunks=(1,))
    return path


def _one_chunk(path, shape, packed, times):
    """One chunk of ``shape`` that is declared to be ``packed`` so many times."""
    with h5py.File(path, "w") as file:
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk(shape)
        for _ in range(times):
            made.set_deflate(9)
        space = h5py.h5s.create_simple((4,), (h5py.h5s.UNLIMITED,))
        group = file.create_group("block1_conv1")
        h5py.h5d.create(group.id, b"kernel:0", h5py.h5t.IEEE_F32LE, space, made).write_direct_chunk((0,), packed)
    return path


def _one_text_often(path, size=60_000, count=4000):
    """"layer_names" of 4,000 texts; each is (length, address, number), and all are made to be the first, of 240 MB."""
    with h5py.File(path, "w") as file:
        texts = ["a" * size, *(f"{i:08}" for i in range(count - 1))]
        file.attrs.create("layer_names", texts, dtype=h5py.string_dtype())
        file.create_dataset("block1_conv1/kernel:0", data=np.ones(4, "f4"))
    data = bytearray(path.read_bytes())
    begin = data.index(struct.pack("<I", size))
    while struct.unpack_from("<I", data, begin + 16)[0] != 8:  # it stands before the text itself, too
        begin = data.index(struct.pack("<I", size), begin + 1)
    data[begin:begin + 16 * count] = data[begin:begin + 16] * count
    path.write_bytes(data)
    return path


def _one_group_often(path, count=500):
    with h5py.File(path, "w", libver="latest") as file:
        group = file.create_group("layer0")
        for i in range(count):
            group.create_dataset(f"{i}", data=np.float32(1))
        for i in range(1, count):
            file[f"layer{i}"] = group
    return path


def _keras_zip(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, \
            archive.open("model.weights.h5", "w") as member:
        member.write(b"\x89HDF\r\n\x1a\n")
        for _ in range(GB >> 20):
            member.write(bytes(1 << 20))
    return path


def _header(dtype, shape, major=1):
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}\n".encode()
    return b"\x93NUMPY" + bytes([major, 0]) + struct.pack("<H" if major == 1 else "<I", len(text)) + text


def _npz(path, dtype, shape, size):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, \
            archive.open("conv1_1_W.npy", "w") as member:
        member.write(_header(dtype, shape))
        for _ in range(size >> 20):
            member.write(bytes(1 << 20))
    return path


def _npy_pickle(path, size=1_000_000, count=4000):
    """Arrays in the other byte order, each of which becomes a copy of the bytes that they share."""
    def dtype(kind, order):
        return (b"cnumpy\ndtype\nX" + struct.pack("<I", len(kind)) + kind + b"K\0K\1\x87R(K\3X\1\0\0\0" + order
                + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb")

    def array(shape, dtype, data):  # _reconstruct(ndarray, (0,), "b"), then its state
        return (b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85X\1\0\0\0b\x87R(K\1" + shape + dtype
                + b"\x89" + data + b"tb")

    shape, zeros = b"J" + struct.pack("<i", size // 4) + b"\x85", b"B" + struct.pack("<I", size) + bytes(size)
    entries = array(shape, dtype(b"f4", b">") + b"q\1", zeros + b"q\2")
    entries = b"X\1\0\0\0a" + entries + b"".join(b"X\4\0\0\0%04d" % i + array(shape, b"h\1", b"h\2")
                                               for i in range(count))
    path.write_bytes(_header("|O", ()) + b"\x80\3" + array(b")", dtype(b"O8", b"|"), b"](}(" + entries + b"ue") + b".")
    return path


def _pickle(path, instructions):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + instructions + b".")
    return path


def _safetensors(path, header):
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    return path


def _index(path, text):
    path.write_bytes(text)
    return path


# -------------------------------------------------------------------------------------------- features of one's own

def arrays(folder):
    found = [_chunks(folder / "h5 of a million chunks", "features"),
             _one_chunk(folder / "h5 that unpacks to more than it declares", (4,), zeros_packed(2 * GB), 1),
             _matlab(folder / "mat of packed zeros", GB, zeros_packed(GB)),
             _matlab(folder / "mat that declares 3 GB", 3 * GB, b""),
             _npz(folder / "npz of packed zeros", "<f4", (1 << 28,), GB),
             _npz(folder / "npz of numbers without size", "|V0", (1 << 40,), 0)]
    for name, dtype, shape in (("npy that declares 4 TB", "<f4", (1 << 40,)), ("npy without size", "|V0", (1 << 40,)),
                               ("npy of texts without size", "<U0", (1 << 30,)), ("npy of Python", "|O", (4,))):
        (folder / name).write_bytes(_header(dtype, shape))
        found.append(folder / name)
    (folder / "npy of a header of 4 GB").write_bytes(b"\x93NUMPY\x02\0" + b"\xff" * 4 + b"{")
    (folder / "npy of a nested header").write_bytes(_header("<f4", (4,)).replace(b"(4,)", b"(" * 5000))
    with h5py.File(folder / "h5 of texts", "w") as file:
        file.create_dataset("names", (20_000_000,), h5py.string_dtype(), chunks=(1_000_000,), compression="gzip")
    return {path.name: path for path in (*found, folder / "npy of a header of 4 GB", folder / "npy of a nested header",
                                         folder / "h5 of texts")}


def _matlab(path, size, numbers):
    """A matrix of ``size`` bytes in a packed element, as MATLAB has written since version 7."""
    def element(kind, data):
        return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)

    head = (element(6, struct.pack("<II", 6, 0)) + element(5, struct.pack("<ii", 1000, size // 8000))
            + element(1, b"features") + struct.pack("<II", 9, size // 8000 * 8000))
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    start = packer.compress(struct.pack("<II", 14, len(head) + size // 8000 * 8000) + head)
    packed = b"\x78\xda" + start + packer.flush(zlib.Z_FULL_FLUSH) + numbers[2:]
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x100) + b"IM"
                     + struct.pack("<II", 15, len(packed)) + packed)
    return path


# -------------------------------------------------------------------------------------------- minicap's feature files

def feature_files(folder):
    def pair(name, header=None, **changes):
        path = folder / f"{name}.npy"
        tiny_captioner.write_features(path)
        described = json.loads(path.with_suffix(".json").read_text())
        if header:
            path.write_bytes(_header(*header))
        write_json(path.with_suffix(".json"), described | changes)
        return path

    source = tiny_captioner.SOURCE.to_json()
    found = [pair("without size", ("|V0", (12, 6))), pair("of whole numbers", ("<i2", (0, 6))),
             pair("of Python", ("|O", (12, 6))), pair("of 4 TB", ("<f2", (12, 1 << 40))),
             pair("of a shape beyond all", ("<f2", (12, 10**30))), pair("of images that are lists", images=[[]] * 12),
             pair("of one image twice", images=["a.png"] * 12), pair("of a source of 4 TB",
                                                                     source=source | {"shape": [1 << 40]}),
             pair("of a negative shape", source=source | {"shape": [-6]}),
             pair("of a nested shape", source=source | {"shape": [[6]]})]
    deep = pair("with a deep description")
    deep.with_suffix(".json").write_text('{"images":' + "[" * 100_000)
    long = pair("with a long number")
    long.with_suffix(".json").write_text('{"images":' + "9" * 5000 + "}")
    return {path.stem: path for path in (*found, deep, long)}


# ------------------------------------------------------------------------------------------------------ word vectors

def word_vectors(folder):
    contents = {"one line without an end, packed": zeros_packed(2 * GB, 31),
                "vectors of a billion numbers": b"1000000000 1000000000\na " + bytes(100),
                "vectors of a billion numbers, packed": _gzip(b"1000000000 1000000000\na " + bytes(1 << 20),
                                                              2 * GB),
                "a billion words": b"1000000000 2\nthe 1 2\n",
                "a number of 5,000 digits": b"9" * 5000 + b" 2\nthe 1 2\n",
                "one word very often, packed": _often(b"the 1 2\n" * (1 << 17), 10)}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in contents}


def _gzip(data, zeros):
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return (b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)
            + zeros_packed(zeros, -zlib.MAX_WBITS))


def _often(block, times):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(block) + b"".join(packer.compress(block) for _ in range(times - 1)) + packer.flush()


# ---------------------------------------------------------------------------------------------------------- captions

def captions(folder):
    deep = "[" * 100_000
    contents = {"deep.json": deep, "deep one.json": '{"a.jpg":' + deep, "deep lines.json":
                '{"image":"a.jpg","caption":"a"}\n{"image":"b.jpg","caption":' + deep,
                "almost as deep.json": '{"a.jpg":' + "[" * 950 + '"a"' + "]" * 950 + "}",
                "long number.json": '{"a.jpg":' + "9" * 5000 + "}",
                "deep cell.csv": f'image,caption\na.jpg,"{deep}{"]" * 100_000}"\n',
                "wide cell.csv": 'image,caption\na.jpg,"' + "a" * (1 << 22) + '"\n',
                "open quote.csv": 'image,caption\na.jpg,"' + "a,\n" * (1 << 20)}
    for name, text in contents.items():
        (folder / name).write_text(text)
    return {name: folder / name for name in contents}


# ------------------------------------------------------------------------------------------------------- checkpoints

def checkpoints(folder):
    good = tiny_captioner.save_checkpoint(folder / "good", tiny_captioner.pixel_captioner())
    described = json.loads((good / "captioner.json").read_text())

    def changed(name, **model):
        path = shutil.copytree(good, folder / name)
        write_json(path / "captioner.json", described | {"model": described["model"] | model})
        return path

    found = [changed(f"{key} {value!r}"[:40], **{key: value})
             for key in ("hidden", "side", "embedding", "vocabulary")
             for value in (7000, 10**8, 10**30, -1, 0, True, 1.5, "7", None, [7])]
    found += [changed("input of the sea", input="sea"), changed("features of nothing", input="features"),
              changed("features of 4 TB", input="features", feature_size=1 << 24),
              changed("drop of 10^400", drop=10**400), changed("a deep setting", hidden=[[[[7]]]]),
              changed("an unknown kind", kind=["attend"]), changed("fine-tuned", kind="attend", finetune="block9",
                                                                   feature_size=512)]
    for name, text in (("deep", "[" * 100_000), ("long number", '{"format":' + "9" * 5000 + "}")):
        path = shutil.copytree(good, folder / name)
        (path / "captioner.json").write_text(text)
        found.append(path)
        path = shutil.copytree(good, folder / f"{name} in the weights")
        header = json.dumps({"__metadata__": {"minicap": text}}).encode()
        (path / "best.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
        found.append(path)
    return {path.name: path for path in found}


# ---------------------------------------------------------------------------------------------------------- pictures

def pictures(folder):
    contents = {"icon with a picture of 480 megapixels": _icon(_png(30_000, 16_000)),
                "tile of 1600 megapixels": _tile(40_000), "WebP of 64 megapixels": _webp(8000, 8000),
                "JPEG 2000 of 64 megapixels": _saved("JPEG2000", "L", 8, no_jp2=True).replace(
                    struct.pack(">II", 8, 8), struct.pack(">II", 8000, 8000)),
                "progressive JPEG of 249 megapixels": _saved("JPEG", "CMYK", 8, progressive=True).replace(
                    struct.pack(">HH", 8, 8), struct.pack(">HH", 15_800, 15_800), 1),
                "GIF of 3600 megapixels": _gif((1, 1), (60_000, 60_000)),
                "GIF on a canvas of 3600 megapixels": _gif((60_000, 60_000), (1, 1)),
                "PNG of a text of 1 GB": _png(4, 4, b"zTXta\0\0" + zeros_packed(GB)),
                "PNG of a colour profile of 1 GB": _png(4, 4, b"iCCPa\0\0" + zeros_packed(GB)),
                "PNG of a translated text of 1 GB": _png(4, 4, b"iTXta\0\1\0\0\0" + zeros_packed(GB)),
                "TIFF of a million tags": b"II\x2b\0\x08\0\0\0\x10\0\0\0\0\0\0\0" + struct.pack("<Q", 1 << 40) + bytes(
                    4 << 20)}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in contents}


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width, height, chunk=b""):
    row = width + 1
    data = zeros_packed(-(-row * height // (1 << 20)) << 20)
    return (b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + (_chunk(chunk[:4], chunk[4:]) if chunk else b"") + _chunk(b"IDAT", data) + _chunk(b"IEND", b""))


def _icon(png):
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(png), 22) + png


def _tile(side):
    packed = zlib.compress(bytes(100))
    tags = {256: 1, 257: 1, 258: 8, 259: 8, 262: 1, 277: 1, 322: side, 323: side, 324: 8 + 2 + 120 + 4,
            325: len(packed)}
    return (b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value)
                                                                    for tag, value in tags.items())
            + bytes(4) + packed)


def _webp(width, height):
    """An animation whose only frame is one point."""
    frame = _saved("WEBP", "RGB", 2, lossless=True)[12:]

    def part(name, data):
        return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)

    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = (b"WEBP" + part(b"VP8X", struct.pack("<I", 2) + size) + part(b"ANIM", bytes(6))
            + 2 * part(b"ANMF", bytes(6) + b"\1\0\0\1\0\0\x64\0\0\0" + frame))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _gif(canvas, frame):
    return (b"GIF89a" + struct.pack("<HHBBB", *canvas, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff,"
            + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02\x02\x4c\x01\x00;")


def _saved(format, mode, side, **options):
    stream = io.BytesIO()
    Image.new(mode, (side, side)).save(stream, format, **options)
    return stream.getvalue()
