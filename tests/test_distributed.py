"""Training by several processes under mpiexec: as one process would, and ending together when one of them ends.

Skipped where mpi4py (extra ``mpi``) is not installed. tests/together.py is what the processes run.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tiny_captioner

from minicap.backend import to_numpy
from minicap.captioning.checkpoint import load_tensors

pytest.importorskip("mpi4py", reason="mpi4py is not installed (extra mpi)")
HERE = Path(__file__).resolve().parent
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
pytestmark = pytest.mark.skipif(MPIEXEC is None, reason="there is no mpiexec")

ATTEND = ("--model", "attend", "--data", "folder", "--min-count", 1, "--hidden", 7, "--embedding", 6, "--attention", 5,
          "--epochs", 5)
ENDS = 20  # seconds: it takes less than 2, more on a busy machine, and 60 until a process that hangs is given up
DROPOUTS = ("--drop", 0.5, "--drop-at", "words,regions,state,output", "--word-dropout", 0.3)


def command(size, *words):
    start = [MPIEXEC, "-n", size] if size > 1 else []
    return [str(word) for word in (*start, sys.executable, *words)]


def environment(**more):
    path = os.pathsep.join([str(HERE.parent), str(HERE)])
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "200"} | more


def run(size, *words, **more):
    return subprocess.run(command(size, *words), env=environment(**more), capture_output=True, text=True, timeout=300,
                          check=False)


def steps(size, folder, dtype, count, *options):
    """What tests/together.py says of ``count`` training steps by ``size`` processes, and the first gradient."""
    out = folder / f"{size}.json"
    done = run(size, HERE / "together.py", out, dtype, count, *options, "--out", folder / "none")
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text()), dict(np.load(f"{out}.npz"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    tiny_captioner.write_folder(folder / "pictures")
    tiny_captioner.write_regions(folder / "regions.npy")
    tiny_captioner.write_regions(folder / "mirrored.npy", mirrored=True)
    return ("--data-dir", folder / "pictures", "--features", folder / "regions.npy"), folder


def assert_same(folder, dtype, count, *options, sizes=(2, 4), loss=1e-11, gradient=1e-12):
    alone, expected = steps(1, folder, dtype, count, *options)
    largest = max(np.abs(g).max() for g in expected.values())
    for size in sizes:
        several, found = steps(size, folder, dtype, count, *options)
        np.testing.assert_allclose(several["losses"], alone["losses"], rtol=loss)
        for name, g in expected.items():
            np.testing.assert_allclose(found[name], g, rtol=0, atol=gradient * largest, err_msg=name)
        assert len(several["ranks"]) == size
        assert len({rank["weights"] for rank in several["ranks"]}) == 1  # equal to the bit
        assert {rank["generators"] for rank in several["ranks"]} == {alone["ranks"][0]["generators"]}


def test_the_losses_of_an_epoch_of_scenes_are_those_of_one_process(tmp_path):
    """Convolution and batch norm over the pictures of all processes, in float64."""
    assert_same(tmp_path, "float64", 94, "--data", "shapes", sizes=(4,))


def test_ten_steps_in_float32_are_those_of_one_process(tmp_path):
    assert_same(tmp_path, "float32", 10, "--data", "shapes", sizes=(2,), loss=1e-6, gradient=1e-5)


@pytest.mark.parametrize(("size", "options"), [(2, ("--image", "first")), (4, ("--batch-size", 3))])
def test_dropout_draws_for_the_whole_batch(tmp_path, size, options):
    """Also when a process has none of three captions, and with the image as the first word."""
    assert_same(tmp_path, "float64", 3, "--data", "shapes", "--drop", 0.4, *options, sizes=(size,))


@pytest.mark.parametrize("options", [
    ("--batch-size", 8, "--query", "word", "--region-size", 4),
    ("--batch-size", 8, "--batches", "length", "--sentinel"),
    ("--batch-size", 3, "--region-size", 4)])  # one or two pictures a batch, for four processes
def test_attention_with_all_its_dropouts_and_mirrored_pictures_is_that_of_one_process(data, tmp_path, options):
    files, folder = data
    assert_same(tmp_path, "float64", 8, *ATTEND, *files, "--mirrored", folder / "mirrored.npy", *DROPOUTS, *options)


@pytest.mark.parametrize("baseline", ["others", "greedy"])
def test_captions_are_sampled_for_the_whole_batch(data, tmp_path, baseline):
    files, _ = data
    begun = run(1, "-m", "minicap.train", *ATTEND, *files, "--drop", 0.3, "--epochs", 3, "--out", tmp_path / "begun")
    assert begun.returncode == 0, begun.stderr
    assert_same(tmp_path, "float64", 4, "--init", tmp_path / "begun", "--objective", "cider", "--baseline", baseline,
                "--drop", 0.3, "--batch-size", 20, "--features", files[-1], gradient=1e-6)  # rewards are float32


# ------------------------------------------------------------------------------------------------------ complete runs

SCENES = ("-m", "minicap.train", "--embedding", 16, "--hidden", 16, "--epochs", 2, "--device", "cpu")


def weights_of(folder):
    return {name: array.tobytes() for name, array in load_tensors(folder / "last.safetensors", "checkpoint")[0].items()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    return folder, run(2, *SCENES, "--out", folder)


def test_a_run_prints_and_writes_once(undisturbed):
    folder, done = undisturbed
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("settings: ") == done.stdout.count("epoch  1") == done.stdout.count("best epoch") == 1
    assert {"best.safetensors", "captioner.json", "curve.png", "last.safetensors"} <= {p.name for p in folder.iterdir()}
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2


def test_killed_in_the_second_epoch_and_resumed_it_ends_with_the_same_weights(undisturbed, tmp_path):
    with subprocess.Popen(command(2, *SCENES, "--out", tmp_path / "run"), env=environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as process:
        wait_for(process, "epoch  1")
        time.sleep(1)
        process.kill()
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 1
    again = run(2, *SCENES, "--out", tmp_path / "run", "--resume")
    assert again.returncode == 0, again.stderr
    assert "resuming after epoch 1" in again.stdout
    assert weights_of(tmp_path / "run") == weights_of(undisturbed[0])


def wait_for(process, text):
    for line in process.stdout:
        if line.startswith(text):
            return
    raise AssertionError(f"it ended before it printed {text!r}")


@pytest.mark.parametrize(("number", "code", "said"), [
    (signal.SIGKILL, 9, ""), (signal.SIGINT, 130, "interrupted: the last checkpoint is in")])
def test_when_one_process_ends_all_end(tmp_path, number, code, said):
    with subprocess.Popen(command(2, *SCENES, "--out", tmp_path / "run"), env=environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        wait_for(process, "epoch  1")
        children = subprocess.run(["ps", "-ww", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
        ranks = [int(line.split()[0]) for line in children.splitlines()
                 if str(tmp_path / "run") in line and "mpiexec" not in line]
        assert len(ranks) == 2
        begin = time.monotonic()
        os.kill(ranks[1], number)
        _, err = process.communicate(timeout=60)
        assert time.monotonic() - begin < ENDS
    assert process.returncode == code
    assert err.count("interrupted") == (said != "") and said in err and "Traceback" not in err


def test_an_exception_of_one_process_ends_all(tmp_path):
    """Rank 1 fails after it has joined; rank 0 waits for it."""
    failing = tmp_path / "failing.py"
    failing.write_text("""
from pathlib import Path
from minicap.cli import run_program
from minicap.distributed import join

def main(argv):
    group = join()
    if group.rank == 1:
        Path(f"{__file__}.raises").touch()
        raise ValueError("a mistake of rank 1")
    group.gather(0)

run_program(main, [], together=True)
""")
    done = run(3, failing)
    assert done.returncode == 1 and time.time() - Path(f"{failing}.raises").stat().st_mtime < ENDS
    assert done.stderr.count("ValueError: a mistake of rank 1") == 1


def test_who_waits_too_long_for_another_process_says_so(tmp_path):
    hanging = tmp_path / "hanging.py"
    hanging.write_text("""
import time
from minicap.cli import run_program
from minicap.distributed import join

def main(argv):
    group = join()
    group.gather(0)
    group.limit_waiting(1)
    if group.rank == 1:
        time.sleep(1000)
    group.gather(0)

run_program(main, [], together=True)
""")
    done = run(2, hanging)
    assert done.returncode == 2
    assert done.stderr.strip() == ("error: rank 0 has waited 1 s for another process, which does not go on; continue "
                                   "with --resume")


@pytest.mark.parametrize(("words", "said"), [
    (("-m", "minicap.train", "--epochs", "x"), "argument --epochs: invalid int value"),
    (("-m", "minicap.train", "--data", "folder", "--data-dir", "/nowhere"), "/nowhere is not a folder"),
    (("-m", "minicap.evaluate", "--checkpoint", "x"), "leave out mpiexec"),
    (("-c", "import sys; sys.modules['mpi4py'] = None; sys.argv[0] = 'train'; from minicap import train, cli;"
      "cli.run_program(train.main, [], together=True)"), "pip install 'minicap\\[mpi\\]'")])
def test_a_mistake_is_told_once(tmp_path, words, said):
    done = run(3, *words)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1 and re.search(said, done.stderr)
    assert not any(tmp_path.iterdir())


def test_processes_that_begin_with_other_data_are_told(data, tmp_path):
    """As when the files of two machines differ."""
    files, _ = data
    other = tmp_path / "other.py"
    other.write_text("""
import sys
from minicap import train
from minicap.captioning.data import caption_dataset
from minicap.cli import launched, run_program
from minicap.captioning.training import assemble

if launched()[0] == 1:
    build = assemble.build_model
    assemble.build_model = lambda settings, rng, frequencies: build(settings, type(rng)(rng.bit_generator.jumped()),
                                                                    frequencies)
run_program(train.main, sys.argv[1:], together=True)
""")
    done = run(2, other, *ATTEND, *files, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "error: rank 1 begins with other weights than rank 0; give all machines the same data" in done.stderr


def test_one_process_under_mpiexec_is_one_that_is_alone(data, tmp_path):
    files, _ = data
    done = subprocess.run([MPIEXEC, "-n", "1", sys.executable, "-m", "minicap.train", *map(str, (*ATTEND, *files)),
                           "--out", str(tmp_path / "run")], env=environment(), capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "best.safetensors").exists()


def test_arrays_on_the_device_are_summed(device):
    """By NCCL on a GPU; this process is the only one there is."""
    from mpi4py import MPI

    from minicap.distributed import Group

    group, x = Group(MPI.COMM_SELF), np.arange(5, dtype=np.float32)
    for _ in range(3):
        found = group.sum_(device.asarray(x))
        np.testing.assert_array_equal(to_numpy(found), x)


def test_a_sum_on_the_gpu_that_does_not_end_is_told_of():
    from mpi4py import MPI

    from minicap.distributed import Group

    group = Group(MPI.COMM_SELF)
    group.limit_waiting(0.05)
    with pytest.raises(TimeoutError, match=r"waited 0 s for another process.*continue with --resume"):
        group._until(lambda: False)
