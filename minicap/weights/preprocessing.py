"""The preprocessing of pictures that weights were trained with: channel order, scale, mean and standard deviation."""

import reprlib
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np

from ..errors import UserError
from ..schema import Within, misfit

Level = Annotated[float, Within(-1e6, 1e6)]  # of a picture, or its scale


@dataclass(frozen=True)
class Preprocessing:
    """From RGB bytes to the input a network was trained on: y = (channels in ``order`` / ``scale`` - mean) / std.

    Before that, pictures are resized to ``size`` pixels by an ``interpolation`` of images.py.
    """

    order: Literal["RGB", "BGR"]
    scale: Level
    mean: tuple[Level, ...]
    std: tuple[Level, ...]
    size: Annotated[int, Within(1, 4097)] = 224
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """From what :meth:`to_json` has made; UserError for anything else."""
        problem = misfit(value, cls)
        if problem or len(value["mean"]) != 3 or len(value["std"]) != 3 or 0 in (value["scale"], *value["std"]):
            raise UserError(f"{reprlib.repr(value)} describes no preprocessing of pictures "
                            f"({problem or 'mean and std are three numbers; scale and std are not 0'}); use the "
                            "version of minicap that wrote it")
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in value.items()})

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """images: (N, H, W, 3) uint8, RGB -> (N, H, W, 3) float32."""
        images = images[..., ::-1] if self.order == "BGR" else images
        images = images.astype(np.float32) / np.float32(self.scale) - np.asarray(self.mean, np.float32)
        return images / np.asarray(self.std, np.float32)

    def to_json(self) -> dict[str, Any]:
        described = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        if self.interpolation == "bilinear":  # which files of earlier versions do not say
            del described["interpolation"]
        return described


CAFFE = Preprocessing("BGR", 1.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0))  # Oxford's own weights, as in Keras
CAFFE_RGB = Preprocessing("RGB", 1.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0))  # the same weights for RGB
TORCHVISION = Preprocessing("RGB", 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
TF = Preprocessing("RGB", 127.5, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0))  # from -1 to 1, Keras' mode "tf"
EFFICIENTNET_LITE = Preprocessing("RGB", 128.0, (127 / 128,) * 3, (1.0, 1.0, 1.0))  # (x - 127) / 128, exactly

CONVENTIONS = {"caffe-bgr": CAFFE, "caffe-rgb": CAFFE_RGB, "torchvision": TORCHVISION, "tf": TF,
               "efficientnet-lite": EFFICIENTNET_LITE}


def convention_name(preprocessing):
    """ "caffe-bgr", ... for a Preprocessing, or its dict from JSON; "of its own" for one that is no convention.

    Size and interpolation are not part of a convention.
    """
    described = preprocessing.to_json() if isinstance(preprocessing, Preprocessing) else preprocessing
    levels = ("order", "scale", "mean", "std")
    return next((name for name, known in CONVENTIONS.items()
                 if all(known.to_json()[level] == described.get(level) for level in levels)), "of its own")


def convention(name):
    """The Preprocessing called ``name``, which may also be one itself; UserError when there is none."""
    if isinstance(name, Preprocessing):
        return name
    if name not in CONVENTIONS:
        raise UserError(f"there is no preprocessing={name!r}; use one of {', '.join(CONVENTIONS)}")
    return CONVENTIONS[name]
