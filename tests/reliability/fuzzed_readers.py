"""Every reader of files: how to make valid files for it, how to mutate them, and how to read one."""

import gzip
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import mutations as m
import numpy as np
import programs
import tiny_captioner
import tiny_flickr8k
import tiny_vgg
import vgg_files
from PIL import Image
from torch_writing import save_legacy, save_zip

from minicap.captioning.captioner import Captioner
from minicap.captioning.checkpoint import run_settings
from minicap.captioning.data import load_dataset
from minicap.captioning.features.feature_file import open_features
from minicap.captioning.features.feature_shards import index_of, write_index
from minicap.captioning.features.own_features import import_features
from minicap.captioning.run_data import RunData
from minicap.captioning.text.word_vectors import WordVectors
from minicap.captioning.training import settings as training
from minicap.captioning.training.trainer import Line
from minicap.classify import read_classes
from minicap.download.archives import unpack
from minicap.download.partial import Partial
from minicap.files import read_json, read_json_lines
from minicap.images import read_image
from minicap.learn.lessons import Lesson
from minicap.learn.progress import Progress
from minicap.reproduce import recorded_row
from minicap.score import load_predictions, load_references
from minicap.vgg import vgg

NAMES = tiny_captioner.NAMES
CAPTIONS = {name: list(tiny_captioner.captions_of(name)) for name in NAMES}
PAIRS = [(name, caption) for name in NAMES for caption in CAPTIONS[name]]


@dataclass(frozen=True)
class Reader:
    """``write(folder)`` -> [(path of a valid file that is to be mutated, mutation)]; ``read(path)`` reads it."""

    write: object
    read: object


READERS = {}


def reader(read):
    """A decorator of the function that writes the samples for ``read``; its name is that of the reader."""
    def register(write):
        READERS[write.__name__] = Reader(write, read)
        return write
    return register


def put(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# ------------------------------------------------------------------------------------------------------------- weights

def read_vgg(path):
    vgg(weights=path, preprocessing="torchvision").state()


def tiny(depth=11):
    return tiny_vgg.random_vgg(depth, np.random.default_rng(0))


@reader(read_vgg)
def weights_keras(folder):
    tiny_vgg.save_keras(folder / "vgg.h5", tiny())
    vgg_files.keras_3(folder / "keras3.weights.h5", tiny())
    vgg_files.keras_3_archive(folder / "vgg.keras", tiny())
    return [(folder / "vgg.h5", m.bytes_), (folder / "keras3.weights.h5", m.bytes_), (folder / "vgg.keras", m.zipped())]


@reader(read_vgg)
def weights_torch(folder):
    tensors = vgg_files.fake(tiny_vgg.torchvision_tensors(tiny()))
    checkpoint = folder / "checkpoint.pth"
    vgg_files.checkpoint(save_zip)(checkpoint, tiny())
    return [(save_zip(folder / "vgg.pth", tensors), m.zipped()), (checkpoint, m.zipped()),
            (save_legacy(folder / "legacy.pth", tensors), m.bytes_)]


@reader(read_vgg)
def weights_arrays(folder):
    from safetensors.numpy import save_file

    save_file(tiny_vgg.torchvision_tensors(tiny()), folder / "vgg.safetensors")
    tiny_vgg.save_npz(folder / "vgg.npz", tiny())
    vgg_files.npy(lambda W, b: [W, b])(folder / "vgg.npy", tiny())
    vgg_files.parts(folder / "vgg.safetensors.index.json", tiny())
    return [(folder / "vgg.safetensors", m.safetensors), (folder / "vgg.npz", m.zipped(m.npy)),
            (folder / "vgg.npy", m.npy), (folder / "vgg.safetensors.index.json", m.json_)]


# ------------------------------------------------------------------------------------------- captions, predictions

def coco():
    images = [{"id": i, "file_name": name} for i, name in enumerate(NAMES)]
    return {"images": images, "annotations": [{"id": k, "image_id": NAMES.index(name), "caption": caption}
                                              for k, (name, caption) in enumerate(PAIRS)]}


def karpathy():
    splits = {name: "val" if split == "dev" else split for split, names in tiny_captioner.SPLITS.items()
              for name in names}
    return {"dataset": "x", "images": [
        {"filename": name, "imgid": i, "split": splits[name], "sentids": [2 * i, 2 * i + 1],
         "sentences": [{"raw": text, "tokens": text.split(), "imgid": i, "sentid": 2 * i + k}
                       for k, text in enumerate(CAPTIONS[name])]} for i, name in enumerate(NAMES)]}


def caption_files(folder):
    """Captions in the common layouts."""
    lines = [json.dumps({"file_name": name, "text": text}) for name, text in PAIRS]
    return [
        (put(folder / "captions.csv", "image,caption\n" + "".join(f'{n},"{c}"\n' for n, c in PAIRS)), m.text),
        (put(folder / "results.csv", "image_name| comment_number| comment\n"
             + "".join(f"{n}| {i % 2}| {c}\n" for i, (n, c) in enumerate(PAIRS))), m.text),
        (put(folder / "token.txt", "".join(f"{n}#{i % 2}\t{c}\n" for i, (n, c) in enumerate(PAIRS))), m.text),
        (put(folder / "metadata.jsonl", "\n".join(lines)), m.json_lines),
        (put(folder / "names.json", json.dumps(CAPTIONS)), m.json_),
        (put(folder / "coco.json", json.dumps(coco())), m.json_),
        (put(folder / "karpathy.json", json.dumps(karpathy())), m.json_),
        (put(folder / "records.json", json.dumps([{"image": n, "captions": c} for n, c in CAPTIONS.items()])), m.json_)]


def with_pictures(path):
    """A folder beside ``path`` with pictures, split lists and that file."""
    folder = path.with_name("pictures")
    if not folder.exists():
        tiny_captioner.write_folder(folder)
        (folder / "captions.csv").unlink()
    return folder


def read_data_set(path):
    folder = with_pictures(path)
    other = folder / path.name
    try:
        other.write_bytes(path.read_bytes())
        load_dataset("folder", folder)
    finally:
        other.unlink()


@reader(read_data_set)
def captions(folder):
    return caption_files(folder)


def read_splits(path):
    folder = with_pictures(path)
    (folder / "captions.csv").write_text("image,caption\n" + "".join(f"{n},{c}\n" for n, c in PAIRS))
    load_dataset("folder", folder, splits=path.parent)


@reader(read_splits)
def splits(folder):
    lists = {split: put(folder / f"{split}.txt", "".join(f"{name}\n" for name in names))
             for split, names in tiny_captioner.SPLITS.items()}
    return [(lists["train"], m.text), (lists["dev"], m.text)]


@reader(lambda path: load_references(path, None))
def references(folder):
    return caption_files(folder)


def read_scored(path):
    load_predictions(path, CAPTIONS, ids={name: [i] for i, name in enumerate(NAMES)})


@reader(read_scored)
def predictions(folder):
    one = {name: texts[0] for name, texts in CAPTIONS.items()}
    results = [{"image_id": i, "caption": one[name]} for i, name in enumerate(NAMES)]
    printed = [json.dumps({"image": n, "caption": c, "beams": [{"caption": c, "logp": -1.5}]}) for n, c in one.items()]
    return [(put(folder / "p.json", json.dumps(one)), m.json_),
            (put(folder / "results.json", json.dumps(results)), m.json_),
            (put(folder / "p.jsonl", "\n".join(printed)), m.json_lines),
            (put(folder / "p.csv", "image,caption\n" + "".join(f"{n},{c}\n" for n, c in one.items())), m.text)]


# ------------------------------------------------------------------------------------ features, vectors, pictures

@reader(lambda path: open_features(path.with_name("features.npy")).read(slice(None)))
def features(folder):
    path = tiny_captioner.write_features(folder / "features.npy")
    return [(path, m.npy), (path.with_suffix(".json"), m.json_)]


@reader(lambda path: open_features(path.with_name("f.json")).read(slice(None)))
def features_of_several_machines(folder):
    shards = [tiny_captioner.write_features(folder / f"f.{k}-of-2.npy", names=names)
              for k, names in ((1, NAMES[:5]), (2, NAMES[5:]))]
    write_index(folder / "f", index_of(folder / "f", NAMES, 2))
    return [(folder / "f.json", m.json_), (shards[1], m.npy), (shards[1].with_suffix(".json"), m.json_)]


def read_own(path):
    folder, out = with_pictures(path), path.with_name("out.npy")
    (folder / "captions.csv").write_text("image,caption\n" + "".join(f"{n},{c}\n" for n, c in PAIRS))
    names = path if path.name.startswith("list") else path.with_name("list.txt")
    array = path.with_name("own.npy") if names == path else path
    try:
        import_features(array, load_dataset("folder", folder), out, names=names if array.suffix == ".npy" else None)
    finally:
        out.unlink(missing_ok=True)
        out.with_suffix(".json").unlink(missing_ok=True)


@reader(read_own)
def own_features(folder):
    import h5py
    from scipy.io import savemat

    x = np.random.default_rng(0).normal(size=(len(NAMES), 5)).astype(np.float32)
    np.save(folder / "own.npy", x)
    np.savez(folder / "own.npz", features=x, names=np.array(NAMES))
    savemat(folder / "own.mat", {"features": x, "names": np.array(NAMES, dtype=object)})
    with h5py.File(folder / "own.h5", "w") as file:
        file["features"], file["names"] = x, list(NAMES)
    put(folder / "list.txt", "\n".join(NAMES))
    put(folder / "list.json", json.dumps(NAMES))
    return [(folder / "own.npy", m.npy), (folder / "own.npz", m.zipped(m.npy)), (folder / "own.mat", m.bytes_),
            (folder / "own.h5", m.bytes_), (folder / "list.txt", m.text), (folder / "list.json", m.json_)]


@reader(lambda path: WordVectors(path).of(("a", "red", "picture")))
def word_vectors(folder):
    words = ["a", "red", "picture", "is", "all"]
    x = np.random.default_rng(0).normal(size=(len(words), 6)).astype("<f4")
    glove = "".join(f"{w} {' '.join(f'{v:.4f}' for v in row)}\n" for w, row in zip(words, x, strict=True))
    binary = b"5 6\n" + b"".join(w.encode() + b" " + row.tobytes() + b"\n" for w, row in zip(words, x, strict=True))
    return [(put(folder / "glove.txt", glove), m.text), (put(folder / "word2vec.txt", "5 6\n" + glove), m.text),
            (put(folder / "word2vec.bin", binary), m.bytes_),
            (put(folder / "glove.txt.gz", gzip.compress(glove.encode())), m.gzipped(m.text))]


@reader(lambda path: read_image(path, at_least=32))
def pictures(folder):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8))
    kinds = {"jpg": {}, "png": {}, "webp": {}, "gif": {}, "bmp": {}, "tiff": {"compression": "tiff_lzw"}, "ppm": {},
             "tga": {}, "jp2": {}, "ico": {}, "avif": {}}
    samples = []
    for ending, options in kinds.items():
        try:
            picture.save(folder / f"x.{ending}", **options)
        except (KeyError, OSError, ValueError):  # this build of Pillow does not write it
            continue
        samples.append((folder / f"x.{ending}", m.bytes_))
    turned = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\1\0\0\0\6\0\0\0\0\0\0\0"
    picture.save(folder / "p.jpg", progressive=True, exif=turned)
    return [*samples, (folder / "p.jpg", m.bytes_)]


@reader(lambda path: read_classes(path, 5))
def class_names(folder):
    return [(put(folder / "classes.txt", "tench\ngoldfish\nshark\nray\ncock\n"), m.text)]


# -------------------------------------------------------------------------------------------------- runs, lessons

def trained(folder):
    """A run as training leaves it."""
    data = tiny_captioner.write_folder(folder / "data")
    features = tiny_captioner.write_features(folder / "features.npy")
    with open("/dev/null", "w") as nowhere:
        before, sys.stdout = sys.stdout, nowhere
        try:
            tiny_captioner.run_train(folder / "run", data, features, "--epochs", 1)
        finally:
            sys.stdout = before
    return folder / "run"


@reader(lambda path: Captioner.load(path.parent, device="cpu"))
def checkpoints(folder):
    run = trained(folder)
    return [(run / "captioner.json", m.json_), (run / "best.safetensors", m.safetensors)]


def read_resumed(path):
    """Everything --resume reads: the header, weights, optimiser and random states of last.safetensors."""
    from minicap import train

    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    folder = path.parents[1]
    try:
        train.main(tiny_captioner.train_arguments(path.parent, folder / "data", folder / "features.npy", "--resume",
                                                  "--epochs", 1))
    finally:
        for file, content in before.items():
            file.write_bytes(content)


@reader(read_resumed)
def resumed_runs(folder):
    return [(trained(folder) / "last.safetensors", m.safetensors)]


def read_settings(path):
    run_settings(path.parent, RunData)
    run_settings(path.parent, training.RUN)
    training.TrainSettings(init=str(path.parent)).resolved()


@reader(read_settings)
def settings(folder):
    return [(trained(folder) / "settings.json", m.json_)]


@reader(lambda path: read_json_lines(path, "learning curves", Line))
def metrics(folder):
    return [(trained(folder) / "metrics.jsonl", m.json_lines)]


def read_recipe(path):
    recorded_row(path.parents[1], path.parent.name)


@reader(read_recipe)
def recipes(folder):
    row = Path(__file__).parents[2] / "results" / "shapes"
    (folder / "row").mkdir()
    return [(put(folder / "row" / name, (row / name).read_bytes()), m.json_)
            for name in ("recipe.json", "scores-test.json", "predictions-test.json")]


@reader(lambda path: list(map(str, Progress(path.parent).state)))
def progress(folder):
    state = {"format": 1, "lesson": "03", "passed": {"03": ["3.1"]}, "hints": {"3.2": 1}}
    return [(put(folder / "progress.json", json.dumps(state)), m.json_)]


@reader(lambda path: Lesson(path.parent).facts)
def hints(folder):
    lesson = next((Path(__file__).parents[2] / "lessons").glob("04_*"))
    return [(put(folder / "hints.toml", (lesson / "hints.toml").read_bytes()), m.text)]


# ------------------------------------------------------------------------------------------------------- downloads

@reader(lambda path: Partial(path.with_name("x.h5")))
def partial_downloads(folder):
    put(folder / "x.h5.partial", b"0123456789")
    origin = {"address": "https://a/x.h5", "etag": '"1"', "last_modified": None, "length": 20}
    return [(put(folder / "x.h5.partial.json", json.dumps(origin)), m.json_)]


def read_archive(path):
    import shutil
    try:
        unpack(path, path.with_name("unpacked"))
    finally:
        shutil.rmtree(path.with_name("unpacked"), ignore_errors=True)


@reader(read_archive)
def archives(folder):
    tiny_flickr8k.make(folder / "made")
    content = (folder / "made" / "Flickr8k" / "Flickr8k_text.zip").read_bytes()
    return [(put(folder / "Flickr8k_text.zip", content), m.zipped(m.text))]


def run_program(path):
    programs.run(json.loads(path.read_bytes()), path.parent)


@reader(run_program)
def command_lines(folder):
    os.chdir(folder)
    programs.make_world(folder)
    return [(put(folder / f"{program}.json", json.dumps([program, *arguments])), m.command_line)
            for program, arguments in programs.COMMANDS.items()]


@reader(lambda path: read_json(path, "file"))
def json_files(folder):
    return [(put(folder / "x.json", json.dumps({"a": [1, {"b": None}], "c": "d"})), m.json_)]
