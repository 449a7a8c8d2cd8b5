"""From settings to the parts of a training run: model inputs of the data set, and a captioner to train."""

import hashlib

import numpy as np

from ...errors import UserError
from ...networks import NetworkFacts, has_regions
from ...paths import expanded, resolved
from ...pretrained_networks import FEATURES
from ...vgg import FINE_TUNED
from ..captioner import Captioner
from ..checkpoint import load_tensors, read_description
from ..features.extraction import Pictures, extract
from ..features.extractor import Extractor
from ..features.feature_file import open_features
from ..features.feature_source import differences_in_words
from ..features.inputs import FeatureInputs, PixelInputs
from ..models.build import build_model, word_embedding
from ..models.fine_tune import channels_made, fine_tuned_block
from ..models.settings import ShowAttendTellSettings, ShowTellSettings
from ..text.tokens import TOKENIZERS, warn_of_missing_spaces
from ..text.vocabulary import SPECIAL, Vocabulary
from ..text.word_vectors import WordVectors, vectors_in_place
from .settings import FEATURES_OF


def assemble(settings, dataset, device):
    """(a captioner that is ready for training, {split: its model inputs}), for resolved settings."""
    inputs, source = inputs_for(dataset, settings)
    captioner = new_captioner(settings, dataset, source, device)
    if settings.init is None:
        fit_normalization(captioner, inputs["train"])
    else:
        begin_with(captioner, settings.init)
    return captioner, inputs


def features_to_read(settings):
    """The name of the features that a run reads: those of its model, or the input of the fine-tuned block."""
    if settings.finetune is None:
        return settings.layer or FEATURES_OF[settings.model]
    frozen = read_description(settings.init).source.layer  # "conv5_4+fc7", of which the block computes the first part
    regions, *others = frozen.split("+")
    return "+".join([FINE_TUNED[settings.finetune][0], *others])


def extracted_features(dataset, settings, device):
    """The path of the features of ``dataset``, extracted now if they are not there."""
    from ...download.catalogue import data_folder  # here, as it brings HTTP with it

    layer = features_to_read(settings)
    extractor = Extractor(settings.weights, layer, device, preprocessing=settings.preprocessing)
    extractor.tell_assumptions()
    name = dataset.name
    if name == "folder":  # two folders may hold different pictures under the same names
        name += "-" + hashlib.sha256(str(resolved(settings.data_dir)).encode()).hexdigest()[:8]
    digests = "-".join(source.weights_sha256[:8] for source in extractor.source.separate())
    path = data_folder() / "features" / f"{name}-{layer}-{digests}.npy"
    extract(Pictures(dataset, extractor), extractor, path)
    return path


def inputs_for(dataset, settings):
    """({split: model inputs}, their FeatureSource or None): generated pictures, or rows of a feature file."""
    if dataset.name == "shapes":
        return {split: PixelInputs(dataset, dataset.splits[split]) for split in ("train", "dev")}, None
    features = open_features(settings.features)
    source = features.source
    if source.is_own and (len(source.shape) > 1) != (settings.model == "attend"):
        raise UserError(f"{features.path} holds features of shape {source.shape}, and model={settings.model!r} reads "
                        + ("regions; use model='show-tell'" if settings.model == "attend" else
                           "one vector an image; use model='attend'"))
    if (len(source.regions_shape()) > 1) != (settings.model == "attend"):
        raise UserError(f"{features.path} holds {source.layer} features of shape {source.shape}; model="
                        f"{settings.model!r} reads {wanted_features(settings.model)}")
    if settings.finetune:
        layer = features_to_read(settings)
        if (source.layer, source.network) != (layer, NetworkFacts("VGG", 19)):
            raise UserError(f"{features.path} holds {source.layer} features of {source.networks}; finetune="
                            f"{settings.finetune!r} needs VGG-19's {layer} here: extract layer={layer!r}, name it with "
                            "features= and the mirrored one with mirrored=")
    mirrored = open_features(settings.mirrored) if settings.mirrored else None
    augmented = [open_features(path) for path in (settings.augmented or "").split(",") if path]
    return {"train": FeatureInputs(features, dataset.splits["train"], mirrored, augmented),
            "dev": FeatureInputs(features, dataset.splits["dev"])}, source


def wanted_features(model):
    """The features that a model reads, in words."""
    names = [name for name in FEATURES if has_regions(FEATURES, name) == (model == "attend")]
    return f"regions ({', '.join(names)})" if model == "attend" else " or ".join(names)


def new_captioner(settings, dataset, source, device):
    """A captioner with random weights for ``dataset``, with the vocabulary of train."""
    tokenizer = settings.tokenizer or "words"
    texts = [text for name in dataset.splits["train"] for text in dataset.captions[name]]
    warn_of_missing_spaces(texts, tokenizer, "the training captions")
    captions = [TOKENIZERS[tokenizer](text) for text in texts]
    if not any(captions):
        raise UserError(f"none of the {len(captions)} training captions of {dataset.name} has a word (a letter or a "
                        "digit) in it; check the caption file")
    vocabulary = Vocabulary.from_captions(captions, settings.min_count, tokenizer)
    if len(vocabulary) == len(SPECIAL):
        raise UserError(f"no word occurs {settings.min_count} times in the {len(captions)} training captions; use a "
                        "smaller min_count=")
    common = {"vocabulary": len(vocabulary), "embedding": settings.embedding, "hidden": settings.hidden,
              "drop": settings.drop, "label_smoothing": settings.label_smoothing}
    if settings.model == "attend":
        D = source.regions_shape()[-1] if settings.finetune is None else channels_made(settings.finetune)
        model_settings = ShowAttendTellSettings(
            **common, feature_size=D, global_size=source.global_size(), region_size=settings.region_size,
            attention=settings.attention, query_word=settings.query == "word", normalize=settings.normalize,
            dropout_at=settings.dropout_locations(), word_dropout=settings.word_dropout, sentinel=settings.sentinel,
            doubly_stochastic=settings.doubly_stochastic, finetune=settings.finetune)
    else:
        image = ({"input": "pixels", "side": dataset.side} if source is None else
                 {"input": "features", "feature_size": source.shape[-1]})
        model_settings = ShowTellSettings(**common, **image, image_every_step=settings.image == "every")
    model = build_model(model_settings, np.random.default_rng([settings.seed, 0]), vocabulary.log_frequencies())
    if settings.embeddings and not settings.resume:  # a run that goes on has learned its own, or kept them
        begin_with_vectors(word_embedding(model), vocabulary, WordVectors(settings.embeddings))
    return Captioner(model, vocabulary, model_settings, device, source=source, weights=settings.weights)


def begin_with_vectors(W, vocabulary, vectors):
    """Give the words their vectors and print how many have one; UserError when none has."""
    words = vocabulary.words[len(SPECIAL):]
    found = vectors.of(words)
    if not found:
        theirs = "" if vectors.first is None else f" (its first is for {vectors.first!r})"
        raise UserError(f"{vectors.path} has a vector for none of the {len(words):,} words of the captions, such as "
                        f"{words[0]!r}{theirs}; use vectors of their language, of words in lower case without more")
    if not any(vector.any() for vector in found.values()):
        raise UserError(f"{vectors.path} has nothing but zeros for the words of the captions; use another copy")
    counts = dict(zip(vocabulary.words, vocabulary.counts, strict=True))
    running = sum(counts[word] for word in found) / sum(counts[word] for word in words)
    print(f"{vectors.path}: vectors of {vectors.size} numbers for {len(found):,} of {len(words):,} words, which are "
          f"{running:.1%} of the words in the captions; the others begin at random")
    W.data = vectors_in_place(W.data, vocabulary, found)


def fit_normalization(captioner, inputs, images=256):
    """Let the model compute statistics of its features from some images of train, evenly spread over the split."""
    if captioner.settings.kind == "attend" and captioner.settings.normalize == "channels":
        rows = np.unique(np.linspace(0, len(inputs.names) - 1, images).astype(int))
        captioner.model.fit(captioner.device.asarray(inputs(rows)))


def begin_with(captioner, folder):
    """Load the weights of another run's best epoch into the model, and those of VGG into a block to be fine-tuned."""
    path = expanded(folder) / "best.safetensors"
    tensors, facts = load_tensors(path, "checkpoint to begin with")
    if facts.get("vocabulary") != captioner.vocabulary.digest:
        raise UserError(f"{path} was trained with another vocabulary, so on other captions; name a run on this data")
    before = read_description(folder)
    block = captioner.settings.finetune
    fresh = block is not None and before.settings.finetune is None  # in that run the block was frozen
    ours, theirs = captioner.source, before.source
    differences = set(ours.differences(theirs)) if ours and theirs else set()
    if differences - ({"layer", "shape", "parts"} if fresh else set()) or bool(ours) != bool(theirs):
        raise UserError(f"{path} was trained on other features, which differ in {differences_in_words(ours, theirs)}; "
                        "name those it was trained on with features=, or train without init=")
    try:
        (captioner.model.captioner if fresh else captioner.model).load_state(tensors)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    if fresh:  # the extractor checks that it is the same file
        captioner.model.block.load_state(fine_tuned_block(block, captioner.extractor().networks[0].model).state())
