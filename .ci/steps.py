"""Steps one after another or side by side, each with a time limit: logs, progress, and a table at the end.

A step that fails or takes too long stops nothing: the next one runs. The logs become one file.
"""

import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

TABLE_LINES = 60
SHOWN = 12  # lines of the log of a step that failed


def last_line(text):
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


@dataclasses.dataclass
class Step:
    """``command`` may run ``limit`` seconds. ``result(log)`` says in a line what came out of it, ``details(log)`` in
    some more, which stand below the table."""

    name: str
    command: list
    limit: float
    environment: dict = dataclasses.field(default_factory=dict)
    result: Callable = last_line
    details: Callable = lambda text: []
    outcome: str = "not run"
    seconds: float = 0.0
    text: str = ""

    def start(self, folder, seconds):
        """Start it with at most ``seconds`` to run."""
        self.path = folder / f"step-{self.name.replace(' ', '-')}.log"
        self.limit = min(self.limit, seconds)
        self.begin = time.monotonic()
        say(f"== {self.name} (at most {self.limit:.0f} s): {' '.join(map(str, self.command))}")
        with open(self.path, "wb") as log:
            try:
                self.process = subprocess.Popen(
                    list(map(str, self.command)), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                    process_group=0, env=os.environ | {"PYTHONUNBUFFERED": "1"} | self.environment)
            except OSError as error:  # no such program
                self.process = None
                log.write(str(error).encode())

    def finish(self):
        """Wait until it has ended, or end it at its limit."""
        try:
            left = max(0.0, self.begin + self.limit - time.monotonic())
            code = 127 if self.process is None else self.process.wait(left)
            self.outcome = "ok" if code == 0 else f"FAILED ({code})"
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.outcome = "TIMED OUT"
        self.seconds = time.monotonic() - self.begin
        self.text = self.path.read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
        self.path.unlink()
        say(f"   {self.name}: {self.outcome} after {self.seconds:.1f} s: {self.line()}")
        if self.outcome != "ok":
            say(*(f"   | {line}" for line in self.text.splitlines()[-SHOWN:]))

    def line(self):
        try:
            return self.result(self.text)
        except Exception:  # the log of a step that failed may lack what is looked for
            return last_line(self.text)


def say(*lines):
    for line in lines:
        print(line[:240], flush=True)


def run(title, groups, out, seconds, patience=1):
    """Run ``groups``, lists of steps that run side by side, within ``seconds``; the exit code: 0 if all were ok.

    ``patience``: all limits are so many times longer, for a machine that has other work.
    """
    seconds *= patience
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    begin, log = time.monotonic(), out / f"{title}.log"
    log.write_text("")
    for group in groups:
        left = begin + seconds - time.monotonic()
        if left < 1:
            break
        for step in group:
            step.limit *= patience
            step.start(out, left)
        for step in group:
            step.finish()
            with open(log, "a", encoding="utf-8") as f:
                f.write(f"\n==== {step.name}: {step.outcome}, {step.seconds:.1f} s\n{step.text}")
    steps = [step for group in groups for step in group]
    lines = table(title, steps, time.monotonic() - begin)
    (out / f"{title}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print()
    say(*lines)
    return 0 if all(step.outcome == "ok" for step in steps) else 1


def table(title, steps, seconds):
    """At most TABLE_LINES lines: one for each step, then details as far as there is room, those of the last first."""
    width = max(len(step.name) for step in steps)
    lines = [f"{title}: {sum(step.outcome == 'ok' for step in steps)} of {len(steps)} steps ok, {seconds:.0f} s"]
    lines += [f"{step.name:{width}}  {step.outcome:10} {step.seconds:6.1f} s  {step.line()}"[:160] for step in steps]
    for step in reversed(steps):
        try:
            found = step.details(step.text)
        except Exception:  # as above
            found = []
        if found:
            lines += [f"-- {step.name}", *(line[:160] for line in found)]
    return lines[:TABLE_LINES]
