"""python -m benchmarks.bounds: what bounds the extraction of features, each of its parts measured by itself.

    decode         JPEG files to 224 x 224 bytes, on 1, 2 (as ``extract`` has it) and all cores
    preprocess     bytes to what the network was trained on, NumPy
    to the GPU     a batch of float32 pixels
    layers         the network, from an array that lies there to one that stays there
    back           a batch of features, and their rounding to float16

The slowest part that nothing hides is the bound: ``extract`` decodes a batch while the one before is computed, all else
is one after the other.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from minicap import extract as program
from minicap.backend import to_numpy
from minicap.cli import option, parse_settings, run_program
from minicap.errors import UserError

from .row import Place


@dataclass(frozen=True)
class BoundsSettings:
    weights: str = option("", "VGG-19 weights", metavar="FILE")
    data: str = option("flickr8k", "data set", choices=("flickr8k", "folder"))
    data_dir: str | None = option(None, "folder of the data set (or MINICAP_DATA)", metavar="DIR")
    layer: str = option("conv5_4+fc7", "layer whose outputs are computed")
    device: str = option("cuda", "where the layers compute")
    images: int = option(1024, "of the data set", metavar="N", least=1)
    batch_size: int = option(32, "images at a time", metavar="N", least=1)


def images_per_second(run, count, repeat=3):
    """``run()`` deals with ``count`` images: the fastest of some runs after a first."""
    run()
    seconds = []
    for _ in range(repeat):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return count / min(seconds)


def read(network, dataset, name):
    return network.resize(dataset.image(name, at_least=network.size))


def decoding(network, dataset, names, threads):
    """Images/s with so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        begin = time.perf_counter()
        for _ in pool.map(lambda name: read(network, dataset, name), names):
            pass
        return len(names) / (time.perf_counter() - begin)


def parts(network, pictures, device):
    """{part: images/s} of one batch of ``pictures`` (N, H, W, 3)."""
    N, pixels = len(pictures), network.model.preprocessing(pictures)
    there = device.asarray(pixels)

    def layers():
        x, outputs = there, []
        for stage in network.stages:
            x = stage(x)
            outputs.append(x)
        device.synchronize()
        return outputs

    def upload():
        device.asarray(pixels)
        device.synchronize()

    outputs = layers()
    found = {"preprocess": images_per_second(lambda: network.model.preprocessing(pictures), N)}
    if device.name != "cpu":
        found["to the GPU"] = images_per_second(upload, N)
    found["layers"] = images_per_second(layers, N)
    found["back"] = images_per_second(lambda: [to_numpy(x).astype(np.float16) for x in outputs], N)
    return found


def main(argv=None):
    settings = parse_settings(BoundsSettings, "benchmarks.bounds", "What bounds the extraction of features.", argv,
                              package="")
    device = Place(settings.device).minicap()
    dataset = program.load_dataset(settings.data, settings.data_dir)
    network, *others = program.Extractor(settings.weights, settings.layer, device).networks
    if others:
        raise UserError(f"layer={settings.layer!r} needs {1 + len(others)} networks; name a layer of one")
    names = dataset.all_images[:settings.images]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    decoding(network, dataset, names[:settings.batch_size], cores)  # the files are in memory now, or some of them
    for threads in sorted({1, 2, cores}):
        show(f"decode, {threads} thread(s)", decoding(network, dataset, names, threads))
    pictures = np.stack([read(network, dataset, name) for name in names[:settings.batch_size]])
    found = parts(network, pictures, device)
    for part, speed in found.items():
        show(f"{part}, batches of {len(pictures)}", speed)
    show("all but decoding, one after the other", 1 / sum(1 / speed for speed in found.values()))


def show(what, speed):
    print(f"{what:40} {speed:9,.0f} images/s {1e3 / speed:8.3f} ms an image", flush=True)


if __name__ == "__main__":
    run_program(main)
