"""The public API has annotations, and a user's script gets real types from them."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minicap
from minicap.captioning.data import CaptionDataset, load_dataset
from minicap.captioning.data.shapes import ShapesDataset
from minicap.captioning.models.build import build_model, word_embedding
from minicap.captioning.models.state import DecoderState
from minicap.captioning.scoring.metrics import score_captions
from minicap.captioning.text.batches import BatchesByImage, CaptionBatch, CaptionBatches, ImageBatches, make_batch
from minicap.captioning.text.vocabulary import Vocabulary
from minicap.layer import Layer

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "tests" / "annotations"
OWN = ("__init__", "__call__", "__iter__", "__len__")  # public methods in spite of their names


def classes_of(base):
    for cls in base.__subclasses__():
        yield cls
        yield from classes_of(cls)


def public():
    """{name: function or class} of the names of the package, all layers, and what else one trains a captioner with, and
    of their base classes.
    """
    for module in pkgutil.iter_modules(minicap.__path__):
        if not module.ispkg and module.name != "__main__":
            importlib.import_module(f"minicap.{module.name}")
    named = [getattr(minicap, name) for name in minicap.__all__]
    layers = [cls for cls in classes_of(Layer) if cls.__module__.startswith("minicap.")]
    returned = [minicap.backend.Device, minicap.captioning.ensemble.Ensemble, minicap.gradcheck.GradientReport,
                minicap.gradcheck_layers.LayersReport,
                minicap.weights.preprocessing.Preprocessing, minicap.weights.WeightFile]
    others = [load_dataset, CaptionDataset, ShapesDataset, Vocabulary, CaptionBatches, ImageBatches, BatchesByImage,
              CaptionBatch, make_batch, build_model, word_embedding, DecoderState, score_captions]
    things = (*named, *layers, *returned, *others)
    bases = [base for cls in things if inspect.isclass(cls) for base in cls.__mro__
             if base.__module__.startswith("minicap")]
    return {thing.__qualname__: thing for thing in (*things, *bases)}


def functions(name, thing):
    """Pairs (dotted name, function) of what may be called: a function, or the public methods of a class."""
    if inspect.isfunction(thing):
        yield name, thing
        return
    for method, value in vars(thing).items():
        value = getattr(value, "fget", getattr(value, "__func__", value))
        if inspect.isfunction(value) and (not method.startswith("_") or method in OWN):
            yield f"{name}.{method}", inspect.unwrap(value)


FUNCTIONS = dict(pair for name, thing in public().items() for pair in functions(name, thing))


def lacking(function):
    """What has no annotation in a signature."""
    signature = inspect.signature(function)
    names = [name for name, parameter in signature.parameters.items()
             if parameter.annotation is parameter.empty and name not in ("self", "cls")]
    return names + ["return"] * (signature.return_annotation is signature.empty and function.__name__ != "__init__")


def test_every_public_signature_is_annotated():
    assert {"vgg19", "LSTM.forward", "Captioner.load", "BaseCaptioner.captions", "Layer.to", "Adam.__init__",
            "SoftAttention.backward", "Network.up_to", "Sequential.__call__", "ShowAttendTell.step",
            "FineTuned.forward", "CaptionBatches.__iter__", "Vocabulary.decode", "load_dataset"} <= FUNCTIONS.keys()
    assert {name: found for name, function in FUNCTIONS.items() if (found := lacking(function))} == {}


def test_a_signature_without_annotations_is_seen():
    def bare(self, x, *more: int, name=None): ...
    assert lacking(bare) == ["x", "name", "return"]


def test_type_checkers_see_the_names_that_python_finds():
    tree = ast.parse((ROOT / "minicap" / "__init__.pyi").read_text(encoding="utf-8"))
    imported = [(node.module, alias.name, alias.asname) for node in tree.body if isinstance(node, ast.ImportFrom)
                for alias in node.names]
    assert sorted(imported) == sorted((module, name, name) for name, module in minicap._HOME.items())


def test_a_users_script_passes_mypy_strict_and_gets_real_types(tmp_path):
    pytest.importorskip("mypy")
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary",
                           f"--cache-dir={tmp_path}", "--config-file=", "script.py", "revealed.py"],
                          capture_output=True, text=True, cwd=SCRIPTS, env={"MYPYPATH": str(ROOT)})
    array = re.escape("numpy.ndarray[tuple[Any, ...], numpy.dtype[Any]]")
    lines = re.sub(array, "array", done.stdout).splitlines()
    found = [re.fullmatch(r'revealed\.py:(\d+): note: Revealed type is "(.*)"', line) for line in lines]
    assert all(found), done.stdout + done.stderr
    source = (SCRIPTS / "revealed.py").read_text(encoding="utf-8").splitlines()
    wanted = {number: line.partition("  # ")[2] for number, line in enumerate(source, start=1)
              if line.strip().startswith("reveal_type(")}
    assert {int(match[1]): match[2] for match in found} == wanted
