"""python -m benchmarks: minicap and PyTorch at the same work, in turns, results compared first."""

import contextlib
import json
import os
from dataclasses import dataclass

from minicap.cli import option, parse_settings, run_program
from minicap.errors import UserError

from .row import Row

COLUMNS = ("per", "ours ms", "peer ms", "ratio", "target", "ours MB", "peer MB")


@dataclass(frozen=True)
class BenchmarkSettings:
    only: str | None = option(None, "rows to run, separated by commas", metavar="NAME,...")
    device: str = option("cpu", "where both sides compute", choices=("cpu", "cuda"))
    repeat: int = option(7, "turns of each side, of which the median counts", metavar="N")
    threads: int | None = option(None, "cores each side may use (default: all)", metavar="N")
    json: bool = option(False, "one JSON line for each row instead of a table")
    peer_keeps_memory: bool = option(False, "give PyTorch's process our setting of malloc, too (Linux)")
    keep_processes: bool = option(False, "let a side stay in one process for all rows: starts faster, and on the CPU "
                                  "finds its memory in another state")
    go_on: bool = option(False, "go on with the next row after one that fails; the exit code is 1 then")
    ladder: bool = option(False, "one convolution from plain loops to Winograd instead of the rows")
    scaling: bool = option(False, "how cost grows with batch, threads, image side, vocabulary and the number of images "
                           "in a data set instead of the rows")
    cold: bool = option(False, "whole programs for one photograph, from their start to their end, instead of the rows")
    small: bool = option(False, "sizes of a second: tries everything out, the times mean nothing")


def chosen_rows(settings):
    """(the rows that ``settings`` ask for, a sentence about them). UserError for what cannot be asked."""
    from . import cold, ladder, rows, scaling, stages

    for name in ("repeat", "threads"):
        value = getattr(settings, name)
        if value is not None and value < 1:
            raise UserError(f"--{name} has to be at least 1, got {value}")
    if settings.threads is not None and settings.threads > available_cores():
        raise UserError(f"--threads is {settings.threads}, but there are only {available_cores()} cores")
    if settings.ladder + settings.scaling + settings.cold > 1:
        raise UserError("--ladder, --scaling and --cold are three tables; ask for one at a time")
    if settings.device != "cpu" and (settings.ladder or settings.scaling or settings.cold):
        raise UserError("--ladder, --scaling and --cold are tables of the CPU; leave out --device")
    table, note = rows.ROWS if settings.device == "cpu" else rows.CUDA_ROWS, ""
    if settings.ladder:
        table, note = ladder.LADDER, ladder.NOTE
    if settings.scaling:
        table, note = (*scaling.SCALING, *stages.STAGES), scaling.NOTE
    if settings.cold:
        table = cold.STARTS
    chosen = rows.choose(settings.only, table)
    return [row.reduced() for row in chosen] if settings.small else chosen, note


def cells(measurement):
    """The strings of one line of the table."""
    target = measurement.target
    return (measurement.row.unit, f"{measurement.ours_ms:.4g}", f"{measurement.peer_ms:.4g}",
            f"{measurement.ratio:.2f}", "" if target is None else f"<= {target:g}",
            f"{measurement.ours_peak_mb:.0f}", f"{measurement.peer_peak_mb:.0f}")


def line(name, width, values):
    return f"{name:{width}}  " + "  ".join(f"{value:>11}" for value in values)


def main(argv=None):
    settings = parse_settings(BenchmarkSettings, "benchmarks", "Compare minicap with PyTorch.", argv, package="")
    rows, note = chosen_rows(settings)
    if settings.cold:
        return show_starts(rows, settings)
    with_peer = [row for row in rows if isinstance(row, Row)]
    failed = compare_rows(with_peer, settings, note) if with_peer else 0
    if alone := [row for row in rows if row not in with_peer]:
        show_stages(alone, settings)
    return failed


def show_starts(chosen, settings):
    """The programs of ``--cold``, line by line."""
    from . import cold

    threads = settings.threads or available_cores()
    heading = f"{cold.NOTE}; {threads} thread(s), median of {settings.repeat}"
    show_lines(chosen, cold, cold.lines(chosen, settings.repeat, threads), heading, settings)


def show_stages(chosen, settings):
    """The stages that have no peer, line by line."""
    from . import stages

    heading = f"{stages.NOTE}; median of {settings.repeat}"
    show_lines(chosen, stages, stages.lines(chosen, settings.repeat), heading, settings)


def show_lines(chosen, table, lines, heading, settings):
    """The ``lines`` of rows without a peer; ``table`` has their COLUMNS, and ``cells``, which puts a line in words."""
    width = max(len(row.name) for row in chosen)
    if not settings.json:
        print(heading)
        print(line("", width, table.COLUMNS))
    for found in lines:
        if "skipped" in found:
            print(skipped(found, width, settings), flush=True)
        else:
            print(json.dumps(found) if settings.json else line(found["name"], width, table.cells(found)), flush=True)


def skipped(found, width, settings):
    """The line of a row that cannot be measured here: its name, and why."""
    return json.dumps(found) if settings.json else f"{found['name']:{width}}  skipped: {found['skipped']}"


def compare_rows(rows, settings, note):
    """The rows with a peer, line by line; 1 if one of them failed, else 0."""
    from .compare import Workers, check_peer_installed, inner_loops, machine, measure
    from .row import Place

    check_peer_installed()
    place = Place(settings.device, settings.threads or available_cores(),
                  peer_keeps_memory=settings.peer_keeps_memory)
    width, failed, heading = max(len(row.name) for row in rows), False, not settings.json
    with Workers() if settings.keep_processes else contextlib.nullcontext() as workers:
        for row in rows:
            if missing := row.missing():
                reason = f"{' and '.join(missing)} (extra `peers`) not installed"
                print(skipped({"name": row.name, "skipped": reason}, width, settings), flush=True)
                continue
            try:
                measurement = measure(row, place, settings.repeat, workers)
            except (UserError, RuntimeError) as error:
                if not settings.go_on:
                    raise
                failed = True
                print(json.dumps({"name": row.name, "error": str(error)}) if settings.json else error, flush=True)
                continue
            if settings.json:
                print(json.dumps(measurement.to_json()), flush=True)
                continue
            if heading:
                print(f"minicap and {measurement.peer}, {place.threads} thread(s), median of {settings.repeat} turns; "
                      f"{machine()}, our inner loops: {inner_loops()}{'. ' + note if note else ''}")
                print(line("", width, COLUMNS))
            heading = False
            print(line(row.name, width, cells(measurement)), flush=True)
    return int(failed)


def available_cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    run_program(main)
