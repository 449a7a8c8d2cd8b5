"""python -m minicap.extract: run a frozen VGG over a data set once and store the outputs of a layer on disk."""

from dataclasses import MISSING, dataclass

from .backend import get_device
from .captioning.data import load_dataset
from .captioning.features.extractor import Extractor, Pictures, extract, extract_from
from .cli import option, parse_settings, run_program, warn_of_no_effect
from .errors import UserError
from .networks import feature_names
from .vgg import VGG


@dataclass(frozen=True)
class ExtractSettings:
    out: str = option(MISSING, "feature file to write (.npy, with a .json beside it)", metavar="FILE")
    weights: str | None = option(None, "VGG weights: Keras .h5, PyTorch .pth, .safetensors or .npz (required)",
                                 metavar="FILE")
    from_features: str | None = option(None, "start from the features of an earlier layer (pool4, conv5_4, pool5) "
                                       "instead of the pictures", metavar="FILE")
    data: str = option("flickr8k", "data set", choices=("flickr8k", "folder"))
    data_dir: str | None = option(None, "folder of the data set (default: MINICAP_DATA, or downloaded data)",
                                  metavar="DIR")
    splits: str | None = option(None, "folder with the split lists (default: those of the data set)", metavar="DIR")
    split_seed: int | None = option(None, "--data folder without split lists: split at random with this seed",
                                    metavar="N")
    layer: str = option("fc7", "layer whose outputs to store; A+B stores those of two layers",
                        choices=feature_names(VGG.features))
    split: str | None = option(None, "only the images of this split (default: all images)",
                               choices=("train", "dev", "test"))
    mirror: bool = option(False, "flip every image horizontally, for minicap.train --mirrored")
    batch_size: int = option(32, "images per batch", metavar="N", least=1)
    device: str = option("auto", "auto, cpu, cuda or cuda:N")


def main(argv=None):
    settings = parse_settings(ExtractSettings, "extract", "Run VGG over a data set and store a layer's outputs.", argv)
    if settings.weights is None:
        raise UserError("extraction needs VGG weights; name the file with --weights")
    device = get_device(settings.device)
    if settings.from_features is not None:
        warn_of_no_effect(settings, ("data", "data_dir", "splits", "split_seed", "split", "mirror"),
                          "with from_features=, which has the pictures of that file")
        extract_from(settings.from_features, settings.weights, settings.layer, settings.out, device,
                     settings.batch_size)
        return
    dataset = load_dataset(settings.data, settings.data_dir, splits=settings.splits, split_seed=settings.split_seed)
    extractor = Extractor(settings.weights, settings.layer, device, settings.mirror)
    extract(Pictures(dataset, extractor, settings.split), extractor, settings.out, settings.batch_size)


if __name__ == "__main__":
    run_program(main)
