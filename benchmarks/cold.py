"""``--cold``: whole programs for one photograph, each run in a process of its own, from its start to its end.

What counts here is what a program does before and beside the mathematics: it loads Python and libraries, reads weights,
and prepares them. The files are in the system's cache, as a first run, which does not count, has read them; it also
leaves Python's bytecode on the disk. Peak memory is that of getrusage, in which the pages of a file count that are
mapped into the process, and that of the largest of a program's processes.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from minicap.backend import CPU
from minicap.captioning.captioner import Captioner
from minicap.captioning.checkpoint import checkpoint_folder, read_description, save_tensors, write_description
from minicap.captioning.features.extractor import NetworkExtractor
from minicap.captioning.models.build import build_model
from minicap.captioning.models.settings import ShowAttendTellSettings
from minicap.errors import UserError
from minicap.pretrained_networks import find_weights

CLOCK = Path(__file__).with_name("clock.py")
PHOTO = Path(__file__).parents[1] / "docs/pictures/dog.jpg"
WORDS = "11"  # in a caption of the record, as many as one of people; random weights would never end one


@dataclass(frozen=True)
class Start:
    """One line of the table: Python with ``arguments``, {photo} and the like in them.

    network              whose weights are {weights}; the line is skipped where there are none
    seconds, megabytes   at most; None for no target
    """

    name: str
    arguments: tuple
    network: str | None = None
    seconds: float | None = None
    megabytes: float | None = None

    def reduced(self):
        return replace(self, seconds=None, megabytes=None)

    def prepare(self, folder):
        """The command, or None where its weights are not here; what it needs is written into ``folder``."""
        weights = None if self.network is None else find_weights(self.network)
        if self.network is not None and weights is None:
            return None
        if "{captioner}" in self.arguments:
            save_captioner(folder, weights)
        return [sys.executable, *(part.format(photo=PHOTO, weights=weights, captioner=folder)
                                  for part in self.arguments)]


def save_captioner(folder, weights):
    """A checkpoint as large as those of VGG-19 in results/flickr8k/attend, with random weights."""
    vocabulary = read_description(checkpoint_folder("flickr8k")).vocabulary
    settings = ShowAttendTellSettings(vocabulary=len(vocabulary), feature_size=512, global_size=4096, attention=256,
                                      embedding=512, hidden=512)
    captioner = Captioner(build_model(settings, rng=np.random.default_rng(0)), vocabulary, settings, CPU,
                          source=NetworkExtractor(weights, "conv5_4+fc7", CPU).source)
    write_description(folder, captioner)
    save_tensors(folder / "best.safetensors", captioner.model.state(), {"vocabulary": vocabulary.digest})


def program(name, *arguments):
    return "-m", f"minicap.{name}", "{photo}", *arguments


STARTS = (
    Start("import_minicap", ("-c", "import minicap"), seconds=0.05),
    Start("import_numpy", ("-c", "import numpy")),
    Start("caption_shapes", program("caption", "--checkpoint", "shapes")),
    Start("caption_lite2", program("caption", "--weights", "{weights}"), "efficientnet-lite2", 1.0),
    Start("caption_vgg19", program("caption", "--weights", "{weights}", "--checkpoint", "{captioner}", "--max-length",
                                   WORDS), "vgg19", 1.2, 600),
    Start("classify_lite2", program("classify", "--weights", "{weights}"), "efficientnet-lite2"),
    Start("classify_vgg19", program("classify", "--weights", "{weights}"), "vgg19", 1.2, 600),
)
NOTE = "one process for one photograph, its files in the system's cache"
COLUMNS = ("wall s", "at most", "CPU s", "peak MB", "at most")


def measure(start, repeat, threads):
    """{"wall_s", "cpu_s", "peak_mb"}: medians of ``repeat`` processes; None where its weights are not here."""
    with tempfile.TemporaryDirectory(prefix="minicap-cold-") as folder:
        command = start.prepare(Path(folder))
        if command is None:
            return None
        environment = os.environ | {"OPENBLAS_NUM_THREADS": str(threads), "PYTHONPYCACHEPREFIX": f"{folder}/bytecode",
                                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        _, *found = [_run(start, command, environment) for _ in range(1 + repeat)]
    return {name: round(float(np.median([one[name] for one in found])), 4) for name in ("wall_s", "cpu_s", "peak_mb")}


def _run(start, command, environment):
    """What clock.py has found of one process."""
    if not hasattr(os, "wait4"):
        raise UserError("--cold asks the system what a process has taken, which Windows does not tell; run it on Linux "
                        "or macOS")
    found = json.loads(subprocess.run([sys.executable, CLOCK, *command], env=environment, check=True,
                                      capture_output=True).stdout)
    if found["code"]:
        raise UserError(f"{start.name}: the program ended with code {found['code']}: {found['said'].strip()[-500:]}")
    return found


def lines(starts, repeat, threads):
    """{"name", "wall_s", "cpu_s", "peak_mb", ...} of each start, measured, or {"name", "skipped"}."""
    for start in starts:
        found = measure(start, repeat, threads)
        if found is None:
            yield {"name": start.name, "skipped": f"there are no weights of {start.network} here"}
        else:
            yield {"name": start.name, **found, "target_s": start.seconds, "target_mb": start.megabytes,
                   "threads": threads, "repeat": repeat}


def cells(found):
    """The strings of one line of the table."""
    most = ("" if target is None else f"{target:g}" for target in (found["target_s"], found["target_mb"]))
    return f"{found['wall_s']:.3f}", next(most), f"{found['cpu_s']:.3f}", f"{found['peak_mb']:.0f}", next(most)
