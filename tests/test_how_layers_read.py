"""How a layer reads: forward holds the equation, backward mirrors it right below, and a lesson derives both."""

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from pathlib import Path

import pytest

import minicap
from minicap.captioning import models
from minicap.layer import Layer
from minicap.linear import Linear
from minicap.optim import Optimizer

ROOT = Path(__file__).resolve().parent.parent
# What the lesson calls it, where that is not the name of the class.
IDEAS = {"AttentionLSTM": "LSTM", "AvgPool2d": "average pooling", "BatchNorm2d": "batch norm",
         "Conv2d": "convolution", "DepthwiseConv2d": "depthwise", "DoublyStochastic": "doubly stochastic",
         "EfficientNetLite": "EfficientNet-Lite", "Linear": "linear layer",
         "LSTMCell": "LSTM", "MaxPool2d": "max pooling", "ReLU6": "ReLU", "RegionEncoder": "key",
         "Residual": "the sum of the gradients of all its uses", "Sequential": "two layers",
         "ShowAttendTell": "caption", "ShowTell": "Show and Tell", "SoftmaxCrossEntropy": "cross-entropy",
         "Standardize": "batch norm", "SyncBatchNorm2d": "batch norm", "WordEncoder": "embedding"}
WITHOUT_LESSON = {"DeepOutput": "a sum of linear layers, from the paper",
                  "FineTuned": "two layers that have a lesson each, and where the gradient is cut",
                  "Network": "a Sequential and what belongs to its weights",
                  "WordDropout": "words are integers: it has no gradient"}


def subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


def public_classes():
    """Layers, losses and optimisers of the files in minicap/ itself and in captioning/models, by name."""
    for folder in (minicap, models):
        for module in pkgutil.iter_modules(folder.__path__):
            if not module.ispkg:
                importlib.import_module(f"{folder.__name__}.{module.name}")
    found = [c for base in (Layer, Optimizer) for c in subclasses(base)
             if c.__module__.rpartition(".")[0] in (minicap.__name__, models.__name__)]
    return {c.__name__: c for c in sorted(found, key=lambda c: c.__name__) if not c.__name__.startswith("_")}


CLASSES = public_classes()
LAYERS = {name: c for name, c in CLASSES.items() if issubclass(c, Layer) and "forward" in vars(c)}


# ------------------------------------------------------------------------------------------------ the equation first

def methods(source):
    """{name: its source} of a class, in the order of definition."""
    (node,) = ast.parse(source).body
    return {f.name: ast.get_source_segment(source, f) for f in node.body if isinstance(f, ast.FunctionDef)}


def misplaced(source):
    """What is wrong with the order in which the source of a layer is read, or None."""
    found = methods(source)
    names = list(found)
    if names.index("backward") != names.index("forward") + 1:
        return "backward does not stand right under forward"
    if re.search(r"\bself\(", found["forward"]):
        return "forward calls the layer: its equation stands somewhere else"
    return None


@pytest.mark.parametrize("name", LAYERS)
def test_forward_holds_the_equation_and_backward_stands_right_under_it(name):
    assert misplaced(textwrap.dedent(inspect.getsource(LAYERS[name]))) is None


def test_an_equation_below_its_gradient_is_seen():
    assert misplaced("class A:\n def forward(self, x):\n  return self(x), x\n def backward(self, dy, c): ...\n"
                     " def __call__(self, x): ...") == "forward calls the layer: its equation stands somewhere else"
    assert misplaced("class A:\n def forward(self, x): ...\n def __call__(self, x): ...\n"
                     " def backward(self, dy, c): ...") == "backward does not stand right under forward"


def test_the_readme_shows_the_linear_layer_as_it_is():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (shown,) = [block for block in blocks if block.startswith("class Linear")]
    assert shown == inspect.getsource(Linear)


# ---------------------------------------------------------------------------------------------------- the derivation

def lessons_named(docstring):
    """[(number, folder)] that a docstring names, as in "lesson 3, lessons/03_linear"."""
    docstring = " ".join(docstring.split())
    folders = re.findall(r"lessons/(\w+)", docstring)
    numbers = [int(n) for n in re.findall(r"\d+", " ".join(re.findall(r"lessons? (\d+(?: and \d+)?),", docstring)))]
    return list(zip(numbers, folders, strict=True))


@pytest.mark.parametrize("name", sorted(CLASSES.keys() - WITHOUT_LESSON.keys()))
def test_the_docstring_names_the_lesson_that_derives_it(name):
    links = lessons_named(inspect.getdoc(CLASSES[name]))
    assert links, f"the docstring of {name} names no lesson"
    idea = IDEAS.get(name, name).lower()
    for number, folder in links:
        text = (ROOT / "lessons" / folder / "README.md").read_text(encoding="utf-8")
        assert text.startswith(f"# {number}. "), f"{name}: lessons/{folder} is not lesson {number}"
        assert idea in " ".join(text.lower().split()), f"{name}: lessons/{folder} does not mention {idea!r}"
