"""The map in minicap/README.md is true, and importing costs little.

The map gives the reading order of the library: a file imports only from files that stand before it. A new file has
to be given its place there.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "minicap"

ROW = re.compile(r"\| `([\w./]+)` \| ((?:`\w+` ?)+) \| (.+) \|")


def read_map(text):
    """The modules in the order of the table: `.` | `errors` is errors, `weights` | `__init__` is weights."""
    order = []
    for room, files, _ in ROW.findall(text):
        for file in re.findall(r"\w+", files):
            parts = [part for part in (*room.strip(".").split("/"), file) if part and part != "__init__"]
            order.append(".".join(parts) or "minicap")
    return order


ORDER = read_map((PACKAGE / "README.md").read_text(encoding="utf-8"))
LAZY = {("backend", "cpu"), ("backend", "cuda")}  # fast twins: found by name, loaded with the first array that fits
HEAVY = ("cupy", "torch", "numba", "matplotlib", "h5py", "safetensors", "tqdm", "scipy",
         "onnx", "tensorboardX")  # imported inside functions
LINES = 300


def module_name(path):
    """captioning/bleu.py -> captioning.bleu, weights/__init__.py -> weights, __init__.py -> minicap."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(p for p in parts if p != "__init__") or "minicap"


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(name, source, is_package=False):
    """(line, module) of all that a file imports, at the top or inside functions; ``.conv`` is ``minicap.conv``."""
    package = name.split(".") if is_package else name.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, _own(alias.name)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[:len(package) - node.level + 1] + (node.module.split(".") if node.module else [])
                base = "." + ".".join(base)
            else:
                base = _own(node.module)
            for alias in node.names:  # `from . import bleu` imports a module, `from .bleu import bleu` a function
                inner = f"{base}.{alias.name}".replace("..", ".")
                yield node.lineno, inner if inner[1:] in FILES else base


def _own(module):
    return module[len("minicap"):] or "." if module.split(".")[0] == "minicap" else module


def wrong_imports(name, source, is_package=False):
    """A sentence for each import of ``name`` that goes against the order."""
    if name not in ORDER:
        return [f"minicap/{name.replace('.', '/')}.py has no place in the map of minicap/README.md"]
    sentences = []
    for line, module in imports(name, source, is_package):
        target = module[1:] or "minicap"
        if not module.startswith(".") or target == name or (name, target.split(".")[0]) in LAZY:
            continue
        if target not in ORDER or ORDER.index(target) > ORDER.index(name):
            sentences.append(f"{name}, line {line}: imports {target}, which does not stand before it in the map of "
                             "minicap/README.md")
    return sentences


# ------------------------------------------------------------------------------------------------------ the order

@pytest.mark.parametrize("name", FILES)
def test_a_file_imports_only_from_what_stands_before_it(name):
    path = FILES[name]
    assert not wrong_imports(name, path.read_text(encoding="utf-8"), path.name == "__init__.py")


def test_the_map_has_every_file_once_and_none_that_is_not_there():
    assert sorted(ORDER) == sorted(FILES)


def test_the_walks_have_at_most_ten_stops_at_files_and_names_that_are_there():
    _, *walks = re.split(r"(?m)^## ", (PACKAGE / "README.md").read_text(encoding="utf-8"))
    assert len(walks) == 2
    for walk in walks:
        stops = re.findall(r"(?m)^\d+\. `([\w/]+\.py)`: (.*)$", walk)
        assert 5 <= len(stops) <= 10
        for file, sentence in stops:
            files = [file, *re.findall(r"`([\w/]+\.py)`", sentence)]  # a sentence may name further files
            source = "".join((PACKAGE / name).read_text(encoding="utf-8") for name in files)
            for name in set(re.findall(r"`([\w.]+)`", sentence)) - set(files):
                assert re.search(rf"(def|class) {name.rpartition('.')[2]}\b", source), f"{file} has no {name}"


@pytest.mark.parametrize("source", [
    "from .conv import Conv2d", "from . import conv", "import minicap.conv", "from minicap.conv import pad",
    "from minicap import conv", "def f():\n    from .conv import pad", "from .captioning.scoring import bleu",
    "from .captioning.scoring.bleu import bleu",
])
def test_every_way_to_import_against_the_order_is_seen(source):
    (sentence,) = wrong_imports("linear", source)
    assert "which does not stand before it" in sentence


@pytest.mark.parametrize(("name", "source"), [
    ("linear", "from .layer import Layer\nimport numpy as np\nfrom . import backend"),
    ("captioning.scoring.cider", "from .ngrams import count\nfrom ...errors import UserError\nfrom ... import files"),
    ("backend", "def op():\n    from .cpu import winograd"),
])
def test_imports_along_the_order_are_not_complained_about(name, source):
    assert wrong_imports(name, source) == []


def test_a_file_without_a_place_is_named():
    assert wrong_imports("captioning.news", "") == [
        "minicap/captioning/news.py has no place in the map of minicap/README.md"]


# --------------------------------------------------------------------------------------------------- CuPy, and cost

def test_cupy_is_imported_in_backend_and_cuda_alone():
    users = {name for name, path in FILES.items()
             if any(module.split(".")[0] in ("cupy", "cupyx")
                    for _, module in imports(name, path.read_text(encoding="utf-8"), path.name == "__init__.py"))}
    assert {name for name in users if name.split(".")[0] != "cuda"} == {"backend"}


def imports_numba(name):
    path = FILES[name]
    return any(module == "numba" for _, module in imports(name, path.read_text(encoding="utf-8")))


ON_NUMBA = {name for name in FILES if name.startswith("cpu.compiled.")}  # loaded only where there is numba


def test_numba_is_imported_for_the_compiled_twins_alone():
    assert {name for name in FILES if imports_numba(name)} == {"cpu.compiled.arithmetic"}


def run_python(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, cwd=PACKAGE.parent)
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def test_importing_any_module_loads_no_heavy_library():
    code = """
import importlib, sys
heavy, names = sys.argv[1].split(), sys.argv[2].split()
for name in names:
    before = set(sys.modules)
    importlib.import_module(name)
    for library in heavy:
        if library in sys.modules and library not in before:
            print(name + " imports " + library, end="; ")
"""
    names = ["minicap", *(f"minicap.{name}" for name in FILES if name != "minicap" and name not in ON_NUMBA)]
    found = " ".join(run_python(code, " ".join(HEAVY), " ".join(names)))
    assert not found, f"{found} import it inside the function that uses it"


def test_importing_minicap_loads_nothing_but_numpy_and_the_standard_library():
    code = """
import sys, numpy
before = set(sys.modules)
import minicap
roots = {name.split(".")[0] for name in set(sys.modules) - before}
print(*sorted(roots - set(sys.stdlib_module_names) - {"minicap", "numpy"}))
"""
    assert run_python(code) == []


@pytest.mark.parametrize("name", FILES)
def test_a_file_can_be_read_in_one_sitting(name):
    lines = len(FILES[name].read_text(encoding="utf-8").splitlines())
    assert lines <= LINES, f"{FILES[name].name} has {lines} lines; one idea per file"
