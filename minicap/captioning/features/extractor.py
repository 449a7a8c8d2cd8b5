"""From pictures to features: frozen networks run over a whole data set once, or over one photograph."""

import sys

import numpy as np

from ...backend import to_numpy
from ...errors import UserError, warn, warning
from ...images import read_ahead, read_image, resize
from ...inference import inference
from ...locks import locked
from ...networks import feature_shapes, feature_stages
from ...paths import same_path
from ...pretrained_networks import by_network, load_network, network_of, tell_assumptions, weights_for
from ...terminal import print_above, progress_bar
from ...weights import existing_weights
from ...weights.preprocessing import Preprocessing, convention_name
from .feature_file import FeatureWriter, array_path, is_up_to_date, open_features
from .feature_source import FeatureSource

SAVE_EVERY = 16  # batches


class NetworkExtractor:
    """Pictures to the features of one network: it runs up to some layer.

    layer    a name of :data:`.pretrained_networks.FEATURES` or several joined by +: "fc7", "conv5_4+fc7", ...
    mirror   flip every picture horizontally, for data augmentation
    crop     a :class:`.RandomCrop` that the pictures have gone through, or None
    after    start from the features of this layer ("pool4"), not from the picture
    preprocessing   what the weights expect of pictures, as in :func:`.vgg`
    source   the FeatureSource of what it computes

    Raises UserError when the weights cannot be read, or their network has no such layer.
    """

    def __init__(self, weights, layer, device, mirror=False, after=None, *, preprocessing=None, crop=None):
        self.weights = existing_weights(weights)
        self.model = load_network(self.weights, features=layer, preprocessing=preprocessing)
        self.device, self.mirror, self.size = device, mirror, self.model.preprocessing.size
        try:
            self.stages = [inference(stage, device) for stage in feature_stages(self.model, layer, after)]
        except UserError as error:
            raise UserError(f"{weights}: {error}") from None
        shape, parts = feature_shapes(self.model, layer)
        used = self.model.preprocessing
        source = FeatureSource(layer, self.model.facts, self.model.digest(), used.to_json(),
                               f"whole image squashed to {self.size}x{self.size}, {used.interpolation}", shape,
                               parts if len(parts) > 1 else ())
        self.source = (source.as_mirrored() if mirror else source).as_cropped(crop)

    def resize(self, picture):
        """A picture (H, W, 3) uint8 squashed to the size of the network's input, (size, size, 3) uint8."""
        picture = resize(picture, self.size, self.model.preprocessing.interpolation)
        return picture[:, ::-1] if self.mirror else picture

    def prepare(self, picture):
        """A picture (H, W, 3) uint8 -> the network's input, (size, size, 3) float32."""
        return self.model.preprocessing(self.resize(picture)[None])[0]

    def __call__(self, x):
        """The input of the first stage, (N, ...) float32 -> features (N, ...) float32, a NumPy array."""
        x, features = self.device.asarray(x), []
        for stage in self.stages:
            x = stage(x)
            features.append(to_numpy(x))
        return side_by_side(features)


class Extractor:
    """Pictures to features, of one network or of several side by side: "lite2-regions+lite2-head+fc7".

    weights, layer, device, mirror, after, crop   as for :class:`NetworkExtractor`; without weights, those on this
                                                  machine are found; "FILE,FILE" or a list names those of two networks
    preprocessing   for each network, or None: a name is for one network alone
    source          the FeatureSource of what it computes
    size            the largest input of a network, in pixels

    Raises UserError when there are no weights, they cannot be read, or their network has no such layer.
    """

    def __init__(self, weights, layer, device, mirror=False, after=None, *, preprocessing=None, crop=None):
        layers = by_network(layer)
        if isinstance(preprocessing, str) and len(layers) > 1:
            raise UserError(f"preprocessing= is for one network, and layer={layer!r} needs {len(layers)}; leave it out")
        if after is not None and len(layers) > 1:
            raise UserError(f"layer={layer!r} needs {len(layers)} networks, which begin with the pictures; leave out "
                            "from_features=")
        networks = [network_of(of_network) for of_network in layers]
        paths = weights if isinstance(weights, list) else weights_for(weights, networks)
        wanted = preprocessing if isinstance(preprocessing, (list, tuple)) else [preprocessing] * len(layers)
        self.networks = [NetworkExtractor(path, of_network, device, mirror, after, preprocessing=of_pictures, crop=crop)
                         for path, of_network, of_pictures in zip(paths, layers, wanted, strict=True)]
        self.source = FeatureSource.joined([network.source for network in self.networks])
        self.size = max(network.size for network in self.networks)
        self.crop = crop

    def prepare(self, picture):
        """A path, bytes, a file object or a uint8 array (H, W, 3) -> the input of each network, a tuple."""
        if not isinstance(picture, np.ndarray):
            picture = read_image(picture, at_least=self.size)
        return tuple(network.prepare(picture) for network in self.networks)

    def __call__(self, inputs):
        """A list with what :meth:`prepare` returns for N pictures -> features (N, ...) float32, a NumPy array."""
        return side_by_side([network(np.stack(x)) for network, x in
                             zip(self.networks, zip(*inputs, strict=True), strict=True)])

    def tell_assumptions(self):
        for network in self.networks:
            tell_assumptions(network.model, network.weights)


def side_by_side(features):
    """A list of (N, ...) -> (N, ...) if it is one, else (N, D): flattened and behind each other."""
    return features[0] if len(features) == 1 else np.concatenate([f.reshape(len(f), -1) for f in features], axis=1)


class Pictures:
    """The pictures of a data set as batches for an extractor: all of them, or those of one ``split``."""

    def __init__(self, dataset, extractor, split=None):
        self.dataset, self.extractor = dataset, extractor
        self.names = tuple(dataset.all_images if split is None else dataset.splits[split])

    def batches(self, begin, size):
        """From row ``begin`` on: lists with the network's input for each picture, or the UserError that prevents it."""
        return read_ahead(self._read, self.names[begin:], size)

    def _read(self, name):
        try:
            size, crop = self.extractor.size, self.extractor.crop
            if crop is None:
                return self.extractor.prepare(self.dataset.image(name, at_least=size))
            return self.extractor.prepare(crop(self.dataset.image(name, at_least=round(size / crop.area)), name))
        except UserError as error:
            return error


class EarlierFeatures:
    """The features of an earlier layer, from a FeatureFile, as batches for an extractor: a fraction of the work.

    The results differ from those computed from the pictures by the rounding to float16, 0.05 %, and have the same
    source.
    """

    def __init__(self, file):
        self.file, self.names = file, file.images

    def batches(self, begin, size):
        for rows in range(begin, len(self.names), size):
            x = self.file.read(slice(rows, rows + size))
            yield [(x[i],) if name in self.file.row else UserError(f"{name}, which {self.file.path} does not hold")
                   for i, name in enumerate(self.names[rows:rows + size])]


def extract(inputs, extractor, out, batch_size=32):
    """Write the features of ``inputs`` (Pictures or EarlierFeatures) to ``out``; continues an interrupted run.

    A picture that cannot be read is left out, with a warning.
    """
    with locked(array_path(out)):
        _extract(inputs, extractor, out, batch_size)


def _extract(inputs, extractor, out, batch_size):
    if is_up_to_date(out, extractor.source, inputs.names):
        return
    writer = FeatureWriter(out, extractor.source, inputs.names)
    if writer.discarded:
        warn(f"{writer.partial}, unfinished, has other features ({', '.join(writer.discarded)}); starting anew")
    with progress_bar(total=len(inputs.names), initial=writer.done, unit="image", desc=extractor.source.layer) as bar:
        for number, batch in enumerate(inputs.batches(writer.done, batch_size), start=1):
            readable = [x for x in batch if not isinstance(x, UserError)]
            features = iter(extractor(readable) if readable else ())
            for x in batch:
                if isinstance(x, UserError):
                    print_above(bar, warning(f"left out: {x}"))
            writer.write([None if isinstance(x, UserError) else next(features) for x in batch])
            bar.update(len(batch))
            if number % SAVE_EVERY == 0:
                writer.save_progress()
    writer.finish()
    left_out = f", {len(writer.unreadable)} unreadable images left out" if writer.unreadable else ""
    megabytes = writer.path.stat().st_size / 1e6
    print(f"{writer.path}: {len(writer.images)} images, {megabytes:.0f} MB{left_out}", file=sys.stderr)


def extract_from(path, weights, layer, out, device, batch_size=32, preprocessing=None):
    """:func:`extract` for features of ``layer`` that are computed from the file ``path`` of an earlier one.

    Raises UserError when that file holds several layers, is from another network, or is ``out`` itself.
    """
    file = open_features(path)
    if file.source.is_own:
        raise UserError(f"{file.path} was made from an array of your own, behind whose network nothing can go on")
    if file.source.parts:
        raise UserError(f"{file.path} holds {file.source.layer} features; start from those of one layer")
    if same_path(array_path(out), file.path):
        raise UserError(f"out= {out} would replace the features it is computed from; name another file")
    used = Preprocessing.from_json(file.source.preprocessing)
    if preprocessing not in (None, convention_name(used)):
        raise UserError(f"{file.path} was made with another preprocessing than preprocessing={preprocessing!r}; leave "
                        "it out, or begin with the pictures")
    extractor = Extractor(weights, layer, device, file.source.mirrored, after=file.source.layer, preprocessing=used,
                          crop=file.source.crop)
    if set(file.source.differences(extractor.source)) - {"layer", "shape", "parts"}:
        raise UserError(f"{file.path} is not from the network in {weights}, but from the weights with SHA-256 "
                        f"{file.source.weights_sha256[:8]}...; name those with weights=")
    extract(EarlierFeatures(file), extractor, out, batch_size)
