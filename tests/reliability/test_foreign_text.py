"""What files and servers say is shown, and not obeyed: by terminals, figures or pages; names lead nowhere."""

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
from html_page import Page
from http_server import FaultyServer, sends
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from minicap import caption, classify, evaluate, export, score, train
from minicap.captioning.data import load_dataset
from minicap.captioning.data.picture_files import PictureFiles
from minicap.captioning.reporting.plots import save_attention, save_samples
from minicap.captioning.reporting.report import write_report
from minicap.captioning.text.vocabulary import Vocabulary
from minicap.cli import run_program
from minicap.download import __main__ as download
from minicap.errors import UserError, warn
from minicap.learn.console import Console
from minicap.terminal import TextOnly, drawn, shown

PACKAGE = Path(__file__).resolve().parents[2] / "minicap"
COLOUR, TITLE, CSI, RETURN, OVERRIDE = "\x1b[31m", "\x1b]0;mine\x07", "\x9b2J", "ok\r", "\u202egpj.exe"
HOSTILE = f"{COLOUR}{TITLE}{CSI}{RETURN}{OVERRIDE}"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")  # all but \t and \n


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a program as from the command line: (exit code, output, messages), in which nothing is obeyed."""
    def run(program, *arguments):
        with monkeypatch.context() as patch:  # whose end brings back the streams
            patch.setattr(sys, "stdout", sys.stdout)
            patch.setattr(sys, "stderr", sys.stderr)
            with pytest.raises(SystemExit) as end:
                run_program(program.main, list(map(str, arguments)))
        out, err = capsys.readouterr()
        assert not OBEYED.findall(out + err)
        return end.value.code, out, err
    return run


# ------------------------------------------------------------------------------------------------------ the function

@pytest.mark.parametrize(("text", "expected"), [
    (COLOUR, "\\u001b[31m"), (TITLE, "\\u001b]0;mine\\u0007"), (CSI, "\\u009b2J"), (RETURN, "ok\\u000d"),
    (OVERRIDE, "\\u202egpj.exe"), ("a\nb\tc", "a\\u000ab\\u0009c"), ("\x7f\x08", "\\u007f\\u0008"),
    ("\u2066\u2069\u2028", "\\u2066\\u2069\\u2028"), ("caf\udce9.jpg", "caf\\udce9.jpg"), (ValueError(COLOUR),
                                                                                      "\\u001b[31m")])
def test_what_a_terminal_would_obey_is_written_out(text, expected):
    assert shown(text) == expected


@pytest.mark.parametrize("text", ["a dog, 5 €", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "犬が走る",
                                  "\u0915\u094d\u200d\u0937", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
                                  "שלום\u200f!", "C:\\new\\table"])
def test_text_of_all_scripts_stays_as_it_is(text):
    assert shown(text) == text


def test_long_names_are_cut_and_lines_are_not():
    assert shown("x" * 101) == "x" * 100 + "…" and shown("x" * 100) == "x" * 100 and shown("x" * 500, None) == "x" * 500


@given(st.text())
def test_json_that_is_shown_means_the_same(text):
    line = shown(json.dumps({"caption": text}, ensure_ascii=False), None)
    assert json.loads(line) == {"caption": text} and not OBEYED.search(line)


# ----------------------------------------------------------------------------------------------------- the programs

@pytest.fixture
def hostile_run(tmp_path):
    """A checkpoint whose words are hostile."""
    captioner = tiny_captioner.pixel_captioner()
    words = captioner.vocabulary.words
    hostile = [word if word.startswith("<") else f"{word}{HOSTILE}" for word in words]
    captioner.vocabulary = Vocabulary(hostile, captioner.vocabulary.counts)
    return tiny_captioner.save_checkpoint(tmp_path / "run", captioner)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / f"photo{HOSTILE}\nerror.png"
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(path)
    return path


def test_captions_and_names_of_pictures(run, hostile_run, photo):
    code, out, err = run(caption, photo, f"gone{COLOUR}.jpg", "--checkpoint", hostile_run, "--device", "cpu")
    assert code == 2 and out.count("\n") == 1 and shown(HOSTILE) in out.partition(": ")[2]
    assert err.startswith("error: ") and err.count("\n") == 1 and "gone\\u001b[31m.jpg" in err


def test_json_is_exact(run, hostile_run, photo):
    code, out, _ = run(caption, photo, "--checkpoint", hostile_run, "--device", "cpu", "--json")
    assert code == 0 and json.loads(out)["image"] == str(photo) and HOSTILE in json.loads(out)["caption"]


def test_classes_of_a_class_file(run, tmp_path, photo, monkeypatch):
    monkeypatch.setattr(classify, "Classifier", lambda *arguments, **options: namespace(
        model=None, classify=lambda paths, top: [[{"index": 0, "class": HOSTILE, "p": 1.0}]]))
    monkeypatch.setattr(classify, "tell_assumptions", lambda *arguments: None)
    code, out, _ = run(classify, photo, "--weights", "w.h5", "--device", "cpu")
    assert code == 0 and out.splitlines()[1] == f" 100.0 %  {shown(HOSTILE)}"


def namespace(**values):
    return type("Namespace", (), values)


def test_a_training_run_on_hostile_names_and_captions(run, tmp_path):
    data, hostile = tiny_captioner.write_folder(tmp_path / "data"), {}
    for split, names in tiny_captioner.SPLITS.items():
        (data / f"{split}.txt").unlink()
        for name in names:
            hostile[name] = f"{name[:-4]}{HOSTILE}$x_{{$.png"
            os.rename(data / name, data / hostile[name])
    (data / "captions.csv").unlink()
    (data / "captions.json").write_text(json.dumps([
        {"image": hostile[name], "split": split, "caption": f"{text} {HOSTILE} costs $5 and $\\frac{{$"}
        for split, names in tiny_captioner.SPLITS.items() for name in names
        for text in tiny_captioner.captions_of(name)]))
    features = tiny_captioner.write_features(tmp_path / "f.npy", names=tuple(hostile.values()))
    code, out, err = run(train, *tiny_captioner.train_arguments(tmp_path / "run", data, features, "--epochs", 1))
    assert (code, err) == (0, "") and f"a dev picture, red-2{shown(HOSTILE)}$x_{{$.png: " in out


def test_names_in_predictions_and_references(run, tmp_path):
    name = f"a{HOSTILE}.jpg"
    (tmp_path / "p.json").write_text(json.dumps({name: "a dog", "b.jpg": ""}))
    (tmp_path / "r.json").write_text(json.dumps({"b.jpg": [HOSTILE]}))
    (tmp_path / "list").write_text("c.jpg\n")
    assert run(score, tmp_path / "p.json", "--references", tmp_path / "p.json", "--images", tmp_path / "list")[0] == 2
    code, _, err = run(score, tmp_path / "p.json", "--references", tmp_path / "r.json")
    assert code == 2 and "1 of 2 images have no references" in err and ".jpg" in err and err.count("\n") == 1


@pytest.mark.parametrize("program", [caption, evaluate, export, score, train])
def test_options_that_are_names_of_files(run, program):
    needed = {caption: ["a.jpg", "--checkpoint", "run"], evaluate: ["--checkpoint", "run"], export: ["run", "out"],
              score: ["p.json", "--references", "r.json"]}
    code, _, err = run(program, *needed.get(program, ()), f"--{HOSTILE}")  # as in `python -m minicap.caption *`
    assert code == 2 and err.startswith(f"error: unrecognized arguments: --{shown(HOSTILE)}")


def test_the_reason_of_a_server(run, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "WEIGHTS", {key: namespace_of(file) for key, file in download.WEIGHTS.items()})
    server = FaultyServer()
    name = download.WEIGHTS["vgg19", "keras"].name
    reason = f"Gone{COLOUR}{TITLE}{CSI}".encode("latin-1")
    server.routes[f"/{name}"] = [sends(b"HTTP/1.1 404 " + reason + b"\r\n\r\n")]
    code, _, err = run(download, "vgg19", "--out", tmp_path, "--mirror", server.base)
    server.close()
    assert code == 2 and err.count("answered 404 Gone\\u001b[31m\\u001b]0;mine\\u0007\\u009b2J") == 2


def namespace_of(file):
    """The same file without its official addresses."""
    return type(file)(file.name, (), file.checksum, file.largest)


def test_a_bug_is_shown_too(tmp_path):
    code = f"from minicap.cli import run_program\ndef main(argv): raise RuntimeError({HOSTILE!r})\nrun_program(main)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=PACKAGE.parent)
    assert done.returncode == 1 and not OBEYED.findall(done.stderr.decode())


def test_a_warning_outside_of_programs(capsys):
    warn(f"{HOSTILE}\nerror: all is lost")
    assert capsys.readouterr().err == f"warning: {shown(HOSTILE)}\\u000aerror: all is lost\n"


# ---------------------------------------------------------------------------------------------------- the streams

def test_streams_write_lines_and_keep_their_other_methods(tmp_path):
    with open(tmp_path / "out", "w", encoding="utf-8") as file:
        stream = TextOnly(file)
        print(COLOUR, "a\tb", file=stream, flush=True)
        stream.writelines(["c\r", "d\n"])
        assert stream.encoding == "utf-8" and stream.fileno() == file.fileno() and not stream.isatty()
        assert drawn(stream) is file and drawn(file) is file
    assert (tmp_path / "out").read_text() == "\\u001b[31m a\tb\nc\\u000dd\n"


def test_lessons_have_colours_of_their_own_alone():
    stream = io.StringIO()
    stream.isatty = lambda: True
    console = Console(TextOnly(stream))
    console.coloured = True
    console.say(f"{console.paint('right', 'right')} {TITLE}{CSI}\n\tx")
    assert stream.getvalue() == f"\x1b[32mright\x1b[0m {shown(TITLE + CSI)}\n\tx\n"


def test_everybody_who_draws_is_known():
    """All that is printed goes through the streams of run_program, but for these."""
    using = {name: sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")
                          if re.search(pattern, path.read_text("utf-8")))
             for name, pattern in (("bars", "import tqdm"), ("streams", r"\bdrawn\(|sys\.__std|std\w+\.buffer"))}
    assert using == {"bars": ["terminal.py"],
                     "streams": ["learn/child.py", "learn/console.py", "terminal.py", "train.py", "weights/child.py"]}


@pytest.mark.parametrize("path", [path for path in PACKAGE.rglob("*.py") if "parse_settings(" in path.read_text("utf-8")
                                  or path.name == "__main__.py"], ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_program_prints_through_these_streams(path):
    main = path.read_text("utf-8").partition('if __name__ == "__main__":\n')[2]
    by_command = path == PACKAGE / "__main__.py"  # whose main() is the command's, which calls run_program
    assert path.name == "cli.py" or by_command or main.startswith("    run_program(main")


# --------------------------------------------------------------------------------------------------- figures, pages

PICTURE = np.zeros((8, 8, 3), np.uint8)


@pytest.mark.parametrize("text", ["costs $5 and $7", "$\\frac{$", "$x_{$", f"{HOSTILE}\udce9", "a\n$\nb", "\\"])
def test_captions_are_no_formulas(tmp_path, text):
    save_samples(tmp_path / "samples.png", [PICTURE], [text])
    save_attention(tmp_path / "attention.png", PICTURE, [text], np.ones((1, 2, 2)), np.zeros(1))
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("samples.png", "attention.png"))


def test_dollars_are_drawn_as_dollars(tmp_path):
    for name, text in (("a.png", "$5$"), ("b.png", "5")):
        save_samples(tmp_path / name, [PICTURE], [text])
    one, other = (np.asarray(Image.open(tmp_path / name).convert("L")) for name in ("a.png", "b.png"))
    assert (one < 128).sum() > (other < 128).sum()  # more ink


def test_a_page_obeys_nothing(tmp_path):
    dataset = load_dataset("folder", str(tiny_captioner.write_folder(tmp_path / "data")))
    script = f'"><script>alert(1)</script>{HOSTILE}\udce9'
    name = dataset.splits["test"][0]
    dataset.captions[name] = (script, "a dog")
    write_report(tmp_path / "r.html", tiny_captioner.pixel_captioner(), dataset, "test", {
        n: script for n in dataset.splits["test"]}, subtitle=script)
    source = (tmp_path / "r.html").read_text("utf-8")
    assert not OBEYED.findall(source) and Page(source).count("script") == 1 and "alert(1)" in Page(source).text


# ------------------------------------------------------------------------------------------------------------- names

@pytest.fixture
def beside(tmp_path):
    """A folder of a data set, with pictures inside and outside."""
    for path in ("data/in.jpg", "data/images/deep.jpg", "out.jpg", "other/secret.jpg"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / path)
    return tmp_path


@pytest.mark.parametrize("name", ["../out.jpg", "{}/out.jpg", "images/../../out.jpg", "../other/secret.jpg",
                                  "../data/../out.jpg", "..\\out.jpg", "./../out.jpg", "x" * 300 + ".jpg", "a\0.jpg"])
def test_no_name_leads_out_of_the_folder(beside, name):
    name = name.format(beside)
    files = PictureFiles(beside / "data")
    assert files.find([name]) == {} and not files.has_any([name])


@pytest.mark.parametrize(("name", "path"), [
    ("../in.jpg", "in.jpg"), ("/home/somebody/data/in.jpg", "in.jpg"), ("{}/data/in.jpg", "in.jpg"),
    ("../../images/deep.jpg", "images/deep.jpg"), ("images/deep.jpg", "images/deep.jpg"),
    ("deep.jpg", "images/deep.jpg"), ("images/../in.jpg", "in.jpg"), ("../data/images/deep.jpg", "images/deep.jpg")])
def test_a_path_from_another_place_is_looked_for_by_its_last_part(beside, name, path):
    name = name.format(beside)
    assert PictureFiles(beside / "data").find([name]) == {name: str(beside / "data" / path)}


def test_whole_paths_into_the_folder_tell_pictures_of_one_name_apart(beside, monkeypatch):
    for part in ("train", "val"):
        (beside / "data" / part).mkdir()
        Image.new("RGB", (4, 4)).save(beside / "data" / part / "1.jpg")
    names = [f"{beside}/data/train/1.jpg", "../data/val/1.jpg"]
    monkeypatch.chdir(beside)
    assert PictureFiles("data").find(names) == {name: os.path.join("data", part, "1.jpg")
                                                for name, part in zip(names, ("train", "val"), strict=True)}


def test_no_name_goes_up_behind_a_link(beside):
    (beside / "data" / "linked").symlink_to(beside / "other")
    assert PictureFiles(beside / "data").find(["linked/../out.jpg"]) == {}


def test_lists_of_splits_lead_nowhere_else(beside, capsys):
    data = beside / "data"
    names = [f"{n}.jpg" for n in range(3)]
    for name in names:
        Image.new("RGB", (4, 4)).save(data / name)
    (data / "captions.csv").write_text("image,caption\n" + "".join(f"{name},a dog\n" for name in names))
    for split, name in zip(("train", "dev", "test"), names, strict=True):
        (data / f"{split}.txt").write_text(f"{name}\n" + "../out.jpg\n" * (split == "test"))
    dataset = load_dataset("folder", str(data))
    assert dataset.splits["test"] == ("2.jpg",)
    assert f"1 image(s) of the split lists without a file in {data}, left out (../out.jpg)" in capsys.readouterr().err


def test_links_that_the_user_made_are_followed(beside):
    (beside / "data" / "linked").symlink_to(beside / "other")
    (beside / "data" / "link.jpg").symlink_to(beside / "out.jpg")
    files = PictureFiles(beside / "data").find(["linked/secret.jpg", "link.jpg"])
    assert list(files) == ["linked/secret.jpg", "link.jpg"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
def test_a_pipe_is_no_picture(beside):
    os.mkfifo(beside / "data" / "pipe.jpg")
    assert PictureFiles(beside / "data").find(["pipe.jpg"]) == {}


def test_a_data_set_reads_nothing_outside(beside, capsys):
    data = beside / "data"
    for n in range(3):
        Image.new("RGB", (4, 4)).save(data / f"{n}.jpg")
    (data / "captions.csv").write_text("image,caption\n../out.jpg,a secret\n" + "".join(
        f"{n}.jpg,a dog\n" for n in range(3)) + f"{beside}/other/secret.jpg,another\n")
    dataset = load_dataset("folder", str(data), split_seed=0)
    assert sorted(dataset.images) == ["0.jpg", "1.jpg", "2.jpg"]
    assert f"2 captioned image(s) without a file in {data}, left out (../out.jpg, " in capsys.readouterr().err
    (data / "captions.csv").write_text("image,caption\n../out.jpg,a secret\n")
    with pytest.raises(UserError, match=r"none of the 1 images that .* names \(the first is \.\./out\.jpg\) is in"):
        load_dataset("folder", str(data), split_seed=0)
