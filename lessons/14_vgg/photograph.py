"""What a network sees in a photograph, by your functions: python photograph.py [PHOTO ...]

Your our_name (14.1) brings the weights into the network, your preprocess (14.4) the photograph.

weights    the Keras file that MINICAP_WEIGHTS names, or that `python -m minicap.download vgg19` has fetched; without
           one those of stand_in.py, which knows seven colours and nothing else
PHOTO      a picture file; without one scikit-learn's two photographs, or drawn objects where it is not installed
"""

import importlib.util
import sys
import tempfile
from pathlib import Path

import numpy as np

from minicap import read_weights
from minicap.classify import CLASSES, read_classes
from minicap.cli import run_program
from minicap.errors import UserError
from minicap.images import centre_crop, read_image, resize_short_side
from minicap.learn.lessons import load
from minicap.losses import log_softmax
from minicap.pretrained_networks import find_weights
from minicap.vgg import VGG
from minicap.weights.preprocessing import CAFFE

HERE = Path(__file__).resolve().parent


def sample_photographs():
    """scikit-learn's two photographs, [] where it is not installed."""
    package = importlib.util.find_spec("sklearn")
    folders = package.submodule_search_locations if package else ()
    return sorted(path for folder in folders for path in Path(folder, "datasets", "images").glob("*.jpg"))


def drawn_photographs():
    """Three drawn objects, as files."""
    from PIL import Image

    folder = Path(tempfile.mkdtemp())
    pictures, _ = load(HERE / "stand_in.py").objects(3, seed=2)
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).resize((256, 256)).save(folder / f"drawn-{i}.png")
    return sorted(folder.iterdir())


def foreign_weights():
    """(an empty network, {name in the file: array}, names of the classes, pixels of a side, of the short side)."""
    path = find_weights("vgg19") or find_weights("vgg16")
    if path is None:
        print("There are no VGG weights here, so a small network looks for colours. `python -m minicap.download vgg19` "
              "fetches some, MINICAP_WEIGHTS names a file.")
        small = load(HERE / "stand_in.py")
        return small.network(), small.trained(), list(small.COLOURS), small.SIDE, small.SIDE
    file = read_weights(path)
    if file.format != "keras-h5" or "predictions/kernel" not in file.tensors:
        raise UserError(f"{path} is no Keras file with dense layers, which our_name is for; the others are read by "
                        "`python -m minicap.classify`")
    model = VGG(19 if "block5_conv4/kernel" in file.tensors else 16, preprocessing=CAFFE, rng=None)
    return model, file.tensors, read_classes(path.with_name(CLASSES), 1000, required=False), 224, 256


def main(arguments):
    mine = load(HERE / "exercise.py")
    model, tensors, classes, side, short = foreign_weights()
    try:
        model.load_state({mine.our_name(name): array for name, array in tensors.items()})
        for path in arguments or sample_photographs() or drawn_photographs():
            picture = centre_crop(resize_short_side(read_image(path, at_least=short), short), side)
            x = mine.preprocess(picture[None], CAFFE.order, CAFFE.scale, CAFFE.mean, CAFFE.std)
            p = np.exp(log_softmax(model(x.astype(model["fc8"].b.data.dtype))))[0]
            print(Path(path).name)
            for i in np.argsort(-p)[:5]:
                print(f"{100 * p[i]:6.1f} %  {classes[i]}")
    except NotImplementedError as error:
        raise UserError(f"{error}; this program needs 14.1 and 14.4") from error


if __name__ == "__main__":
    run_program(main, sys.argv[1:])
