"""Captions of photographs with the files that `python -m minicap.export flickr8k FOLDER --onnx` has written.

It needs no minicap:

    python -m pip install numpy pillow onnxruntime
    python caption_with_onnx.py FOLDER photo.jpg ...
"""
import json
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

folder, *photos = sys.argv[1:]
told = json.loads(Path(folder, "description.json").read_text(encoding="utf-8"))
sessions = {name: onnxruntime.InferenceSession(str(Path(folder, f"{name}.onnx"))) for name in told["models"]}


def run(model, values):  # the outputs by their names, from values among which are the inputs
    inputs, outputs = (told["models"][model][which] for which in ("inputs", "outputs"))
    return dict(zip(outputs, sessions[model].run(list(outputs), {name: values[name] for name in inputs}), strict=True))


def read(photo, size, interpolation):  # (1, size, size, 3), upright and squashed; the models do the rest
    image = Image.open(photo)
    image.draft(None, (2 * max(w["size"] for w in told["pictures"].values()),) * 2)  # decodes a large JPEG smaller
    image = ImageOps.exif_transpose(image).convert("RGB").resize((size, size), Image.Resampling[interpolation.upper()])
    return np.asarray(image)[None]


def beam_search(image, beam, length_penalty, no_repeat_ngram_size, max_length):
    n, power, captions, ended = no_repeat_ngram_size, length_penalty * (beam > 1), [(0.0, [told["start"]])], []
    for length in range(1, max_length + 1):
        words = np.array([caption[-1] for _, caption in captions])
        after = run("decoder", image | {"word": words, "image_of": np.zeros_like(words)})
        totals = np.array([[total] for total, _ in captions]) + after["log_p"].astype(float)
        for row, (_, caption) in enumerate(captions):  # no n words twice
            again = [caption[i + n - 1] for i in range(len(caption) - n + 1)
                     if n and caption[i:i + n - 1] == caption[len(caption) - n + 1:]]
            totals[row, told["never"] + again] = -np.inf
        order = np.argsort(-totals, axis=None, kind="stable")[:2 * beam].tolist()
        best = [(totals.flat[k], *divmod(k, totals.shape[1])) for k in order]
        ended += [(total / length**power, captions[row][1] + [word]) for total, row, word in best[:beam]
                  if word == told["end"] or length == max_length]
        ended = sorted(ended, key=lambda scored: -scored[0])[:beam]
        best = [(total, row, word) for total, row, word in best if word != told["end"]][:beam]
        if len(ended) == beam and ended[-1][0] >= best[0][0] / max_length**power:  # nothing can overtake them
            break
        captions = [(total, captions[row][1] + [word]) for total, row, word in best]
        image = image | {name: after[f"next_{name}"][[row for _, row, _ in best]] for name in ("h", "c")}
    return [word for word in ended[0][1][1:] if word != told["end"]]


for photo in photos:
    values = {name: read(photo, **wanted) for name, wanted in told["pictures"].items()}
    for model in list(sessions)[:-1]:  # the network and the encoder; some captioners have the encoder alone
        values |= run(model, values)
    words = pairwise([told["start"], *beam_search(values, **told["decoding"])])
    text = "".join(" " * {before, word}.isdisjoint(told["unspaced"]) + told["words"][word] for before, word in words)
    print(f"{photo}: {text.strip()}")
