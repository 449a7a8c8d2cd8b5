"""Checkpoints: safetensors for arrays, JSON for the rest, no pickle; each file written whole or not at all.

    DIR/captioner.json       vocabulary, model, what an image has to become: what captioning needs beside the weights
    DIR/best.safetensors     weights of the best epoch so far, by the dev score
    DIR/last.safetensors     everything to go on: weights, their average, optimiser, epoch, random states
    DIR/settings.json        the settings of the run
    DIR/metrics.jsonl        one line an epoch

A safetensors file has room for a JSON text in its header. What belongs together is kept in one file, so that it cannot
come apart: ``last.safetensors`` is replaced by a single rename.
"""

import json
from pathlib import Path

from ..errors import UserError
from ..files import existing_file, read_json, replacing

FORMAT = 1  # raised when an older program could misread a newer checkpoint


def save_tensors(path, tensors, facts):
    """Write ``tensors`` (name -> NumPy array) and ``facts`` (anything JSON can hold) into one file, atomically."""
    import numpy as np
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(a) for name, a in tensors.items()}
    data = save(tensors, metadata={"minicap": json.dumps({"format": FORMAT} | facts)})
    with replacing(path) as partial:
        partial.write_bytes(data)  # and not save_file, whose error on a full disk is no OSError


def load_tensors(path, what):
    """The (tensors, facts) of :func:`save_tensors`; UserError when the file is missing, damaged or of another kind."""
    from safetensors import SafetensorError, safe_open

    path = existing_file(path, what)
    try:
        with safe_open(path, framework="numpy") as file:
            facts = _facts(file.metadata(), f"{what} {path}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise UserError(f"{what} {path} is damaged or no safetensors file ({error}); use another copy") from error
    return tensors, facts


def _facts(metadata, where):
    """The facts in the header of a file of ours: looked at before its tensors, which may be of types NumPy lacks."""
    try:
        facts = json.loads((metadata or {})["minicap"])
        format = facts["format"]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise UserError(f"{where} was not written by minicap; name a folder that minicap.train has made") from error
    if format != FORMAT:
        raise UserError(f"{where} has checkpoint format {format}, this minicap reads {FORMAT}; "
                        "use the version that wrote it")
    return facts


def split_prefix(tensors, prefix):
    """The entries named ``prefix/...``, without the prefix."""
    return {name[len(prefix) + 1:]: a for name, a in tensors.items() if name.startswith(prefix + "/")}


def with_prefix(tensors, prefix):
    return {f"{prefix}/{name}": a for name, a in tensors.items()}


def checkpoint_folder(path):
    """``path`` as a Path, or a UserError when it is no folder that training has written."""
    path = Path(path).expanduser()
    if not path.exists():
        raise UserError(f"checkpoint folder {path} does not exist; `python -m minicap.train --out {path}` makes one")
    if not path.is_dir():
        raise UserError(f"{path} is a file; --checkpoint has to be the folder that training wrote")
    if not (path / "captioner.json").exists():
        raise UserError(f"{path} holds no captioner.json, so it is no checkpoint; name the --out of minicap.train")
    return path


def checkpoint_folders(paths):
    """The folders that ``--checkpoint A,B,C`` names, as a list; a folder may have a comma in its own name."""
    one = Path(paths).expanduser()
    return [checkpoint_folder(path) for path in ([paths] if one.exists() else paths.split(","))]


def read_description(folder):
    """``captioner.json`` of a checkpoint folder: a dict with model, source and vocabulary."""
    description = read_json(checkpoint_folder(folder) / "captioner.json", "checkpoint description")
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise UserError(f"{folder}/captioner.json is not of checkpoint format {FORMAT}; use the version that wrote it")
    missing = [key for key in ("model", "source", "vocabulary") if key not in description]
    if missing:
        raise UserError(f"{folder}/captioner.json says nothing about {missing[0]}; use another copy of the checkpoint")
    return description
