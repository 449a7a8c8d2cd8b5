"""Whole training steps: forward, backward, clipping by the global norm, Adam.

A run is one step on each of several batches, which together have the real lengths of captions; times are per step.
Compared are the gradients of the first batch, layer by layer and before any update, and the losses of one whole run:
each depends on all updates before it.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from minicap.activations import Dropout
from minicap.captioning.data.shapes import ShapesDataset
from minicap.captioning.features.inputs import pixels_to_input
from minicap.captioning.models.build import build_model
from minicap.captioning.models.settings import ShowAttendTellSettings, ShowTellSettings
from minicap.captioning.text.batches import CaptionBatches, make_batch
from minicap.captioning.text.tokens import tokenize
from minicap.captioning.text.vocabulary import SPECIAL, Vocabulary
from minicap.captioning.training.settings import RECIPES
from minicap.flat import flatten
from minicap.optim import Adam, clip_gradients

from ..row import Row, Work, as_numpy, normal
from .layers import zipf

# Words per caption in train (30,000 captions), from 2 words on; the last number stands for all above 26. Counted with
#   python -c "from collections import Counter; from minicap.captioning.data import load_dataset
#   from minicap.captioning.text.tokens import tokenize; data = load_dataset('flickr8k')
#   print(Counter(len(tokenize(t)) for name in data.splits['train'] for t in data.captions[name]))"
FLICKR8K_LENGTHS = (15, 126, 346, 862, 1958, 2537, 2927, 3319, 3319, 3132, 2778, 2320, 1848, 1329, 977, 662, 513, 365,
                    204, 136, 110, 74, 52, 33, 20, 38)
CLIP = 5.0


@dataclass(frozen=True, kw_only=True)
class TrainingStep(Row):
    """The common part of the captioners. A subclass defines ``images_and_batches``."""

    batch: int = 64
    E: int
    H: int
    drop: float = 0.0  # while timing; results are compared without, because the libraries sample different masks
    lr: float = 1e-3

    def data(self):
        rng = np.random.default_rng(0)
        images, batches, settings = self.images_and_batches(rng)
        steps = []
        for batch in batches:
            rows, image_of = np.unique(batch.image_index, return_inverse=True)
            steps.append((images[rows], image_of, batch.tokens, batch.targets, batch.lengths))
        return {"settings": settings, "steps": steps, "weights": build_model(settings, rng).state()}

    def ours(self, data, place):
        device, model = place.minicap(), build_model(data["settings"], np.random.default_rng(0))
        model.load_state(data["weights"])
        model.to(device)
        parameters = flatten(model.named_parameters())
        adam = Adam(parameters.items(), self.lr)
        steps = [(*map(device.asarray, arrays), lengths) for *arrays, lengths in data["steps"]]

        def gradients(step):
            model.zero_grad()
            loss, cache = model.forward(*step)
            model.backward(1.0, cache)
            return loss

        def run():
            losses = []
            for step in steps:
                losses.append(gradients(step))
                clip_gradients(parameters.values(), CLIP)
                adam.step()
            return losses

        def results():
            gradients(steps[0])
            found = by_layer({name: as_numpy(p.grad) for name, p in model.named_parameters()})
            found["losses"] = run()
            for _, layer in model.named_layers():
                if isinstance(layer, Dropout):
                    layer.drop = self.drop
            return found
        return Work(run, results)

    def peer(self, data, place):
        import torch

        from .. import pytorch

        settings = data["settings"]
        model = pytorch.load(self.peer_model(settings), data["weights"]).to(place.device)
        parameters = [p for p in model.parameters() if p.requires_grad]
        adam = torch.optim.Adam(parameters, self.lr, fused=True)
        put = pytorch.images if settings.side else pytorch.tensor  # pixels, or features
        steps = [(put(images, place), *(pytorch.tensor(a, place) for a in arrays), torch.from_numpy(lengths))
                 for images, *arrays, lengths in data["steps"]]

        def gradients(step):
            adam.zero_grad()
            loss = model(*step)
            loss.backward()
            return loss.detach()

        def run():
            losses = []
            for step in steps:
                losses.append(gradients(step))
                torch.nn.utils.clip_grad_norm_(parameters, CLIP)
                adam.step()
            return losses

        def results():
            gradients(steps[0])
            names = [name for name in data["weights"] if not name.endswith((".mean", ".var", ".std"))]
            found = by_layer({name.removeprefix("d"): g for name, g in pytorch.gradients(model, names).items()})
            found["losses"] = run()
            for module in model.modules():
                if isinstance(module, torch.nn.Dropout):
                    module.p = self.drop
            return found
        return Work(run, results)

    def peer_model(self, settings):
        from ..pytorch_models import ShowTell

        return ShowTell(self.peer_encoder(settings), settings.vocabulary, self.E, self.H, drop=0.0,
                        image_every_step=settings.image_every_step)


def by_layer(gradients):
    """The gradients of each layer as one vector: a bias before a batch norm has gradient zero except for rounding
    errors, which are thus compared with the gradient of its kernel."""
    layers = {}
    for name, gradient in gradients.items():
        layers.setdefault(f"d{name.rpartition('.')[0]}", []).append(gradient.ravel())
    return {name: np.concatenate(parts) for name, parts in layers.items()}


@dataclass(frozen=True, kw_only=True)
class ShowTellStep(TrainingStep):
    """On features of a frozen network, (images, D), read with every word, as in the recipe. Batches are bucketed by
    length, evenly from short to long."""

    D: int = 4096
    V: int = 2540
    units: int = 10
    small: ClassVar[dict] = {"batch": 4, "E": 8, "H": 8, "D": 20, "V": 40}

    def images_and_batches(self, rng):
        images, batches = flickr8k_batches(rng, self, (self.D,))
        settings = ShowTellSettings(input="features", vocabulary=self.V, embedding=self.E, hidden=self.H, drop=0.0,
                                    feature_size=self.D, image_every_step=True)
        return images, batches, settings

    def peer_encoder(self, settings):
        from ..pytorch_models import FeatureEncoder

        return FeatureEncoder(self.D, self.E)


@dataclass(frozen=True, kw_only=True)
class AttendStep(TrainingStep):
    """Soft attention over L regions of an image, on the same batches; the peer's model also loops over the words."""

    L: int = 196
    D: int = 512
    A: int = 512
    V: int = 2540
    units: int = 10
    doubly_stochastic: float = 0.03
    small: ClassVar[dict] = {"batch": 4, "E": 8, "H": 8, "L": 6, "D": 10, "A": 7, "V": 40}

    def images_and_batches(self, rng):
        images, batches = flickr8k_batches(rng, self, (self.L, self.D))
        settings = ShowAttendTellSettings(vocabulary=self.V, embedding=self.E, hidden=self.H,
                                          drop=0.0, feature_size=self.D, attention=self.A,
                                          doubly_stochastic=self.doubly_stochastic)
        return images, batches, settings

    def peer_model(self, settings):
        from ..pytorch_attend import ShowAttendTell

        return ShowAttendTell(settings.vocabulary, self.E, self.H, self.D, self.A, drop=0.0,
                      doubly_stochastic=self.doubly_stochastic)


def flickr8k_batches(rng, row, shape):
    """(images (count, *shape), ``row.units`` batches bucketed by length, evenly from short to long)"""
    captions = flickr8k_like(rng, 50 * row.batch, row.V)
    batches = sorted(CaptionBatches(captions, row.batch, rng), key=lambda batch: batch.lengths.sum())
    middle = len(batches) // row.units // 2
    images = np.maximum(normal(rng, 1 + captions[-1][0], *shape), 0)  # after a ReLU
    return images, batches[middle::len(batches) // row.units]


def flickr8k_like(rng, count, V):
    """``count`` captions (image, words), five per image, with Flickr8k's lengths and Zipf's frequencies."""
    p = np.array(FLICKR8K_LENGTHS) / sum(FLICKR8K_LENGTHS)
    lengths = 2 + rng.choice(len(p), count, p=p)
    return [(n // 5, (len(SPECIAL) + zipf(rng, V - len(SPECIAL), length)).tolist()) for n, length in enumerate(lengths)]


@dataclass(frozen=True, kw_only=True)
class SmallCNNStep(TrainingStep):
    """On the built-in scenes, with the settings of their recipe, and one of the five captions of each picture."""

    units: int = 8
    side: int = 32
    small: ClassVar[dict] = {"batch": 4, "E": 8, "H": 8, "side": 16}

    def images_and_batches(self, rng):
        scenes = ShapesDataset(train=self.units * self.batch, dev=0, test=0, side=self.side)
        texts = [[tokenize(text) for text in scenes.captions[name]] for name in scenes.splits["train"]]
        vocabulary = Vocabulary.from_captions([tokens for five in texts for tokens in five], min_count=1)
        captions = [(row, vocabulary.encode(five[row % 5])) for row, five in enumerate(texts)]
        batches = [make_batch(captions[i:i + self.batch]) for i in range(0, len(captions), self.batch)]
        images = pixels_to_input(np.stack([scenes.image(name) for name in scenes.splits["train"]]))
        settings = ShowTellSettings(input="pixels", vocabulary=len(vocabulary), embedding=self.E, hidden=self.H,
                                    drop=0.0, side=self.side, image_every_step=True)
        return images, batches, settings

    def peer_encoder(self, settings):
        import torch

        from ..pytorch_models import SmallCNN

        return SmallCNN(self.side, self.E).to(memory_format=torch.channels_last)


_shapes, _attend = RECIPES["shapes"], RECIPES["attend"]
ROWS = (
    ShowTellStep(name="show_tell_step", target=0.75, cuda_target=1.3, unit="step", E=512, H=512,
                 drop=RECIPES["features"]["drop"], lr=RECIPES["features"]["lr"]),
    AttendStep(name="attend_step", target=0.5, cuda_target=1.3, unit="step", E=_attend["embedding"],
               H=_attend["hidden"], A=_attend["attention"], drop=_attend["drop"], lr=_attend["lr"]),
    # Adam's first steps have length lr in every weight, and their sign depends on rounding for gradients near zero.
    SmallCNNStep(name="small_cnn_step", target=0.85, cuda_target=1.5, tolerance=1e-3, unit="step",
                 batch=_shapes["batch_size"], E=_shapes["embedding"], H=_shapes["hidden"], drop=_shapes["drop"],
                 lr=_shapes["lr"]),
)
