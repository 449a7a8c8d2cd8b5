"""python -m minicap.reproduce ROW: run a recorded experiment again, from the data to its scores, and compare.

    results/ROW/recipe.json             {"steps": [[program, argument, ...], ...]}, programs of minicap
    results/ROW/scores-test.json        the recorded scores
    results/ROW/predictions-test.json   the recorded captions

ROW is a path such as flickr8k/show-tell. In the arguments of the steps, ``{work}`` stands for the folder of this run
and ``{weights}`` for the VGG file. The last step is an ``evaluate --json``, whose scores are compared. After an
interruption the same command continues the run.
"""

import subprocess
import sys
import time
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TypedDict

from .captioning.scoring.metrics import METRICS, TITLES
from .cli import option, parse_settings, run_program
from .errors import UserError
from .files import check_output, is_json_of_ours, parse_json, read_json, write_json
from .locks import locked_folder
from .paths import expanded, same_path
from .pretrained_networks import needed_weights


class Recipe(TypedDict):
    steps: list[list[str]]


SCORES = TypedDict("SCORES", dict.fromkeys(METRICS, float))


@dataclass(frozen=True)
class ReproduceSettings:
    row: str = option(MISSING, "the result: a folder in --results that contains a recipe.json, such as shapes or "
                      "flickr8k/show-tell", positional=True, metavar="ROW")
    results: str = option("results", "folder with the recorded results, part of a clone of the project", metavar="DIR")
    work: str | None = option(None, "folder for intermediate files (default: runs/reproduce-ROW)", metavar="DIR")
    weights: str | None = option(None, "VGG-19 weights, where the recipe needs them (default: MINICAP_WEIGHTS, or "
                                 "downloaded weights)", metavar="FILE")


def main(argv=None):
    settings = parse_settings(ReproduceSettings, "reproduce", "Run a recorded result again and compare.", argv)
    recorded = recorded_row(Path(settings.results), settings.row)
    work = expanded(settings.work or f"runs/reproduce-{settings.row.replace('/', '-')}")
    if same_path(work, Path(settings.results) / settings.row):
        raise UserError(f"work= {work} holds the recorded result, which would be replaced; name another folder")
    check_output(work / "scores-test.json", "work", is_file_of_scores)
    with locked_folder(work):
        reproduce(settings, recorded, work)


def reproduce(settings, recorded, work):
    """Run the steps of the recorded result in the folder ``work``, and compare."""
    begin, out = time.monotonic(), ""
    for number, step in enumerate(recorded["steps"], start=1):
        command = command_of(step, work, settings.weights)
        print(f"step {number} of {len(recorded['steps'])}: python {' '.join(command[1:])}", flush=True)
        out = run(command, capture=number == len(recorded["steps"]))
    scores = parse_json(out, "what the last step has printed", SCORES)
    predictions = read_json(work / "predictions-test.json", "predictions", dict[str, str])
    write_json(work / "scores-test.json", scores)
    report(settings.row, recorded, scores, predictions, time.monotonic() - begin)


def is_file_of_scores(path):
    return is_json_of_ours(path, lambda scores: isinstance(scores, dict) and set(METRICS) <= scores.keys())


def recorded_row(results, row):
    """{"steps", "scores", "predictions"} of a recorded result; UserError, listing all results, for an unknown one."""
    rows = sorted(path.parent.relative_to(results).as_posix() for path in results.rglob("recipe.json"))
    if not rows:
        raise UserError(f"there are no recorded results in {results}; run this in a clone of the project, or name its "
                        "results folder with --results")
    if row not in rows:
        raise UserError(f"{results} has no recipe for {row!r}, only for {', '.join(rows)}; name one of those, or "
                        "another folder with --results")
    folder = results / row
    return {"steps": read_json(folder / "recipe.json", "recipe", Recipe)["steps"],
            "scores": read_json(folder / "scores-test.json", "recorded scores", SCORES),
            "predictions": read_json(folder / "predictions-test.json", "recorded predictions", dict[str, str])}


def command_of(step, work, weights):
    """The command line of a step; a training run that has begun is resumed."""
    program, *arguments = step
    if "{weights}" in arguments:
        weights = weights or needed_weights("vgg19")
    arguments = [a.replace("{work}", str(work)).replace("{weights}", str(weights)) for a in arguments]
    if program == "train" and "--out" in arguments[:-1]:
        out = Path(arguments[arguments.index("--out") + 1])
        arguments += ["--resume"] * (out / "last.safetensors").exists()
    return [sys.executable, "-m", f"minicap.{program}", *arguments]


def run(command, capture):
    """Run a step, and return its standard output if ``capture``. UserError when it fails, after its own message."""
    done = subprocess.run(command, stdout=subprocess.PIPE if capture else None, text=True)
    if done.returncode:
        raise UserError(f"that step ended with exit code {done.returncode}; fix what it reports and run the command "
                        "again")
    return done.stdout


def report(row, recorded, scores, predictions, seconds):
    same = sum(predictions.get(name) == caption for name, caption in recorded["predictions"].items())
    print(f"\n{row}: {same:,} of {len(recorded['predictions']):,} captions are identical to the recorded ones; "
          f"{seconds / 60:.1f} minutes")
    print(f"{'':8} {'recorded':>9} {'now':>9} {'difference':>11}")
    for key in METRICS:
        before, now = 100 * recorded["scores"][key], 100 * scores[key]
        print(f"{TITLES[key]:8} {before:9.1f} {now:9.1f} {now - before:+11.1f}")


if __name__ == "__main__":
    run_program(main)
