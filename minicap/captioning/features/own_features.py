"""Features that somebody brings: an array and the names of its images, checked against a data set, made a feature file.

    (images, numbers)                  one vector an image, for --model show-tell
    (images, regions, numbers)         for --model attend
    (images, rows, columns, numbers)   the same in a grid

Or one such array for each image. Axes of length 1 are left out. PyTorch's (images, numbers, rows, columns) is
recognised by a square grid; where that does not decide, or there are more regions than numbers, ``channels`` has to.
MATLAB's (numbers, images) is recognised by how many names there are.

What network made such features is unknown, so no photograph can be captioned with them: training and evaluation work.
"""

import hashlib
import sys

import numpy as np

from ...errors import UserError, warn
from ...files import sha256
from ...paths import expanded, resolved
from ..data.caption_dataset import first_of
from ..data.names import NameIndex
from .feature_paths import array_path, sidecar
from .feature_source import FeatureSource
from .feature_writer import summary, writing
from .own_arrays import Entry, files_of, open_arrays
from .own_names import OF_ARRAYS, match, names_inside, read_names

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
    if resolved(path) in (resolved(array_path(out)), resolved(sidecar(out)), resolved(array_path(out)).parent):
        raise UserError(f"out= {out} would be written to the place of the features it is made from; name another file")
    with open_arrays(path) as entries:
        key, entry, found = choose(entries, path, key, dataset)
        where = path
        if names is not None and found is not None:
            raise UserError(f"{path} has an array for each image, by its name, so that names= would say it twice; "
                            "leave it out")
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
        if names is not None and names_others(path, entries, key, entry, dataset, images):
            raise UserError(f"{path} itself names its images, and otherwise than names= {names}; leave that out, or "
                            "write the right names into both")
        images = complete(images, found, dataset, split, where)
        source = FeatureSource.of_own_array(f"own {key}".rstrip(), digest(path), axes, shape)
        print(f"{path}: read as {len(found):,} images of {in_words(shape)}", file=sys.stderr)
        write(path, entry, axes, images, source, out)


def names_others(path, entries, key, entry, dataset, images):
    """Whether the file with the array has names, too, and these are of other ``images`` row by row."""
    try:
        inside = names_inside(path, entries, key, entry.shape)
        return inside is not None and match(inside, dataset, path) != images
    except UserError:  # several lists, or of something else than images
        return False


def digest(path):
    """The SHA-256 of a file; of a folder, that of the names and digests of its files."""
    if not path.is_dir():
        return sha256(path)
    digests = [f"{file.name} {sha256(file)}" for file in files_of(path)]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def choose(entries, path, key, dataset):
    """(name of the features, their Entry, the names of their images or None); UserError if several can be meant."""
    numbers = {name: entry for name, entry in entries.items() if entry.kind == "numbers"}
    if key in numbers:
        return key, numbers[key], None
    if arrays := by_image(numbers, path, key, dataset):
        return key or "", stacked(arrays, path), list(arrays)
    if key is not None:
        raise UserError(f"{path} has no array of numbers {key!r}; it has {listed(entries)}")
    large = {name: entry for name, entry in numbers.items() if sum(n > 1 for n in entry.shape) > 1}
    if len(large) == 1:
        return *next(iter(large.items())), None
    if not large:
        raise UserError(f"{path} has no array of numbers that could be features, (images, numbers); it has "
                        f"{listed(entries)}")
    raise UserError(f"{path} has several arrays of numbers, {listed(large)}; name that of the features with key=")


def by_image(numbers, path, key, dataset):
    """{name: Entry} where a file has an array an image, or in a group an image those called ``key``; else {}."""
    numbers = {name: entry for name, entry in numbers.items() if entry.shape}
    if len(numbers) < 2:
        return {}
    index = NameIndex(dataset.all_images)

    def is_image(name):
        return bool(index.hits(OF_ARRAYS.sub("", name)))

    shapes = [entry.shape for name, entry in numbers.items() if is_image(name)] if key is None else []
    if shapes:  # and what is there besides, if it could be one
        return {name: entry for name, entry in numbers.items() if entry.shape == shapes[0] or is_image(name)}
    groups = {}
    for name, entry in numbers.items():
        group, _, last = name.rpartition("/")
        groups.setdefault(last, {})[group] = entry
    groups = {last: arrays for last, arrays in groups.items() if any(map(is_image, arrays))}
    if len(groups) > 1 and key is None:
        raise UserError(f"{path} has several arrays for each image, {', '.join(list(groups)[:6])}; name that of the "
                        "features with key=")
    return groups.get(key, {}) if key is not None else next(iter(groups.values()), {})


def stacked(arrays, path):
    """Arrays of one image each as one Entry."""
    first, entries = next(iter(arrays)), list(arrays.values())
    if other := next((name for name, entry in arrays.items() if entry.shape != entries[0].shape), None):
        raise UserError(f"{path} has arrays of different shapes, {entries[0].shape} for {first} and "
                        f"{arrays[other].shape} for {other}; bring as many regions and numbers for every image")

    def take(axis, begin, end):
        return np.stack([entry.take(0, 0, entry.shape[0])[None] for entry in entries[begin:end]])

    return Entry((len(entries), 1, *entries[0].shape), "numbers", take)  # with 1 in second place, images come first


def listed(entries):
    """The first arrays of a file, in words."""
    found = [f"{name or 'one'} of shape {entry.shape}" + ("" if entry.kind == "numbers" else f" ({entry.kind})")
             for name, entry in list(entries.items())[:6]]
    return ", ".join(found) + (", ..." if len(entries) > 6 else "") if found else "none"


def layout(path, shape, count, where, channels):
    """(the axes of the array as images, places, numbers; the shape of one image's features), for ``count`` names."""
    images = axis_of_images(path, shape, count, where)
    others = [axis for axis in range(len(shape)) if axis != images]
    places = [axis for axis in others if shape[axis] > 1] or others[-1:]
    if len(places) > 1 and channels_first(path, shape, places, channels):
        places = [*places[1:], places[0]]
    if len(places) == 1 and channels is not None:
        warn("channels= has no effect on features without regions")
    single = [axis for axis in others if axis not in places]
    return (images, *single, *places), tuple(shape[axis] for axis in places)


def axis_of_images(path, shape, count, where):
    """The axis that is as long as there are names: the first one, or the second of a matrix."""
    if shape[:1] == (count,) and len(shape) > 1 and 1 in (count, shape[1]):
        return 0
    long = [axis for axis, n in enumerate(shape) if n > 1]
    found = [axis for axis in sorted({*long[:1], *long[-1:]}) if shape[axis] == count] if len(long) > 1 else []
    if len(found) == 2:
        with_one = (count, 1, *(shape[axis] for axis in long[1:]))
        raise UserError(f"{path} has the shape {shape} with two axes as long as there are images, {count:,}, so it is "
                        f"not clear which of them are images; make it {with_one}, images first")
    if not found:
        raise UserError(f"{path} has the shape {shape}, but {where} names {count:,} images; there has to be a row for "
                        "each, (images, numbers)")
    if found[0] != long[0] and len(long) > 2:
        raise UserError(f"{path} has the shape {shape}, with the {count:,} images last; put their axis first: (images, "
                        "regions, numbers)")
    return found[0]


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
    with writing(out, source, kept, BLOCK) as writer:
        if writer is not None:
            copy(path, entry, axes, images, writer)


def copy(path, entry, axes, images, writer):
    seen, zeros, first, differ = 0, [], None, False
    for begin in range(0, len(images), BLOCK):
        block = images[begin:begin + BLOCK]
        rows = [row for row, image in enumerate(block) if image is not None]
        fresh = rows[max(0, writer.done - seen):]  # the others are of the run before
        seen += len(rows)
        if fresh:
            x = entry.take(axes[0], begin, begin + len(block)).transpose(axes)[fresh]
            x = x.reshape(len(fresh), *writer.source.shape)
            check_numbers(path, x, [block[row] for row in fresh])
            zeros += [block[row] for row, features in zip(fresh, x, strict=True) if not features.any()]
            first = x[0] if first is None else first
            differ = differ or writer.done > 0 or bool((x != first).any())
            writer.write(x)
            writer.save_progress()
    count = len(writer.images)
    if not differ and count > 1 and first is not None:
        raise UserError(f"{path} holds the same numbers for all {count:,} images; look for the reason where it was "
                        "made")
    if zeros:
        warn(f"{path} holds nothing but zeros for {len(zeros):,} of {count:,} images ({first_of(zeros)})")
    writer.finish()
    print(summary(writer), file=sys.stderr)


def check_numbers(path, x, images):
    """UserError for features that are not finite, or that float16 cannot hold."""
    for features, image in zip(x, images, strict=True):
        largest = np.abs(features.astype(np.float64)).max()
        if not np.isfinite(largest):
            raise UserError(f"{path} holds features of {image} that are not finite (nan or inf)")
        if largest > np.finfo(np.float16).max or 0 < largest < SMALLEST:
            raise UserError(f"{path} holds features of {image} up to {largest:.3g}, which float16 cannot hold: "
                            f"multiply all by one factor, so that the largest are between {SMALLEST:.0e} and 65,504")
