"""What docstrings and comments of minicap/ refer to, as in :func:`name`, is there under that name."""

import ast
import importlib.util
import inspect
import re
from pathlib import Path

import pytest

import minicap

PACKAGE = Path(__file__).resolve().parent.parent / "minicap"
REFERENCE = re.compile(r":(func|meth|class|mod|data|attr):`([^`]+)`")
NUMBA = importlib.util.find_spec("numba") is not None
KINDS = {"func": inspect.isroutine, "meth": inspect.isroutine, "class": inspect.isclass, "mod": inspect.ismodule,
         "data": lambda value: not inspect.isroutine(value) and not inspect.ismodule(value)}
MODULES = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
           for path in sorted(PACKAGE.rglob("*.py"))
           if path.stem != "__main__" and (NUMBA or path.parent.name != "compiled")}  # these import numba


def references(text):
    """(line, kind, target) of all references in a text."""
    for match in REFERENCE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, *match.groups()


def class_around(text, line):
    """The name of the outermost class in which a line of a file is, or None."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and node.lineno <= line <= node.end_lineno:
            return node.name
    return None


def found(root, names):
    """The object that dotted names lead to from ``root``, or None."""
    for name in names:
        if inspect.ismodule(root) and f"{root.__name__}.{name}" in MODULES and not hasattr(root, name):
            importlib.import_module(f"{root.__name__}.{name}")
        root = getattr(root, name, None)
    return root


def resolves(module, cls, kind, target):
    """Whether a reference in a class (or None) of a module leads to something of its kind.

    As in Sphinx: ``name`` is looked up in the class and the module around it, ``.name`` in all of minicap; here
    ``file.name`` may also name a file of the same folder.
    """
    names = target.lstrip("~.").split(".")
    if target.startswith("."):
        roots = [importlib.import_module(name) for name in MODULES]
    elif names[0] == "minicap":
        roots, names = [minicap], names[1:]
    else:
        here = importlib.import_module(module)
        package = importlib.import_module(here.__package__)
        roots = [getattr(here, cls)] if cls and kind != "func" else []
        roots += [] if kind == "meth" and len(names) == 1 else [here, package]
    return any(KINDS[kind](value) for value in (found(root, names) for root in roots) if value is not None)


@pytest.mark.parametrize("module", [name for name, path in MODULES.items()
                                    if REFERENCE.search(path.read_text(encoding="utf-8"))])
def test_every_reference_leads_somewhere(module):
    text = MODULES[module].read_text(encoding="utf-8")
    lost = [f"line {line}: :{kind}:`{target}`" for line, kind, target in references(text)
            if not resolves(module, class_around(text, line), kind, target)]
    assert not lost


def test_every_public_name_has_a_docstring():
    assert [name for name in minicap.__all__ if not getattr(minicap, name).__doc__] == []


@pytest.mark.parametrize(("kind", "target"), [
    ("meth", "draw"), ("func", "sample_mask"), ("meth", ".Dropout.draw"), ("class", "sigmoid"), ("func", ".Dropout"),
    ("mod", "minicap.activation"), ("func", "minicap.layer.array"), ("meth", "sigmoid")])
def test_a_reference_to_nothing_is_seen(kind, target):
    assert not resolves("minicap.activations", "Dropout", kind, target)


@pytest.mark.parametrize(("kind", "target"), [
    ("meth", "sample_mask"), ("meth", "forward"), ("func", "sigmoid"), ("class", "~minicap.layer.Cache"),
    ("meth", ".ShowTell.sample_masks"), ("mod", ".vgg"), ("func", "linear.segment_sum"), ("data", ".MAX_MEMORY")])
def test_a_reference_to_a_thing_that_is_there_is_found(kind, target):
    assert resolves("minicap.activations", "Dropout", kind, target)
