"""A captioner as three ONNX models, of which each reads what the ones before have made.

    network   pictures -> features                     the frozen networks; not there for pixels or features of your own
    encoder   features -> h, c and what else of an image stays the same from word to word
    decoder   a word for each caption, h, c, ...  ->  log p of the next words, h and c after the word

The decoder's captions may be of any of the encoder's images: ``image_of`` says which, as ours (attention.py). Whoever
calls it sends <start> first, and then the word that was chosen, with h and c of the caption that it continues.
"""

import math

import numpy as np

from ..captioning.models.fine_tune import FineTuned
from ..captioning.models.show_attend_tell import ShowAttendTell
from ..inference import fold_batch_norm
from ..networks import feature_shapes, feature_stages
from .graph import Graph
from .layers import channels_first, channels_last, reshape, translate

IMAGES, CAPTIONS = "images", "captions"  # the axes that may have any length


def captioner_models(captioner):
    """{"network": ..., "encoder": ..., "decoder": ...}, ONNX models. UserError where the network's weights lack."""
    graphs = {}
    if captioner.source is not None and not captioner.reads_own_features:
        graphs["network"] = network_graph(captioner.extractor().networks)
    graphs["encoder"], encoded = encoder_graph(captioner)
    graphs["decoder"] = decoder_graph(captioner, encoded)
    return {name: graph.model() for name, graph in graphs.items()}


def pictures_input(graph, name, preprocessing):
    """An input for (N, size, size, 3) uint8 RGB pictures -> what the network expects, channels first."""
    x = graph.input(name, "uint8", [IMAGES, preprocessing.size, preprocessing.size, 3])
    if preprocessing.order == "BGR":
        x = graph.node("Gather", x, graph.constant([2, 1, 0], np.int64), axis=3)
    x = graph.node("Div", graph.node("Cast", x, to=graph.onnx.TensorProto.FLOAT), graph.constant(preprocessing.scale))
    x = graph.node("Sub", x, graph.constant(preprocessing.mean))
    return channels_first(graph, graph.node("Div", x, graph.constant(preprocessing.std)))


# --- The frozen networks ------------------------------------------------------------------------------------------

def picture_inputs(networks):
    """[(the name of its pictures, Preprocessing)] of each network: "pictures", or "pictures_1" and so on."""
    names = ["pictures"] if len(networks) == 1 else [f"pictures_{k}" for k in range(1, len(networks) + 1)]
    return [(name, network.model.preprocessing) for name, network in zip(names, networks, strict=True)]


def network_graph(networks):
    """Pictures -> features (I, ...), as :class:`.Extractor` computes them, for a list of :class:`.NetworkExtractor`."""
    stages = [[fold_batch_norm(stage) for stage in feature_stages(network.model, network.names)]
              for network in networks]
    graph = Graph("network", *(stage for of_network in stages for stage in of_network))
    parts, shapes = [], []
    for network, of_network, (name, preprocessing) in zip(networks, stages, picture_inputs(networks), strict=True):
        x = pictures_input(graph, name, preprocessing)
        shapes += feature_shapes(network.model, network.names)[1]
        for stage, layer in zip(of_network, network.layers, strict=True):
            x = translate(graph, stage, x)
            part = graph.node("ReduceMean", x, axes=[2, 3], keepdims=0) if layer.pooled else x
            parts.append(part if layer.stride is None else channels_last(graph, part))
    if len(parts) == 1:
        (features,), (shape,) = parts, shapes
    else:
        features = graph.node("Concat", *(reshape(graph, part, 0, -1) for part in parts), axis=1)
        shape = (sum(map(math.prod, shapes)),)
    half = graph.node("Cast", features, to=graph.onnx.TensorProto.FLOAT16)  # as they are stored for training
    graph.output("features", graph.node("Cast", half, to=graph.onnx.TensorProto.FLOAT), "float32", [IMAGES, *shape])
    return graph


# --- The encoder --------------------------------------------------------------------------------------------------

def encoder_graph(captioner):
    """(the Graph, {name: shape} of what it makes of an image besides h and c)."""
    model = captioner_of(captioner.model)
    begin = begin_show_attend_tell if isinstance(model, ShowAttendTell) else begin_show_tell
    graph, h, c, encoded = begin(captioner, model)
    H = model.lstm.cell.U.shape[0]
    for name, (value, shape) in {"h": (h, [H]), "c": (c, [H]), **encoded}.items():
        graph.output(name, value, "float32", [IMAGES, *shape])
    return graph, {name: shape for name, (_, shape) in encoded.items()}


def captioner_of(model):
    """The captioner, without a block of VGG that may stand before it."""
    return model.captioner if isinstance(model, FineTuned) else model


def features_input(graph, source):
    return graph.input("features", "float32", [IMAGES, *source.shape])


def scenes_input(graph, side):
    """Small pictures, on which the model itself is trained: :func:`.pixels_to_input`."""
    x = graph.input("pictures", "uint8", [IMAGES, side, side, 3])
    x = graph.node("Mul", graph.node("Cast", x, to=graph.onnx.TensorProto.FLOAT), graph.constant(2 / 255))
    return channels_first(graph, graph.node("Sub", x, graph.constant(1)))


def begin_show_tell(captioner, model):
    """(graph, h, c, {"image": (value, shape)}): the image is read before the first word or, then returned, with all."""
    encoder = fold_batch_norm(model.encoder)
    graph = Graph("encoder", encoder, model)
    x = (scenes_input(graph, captioner.input_size) if captioner.source is None else
         features_input(graph, captioner.source))
    image = translate(graph, encoder, x)
    E, H = model.embedding.W.shape[1], model.lstm.cell.U.shape[0]
    images = graph.node("Shape", image, start=0, end=1)
    zeros = graph.node("ConstantOfShape", graph.node("Concat", images, graph.constant([H], np.int64), axis=0))
    if model.image_every_step:
        return graph, zeros, zeros, {"image": (image, [E])}
    return graph, *translate(graph, model.lstm.cell, image, zeros, zeros), {}


def begin_show_attend_tell(captioner, model):
    """(graph, h, c, {name: (value, shape)}): the regions, their keys, and the vector that is added to each word."""
    source, encoder = captioner.source, model.regions
    graph = Graph("encoder", captioner.model)
    regions, vector = features_input(graph, source), {}
    if model.G:
        sizes = graph.constant([math.prod(source.shape) - model.G, model.G], np.int64)
        regions, whole = graph.node("Split", regions, sizes, axis=1, outputs=2)
        vector["vector"] = translate(graph, model.words.global_projection, whole), [model.words.embedding.W.shape[1]]
    *grid, channels = source.regions_shape()
    if captioner.model is not model:
        x = channels_first(graph, reshape(graph, regions, -1, *grid, channels))
        regions = channels_last(graph, translate(graph, captioner.model.block, x))
    L, (D, A) = math.prod(grid), encoder.keys.W.shape
    regions = translate(graph, encoder.scale, reshape(graph, regions, -1, L, model.D))
    a = translate(graph, encoder.projection, regions)
    state = translate(graph, encoder.init_state, graph.node("ReduceMean", a, axes=[1], keepdims=0))
    h, c = graph.node("Split", graph.node("Tanh", state), axis=1, outputs=2)
    return graph, h, c, {"regions": (a, [L, D]), "keys": (translate(graph, encoder.keys, a), [L, A])} | vector


# --- The decoder --------------------------------------------------------------------------------------------------

def decoder_graph(captioner, encoded):
    """One word for each of N captions; ``encoded``: {name: shape} of what the encoder has made of the images."""
    model = captioner_of(captioner.model)
    graph = Graph("decoder", model)
    H = model.lstm.cell.U.shape[0]
    word, image_of = (graph.input(name, "int64", [CAPTIONS]) for name in ("word", "image_of"))
    h, c = (graph.input(name, "float32", [CAPTIONS, H]) for name in ("h", "c"))
    of_image = {name: graph.input(name, "float32", [IMAGES, *shape]) for name, shape in encoded.items()}
    if isinstance(model, ShowAttendTell):
        h, c, logits, alpha = attend_step(graph, model, word, image_of, h, c, **of_image)
        L, _ = encoded["regions"]
        graph.output("attention", alpha, "float32", [CAPTIONS, L + model.lstm.sentinel])
    else:
        x = translate(graph, model.embedding, word)
        if model.image_every_step:
            x = graph.node("Concat", x, graph.node("Gather", of_image["image"], image_of), axis=1)
        h, c = translate(graph, model.lstm.cell, x, h, c)
        logits = translate(graph, model.output, h)
    V = captioner.settings.vocabulary
    graph.output("log_p", graph.node("LogSoftmax", logits, axis=1), "float32", [CAPTIONS, V])
    graph.output("next_h", h, "float32", [CAPTIONS, H])
    graph.output("next_c", c, "float32", [CAPTIONS, H])
    return graph


def attend_step(graph, model, word, image_of, h, c, *, regions, keys, vector=None):
    """(3) to (5) of show_attend_tell.py: (h, c, logits, α) after the word."""
    lstm, output = model.lstm, model.output
    x = translate(graph, model.words.embedding, word)
    if vector is not None:
        x = graph.node("Add", x, graph.node("Gather", vector, image_of))
    also = [x, c] if lstm.sentinel else []
    if lstm.query_of_word is not None:
        also.append(translate(graph, lstm.query_of_word, x))
    z, alpha = translate(graph, lstm.attention, regions, keys, image_of, h, *also)
    h, c = translate(graph, lstm.cell, graph.node("Concat", x, z, axis=1), h, c)
    said = [translate(graph, output.hidden_to_output, h), translate(graph, output.context_to_output, z)]
    logits = translate(graph, output.vocabulary, graph.node("Add", graph.node("Add", x, said[0]), said[1]))
    return h, c, logits, alpha
