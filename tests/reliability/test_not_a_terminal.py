"""Programs whose output goes to a file, a pipe or an old console: no bars, no traceback, nothing lost."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_captioner
import tiny_vgg
from PIL import Image

from minicap import caption, classify, doctor, evaluate, export, extract, score, train
from minicap.captioning.reporting import plots
from minicap.captioning.text.vocabulary import Vocabulary
from minicap.cli import run_program
from minicap.learn import __main__ as learn
from minicap.terminal import ESCAPED, can_show

PACKAGE = Path(__file__).resolve().parents[2] / "minicap"
BAR = """
from minicap.cli import run_program
from minicap.terminal import print_above, progress_bar
def main(argv):
    with progress_bar(range(3), desc="images\\x1b[31m") as bar:
        for _ in bar:
            bar.set_postfix(loss="1")
            print_above(bar, "a sentence\\x1b[31m")
run_program(main)
"""


# -------------------------------------------------------------------------------------------------- progress bars

def test_a_log_has_no_progress_bars_but_what_is_said_between_them():
    done = subprocess.run([sys.executable, "-c", BAR], capture_output=True, cwd=PACKAGE.parent, check=True)
    assert (done.stdout, done.stderr) == (b"", 3 * b"a sentence\\u001b[31m\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows has other terminals")
def test_on_a_terminal_they_move():
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", BAR], stderr=theirs, cwd=PACKAGE.parent)
    os.close(theirs)
    shown = b""
    try:
        while block := os.read(ours, 10_000):
            shown += block
    except OSError:  # Linux's way of saying that the other side is closed
        pass
    os.close(ours)
    assert process.wait() == 0 and shown.startswith(b"\rimages\\u001b[31m:   0%|")
    assert b"a sentence\\u001b[31m\r\n" in shown and shown.count(b"\r") > 5 and b"\x1b[31m" not in shown


def test_a_streamless_program_has_none_either(monkeypatch):
    from minicap.terminal import progress_bar

    monkeypatch.setattr(sys, "stderr", None)  # pythonw
    assert list(progress_bar(range(3), desc="images")) == [0, 1, 2]


# ------------------------------------------------------------------------------------------------------ encodings

NAME, WORD = "caf\u00e9 \u4e2d \U0001f600 \udce9.png", "r\u00f6d\u4e2d\U0001f600"  # \udce9: a byte that is no UTF-8
ENCODINGS = ("utf-8", "cp1252", "ascii", "latin-1")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Pictures, captions, features and weights whose names and words are not ASCII."""
    folder = tmp_path_factory.mktemp("world")
    try:
        Image.new("RGB", (40, 30)).save(folder / NAME)
    except (OSError, UnicodeError):
        pytest.skip("the disk has no such names")
    tiny_captioner.write_folder(folder / "data")
    text = (folder / "data" / "captions.csv").read_text().replace("picture", f"picture {WORD}")
    (folder / "data" / "captions.csv").write_text(text, encoding="utf-8")
    (folder / "data" / "red-0.png").write_bytes(b"broken")
    tiny_captioner.write_features(folder / "f.npy")
    captioner = tiny_captioner.pixel_captioner()
    words = [f"{word}{WORD}" if word.isalpha() else word for word in captioner.vocabulary.words]
    captioner.vocabulary = Vocabulary(words, captioner.vocabulary.counts)
    tiny_captioner.save_checkpoint(folder / "pixels", captioner)
    (folder / "p.json").write_text(json.dumps({NAME: WORD}))
    (folder / "r.json").write_text(json.dumps({"b.jpg": [WORD]}))
    with pytest.MonkeyPatch.context() as patch:
        tiny_vgg.shrink(patch, size=32)
        tiny_vgg.save_keras(folder / "vgg.h5", tiny_vgg.random_vgg(19, np.random.default_rng(0)))
    return folder


@pytest.fixture
def run(world, tmp_path, monkeypatch):
    """Run a program whose streams have an encoding, in its strict form; returns (exit code, output, messages)."""
    def run(program, line, encoding):
        streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict") for _ in range(2)]
        arguments = [word.replace("NAME", NAME).replace("{}", str(tmp_path / encoding)) for word in line.split()]
        with monkeypatch.context() as patch:
            tiny_vgg.shrink(patch, size=32)
            patch.setattr(plots, "save_curves", lambda *_: None)
            patch.setattr(plots, "save_samples", lambda *_: None)
            patch.setattr(classify.Classifier, "_best", lambda *_: [{"index": 0, "class": WORD, "p": 1.0}])
            patch.setattr(sys, "stdout", streams[0])
            patch.setattr(sys, "stderr", streams[1])
            patch.chdir(world)
            with pytest.raises(SystemExit) as end:
                run_program(program.main, arguments)
            for stream in streams:
                stream.flush()
        out, err = (stream.buffer.getvalue().decode(encoding).replace(encoding, "ENCODING") for stream in streams)
        return end.value.code, re.sub(r"\d+ s\b", "", out), re.sub(r"[\d.]+ (images/s|MB|s)\b", "", err)
    return run


TRAIN = "--data folder --data-dir data --features f.npy --min-count 1 --embedding 4 --hidden 4 --device cpu --epochs 1"


@pytest.mark.parametrize("program, line, code", [
    (caption, "NAME gone-NAME --checkpoint pixels --device cpu", 2), (caption, "NAME --checkpoint pixels --json", 0),
    (classify, "NAME gone-NAME --weights vgg.h5 --device cpu", 2), (classify, "NAME --weights vgg.h5 --json", 0),
    (train, f"{TRAIN} --out {{}}-NAME", 0),
    (extract, "--data folder --data-dir data --weights vgg.h5 --out {}-NAME.npy", 0),
    (evaluate, "--checkpoint gone-NAME", 2), (export, "pixels {}", 2), (score, "p.json --references r.json", 2),
    (caption, "--gone-NAME", 2), (caption, "--help", 0), (train, "--help", 0), (doctor, "", 0),
    (learn, "status", 2), (learn, "init {}-NAME", 0)])
def test_nothing_is_lost_in_any_encoding(run, program, line, code):
    code_of_utf8, *expected = run(program, line, "utf-8")
    assert code_of_utf8 == code and "".join(expected)
    for encoding in ENCODINGS[1:]:
        ended, *found = run(program, line, encoding)
        assert ended == code
        for ours, theirs in zip(found, expected, strict=True):
            if program is not learn:  # which has other marks where there is no check mark
                assert ours == theirs.encode(encoding, ESCAPED).decode(encoding)
        if "--json" in line:
            assert [json.loads(out) for out in (found[0], expected[0])] == 2 * [json.loads(expected[0])]


def test_what_an_encoding_lacks_is_escaped_as_in_json():
    text = "\u00e9\u4e2d\U0001f600"
    assert text.encode("ascii", ESCAPED) == b"\\u00e9\\u4e2d\\ud83d\\ude00"
    assert json.loads(b'"' + text.encode("cp1252", ESCAPED).replace(b"\xe9", b"") + b'"') == text[1:]
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for encoding in ("cp437", "cp1252")]
    assert [can_show("\u2580", stream) for stream in streams] == [True, False]
