"""What minicap needs, and one sentence in place of a traceback where a program is started without it."""

import importlib.util
import sys

PYTHON = (3, 11)
LIBRARIES = {"numpy": "NumPy", "scipy": "SciPy", "PIL": "Pillow", "threadpoolctl": "threadpoolctl", "tqdm": "tqdm",
             "h5py": "h5py", "safetensors": "safetensors", "matplotlib": "Matplotlib"}  # import name -> usual name


def explain_at_end():
    """From now on an exception for want of something that minicap needs ends the program with a sentence, code 2."""
    sys.excepthook = _explain


def _explain(kind, error, trace):
    sentence = explanation(error)
    if sentence is None:
        sys.__excepthook__(kind, error, trace)
    else:
        print("error: " + sentence, file=sys.stderr)
        raise SystemExit(2)  # which Python still obeys here


def explanation(error):
    """Why ``error`` was raised, and the cure, if this Python is too old or has not all LIBRARIES; else None."""
    if sys.version_info < PYTHON:
        return "minicap needs Python {}.{} or newer, and this is {}.{} ({})".format(*PYTHON, *sys.version_info[:2],
                                                                                   sys.executable)
    if not isinstance(error, ModuleNotFoundError) or (error.name or "").partition(".")[0] not in LIBRARIES:
        return None
    absent = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if not absent:
        return None
    *others, last = (LIBRARIES[name] for name in absent)
    names = ", ".join(others) + " and " * bool(others) + last
    return (f"this Python, {sys.executable}, lacks {names}; use the Python for which minicap was installed, or install "
            f"what is missing with {sys.executable} -m pip install {' '.join(map(distribution, absent))}")


def distribution(library):
    """What pip calls a library."""
    return {"PIL": "pillow"}.get(library, library)
