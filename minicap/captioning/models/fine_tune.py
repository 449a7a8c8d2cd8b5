"""Fine-tuning: VGG's last block of convolutions goes on learning, together with the captioner that reads it.

    pool4 ─ conv5_1 ─ ReLU ─ ... ─ conv5_4 ─ ReLU ─ regions ─ captioner ─ loss
    kept on disk         our own backward               its gradient of the regions

Everything before is frozen and so are its outputs, pool4, which are extracted once (``extract --layer pool4``). The
block begins as ImageNet left it and learns with a small step of its own (``--finetune-lr``): a large one would forget
in an epoch what a million images taught it.
"""

import math

from ... import vgg
from ...backend import array_module
from ...layer import Cache, Layer

BLOCKS = {"block5": ("conv5_1", "relu5_4")}  # the first and the last layer of what is fine-tuned
READS = {"block5": "pool4"}                  # and what is extracted for it


def channels_made(name):
    """The number of channels of the regions that the block makes."""
    return vgg.CHANNELS[int(name[-1]) - 1]


class FineTuned(Layer):
    """(images, image_of, words, targets, lengths) -> the loss, as the ``captioner`` behind the block.

    images: (I, H, W, C), what VGG makes before the block; for a captioner that knows the image as a whole, too, (I,
    H·W·C + G), see attend.py. What it knows stays that of the frozen network. The captioner has to return the gradient
    of its regions.
    """

    def __init__(self, name, captioner):
        first, last = BLOCKS[name]
        self.block = vgg.VGG(19, top=False, rng=None).between(first, last)
        self.block[first].input_gradient = False  # nobody learns from the gradient of what is on disk
        self.captioner = captioner
        self.dropout_rng = captioner.dropout_rng

    def forward(self, images, *about_words, **options):
        before, whole = self.parts(images)
        regions, block_cache = self.block.forward(before)
        loss, captioner_cache = self.captioner.forward(joined(regions, whole), *about_words, **options)
        return loss, Cache(block=block_cache, captioner=captioner_cache, shape=regions.shape)

    def backward(self, dloss, cache):
        block, captioner, shape = cache.spend(self)
        dimages, *of_words = self.captioner.backward(dloss, captioner)
        dregions = dimages.reshape(shape[0], -1)[:, :math.prod(shape[1:])].reshape(shape)
        return self.block.backward(dregions, block), *of_words

    def __call__(self, images, *about_words):
        return self.captioner(self.run_block(images), *about_words)

    def start(self, images):
        return self.captioner.start(self.run_block(images))

    def draw_masks(self, N, T):
        return self.captioner.draw_masks(N, T)

    def step(self, state, words, masks=None):
        return self.captioner.step(state, words, masks)

    def attention_maps(self, image, words):
        return self.captioner.attention_maps(self.run_block(image), words)

    def run_block(self, images):
        """What the captioner reads of these images."""
        before, whole = self.parts(images)
        return joined(self.block(before), whole)

    def parts(self, images):
        """(what the block reads (I, H, W, C), what is known of the images as a whole (I, G) or None)."""
        if images.ndim == 4:
            return images, None
        G = self.captioner.overview["project"].W.shape[0]
        first = next(iter(self.block.layers.values()))
        C = first.W.shape[2]
        side = math.isqrt((images.shape[1] - G) // C)
        return images[:, :-G].reshape(len(images), side, side, C), images[:, -G:]

    def __repr__(self):
        first, *_, last = self.block.layers
        return f"{self.captioner!r} behind {first} ... {last}"


def joined(regions, whole):
    """Regions (I, H, W, D) and, behind them, what is known of the images as a whole (I, G), if anything is."""
    if whole is None:
        return regions
    return array_module(regions).concatenate([regions.reshape(len(regions), -1), whole], axis=1)
