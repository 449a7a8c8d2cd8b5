"""Your own pictures: a folder with images, a caption file, and split lists.

    D/captions.csv (or .json, .txt)    any layout of :mod:`.caption_files`; image,caption is the simplest
    D/*.jpg, D/images/*.png, ...       names in the caption file are paths below D or below D/images
    D/train.txt, dev.txt, test.txt     one image name per line; val.txt is dev

Instead of lists there may be "split" fields in Karpathy's JSON layout (lists take precedence), or ``--split-seed`` can
request a random split. Without any of these, no split is made.
"""

from pathlib import Path

from ...errors import UserError
from .caption_dataset import assemble, file_reader
from .caption_files import parse_captions, parse_karpathy_splits
from .splits import LIST_NAMES, SPLITS, find_in, find_split_lists, parse_split_lists, random_splits, read_split_folder

CAPTION_NAMES = ("captions.csv", "captions.json", "captions.txt", "dataset.json")


def load_folder(data_dir, splits=None, split_seed=None):
    """The data set in the folder ``data_dir``, as a :class:`~minicap.captioning.data.caption_dataset.CaptionDataset`.

    ``splits`` names another folder for the lists; ``split_seed`` splits the captioned pictures at random into 80 %
    train, 10 % dev and 10 % test. Raises UserError when something is missing, or specified twice.
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
    # Other pictures in the folder (results, thumbnails) are ignored; listed ones are used, with or without a caption.
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
    """{split: image names} from ``--splits``, lists, fields or a seed; a seed together with another one is refused."""
    lists = find_split_lists(find_in(data_dir))
    if splits is not None and split_seed is not None:
        raise UserError("splits= and split_seed= are two ways to split; give one of them")
    if splits is not None:
        return read_split_folder(Path(splits).expanduser())
    if split_seed is not None:
        if lists or karpathy:
            source = " and ".join(path.name for path, _ in lists.values()) or 'the caption file ("split" fields)'
            raise UserError(f"{data_dir} is split by {source} already; leave out split_seed=")
        return random_splits(captioned, split_seed)
    if len(lists) == len(SPLITS):
        return parse_split_lists(lists)
    if karpathy and not lists:
        return karpathy
    missing = [LIST_NAMES[split][1] for split in SPLITS if split not in lists]
    raise UserError(f"{data_dir} has no {', '.join(missing)}: add these lists (one image name per line), or \"split\" "
                    "fields in Karpathy's JSON layout, or request a random split with split_seed= N")
