"""A trained captioner, ready to use:

    captioner = Captioner.load("runs/flickr8k")
    captioner.caption("photo.jpg")        # 'a dog runs through the grass'
"""

import math
from dataclasses import dataclass

import numpy as np

from ..backend import get_device, to_numpy
from ..errors import UserError
from ..images import read_image, resize
from .checkpoint import checkpoint_folder, load_tensors, read_description
from .decoding.beam_search import decode
from .features.inputs import pixels_to_input
from .models.fine_tune import FineTuned
from .models.show_attend_tell import Attend
from .models.show_tell import ShowTell, feature_encoder, small_cnn
from .text.vocabulary import Vocabulary


@dataclass(frozen=True)
class ModelSettings:
    """The shape of a captioner. ``input`` is "pixels" (a picture of ``side`` pixels, our own CNN) or "features".

    ``model``: "show-tell", or "attend", whose features are regions (..., feature_size) and which has a width of
    ``attention`` and the options of :class:`.Attend`.
    """

    input: str
    vocabulary: int
    model: str = "show-tell"
    embedding: int = 512
    hidden: int = 512
    drop: float = 0.5
    label_smoothing: float = 0.0
    image_every_step: bool = False
    side: int | None = None         # pixels
    feature_size: int | None = None  # features: of the whole image, or of a region
    whole: int = 0                  # and, behind regions, so many for the image as a whole
    attention: int | None = None
    normalize: str = "channels"
    drop_at: tuple = ("words", "output")
    word_dropout: float = 0.0
    finetune: str | None = None     # a block of VGG that is part of the model
    sentinel: bool = False
    doubly_stochastic: float = 0.0

    def build(self, rng, log_frequencies=None):
        """The model with weights drawn from ``rng``; all dropout layers share one generator of their own."""
        dropout_rng = rng.spawn(1)[0]
        if self.model == "attend":
            attend = Attend(self.vocabulary, self.embedding, self.hidden, self.feature_size, self.attention,
                          drop=self.drop, drop_at=self.drop_at, word_dropout=self.word_dropout, rng=rng,
                          dropout_rng=dropout_rng, label_smoothing=self.label_smoothing,
                          log_frequencies=log_frequencies, normalize=self.normalize, sentinel=self.sentinel,
                          doubly_stochastic=self.doubly_stochastic, whole=self.whole,
                          input_gradient=self.finetune is not None)
            return attend if self.finetune is None else FineTuned(self.finetune, attend)
        if self.input == "pixels":
            encoder = small_cnn(self.side, self.embedding, rng=rng)
        else:
            encoder = feature_encoder(self.feature_size, self.embedding, rng=rng)
        return ShowTell(encoder, self.vocabulary, self.embedding, self.hidden, drop=self.drop, rng=rng,
                        dropout_rng=dropout_rng, label_smoothing=self.label_smoothing, log_frequencies=log_frequencies,
                        image_every_step=self.image_every_step)


class Captioner:
    """Model, vocabulary, and the way from a picture to the model's input.

    ``source`` (a dict) says which network and weights made the features the model was trained on, None for pixels.
    """

    def __init__(self, model, vocabulary, settings, device, *, source=None, weights=None):
        self.model, self.vocabulary, self.settings, self.device = model.to(device), vocabulary, settings, device
        self.source, self.weights = source, weights
        self._extractor = None

    @classmethod
    def load(cls, folder, *, weights=None, device="auto"):
        """The captioner that ``minicap.train --out folder`` has written.

        ``weights`` is the VGG file it needs for pictures; by default the file is looked for where the download program
        and MINICAP_WEIGHTS put it. Raises UserError when a file is missing, damaged or does not belong.
        """
        folder = checkpoint_folder(folder)
        description = read_description(folder)
        try:
            settings = ModelSettings(**description["model"])
        except TypeError as error:
            raise UserError(f"{folder}/captioner.json describes no model of this minicap ({error}); "
                            "use the version that wrote it") from error
        vocabulary = Vocabulary.from_json(description["vocabulary"], folder / "captioner.json")
        tensors, facts = load_tensors(folder / "best.safetensors", "checkpoint")
        if facts.get("vocabulary") != vocabulary.digest:
            raise UserError(f"{folder}/best.safetensors was trained with another vocabulary than captioner.json holds; "
                            "the two files have to come from one training run")
        model = settings.build(np.random.default_rng(0))
        try:
            model.load_state(tensors)
        except UserError as error:
            raise UserError(f"{folder}/best.safetensors: {error}") from error
        return cls(model, vocabulary, settings, get_device(device), source=description["source"], weights=weights)

    def caption(self, image, **options):
        """The best caption of one picture: a path, bytes, a file object or a uint8 array (H, W, 3)."""
        return self.captions([image], **options)[0][0][0]

    def captions(self, images, **options):
        """For each picture a list of pairs (caption, Σ log p), best first: up to ``beam``, or one that was sampled.

        ``options`` are those of :func:`.decode`: beam, max_length, length_penalty, no_repeat; temperature and rng. A
        ``consensus`` (:class:`.Consensus`) may put them into another order.
        """
        pictures = [image if isinstance(image, np.ndarray) else read_image(image) for image in images]
        return self.caption_inputs(self.inputs_of(pictures), **options)

    def caption_inputs(self, inputs, *, consensus=None, **options):
        """The same for model inputs (N, ...) as :meth:`inputs_of` makes them, or rows of a feature file."""
        hypotheses = decode(self.step, self.start(inputs), **options)
        if consensus is not None:
            hypotheses = consensus(self, inputs, hypotheses)
        return [[(self.vocabulary.decode(h.words), h.logp) for h in kept] for kept in hypotheses]

    def looked_at(self, picture, caption):
        """Where the model looks in a picture (H, W, 3) as it says the words of ``caption``: α (T, h, w), and (T,).

        The α of a word sum to 1; with a sentinel the second array is the share of its memory, which is missing in the
        first (else it is 0). Raises UserError for a model that has no attention.
        """
        self.check_attention()
        inputs = self.inputs_of([picture])
        words = self.vocabulary.encode(caption.split())
        maps = to_numpy(self.model.attention_maps(self.device.asarray(inputs), words))[:-1]  # the last is for <end>
        regions = maps.shape[1] - self.settings.sentinel
        side = math.isqrt(regions)  # VGG's regions are a square grid
        return maps[:, :regions].reshape(len(words), side, side), maps[:, regions:].sum(axis=1)

    def check_attention(self):
        """UserError unless this model looks at one region after another."""
        if self.settings.model != "attend":
            raise UserError("this captioner sees the image as a whole and has no attention to show; --attention needs "
                            "one that was trained with --model attend")

    def start(self, inputs):
        """The state in which the model has read no word yet; see the models."""
        return self.model.start(self.device.asarray(inputs))

    def step(self, state, words):
        """(state, words (N,)) -> (next state, log p of each next word (N, V))."""
        return self.model.step(state, words)

    def inputs_of(self, pictures):
        """A list of uint8 pictures (H, W, 3) of any size -> what the model reads, (N, ...) float32."""
        if self.settings.input == "pixels":
            side = self.settings.side
            return pixels_to_input(np.stack([resize(p, (side, side)) for p in pictures]))
        extractor = self.extractor()
        return extractor(np.stack([extractor.prepare(p) for p in pictures])).astype(np.float16).astype(np.float32)

    def overview(self, inputs):
        """(N, G) numbers by which pictures are alike: fc7 where the model reads it, else the mean of its regions."""
        rows = inputs.reshape(len(inputs), -1)
        if self.settings.whole:
            return rows[:, -self.settings.whole:]
        if self.settings.model == "attend":
            return rows.reshape(len(rows), -1, self.settings.feature_size).mean(axis=1)
        return rows

    def extractor(self):
        """The VGG of this captioner, loaded when first needed and checked to be the one it was trained with."""
        if self._extractor is None:
            from .features.extractor import Extractor

            weights = self.weights or find_vgg(self.source)
            extractor = Extractor(weights, self.source["layer"], self.device)
            theirs = extractor.source.to_json()
            for key, value in theirs.items():
                if value != self.source.get(key):
                    raise UserError(f"{weights} is not the network this captioner was trained with: {key} is {value}, "
                                    f"expected {self.source.get(key)}; name the right file with --weights")
            self._extractor = extractor
        return self._extractor


def find_vgg(source):
    """The weights file for features from ``source``, where MINICAP_WEIGHTS or the download folder has it."""
    from ..download.catalogue import WEIGHTS, find_weights

    network = source["network"].lower().replace("-", "")[:5]  # "VGG-19 ..." -> "vgg19"
    path = find_weights(network)
    if path is None:
        offered = any(network == name for name, _ in WEIGHTS)
        raise UserError(f"this captioner needs the {source['network']} weights; name the file with --weights or in "
                        "MINICAP_WEIGHTS" + f", or fetch it with `python -m minicap.download {network}`" * offered)
    return path
