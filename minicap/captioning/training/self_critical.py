"""Self-critical sequence training (Rennie et al. 2017): learn from the score of captions the model has drawn itself.

Likelihood asks for the next word of a caption that people wrote; at test time the model goes on from its own words and
is judged by a score of the whole. So here it draws captions w from p, and the loss is what they score, less is better:

    L  = -E[r(w)]                                                                                    eq. 4
    ∇L ≈ -(r(w) - b) ∇ log p(w)                 for one drawn w (REINFORCE, Williams 1992)           eq. 6

b may be anything that does not depend on w: it changes no expectation, only how much ∇L trembles. Self-critical is
b = the reward of the caption that greedy decoding, the model as it is used, finds for the image: what is better than
that becomes more probable, what is worse less (section 3.1). With ``--baseline others`` it is the mean reward of the
other captions drawn for this image (Luo 2020, eq. 4), which costs no decoding of its own.

The reward is CIDEr-D with document frequencies of train. <end> counts as a word of caption and references: without it
captions learn to stop after "a man in a", whose n-grams score well. <unk> may be drawn and is in no reference, so that
it is unlearned. The gradient has to be that of the p the caption was drawn from. With dropout, that is the network as
its masks leave it: they are drawn first, one for each word, and used for both. (Captions drawn without dropout and
learned from with it have no ∇ log p of mean 0; b was no longer harmless, and the reward fell from 0.16 to 0.08 in an
epoch, b being the greedy one, which is far above what is drawn.)
"""

import itertools

import numpy as np

from ..decoding.beam_search import greedy, sample
from ..models.state import DecoderState
from ..scoring.cider import CiderD
from ..text.batches import ImageBatches, batch_of_targets
from ..text.tokens import tokenize
from ..text.vocabulary import END, SPECIAL
from .trainer import Trainer

MAX_LENGTH = 24  # words, <end> among them; of people's captions in train 4 in 1,000 are longer


class SelfCriticalTrainer(Trainer):
    """A :class:`.Trainer` whose batches are images, and whose loss is minus the reward.

    settings needs ``samples`` and ``baseline`` too, as the training program's settings have them.
    """

    def __init__(self, captioner, dataset, inputs, settings, folder):
        super().__init__(captioner, dataset, inputs, settings, folder)
        self.words = np.array(captioner.vocabulary.words, object)
        self.cider = CiderD([[[*tokenize(text), SPECIAL[END]] for text in dataset.captions[name]]
                             for name in inputs["train"].names])

    def make_batches(self):
        images = max(1, self.settings.batch_size // self.settings.samples)
        return ImageBatches(len(self.inputs["train"].names), images, self.shuffle_rng)

    def learn_from(self, images):
        """Draw captions of these images (I,), score them, and add to every gradient; (-mean reward, how many)."""
        put = self.captioner.device.asarray
        x = put(self.inputs["train"](images, self.shuffle_rng))
        drawn, image_of, rewards, baseline, masks = self.draw(x, images)
        order = np.argsort([-len(caption) for caption in drawn], kind="stable")  # as a batch has them: long ones first
        batch = batch_of_targets(image_of[order], [drawn[n] for n in order])
        advantage = (rewards - baseline)[order].astype(np.float32)
        masks = masks and {at: mask[put(order), :batch.tokens.shape[1]] for at, mask in masks.items()}
        _, cache = self.model.forward(x, put(batch.image_index), put(batch.tokens), put(batch.targets), batch.lengths,
                                      advantage=put(advantage), masks=masks)
        self.model.backward(1.0, cache)
        return -rewards.mean(), len(drawn)

    def draw(self, x, images):
        """(captions, image_of, their rewards, the baseline of each, the masks of dropout or None), N = I·K of each.

        K captions of each of I images, and as many numbers.
        """
        I, K = len(images), self.settings.samples
        start, image_of = self.model.start(x), np.arange(I).repeat(K)
        put = self.captioner.device.asarray
        masks, steps = self.model.draw_masks(I * K, MAX_LENGTH), itertools.count()

        def step(state, words):
            *rows, caption = state.rows
            t = next(steps)
            state, log_p = self.model.step(DecoderState(tuple(rows), state.shared), words,
                                           masks and {at: mask[caption, t] for at, mask in masks.items()})
            return DecoderState((*state.rows, caption), state.shared), log_p

        state = start.select(put(image_of))
        state = DecoderState((*state.rows, put(np.arange(I * K))), state.shared)  # the last one: which caption a row is
        drawn = targets(sample(step, state, rng=self.shuffle_rng, max_length=MAX_LENGTH, forbid=()))
        rewards = self.rewards(images[image_of], drawn)
        if self.settings.baseline == "others":
            total = rewards.reshape(I, K).sum(axis=1)
            return drawn, image_of, rewards, (total[image_of] - rewards) / (K - 1), masks
        best = targets(greedy(self.model.step, start, max_length=MAX_LENGTH))
        return drawn, image_of, rewards, self.rewards(images, best)[image_of], masks

    def rewards(self, images, captions):
        """The CIDEr-D of each caption (word indices) against the references of its image, (N,)."""
        return np.array([self.cider(image, self.words[caption].tolist())
                         for image, caption in zip(images, captions, strict=True)])


def targets(found):
    """The words that were chosen: the first hypothesis of each, with its <end> unless it was cut."""
    return [[*best.words, END][:MAX_LENGTH] for best, *_ in found]
