"""A trained captioner, ready to use:

    captioner = Captioner.load("runs/flickr8k")
    captioner.caption("photo.jpg")        # 'a dog runs through the grass'
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, BinaryIO, Self

import numpy as np

from ..backend import Array, Device, for_few, get_device, to_numpy
from ..errors import UserError
from ..images import read_image, resize
from ..layer import Layer
from ..paths import StrPath
from ..pretrained_networks import weights_for
from ..weights.preprocessing import Preprocessing, convention_name
from .checkpoint import checkpoint_folder, load_tensors, pretrained_folders, read_decoding, read_description
from .decoding.beam_search import Hypothesis, decode
from .features.extractor import Extractor
from .features.feature_source import FeatureSource
from .features.inputs import pixels_to_input
from .models.build import build_model
from .models.settings import ShowAttendTellSettings, ShowTellSettings
from .models.state import DecoderState
from .text.vocabulary import PAD, START, Vocabulary

Picture = StrPath | bytes | BinaryIO | np.ndarray
Consensus = Callable[..., Any]  # see decoding/consensus.py


class BaseCaptioner:
    """The base class of :class:`Captioner` and of :class:`.Ensemble`, which have

    vocabulary           its words
    members              the captioners it consists of
    decoding             its own settings for :func:`.decode`, which hold where an option is not given
    input_size           the side of its network's input, in pixels; None if that is unknown
    has_attention        whether it can show its attention
    inputs_of(pictures)  uint8 pictures (H, W, 3) of any size -> model inputs
    start(inputs)        -> the DecoderState before the first word
    step(state, words)   words (N,) -> (next state, log p of each next word (N, V))
    descriptors(inputs)  -> (N, G), what it knows of each picture, without places
    """

    vocabulary: Vocabulary
    members: "tuple[BaseCaptioner, ...]"
    decoding: dict[str, Any]
    input_size: int | None
    has_attention: bool
    inputs_of: Callable[[Sequence[np.ndarray]], Any]
    start: Callable[[Any], DecoderState]
    step: Callable[[DecoderState, Array], tuple[DecoderState, Array]]
    descriptors: Callable[[Any], np.ndarray]

    def caption(self, image: Picture, **options: Any) -> str:
        """The best caption of one picture: a path, bytes, a file object or a uint8 array (H, W, 3).

        Options and errors are those of :meth:`captions`.
        """
        return self.captions([image], **options)[0][0][0]

    def captions(self, images: Iterable[Picture], **options: Any) -> list[list[tuple[str, float]]]:
        """For each picture a list of pairs (caption, Σ log p), best first: up to ``beam`` of them, or one sample.

        ``options`` are those of :func:`.decode`: beam, max_length, length_penalty, no_repeat_ngram_size; temperature
        and rng. A ``consensus`` (:class:`.Consensus`) can reorder them; :func:`.with_mirror` averages the probabilities
        over a picture and its mirror image. Raises UserError when a picture is missing, damaged or too large, an option
        is out of range, or the weights of the network that features come from are not there or not those of the
        training.
        """
        return self.caption_inputs(self.inputs_of([self.read(image) for image in images]), **options)

    def caption_inputs(self, inputs: Any, *, consensus: Consensus | None = None,
                       **options: Any) -> list[list[tuple[str, float]]]:
        """The same for model inputs (N, ...) from ``inputs_of``, or rows of a feature file."""
        options = self.decoding | options
        if consensus is None:
            hypotheses = decode(self.step, self.start(inputs), **options)
        else:
            hypotheses = consensus(self, inputs, self.candidates(inputs, **options))
        return [[(self.vocabulary.decode(h.words), h.logp) for h in of_image] for of_image in hypotheses]

    def candidates(self, inputs: Any, **options: Any) -> list[list[Hypothesis]]:
        """The captions among which a consensus chooses: for each image a list of hypotheses."""
        return decode(self.step, self.start(inputs), **options)

    def read(self, image: Picture) -> np.ndarray:
        """A picture as a uint8 array (H, W, 3), large enough for the network; an array is taken as it is."""
        return image if isinstance(image, np.ndarray) else read_image(image, at_least=self.input_size)

    def expect_attention(self) -> None:
        """UserError unless it can show its attention."""
        if not self.has_attention:
            raise UserError("this captioner has no attention to show; attention= needs one checkpoint that was trained "
                            "with model='attend'")


class Captioner(BaseCaptioner):
    """Model, vocabulary, and the preprocessing of pictures.

    ``source`` (a FeatureSource) describes the features that the model was trained on, None for pixels; ``weights``
    names the file with the weights of that network. ``attends``: whether the model has attention; it can be shown
    (``has_attention``) if pictures can be read.
    """

    def __init__(self, model: Layer, vocabulary: Vocabulary, settings: ShowTellSettings | ShowAttendTellSettings,
                 device: Device, *, source: FeatureSource | None = None, weights: StrPath | None = None,
                 preprocessing: str | None = None, decoding: dict[str, Any] | None = None):
        self.model, self.vocabulary, self.settings, self.device = model.to(device), vocabulary, settings, device
        self.source, self.weights, self.preprocessing = source, weights, preprocessing
        self.members, self.decoding = (self,), decoding or {}
        self.attends = settings.kind == "attend"
        self.has_attention = self.attends and not self.reads_own_features
        self.input_size = settings.side if source is None else source.picture_size
        self._extractor = None

    @classmethod
    def load(cls, folder: StrPath, *, weights: StrPath | None = None, preprocessing: str | None = None,
             device: str = "auto") -> Self:
        """The captioner that ``minicap.train --out folder`` has written.

        ``weights`` is the file of the network that it needs for pictures ("FILE,FILE" for two networks), by default the
        one found by :func:`.find_weights`. Pictures are preprocessed as in training; ``preprocessing`` may name the
        same. Raises UserError when a file is missing, damaged or not part of the same run.
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
            model.load_state(tensors, copy=not for_few())
        except UserError as error:
            raise UserError(f"{folder}/best.safetensors: {error}") from error
        except (MemoryError, ValueError) as error:  # from NumPy
            raise UserError(f"{folder}/captioner.json describes a model that no memory has room for ({error}); use "
                            "another copy of the checkpoint") from error
        return cls(model, described.vocabulary, described.settings, get_device(device), source=described.source,
                   weights=weights, preprocessing=preprocessing, decoding=read_decoding(folder))

    @classmethod
    def pretrained(cls, name: str = "flickr8k", *, weights: StrPath | None = None, device: str = "auto") -> Self:
        """A captioner that comes with the package: "flickr8k" for photographs, "shapes" for drawn scenes.

        For photographs it needs the weights of EfficientNet-Lite2, a package (extra ``photo``): UserError when they are
        neither installed nor named.
        """
        if name not in pretrained_folders():
            raise UserError(f"the package has no captioner called {name!r}, only {' and '.join(pretrained_folders())}")
        return cls.load(pretrained_folders()[name], weights=weights, device=device)

    @property
    def reads_own_features(self) -> bool:
        """Whether it was trained on features of an unknown network, so that it cannot read pictures."""
        return self.source is not None and self.source.is_own

    def read(self, image: Picture) -> np.ndarray:
        self.expect_network()
        return super().read(image)

    def expect_attention(self) -> None:
        self.expect_network()
        super().expect_attention()

    def expect_network(self) -> None:
        """UserError unless it can read pictures."""
        if self.reads_own_features:
            raise UserError("this captioner was trained on an array of your own features, and only you know how they "
                            "are made, so it cannot read pictures; let `python -m minicap.evaluate` caption images "
                            "whose features you have, and name these with features=")

    def start(self, inputs: np.ndarray) -> DecoderState:
        return self.model.start(self.device.asarray(inputs))

    def step(self, state: DecoderState, words: Array) -> tuple[DecoderState, Array]:
        return self.model.step(state, words)

    def inputs_of(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """A list of uint8 pictures (H, W, 3) of any size -> model inputs (N, ...) float32."""
        if self.source is None:
            return pixels_to_input(np.stack([resize(p, (self.input_size, self.input_size)) for p in pictures]))
        extractor = self.extractor()
        return extractor([extractor.prepare(p) for p in pictures]).astype(np.float16).astype(np.float32)

    def descriptors(self, inputs: np.ndarray) -> np.ndarray:
        """(N, G), from which neighbours are found: the global features and the means of the regions, side by side."""
        rows = inputs.reshape(len(inputs), -1)
        if self.settings.kind != "attend":
            return rows
        regions, whole = np.split(rows, [rows.shape[1] - self.settings.global_size], axis=1)
        return np.hstack([whole, regions.reshape(len(rows), -1, self.settings.feature_size).mean(axis=1)])

    def attention_maps(self, picture: np.ndarray, caption: str) -> tuple[np.ndarray, np.ndarray]:
        """The attention to a picture (H, W, 3) for each word of ``caption``: α of its regions (T, h, w) and of the
        model's memory (T,).

        For each word they sum to 1; without a sentinel the weight of the memory is 0. Raises UserError for a model
        without attention.
        """
        self.expect_attention()
        return self.attention_grids(self.inputs_of([picture]), [caption])[0]

    def attention_grids(self, inputs: np.ndarray,
                        captions: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """The same for model inputs (N, ...) and a caption of each: a list of N pairs."""
        def grid(alpha):
            side = math.isqrt(alpha.shape[1])  # a network's regions are a square grid
            return alpha.reshape(-1, side, side)

        return [(grid(alpha), memory) for alpha, memory in self.attention_of_inputs(inputs, captions)]

    def attention_of_inputs(self, inputs: np.ndarray,
                            captions: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """The same with the regions in a row: α is (T, L).

        Each caption is read as if the model had written it (teacher forcing), one word of all at a time.
        """
        sequences = [self.vocabulary.encode(self.vocabulary.tokenize(caption)) for caption in captions]
        words = np.full((len(sequences), 1 + max(map(len, sequences))), PAD)
        words[:, 0] = START
        for row, sequence in zip(words, sequences, strict=True):
            row[1:1 + len(sequence)] = sequence
        state, maps = self.start(inputs), []
        for column in words.T:
            state, _ = self.step(state, self.device.asarray(column))
            *_, alpha = state.rows  # of the word that comes next
            maps.append(to_numpy(alpha))
        L = maps[0].shape[1] - self.settings.sentinel
        return [(alpha[:len(sequence), :L], alpha[:len(sequence), L:].sum(axis=1))
                for alpha, sequence in zip(np.stack(maps, axis=1), sequences, strict=True)]

    def extractor(self) -> Extractor:
        """The networks of this captioner, loaded when they are first needed.

        UserError if there are no weights, or others than it was trained with.
        """
        self.expect_network()
        if self._extractor is None:
            sources = self.source.separate()
            weights = weights_for(self.weights, [source.network.name for source in sources])
            used = [Preprocessing.from_json(source.preprocessing) for source in sources]
            if self.preprocessing not in (None, *map(convention_name, used)):
                raise UserError(f"this captioner was trained with another preprocessing of pictures than preprocessing="
                                f"{self.preprocessing!r}; leave it out")
            extractor = Extractor(weights, self.source.layer, self.device, preprocessing=used)
            for source, network in zip(sources, extractor.networks, strict=True):
                if differences := source.differences(network.source):
                    raise UserError(f"{network.weights} is not the network that this captioner was trained with: other "
                                    f"{', '.join(differences)}; it needs {source.network}, the weights with SHA-256 "
                                    f"{source.weights_sha256[:8]}...: name them with weights=")
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

