"""The Markdown table of results/benchmarks/README.md, from the lines that ``--json`` printed.

    python -m benchmarks.table results/benchmarks/cpu-numpy.jsonl results/benchmarks/cpu-numba.jsonl

One column of times and ratios for each file, in the order in which they are named; a ratio within its target is bold.
"""

import json
import sys
from pathlib import Path


def read(path):
    """{name of a row: its line} of a file, without rows that failed or were skipped."""
    lines = (json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip())
    return {line["name"]: line for line in lines if "ours_ms" in line}


def table(files):
    """The lines of the table. ``files``: {heading: {name: line}}; rows stand where the first file has them."""
    names = list(dict.fromkeys(name for lines in files.values() for name in lines))
    heads = ["row", "target"]
    for heading, lines in files.items():
        peers = {line.get("peer", "pytorch").partition(" ")[0] for line in lines.values()}
        heads += [f"{heading}: ms", "PyTorch: ms" if peers == {"pytorch"} else "peer: ms", "ratio",
                  "peak MB, ours / its"]
    yield "| " + " | ".join(heads) + " |"
    yield "|---" * len(heads) + "|"
    for name in names:
        found = [lines.get(name) for lines in files.values()]
        target = next(line["target"] for line in found if line)
        cells = [f"`{name}`", "" if target is None else f"{target:g}"]
        for line in found:
            cells += ["", "", "", ""] if line is None else _cells(line)
        yield "| " + " | ".join(cells) + " |"


def _cells(line):
    ratio = f"{line['ratio']:.2f}"
    within = line["target"] is not None and float(ratio) <= line["target"]
    return [_milliseconds(line["ours_ms"]), _milliseconds(line["peer_ms"]), f"**{ratio}**" if within else ratio,
            f"{line['ours_peak_mb']:.0f} / {line['peer_peak_mb']:.0f}"]


def _milliseconds(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main():
    print(*table({heading: read(path) for heading, path in headings(sys.argv[1:]).items()}), sep="\n")


def headings(paths):
    """{heading: path}: what stands behind the first dash of a file's name; its whole path where two had the same."""
    names = [Path(path).name.removesuffix(".jsonl") for path in paths]
    short = [name.partition("-")[2] or name for name in names]
    return {heading if short.count(heading) == 1 else path: path for heading, path in zip(short, paths, strict=True)}


if __name__ == "__main__":
    main()
