"""COCO's captions and Flickr30k, as they are downloaded.

    COCO        Lin et al. 2014, Chen et al. 2015; 123,287 photographs with five captions each
                train2014/, val2014/                                 the photographs, in D or in a folder of D
                dataset_coco.json                                    captions and splits, of Karpathy and Fei-Fei 2015
                captions_train2014.json, captions_val2014.json       captions alone, as COCO itself has them
    Flickr30k   Young et al. 2014; 31,783 photographs with five captions each
                flickr30k-images/, flickr30k_images/, ...            the photographs
                dataset_flickr30k.json                               captions and splits, of Karpathy and Fei-Fei
                results_20130124.token, or results.csv (Kaggle)      captions alone; lists of the splits beside them

Text files are in D or in a folder of D (``annotations``, ``caption_datasets``). What papers report is measured on the
splits of Karpathy's files, which are used if they are there; "restval" in the one of COCO is train. COCO has
published no captions of its test images, so without that file dev and test are 5,000 random images of val2014 each,
and all others are train. Flickr30k has no splits of its own at all, and none is made up.
"""

from ...errors import UserError, warn
from ...paths import expanded
from .caption_files import CaptionFile, read_caption_file
from .folder import dataset_of
from .picture_files import MissingPictures, PictureFiles
from .splits import LIST_NAMES, SPLITS, find_in, find_split_lists, parse_split_lists, random_part, read_split_folder

COCO_PARTS = ("train2014", "val2014")
COCO_SPLITS = {"train": 113_287, "dev": 5_000, "test": 5_000}
FLICKR30K_CAPTIONS = ("results_20130124.token", "results.csv")
FLICKR30K_SPLITS = {"train": 29_000, "dev": 1_014, "test": 1_000}


def load_coco(data_dir, splits=None, pictures_needed=True):
    """COCO in the folder ``data_dir``; arguments and errors as for :func:`.load_flickr8k`."""
    find = _finder(data_dir, "COCO")
    if path := find("dataset_coco.json"):
        found = _karpathy(path)
        chosen = found.splits
    else:
        parts = {part: find(f"captions_{part}.json") for part in COCO_PARTS}
        if missing := [f"captions_{part}.json" for part, path in parts.items() if path is None]:
            raise UserError(f"{data_dir} has no captions of COCO (looked for dataset_coco.json, and for "
                            f"{' and '.join(missing)}, also in a folder in it); unpack annotations_trainval2014.zip "
                            "there")
        found = _both({part: read_caption_file(path) for part, path in parts.items()})
        chosen = None if splits is not None else _splits_of_val(found.captions)
    return _dataset("coco", data_dir, found, chosen, splits, COCO_SPLITS, pictures_needed)


def load_flickr30k(data_dir, splits=None, pictures_needed=True):
    """Flickr30k in the folder ``data_dir``; arguments and errors as for :func:`.load_flickr8k`."""
    find = _finder(data_dir, "Flickr30k")
    lists = find_split_lists(find_in(expanded(data_dir)))
    if path := find("dataset_flickr30k.json"):
        found = _karpathy(path)
        chosen = found.splits
    else:
        path = next((path for name in FLICKR30K_CAPTIONS if (path := find(name))), None)
        if path is None:
            raise UserError(f"{data_dir} has no captions of Flickr30k (looked for dataset_flickr30k.json, "
                            f"{', '.join(FLICKR30K_CAPTIONS)}, also in a folder in it); unpack the data set there")
        found, chosen = read_caption_file(path), None
    if len(lists) == len(SPLITS):
        chosen = parse_split_lists(lists)
    if chosen is None and splits is None:
        names = ", ".join(LIST_NAMES[split][1] for split in SPLITS)
        raise UserError(f"{data_dir} does not say which images of Flickr30k are train, dev and test, as the authors "
                        f"made no splits; put Karpathy's dataset_flickr30k.json there, or {names}, or name a folder "
                        "that has them with splits=")
    return _dataset("flickr30k", data_dir, found, chosen, splits, FLICKR30K_SPLITS, pictures_needed)


def _finder(data_dir, title):
    """The function that looks for a file in ``data_dir`` and in the folders in it: its path, or None."""
    data_dir = expanded(data_dir)
    if not data_dir.is_dir():
        raise UserError(f"{data_dir} is not a folder; it should hold {title}")
    folders = [data_dir, *sorted(path for path in data_dir.iterdir() if path.is_dir())]
    return lambda name: next((folder / name for folder in folders if (folder / name).is_file()), None)


def _karpathy(path):
    found = read_caption_file(path)
    if found.splits is None:
        raise UserError(f'{path} has no "split" fields, as Karpathy\'s file has; download it again')
    return found


def _both(files):
    """One :class:`.CaptionFile` of COCO's two; images have their folders in their names, as in Karpathy's."""
    captions, ids = {}, {}
    for part, file in files.items():
        captions |= {f"{part}/{name}": texts for name, texts in file.captions.items()}
        ids |= {f"{part}/{name}": numbers for name, numbers in file.ids.items()}
    return CaptionFile(captions, ids, None)


def _splits_of_val(names):
    """The split where nobody says one: dev and test from val2014, as many images as usual or a quarter each."""
    val = [name for name in names if name.startswith("val2014/")]
    size = min(COCO_SPLITS["dev"], len(val) // 4)
    dev, test = random_part(val, size, 2)
    warn(f"coco: {size:,} random images of val2014 each are dev and test, and all others are train, as there is no "
         "dataset_coco.json (Karpathy's) with the usual splits: scores are not comparable with published ones")
    held_out = {*dev, *test}
    return {"train": tuple(name for name in names if name not in held_out), "dev": dev, "test": test}


def _dataset(name, data_dir, found, chosen, splits, usual, pictures_needed):
    data_dir, made_up = expanded(data_dir), chosen is not None and found.splits is None and name == "coco"
    pictures = PictureFiles(data_dir)
    if not pictures.paths:
        if pictures_needed:
            raise UserError(f"{data_dir} has no pictures; unpack those of {name} there, with their folders")
        pictures = MissingPictures(data_dir)
    if splits is not None:
        chosen = read_split_folder(expanded(splits))
    dataset = dataset_of(name, data_dir, pictures, found, chosen)
    sizes = {split: len(names) for split, names in dataset.splits.items()}
    if sizes != usual and not made_up:
        warn(f"{name}: splits of {'/'.join(map(str, sizes.values()))} images, not the usual "
             f"{'/'.join(map(str, usual.values()))}: scores are not comparable with published ones")
    return dataset
