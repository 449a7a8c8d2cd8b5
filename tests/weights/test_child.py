"""The child that opens files in place of us: what it answers, how it ends, and what we say then."""

import contextlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest

from minicap.errors import UserError
from minicap.weights import child, read_weights
from minicap.weights.refusal import RefusalError

MB = 1 << 20
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")


@contextlib.contextmanager
def answers(path):
    """Run in the child: each question is the name of something that happens there."""
    def take(size):
        return len(bytearray(size))

    def crash():
        os.abort()

    def compute():
        while True:
            pass

    def refuse(kind):
        raise {"user": UserError, "refusal": RefusalError, "other": KeyError}[kind](f"{path} is not right")

    def array(dtype, *shape):
        return np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)

    def who():
        return os.getpid()

    happens = {"take": take, "crash": crash, "compute": compute, "refuse": refuse, "array": array, "who": who}
    yield lambda name, *arguments: happens[name](*arguments)


@contextlib.contextmanager
def does_not_open(path):
    raise UserError(f"{path} cannot be opened")
    yield


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """A Child that answers as above; it finds this file where we have found it."""
    monkeypatch.syspath_prepend(os.path.dirname(__file__))
    child._end_all()
    path = tmp_path / "caf\udce9" if os.name == "posix" else tmp_path / "file"
    path.write_bytes(b"1")

    def call(function="answers", memory=64 * MB):
        return child.Child("test_child", function, path, memory)

    yield call
    child._end_all()


@pytest.mark.parametrize(("dtype", "shape"), [("<f4", (3, 4)), (">f8", (2, 3, 4)), ("?", (5,)), ("<i8", ()),
                                              ("<f2", (0, 7)), ("<f4", (3_000_000,))])
def test_arrays_come_back_as_they_are(opened, dtype, shape):
    with opened() as asked:
        array = asked.ask("array", dtype, *shape)
    expected = np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)
    assert array.dtype == expected.dtype and array.shape == shape
    np.testing.assert_array_equal(array, expected)


def test_one_child_reads_one_file_after_the_other_and_two_at_once_have_two(opened):
    with opened() as first:
        begun = first.ask("who")
    with opened() as again, opened() as beside:
        assert again.ask("who") == begun != beside.ask("who")


@pytest.mark.parametrize(("kind", "error"), [("user", UserError), ("refusal", RefusalError), ("other", RuntimeError)])
def test_what_the_child_raises_is_raised_here(opened, kind, error):
    with pytest.raises(error, match="is not right"), opened() as asked:
        asked.ask("refuse", kind)


def test_a_file_that_does_not_open_is_told_with_the_first_question(opened):
    with pytest.raises(UserError, match="cannot be opened"), opened("does_not_open") as asked:
        asked.ask("who")


@linux
def test_a_child_that_wants_more_memory_than_allowed_does_not_get_it(opened):
    with opened(memory=64 * MB) as asked:
        assert asked.ask("take", 50 * MB) == 50 * MB
    with pytest.raises(RuntimeError, match="more than the 64 MB of memory"), opened(memory=64 * MB) as asked:
        asked.ask("take", 2 * (64 * MB + child.LIBRARIES))


def test_a_crash_of_the_library_is_a_sentence_and_the_next_file_is_read(opened):
    with pytest.raises(RuntimeError, match="or makes the library crash"), opened() as asked:
        asked.ask("crash")
    with opened() as asked:
        assert asked.ask("take", 1) == 1


@linux
def test_a_child_that_computes_without_an_end_is_stopped(opened, monkeypatch):
    monkeypatch.setattr(child, "SECONDS", 1)
    with pytest.raises(RuntimeError, match="takes far more time"), opened() as asked:
        asked.ask("compute")


def test_a_child_that_ended_while_it_waited_is_replaced(opened):
    with opened() as asked:
        begun = asked.ask("who")
    child._idle[0].kill()
    child._idle[0].wait()
    with opened() as asked:
        assert asked.ask("who") != begun


@pytest.mark.parametrize("missing", ["sys.modules['resource'] = None", "c.STATM = '/nowhere'"],
                         ids=["Windows", "macOS"])
def test_systems_without_limits_read_the_same(opened, monkeypatch, missing):
    start = child._START.replace("main()", f"import minicap.weights.child as c; {missing}; main()")
    monkeypatch.setattr(child, "_START", start)
    with opened() as asked:
        assert asked.ask("take", 300 * MB) == 300 * MB


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_does_not_share_the_child(opened):
    with opened() as asked:
        asked.ask("who")
    pid = os.fork()
    if pid == 0:
        os._exit(len(child._idle))
    assert os.waitpid(pid, 0)[1] == 0 and len(child._idle) == 1


def test_several_threads_read_at_once(tmp_path):
    paths = []
    for i in range(8):
        paths.append(tmp_path / f"{i}.h5")
        with h5py.File(paths[-1], "w") as file:
            file.create_dataset("fc1/kernel:0", data=np.full((64, 64), i, "f4"), compression="gzip")
    with ThreadPoolExecutor(4) as pool:
        files = list(pool.map(read_weights, paths))
    assert [float(file.tensors["fc1/kernel"].mean()) for file in files] == list(range(8))


def test_arrays_that_lie_in_the_file_as_they_are_are_views_of_it_and_the_others_are_read(tmp_path):
    values = np.random.default_rng(0).standard_normal((30, 4)).astype("f4")
    ways = {"plain": {}, "chunked": {"chunks": (7, 3)}, "packed": {"compression": "gzip", "shuffle": True},
            "checked": {"fletcher32": True}, "scaled": {"chunks": (30, 4), "compression": "lzf"}}
    with h5py.File(tmp_path / "f", "w", userblock_size=0) as file:
        for name, how in ways.items():
            file.create_dataset(f"{name}/kernel:0", data=values, **how)
        file.create_dataset("other order/kernel:0", data=values.astype(">f4"))
        file.create_dataset("empty/kernel:0", shape=(0, 3), dtype="f4")
        file.create_dataset("unwritten/kernel:0", shape=(2, 3), dtype="f4", fillvalue=7)
        file.create_dataset("flags/kernel:0", data=values > 0)
    tensors = read_weights(tmp_path / "f").tensors
    for name in (*ways, "other order"):
        np.testing.assert_array_equal(tensors[f"{name}/kernel"], values)
    assert not tensors["plain/kernel"].flags.owndata and tensors["packed/kernel"].flags.owndata
    assert tensors["empty/kernel"].shape == (0, 3)
    assert (tensors["unwritten/kernel"] == 7).all()
    np.testing.assert_array_equal(tensors["flags/kernel"], values > 0)
