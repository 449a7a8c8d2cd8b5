"""Your own pictures: a folder with images, a caption file, and a word on how to split them.

    D/captions.csv (or .json, .txt)    any layout of :mod:`.caption_files`; image,caption is the simplest
    D/*.jpg, D/images/*.png, ...       names in the caption file are paths below D or below D/images
    D/train.txt, dev.txt, test.txt     one image name on a line; val.txt is dev

In place of the lists, Karpathy's JSON layout may carry "split" fields (lists, where they exist, count before them), or
``--split-seed`` asks for a random split. A split is never made up unasked.
"""

from pathlib import Path

from ...errors import UserError
from .caption_dataset import assemble, file_reader
from .caption_files import parse_captions, parse_karpathy_splits
from .splits import LIST_NAMES, SPLITS, find_in, find_split_lists, parse_split_lists, random_splits, read_split_folder

CAPTION_NAMES = ("captions.csv", "captions.json", "captions.txt", "dataset.json")


def load_folder(data_dir, splits=None, split_seed=None):
    """The data set in the folder ``data_dir``, as a :class:`~minicap.captioning.data.caption_dataset.CaptionDataset`.

    ``splits`` names another folder for the lists; ``split_seed`` asks for 80 % train, 10 % dev and 10 % test of the
    captioned pictures, the same for the same seed. Raises UserError when something is missing, or said twice.
    """
    data_dir = Path(data_dir).expanduser()
    if not data_dir.is_dir():
        raise UserError(f"{data_dir} is not a folder; it should hold pictures and a caption file")
    caption_file = _caption_file(data_dir)
    data = caption_file.read_bytes()
    captions = parse_captions(data, caption_file)
    root = max(_image_roots(data_dir), key=lambda folder: sum((folder / name).is_file() for name in captions))
    captioned = [name for name in captions if (root / name).is_file()]
    if not captioned:
        raise UserError(f"none of the {len(captions):,} images that {caption_file} names (the first is "
                        f"{next(iter(captions))}) is in {data_dir} or {data_dir / 'images'}")
    chosen = _choose_splits(data_dir, parse_karpathy_splits(data, caption_file), captioned, splits, split_seed)
    # Other pictures that lie there (results, thumbnails) are none of ours; listed ones are, with or without a caption.
    named = dict.fromkeys(name for names in (captions, *chosen.values()) for name in names)
    files = {name: root / name for name in named if (root / name).is_file()}
    return assemble("folder", root, chosen, captions, files.keys(), file_reader(files))


def _caption_file(data_dir):
    found = [data_dir / name for name in CAPTION_NAMES if (data_dir / name).is_file()]
    if len(found) != 1:
        what = f"has {' and '.join(file.name for file in found)}" if found else "has no caption file"
        raise UserError(f"{data_dir} {what}; it should hold one of {', '.join(CAPTION_NAMES)}")
    return found[0]


def _image_roots(data_dir):
    return [data_dir, *sorted(path for path in data_dir.iterdir() if path.name.lower() == "images" and path.is_dir())]


def _choose_splits(data_dir, karpathy, captioned, splits, split_seed):
    """{split: image names} from ``--splits``, lists, fields or seed; a seed beside one of the others is refused."""
    lists = find_split_lists(find_in(data_dir))
    if splits is not None and split_seed is not None:
        raise UserError("splits= and split_seed= are two ways to split; give one of them")
    if splits is not None:
        return read_split_folder(Path(splits).expanduser())
    if split_seed is not None:
        if lists or karpathy:
            source = " and ".join(path.name for path, _ in lists.values()) or 'the caption file ("split" fields)'
            raise UserError(f"{data_dir} is split by {source} already; leave split_seed= away")
        return random_splits(captioned, split_seed)
    if len(lists) == len(SPLITS):
        return parse_split_lists(lists)
    if karpathy and not lists:
        return karpathy
    missing = [LIST_NAMES[split][1] for split in SPLITS if split not in lists]
    raise UserError(f"{data_dir} has no {', '.join(missing)}: add these lists (one image name on a line), or \"split\" "
                    "fields in Karpathy's JSON layout, or ask for a random split with split_seed= N")
