"""The benchmark's machinery, and that both sides of every row compute the same. No test measures speed."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import efficientnet_files
import numpy as np
import pytest
import tiny_vgg

from benchmarks import __main__ as program
from benchmarks import compare
from benchmarks.compare import MismatchError, Workers, check, measure
from benchmarks.engines import ENGINES
from benchmarks.ladder import LADDER
from benchmarks.row import Place, Row, Work, as_numpy
from benchmarks.rows import CUDA_ROWS, ROWS
from benchmarks.scaling import SCALING
from benchmarks.table import headings, read, table
from minicap.backend import cuda_problem
from minicap.errors import UserError

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, kw_only=True)
class Squares(Row):
    """A row whose peer is NumPy too, so that the machinery is tried out where PyTorch is not installed."""

    name: str = "squares"
    peer_is_wrong: float = 0.0
    complaint: str | None = None
    fatal: bool = False

    def prepare(self, folder):
        (folder / "exponent").write_text("2")

    def data(self):
        return {"x": np.random.default_rng(0).standard_normal((300, 100))}

    def ours(self, data, place):
        if self.complaint:
            raise UserError(self.complaint)
        if self.fatal:
            os._exit(9)
        x, exponent = data["x"], int((place.folder / "exponent").read_text())
        return Work(lambda: x**exponent, lambda: {"y": x**exponent, "sum": (x**exponent).sum()})

    def peer(self, data, place):
        y = data["x"] * data["x"]
        y[0, 0] += self.peer_is_wrong
        return Work(lambda: y, lambda: {"y": y, "sum": y.sum()})

    def start_peer(self, place):
        return "numpy's twin"


@dataclass(frozen=True, kw_only=True)
class Memory(Squares):
    """Our side allocates 64 MB more while it runs, and frees them."""

    def ours(self, data, place):
        work = super().ours(data, place)

        def run():
            np.ones(8_000_000)
            return work.run()
        return work._replace(run=run)


# ----------------------------------------------------------------------------------------------------- the machinery

def test_a_row_is_compared_and_then_measured_in_two_processes():
    measurement = measure(Squares(target=0.9), Place("cpu", 1), repeat=2)
    assert measurement.ours_ms > 0 and measurement.peer_ms > 0
    assert measurement.difference < 1e-12
    assert measurement.peer == "numpy's twin"
    line = measurement.to_json()
    promised = {"name", "ours_ms", "peer", "peer_ms", "ratio", "target", "ours_peak_mb", "peer_peak_mb", "threads",
                "date", "device", "machine", "repeat", "tolerance", "difference", "unit"}
    assert promised <= json.loads(json.dumps(line)).keys()
    assert (line["name"], line["target"], line["device"], line["threads"]) == ("squares", 0.9, "cpu", 1)
    assert line["ratio"] == pytest.approx(line["ours_ms"] / line["peer_ms"], rel=0.01)


def test_the_peak_memory_of_a_run_is_seen_although_it_is_freed():
    measurement = measure(Memory(), Place("cpu", 1), repeat=1)
    assert 63 <= measurement.ours_peak_mb < 96  # less what Python has freed since its imports
    assert measurement.peer_peak_mb < 32


def test_a_row_whose_results_differ_is_refused_by_name_and_not_timed():
    with pytest.raises(MismatchError, match=r"^squares: y differs by .* nothing was timed$"):
        measure(Squares(peer_is_wrong=0.1), Place("cpu", 1), repeat=1)


def test_a_mistake_in_a_process_arrives_as_its_sentence():
    with pytest.raises(UserError, match=r"^squares \(ours\): no such thing$"):
        measure(Squares(complaint="no such thing"), Place("cpu", 1), repeat=1)


def test_a_process_that_dies_is_reported():
    with pytest.raises(UserError, match=r"^squares \(ours\): its process ended with code 9"):
        measure(Squares(fatal=True), Place("cpu", 1), repeat=1)


@dataclass(frozen=True, kw_only=True)
class Process(Squares):
    """The results are who computes them."""

    def ours(self, data, place):
        return Work(lambda: None, lambda: {"process": np.array([os.getpid()])})

    peer = ours


def processes_of(row, workers):
    ours, peer = workers.both(row, Place("cpu", 1))
    return ours("results")["process"][0], peer("results")["process"][0]


def test_processes_stay_for_the_rows_that_inherit_the_same_settings():
    with Workers() as workers:
        first, second = (processes_of(Process(name=name), workers) for name in "ab")
        others = workers.both(Process(), Place("cpu", 1, tf32=True))
        assert first == second and len(set(first)) == 2 and first[0] != others[0]("results")["process"][0]


def test_after_a_row_that_fails_the_next_one_gets_fresh_processes(tmp_path):
    with Workers() as workers:
        before = measure(Squares(), Place("cpu", 1), 1, workers), processes_of(Process(), workers)
        for failing in (Squares(peer_is_wrong=0.1), Squares(fatal=True), Squares(complaint="no")):
            with pytest.raises(UserError):
                measure(failing, Place("cpu", 1), 1, workers)
        assert measure(Squares(), Place("cpu", 1), 1, workers).difference == before[0].difference
        assert not set(before[1]) & set(processes_of(Process(), workers))


@pytest.mark.parametrize("json_lines", [True, False])
def test_it_goes_on_after_a_row_that_fails_where_that_is_asked_for(capsys, monkeypatch, json_lines):
    def measured(row, place, repeat, workers):
        if row.name == "lstm_train":
            raise MismatchError("lstm_train: y differs")
        return compare.Measurement(row, place, repeat, 0.0, 2.0, "peer", 1.0, 0.0, 0.0)

    monkeypatch.setattr(compare, "check_peer_installed", lambda: None)
    monkeypatch.setattr(compare, "measure", measured)
    arguments = ["--only", "adam_step,lstm_train", *["--json"] * json_lines]
    with pytest.raises(MismatchError):
        program.main(arguments)
    capsys.readouterr()
    assert program.main([*arguments, "--go-on"]) == 1
    first, *_, last = capsys.readouterr().out.splitlines()
    if json_lines:
        assert json.loads(first) == {"name": "lstm_train", "error": "lstm_train: y differs"}
        assert json.loads(last)["name"] == "adam_step"
    else:
        assert first == "lstm_train: y differs" and last.startswith("adam_step")
    assert program.main(["--only", "adam_step", "--go-on"]) == 0


@pytest.mark.parametrize(("ours", "peer", "words"), [
    ({"y": 1.0}, {"z": 1.0}, "one side computes y, z"),
    ({"y": np.ones(3)}, {"y": np.ones(4)}, r"y has shape \(3,\) on our side"),
    ({"y": np.array([1.0, np.nan])}, {"y": np.ones(2)}, "y differs by nan"),
    ({"y": np.ones(2)}, {"y": np.array([1.0, np.nan])}, "y differs by nan"),
    ({"y": np.array([1.0, 2.0])}, {"y": np.array([1.0, 2.001])}, "y differs by 5.0e-04"),
    ({"y": np.zeros(2)}, {"y": np.zeros(2)}, "y differs by inf"),  # nothing was compared
], ids=["names", "shapes", "NaN", "the peer's NaN", "values", "zeros"])
def test_what_is_not_equal_is_a_mismatch(ours, peer, words):
    ours, peer = ({name: np.asarray(a) for name, a in side.items()} for side in (ours, peer))
    with pytest.raises(MismatchError, match=f"^squares: {words}"):
        check(Squares(), ours, peer)


def test_differences_within_the_tolerance_are_returned():
    assert check(Squares(tolerance=1e-2), {"y": np.array([1.0, 2.0])},
                 {"y": np.array([1.0, 2.001])}) == pytest.approx(5e-4, rel=1e-3)


# --------------------------------------------------------------------------------------------------- the command line

@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--only", "lstm_train,lstm"], r"there is no benchmark 'lstm'; choose from vgg16_inference_b1, .*"),
    (["--only", ","], r"--only names no benchmark; .*"),
    (["--repeat", "0"], r"--repeat has to be at least 1, got 0"),
    (["--threads", "0"], r"--threads has to be at least 1, got 0"),
    (["--threads", "9999"], r"--threads is 9999, but there are only \d+ cores"),
    (["--ladder", "--scaling"], r"--ladder, --scaling and --cold are three tables.*"),
    (["--ladder", "--device", "cuda"], r"--ladder, --scaling and --cold are tables of the CPU.*"),
    (["--only", "adam_step_tf32", "--device", "cuda"], r"there is no benchmark 'adam_step_tf32'; choose from .*"),
    (["--only", "conv_train_7x7_s2_tf32"], r"there is no benchmark 'conv_train_7x7_s2_tf32'; choose from .*"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_bad_input_is_refused_in_a_sentence(arguments, sentence):
    with pytest.raises(UserError, match=f"^{sentence}$"):
        program.main(arguments)


def test_without_a_gpu_every_row_is_refused_in_a_sentence():
    if cuda_problem() is None:
        pytest.skip("there is a GPU")
    importlib.util.find_spec("torch") or pytest.skip("PyTorch is not installed")
    with pytest.raises(UserError, match=r"^conv_train_7x7_s2_tf32 \(ours\): device='cuda' cannot be used: .*; .*$"):
        program.main(["--device", "cuda", "--small", "--only", "conv_train_7x7_s2_tf32"])


def test_without_pytorch_the_extra_is_named(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else find(name, *rest))
    with pytest.raises(UserError, match="PyTorch, which is not installed; install the extra `peers`"):
        program.main(["--only", "lstm_train"])


def test_the_program_ends_with_code_2_and_does_not_import_pytorch_itself():
    code = ("import sys; from benchmarks import rows, compare, worker, ladder, scaling;"
            "assert 'torch' not in sys.modules;"
            "sys.argv = ['benchmarks', '--only', 'nonsense'];"
            "import runpy; runpy.run_module('benchmarks', run_name='__main__')")
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith("error: there is no benchmark 'nonsense'") and "Traceback" not in result.stderr


@pytest.mark.parametrize("json_lines", [True, False])
def test_a_row_whose_peer_is_not_installed_is_skipped_with_the_reason(capsys, monkeypatch, json_lines):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in ("onnx", "openvino")
                        else find(name, *rest))
    monkeypatch.setattr(compare, "check_peer_installed", lambda: None)
    monkeypatch.setattr(compare, "measure", lambda row, place, repeat, workers: compare.Measurement(
        row, place, repeat, 0.0, 2.0, "peer", 1.0, 0.0, 0.0))
    arguments = ["--only", "lite2_inference_b1,lite2_inference_b1_openvino", *["--json"] * json_lines]
    assert program.main(arguments) == 0
    *_, measured, last = capsys.readouterr().out.splitlines()
    reason = "onnx and openvino (extra `peers`) not installed"
    if json_lines:
        assert json.loads(measured)["ours_ms"] == 2
        assert json.loads(last) == {"name": "lite2_inference_b1_openvino", "skipped": reason}
    else:
        assert measured.startswith("lite2_inference_b1 ") and last.startswith("lite2_inference_b1_openvino  skipped")
        assert last.endswith(reason)


def test_engines_of_inference_have_no_rows_on_a_gpu():
    on_gpu = {row.name for row in CUDA_ROWS}
    assert {"lite2_inference_b8", "lite2_extract", "depthwise_train"} <= on_gpu
    inference = {"vgg16_inference_b1", "vgg16_inference_b8", "vgg16_inference_b32", "lite2_inference_b1",
                 "lite2_inference_b8", "vgg19_extract", "lite2_extract"}
    assert {row.name for row in ROWS} - on_gpu == {f"{name}_{engine}" for name in inference for engine in ENGINES}


def test_all_rows_of_all_tables_have_names_of_their_own():
    names = [row.name for row in (*ROWS, *LADDER, *SCALING)]
    assert len(set(names)) == len(names)


@pytest.mark.peers
def test_the_program_prints_a_json_line_for_a_row(capsys):
    pytest.importorskip("torch")
    program.main(["--small", "--only", "embedding_train", "--repeat", "1", "--threads", "1", "--json"])
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["name"], line["repeat"], line["target"]) == ("embedding_train", 1, None)  # small: without a target
    assert line["peer"].startswith("pytorch ")


def test_the_table_is_aligned(capsys, monkeypatch):
    def measured(row, place, repeat, workers):
        return compare.Measurement(row, place, repeat, 0.0, 1234.5, "numpy's twin", 1000.0, 12.3, 45.6)

    monkeypatch.setattr(compare, "check_peer_installed", lambda: None)
    monkeypatch.setattr(compare, "measure", measured)
    program.main(["--only", "adam_step,lstm_train", "--threads", "1"])
    heading, *table = capsys.readouterr().out.splitlines()
    assert "numpy's twin, 1 thread(s), median of 7 turns" in heading
    assert [line.split()[0] for line in table[1:]] == ["lstm_train", "adam_step"]
    assert len({len(line) for line in table}) == 1 and "1.23" in table[1] and "<= 0.95" in table[1]


# ---------------------------------------------------------------------------------------------------------- the rows

@pytest.mark.peers
@pytest.mark.parametrize("row", [*ROWS, *LADDER, SCALING[0], SCALING[-1]], ids=lambda row: row.name)
def test_both_sides_of_every_row_agree_and_can_run_again(row, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    for package in row.packages:
        pytest.importorskip(package)
    tiny_vgg.shrink(monkeypatch)
    efficientnet_files.shrink(monkeypatch, size=224)  # with less, JPEGs would be decoded at a part of their size
    row, place, threads = row.reduced(), Place("cpu", 1, tmp_path), torch.get_num_threads()
    try:
        row.prepare(tmp_path)
        row.start_peer(place)
        sides = [build(row.data(), place) for build in (row.ours, row.peer)]
        ours, peer = ({name: as_numpy(a) for name, a in work.results().items()} for work in sides)
        check(row, ours, peer)
        for work in sides:
            work.run()
    finally:
        torch.set_num_threads(threads)
    name = next(iter(peer))
    wrong = peer | {name: peer[name] * (1 + 2 * row.tolerance)}
    with pytest.raises(MismatchError, match=f"^{row.name}: {name} differs"):
        check(row, ours, wrong)


@pytest.mark.peers
def test_padding_is_computed_on_neither_side_of_the_captioners_step(rng):
    """The batches are as long as Flickr8k's captions, and of different lengths inside."""
    from benchmarks.rows.captioner import FLICKR8K_LENGTHS

    (row,) = (row for row in ROWS if row.name == "show_tell_step")
    steps = replace(row.reduced(), batch=32).data()["steps"]
    assert len(steps) == row.units and sum(FLICKR8K_LENGTHS) == 30_000
    words = np.concatenate([lengths for *_, lengths in steps]) - 1  # without <end>
    share = np.array(FLICKR8K_LENGTHS) / 30_000
    assert words.mean() == pytest.approx((np.arange(2, 28) * share).sum(), abs=0.3)
    assert any(lengths[0] > lengths[-1] for *_, lengths in steps)


def test_the_table_is_made_of_the_printed_lines():
    lines = {name: {"target": 1.0, "ours_ms": 1234.5, "peer_ms": 2.3456, "ratio": ratio, "ours_peak_mb": 10.4,
                    "peer_peak_mb": 20} for name, ratio in (("a", 1.004), ("b", 1.01))}
    found = list(table({"numpy": lines, "numba": {"b": lines["b"] | {"ratio": 0.5}}}))
    assert found[2:] == ["| `a` | 1 | 1,234 | 2.35 | **1.00** | 10 / 20 |  |  |  |  |",
                         "| `b` | 1 | 1,234 | 2.35 | 1.01 | 10 / 20 | 1,234 | 2.35 | **0.50** | 10 / 20 |"]


def test_the_table_calls_the_peer_by_name_if_it_is_pytorch_everywhere():
    line = {"target": 1.0, "ours_ms": 1, "peer_ms": 2, "ratio": 0.5, "ours_peak_mb": 1, "peer_peak_mb": 2}
    files = {"a": {"x": line | {"peer": "pytorch 2.13.0 cpu"}},
             "b": {"x": line | {"peer": "pytorch 2.13.0 cpu"}, "y": line | {"peer": "openvino 2026.4 cpu"}}}
    heads = [head.strip() for head in next(table(files)).split("|")]
    assert heads[3:5] == ["a: ms", "PyTorch: ms"] and heads[7:9] == ["b: ms", "peer: ms"]


def test_a_row_that_failed_or_was_skipped_is_in_no_table(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"name": "a", "error": "a: y differs"}\n{"name": "b", "ours_ms": 1}\n'
                                      '{"name": "c", "skipped": "openvino not installed"}\n')
    assert list(read(tmp_path / "x.jsonl")) == ["b"]


def test_files_with_one_name_in_two_folders_are_two_columns():
    assert headings(["a/cpu-numpy.jsonl", "a/cpu-numba-0.6.jsonl", "b/cpu-numpy.jsonl"]) == {
        "a/cpu-numpy.jsonl": "a/cpu-numpy.jsonl", "numba-0.6": "a/cpu-numba-0.6.jsonl",
        "b/cpu-numpy.jsonl": "b/cpu-numpy.jsonl"}


RECORDED = Path(__file__).resolve().parents[2] / "results" / "benchmarks"


@pytest.mark.parametrize("group", ["cpu", "engines", "malloc", "lite", "ladder", "scaling"])
def test_the_recorded_table_is_that_of_the_recorded_lines(group):
    paths = sorted(RECORDED.glob(f"{group}-*.jsonl"), reverse=True)
    files = {path.stem.partition("-")[2]: read(path) for path in paths}
    assert files and "\n".join(table(files)) in (RECORDED / "README.md").read_text(encoding="utf-8")
