"""The preprocessing of pictures that weights were trained with: channel order, scale, mean and standard deviation."""

from dataclasses import asdict, dataclass

import numpy as np

from ..errors import UserError

LARGEST = 4096  # pixels, of the side of a network's input


@dataclass(frozen=True)
class Preprocessing:
    """From RGB bytes to the input a network was trained on: y = (channels in ``order`` / ``scale`` - mean) / std."""

    order: str
    scale: float
    mean: tuple
    std: tuple
    size: int = 224

    @classmethod
    def from_json(cls, value):
        """From what :meth:`to_json` has made; UserError for anything else."""
        try:
            made = cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in value.items()})
            numbers = (made.scale, *made.mean, *made.std)
            if (made.order not in ("RGB", "BGR") or (len(made.mean), len(made.std)) != (3, 3)
                    or not all(type(number) in (int, float) and abs(number) < 1e6 for number in numbers)
                    or type(made.size) is not int or not 0 < made.size <= LARGEST):
                raise TypeError("a value that no preprocessing has")
            return made
        except (TypeError, AttributeError) as error:
            raise UserError(f"{value!r} describes no preprocessing of pictures ({error}); use the version of minicap "
                            "that wrote it") from error

    def __call__(self, images):
        """images: (N, H, W, 3) uint8, RGB -> (N, H, W, 3) float32."""
        images = images[..., ::-1] if self.order == "BGR" else images
        images = images.astype(np.float32) / np.float32(self.scale) - np.asarray(self.mean, np.float32)
        return images / np.asarray(self.std, np.float32)

    def to_json(self):
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


CAFFE = Preprocessing("BGR", 1.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0))  # Oxford's own weights, as in Keras
CAFFE_RGB = Preprocessing("RGB", 1.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0))  # the same weights for RGB
TORCHVISION = Preprocessing("RGB", 255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
TF = Preprocessing("RGB", 127.5, (1.0, 1.0, 1.0), (1.0, 1.0, 1.0))  # from -1 to 1, Keras' mode "tf"

CONVENTIONS = {"caffe-bgr": CAFFE, "caffe-rgb": CAFFE_RGB, "torchvision": TORCHVISION, "tf": TF}


def convention(name):
    """The Preprocessing called ``name``; UserError when there is none."""
    if name not in CONVENTIONS:
        raise UserError(f"there is no preprocessing={name!r}; use one of {', '.join(CONVENTIONS)}")
    return CONVENTIONS[name]
