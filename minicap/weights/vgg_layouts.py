"""The layouts of VGG's arrays in files, and ours. How a file calls an array says which it has.

                     ours, Keras, Oxford's       PyTorch ("weight"), Chainer  Keras 1, dim_ordering "th"
    kernels          (K, K, C, F)                (F, C, K, K)                 (F, C, K, K)
    dense layers     (D, H)                      (H, D), timm (H, C, K, K)    (D, H)
    rows of fc6      pixels of pool5: H, W, C    C, H, W                      C, H, W

Rows of fc6 for neighbouring pixels of pool5 are alike: in VGG-19 they correlate 0.70, and rows for different channels
0.00. So a trained fc6 tells the order of its rows itself, whatever backend wrote it.
"""

import numpy as np

from ..mapped import pieces

CELLS = 7  # rows and columns of pool5
ROWS = 1000  # that tell, at least; of more a quarter, from the beginning
ALIKE = 0.2  # mean correlation above which rows belong to neighbours; random ones reach 0.05


def is_torch(name):
    """Whether an array is called what PyTorch calls it."""
    return name == "weight" or name.endswith(".weight")


def our_shape(name, array):
    """The shape of the array called ``name`` in our layout, without converting it."""
    if array.ndim == 4 and is_channels_first(array):
        F, C, H, W = array.shape
        return H, W, C, F
    return array.shape[::-1] if array.ndim == 2 and is_torch(name) else array.shape


def is_channels_first(kernels):
    """(F, C, 3, 3) and not (3, 3, C, F)?"""
    return kernels.ndim == 4 and kernels.shape[2:] == (3, 3) and kernels.shape[:2] != (3, 3)


def outputs_first(names, tensors):
    """Are dense layers stored as (H, D), whatever they are called? Shapes tell, with the length of the bias; or None.

    ``names`` is {our name: the file's}. Chainer's VGG, for example, has Oxford's names and these layouts.
    """
    for layer in ("fc6", "fc8"):  # fc7 may be square
        W, b = (tensors.get(names.get(f"{layer}.{role}")) for role in "Wb")
        if W is not None and b is not None and W.ndim == 2 and W.shape[0] != W.shape[1]:
            return W.shape[0] == b.size
    return None


def our_layout(ours, theirs, array, channels_first=False, transposed=None):
    """The array that a file calls ``theirs`` and we ``ours``, in our layout.

    ``channels_first``: the file's kernels are (F, C, K, K); ``transposed``: its dense layers are (H, D), or None where
    their name tells. An array of another shape than such a layer has stays as it is, for the error message.
    """
    if not ours.endswith(".W"):
        return array
    if ours.startswith("conv"):
        torch = is_torch(theirs) or is_channels_first(array)
        return array.transpose(2, 3, 1, 0) if torch and array.ndim == 4 else array
    if not ours.startswith("fc"):
        return array
    if transposed or (transposed is None and is_torch(theirs)):
        if array.ndim not in (2, 4) or array.size == 0 or (ours == "fc6.W" and array[0].size % CELLS**2):
            return array
        array = array.reshape(len(array), -1).T  # timm stores dense layers as convolutions
        channels_first = True
    return _our_rows(array, channels_first) if ours == "fc6.W" else array


def _our_rows(fc6, channels_first):
    """(D, H) with the rows in H, W, C order."""
    if fc6.ndim != 2 or fc6.size == 0 or fc6.shape[0] % CELLS**2:
        return fc6
    enough = fc6[:max(len(fc6) // 4, ROWS)]
    sample = np.concatenate([piece[:, :64].astype(np.float32) for piece in pieces(enough)])
    if sample.shape[1] > 8:
        C = len(fc6) // CELLS**2
        neighbours_in_rows, neighbours_in_channels = _likeness(sample, 1), _likeness(sample, C)
        if max(neighbours_in_rows, neighbours_in_channels) > ALIKE:
            channels_first = neighbours_in_rows > neighbours_in_channels
    if not channels_first:
        return fc6
    return fc6.reshape(-1, CELLS, CELLS, fc6.shape[1]).transpose(1, 2, 0, 3).reshape(fc6.shape)


def _likeness(rows, distance):
    """The mean correlation of rows that stand ``distance`` apart."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    length = np.sqrt((rows * rows).sum(axis=1))
    a, b = slice(distance, None), slice(None, -distance)
    products = length[a] * length[b]
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = (rows[a] * rows[b]).sum(axis=1) / products
    return float(np.nan_to_num(correlations, posinf=0, neginf=0).mean()) if len(correlations) else 0.0
