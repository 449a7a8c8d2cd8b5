"""The complete captioner against PyTorch: the same weights give the same loss and the same gradients."""

import numpy as np
import pytest

from minicap.captioning.models.settings import ShowTellSettings
from minicap.captioning.models.show_tell import FEATURE_LENGTH, ShowTell, feature_encoder, small_cnn
from minicap.captioning.text.batches import make_batch

pytestmark = pytest.mark.peers
torch = pytest.importorskip("torch")

V, E, H, D, SIDE, CHANNELS = 23, 12, 17, 30, 16, (5, 6, 7)
CAPTIONS = [(n % 4, list(range(4 + n, 4 + n + length))) for n, length in enumerate([5, 1, 7, 3, 3, 9])]


def gates(a):
    """Our blocks i, f, o, g along the last axis in PyTorch's order i, f, g, o."""
    i, f, o, g = np.split(np.asarray(a), 4, axis=-1)
    return np.concatenate([i, f, g, o], axis=-1)


def image_first(a):
    """The rows of the matrix after the CNN: our pixels are flattened in (H, W, C) order, PyTorch's in (C, H, W)."""
    side = SIDE // 2**len(CHANNELS)
    return a.reshape(side, side, -1, a.shape[-1]).transpose(2, 0, 1, 3).reshape(len(a), -1)


# our name -> (PyTorch's name, our array in PyTorch's layout)
LAYOUTS = {
    "embedding.W": ("embedding.weight", lambda a: a),
    "lstm.cell.W": ("lstm.weight_ih_l0", lambda a: gates(a).T),
    "lstm.cell.U": ("lstm.weight_hh_l0", lambda a: gates(a).T),
    "lstm.cell.b": ("lstm.bias_ih_l0", gates),
    "output.W": ("output.weight", lambda a: a.T),
    "output.b": ("output.bias", lambda a: a),
    "encoder.project.W": ("encoder.project.weight", lambda a: (a if len(a) == D else image_first(a)).T),
    "encoder.project.b": ("encoder.project.bias", lambda a: a),
}
for block in range(1, len(CHANNELS) + 1):
    LAYOUTS |= {f"encoder.conv{block}.W": (f"encoder.conv{block}.weight", lambda a: a.transpose(3, 2, 0, 1)),
                f"encoder.conv{block}.b": (f"encoder.conv{block}.bias", lambda a: a),
                f"encoder.bn{block}.gamma": (f"encoder.bn{block}.weight", lambda a: a),
                f"encoder.bn{block}.beta": (f"encoder.bn{block}.bias", lambda a: a)}


class TorchFeatures(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.project = torch.nn.Linear(D, E)

    def forward(self, x):
        return self.project(FEATURE_LENGTH * torch.nn.functional.normalize(x, dim=1))


class TorchCNN(torch.nn.Module):
    def __init__(self):
        super().__init__()
        C = 3
        for block, F in enumerate(CHANNELS, start=1):
            setattr(self, f"conv{block}", torch.nn.Conv2d(C, F, 3, padding=1))
            setattr(self, f"bn{block}", torch.nn.BatchNorm2d(F))
            C = F
        self.project = torch.nn.Linear(C * (SIDE // 2**len(CHANNELS))**2, E)

    def forward(self, x):
        x = x.permute(0, 3, 1, 2)
        for block in range(1, len(CHANNELS) + 1):
            x = getattr(self, f"bn{block}")(getattr(self, f"conv{block}")(x)).relu()
            x = torch.nn.functional.max_pool2d(x, 2)
        return self.project(x.flatten(1))


class TorchShowTell(torch.nn.Module):
    """Written from the paper with PyTorch's own LSTM on packed sequences."""

    def __init__(self, encoder, image_every_step, label_smoothing):
        super().__init__()
        self.encoder, self.image_every_step = encoder, image_every_step
        self.embedding = torch.nn.Embedding(V, E)
        self.lstm = torch.nn.LSTM(2 * E if image_every_step else E, H, batch_first=True)
        self.output = torch.nn.Linear(H, V)
        self.loss = torch.nn.CrossEntropyLoss(label_smoothing=label_smoothing)

    def forward(self, images, image_of, words, targets, lengths):
        image = self.encoder(images)[image_of][:, None]
        embedded = self.embedding(words)
        if self.image_every_step:
            x, extra = torch.cat([embedded, image.expand_as(embedded)], dim=2), 0
        else:
            x, extra = torch.cat([image, embedded], dim=1), 1
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths + extra, batch_first=True, enforce_sorted=False)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        inside = torch.arange(words.shape[1]) < lengths[:, None]
        return self.loss(self.output(y[:, extra:])[inside], targets[inside])


def make_pair(kind, label_smoothing, dtype):
    """Our model and PyTorch's, with our weights."""
    rng = np.random.default_rng(0)
    encoder, peer_encoder = ((feature_encoder(D, E, rng=rng), TorchFeatures())
                             if kind == "features" else (small_cnn(SIDE, E, channels=CHANNELS, rng=rng), TorchCNN()))
    every_step = kind == "pixels"
    settings = ShowTellSettings(input=kind, vocabulary=V, embedding=E, hidden=H, drop=0.0,
                                label_smoothing=label_smoothing, image_every_step=every_step)
    model = ShowTell(settings, encoder=encoder, rng=rng, dropout_rng=rng)
    for name, p in model.named_parameters():  # biases, too, are something
        if name.endswith((".b", ".beta", "output.W")):
            p.data = rng.normal(0, 0.3, p.shape)
    peer = TorchShowTell(peer_encoder, every_step, label_smoothing).double()
    model.astype(np.float64)
    state = model.state()
    weights = {LAYOUTS[name][0]: LAYOUTS[name][1](state[name]) for name, _ in model.named_parameters()}
    weights["lstm.bias_hh_l0"] = np.zeros(4 * H)  # PyTorch has two biases that are only ever added
    missing = peer.load_state_dict({n: torch.from_numpy(np.array(a)) for n, a in weights.items()}, strict=False)
    assert not missing.unexpected_keys and all("running" in n or "batches" in n for n in missing.missing_keys)
    return model.astype(dtype), peer.to(getattr(torch, np.dtype(dtype).name))


@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-5), (np.float64, 1e-11)], ids=["float32", "float64"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("kind", ["features", "pixels"])
def test_loss_and_every_gradient_equal_pytorch(kind, label_smoothing, dtype, tolerance, rng):
    model, peer = make_pair(kind, label_smoothing, dtype)
    batch = make_batch(CAPTIONS)
    shape = (4, D) if kind == "features" else (4, SIDE, SIDE, 3)
    images = rng.uniform(-1, 1, shape).astype(dtype)

    loss, cache = model.forward(images, batch.image_index, batch.tokens, batch.targets, batch.lengths)
    dimages, *_ = model.backward(1.0, cache)
    x = torch.from_numpy(images).requires_grad_()
    expected = peer(x, *map(torch.from_numpy, (batch.image_index, batch.tokens, batch.targets, batch.lengths)))
    expected.backward()

    assert float(loss) == pytest.approx(expected.item(), rel=tolerance)
    theirs = {name: p.grad.numpy() for name, p in peer.named_parameters()}
    ours = {LAYOUTS[name][0]: LAYOUTS[name][1](p.grad) for name, p in model.named_parameters()}
    largest = max(np.abs(g).max() for g in theirs.values())
    assert ours.keys() == theirs.keys() - {"lstm.bias_hh_l0"} and largest > 0.01
    for name, gradient in ours.items():
        # a bias before a batch norm has gradient zero: its rounding is measured against the other gradients
        scale = max(np.abs(theirs[name]).max(), 0.1 * largest)
        assert np.abs(gradient - theirs[name]).max() <= tolerance * scale, name
    if kind == "features":
        assert np.abs(dimages - x.grad.numpy()).max() <= tolerance * np.abs(x.grad.numpy()).max()
    else:
        assert dimages is None


@pytest.mark.parametrize("kind", ["features", "pixels"])
def test_inference_equals_pytorch_in_evaluation_mode(kind, rng):
    model, peer = make_pair(kind, 0.1, np.float64)
    batch = make_batch(CAPTIONS)
    images = rng.uniform(-1, 1, (4, D) if kind == "features" else (4, SIDE, SIDE, 3))
    arguments = images, batch.image_index, batch.tokens, batch.targets, batch.lengths
    model.forward(*arguments)  # both move their running statistics by one batch
    with torch.inference_mode():
        peer(*map(torch.from_numpy, arguments))
        peer.eval()
        peer.loss = torch.nn.CrossEntropyLoss()  # the perplexity knows no label smoothing
        expected = peer(*map(torch.from_numpy, arguments))
    assert float(model(*arguments)) == pytest.approx(expected.item(), rel=1e-11)
