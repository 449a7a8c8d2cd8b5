"""python -m minicap.train: learn to caption; by default the built-in scenes, with nothing to download."""

import dataclasses
import hashlib
import os
import sys
from pathlib import Path

import numpy as np

from .backend import get_device
from .captioning.captioner import Captioner, ModelSettings
from .captioning.checkpoint import FORMAT, load_tensors, read_description
from .captioning.data import load_dataset
from .captioning.features.feature_file import open_features
from .captioning.features.inputs import FeatureInputs, PixelInputs
from .captioning.models.fine_tune import BLOCKS, READS, channels_made
from .captioning.text.tokens import tokenize
from .captioning.text.vocabulary import SPECIAL, Vocabulary
from .captioning.training.self_critical import SelfCriticalTrainer
from .captioning.training.settings import LAYERS, ONLY, TrainSettings
from .captioning.training.trainer import Trainer, caption_all
from .cli import parse_settings, run_program
from .errors import UserError, warn
from .files import write_json


def inputs_for(dataset, settings):
    """(split -> model inputs, facts about them): drawn pictures, or the rows of a feature file."""
    if dataset.name == "shapes":
        return {s: PixelInputs(dataset, dataset.splits[s]) for s in ("train", "dev")}, None
    features = open_features(settings.features)
    source = features.info["source"]
    if (len(parts_of(source)[0]) > 1) != (settings.model == "attend"):
        wanted = "regions, which --layer conv5_4 or pool5 extracts" if settings.model == "attend" else "fc7"
        raise UserError(f"{features.path} holds {source['layer']} features of shape {tuple(source['shape'])}; --model "
                        f"{settings.model} reads {wanted}")
    if settings.finetune and (source["layer"] != layer_of(settings) or not source["network"].startswith("VGG-19")
                              or "batch norm" in source["network"]):
        raise UserError(f"{features.path} holds {source['layer']} features of {source['network']}; --finetune "
                        f"{settings.finetune} needs VGG-19's {layer_of(settings)} here: extract --layer "
                        f"{layer_of(settings)}, name it with --features and the mirrored one with --mirrored")
    mirrored = open_features(settings.mirrored) if settings.mirrored else None
    return {"train": FeatureInputs(features, dataset.splits["train"], mirrored),
            "dev": FeatureInputs(features, dataset.splits["dev"])}, source


def layer_of(settings):
    """The features that a run reads if none are named: its model's, or what comes before a block it fine-tunes."""
    if settings.finetune is None:
        return settings.layer or LAYERS[settings.model]
    before, whole = READS[settings.finetune], "+fc7"
    return before + whole * read_description(settings.init)["source"]["layer"].endswith(whole)


def parts_of(source):
    """The shapes of what stands in a row of features: one, or that of the regions and that of the whole image."""
    return source.get("parts") or [source["shape"]]


def extracted_features(dataset, settings, device):
    """The path of the features of ``dataset``, made now if they are not there."""
    from .captioning.features.extractor import Extractor, extract
    from .download.catalogue import data_folder, find_weights

    weights = settings.weights or find_weights("vgg19") or find_weights("vgg16")
    if weights is None:
        raise UserError("where are the VGG weights? Name the file with --weights or in MINICAP_WEIGHTS, fetch it with "
                        "`python -m minicap.download vgg19`, or name extracted features with --features")
    layer = layer_of(settings)
    extractor = Extractor(weights, layer, device)
    name = dataset.name
    if name == "folder":  # two folders may hold different pictures under the same names
        name += "-" + hashlib.sha256(str(Path(settings.data_dir).expanduser().resolve()).encode()).hexdigest()[:8]
    path = data_folder() / "features" / f"{name}-{layer}-{extractor.source.weights_sha256[:8]}.npy"
    extract(dataset, extractor, path)
    return path


def build(settings, dataset, source, device):
    """A captioner with fresh weights for ``dataset``; its vocabulary is train's."""
    train_captions = [tokenize(t) for name in dataset.splits["train"] for t in dataset.captions[name]]
    vocabulary = Vocabulary.from_captions(train_captions, settings.min_count)
    if len(vocabulary) == len(SPECIAL):
        raise UserError(f"no word occurs {settings.min_count} times in the {len(train_captions)} training captions; "
                        "use a smaller --min-count")
    shape = ({"input": "pixels", "side": dataset.side} if source is None
             else {"input": "features", "feature_size": parts_of(source)[0][-1]})
    if settings.finetune:
        shape["feature_size"] = channels_made(settings.finetune)
    if settings.model == "attend":
        shape["whole"] = sum(size for (size,) in parts_of(source)[1:])
        shape |= {name: getattr(settings, name) for name in ONLY["attend"]}
        shape |= {"drop_at": settings.places(), "finetune": settings.finetune}
    model_settings = ModelSettings(vocabulary=len(vocabulary), model=settings.model, embedding=settings.embedding,
                                   hidden=settings.hidden, drop=settings.drop, label_smoothing=settings.label_smoothing,
                                   image_every_step=settings.image == "every", **shape)
    model = model_settings.build(np.random.default_rng([settings.seed, 0]), vocabulary.log_frequencies())
    return Captioner(model, vocabulary, model_settings, device, source=source, weights=settings.weights)


def fit_normalization(captioner, inputs, images=256):
    """Let the model take the statistics of its features from some images of train, evenly spread over the split."""
    if captioner.settings.model == "attend" and captioner.settings.normalize == "channels":
        rows = np.unique(np.linspace(0, len(inputs.names) - 1, images).astype(int))
        captioner.model.fit(captioner.device.asarray(inputs(rows)))


def begin_with(captioner, folder):
    """Give the model the weights of another run's best epoch, and a block to be fine-tuned those of VGG."""
    path = Path(folder).expanduser() / "best.safetensors"
    tensors, facts = load_tensors(path, "checkpoint to begin with")
    if facts.get("vocabulary") != captioner.vocabulary.digest:
        raise UserError(f"{path} was trained with another vocabulary, so on other captions; name a run on this data")
    description = read_description(folder)
    block = captioner.settings.finetune
    fresh = block is not None and description["model"].get("finetune") is None  # the run before read a frozen block
    expected = captioner.source | ({key: description["source"][key] for key in ("layer", "shape", "parts")
                                    if key in description["source"]} if fresh else {})
    if description["source"] != expected:
        raise UserError(f"{path} was trained on other features; name those it was trained on with --features")
    try:
        (captioner.model.captioner if fresh else captioner.model).load_state(tensors)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    if fresh:
        captioner.model.block.load_state(pretrained_block(captioner, block))


def pretrained_block(captioner, block):
    """The weights of a block in the VGG file that the features are of."""
    first, last = BLOCKS[block]
    extractor = captioner.extractor()  # which checks that it is the same file
    return extractor.model.between(first, last).state()


def check_gradients_of(trainer, captions=4):
    """Print the gradient check of the real model on the first few captions of a real batch; 0 if all is well."""
    from .captioning.text.batches import make_batch
    from .gradcheck import check_gradients

    first = next(iter(trainer.batches))
    batch = make_batch([(int(image), words[:n - 1].tolist()) for image, words, n in
                        zip(first.image_index[:captions], first.targets, first.lengths, strict=False)])
    report = check_gradients(trainer.model, *trainer.model_inputs("train", batch), max_elements=30)
    print(report)
    return 0 if report.ok else 1


def check_folder(folder, resume):
    """Refuse to write over another run, or to go on with none."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder} is a file; name a folder")
    if (folder / "last.safetensors").exists() and not resume:
        raise UserError(f"{folder} already holds a training run; add --resume to go on with it, or name another --out")
    if resume and not (folder / "last.safetensors").exists():
        raise UserError(f"{folder} holds no run to resume; leave out --resume to start one")


def describe_run(folder, settings, captioner):
    """Write what captioning, evaluating and resuming need beside the weights."""
    write_json(folder / "settings.json", dataclasses.asdict(settings))
    write_json(folder / "captioner.json", {"format": FORMAT, "model": dataclasses.asdict(captioner.settings),
                                           "source": captioner.source, "vocabulary": captioner.vocabulary.to_json()})


def main(argv=None):
    settings = parse_settings(TrainSettings, "train", "Train an image captioner.", argv).resolved()
    print("settings: " + ", ".join(f"{k}={v}" for k, v in dataclasses.asdict(settings).items() if v is not None))
    folder = Path(settings.out).expanduser()
    if not settings.gradcheck:
        check_folder(folder, settings.resume)
    unused = [name for name in ("data_dir", "features", "mirrored", "weights") if getattr(settings, name)]
    if unused and settings.data == "shapes":
        warn(f"--{unused[0].replace('_', '-')} is of no use to --data shapes, which are drawn and not read")
    unused = [name for model, names in ONLY.items() if model != settings.model for name in names
              if getattr(settings, name)]
    if unused:
        warn(f"--{unused[0].replace('_', '-')} is of no use to --model {settings.model}")
    device = get_device(settings.device)
    dataset = load_dataset(settings.data, settings.data_dir, splits=settings.splits, split_seed=settings.split_seed)
    if dataset.name != "shapes" and settings.features is None:
        settings = dataclasses.replace(settings, features=str(extracted_features(dataset, settings, device)))
    inputs, source = inputs_for(dataset, settings)
    captioner = build(settings, dataset, source, device)
    if settings.init is None:
        fit_normalization(captioner, inputs["train"])
    else:
        begin_with(captioner, settings.init)
    kind = SelfCriticalTrainer if settings.objective == "cider" else Trainer
    trainer = kind(captioner, dataset, inputs, settings, folder)
    if settings.gradcheck:
        return check_gradients_of(trainer)
    print(f"{dataset!r}; {captioner.vocabulary!r}; {captioner.model!r} on {device}")
    if settings.resume:
        trainer.resume()  # before anything is written: a run that these settings do not fit stays as it was
        print(f"going on after epoch {trainer.epoch}")
    describe_run(folder, settings, captioner)
    try:
        best = trainer.run()
    except KeyboardInterrupt as interrupt:
        if not (folder / "last.safetensors").exists():
            raise
        raise KeyboardInterrupt(f"the last checkpoint in {folder} is kept; go on with --resume") from interrupt
    print(f"best epoch {best['epoch']}: dev BLEU-4 {100 * best['bleu4']:.1f}, CIDEr {100 * best['cider']:.1f} (greedy)")
    show(folder, trainer, device)


def show(folder, trainer, device, count=12):
    """Draw the curves and some dev pictures with what the best epoch says about them."""
    from .captioning.reporting.plots import save_curves, save_samples, terminal_picture

    captioner = Captioner.load(folder, device=str(device))
    dataset, inputs = trainer.dataset, trainer.inputs["dev"]
    captions = caption_all(captioner, inputs)
    names = inputs.names[:count]
    save_curves(folder / "curve.png", trainer.history)
    save_samples(folder / "samples.png", [dataset.image(n) for n in names], [captions[n] for n in names])
    if sys.stdout.isatty() and os.environ.get("COLORTERM") in ("truecolor", "24bit"):
        print(terminal_picture(dataset.image(names[0])))
    print(f"a dev picture, {names[0]}: {captions[names[0]]}")
    print(f"{len(names)} dev pictures with captions: {folder / 'samples.png'}; learning curves: {folder / 'curve.png'}")


if __name__ == "__main__":
    run_program(main)
