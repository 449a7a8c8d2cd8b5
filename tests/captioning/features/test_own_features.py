"""Features that other programs have made: whatever the layout, the right row of the right image, or a sentence."""

import dataclasses
import gzip
import json
import os
import pickle
import re
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import tiny_captioner
from safetensors.numpy import save_file
from scipy.io import savemat
from tiny_captioner import NAMES, SPLITS
from torch_writing import contiguous, save_legacy, save_zip

from minicap import caption, evaluate, export, extract, train
from minicap.captioning.data import load_dataset
from minicap.captioning.features.feature_file import open_features
from minicap.captioning.features.feature_writer import FeatureWriter
from minicap.captioning.features.own_features import import_features
from minicap.captioning.training.settings import TrainSettings
from minicap.cli import flag, run_program
from minicap.errors import UserError

N, D, R = len(NAMES), 7, 4
RNG = np.random.default_rng(0)
VECTORS, REGIONS = RNG.normal(0, 3, (N, D)).astype(np.float32), RNG.normal(0, 3, (N, R, D)).astype(np.float32)
GRID = RNG.normal(0, 3, (N, 2, 2, D)).astype(np.float32)
STEMS = [name.removesuffix(".png") for name in NAMES]
TEXT = "\n".join(NAMES) + "\n"


def save_mat73(path, arrays, names=None):
    """What MATLAB writes with -v7.3: axes in the other order, cells as references to arrays of codes."""
    with h5py.File(path, "w", userblock_size=512) as f:
        for key, a in arrays.items():
            f.create_dataset(key, data=np.asarray(a).T).attrs["MATLAB_class"] = np.bytes_(b"double")
        if names is not None:
            cells = f.create_dataset("names", (1, len(names)), h5py.ref_dtype)
            cells.attrs["MATLAB_class"] = np.bytes_(b"cell")
            for i, name in enumerate(names):
                cell = f.create_dataset(f"#refs#/{i}", data=np.array([[ord(c)] for c in name], np.uint16))
                cell.attrs["MATLAB_class"] = np.bytes_(b"char")
                cells[0, i] = cell.ref
    data = bytearray(path.read_bytes())
    data[:19] = b"MATLAB 7.3 MAT-file"
    path.write_bytes(data)


def save_h5(path, **arrays):
    with h5py.File(path, "w") as f:
        for key, a in arrays.items():
            f[key] = a


def npy(array, **options):
    return lambda path: np.save(path, array, **options)


def npz(**arrays):
    def write(path):
        with open(path, "wb") as f:
            np.savez(f, **arrays)

    return write


def by_image(save, arrays, ending, folder):
    """A folder with a file for each image."""
    folder.mkdir()
    for name, array in zip(NAMES, arrays, strict=True):
        with open(folder / f"{name}.{ending}", "wb") as file:  # a name would get an ending
            save(file, array)


def pickled(value, **options):
    return lambda path: path.write_bytes(pickle.dumps(value, **options))


def torch_dict(arrays):
    return {name: contiguous(str(at), array) for at, (name, array) in enumerate(arrays.items())}


def cells(names):
    return np.array(names, object)


# One line a layout: what is written, the names beside it, options, and what the features have to be.
LAYOUTS = {
    "npy, names in a text file": (npy(VECTORS), "npy", TEXT, {}, VECTORS),
    "npy, float16": (npy(VECTORS.astype(np.float16)), "npy", TEXT, {}, VECTORS),
    "npy, float64, big-endian": (npy(VECTORS.astype(">f8")), "npy", TEXT, {}, VECTORS),
    "npy, integers": (npy(np.arange(N * D).reshape(N, D)), "npy", TEXT, {},
                      np.arange(N * D).reshape(N, D)),
    "npy in Fortran's order": (npy(np.asfortranarray(VECTORS)), "npy", TEXT, {}, VECTORS),
    "npy with an axis of 1": (npy(VECTORS[:, None]), "npy", TEXT, {}, VECTORS),
    "npy, PyTorch's pooled (N, D, 1, 1)": (npy(VECTORS[:, :, None, None]), "npy", TEXT, {}, VECTORS),
    "npy, regions": (npy(REGIONS), "npy", TEXT, {}, REGIONS),
    "npy, grid": (npy(GRID), "npy", TEXT, {}, GRID),
    "npy, PyTorch's grid": (npy(np.moveaxis(GRID, 3, 1)), "npy", TEXT, {}, GRID),
    "npy, regions of PyTorch": (npy(np.moveaxis(REGIONS, 2, 1)), "npy", TEXT, {"channels": "first"},
                                REGIONS),
    "npy, more regions than numbers": (npy(np.moveaxis(REGIONS, 2, 1)), "npy", TEXT,
                                       {"channels": "last"}, np.moveaxis(REGIONS, 2, 1)),
    "npy, numbers x images": (npy(VECTORS.T), "npy", TEXT, {}, VECTORS),
    "names with Windows' line ends, a BOM and blank lines": (npy(VECTORS), "npy",
                                                             "\ufeff" + "\r\n".join(NAMES) + "\r\n\r\n", {}, VECTORS),
    "names as paths": (npy(VECTORS), "npy", "\n".join(f"data/img/{n}" for n in NAMES), {}, VECTORS),
    "names as Windows' paths": (npy(VECTORS), "npy", "\n".join(rf"C:\img\{n}" for n in NAMES), {},
                                VECTORS),
    "names without ending": (npy(VECTORS), "npy", "\n".join(STEMS), {}, VECTORS),
    "names as a JSON list": (npy(VECTORS), "npy", json.dumps(NAMES), {}, VECTORS),
    "names as Karpathy's JSON": (npy(VECTORS), "npy",
                                 json.dumps({"images": [{"filename": n, "imgid": 1} for n in NAMES]}), {}, VECTORS),
    "npz with names": (npz(features=VECTORS, names=NAMES), "npz", None, {}, VECTORS),
    "npz with names as bytes": (npz(x=VECTORS, image_ids=np.array(NAMES, "S")), "npz", None, {}, VECTORS),
    "npz, compressed": (lambda p: np.savez_compressed(p, x=VECTORS, keys=NAMES), "npz", None, {}, VECTORS),
    "npz with labels beside the names": (npz(a=VECTORS, labels=["x"] * N, filenames=NAMES), "npz",
                                         None, {}, VECTORS),
    "npz with two arrays": (npz(a=VECTORS, b=REGIONS, names=NAMES), "npz", None, {"key": "b"},
                            REGIONS),
    "npz, an array an image": (npz(**dict(zip(STEMS, VECTORS, strict=True))), "npz", None, {},
                               VECTORS),
    "mat, Karpathy's numbers x images": (lambda p: savemat(p, {"feats": VECTORS.T.astype(float)}), "mat", TEXT, {},
                                         VECTORS),
    "mat with names in a cell": (lambda p: savemat(p, {"feats": VECTORS, "names": cells(NAMES)}), "mat", None, {},
                                 VECTORS),
    "mat with names in a column of cells": (lambda p: savemat(p, {"f": VECTORS, "files": cells(NAMES)[:, None]}), "mat",
                                            None, {}, VECTORS),
    "mat with a matrix of characters": (lambda p: savemat(p, {"f": VECTORS, "names": np.array(NAMES)}), "mat", None, {},
                                        VECTORS),
    "mat, compressed, regions": (lambda p: savemat(p, {"f": REGIONS, "ids": cells(NAMES)}, do_compression=True), "mat",
                                 None, {}, REGIONS),
    "mat 7.3": (lambda p: save_mat73(p, {"feats": VECTORS}), "mat", TEXT, {}, VECTORS),
    "mat 7.3, numbers x images": (lambda p: save_mat73(p, {"feats": VECTORS.T}), "mat", TEXT, {}, VECTORS),
    "mat 7.3 with names, regions": (lambda p: save_mat73(p, {"feats": REGIONS}, NAMES), "mat", None, {}, REGIONS),
    "h5 with names": (lambda p: save_h5(p, features=VECTORS, image_names=list(NAMES)), "h5", None, {}, VECTORS),
    "h5 with names of fixed width": (lambda p: save_h5(p, features=GRID, ids=np.array(NAMES, "S20")), "hdf5", None, {},
                                     GRID),
    "h5 in a group": (lambda p: save_h5(p, **{"vgg/fc7": VECTORS, "vgg/names": list(NAMES)}), "h5", None, {}, VECTORS),
    "h5, an array an image": (lambda p: save_h5(p, **dict(zip(NAMES, REGIONS, strict=True))), "h5", None, {}, REGIONS),
    "npy, true and false": (npy(VECTORS > 0), "npy", TEXT, {}, VECTORS > 0),
    "npy, an axis of 1 in front": (npy(VECTORS[None]), "npy", TEXT, {}, VECTORS),
    "npy, numbers x images x 1": (npy(VECTORS.T[:, :, None]), "npy", TEXT, {}, VECTORS),
    "npy, as many numbers as images": (npy(np.eye(N)[:, None]), "npy", TEXT, {}, np.eye(N)),
    "names in another case": (npy(VECTORS), "npy", TEXT.upper(), {}, VECTORS),
    "names in UTF-16": (npy(VECTORS), "npy", TEXT.encode("utf-16"), {}, VECTORS),
    "names of the files of arrays": (npy(VECTORS), "npy", "\n".join(f"{n}.npy" for n in NAMES), {}, VECTORS),
    "names of captions": (npy(VECTORS), "npy", "\n".join(f"{n}#0" for n in NAMES), {}, VECTORS),
    "names of photographs in another format": (npy(VECTORS), "npy", "\n".join(f"{s}.jpg" for s in STEMS), {}, VECTORS),
    "names under a header": (npy(VECTORS), "npy", "image\n" + TEXT, {}, VECTORS),
    "names in a column of a CSV": (npy(VECTORS), "npy", ",File_Name,split\n" + "".join(
        f'{i},"{n}",train\n' for i, n in enumerate(NAMES)), {}, VECTORS),
    "names in a column between tabs": (npy(VECTORS), "npy", "\timage\n" + "".join(
        f"{i}\t{n}\n" for i, n in enumerate(NAMES)), {}, VECTORS),
    "names as lines of JSON": (npy(VECTORS), "npy", "".join(
        json.dumps({"image_path": f"a/{n}"}) + "\n" for n in NAMES), {}, VECTORS),
    "names as {name: row}": (npy(VECTORS), "npy", json.dumps({n: i for i, n in reversed(list(enumerate(NAMES)))}), {},
                             VECTORS),
    "names as {filenames: [...]}": (npy(VECTORS), "npy", json.dumps({"filenames": NAMES, "n": N}), {}, VECTORS),
    "npz with names under another word": (npz(x=VECTORS, arr_1=NAMES), "npz", None, {}, VECTORS),
    "npz, an array an image and one more": (npz(**dict(zip(NAMES, REGIONS, strict=True)), other=REGIONS[0]), "npz",
                                            None, {}, REGIONS),
    "h5, an array in a group an image": (lambda p: save_h5(p, **{
        f"{n}/features": x for n, x in zip(NAMES, REGIONS, strict=True)}), "h5", None, {}, REGIONS),
    "h5, two arrays in a group an image": (lambda p: save_h5(p, **{
        f"{n}/{k}": x for n, y in zip(NAMES, REGIONS, strict=True) for k, x in (("features", y), ("boxes", y[:, :4]))}),
        "h5", None, {"key": "features"}, REGIONS),
    "mat with true and false": (lambda p: savemat(p, {"f": VECTORS > 0, "names": cells(NAMES)}), "mat", None, {},
                                VECTORS > 0),
    "a folder of npy": (lambda p: by_image(np.save, REGIONS, "npy", p), "d", None, {}, REGIONS),
    "a folder of npy with other files": (lambda p: (
        by_image(np.save, REGIONS, "NPY", p), (p / "._red-0.npy").touch(), np.save(p / "labels.npy", range(N))), "d",
        None, {}, REGIONS),
    "h5 with nothing beside": (lambda p: save_h5(p, f=VECTORS, names=list(NAMES), x=h5py.Empty("f4")), "h5", None, {},
                               VECTORS),
    "npz, an array an image, with as many numbers as images": (npz(**dict(zip(NAMES, np.eye(N), strict=True))), "npz",
                                                               None, {}, np.eye(N)),
    "the same names twice": (npz(f=VECTORS, names=STEMS, labels=["x"] * N), "npz", TEXT, {}, VECTORS),
    "a folder of npz": (lambda p: by_image(lambda file, x: np.savez(file, feat=x), REGIONS, "npz", p), "d", None, {},
                        REGIONS),
    "a folder of npz with two arrays each": (lambda p: by_image(
        lambda file, x: np.savez(file, x=x, bbox=x[:, :4]), REGIONS, "npz", p), "d", None, {"key": "x"}, REGIONS),
    **{f"a pickled dictionary, protocol {protocol}": (
        pickled(dict(zip(STEMS, VECTORS[:, None], strict=True)), protocol=protocol), "pkl", None, {}, VECTORS)
       for protocol in (2, 3, 4)},
    "a dictionary in an npy": (npy(dict(zip(NAMES, REGIONS, strict=True)), allow_pickle=True), "npy", None, {},
                               REGIONS),
    "PyTorch, an array": (lambda p: save_zip(p, torch_dict({"feats": VECTORS})), "pt", TEXT, {}, VECTORS),
    "PyTorch, an array an image": (lambda p: save_zip(p, torch_dict(dict(zip(NAMES, REGIONS, strict=True)))), "pt",
                                   None, {}, REGIONS),
    "PyTorch's old format": (lambda p: save_legacy(p, torch_dict(dict(zip(NAMES, VECTORS, strict=True)))), "pth", None,
                             {}, VECTORS),
    "safetensors": (lambda p: save_file({"feats": VECTORS}, p), "safetensors", TEXT, {}, VECTORS),
    "a name that says another kind": (npz(f=VECTORS, names=NAMES), "npy", None, {}, VECTORS),
}


@pytest.fixture
def folder(tmp_path):
    return tiny_captioner.write_folder(tmp_path / "pictures")


@pytest.fixture
def data(folder):
    return load_dataset("folder", folder)


def listed(tmp_path, text):
    if text is None:
        return None
    (tmp_path / "names.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    return tmp_path / "names.txt"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_every_image_its_own_features(tmp_path, data, layout, capsys):
    write, ending, names, options, expected = LAYOUTS[layout]
    write(tmp_path / f"own.{ending}")
    import_features(tmp_path / f"own.{ending}", data, tmp_path / "f", names=listed(tmp_path, names), **options)
    file = open_features(tmp_path / "f")
    assert file.source.is_own and file.source.shape == expected.shape[1:] and set(file.row) == set(NAMES)
    np.testing.assert_allclose(file.read(np.array([file.row[name] for name in NAMES])), expected, rtol=1e-3, atol=1e-4)
    assert re.search("read as 1[23] images of ", capsys.readouterr().err)


def test_the_numbers_of_coco_find_their_pictures(tmp_path, folder):
    ids = [391895 + 7 * i for i in range(N)]
    for name, n in zip(NAMES, ids, strict=True):
        os.replace(folder / name, folder / f"COCO_val2014_{n:012}.png")
    for file in (folder / "captions.csv", *(folder / f"{split}.txt" for split in SPLITS)):
        text = file.read_text()
        for name, n in zip(NAMES, ids, strict=True):
            text = text.replace(name, f"COCO_val2014_{n:012}.png")
        file.write_text(text)
    for number, kind in enumerate((np.int64, np.float64)):
        savemat(tmp_path / "own.mat", {"feats": VECTORS, "ids": np.array(ids, kind)})
        import_features(tmp_path / "own.mat", load_dataset("folder", folder), tmp_path / f"f{number}")
        file = open_features(tmp_path / f"f{number}")
        assert file.images == tuple(f"COCO_val2014_{n:012}.png" for n in ids)
        np.testing.assert_allclose(file.read(slice(None)), VECTORS, rtol=1e-3)


def test_without_names_the_order_of_a_split_can_be_meant(tmp_path, data, capsys):
    np.save(tmp_path / "own.npy", VECTORS[:6])
    import_features(tmp_path / "own.npy", data, tmp_path / "f", split="train")
    assert open_features(tmp_path / "f").images == SPLITS["train"]
    assert "taken to be in the order of split train" in capsys.readouterr().err


def test_what_the_data_set_lacks_is_left_out_with_a_warning(tmp_path, data, capsys):
    np.savez(tmp_path / "own.npz", f=np.vstack([VECTORS[:5], VECTORS[:2], VECTORS[5:9]]),
             names=[*NAMES[:5], "other.png", "another.png", *NAMES[5:9]])
    import_features(tmp_path / "own.npz", data, tmp_path / "f")
    file = open_features(tmp_path / "f")
    assert file.images == NAMES[:9]
    np.testing.assert_allclose(file.read(slice(None)), VECTORS[:9], rtol=1e-3)
    err = capsys.readouterr().err
    assert "features for 2 image(s) that the data set does not have, left out (other.png, another.png)" in err
    assert "has no features for split test" in err


def test_images_with_nothing_but_zeros_are_warned_of(tmp_path, data, capsys):
    np.save(tmp_path / "own.npy", np.where(np.arange(N)[:, None] == 3, 0, VECTORS))
    import_features(tmp_path / "own.npy", data, tmp_path / "f", names=listed(tmp_path, TEXT), channels="last")
    err = capsys.readouterr().err
    assert "holds nothing but zeros for 1 of 12 images (red-1.png)" in err
    assert "has no effect on features without regions" in err


def test_large_files_are_copied_in_blocks_and_gone_on_with(tmp_path, data, monkeypatch):
    monkeypatch.setattr("minicap.captioning.features.own_features.BLOCK", 5)
    save_h5(tmp_path / "own.h5", f=np.vstack([VECTORS[:1], VECTORS]), names=["other.png", *NAMES])
    save = FeatureWriter.save_progress

    def killed(writer):
        save(writer)
        if writer.done > 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(FeatureWriter, "save_progress", killed)
        import_features(tmp_path / "own.h5", data, tmp_path / "f")
    import_features(tmp_path / "own.h5", data, tmp_path / "f")
    np.testing.assert_allclose(open_features(tmp_path / "f").read(slice(None)), VECTORS, rtol=1e-3)


# --- What is refused ------------------------------------------------------------------------------------------------

def with_value(value):
    x = VECTORS.copy()
    x[4, 2] = value
    return x


REFUSED = {
    "no names": (npy(VECTORS), None, {}, "does not name its images; name a file with one name a line"),
    "too few names": (npy(VECTORS), "\n".join(NAMES[:-1]), {},
                      r"has the shape \(12, 7\), but .*names.txt names 11 images"),
    "too many names": (npy(VECTORS[:-1]), TEXT, {}, "names 12 images; there has to be a row for each"),
    "a name twice": (npy(VECTORS), TEXT.replace(NAMES[3], NAMES[1]), {},
                     "names 'green-0.png' twice, in row 2 and row 4"),
    "a missing image": (npy(VECTORS), TEXT.replace(NAMES[3], "x.png"), {},
                        r"has no features for 1 of the 6 images of split train \(red-1.png\)"),
    "other images": (npy(VECTORS), "\n".join(f"{i}.jpg" for i in range(N)), {},
                     "names none of the 12 images of the data set"),
    "an empty list": (npy(VECTORS), "\n", {}, "names.txt is empty"),
    "brackets without an end": (npy(VECTORS), "[" * 100_000, {}, "names.txt is not valid JSON"),
    "a number of 5,000 digits": (npy(VECTORS), f"[{'1' * 5000}]", {}, "names.txt is not valid JSON"),
    "a name of 5,000 digits": (npy(VECTORS), "\n".join(f"{'1' * 5000}{i}" for i in range(len(VECTORS))), {},
                               "names none of the"),
    "several arrays": (npz(a=VECTORS, b=REGIONS), TEXT, {}, "has several arrays of numbers, a of shape"),
    "no such array": (npz(a=VECTORS), TEXT, {"key": "b"}, "has no array of numbers 'b'; it has a of"),
    "a square": (npy(np.ones((N, N))), TEXT, {}, "not clear which of them are images"),
    "images last": (npy(np.ones((3, 4, N))), TEXT, {}, "with the 12 images last; put their axis first"),
    "more regions than numbers": (npy(np.ones((N, 9, 4))), TEXT, {}, "say channels='last' if they are"),
    "a grid that is no square": (npy(np.ones((N, 3, 4, 5))), TEXT, {}, "say channels='last' if they"),
    "too many axes": (npy(np.ones((N, 2, 2, 2, 2))), TEXT, {}, "features are .images, numbers."),
    "one number": (npy(np.ones(N)), TEXT, {}, "no array of numbers that could be features"),
    "no numbers": (npy(np.ones((N, 0))), TEXT, {}, "an array of shape .*, without any value"),
    "as many numbers as images, and regions": (npy(np.ones((N, 3, N))), TEXT, {},
                                               r"two axes as long .*; make it \(12, 1, 3, 12\), images first"),
    "images in the middle": (npy(np.ones((3, N, 4))), TEXT, {}, r"the shape \(3, 12, 4\), but .* names 12 images"),
    "one axis, by its key": (npz(f=np.ones(N)), TEXT, {"key": "f"}, "but .* names 12 images; there has to be a row"),
    "the same for all": (npy(np.ones((N, D))), TEXT, {}, "holds the same numbers for all 12 images"),
    "nothing but zeros": (npy(np.zeros((N, D))), TEXT, {}, "holds the same numbers for all 12 images"),
    "true as a name": (npy(VECTORS), json.dumps([True, *NAMES[1:]]), {}, "names.txt has no name for image 1"),
    "half an image as a name": (npy(VECTORS), json.dumps([1.5, *NAMES[1:]]), {}, "names.txt has no name for image 1"),
    "null as a name": (npy(VECTORS), json.dumps([{"file": n} for n in (*NAMES[:5], None, *NAMES[6:])]), {},
                       "names.txt has no name for image 6"),
    "a short row of a CSV": (npy(VECTORS), "i,image\n1\n", {}, "names.txt, line 2 has no 'image'"),
    "names in Latin-1": (npy(VECTORS), "café.png\n".encode("latin-1"), {}, "names.txt is no text in UTF-8"),
    "ids that are not whole": (npz(f=VECTORS, ids=np.arange(N) + 0.6), None, {},
                               "ids has numbers that cannot be those of images, as they are not whole"),
    "ids that float32 has rounded": (npz(f=VECTORS, ids=np.arange(N, dtype=np.float32) + 2 ** 24), None, {},
                                     "ids has numbers that cannot be .* or too large for their type, float32"),
    "ids that are true or false": (npz(f=VECTORS, ids=np.ones(N, bool)), None, {}, "ids has numbers that cannot be"),
    "numbers of rows as ids": (npz(f=VECTORS, ids=np.arange(N)), None, {}, "names none of the 12 images"),
    "names as objects": (npz(f=VECTORS, names=cells(NAMES)), None, {}, "has 'names' as Python objects, which are not"),
    "other numbers of regions": (npz(**{n: REGIONS[i][:1 + i % 2] for i, n in enumerate(NAMES)}), None, {},
                                 r"has arrays of different shapes, \(1, 7\) for red-0.png and \(2, 7\) for green-0"),
    "two arrays an image": (lambda p: save_h5(p, **{f"{n}/{k}": REGIONS[0] for n in NAMES for k in "ab"}), None, {},
                            "has several arrays for each image, a, b; name that of the features with key="),
    "a struct of MATLAB": (lambda p: savemat(p, {"s": {"f": VECTORS}}, appendmat=False), TEXT, {},
                           "could be features.* it has s of shape .* .MATLAB's struct."),
    "records": (npy(np.zeros(N, [("f", "f4", (D,))])), TEXT, {}, "values of type .*, which are no numbers"),
    "an empty file": (lambda p: p.touch(), TEXT, {}, "is empty: make or copy it again"),
    "a Git LFS pointer": (lambda p: p.write_text("version https://git-lfs.github.com/spec/v1\n"), TEXT, {},
                          "is a Git LFS pointer and not the file itself"),
    "a web page": (lambda p: p.write_text("<html>404"), TEXT, {}, "is a web page or XML and no file of arrays"),
    "gzip": (lambda p: p.write_bytes(gzip.compress(pickle.dumps({}))), TEXT, {}, "is packed by gzip: unpack it"),
    "a zip archive": (lambda p: zipfile.ZipFile(p, "w").writestr("a.txt", "a"), TEXT, {}, "with a.txt in it and no"),
    "names beside others in the file": (npz(f=VECTORS, names=NAMES), "\n".join(reversed(NAMES)), {},
                                        "own.npy itself names its images, and otherwise than names= "),
    "names beside arrays by name": (lambda p: by_image(np.save, REGIONS, "npy", p), TEXT, {},
                                    "has an array for each image, by its name, so that names= would say it twice"),
    "a folder with a file that is none": (lambda p: (by_image(np.save, REGIONS, "npy", p), (p / "x.npy").touch()), None,
                                          {}, "x.npy holds no array that could be read"),
    "two pickles in a file": (lambda p: p.write_bytes(2 * pickle.dumps({"a.png": VECTORS[0]})), None, {},
                              "it holds several pickles, one behind the other"),
    "a number an image": (npz(**dict.fromkeys(NAMES, np.float32(1))), None, {}, "could be features.* of shape ..,"),
    "an empty folder": (lambda p: p.mkdir(), TEXT, {}, "is a folder without .npy or .npz; features are read from"),
    "a tensor of PyTorch alone": (lambda p: save_zip(p, contiguous("0", VECTORS)), TEXT, {},
                                  r"no arrays by name that could be read \(it holds a Tensor where .*expected\)"),
    "not a number": (npy(with_value(np.nan)), TEXT, {}, "features of green-1.png that are not finite"),
    "too large": (npy(with_value(1e5)), TEXT, {}, r"of green-1.png up to 1e\+05, which float16 cannot"),
    "too small": (npy(1e-7 * VECTORS), TEXT, {}, "which float16 cannot hold: multiply all by"),
    "complex numbers": (npy(VECTORS * 1j), TEXT, {}, "could be features.* .complex numbers."),
    "a list in an npy": (npy(np.array([{}, {}]), allow_pickle=True), TEXT, {},
                         "no arrays by name that could be read .it holds Python objects .*numpy.savez"),
    "a pickle": (pickled({"a.png": 1}), TEXT, {}, "no arrays by name .*it holds something that is no array as a.png."),
    "a pickle that runs": (pickled({"a.png": Path("a")}), TEXT, {}, "Path, which could run code.; write them by"),
    "a pickle, cut": (lambda p: p.write_bytes(pickle.dumps({"a.png": VECTORS})[:-50]), TEXT, {}, "cut off or damaged"),
    "text": (lambda p: p.write_text("1 2 3"), TEXT, {}, "is none of these: features are read from .npy, .npz, .mat"),
    "a truncated npy": (lambda p: (np.save(p, VECTORS), os.truncate(p, 200)), TEXT, {}, "is damaged or no file of"),
    "a truncated h5": (lambda p: (save_h5(p, f=VECTORS), os.truncate(p, 1000)), TEXT, {}, "is damaged or no file of"),
    "nothing": (lambda p: None, TEXT, {}, "file of features .* does not exist"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_decided_is_one_sentence_and_writes_nothing(tmp_path, data, what):
    write, names, options, words = REFUSED[what]
    path = tmp_path / "own.npy"
    write(path)
    with pytest.raises(UserError, match=words) as caught:
        import_features(path, data, tmp_path / "f", names=listed(tmp_path, names), **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "f.npy").exists()


def test_a_folder_of_arrays_is_not_written_into(tmp_path, data):
    by_image(np.save, REGIONS, "npy", tmp_path / "own")
    with pytest.raises(UserError, match="would be written to the place of the features it is made from"):
        import_features(tmp_path / "own", data, tmp_path / "own" / "f")


def test_an_array_is_not_replaced_by_its_own_features(tmp_path, data):
    np.save(tmp_path / "own.npy", VECTORS)
    with pytest.raises(UserError, match="would be written to the place of the features it is made from"):
        import_features(tmp_path / "own.npy", data, tmp_path / "own", names=listed(tmp_path, TEXT))


# --- The programs ---------------------------------------------------------------------------------------------------

def last_error(capsys, program, *arguments):
    with pytest.raises(SystemExit) as stopped:
        run_program(program.main, [str(a) for a in arguments])
    assert stopped.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert sum(line.startswith("error: ") for line in lines) == 1
    return lines[-1]


@pytest.mark.parametrize("model, x", [("show-tell", VECTORS), ("attend", REGIONS)])
def test_they_train_and_evaluate_and_a_photograph_is_refused(tmp_path, folder, capsys, monkeypatch, model, x):
    monkeypatch.setattr(train, "show", lambda *_: None)
    np.savez(tmp_path / "own.npz", x=x, names=NAMES)
    on_data = ["--data", "folder", "--data-dir", str(folder)]
    extract.main(["--from-array", str(tmp_path / "own.npz"), "--out", str(tmp_path / "f.npy"), *on_data])
    tiny_captioner.run_train(tmp_path / "run", folder, tmp_path / "f.npy", "--epochs", 1, "--model", model)
    arguments = ["--checkpoint", str(tmp_path / "run"), "--device", "cpu"]
    evaluate.main([*arguments, "--split", "test", "--html", str(tmp_path / "page.html"), "--mbr-samples", "2",
                   "--neighbours", "2"])
    page = (tmp_path / "page.html").read_text()
    assert "3 images" in page and ("attention, first 3 images" in page) == (model == "attend")
    picture = folder / NAMES[0]
    for more in ([], ["--attention", tmp_path / "a.png"]):
        assert "trained on an array of your own features, and only you know how they are made, so it cannot read " in \
            last_error(capsys, caption, picture, *arguments, *more)
    assert "; name another file" not in last_error(
        capsys, caption, picture, "--checkpoint", f"{tmp_path / 'run'},{tmp_path / 'run'}", "--device", "cpu")
    export.main([str(tmp_path / "run"), str(tmp_path / "small")])
    card = (tmp_path / "small" / "README.md").read_text()
    assert "evaluate --checkpoint DIR --features FILE" in card and "minicap.caption" not in card
    evaluate.main(["--checkpoint", str(tmp_path / "small"), "--device", "cpu", "--features", str(tmp_path / "f"),
                   *on_data])
    assert "captioner was trained on an array" in last_error(capsys, evaluate, "--checkpoint", tmp_path / "small",
                                                             *on_data)
    np.savez(tmp_path / "own.npz", x=x + 1, names=NAMES)
    extract.main(["--from-array", str(tmp_path / "own.npz"), "--out", str(tmp_path / "g.npy"), *on_data])
    assert "was not made from the array that this captioner was trained on" in last_error(
        capsys, evaluate, *arguments, "--features", tmp_path / "g.npy")
    other = {"show-tell": "attend", "attend": "show-tell"}[model]
    assert f"use --model {model}" in last_error(capsys, train, *tiny_captioner.train_arguments(
        tmp_path / "other", folder, tmp_path / "f.npy", "--model", other))


def test_they_need_no_pictures(tmp_path, folder, capsys):
    for name in NAMES:
        (folder / name).unlink()
    np.savez(tmp_path / "own.npz", x=VECTORS, names=NAMES)
    on_data = ["--data", "folder", "--data-dir", str(folder)]
    extract.main(["--from-array", str(tmp_path / "own.npz"), "--out", str(tmp_path / "f.npy"), *on_data])
    assert open_features(tmp_path / "f.npy").images == NAMES
    tiny_captioner.run_train(tmp_path / "run", folder, tmp_path / "f.npy", "--epochs", 1, "--model", "show-tell")
    assert re.search(r"warning: no samples.png: the image .*red-2.png does not exist", capsys.readouterr().err)
    assert (tmp_path / "run" / "curve.png").exists() and not (tmp_path / "run" / "samples.png").exists()
    evaluate.main(["--checkpoint", str(tmp_path / "run"), "--device", "cpu", "--html", str(tmp_path / "page.html"),
                   "--mbr-samples", "2", "--neighbours", "2"])
    assert "red-2.png does not exist" in (tmp_path / "page.html").read_text()
    assert "none of the 12 images that " in last_error(capsys, extract, *on_data, "--weights", "vgg.h5", "--out",
                                                       tmp_path / "g.npy")


@pytest.mark.parametrize("more, words", [
    (["--weights", "vgg.h5"], "leave out --weights"), (["--mirror"], "leave out --mirror"),
    (["--from-features", "f.npy"], "leave out --from-features")])
def test_what_asks_for_a_network_is_refused_beside_an_array(tmp_path, capsys, more, words):
    assert words in last_error(capsys, extract, "--from-array", "own.npy", "--out", tmp_path / "f", *more)


def test_what_is_about_an_array_needs_one(tmp_path, capsys):
    assert "--key describes the file of --from-array, which is missing" in last_error(
        capsys, extract, "--out", tmp_path / "f", "--key", "a")


def test_no_network_goes_on_from_an_array(tmp_path, data, folder, capsys):
    np.savez(tmp_path / "own.npz", x=VECTORS, names=NAMES)
    import_features(tmp_path / "own.npz", data, tmp_path / "f")
    assert "was made from an array of your own" in last_error(
        capsys, extract, "--from-features", tmp_path / "f", "--weights", "vgg.h5", "--layer", "fc7", "--out",
        tmp_path / "g")


def test_the_documentation_names_no_option_that_is_not_there():
    text = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
    section = text.partition("## Features, word vectors, pictures\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"(?<!-)--([a-z][a-z-]+)", section))
    known = {flag(field.name)[2:] for settings in (extract.ExtractSettings, TrainSettings)
             for field in dataclasses.fields(settings)}
    assert {"from-array", "embeddings"} <= named <= known
