"""Programs that are killed before each change of the file system, one run after another.

    python tests/reliability/kills.py                 every program, at every change
    python tests/reliability/kills.py train --every 5

Each run is a fork of this process, in which an audit hook counts the changes (a file opened for writing, renamed,
deleted; a folder made or removed) and kills the process with SIGKILL before the n-th. Afterwards nothing under a final
name may be incomplete, and the same command has to complete the work, with the result of a run that was not killed.
"""

import argparse
import hashlib
import io
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
if __name__ == "__main__":
    sys.path[:0] = map(str, (HERE, HERE.parent, HERE.parents[1]))

import http_server
import programs
import tiny_captioner

from minicap.download.archives import unpack
from minicap.download.fetch import RemoteFile, fetch

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
TRAIN = [str(a) for a in tiny_captioner.train_arguments("out", "data", "features.npy", "--epochs", 3)]


@dataclass(frozen=True)
class Scenario:
    """``start()`` runs a program, ``again()`` the same one after a kill; ``writes`` are its files and folders."""

    start: object
    writes: tuple
    again: object = None
    grows: bool = False  # whether a folder may be used before it is complete

    @classmethod
    def of(cls, program, *arguments, writes):
        return cls(lambda: programs.start(program, list(arguments)), writes)


def train():
    begun = Path("out", "last.safetensors").exists()
    programs.start("train", TRAIN + ["--resume"] * begun)


def archive():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for i in range(3):
            file.writestr(f"pictures/{i}.txt", f"{i}" * 50_000)
    return stream.getvalue()


ARCHIVE = archive()
SERVER = http_server.FaultyServer()
SERVER.routes["/x.zip"] = [http_server.serves(ARCHIVE)]


def download():
    file = RemoteFile("x.zip", (f"{SERVER.base}/x.zip",), f"sha256:{hashlib.sha256(ARCHIVE).hexdigest()}")
    unpack(fetch(file, Path("out")), Path("out"))


SCENARIOS = {
    "train": Scenario(train, ("out",), grows=True),
    "download": Scenario(download, ("out",), grows=True),
    "extract": Scenario.of("extract", "--data", "folder", "--data-dir", "data", "--weights", "vgg.h5", "--out", "out.npy",
                        "--batch-size", "3", writes=("out.npy", "out.json")),
    "import": Scenario.of("extract", "--data", "folder", "--data-dir", "data", "--from-array", "own.npy", "--names",
                       "names.txt", "--out", "out.npy", writes=("out.npy", "out.json")),
    "export": Scenario.of("export", "run", "out", writes=("out",)),
    "learn": Scenario.of("learn", "init", "out", writes=("out",)),
    "caption": Scenario.of("caption", "data/red-0.png", "--checkpoint", "attend", "--weights", "vgg.h5", "--attention",
                        "out.png", writes=("out.png",)),
    "evaluate": Scenario.of("evaluate", "--checkpoint", "run", "--features", "features.npy", "--predictions", "out.json",
                         "--html", "out.html", writes=("out.json", "out.html")),
    "score": Scenario.of("score", "predictions.json", "--references", "data/captions.csv", "--per-image", "out.json",
                         writes=("out.json",)),
}


def in_a_fork(run, kill=None):
    """Whether ``run()`` in a fork was killed, before its change number ``kill``. It has to end well otherwise."""
    sys.stdout.flush()
    errors = tempfile.TemporaryFile("w+")
    child = os.fork()
    if child == 0:
        code = 70
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(errors.fileno(), 2)
            if kill is not None:
                kill_at(kill)
            run()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    errors.seek(0)
    assert status == 0, f"wait status {status}: {errors.read()[-3000:]}"
    return False


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


def contents(names):
    """{path: content} of all files under these names, without what may differ: durations, and whether it was resumed."""
    found = {}
    for path in (path for name in names for path in [Path(name), *sorted(Path(name).rglob("*"))]):
        if path.is_file() and not path.name.startswith(".minicap"):
            content = path.read_bytes()
            found[str(path)] = re.sub(rb'\\*"seconds\\*": [\d.]+|"resume": \w+', b"", content)
    return found


def clear(keep):
    for path in set(Path.cwd().iterdir()) - keep:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def try_all(name, every=1, first=1):
    """The number of kills of a scenario in the present folder; AssertionError where something is lost."""
    scenario, keep = SCENARIOS[name], set(Path.cwd().iterdir())
    in_a_fork(scenario.start)
    whole, kills = contents(scenario.writes), 0
    assert whole, f"{name} has written nothing"
    while True:
        clear(keep)
        if not in_a_fork(scenario.start, kill=first + kills * every):
            break
        kills += 1
        where, left = f"{name}, kill {first + (kills - 1) * every}", contents(scenario.writes)
        if scenario.grows:
            readable(Path("out"))
        elif Path(scenario.writes[0]).is_dir():
            assert left == whole, f"{where}: a half folder"
            continue  # a new folder is made once
        else:
            assert all(whole[path] == content for path, content in left.items()), f"{where}: a half file"
        in_a_fork(scenario.start)
        again = contents(scenario.writes)
        assert again == whole, f"{where}: {[path for path in whole | again if again.get(path) != whole.get(path)]} differ"
        rubbish = [str(path) for path in Path.cwd().rglob("*") if re.search(r"partial|lock|unpacking|tmp", path.name)]
        assert not rubbish, f"{where}: {rubbish} left"
    clear(keep)
    return kills


def readable(folder):
    """A run that has begun is one that can be used, as far as it is there; an archive that is there is whole."""
    from minicap.captioning.captioner import Captioner

    if (folder / "best.safetensors").exists():
        Captioner.load(folder, device="cpu")
    if (folder / "x.zip").exists():
        assert (folder / "x.zip").read_bytes() == ARCHIVE


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=list(SCENARIOS))
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    total = 0
    with tempfile.TemporaryDirectory(prefix="kills.") as folder, programs.world(Path(folder)):
        for name in options.names:
            begin = time.monotonic()
            kills = try_all(name, options.every)
            total += kills
            print(f"{name:10} {kills:4} kills, {time.monotonic() - begin:6.1f} s", flush=True)
    print(f"{total} kills: nothing lost")


if __name__ == "__main__":
    main()
