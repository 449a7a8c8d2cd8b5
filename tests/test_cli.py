"""Options from a dataclass, and exit codes: 0, 2 with a one-line message, 130."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minicap.cli import check_bounds, flag, option, parse_settings, run_program
from minicap.errors import OPTIONS, UserError, warn, with_flags


@dataclasses.dataclass(frozen=True)
class Settings:
    images: tuple[str, ...] = option(dataclasses.MISSING, "pictures", positional=True)
    epochs: int = option(3, "passes over the data, 100% each")
    learning_rate: float = option(1e-3, "step size")
    device: str = option("auto", "where to compute", choices=("auto", "cpu"))
    weights: str | None = option(None, "weights file", metavar="FILE")
    sizes: tuple[int, ...] = option((8, 16), "widths")
    crop: tuple[int, ...] = option((1, 2), "two numbers", nargs=2)
    json: bool = option(False, "machine-readable")
    version: int = 1  # no option: not on the command line


def parse(*argv):
    return parse_settings(Settings, "paint", "Paint pictures.", list(argv))


# -------------------------------------------------------------------------------------------------------- options

def test_defaults_are_those_of_the_dataclass():
    assert parse("a.jpg") == Settings(images=("a.jpg",))


def test_every_kind_of_field_becomes_a_flag_of_its_type():
    settings = parse("a.jpg", "b.jpg", "--epochs", "5", "--learning-rate", "1e-2", "--device", "cpu",
                     "--weights", "w.h5", "--sizes", "1", "2", "3", "--crop", "4", "5", "--json")
    assert settings == Settings(images=("a.jpg", "b.jpg"), epochs=5, learning_rate=0.01, device="cpu",
                                weights="w.h5", sizes=(1, 2, 3), crop=(4, 5), json=True)


def test_a_field_without_help_is_no_option(capsys):
    with pytest.raises(SystemExit):
        parse("a.jpg", "--version", "2")
    assert "unrecognized arguments: --version" in capsys.readouterr().err


@pytest.mark.parametrize(("argv", "message"), [
    ([], "the following arguments are required: images"),
    (["a.jpg", "--epochs", "many"], "argument --epochs: invalid int value: 'many'"),
    (["a.jpg", "--device", "gpu"], "argument --device: invalid choice: 'gpu'"),
    (["a.jpg", "--crop", "1"], "argument --crop: expected 2 arguments"),
])
def test_a_mistyped_command_exits_with_2_and_says_which_option(capsys, argv, message):
    with pytest.raises(SystemExit) as exit:
        parse(*argv)
    err = capsys.readouterr().err
    assert exit.value.code == 2 and err.startswith(f"error: {message}")
    assert err.endswith("; python -m minicap.paint --help lists the options\n") and err.count("\n") == 1


def test_an_option_without_default_is_required(capsys):
    @dataclasses.dataclass(frozen=True)
    class Needy:
        out: str = option(dataclasses.MISSING, "where to")

    with pytest.raises(SystemExit):
        parse_settings(Needy, "paint", "", [])
    assert "the following arguments are required: --out" in capsys.readouterr().err
    assert parse_settings(Needy, "paint", "", ["--out", "x"]) == Needy("x")


def test_help_names_the_program_and_shows_defaults(capsys):
    with pytest.raises(SystemExit) as exit:
        parse("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert exit.value.code == 0
    assert "python -m minicap.paint" in text and "Paint pictures." in text
    assert "passes over the data, 100% each (default: 3)" in text
    assert "--weights FILE" in text and "weights file (default" not in text
    assert "--device {auto,cpu}" in text


# ------------------------------------------------------------------------------ groups, former names, bounds, sentences

def is_copy(path):
    return path.read_text() == "a copy"


@dataclasses.dataclass(frozen=True)
class Copying:
    pictures: tuple[str, ...] = option(dataclasses.MISSING, "pictures", positional=True)
    weights: str | None = option(None, "weights", metavar="FILE,...")
    split: str = option("dev", "split", choices=("dev", "test"))
    out: str | None = option(None, "where the copy goes", metavar="FILE", writes=is_copy)
    log: str | None = option(None, "where the lines go", metavar="FILE", writes=is_copy)


@pytest.mark.parametrize(("argv", "name"), [
    (["a.png", "b.png", "--out", "./b.png"], "pictures="),
    (["a.png", "--weights", "w.npz", "--out", "x/../w.npz"], "weights="),
    (["a.png", "--weights", "v.npz,w.npz", "--out", "w.npz"], "weights="),
    (["a.png", "--out", "c.png", "--log", "c.png"], "log="),
])
def test_a_file_to_write_is_none_that_another_option_names(argv, name):
    with pytest.raises(UserError, match=f"out= .* would replace the file of {name}; name another file"):
        parse_settings(Copying, "copy", "Copy pictures.", argv)


def test_a_file_to_write_replaces_only_what_the_option_has_written(tmp_path):
    (tmp_path / "b.png").write_text("a copy")
    assert parse_settings(Copying, "copy", "Copy.", ["a.png", "--out", f"{tmp_path}/b.png"]).out == f"{tmp_path}/b.png"
    (tmp_path / "b.png").write_text("a photograph")
    with pytest.raises(UserError, match=r"out= .*b\.png is there already and was not written by this option"):
        parse_settings(Copying, "copy", "Copy.", ["a.png", "--out", f"{tmp_path}/b.png"])


def test_a_file_to_write_may_be_called_like_a_choice():
    assert parse_settings(Copying, "copy", "Copy.", ["a.png", "--split", "test", "--out", "test"]).out == "test"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Brushes:
    strokes: int = option(3, "strokes of the brush", group="painting", formerly="dabs", least=1)
    wet: bool = option(False, "on wet paper", group="painting", formerly="damp")
    rate: float | None = option(None, "speed", group="painting", above=0, below=1)
    pressure: float = option(1.0, "of the hand", group="painting", least=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Painting(Brushes):
    out: str = option(dataclasses.MISSING, "where to")
    size: int = option(4, "of the paper", group="paper")


def paint(*argv):
    return parse_settings(Painting, "paint", "", list(argv))


def help_of_painting(capsys):
    with pytest.raises(SystemExit):
        paint("--help")
    return capsys.readouterr().out


def test_help_lists_options_in_groups_those_of_the_program_first(capsys):
    text = help_of_painting(capsys)
    options, paper, painting = (text.index(f"\n{heading}:\n") for heading in ("options", "paper", "painting"))
    assert options < text.index("where to") < paper < text.index("of the paper") < painting
    assert painting < text.index("strokes of the brush (default: 3)") < text.index("on wet paper") < text.index("speed")


def test_a_former_name_works_but_is_not_listed(capsys):
    assert paint("--out", "a", "--dabs", "5", "--damp") == paint("--out", "a", "--strokes", "5", "--wet")
    assert paint("--out", "a", "--dabs", "5").strokes == 5 and paint("--out", "a").strokes == 3
    assert paint("--out", "a", "--strokes", "4", "--dabs", "5").strokes == 5  # the last one counts, as always
    text = help_of_painting(capsys)
    assert "--strokes" in text and not any(name in text for name in ("dabs", "damp"))


def test_options_are_written_in_full(capsys):
    with pytest.raises(SystemExit):
        paint("--out", "a", "--stro", "5")
    assert "unrecognized arguments: --stro 5" in capsys.readouterr().err


@pytest.mark.parametrize(("argv", "message"), [
    (("--strokes", "0"), "strokes= has to be at least 1, not 0"),
    (("--dabs", "-2"), "strokes= has to be at least 1, not -2"),
    (("--rate", "0"), "rate= has to be above 0 and below 1, not 0"),
    (("--rate", "1"), "rate= has to be above 0 and below 1, not 1"),
    (("--rate", "nan"), "rate= has to be above 0 and below 1, not nan"),
    (("--pressure", "inf"), "pressure= has to be a finite number, not inf"),
    (("--size", "9" * 400), "size= is out of all proportion; use a number below 9,007,199,254,740,992"),
    (("--out", ""), "out= is empty; name something, or leave it out")])
def test_numbers_beyond_their_bounds_are_refused(argv, message):
    with pytest.raises(UserError) as error:
        paint("--out", "a", *argv)
    assert str(error.value) == message


def test_bounds_hold_for_settings_made_in_python_and_none_is_within():
    check_bounds(Painting(out="a", strokes=1, rate=0.5))
    check_bounds(Painting(out="a", rate=None))
    with pytest.raises(UserError, match="rate= has to be"):
        check_bounds(Painting(out="a", rate=-0.1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Messages:
    """Options named as in the sentences below."""

    picture: str = option("", "file", positional=True, nargs="?")
    beam: int = option(1, "width")
    features: str = option("", "file")
    layer: str = option("fc7", "layer")
    lr: float = option(0.1, "step size")
    max_length: int = option(20, "words")
    mirrored: str = option("", "file")
    model: str = option("show-tell", "captioner")
    no_repeat_ngram_size: int = option(0, "words")
    seed: int = option(0, "random seed")
    split: str = option("dev", "split")
    weights: str = option("", "file")


@pytest.fixture
def messages():
    """As if the program with these options were running."""
    parse_settings(Messages, "messages", "", ["a.jpg"])
    yield
    OPTIONS.clear()


@pytest.mark.parametrize(("sentence", "printed"), [
    ("use layer='pool5', or name another file with weights=", "use --layer pool5, or name another file with --weights"),
    ("no_repeat_ngram_size= has to be at least 0, got -1", "--no-repeat-ngram-size has to be at least 0, got -1"),
    ("beam= and max_length= have to be; got 0", "--beam and --max-length have to be; got 0"),
    ("name it with features=; or (with mirrored=).", "name it with --features; or (with --mirrored)."),
    ("model='show-tell' reads fc7; layer='conv5_4+fc7'.", "--model show-tell reads fc7; --layer conv5_4+fc7."),
    ("picture= is missing", "picture is missing"),
    ("features=\n", "--features\n")])
def test_arguments_become_flags_in_what_a_program_prints(messages, sentence, printed):
    assert with_flags(sentence) == printed


@pytest.mark.parametrize("sentence", [
    "runs/lr=0.1/last.safetensors is damaged", "/data/seed= was left", "lr=0.1 is a folder", "C:/x/split='a'b.csv",
    "https://host/get?split=, moved", "a=b and x == y", "shape (6,), V=9 words", "the weights do not fit: W=(3, 4)",
    "the image lr=.jpg does not exist", "there is no folder model=,beam", "the image x= does not exist",
    "data='flickr8k' is not for this program"])
def test_paths_formulas_addresses_and_names_of_no_option_stay_as_they_are(messages, sentence):
    assert with_flags(sentence) == sentence


def test_without_a_program_arguments_are_named_as_in_python(messages):
    assert with_flags("name it with weights=") == "name it with --weights"
    assert ends(lambda argv: None) == 0  # the next program, without options
    assert with_flags("name it with weights=") == "name it with weights="


def test_a_warning_of_a_program_names_flags_too(messages, capsys):
    warn("weights= has no effect")
    assert capsys.readouterr().err == "warning: --weights has no effect\n"


def test_flags_are_names_with_hyphens():
    assert flag("no_repeat_ngram_size") == "--no-repeat-ngram-size"


# ------------------------------------------------------------------------------------------------ how a program ends

def ends(main, *argv):
    """Exit code of ``main``."""
    with pytest.raises(SystemExit) as exit:
        run_program(main, list(argv))
    return exit.value.code


def fail(error):
    def main(argv):
        raise error
    return main


def test_a_program_that_ends_well_exits_with_0_and_gets_its_arguments():
    seen = []
    assert ends(seen.append, "a") == 0 and seen == [["a"]]
    assert ends(lambda argv: 3) == 3


def test_a_users_mistake_is_one_sentence_on_stderr_and_2(capsys):
    assert ends(fail(UserError("no such file"))) == 2
    assert capsys.readouterr() == ("", "error: no such file\n")

    def main(argv):
        parse(*argv)
        raise UserError("name it with weights=")

    assert ends(main, "a.jpg") == 2
    assert capsys.readouterr().err == "error: name it with --weights\n"


def test_too_little_memory_is_one_sentence_and_2(capsys):
    assert ends(fail(MemoryError())) == 2
    assert ends(lambda argv: np.empty(1 << 60, np.uint8)) == 2
    bare, of_numpy = capsys.readouterr().err.splitlines()
    assert bare == ("error: not enough memory: none is left; close other programs, or take less at a time (smaller "
                    "batches, models or pictures)")
    assert of_numpy.startswith("error: not enough memory: Unable to allocate 1.00 EiB for an array")


def test_ctrl_c_exits_with_130_and_says_what_there_is_to_say(capsys):
    assert ends(fail(KeyboardInterrupt())) == 130
    assert ends(fail(KeyboardInterrupt("go on with --resume"))) == 130
    assert capsys.readouterr().err == "interrupted\ninterrupted: go on with --resume\n"


def test_a_mistake_of_ours_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_program(fail(ZeroDivisionError()), [])


@pytest.mark.parametrize("lines", [10, 100_000])
def test_output_into_a_closed_pipe_ends_quietly(lines):
    """``program | head -1``: nobody wants a traceback for that, whether the pipe breaks early or at the last flush."""
    code = f"from minicap.cli import run_program\nrun_program(lambda argv: print('x\\n' * {lines}))"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=buffered, cwd=Path(__file__).parent.parent)
    program.stdout.close()
    with program:
        assert program.stderr.read() == b""
    assert program.returncode == 1


def test_a_file_name_that_is_not_utf_8_is_printed_as_json_has_it():
    code = "from minicap.cli import run_program\nrun_program(lambda argv: print('caf\\udce9.jpg'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=os.environ | {"PYTHONUTF8": "1"})
    assert (done.returncode, done.stdout.rstrip(), done.stderr) == (0, rb"caf\udce9.jpg", b"")
