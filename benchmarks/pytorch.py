"""The peer's settings and layouts. Imported only in the peer's process.

The differences between the two libraries are all here: images are (N, H, W, C) in minicap and (N, C, H, W) in PyTorch
(in "channels last" memory, so that the bytes are the same), kernels (K, K, C, F) and (F, C, K, K), matrices (D, H) and
(H, D), an LSTM's gates i, f, o, g and i, f, g, o.
"""

import warnings

import numpy as np
import torch

from minicap.errors import UserError

KINDS = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias", "mean": "running_mean", "var": "running_var",
         "std": "std", "U": "U", "v": "v"}
LSTM = {"cell.W": "weight_ih_l0", "cell.U": "weight_hh_l0", "cell.b": "bias_ih_l0"}


def start(place):
    """Set the same threads and precision as on our side; returns "pytorch VERSION DEVICE"."""
    torch.set_num_threads(place.threads)
    if place.device == "cpu":
        return f"pytorch {torch.__version__.partition('+')[0]} cpu"
    if not torch.cuda.is_available():
        raise UserError(f"this PyTorch ({torch.__version__}) cannot use a GPU; install its CUDA build, or use "
                        "--device cpu")
    torch.backends.cuda.matmul.allow_tf32 = place.tf32
    torch.backends.cudnn.allow_tf32 = place.tf32
    torch.backends.cudnn.benchmark = True  # its best honest setting: the fastest algorithm for each shape
    return f"pytorch {torch.__version__} {torch.cuda.get_device_name()}"


def images(x, place, requires_grad=False):
    """(N, H, W, C) NumPy -> (N, C, H, W) in channels-last memory: on the CPU the same bytes."""
    return torch.from_numpy(x).to(place.device).permute(0, 3, 1, 2).requires_grad_(requires_grad)


def ours(x):
    """The way back: an (N, C, H, W) tensor as (N, H, W, C)."""
    return x.permute(0, 2, 3, 1)


def tensor(x, place, requires_grad=False):
    return torch.from_numpy(np.ascontiguousarray(x)).to(place.device).requires_grad_(requires_grad)


def their_name(name):
    """Our "lstm.cell.W", "conv1.W", "bn1.gamma" -> "lstm.weight_ih_l0", "conv1.weight", "bn1.weight"."""
    for our_end, their_end in LSTM.items():
        if name.endswith(our_end):
            return name.removesuffix(our_end) + their_end
    layer, _, kind = name.rpartition(".")
    return f"{layer}.{KINDS[kind]}" if layer else KINDS[kind]


def their_layout(name, array):
    """Our array, given its name, in PyTorch's layout."""
    if ".cell." in f".{name}":
        return _swap_gates(array).T if array.ndim == 2 else _swap_gates(array)
    if array.ndim == 4:
        return array.transpose(3, 2, 0, 1)
    return array.T if name.endswith("W") and "embedding" not in name else array


def our_layout(name, array):
    """PyTorch's array, given our name for it, in our layout."""
    if ".cell." in f".{name}":
        return _swap_gates(array.T)
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    return array.T if name.endswith("W") and "embedding" not in name else array


def _swap_gates(a):
    """Blocks i, f, o, g along the last axis as i, f, g, o, or the reverse: the last two are swapped."""
    i, f, o, g = np.split(a, 4, axis=-1)
    return np.concatenate([i, f, g, o], axis=-1)


def load(module, state):
    """Copy our ``state`` (name -> array) into ``module``, whose attributes have our layers' names.

    PyTorch's LSTM has two biases, which are only ever added. The second is set to zero and frozen: trained, it would
    double the steps of the first.
    """
    theirs = {their_name(name): torch.from_numpy(np.ascontiguousarray(their_layout(name, a)))
              for name, a in state.items()}
    result = module.load_state_dict(theirs, strict=False)
    second_biases = [name for name in result.missing_keys if "bias_hh" in name]
    unloaded = set(result.missing_keys) - set(second_biases)
    assert not result.unexpected_keys and all("num_batches_tracked" in name for name in unloaded), result
    for name in second_biases:
        torch.nn.init.zeros_(module.get_parameter(name)).requires_grad_(False)
    return module


def gradients(module, names):
    """{"d" + name: gradient in our layout} for our parameter ``names``."""
    return {f"d{name}": our_layout(name, module.get_parameter(their_name(name)).grad.cpu().numpy()) for name in names}


def export(module, x, path):
    """Write ``module`` for inputs of the shape of ``x`` (N, 3, side, side) as an ONNX file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter that needs no further package
        torch.onnx.export(module, (x,), path, dynamo=False, input_names=["x"], output_names=["y"])
    return path
