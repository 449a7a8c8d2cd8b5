"""The features of a whole data set, written to a file by one process, or by several of one machine or of many."""

import itertools
import sys
import time

from ...errors import UserError, warning
from ...images import read_batches
from ...paths import same_path
from ...terminal import print_above, progress_bar
from ...weights.preprocessing import Preprocessing, convention_name
from .extractor import Extractor, named
from .feature_file import is_up_to_date, open_features
from .feature_paths import array_path, shard_path
from .feature_shards import check_index, index_of, rows_of_shard, write_index
from .feature_writer import summary, writing

SAVE_EVERY, SAVE_WITHIN = 16, 5  # batches, and seconds: after either, what is there is saved
POLL = 0.1  # seconds between two looks at what the other processes are still computing


class Pictures:
    """The pictures of a data set as batches for an extractor: all of them, or those of one ``split``."""

    def __init__(self, dataset, extractor, split=None):
        self.dataset, self.extractor = dataset, extractor
        self.names = tuple(dataset.all_images if split is None else dataset.splits[split])

    def batches(self, batches):
        """For each of the ``batches``, slices of rows, yield it and a list: the network's input for each picture, or
        the UserError that prevents it.
        """
        batches, read = itertools.tee(batches)
        return zip(batches, read_batches(self._read, (self.names[rows] for rows in read)), strict=True)

    def _read(self, name):
        try:
            size, crop = self.extractor.size, self.extractor.crop
            if crop is None:
                return self.extractor.prepare(self.dataset.image(name, at_least=size))
            return self.extractor.prepare(crop(self.dataset.image(name, at_least=round(size / crop.area)), name))
        except UserError as error:
            return error


class EarlierFeatures:
    """The features of an earlier layer, from a FeatureFile, as batches for an extractor: a fraction of the work.

    The results differ from those computed from the pictures by the rounding to float16, 0.05 %, and have the same
    source.
    """

    def __init__(self, file):
        self.file, self.names = file, file.images

    def batches(self, batches):
        for rows in batches:
            x, where = self.file.read(rows), self.file.path
            yield rows, [(x[i],) if name in self.file.row else UserError(f"{name}, which {where} does not hold")
                         for i, name in enumerate(self.names[rows])]


class Some:
    """Some ``rows``, a slice, of Pictures or EarlierFeatures."""

    def __init__(self, inputs, rows):
        self.inputs, self.begin, self.names = inputs, rows.start, inputs.names[rows]

    def batches(self, batches):
        of_all = (slice(self.begin + rows.start, self.begin + rows.stop) for rows in batches)
        for rows, batch in self.inputs.batches(of_all):
            yield slice(rows.start - self.begin, rows.stop - self.begin), batch


def extract(inputs, extractor, out, batch_size=32, *, shard=None, host=None, begun=lambda: None):
    """Write the features of ``inputs`` (Pictures or EarlierFeatures) to ``out``; continues an interrupted run.

    shard   (number, count): share the work with other processes of this machine, each with a number from 1 to count
    host    (number, count): write only the features that fall to this one of so many machines, to a file of its own
            (see :mod:`.feature_shards`)
    begun   called once the file is there, or complete, and other processes can join

    A picture that cannot be read is left out, with a warning. Returns these warnings, as far as this process gave them.
    """
    if host is None:
        return _extract(inputs, extractor, out, batch_size, shard, begun, extractor.source.layer)
    index = index_of(out, inputs.names, host[1])
    mine = Some(inputs, rows_of_shard(len(inputs.names), batch_size, *host))
    if array_path(out).exists() and is_up_to_date(out, extractor.source, inputs.names):
        begun()
        return []
    check_index(out, index)
    left_out = _extract(mine, extractor, shard_path(out, *host), batch_size, shard, begun,
                        f"{extractor.source.layer}, host {host[0]}/{host[1]}")
    write_index(out, index)
    return left_out


def _extract(inputs, extractor, out, batch_size, shard, begun, title):
    with writing(out, extractor.source, inputs.names, batch_size, shard) as writer:
        begun()
        if writer is None:
            return []
        with progress_bar(total=len(inputs.names), initial=writer.count, unit="image", desc=title) as bar:
            left_out = _write(writer, inputs, extractor, bar)
        writer.finish()
        print(summary(writer), file=sys.stderr)
    return left_out


def _write(writer, inputs, extractor, bar):
    """Compute and write all that no other process does; return a sentence for each picture that was left out."""
    left_out, saved = [], time.monotonic()
    while not writer.is_complete:
        for rows, batch in inputs.batches(writer.batches()):
            readable = [x for x in batch if not isinstance(x, UserError)]
            features = iter(extractor(readable) if readable else ())
            for x in batch:
                if isinstance(x, UserError):
                    left_out.append(f"left out: {x}")
                    print_above(bar, warning(left_out[-1]))
            writer.write([None if isinstance(x, UserError) else next(features) for x in batch], rows.start)
            if len(writer.unsaved) == SAVE_EVERY or time.monotonic() - saved > SAVE_WITHIN:
                writer.save_progress()
                saved = time.monotonic()
            bar.update(writer.count - bar.n)
        writer.save_progress()  # and so gives back what it had taken, before it waits for the others
        bar.update(writer.count - bar.n)
        if not writer.is_complete:  # as others are still computing; or are killed, so that there is more to take
            time.sleep(POLL)
    bar.update(writer.count - bar.n)
    return left_out


def earlier_features(path, weights, layer, out, device, preprocessing=None, host=None):
    """(EarlierFeatures, Extractor) to :func:`extract` those of ``layer`` from the file ``path`` of an earlier one.

    Raises UserError when that file holds several layers, is from another network, or is ``out`` itself.
    """
    file = open_features(path)
    if file.source.is_own:
        raise UserError(f"{file.path} was made from an array of your own, behind whose network nothing can go on")
    if file.source.parts:
        raise UserError(f"{file.path} holds {file.source.layer} features; start from those of one layer")
    if any(same_path(written, array_path(file.path))
           for written in [array_path(out), *([shard_path(out, *host)] if host else [])]):
        raise UserError(f"out= {out} would replace the features it is computed from; name another file")
    (_, size), (_, wanted) = named(file.source.layer), named(layer)
    if size != wanted:
        raise UserError(f"{file.path} holds {file.source.layer}, of pictures of {file.source.picture_size} pixels; "
                        f"name the layer {'with' if size else 'without'} @{size or wanted}")
    used = Preprocessing.from_json(file.source.preprocessing)
    if preprocessing not in (None, convention_name(used)):
        raise UserError(f"{file.path} was made with another preprocessing than preprocessing={preprocessing!r}; leave "
                        "it out, or begin with the pictures")
    extractor = Extractor(weights, layer, device, file.source.mirrored, after=file.source.layer, preprocessing=used,
                          crop=file.source.crop)
    if set(file.source.differences(extractor.source)) - {"layer", "shape", "parts"}:
        raise UserError(f"{file.path} is not from the network in {weights}, but from the weights with SHA-256 "
                        f"{file.source.weights_sha256[:8]}...; name those with weights=")
    return EarlierFeatures(file), extractor
