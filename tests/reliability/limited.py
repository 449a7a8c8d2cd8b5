"""Readers at work in a child, whose memory is measured."""

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass

READERS = {
    "weights": "from minicap.weights import read_weights as read",
    "arrays": """
from minicap.captioning.features.own_arrays import open_arrays
def read(path):
    with open_arrays(path) as entries:
        for entry in entries.values():
            entry.take and entry.take(0, 0, entry.shape[0] if entry.shape else 1)""",
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
import json, re, resource, sys
from minicap.errors import UserError
{reader}
def computed():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

for path in sys.argv[1:]:
    begin = computed()
    try:
        read(path)
        said = "read"
    except UserError as error:
        said = str(error)
    if child := sys.modules.get("minicap.weights.child"):
        child._end_all()  # so that its memory is known
    own = int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])  # ru_maxrss includes our parent's
    peak = max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    print(json.dumps([said, peak << 10, computed() - begin]), flush=True)
"""


@dataclass(frozen=True)
class Reading:
    """``said`` is "read" or the message of the UserError, or what the child printed when it ended in another way.

    ``peak`` in bytes is that of the child or of one of its own, also of the files before; ``seconds`` are of computing.
    """

    said: str
    peak: int
    seconds: float

    @property
    def is_sentence(self):
        return "\n" not in self.said and not math.isinf(self.seconds)


def read_in_child(kind, paths, timeout=600):
    """A :class:`Reading` for each of ``paths``, read by one of READERS in a child."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MINICAP_NUMBA": "0"}
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(reader=READERS[kind]), *map(str, paths)],
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
    readings = [Reading(*json.loads(line)) for line in done.stdout.splitlines() if line.startswith("[")]
    if len(readings) < len(paths):
        readings.append(Reading(f"exit code {done.returncode}\n{done.stdout[-1000:]}", 0, math.inf))
    return readings
