"""Files saved by real PyTorch are read exactly."""

from collections import OrderedDict

import numpy as np
import pytest
from torch_writing import Call, FakeStorage, Global, contiguous, save_legacy, save_zip

from minicap.errors import UserError
from minicap.weights import read_weights

pytestmark = pytest.mark.peers
torch = pytest.importorskip("torch", reason="the comparison needs PyTorch (extra `peers`)")

both_serialisations = pytest.mark.parametrize("zipped", [False, True], ids=["torch-legacy", "torch-zip"])


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Linear(8, 5))


def save(path, value, zipped, protocol=2):
    torch.save(value, path, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    return path


def assert_same(tensors, expected):
    assert list(tensors) == list(expected)
    for name, tensor in expected.items():
        tensor = tensor.detach()
        expected_array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
        np.testing.assert_array_equal(tensors[name], expected_array, err_msg=name)
        assert tensors[name].dtype == expected_array.dtype and tensors[name].shape == expected_array.shape


@both_serialisations
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_state_dict_of_every_pickle_protocol_is_read(tmp_path, zipped, protocol):
    weights = network().state_dict()
    file = read_weights(save(tmp_path / "f", weights, zipped, protocol))
    assert file.format == ("torch-zip" if zipped else "torch-legacy")
    assert "1.num_batches_tracked" in file.tensors
    assert_same(file.tensors, weights)


@both_serialisations
def test_a_checkpoint_with_an_optimizer_is_read(tmp_path, zipped):
    model = network()
    adam = {"state": {0: {"step": torch.tensor(1.0), "exp_avg": torch.ones(8, 3, 3, 3), "max_exp_avg_sq": None}},
            "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "amsgrad": False, "params": [0, 1]}]}
    checkpoint = {"epoch": 3, "optimizer": adam, "best": 0.5, "state_dict": torch.nn.DataParallel(model).state_dict()}
    assert_same(read_weights(save(tmp_path / "f", checkpoint, zipped)).tensors, checkpoint["state_dict"])


@both_serialisations
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int32", "int16", "int8", "uint8", "bool"])
def test_every_kind_of_number_is_read(tmp_path, zipped, dtype):
    weights = {"a": (torch.randn(5, 4) * 10).to(getattr(torch, dtype)), "b": torch.ones(3)}
    assert_same(read_weights(save(tmp_path / "f", weights, zipped)).tensors, weights)


@both_serialisations
def test_views_that_share_a_storage_are_read(tmp_path, zipped):
    grid = torch.randn(6, 8)
    weights = {"grid": grid, "transposed": grid.T, "sliced": grid[1:5:2, 2::3], "row": grid[3], "scalar": grid[2, 2],
               "expanded": grid[0, :1].expand(4, 3), "empty": grid[:0], "diagonal": grid.diagonal(),
               "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)}
    tensors = read_weights(save(tmp_path / "f", weights, zipped)).tensors
    assert_same(tensors, weights)
    assert np.shares_memory(tensors["grid"], tensors["sliced"])


@both_serialisations
def test_named_parameters_are_read(tmp_path, zipped):
    weights = dict(network().named_parameters())
    assert_same(read_weights(save(tmp_path / "f", weights, zipped)).tensors, weights)


@both_serialisations
def test_a_whole_pickled_model_is_refused_by_the_name_of_its_class(tmp_path, zipped):
    with pytest.raises(UserError, match=r"asks for torch\.nn\.modules\.container\.Sequential"):
        read_weights(save(tmp_path / "f", network(), zipped))


def test_a_torchscript_model_is_refused_by_name(tmp_path):
    with pytest.warns(DeprecationWarning):
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(tmp_path / "f"))
    with pytest.raises(UserError, match="TorchScript"):
        read_weights(tmp_path / "f")


@both_serialisations
@pytest.mark.parametrize("weights_only", [True, False])
def test_the_files_that_the_other_tests_write_by_hand_mean_the_same_to_torch(tmp_path, zipped, weights_only):
    """Among them the spellings of early releases, which a recent PyTorch reads but cannot write."""
    W = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype("f4")
    storage, strides = FakeStorage("7", W.ravel()), (27, 9, 3, 1)
    rebuilt = Call(Global("torch._utils", "_rebuild_tensor"), storage, 0, W.shape, strides)
    weights = OrderedDict(
        new=contiguous("8", W + 1), rebuilt=rebuilt,
        set_later=Call(Global("torch", "FloatTensor"), state=(storage, 0, W.shape, strides), newobj=True),
        called=Call(Global("torch.nn.parameter", "Parameter"), rebuilt, True, state=(True, False, OrderedDict())),
        variable=Call(Global("torch.nn.parameter", "Parameter"), newobj=True,
                      state=(rebuilt, None, OrderedDict(), True, False)))
    path = (save_zip if zipped else save_legacy)(tmp_path / "f", weights)
    assert_same(read_weights(path).tensors, torch.load(path, weights_only=weights_only))


@pytest.mark.parametrize("change, words", [
    (lambda a: torch.quantize_per_tensor(a, 0.01, 0, torch.qint8), "numbers that were rounded to save space"),
    (lambda a: a.to_sparse(), "sparse tensors"), (lambda a: a.to("meta"), "tensors without numbers"),
    (lambda a: a.to(torch.float8_e4m3fn), "tensors of a rare type, such as float8"),
    (lambda a: a.to(torch.complex64), "a as complex64, which is not a kind of number")])
@pytest.mark.filterwarnings("ignore")
def test_tensors_that_are_no_plain_numbers_are_refused_as_what_they_are(tmp_path, change, words):
    with pytest.raises(UserError, match=words):
        read_weights(save(tmp_path / "f", {"a": change(torch.ones(3, 4))}, True))


@pytest.mark.filterwarnings("ignore")
def test_a_program_of_torch_export_is_refused_by_name(tmp_path):
    exported = torch.export.export(network()[:2], (torch.zeros(1, 3, 8, 8),))
    torch.export.save(exported, tmp_path / "f.pt2")
    with pytest.raises(UserError, match=r"is a program of torch\.export"):
        read_weights(tmp_path / "f.pt2")
