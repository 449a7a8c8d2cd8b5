"""The two formats of torch.save: the legacy stream (before version 1.6; torchvision's VGGs) and the zip archive.

Both contain a pickle, which describes the tensors, and the tensors' storages as raw bytes. The storages are mapped, not
read: arrays are views of the file, and of a 575 MB VGG only the pages that are used are ever loaded.

    legacy   pickles: magic number, protocol version, system information, the object, list of storage keys;
             then for each key an int64 number of elements and the elements
    zip      NAME/data.pkl and NAME/data/KEY for each storage, stored without compression; NAME/byteorder in newer ones
"""

import io
import struct
import zipfile

from .raw import itemsize, numbers
from .recognize import TORCH_MAGIC
from .refusal import RefusalError, damaged, library_reads, shown
from .torch_tensors import find_state_dict, machine

LEGACY_PROTOCOL = 1001


def read_torch_legacy(path, buffer):
    """{name: array} of a legacy file mapped as ``buffer``; numbers are little-endian, whatever machine wrote them."""
    unpickler, storages = machine()
    buffer.seek(0)
    magic, protocol = unpickler.run(buffer), unpickler.run(buffer)
    if magic != TORCH_MAGIC or protocol != LEGACY_PROTOCOL:
        raise RefusalError(f"is not in torch.save's protocol {LEGACY_PROTOCOL}: save it again in a recent PyTorch")
    unpickler.run(buffer)  # information about the machine that wrote it
    tensors = find_state_dict(unpickler.run(buffer))
    keys = unpickler.run(buffer)
    if type(keys) is not list or not all(type(key) is str for key in keys) or set(keys) != set(storages.declared):
        raise damaged("lists other tensor storages than its pickle names")

    data = {}
    for key in keys:
        kind, numel = storages.declared[key]
        count = buffer.read(8)
        start = buffer.tell()
        end = start + numel * itemsize(kind)
        if count != struct.pack("<q", min(numel, 2**63 - 1)) or end > len(buffer):
            raise _short(key, numel)
        data[key] = memoryview(buffer)[start:end]
        buffer.seek(end)
    return _arrays(tensors, data, "<")


def read_torch_zip(path, buffer):
    """{name: array} of a zip archive mapped as ``buffer``."""
    with library_reads("a zip archive"), zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
    pickles = [name for name in members if name == "data.pkl" or name.endswith("/data.pkl")]
    folder = pickles[0].removesuffix("data.pkl")
    if len(pickles) > 1 or folder + "constants.pkl" in members:
        raise RefusalError("is a TorchScript archive or several in one: load it in PyTorch and save model.state_dict()")
    if sum(info.file_size for info in members.values()) > len(buffer):
        raise damaged("declares members that together are larger than the file")

    def member(name):
        if folder + name not in members:
            raise damaged(f"lacks {shown(name)}, which its pickle names")
        return _stored_bytes(buffer, members[folder + name])

    order = bytes(member("byteorder")) if folder + "byteorder" in members else b"little"
    if order not in (b"little", b"big"):
        raise damaged("has a garbled byte order")
    unpickler, storages = machine()
    tensors = find_state_dict(unpickler.run(io.BytesIO(member("data.pkl"))))
    data = {}
    for key in {tensor.storage.key for tensor in tensors.values()}:
        kind, numel = storages.declared[key]
        data[key] = member("data/" + key)
        if len(data[key]) != numel * itemsize(kind):
            raise _short(key, numel)
    return _arrays(tensors, data, "<" if order == b"little" else ">")


def _short(key, numel):
    return damaged(f"does not hold the {numel:,} numbers that it declares as storage {shown(key)}")


def _stored_bytes(buffer, info):
    """The bytes of an uncompressed zip member, as a view. They begin after its local header, whose length varies."""
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size or info.flag_bits & 1:
        raise RefusalError("is compressed or encrypted, which torch.save never does: load and save it again in PyTorch")
    header = buffer[info.header_offset:info.header_offset + 30] if info.header_offset >= 0 else b""
    if len(header) != 30 or not header.startswith(b"PK\x03\x04"):
        raise damaged("is a garbled zip archive")
    start = info.header_offset + 30 + sum(struct.unpack("<HH", header[26:30]))
    if start + info.file_size > len(buffer):
        raise damaged(f"ends within {shown(info.filename)}")
    return memoryview(buffer)[start:start + info.file_size]


def _arrays(tensors, data, order):
    """{name: array}: each storage becomes numbers once, and each tensor a view of them, also where weights are tied."""
    kinds = {tensor.storage.key: tensor.storage.kind for tensor in tensors.values()}
    values = {key: numbers(data[key], kind, order) for key, kind in kinds.items()}
    return {name: tensor.array(values[tensor.storage.key]) for name, tensor in tensors.items()}
