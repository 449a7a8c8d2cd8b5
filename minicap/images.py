"""Image files as arrays: whatever the file format, a network sees (H, W, 3) uint8 RGB.

Pillow decodes. This module decides how each kind of file is *interpreted*:

* greyscale, palette, CMYK, ... are converted to RGB by Pillow's simple formulas (colour profiles are ignored, as in the
  training of every ImageNet network); of an animation the first frame is read;
* transparent parts are put on **white**, the background on which most viewers and web pages show them;
* 16-bit greyscale is scaled to 8 bits, 65535 -> 255; Pillow's own conversion clips everything above 255 to white;
* a picture with an EXIF orientation, from a camera held sideways, is turned upright;
* a truncated file is refused: half a photograph above grey rows is a different picture;
* HEIC, the format of iPhones, needs the package pillow-heif (extra ``heic``), which turns pictures upright itself.

A few kilobytes can declare gigapixels, so the memory that a picture will take is reckoned from its header, in bytes per
pixel (:data:`BYTES_PER_PIXEL`), and at most :data:`MAX_MEMORY` is taken. JPEGs can be decoded at 1/2, 1/4 or 1/8 of
their size (``at_least``), so that a phone's 200-megapixel photograph takes the memory of 3 megapixels.
"""

import contextlib
import io
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from .errors import UserError
from .files import existing_file

MAX_MEMORY = 1_440_000_000  # bytes, while a picture is read
#: The most memory that reading takes per pixel, in bytes, and that of all other formats. Measured with Pillow 13:
#:
#:     JPEG 10, CMYK 14          GIF 11        AVIF 14, with transparency 18      JPEG 2000 19, with transparency 24
#:     PNG 10 to 14              HEIC 10, 15   WebP 18, with transparency 23
#:     TIFF, BMP, TGA 10 to 14   PPM 10, 16    and 4 more to turn a picture upright
#:
#: tests/reliability/test_memory_of_pictures.py measures again, so that a decoder that takes more is noticed.
BYTES_PER_PIXEL, OF_OTHERS = {"WEBP": 27, "AVIF": 22, "JPEG2000": 28}, 18
JPEG_SCANS = 2  # bytes per pixel and channel of a JPEG in several scans, which is held whole before it is made smaller
MAX_DECLARED = 250_000_000  # pixels, H·W, of a JPEG that is made smaller

# Formats used for photographs. Pillow opens more, some of them (EPS) by starting another program.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "JPEG2000", "PPM", "TGA", "ICO")

HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}  # kinds of files in a "ftyp" box

# What files begin with that are no pictures, or none that is read, whatever they are called.
OTHERS = {b"version https://git-lfs": "a Git LFS pointer and not the picture: run `git lfs pull`",
          b"<": "a web page, an SVG or other XML: fetch the picture itself, as a JPEG or PNG",
          b"%PDF": "a PDF: save its picture as a JPEG or PNG", b"%!PS": "PostScript: save its picture as a JPEG or PNG",
          b"\xff\x0a": "a JPEG XL, which is not read: save it as a JPEG", b"8BPS": "a PSD: save it as a JPEG or PNG"}
BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF")  # of JPEG, PNG, GIF, WebP

METHODS = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR,
           "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}

ICON = b"\0\0\1\0"  # the first bytes of an ICO
EXIF_ORIENTATION, TILE_WIDTH, TILE_LENGTH = 0x0112, 0x0142, 0x0143
UPRIGHT = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
           5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
           8: Image.Transpose.ROTATE_90}


def read_image(source, at_least=None, name=None):
    """Decode a picture into an (H, W, 3) uint8 RGB array, upright.

    ``source`` is a path, the bytes of a file, or a binary file object. ``at_least`` is the number of pixels to which
    the picture will be resized afterwards: a JPEG is then decoded at 1/2, 1/4 or 1/8 of its size if both sides stay at
    least twice as long, which leaves the antialiasing to that resize. ``name`` names the picture in error messages.

    Raises UserError, naming the picture, when there is no such file, or it is not an image, truncated or too large.
    """
    if isinstance(source, (str, Path)):
        name, data = name or str(source), _file_bytes(source)
    else:
        name = name or str(getattr(source, "name", "the picture"))
        data = source if isinstance(source, (bytes, bytearray, memoryview)) else source.read()
    if not data:
        raise UserError(f"{name} is empty (0 bytes); fetch the picture again")
    image = _open(data, name)
    with image:
        declared = image.size
        if at_least is not None:
            image.draft(None, (2 * at_least, 2 * at_least))  # only has an effect on JPEG
        try:
            _check_memory(image, declared, data, name)
            with _pillow_silenced() if image.format == "TIFF" else contextlib.nullcontext():  # parses while decoding
                image.load()
            rgb = _to_rgb(image, name)
        except UserError:
            raise
        except Exception as error:  # on damaged data, decoders raise exceptions of nearly every type
            raise _damaged(name, error) from error
        turn = UPRIGHT.get(_orientation(image))
    return np.array(rgb if turn is None else rgb.transpose(turn))


def resize(image, size, method="bilinear"):
    """``image`` (H, W, 3) uint8 resized to (OH, OW), or to a square if ``size`` is a number, whatever its aspect ratio.

    Antialiased: when shrinking, Pillow widens the kernel ("bilinear", "bicubic", "lanczos") by the factor, so that
    every input pixel counts ("nearest" picks single pixels). An image that already has the size is returned as it is.
    """
    H, W, _ = _checked(image).shape
    OH, OW = (size, size) if np.isscalar(size) else size
    if method not in METHODS:
        raise ValueError(f"method is one of {', '.join(METHODS)}, not {method!r}")
    return image if (H, W) == (OH, OW) else np.array(Image.fromarray(image).resize((OW, OH), METHODS[method]))


def resize_short_side(image, side, method="bilinear"):
    """``image`` (H, W, 3) uint8 with its shorter side resized to ``side`` pixels, and the other in proportion."""
    H, W, _ = _checked(image).shape
    return resize(image, (side * H // min(H, W), side * W // min(H, W)), method)


def centre_crop(image, size):
    """The central ``size`` x ``size`` pixels of ``image`` (H, W, 3), as a view."""
    H, W, _ = _checked(image).shape
    if min(H, W) < size:
        raise ValueError(f"a crop of {size}x{size} does not fit into an image of shape {image.shape}; resize it first")
    top, left = round((H - size) / 2), round((W - size) / 2)
    return image[top:top + size, left:left + size]


def read_ahead(read, names, batch_size, threads=2):
    """Yield lists of ``read(name)`` for ``batch_size`` names at a time, while the next batch is read in the background.
    """
    return read_batches(read, (names[i:i + batch_size] for i in range(0, len(names), batch_size)), threads)


def read_batches(read, batches, threads=2):
    """The same for ``batches`` of names; which is the next one, they are asked when this one is wanted."""
    with ThreadPoolExecutor(threads) as pool:
        current = None
        for names in batches:
            following = [pool.submit(read, n) for n in names]
            if current is not None:
                yield [f.result() for f in current]
            current = following
        if current is not None:
            yield [f.result() for f in current]


def _file_bytes(path):
    try:
        return existing_file(path, "the image").read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def _open(data, name):
    """The opened, not yet decoded, Pillow image."""
    formats = ("HEIF",) if _is_heic(data) else FORMATS
    try:
        with _pillow_silenced():
            Image.init()
            if formats != FORMATS:
                _register_heif(name)
            if data[:4] == ICON:  # which is decoded as it is opened
                Image.MAX_IMAGE_PIXELS = MAX_MEMORY // OF_OTHERS // 2  # Pillow refuses twice its limit
            image = Image.open(io.BytesIO(data), formats=[f for f in formats if f in Image.OPEN])
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError(f"{name} holds more pixels than are decoded: make a smaller copy of it") from error
    except Exception as error:  # of any type, as above
        raise _not_opened(data, name, error) from error
    _check_size(image.size, MAX_DECLARED, name, "at all")
    return image


def _not_opened(data, name, error):
    """The UserError for what Pillow does not know: it is damaged, or something else."""
    begin = bytes(data[:64]).removeprefix(b"\xef\xbb\xbf").lstrip()
    if _is_heic(data) or begin.startswith(BEGINNINGS) or data[4:12] in (b"ftypavif", b"ftypavis"):
        return _damaged(name, error)
    other = next((what for start, what in OTHERS.items() if begin.startswith(start)), None)
    return UserError(f"{name} is {other}" if other else f"{name} is not an image in a supported format "
                     f"({', '.join(FORMATS)}); save it as a JPEG or PNG")


def _damaged(name, error):
    reason = " ".join(str(error).split())
    if isinstance(error, UnidentifiedImageError):  # which says no more than that
        reason = "it begins as a picture does, but cannot be decoded"
    return UserError(f"{name} is truncated or damaged: {reason}; fetch the picture again")


def _is_heic(data):
    """Whether the bytes are a HEIC file: one that says so, or a HEIF file that does not say it is an AVIF."""
    if data[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(data[:4], "big"), 1024)
    kinds = {bytes(data[at:at + 4]) for at in (8, *range(16, end, 4))}
    return bool(kinds & HEIC) or bool(kinds & {b"mif1", b"msf1"} and not kinds & {b"avif", b"avis"})


def _register_heif(name):
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise UserError(f"{name} is a HEIC picture, which the package pillow-heif reads: `pip install 'minicap[heic]'`"
                        ", or save it as a JPEG") from error
    register_heif_opener()


def _check_size(size, limit, name, how):
    W, H = size
    if limit < W * H:
        raise UserError(f"{name} is {W} x {H} pixels; more than {limit / 1e6:.0f} million are not decoded {how}: "
                        "make a smaller copy of it")


def _check_memory(image, declared, data, name):
    """UserError where decoding would take more than MAX_MEMORY. ``declared``: the size before it is made smaller."""
    if image.format in ("JPEG", "MPO") and image.size != declared and not _is_one_scan(image, data):
        _check_size(declared, MAX_MEMORY // (JPEG_SCANS * image.layers), name, "in several scans")
    limit = MAX_MEMORY // BYTES_PER_PIXEL.get(image.format, OF_OTHERS)
    _check_size(image.size, limit, name, "in full")
    if image.format == "TIFF":  # a tile, which is decoded whole, can be larger than its picture
        tile = image.tag_v2.get(TILE_WIDTH, 0), image.tag_v2.get(TILE_LENGTH, 0)
        _check_size(tile, limit, f"a tile of {name}", "in full")


def _is_one_scan(image, data):
    """Whether all channels of a JPEG come together, so that it is decoded row by row."""
    begin = image.fp.tell() - 8 - 2 * image.layers  # where a scan of all of them, which was just read, would begin
    return not image.info.get("progressive") and bytes(data[begin:begin + 2]) == b"\xff\xda"


def _to_rgb(image, name):
    if image.mode == "I" and image.format == "TIFF":
        raise UserError(f"{name} has 32-bit or signed levels, of an unknown range; save it with 8 or 16 bits")
    if image.mode == "I" or image.mode.startswith("I;16"):
        transparent = image.info.get("transparency")
        levels = np.asarray(image)
        image = _eight_bits(levels if transparent is None else np.where(levels == transparent, 65535, levels))
    if image.mode == "F":
        raise UserError(f"{name} has floating-point levels, of an unknown range; save it with 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        background = Image.new("RGB", image.size, "white")
        background.paste(image, mask=image)
        return background
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(levels):
    """Grey levels (H, W), 0 .. 65535, as an 8-bit Pillow image."""
    return Image.fromarray(((levels.astype(np.uint32) + 128) // 257).astype(np.uint8))  # 257 = 65535 / 255


def _orientation(image):
    try:
        with _pillow_silenced():
            return image.getexif().get(EXIF_ORIENTATION)
    except Exception:  # damaged EXIF data is no reason to refuse intact pixels
        return None


def _checked(image):
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"an image is a uint8 array of shape (H, W, 3), got {image.dtype} {image.shape}")
    return image


_pillow_lock = threading.Lock()


@contextlib.contextmanager
def _pillow_silenced():
    """Pillow without its warnings (odd metadata, large sizes) and without its size limit, which ours replaces.

    Both settings are global to the process, so only one thread at a time can change them, and only to parse headers
    (and TIFF). Other formats are decoded outside the block, in parallel.
    """
    with _pillow_lock, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\b")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
