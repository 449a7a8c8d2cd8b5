"""Malicious or damaged torch files: a one-line UserError, no other exception, and no code is run."""

import pickle
import struct
import tempfile
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_writing import Call, FakeStorage, Global, Persistent, contiguous, pickled, save_legacy, save_zip, tensor

from minicap.errors import UserError
from minicap.weights import read_weights
from minicap.weights.torch_pickle import MAX_INSTRUCTIONS

B = np.arange(4, dtype="f4")
STORAGE = FakeStorage("0", B)
both_serialisations = pytest.mark.parametrize("save", [save_legacy, save_zip], ids=["legacy", "zip"])


def refusal(path):
    with pytest.raises(UserError) as caught:
        read_weights(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message and len(message.replace(str(path), "f")) < 550
    return message


class Harm:
    """What an attacker's class pickles to: os.system(command)."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        import os

        return os.system, (f"touch '{self.marker}'",)


@both_serialisations
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_that_calls_os_system_is_refused_by_name_and_not_run(tmp_path, save, protocol):
    marker = tmp_path / "ran"
    attack = pickle.dumps({"a": Harm(marker)}, protocol)
    message = refusal(save(tmp_path / "f", attack))
    assert "asks for posix.system" in message or "asks for nt.system" in message
    assert not marker.exists()
    pickle.loads(attack)  # the attack is real
    assert marker.exists()


@both_serialisations
@pytest.mark.parametrize(("module", "name"), [
    ("os", "system"), ("builtins", "eval"), ("builtins", "getattr"), ("__builtin__", "apply"), ("torch", "load"),
    ("torch.storage", "_load_from_bytes"), ("collections", "OrderedDict.__init__.__globals__"),
    ("collections", "OrderedDict.__reduce__"), ("collections.OrderedDict", "__init__"), ("collections", "Counter"),
    ("torch", "_utils._rebuild_tensor_v2"), ("torch._utils", "_rebuild_tensor_v2.__globals__"),
    ("minicap.weights.torch_tensors", "os"), ("torch.serialization", "os.system"), ("functools", "partial"),
    ("numpy.core.multiarray", "fromstring"), ("torchvision.models.vgg", "VGG"), ("codecs", "encode")])
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_name_that_is_not_listed_is_refused_by_its_full_name(tmp_path, save, module, name, protocol):
    path = save(tmp_path / "f", {"a": Call(Global(module, name), "x")}, protocol=protocol)
    assert f"asks for {module}.{name}, which could run code; refusing to load" in refusal(path)


def test_a_name_that_would_garble_the_terminal_is_shown_escaped(tmp_path):
    message = refusal(save_zip(tmp_path / "f", {"a": Global("os\x1b[2J", "system" + "\r" * 9)}, protocol=4))
    assert "os\\u001b[2J.system\\u000d" in message


LISTED = b"ccollections\nOrderedDict\n"


@pytest.mark.parametrize(("body", "reason"), [
    (b"(S'x'\nios\nsystem\n.", "instruction STRING"),
    (b"(ios\nsystem\n.", "asks for os.system"),
    (b"(icollections\nOrderedDict\n.", "instruction INST"),
    (b"(" + LISTED + b"o.", "instruction OBJ"),
    (b"\x82\x01.", "instruction EXT1"),
    (b"\x83\x01\x00.", "instruction EXT2"),
    (b"\x84\x01\x00\x00\x00.", "instruction EXT4"),
    (LISTED + b")}\x92.", "instruction NEWOBJ_EX"),
    (b"P0\n.", "instruction PERSID"),
    (b"\x96" + struct.pack("<Q", 2**40) + b".", "holds a truncated or garbled pickle"),  # BYTEARRAY8 of a terabyte
    (b"\x8d" + struct.pack("<Q", 2**40) + b".", "holds a truncated or garbled pickle"),  # BINUNICODE8 of a terabyte
    (b"\x8b" + struct.pack("<i", 2**30) + b".", "holds a truncated or garbled pickle"),  # LONG4 of a gigabyte
    (b"}K\x01R.", "not a listed constructor"),  # calls a dictionary
    (b"ctorch\nFloatStorage\n)R.", "not a listed constructor"),
    (LISTED + b"NR.", "not a listed constructor"),  # no tuple of arguments
    (LISTED + b"K\x01\x85R.", "OrderedDict"),
    (LISTED + b"(]K\x01atR.", "OrderedDict"),
    (b"}}b.", "sets the state"),
    (b"]}b.", "sets the state"),
    (b"K\x01}b.", "sets the state"),
    (LISTED + b"}b.", "sets the state"),
    (LISTED + b")RK\x01b.", "sets the state"),
    (LISTED + b")R)b.", "sets the state"),
    (LISTED + b"X\x01\x00\x00\x00aK\x01s.", "garbled"),  # sets an item of the class
    (b"}X\x01\x00\x00\x00aa.", "garbled"),  # appends to a dictionary
    (b"})K\x01s.", "tuple as a key"),
    (b"}]K\x01s.", "list as a key"),
    (b"h\x05.", "garbled"), (b"0.", "instruction POP"), (b".", "garbled"), (b"R.", "garbled"), (b"t.", "garbled"),
    (b"N\x93.", "garbled"), (b"NN\x93.", "garbled"), (b"\x94.", "garbled"), (b"NQ.", "outside object"),
    (b"\xff.", "garbled"),
    (b"N.", "NoneType"), (b"].", "list"), (b"}.", "no mapping"), (LISTED + b".", "Constructor"),
    (b"}X\x01\x00\x00\x00aK\x01s.", "no mapping"),
    (b"}K\x01ctorch\nFloatTensor\n)Rs.", "no mapping"),
    (b"}X\x01\x00\x00\x00actorch\nFloatTensor\n)Rs.", "no mapping"),  # a tensor that was never given a storage
])
@both_serialisations
def test_an_instruction_that_state_dicts_do_not_use_is_refused(tmp_path, save, body, reason):
    assert reason in refusal(save(tmp_path / "f", b"\x80\x02" + body))


@pytest.mark.parametrize("body", [b"", b"N", b"X\x09", b"J\x01", b"ctorch\nFloat"])
def test_a_pickle_without_an_end_is_refused(tmp_path, body):
    assert "holds a truncated or garbled pickle" in refusal(save_zip(tmp_path / "f", b"\x80\x02" + body))


@both_serialisations
@pytest.mark.parametrize("id", [
    "0", 0, (), [], ("storage",), ("module", None, None, None, None), ("storage",) * 5,
    ("storage", Global("torch", "FloatStorage"), 0, "cpu", 4),
    ("storage", Global("torch", "FloatStorage"), "0", "cpu", -4),
    ("storage", Global("torch", "FloatStorage"), "0", "cpu", "4"),
    ("storage", Global("torch", "FloatStorage"), "0", "cpu", True),
    ("storage", Global("collections", "OrderedDict"), "0", "cpu", 4),
    ("storage", Global("torch", "FloatStorage"), "0", "cpu", 4, ("1", 2, 3)),
    ("storage", Global("torch", "FloatStorage"), "0", "cpu", 4, ("1", -1, 2)),
    ("storage", Global("torch", "FloatStorage"), "0", "cpu", 4, 7)])
def test_a_persistent_id_that_is_not_a_storage_is_refused(tmp_path, save, id):
    attack = {"a": tensor(Persistent(id), 0, (4,), (1,))}
    message = refusal(save(tmp_path / "f", attack, storages={"0": B}))
    assert "outside object" in message or "garbled tensor" in message


@both_serialisations
@pytest.mark.parametrize(("offset", "size", "strides"), [
    (1, (4,), (1,)), (-1, (4,), (1,)), (0, (5,), (1,)), (0, (2, 2), (3, 1)), (0, (4,), (-1,)), (3, (4,), (-1,)),
    (0, (-4,), (1,)), (0, (4,), ()), (0, (), (1,)), (4, (), ()), (2**62, (), ()), (2**64, (), ()), (10**300, (), ()),
    (0, (2**62, 2), (2**62, 1)), (0, (2, 2), (2**63, 2**63)), (0, (2**32, 2**32), (1, 1)), (0, (2,), (10**300,)),
    (0, (2**30,), (0,)), (0, (2**20, 2**20), (0, 0)), (0, (0, 2**70), (1, 1)), (0, (1,) * 33, (1,) * 33),
    (0.0, (4,), (1,)), (None, (4,), (1,)), (0, 4, 1), (0, (4.0,), (1,)), (0, (True,), (1,)), (0, "4", "1"),
    (0, {4: 4}, {1: 1}), (0, (None,), (1,)), (0, ((4,),), (1,))])
def test_a_tensor_that_leaves_its_storage_is_refused(tmp_path, save, offset, size, strides):
    message = refusal(save(tmp_path / "f", {"a": tensor(STORAGE, offset, size, strides)}))
    assert "tensor" in message


@both_serialisations
@pytest.mark.parametrize("arguments", [(), (STORAGE,), (STORAGE, 0, (4,)), (B.tolist(), 0, (4,), (1,)),
                                       (None, 0, (4,), (1,)), (STORAGE, 0, (4,), (1,), 1, 2, 3, 4)])
def test_a_tensor_of_the_wrong_arguments_is_refused(tmp_path, save, arguments):
    assert "garbled tensor" in refusal(save(tmp_path / "f", {"a": Call(Global("torch._utils", "_rebuild_tensor_v2"),
                                                                       *arguments)}))


@pytest.mark.parametrize("state", [(), (1,), (STORAGE, 0, (5,), (1,)), (None, 0, (4,), (1,)), (1, 2, 3, 4, 5), {}, "x"])
def test_a_tensor_of_the_wrong_state_is_refused(tmp_path, state):
    body = {"a": Call(Global("torch", "FloatTensor"), state=state, newobj=True)}
    refusal(save_zip(tmp_path / "f", body, storages={"0": B}))


def test_the_state_of_a_tensor_can_be_set_only_once(tmp_path):
    rebuild = Global("torch._utils", "_rebuild_tensor")
    weights = {"a": Call(rebuild, STORAGE, 0, (4,), (1,), state=(STORAGE, 0, (1,), (1,)))}
    assert "garbled tensor" in refusal(save_zip(tmp_path / "f", weights))


@pytest.mark.parametrize(("function", "arguments"), [
    (("torch._utils", "_rebuild_parameter"), (1,)), (("torch.nn.parameter", "Parameter"), ({},)),
    (("torch", "Size"), ()), (("torch", "Size"), (4,)), (("torch", "Size"), ((-1,),)),
    (("torch", "FloatTensor"), (10**9,))])
def test_a_constructor_of_the_wrong_arguments_is_refused(tmp_path, function, arguments):
    assert "garbled tensor" in refusal(save_zip(tmp_path / "f", {"a": Call(Global(*function), *arguments)}))


@both_serialisations
@pytest.mark.parametrize("numel", [3, 5, 10**6, 2**61, 2**63, 10**100])
def test_a_storage_of_another_length_than_declared_is_refused(tmp_path, save, numel):
    storage = FakeStorage("0", B, numel=numel)
    assert f"{numel:,} numbers" in refusal(save(tmp_path / "f", {"a": tensor(storage, 0, (2,), (1,))}))


@both_serialisations
def test_a_storage_described_in_two_ways_is_refused(tmp_path, save):
    other = FakeStorage("0", B, kind=Global("torch", "IntStorage"))
    weights = {"a": tensor(STORAGE, 0, (4,), (1,)), "b": tensor(other, 0, (4,), (1,))}
    assert "two different ways" in refusal(save(tmp_path / "f", weights))


def test_a_legacy_file_whose_list_of_storages_is_wrong_is_refused(tmp_path):
    weights = {"a": contiguous("0", B)}
    for keys in ([], ["0", "1"], ["1"]):
        path = save_legacy(tmp_path / "f", weights, keys=keys, storages={"1": B})
        assert "storages" in refusal(path)


def test_a_legacy_file_of_another_protocol_is_refused(tmp_path):
    assert "protocol 1001" in refusal(save_legacy(tmp_path / "f", {"a": contiguous("0", B)}, version=1002))


def test_a_zip_archive_without_a_storage_or_with_another_byte_order_is_refused(tmp_path):
    body, _ = pickled({"a": contiguous("0", B)})
    assert "lacks data/0" in refusal(save_zip(tmp_path / "f", body))
    assert "byte order" in refusal(save_zip(tmp_path / "f", {"a": contiguous("0", B)}, order="middle"))


def test_a_storage_key_that_climbs_out_of_the_archive_opens_no_file(tmp_path):
    (tmp_path / "secret").write_bytes(B.tobytes())
    body, _ = pickled({"a": contiguous("../../secret", B)})
    assert "lacks data/../../secret" in refusal(save_zip(tmp_path / "f", body))
    outside = save_zip(tmp_path / "g", {"a": contiguous("../../../x", B)})  # a member of that name is just a name
    np.testing.assert_array_equal(read_weights(outside).tensors["a"], B)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f", "g", "secret"]


def test_a_compressed_or_oversized_zip_archive_is_refused(tmp_path):
    zeros = {"a": contiguous("0", np.zeros(10**6, "f4"))}
    message = refusal(save_zip(tmp_path / "f", zeros, compression=zipfile.ZIP_DEFLATED))
    assert "larger than the file" in message
    noise = {"a": contiguous("0", np.random.default_rng(0).standard_normal(999).astype("f4"))}
    assert "is compressed" in refusal(save_zip(tmp_path / "g", noise, compression=zipfile.ZIP_DEFLATED))


def test_a_torchscript_archive_is_refused_by_name(tmp_path):
    path = save_zip(tmp_path / "f", {"a": contiguous("0", B)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/constants.pkl", b"")
    assert "TorchScript" in refusal(path)


@both_serialisations
def test_things_other_than_a_state_dict_are_named(tmp_path, save):
    assert "holds a Tensor" in refusal(save(tmp_path / "f", contiguous("0", B)))
    two = {"generator": {"a": contiguous("0", B)}, "critic": {"a": contiguous("1", B)}}
    assert set(read_weights(save(tmp_path / "f", two)).tensors) == {"generator.a", "critic.a"}


def test_nesting_as_deep_as_the_file_allows_does_no_harm(tmp_path):
    deep = b"\x80\x02)" + b"\x85" * 100_000
    assert "holds a tuple" in refusal(save_zip(tmp_path / "f", deep + b"."))
    assert "tuple as a key" in refusal(save_zip(tmp_path / "f", b"\x80\x02}" + deep[2:] + b"Ns."))
    assert "outside object" in refusal(save_zip(tmp_path / "f", deep + b"Q."))
    assert "garbled" in refusal(save_zip(tmp_path / "f", deep + b"N\x93."))
    cyclic = b"\x80\x02]q\x00h\x00a."
    assert "holds a list" in refusal(save_zip(tmp_path / "f", cyclic))


@both_serialisations
def test_dictionaries_in_dictionaries_cannot_multiply(tmp_path, save):
    """Each of 60 dictionaries holds the one before it twice, and has a key of a thousand letters."""
    inner = {"a": contiguous("0", B), "b": None}
    for _ in range(60):
        inner = {"x" * 1000: inner, "y": inner}
    assert "holds no mapping" in refusal(save(tmp_path / "f", inner))
    tensors = read_weights(save(tmp_path / "g", {"x" * 1000: {"y": {"a": contiguous("0", B), "b": None}}})).tensors
    assert list(tensors) == ["x" * 200 + ".y.a"]


def test_an_endless_pickle_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("minicap.weights.torch_pickle.MAX_INSTRUCTIONS", 1000)
    assert MAX_INSTRUCTIONS > 1000
    assert "more than 1,000 instructions" in refusal(save_zip(tmp_path / "f", b"\x80\x02" + b"]" * 2000 + b"."))


@pytest.mark.parametrize("body", [
    b"Nr\xff\xff\xff\x7f.",  # LONG_BINPUT: CPython's own unpickler makes an array of that many slots
    b"X\xff\xff\xff\x7fx.",
    b"ctorch._utils\n_rebuild_tensor\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000NJ\xff\xff\xff\x7ftQ"
    b"K\x00J\xff\xff\xff\x7f\x85K\x01\x85tR."])
def test_a_small_file_cannot_take_much_memory(tmp_path, body):
    path = save_zip(tmp_path / "f", b"\x80\x02" + body)
    refusal(path)  # imports are done
    tracemalloc.start()
    try:
        refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_long_list_named_often_is_not_multiplied(tmp_path):
    """Python 2's OrderedDict(list) copies the list: 1,000 copies of 20,000 pairs would be gigabytes."""
    pairs = b"](" + b"".join(b"(" + b"J" + struct.pack("<i", i) + b"Nt" for i in range(20_000)) + b"eq\x00"
    once = LISTED + b"h\x00\x85R"
    body = b"\x80\x02" + pairs + b"(" + once * 1000 + b"t."
    path = save_zip(tmp_path / "f", body)
    tracemalloc.start()
    try:
        refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


# ------------------------------------------------------------------------------------------------------ damaged files

def small_files():
    parameter = Call(Global("torch.nn.parameter", "Parameter"), contiguous("2", B), True, state=(1, 2, 3))
    weights = OrderedDict(w=contiguous("0", np.arange(6, dtype="f4").reshape(2, 3)),
                          n=contiguous("1", np.array(3, "i8")), p=parameter)
    weights._metadata = OrderedDict(version=1)
    with tempfile.TemporaryDirectory() as folder:
        return {(save.__name__, protocol): save(Path(folder) / "f", weights, protocol=protocol).read_bytes()
                for protocol in (2, 5) for save in (save_legacy, save_zip)}


FILES = small_files()


@pytest.mark.parametrize("which", FILES, ids=str)
def test_a_file_cut_off_anywhere_is_refused(tmp_path, which):
    whole = FILES[which]
    (tmp_path / "whole").write_bytes(whole)
    assert list(read_weights(tmp_path / "whole").tensors) == ["w", "n", "p"]
    path = tmp_path / "cut"
    for length in range(0, len(whole), 1 if which[1] == 2 else 7):
        path.unlink(missing_ok=True)
        path.write_bytes(whole[:length])
        refusal(path)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_flipped_bytes_give_arrays_or_a_sentence(tmp_path_factory, which, data):
    content = bytearray(FILES[which])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("flipped") / "f"
    path.write_bytes(content)
    try:
        tensors = read_weights(path).tensors
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert tensors
        assert all(isinstance(array, np.ndarray) and array.tobytes() is not None for array in tensors.values())


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=60))
def test_random_instructions_give_a_sentence(tmp_path_factory, body):
    path = tmp_path_factory.mktemp("random") / "f"
    save_legacy(path, body + b".", keys=[])
    refusal(path)
