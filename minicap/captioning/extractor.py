"""From pictures to features: a frozen VGG run over a whole data set once, or over one photograph."""

import dataclasses
import sys
from pathlib import Path

import numpy as np

from ..backend import to_numpy
from ..cpu.inference import InferencePlan
from ..errors import UserError
from ..files import existing_file, sha256
from ..images import resize
from ..pooling import MaxPool2d
from ..vgg import vgg
from .caption_dataset import warn
from .features import FeatureSource, FeatureWriter, finished_changes, open_features, read_ahead

# What the papers call a layer's features are its outputs after the ReLU.
LAYERS = {"fc7": "relu7", "conv5_4": "relu5_4", "pool5": "pool5", "pool4": "pool4"}


class Extractor:
    """Pictures to features: a VGG up to one layer, and how pictures are made ready for it.

    With ``mirror`` it sees them as in a mirror: other features of the same things, from which a captioner learns too.
    """

    def __init__(self, weights, layer, device, mirror=False):
        weights = existing_file(weights, "weights file")
        self.model = vgg(weights=weights)
        if layer == "fc7" and not self.model.top:
            raise UserError(f"{weights} has no dense layers, so there is no fc7; use the full file or --layer pool5")
        if layer == "conv5_4" and self.model.depth != 19:
            raise UserError(f"{weights} is {self.model!r}, only VGG-19 has a conv5_4; use --layer pool5")
        self.device, self.mirror = device, mirror
        network = self.model.up_to(LAYERS[layer])
        self.run = InferencePlan(network) if device.name == "cpu" else network.to(device)
        size = self.model.preprocessing.size
        pixels = {"fc7": (), "pool5": (size // 32,) * 2}.get(layer, (size // 16,) * 2)
        shape = (*pixels, *self.model[{"fc7": "fc7", "pool4": "conv4_1"}.get(layer, "conv5_1")].b.shape)
        self.source = FeatureSource(layer, repr(self.model), sha256(weights), self.model.preprocessing.to_json(),
                                    f"whole image squashed to {size}x{size}, bilinear" + ", mirrored" * mirror, shape)

    def prepare(self, image):
        """(H, W, 3) uint8 of any size -> (224, 224, 3) uint8."""
        size = self.model.preprocessing.size
        image = resize(image, (size, size))
        return image[:, ::-1] if self.mirror else image

    def __call__(self, images):
        """(N, 224, 224, 3) uint8 -> features (N, ...) float32, a NumPy array."""
        x = self.device.asarray(self.model.preprocessing(images))
        return to_numpy(self.run(x))


def extract(dataset, extractor, out, batch_size=32, save_every=16, split=None):
    """Write the features of ``dataset``'s images to ``out``; goes on where an earlier run was cut off.

    All images, or those of one ``split``.
    """
    from tqdm import tqdm

    names = tuple(dataset.all_images if split is None else dataset.splits[split])
    changed = finished_changes(out, extractor.source, names)
    if changed == []:
        print(f"{out} is already there and up to date", file=sys.stderr)
        return
    writer = FeatureWriter(out, extractor.source, names)
    if changed:
        warn(f"{writer.path} has other features ({', '.join(changed)}); it is replaced when the new ones are complete")
    if writer.discarded:
        warn(f"{writer.partial}, unfinished, has other features ({', '.join(writer.discarded)}); it is begun anew")
    size = extractor.model.preprocessing.size

    def read(name):
        try:
            return extractor.prepare(dataset.image(name, at_least=size))
        except UserError as error:
            return error

    with tqdm(total=len(names), initial=writer.done, unit="image", desc=extractor.source.layer) as bar:
        for number, batch in enumerate(read_ahead(read, names[writer.done:], batch_size), start=1):
            values = [None] * len(batch)
            good = [i for i, image in enumerate(batch) if not isinstance(image, UserError)]
            if good:
                for i, value in zip(good, extractor(np.stack([batch[i] for i in good])), strict=True):
                    values[i] = value
            for problem in batch:
                if isinstance(problem, UserError):
                    tqdm.write(f"warning: left out: {problem}", file=sys.stderr)
            writer.write(values)
            bar.update(len(batch))
            if number % save_every == 0:
                writer.save_progress()
    finish(writer)


def pool(conv5_4, out, batch_size=32):
    """Write the pool5 features ``out`` from the conv5_4 features of the same images: pool5 is their 2 x 2 maximum.

    The same numbers as from the pictures, in seconds: a maximum does not mind having been rounded to float16 before.
    """
    features = open_features(conv5_4)
    source = FeatureSource(**features.info["source"])
    if source.layer != "conv5_4":
        raise UserError(f"{features.path} holds {source.layer} features; pool5 is made from conv5_4")
    if Path(out).expanduser().with_suffix(".npy").resolve() == features.path.resolve():
        raise UserError(f"--out {out} would replace the conv5_4 features it is made from; name another file")
    H, W, C = source.shape
    source = dataclasses.replace(source, layer="pool5", shape=(H // 2, W // 2, C))
    names = features.info["images"]
    if finished_changes(out, source, names) == []:
        print(f"{out} is already there and up to date", file=sys.stderr)
        return
    writer, max_pool = FeatureWriter(out, source, names), MaxPool2d(2)
    for begin in range(writer.done, len(names), batch_size):
        values = max_pool(features.array[begin:begin + batch_size].astype(np.float32))
        writer.write([value if name in features.row else None
                      for name, value in zip(names[begin:begin + batch_size], values, strict=True)])
    finish(writer)


def finish(writer):
    """Put the file in place and say so."""
    writer.finish()
    left_out = f", {len(writer.unreadable)} unreadable images left out" if writer.unreadable else ""
    megabytes = writer.path.stat().st_size / 1e6
    print(f"{writer.path}: {len(writer.images)} images, {megabytes:.0f} MB{left_out}", file=sys.stderr)
