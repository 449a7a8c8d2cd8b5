"""Beam search: captions for many images, from features of a frozen network."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from minicap.captioning.decoding.beam_search import beam_search
from minicap.captioning.models.build import build_model
from minicap.captioning.models.settings import ShowAttendTellSettings, ShowTellSettings
from minicap.captioning.text.vocabulary import END

from ..row import Row, Work, as_numpy, normal

# For an untrained model all words are about equally likely, and its captions do not end. With this factor on the output
# layer the five best of 2,540 words have a third of the probability, and with this bias of <end> the best captions are
# from 0 to 30 words long, 9 on average (Flickr8k's have 11).
SHARPNESS, END_BIAS = 30.0, 8.0


@dataclass(frozen=True, kw_only=True)
class BeamDecode(Row):
    """``images`` captions with Show and Tell and five beams.

    The peer does the same batched search, or with ``one_at_a_time`` what popular tutorials do: image after image.
    Compared are score, log-probability and length of the best caption of each image.
    """

    images: int = 100
    one_at_a_time: bool = False
    D: int = 4096
    V: int = 2540
    E: int = 512
    H: int = 512
    beam: int = 5
    max_length: int = 30
    length_penalty: float = 0.7
    sharpness: float = SHARPNESS
    output: ClassVar[str] = "output"  # the layer that gives the logits
    small: ClassVar[dict] = {"images": 6, "D": 30, "V": 60, "E": 12, "H": 12, "max_length": 12}

    def data(self):
        rng = np.random.default_rng(0)
        settings = self.settings()
        weights = build_model(settings, rng).state()
        weights[f"{self.output}.W"] *= self.sharpness
        weights[f"{self.output}.b"][END] = END_BIAS
        return {"settings": settings, "weights": weights,
                "features": np.maximum(normal(rng, self.images, *self.feature_shape()), 0)}  # after a ReLU

    def settings(self):
        return ShowTellSettings(input="features", vocabulary=self.V, embedding=self.E, hidden=self.H, drop=0.0,
                                feature_size=self.D)

    def feature_shape(self):
        return (self.D,)

    def ours(self, data, place):
        device, model = place.minicap(), build_model(data["settings"], np.random.default_rng(0))
        model.load_state(data["weights"])
        model.to(device)
        features = device.asarray(data["features"])

        def run():
            return beam_search(model.step, model.start(features), **self.options())

        def results():
            best = [kept[0] for kept in run()]
            cut = [len(h.words) == self.max_length for h in best]  # without <end>, which else counts
            return {"score": [h.score for h in best], "log p": [h.logp for h in best],
                    "length": [len(h.words) + (not c) for h, c in zip(best, cut, strict=True)]}
        return Work(run, results)

    def peer(self, data, place):
        import torch

        from .. import pytorch
        from ..pytorch_search import beam_search

        model = self.peer_model(data["weights"]).to(place.device)
        features = pytorch.tensor(data["features"], place)
        groups = features.split(1) if self.one_at_a_time else [features]

        def run():
            with torch.inference_mode():
                return [beam_search(model.step, model.start(group), **self.options()) for group in groups]

        def results():
            scores, _, lengths = (as_numpy(torch.cat(parts)) for parts in zip(*run(), strict=True))
            return {"score": scores[:, 0], "log p": scores[:, 0] * lengths[:, 0]**self.length_penalty,
                    "length": lengths[:, 0]}
        return Work(run, results)

    def peer_model(self, weights):
        from ..pytorch_models import Decoder

        return Decoder(self.D, self.V, self.E, self.H, weights)

    def options(self):
        return {"beam": self.beam, "max_length": self.max_length, "length_penalty": self.length_penalty}


@dataclass(frozen=True, kw_only=True)
class BeamDecodeAttend(BeamDecode):
    """The same with the attention model; on both sides the beams of an image share its regions."""

    L: int = 196
    D: int = 512
    A: int = 512
    output: ClassVar[str] = "output.vocabulary"
    small: ClassVar[dict] = {"images": 6, "L": 5, "D": 10, "A": 7, "V": 60, "E": 12, "H": 12, "max_length": 12}

    def settings(self):
        return ShowAttendTellSettings(vocabulary=self.V, embedding=self.E, hidden=self.H,
                                      drop=0.0, feature_size=self.D, attention=self.A)

    def feature_shape(self):
        return (self.L, self.D)

    def peer_model(self, weights):
        from .. import pytorch
        from ..pytorch_attend import ShowAttendTell

        return pytorch.load(ShowAttendTell(self.V, self.E, self.H, self.D, self.A, drop=0.0), weights)


ROWS = (
    *(BeamDecode(name=name, target=0.8, cuda_target=1.0, tolerance=1e-3, unit="100 images",
                 one_at_a_time=one_at_a_time)
      for name, one_at_a_time in (("beam5_decode", False), ("beam5_decode_one_at_a_time", True))),
    BeamDecodeAttend(name="beam5_decode_attend", target=0.8, cuda_target=1.0, tolerance=1e-3, unit="100 images"),
)
