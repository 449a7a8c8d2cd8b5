"""A reader at work in a child, whose memory is measured."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass

READERS = {
    "weights": "from minicap.weights import read_weights as read",
    "arrays": """
from minicap.captioning.features.own_arrays import open_arrays
def read(path):
    with open_arrays(path) as entries:
        for entry in entries.values():
            entry.kind and entry.take(0, 0, entry.shape[0] if entry.shape else 1)""",
    "feature_files": "from minicap.captioning.features.feature_file import open_features as read",
    "word_vectors": """
from minicap.captioning.text.word_vectors import WordVectors
def read(path):
    WordVectors(path).of(["the"])""",
    "captions": "from minicap.captioning.data.caption_files import read_captions as read",
    "checkpoints": """
from minicap.captioning.captioner import Captioner
def read(path):
    Captioner.load(path, device="cpu")""",
    "pictures": """
from minicap.images import read_image
def read(path):
    read_image(path, at_least=224)""",
    "whole_pictures": "from minicap.images import read_image as read",
}
PROGRAM = """
import sys
from minicap.errors import UserError
{reader}
try:
    read(sys.argv[1])
    print("read")
except UserError as error:
    print(error)
"""


@dataclass(frozen=True)
class Reading:
    """``said`` is "read" or the message of the UserError; ``peak`` in bytes is that of the child or one of its own."""

    said: str
    code: int
    peak: int
    seconds: float


def read_in_child(kind, path):
    """The :class:`Reading` of ``path`` by one of READERS."""
    begin = time.monotonic()
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MINICAP_NUMBA": "0"}
    with subprocess.Popen([sys.executable, "-c", PROGRAM.format(reader=READERS[kind]), str(path)], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Reading(said.strip(), process.returncode, used.ru_maxrss << 10, time.monotonic() - begin)
