"""python -m minicap.doctor: what is installed, one line each, and what to do about what is missing.

Exit code 0 when everything that the CPU needs works, 2 otherwise. A GPU, Flickr8k and VGG weights are optional.

This program has to run where nothing else does. So only the standard library is imported up here, the checks are
independent, and an exception during one becomes its line of the output.
"""

import contextlib
import dataclasses
import importlib
import io
import json
import logging
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

from .cli import option, parse_settings, run_program
from .cuda import checks as gpu
from .cuda.checks import MissingError, two_parts
from .missing import LIBRARIES, PYTHON, distribution
from .started import as_typed

REINSTALL = "pip install -e . (in minicap's folder)"


@dataclasses.dataclass(frozen=True)
class DoctorSettings:
    json: bool = option(False, "print one JSON object instead of lines")


@dataclasses.dataclass(frozen=True)
class Finding:
    """The result of one check: a ``detail``, or, if not ``ok``, what is wrong and the ``cure``.

    ``needed`` means that the CPU path does not work without it.
    """

    name: str
    ok: bool
    detail: str
    cure: str = ""
    needed: bool = False

    def line(self):
        cure = f": {self.cure}" if self.cure else ""
        return f"{'ok' if self.ok else 'MISSING' if self.needed else 'missing':8} {self.name:13} {self.detail}{cure}"


# --- What the CPU needs ---------------------------------------------------------------------------------------------

def python():
    if sys.version_info < PYTHON:
        raise MissingError(f"{platform.python_version()} is too old", "install Python {}.{} or newer".format(*PYTHON))
    return f"{platform.python_version()}, {sys.executable}"


def minicap():
    folder = Path(__file__).resolve().parent
    try:
        return f"{metadata.version('minicap')}, {folder}"
    except metadata.PackageNotFoundError:
        return f"not installed, run from {folder}"


def numpy():
    version = _library("numpy")
    return f"{version}, {_blas()}"


def _blas():
    import numpy as np
    from threadpoolctl import threadpool_info

    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    if not found:  # Apple's Accelerate cannot be asked how many threads it uses
        built_with = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
        return f"BLAS: {built_with.get('name', 'unknown')}, {os.cpu_count()} cores"
    blas = found[0]
    return (f"{blas['internal_api']} {blas['version'] or ''} with {blas['num_threads']} threads on {os.cpu_count()} "
            "cores (OMP_NUM_THREADS sets them)")


def _library(name):
    """The version of a library, after importing it."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # which, without a home, tells at length of its fonts
    try:
        library = importlib.import_module(name)
    except ImportError as error:
        raise MissingError(f"cannot be imported ({error})", REINSTALL) from error
    try:
        return metadata.version(distribution(name))
    except metadata.PackageNotFoundError:
        return getattr(library, "__version__", "of unknown version")


def cpu():
    """Compare a convolution with its definition, in both implementations that the programs use."""
    import numpy as np

    from .conv import Conv2d, conv2d_loops
    from .cpu.inference import InferencePlan
    from .layer import Sequential

    rng = np.random.default_rng(0)
    layer = Conv2d(16, 16, 3, padding=1, rng=rng)
    x = rng.standard_normal((1, 6, 6, 16)).astype(np.float32)
    expected = conv2d_loops(x, layer.W.data, layer.b.data, P=1)
    for way in (layer, InferencePlan(Sequential(layer))):
        if not np.allclose(way(x), expected, rtol=1e-3, atol=1e-3):
            raise MissingError("a convolution comes out wrong", f"another NumPy or BLAS: {REINSTALL}")
    return "a convolution comes out right"


def numba():
    from .backend import has_numba, without_numba

    if not has_numba():
        raise MissingError("not installed, or not for this NumPy", "everything works without it; pip install '.[fast]' "
                           "makes the CPU faster")
    version = metadata.version("numba")
    if without_numba:
        return f"{version}, turned off by MINICAP_NUMBA=0"
    from .cpu.compiled.arithmetic import keeps_code

    if not keeps_code():
        return (f"{version}, inner loops are compiled, but again in every run, as there is no place to keep them: name "
                "a folder in the environment variable NUMBA_CACHE_DIR")
    return f"{version}, inner loops are compiled"


# --- Data and weights -----------------------------------------------------------------------------------------------

def flickr8k():
    from .captioning.data import load_dataset
    from .captioning.data.flickr8k import CAPTION_NAMES, IMAGE_ARCHIVES, IMAGE_FOLDERS
    from .download.catalogue import data_folder
    from .errors import UserError

    flaws = io.StringIO()  # warnings about known flaws of the data
    try:
        with contextlib.redirect_stderr(flaws):
            data = load_dataset("flickr8k")
    except UserError as error:
        raise MissingError(*two_parts(error)) from error
    folder = data_folder()
    form = [_first_entry(folder, names) for names in (
        (*IMAGE_FOLDERS, *IMAGE_ARCHIVES), (*CAPTION_NAMES, "Flickr8k_text", "Flickr8k_text.zip"))]
    sizes = "/".join(str(len(names)) for names in data.splits.values())
    return f"{len(data.all_images):,} images, {sizes} in the splits; {', '.join(filter(None, form))} in {folder}"


def _first_entry(folder, names):
    """The first of ``names`` that is in ``folder`` or in its Flickr8k, upper and lower case alike, or None."""
    entries = {}
    for path in (*folder.glob("[Ff]lickr8k/*"), *folder.iterdir()):
        entries[path.name.casefold()] = str(path.relative_to(folder))
    return next((entries[name.casefold()] for name in names if name.casefold() in entries), None)


def vgg_weights():
    return _weights("vgg")


def lite_weights():
    return _weights("efficientnet-lite2")


def _weights(network):
    from .errors import UserError
    from .pretrained_networks import find_weights, how_to_get, in_words
    from .weights.recognize import HEAD, recognize
    from .weights.refusal import RefusalError

    cure = f"name a file in MINICAP_WEIGHTS, or {how_to_get(network)}"
    try:
        path = find_weights(network)
        if path is None:
            raise MissingError(f"no weights of {in_words(network)}", cure)
        with open(path, "rb") as f:
            format = recognize(path, f.read(HEAD))
    except RefusalError as error:
        raise MissingError(f"{path} {error}", cure) from error
    except UserError as error:  # MINICAP_WEIGHTS names a file that is not there
        raise MissingError(two_parts(error)[0], cure) from error
    return f"{path} ({format}, {path.stat().st_size / 1e6:.0f} MB)"


# --- The round ------------------------------------------------------------------------------------------------------

CHECKS = (("Python", python, True), ("minicap", minicap, True), ("NumPy", numpy, True),
          *((label, lambda name=name: _library(name), True) for name, label in LIBRARIES.items() if name != "numpy"),
          ("CPU", cpu, True), ("numba", numba, False),
          *((label, check, False) for label, check in gpu.CHECKS),
          ("Flickr8k", flickr8k, False), ("VGG weights", vgg_weights, False), ("Lite weights", lite_weights, False))


def examine():
    """A list of Findings. Never raises."""
    return [_look(*check) for check in CHECKS]


def _look(name, check, needed):
    try:
        return Finding(name, True, check(), needed=needed)
    except MissingError as missing:
        return Finding(name, False, as_typed(missing.detail), as_typed(missing.cure), needed)
    except Exception as error:  # one line of the report; it must not hide the other checks
        detail = f"{type(error).__name__}: {error}".splitlines()[0]
        return Finding(name, False, detail, REINSTALL if needed else "", needed)


def main(argv=None):
    settings = parse_settings(DoctorSettings, "doctor", "Check what is installed and what is missing.", argv)
    findings = examine()
    works, config = all(f.ok for f in findings if f.needed), gpu.config()
    if settings.json:
        print(json.dumps({"cpu": works, "findings": [dataclasses.asdict(f) for f in findings],
                          "cupy.show_config": config}, ensure_ascii=False))
    else:
        print("\n".join(f.line() for f in findings))
        if config:
            print("\n".join(["cupy.show_config:", *(f"    {line}" for line in config)]))
        absent = ", ".join(f.name for f in findings if not f.ok and not f.needed)
        if not works:
            print("The CPU path does not work: cure what is MISSING, from the top.")
        else:
            print("The CPU path works." + (f" Absent, and not needed for it: {absent}." if absent else ""))
    return 0 if works else 2


if __name__ == "__main__":
    run_program(main)
