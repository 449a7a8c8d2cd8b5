"""python -m minicap.extract: run a frozen network over a data set once and store the outputs of a layer on disk.

With ``--from-array`` it stores features that another program has made.
"""

from dataclasses import MISSING, dataclass

from .backend import get_device
from .captioning.data import load_dataset
from .captioning.features.extractor import Extractor, Pictures, extract, extract_from
from .captioning.features.own_features import import_features
from .captioning.features.random_crop import RandomCrop
from .cli import option, parse_settings, run_program, warn_of_no_effect
from .errors import UserError
from .pretrained_networks import FEATURES, by_network
from .weights.preprocessing import CONVENTIONS

LAYERS_HELP = (f"layer whose outputs to store: {', '.join(FEATURES)}; A+B stores those of two layers, A with regions, "
               "also of two networks")


@dataclass(frozen=True)
class ExtractSettings:
    out: str = option(MISSING, "feature file to write (.npy, with a .json beside it)", metavar="FILE")
    weights: str | None = option(None, "weights of VGG or EfficientNet-Lite: Keras .h5, PyTorch .pth, .safetensors or "
                                 ".npz; FILE,FILE for two networks (default: MINICAP_WEIGHTS, downloaded or installed "
                                 "weights)", metavar="FILE")
    preprocessing: str | None = option(None, "what the weights expect of pictures (default: found out from the file)",
                                       choices=tuple(CONVENTIONS))
    from_features: str | None = option(None, "start from the features of an earlier layer (pool4, conv5_4, pool5, "
                                       "lite2-regions) instead of the pictures", metavar="FILE")
    from_array: str | None = option(None, "features of your own, an array in a .npy, .npz, .mat, .h5, .pkl or .pt: "
                                    "(images, numbers), (images, regions, numbers) or (images, rows, columns, "
                                    "numbers); or an array an image, also in a folder of .npy", metavar="FILE")
    names: str | None = option(None, "--from-array: a list of its images, one name a line, CSV or JSON (default: the "
                               "names in FILE itself, or the order of --split)", metavar="FILE")
    key: str | None = option(None, "--from-array: the name of the array in FILE (default: the only one there)",
                             metavar="NAME")
    channels: str | None = option(None, "--from-array: whether the numbers of a region stand right behind the images "
                                  "or last (default: what the shape shows)", choices=("first", "last"))
    data: str = option("flickr8k", "data set", choices=("flickr8k", "folder"))
    data_dir: str | None = option(None, "folder of the data set (default: MINICAP_DATA, or downloaded data)",
                                  metavar="DIR")
    splits: str | None = option(None, "folder with the split lists (default: those of the data set)", metavar="DIR")
    split_seed: int | None = option(None, "--data folder without split lists: split at random with this seed",
                                    metavar="N", least=0)
    layer: str = option("fc7", LAYERS_HELP, metavar="LAYER")
    split: str | None = option(None, "only the images of this split (default: all images)",
                               choices=("train", "dev", "test"))
    mirror: bool = option(False, "flip every image horizontally, for minicap.train --mirrored")
    random_crop: float | None = option(None, "take a part of every image with this fraction of its area or more, and "
                                       "flip half of them, for minicap.train --augmented", metavar="X", above=0,
                                       below=1)
    seed: int = option(0, "--random-crop: random seed", metavar="N", least=0)
    batch_size: int = option(32, "images per batch", metavar="N", least=1)
    device: str = option("auto", "auto, cpu, cuda or cuda:N")


def main(argv=None):
    settings = parse_settings(ExtractSettings, "extract", "Run VGG or EfficientNet-Lite over a data set and store a "
                              "layer's outputs.", argv)
    if settings.from_array is not None:
        return import_array(settings)
    if alone := [name for name in ("names", "key", "channels") if getattr(settings, name) is not None]:
        raise UserError(f"{alone[0]}= describes the file of from_array=, which is missing")
    by_network(settings.layer)  # refuses what is no layer
    device = get_device(settings.device)
    if settings.from_features is not None:
        warn_of_no_effect(settings, ("data", "data_dir", "splits", "split_seed", "split", "mirror", "random_crop",
                                     "seed"),
                          "with from_features=, which has the pictures of that file")
        extract_from(settings.from_features, settings.weights, settings.layer, settings.out, device,
                     settings.batch_size, settings.preprocessing)
        return
    crop = None if settings.random_crop is None else RandomCrop(settings.random_crop, settings.seed)
    if crop is None:
        warn_of_no_effect(settings, ["seed"], "without random_crop=")
    dataset = load_dataset(settings.data, settings.data_dir, splits=settings.splits, split_seed=settings.split_seed)
    extractor = Extractor(settings.weights, settings.layer, device, settings.mirror,
                          preprocessing=settings.preprocessing, crop=crop)
    extractor.tell_assumptions()
    extract(Pictures(dataset, extractor, settings.split), extractor, settings.out, settings.batch_size)


def import_array(settings):
    """--from-array: no network runs."""
    if others := [name for name in ("weights", "from_features", "mirror", "random_crop") if getattr(settings, name)]:
        raise UserError(f"from_array= takes features as they are, without a network; leave out {others[0]}=")
    dataset = load_dataset(settings.data, settings.data_dir, splits=settings.splits, split_seed=settings.split_seed,
                           pictures=False)
    import_features(settings.from_array, dataset, settings.out, names=settings.names, key=settings.key,
                    split=settings.split, channels=settings.channels)


if __name__ == "__main__":
    run_program(main)
