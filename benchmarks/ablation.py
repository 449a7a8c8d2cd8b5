"""python -m benchmarks.ablation: the effect of each training setting, or of each way of decoding, on dev scores.

    python -m benchmarks.ablation --features pool5.npy --mirrored pool5-mirrored.npy --work DIR
    python -m benchmarks.ablation --decode RUN --ensemble RUN,RUN2 --features conv5_4.npy --work DIR

Each row of the first table is a training run that differs from the first row in one setting, with the same number of
epochs and the same seed. The captions of its best epoch, by beam search, are compared with those of the first row on
the same images: the interval is that of the difference (paired bootstrap; significance.py). It covers the variation due
to the choice of images, but not that due to the seed. Rows that are finished in DIR are not run again.
"""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import MISSING, dataclass

import numpy as np

from minicap.captioning.data import load_dataset
from minicap.captioning.scoring.metrics import METRICS, corpus_scores, image_statistics
from minicap.captioning.scoring.significance import paired_test
from minicap.cli import option, parse_settings, run_program
from minicap.errors import UserError
from minicap.evaluate import history_of
from minicap.files import expanded, read_json, write_json, write_text

COMMON = ("--embedding", "256", "--attention", "256", "--batches", "image")  # a smaller model, to try more
TRAINING = {  # the others are compared with the first
    "the start: warm-up and cosine, average 0.999, channels, dropout 0.5 on words and output": (),
    "constant learning rate": ("--schedule", "constant"),
    "no warm-up": ("--warmup-epochs", "0"),
    "label smoothing 0.1": ("--label-smoothing", "0.1"),
    "dropout on the output alone": ("--drop-at", "output"),
    "dropout on the state, too": ("--drop-at", "words,state,output"),
    "dropout on the regions, too": ("--drop-at", "regions,words,output"),
    "word dropout 0.1": ("--word-dropout", "0.1"),
    "no average of the weights": ("--average", "0"),
    "regions of one length": ("--normalize", "length"),
    "no normalisation": ("--normalize", "none"),
    "mirrored images, too": ("--mirrored", "{mirrored}"),
    "captions of one length in a batch": ("--batches", "length"),
    "sentinel": ("--sentinel",),
    "regions projected to 256 numbers": ("--region-size", "256"),
    "attention asked with the word just read": ("--query", "word"),
    "no doubly stochastic term": ("--doubly-stochastic", "0"),
    "doubly stochastic term 0.5": ("--doubly-stochastic", "0.5"),
    "fc7 beside every word": ("--features", "{global}"),
}
DECODING = {
    "greedy": ("--beam", "1"),
    "beam 2, length penalty 0.7": ("--beam", "2"),
    "beam 3, length penalty 0.7": ("--beam", "3"),
    "beam 5, length penalty 0.7": ("--beam", "5"),
    "beam 10, length penalty 0.7": ("--beam", "10"),
    "beam 3, no length penalty": ("--beam", "3", "--length-penalty", "0"),
    "beam 3, length penalty 1": ("--beam", "3", "--length-penalty", "1"),
    "beam 3, length penalty 0.7, no 3 words in a row twice": ("--beam", "3", "--no-repeat-ngram-size", "3"),
    "beam 3, length penalty 0.7, no 2 words in a row twice": ("--beam", "3", "--no-repeat-ngram-size", "2"),
    "beam 5, length penalty 0.7, no 2 words in a row twice": ("--beam", "5", "--no-repeat-ngram-size", "2"),
    "beam 20, length penalty 0.7, no 2 words in a row twice": ("--beam", "20", "--no-repeat-ngram-size", "2"),
    "the same, chosen by 50 drawn captions": ("--beam", "20", "--no-repeat-ngram-size", "2", "--mbr-samples", "50"),
    "the same, chosen by 7 similar images": ("--beam", "20", "--no-repeat-ngram-size", "2", "--neighbours", "7"),
    "the same, chosen by both": ("--beam", "20", "--no-repeat-ngram-size", "2", "--mbr-samples", "50",
                                 "--neighbours", "7"),
    "sampled, temperature 0.5": ("--temperature", "0.5"),
    "sampled, temperature 1": ("--temperature", "1"),
}


@dataclass(frozen=True)
class AblationSettings:
    features: str = option(MISSING, "regions of all images, written by minicap.extract", metavar="FILE")
    work: str = option(MISSING, "folder for runs, captions and rows.jsonl", metavar="DIR")
    mirrored: str | None = option(None, "regions of the mirrored train images (default: leave out the row that needs "
                                  "them)", metavar="FILE")
    global_features: str | None = option(None, "regions followed by fc7, pool5+fc7 (default: leave out the row that "
                                         "needs them)", metavar="FILE", formerly="whole")
    decode: str | None = option(None, "compare ways of decoding this checkpoint instead", metavar="RUN")
    ensemble: str | None = option(None, "with --decode: checkpoints for the rows of an ensemble", metavar="RUN,RUN")
    data: str = option("flickr8k", "data set", choices=("flickr8k", "folder"))
    data_dir: str | None = option(None, "folder of the data set (default: MINICAP_DATA, or downloaded data)",
                                  metavar="DIR")
    epochs: int = option(4, "epochs of every training run", metavar="N")
    seed: int = option(0, "random seed of every training run", metavar="N")
    only: str | None = option(None, "only the first row, and those whose name contains one of these words",
                              metavar="WORD,WORD")
    jobs: int = option(2, "number of parallel runs, each on one core", metavar="N")


def main(argv=None):
    settings = parse_settings(AblationSettings, "ablation", "Compare training settings on dev.", argv,
                              package="benchmarks.")
    work = expanded(settings.work)
    rows = decoding_rows(settings) if settings.decode else training_rows(settings)
    if settings.only:
        words = settings.only.split(",")
        rows = {name: row for n, (name, row) in enumerate(rows.items()) if n == 0 or any(w in name for w in words)}
    dataset = load_dataset(settings.data, settings.data_dir)
    with ThreadPoolExecutor(settings.jobs) as pool:
        done = list(pool.map(lambda item: finished_row(*item, work, settings), rows.items()))
    statistics = [image_statistics(row["captions"], dataset.captions) for row in done]
    lines = [line_of(row, table, statistics[0]) for row, table in zip(done, statistics, strict=True)]
    write_text(work / "rows.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    print(markdown(lines))


def training_rows(settings):
    """{name of the row: options of its training run}"""
    return {name: list(options) for name, options in TRAINING.items()
            if (settings.mirrored or "{mirrored}" not in options)
            and (settings.global_features or "{global}" not in options)}


def decoding_rows(settings):
    """{name of the row: options of evaluate}"""
    rows = {name: ["--checkpoint", "{checkpoint}", *options] for name, options in DECODING.items()}
    if settings.ensemble:
        count = len(settings.ensemble.split(","))
        rows[f"mean of {count} models, beam 3, length penalty 0.7"] = ["--checkpoint", "{ensemble}"]
        rows[f"mean of {count} models, beam 3, length penalty 0.7, no 2 words in a row twice"] = [
            "--checkpoint", "{ensemble}", "--no-repeat-ngram-size", "2"]
    return rows


def finished_row(name, options, work, settings):
    """{"row", "options", "captions", "minutes", ...} of a row, which is run now unless DIR has it."""
    folder = work / "".join(c if c.isalnum() else "-" for c in name)
    record = folder / "row.json"
    if record.exists():
        return read_json(record, "finished row")
    folder.mkdir(parents=True, exist_ok=True)
    begin, row = time.monotonic(), {"row": name, "options": options}
    paths = {"{mirrored}": settings.mirrored, "{checkpoint}": settings.decode, "{ensemble}": settings.ensemble,
             "{global}": settings.global_features}
    options = [paths.get(option, option) for option in options]  # the record has the placeholders, not these paths
    if settings.decode is None:
        train = ["minicap.train", "--data", settings.data, "--model", "attend", "--features", settings.features,
                 "--epochs", str(settings.epochs), "--patience", str(settings.epochs), "--seed", str(settings.seed),
                 "--out", str(folder / "run"), *COMMON, *options]
        run(train + ["--resume"] * (folder / "run" / "last.safetensors").exists(), folder, settings)
        row["history"] = history_of(folder / "run")
        row["minutes"] = sum(line["seconds"] for line in row["history"]) / 60
        options = ["--checkpoint", str(folder / "run")]  # with the features it was trained on
    else:
        options += ["--features", settings.features]
    run(["minicap.evaluate", "--split", "dev", "--predictions", str(folder / "dev.json"), *options], folder, settings)
    row = {"minutes": (time.monotonic() - begin) / 60, **row, "captions": read_json(folder / "dev.json")}
    write_json(record, row)
    return row


def run(arguments, folder, settings):
    """Run a program on one core (two runs in parallel are faster than one on two cores); UserError if it fails."""
    threads = {} if settings.jobs == 1 else {"OMP_NUM_THREADS": "1"}
    where = ["--data-dir", settings.data_dir] if settings.data_dir else []
    with open(folder / "log.txt", "a", encoding="utf-8") as log:
        done = subprocess.run([sys.executable, "-m", *arguments, *where], stdout=log, stderr=log,
                              env=os.environ | threads)
    if done.returncode:
        raise UserError(f"{arguments[0]} ended with exit code {done.returncode}; see {folder / 'log.txt'}")


def line_of(row, statistics, first):
    """A row of the table, without its captions."""
    scores = corpus_scores(statistics)
    line = {"row": row["row"], "options": row["options"], "minutes": round(row["minutes"], 1)}
    line |= {key: round(100 * scores[key], 2) for key in METRICS}
    if history := row.get("history"):
        best = max(history, key=lambda epoch: epoch["cider"])
        line |= {"best_epoch": best["epoch"], "dev_perplexity": round(best["dev_perplexity"], 3)}
    if statistics is not first:
        test = paired_test(statistics, first, 1000, np.random.default_rng(0))
        for key in ("bleu4", "cider"):
            i = METRICS.index(key)
            line[f"{key}_gain"] = round(100 * test.difference[i], 2)
            line[f"{key}_interval"] = (100 * test.interval[:, i]).round(2).tolist()
    return line


def markdown(lines):
    def gain(line, key):
        if f"{key}_gain" not in line:
            return ""
        low, high = line[f"{key}_interval"]
        return f" {line[f'{key}_gain']:+.1f} ({low:+.1f} to {high:+.1f})"

    head = "| row | BLEU-4 | gain | CIDEr | gain | minutes |\n|---|---|---|---|---|---|\n"
    return head + "\n".join(
        f"| {line['row']} | {line['bleu4']:.1f} |{gain(line, 'bleu4')} | {line['cider']:.1f} |{gain(line, 'cider')} | "
        f"{line['minutes']:.1f} |" for line in lines)


if __name__ == "__main__":
    run_program(main)
