"""The format of a weights file, recognised by its first bytes; the suffix is ignored.

Files that people often have in place of weights are recognised too, and the error states what to do: the HTML page of a
failed download, a Git LFS pointer, a file that is still compressed, weights of a framework that is not supported.
"""

import os
import re
import zipfile

from .other_frameworks import CURE, other_framework
from .refusal import RefusalError, library_reads, shown
from .shards import is_index

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
#: torch.save's first pickle holds 0x1950a86a20f9469cfc6c, written as a LONG1 of ten little-endian bytes.
TORCH_MAGIC = 0x1950A86A20F9469CFC6C
TORCH_LEGACY_MARK = b"\x8a\x0a" + TORCH_MAGIC.to_bytes(10, "little")
SAFETENSORS_HEADER_LIMIT = 100_000_000  # bytes; the format's own limit

HEAD = 4096  # bytes that are examined

_COMPRESSED = "is a {} file: unpack it first ({})"
_NOT_WEIGHTS = (
    (0, b"version https://git-lfs.github.com/spec/", "is a Git LFS pointer, not the weights: run `git lfs pull`"),
    (0, b"\x1f\x8b", _COMPRESSED.format("gzip", "gunzip or tar -xzf")),
    (0, b"BZh", _COMPRESSED.format("bzip2", "bunzip2 or tar -xjf")),
    (0, b"\xfd7zXZ\x00", _COMPRESSED.format("xz", "unxz or tar -xJf")),
    (0, b"\x28\xb5\x2f\xfd", _COMPRESSED.format("zstd", "unzstd")),
    (0, b"Rar!", _COMPRESSED.format("rar", "unrar")),
    (0, b"7z\xbc\xaf\x27\x1c", _COMPRESSED.format("7z", "7z x")),
    (257, b"ustar", "is a tar archive: unpack it, or, if a very old PyTorch wrote it, load and save it again with a "
                    "recent one"),
    (0, b"\x93NUMPY", "is a single .npy array without names: save all arrays with their names by numpy.savez"),
    (0, b"4\n1\n3\nV 1\n", "is a Torch7 file (.t7), " + CURE),  # this one as text
    (0, b"model_checkpoint_path:", "belongs to a TensorFlow checkpoint, " + CURE),
    (0, b"MATLAB", "is a MATLAB file (MatConvNet's VGG is one), which is not supported: use the Keras .h5 or the "
                   "PyTorch .pth of the same network"),
    (0, b"GGUF", "is a GGUF file, which is not supported: use the .safetensors of the same network"),
    (0, b"\xff\xd8\xff", "is a JPEG picture, not weights: check the order of the arguments"),
    (0, b"\x89PNG", "is a PNG picture, not weights: check the order of the arguments"),
    *((0, start, "is a pickle, but not one that torch.save wrote; pickles can run code, so it is not opened: save the "
                 "arrays by numpy.savez or torch.save(model.state_dict(), FILE)")
      for start in (b"\x80", b"(dp", b"(lp", b"(ip", b"ccopy_reg\n", b"cnumpy")),  # the latter are protocol 0
)
_READABLE = "Keras .h5 and .keras, PyTorch .pth, .safetensors, .npz and vgg16.npy are read"


def recognize(path, head):
    """The format of the file at ``path`` that begins with the bytes ``head``; RefusalError if it is not supported.

    Returns "keras-h5", "torch-legacy", "torch-zip", "safetensors", "npz", "npy-pickle",
    "keras-zip" or "index" (of several files).
    """
    if not head:
        raise RefusalError("is empty: the download or copy failed, so repeat it")
    if head.startswith(HDF5_SIGNATURE):
        return "keras-h5"
    if head.startswith(ZIP_SIGNATURES):
        return _recognize_zip(path)
    if head[:1] == b"\x80" and TORCH_LEGACY_MARK in head[:32]:
        return "torch-legacy"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= SAFETENSORS_HEADER_LIMIT:
        return "safetensors"  # before the others: it begins with the length of its header, which may be any bytes
    if head.startswith(b"\x93NUMPY") and re.search(rb"'descr': '\|O'", head[:256]):
        return "npy-pickle"
    for offset, magic, reason in _NOT_WEIGHTS:
        if head[offset:].startswith(magic):
            raise RefusalError(reason)
    if is_index(path, head):
        return "index"
    if reason := _describe_text(head):
        raise RefusalError(reason)
    with open(path, "rb") as file:
        file.seek(-min(8, len(head)), os.SEEK_END)
        owner = other_framework(path.name, head, file.read())
    if owner is not None:
        raise RefusalError(f"is {owner}, {CURE}")
    raise RefusalError(f"is not a weights file of a known kind ({_READABLE}): check that it is the right file, and if "
                       "so, download or copy it again, for it is damaged")


def _recognize_zip(path):
    with library_reads("a zip archive"), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        return "torch-zip"
    if any(name.endswith(".npy") for name in names):
        return "npz"
    if "model.weights.h5" in names:
        return "keras-zip"
    if any(re.search(r"(^|/)(archive_format|serialized_exported_program\.json)$", name) for name in names):
        raise RefusalError("is a program of torch.export: load it in PyTorch and save its state_dict")
    inside = ", ".join(shown(name) for name in names[:3]) or "nothing"
    raise RefusalError(f"is a zip archive without weights (it holds {inside}): unpack it and name the file inside")


def _describe_text(head):
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    xml = start.startswith(b"<?xml") and re.search(rb"<(html|error|!doctype html)", start)
    if xml or start.startswith((b"<!doctype", b"<html", b"<head", b"<error")):
        return "is a web page, not weights: the download returned an error or a login page, so repeat it"
    try:
        text = head[:256].decode("utf-8")
    except UnicodeDecodeError:
        return None
    if all(c.isprintable() or c.isspace() for c in text):
        return f"is a text file, not weights (it begins with {text[:40]!a}): name the weights, or download them again"
    return None
