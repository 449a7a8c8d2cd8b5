"""Layers, loss and optimisers against PyTorch in float64: forward, every gradient, twenty steps of every optimiser.

What differs between the two is said here once: images are (N, H, W, C) here and (N, C, H, W) there, kernels
(K, K, C, F) and (F, C, K, K), gates i, f, o, g and i, f, g, o; PyTorch has two LSTM biases, which only ever appear as
their sum.
"""

import numpy as np
import pytest

from minicap.activations import ReLU6
from minicap.backend import to_numpy
from minicap.conv import Conv2d, same_padding
from minicap.depthwise import DepthwiseConv2d
from minicap.layer import Parameter, Residual
from minicap.linear import Embedding, Linear
from minicap.losses import SoftmaxCrossEntropy
from minicap.normalization import BatchNorm2d
from minicap.optim import SGD, Adam, RMSProp, clip_gradients
from minicap.pooling import AvgPool2d, MaxPool2d
from minicap.recurrent import LSTM

pytestmark = pytest.mark.peers
torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra `peers`)")
F = torch.nn.functional


@pytest.fixture(autouse=True)
def one_thread():
    """Small arrays: threads would only cost time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def leaf(a):
    """A tensor with a gradient."""
    return torch.tensor(np.asarray(a), requires_grad=True)


def close(ours, theirs, tolerance=1e-10):
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else theirs
    np.testing.assert_allclose(to_numpy(ours), theirs, rtol=tolerance, atol=tolerance)


def double(layer, device):
    return layer.astype(np.float64).to(device)


def images_first(a):
    return a.permute(0, 3, 1, 2)


def channels_last(a):
    return a.permute(0, 2, 3, 1)


def compare(layer, device, x, y, leaves, dy):
    """``layer`` on ``x`` gives ``y``, and after ``dy`` the gradients of ``leaves``: name -> (tensor, to our layout)."""
    ours, cache = layer.forward(device.asarray(x))
    close(ours, y)
    y.backward(torch.tensor(dy))
    close(layer.backward(device.asarray(dy), cache), leaves.pop("x").grad)
    for name, p in layer.named_parameters():
        tensor, transform = leaves[name]
        close(p.grad, transform(tensor.grad))


# ------------------------------------------------------------------------------------------------- images and vectors

@pytest.mark.parametrize(("kernel", "stride", "padding"), [
    (1, 1, 0), (3, 1, 1), (3, 2, 1), (5, 1, 2), (2, 2, 0), (4, 3, 2), (3, 3, 0)])
@pytest.mark.parametrize("image", [(8, 8), (7, 10)])
def test_conv2d(device, rng, kernel, stride, padding, image):
    layer = double(Conv2d(3, 4, kernel, stride=stride, padding=padding, rng=rng), device)
    layer.b.data = device.asarray(rng.standard_normal(4))
    x, W, b = rng.standard_normal((2, *image, 3)), layer.state()["W"], layer.state()["b"]
    tx, tW, tb = leaf(x), leaf(W.transpose(3, 2, 0, 1).copy()), leaf(b)
    y = channels_last(F.conv2d(images_first(tx), tW, tb, stride=stride, padding=padding))
    compare(layer, device, x, y, {"x": tx, "W": (tW, lambda g: g.permute(2, 3, 1, 0)), "b": (tb, lambda g: g)},
            rng.standard_normal(y.shape))


SAME_IMAGES = [(8, 8), (7, 10), (13, 6)]


def images_padded_by_torch(tx, image, kernel, stride):
    """TensorFlow's SAME, which PyTorch has not with a stride: zeros around the image beforehand."""
    (top, bottom), (left, right) = (same_padding(n, kernel, stride) for n in image)
    return F.pad(images_first(tx), (left, right, top, bottom))


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 2), (2, 2)])
@pytest.mark.parametrize("image", SAME_IMAGES)
def test_conv2d_with_same_padding(device, rng, kernel, stride, image):
    layer = double(Conv2d(3, 4, kernel, stride=stride, padding="same", rng=rng), device)
    x, W, b = rng.standard_normal((2, *image, 3)), layer.state()["W"], layer.state()["b"]
    tx, tW, tb = leaf(x), leaf(W.transpose(3, 2, 0, 1).copy()), leaf(b)
    y = channels_last(F.conv2d(images_padded_by_torch(tx, image, kernel, stride), tW, tb, stride=stride))
    compare(layer, device, x, y, {"x": tx, "W": (tW, lambda g: g.permute(2, 3, 1, 0)), "b": (tb, lambda g: g)},
            rng.standard_normal(y.shape))


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (5, 1), (5, 2), (4, 3)])
@pytest.mark.parametrize("image", SAME_IMAGES)
def test_depthwise_conv2d(device, rng, kernel, stride, image):
    layer = double(DepthwiseConv2d(3, kernel, stride=stride, padding="same", rng=rng), device)
    layer.b.data = device.asarray(rng.standard_normal(3))
    x, W, b = rng.standard_normal((2, *image, 3)), layer.state()["W"], layer.state()["b"]
    tx, tW, tb = leaf(x), leaf(W.transpose(2, 0, 1)[:, None].copy()), leaf(b)
    y = channels_last(F.conv2d(images_padded_by_torch(tx, image, kernel, stride), tW, tb, stride=stride, groups=3))
    compare(layer, device, x, y, {"x": tx, "W": (tW, lambda g: g[:, 0].permute(1, 2, 0)), "b": (tb, lambda g: g)},
            rng.standard_normal(y.shape))


def test_relu6(device, rng):
    x = np.concatenate([8 * rng.standard_normal(50), [0.0, 6.0]])
    tx = leaf(x)
    y = F.relu6(tx)
    compare(ReLU6(), device, x, y, {"x": tx}, rng.standard_normal(y.shape))


def test_residual_block(device, rng):
    layer = double(Residual(fc=Linear(3, 3, rng=rng), act=ReLU6()), device)
    x = rng.standard_normal((5, 3))
    tx, tW, tb = leaf(x), leaf(layer.state()["fc.W"].T.copy()), leaf(layer.state()["fc.b"])
    y = tx + F.relu6(F.linear(tx, tW, tb))
    compare(layer, device, x, y, {"x": tx, "fc.W": (tW, lambda g: g.T), "fc.b": (tb, lambda g: g)},
            rng.standard_normal(y.shape))


@pytest.mark.parametrize(("ours", "theirs"), [(MaxPool2d, F.max_pool2d), (AvgPool2d, F.avg_pool2d)])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 3, 0), (4, 2, 2)])
def test_pooling(device, rng, ours, theirs, kernel, stride, padding):
    x = rng.standard_normal((2, 7, 9, 3))
    tx = leaf(x)
    y = channels_last(theirs(images_first(tx), kernel, stride=stride, padding=padding))
    compare(ours(kernel, stride=stride, padding=padding), device, x, y, {"x": tx}, rng.standard_normal(y.shape))


def test_max_pooling_gives_ties_to_the_same_pixel(device, rng):
    x = rng.integers(0, 3, (2, 8, 8, 3)).astype(float)
    tx = leaf(x)
    y = channels_last(F.max_pool2d(images_first(tx), 2))
    compare(MaxPool2d(2), device, x, y, {"x": tx}, rng.standard_normal(y.shape))


@pytest.mark.parametrize("frozen", [False, True])
def test_batch_norm_in_training_and_with_its_running_statistics_afterwards(device, rng, frozen):
    layer = double(BatchNorm2d(3, frozen=frozen), device)
    peer = torch.nn.BatchNorm2d(3, dtype=torch.float64)
    for ours, theirs in ((layer.gamma, peer.weight), (layer.beta, peer.bias), (layer.mean, peer.running_mean),
                         (layer.var, peer.running_var)):
        value = rng.uniform(0.5, 2, 3)
        ours.data = device.asarray(value)
        theirs.data = torch.tensor(value)
    peer.train(not frozen)
    for _ in range(3):
        layer.zero_grad()
        peer.zero_grad()
        x = rng.standard_normal((4, 5, 6, 3))
        tx = leaf(x)
        y = channels_last(peer(images_first(tx)))
        compare(layer, device, x, y, {"x": tx, "gamma": (peer.weight, lambda g: g), "beta": (peer.bias, lambda g: g)},
                rng.standard_normal(y.shape))
    close(layer.mean.data, peer.running_mean)
    close(layer.var.data, peer.running_var)
    peer.eval()
    close(layer(device.asarray(x)), channels_last(peer(images_first(torch.tensor(x)))))


@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3)])
def test_linear(device, rng, shape):
    layer = double(Linear(3, 4, rng=rng), device)
    x = rng.standard_normal(shape)
    tx, tW, tb = leaf(x), leaf(layer.state()["W"].T.copy()), leaf(layer.state()["b"])
    y = F.linear(tx, tW, tb)
    compare(layer, device, x, y, {"x": tx, "W": (tW, lambda g: g.T), "b": (tb, lambda g: g)},
            rng.standard_normal(y.shape))


def test_embedding_with_repeated_words(device, rng):
    layer = double(Embedding(6, 3, rng=rng), device)
    words = np.array([[1, 1, 5], [0, 1, 5]])
    tW = leaf(layer.state()["W"])
    theirs = F.embedding(torch.tensor(words), tW)
    ours, cache = layer.forward(device.asarray(words))
    close(ours, theirs)
    dy = rng.standard_normal(ours.shape)
    theirs.backward(torch.tensor(dy))
    layer.backward(device.asarray(dy), cache)
    close(layer.W.grad, tW.grad)


# ----------------------------------------------------------------------------------------------------------- LSTM

H = 4
OUR_ORDER = np.r_[0:2 * H, 3 * H:4 * H, 2 * H:3 * H]  # blocks i f g o -> i f o g, and back


def lstm_pair(device, rng):
    """Our LSTM(3 -> 4) and PyTorch's with the same weights (blocks o and g change places, its own inverse)."""
    layer = double(LSTM(3, H, rng=rng), device)
    layer.cell.b.data = device.asarray(rng.standard_normal(4 * H))
    peer = torch.nn.LSTM(3, H, batch_first=True, dtype=torch.float64)
    state = layer.state()
    with torch.no_grad():
        peer.weight_ih_l0.copy_(torch.tensor(state["cell.W"][:, OUR_ORDER].T.copy()))
        peer.weight_hh_l0.copy_(torch.tensor(state["cell.U"][:, OUR_ORDER].T.copy()))
        peer.bias_ih_l0.copy_(torch.tensor(state["cell.b"][OUR_ORDER]))
        peer.bias_hh_l0.zero_()
    return layer, peer


@pytest.mark.parametrize("lengths", [None, [5, 5, 5, 5], [2, 5, 1, 3]], ids=str)
@pytest.mark.parametrize("with_state", [True, False])
def test_lstm_also_over_packed_sequences(device, rng, lengths, with_state):
    layer, peer = lstm_pair(device, rng)
    x, h0, c0 = rng.standard_normal((4, 5, 3)), rng.standard_normal((4, H)), rng.standard_normal((4, H))
    tx, th0, tc0 = leaf(x), leaf(h0), leaf(c0)
    state = (th0[None], tc0[None]) if with_state else None
    if lengths is None:
        y, (h, c) = peer(tx, state)
    else:
        packed = torch.nn.utils.rnn.pack_padded_sequence(tx, lengths, batch_first=True, enforce_sorted=False)
        y, (h, c) = peer(packed, state)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=5)
    ours_state = (device.asarray(h0), device.asarray(c0)) if with_state else (None, None)
    ours, cache = layer.forward(device.asarray(x), *ours_state, lengths=None if lengths is None else np.array(lengths))
    for a, b in zip(ours, (y, h[0], c[0]), strict=True):
        close(a, b)

    dy, dh, dc = rng.standard_normal((4, 5, H)), rng.standard_normal((4, H)), rng.standard_normal((4, H))
    torch.autograd.backward((y, h, c), (torch.tensor(dy), torch.tensor(dh)[None], torch.tensor(dc)[None]))
    dx, dh0, dc0 = layer.backward(tuple(device.asarray(d) for d in (dy, dh, dc)), cache)
    close(dx, tx.grad)
    if with_state:
        close(dh0, th0.grad)
        close(dc0, tc0.grad)
    close(layer.cell.W.grad, peer.weight_ih_l0.grad.T[:, OUR_ORDER])
    close(layer.cell.U.grad, peer.weight_hh_l0.grad.T[:, OUR_ORDER])
    close(layer.cell.b.grad, peer.bias_ih_l0.grad[OUR_ORDER])


# ------------------------------------------------------------------------------------------------------------ loss

@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("masked", [False, True])
def test_cross_entropy(device, rng, smoothing, masked):
    logits, targets, mask = rng.standard_normal((6, 5)), rng.integers(0, 5, 6), np.array([1, 1, 0, 1, 0, 1], bool)
    theirs_targets = torch.tensor(np.where(mask, targets, -100) if masked else targets)
    tlogits = leaf(logits)
    theirs = F.cross_entropy(tlogits, theirs_targets, ignore_index=-100, label_smoothing=smoothing)
    layer = SoftmaxCrossEntropy(smoothing)
    ours_mask = device.asarray(mask) if masked else None
    loss, cache = layer.forward(device.asarray(logits), device.asarray(targets), ours_mask)
    close(loss, theirs)
    theirs.backward()
    close(layer.backward(1.0, cache)[0], tlogits.grad)


# ------------------------------------------------------------------------------------------------------ optimisers

OPTIMISERS = {
    "SGD": (lambda p: SGD(p, lr=0.05), lambda p: torch.optim.SGD(p, lr=0.05)),
    "momentum": (lambda p: SGD(p, lr=0.05, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    "RMSProp": (lambda p: RMSProp(p, lr=0.01, rho=0.9), lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9)),
    "Adam": (lambda p: Adam(p, lr=0.01), lambda p: torch.optim.Adam(p, lr=0.01)),
    "AdamW": (lambda p: Adam(p, lr=0.01, weight_decay=0.1), lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1)),
}


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-5)], ids=["float64", "float32"])
def test_twenty_steps_of_an_optimiser(device, rng, name, dtype, tolerance):
    """In float32 the two round in another order: a few units in the last place (6e-8) per step, over 20 steps."""
    make_ours, make_theirs = OPTIMISERS[name]
    start = rng.standard_normal((3, 4)).astype(dtype)
    p, tensor = Parameter(device.asarray(start)), leaf(start)
    ours, theirs = make_ours({"W": p}), make_theirs([tensor])
    for _ in range(20):
        g = rng.standard_normal((3, 4)).astype(dtype)
        p.grad, tensor.grad = device.asarray(g), torch.tensor(g)
        ours.step()
        theirs.step()
        close(p.data, tensor, tolerance)
    assert p.data.dtype == dtype


@pytest.mark.parametrize("max_norm", [0.5, 1e6])
def test_gradient_clipping(device, rng, max_norm):
    """PyTorch divides by norm + 1e-6, we by norm + 1e-12: the results differ by one part in a million."""
    gradients = [rng.standard_normal(shape) for shape in ((3, 4), (5,))]
    parameters, tensors = [Parameter(device.asarray(g)) for g in gradients], [leaf(g) for g in gradients]
    for p, tensor, g in zip(parameters, tensors, gradients, strict=True):
        p.grad, tensor.grad = device.asarray(g.copy()), torch.tensor(g)
    close(clip_gradients(parameters, max_norm), torch.nn.utils.clip_grad_norm_(tensors, max_norm))
    for p, tensor in zip(parameters, tensors, strict=True):
        close(p.grad, tensor.grad, 1e-6)
