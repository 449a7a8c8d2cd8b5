"""What lesson 15 asks for. Files are written into a temporary folder, and what happens to them is what is compared."""

import contextlib
import os
import tempfile
from pathlib import Path

import numpy as np

from minicap.learn.exercises import Exercise, Mistake

# ---------------------------------------------------------------------------------------------------------------- 15.1

WEIGHTS = ("weights: the first byte", "weights: the last byte")
SETTINGS = ("preprocessing: the order of the channels", "preprocessing: a digit of the mean",
            "preprocessing: an entry more")
IMAGES = ("images: one name", "images: how many", "images: their order", "images: where a name ends")
HARMLESS = ("the weights in another place", "the preprocessing in another order", "nothing at all",
            "Python started anew")


def what_the_key_sees(module, contents, layer, preprocessing, images):
    """(what changes the features and not the key, what changes the key and not the features)."""
    def key(path=None, layer=layer, preprocessing=preprocessing, images=images):
        answer = module.cache_key(path or weights, layer, dict(preprocessing), list(images))
        if not isinstance(answer, str):
            raise TypeError(f"cache_key has to return a text, and not {type(answer).__name__}; hashlib.sha256(...) has "
                            "hexdigest()")
        return answer

    with tempfile.TemporaryDirectory() as folder:
        weights, copy = Path(folder, "vgg19.h5"), Path(folder, "elsewhere", "network.h5")
        copy.parent.mkdir()
        weights.write_bytes(contents)
        copy.write_bytes(contents)
        os.utime(weights, (0, 0))
        before = key()
        mean = preprocessing["mean"]
        others = {
            "the layer": {"layer": layer[:-1] + chr(ord(layer[-1]) + 1)},
            SETTINGS[0]: {"preprocessing": preprocessing | {"order": preprocessing["order"][::-1]}},
            SETTINGS[1]: {"preprocessing": preprocessing | {"mean": [mean[0] + 0.001, *mean[1:]]}},
            SETTINGS[2]: {"preprocessing": preprocessing | {"resize": "bilinear"}},
            IMAGES[0]: {"images": ["x" + images[0][1:], *images[1:]]},
            IMAGES[1]: {"images": images[:-1]},
            IMAGES[2]: {"images": [images[1], images[0], *images[2:]]},
            IMAGES[3]: {"images": [images[0][:-1], images[0][-1] + images[1], *images[2:]]}}
        unseen = [what for what, other in others.items() if key(**other) == before]
        needless = {"the weights in another place": {"path": copy},
                    "the preprocessing in another order": {"preprocessing": dict(reversed(preprocessing.items()))},
                    "nothing at all": {}}
        needless = [what for what, other in needless.items() if key(**other) != before]
        with python_started_anew(module.cache_key):
            needless += [HARMLESS[3]] * (key() != before)
        for what, changed in zip(WEIGHTS, (bytes([contents[0] ^ 1]) + contents[1:],
                                           contents[:-1] + bytes([contents[-1] ^ 1])), strict=True):
            weights.write_bytes(changed)  # the same name, size and date
            os.utime(weights, (0, 0))
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


def unseen(name, sentence, *what):
    return Mistake(name, sentence, lambda right, *inputs: list(what), of="what the key does not see")


def needless(name, sentence, *what):
    return Mistake(name, sentence, lambda right, *inputs: list(what), of="what changes it without need")


CACHE_KEY = Exercise(
    "15.1", "cache_key", ("what the key does not see", "what changes it without need"), lambda *inputs: ([], []),
    example=((b"weights", "fc7", {"order": "BGR", "scale": 1, "mean": [103.939, 116.779, 123.68]},
              ["dog.jpg", "cat.jpg", "man.jpg"]), ([], [])),
    cases=some_features, call=what_the_key_sees,
    mistakes=(
        unseen("the weights file is not read",
               "Another network in a file of the same name, size and date gives the same "
               "key. What decides is what is in the file: read its bytes.", *WEIGHTS),
        unseen("the end of the weights file is not read",
               "A difference at the end of the weights file is not seen. All "
               "its bytes have to be hashed.", WEIGHTS[1]),
        unseen("the layer is missing",
               "Features of another layer of the same network have the same key: layer has to be "
               "part of it.", "the layer"),
        unseen("the preprocessing is missing", "RGB or BGR, another mean: the numbers become others, and the key stays "
               "the same. preprocessing has to be part of it.", *SETTINGS),
        unseen("only the names of the settings",
               "The key sees which settings there are, and not their values: sorted(d) "
               "or list(d) gives the keys of a dict alone.", *SETTINGS[:2]),
        unseen("only one letter or number of the settings",
               "A digit of the mean is not seen: was it rounded, or cut to "
               "a whole number?", SETTINGS[1]),
        unseen("the images are missing",
               "Features of other pictures have the same key: the list of images has to be part "
               "of it.", *IMAGES),
        unseen("only the number of the images",
               "Other pictures, if they are as many, have the same key. The names have "
               "to be part of it, not len(images).", IMAGES[0], *IMAGES[2:]),
        unseen("the images are sorted",
               "The images in another order have the same key. But row 0 of the file belongs to the first of them: in "
               "another order they are other features. Leave the list as it is (and make no set of it).", IMAGES[2]),
        unseen("names run into each other",
               "\"10.jpg\", \"1.jpg\" and \"10.jp\", \"g1.jpg\" have the same key: the names "
               "were joined with nothing in between, by join or by one update(...) after the other. A separator that "
               "occurs in no name, or json.dumps, keeps them apart.", IMAGES[3]),
        unseen("the key is always the same", "Whatever changes, the key does not.", "the layer", *SETTINGS, *IMAGES,
               *WEIGHTS),
        needless("the path of the weights counts", "A copy of the weights in another place has another key, and "
                 "everything would be computed again. Hash what is in the file, and leave its name out.", HARMLESS[0]),
        needless("the order of the settings counts",
                 "The same preprocessing, written down in another order, has another "
                 "key. Bring the entries into one order first: json.dumps(..., sort_keys=True), or sorted(d.items()).",
                 HARMLESS[1]),
        needless("the built-in hash",
                 "hash() of a text is another number whenever Python starts: tomorrow no file would "
                 "be found again. hashlib.sha256 gives the same for ever.", HARMLESS[3]),
        needless("the built-in hash", "hash() of a text is another number whenever Python starts: tomorrow no file "
                 "would be found again. hashlib.sha256 gives the same for ever. (The order of the settings counts as "
                 "well: sort them.)", HARMLESS[1], HARMLESS[3]),
        needless("it changes by itself",
                 "Called twice with the same things it gives two keys. Is there a time, a random "
                 "number or id() in it? Then nothing is ever found again.", *HARMLESS),
    ))


# ---------------------------------------------------------------------------------------------------------------- 15.2

class BrokenOffError(Exception):
    """What goes wrong in the middle of writing."""


def content(path):
    return path.read_bytes() if path.exists() else "no file"


def what_happens(function, old, pieces):
    """What others see of a file while it is written, twice: to the end, and until something fails."""
    with tempfile.TemporaryDirectory() as folder:
        path, reader, meanwhile = Path(folder, "features.json"), Path(folder, "a reader"), []
        path.write_bytes(old)
        os.link(path, reader)  # whoever has opened the old file goes on reading what this link leads to

        def watched():
            for piece in pieces:
                meanwhile.append(content(path))
                yield piece
            meanwhile.append(content(path))

        function(path, watched())
        seen, end = content(reader), content(path)
        reader.unlink()
        path.unlink(missing_ok=True)
        left = [file.name for file in Path(folder).iterdir()]
        for file in Path(folder).iterdir():
            file.unlink()

        after, failure = [], []
        for before in (old, None):  # there is an older file, there is none
            if before is not None:
                path.write_bytes(before)

            def broken():
                yield from pieces[:-1]
                raise BrokenOffError

            try:
                function(path, broken())
                failure.append("nobody heard of it")
            except BrokenOffError:
                failure.append("it came through")
            except Exception as error:
                failure.append(f"it became {type(error).__name__}")
            after.append(content(path))
            path.unlink(missing_ok=True)
            left += [file.name for file in Path(folder).iterdir()]
            for file in Path(folder).iterdir():
                file.unlink()
    return end, meanwhile, seen, after, "nothing" if not left else "a file", failure


def whole(path, pieces, *, keep=False, always=False, quiet=False, rename=True, empty_first=False):
    """As the docstring says, or with one of these mistakes."""
    partial = path.with_name(path.name + ".part")
    if empty_first:
        path.unlink(missing_ok=True)
    try:
        with open(partial, "wb") as file:
            for piece in pieces:
                file.write(piece)
    except Exception:
        if always:
            os.replace(partial, path)
        elif not keep:
            partial.unlink()
        if not quiet:
            raise
        return
    if rename:
        os.replace(partial, path)


def directly(path, pieces):
    with open(path, "wb", buffering=0) as file:
        for piece in pieces:
            file.write(piece)


def directly_in_a_buffer(path, pieces):
    with open(path, "wb") as file:
        for piece in pieces:
            file.write(piece)


def directly_with_cleaning(path, pieces):
    try:
        directly_in_a_buffer(path, pieces)
    except Exception:
        path.unlink()
        raise


def at_once(path, pieces):
    path.write_bytes(b"".join(pieces))


def piece_by_piece(path, pieces):
    """The file is opened anew for every piece."""
    partial = path.with_name(path.name + ".part")
    try:
        for piece in pieces:
            partial.write_bytes(piece)
    except Exception:
        partial.unlink()
        raise
    os.replace(partial, path)


def copied(path, pieces):
    partial = path.with_name(path.name + ".part")
    try:
        directly(partial, pieces)
        path.write_bytes(partial.read_bytes())
    finally:
        partial.unlink()


OUTCOMES = ("what path holds in the end", "what it holds meanwhile", "what a reader of the old file sees",
            "what path holds after a failure", "what else is left", "what became of the failure")


def outcome(name, sentence, function, of, **options):
    def wrong(right, old, pieces):
        return what_happens(lambda *both: function(*both, **options), old, pieces)[OUTCOMES.index(of)]
    return Mistake(name, sentence, wrong, of)


def written(rng):
    """The bytes of an older file, and the pieces of the new one."""
    words = [bytes(rng.integers(97, 123, 3).astype(np.uint8)) for _ in range(4)]
    return words[0], words[1:]


OWN_NAME = ("The new bytes went into the old file itself. It is empty or half written for a while, which is what "
            "everybody finds who looks in the meantime, and what remains when something fails: write under another "
            "name, and rename at the end.")
IN_PLACE = ("The pieces were complete, and then they were written into the old file itself. Whoever is reading it "
            "sees it change under his eyes, and for a moment it is half written. Write under another name and let "
            "os.replace put the new file in the place of the old one: that happens at once.")

WRITE_WHOLE = Exercise(
    "15.2", "write_whole", OUTCOMES,
    lambda old, pieces: (b"".join(pieces), [old] * (len(pieces) + 1), old, [old, "no file"], "nothing",
                         ["it came through"] * 2),
    example=((b"old", [b"abc", b"def"]),
             (b"abcdef", [b"old"] * 3, b"old", [b"old", "no file"], "nothing", ["it came through"] * 2)),
    cases=written, call=lambda module, old, pieces: what_happens(module.write_whole, old, pieces),
    mistakes=(
        outcome("it is never renamed",
                "path still holds what it held before. The new bytes are there under the temporary "
                "name: os.replace(partial, path) at the end.", whole, OUTCOMES[0], rename=False),
        outcome("every piece begins the file anew",
                "Only the last piece is in the file. Mode \"wb\" and write_bytes empty "
                "it each time: open it once, around the loop.", piece_by_piece, OUTCOMES[0]),
        outcome("written under its own name", OWN_NAME, directly, OUTCOMES[1]),
        outcome("written under its own name", OWN_NAME, directly_in_a_buffer, OUTCOMES[1]),
        outcome("the old file is deleted first", "The old file was deleted before the new one was complete. In between "
                "there is none, and after a failure neither. os.replace replaces it, nothing has to be deleted.", whole,
                OUTCOMES[1], empty_first=True),
        outcome("written into the old file", IN_PLACE, at_once, OUTCOMES[2]),
        outcome("written into the old file", IN_PLACE, copied, OUTCOMES[2]),
        outcome("renamed even after a failure", "After a failure path holds half of the new file. Rename only when all "
                "pieces have been written; a `finally` comes to pass in any case.", whole, OUTCOMES[3], always=True),
        outcome("the temporary file is left",
                "After a failure the temporary file is still there. Nobody will ever clear "
                "it away: delete it in an `except`, then `raise`.", whole, OUTCOMES[4], keep=True),
        outcome("the failure is swallowed",
                "Something failed, and the caller does not learn of it: it goes on as if the file had been written. "
                "After clearing up, `raise` without anything behind it lets the exception go on.",
                whole, OUTCOMES[5], quiet=True),
    ))


# ---------------------------------------------------------------------------------------------------------------- 15.3

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
    answer = module.features_of(disk, dict(row_of), list(names))
    if answer is None:
        return None, "", ""
    answer = np.asarray(answer)
    needed = len(names) * array[0].size
    return answer, str(answer.dtype), "rows" if sum(disk.read) <= needed else "more than the rows"


def asked(rng):
    """20 pictures, of which 5 are wanted, one of them twice, not in the order of the file."""
    array = rng.standard_normal((20, 2, 3)).astype(np.float16)
    names = [f"{n}.jpg" for n in rng.permutation(900)[:20]]
    row_of = {names[row]: row for row in rng.permutation(20)}
    wanted = list(rng.permutation(np.arange(1, 20))[:4])
    wanted = [max(wanted), min(wanted), *wanted[:2], max(wanted)]
    return array, row_of, [names[row] for row in wanted]


def rows_of(row_of, names):
    return np.array([row_of[name] for name in names])


def read(array, rows):
    return array[rows].astype(np.float32)


ROWS = ("features", "their type", "what is read")

FEATURES_OF = Exercise(
    "15.3", "features_of", ROWS,
    lambda array, row_of, names: (read(array, rows_of(row_of, names)), "float32", "rows"),
    example=((np.array([[1, 2], [3, 4], [5, 6]], np.float16),
              {"dog.jpg": 0, "cat.jpg": 1, "man.jpg": 2}, ["man.jpg", "dog.jpg", "man.jpg"]),
             (np.array([[5, 6], [1, 2], [5, 6]], np.float32), "float32", "rows")),
    cases=asked, call=read_from_disk,
    mistakes=(
        Mistake("in the order of the file",
                "The features come in the order of the file, and not in that of names: they "
                "would go to the wrong captions. A memory map takes rows in any order, so there is nothing to sort.",
                lambda right, array, row_of, names: read(array, np.sort(rows_of(row_of, names)))),
        Mistake("a picture that is asked for twice comes once",
                "A picture that stands in names several times comes only "
                "once, and the rows stand in the order of the file. A batch may hold several captions of a picture: go "
                "through names, one row for each, instead of asking which rows are among them.",
                lambda right, array, row_of, names: read(array, np.unique(rows_of(row_of, names)))),
        Mistake("a picture that is asked for twice comes once", "A picture that stands in names several times comes "
                "only once. A batch may hold several captions of a picture: one row for each of the names.",
                lambda right, array, row_of, names: read(array, rows_of(row_of, dict.fromkeys(names)))),
        Mistake("the first rows of the file", "These are the first rows of the file, whatever the names: row_of says "
                "where each picture stands.", lambda right, array, row_of, names: read(array, slice(len(names)))),
        Mistake("the place in row_of instead of its value",
                "The place of a name in the dict is not its row. row_of[name] "
                "is.", lambda right, array, row_of, names: read(array, [list(row_of).index(name) for name in names])),
        Mistake("all pictures are returned", "The whole file comes back. What is asked for is one row for each of the "
                "names.", lambda right, array, row_of, names: array[:].astype(np.float32)),
        Mistake("still float16",
                "The features are float16, as on the disk. To compute with three digits loses them, and a "
                "processor has no fast float16: convert what was read, .astype(np.float32).",
                lambda right, *inputs: "float16", of=ROWS[1]),
        Mistake("float64", "The features are float64. That is twice the memory for digits that never were on the disk: "
                ".astype(np.float32).", lambda right, *inputs: "float64", of=ROWS[1]),
        Mistake("more is read than the rows",
                "The answer is right, and for it more was converted or copied than the rows that are asked for. "
                "array.astype(...) reads the whole file, gigabytes for a batch of 64 pictures: index first, convert "
                "what comes out of it.", lambda right, *inputs: "more than the rows", of=ROWS[2]),
    ))


# ---------------------------------------------------------------------------------------------------------------- 15.4

def scaled(x, norm, length):
    return length * x / np.where(norm > 0, norm, 1)


def root_of_squares(x, axis=-1):
    return np.sqrt((x * x).sum(axis=axis, keepdims=True))


def with_nan(right, x, length):
    return length * x / root_of_squares(x)


def with_zeros(rng):
    x = rng.standard_normal((5, 3, 4))
    x[1, int(rng.integers(3))] = 0
    return x, float(rng.uniform(3, 20))


L2_NORMALIZE = Exercise(
    "15.4", "l2_normalize", ("y",), lambda x, length: scaled(x, root_of_squares(x), length),
    example=((np.array([[3.0, 4.0], [0.0, 0.0]]), 10.0), np.array([[6.0, 8.0], [0.0, 0.0]])), cases=with_zeros,
    mistakes=(
        Mistake("zeros become nan",
                "0 / 0 is nan, which is no number, and whatever it touches becomes nan, too. A vector "
                "of zeros is to stay as it is: divide by 1 where the length is 0.", with_nan),
        Mistake("the length is not used", "Every vector has length 1: multiply by length.",
                lambda right, x, length: scaled(x, root_of_squares(x), 1)),
        Mistake("the root is missing", "It was divided by the sum of the squares. The length is the root of it.",
                lambda right, x, length: scaled(x, root_of_squares(x)**2, length)),
        Mistake("the sum of the absolute values", "It was divided by the sum of the absolute values, another way to "
                "measure a vector. Here the length is the root of the sum of the squares.",
                lambda right, x, length: scaled(x, np.abs(x).sum(axis=-1, keepdims=True), length)),
        Mistake("the plain sum",
                "It was divided by the sum of the numbers, where positive and negative ones cancel. The "
                "length is the root of the sum of the squares.",
                lambda right, x, length: length * x / np.where(x.any(axis=-1, keepdims=True),
                                                               x.sum(axis=-1, keepdims=True), 1)),
        Mistake("the largest number", "It was divided by the largest absolute value. Then that number has the size of "
                "length, and the vector is longer.",
                lambda right, x, length: scaled(x, np.abs(x).max(axis=-1, keepdims=True), length)),
        Mistake("one length for all",
                "It was divided by one number, the length of everything together. Every vector has a "
                "length of its own: sum along the last axis, keepdims=True.",
                lambda right, x, length: scaled(x, np.sqrt((x * x).sum()), length)),
        Mistake("along the first axis",
                "The sum ran along the first axis, over the pictures. A vector lies along the last "
                "one: axis=-1.", lambda right, x, length: scaled(x, root_of_squares(x, 0), length)),
        Mistake("along axis 1",
                "The sum ran along axis 1. A vector lies along the last axis, whatever stands in front of "
                "it: axis=-1. (For a matrix the two are the same.)",
                lambda right, x, length: scaled(x, root_of_squares(x, 1), length)),
        Mistake("a mean instead of a sum",
                "It was divided by the root of the *mean* of the squares, which makes vectors "
                "longer the more numbers they have. The length is the root of the sum.",
                lambda right, x, length: scaled(x, np.sqrt((x * x).mean(axis=-1, keepdims=True)), length)),
        Mistake("multiplied by the length",
                "It was multiplied by the vector's length instead of divided by it: long ones "
                "have become longer.", lambda right, x, length: length * x * root_of_squares(x)),
    ))

EXERCISES = (CACHE_KEY, WRITE_WHOLE, FEATURES_OF, L2_NORMALIZE)
