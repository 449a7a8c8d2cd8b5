"""Fine-tuning: VGG's last block of convolutions is trained together with the captioner that reads it.

    pool4 ─ conv5_1 ─ ReLU ─ ... ─ conv5_4 ─ ReLU ─ regions ─ captioner ─ loss
    stored on disk       our own backward               its gradient of the regions

Everything before the block is frozen, so that its outputs, pool4, are extracted once (``extract --layer pool4``). The
block starts with its ImageNet weights and has its own, small learning rate (``--finetune-lr``): with a large one it
would forget in an epoch what it learned from a million images.
"""

import math
from collections.abc import Iterable
from typing import Any

from ...backend import Array, array_module
from ...layer import Cache, Layer, Parameter, Sequential
from ...networks import feature_stages
from ...vgg import FINE_TUNED, VGG
from .show_attend_tell import ShowAttendTell
from .state import DecoderState


def fine_tuned_block(name: str, model: VGG | None = None) -> Sequential:
    """The layers of a block of VGG-19 that can be fine-tuned, of ``model`` or with weights of zero."""
    reads, makes = FINE_TUNED[name]
    (block,) = feature_stages(model or VGG(19, top=False, rng=None), makes, after=reads)
    return block


def channels_made(name: str) -> int:
    """The number of channels of the regions that the block computes."""
    return fine_tuned_block(name)[VGG.features[FINE_TUNED[name][1]].channels].b.shape[0]


class FineTuned(Layer):
    """(images, image_of, words, targets, lengths) -> the loss, as for the ``captioner`` after the block.

    images: (I, H, W, C), the outputs of VGG before the block; for a captioner with G global features (I, H·W·C + G),
    see show_attend_tell.py. The global features stay those of the frozen network. The captioner has to return the
    gradient of its regions.
    """

    def __init__(self, name: str, captioner: ShowAttendTell):
        self.block = fine_tuned_block(name)
        first, *_ = self.block.layers.values()
        first.input_gradient = False  # its input is fixed
        self.captioner = captioner
        self.dropout_rng = captioner.dropout_rng

    def forward(self, images: Array, *about_words: Array, **options: Any) -> tuple[Array, Cache]:
        before, global_features = self.split(images)
        regions, block = self.block.forward(before)
        loss, captioner = self.captioner.forward(joined(regions, global_features), *about_words, **options)
        return loss, Cache(block=block, captioner=captioner, shape=regions.shape)

    def backward(self, dloss: float | Array, cache: Cache) -> tuple[Array | None, ...]:
        c = cache.spend(self)
        dimages, *of_words = self.captioner.backward(dloss, c.captioner)
        dregions = dimages.reshape(c.shape[0], -1)[:, :math.prod(c.shape[1:])].reshape(c.shape)
        return self.block.backward(dregions, c.block), *of_words

    def __call__(self, images: Array, *about_words: Array) -> Array:
        return self.captioner(self.run_block(images), *about_words)

    def probabilities(self, images: Array, *about_words: Array) -> Array:
        return self.captioner.probabilities(self.run_block(images), *about_words)

    def start(self, images: Array) -> DecoderState:
        return self.captioner.start(self.run_block(images))

    def step(self, state: DecoderState, words: Array,
             masks: dict[str, Array] | None = None) -> tuple[DecoderState, Array]:
        return self.captioner.step(state, words, masks)

    def sample_masks(self, N: int, T: int) -> dict[str, Array] | None:
        return self.captioner.sample_masks(N, T)

    def draws(self) -> dict[str, list[Layer]]:
        return self.captioner.draws()

    def attention_maps(self, image: Array, words: Iterable[int]) -> Array:
        return self.captioner.attention_maps(self.run_block(image), words)

    def run_block(self, images: Array) -> Array:
        """The captioner's inputs for these images."""
        before, global_features = self.split(images)
        return joined(self.block(before), global_features)

    def split(self, images: Array) -> tuple[Array, Array | None]:
        """(the input of the block (I, H, W, C), the global features of the images (I, G) or None)."""
        if images.ndim == 4:
            return images, None
        first, *_ = self.block.layers.values()
        G, C = self.captioner.G, first.W.shape[2]
        side = math.isqrt((images.shape[1] - G) // C)
        return images[:, :-G].reshape(len(images), side, side, C), images[:, -G:]

    def parameter_groups(self) -> dict[str, dict[str, Parameter]]:
        """{"captioner": {name: Parameter}, "block": ...}: the block has its own learning rate."""
        return {name: {f"{name}.{of_part}": p for of_part, p in part.named_parameters()}
                for name, part in (("captioner", self.captioner), ("block", self.block))}

    def __repr__(self):
        first, *_, last = self.block.layers
        return f"{self.captioner!r} behind {first} ... {last}"


def joined(regions, global_features):
    """Regions (I, L, D), flattened and followed by the global features of the images (I, G), if there are any."""
    if global_features is None:
        return regions
    return array_module(regions).concatenate([regions.reshape(len(regions), -1), global_features], axis=1)
