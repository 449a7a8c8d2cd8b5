"""Pictures in, arrays out: whatever the file is, a network sees (H, W, 3) uint8 RGB.

Decoding is Pillow's. What is decided here is what each kind of file *means*:

* greyscale, palette, CMYK, ... become RGB by Pillow's plain formulas (colour profiles are ignored, as in the training
  of every ImageNet network); of an animation the first frame counts;
* transparent parts are laid on **white**, the paper on which most viewers and web pages show them;
* 16-bit greyscale is scaled to 8 bits, 65535 -> 255; Pillow's own conversion clips everything above 255 to white;
* a camera that was held sideways says so in the EXIF orientation, and the picture is turned upright;
* a file that ends early is refused: half a photograph over grey rows is a picture of something else.

A few kilobytes can declare gigapixels. At most :data:`MAX_DECLARED` pixels are accepted, of which at most
:data:`MAX_DECODED` are decoded; the difference is for JPEGs, which can be decoded at 1/2, 1/4 or 1/8 of their size
(``at_least``), so that a phone's 200-megapixel photograph costs 3.
"""

import contextlib
import io
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from .errors import UserError
from .files import existing_file

MAX_DECLARED = 250_000_000  # pixels, H·W
MAX_DECODED = 80_000_000  # 240 MB as an RGB array, and about three times that while it is converted

# Formats that photographs come in. Pillow opens more, some of them (EPS) by starting another program.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "JPEG2000", "PPM", "TGA", "ICO")

METHODS = {"nearest": Image.Resampling.NEAREST, "bilinear": Image.Resampling.BILINEAR,
           "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}

EXIF_ORIENTATION = 0x0112
UPRIGHT = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
           5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
           8: Image.Transpose.ROTATE_90}


def read_image(source, at_least=None, name=None):
    """Decode a picture into an (H, W, 3) uint8 RGB array, upright.

    ``source`` is a path, the bytes of a file, or a binary file object. ``at_least`` says that both sides will be
    resized to that many pixels anyway: a JPEG is then decoded at 1/2, 1/4 or 1/8 when both sides stay at least twice as
    long, which keeps the antialiasing to the resize that follows. ``name`` stands for the picture in error messages.

    Raises UserError, naming the picture, when there is no such file, or it is no image, truncated or too large.
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
        if at_least is not None:
            image.draft(None, (2 * at_least, 2 * at_least))  # does nothing but for JPEG
        _check_size(image.size, MAX_DECODED, name, "in full")
        try:
            with _hushed() if image.format == "TIFF" else contextlib.nullcontext():  # TIFF parses more as it decodes
                image.load()
            rgb = _to_rgb(image, name)
        except UserError:
            raise
        except Exception as error:  # on damaged data the decoders raise nearly every type there is
            raise UserError(f"{name} is truncated or damaged: {error}; fetch the picture again") from error
        turn = UPRIGHT.get(_orientation(image))
    return np.array(rgb if turn is None else rgb.transpose(turn))


def resize(image, size, method="bilinear"):
    """``image`` (H, W, 3) uint8 at another size: (OH, OW), or a number for a square. The aspect ratio is not kept.

    Antialiased: when shrinking, Pillow widens the kernel ("nearest", "bilinear", "bicubic", "lanczos") by the factor,
    so that every input pixel counts. An image of the right size already is returned as it is.
    """
    H, W, _ = _checked(image).shape
    OH, OW = (size, size) if np.isscalar(size) else size
    if method not in METHODS:
        raise ValueError(f"method is one of {', '.join(METHODS)}, not {method!r}")
    return image if (H, W) == (OH, OW) else np.array(Image.fromarray(image).resize((OW, OH), METHODS[method]))


def resize_short_side(image, side, method="bilinear"):
    """``image`` (H, W, 3) uint8 with its shorter side at ``side`` pixels, its aspect ratio kept (rounded down)."""
    H, W, _ = _checked(image).shape
    return resize(image, (side * H // min(H, W), side * W // min(H, W)), method)


def centre_crop(image, size):
    """The middle ``size`` x ``size`` pixels of ``image`` (H, W, 3), as a view."""
    H, W, _ = _checked(image).shape
    if min(H, W) < size:
        raise ValueError(f"a crop of {size}x{size} does not fit into an image of shape {image.shape}; resize it first")
    top, left = round((H - size) / 2), round((W - size) / 2)
    return image[top:top + size, left:left + size]


def read_ahead(read, names, batch_size, threads=2):
    """Yield lists of ``read(name)`` for ``batch_size`` names at a time, the next batch being read meanwhile."""
    batches = [names[i:i + batch_size] for i in range(0, len(names), batch_size)]
    with ThreadPoolExecutor(threads) as pool:
        pending = [pool.submit(read, n) for n in batches[0]] if batches else []
        for following in [*batches[1:], []]:
            current, pending = pending, [pool.submit(read, n) for n in following]
            yield [f.result() for f in current]


def _file_bytes(path):
    try:
        return existing_file(path, "the image").read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def _open(data, name):
    """The opened, not yet decoded, Pillow image."""
    try:
        with _hushed():
            Image.init()
            image = Image.open(io.BytesIO(data), formats=[f for f in FORMATS if f in Image.OPEN])
    except Exception as error:  # as above
        raise UserError(f"{name} is not an image in a format that is read here ({', '.join(FORMATS)})") from error
    _check_size(image.size, MAX_DECLARED, name, "at all")
    return image


def _check_size(size, limit, name, how):
    W, H = size
    if limit < W * H:
        raise UserError(f"{name} is {W} x {H} pixels; more than {limit / 1e6:.0f} million are not decoded {how}: "
                        "make a smaller copy of it")


def _to_rgb(image, name):
    if image.mode == "I" or image.mode.startswith("I;16"):
        image = _eight_bits(np.asarray(image), name)
    if image.mode == "F":
        raise UserError(f"{name} has floating-point levels, whose white is not known; save it with 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(image, mask=image)
        return paper
    return image.convert("RGB")


def _eight_bits(levels, name):
    """Grey levels (H, W), 0..65535, as an 8-bit Pillow image. Pillow's mode "I" has 32 bits, of which PNGs use 16."""
    if levels.min() < 0 or levels.max() > 65535:
        raise UserError(f"{name} has 32-bit levels, whose white is not known; save it with 8 or 16 bits")
    return Image.fromarray(((levels.astype(np.uint32) + 128) // 257).astype(np.uint8))  # 257 = 65535 / 255


def _orientation(image):
    try:
        with _hushed():
            return image.getexif().get(EXIF_ORIENTATION)
    except Exception:  # damaged EXIF data is no reason to refuse sound pixels
        return None


def _checked(image):
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"an image is a uint8 array of shape (H, W, 3), got {image.dtype} {image.shape}")
    return image


_hushing = threading.Lock()


@contextlib.contextmanager
def _hushed():
    """Pillow without its warnings (odd metadata, large sizes) and without its size limit, for which ours stands.

    Both are switches of the whole process, so one thread at a time, and only to parse headers (and TIFF). Other formats
    are decoded outside, in parallel.
    """
    with _hushing, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\b")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
