"""NumPy's .npz and .safetensors."""

import io
import json
import struct
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from minicap.errors import UserError
from minicap.weights import read_weights

ARRAYS = {"conv1.W": np.arange(12, dtype="f4").reshape(3, 4), "conv1.b": np.arange(3, dtype="f8"),
          "n": np.array(5, "i8"), "none": np.zeros((0, 3), "f2")}


def refusal(path):
    with pytest.raises(UserError) as caught:
        read_weights(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


def assert_arrays(tensors, expected=ARRAYS):
    assert list(tensors) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(tensors[name], array)
        assert tensors[name].dtype == array.dtype and tensors[name].dtype.isnative


def npz_bytes(saver=np.savez, arrays=ARRAYS):
    stream = io.BytesIO()
    saver(stream, **arrays)
    return stream.getvalue()


def safetensors_bytes(entries, body=b""):
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header + body


@pytest.fixture
def put(tmp_path):
    def write(content):
        path = tmp_path / "file"
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        return path
    return write


@pytest.mark.parametrize("saver", [np.savez, np.savez_compressed])
def test_npz_is_read(put, saver):
    file = read_weights(put(npz_bytes(saver)))
    assert file.format == "npz"
    assert_arrays(file.tensors)


def test_npz_of_column_major_and_big_endian_arrays_is_read(put):
    arrays = {"f": np.asfortranarray(ARRAYS["conv1.W"]), "b": ARRAYS["conv1.W"].astype(">f4")}
    tensors = read_weights(put(npz_bytes(arrays=arrays))).tensors
    for array in tensors.values():
        np.testing.assert_array_equal(array, ARRAYS["conv1.W"])
        assert array.dtype.isnative


def test_npz_with_python_objects_is_refused(put):
    stream = io.BytesIO()
    np.savez(stream, good=ARRAYS["n"], bad=np.array([{}], object))
    assert "holds under the name bad Python objects, which could run code" in refusal(put(stream.getvalue()))


def test_npz_with_text_is_refused(put):
    assert "not a kind of number" in refusal(put(npz_bytes(arrays={"a": np.array(["x"])})))


def npy(shape, body=b"\0" * 16):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


@pytest.mark.parametrize("shape", ["(5,)", "(3,)", "(1<<40,)", "(1099511627776,)", "(-4,)", "(-1, -4)", "(2.0, 2)", "4",
                                   "(" * 3000 + ")" * 3000])
def test_npz_whose_shape_is_a_lie_is_refused(put, shape):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.npy", npy(shape))
    refusal(put(stream.getvalue()))


def test_npz_that_unpacks_to_very_much_is_refused_before_it_is_unpacked(put):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as member:
        member.write(npy("(20971520,)", b""))
        for _ in range(80):
            member.write(bytes(1 << 20))
    assert "declares 83,886," in refusal(put(stream.getvalue()))


def test_safetensors_is_read(put):
    file = read_weights(put(save(ARRAYS, metadata={"format": "np"})))
    assert file.format == "safetensors"
    assert_arrays({name: file.tensors[name] for name in ARRAYS})
    assert len(file.tensors) == len(ARRAYS)


@pytest.mark.parametrize("length", [0x80, 0x8B1F, 0x5A42])
def test_safetensors_whose_header_length_looks_like_another_format_is_read(put, length):
    header = json.dumps({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}).encode().ljust(length)
    content = struct.pack("<Q", length) + header + np.arange(3, dtype="<f4").tobytes()
    assert_arrays(read_weights(put(content)).tensors, {"a": np.arange(3, dtype="f4")})


def test_bfloat16_in_safetensors_becomes_float32(put):
    exact = np.array([1.5, -2.0, 1e30], "f4")
    exact = (exact.view("u4") & 0xFFFF0000).view("f4")
    body = (exact.view("u4") >> 16).astype("<u2").tobytes()
    entries = {"a": {"dtype": "BF16", "shape": [3, 1], "data_offsets": [0, 6]}}
    assert_arrays(read_weights(put(safetensors_bytes(entries, body))).tensors, {"a": exact.reshape(3, 1)})


@pytest.mark.parametrize(("shape", "offsets"), [
    ([4], [0, 4]), ([4], [0, 20]), ([4], [4, 20]), ([4], [-4, 12]), ([2**62, 4], [0, 16]), ([-4], [0, 16]),
    ([4], [16, 0])])
def test_safetensors_whose_offsets_are_a_lie_are_refused(put, shape, offsets):
    entries = {"a": {"dtype": "F32", "shape": shape, "data_offsets": offsets}}
    assert "cut off or damaged" in refusal(put(safetensors_bytes(entries, bytes(16))))


def test_safetensors_of_a_kind_of_number_that_is_not_read_are_refused_by_name(put):
    entries = {"a": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}
    assert "holds a as F8_E4M3" in refusal(put(safetensors_bytes(entries, bytes(4))))


@pytest.mark.parametrize("content", [npz_bytes(), save(ARRAYS)], ids=["npz", "safetensors"])
def test_an_archive_cut_off_anywhere_is_refused(put, content):
    for length in range(0, len(content), 3):
        refusal(put(content[:length]))


@settings(deadline=None, max_examples=100)
@given(st.sampled_from([npz_bytes(), npz_bytes(np.savez_compressed), save(ARRAYS)]), st.data())
def test_flipped_bytes_in_an_archive_give_arrays_or_a_sentence(tmp_path_factory, content, data):
    content = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("flipped") / "f"
    path.write_bytes(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's, about headers of Python 2
            tensors = read_weights(path).tensors
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert all(isinstance(array, np.ndarray) for array in tensors.values())
