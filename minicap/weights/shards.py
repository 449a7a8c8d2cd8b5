"""Weights that lie in several files, with an index that says which array is where, as Hugging Face saves large ones.

    model.safetensors.index.json          {"metadata": {...}, "weight_map": {"features.0.weight": FILE, ...}}
    model-00001-of-00002.safetensors
"""

import json
import re

from .refusal import RefusalError, library_reads, shown


def is_index(path, head):
    """Whether the file at ``path``, which begins with the bytes ``head``, is such an index."""
    return head.lstrip()[:1] == b"{" and (b'"weight_map"' in head or path.name.endswith(".index.json"))


def read_index(buffer):
    """{name of an array: name of a file in the same folder} of an index mapped as ``buffer``."""
    with library_reads("JSON"):
        found = json.loads(bytes(buffer))["weight_map"].items()
    for name, file in found:
        if type(file) is not str or not re.fullmatch(r"\w[\w.-]*", file):
            raise RefusalError(f"says that {shown(name)} is in {shown(file)}, which is no name of a file beside it")
    return dict(found)


def index_beside(path):
    """The index that belongs to a file called model-00001-of-00002.safetensors, if there is one."""
    match = re.fullmatch(r"(.+)-\d+-of-\d+(\.\w+)", path.name)
    index = path.with_name(f"{match[1]}{match[2]}.index.json") if match else None
    return index if index is not None and index.is_file() else None
