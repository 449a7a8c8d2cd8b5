"""From pictures to features: a frozen VGG run over a whole data set once, or over one photograph."""

import dataclasses
import math
import sys
from pathlib import Path

import numpy as np

from ...backend import to_numpy
from ...cpu.inference import InferencePlan
from ...errors import UserError, warn
from ...files import existing_file, sha256
from ...images import read_ahead, resize
from ...layer import Sequential
from ...vgg import vgg
from .feature_file import FeatureSource, FeatureWriter, finished_changes, open_features

# What the papers call a layer's features are its outputs after the ReLU.
LAYERS = {"fc7": "relu7", "conv5_4": "relu5_4", "pool5": "pool5", "pool4": "pool4"}
PAIRS = tuple(f"{regions}+fc7" for regions in ("conv5_4", "pool5", "pool4"))  # one row holds both


class Extractor:
    """Pictures to features: a VGG up to one layer, and how pictures are made ready for it.

    ``layer``: one of LAYERS or PAIRS. With ``mirror`` it sees pictures as in a mirror: other features of the same
    things, from which a captioner learns too. ``after``: it goes on from the features of that layer instead.
    """

    def __init__(self, weights, layer, device, mirror=False, after=None):
        weights = existing_file(weights, "weights file")
        self.model = vgg(weights=weights)
        if "fc7" in layer and not self.model.top:
            raise UserError(f"{weights} has no dense layers, so there is no fc7; use the full file or --layer pool5")
        if "conv5_4" in layer and self.model.depth != 19:
            raise UserError(f"{weights} is {self.model!r}, only VGG-19 has a conv5_4; use --layer pool5")
        self.device, self.mirror = device, mirror
        self.stages = [InferencePlan(stage) if device.name == "cpu" else stage.to(device)
                       for stage in stages(self.model, layer, after)]
        preprocessing = self.model.preprocessing
        size, shapes = preprocessing.size, tuple(shape_of(self.model, part) for part in layer.split("+"))
        self.source = FeatureSource(layer, repr(self.model), sha256(weights), preprocessing.to_json(),
                                    f"whole image squashed to {size}x{size}, bilinear" + ", mirrored" * mirror,
                                    shapes[0] if len(shapes) == 1 else (sum(map(math.prod, shapes)),),
                                    shapes if len(shapes) > 1 else ())

    def prepare(self, image):
        """(H, W, 3) uint8 of any size -> (224, 224, 3) uint8."""
        size = self.model.preprocessing.size
        image = resize(image, (size, size))
        return image[:, ::-1] if self.mirror else image

    def __call__(self, images):
        """(N, 224, 224, 3) uint8 -> features (N, ...) float32, a NumPy array."""
        return self.go_on(self.model.preprocessing(images))

    def go_on(self, x):
        """What the first stage reads, (N, ...) float32 -> features (N, ...) float32, a NumPy array."""
        x, features = self.device.asarray(x), []
        for stage in self.stages:
            x = stage(x)
            features.append(to_numpy(x))
        return features[0] if len(features) == 1 else np.concatenate([f.reshape(len(f), -1) for f in features], axis=1)


def stages(model, layer, after=None):
    """The parts of a VGG that lead from the pictures, or from what ``after`` makes, to each part of ``layer``."""
    names = list(model.layers)
    begin = 0 if after is None else names.index(LAYERS[after]) + 1
    for part in layer.split("+"):
        end = names.index(LAYERS[part]) + 1
        if end < begin:
            raise UserError(f"{part} comes before {after} in the network and cannot be made from it")
        yield Sequential(**{name: model.layers[name] for name in names[begin:end]})
        begin = end


def shape_of(model, layer):
    """The shape of what ``layer`` makes of one picture."""
    size = model.preprocessing.size
    pixels = {"fc7": (), "pool5": (size // 32,) * 2}.get(layer, (size // 16,) * 2)
    return *pixels, *model[{"fc7": "fc7", "pool4": "conv4_1"}.get(layer, "conv5_1")].b.shape


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


def extract_from(features, weights, layer, out, device, batch_size=32):
    """Write features of ``layer`` that are made from those of an earlier one: a fraction of the work.

    ``features``: a file of pool4, conv5_4 or pool5. What is made of them differs from what is made of the pictures by
    their rounding to float16, 0.05 %, and is marked as the same.
    """
    from tqdm import tqdm

    features = open_features(features)
    earlier = FeatureSource(**features.info["source"])
    if earlier.layer not in LAYERS:
        raise UserError(f"{features.path} holds {earlier.layer} features; go on from those of one layer")
    if Path(out).expanduser().with_suffix(".npy").resolve() == features.path.resolve():
        raise UserError(f"--out {out} would replace the features it is made from; name another file")
    extractor = Extractor(weights, layer, device, earlier.resize.endswith("mirrored"), after=earlier.layer)
    made_by = dataclasses.replace(extractor.source, layer=earlier.layer, shape=earlier.shape, parts=())
    if made_by != earlier:
        raise UserError(f"{features.path} is not by the network in {weights}, but by that of the weights with SHA-256 "
                        f"{earlier.weights_sha256[:8]}...; name these with --weights")
    names = features.info["images"]
    if finished_changes(out, extractor.source, names) == []:
        print(f"{out} is already there and up to date", file=sys.stderr)
        return
    writer = FeatureWriter(out, extractor.source, names)
    with tqdm(total=len(names), initial=writer.done, unit="image", desc=layer) as bar:
        for begin in range(writer.done, len(names), batch_size):
            batch = names[begin:begin + batch_size]
            values = extractor.go_on(features.array[begin:begin + batch_size].astype(np.float32))
            writer.write([value if name in features.row else None for name, value in zip(batch, values, strict=True)])
            bar.update(len(batch))
    finish(writer)


def finish(writer):
    """Put the file in place and say so."""
    writer.finish()
    left_out = f", {len(writer.unreadable)} unreadable images left out" if writer.unreadable else ""
    megabytes = writer.path.stat().st_size / 1e6
    print(f"{writer.path}: {len(writer.images)} images, {megabytes:.0f} MB{left_out}", file=sys.stderr)
