"""Stages of a captioner whose cost grows with the data set: CPU seconds and peak memory, without a peer.

Each stage of each size runs in a process of its own. The data are made up: images of one pixel, and for each five
captions of 11 words, which are as unevenly frequent as those of a language.
"""

import json
import multiprocessing
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from minicap.errors import UserError

from .memory import ResidentMemory

PER_IMAGE = 5
FUNCTION_WORDS = 40    # "a", "of", ...: every other word of a caption, with a few of them very frequent
CONTENT_WORDS = 12_000
TOPIC = 15             # content words that the captions of an image choose from
PICTURE = bytes.fromhex("47494638396101000100800000ffffff00000021f90401000000002c000000000100010000020244"
                        "01003b")  # a GIF


def captions(images, seed=0):
    """(images, 5) captions as an array of texts."""
    rng = np.random.default_rng(seed)
    words = np.array([f"f{n}" for n in range(FUNCTION_WORDS)] + [f"word{n}" for n in range(CONTENT_WORDS)], object)
    topic = FUNCTION_WORDS + _zipf(rng, CONTENT_WORDS, (images, TOPIC))
    chosen = np.empty((images, PER_IMAGE, 11), int)
    chosen[..., ::2] = _zipf(rng, FUNCTION_WORDS, (images, PER_IMAGE, 6))
    chosen[..., 1::2] = topic[np.arange(images)[:, None, None], rng.integers(TOPIC, size=(images, PER_IMAGE, 5))]
    return [[" ".join(words[caption]) for caption in of_image] for of_image in chosen]


def _zipf(rng, size, shape):
    """Integers below ``size``, of which n has the probability ~ 1 / (n + 1)."""
    weights = np.cumsum(1 / np.arange(1, size + 1))
    return np.searchsorted(weights, rng.random(shape) * weights[-1])


@dataclass(frozen=True)
class Stage:
    """One line of the table. A subclass writes ``work``; ``name`` is set by what it is and how many images it has."""

    images: int

    @property
    def name(self):
        return f"{type(self).stage} images={self.images}"

    def reduced(self):
        return replace(self, images=self.images // 500)

    def prepare(self, folder):
        """Write the files that ``work`` reads into ``folder``, in another process than its own."""

    def work(self, folder):
        """A function that does the work; what is made before it is returned does not count as time."""
        raise TypeError(f"{type(self).__name__} does not define work")


class LoadDataset(Stage):
    stage = "load_dataset"

    def prepare(self, folder):
        images, held_out = [], self.images // 24
        for i, texts in enumerate(captions(self.images)):
            part = "val2014" if 3 * i < self.images else "train2014"
            split = "test" if i < held_out else "val" if i < 2 * held_out else "train"
            images.append({"filepath": part, "filename": f"COCO_{part}_{i:012}.gif", "imgid": i, "split": split,
                           "sentids": [PER_IMAGE * i + k for k in range(PER_IMAGE)], "cocoid": i, "sentences": [
                               {"tokens": text.split(), "raw": text, "imgid": i, "sentid": PER_IMAGE * i + k}
                               for k, text in enumerate(texts)]})
            (folder / part).mkdir(exist_ok=True)
            (folder / part / images[-1]["filename"]).write_bytes(PICTURE)
        (folder / "dataset_coco.json").write_text(json.dumps({"images": images, "dataset": "coco"}))

    def work(self, folder):
        from minicap.captioning.data import load_dataset

        return lambda: load_dataset("coco", folder)


class Score(Stage):
    stage = "score"

    def work(self, folder):
        from minicap.captioning.scoring.metrics import score_captions

        references = dict(enumerate(captions(self.images)))
        predictions = {image: texts[0] if image % 2 else references[image + 1][0]
                       for image, texts in references.items()}
        return lambda: score_captions(predictions, references)


class CiderReward(Stage):
    stage = "cider_reward"

    def work(self, folder):
        """What ``--objective cider`` prepares once, and a hundredth of an epoch of rewards, 5 for an image."""
        from minicap.captioning.scoring.cider import CiderD

        texts, images = captions(self.images), np.arange(0, self.images, 100).repeat(5)

        def run():
            score = CiderD([text.split() for text in of_image] for of_image in texts)
            for begin in range(0, len(images), 80):
                score.scores(rows := images[begin:begin + 80], [texts[row - 1][0].split() for row in rows])
        return run


class Neighbours(Stage):
    stage = "neighbours"

    def work(self, folder):
        """The words of all images by regression from 256 features, and the neighbours of 20 pictures."""
        from minicap.captioning.decoding.neighbours import Neighbours as Fitted
        from minicap.captioning.run_data import on_disk
        from minicap.captioning.scoring.cider import TfIdf

        rng, texts = np.random.default_rng(0), captions(self.images)
        sizes = np.diff(range(0, self.images + 1000, 1000)).clip(max=self.images)
        features = on_disk(rng.standard_normal((size, 256), np.float32) for size in sizes)[:self.images]

        def run():
            weigh = TfIdf([text.split() for text in of_image] for of_image in texts)
            Fitted(weigh.captions, weigh.first, features)(features[:20], 10)
        return run


STAGES = tuple(stage(images) for stage in (LoadDataset, Score, CiderReward, Neighbours)
               for images in (15_000, 30_000, 60_000, 120_000))
NOTE = ("CPU seconds and peak memory of one process; against linear: the time per image, divided by that of the first "
        "row of the stage")
COLUMNS = ("CPU s", "us per image", "against linear", "peak MB")


def measure(stage, repeat):
    """{"cpu_s", "peak_mb"}: the median of ``repeat`` processes."""
    with tempfile.TemporaryDirectory(prefix="minicap-stage-") as folder:
        stage.prepare(Path(folder))
        found = [_in_a_process(stage, Path(folder)) for _ in range(repeat)]
    cpu_s, peak_mb = np.median(found, axis=0).tolist()
    return {"cpu_s": cpu_s, "peak_mb": peak_mb}


def _in_a_process(stage, folder):
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, stage, folder), daemon=True)
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        raise UserError(f"{stage.name}: the process ended without a result") from None
    finally:
        process.join()


def _serve(connection, stage, folder):
    memory = ResidentMemory()
    run = stage.work(folder)
    memory.reset()
    begin = time.process_time()
    run()
    connection.send((time.process_time() - begin, memory.peak_mb()))


def lines(stages, repeat):
    """(stage, {"name", "images", "cpu_s", "us_per_image", "against_linear", "peak_mb"}) of each stage, measured."""
    first = {}
    for stage in stages:
        found = measure(stage, repeat)
        each = 1e6 * found["cpu_s"] / stage.images
        ratio = each / first.setdefault(stage.stage, each)
        yield {"name": stage.name, "images": stage.images, "cpu_s": round(found["cpu_s"], 6),
               "us_per_image": round(each, 1), "against_linear": round(ratio, 3),
               "peak_mb": round(found["peak_mb"], 1), "repeat": repeat}


def cells(found):
    """The strings of one line of the table."""
    return (f"{found['cpu_s']:.3g}", f"{found['us_per_image']:.1f}", f"{found['against_linear']:.2f}",
            f"{found['peak_mb']:.0f}")
