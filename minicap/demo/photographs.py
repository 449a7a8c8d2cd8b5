"""The first tab: a photograph is read once, and captioned again whenever somebody changes the search.

    photographs = Photographs(captioner)
    photograph = photographs.read("upload/dog.jpg", "dog.jpg")
    show(photograph, photographs.describe(photograph, SearchSettings(beam=5)))    # HTML

Nothing here knows of Gradio.
"""

import math
import threading
import time
from dataclasses import dataclass

import numpy as np

from ..captioning.decoding.search_settings import SearchSettings
from ..captioning.reporting.plots import shrink
from ..captioning.reporting.report import as_text, caption_html, photo_html
from ..images import read_image

SIDE = 640     # pixels of the longer side, as it is shown
SAMPLES = 5    # captions drawn at once
POINT = ("Point at a word, or tap it, to see where the captioner looked for it: the heat is relative to the word's own "
         "maximum, the line is at half of it, and the number tells over how many regions the attention is spread "
         "(e to its entropy).")
NO_ATTENTION = "This captioner has no attention to show."


@dataclass(frozen=True)
class Photograph:
    """What is kept of a photograph while it is shown."""

    picture: np.ndarray  # (H, W, 3) uint8, at most SIDE pixels
    inputs: object       # of the captioner
    seconds: dict        # {what was done: how long it took}


@dataclass(frozen=True)
class Description:
    """The captions of a photograph, the best first."""

    captions: list       # of pairs (words, probability)
    maps: list | None    # of each caption what Captioner.attention_maps returns; None without attention
    sampled: bool
    seconds: dict


class Photographs:
    """A captioner of photographs for several users, one at a time: a single large photograph may take 1.4 GB.

    ``about``: a sentence on what it knows, for those who use it.
    """

    def __init__(self, captioner, about=""):
        self.captioner, self.about, self.lock = captioner, about, threading.Lock()
        captioner.captions([np.zeros((64, 64, 3), np.uint8)])  # what is lacking shows now, and what is slow once

    @property
    def defaults(self):
        """The SearchSettings that hold while nobody changes them."""
        return SearchSettings().resolved(self.captioner.decoding)

    def read(self, path, name):
        """The :class:`Photograph` in a file; UserError, which calls it ``name``, if it cannot be read."""
        with self.lock:
            clock = Clock()
            picture = read_image(path, at_least=max(SIDE, self.captioner.input_size), name=name)
            clock.stop("reading")
            inputs = self.captioner.inputs_of([picture])
            clock.stop("features")
            return Photograph(shrink(picture, SIDE), inputs, clock.seconds)

    def describe(self, photograph, settings):
        """The :class:`Description` of a :class:`Photograph` by a search with ``settings`` (SearchSettings)."""
        captioner, sampled = self.captioner, settings.temperature is not None
        search = settings.resolved(captioner.decoding).search()
        with self.lock:
            clock = Clock()
            inputs = repeated(photograph.inputs, SAMPLES) if sampled else photograph.inputs
            found = [hypothesis for of_row in captioner.caption_inputs(inputs, **search) for hypothesis in of_row]
            clock.stop("decoding")
            texts = [text for text, _ in found]
            maps = None
            if captioner.has_attention:
                maps = captioner.attention_grids(repeated(photograph.inputs, len(texts)), texts)
                clock.stop("attention")
        captions = [(captioner.vocabulary.tokenize(text), math.exp(logp)) for text, logp in found]
        return Description(captions, maps, sampled, photograph.seconds | clock.seconds)


class Clock:
    """``stop("reading")`` notes the time since it was stopped before."""

    def __init__(self):
        self.seconds, self.begin = {}, time.perf_counter()

    def stop(self, name):
        now = time.perf_counter()
        self.seconds[name], self.begin = now - self.begin, now


def repeated(inputs, n):
    """The model inputs of one picture, n times; an ensemble has a tuple of them."""
    return tuple(repeated(x, n) for x in inputs) if isinstance(inputs, tuple) else np.repeat(inputs, n, axis=0)


def show(photograph, description):
    """The photograph with its captions as HTML."""
    maps = description.maps or [None] * len(description.captions)
    texts = [caption_html(words, of_caption) for (words, _), of_caption in zip(description.captions, maps, strict=True)]
    rows = [f'<tr><td class="number">{percent(p)}</td><td>{text}</td></tr>'
            for text, (_, p) in zip(texts, description.captions, strict=True)]
    first, _ = description.captions[0]
    photo = photo_html(photograph.picture, "your photograph: " + " ".join(first), maps[0], SIDE)
    if description.sampled:
        rest, note = rows, f"{SAMPLES} captions drawn at random, with the probability of each."
    else:
        rest, note = rows[1:], ("They are ranked by their probability after a correction for length, so a longer one "
                                "may stand above a more probable one.")
    heading = "All that were drawn" if description.sampled else "The other captions of the beam"
    others = (f'<h3>{heading}</h3><table>{"".join(rest)}</table><p class="quiet">{note}</p>' if rest else "")
    probability = f'<p class="quiet">Probability {percent(description.captions[0][1])}</p>'
    return (f'<figure class="described">{photo}<figcaption><p class="caption">{texts[0]}</p>{probability}'
            f'<p class="quiet">{POINT if description.maps else NO_ATTENTION}</p>{others}'
            f'<p class="quiet times">{times(description.seconds)}</p></figcaption></figure>')


def percent(p):
    return f"{100 * p:.3g} %"  # a long caption may have 1e-06 %


def times(seconds):
    """{"reading": 0.012, ...} in words."""
    return "Time: " + as_text(", ".join(f"{name} {1000 * taken:.0f} ms" for name, taken in seconds.items()))
