"""The names of VGG's arrays in files, and ours.

    ours       Keras                 torchvision           timm                    Oxford's, in .npz and .npy
    conv3_2.W  block3_conv2/kernel   features.7.weight     features.7.weight       conv3_2_W, conv3_2/weights
    fc6.W      fc1/kernel            classifier.0.weight   pre_logits.fc1.weight   fc6_W, fc6/weights

A network that was part of another has a prefix before its names: "module.", "encoder.", "cnn.features.module." or, the
other way round, bare "0.weight". Whatever stands before the kernels of one VGG, and of no second one, is its prefix.
Names that people gave by hand are matched by the order and the shapes of their kernels.
"""

import re
from dataclasses import dataclass

from .refusal import RefusalError, shown
from .vgg_layouts import our_shape

ROLES = {"weight": "W", "kernel": "W", "weights": "W", "filters": "W", "W": "W", "w": "W",
         "bias": "b", "biases": "b", "b": "b",
         "param_0": "W", "param_1": "b"}  # Keras before 1.0
NORM_ROLES = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "var"}
KERAS_DENSE = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}
TIMM_DENSE = {"pre_logits.fc1": "fc6", "pre_logits.fc2": "fc7", "head.fc": "fc8"}
DENSE = ("fc6", "fc7", "fc8")
#: Convolutions of each block, by their number: VGG-11, 13, 16 and 19.
BLOCKS = {8: (1, 1, 2, 2, 2), 10: (2, 2, 2, 2, 2), 13: (2, 2, 3, 3, 3), 16: (2, 2, 4, 4, 4)}


@dataclass(frozen=True)
class Naming:
    """names        {our name: the file's}; a name that belongs to no layer of VGG stands for itself
    convention   of preprocessing, in files with such names
    notes        what was assumed, sentences for the user
    """

    names: dict
    convention: str
    notes: tuple = ()


def naming(file):
    """The :class:`Naming` of a :class:`.WeightFile`; RefusalError when it holds several networks, or one in part."""
    finders = (_oxford_naming, _keras_naming, _torch_naming)
    found = next((named for find in finders if (named := find(file.tensors)) is not None), None)
    found = found or _naming_by_order(file) or Naming({name: name for name in file.tensors}, "torchvision")
    _refuse_unknown_norms(found.names, file.tensors)
    return found


def _refuse_unknown_norms(names, tensors):
    """Batch normalisations that belong to the convolutions, under unknown names, must not be passed over."""
    channels = [our_shape(theirs, tensors[theirs])[-1] for ours, theirs in names.items()
                if re.fullmatch(r"conv\d_\d\.W", ours)]
    read = {theirs for ours, theirs in names.items() if ours != theirs}
    unread = [name for name in tensors if name not in read and re.search(r"(running|moving)_mean(:\d+)?$", name)]
    sizes = [tensors[name].size for name in unread]
    if channels and any(sizes[i:i + len(channels)] == channels for i in range(len(sizes))):
        raise RefusalError(f"has a batch normalisation for each convolution, under names such as {shown(unread[0])}, "
                           "that do not say which: call the layers as torchvision does (features.1.running_mean)")


def _oxford_naming(tensors):
    """conv1_1 and fc6, as in the paper's Caffe files, with any prefix and word for the role; "conv1_1.W" is ours."""
    convention = {"conv1_1_W": "caffe-rgb", "conv1_1.W": "torchvision"}
    return _by_pattern(tensors, r"(?P<layer>conv\d_\d|fc[678])[./_]+(?P<role>[A-Za-z]+)(:\d+)?", lambda layer: layer,
                       next((convention[name] for name in convention if name in tensors), "caffe-bgr"))


def _keras_naming(tensors):
    """block1_conv1/kernel, also as it stands in archives: block1_conv1_W_1:0, block1_conv1/kernel:0."""
    def ours(layer):
        return KERAS_DENSE.get(layer) or "conv" + "_".join(re.findall(r"\d", layer))

    role = r"(?P<layer>block\d_conv\d|fc[12]|predictions)[./_]+(?P<role>[A-Za-z]+)(_\d+)?(:\d+)?"
    return _by_pattern(tensors, rf"(?:[\w./]*/)?{role}", ours, "caffe-bgr")


def _by_pattern(tensors, pattern, ours, convention):
    """The Naming of files that name layers outright, or None. Other names stand for themselves."""
    names, prefixes = {}, {}
    for name in tensors:
        match = re.fullmatch(rf"(?P<prefix>.*?[./])??{pattern}", name)
        if match is None or match["role"] not in ROLES:
            names[name] = name
            continue
        prefixes.setdefault(match["prefix"] or "", []).append(name)
        ours_name = f"{ours(match['layer'])}.{ROLES[match['role']]}"
        if ours_name in names:
            _refuse_several(prefixes)
        names[ours_name] = name
    if not any(name.startswith("conv") and name.endswith(".W") for name in names):
        return None
    return Naming(names, convention, prefix_note(prefixes))


def _refuse_several(prefixes):
    raise RefusalError(f"holds several VGG networks, under {' and '.join(shown(repr(p)) for p in prefixes)}: save the "
                       "intended one by itself")


def prefix_note(prefixes):
    (prefix, *_) = prefixes
    return (f"names: found behind the prefix {shown(repr(prefix))}",) if prefix else ()


# ------------------------------------------------------------------------------------------------------ PyTorch's names

def _torch_naming(tensors):
    """features.0.weight and classifier.0.weight, where the number counts all layers, also ReLU and pooling."""
    stacks = {}
    for name, array in tensors.items():
        match = re.fullmatch(r"(.*?)(\d+)\.weight", name)
        if match and array.ndim == 4 and not re.search(r"(classifier|pre_logits|head)\.(module\.)?$", match[1]):
            stacks.setdefault(match[1], []).append(int(match[2]))
    whole = {prefix: indices for prefix, indices in stacks.items() if len(indices) in BLOCKS}
    if len(whole) > 1:
        _refuse_several(whole)
    if not (chosen := whole or ({"features.": stacks["features."]} if "features." in stacks else {})):
        return None
    (stack,) = chosen
    outer, named, _ = stack.partition("features.") if "features." in stack else (stack, "", "")
    layers = {f"{stack}{index}": layer for index, layer in _stack_layers(tensors, stack).items()}
    layers |= {outer + theirs: ours for theirs, ours in TIMM_DENSE.items()}
    layers |= _classifier_layers(tensors, outer) if named else {}
    ours = [outer + part for part in ("features.", "classifier.", "pre_logits.", "head.")] if named else [stack]
    names, others = {}, []
    for name in tensors:
        module, _, role = name.rpartition(".")
        layer = layers.get(module)
        if layer is None and not name.startswith(tuple(ours)):
            others.append(name)
        elif role == "num_batches_tracked":
            continue  # PyTorch's counter, which has no effect with a fixed momentum
        elif layer is None:
            names[name] = name
        else:
            roles = NORM_ROLES if layer.startswith("bn") else ROLES
            names[f"{layer}.{roles.get(role, role)}"] = name
    notes = () if stack == "features." else prefix_note([stack]) or ("names: numbers, taken for those of features",)
    if others:
        arrays = "1 array" if len(others) == 1 else f"{len(others)} arrays"
        notes += (f"names: {arrays} of other modules left alone, such as {shown(others[0])}",)
    return Naming(names, "torchvision", notes)


def _stack_layers(tensors, stack):
    """{0: "conv1_1", ...}. Kernels have four axes; a wider gap between two of them means a pooling layer."""
    pattern = re.compile(rf"{re.escape(stack)}(\d+)\.\w+")
    indices = sorted({int(match[1]) for match in map(pattern.fullmatch, tensors) if match})
    with_norm = any(pattern.fullmatch(name) and name.endswith(".running_mean") for name in tensors)
    layers, block, i, last = {}, 1, 0, None
    for index in indices:
        weight = tensors.get(f"{stack}{index}.weight")
        if weight is not None and weight.ndim == 4:
            # conv, (bn,) relu follow each other directly; pooling between two convolutions makes the gap longer by one.
            if last is not None and index - last > (3 if with_norm else 2):
                block, i = block + 1, 0
            i, last = i + 1, index
            layers[index] = f"conv{block}_{i}"
        else:
            layers[index] = f"bn{block}_{i}"
    return layers


def _classifier_layers(tensors, outer):
    """{"classifier.0": "fc6", ...}: torchvision's numbers 0, 3 and 6, or other ones (1, 4 and 6) in their order."""
    found = {}
    for name, array in tensors.items():
        match = re.fullmatch(rf"{re.escape(outer)}classifier\.(?:module\.)?(\d+)\.weight", name)
        if match and array.ndim in (2, 4):
            found[int(match[1])] = name.rpartition(".")[0]
    indices = (0, 3, 6) if 0 in found or len(found) > 3 else sorted(found)
    layers = {f"{outer}classifier.{index}": layer for index, layer in zip((0, 3, 6), DENSE, strict=True)}
    return layers | {found[index]: layer for index, layer in zip(indices, DENSE, strict=False) if index in found}


# ------------------------------------------------------------------------------------------------ names given by hand

def _naming_by_order(file):
    """The Naming of a file whose 3 x 3 kernels are those of a VGG in their order: each reads what the last one made."""
    modules = {}  # in the order of the file
    for name in file.tensors:
        module, _, role = re.fullmatch(r"(?s)(.*?)([./]?)([^./]*)", name).groups()
        modules.setdefault(module, {})[ROLES.get(re.sub(r":\d+$", "", role), role)] = name
    shapes = {module: our_shape(roles["W"], file.tensors[roles["W"]]) for module, roles in modules.items()
              if "W" in roles}
    spatial = [module for module, shape in shapes.items() if len(shape) == 4]
    kernels = [module for module in spatial if shapes[module][:2] == (3, 3)]
    if spatial[:len(kernels)] != kernels:
        return None  # one of another size is among them, as in configuration C of VGG's paper
    channels = 3
    for module in kernels:
        if shapes[module][2] != channels:
            return None
        channels = shapes[module][3]
    if len(kernels) not in BLOCKS:
        return None
    convolutions = [f"conv{block}_{i}" for block, count in enumerate(BLOCKS[len(kernels)], 1)
                    for i in range(1, count + 1)]
    dense = [module for module, shape in shapes.items() if len(shape) == 2]
    layers = dict(zip(kernels, convolutions, strict=True)) | dict(zip(dense, DENSE, strict=False))
    names = {f"{layers[module]}.{role}" if module in layers and role in ("W", "b") else name: name
             for module, roles in modules.items() for role, name in roles.items()}
    return Naming(names, "caffe-bgr" if file.format.startswith("keras") else "torchvision",
                  (f"names: matched by order and shape, from {shown(kernels[0])} to {shown(kernels[-1])}",))
