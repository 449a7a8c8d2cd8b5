"""What checkpoints hold beside weights, as values that can do nothing: settings, paths, counters, numbers of NumPy.

A training script saves its argparse.Namespace, its best score as a NumPy scalar, or a defaultdict of histories. Each
becomes an Inert, which remembers nothing, or a plain dictionary; none of the named functions is imported or called.
"""

from .torch_pickle import Constructor


class Inert:
    """Stands for a value that is of no use here. It takes any state and keeps none."""

    def __repr__(self):
        return "something beside the weights"


def _inert(_arguments):
    return Inert()


def _plain_dict(_arguments):
    """A defaultdict without its default."""
    return {}


CONSTANT = Inert()  # a name that may occur as a value, and that cannot be called

INERT_TABLE = {("collections", "defaultdict"): Constructor(_plain_dict),
               ("_codecs", "encode"): Constructor(_inert)}  # how protocol 2 writes bytes
for _module, _names in {
        "argparse": ("Namespace",), "torch": ("device",), "numpy": ("dtype",), "datetime": ("datetime", "timedelta"),
        "numpy.core.multiarray": ("scalar", "_reconstruct"), "numpy._core.multiarray": ("scalar", "_reconstruct"),
        "pathlib": ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"),
        "pathlib._local": ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"),
        "builtins": ("set", "frozenset"), "__builtin__": ("set", "frozenset")}.items():
    INERT_TABLE |= {(_module, _name): Constructor(_inert) for _name in _names}
for _module, _names in {
        "builtins": ("list", "dict", "int", "float", "str", "tuple", "bool"),
        "__builtin__": ("list", "dict", "int", "float", "str", "tuple", "bool"), "numpy": ("ndarray",),
        "torch": ("float32", "float16", "float64", "bfloat16", "int64", "int32", "strided")}.items():
    INERT_TABLE |= {(_module, _name): CONSTANT for _name in _names}
