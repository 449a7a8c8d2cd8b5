"""The attention model against PyTorch's autograd: the equations for one caption at a time, and all their gradients."""

import numpy as np
import pytest

from minicap.captioning.models.settings import ShowAttendTellSettings
from minicap.captioning.models.show_attend_tell import ShowAttendTell
from minicap.captioning.text.batches import make_batch

pytestmark = pytest.mark.peers
torch = pytest.importorskip("torch")

V, E, H, D, A, L = 23, 8, 9, 10, 7, 6
CAPTIONS = [(n % 4, list(range(4 + n, 4 + n + length))) for n, length in enumerate([5, 1, 7, 3, 3, 9])]
WEIGHT, SMOOTHING = 0.3, 0.1


def peer_loss(W, images, batch, sentinel, projected, smoothing):
    """Xu et al. (and Lu et al.) caption by caption; ``W``: our names -> tensors that require a gradient."""
    linear = lambda name, x: x @ W[f"{name}.W"] + W[f"{name}.b"]  # noqa: E731
    attention = {name.removeprefix("lstm.attention."): p for name, p in W.items() if "attention" in name}
    logits, targets, missing = [], [], 0
    for n, length in enumerate(batch.lengths):
        a = (images[batch.image_index[n]] - W["regions.scale.mean"]) / W["regions.scale.std"]  # (L, D)
        if projected:
            a = torch.relu(linear("regions.projection.linear", a))
        h, c = torch.tanh(linear("regions.init_state", a.mean(dim=0))).chunk(2)
        attended = torch.zeros(L, dtype=a.dtype)
        for t in range(length):
            x = W["words.embedding.W"][batch.tokens[n, t]]
            query = h @ attention["U"] + (x @ W["lstm.query_of_word.W"] if projected else 0)
            e = torch.tanh(linear("regions.keys", a) + query) @ attention["v"]
            if sentinel:
                s = torch.sigmoid(linear("lstm.attention.gate", torch.cat([x, h]))) * torch.tanh(c)
                e_s = torch.tanh(linear("lstm.attention.key", s) + query) @ attention["v"]
                alpha = torch.softmax(torch.cat([e, e_s[None]]), dim=0)
                z = alpha[:L] @ a + alpha[L] * linear("lstm.attention.value", s)
            else:
                alpha = torch.softmax(e, dim=0)
                z = torch.sigmoid(linear("lstm.attention.gate", h)) * (alpha @ a)
            attended = attended + alpha[:L]
            i, f, o, g = (torch.cat([x, z]) @ W["lstm.cell.W"] + h @ W["lstm.cell.U"] + W["lstm.cell.b"]).chunk(4)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            y = x + linear("output.hidden_to_output", h) + z @ W["output.context_to_output.W"]
            logits.append(linear("output.vocabulary", y))
            targets.append(int(batch.targets[n, t]))
        missing = missing + ((1 - attended)**2).sum()
    loss = torch.nn.functional.cross_entropy(torch.stack(logits), torch.tensor(targets), label_smoothing=smoothing)
    return loss, WEIGHT / len(targets) * missing


def make(sentinel, projected, dtype):
    """(our model, a batch, images): biases and statistics, too, are something."""
    rng = np.random.default_rng(0)
    settings = ShowAttendTellSettings(vocabulary=V, embedding=E, hidden=H, feature_size=D, attention=A, drop=0.0,
                                      label_smoothing=SMOOTHING, sentinel=sentinel, doubly_stochastic=WEIGHT,
                                      region_size=11 * projected, query_word=projected,
                                      finetune="block5")  # so that the images get a gradient
    model = ShowAttendTell(settings, rng=rng, dropout_rng=rng)
    for name, p in model.named_state():
        if name.endswith((".b", "vocabulary.W", ".mean")):
            p.data = rng.normal(0, 0.3, p.data.shape)
    model.regions.scale.std.data = rng.uniform(0.5, 2, D)
    return model.astype(dtype), make_batch(CAPTIONS), rng.standard_normal((4, L, D)).astype(dtype)


@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-5), (np.float64, 1e-11)], ids=["float32", "float64"])
@pytest.mark.parametrize("sentinel", [False, True], ids=["gate", "sentinel"])
@pytest.mark.parametrize("projected", [False, True], ids=["as in the paper", "projected, asked with the word"])
def test_loss_and_every_gradient_equal_pytorch(sentinel, projected, dtype, tolerance):
    model, batch, images = make(sentinel, projected, dtype)
    arguments = images, batch.image_index, batch.tokens, batch.targets, batch.lengths
    loss, cache = model.forward(*arguments)
    dimages, *_ = model.backward(1.0, cache)

    W = {name: torch.from_numpy(a).requires_grad_() for name, a in model.state().items()}
    x = torch.from_numpy(images).requires_grad_()
    expected, term = peer_loss(W, x, batch, sentinel, projected, SMOOTHING)
    (expected + term).backward()
    assert float(loss) == pytest.approx((expected + term).item(), rel=tolerance)
    ours = {name: p.grad for name, p in model.named_parameters()} | {"images": dimages}
    theirs = {name: W[name].grad for name, _ in model.named_parameters()} | {"images": x.grad}
    for name, gradient in ours.items():
        right = theirs[name].numpy()
        assert np.abs(right).max() > 1e-4, name
        assert np.abs(gradient - right).max() <= tolerance * max(np.abs(right).max(), 0.01), name

    with torch.no_grad():
        plain, _ = peer_loss(W, x, batch, sentinel, projected, 0.0)
    assert float(model(*arguments)) == pytest.approx(plain.item(), rel=tolerance)
