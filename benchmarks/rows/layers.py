"""Single layers forward and backward: pooling, batch norm, LSTM, embedding, softmax with cross-entropy."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from minicap.linear import Embedding
from minicap.losses import SoftmaxCrossEntropy
from minicap.normalization import BatchNorm2d
from minicap.pooling import MaxPool2d
from minicap.recurrent import LSTM

from ..row import Row, Work, gradients, normal


@dataclass(frozen=True, kw_only=True)
class MaxPoolTrain(Row):
    """2 x 2 max-pooling."""

    N: int = 16
    side: int = 112
    C: int = 64
    small: ClassVar[dict] = {"N": 2, "side": 8}

    def data(self):
        rng = np.random.default_rng(0)
        return {"x": normal(rng, self.N, self.side, self.side, self.C),
                "dy": normal(rng, self.N, self.side // 2, self.side // 2, self.C)}

    def ours(self, data, place):
        device, layer = place.minicap(), MaxPool2d(2)
        x, dy = device.asarray(data["x"]), device.asarray(data["dy"])

        def run():
            y, cache = layer.forward(x)
            return {"y": y, "dx": layer.backward(dy, cache)}
        return Work(run, run)

    def peer(self, data, place):
        import torch

        from .. import pytorch

        x, dy = pytorch.images(data["x"], place, requires_grad=True), pytorch.images(data["dy"], place)

        def run():
            x.grad = None
            y = torch.nn.functional.max_pool2d(x, 2)
            y.backward(dy)
            return {"y": pytorch.ours(y), "dx": pytorch.ours(x.grad)}
        return Work(run, run)


@dataclass(frozen=True, kw_only=True)
class BatchNormTrain(Row):
    """Batch normalisation by the statistics of the batch, running ones updated."""

    N: int = 16
    side: int = 112
    C: int = 64
    small: ClassVar[dict] = {"N": 2, "side": 8}

    def data(self):
        rng = np.random.default_rng(0)
        shape = (self.N, self.side, self.side, self.C)
        state = {name: rng.uniform(0.5, 1.5, self.C).astype(np.float32) for name in ("gamma", "beta", "mean", "var")}
        return {"state": state, "x": normal(rng, *shape), "dy": normal(rng, *shape)}

    def ours(self, data, place):
        device, layer = place.minicap(), BatchNorm2d(self.C)
        layer.load_state(data["state"])
        layer.to(device)
        x, dy = device.asarray(data["x"]), device.asarray(data["dy"])

        def run():
            layer.zero_grad()
            y, cache = layer.forward(x)
            return {"y": y, "dx": layer.backward(dy, cache)}
        return Work(run, lambda: run() | gradients(layer) | {"mean": layer.mean.data, "var": layer.var.data})

    def peer(self, data, place):
        import torch

        from .. import pytorch

        layer = pytorch.load(torch.nn.BatchNorm2d(self.C), data["state"]).to(place.device)
        x, dy = pytorch.images(data["x"], place, requires_grad=True), pytorch.images(data["dy"], place)

        def run():
            layer.zero_grad()
            x.grad = None
            y = layer(x)
            y.backward(dy)
            return {"y": pytorch.ours(y), "dx": pytorch.ours(x.grad)}
        return Work(run, lambda: run() | pytorch.gradients(layer, ["gamma", "beta"])
                    | {"mean": layer.running_mean, "var": layer.running_var})


@dataclass(frozen=True, kw_only=True)
class LSTMTrain(Row):
    """T steps of an LSTM, D -> H. PyTorch gets time as the first axis, which is its own order."""

    N: int = 64
    T: int = 20
    D: int = 512
    H: int = 512
    small: ClassVar[dict] = {"N": 3, "T": 4, "D": 12, "H": 8}

    def data(self):
        rng = np.random.default_rng(0)
        layer = LSTM(self.D, self.H, rng=rng)
        return {"weights": layer.state(), "x": normal(rng, self.N, self.T, self.D),
                "dy": normal(rng, self.N, self.T, self.H)}

    def ours(self, data, place):
        device, layer = place.minicap(), LSTM(self.D, self.H, rng=None)
        layer.load_state(data["weights"])
        layer.to(device)
        x, dy = device.asarray(data["x"]), device.asarray(data["dy"])

        def run():
            layer.zero_grad()
            (y, _, _), cache = layer.forward(x)
            dx, _, _ = layer.backward((dy, None, None), cache)
            return {"y": y, "dx": dx}
        return Work(run, lambda: run() | gradients(layer))

    def peer(self, data, place):
        import torch

        from .. import pytorch

        layer = pytorch.load(torch.nn.LSTM(self.D, self.H), data["weights"]).to(place.device)
        x = pytorch.tensor(data["x"].transpose(1, 0, 2), place, requires_grad=True)
        dy = pytorch.tensor(data["dy"].transpose(1, 0, 2), place)

        def run():
            layer.zero_grad()
            x.grad = None
            y, _ = layer(x)
            y.backward(dy)
            return {"y": y.transpose(0, 1), "dx": x.grad.transpose(0, 1)}
        return Work(run, lambda: run() | pytorch.gradients(layer, data["weights"]))


@dataclass(frozen=True, kw_only=True)
class EmbeddingTrain(Row):
    """Rows of a table, and the sums of their gradients."""

    N: int = 64
    T: int = 20
    V: int = 8000
    E: int = 512
    small: ClassVar[dict] = {"N": 4, "T": 5, "V": 30, "E": 8}

    def data(self):
        rng = np.random.default_rng(0)
        return {"W": normal(rng, self.V, self.E, std=0.1), "words": zipf(rng, self.V, (self.N, self.T)),
                "dy": normal(rng, self.N, self.T, self.E)}

    def ours(self, data, place):
        device, layer = place.minicap(), Embedding(self.V, self.E, rng=None)
        layer.load_state({"W": data["W"]})
        layer.to(device)
        words, dy = device.asarray(data["words"]), device.asarray(data["dy"])

        def run():
            layer.zero_grad()
            y, cache = layer.forward(words)
            layer.backward(dy, cache)
            return {"y": y}
        return Work(run, lambda: run() | gradients(layer))

    def peer(self, data, place):
        import torch

        from .. import pytorch

        W = pytorch.tensor(data["W"], place, requires_grad=True)
        words, dy = pytorch.tensor(data["words"], place), pytorch.tensor(data["dy"], place)

        def run():
            W.grad = None
            y = torch.nn.functional.embedding(words, W)
            y.backward(dy)
            return {"y": y}
        return Work(run, lambda: run() | {"dW": W.grad})


@dataclass(frozen=True, kw_only=True)
class SoftmaxCrossEntropyTrain(Row):
    """The mean cross-entropy of M words over a vocabulary, and the gradient of the logits."""

    M: int = 64 * 20
    V: int = 8000
    small: ClassVar[dict] = {"M": 12, "V": 30}

    def data(self):
        rng = np.random.default_rng(0)
        return {"logits": normal(rng, self.M, self.V, std=3.0), "targets": zipf(rng, self.V, self.M)}

    def ours(self, data, place):
        device, layer = place.minicap(), SoftmaxCrossEntropy()
        logits, targets = device.asarray(data["logits"]), device.asarray(data["targets"])

        def run():
            loss, cache = layer.forward(logits, targets)
            dlogits, _ = layer.backward(1.0, cache)
            return {"loss": loss, "dlogits": dlogits}
        return Work(run, run)

    def peer(self, data, place):
        import torch

        from .. import pytorch

        logits = pytorch.tensor(data["logits"], place, requires_grad=True)
        targets = pytorch.tensor(data["targets"], place)

        def run():
            logits.grad = None
            loss = torch.nn.functional.cross_entropy(logits, targets)
            loss.backward()
            return {"loss": loss, "dlogits": logits.grad}
        return Work(run, run)


def zipf(rng, V, shape):
    """Words with the frequencies of a language: the k-th most frequent one with probability ~ 1/k (Zipf 1949)."""
    p = 1 / np.arange(1, V + 1)
    return rng.choice(V, shape, p=p / p.sum())


ROWS = (
    MaxPoolTrain(name="maxpool_train", target=1.0, cuda_target=1.5, tolerance=1e-6),
    BatchNormTrain(name="batchnorm_train", target=1.2, cuda_target=1.5),
    LSTMTrain(name="lstm_train", target=0.95, cuda_target=1.3),
    EmbeddingTrain(name="embedding_train", target=1.0, cuda_target=1.3, tolerance=1e-5),
    SoftmaxCrossEntropyTrain(name="softmax_ce_train", target=1.0, cuda_target=1.3),
)
