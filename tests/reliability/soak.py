"""A hundred thousand pictures in one process: memory, open files and threads have to stay as they are.

    python tests/reliability/soak.py [--images 100000]

The pictures are 200 small JPEGs, each under many names; the networks are tiny. They go through extract and caption, as
in a real run. The figures are read every second or so on the way.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = map(str, (Path(__file__).parent, Path(__file__).parents[1], Path(__file__).parents[2]))

import numpy as np
import programs
from PIL import Image

from minicap.captioning.captioner import Captioner
from minicap.images import read_image

DIFFERENT = 200
FLAT = 1.05  # times the memory at a fifth of the way; the rest of a run may not take more than this


def write_pictures(folder, count):
    """``count`` names of DIFFERENT pictures, with captions, in folders of a thousand."""
    rng, originals = np.random.default_rng(0), []
    for i in range(DIFFERENT):
        originals.append(folder / f"original-{i}.jpg")
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(originals[-1])
    data, names = folder / "many", []
    for i in range(count):
        names.append(f"{i // 1000:03}/{i:06}.jpg")
        (data / names[-1]).parent.mkdir(parents=True, exist_ok=True)
        os.link(originals[i % DIFFERENT], data / names[-1])
    (data / "captions.csv").write_text("image,caption\n" + "".join(f"{name},a picture\n" for name in names))
    return [data / name for name in names]


def figures():
    """Memory in MB that is in use (without pages of files), open files, threads."""
    with open("/proc/self/status") as status:
        memory = next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1024
    return memory, len(os.listdir("/proc/self/fd")), threading.active_count()


class Watch:
    """Reads the figures every now and then, in a thread, until the block ends."""

    def __init__(self, seconds):
        self.seconds, self.read, self.over = seconds, [], threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while not self.over.wait(self.seconds):
            self.read.append(figures())

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def report(what, read, seconds, count):
    """Print the course of the figures; whether they stayed as they were after a fifth of the time."""
    memory, files, threads = (np.array(column) for column in zip(*read, strict=True))
    settled = len(read) // 5
    flat = memory[settled:].max() <= FLAT * memory[settled] and len(set(threads[settled:])) <= 2 \
        and files[settled:].max() <= files[settled] + 4  # pictures that are being read
    course = " ".join(f"{m:.0f}" for m in memory[::max(1, len(memory) // 10)])
    print(f"{what}: {count:,} images, {seconds:.0f} s; MB {course}; open files {files.min()} to {files.max()}; "
          f"threads {threads.min()} to {threads.max()}: {'flat' if flat else 'NOT FLAT'}", flush=True)
    return flat


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=100_000)
    count = parser.parse_args().images
    with tempfile.TemporaryDirectory(prefix="soak.") as folder, programs.world(Path(folder)):
        paths = write_pictures(Path(folder), count)
        every, flat = max(0.2, count / 50_000), []
        with open(os.devnull, "w") as nowhere, Watch(every) as watch, contextlib.redirect_stderr(nowhere):
            begin = time.monotonic()
            programs.start("extract", ["--data", "folder", "--data-dir", "many", "--split-seed", "0", "--weights",
                                       "vgg.h5", "--out", "many.npy"])
        flat.append(report("extract", watch.read, time.monotonic() - begin, count))
        captioner = Captioner.load("attend", weights="vgg.h5", device="cpu")
        with Watch(every) as watch:
            begin = time.monotonic()
            for i in range(0, count, 20):
                captioner.captions([read_image(path) for path in paths[i:i + 20]])
        flat.append(report("caption", watch.read, time.monotonic() - begin, count))
    return 0 if all(flat) else 1


if __name__ == "__main__":
    sys.exit(main())
