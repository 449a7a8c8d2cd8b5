"""Extraction by several processes: of one machine into one file, of several into files with an index; killed, resumed.

Whatever happened on the way, the files are those of one process that nobody disturbed, to the bit.
"""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tiny_vgg
from PIL import Image

from minicap.captioning.features.feature_file import open_features
from minicap.errors import UserError
from minicap.extract import numbered
from minicap.locks import NAME

TESTS = Path(__file__).resolve().parent
COUNT, BATCH = 44, 2
BATCHES = COUNT // BATCH
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
mpi = pytest.mark.skipif(MPIEXEC is None, reason="there is no mpiexec")
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no locks that can be shared")

# Each batch takes a while, in which a process can be killed, and every process tells how many it has computed. The
# first ones wait for each other, as one may have done everything before the next one has been started.
PROGRAM = """
import os, sys, time
import pytest, tiny_vgg
from tqdm import tqdm
from minicap import extract
from minicap.captioning.features import extraction
from minicap.captioning.features.extractor import Extractor
from minicap.cli import launched, run_program

tiny_vgg.shrink(pytest.MonkeyPatch(), size=32)
extraction.SAVE_EVERY = 2
extraction.progress_bar = lambda **options: tqdm(file=sys.stderr, **options)  # also where stderr is no terminal
compute, out = Extractor.__call__, os.open(os.environ["COMPUTED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def call(self, inputs):
    time.sleep(float(os.environ["SECONDS"]))
    os.write(out, f"{os.getpid()} ".encode())
    while len(set(open(os.environ["COMPUTED"]).read().split())) < int(os.environ["TOGETHER"]):
        time.sleep(0.01)
    return compute(self, inputs)

Extractor.__call__ = call
if hosts := os.environ.get("HOSTS"):
    import socket
    socket.gethostname = lambda: hosts.split()[launched()[0]]
run_program(extract.main, sys.argv[1:], together=True)
"""


class World:
    """Pictures, weights, and programs on them."""

    def __init__(self, folder):
        rng = np.random.default_rng(7)
        self.folder, self.data = folder, folder / "data"
        self.data.mkdir()
        names = [f"{i:02}.png" for i in range(COUNT)]
        for i, name in enumerate(names):
            blobs = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
            blobs.resize((20 + i, 30), Image.Resampling.BICUBIC).save(self.data / name)
        for name in ("05.png", "31.png"):
            (self.data / name).write_bytes(b"no picture")
        (self.data / "captions.csv").write_text("image,caption\n" + "".join(f"{n},a blob\n" for n in names))
        for split, part in (("train", names[:-4]), ("dev", names[-4:-2]), ("test", names[-2:])):
            (self.data / f"{split}.txt").write_text("\n".join(part))
        with pytest.MonkeyPatch.context() as patch:
            tiny_vgg.shrink(patch, size=32)
            self.weights = [tiny_vgg.save_keras(folder / f"vgg{i}.h5", tiny_vgg.random_vgg(11, rng)) for i in (0, 1)]

    def start(self, out, *words, size=1, seconds=0.03, together=1, hosts="", **options):
        options = {"data": "folder", "data-dir": self.data, "weights": self.weights[0], "out": out, "device": "cpu",
                   "batch-size": BATCH} | options
        arguments = [str(word) for name, value in options.items() if value is not None for word in (f"--{name}", value)]
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent))), "COMPUTED": f"{out}.computed",
            "SECONDS": str(seconds), "TOGETHER": str(together), "OMP_NUM_THREADS": "1", "HOSTS": hosts}
        return subprocess.Popen([*[MPIEXEC, "-n", str(size)] * (size > 1), sys.executable, "-c", PROGRAM, *arguments,
                                 *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def shards(self, out, count, **options):
        return [self.start(out, "--shard", f"{k}/{count}", **options) for k in range(1, count + 1)]

    def run(self, out, *words, **options):
        return ended(self.start(out, *words, **options))


def ended(process):
    """What it has written on stderr; AssertionError unless its exit code is 0."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and out == "", (process.returncode, out, err)
    return err


def refused(process):
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and "Traceback" not in err, err
    return err.splitlines()[-1]


def written(out):
    return Path(f"{out}.npy").read_bytes(), Path(f"{out}.json").read_bytes()


def computed(out):
    """{process: how many batches it has computed}"""
    processes = Path(f"{out}.computed").read_text().split()
    return {process: processes.count(process) for process in set(processes)}


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@contextlib.contextmanager
def at_work(*processes, out):
    """The processes are stopped as soon as some batches have been computed, and go on afterwards."""
    try:
        wait_until(lambda: Path(f"{out}.computed").exists() and len(computed(out)) == len(processes))
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def assert_nothing_else(folder, *names):
    assert sorted(path.name for path in folder.iterdir() if not path.name.endswith(".computed")) == sorted(names)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def whole(world):
    """What one undisturbed process writes."""
    assert "00.png" not in world.run(world.folder / "whole", seconds=0)
    return written(world.folder / "whole")


# ------------------------------------------------------------------------------------------- processes of one machine

def test_processes_share_one_file_and_each_batch_is_computed_once(world, whole, tmp_path):
    out = tmp_path / "f"
    first, second = world.shards(out, 2, together=2)
    errors = [ended(first), ended(second)]
    assert written(out) == whole
    assert_nothing_else(tmp_path, "f.npy", "f.json")
    counts = computed(out)
    assert len(counts) == 2 and sum(counts.values()) == BATCHES
    assert all(f"{COUNT}/{COUNT}" in err for err in errors), errors  # the bar of each is that of all
    for err in errors:
        assert f"f.npy: {COUNT} images, 0 MB, 2 unreadable images left out" in err, err
    assert sum(err.count("05.png") for err in errors) == 1
    assert "is already there and up to date" in world.run(out, "--shard", "7/9")


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment_and_resumed_by_any_number_of_processes(world, whole, tmp_path, seed):
    rng, out = random.Random(seed), tmp_path / "f"
    Path(f"{out}.computed").touch()
    for _ in range(2):
        processes = world.shards(out, rng.choice([1, 2, 3]), seconds=0.02)
        enough = sum(computed(out).values()) + rng.randrange(9)
        wait_until(lambda processes=processes, enough=enough: sum(computed(out).values()) >= enough
                   or processes[0].poll() is not None)
        for process in rng.sample(processes, len(processes)):
            time.sleep(rng.uniform(0, 0.05))
            process.kill()
            process.communicate()
    last = rng.choice([0, 2, 3])
    for process in world.shards(out, last, seconds=0) if last else [world.start(out, seconds=0)]:
        ended(process)
    assert written(out) == whole
    assert_nothing_else(tmp_path, "f.npy", "f.json")
    assert BATCHES < sum(computed(out).values()) < 3 * BATCHES  # some were lost, and not all


def test_what_a_killed_process_was_about_to_compute_the_others_compute(world, whole, tmp_path):
    out = tmp_path / "f"
    first, second = world.shards(out, 2, seconds=0.1, together=2)
    wait_until(lambda: Path(f"{out}.computed").exists() and len(computed(out)) == 2)
    first.kill()
    assert f"{COUNT}/{COUNT}" in ended(second)
    assert written(out) == whole
    first.communicate()


def test_one_process_with_a_number_does_the_work_of_all(world, whole, tmp_path):
    world.run(tmp_path / "f", "--shard", "3/4", seconds=0)
    assert written(tmp_path / "f") == whole


def test_processes_go_on_where_one_alone_was_killed_and_the_other_way_round(world, whole, tmp_path):
    out = tmp_path / "f"
    with contextlib.ExitStack() as stack:
        process = world.start(out, seconds=0.05)
        wait_until(lambda: (tmp_path / "f.partial.done").exists() and any((tmp_path / "f.partial.done").read_bytes()))
        stack.callback(process.communicate)
        process.kill()
    for process in world.shards(out, 2, seconds=0):
        ended(process)
    assert sum(computed(out).values()) < 2 * BATCHES - 2  # what had been saved was kept
    assert written(out) == whole


def test_who_shares_and_who_does_not_refuse_each_other(world, whole, tmp_path):
    out = tmp_path / "f"
    first = world.start(out, seconds=0.1)
    with at_work(first, out=out):
        assert re.fullmatch(rf"error: \S+f\.npy is being written by `python` \(process {first.pid} on .*; wait for it, "
                            "or choose another place", refused(world.start(out, "--shard", "1/2")))
    ended(first)
    Path(f"{out}.computed").unlink()
    first = world.start(out, "--shard", "1/2", weights=world.weights[1], seconds=0.1)
    with at_work(first, out=out):
        messages = {
            (): r"is being written by `python` \(several processes on \S+, since .*\); wait for it, or choose",
            ("--shard", "1/3"): r"another process writes \S+ as number 1 already; give each .* with --shard",
            ("--shard", "2/2", "--layer", "pool5"): r"with other features or options \(layer, shape\); give all",
            ("--shard", "2/2", "--split", "dev"): r"other features or options \(image list\)",
            ("--shard", "2/2", "--batch-size", "3"): r"other features or options \(--batch-size\)"}
        others = [world.start(out, *words, weights=world.weights[1]) for words in messages]
        for process, message in zip(others, messages.values(), strict=True):
            assert re.search(message, refused(process))
        assert written(out) == whole  # the old features stand
    assert "has other features (weights); it is replaced when the new ones are complete" in ended(first)
    assert written(out) != whole
    assert not list(tmp_path.glob(f".*{NAME}"))


def test_processes_of_another_machine_do_not_share_a_file(world, tmp_path):
    first = world.start(tmp_path / "f", "--shard", "1/2", hosts="left", seconds=0.1)
    with at_work(first, out=tmp_path / "f"):
        assert re.search(r"by `python` \(several processes on left, .*; several machines need a file each, see --host",
                         refused(world.start(tmp_path / "f", "--shard", "2/2", hosts="right")))
    ended(first)


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b", "-1/2", "1/2/3", "１/2", ""])
def test_a_share_is_a_number_of_a_number(text):
    assert numbered("2/8", "shard") == (2, 8)
    with pytest.raises(UserError, match=r"^host= has to be K/N with K from 1 to N, as 2/8, and not "):
        numbered(text, "host")


def test_mirrored_features_and_those_made_from_earlier_ones_are_shared_too(world, tmp_path):
    both = (("alone", None), ("shared", "2/3"))
    for process in [world.start(tmp_path / f"{out}-early", "--mirror", "--split", "train", layer="pool5", shard=shard)
                    for out, shard in both]:
        ended(process)
    for process in [world.start(tmp_path / out, "--from-features", str(tmp_path / f"{out}-early.npy"), shard=shard,
                                data=None, **{"data-dir": None}) for out, shard in both]:
        ended(process)
    assert written(tmp_path / "shared-early") == written(tmp_path / "alone-early")
    assert written(tmp_path / "shared") == written(tmp_path / "alone")
    assert open_features(tmp_path / "shared").source.mirrored


# --------------------------------------------------------------------------------------------------------- under MPI

@mpi
def test_ranks_are_shards_and_rank_0_speaks_for_all(world, whole, tmp_path):
    pytest.importorskip("mpi4py", reason="mpi4py is not installed (extra mpi)")
    out = tmp_path / "f"
    err = world.run(out, size=3, together=3)
    assert written(out) == whole
    assert_nothing_else(tmp_path, "f.npy", "f.json")
    assert len(computed(out)) == 3 and sum(computed(out).values()) == BATCHES
    assert err.count(f"f.npy: {COUNT} images, 0 MB, 2 unreadable images left out") == 1
    assert err.count("05.png") == err.count("31.png") == 1 and f"{COUNT}/{COUNT}" in err
    assert "leave it out" in refused(world.start(out, "--shard", "1/2", size=2))


@mpi
def test_when_a_rank_is_killed_all_end_and_another_number_of_ranks_goes_on(world, whole, tmp_path):
    pytest.importorskip("mpi4py", reason="mpi4py is not installed (extra mpi)")
    out = tmp_path / "f"
    process = world.start(out, size=3, together=3, seconds=0.2)
    wait_until(lambda: Path(f"{out}.computed").exists() and len(computed(out)) == 3)
    begin = time.monotonic()
    os.kill(int(max(computed(out))), signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == 9 and time.monotonic() - begin < 20  # more than 60 if one waited for it
    world.run(out, size=2, seconds=0)
    assert written(out) == whole
    assert_nothing_else(tmp_path, "f.npy", "f.json")


@mpi
def test_ranks_on_two_machines_write_a_file_on_each(world, whole, tmp_path):
    pytest.importorskip("mpi4py", reason="mpi4py is not installed (extra mpi)")
    world.run(tmp_path / "f", size=3, seconds=0, hosts="left right left")
    assert_nothing_else(tmp_path, "f.json", *(f"f.{k}-of-2.{ending}" for k in (1, 2) for ending in ("npy", "json")))
    assert_reads_as(tmp_path / "f", whole, tmp_path)


# -------------------------------------------------------------------------------------------------- several machines

def assert_reads_as(out, whole, folder):
    """The features in several files are those in the file and description ``whole``."""
    found = open_features(out)
    for name, content in zip(("whole.npy", "whole.json"), whole, strict=True):
        (folder / name).write_bytes(content)
    one = open_features(folder / "whole")
    assert (found.source, found.images, found.row) == (one.source, one.images, one.row)
    assert found.unreadable == one.unreadable
    assert np.array_equal(np.asarray(found.array).view(np.uint16), one.array.view(np.uint16))
    rows = [COUNT - 1, 0, COUNT // 2, COUNT // 2 - 1, 3]
    np.testing.assert_array_equal(found.read(rows), one.read(rows))


def test_machines_write_files_that_read_as_one(world, whole, tmp_path):
    left, right, out = tmp_path / "left", tmp_path / "right", tmp_path / "f"
    left.mkdir()
    right.mkdir()
    first = [world.start(left / "f", "--host", "1/2", shard=shard, together=2) for shard in ("1/2", "2/2")]
    assert "f.2-of-2.npy: 22 images" in world.run(right / "f", "--host", "2/2", seconds=0)
    for process in first:
        ended(process)
    with pytest.raises(UserError, match=r"f\.json is the index of features in 2 files, of which f\.1-of-2\.npy is not "
                                        "beside it; wait until it is finished, or copy it there"):
        open_features(right / "f")
    assert (left / "f.json").read_bytes() == (right / "f.json").read_bytes()
    for path in (*left.glob("f.*[ny]"), *right.glob("f.*[ny]")):
        shutil.copy(path, tmp_path)
    assert_reads_as(out, whole, tmp_path)
    for process in [world.start(out, *words) for words in (("--host", "1/2"), ("--shard", "1/2"))]:
        assert "up to date" in ended(process)
    message = refused(world.start(out, "--host", "1/3"))
    assert re.search(r"f\.json is the index of 2 files of other images; give all machines the same data and options",
                     message)


def test_files_of_other_batches_or_weights_are_not_read_as_one(world, tmp_path):
    one, other = tmp_path / "f", tmp_path / "other" / "f"
    other.parent.mkdir()
    world.run(one, "--host", "1/2", seconds=0)
    processes = [world.start(one.parent / name / "f", "--host", "2/2", **options) for name, options in (
        ("", {"seconds": 0}), ("other", {"seconds": 0, "batch-size": 3}))]
    for process in processes:
        ended(process)
    assert len(open_features(one).images) == COUNT
    for ending in ("npy", "json"):
        shutil.copy(other.parent / f"f.2-of-2.{ending}", tmp_path)
    with pytest.raises(UserError, match=r"f\.json names are not those that it was made for; extract them again, on all "
                                        "machines with the same data and batch_size="):
        open_features(one)
