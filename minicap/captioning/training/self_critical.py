"""Self-critical sequence training (Rennie et al. 2017): learn from the score of captions sampled from the model itself.

Maximum likelihood trains the model to predict the next word of a caption that people wrote; at test time it continues
its own words, and a score judges the complete caption. So here captions w are sampled from p, and the loss is minus
their expected reward:

    L  = -E[r(w)]                                                                                    eq. 4
    ∇L ≈ -(r(w) - b) ∇ log p(w)                 for one sampled w (REINFORCE, Williams 1992)         eq. 6

The baseline b may be anything that does not depend on w: it changes only the variance of ∇L, not its expectation. In
self-critical training b is the reward of the caption that greedy decoding, the model as it is used, finds for the
image: captions that are better than that become more probable, worse ones less (section 3.1). With ``--baseline
others`` it is the mean reward of the other captions sampled for this image (Luo 2020, eq. 4), which needs no extra
decoding.

The reward is CIDEr-D with document frequencies of train. <end> counts as a word of captions and references: without it
the model learns to stop after "a man in a", whose n-grams score well. <unk> may be sampled and is in no reference, so
that it is unlearned. The gradient has to be that of the p from which the caption was sampled. With dropout, this is the
network with its masks: they are sampled first, one for each word, and used for both. (For captions sampled without
dropout and learned from with it, ∇ log p does not have mean 0; b then had an effect, and the reward fell from 0.16 to
0.08 in an epoch, with the greedy b, which is far above the reward of samples.)
"""

import itertools

import numpy as np

from ..decoding.beam_search import greedy, sample
from ..models.state import DecoderState
from ..scoring.cider import CiderD
from ..text.batches import ImageBatches, batch_of_targets
from ..text.vocabulary import END, SPECIAL
from .trainer import Trainer

MAX_LENGTH = 24  # words, including <end>; 4 in 1,000 reference captions of train are longer


class SelfCriticalTrainer(Trainer):
    """A :class:`.Trainer` whose batches are images, and whose loss is minus the reward.

    settings: also needs ``samples`` and ``baseline``.
    """

    def __init__(self, captioner, dataset, inputs, settings, folder, group=None, teachers=None):
        super().__init__(captioner, dataset, inputs, settings, folder, group, teachers)
        self.words = np.array(captioner.vocabulary.words, object)
        self.sampler = Sampler(self.group, self.shuffle_rng, len(self.words))
        tokenize = captioner.vocabulary.tokenize
        self.cider = CiderD([[*tokenize(text), SPECIAL[END]] for text in dataset.captions[name]]
                            for name in inputs["train"].names)

    def make_batches(self):
        images = max(1, self.settings.batch_size // self.settings.samples)
        return ImageBatches(len(self.inputs["train"].names), images, self.shuffle_rng)

    def learn_from(self, images):
        """Sample captions of these images (I,), score them, and add to every gradient; (-mean reward, how many).

        In a group, each process has some of the images, and returns what they contribute to the mean.
        """
        batch_images, images = images, self.together.images_of(images, self.settings.samples)
        rewards, words = np.zeros(0), 0
        if len(images):
            put = self.captioner.device.asarray
            x = put(self.inputs["train"](images, self.together.image_rng))
            sampled, image_of, rewards, baseline, masks = self.sample(x, images)
            order = np.argsort([-len(caption) for caption in sampled], kind="stable")  # as in a batch: longest first
            batch = batch_of_targets(image_of[order], [sampled[n] for n in order])
            words = int(batch.lengths.sum())
        self.sampler.finish()
        self.together.align_generators(batch_images)
        totals = self.group.sum_(np.array([words, len(rewards)], float))
        if len(images):
            advantage = (rewards - baseline)[order].astype(np.float32)
            masks = masks and {at: mask[put(order), :batch.tokens.shape[1]] for at, mask in masks.items()}
            _, cache = self.model.forward(x, put(batch.image_index), put(batch.tokens), put(batch.targets),
                                          batch.lengths, advantage=put(advantage), masks=masks)
            self.model.backward(words / totals[0], cache)
        return -rewards.sum() / totals[1], int(totals[1])

    def sample(self, x, images):
        """Sample K captions of each of I images: (captions, image_of, rewards, baselines, dropout masks or None).

        All have N = I·K entries.
        """
        I, K = len(images), self.settings.samples
        start, image_of = self.model.start(x), np.arange(I).repeat(K)
        put = self.captioner.device.asarray
        masks, steps = self.model.sample_masks(I * K, MAX_LENGTH), itertools.count()

        def step(state, words):
            *rows, caption = state.rows
            t = next(steps)
            state, log_p = self.model.step(DecoderState(tuple(rows), state.shared), words,
                                           masks and {at: mask[caption, t] for at, mask in masks.items()})
            return DecoderState((*state.rows, caption), state.shared), log_p

        state = start.select(put(image_of))
        state = DecoderState((*state.rows, put(np.arange(I * K))), state.shared)  # and its number
        sampled = targets(sample(step, state, rng=self.sampler, max_length=MAX_LENGTH, forbid=()))
        rewards = self.rewards(images[image_of], sampled)
        if self.settings.baseline == "others":
            total = rewards.reshape(I, K).sum(axis=1)
            return sampled, image_of, rewards, (total[image_of] - rewards) / (K - 1), masks
        best = targets(greedy(self.model.step, start, max_length=MAX_LENGTH))
        return sampled, image_of, rewards, self.rewards(images, best)[image_of], masks

    def rewards(self, images, captions):
        """The CIDEr-D of each caption (word indices) against the references of its image, (N,)."""
        return self.cider.scores(images, [self.words[caption] for caption in captions])


class Sampler:
    """The random numbers by which the processes of a group sample one word after another, each for its own captions.

    They are drawn as one process would draw them: for the captions that have not ended, of all processes.
    """

    def __init__(self, group, rng, words):
        self.group, self.rng, self.words = group, rng, words

    def standard_exponential(self, shape):
        counts = self.group.gather(shape[0])
        noise, begin = self.rng.standard_exponential((sum(counts), self.words)), sum(counts[:self.group.rank])
        self.ended = sum(counts) == 0
        return noise[begin:begin + shape[0]]

    def finish(self):
        """This process's captions have ended; go on until those of the others have, too."""
        if self.group.size > 1:
            self.ended = False
            while not self.ended:
                self.standard_exponential((0, self.words))


def targets(found):
    """The words of the first hypothesis of each, with <end> unless it was truncated."""
    return [[*best.words, END][:MAX_LENGTH] for best, *_ in found]
