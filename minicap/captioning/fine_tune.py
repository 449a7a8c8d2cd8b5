"""Fine-tuning: VGG's last block of convolutions goes on learning, together with the captioner that reads it.

    pool4 ─ conv5_1 ─ ReLU ─ ... ─ conv5_4 ─ ReLU ─ regions ─ captioner ─ loss
    kept on disk         our own backward               its gradient of the regions

Everything before is frozen and so are its outputs, pool4, which are extracted once (``extract --layer pool4``). The
block begins as ImageNet left it and learns with a small step of its own (``--finetune-lr``): a large one would forget
in an epoch what a million images taught it.
"""

from .. import vgg
from ..layer import Cache, Layer

BLOCKS = {"block5": ("conv5_1", "relu5_4")}  # the first and the last layer of what is fine-tuned
READS = {"block5": "pool4"}                  # and what is extracted for it


def channels_made(name):
    """The number of channels of the regions that the block makes."""
    return vgg.CHANNELS[int(name[-1]) - 1]


class FineTuned(Layer):
    """(images, image_of, words, targets, lengths) -> the loss, as the ``captioner`` behind the block.

    images: (I, H, W, C), what VGG makes before the block. The captioner has to return the gradient of its regions.
    """

    def __init__(self, name, captioner):
        first, last = BLOCKS[name]
        self.block = vgg.VGG(19, top=False, rng=None).between(first, last)
        self.block[first].input_gradient = False  # nobody learns from the gradient of what is on disk
        self.captioner = captioner
        self.dropout_rng = captioner.dropout_rng

    def forward(self, images, *about_words, **options):
        regions, block_cache = self.block.forward(images)
        loss, captioner_cache = self.captioner.forward(regions, *about_words, **options)
        return loss, Cache(block=block_cache, captioner=captioner_cache)

    def backward(self, dloss, cache):
        block, captioner = cache.spend(self)
        dregions, *of_words = self.captioner.backward(dloss, captioner)
        return self.block.backward(dregions, block), *of_words

    def __call__(self, images, *about_words):
        return self.captioner(self.block(images), *about_words)

    def start(self, images):
        return self.captioner.start(self.block(images))

    def step(self, state, words):
        return self.captioner.step(state, words)

    def attention_maps(self, image, words):
        return self.captioner.attention_maps(self.block(image), words)

    def __repr__(self):
        first, *_, last = self.block.layers
        return f"{self.captioner!r} behind {first} ... {last}"
