"""What benchmarks/parity.py, launches.py and bounds.py make of what they see. No GPU is needed."""

import re

import numpy as np
import pytest
import tiny_flickr8k
import tiny_vgg

from benchmarks import bounds, launches, parity
from minicap.errors import UserError


def event(kind, name, begin, duration=1.0):
    return {"cat": kind, "name": name, "ts": begin, "dur": duration}


TRACE = [
    {"ph": "M", "name": "process_name"},
    event("cuda_runtime", "cudaDeviceSynchronize", 5),   # before the pass
    event("user_annotation", launches.MARK, 10, 20),
    event("cuda_driver", "cuLaunchKernel", 11),
    event("kernel", "void gemm<float, 128>(Params)", 12, 3.0),
    event("kernel", "void gemm<float, 64>(Params)", 40, 2.0),  # the GPU runs behind the host
    event("kernel", "gates_forward", 16, 4.0),
    event("gpu_memcpy", "Memcpy HtoD (Pinned -> Device)", 13, 0.5),
    event("cuda_runtime", "cudaMemcpyAsync", 13),
    event("cuda_runtime", "cudaStreamSynchronize", 14),
    event("cuda_runtime", "cudaEventSynchronize", 29),
    event("cuda_runtime", "cudaDeviceSynchronize", 45),  # the profiler's own, after it
]


def test_a_trace_is_counted():
    summary = launches.summarize(TRACE)
    assert summary.kernels == {"void gemm<float, 128>(Params)": (1, 3.0), "void gemm<float, 64>(Params)": (1, 2.0),
                               "gates_forward": (1, 4.0)}
    assert summary.copies.total() == 1 and summary.busy_us == 9.5
    assert dict(summary.waits) == {"cudaStreamSynchronize": 1, "cudaEventSynchronize": 1}


def test_of_a_kernel_all_types_are_one_line_and_the_slowest_is_first():
    heading, *found = launches.lines("step", 2, launches.summarize(TRACE), 0.004, 5)
    assert heading.startswith("step: 1.5 launches and 0.5 copies a step, host waits in 2 steps: 1 x cuda")
    assert heading.endswith("GPU busy 0.00475 of 2 ms a step by the wall clock")
    assert [line.split()[-1] for line in found] == ["gemm", "gates_forward"]
    assert "52.6%" in found[0] and "1.0 calls" in found[0]
    assert len(launches.lines("step", 2, launches.summarize(TRACE), 0.004, 1)) == 2


@pytest.mark.parametrize("what", ["show_tell_step", "train"])
def test_without_pytorch_the_wall_clock_is_read(what, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    launches.main(["--device", "cpu", "--small", "--only", what])
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{what}: ") and first.endswith(" ms a step by the wall clock")
    assert last == launches.NO_PROFILER


def test_an_unknown_row_is_refused_with_the_choices():
    with pytest.raises(UserError, match="no 'attend' to look at; choose from train, show_tell_step, attend_step"):
        launches.main(["--device", "cpu", "--only", "attend"])


def test_the_cpu_is_on_a_par_with_itself(capsys):
    assert parity.main(["--device", "cpu", "--small", "--steps", "12"]) == 0
    out = capsys.readouterr().out
    assert out.count("largest difference 0.0e+00") == out.count("the same bits") == 2
    assert out.endswith("parity holds\n")


@pytest.mark.parametrize("wrong, why", [(lambda losses, turn: losses * (1 + 0.01 * turn), "OTHER BITS"),
                                        (lambda losses, turn: losses * 1.01, "largest difference 1.0e-02"),
                                        (lambda losses, turn: losses * np.nan, "largest difference inf")])
def test_what_is_not_on_a_par_is_found(monkeypatch, capsys, wrong, why):
    true, turns = parity.losses_on, []

    def losses_on(row, data, device, steps):
        losses, seconds = true(row, data, "cpu", steps)
        if device == "gpu":
            turns.append(device)
            losses = wrong(losses, len(turns) % 2)
        return losses, seconds

    monkeypatch.setattr(parity, "losses_on", losses_on)
    assert parity.main(["--device", "gpu", "--small", "--steps", "3"]) == 1
    out = capsys.readouterr().out
    assert why in out and out.endswith("PARITY IS BROKEN\n")


def test_every_part_of_an_extraction_has_its_speed(monkeypatch, capsys, tmp_path):
    tiny_vgg.shrink(monkeypatch, size=32)
    tiny_flickr8k.make(tmp_path)
    bounds.main(["--weights", str(tmp_path / tiny_flickr8k.WEIGHTS), "--data-dir", str(tmp_path), "--device", "cpu",
                 "--images", "6", "--batch-size", "4"])
    speeds = {what.strip(): float(speed.replace(",", "")) for what, speed in
              re.findall(r"(?m)^(.*?)  +([\d,]+) images/s ", capsys.readouterr().out)}
    parts = ["preprocess, batches of 4", "layers, batches of 4", "back, batches of 4"]
    assert list(speeds)[-4:] == [*parts, "all but decoding, one after the other"]
    assert {"decode, 1 thread(s)", "decode, 2 thread(s)"} <= speeds.keys() and min(speeds.values()) > 0
    assert speeds["all but decoding, one after the other"] <= min(speeds[part] for part in parts) * 1.01 + 1
    with pytest.raises(UserError, match="at least 1"):
        bounds.main(["--images", "0"])
