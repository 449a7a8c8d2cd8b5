"""From JPEG files to float16 features on disk: VGG-19 and EfficientNet-Lite2, all of the way, random weights."""

import contextlib
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from PIL import Image

from minicap.captioning.data.caption_dataset import CaptionDataset, file_reader
from minicap.captioning.features.extraction import Pictures, extract
from minicap.captioning.features.extractor import Extractor
from minicap.images import METHODS
from minicap.weights.preprocessing import TORCHVISION

from ..inference_row import EngineRow, with_engines
from ..row import Work
from .convolution import random_vgg
from .efficientnet import random_lite

BATCH = 32
READERS = 2  # threads that decode the next batch while this one is computed, on both sides (images.read_ahead)


@dataclass(frozen=True, kw_only=True)
class Extract(EngineRow):
    """``units`` photographs of 500 x 375 through VGG-19; times are per image."""

    units: int = 64
    layer: str = "fc7"
    tolerance: float = 3e-3  # float16 keeps three digits
    small: ClassVar[dict] = {"units": 3, "layer": "pool5"}

    def prepare(self, folder):
        rng = np.random.default_rng(0)
        (folder / "pictures").mkdir()
        for i in range(self.units):
            noise = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
            noise.resize((500, 375), Image.Resampling.BICUBIC).save(folder / "pictures" / f"{i:03d}.jpg", quality=90)
        np.savez(folder / "weights.npz", **self.weights(rng))

    def weights(self, rng):
        """{our name: random array}"""
        return random_vgg(19, rng, top=self.layer == "fc7")

    def peer_network(self, weights):
        """(PyTorch's module, the Preprocessing that belongs to it)."""
        from ..pytorch_models import VGG

        return VGG(weights).eval(), TORCHVISION

    def data(self):
        return {}  # both sides read the files

    def ours(self, data, place):
        paths = {path.name: path for path in sorted((place.folder / "pictures").iterdir())}
        dataset = CaptionDataset("pictures", {}, {}, tuple(paths), file_reader(paths))
        extractor = Extractor(place.folder / "weights.npz", self.layer, place.minicap())
        out = place.folder / "ours.npy"

        def run():
            out.unlink(missing_ok=True)  # finished features would not be extracted again
            with contextlib.redirect_stderr(io.StringIO()):  # the progress bar
                extract(Pictures(dataset, extractor), extractor, out, BATCH)

        def results():
            run()
            return {"features": np.load(out)}
        return Work(run, results)

    def peer(self, data, place):
        with np.load(place.folder / "weights.npz") as weights:
            model, preprocessing = self.peer_network(dict(weights))
        infer = self.inference_by(model, preprocessing, place)
        paths = sorted((place.folder / "pictures").iterdir())
        side, method = preprocessing.size, METHODS[preprocessing.interpolation]
        out = place.folder / "peer.npy"

        def read(path):
            with Image.open(path) as image:
                return np.asarray(image.convert("RGB").resize((side, side), method))

        def run():
            features = None
            with ThreadPoolExecutor(READERS) as pool:
                for begin, pictures in _read_ahead(pool, read, paths):
                    values = infer(np.stack(pictures))
                    if features is None:
                        features = np.lib.format.open_memmap(out, "w+", np.float16, (len(paths), *values.shape[1:]))
                    features[begin:begin + len(values)] = values
            features.flush()

        def results():
            run()
            return {"features": np.load(out)}
        return Work(run, results)

    def inference_by(self, model, preprocessing, place):
        """A function (N, side, side, 3) uint8 -> the peer's features in float16."""
        import torch

        from .. import pytorch

        mean, std = preprocessing.mean, preprocessing.std
        if self.engine:
            x = torch.zeros(min(BATCH, self.units), 3, preprocessing.size, preprocessing.size)
            infer = self.exported(model, x, place)

            def compute(pictures):
                x = (pictures / np.float32(preprocessing.scale) - np.float32(mean)) / np.float32(std)
                return infer(np.ascontiguousarray(x.transpose(0, 3, 1, 2))).astype(np.float16)
            return compute
        model.to(place.device, memory_format=torch.channels_last)
        mean, std = (torch.tensor(v, device=place.device).view(1, 3, 1, 1) for v in (mean, std))

        def compute(pictures):
            x = pytorch.images(pictures, place).float().div_(preprocessing.scale).sub_(mean).div_(std)
            with torch.inference_mode():
                return model(x).half().cpu().numpy()
        return compute


def _read_ahead(pool, read, paths):
    """Yield (index of the first, pictures) of each batch, the next one being read meanwhile."""
    pending = [pool.submit(read, path) for path in paths[:BATCH]]
    for begin in range(0, len(paths), BATCH):
        current, pending = pending, [pool.submit(read, path) for path in paths[begin + BATCH:begin + 2 * BATCH]]
        yield begin, [future.result() for future in current]


@dataclass(frozen=True, kw_only=True)
class LiteExtract(Extract):
    """The same through EfficientNet-Lite2, whose pictures are of 260 x 260."""

    variant: int = 2
    layer: str = "lite2-head"
    small: ClassVar[dict] = {"units": 2, "variant": 0, "layer": "lite0-head"}

    def weights(self, rng):
        return random_lite(self.variant, rng)

    def peer_network(self, weights):
        from ..pytorch_efficientnet import efficientnet

        return efficientnet(self.variant, weights, up_to="flatten")


ROWS = (*with_engines(Extract(name="vgg19_extract", target=0.42, cuda_target=1.5, unit="image")),
        *with_engines(LiteExtract(name="lite2_extract", target=1.0, cuda_target=1.5, unit="image")))
