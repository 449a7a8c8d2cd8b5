"""Flickr8k (Hodosh, Young and Hockenmaier 2013), in its usual forms.

8,091 photographs with five captions each, and the authors' split into 6,000 train, 1,000 dev and 1,000 test. Text and
pictures are looked for separately, in ``data_dir`` and in a folder ``Flickr8k`` inside it (ignoring case):

    pictures   Flicker8k_Dataset/ (sic), Flickr8k_Dataset/, Images/, or Flickr8k_Dataset.zip, read without unpacking it
    captions   Flickr8k.token.txt, or the Kaggle copy's captions.txt
    splits     Flickr_8k.trainImages.txt, ...devImages.txt, ...testImages.txt, or Karpathy's dataset_flickr8k.json
               text files may also be in Flickr8k_text/ or in Flickr8k_text.zip

The Kaggle copy has no split lists; the official ones or Karpathy's file belong beside it. We do not invent a split:
scores on it could not be compared with any others.
"""

import threading
import zipfile
import zlib
from pathlib import PurePosixPath

from ...errors import UserError, warn
from ...images import read_image
from ...paths import expanded
from .caption_dataset import assemble, file_reader
from .caption_files import parse_caption_file, parse_captions
from .splits import LIST_NAMES, SPLITS, find_in, find_split_lists, parse_split_lists, read_split_folder

KARPATHY_NAME = "dataset_flickr8k.json"
IMAGES = 8091
SPLIT_SIZES = {"train": 6000, "dev": 1000, "test": 1000}
IMAGE_FOLDERS = ("Flicker8k_Dataset", "Flickr8k_Dataset", "Images")
IMAGE_ARCHIVES = ("Flickr8k_Dataset.zip", "Flicker8k_Dataset.zip")
CAPTION_NAMES = ("Flickr8k.token.txt", "captions.txt")
LARGEST = 1 << 28  # bytes of a picture or text in an archive
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)  # RuntimeError: encrypted


def load_flickr8k(data_dir, splits=None, pictures_needed=True):
    """The data set in the folder ``data_dir``, as a :class:`~minicap.captioning.data.caption_dataset.CaptionDataset`.

    ``splits``: a folder with split lists to use instead of the official ones. Raises UserError when pictures, captions
    or split lists are missing; pictures may be if they are not ``pictures_needed``. Known flaws (a captioned image that
    does not exist) are a warning.
    """
    data_dir = expanded(data_dir)
    if not data_dir.is_dir():
        raise UserError(f"{data_dir} is not a folder; it should hold Flickr8k")
    images = _find_images(data_dir)
    if images is None and pictures_needed:
        raise UserError(f"{data_dir} has no images of Flickr8k (looked for the folders {', '.join(IMAGE_FOLDERS)} and "
                        f"for {IMAGE_ARCHIVES[0]}, also in a folder Flickr8k); fetch them with {_download(data_dir)}")
    found = next((file for name in CAPTION_NAMES if (file := _find_text(data_dir, name)) is not None), None)
    if found is None:
        raise UserError(f"{data_dir} has no captions of Flickr8k (looked for {', '.join(CAPTION_NAMES)} and "
                        f"Flickr8k_text.zip); fetch them with {_download(data_dir, '--text-only')}")
    caption_file, contents = found
    captions = parse_captions(contents, caption_file)
    lists = _official_splits(data_dir) if splits is None else read_split_folder(expanded(splits))
    available, read = images or (captions.keys(), file_reader({name: data_dir / name for name in captions}))
    if images and len(available) != IMAGES:
        warn(f"flickr8k: {len(available):,} images instead of {IMAGES:,} in {data_dir}")
    sizes = {split: len(names) for split, names in lists.items()}
    if sizes != SPLIT_SIZES:
        warn(f"flickr8k: splits of {'/'.join(map(str, sizes.values()))} images, not the official 6000/1000/1000: "
             "scores are not comparable with published ones")
    return assemble("flickr8k", data_dir, lists, captions, available, read)


def _official_splits(data_dir):
    lists = find_split_lists(lambda name: _find_text(data_dir, name))
    if not lists and (found := _find_text(data_dir, KARPATHY_NAME)):
        path, contents = found
        if splits := parse_caption_file(contents, path).splits:
            return splits
    missing = [LIST_NAMES[split][0] for split in SPLITS if split not in lists]
    if missing:
        raise UserError(f"{data_dir} lacks the split lists of Flickr8k ({', '.join(missing)}); fetch them with "
                        f"{_download(data_dir, '--text-only')}, or name a folder that has them with splits=")
    return parse_split_lists(lists)


def _find_images(data_dir):
    """(names of the pictures, function that reads one): from the first folder with pictures, or else the archive; or
    None.
    """
    roots = _roots(data_dir)
    folders = [folder for root in roots for name in IMAGE_FOLDERS for folder in _entries(root, name) if folder.is_dir()]
    nested = [inner for folder in folders for inner in _entries(folder, *IMAGE_FOLDERS) if inner.is_dir()]
    for folder in folders + nested:  # nested: the archive was unpacked into a folder of its own name
        files = {path.name: path for path in folder.iterdir() if _is_image(path)}
        if files:
            return files.keys(), file_reader(files)
    for archive in (archive for root in roots for archive in _entries(root, *IMAGE_ARCHIVES)):
        images = ZipImages(archive)
        if images.members:
            return images.members.keys(), images.read
    return None


class ZipImages:
    """The pictures in a zip archive, read one by one without unpacking it; thread-safe."""

    def __init__(self, path):
        try:
            self.archive = _opened(path)
        except DAMAGED as error:
            raise UserError(f"{path} cannot be read as a zip archive ({error}); download it again") from error
        members = [PurePosixPath(name) for name in self.archive.namelist()]
        self.members = {m.name: str(m) for m in members if _is_image(m) and m.parts[0] != "__MACOSX"}
        self._lock = threading.Lock()  # ZipFile's count of open members is not thread-safe

    def read(self, name, at_least=None):
        label = f"{self.archive.filename}/{self.members[name]}"
        try:
            with self._lock:
                data = self.archive.read(self.members[name])
        except DAMAGED as error:
            raise UserError(f"{label} is damaged ({error}); download the archive again") from error
        return read_image(data, at_least, name=label)


def _opened(path):
    archive = zipfile.ZipFile(path)
    for member in archive.infolist():
        if member.file_size > LARGEST:
            archive.close()
            raise UserError(f"{path} is refused: its member {member.filename!r} would become {member.file_size:,} "
                            "bytes, as no picture or text of Flickr8k does; download it again")
    return archive


def _find_text(data_dir, name):
    """(path, contents) of the text file called ``name``, or None. Archives are opened only if necessary."""
    folders = [folder for root in _roots(data_dir) for folder in (root, *_entries(root, "Flickr8k_text"))]
    if found := find_in(*folders)(name):
        return found
    for archive in (archive for root in _roots(data_dir) for archive in _entries(root, "Flickr8k_text.zip")):
        try:
            with _opened(archive) as z:
                if found := find_in(zipfile.Path(z), zipfile.Path(z, "Flickr8k_text/"))(name):
                    return found
        except DAMAGED as error:
            raise UserError(f"{archive} cannot be read as a zip archive ({error}); download it again") from error
    return None


def _roots(data_dir):
    return [data_dir, *(folder for folder in _entries(data_dir, "Flickr8k") if folder.is_dir())]


def _entries(folder, *names):
    """The entries of ``folder`` that have one of ``names``, ignoring case."""
    wanted = {name.casefold() for name in names}
    return sorted(path for path in folder.iterdir() if path.name.casefold() in wanted) if folder.is_dir() else []


def _is_image(path):
    return path.suffix.lower() == ".jpg" and not path.name.startswith(".")  # macOS writes "._name.jpg" to other disks


def _download(data_dir, *options):
    return f"`{' '.join(('python -m minicap.download flickr8k', *options, '--out', str(data_dir)))}`"
