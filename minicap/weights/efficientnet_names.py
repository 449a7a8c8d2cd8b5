"""The names of EfficientNet-Lite's arrays in files, and ours.

    ours                  efficientnet-lite-pytorch          timm's tf_efficientnet_lite0, ...
    stem.W                _conv_stem.weight                  conv_stem.weight
    bn_stem.gamma         _bn0.weight                        bn1.weight
    block2.expand.W       _blocks.1._expand_conv.weight      blocks.1.0.conv_pw.weight
    block2.depthwise.W    _blocks.1._depthwise_conv.weight   blocks.1.0.conv_dw.weight
    block2.project.W      _blocks.1._project_conv.weight     blocks.1.0.conv_pwl.weight
    head.W                _conv_head.weight                  conv_head.weight
    fc.W                  _fc.weight                         classifier.weight

Timm counts blocks within stages, and calls what project a block without expansion does "conv_pw". A network that was
part of another has a prefix before its names: whatever stands before the stem, and of no second one, is its prefix.
"""

import re
from dataclasses import dataclass

from .refusal import RefusalError, shown
from .vgg_names import NORM_ROLES, prefix_note

LITE_PYTORCH = {"_conv_stem": "stem", "_bn0": "bn_stem", "_conv_head": "head", "_bn1": "bn_head", "_fc": "fc"}
IN_BLOCK = {"_expand_conv": "expand", "_bn0": "bn_expand", "_depthwise_conv": "depthwise", "_bn1": "bn_depthwise",
            "_project_conv": "project", "_bn2": "bn_project"}
TIMM = {"conv_stem": "stem", "bn1": "bn_stem", "conv_head": "head", "bn2": "bn_head", "classifier": "fc"}
TIMM_IN_BLOCK = {"conv_pw": "expand", "bn1": "bn_expand", "conv_dw": "depthwise", "bn2": "bn_depthwise",
                 "conv_pwl": "project", "bn3": "bn_project"}
TIMM_WITHOUT_EXPANSION = {"conv_dw": "depthwise", "bn1": "bn_depthwise", "conv_pw": "project", "bn2": "bn_project"}


@dataclass(frozen=True)
class Naming:
    """names     {our name: the file's}; a name that belongs to no layer of EfficientNet-Lite stands for itself
    is_timm   are the names timm's, which has networks of these names and shapes with another padding, too?
    notes     what was assumed, sentences for the user
    """

    names: dict
    is_timm: bool
    notes: tuple = ()


def naming(tensors):
    """The :class:`Naming` of {name: array}, None where they are not called as an EfficientNet's are.

    RefusalError when they are of several, or of one with squeeze-and-excite.
    """
    if "stem.W" in tensors and "block1.depthwise.W" in tensors:  # ours
        return Naming({name: name for name in tensors}, False)
    stems = [name for name in tensors if re.fullmatch(r"(.*\.)?_?conv_stem\.weight", name)]
    if not stems:
        return None
    if len(stems) > 1:
        raise RefusalError(f"holds several EfficientNets, {' and '.join(map(shown, stems))}: save the intended one by "
                           "itself")
    prefix, underscore = re.fullmatch(r"(.*?)(_?)conv_stem\.weight", stems[0]).groups()
    if gate := next((name for name in tensors if re.search(r"(^|\.)_?se[_.]", name)), None):
        raise RefusalError(f"is an EfficientNet with squeeze-and-excite ({shown(gate)}), which is not read: use an "
                           "EfficientNet-Lite, for which it was left out")
    ours_of = _lite_pytorch(tensors) if underscore else _timm(tensors, prefix)
    names, others = {}, []
    for name in tensors:
        if not name.startswith(prefix):
            others.append(name)
        elif not name.endswith(".num_batches_tracked"):  # PyTorch's counter, which has no effect with a fixed momentum
            names[ours_of(name.removeprefix(prefix)) or name] = name
    notes = prefix_note([prefix])
    if others:
        notes += (f"names: {len(others)} of other modules left alone, such as {shown(others[0])}",)
    return Naming(names, not underscore, notes)


def _lite_pytorch(tensors):
    def ours(name):
        match = re.fullmatch(r"(?:_blocks\.(\d+)\.)?(_\w+)\.(\w+)", name)
        if match is None:
            return None
        block, layer, kind = match.groups()
        if block is None:
            return _ours("", LITE_PYTORCH.get(layer), kind)
        return _ours(f"block{int(block) + 1}.", IN_BLOCK.get(layer), kind)

    return ours


def _timm(tensors, prefix):
    pattern = re.compile(rf"{re.escape(prefix)}blocks\.(\d+)\.(\d+)\.")
    places = sorted({(int(match[1]), int(match[2])) for match in map(pattern.match, tensors) if match})
    number = {place: i for i, place in enumerate(places, start=1)}

    def ours(name):
        match = re.fullmatch(r"(?:blocks\.(\d+)\.(\d+)\.)?(\w+)\.(\w+)", name)
        if match is None:
            return None
        stage, i, layer, kind = match.groups()
        if stage is None:
            return _ours("", TIMM.get(layer), kind)
        expands = f"{prefix}blocks.{stage}.{i}.conv_pwl.weight" in tensors
        return _ours(f"block{number[int(stage), int(i)]}.",
                     (TIMM_IN_BLOCK if expands else TIMM_WITHOUT_EXPANSION).get(layer), kind)

    return ours


def _ours(path, layer, kind):
    """ "block3.expand.W" for the path "block3.", the layer "expand" and the kind "weight"; None where there is none."""
    if layer is None or kind not in NORM_ROLES:
        return None
    if layer.startswith("bn_"):
        return f"{path}{layer}.{NORM_ROLES[kind]}"
    return {"weight": f"{path}{layer}.W", "bias": f"{path}{layer}.b"}.get(kind)
