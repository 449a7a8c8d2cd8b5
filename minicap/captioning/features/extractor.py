"""From pictures to features: what a frozen network makes of photographs, up to one of its layers."""

import numpy as np

from ...backend import to_numpy
from ...errors import UserError
from ...images import read_image, resize
from ...inference import inference
from ...networks import feature_shapes, feature_stages, name_and_size
from ...pretrained_networks import by_network, load_network, network_of, tell_assumptions, weights_for
from ...weights import existing_weights
from .feature_source import FeatureSource


class NetworkExtractor:
    """Pictures to the features of one network: it runs up to some layer.

    layer    a name of :data:`.pretrained_networks.FEATURES` or several joined by +: "fc7", "conv5_4+fc7", ...; with @
             and a number behind each, the network reads pictures of so many pixels: "lite2-head@340"
    mirror   flip every picture horizontally, for data augmentation
    crop     a :class:`.RandomCrop` that the pictures have gone through, or None
    after    start from the features of this layer ("pool4"), not from the picture
    preprocessing   what the weights expect of pictures, as in :func:`.vgg`
    source   the FeatureSource of what it computes
    names    the layers as the network calls them, "lite2-head" also for larger pictures
    layers   the FeatureLayer of each

    Raises UserError when the weights cannot be read, or their network has no such layer.
    """

    def __init__(self, weights, layer, device, mirror=False, after=None, *, preprocessing=None, crop=None):
        self.weights = existing_weights(weights)
        parts, size = named(layer)
        self.names = "+".join(parts)
        self.model = load_network(self.weights, features=self.names, preprocessing=preprocessing, size=size)
        self.device, self.mirror, self.size = device, mirror, self.model.preprocessing.size
        try:
            stages = feature_stages(self.model, self.names, after and named(after)[0][0])
        except UserError as error:
            raise UserError(f"{weights}: {error}") from None
        self.stages = [inference(stage, device) for stage in stages]
        self.layers = [self.model.features[part] for part in parts]
        shape, parts = feature_shapes(self.model, self.names)
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
        for stage, layer in zip(self.stages, self.layers, strict=True):
            x = stage(x)
            features.append(to_numpy(layer.read(x)))
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
        networks = [network_of(of_network) for of_network in layers]
        if isinstance(preprocessing, str) and len(set(networks)) > 1:
            raise UserError(f"preprocessing= is for one network, and layer={layer!r} needs {len(set(networks))}; leave "
                            "it out")
        if after is not None and len(layers) > 1:
            raise UserError(f"layer={layer!r} needs {len(layers)} passes through a network, which begin with the "
                            "pictures; leave out from_features=")
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


def named(layer):
    """"lite2-last@340+lite2-head@340" -> (["lite2-last", "lite2-head"], 340), of one network and size."""
    names, sizes = zip(*map(name_and_size, layer.split("+")), strict=True)
    return list(names), sizes[0]


def side_by_side(features):
    """A list of (N, ...) -> (N, ...) if it is one, else (N, D): flattened and behind each other."""
    return features[0] if len(features) == 1 else np.concatenate([f.reshape(len(f), -1) for f in features], axis=1)
