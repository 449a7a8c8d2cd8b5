"""Features that somebody brings: an array and the names of its images, checked against a data set, made a feature file.

    (images, numbers)                  one vector an image, for --model show-tell
    (images, regions, numbers)         for --model attend
    (images, rows, columns, numbers)   the same in a grid

Axes of length 1 are left out. PyTorch's (images, numbers, rows, columns) is recognised by a square grid; where that
does not decide, or there are more regions than numbers, ``channels`` has to. MATLAB's (numbers, images) is recognised
by how many names there are.

What network made such features is unknown, so no photograph can be captioned with them: training and evaluation work.
"""

import sys

import numpy as np

from ...errors import UserError, warn
from ...files import expanded, sha256
from ..data.caption_dataset import first_of
from .feature_file import FeatureSource, FeatureWriter, array_path, finished_changes
from .own_arrays import Entry, open_arrays
from .own_names import match, names_inside, read_names

BLOCK = 256  # images at a time
SMALLEST = float(np.finfo(np.float16).smallest_normal)  # 6e-5: what is smaller has fewer than three digits


def import_features(path, dataset, out, *, names=None, key=None, split=None, channels=None):
    """Write the features in ``path`` to the feature file ``out``.

    dataset    a data set, whose images they have to be
    names      a file with the names of the images; by default they are in ``path``, or in the order of ``split``
    key        which of the arrays in ``path``; may be left out where only one can be meant
    split      only the images of this split
    channels   "first" or "last": whether the numbers of a region stand before or behind its place

    UserError when they are not those of all images, or it cannot be decided what they are.
    """
    path = expanded(path)
    if array_path(out).resolve() == path.resolve():
        raise UserError(f"out= {out} would replace the array it is made from; name another file")
    with open_arrays(path) as entries:
        key, entry, found = choose(entries, path, key, dataset)
        where = path
        if names is not None:
            found, where = read_names(names), names
        elif found is None:
            found = names_inside(path, entries, key, entry.shape)
        if found is None and split is not None:
            found, where = dataset.splits[split], f"split {split}"
            print(f"{path}: taken to be in the order of split {split}, as it names no images", file=sys.stderr)
        if found is None:
            raise UserError(f"{path} does not name its images; name a file with one name a line with names=, or with "
                            "split= the split in whose order they are")
        axes, shape = layout(path, entry.shape, len(found), where, channels)
        images = match(found, dataset, where)
        images = complete(images, found, dataset, split, where)
        source = FeatureSource.of_own_array(f"own {key}".rstrip(), sha256(path), axes, shape)
        print(f"{path}: read as {len(found):,} images of {in_words(shape)}", file=sys.stderr)
        write(path, entry, axes, images, source, out)


def choose(entries, path, key, dataset):
    """(name of the features, their Entry, the names of their images or None); UserError if several can be meant."""
    numbers = {name: entry for name, entry in entries.items() if entry.kind == "numbers"}
    if key is not None:
        if key not in numbers:
            raise UserError(f"{path} has no array of numbers {key!r}; it has {listed(numbers)}")
        return key, numbers[key], None
    shapes = {entry.shape for entry in numbers.values()}
    if len(numbers) > 1 and len(shapes) == 1 and shapes != {()}:  # an array an image, by its name
        try:
            match(list(numbers), dataset, path)
        except UserError:
            pass
        else:
            return "", stacked(list(numbers.values())), list(numbers)
    large = {name: entry for name, entry in numbers.items() if sum(n > 1 for n in entry.shape) > 1}
    if len(large) == 1:
        return *next(iter(large.items())), None
    if not large:
        raise UserError(f"{path} has no array of numbers with more than one axis; it has {listed(entries)}")
    raise UserError(f"{path} has several arrays of numbers, {listed(large)}; name that of the features with key=")


def stacked(entries):
    """Arrays of one image each as one Entry."""
    def take(axis, begin, end):
        return np.stack([entry.take(0, 0, entry.shape[0]) for entry in entries[begin:end]])

    return Entry((len(entries), *entries[0].shape), "numbers", take)


def listed(entries):
    """The first arrays of a file, in words."""
    found = [f"{name or 'one'} of shape {entry.shape}" for name, entry in list(entries.items())[:6]]
    return ", ".join(found) + (", ..." if len(entries) > 6 else "") if found else "none"


def layout(path, shape, count, where, channels):
    """(the axes of the array as images, places, numbers; the shape of one image's features), for ``count`` names."""
    if len(shape) == 2 and shape[0] == shape[1] == count:
        raise UserError(f"{path} has {count:,} rows and as many columns, so it is not clear which of them are images; "
                        f"make it ({count}, 1, {count}), images first")
    if shape[0] == count:
        others = list(range(1, len(shape)))
    elif len(shape) == 2 and shape[1] == count:
        others = [0]
    elif shape[-1] == count:
        raise UserError(f"{path} has the shape {shape}, with the {count:,} images last; put their axis first: (images, "
                        "regions, numbers)")
    else:
        raise UserError(f"{path} has the shape {shape}, but {where} names {count:,} images; there has to be a row for "
                        "each")
    places = [axis for axis in others if shape[axis] > 1] or others[-1:]
    if len(places) > 1 and channels_first(path, shape, places, channels):
        places = [*places[1:], places[0]]
    images = 0 if shape[0] == count else 1
    single = [axis for axis in range(len(shape)) if axis not in (images, *places)]
    return (images, *single, *places), tuple(shape[axis] for axis in places)


def channels_first(path, shape, places, channels):
    """Whether the numbers of a region stand before its place."""
    if len(places) > 3:
        raise UserError(f"{path} has the shape {shape}; features are (images, numbers), (images, regions, numbers) or "
                        "(images, rows, columns, numbers)")
    if channels is not None:
        return channels == "first"
    first, *middle, last = (shape[axis] for axis in places)
    if middle and (first == middle[0]) != (middle[0] == last):  # a square grid, before the numbers or behind them
        return middle[0] == last
    if not middle and first < last:
        return False
    raise UserError(f"{path} has the shape {shape}, from which it is not clear where the numbers of a region are; say "
                    "channels='last' if they are its last axis and channels='first' if they stand right behind the "
                    "images")


def in_words(shape):
    *places, numbers = shape
    return f"{numbers:,} numbers" if not places else f"{' x '.join(map(str, places))} regions with {numbers:,} numbers"


def complete(images, found, dataset, split, where):
    """``images`` (a name of the data set or None for each row) without those that are not asked for.

    UserError when some of a split are missing; a warning when all of it are, or when there are others than its.
    """
    have, wanted = set(images), dataset.splits if split is None else {split: dataset.splits[split]}
    for name, members in wanted.items():
        missing = [image for image in members if image not in have]
        if missing and (split is not None or len(missing) < len(members)):
            raise UserError(f"{where} has no features for {len(missing):,} of the {len(members):,} images of split "
                            f"{name} ({first_of(missing)}); bring them for all")
        if missing:
            warn(f"{where} has no features for split {name}")
    others = [name for name, image in zip(found, images, strict=True) if image is None]
    if others:
        warn(f"{where} has features for {len(others):,} image(s) that the data set does not have, left out "
             f"({first_of([str(name) for name in others])})")
    asked_for = have if split is None else set(wanted[split])
    return [image if image in asked_for else None for image in images]


def write(path, entry, axes, images, source, out):
    """Write the rows whose image is not None; goes on where a run was cut off."""
    kept = [image for image in images if image is not None]
    changed = finished_changes(out, source, kept)
    if changed == []:
        print(f"{array_path(out)} is already there and up to date", file=sys.stderr)
        return
    writer = FeatureWriter(out, source, kept)
    if changed:
        warn(f"{writer.path} has other features ({', '.join(changed)}); it is replaced")
    seen = 0
    for begin in range(0, len(images), BLOCK):
        block = images[begin:begin + BLOCK]
        rows = [row for row, image in enumerate(block) if image is not None]
        fresh = rows[max(0, writer.done - seen):]  # the others are of the run before
        seen += len(rows)
        if fresh:
            x = entry.take(axes[0], begin, begin + len(block)).transpose(axes)[fresh]
            x = x.reshape(len(fresh), *source.shape)
            check_numbers(path, x, [block[row] for row in fresh])
            writer.write(x)
            writer.save_progress()
    writer.finish()
    print(f"{writer.path}: {len(kept):,} images, {writer.path.stat().st_size / 1e6:.0f} MB", file=sys.stderr)


def check_numbers(path, x, images):
    """UserError for features that are not finite, or that float16 cannot hold."""
    for features, image in zip(x, images, strict=True):
        largest = np.abs(features.astype(np.float64)).max()
        if not np.isfinite(largest):
            raise UserError(f"{path} holds features of {image} that are not finite (nan or inf)")
        if largest > np.finfo(np.float16).max or 0 < largest < SMALLEST:
            raise UserError(f"{path} holds features of {image} up to {largest:.3g}, which float16 cannot hold: "
                            f"multiply all by one factor, so that the largest are between {SMALLEST:.0e} and 65,504")
