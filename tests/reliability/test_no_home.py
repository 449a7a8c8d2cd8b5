"""Users without a home folder, and packages that cannot be written, as in containers: all works, a bit slower."""

import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from minicap.errors import UserError
from minicap.paths import expanded
from minicap.pretrained_networks import find_weights

PACKAGE = Path(__file__).resolve().parents[2] / "minicap"
STRANGER = "~somebody-who-is-not-here"

# A user whom the system does not know, as `docker run --user 12345` makes one.
UNKNOWN_USER = """
import pwd
def nobody(uid): raise KeyError(uid)
pwd.getpwuid = nobody
"""
TWO_KERNELS = """
import numpy as np
from minicap.activations import relu_backward
from minicap.linear import segment_sum
x = np.ones((2, 3), np.float32)
print(relu_backward(x, x).sum(), segment_sum(x, np.array([1, 1]), 2).tolist()[1])
"""
RESULTS = "6.0 [2.0, 2.0, 2.0]\n"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of minicap where even root finds no place to keep compiled code."""
    root = tmp_path_factory.mktemp("package")
    shutil.copytree(PACKAGE, root / "minicap", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "minicap" / "cpu" / "compiled" / "__pycache__").write_text("a file, so that no folder can be made")
    return root


@pytest.fixture
def run(package, tmp_path):
    """Run code in a new Python with nothing but these variables in its environment; returns (output, messages)."""
    def run(code, **variables):
        there = tmp_path / "there"
        there.mkdir(exist_ok=True)
        done = subprocess.run([sys.executable, "-B", "-c", code], cwd=there, capture_output=True, text=True,
                              env={"PYTHONPATH": str(package), "TMPDIR": str(tmp_path)} | variables)
        assert done.returncode == 0, done.stderr
        assert list(there.iterdir()) == []  # no folder that is called ~
        return done.stdout, done.stderr
    return run


@pytest.fixture
def no_folder(tmp_path):
    """A path where nobody can make a folder, not even root."""
    (tmp_path / "file").write_text("")
    return str(tmp_path / "file" / "home")


# ----------------------------------------------------------------------------------------------------------- numba

@pytest.mark.skipif(os.name == "nt", reason="Windows has no home folders of this kind")
@pytest.mark.parametrize("without", ["a user", "a home", "a cache"])
def test_without_a_place_for_its_cache_numba_compiles_and_says_so_once(run, no_folder, without):
    pytest.importorskip("numba")
    places = {"a user": {}, "a home": {"HOME": no_folder}, "a cache": {"HOME": no_folder, "NUMBA_CACHE_DIR": no_folder}}
    out, err = run((UNKNOWN_USER if without == "a user" else "") + TWO_KERNELS, **places[without])
    assert out == RESULTS
    assert re.fullmatch("warning: numba finds no place to keep compiled code .* NUMBA_CACHE_DIR.*\n", err)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no home folders of this kind")
def test_the_doctor_says_what_becomes_of_compiled_code(run, no_folder, tmp_path):
    pytest.importorskip("numba")
    code = "from minicap.doctor import numba\nprint(numba())"
    again = "inner loops are compiled, but again in every run, .* name a folder in .* NUMBA_CACHE_DIR"
    for place, words in (({"HOME": no_folder}, again), ({"NUMBA_CACHE_DIR": str(tmp_path)}, "inner loops are compiled"),
                         ({"MINICAP_NUMBA": "0"}, "turned off by MINICAP_NUMBA=0")):
        out, err = run(code, **place)
        assert re.fullmatch(rf"[\d.]+, {words}\n", out)
        assert err.count("NUMBA_CACHE_DIR") == err.count("\n") == (words == again)


def test_a_disk_that_is_full_when_compiled_code_is_kept_stops_nothing(run, tmp_path):
    pytest.importorskip("numba")
    full = """
import numba.core.caching
def full(*arguments): raise OSError(28, "No space left on device")
numba.core.caching.IndexDataCacheFile.save = full
"""
    out, err = run(full + TWO_KERNELS, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert out == RESULTS and err.count("warning: numba finds no place") == err.count("\n") == 1


def test_with_a_place_for_its_cache_numba_keeps_the_code_without_a_word(run, tmp_path):
    pytest.importorskip("numba")
    out, err = run(TWO_KERNELS, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert (out, err) == (RESULTS, "") and len(list(tmp_path.glob("cache/*/*.nbc"))) >= 2


def test_a_cache_that_is_damaged_is_made_again(run, tmp_path):
    pytest.importorskip("numba")
    for damaged in ("nbi", "nbc", None):  # the indices of numba's cache, and the machine code itself
        assert run(TWO_KERNELS, NUMBA_CACHE_DIR=str(tmp_path / "cache")) == (RESULTS, "")
        files = list(tmp_path.glob("cache/*/*"))
        assert len(files) >= 4 and all(path.stat().st_size > 10 for path in files)
        for path in files:
            if path.suffix == f".{damaged}":
                os.truncate(path, 10)  # as after a power cut


def test_numba_that_is_told_not_to_compile_does_not(run):
    pytest.importorskip("numba")
    assert run(TWO_KERNELS, NUMBA_DISABLE_JIT="1") == (RESULTS, "")


def test_the_kernels_that_are_written_in_vectors_are_python_then(run):
    pytest.importorskip("numba")
    code = """
import numpy as np
from minicap.cpu import depthwise
from minicap.cpu.compiled import depthwise as kernels
x, W, b = np.ones((1, 5, 5, 16), np.float32), np.ones((3, 3, 16), np.float32), np.zeros(16, np.float32)
y = depthwise.limited_depthwise(x, W, b, 1, "same", (0, 6))
dx, dW, db = depthwise.depthwise_conv2d_backward(y, x, W, 1, ((1, 1), (1, 1)))
print(type(kernels._filter).__name__, y.sum() / 16, dW[1, 1, 0], dx[0, 0, 0, 0])
"""
    corners, edges, inside = 4 * 4, 12 * 6, 9 * 6  # windows of 4, 6 and 9 ones, and no number above 6
    line = f"function {corners + edges + inside:.1f} {corners + edges + inside:.1f} {4 + 6 + 6 + 6:.1f}\n"
    assert run(code, NUMBA_DISABLE_JIT="1") == (line, "")


# ------------------------------------------------------------------------------------------------- figures, folders

@pytest.mark.skipif(os.name == "nt", reason="Windows has no home folders of this kind")
def test_a_figure_is_drawn_without_a_home_and_without_a_word(run, no_folder, tmp_path):
    code = """
import sys, numpy as np
from minicap.captioning.reporting.plots import save_samples
save_samples(sys.argv[1], [np.zeros((8, 8, 3), np.uint8)], ["a dog"])
"""
    path = tmp_path / "samples.png"
    assert run(UNKNOWN_USER + code.replace("sys.argv[1]", repr(str(path)))) == ("", "")
    assert path.stat().st_size > 1000


@pytest.mark.skipif(os.name == "nt", reason="Windows has no home folders of this kind")
def test_the_doctor_works_without_a_home(run):
    out, err = run(UNKNOWN_USER + "from minicap.doctor import main\nmain([])", MINICAP_NUMBA="0")
    assert "The CPU path works." in out and "Error" not in out and err == ""
    assert "no home folder, where data sets and weights are by default: name a folder" in out


WITH_PATHS = [
    "train --out {}/run", "train --data flickr8k --data-dir {}", "train --data folder --data-dir {}",
    "train --data flickr8k --features {}/f.npy --data-dir {}", "extract --out f.npy --weights {}/vgg.h5 --data-dir {}",
    "extract --out {}/f.npy --from-array {}/a.npy --data-dir {}", "caption {}/a.jpg --checkpoint {}/run",
    "evaluate --checkpoint {}/run", "classify {}/a.jpg --weights {}/vgg.h5", "score {}/p.json --references {}/r.json",
    "export {}/run out", "export run {}/out", "reproduce shapes --work {}", "download vgg19 --out {}"]


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start the program of a line of WITH_PATHS, with a folder at their beginnings."""
    def start(line, folder):
        monkeypatch.setenv("MINICAP_DATA", str(tmp_path))
        monkeypatch.chdir(PACKAGE.parent if line.startswith("reproduce") else tmp_path)
        program, *options = line.format(*[folder] * 4).split()
        module = import_module("minicap.download.__main__" if program == "download" else f"minicap.{program}")
        return module.main(options)
    return start


@pytest.mark.parametrize("line", WITH_PATHS)
def test_the_home_of_somebody_who_is_not_here_is_one_sentence(line, start):
    with pytest.raises(UserError, match=f"no home folder is known for {STRANGER} in {STRANGER}.*; write the"):
        start(line, STRANGER)


@pytest.mark.parametrize("line", [*WITH_PATHS, "classify {}/a.jpg --weights w.h5", "caption {}/a.jpg"])
def test_an_address_is_one_sentence_and_keeps_its_slashes(line, start, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("minicap.classify.Classifier.__init__", lambda *arguments, **options: None)
    monkeypatch.setattr("minicap.classify.Classifier.model", None, raising=False)
    monkeypatch.setattr("minicap.classify.Classifier.resize", 9, raising=False)
    monkeypatch.setattr("minicap.classify.tell_assumptions", lambda *arguments: None)
    try:
        assert start(line, "https://example.org/~me") == 2
        message = capsys.readouterr().err
    except UserError as error:
        message = str(error)
    assert re.search(r"https://example\.org/~me\S* is an address, .* download it, then name the file$", message.strip())
    assert list(tmp_path.iterdir()) == []


def test_addresses_of_this_machine_and_paths_that_look_like_addresses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^file:///home/me/a\.jpg is an address; name the path in it$"):
        expanded("file:///home/me/a.jpg")
    (tmp_path / "https:").mkdir()
    (tmp_path / "https:" / "a.jpg").touch()
    assert expanded("https://a.jpg").is_file() and expanded("a:/b") == Path("a:/b")


def test_learn_init_in_the_home_of_somebody_who_is_not_here_is_one_sentence():
    with pytest.raises(UserError, match=f"no home folder is known for {STRANGER}"):
        import_module("minicap.learn.__main__").main(["init", f"{STRANGER}/lessons"])


def test_the_data_folder_in_the_home_of_somebody_who_is_not_here_is_not_passed_over(monkeypatch):
    monkeypatch.delenv("MINICAP_WEIGHTS", raising=False)
    monkeypatch.setenv("MINICAP_DATA", STRANGER)
    with pytest.raises(UserError, match=f"no home folder is known for {STRANGER}"):
        find_weights("vgg19")


def test_homes_are_looked_for_in_one_place():
    users = [path.name for path in PACKAGE.rglob("*.py") if re.search(r"\.expanduser\(\)", path.read_text("utf-8"))]
    assert users == ["paths.py"]
