"""ONNX models as files, with what their caller has to know besides.

    OUT/network.onnx, encoder.onnx, decoder.onnx     a captioner (captioner.py)
    OUT/description.json                             words, sizes of pictures, settings for decoding, inputs and outputs
    OUT/README.md                                    the same for people

    OUT.onnx                                         a classifier: its own metadata hold the description
"""

import json

from ..captioning.text.tokens import join
from ..captioning.text.vocabulary import END, PAD, START, UNK
from ..files import check_output, write_json, write_text
from ..inference import fold_batch_norm
from ..terminal import shown
from ..weights.preprocessing import convention_name
from ..writing import new_folder, replacing
from .captioner import IMAGES, captioner_models, picture_inputs, pictures_input
from .graph import PRODUCER, Graph
from .layers import translate

FORMAT = 1  # of the description

README = """# A captioner as ONNX models

| | |
|---|---|
| model | `{model}` |
| reads | {reads} |
| vocabulary | {words} words |

`examples/caption_with_onnx.py` of minicap captions a photograph with these files, with ONNX Runtime, NumPy and Pillow
alone. `description.json` holds the words, the sizes of the pictures and the settings for decoding.

{models}

An axis with a name may have any length. A model's inputs are outputs of the one before, or what its caller begins with:
pictures are upright RGB from 0 to 255, squashed to the size; the models do all other preprocessing. The decoder reads
`word` (`<start>` is {start}) for each caption of the image `image_of`, counted from 0, with the `h` and `c` that it
continues; `next_h` and `next_c` are those after the word, `log_p` says which word may follow, `<end>` being {end}.
"""


# --- Captioners ---------------------------------------------------------------------------------------------------

def write_captioner(folder, captioner, decoding):
    """Write the folder, which is not there yet; ``decoding``: {name: value} of :class:`.Decoding`, complete."""
    models = captioner_models(captioner)
    description = describe_captioner(captioner, models, decoding)
    with new_folder(folder) as partial:
        for name, model in models.items():
            (partial / f"{name}.onnx").write_bytes(model.SerializeToString())
        write_json(partial / "description.json", description)
        write_text(partial / "README.md", readme(captioner, description))
        return sum(file.stat().st_size for file in partial.iterdir())


def describe_captioner(captioner, models, decoding):
    """What is in description.json."""
    words, tokenizer = captioner.vocabulary.words, captioner.vocabulary.tokenizer
    return {"format": FORMAT, "model": repr(captioner.model), "pictures": pictures_wanted(captioner),
            "features": captioner.source and captioner.source.to_json(),
            "models": {name: signature(model) for name, model in models.items()}, "decoding": decoding,
            "start": START, "end": END, "never": [PAD, START, UNK], "words": list(words),
            "unspaced": [i for i, word in enumerate(words) if " " not in join(["a", word], tokenizer)]}


def pictures_wanted(captioner):
    """{input: {"size", "interpolation"}}; empty for a captioner of features that nobody knows how to make."""
    if captioner.source is None:
        return {"pictures": {"size": captioner.input_size, "interpolation": "bilinear"}}
    if captioner.reads_own_features:
        return {}
    return {name: {"size": preprocessing.size, "interpolation": preprocessing.interpolation}
            for name, preprocessing in picture_inputs(captioner.extractor().networks)}


def signature(model):
    """{"inputs": {name: shape}, "outputs": ...} of an ONNX model, an axis of any length by its name."""
    def shapes(values):
        return {value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
                for value in values}

    return {"inputs": shapes(model.graph.input), "outputs": shapes(model.graph.output)}


def readme(captioner, description):
    lines = ["| model | input | output |", "|---|---|---|"]
    for name, told in description["models"].items():
        cells = [", ".join(f"`{value}` {' × '.join(map(str, shape))}" for value, shape in told[which].items())
                 for which in ("inputs", "outputs")]
        lines.append(f"| `{name}.onnx` | {cells[0]} | {cells[1]} |")
    source = captioner.source
    reads = ("small pictures" if source is None else "features of your own" if source.is_own else
             f"{source.layer} of {source.networks}")
    text = README.format(model=description["model"].split("\n")[0], reads=reads, words=len(description["words"]),
                         models="\n".join(lines), start=START, end=END)
    return shown(text, None, keep="\n")


# --- Classifiers --------------------------------------------------------------------------------------------------

def check_classifier_output(path):
    """UserError where the file may not be written to ``path``."""
    check_output(path, "out", is_ours)


def is_ours(path):
    """Whether a file begins as the models that are written here: with the version of ONNX's format and their producer.
    """
    with open(path, "rb") as file:
        return file.read(4 + len(PRODUCER))[2:] == b"\x12" + bytes([len(PRODUCER)]) + PRODUCER.encode()


def write_classifier(path, network, classes, resize):
    """Write a :class:`.Network` with its dense layers: pictures -> probabilities, and its description; returns bytes.

    classes: the names of its outputs; resize: pixels of a picture's short side, of which it reads the central square.
    """
    folded = fold_batch_norm(network)
    graph = Graph("classifier", folded)
    logits = translate(graph, folded, pictures_input(graph, "pictures", network.preprocessing))
    graph.output("probabilities", graph.node("Softmax", logits, axis=1), "float32", [IMAGES, network.classes])
    used = network.preprocessing
    model = graph.model(description=json.dumps({
        "format": FORMAT, "network": str(network.facts), "weights_sha256": network.digest(),
        "preprocessing": convention_name(used), "resize_short_side": resize, "crop": used.size,
        "interpolation": used.interpolation, "classes": list(classes)}, ensure_ascii=False))
    data = model.SerializeToString()
    with replacing(path) as partial:
        partial.write_bytes(data)
    return len(data)
