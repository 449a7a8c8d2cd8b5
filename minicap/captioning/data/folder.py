"""Your own pictures: a folder with images, a caption file, and split lists.

    D/captions.csv (or any other name)  any layout of :mod:`.caption_files`; image,caption is the simplest
    D/*.jpg, D/images/*.png, ...        names in the caption file are paths below D or below D/images, or the names of
                                        pictures in another folder below D, see :mod:`.picture_files`
    D/train.txt, dev.txt, test.txt      one image name per line; val.txt is dev

Instead of lists the caption file may say the split of each image, as Karpathy's do (lists take precedence), or another
one beside it, or ``--split-seed`` can request a random split. Without any of these, no split is made.
"""

from ...errors import UserError, warn
from ...paths import expanded
from .caption_dataset import assemble, file_reader
from .caption_files import is_of_a_model, parse_caption_file
from .names import ENDING, NameIndex, cleaned
from .picture_files import MissingPictures, PictureFiles
from .splits import LIST_NAMES, SPLITS, find_in, find_split_lists, parse_split_lists, random_splits, read_split_folder

CAPTION_NAMES = ("captions.csv", "captions.json", "captions.txt", "dataset.json")
TEXT = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".token")
NO_TEXT = (".xlsx", ".xls", ".ods", ".parquet", ".arrow", ".feather", ".pkl", ".pickle", ".mat", ".zip", ".gz", ".tar",
           ".tgz", ".bz2", ".xz")
LARGEST = 2 ** 31  # bytes; no caption file has as many, but files of features do


def load_folder(data_dir, splits=None, split_seed=None, pictures_needed=True):
    """The data set in the folder ``data_dir``, as a :class:`~minicap.captioning.data.caption_dataset.CaptionDataset`.

    ``splits`` names another folder for the lists; ``split_seed`` splits the captioned pictures at random into 80 %
    train, 10 % dev and 10 % test. Raises UserError when something is missing, or specified twice; if no
    ``pictures_needed`` and there is none at all, every captioned name is taken for that of a picture.
    """
    data_dir = expanded(data_dir)
    if not data_dir.is_dir():
        raise UserError(f"{data_dir} is not a folder; it should hold pictures and a caption file")
    pictures = PictureFiles(data_dir)
    if not pictures.paths and not pictures_needed:
        pictures = MissingPictures(data_dir)
    caption_file, found, fields = find_caption_file(data_dir, pictures)
    files = pictures.find(found.captions)
    captioned = [name for name in found.captions if name in files]
    chosen = _choose_splits(data_dir, fields, captioned, splits, split_seed)
    return dataset_of("folder", data_dir, pictures, found, chosen, files)


def dataset_of(name, data_dir, pictures, found, chosen, files=None):
    """The data set of a :class:`.CaptionFile` and of the names in each split, which are ``chosen``.

    ``pictures`` finds the files of names; ``files`` are those of all captions, if they were looked for already.
    """
    files = pictures.find(found.captions) if files is None else files
    index = NameIndex(found.captions, found.ids)
    chosen = {split: tuple(dict.fromkeys(index.find(name, f"the split {split}") or cleaned(name) for name in names))
              for split, names in chosen.items()}
    # Other pictures in the folder (results, thumbnails) are ignored; listed ones are used, with or without a caption.
    files |= pictures.find([name for names in chosen.values() for name in names if name not in found.captions])
    return assemble(name, data_dir, chosen, found.captions, files.keys(), file_reader(files))


def find_caption_file(data_dir, pictures):
    """(path, its :class:`.CaptionFile`, the splits by fields or None) of the file whose names are those of pictures.

    Files are looked for in the folder itself, then in those in it (COCO's ``annotations``).
    """
    problems, unread = {}, []
    for folders in ([data_dir], sorted(path for path in data_dir.iterdir() if path.is_dir())):
        fitting = {}
        for path in _text_files(folders):
            try:
                found = parse_caption_file(path.read_bytes(), path)
            except UserError as error:
                problems[path] = error
                unread.append(path)
                continue
            if pictures.has_any(found.captions):
                fitting[path] = found
            else:
                problems[path] = UserError(f"none of the {len(found.captions):,} images that {path} names (the first "
                                           f"is {next(iter(found.captions))}) is in {data_dir} or a folder in it")
        if fitting:
            broken = [path for path in unread if _is_broken(path.read_bytes(), pictures)]
            return _the_one(data_dir, fitting, problems, broken)
    other = [path.name for path in sorted(data_dir.iterdir()) if path.suffix.lower() in NO_TEXT]
    alone = [path for path in problems if pictures.has_any([path.stem])]
    if len(alone) > 1:
        raise UserError(f"{data_dir} has a file of text for each picture ({alone[0].name}, {alone[1].name}, ...); "
                        "write all captions to one file, as captions.csv with the header image,caption")
    usual = [path for path in problems if path.name in CAPTION_NAMES] or list(problems)
    if len(usual) == 1 and usual[0].suffix.lower() in TEXT:
        raise problems[usual[0]]
    if len(usual) > 1 and usual[0].name in CAPTION_NAMES:
        raise UserError(f"{data_dir} has {' and '.join(path.name for path in usual)}; it should hold one caption file, "
                        f"and its images ({problems[usual[0]]})")
    hint = f" ({problems[usual[0]]})" if usual else ""
    if other:
        hint = f"; {other[0]} is no text: unpack it, or save it as CSV"
    raise UserError(f"{data_dir} has no caption file; it should hold one of {', '.join(CAPTION_NAMES)}, or a file of "
                    f"another name with the same contents{hint}")


def _is_broken(data, pictures):
    """Is this a file of captions of the pictures, by its first lines, though it could not be read as a whole?"""
    if data.lstrip()[:1] in (b"{", b"["):
        return b"caption" in data.lower() and pictures.are_most_named_in(data)
    try:
        return pictures.has_any(parse_caption_file(b"\n".join(data.split(b"\n")[:4]), "").captions)
    except UserError:
        return False


def _the_one(data_dir, fitting, problems, broken):
    """The caption file of ``fitting``; of two, one may be there for its splits, as beside the Kaggle copy of Flickr8k.

    Captions that minicap itself wrote do not count beside others. UserError if one of the files in ``problems`` is
    ``broken``: it names the pictures, too, but could not be read.
    """
    for path, problem in problems.items():
        if path in broken:
            raise UserError(f"{problem}; mend this file, as it names the pictures in {data_dir}, or move it to another "
                            f"folder if the captions are those in {next(iter(fitting)).name}")
        if path.name in CAPTION_NAMES and path.parent == data_dir:
            warn(f"{path.name} is not used: {problem}")
    ours = [path for path in fitting if is_of_a_model(path.read_bytes())] if len(fitting) > 1 else []
    if len(ours) < len(fitting):
        for path in ours:
            del fitting[path]
            warn(f"{path.name} is not used: the captions in it were written by minicap")
    with_splits = [path for path, found in fitting.items() if found.splits]
    others = [path for path in fitting if path not in with_splits]
    if len(with_splits) == len(others) == 1:
        warn(f"{data_dir}: captions from {others[0].name}, splits from {with_splits[0].name}")
        return others[0], fitting[others[0]], fitting[with_splits[0]].splits
    if len(fitting) > 1:
        names = " and ".join(str(path.relative_to(data_dir)) for path in fitting)
        raise UserError(f"{data_dir} has {names}, which all name its pictures; it should hold one caption file, so "
                        "move the others to another folder")
    ((path, found),) = fitting.items()
    return path, found, found.splits


def _text_files(folders):
    """Files in ``folders`` that may hold captions: those that are not hidden, no pictures, no split lists, no data."""
    lists = {name.casefold() for names in LIST_NAMES.values() for name in names}
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if (path.name.startswith(".") or ENDING.search(path.name) or path.name.casefold() in lists
                    or not path.is_file()):  # pictures first: nobody has to ask 100,000 times what is a file
                continue
            with open(path, "rb") as file:
                begin = file.read(1024)
            binary = b"\0" in begin and begin[:2] not in (b"\xff\xfe", b"\xfe\xff") and begin[:3] != b"\0\0\xfe"
            if (not binary or path.suffix.lower() in TEXT) and path.stat().st_size < LARGEST:
                yield path


def _choose_splits(data_dir, fields, captioned, splits, split_seed):
    """{split: image names} from ``--splits``, lists, fields or a seed; a seed together with another one is refused."""
    lists = find_split_lists(find_in(data_dir))
    if splits is not None and split_seed is not None:
        raise UserError("splits= and split_seed= are two ways to split; give one of them")
    if splits is not None:
        return read_split_folder(expanded(splits))
    if split_seed is not None and not lists and not fields:
        return random_splits(captioned, split_seed)
    if split_seed is not None:
        source = " and ".join(path.name for path, _ in lists.values()) or 'the caption file ("split" fields)'
        warn(f"split_seed= has no effect, as {data_dir} is split by {source}")
    if len(lists) == len(SPLITS):
        return parse_split_lists(lists)
    if fields and not lists:
        return fields
    missing = [LIST_NAMES[split][1] for split in SPLITS if split not in lists]
    raise UserError(f"{data_dir} has no {', '.join(missing)}: add these lists (one image name per line), or \"split\" "
                    "fields in Karpathy's JSON layout, or request a random split with split_seed= N")
