"""Timings that a lesson quotes: measured by its measure.py, stored in measured.json with machine and date."""

import datetime
import json
import os
import platform
import statistics
import time
from pathlib import Path

import numpy as np

from ..files import write_json, write_text
from .readme import fill_in


def measure(function, repeat=5):
    """The median time of a call in seconds, after one call that does not count, unless ``repeat`` is 1."""
    if repeat > 1:
        function()
    seconds = []
    for _ in range(repeat):
        begin = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def write(script, **values):
    """Write measured.json beside the script, and the values into the lesson's text."""
    folder = Path(script).resolve().parent
    write_json(folder / "measured.json", {
        "command": f"python lessons/{folder.name}/{Path(script).name}", "date": str(datetime.date.today()),
        "machine": f"{os.cpu_count()} cores, {processor()}", "python": platform.python_version(),
        "numpy": np.__version__, "values": values})
    readme = folder / "README.md"
    write_text(readme, fill_in(readme.read_text(encoding="utf-8"), values))
    print(json.dumps(values))


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
