"""The peer's models, written as a user of PyTorch would; modules have our layers' names (see ``pytorch.load``)."""

from itertools import groupby

import torch
from torch import nn
from torch.nn.functional import cross_entropy, max_pool2d, normalize
from torch.nn.utils.rnn import pack_padded_sequence

from minicap.captioning.models.show_tell import FEATURE_LENGTH

from .pytorch import load


class VGG(nn.Module):
    """``features`` (N, 3, H, W) -> pool5, and with dense weights ``fc7`` on top, by our ``weights`` name -> array."""

    def __init__(self, weights):
        super().__init__()
        convolutions = [name.removesuffix(".W") for name in weights if name.startswith("conv") and name.endswith(".W")]
        layers = []
        for _, block in groupby(convolutions, key=lambda name: name.partition("_")[0]):
            for name in block:
                layers += [_filled(nn.Conv2d, weights, name, 3, padding=1), nn.ReLU(inplace=True)]
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        if "fc7.W" in weights:
            self.fc7 = nn.Sequential(_filled(nn.Linear, weights, "fc6"), nn.ReLU(inplace=True),
                                     _filled(nn.Linear, weights, "fc7"), nn.ReLU(inplace=True))

    def forward(self, x):
        """fc7, or pool5 as (N, h, w, C). Rows of fc6 are in (h, w, C) order: in channels-last memory that is a view."""
        x = self.features(x).permute(0, 2, 3, 1)
        return self.fc7(x.flatten(1)) if hasattr(self, "fc7") else x


def _filled(kind, weights, name, *args, **options):
    W, b = weights[f"{name}.W"], weights[f"{name}.b"]
    return load(kind(*W.shape[-2:], *args, **options), {"W": W, "b": b})


class FeatureEncoder(nn.Module):
    """(N, D) features -> (N, E)."""

    def __init__(self, D, E):
        super().__init__()
        self.project = nn.Linear(D, E)

    def forward(self, x):
        return self.project(FEATURE_LENGTH * normalize(x, dim=1))


class SmallCNN(nn.Module):
    """(N, 3, side, side) -> (N, E): blocks of convolution, batch norm, ReLU and pooling, in channels-last memory."""

    def __init__(self, side, E, channels=(16, 32, 64)):
        super().__init__()
        self.blocks, C = len(channels), 3
        for i, F in enumerate(channels, start=1):
            setattr(self, f"conv{i}", nn.Conv2d(C, F, 3, padding=1))
            setattr(self, f"bn{i}", nn.BatchNorm2d(F))
            C, side = F, side // 2
        self.project = nn.Linear(side * side * C, E)

    def forward(self, x):
        for i in range(1, self.blocks + 1):
            x = max_pool2d(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x)).relu_(), 2)
        return self.project(x.permute(0, 2, 3, 1).flatten(1))


class ShowTell(nn.Module):
    """The captioner on packed sequences: neither the LSTM nor the output layer computes padding.

    Rows are in order of decreasing length, so packing does not reorder them, and the first N packed outputs belong to
    the image, if it is read first.
    """

    def __init__(self, encoder, V, E, H, *, drop, image_every_step):
        super().__init__()
        self.encoder, self.image_every_step = encoder, image_every_step
        self.embedding = nn.Embedding(V, E)
        self.lstm = nn.LSTM(2 * E if image_every_step else E, H, batch_first=True)
        self.output = nn.Linear(H, V)
        self.drop = nn.Dropout(drop)

    def forward(self, images, image_of, words, targets, lengths):
        image, embedded = self.encoder(images)[image_of], self.drop(self.embedding(words))
        if self.image_every_step:
            x, extra = torch.cat([embedded, image[:, None].expand_as(embedded)], dim=2), 0
        else:
            x, extra = torch.cat([image[:, None], embedded], dim=1), 1
        packed, _ = self.lstm(pack_padded_sequence(x, lengths + extra, batch_first=True))
        hidden = self.drop(packed.data[extra * len(words):])
        return cross_entropy(self.output(hidden), pack_padded_sequence(targets, lengths, batch_first=True).data)


class Decoder(nn.Module):
    """The same model word by word, for features: ``start`` and ``step`` as in minicap's."""

    def __init__(self, D, V, E, H, weights):
        super().__init__()
        model = load(ShowTell(FeatureEncoder(D, E), V, E, H, drop=0.0, image_every_step=False), weights)
        self.encoder, self.embedding, self.output = model.encoder, model.embedding, model.output
        self.cell = nn.LSTMCell(E, H)
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            setattr(self.cell, name, getattr(model.lstm, f"{name}_l0"))

    def start(self, images):
        return self.cell(self.encoder(images))

    def step(self, state, words):
        h, c = self.cell(self.embedding(words), state)
        return (h, c), self.output(h).log_softmax(dim=1)
