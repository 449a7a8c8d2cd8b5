"""python -m minicap.extract: run a frozen network over a data set once and store the outputs of a layer on disk.

With ``--from-array`` it stores features that another program has made.

Several processes share the work, each started by itself or all of them by MPI:

    python -m minicap.extract --out f.npy --shard 1/2 &  python -m minicap.extract --out f.npy --shard 2/2
    mpiexec -n 2 python -m minicap.extract --out f.npy
"""

import re
import socket
from dataclasses import MISSING, dataclass

import numpy as np

from .backend import get_device
from .captioning.data import PHOTOGRAPHS, load_dataset
from .captioning.features.extraction import Pictures, earlier_features, extract
from .captioning.features.extractor import Extractor
from .captioning.features.own_features import import_features
from .captioning.features.random_crop import RandomCrop
from .cli import option, parse_settings, run_program, warn_of_no_effect
from .distributed import divide_cores, join
from .errors import UserError, warn
from .pretrained_networks import FEATURES, by_network
from .weights.preprocessing import CONVENTIONS

LAYERS_HELP = (f"layer whose outputs to store: {', '.join(FEATURES)}; A+B stores those of two layers, A with regions, "
               "also of two networks; lite2-head@340 is that of pictures of 340 pixels")


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
    data: str = option("flickr8k", "data set", choices=PHOTOGRAPHS)
    data_dir: str | None = option(None, "folder of the data set (default: of flickr8k MINICAP_DATA, or "
                                  "downloaded data)", metavar="DIR")
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
    shard: str | None = option(None, "this is process K of N on this machine that write FILE together: start each of "
                               "them, with another K", metavar="K/N", group="several processes")
    host: str | None = option(None, "this is machine K of N, which writes its share of the images to a file of its own "
                              "(FILE.K-of-N.npy); beside all of these FILE reads as one", metavar="K/N",
                              group="several processes")


def main(argv=None):
    settings = parse_settings(ExtractSettings, "extract", "Run VGG or EfficientNet-Lite over a data set and store a "
                              "layer's outputs.", argv)
    group = join()
    shard, host = together(settings, group)
    if settings.from_array is not None:
        return import_array(settings, group)
    if alone := [name for name in ("names", "key", "channels") if getattr(settings, name) is not None]:
        raise UserError(f"{alone[0]}= describes the file of from_array=, which is missing")
    by_network(settings.layer)  # refuses what is no layer
    device = device_for(shard, settings.device)
    inputs, extractor = prepared(settings, device, host)
    if group.rank > 0:
        group.gather(None)  # for rank 0 to begin: it alone can say what has become of the files that were there
    begun = (lambda: group.gather(None)) if group.rank == 0 else lambda: None
    left_out = extract(inputs, extractor, settings.out, settings.batch_size, shard=shard, host=host, begun=begun)
    for sentence in (sentence for sentences in group.gather(left_out)[1:] for sentence in sentences):
        warn(sentence)


def prepared(settings, device, host):
    """What features are made of, and what makes them: (Pictures or EarlierFeatures, Extractor)."""
    if settings.from_features is not None:
        warn_of_no_effect(settings, ("data", "data_dir", "splits", "split_seed", "split", "mirror", "random_crop",
                                     "seed"),
                          "with from_features=, which has the pictures of that file")
        return earlier_features(settings.from_features, settings.weights, settings.layer, settings.out, device,
                                settings.preprocessing, host)
    crop = None if settings.random_crop is None else RandomCrop(settings.random_crop, settings.seed)
    if crop is None:
        warn_of_no_effect(settings, ["seed"], "without random_crop=")
    dataset = load_dataset(settings.data, settings.data_dir, splits=settings.splits, split_seed=settings.split_seed)
    extractor = Extractor(settings.weights, settings.layer, device, settings.mirror,
                          preprocessing=settings.preprocessing, crop=crop)
    extractor.tell_assumptions()
    return Pictures(dataset, extractor, settings.split), extractor


def together(settings, group):
    """(which of how many processes on this machine, which of how many machines): each (number, count), or None."""
    shard, host = (numbered(getattr(settings, name), name) for name in ("shard", "host"))
    if group.size == 1:
        if shard is not None:
            divide_cores(shard[1])
        return shard, host
    if shard is not None:
        raise UserError("shard= says what mpiexec knows: which of how many processes this is; leave it out")
    machines = group.gather(socket.gethostname())
    several = sorted(set(machines))
    if len(several) > 1 and host is not None:
        raise UserError("host= says what mpiexec knows: which of how many machines this is; leave it out")
    here = [rank for rank, machine in enumerate(machines) if machine == machines[group.rank]]
    return ((here.index(group.rank) + 1, len(here)),
            host if len(several) == 1 else (several.index(machines[group.rank]) + 1, len(several)))


def numbered(text, name):
    """"2/8" -> (2, 8); None stays None. UserError, with the ``name`` of the option, for anything else."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text, re.ASCII)
    number, count = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= count:
        raise UserError(f"{name}= has to be K/N with K from 1 to N, as 2/8, and not {text!r}")
    return number, count


def device_for(shard, name):
    """The device of one of several processes, to which the GPUs of the machine are given in turn."""
    device = get_device(name)
    if shard is None or device.xp is np or ":" in name:
        return device
    return get_device(f"cuda:{(shard[0] - 1) % device.xp.cuda.runtime.getDeviceCount()}")


def import_array(settings, group):
    """--from-array: no network runs."""
    if group.size > 1 or settings.shard or settings.host:
        raise UserError("from_array= only copies numbers, which several processes do no faster; leave out mpiexec, "
                        "shard= and host=")
    if others := [name for name in ("weights", "from_features", "mirror", "random_crop") if getattr(settings, name)]:
        raise UserError(f"from_array= takes features as they are, without a network; leave out {others[0]}=")
    dataset = load_dataset(settings.data, settings.data_dir, splits=settings.splits, split_seed=settings.split_seed,
                           pictures=False)
    import_features(settings.from_array, dataset, settings.out, names=settings.names, key=settings.key,
                    split=settings.split, channels=settings.channels)


if __name__ == "__main__":
    run_program(main, together=True)
