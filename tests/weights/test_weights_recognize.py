"""Files that are not weights are recognised, and the message states what to do."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from minicap.errors import UserError
from minicap.weights import read_weights


def tar_bytes():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    return stream.getvalue()


def zip_bytes(*names):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return stream.getvalue()


def npy_bytes():
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


@pytest.mark.parametrize(("content", "reason"), [
    (b"", "is empty"),
    (b"<!DOCTYPE html>\n<html><title>404</title>", "is a web page"),
    (b"\n  <HTML><body>Quota exceeded", "is a web page"),
    (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "is a web page"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 574710816\n", "`git lfs pull`"),
    (gzip.compress(b"x", mtime=0), "is a gzip file: unpack it first"),
    (bz2.compress(b"x"), "is a bzip2 file"),
    (lzma.compress(b"x"), "is a xz file"),
    (tar_bytes(), "is a tar archive: unpack it, or, if a very old PyTorch wrote it"),
    (zip_bytes("photo.jpg", "list.txt"), "is a zip archive without weights (it holds photo.jpg, list.txt)"),
    (zip_bytes(), "is a zip archive without weights (it holds nothing)"),
    (zip_bytes("config.json", "model.weights.h5"), "cannot be read as a .keras archive"),
    (b"PK\x03\x04 and no more", "cut off or damaged"),
    (npy_bytes(), "is a single .npy array"),
    (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "is a MATLAB file"),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", "is a JPEG picture"),
    (b"\x89PNG\r\n\x1a\n", "is a PNG picture"),
    (pickle.dumps({"w": [1.0]}), "is a pickle, but not one that torch.save wrote"),
    (b'{"message": "not found"}', "is a text file"),
    ("größer".encode(), "is a text file, not weights (it begins with 'gr\\xf6\\xdfer')"),
    (b"\x00\x01\x02\x03" * 9, "is not a weights file of a known kind"),
    (b"\x0a\x05VGG19" + bytes(40), "is a Caffe model (.caffemodel), which is not read: use the Keras .h5"),
    (b"\x0a\x14VGG_ILSVRC_19_layers\x12\x81\x03\0\xff" + bytes(99), "is a Caffe model"),
    (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:\xff\x03", "is an ONNX model, which is not read"),
    (b"\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1\x0d\0\0\0nn.Sequential", "is a Torch7 file (.t7), which is not"),
    (b"4\n1\n3\nV 1\n13\nnn.Sequential\n", "is a Torch7 file (.t7)"),
    (b"\x0a\x3d\x0a\x05input\x12\x0bPlaceholder*\x0b\x0a\x05\xff", "is a TensorFlow graph (.pb)"),
    (b"\x08\x01\x12\xb1\x8d\x06\x0a\xff", "is a TensorFlow SavedModel (.pb)"),
    (b"\0\0\x0b\x08\x01\x1a\x02" + bytes(40) + bytes.fromhex("57fb808b247547db"), "is a TensorFlow checkpoint"),
    (b'model_checkpoint_path: "vgg_16.ckpt"\n', "belongs to a TensorFlow checkpoint"),
    (b"(dp0\nVfeatures.0.weight\np1\n", "is a pickle, but not one that torch.save wrote"),
    (b"\x81\xa6params\x82\xa7conv1_1", "is a MessagePack file (.msgpack), as Flax writes, which is not read"),
    (b"\x08\x04\x12\x8a\x01\x0a\x20", "is a Core ML model (.mlmodel)"),
    (b'<?xml version="1.0"?>\n<net name="vgg" version="11">', "is a text file, not weights"),
    (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code>', "is a web page, not weights"),
    (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", "is not a weights file of a known kind (Keras .h5 and .keras, PyTorch .pth"),
    (b"\x1c\0\0\0TFL3" + bytes(40), "is a TensorFlow Lite model"),
])
def test_what_is_no_weights_file_is_named_with_the_cure(tmp_path, content, reason):
    path = tmp_path / "vgg19.h5"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_weights(path)
    assert f"weights file {path} " in str(caught.value) and reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "words"), [
    ("model.ckpt-1.data-00000-of-00001", "a part of a TensorFlow checkpoint"), ("VGG.CAFFEMODEL", "a Caffe model"),
    ("vgg.onnx", "an ONNX model"), ("vgg_16.ckpt", "a TensorFlow checkpoint"), ("vgg.pb", "a TensorFlow graph")])
def test_numbers_without_a_mark_are_named_by_the_name_of_the_file(tmp_path, name, words):
    (tmp_path / name).write_bytes(bytes(range(129, 256)))
    with pytest.raises(UserError, match=f"is {words}, which is not read"):
        read_weights(tmp_path / name)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_weights(tmp_path / "vgg19.pth")
    with pytest.raises(UserError, match="is a folder"):
        read_weights(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01\x12")
    with pytest.raises(UserError, match="is a TensorFlow SavedModel, which is not read: use the Keras"):
        read_weights(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="not an ordinary file"):
        read_weights(tmp_path / "pipe")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(UserError, match="permissions"):
        read_weights(path)
