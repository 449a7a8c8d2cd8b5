"""Training a captioner: epochs of gradient steps, scored on dev after each, and resumable bit for bit.

Everything that determines the next number is in the trainer's state: weights, their average, the optimiser's state, the
epoch, the best score so far, and the random generators of shuffling and dropout.
"""

import json
import time
from typing import NotRequired, TypedDict

import numpy as np

from ...backend import to_numpy
from ...distributed import Alone
from ...errors import UserError, warn
from ...files import write_text
from ...flat import flatten
from ...optim import Adam, WeightAverage, clip_gradients, warmup_cosine
from ...schema import Count, Size, fitting
from ...terminal import progress_bar
from ..captioner import caption_all
from ..checkpoint import load_tensors, save_tensors, split_prefix, with_prefix
from ..features.feature_source import FeatureSource, differences_in_words
from ..models.build import word_embedding
from ..scoring.metrics import References, corpus_scores
from ..text.batches import BatchesByImage, CaptionBatches, batches_in_order
from .consensus_weights import weighted
from .event_log import NoEventLog
from .together import EveryNth, TrainingTogether

FEW_DISTINCT = 0.02  # fraction of distinct captions below which the model probably ignores the images
LONGEST_WAIT = 60.0  # seconds, for another process in a step of training
MAX_LOSS = 700.0     # a perplexity of e^700 is close to the largest float64, and training has failed long before


class Line(TypedDict):
    """A line of metrics.jsonl, the numbers of an epoch; scores that are not read again may be there as well."""

    epoch: Size
    loss: float
    dev_loss: float
    bleu4: float
    cider: float


class RunState(TypedDict):
    """The facts in the header of last.safetensors."""

    vocabulary: str
    settings: dict[str, object]
    source: NotRequired[dict[str, object] | None]
    epoch: Size
    best: list[float]
    epochs_since_best: Count
    history: list[Line]
    shuffle_rng: dict[str, object]
    dropout_rng: dict[str, object]


class Trainer:
    """Trains ``captioner.model`` on a data set.

    inputs: split -> rows of model inputs (inputs.py). settings: a resolved TrainSettings, of which it reads epochs,
    batch_size, batches, lr, finetune_lr, warmup_epochs, schedule, weight_decay, clip, average, patience, select,
    select_beam, seed and embeddings_frozen. group: the processes that train together (distributed.py); each takes its
    part of every batch, and rank 0 writes the files. teachers: :class:`.Teachers` to learn from as well, or None. Its
    ``events``, an :class:`.EventLog`, may be replaced before it runs.
    """

    def __init__(self, captioner, dataset, inputs, settings, folder, group=None, teachers=None):
        self.captioner, self.dataset, self.inputs, self.settings, self.folder = \
            captioner, dataset, inputs, settings, folder
        self.model, self.group, self.teachers = captioner.model, group or Alone(), teachers
        self.shuffle_rng = np.random.default_rng([settings.seed, 1])
        self.batches = self.make_batches()
        self.dev_batches = batches_in_order(self._indexed("dev"), settings.batch_size)
        self.dev_references = References({name: dataset.captions[name] for name in inputs["dev"].names},
                                         captioner.vocabulary.tokenizer)
        frozen = word_embedding(self.model) if settings.embeddings_frozen else None
        self.parameters, lr_factors, lr_of_group = {}, {}, {"block": settings.finetune_lr}
        for group, parameters in self.model.parameter_groups().items():
            parameters = {name: p for name, p in parameters.items() if p is not frozen}
            flat = flatten(parameters, prefix=f"{group} ")
            self.parameters |= flat
            lr_factors |= dict.fromkeys(flat, lr_of_group.get(group, settings.lr) / settings.lr)
        self.optimizer = Adam(self.parameters.items(), settings.lr, weight_decay=settings.weight_decay,
                              lr_factors=lr_factors)
        self.average = WeightAverage(self.parameters.items(), settings.average)
        steps = len(self.batches)
        self.schedule = warmup_cosine(int(settings.warmup_epochs * steps), settings.epochs * steps,
                                      floor=1.0 if settings.schedule == "constant" else 0.02)
        self.epoch, self.best, self.epochs_since_best, self.history = 0, None, 0, []
        self.together = TrainingTogether(self.group, self.model, self.shuffle_rng)
        self.events, self.dev_captions = NoEventLog(), {}

    def make_batches(self):
        """The batches of an epoch; see :meth:`learn_from`."""
        captions, size = self._indexed("train"), self.settings.batch_size
        if self.settings.consensus_weight:
            references = ([self.captioner.vocabulary.tokenize(text) for text in self.dataset.captions[name]]
                          for name in self.inputs["train"].names)
            captions = weighted(captions, references, self.settings.consensus_weight)
        if self.settings.batches == "image":
            return BatchesByImage(captions, size, self.shuffle_rng)
        one_per_image = self.captioner.source is None  # pixels: the network itself is trained on them
        return CaptionBatches(captions, size, self.shuffle_rng, one_per_image=one_per_image)

    def _indexed(self, split):
        """(row of the image, word indices) for every caption of a split."""
        vocabulary = self.captioner.vocabulary
        return [(row, vocabulary.encode(vocabulary.tokenize(text)))
                for row, name in enumerate(self.inputs[split].names) for text in self.dataset.captions[name]]

    # --- one epoch ------------------------------------------------------------------------------------------------

    def run(self):
        """Train to the last epoch, or until dev has not improved for ``patience`` epochs; returns the best line."""
        while self.epoch < self.settings.epochs and self.epochs_since_best < self.settings.patience:
            begin = time.perf_counter()
            with np.errstate(all="ignore"):  # overflows lead to a loss that is not finite, which is checked
                line = {"epoch": self.epoch + 1, "loss": self.train_epoch()}
                seconds = time.perf_counter() - begin
                with self.average.applied():
                    line = self.group.share(line | self.score_on_dev() | {"seconds": round(seconds, 1)})
                    self.keep_if_best(line)
            self.epoch += 1
            self.history.append(line)
            self.events.log_epoch(self.optimizer.steps, line, self.dev_captions)
            self.save()
            report(line)
        return max(self.history, key=self.rank)

    def rank(self, line):
        """What makes an epoch better: the dev score or, where scores are equal (early on all are 0), -loss."""
        return [line[self.settings.select], -line["dev_loss"]]

    def train_epoch(self):
        """One pass over the batches; returns the mean loss, for likelihood per word."""
        total, counted, checked = 0.0, 0, 20
        with progress_bar(total=len(self.batches), desc=f"epoch {self.epoch + 1}", leave=False, unit="batch") as bar:
            for number, batch in enumerate(self.batches, start=1):
                loss, count = self.step(batch)
                total, counted = total + loss * count, counted + count
                bar.update()
                self.group.limit_waiting(LONGEST_WAIT)  # not in the first step, when functions may be compiled
                if number % checked == 0 or number == len(self.batches):
                    mean = float(to_numpy(total)) / counted  # waits for the device, so not at every step
                    self.expect_finite(mean, f"by batch {number}")
                    bar.set_postfix(loss=f"{mean:.3f}")
                    learning_rate = self.settings.lr * self.schedule(self.optimizer.steps - 1)
                    self.events.log_steps(self.optimizer.steps, learning_rate, mean, counted)
        self.group.limit_waiting(None)  # for the dev scores, and until rank 0 has saved everything
        return mean

    def expect_finite(self, loss, when):
        """UserError when the loss, or the perplexity that is its exponential, is infinite or not a number."""
        if loss < MAX_LOSS:
            return
        checkpoint = f"; the checkpoint of epoch {self.epoch} is in {self.folder}" if self.epoch else ""
        raise UserError(f"the loss is not finite in epoch {self.epoch + 1}, {when}; use a smaller lr= than "
                        f"{self.settings.lr:g}{checkpoint}")

    def step(self, batch):
        """Forward, backward, clip, update; returns what :meth:`learn_from` does."""
        loss, count = self.learn_from(batch)
        loss = self.together.sum_gradients(self.parameters.values(), loss)
        clip_gradients(self.parameters.values(), self.settings.clip)
        self.optimizer.step(self.schedule(self.optimizer.steps))
        self.average.update()
        self.model.zero_grad()
        return loss, count

    def learn_from(self, batch):
        """Add to every gradient; returns (the mean loss, a 0-d array on the device, the number of words).

        In a group both the gradients and the loss are what this process's words contribute to them.
        """
        words = int(batch.lengths.sum())
        part = self.together.part_of(batch)
        loss, weight = 0.0, int(part.lengths.sum()) / words
        if weight:
            advantage = part.weights if part.weights is None else self.captioner.device.asarray(part.weights)
            inputs = self.model_inputs("train", part)
            soft = self.teachers and self.teachers.soft_targets(*inputs)
            loss, cache = self.model.forward(*inputs, advantage=advantage, soft=soft)
            self.model.backward(weight, cache)
        else:
            self.together.take_part()
        self.together.align_generators(batch.image_index)
        return loss * weight, words

    def model_inputs(self, split, batch):
        """(images, image_of, words, targets, lengths) of a batch, on the model's device."""
        rows, image_of = np.unique(batch.image_index, return_inverse=True)
        put = self.captioner.device.asarray
        rng = self.together.image_rng if split == "train" else None  # inputs may differ from epoch to epoch
        return put(self.inputs[split](rows, rng)), put(image_of), put(batch.tokens), put(batch.targets), batch.lengths

    # --- its end: dev scores, and what is saved ---------------------------------------------------------------------

    def score_on_dev(self):
        loss = self.dev_loss()
        self.expect_finite(loss, "on dev")
        inputs, group = self.inputs["dev"], self.group
        mine = caption_all(self.captioner, EveryNth(inputs, group.rank, group.size), beam=self.settings.select_beam)
        found = {name: caption for of_rank in group.gather(mine) for name, caption in of_rank.items()}
        if group.rank > 0:
            return {}
        self.dev_captions = predictions = {name: found[name] for name in inputs.names}
        distinct = len(set(predictions.values())) / len(predictions)
        scores = corpus_scores(self.dev_references.statistics(predictions))
        return {"dev_loss": loss, "dev_perplexity": float(np.exp(loss))} | scores | {"distinct": distinct}

    def dev_loss(self):
        """Mean cross-entropy per word, without dropout and label smoothing."""
        total = np.zeros(2)  # of the losses, and the number of words
        for batch in self.dev_batches[self.group.rank::self.group.size]:
            count = int(batch.lengths.sum())
            total += float(to_numpy(self.model(*self.model_inputs("dev", batch)))) * count, count
        loss, words = self.group.sum_(total)
        return float(loss / words)

    def keep_if_best(self, line):
        """Save the present weights (the average) as the best, if the dev score is the best so far."""
        if self.best is not None and self.rank(line) <= self.best:
            self.epochs_since_best += 1
            return
        self.best, self.epochs_since_best = self.rank(line), 0
        if self.group.rank == 0:
            save_tensors(self.folder / "best.safetensors", self.model.state(),
                         {"vocabulary": self.captioner.vocabulary.digest, "dev": line})

    def save(self):
        if self.group.rank > 0:
            return
        tensors = (with_prefix(self.model.state(), "model") | with_prefix(self.optimizer.state(), "optimizer")
                   | with_prefix(self.average.state(), "average"))
        source = self.captioner.source
        facts = {"vocabulary": self.captioner.vocabulary.digest, "settings": self.settings.identity(),
                 "source": source and source.to_json(), "epoch": self.epoch, "best": self.best,
                 "epochs_since_best": self.epochs_since_best, "history": self.history,
                 "shuffle_rng": self.shuffle_rng.bit_generator.state,
                 "dropout_rng": self.model.dropout_rng.bit_generator.state}
        write_text(self.folder / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in self.history))
        save_tensors(self.folder / "last.safetensors", tensors, facts)  # last: if killed before, the epoch is run again

    def resume(self):
        """Continue from ``last.safetensors`` as if the run had never stopped; UserError if it is of another run."""
        path = self.folder / "last.safetensors"
        tensors, facts = self.group.share(load_tensors(path, "checkpoint to resume from") if self.group.rank == 0
                                          else None)
        if "settings" not in facts:
            raise UserError(f"{self.folder}/last.safetensors holds weights but no state of a run to continue; start "
                            "another run with another out=")
        fitting(facts, RunState, f"the header of {path}")
        ours = self.settings.identity()
        theirs = {name: facts["settings"].get(name) for name in ours}
        if changed := [name for name in ours if theirs[name] != ours[name]]:
            raise UserError(f"{self.folder} was trained {difference(changed[0], theirs, ours)}; resume with the "
                            "settings of the run, or start another one with another out=")
        try:
            before = FeatureSource.from_json(facts.get("source"))
            self.shuffle_rng.bit_generator.state = facts["shuffle_rng"]
            self.model.dropout_rng.bit_generator.state = facts["dropout_rng"]
            if [line["epoch"] for line in facts["history"]] != list(range(1, facts["epoch"] + 1)):
                raise ValueError("its history is not one of all epochs")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UserError(f"{self.folder}/last.safetensors is damaged ({error}); start another run with another out="
                            ) from error
        if before != self.captioner.source:
            raise UserError(f"{self.folder} was trained on other features, which differ in "
                            f"{differences_in_words(self.captioner.source, before)}; resume with the same features, or "
                            "start another run with another out=")
        if facts["vocabulary"] != self.captioner.vocabulary.digest:
            raise UserError(f"{self.folder} was trained with another vocabulary, so on other captions; "
                            "start another run with another out=")
        self.model.load_state(split_prefix(tensors, "model"))
        self.optimizer.load_state(split_prefix(tensors, "optimizer"))
        self.average.load_state(split_prefix(tensors, "average"))
        self.epoch, self.best = facts["epoch"], facts["best"]
        self.epochs_since_best, self.history = facts["epochs_since_best"], facts["history"]


def difference(name, before, now):
    """What was different ``before`` in a setting, in words: "with another lr= (0.1, not 0.2)", "without sentinel="."""
    if all(type(settings[name]) in (bool, type(None)) for settings in (before, now)):
        return f"{'with' if before[name] else 'without'} {name}="
    was, is_now = ("none" if settings[name] is None else settings[name] for settings in (before, now))
    return f"with another {name}= ({was}, not {is_now})"


def report(line):
    """Print a line for an epoch, and a warning when only a few different captions are generated for all images."""
    learned = f"loss {line['loss']:.3f}" if line["loss"] >= 0 else f"reward {-line['loss']:.3f}"
    print(f"epoch {line['epoch']:2d}  {learned}  dev: perplexity {line['dev_perplexity']:.2f}  "
          f"BLEU-4 {100 * line['bleu4']:.1f}  CIDEr {100 * line['cider']:.1f}  {line['seconds']:.0f} s", flush=True)
    distinct = round(line["distinct"] * line["n"])
    if distinct <= max(1, FEW_DISTINCT * line["n"]) and line["n"] > 1:
        warn(f"only {distinct} of {line['n']} dev captions are distinct, so the model hardly uses the images; check "
             "that their features differ, try a smaller learning rate or more epochs")
