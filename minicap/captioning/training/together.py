"""A step of training by several processes (distributed.py), each with a part of the batch, as one would make it.

Every process draws the same shuffle and so knows the whole batch. It takes some of the images, with all of their
captions in the batch, so that an image is encoded once, and of the images that are left over some of the captions.
Dropout draws the numbers for the whole batch as well and uses
those of its rows: the result does not depend on how many processes there are. Gradients are weighted by words.
"""

import numpy as np

from ...backend import array_module
from ...recurrent import pack_by_time
from ...sync_batch_norm import synchronise
from ..text.batches import CaptionBatch


class TrainingTogether:
    """What the processes of a ``group`` do in a step of training ``model``; for one that is alone, nothing.

    image_rng   the generator for what is drawn for each image of a batch, in place of ``shuffle_rng``
    """

    def __init__(self, group, model, shuffle_rng):
        self.group, self.model, self.shuffle_rng, self.image_rng = group, model, shuffle_rng, shuffle_rng
        self.norms, self.summed, self.generators = [], None, []
        if group.size > 1:
            self.norms, self.image_rng = synchronise(model, group.sum_), SharedGenerator(shuffle_rng)
            self.generators.append(("images", self.image_rng))
            for order, layers in model.draws().items():
                for layer in layers:
                    layer.rng = SharedGenerator(model.dropout_rng)
                    self.generators.append((order, layer.rng))

    def part_of(self, batch):
        """The captions of a batch that this process learns from; random numbers from now on are those for them."""
        if self.group.size == 1:
            return batch
        rows = rows_of_rank(batch, self.group.rank, self.group.size, divide=not self.norms)
        drawn = draws_for(batch, rows) if len(rows) else {}
        for order, generator in self.generators:
            generator.shape, generator.index = drawn.get(order, (None, None))
        return part_of(batch, rows)

    def images_of(self, images, samples):
        """The same for a batch of images (I,), for each of which ``samples`` captions will be sampled."""
        if self.group.size == 1:
            return images
        mine = np.array_split(np.arange(len(images)), self.group.size)[self.group.rank]
        of_captions = (mine[:, None] * samples + np.arange(samples)).ravel()
        for _, generator in self.generators:
            of_images = generator is self.image_rng
            generator.shape = (len(images) * (1 if of_images else samples),)
            generator.index = (mine if of_images else of_captions,)
        return images[mine]

    def take_part(self):
        """What a process does that has none of the captions while the others are in forward and backward."""
        for norm in self.norms:
            norm.take_part()
        for norm in reversed(self.norms):
            norm.take_part_backward()

    def align_generators(self, images):
        """After a batch with fewer ``images``, indices, than processes: those that had none have drawn nothing."""
        if self.group.size > 1 and len(np.unique(images)) < self.group.size:
            generators = [self.shuffle_rng.bit_generator, self.model.dropout_rng.bit_generator]
            for generator, state in zip(generators, self.group.share([g.state for g in generators]), strict=True):
                generator.state = state

    def sum_gradients(self, parameters, loss):
        """Give every parameter the sum of its gradients in all processes; returns the sum of the losses.

        They go round as one array, with the loss as its last number: all processes see at once if it is not finite.
        """
        if self.group.size == 1:
            return loss
        parameters = list(parameters)
        if self.summed is None:
            data = parameters[0].data
            self.summed = array_module(data).empty(sum(p.data.size for p in parameters) + 1, data.dtype)
        *parts, last = np.split(self.summed, np.cumsum([p.data.size for p in parameters]))
        for p, part in zip(parameters, parts, strict=True):
            part[...] = 0 if p.grad is None else p.grad.reshape(-1)
        last[...] = loss
        self.group.sum_(self.summed)
        for p, part in zip(parameters, parts, strict=True):
            p.grad = part.reshape(p.data.shape)
        return last[0].copy()


class EveryNth:
    """The model inputs of every ``size``-th image, from number ``rank`` on."""

    def __init__(self, inputs, rank, size):
        self.inputs, self.rows = inputs, np.arange(rank, len(inputs.names), size)
        self.names = inputs.names[rank::size]

    def __call__(self, rows):
        return self.inputs(self.rows[rows])


def rows_of_rank(batch, rank, size, divide=True):
    """The rows of a :class:`.CaptionBatch` that belong to a process: images dealt out by their number of words.

    Of the last images, of which there is none for every process, the captions are dealt out if ``divide``. It must not
    be where moments of the batch are computed, as an image would count twice.
    """
    images, image_of = np.unique(batch.image_index, return_inverse=True)
    order = np.argsort(-np.bincount(image_of, weights=batch.lengths), kind="stable")
    if divide:
        order = order[:len(order) // size * size]
    turn, owner_of_image = np.arange(len(order)) % (2 * size), np.full(len(images), -1)
    owner_of_image[order] = np.minimum(turn, 2 * size - 1 - turn)  # 0 1 2, 2 1 0, 0 1 2, ...
    owner = owner_of_image[image_of]
    words = np.bincount(owner[owner >= 0], weights=batch.lengths[owner >= 0], minlength=size)
    for row in sorted(np.flatnonzero(owner < 0), key=lambda row: -batch.lengths[row]):
        owner[row] = words.argmin()
        words[owner[row]] += batch.lengths[row]
    return np.flatnonzero(owner == rank)


def part_of(batch, rows):
    """The captions in these ``rows`` of a batch, as long as the longest of them."""
    lengths = batch.lengths[rows]
    T = int(lengths.max(initial=0))
    return CaptionBatch(batch.image_index[rows], batch.tokens[rows, :T], batch.targets[rows, :T], lengths,
                        None if batch.weights is None else batch.weights[rows])


def draws_for(batch, rows):
    """Where the random numbers of ``rows`` are among those for the whole batch: {order: (shape, index)}.

    The orders are those in which the models' layers have their rows, see :meth:`.ShowTell.draws`:

        captions     (N, T, ...)   with the padding
        words        (M, ...)      the words of the first caption, of the second, ...
        steps        (M, ...)      all first words, all second words, ...
        images       (I, ...) or (I·L, ...): the regions of the first image, of the second, ...
    """
    (N, T), part = batch.tokens.shape, part_of(batch, rows)
    inside = np.arange(T) < batch.lengths[:, None]
    by_caption, by_step = np.full((N, T), -1), np.full((N, T), -1)
    by_caption[inside] = np.arange(inside.sum())
    row, t, _ = pack_by_time(batch.lengths)
    by_step[row, t] = np.arange(len(row))
    mine = by_caption[rows]
    row, t, _ = pack_by_time(part.lengths)
    images = np.unique(batch.image_index)
    return {"captions": ((N, T), (rows, slice(0, part.tokens.shape[1]))),
            "words": ((inside.sum(),), (mine[mine >= 0],)),
            "steps": ((inside.sum(),), (by_step[rows[row], t],)),
            "images": ((len(images),), (np.searchsorted(images, np.unique(part.image_index)),))}


class SharedGenerator:
    """A NumPy Generator's ``random``, of which this process takes its part: as if it had drawn for the whole batch.

    shape, index   set before: the leading axes of the numbers for the whole batch, and where in them ours are
    """

    def __init__(self, rng):
        self.rng, self.shape, self.index = rng, None, None

    def random(self, shape, dtype=np.float64):
        (first, *rest), rows = np.atleast_1d(shape).tolist(), len(self.index[0])
        rest = rest[len(self.shape) - 1:]
        if first == rows:
            return self.rng.random((*self.shape, *rest), dtype)[self.index]
        numbers = self.rng.random((self.shape[0], first // rows, *rest), dtype)[self.index]  # several rows an image
        return numbers.reshape(first, *rest)
