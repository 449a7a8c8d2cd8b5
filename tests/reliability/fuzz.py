"""Fuzzing of every reader: mutated files are read, and each has to be read or refused with a UserError.

    python tests/reliability/fuzz.py --cases 100000 --jobs 2                all readers
    python tests/reliability/fuzz.py --readers captions --case 1234         one case again, with its traceback

Each reader runs in a child with limits on memory and on the time of a case. Any other exception, a crash, a case that
takes too long and one that takes too much memory are failures; they are printed with the number that repeats them.
"""

import argparse
import contextlib
import json
import mmap
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
SECONDS = 20        # of one case; a child that reads HDF5 may compute for 10
MEMORY = 1 << 30    # bytes beyond what the child has when it begins
NOT_BEGUN = b"\xff" * 8
MOST = 20           # failures, after which a reader is given up


class TooLongError(BaseException):
    """Not an Exception, so that no reader takes it for a damaged file."""


def main():
    options = arguments()
    if options.child is not None:
        return child(options)
    from fuzzed_readers import READERS

    readers = options.readers or list(READERS)
    begin = time.monotonic()
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda name: run(name, options), readers))
    print(f"{'reader':20} {'cases':>10} {'read':>10} {'refused':>10} {'CPU s':>8} {'MB':>6} failures")
    for r in results:
        row = "{reader:20} {cases:10,} {read:10,} {refused:10,} {cpu:8.1f} {memory:6.0f}".format_map(r)
        print(row, len(r["failures"]))
    cases, failures = sum(r["cases"] for r in results), [f for r in results for f in r["failures"]]
    print(f"{cases:,} cases, {sum(r['cpu'] for r in results):,.0f} CPU seconds, "
          f"{time.monotonic() - begin:,.0f} s, {len(failures)} failures")
    for failure in failures[:50]:
        again = f"--readers {failure['reader']} --seed {options.seed} --case {failure['case']}"
        print(f"\n{again}, {failure.get('times', 1)} times: {failure['what']}")
    return 1 if failures else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=1000, help="cases for each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--readers", nargs="+")
    parser.add_argument("--case", type=int, help="only this one, with the file that it reads and the traceback")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)  # where to begin
    parser.add_argument("--board", help=argparse.SUPPRESS)
    return parser.parse_args()


def run(name, options):
    """Let children do the cases of a reader; one that dies is followed by another that begins behind its case."""
    total = {"reader": name, "cases": 0, "read": 0, "refused": 0, "cpu": 0.0, "memory": 0.0, "failures": []}
    first, last = (0, options.cases) if options.case is None else (options.case, options.case + 1)
    with tempfile.TemporaryDirectory(prefix="fuzz.") as folder:
        board = Path(folder) / "board"  # the child writes there which case it is at
        while first < last and len(total["failures"]) < MOST:
            board.write_bytes(NOT_BEGUN)
            command = [sys.executable, __file__, "--child", str(first), "--cases", str(last), "--readers", name,
                       "--seed", str(options.seed), "--board", str(board)]
            errors = open(Path(folder) / "stderr", "w+")  # noqa: SIM115
            child = subprocess.Popen(command + ["--case", str(first)] * (options.case is not None), text=True,
                                     stdout=subprocess.PIPE, stderr=errors, cwd=folder,
                                     env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})
            out = watched(child, board)
            report = out.rpartition("\n{")[2]
            if child.returncode == 0 and report:
                report = json.loads("{" + report)
                add(total, report)
                first = report["next"]
            else:
                if board.read_bytes() == NOT_BEGUN:
                    raise SystemExit(f"{name}: the valid files are not read: {last_line(errors)}")
                case = int.from_bytes(board.read_bytes(), "little")
                total["failures"].append({"reader": name, "case": case, 
                                          "what": f"died: {ending(child.returncode)} {last_line(errors)}"})
                total["cases"] += case + 1 - first
                first = case + 1
            if options.case is not None:
                print(out.rpartition("\n{")[0])
    return total


def add(total, report):
    for key in ("cases", "read", "refused", "cpu", "failures"):
        total[key] += report[key]
    total["memory"] = max(total["memory"], report["memory"])


def watched(child, board):
    """The child's output. It is killed when it stays at a case for three times the limit: it hangs outside Python."""
    at, since = None, time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.communicate(timeout=2)[0]
        if (now := board.read_bytes()) != at:
            at, since = now, time.monotonic()
        elif time.monotonic() - since > 3 * SECONDS + 60:
            child.kill()
            return child.communicate()[0]


def last_line(file):
    file.seek(0)
    return (file.read().strip().splitlines() or [""])[-1][:300]


def ending(code):
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def child(options):
    """The cases from --child to --cases of one reader, in this process."""
    import pytest
    import tiny_vgg
    from fuzzed_readers import READERS
    from mutations import generator

    from minicap.errors import UserError

    def too_long(*_):
        raise TooLongError(f"took more than {SECONDS} s")

    signal.signal(signal.SIGALRM, too_long)
    (name,) = options.readers
    reader, folder, begin = READERS[name], Path("files").resolve(), time.process_time()
    folder.mkdir(exist_ok=True)
    counts, failures = {"read": 0, "refused": 0}, {}
    with (pytest.MonkeyPatch.context() as patch, open(os.devnull, "w", errors="backslashreplace") as nowhere,
          open(options.board, "r+b") as board, mmap.mmap(board.fileno(), 8) as at):
        tiny_vgg.shrink(patch)
        import shutil
        shutil.rmtree(folder)
        folder.mkdir()
        samples = [(path, mutate, path.read_bytes()) for path, mutate in reader.write(folder)]
        for path, _, _ in samples:
            with contextlib.redirect_stderr(nowhere), contextlib.redirect_stdout(nowhere):
                reader.read(path)  # they are valid
        limit_memory()
        for case in range(options.child, options.cases):
            at[:] = case.to_bytes(8, "little")
            rng = generator(options.seed, name, case)
            path, mutate, content = samples[rng.randrange(len(samples))]
            path.write_bytes(mutate(content, rng))
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            try:
                with contextlib.redirect_stderr(nowhere), contextlib.redirect_stdout(nowhere):
                    reader.read(path)
                counts["read"] += 1
            except UserError as error:
                counts["refused"] += 1
                if options.case is not None:
                    print(error)
            except (Exception, TooLongError) as error:
                signal.setitimer(signal.ITIMER_REAL, 0)
                ours = [f for f in traceback.extract_tb(error.__traceback__) if "minicap" in f.filename][-1:]
                where = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in ours)
                failures.setdefault((type(error).__name__, where), {
                    "reader": name, "case": case, "times": 0,
                    "what": f"{type(error).__name__} in {where}, {path.name}: {str(error)[:200]!r}"})["times"] += 1
                if options.case is not None:
                    traceback.print_exc(file=sys.stdout)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            if options.case is not None:
                print(f"the file was\n{path.read_bytes()[:2000]!r}")
            path.write_bytes(content)
            if len(failures) >= MOST:
                break
    print("\n" + json.dumps(counts | {
        "cases": case + 1 - options.child, "next": case + 1 if len(failures) < MOST else options.cases,
        "failures": list(failures.values()), "cpu": time.process_time() - begin,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
    return 0


def limit_memory():
    with open("/proc/self/status") as status:
        (data,) = (int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (data + MEMORY, data + MEMORY))


if __name__ == "__main__":
    sys.path[:0] = map(str, (HERE, HERE.parent, HERE.parent / "weights", HERE.parents[1]))  # this checkout
    sys.exit(main())
