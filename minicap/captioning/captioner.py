"""A trained captioner, ready to use:

    captioner = Captioner.load("runs/flickr8k")
    captioner.caption("photo.jpg")        # 'a dog runs through the grass'
"""

import math

import numpy as np

from ..backend import get_device, to_numpy
from ..errors import UserError
from ..images import read_image, resize
from ..weights.preprocessing import Preprocessing, convention
from .checkpoint import checkpoint_folder, load_tensors, read_description
from .decoding.beam_search import decode
from .features.extractor import Extractor
from .features.inputs import pixels_to_input
from .models.build import build_model


class BaseCaptioner:
    """The base class of :class:`Captioner` and of :class:`.Ensemble`, which have

    vocabulary           its words
    members              the captioners it consists of
    input_size           the side of its network's input, in pixels; None if that is unknown
    has_attention        whether it can show its attention
    inputs_of(pictures)  uint8 pictures (H, W, 3) of any size -> model inputs
    start(inputs)        -> the DecoderState before the first word
    step(state, words)   words (N,) -> (next state, log p of each next word (N, V))
    descriptors(inputs)  -> (N, G), whose rows are similar for similar pictures
    """

    def caption(self, image, **options):
        """The best caption of one picture: a path, bytes, a file object or a uint8 array (H, W, 3).

        Options and errors are those of :meth:`captions`.
        """
        return self.captions([image], **options)[0][0][0]

    def captions(self, images, **options):
        """For each picture a list of pairs (caption, Σ log p), best first: up to ``beam`` of them, or one sample.

        ``options`` are those of :func:`.decode`: beam, max_length, length_penalty, no_repeat_ngram_size; temperature
        and rng. A ``consensus`` (:class:`.Consensus`) can reorder them. Raises UserError when a picture is missing,
        damaged or too large, an option is out of range, or the weights of the network that features come from are not
        there or not those of the training.
        """
        return self.caption_inputs(self.inputs_of([self.read(image) for image in images]), **options)

    def caption_inputs(self, inputs, *, consensus=None, **options):
        """The same for model inputs (N, ...) from ``inputs_of``, or rows of a feature file."""
        hypotheses = decode(self.step, self.start(inputs), **options)
        if consensus is not None:
            hypotheses = consensus(self, inputs, hypotheses)
        return [[(self.vocabulary.decode(h.words), h.logp) for h in of_image] for of_image in hypotheses]

    def read(self, image):
        """A picture as a uint8 array (H, W, 3), large enough for the network; an array is taken as it is."""
        return image if isinstance(image, np.ndarray) else read_image(image, at_least=self.input_size)

    def expect_attention(self):
        """UserError unless it can show its attention."""
        if not self.has_attention:
            raise UserError("this captioner has no attention to show; attention= needs one checkpoint that was trained "
                            "with model='attend'")


class Captioner(BaseCaptioner):
    """Model, vocabulary, and the preprocessing of pictures.

    ``source`` (a FeatureSource) describes the features that the model was trained on, None for pixels; ``weights``
    names the file with the weights of that network.
    """

    def __init__(self, model, vocabulary, settings, device, *, source=None, weights=None, preprocessing=None):
        self.model, self.vocabulary, self.settings, self.device = model.to(device), vocabulary, settings, device
        self.source, self.weights, self.preprocessing = source, weights, preprocessing
        self.members = (self,)
        self.has_attention = settings.kind == "attend" and not self.reads_own_features
        self.input_size = settings.side if source is None else source.preprocessing.get("size")
        self._extractor = None

    @classmethod
    def load(cls, folder, *, weights=None, preprocessing=None, device="auto"):
        """The captioner that ``minicap.train --out folder`` has written.

        ``weights`` is the VGG file that it needs for pictures, by default the one named by MINICAP_WEIGHTS or fetched
        by the download program. Pictures are preprocessed as in training; ``preprocessing`` may name the same. Raises
        UserError when a file is missing, damaged or not part of the same run.
        """
        folder = checkpoint_folder(folder)
        described = read_description(folder)
        tensors, facts = load_tensors(folder / "best.safetensors", "checkpoint")
        if facts.get("vocabulary") != described.vocabulary.digest:
            raise UserError(f"{folder}/best.safetensors was trained with another vocabulary than the one in "
                            "captioner.json; the two files have to come from the same training run")
        check_sizes(described.settings, tensors, folder)
        try:
            model = build_model(described.settings, rng=None)  # zeros, which take no memory while they are not touched
            model.load_state(tensors)
        except UserError as error:
            raise UserError(f"{folder}/best.safetensors: {error}") from error
        except (MemoryError, ValueError) as error:  # from NumPy
            raise UserError(f"{folder}/captioner.json describes a model that no memory has room for ({error}); use "
                            "another copy of the checkpoint") from error
        return cls(model, described.vocabulary, described.settings, get_device(device), source=described.source,
                   weights=weights, preprocessing=preprocessing)

    @property
    def reads_own_features(self):
        """Whether it was trained on features of an unknown network, so that it cannot read pictures."""
        return self.source is not None and self.source.is_own

    def read(self, image):
        self.expect_network()
        return super().read(image)

    def expect_attention(self):
        self.expect_network()
        super().expect_attention()

    def expect_network(self):
        """UserError unless it can read pictures."""
        if self.reads_own_features:
            raise UserError("this captioner was trained on an array of your own features, and only you know how they "
                            "are made, so it cannot read pictures; let `python -m minicap.evaluate` caption images "
                            "whose features you have, and name these with features=")

    def start(self, inputs):
        return self.model.start(self.device.asarray(inputs))

    def step(self, state, words):
        return self.model.step(state, words)

    def inputs_of(self, pictures):
        """A list of uint8 pictures (H, W, 3) of any size -> model inputs (N, ...) float32."""
        if self.source is None:
            return pixels_to_input(np.stack([resize(p, (self.input_size, self.input_size)) for p in pictures]))
        extractor = self.extractor()
        return extractor(np.stack([extractor.read(p) for p in pictures])).astype(np.float16).astype(np.float32)

    def descriptors(self, inputs):
        """(N, G), similar for similar pictures: fc7 if the model reads it, or else the mean of its regions."""
        rows = inputs.reshape(len(inputs), -1)
        if self.settings.kind != "attend":
            return rows
        if self.settings.global_size:
            return rows[:, -self.settings.global_size:]
        return rows.reshape(len(rows), -1, self.settings.feature_size).mean(axis=1)

    def attention_maps(self, picture, caption):
        """The attention to a picture (H, W, 3) for each word of ``caption``: α of its regions (T, h, w) and of the
        model's memory (T,).

        For each word they sum to 1; without a sentinel the weight of the memory is 0. Raises UserError for a model
        without attention.
        """
        self.expect_attention()
        inputs = self.inputs_of([picture])
        words = self.vocabulary.encode(self.vocabulary.tokenize(caption))
        maps = to_numpy(self.model.attention_maps(self.device.asarray(inputs), words))[:-1]  # the last is for <end>
        regions = maps.shape[1] - self.settings.sentinel
        side = math.isqrt(regions)  # VGG's regions are a square grid
        return maps[:, :regions].reshape(len(words), side, side), maps[:, regions:].sum(axis=1)

    def extractor(self):
        """The VGG of this captioner, loaded when it is first needed. UserError if it was trained with another one."""
        self.expect_network()
        if self._extractor is None:
            weights = self.weights or find_network(self.source.network)
            used = Preprocessing.from_json(self.source.preprocessing)
            if self.preprocessing is not None and convention(self.preprocessing) != used:
                raise UserError(f"this captioner was trained with another preprocessing of pictures than preprocessing="
                                f"{self.preprocessing!r}; leave it out")
            extractor = Extractor(weights, self.source.layer, self.device, preprocessing=used)
            if differences := self.source.differences(extractor.source):
                raise UserError(f"{weights} is not the network that this captioner was trained with: other "
                                f"{', '.join(differences)}; it needs {self.source.network}, the weights with SHA-256 "
                                f"{self.source.weights_sha256[:8]}...: name them with weights=")
            self._extractor = extractor
        return self._extractor


def check_sizes(settings, tensors, folder):
    """UserError for a model with a size that no array of its weights has: before memory is taken for it."""
    largest = max((max(array.shape, default=0) for array in tensors.values()), default=0)
    for name in ("vocabulary", "embedding", "hidden", "attention", "feature_size", "region_size"):
        if (getattr(settings, name, None) or 0) > largest:
            raise UserError(f"{folder}/captioner.json describes a model with {name} {getattr(settings, name):,}, but "
                            f"no axis in best.safetensors is longer than {largest:,}; the two files have to come from "
                            "the same training run")


def caption_all(captioner, inputs, *, batch_size=100, **options):
    """{image name: its best caption} for all images of ``inputs``; ``options`` are those of :func:`.decode`."""
    captions = {}
    for begin in range(0, len(inputs.names), batch_size):
        names = inputs.names[begin:begin + batch_size]
        found = captioner.caption_inputs(inputs(np.arange(begin, begin + len(names))), **options)
        captions |= {name: of_image[0][0] for name, of_image in zip(names, found, strict=True)}
    return captions


def find_network(facts):
    """The weights file of a network, from MINICAP_WEIGHTS or the download folder."""
    from ..download.catalogue import WEIGHTS, find_weights

    name = f"{facts.family}{facts.depth}".lower()
    path = find_weights(name)
    if path is None:
        offered = any(name == network for network, _ in WEIGHTS)
        raise UserError(f"this captioner needs the {facts} weights; name the file with weights= or in MINICAP_WEIGHTS"
                        + f", or fetch it with `python -m minicap.download {name}`" * offered)
    return path
