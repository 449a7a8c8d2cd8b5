"""Programs that are killed before each change of the file system, find the disk full, or too little memory.

    python tests/reliability/accidents.py                       every program, every accident
    python tests/reliability/accidents.py train export --every 5

Each run is a fork of this process. For a kill, an audit hook counts the changes (a file opened for writing, renamed,
deleted; a folder made or removed) and kills the process with SIGKILL before the n-th. A full disk is a limit of the
size of files, little memory one of memory. Afterwards nothing under a final name may be incomplete, and the same
command has to complete the work, with the result of a run that met no accident, and leave nothing else.
"""

import argparse
import contextlib
import hashlib
import importlib
import io
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = map(str, (Path(__file__).parent, Path(__file__).parents[1], Path(__file__).parents[2]))
    # OpenBLAS waits for ever for threads that it has no memory to start, and numba is not made for the lack of it.
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "MINICAP_NUMBA": "0"}

import http_server
import programs
import tiny_captioner

from minicap.captioning.captioner import Captioner
from minicap.cli import run_program
from minicap.download.archives import unpack
from minicap.download.fetch import RemoteFile, fetch

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
FILE_SIZES = (0, 100, 1000, 5000, 20_000, 60_000)  # bytes; the largest file of a scenario has 100,000
MEMORY = (1 << 20, 4 << 20, 16 << 20)              # bytes beyond what the process has
TRAIN = [str(a) for a in tiny_captioner.train_arguments("out", "data", "features.npy", "--epochs", 3)]


for library in ("h5py", "matplotlib.backends.backend_agg", "scipy.io", "tqdm", "minicap.captioning.reporting.report"):
    importlib.import_module(library)  # now, and not in each fork, where imports fail in many ways without memory


# ------------------------------------------------------------------------------------------------------- the programs

@dataclass(frozen=True)
class Scenario:
    """``main()`` runs a program, also after an accident; ``writes`` are its files or its folder.

    ``grows``: whether the folder can be used before it is complete, as a training run can. ``plots``: whether it uses
    matplotlib, which takes a lack of memory for all kinds of mistakes: there it is not tried.
    """

    main: object
    writes: tuple
    grows: bool = False
    plots: bool = False

    @classmethod
    def of(cls, program, *arguments, writes, plots=False):
        return cls(lambda: programs.start(program, list(arguments)), writes, plots=plots)


def train():
    begun = Path("out", "last.safetensors").exists()
    programs.start("train", TRAIN + ["--resume"] * begun)


def archive():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for i in range(3):
            file.writestr(f"pictures/{i}.txt", f"{i}" * 30_000)
    return stream.getvalue()


ARCHIVE = archive()


@contextlib.contextmanager
def server():
    """Run a server of the archive, in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()  # as long as there are no threads, of which one might hold a lock
    if child == 0:
        server = http_server.FaultyServer()
        server.routes["/x.zip"] = [http_server.serves(ARCHIVE)]
        os.write(writing, server.base.encode())
        signal.pause()
    os.environ["ACCIDENTS_SERVER"] = os.read(reading, 100).decode()
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def download():
    address = f"{os.environ['ACCIDENTS_SERVER']}/x.zip"
    file = RemoteFile("x.zip", (address,), f"sha256:{hashlib.sha256(ARCHIVE).hexdigest()}")
    unpack(fetch(file, Path("out")), Path("out"))


ON_DATA = ("--data", "folder", "--data-dir", "data", "--out", "out.npy")
SCENARIOS = {
    "train": Scenario(train, ("out",), grows=True),
    "download": Scenario(download, ("out",), grows=True),
    "extract": Scenario.of("extract", *ON_DATA, "--weights", "vgg.h5", "--batch-size", "3",
                           writes=("out.npy", "out.json")),
    "shard": Scenario.of("extract", *ON_DATA, "--weights", "vgg.h5", "--batch-size", "3", "--shard", "2/2",
                         writes=("out.npy", "out.json")),
    "host": Scenario.of("extract", *ON_DATA, "--weights", "vgg.h5", "--batch-size", "3", "--host", "1/1",
                        writes=("out.1-of-1.npy", "out.1-of-1.json", "out.json")),
    "import": Scenario.of("extract", *ON_DATA, "--from-array", "own.npy", "--names", "names.txt",
                          writes=("out.npy", "out.json")),
    "export": Scenario.of("export", "run", "out", writes=("out",)),
    "learn": Scenario.of("learn", "init", "out", writes=("out",)),
    "caption": Scenario.of("caption", "data/red-0.png", "--checkpoint", "attend", "--weights", "vgg.h5", "--attention",
                           "out.png", writes=("out.png",), plots=True),
    "evaluate": Scenario.of("evaluate", "--checkpoint", "run", "--features", "features.npy", "--predictions",
                            "out.json", "--html", "out.html", writes=("out.json", "out.html"), plots=True),
    "score": Scenario.of("score", "predictions.json", "--references", "data/captions.csv", "--per-image", "out.json",
                         writes=("out.json",)),
}


# ------------------------------------------------------------------------------------------------------ the accidents

def kill_at(n):
    """From here on the n-th change of a file or folder, within the present folder, kills this process before it."""
    count, world = 0, os.getcwd()

    def hook(event, arguments):
        nonlocal count
        if event == "open":
            path, _, flags = arguments
            changes = isinstance(flags, int) and flags & WRITING
        else:
            path, changes = arguments[0] if event in CHANGES else None, event in CHANGES
        if changes and isinstance(path, (str, bytes, os.PathLike)):
            path = os.fsdecode(path)
            if path.startswith(world) or not path.startswith("/"):
                count += 1
                if count == n:
                    os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def full_disk(size):
    """From here on no file can become larger than ``size`` bytes: writing fails, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def little_memory(size):
    with open("/proc/self/status") as status:
        (data,) = (int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (data + size, data + size))


def in_a_fork(scenario, accident=None, *arguments):
    """How a run of the program in a fork ended: "killed", or its exit code, 0 or 2; AssertionError for all else."""
    sys.stdout.flush()
    reading, writing = os.pipe()  # which no limit of files holds for
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(writing, 2)
            if accident:
                accident(*arguments)
            run_program(lambda _: scenario.main())
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    with open(reading, errors="replace") as errors:
        said = errors.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and accident is kill_at:
        return "killed"
    code = os.waitstatus_to_exitcode(status)
    if accident is little_memory and "OpenBLAS error: Memory allocation" in said:
        return 2  # it ends the process by itself, with this sentence
    assert code in (0, 2) and "Traceback" not in said, f"exit code {code}: {said[-3000:]}"
    return code


# ----------------------------------------------------------------------------------------------- what has to be right

def contents(names):
    """{path: content} of all files under these names, without what may differ: durations, whether it was resumed."""
    found = {}
    for path in (path for name in names for path in [Path(name), *sorted(Path(name).rglob("*"))]):
        if path.is_file() and not path.name.startswith(".minicap"):
            found[str(path)] = re.sub(rb'\\*"seconds\\*": [\d.]+|"resume": \w+', b"", path.read_bytes())
    return found


def clear(keep):
    for path in set(Path.cwd().iterdir()) - keep:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def check(scenario, whole, where):
    """AssertionError unless nothing is lost and the program can complete its work; ``whole`` are its contents then."""
    left = contents(scenario.writes)
    if scenario.grows:
        readable(Path("out"))
    elif Path(scenario.writes[0]).is_dir():
        assert left == whole, f"{where}: a half folder"
        return  # a new folder is made once
    else:
        assert all(whole[path] == content for path, content in left.items()), f"{where}: a half file"
    assert in_a_fork(scenario) == 0, f"{where}: it does not go on"
    again = contents(scenario.writes)
    differ = [path for path in whole | again if again.get(path) != whole.get(path)]
    assert not differ, f"{where}: {differ} differ"
    rubbish = [str(path) for path in Path.cwd().rglob("*") if re.search(r"partial|lock|unpacking|tmp", path.name)]
    assert not rubbish, f"{where}: {rubbish} left"


def readable(folder):
    """A run that has begun can be used, as far as it is there; an archive that is there is whole."""
    if (folder / "best.safetensors").exists():
        Captioner.load(folder, device="cpu")
    if (folder / "x.zip").exists():
        assert (folder / "x.zip").read_bytes() == ARCHIVE


def try_all(name, every=1):
    """{accident: how often} for a scenario in the present folder; AssertionError where something is lost."""
    scenario, keep = SCENARIOS[name], set(Path.cwd().iterdir())
    assert in_a_fork(scenario) == 0
    whole, count = contents(scenario.writes), {"kills": 0, "full disks": 0, "no memory": 0}
    assert whole, f"{name} has written nothing"
    clear(keep)
    while in_a_fork(scenario, kill_at, n := 1 + every * count["kills"]) == "killed":
        count["kills"] += 1
        check(scenario, whole, f"{name}, killed at change {n}")
        clear(keep)
    clear(keep)
    memory = () if scenario.plots else MEMORY
    for accident, sizes, what in ((full_disk, FILE_SIZES, "full disks"), (little_memory, memory, "no memory")):
        for size in sizes:
            count[what] += in_a_fork(scenario, accident, size) == 2
            check(scenario, whole, f"{name}, {what} at {size:,} bytes")
            clear(keep)
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=list(SCENARIOS))
    parser.add_argument("--every", type=int, default=1, help="kill at every N-th change only")
    options = parser.parse_args()
    total = {}
    with server(), tempfile.TemporaryDirectory(prefix="accidents.") as folder, programs.inside(folder):
        made = Scenario(lambda: programs.make_world(Path(folder)), ())
        assert in_a_fork(made) == 0  # so that no thread has begun here, which could hold a lock in a fork
        for name in options.names:
            begin = time.monotonic()
            count = try_all(name, options.every)
            total = {what: total.get(what, 0) + times for what, times in count.items()}
            print(f"{name:10} " + ", ".join(f"{times:4} {what}" for what, times in count.items())
                  + f", {time.monotonic() - begin:6.1f} s", flush=True)
    print(", ".join(f"{times} {what}" for what, times in total.items()) + ": nothing lost")


if __name__ == "__main__":
    main()
