"""python -m minicap.train: train a captioner, by default on the built-in scenes, with nothing to download."""

import contextlib
import dataclasses
import hashlib
import os
import sys

import numpy as np

from .backend import get_device, to_numpy
from .captioning.captioner import Captioner, caption_all
from .captioning.checkpoint import write_description
from .captioning.data import load_dataset
from .captioning.training.assemble import assemble, extracted_features
from .captioning.training.distillation import Teachers
from .captioning.training.event_log import event_log, tensorboard_package
from .captioning.training.self_critical import SelfCriticalTrainer
from .captioning.training.settings import TrainSettings, next_folder
from .captioning.training.trainer import Trainer
from .cli import parse_settings, run_program, warn_of_no_effect
from .distributed import join
from .errors import UserError, warn
from .files import read_json, write_json
from .locks import locked_folder
from .paths import expanded
from .terminal import can_show, drawn

WRITTEN = ("captioner.json", "settings.json", "metrics.jsonl", "best.safetensors", "curve.png", "samples.png")

NEEDED = {"show-tell": "model='show-tell'", "attend": "model='attend'", "cider": "objective='cider'",
          "finetune": "finetune=", "teachers": "teachers="}  # for options that are ``of`` these


def main(argv=None):
    given = parse_settings(TrainSettings, "train", "Train an image captioner.", argv)
    if given.tensorboard:
        tensorboard_package()
    group, settings = join(), None
    with contextlib.ExitStack() as stack:
        if group.rank == 0:
            settings = given.resolved()
            if not settings.gradcheck:
                settings = hold_folder(stack, given, settings)
                check_folder(expanded(settings.out), settings.resume)
        return run(given, group.share(settings), group)


def hold_folder(stack, given, settings):
    """Lock the folder of the run for as long as ``stack`` is open, and return the settings.

    They have another folder if none was ``given``, and a run that begins at the same time has taken it.
    """
    while True:
        try:
            stack.enter_context(locked_folder(settings.out))
            return settings
        except UserError:
            if given.out is not None:
                raise
            settings = dataclasses.replace(settings, out=next_folder(settings.data))


def run(given, settings, group):
    """Train with the resolved ``settings`` of those ``given``, together with the other processes of the group."""
    print("settings: " + ", ".join(f"{name}={value}" for name, value in settings.of_use().items()))
    folder = expanded(settings.out)
    warn_of_unused(given, settings)
    device = device_of(group, settings.device)
    dataset = load_dataset(settings.data, settings.data_dir, splits=settings.splits, split_seed=settings.split_seed,
                           pictures=settings.features is None)
    if dataset.name != "shapes" and settings.features is None:
        features = str(extracted_features(dataset, settings, device)) if group.rank == 0 else None
        settings = dataclasses.replace(settings, features=group.share(features))
    captioner, inputs = assemble(settings, dataset, device)
    if len(inputs["dev"].names) == 1 and settings.select == "cider":
        warn("dev is a single image, whose CIDEr is always 0, so that no epoch is better than another; add images to "
             "dev or use --select bleu4")
    kind = SelfCriticalTrainer if settings.objective == "cider" else Trainer
    teachers = Teachers.load(settings.teachers, settings.distill, captioner)
    trainer = kind(captioner, dataset, inputs, settings, folder, group, teachers)
    if settings.gradcheck:
        return check_gradients_of(trainer)
    check_agreement(group, trainer)
    print(f"{dataset!r}; {captioner.vocabulary!r}; {captioner.model!r} on {device}")
    if settings.resume:
        trainer.resume()  # before anything is written, so that settings that do not fit leave the run unchanged
        print(f"resuming after epoch {trainer.epoch}")
    if group.rank == 0:
        write_json(folder / "settings.json", dataclasses.asdict(settings))
        write_description(folder, captioner)
    try:
        with event_log(settings, folder, trainer.optimizer.steps, group.rank) as trainer.events:
            best = trainer.run()
    except KeyboardInterrupt as interrupt:
        if not (folder / "last.safetensors").exists():
            raise
        raise KeyboardInterrupt(f"the last checkpoint is in {folder}; continue with --resume") from interrupt
    search = "greedy" if settings.select_beam == 1 else f"beam {settings.select_beam}"
    print(f"best epoch {best['epoch']}: dev BLEU-4 {100 * best['bleu4']:.1f}, CIDEr {100 * best['cider']:.1f} "
          f"({search})")
    if group.rank == 0:
        show(folder, trainer, device)


def device_of(group, name):
    """The device of this process: of several on a machine, each has a GPU of its own."""
    device = get_device(name)
    if group.size == 1 or device.xp is np or ":" in name:
        return device
    count = device.xp.cuda.runtime.getDeviceCount()
    if group.local_size > count:
        raise UserError(f"{group.local_size} processes on a machine with {count} GPUs; start as many as there are, or "
                        "use device='cpu'")
    return get_device(f"cuda:{group.local_rank}")


def check_agreement(group, trainer):
    """UserError unless all processes begin with the same: they may read other files, on other machines."""
    if group.size == 1:
        return
    captioner = trainer.captioner
    captions = [(name, trainer.dataset.captions[name]) for split in ("train", "dev")
                for name in trainer.inputs[split].names]
    weights = {name: to_numpy(p.data) for name, p in captioner.model.named_state()}
    facts = {"words": captioner.vocabulary.digest, "captions": captions, "features": captioner.source,
             "weights": [(name, data.tobytes()) for name, data in weights.items()]}
    digests = {what: hashlib.sha256(repr(value).encode()).hexdigest() for what, value in facts.items()}
    for rank, theirs in enumerate(group.gather(digests)):
        different = [what for what in digests if theirs[what] != digests[what]]
        if different and group.rank == 0:
            raise UserError(f"rank {rank} begins with other {different[0]} than rank 0; give all machines the same "
                            "data, features and version of minicap")
    group.share(None)  # rank 0 has found no difference


def warn_of_unused(given, settings):
    """A warning of the options that were ``given`` but have no effect on a run with these resolved ``settings``."""
    if settings.data == "shapes":
        warn_of_no_effect(given, ("data_dir", "features", "mirrored", "augmented", "layer", "weights"),
                          "with data='shapes', whose pictures are generated")
    unused = [field for field in dataclasses.fields(given)
              if not settings.applies(field) and getattr(given, field.name) != field.default]
    needed = dict.fromkeys(NEEDED[field.metadata["of"]] for field in unused)
    warn_of_no_effect(given, [field.name for field in unused], f"without {' and '.join(needed)}")


def check_folder(folder, resume):
    """Refuse to overwrite another run or somebody's own files, or to resume a run that does not exist."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder} is a file; name a folder")
    if (folder / "last.safetensors").exists() and not resume:
        raise UserError(f"{folder} already has a training run; add --resume to continue it, or name another --out")
    if resume and not (folder / "last.safetensors").exists():
        raise UserError(f"{folder} has no run to resume; leave out --resume to start one")
    others = [name for name in WRITTEN if (folder / name).exists()]
    if others and not (is_ours(folder / "captioner.json", {"format", "model", "vocabulary"})
                       or is_ours(folder / "settings.json", {"data", "model", "select"})):
        raise UserError(f"{folder / others[0]} is there already and was not written by a training run, which would "
                        "overwrite it; name another --out")


def is_ours(path, keys):
    """Whether a JSON file has the ``keys`` of one that training writes."""
    try:
        found = read_json(path)
    except UserError:
        return False
    return isinstance(found, dict) and keys <= found.keys()


def check_gradients_of(trainer, captions=4):
    """Print the gradient check of the actual model on the first few captions of an actual batch; 0 if it passes."""
    from .captioning.text.batches import make_batch
    from .gradcheck import check_gradients

    first = next(iter(trainer.batches))
    batch = make_batch([(int(image), words[:n - 1].tolist()) for image, words, n in
                        zip(first.image_index[:captions], first.targets, first.lengths, strict=False)])
    report = check_gradients(trainer.model, *trainer.model_inputs("train", batch), max_elements=30)
    print(report)
    return 0 if report.ok else 1


def show(folder, trainer, device, count=12):
    """Plot the learning curves, and some dev pictures with their captions from the best epoch."""
    from .captioning.reporting.plots import save_curves, save_samples, terminal_picture

    captioner = Captioner.load(folder, device=str(device))
    dataset, inputs = trainer.dataset, trainer.inputs["dev"]
    captions = caption_all(captioner, inputs)
    names = inputs.names[:count]
    save_curves(folder / "curve.png", trainer.history, trainer.settings.of_use())
    print(f"a dev picture, {names[0]}: {captions[names[0]]}; learning curves: {folder / 'curve.png'}")
    try:
        pictures = [dataset.image(n) for n in names]
    except UserError as error:  # there are features, but perhaps no pictures
        warn(f"no samples.png: {error}")
        return
    save_samples(folder / "samples.png", pictures, [captions[n] for n in names])
    if sys.stdout.isatty() and os.environ.get("COLORTERM") in ("truecolor", "24bit") and can_show("▀"):
        print(terminal_picture(pictures[0]), file=drawn(sys.stdout))
    print(f"{len(names)} dev pictures with captions: {folder / 'samples.png'}")


if __name__ == "__main__":
    run_program(main, together=True)
