"""What lesson 16 asks for. Files are written into a temporary folder, and what happens to them is what is compared."""

import contextlib
import os
import tempfile
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np

from minicap.learn import catalogue as known
from minicap.learn.exercises import Exercise

# ---------------------------------------------------------------------------------------------------------------- 16.1

WEIGHTS = ("weights: the first byte", "weights: the last byte", "weights: the order of the bytes",
           "weights: what a CRC-32 does not see")
SETTINGS = ("preprocessing: the order of the channels", "preprocessing: a digit of the mean",
            "preprocessing: an entry more", "preprocessing: the order of the mean's numbers",
            "preprocessing: the name of an entry", "preprocessing: a digit of the scale")
IMAGES = ("images: one name", "images: how many", "images: their order", "images: where a name ends",
          "images: one of them twice", "images: a comma or a space in a name")
BETWEEN = (",", ", ", ";", " ")  # what may stand in a name, and may have been used to join names
HARMLESS = ("the weights in another place", "the preprocessing in another order", "nothing at all",
            "Python started anew", "the date of the weights")
CRC_32 = 0x1DB710641  # two contents that differ by this number have the same checksum: it is what CRC-32 divides by


def what_the_key_sees(module, contents, layer, preprocessing, images):
    """(what changes the features and not the key, what changes the key and not the features)."""
    def key(path=None, layer=layer, preprocessing=preprocessing, images=images):
        handed = dict(preprocessing), list(images)
        answer = module.cache_key(path or weights, layer, *handed)
        if handed != (preprocessing, images):
            raise ValueError("cache_key has changed preprocessing or images, which the caller still needs: "
                             "sorted(images) makes a new list, images.sort() does not")
        if not isinstance(answer, str):
            raise TypeError(f"cache_key has to return a text, and not {type(answer).__name__}; hashlib.sha256(...) has "
                            "hexdigest()")
        return answer

    def write(contents):  # always with the same name, size and date
        weights.write_bytes(contents)
        os.utime(weights, (0, 0))

    with tempfile.TemporaryDirectory() as folder:
        weights, copy = Path(folder, "vgg19.h5"), Path(folder, "elsewhere", "network.h5")
        copy.parent.mkdir()
        copy.write_bytes(contents)
        os.utime(copy, (0, 0))
        write(contents)
        before, mean = key(), preprocessing["mean"]
        others = {
            "the layer": {"layer": layer[:-1] + chr(ord(layer[-1]) + 1)},
            SETTINGS[0]: {"preprocessing": preprocessing | {"order": preprocessing["order"][::-1]}},
            SETTINGS[1]: {"preprocessing": preprocessing | {"mean": [mean[0] + 0.001, *mean[1:]]}},
            SETTINGS[2]: {"preprocessing": preprocessing | {"resize": "bilinear"}},
            SETTINGS[3]: {"preprocessing": preprocessing | {"mean": mean[::-1]}},
            SETTINGS[4]: {"preprocessing": {name + "s" * (name == "scale"): x for name, x in preprocessing.items()}},
            SETTINGS[5]: {"preprocessing": preprocessing | {"scale": preprocessing["scale"] + 0.25}},
            IMAGES[0]: {"images": ["x" + images[0][1:], *images[1:]]},
            IMAGES[1]: {"images": images[:-1]},
            IMAGES[2]: {"images": [images[1], images[0], *images[2:]]},
            IMAGES[3]: {"images": [images[0][:-1], images[0][-1] + images[1], *images[2:]]},
            IMAGES[4]: {"images": [*images, images[0]]}}
        unseen = [what for what, other in others.items() if key(**other) == before]
        if before in [key(images=[between.join(images[:2]), *images[2:]]) for between in BETWEEN]:
            unseen.append(IMAGES[5])
        needless = {HARMLESS[0]: {"path": copy}, HARMLESS[2]: {},
                    HARMLESS[1]: {"preprocessing": dict(reversed(preprocessing.items()))}}
        needless = [what for what in HARMLESS[:3] if key(**needless[what]) != before]
        with python_started_anew(module.cache_key):
            needless += [HARMLESS[3]] * (key() != before)
        os.utime(weights, (1, 1))
        needless += [HARMLESS[4]] * (key() != before)
        for what, changed in zip(WEIGHTS, (bytes([contents[0] ^ 1]) + contents[1:],
                                           contents[:-1] + bytes([contents[-1] ^ 1]),
                                           contents[:1] + contents[:0:-1],
                                           (int.from_bytes(contents, "little") ^ CRC_32).to_bytes(
                                               len(contents), "little")), strict=True):
            write(changed)
            if key() == before:
                unseen.append(what)
    return unseen, needless


@contextlib.contextmanager
def python_started_anew(function):
    """Within the block the built-in hash() gives other numbers, as in another process."""
    names = getattr(function, "__globals__", {})
    if "hash" in names:  # a name of the learner's own
        yield
        return
    names["hash"] = lambda x: hash(x) ^ 1
    try:
        yield
    finally:
        del names["hash"]


def some_features(rng):
    contents = rng.integers(0, 256, 5000).astype(np.uint8).tobytes()
    preprocessing = {"order": "BGR", "scale": 1.0, "mean": [round(float(m), 3) for m in rng.uniform(100, 130, 3)]}
    return contents, f"fc{rng.integers(1, 8)}", preprocessing, [f"{n}.jpg" for n in rng.permutation(900)[:4] + 100]


CACHE_KEY = Exercise(
    "16.1", "cache_key", ("what the key does not see", "what changes it without need"),
    lambda contents, layer, preprocessing, images: ([], []),
    example=((b"weights", "fc7", {"order": "BGR", "scale": 1, "mean": [103.939, 116.779, 123.68]},
              ["dog.jpg", "cat.jpg", "man.jpg"]), ([], [])),
    cases=some_features, call=what_the_key_sees,
    mistakes={"what the key does not see": [
        ("the weights file is not read", "Another network in a file of the same name, size and date gives the same "
         "key. Read the file's bytes.", lambda: [*WEIGHTS]),
        ("the end of the weights file is not read", "A difference at the end of the weights file is not seen. Hash all "
         "its bytes.", lambda: [WEIGHTS[1]]),
        ("the layer is missing", "Features of another layer have the same key: include layer.", lambda: ["the layer"]),
        ("the preprocessing is missing", "RGB or BGR, another mean: the features change, and the key does not. Include "
         "preprocessing.", lambda: [*SETTINGS]),
        ("only the names of the settings", "The key sees which settings there are, and not their values: sorted(d) or "
         "list(d) gives the keys of a dict alone.", lambda: [*SETTINGS[:2], SETTINGS[3], SETTINGS[5]]),
        ("only one letter or number of the settings", "A digit of the mean or the scale is not seen: was it rounded, "
         "or cut to a whole number?",
         [lambda: [SETTINGS[1]], lambda: [SETTINGS[5]], lambda: [SETTINGS[1], SETTINGS[5]]]),
        ("the images are missing", "Features of other pictures have the same key: include the list of images.",
         lambda: [*IMAGES]),
        ("only the number of the images", "Other pictures, if there are as many, have the same key: include the names, "
         "not len(images).", lambda: [IMAGES[0], *IMAGES[2:4]]),
        ("repeated images are dropped", "A list with a picture twice has the key of the list with it once. Its "
         "features have a row more: keep the list as it is.", lambda: [IMAGES[4]]),
        ("only the values of the settings", "The same number under another name has the same key: include the names of "
         "the settings as well, as json.dumps does.", lambda: [SETTINGS[4]]),
        ("lists of numbers are sorted", "The mean's three numbers in another order have the same key: sort_keys=True "
         "sorts what is needed, the names; the numbers stay in order.", lambda: [SETTINGS[3]]),
        ("the bytes are added up", "Weights whose bytes are in another order have the same key: a sum does not see the "
         "order. hashlib.sha256 does.", (lambda: [WEIGHTS[2]], lambda: [*WEIGHTS[2:]])),
        ("a checksum of 32 bits", "Two different weights files have the same key. A CRC-32 finds accidents, and it is "
         "no fingerprint: use hashlib.sha256.", lambda: [WEIGHTS[3]]),
        ("the images are sorted", "The images in another order have the same key. But row 0 belongs to the first of "
         "them: keep the list's order, no set.", (lambda: [IMAGES[2]], lambda: [IMAGES[2], IMAGES[4]])),
        ("names run into each other", "\"10.jpg\", \"1.jpg\" and \"10.jp\", \"g1.jpg\" have the same key: names were "
         "joined without a separator. Use json.dumps.", lambda: [IMAGES[3]]),
        ("names are joined by a comma", 'The two pictures "a.jpg", "b.jpg" and the one picture "a.jpg,b.jpg" have the '
         'same key: what separates the names may occur in a name, too. Use json.dumps.',
         lambda: [IMAGES[5]]),
        ("the key is always the same", "Whatever changes, the key does not.",
         lambda: ["the layer", *SETTINGS, *IMAGES, *WEIGHTS]),
    ], "what changes it without need": [
        ("the path of the weights counts", "A copy of the weights in another place has another key. Hash the file's "
         "contents, not its name.", lambda: [HARMLESS[0]]),
        ("the date of the weights counts", "The same file with another date has another key. Hash its contents.",
         (lambda: [HARMLESS[4]], lambda: [HARMLESS[0], HARMLESS[4]])),
        ("the order of the settings counts", "The same preprocessing in another order has another key: json.dumps(..., "
         "sort_keys=True), or sorted(d.items()).", lambda: [HARMLESS[1]]),
        ("the built-in hash", "hash() of a text is a different number each time Python starts. hashlib.sha256 always "
         "gives the same. (And sort the settings.)", (lambda: [HARMLESS[3]], lambda: [HARMLESS[1], HARMLESS[3]])),
        ("it changes by itself", "Two calls with the same arguments give two keys. Is there a time, a random number or "
         "id() in it?", lambda: [*HARMLESS]),
    ]})


# ---------------------------------------------------------------------------------------------------------------- 16.2

class BrokenOffError(Exception):
    """What goes wrong in the middle of writing."""


def content(path):
    return path.read_bytes() if path.exists() else "no file"


def emptied(folder):
    """The names of the files in a folder, which are deleted."""
    files = list(Path(folder).iterdir())
    for file in files:
        file.unlink()
    return [file.name for file in files]


@contextlib.contextmanager
def renaming(fails=False):
    """Gives a list of (folder, contents) of the files that are renamed within the block, or are to be if that fails."""
    renamed, names = [], ("replace", "rename")
    originals = [getattr(os, name) for name in names]

    def noted(original):
        def rename(source, target, **options):
            renamed.append((Path(source).resolve().parent, Path(source).read_bytes()))
            if fails:
                raise OSError("another program has the file open")
            return original(source, target, **options)
        return rename

    for name, original in zip(names, originals, strict=True):
        setattr(os, name, noted(original))
    try:
        yield renamed
    finally:
        for name, original in zip(names, originals, strict=True):
            setattr(os, name, original)


def survives_a_failed_renaming(module):
    """None, or what is lost where a file cannot be renamed."""
    with tempfile.TemporaryDirectory() as folder, renaming(fails=True):
        path = Path(folder, "features.json")
        path.write_bytes(b"old")
        with contextlib.suppress(OSError):
            module.write_whole(path, iter([b"new"]))
        if content(path) not in (b"old", b"new"):
            return "where os.replace fails, path is not as it was: delete nothing before it, it replaces the old file"
    return None


def what_happens(function, old, pieces):
    """What others see of a file while it is written, twice: to the end, and until something fails."""
    with tempfile.TemporaryDirectory() as folder, renaming() as renamed:
        path, reader, meanwhile, names = Path(folder, "features.json"), Path(folder, "a reader"), [], set()
        path.write_bytes(old)
        os.link(path, reader)  # whoever has opened the old file goes on reading what this link leads to

        def watched():
            for piece in pieces:
                meanwhile.append(content(path))
                names.update(file.name for file in Path(folder).iterdir())
                yield piece
            meanwhile.append(content(path))

        def broken(error=BrokenOffError):
            yield from pieces[:-1]
            raise error

        function(path, watched())
        seen, end, whole = content(reader), content(path), b"".join(pieces)
        early = "incomplete" if renamed and renamed[0][1] != whole else "complete"
        reader.unlink()
        path.unlink(missing_ok=True)
        left, after, failure = emptied(folder), [], []
        for before in (old, None):  # there is an older file, there is none
            if before is not None:
                path.write_bytes(before)
            try:
                function(path, broken())
                failure.append("nobody heard of it")
            except BrokenOffError:
                failure.append("it came through")
            except Exception as error:
                failure.append(f"it became {type(error).__name__}")
            after.append(content(path))
            path.unlink(missing_ok=True)
            left += emptied(folder)
        with contextlib.suppress(BaseException):
            function(path, broken(KeyboardInterrupt))
        interrupted = emptied(folder)
        for name in names:  # what a run that was killed has left
            Path(folder, name).write_bytes(b"of an earlier run")
        try:
            function(path, iter(pieces))
            again = "written" if content(path) == whole else "mixed with what was there"
        except Exception as error:
            again = f"stopped with {type(error).__name__}"
        elsewhere = any(place != Path(folder).resolve() for place, _ in renamed)
    return (end, meanwhile, seen, after, "nothing" if not left else "a file", failure,
            "nothing" if not interrupted else "a file", "another folder" if elsewhere else "the same folder",
            early, again)


def whole(path, pieces, *, keep=False, caught=BaseException, always=False, quiet=False, rename=True, empty_first=False,
          anew=False, lose=False):
    """As the docstring says, or with one of these mistakes."""
    partial_path = path.with_name(path.name + ".part")
    if empty_first:
        path.unlink(missing_ok=True)
    try:
        with open(partial_path, "wb") as file:
            for piece in pieces:
                if anew:
                    file.seek(file.truncate(0))
                file.write(piece)
    except caught:
        if always:
            os.replace(partial_path, path)
        elif not keep:
            partial_path.unlink()
        if lose:
            path.unlink(missing_ok=True)
        if not quiet:
            raise
        return
    if rename:
        os.replace(partial_path, path)


def directly(path, pieces, buffering=-1):
    with open(path, "wb", buffering) as file:
        for piece in pieces:
            file.write(piece)


def copied(path, pieces):
    part = path.with_name(path.name + ".part")
    try:
        directly(part, pieces)
        path.write_bytes(part.read_bytes())
    finally:
        part.unlink()


def happening(function, **how):
    return lambda old, pieces: what_happens(partial(function, **how), old, pieces)


OUTCOMES = ("what path holds in the end", "what it holds meanwhile", "what a reader of the old file sees",
            "what path holds after a failure", "what else is left", "what became of the failure",
            "what is left after Ctrl-C", "where the new bytes are written first", "the file when it is renamed",
            "the file after a run that was killed")
OWN_NAME = ("The new bytes were written into the old file itself, which is empty or half written for a while, and "
            "stays so when something fails: write under another name, and rename at the end.")
IN_PLACE = ("The complete bytes were written into the old file itself. Whoever is reading it sees it change, and for a "
            "moment it is half written. Write under another name and use os.replace, which happens at once.")

WRITE_WHOLE = Exercise(
    "16.2", "write_whole", OUTCOMES,
    lambda old, pieces: (b"".join(pieces), [old] * (len(pieces) + 1), old, [old, "no file"], "nothing",
                         ["it came through"] * 2, "nothing", "the same folder", "complete", "written"),
    example=((b"old", [b"abc", b"def"]),
             (b"abcdef", [b"old"] * 3, b"old", [b"old", "no file"], "nothing", ["it came through"] * 2, "nothing",
              "the same folder", "complete", "written")),
    # the bytes of an older file, and the pieces of the new one
    cases=lambda rng: (bytes(rng.integers(97, 123, 3).astype(np.uint8)),
                       [bytes(rng.integers(97, 123, 3).astype(np.uint8)) for _ in range(3)]),
    call=lambda module, old, pieces: what_happens(module.write_whole, old, pieces), learns=survives_a_failed_renaming,
    mistakes={OUTCOMES[0]: [
        ("it is never renamed", "path still holds what it held before: os.replace(partial, path) at the end.",
         happening(whole, rename=False)),
        ("every piece begins the file anew", "Only the last piece is in the file. Mode \"wb\" and write_bytes empty it "
         "each time: open it once, around the loop.", happening(whole, anew=True)),
    ], OUTCOMES[1]: [
        ("written under its own name", OWN_NAME, (happening(directly), happening(directly, buffering=0))),
        ("the old file is deleted first", "The old file was deleted before the new one was complete. os.replace "
         "replaces it; nothing has to be deleted.", happening(whole, empty_first=True)),
    ], OUTCOMES[2]: [
        ("written into the old file", IN_PLACE,
         (happening(lambda path, pieces: path.write_bytes(b"".join(pieces))), happening(copied))),
    ], OUTCOMES[3]: [
        ("renamed even after a failure", "After a failure path holds half of the new file. Rename only when all pieces "
         "are written; a `finally` always runs.", happening(whole, always=True)),
        ("the old file is deleted after a failure", "After a failure path is gone, and with it the old file. Delete "
         "the unfinished one alone.", happening(whole, lose=True)),
    ], OUTCOMES[4]: [
        ("the temporary file is left", "After a failure the temporary file is still there: delete it in an `except`, "
         "then `raise`.", happening(whole, keep=True)),
    ], OUTCOMES[5]: [
        ("the failure is swallowed", "Something failed, and the caller is not told. After cleaning up, a bare `raise` "
         "passes the exception on.", happening(whole, quiet=True)),
        ("another exception", "The caller gets another exception than the one that was raised. A bare `raise` passes "
         "the same one on.", (lambda: ["it became RuntimeError"] * 2, lambda: ["it became OSError"] * 2)),
    ], OUTCOMES[6]: [
        ("Ctrl-C leaves the temporary file", "After Ctrl-C the temporary file is still there. KeyboardInterrupt is "
         "not an Exception: `except BaseException:`, or a `finally`, cleans up after it as well.",
         happening(whole, caught=Exception)),
    ], OUTCOMES[7]: [
        ("the temporary file is in another folder", "The temporary file is in another folder, which may be on another "
         "disk; a file cannot be renamed from one disk to another. Write it into path's own folder: path.parent.",
         lambda: "another folder"),
    ], OUTCOMES[8]: [
        ("renamed before it is closed", "The file is renamed while some of its bytes are still in memory, so for a "
         "moment path is incomplete. Rename after the `with`, which closes it.", lambda: "incomplete"),
    ], OUTCOMES[9]: [
        ("appended to what is there", "A run that was killed has left its unfinished file, and the new bytes were "
         "appended to it. Mode \"wb\" begins anew.", lambda: "mixed with what was there"),
        ("an unfinished file is in the way", "A run that was killed has left its unfinished file, and from then on "
         "every run fails. Mode \"wb\" replaces it.", lambda: "stopped with FileExistsError"),
    ]})


# ---------------------------------------------------------------------------------------------------------------- 16.3

class Disk(np.ndarray):
    """An array that notes how many rows are copied out of it, as they are read from the disk out of a memory map."""

    read = None

    def __array_finalize__(self, other):
        self.read = getattr(other, "read", None)

    def _note(self, copied):
        self.read.append(copied.size)
        return copied.view(np.ndarray)

    def __getitem__(self, index):
        found = super().__getitem__(index)
        if not isinstance(found, Disk) or (found.base is not None and np.shares_memory(found, self)):
            return found  # a view, of which nothing has been read yet
        return self._note(found)

    def take(self, *args, **kwargs):
        return self._note(super().take(*args, **kwargs))

    def astype(self, *args, **kwargs):
        return self._note(super().astype(*args, **kwargs))

    def copy(self, *args, **kwargs):
        return self._note(super().copy(*args, **kwargs))


def read_from_disk(module, array, row_of, names):
    disk = array.view(Disk)
    disk.read = []
    with memory_used() as used:
        answer = module.features_of(disk, row_of, names)
    if answer is None:
        return None, "", ""
    if not isinstance(answer, np.ndarray):
        raise TypeError(f"features_of has to return an array, and not a {type(answer).__name__}: np.stack makes one of "
                        "rows")
    answer = np.asarray(answer)
    # np.array(disk) copies all of it past Disk; that shows in the memory, if the file is large
    whole_file = array.nbytes > 50_000 and max(used) > array.nbytes / 2
    as_asked = sum(disk.read) <= len(names) * array[0].size and not whole_file
    return answer, str(answer.dtype), "rows" if as_asked else "more than the rows"


@contextlib.contextmanager
def memory_used():
    """Gives a list that holds, after the block, the bytes that were in use at most."""
    used, tracing = [], tracemalloc.is_tracing()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    try:
        yield used
    finally:
        used.append(tracemalloc.get_traced_memory()[1] - before)
        if not tracing:
            tracemalloc.stop()


def asked(rng):
    """60 pictures, of which 5 are wanted, one of them twice, not in the order of the file."""
    array = rng.standard_normal((60, 40, 30)).astype(np.float16)
    names = [f"{n}.jpg" for n in rng.permutation(900)[:60]]
    row_of = {names[row]: row for row in rng.permutation(60)}
    wanted = list(rng.permutation(np.arange(1, 60))[:4])
    wanted = [max(wanted), min(wanted), *wanted[:2], max(wanted)]
    return array, row_of, [names[row] for row in wanted]


def features(array, row_of, names, change=lambda rows: rows):
    return array[change([row_of[name] for name in names])].astype(np.float32)


FEATURES_OF = Exercise(
    "16.3", "features_of", ("features", "their type", "what is read"),
    lambda array, row_of, names: (features(array, row_of, names), "float32", "rows"),
    example=((np.array([[1, 2], [3, 4], [5, 6]], np.float16),
              {"dog.jpg": 0, "cat.jpg": 1, "man.jpg": 2}, ["man.jpg", "dog.jpg", "man.jpg"]),
             (np.array([[5, 6], [1, 2], [5, 6]], np.float32), "float32", "rows")),
    cases=asked, call=read_from_disk,
    mistakes={"features": [
        ("in the order of the file", "The features are in the order of the file, not of names, and would go to the "
         "wrong captions. Do not sort the rows.", partial(features, change=np.sort)),
        ("a picture that is asked for twice comes once", "A picture that is in names several times comes only once. A "
         "batch may hold several captions of it: a row for each name.",
         (partial(features, change=np.unique),
          lambda array, row_of, names: features(array, row_of, dict.fromkeys(names)))),
        ("the names are sorted", "The rows are those of the names in alphabetical order. They belong to the names as "
         "they are given.", lambda array, row_of, names: features(array, row_of, sorted(names))),
        ("one row off", "Each picture has the row before or behind its own. row_of[name] is the index, rows are "
         "counted from 0.", (partial(features, change=lambda rows: [row - 1 for row in rows]),
                     partial(features, change=lambda rows: [row + 1 for row in rows]))),
        ("the first rows of the file", "These are the first rows of the file, whatever the names: row_of says which "
         "row each picture has.", partial(features, change=lambda rows: slice(len(rows)))),
        ("the place in row_of instead of its value", "The position of a name in the dict is not its row: row_of[name].",
         lambda array, row_of, names: features(array, {name: place for place, name in enumerate(row_of)}, names)),
        ("all pictures are returned", "The whole file is returned. The exercise asks for one row for each of the "
         "names.",
         lambda array: array.astype(np.float32)),
    ], "their type": [
        ("still float16", "The features are float16, as on the disk: too few digits to compute with, and slow. "
         ".astype(np.float32)", lambda: "float16"),
        ("float64", "The features are float64, twice the memory for digits that were never on the disk: "
         ".astype(np.float32).", lambda: "float64"),
    ], "what is read": [
        ("more is read than the rows", "More was converted or copied than the rows asked for. array.astype(...) reads "
         "the whole file: index first, then convert.", lambda: "more than the rows"),
    ]})


# ---------------------------------------------------------------------------------------------------------------- 16.4

def norm(x, axis=-1):
    return np.sqrt((x * x).sum(axis=axis, keepdims=True))


def scaled(x, length, size=norm):
    return length * x / np.where(size(x) > 0, size(x), 1)


def only_without_zeros(factor, right, x, length):
    """A vector that has a 0 in it only times this factor, or times the length."""
    return np.where(x.all(axis=-1, keepdims=True), right, (factor or length) * x)


def with_zeros(rng):
    x = rng.standard_normal((5, 3, 4))
    x[1, int(rng.integers(3))] = 0
    x[0, 0, 1] = 0
    x[2] /= 1000  # short ones
    return x, float(rng.uniform(3, 20))


L2_NORMALIZE = Exercise(
    "16.4", "l2_normalize", ("y",), scaled, cases=with_zeros,
    example=((np.array([[3.0, 4.0], [0.0, 0.0]]), 10.0), np.array([[6.0, 8.0], [0.0, 0.0]])),
    mistakes=[
        ("zeros become nan", "0 / 0 is nan, and so is whatever it touches. A vector of zeros stays as it is: divide by "
         "1 where the length is 0.", lambda x, length: length * x / norm(x)),
        ("something is added to the length", "A small number was added to every vector's length, so none comes out as "
         "long as it should. Only a length of 0 has to be replaced.",
         [partial(scaled, size=partial(lambda eps, x: norm(x) + eps, eps)) for eps in (1e-2, 1e-3, 1e-4, 1e-5)]),
        ("short vectors are not scaled", "A vector shorter than 1 was divided by 1, as np.maximum(length, 1) does. "
         "Only a length of 0 is replaced: np.where(norm > 0, norm, 1).",
         partial(scaled, size=lambda x: np.maximum(norm(x), 1))),
        ("a vector with a 0 in it stays as it is", "A vector was taken for zeros because one of its numbers is 0. It "
         "is its length that has to be 0.", [partial(only_without_zeros, factor) for factor in (None, 1)]),
        ("nothing is scaled", "It is x as it came. Was nothing scaled because one of the vectors is all zeros? Decide "
         "for each by itself: np.where.", lambda x: x),
        ("zeros get the length", "A vector of zeros became `length` in every place. It stays as it is.",
         lambda right, x, length: np.where(x.any(axis=-1, keepdims=True), right, length)),
        ("divided by length as well", "It was divided by `length`: multiply.",
         lambda x, length: scaled(x, 1 / length)),
        ("the length is not used", "Every vector has length 1: multiply by length.", lambda x: scaled(x, 1)),
        ("the root is missing", "It was divided by the sum of the squares. The length is the root of it.",
         partial(scaled, size=lambda x: norm(x)**2)),
        ("the sum of the absolute values", "It was divided by the sum of the absolute values. Here the length is the "
         "root of the sum of the squares.", partial(scaled, size=lambda x: np.abs(x).sum(axis=-1, keepdims=True))),
        ("the plain sum", "It was divided by the sum, where positive and negative numbers cancel. The length is the "
         "root of the sum of squares.",
         lambda x, length: length * x / np.where(x.any(axis=-1, keepdims=True), x.sum(axis=-1, keepdims=True), 1)),
        ("the largest number", "It was divided by the largest absolute value. The length is the root of the sum of the "
         "squares.", partial(scaled, size=lambda x: np.abs(x).max(axis=-1, keepdims=True))),
        ("one length for all", "It was divided by the length of everything together. Every vector has its own: sum "
         "along the last axis, keepdims=True.", partial(scaled, size=lambda x: norm(x, axis=None))),
        ("along the first axis", "The sum ran over the pictures. A vector lies along the last axis: axis=-1.",
         partial(scaled, size=lambda x: norm(x, axis=0))),
        ("along axis 1", "The sum ran along axis 1. A vector lies along the last axis: axis=-1. (For a matrix the two "
         "are the same.)", partial(scaled, size=lambda x: norm(x, axis=1))),
        ("a mean instead of a sum", "It was divided by the root of the *mean* of the squares. The length is the root "
         "of the sum.", partial(scaled, size=lambda x: np.sqrt((x * x).mean(axis=-1, keepdims=True)))),
        ("multiplied by the length", known.multiplied("It", "the vector's length"),
         lambda x, length: length * x * norm(x)),
    ])

EXERCISES = (CACHE_KEY, WRITE_WHOLE, FEATURES_OF, L2_NORMALIZE)
