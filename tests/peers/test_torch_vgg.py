"""Our VGG against PyTorch's own forward, with weights that real PyTorch saved.

torchvision cannot be installed beside every PyTorch, so its VGG is built here from torch.nn: the modules, their order
and therefore the names of the state dict are those of its `make_layers` and `classifier`.
"""

import numpy as np
import pytest
import tiny_vgg

from minicap import vgg as vgg_module
from minicap.cpu.inference import InferencePlan
from minicap.vgg import vgg

pytestmark = pytest.mark.peers
torch = pytest.importorskip("torch")

both_serialisations = pytest.mark.parametrize("zip_archive", [False, True], ids=["legacy", "zip"])
with_and_without_batch_norm = pytest.mark.parametrize("batch_norm", [False, True], ids=["plain", "batch norm"])


class TorchVGG(torch.nn.Module):
    def __init__(self, depth, batch_norm, top):
        super().__init__()
        nn, layers, C = torch.nn, [], 3
        for count, F in zip(vgg_module.CONVOLUTIONS[depth], vgg_module.CHANNELS, strict=True):
            for _ in range(count):
                layers += [nn.Conv2d(C, F, 3, padding=1), *([nn.BatchNorm2d(F)] if batch_norm else []), nn.ReLU(True)]
                C = F
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        if top:
            (D, H6), (_, H7), (_, V) = vgg_module.DENSE.values()
            self.classifier = nn.Sequential(nn.Linear(D, H6), nn.ReLU(True), nn.Dropout(), nn.Linear(H6, H7),
                                            nn.ReLU(True), nn.Dropout(), nn.Linear(H7, V))

    def forward(self, x):
        x = self.features(x)
        return self.classifier(torch.flatten(x, 1)) if hasattr(self, "classifier") else x


def make_peer(depth, batch_norm, top=True):
    torch.manual_seed(depth)
    peer = TorchVGG(depth, batch_norm, top).eval()
    for name, tensor in peer.state_dict().items():  # as after training: nothing is zero or one everywhere
        if name.endswith(("running_var", "bias", "running_mean")):
            tensor.uniform_(0.1, 0.6)
        elif tensor.ndim == 4:
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5)
    return peer


def torch_output(peer, images):
    """Logits (N, V), or pool5 as (N, H, W, C), by PyTorch alone: its own preprocessing and its own layout."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.inference_mode():
        y = peer((x - mean) / std)
    return (y if y.ndim == 2 else y.permute(0, 2, 3, 1)).numpy()


def assert_close(y, expected, tolerance):
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= tolerance * np.abs(expected).max()


def compare(peer, path, images, zip_archive):
    torch.save(peer.state_dict(), path, _use_new_zipfile_serialization=zip_archive)
    model = vgg(weights=path)
    x, expected = model.preprocessing(images), torch_output(peer, images)
    assert np.ptp(expected) > 0.1 * np.abs(expected).max()  # the comparison is of something
    assert_close(model(x), expected, 1e-5)
    assert_close(InferencePlan(model)(x), expected, 1e-4)
    return model


@both_serialisations
@with_and_without_batch_norm
@pytest.mark.parametrize("depth", [11, 13, 16, 19])
def test_whole_networks_of_few_channels_equal_pytorch(monkeypatch, rng, tmp_path, depth, batch_norm, zip_archive):
    tiny_vgg.shrink(monkeypatch)
    images = rng.integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    model = compare(make_peer(depth, batch_norm), tmp_path / "vgg.pth", images, zip_archive)
    assert (model.depth, model.batch_norm, model.top) == (depth, batch_norm, True)


@both_serialisations
@with_and_without_batch_norm
def test_the_convolutions_of_vgg_11_at_full_width_equal_pytorch(rng, tmp_path, batch_norm, zip_archive):
    images = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    model = compare(make_peer(11, batch_norm, top=False), tmp_path / "vgg11.pth", images, zip_archive)
    assert repr(model) == "VGG-11" + (" with batch norm" if batch_norm else "") + ", without top"
