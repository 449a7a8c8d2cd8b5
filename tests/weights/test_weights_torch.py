"""Both torch serialisations, written by hand (torch_writing.py), are read exactly."""

from collections import OrderedDict

import numpy as np
import pytest
from torch_writing import Call, FakeStorage, Global, contiguous, save_legacy, save_zip, tensor

from minicap.weights import read_weights

RNG = np.random.default_rng(0)
W = RNG.standard_normal((4, 3, 3, 3)).astype("f4")
B = RNG.standard_normal(4).astype("f4")
SAVERS = {"torch-legacy": save_legacy, "torch-zip": save_zip}
both_serialisations = pytest.mark.parametrize("save", SAVERS.values(), ids=SAVERS.keys())


def state_dict(prefix=""):
    return OrderedDict([(prefix + "features.0.weight", contiguous("0", W)),
                        (prefix + "features.0.bias", contiguous("1", B)),
                        (prefix + "features.1.num_batches_tracked", contiguous("2", np.array(7, "i8")))])


def assert_is_state_dict(tensors):
    assert list(tensors) == ["features.0.weight", "features.0.bias", "features.1.num_batches_tracked"]
    np.testing.assert_array_equal(tensors["features.0.weight"], W)
    np.testing.assert_array_equal(tensors["features.0.bias"], B)
    assert tensors["features.1.num_batches_tracked"].shape == () and tensors["features.1.num_batches_tracked"] == 7
    assert tensors["features.0.weight"].dtype == np.float32


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("format", SAVERS)
def test_a_state_dict_of_any_pickle_protocol_is_read(tmp_path, format, protocol):
    file = read_weights(SAVERS[format](tmp_path / "no.suffix", state_dict(), protocol=protocol))
    assert file.format == format
    assert_is_state_dict(file.tensors)


@both_serialisations
def test_attributes_hung_on_the_dictionary_are_ignored(tmp_path, save):
    weights = state_dict()
    weights._metadata = OrderedDict([("", {"version": 1})])
    assert_is_state_dict(read_weights(save(tmp_path / "f", weights)).tensors)


@both_serialisations
def test_the_state_dict_inside_a_checkpoint_is_found(tmp_path, save):
    checkpoint = {"epoch": 3, "best": 0.25, "lr": [1e-3, None, True], "state_dict": state_dict(),
                  "optimizer": {"state": {0: {"step": contiguous("9", np.array(5.0, "f4"))}}, "param_groups": [{}]},
                  "loss": contiguous("8", np.array(0.5, "f4"))}
    assert_is_state_dict(read_weights(save(tmp_path / "f", checkpoint)).tensors)


@both_serialisations
def test_the_usual_name_decides_between_two_state_dicts(tmp_path, save):
    checkpoint = {"ema": {"features.0.weight": contiguous("5", W + 1)}, "state_dict": state_dict()}
    assert_is_state_dict(read_weights(save(tmp_path / "f", checkpoint)).tensors)


@both_serialisations
def test_names_keep_the_prefix_of_data_parallel(tmp_path, save):
    assert list(read_weights(save(tmp_path / "f", state_dict("module."))).tensors) == list(state_dict("module."))


@both_serialisations
def test_transposed_sliced_expanded_empty_and_shared_tensors_are_views_as_torch_meant(tmp_path, save):
    numbers = np.arange(24, dtype="f4")
    storage = FakeStorage("0", numbers)
    grid = numbers.reshape(4, 6)
    file = read_weights(save(tmp_path / "f", {
        "grid": tensor(storage, 0, (4, 6), (6, 1)),
        "transposed": tensor(storage, 0, (6, 4), (1, 6)),
        "sliced": tensor(storage, 8, (2, 2), (6, 2)),
        "expanded": tensor(storage, 23, (3, 5), (0, 0)),
        "one": tensor(storage, 3, (1, 1), (999, 10**30)),  # a stride that is never taken may be anything
        "empty": tensor(storage, 0, (0, 5), (5, 1)),
        "scalar": tensor(storage, 5, (), ()),
    }))
    np.testing.assert_array_equal(file.tensors["grid"], grid)
    np.testing.assert_array_equal(file.tensors["transposed"], grid.T)
    np.testing.assert_array_equal(file.tensors["sliced"], grid[1:3, 2:6:2])
    np.testing.assert_array_equal(file.tensors["expanded"], np.full((3, 5), 23, "f4"))
    np.testing.assert_array_equal(file.tensors["one"], [[3]])
    assert file.tensors["empty"].shape == (0, 5)
    assert file.tensors["scalar"] == 5
    assert np.shares_memory(file.tensors["grid"], file.tensors["transposed"])


@both_serialisations
@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "?"])
def test_every_kind_of_number_keeps_its_type(tmp_path, save, kind):
    values = np.array([0, 1, 2, 3], kind)
    read = read_weights(save(tmp_path / "f", {"a": contiguous("0", values)})).tensors["a"]
    assert read.dtype == np.dtype(kind)
    np.testing.assert_array_equal(read, values)


@both_serialisations
def test_bfloat16_becomes_float32(tmp_path, save):
    exact = np.array([[1.5, -2.0, 0.0], [3.0, 1e30, -np.inf]], "f4")
    exact = (exact.view("u4") & 0xFFFF0000).view("f4")
    halves = (exact.view("u4") >> 16).astype("u2").ravel()
    storage = FakeStorage("0", halves, kind=Global("torch", "BFloat16Storage"))
    tensors = read_weights(save(tmp_path / "f", {"a": tensor(storage, 0, (2, 3), (3, 1)),
                                                 "t": tensor(storage, 0, (3, 2), (1, 3))})).tensors
    assert tensors["a"].dtype == np.float32
    np.testing.assert_array_equal(tensors["a"], exact)
    np.testing.assert_array_equal(tensors["t"], exact.T)


def test_a_zip_archive_of_a_big_endian_machine_is_turned_round(tmp_path):
    path = save_zip(tmp_path / "f", {"a": contiguous("0", W)}, storages={"0": W.ravel().astype(">f4")}, order="big")
    read = read_weights(path).tensors["a"]
    np.testing.assert_array_equal(read, W)
    assert read.dtype == np.float32 and read.dtype.isnative


def test_the_folder_inside_a_zip_archive_may_have_any_name_and_no_byte_order(tmp_path):
    assert_is_state_dict(read_weights(save_zip(tmp_path / "f", state_dict(), folder="../vgg 19/x", order=None)).tensors)


@both_serialisations
def test_the_ways_in_which_early_releases_wrote_a_tensor_are_read(tmp_path, save):
    storage, flags = FakeStorage("0", W.ravel()), (True, False, OrderedDict())
    strides = (27, 9, 3, 1)
    float_tensor, parameter = Global("torch", "FloatTensor"), Global("torch.nn.parameter", "Parameter")
    size = Call(Global("torch", "Size"), [4, 3, 3, 3])
    plain = Call(Global("torch._utils", "_rebuild_tensor"), storage, 0, size, strides)
    set_later = Call(float_tensor, state=(storage, 0, (4, 3, 3, 3), strides), newobj=True)
    on_the_gpu = Call(Global("torch.cuda", "FloatTensor"), state=(storage, 0, (4, 3, 3, 3), strides), newobj=True)
    weights = OrderedDict(
        plain=plain, set_later=set_later, on_the_gpu=on_the_gpu,
        parameter=Call(Global("torch._utils", "_rebuild_parameter"), plain, True, OrderedDict()),
        called=Call(parameter, plain, True, state=flags),
        variable=Call(parameter, state=(set_later, None, OrderedDict(), True, False), newobj=True))
    tensors = read_weights(save(tmp_path / "f", weights)).tensors
    assert list(tensors) == list(weights)
    for name, array in tensors.items():
        np.testing.assert_array_equal(array, W, err_msg=name)


@both_serialisations
def test_the_dictionary_and_strings_of_python_2_are_read(tmp_path, save):
    weights = Call(Global("collections", "OrderedDict"), [["b", contiguous("0", B)], ["w", contiguous("1", W)]])
    assert list(read_weights(save(tmp_path / "f", weights)).tensors) == ["b", "w"]

    short_string = b"\x80\x02}U\x01b(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x04" \
                   + (b"N" if save is save_legacy else b"") + b"tQ"
    body = short_string.replace(b"}U\x01b(", b"}U\x01bctorch._utils\n_rebuild_tensor\n((")
    body += b"K\x00K\x04\x85K\x01\x85tRs."
    tensors = read_weights(save(tmp_path / "g", body, storages={"0": B})).tensors
    np.testing.assert_array_equal(tensors["b"], B)


def test_a_storage_that_is_part_of_another_is_read_from_an_old_legacy_file(tmp_path):
    whole = np.arange(10, dtype="f4")
    part = FakeStorage("0", whole, view=("77", 4, 3))
    tensors = read_weights(save_legacy(tmp_path / "f", {"a": tensor(part, 1, (2,), (1,))})).tensors
    np.testing.assert_array_equal(tensors["a"], [5, 6])


def test_storages_are_not_read_until_they_are_used(tmp_path):
    """A view of the file and no copy: what the file holds later is what the array shows."""
    path = save_legacy(tmp_path / "f", {"a": contiguous("0", B)})
    array = read_weights(path).tensors["a"]
    with open(path, "r+b") as f:
        f.seek(-4, 2)
        f.write(np.float32(99).tobytes())
    assert array[-1] == 99
    assert not array.flags.writeable
