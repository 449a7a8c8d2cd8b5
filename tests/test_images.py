"""Pictures of every common kind, generated here and read back."""

import io
import struct
import sys
import threading
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from minicap import images
from minicap.errors import UserError
from minicap.images import centre_crop, read_ahead, read_image, resize, resize_short_side

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def quarters(W=32, H=16):
    """Red, green / blue, white: every flip and turn looks different."""
    image = np.empty((H, W, 3), np.uint8)
    image[:H // 2, :W // 2], image[:H // 2, W // 2:] = RED, GREEN
    image[H // 2:, :W // 2], image[H // 2:, W // 2:] = BLUE, WHITE
    return image


def corners(image):
    return [tuple(int(v) for v in image[y, x]) for y in (1, -2) for x in (1, -2)]


def close(image, expected, tolerance=6):
    return image.shape == expected.shape and np.abs(image.astype(int) - expected).max() <= tolerance


# ------------------------------------------------------------------------------------------------ kinds of files

@pytest.mark.parametrize(("format", "options"), [
    ("PNG", {}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("PPM", {}), ("TGA", {}),
    ("WEBP", {"lossless": True}), ("GIF", {}), ("JPEG2000", {}),
])
def test_lossless_formats_are_read_exactly(format, options):
    data = encoded(Image.fromarray(quarters()), format, **options)
    np.testing.assert_array_equal(read_image(data), quarters())


# The first bytes of a HEIC file, and whether it is one: the kind of the file, its version, further kinds.
FTYP = {
    "iPhone": (b"heic\0\0\0\0mif1heic", True), "a still of a sequence": (b"msf1\0\0\0\0hevc", True),
    "10 bits": (b"heix\0\0\0\0mif1", True), "the kind in second place": (b"mif1\0\0\0\0miafheic", True),
    "HEIF of another codec": (b"mif1\0\0\0\0", True), "AVIF": (b"avif\0\0\0\0mif1miaf", False),
    "AVIF in second place": (b"mif1\0\0\0\0avif", False), "a film": (b"isom\0\0\0\0mp42", False)}


@pytest.mark.parametrize("kind", FTYP)
def test_a_heic_without_its_package_is_known_by_its_bytes_and_the_sentence_names_the_package(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    brands, heic = FTYP[kind]
    data = (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands + bytes(200)
    with pytest.raises(UserError) as caught:
        read_image(data, name="IMG_1.jpg")
    expected = ("which the package pillow-heif reads: `pip install 'minicap[heic]'`, or save it as a JPEG" if heic else
                "IMG_1.jpg is truncated or damaged: it begins as a picture" if brands.startswith(b"avif") else
                "IMG_1.jpg is not an image in a supported format (JPEG, ")
    assert expected in str(caught.value)


def heic(image, **options):
    pytest.importorskip("pillow_heif").register_heif_opener()
    return encoded(Image.fromarray(image), "HEIF", quality=100, **options)


def test_a_heic_is_read_and_turned_upright_once():
    assert close(read_image(heic(quarters(96, 64))), quarters(96, 64), 40)  # its edges are soft
    turned = Image.Exif()
    turned[images.EXIF_ORIENTATION] = 6
    x = read_image(heic(quarters(96, 64), exif=turned.tobytes()))
    assert x.shape == (96, 64, 3)
    assert [np.argmax(x[y, x_]) if min(x[y, x_]) < 200 else 3 for y in (4, -5) for x_ in (4, -5)] == [2, 0, 3, 1]


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.95])
def test_a_truncated_heic_is_one_sentence(fraction):
    data = heic(quarters(96, 64))
    with pytest.raises(UserError, match=r"the picture is truncated or damaged: .*; fetch the picture again") as caught:
        read_image(data[:int(fraction * len(data))])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("progressive", [False, True])
def test_baseline_and_progressive_jpegs_are_read(progressive):
    data = encoded(Image.fromarray(quarters()), "JPEG", quality=100, subsampling=0, progressive=progressive)
    assert close(read_image(data), quarters())


def test_paths_bytes_and_file_objects_give_the_same_writable_array(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(quarters()).save(path)
    with open(path, "rb") as f:
        readings = [read_image(path), read_image(str(path)), read_image(path.read_bytes()), read_image(f)]
    for image in readings:
        assert image.dtype == np.uint8 and image.flags.writeable and image.flags.c_contiguous
        np.testing.assert_array_equal(image, quarters())


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_greyscale_becomes_three_equal_channels(format):
    image = read_image(encoded(Image.new("L", (8, 4), 100), format))
    assert image.shape == (4, 8, 3) and (image == 100).all()


def test_one_bit_pictures_are_black_and_white():
    grid = np.indices((4, 8)).sum(0) % 2 == 0
    image = read_image(encoded(Image.fromarray(grid), "PNG"))
    np.testing.assert_array_equal(image, np.repeat(grid[..., None], 3, 2) * np.uint8(255))


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])  # JPEG: stored inverted, with Adobe's marker
def test_cmyk_becomes_rgb_the_right_way_round(format):
    options = {"quality": 100} if format == "JPEG" else {}
    data = encoded(Image.fromarray(quarters()).convert("CMYK"), format, **options)
    assert Image.open(io.BytesIO(data)).mode == "CMYK"
    assert (b"Adobe" in data) == (format == "JPEG")
    assert close(read_image(data), quarters())


def test_a_palette_is_looked_up():
    np.testing.assert_array_equal(read_image(encoded(Image.fromarray(quarters()).quantize(4), "PNG")), quarters())


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_a_transparent_palette_entry_is_white(format):
    image = Image.new("P", (6, 4), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.paste(0, (0, 0, 3, 4))
    pixels = read_image(encoded(image, format, transparency=0))
    assert (pixels[:, :3] == WHITE).all() and (pixels[:, 3:] == RED).all()


def test_several_alphas_in_a_palette_are_composited():
    image = Image.new("P", (2, 1), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putpixel((0, 0), 0)
    assert read_image(encoded(image, "PNG", transparency=bytes([128, 255]))).tolist() == [[[127] * 3, list(RED)]]


def test_a_transparent_colour_of_an_rgb_png_is_white():
    assert corners(read_image(encoded(Image.fromarray(quarters()), "PNG", transparency=BLUE))) == \
        [RED, GREEN, WHITE, WHITE]


@pytest.mark.parametrize(("mode", "colour", "expected"), [
    ("RGBA", (255, 0, 0, 255), (255, 0, 0)), ("RGBA", (9, 9, 9, 0), WHITE), ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
    ("LA", (0, 51), (204, 204, 204)),
])
def test_alpha_is_composited_on_white(mode, colour, expected):
    assert (read_image(encoded(Image.new(mode, (3, 2), colour), "PNG")) == expected).all()


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bit_greyscale_is_scaled_not_clipped(format):
    levels = np.array([[0, 256, 257, 32768, 65278, 65535]], np.uint16)
    assert read_image(encoded(Image.fromarray(levels), format))[0, :, 0].tolist() == [0, 1, 1, 128, 254, 255]


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_a_transparent_level_of_sixteen_bits_is_white():
    data = encoded(Image.fromarray(np.array([[1000, 2000]], np.uint16)), "PNG")
    data = data.replace(data[33:37] + b"IDAT", chunk(b"tRNS", struct.pack(">H", 1000)) + data[33:37] + b"IDAT")
    assert read_image(data)[0, :, 0].tolist() == [255, 8]


def sixteen_bit_rgb_png(pixels):
    H, W, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 16, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def test_sixteen_bit_colour_is_scaled():
    data = sixteen_bit_rgb_png(quarters().astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_image(data), quarters())


def test_levels_without_a_known_white_are_refused():
    for most in (200, 70000):  # 200 of 255 or of 65,535?
        with pytest.raises(UserError, match="32-bit or signed levels"):
            read_image(encoded(Image.fromarray(np.array([[0, most]], np.int32)), "TIFF"))
    with pytest.raises(UserError, match="floating-point"):
        read_image(encoded(Image.fromarray(np.array([[0, 0.5]], np.float32)), "TIFF"))


def test_of_an_animation_the_first_frame_counts():
    frames = [Image.new("RGB", (8, 8), c) for c in (RED, GREEN)]
    for format in ("GIF", "PNG", "WEBP"):
        data = encoded(frames[0], format, save_all=True, append_images=frames[1:])
        assert close(read_image(data), np.full((8, 8, 3), RED, np.uint8))


# ------------------------------------------------------------------------------------------------ EXIF

def turned_to(orientation):
    """What a camera held that way stores for the upright picture ``quarters()`` (EXIF 2.3, tag 0x0112)."""
    upright = quarters()
    return {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
            5: upright.swapaxes(0, 1), 6: np.rot90(upright, 1), 7: np.rot90(upright, 2).swapaxes(0, 1),
            8: np.rot90(upright, -1)}[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_every_exif_orientation_is_turned_upright(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(np.ascontiguousarray(turned_to(orientation))), format, exif=exif,
                   **({} if format == "TIFF" else {"quality": 100, "lossless": True}))
    image = read_image(data)
    assert image.shape == (16, 32, 3)
    expected = np.array([RED, GREEN, BLUE, WHITE])
    assert np.abs(np.array(corners(image)) - expected).max() <= 8


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12",
                                  b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0\0\0\0\0"])
def test_damaged_exif_data_is_ignored_without_a_warning(exif):
    data = encoded(Image.fromarray(quarters()), "JPEG", quality=100, subsampling=0, exif=exif)
    assert close(read_image(data), quarters())


def test_a_tiff_with_a_damaged_tag_is_read_without_a_warning():
    data = encoded(Image.fromarray(quarters()), "TIFF", tiffinfo={40000: "remark " * 10})
    entry = data.index(struct.pack("<HH", 40000, 2))
    data = data[:entry + 4] + struct.pack("<I", 10**6) + data[entry + 8:]  # the tag now ends beyond the file
    np.testing.assert_array_equal(read_image(data), quarters())


# ------------------------------------------------------------------------------------------------ what is refused

def noise(W=64, H=48):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (H, W, 3), np.uint8))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_truncated_picture_is_refused_by_name(tmp_path, format):
    path = tmp_path / "half.img"
    data = encoded(noise(), format)
    path.write_bytes(data[:len(data) // 2])
    with pytest.raises(UserError, match=r"half\.img is (truncated or damaged|not an image)"):
        read_image(path)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "WEBP"]), st.data())
def test_damaged_bytes_give_a_picture_or_one_sentence(format, data):
    damaged = bytearray(encoded(noise(16, 16), format))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = read_image(bytes(damaged))
    except UserError:
        return
    assert image.ndim == 3 and image.dtype == np.uint8


def test_what_is_no_picture_is_refused_by_name(tmp_path):
    page = tmp_path / "photo.jpg"
    page.write_text("404")
    empty = tmp_path / "empty.jpg"
    empty.write_bytes(b"")
    for source, message in [(page, "photo.jpg is not an image"), (empty, "empty.jpg is empty"),
                            (tmp_path, "is a folder"), (tmp_path / "none.jpg", "none.jpg does not exist")]:
        with pytest.raises(UserError, match=message):
            read_image(source)
    with pytest.raises(UserError, match="pictures/7 is not an image"):
        read_image(b"nothing", name="pictures/7")


WRONG = {
    "a Git LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer and not the picture"),
    "HTML": (b"\xef\xbb\xbf\n<!DOCTYPE html>", "is a web page, an SVG or other XML: fetch the picture itself"),
    "SVG": (b"<svg/>", "is a web page, an SVG or other XML"),
    "PDF": (b"%PDF-1.7", "is a PDF: save its picture as a JPEG"),
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0", "is PostScript: save its picture as a JPEG"),
    "Photoshop": (b"8BPS\0\1" + bytes(50), "is a PSD: save it as a JPEG"),
    "JPEG XL": (b"\xff\x0a\xfa\x7f", "is a JPEG XL, which is not read: save it as a JPEG"),
    "Canon's raw": (b"II*\0\x10\0\0\0CR\2\0" + bytes(200), r"is not an image in a supported .*\); save it as a JPEG"),
    "a film": (b"\0\0\0\x18ftypisom" + bytes(100), r"is not an image in a supported format \(JPEG, .*\); save it as a"),
    "an array": (b"\x93NUMPY", "is not an image in a supported format"),
    "zeros": (bytes(1000), "is not an image in a supported format"),
    "nothing of a JPEG but its first bytes": (b"\xff\xd8\xff\xe0", "is truncated or damaged: it begins as a picture"),
    "nothing of a PNG but its first bytes": (b"\x89PNG\r\n\x1a\n", "is truncated or damaged: it begins as a picture"),
    "half a WebP": (encoded(Image.new("RGB", (64, 48)), "WEBP")[:40], "is truncated or damaged: "),
    "half an AVIF": (encoded(Image.new("RGB", (64, 48)), "AVIF")[:200], "is truncated or damaged: "),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_picture_or_a_cut_one_is_called_what_it_is(tmp_path, what):
    data, words = WRONG[what]
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(UserError, match=rf"photo\.jpg {words}") as caught:
        read_image(path)
    assert "\n" not in str(caught.value) and "object at" not in str(caught.value)


def png_header_declaring(W, H):
    header = struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header
            + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + struct.pack(">I", 9) + b"IDAT" + bytes(64))


@pytest.mark.parametrize(("W", "H", "limit"), [(60_000, 60_000, "250 million"), (10_000, 9_000, "80 million")])
def test_a_file_that_declares_gigapixels_is_refused_before_decoding(W, H, limit):
    with pytest.raises(UserError, match=f"{W} x {H} pixels; more than {limit}"):
        read_image(png_header_declaring(W, H), name="bomb.png")


def test_pillows_own_limit_is_left_as_it_was(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert read_image(encoded(noise(), "PNG")).shape == (48, 64, 3)
    assert Image.MAX_IMAGE_PIXELS == 100


# ------------------------------------------------------------------------------------------------ size

def test_a_large_jpeg_is_decoded_small_when_little_is_needed(monkeypatch):
    data = encoded(Image.fromarray(quarters(1600, 1200)), "JPEG", quality=95)
    assert read_image(data).shape == (1200, 1600, 3)
    small = read_image(data, at_least=75)
    assert small.shape == (150, 200, 3)  # 1/8, and still twice as long as needed
    assert close(np.array(corners(small)), np.array([RED, GREEN, BLUE, WHITE]))
    monkeypatch.setattr(images, "MAX_MEMORY", 18_000_000)
    assert read_image(data, at_least=75).shape == (150, 200, 3)
    with pytest.raises(UserError, match="in full"):
        read_image(data)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 120), st.sampled_from(["JPEG", "PNG"]))
def test_at_least_never_leaves_too_few_pixels(W, H, at_least, format):
    image = read_image(encoded(Image.new("RGB", (W, H)), format), at_least=at_least)
    assert image.shape == (H, W, 3) or min(image.shape[:2]) >= 2 * at_least


def test_resize_squashes_to_height_and_width_with_antialiasing():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    small = resize(stripes, (16, 8))
    assert small.shape == (16, 8, 3)
    assert np.abs(small.astype(int) - 127).max() <= 6  # every other column alone would be all black or all white
    assert resize(stripes, 8, "nearest").min() in (0, 255)
    assert resize(stripes, 64) is stripes


def test_resize_names_the_methods_it_knows_and_the_shape_it_wants():
    with pytest.raises(ValueError, match=r"bilinear.*'cubic'"):
        resize(quarters(), 8, "cubic")
    with pytest.raises(ValueError, match=r"\(H, W, 3\), got float64 \(2, 2\)"):
        resize(np.zeros((2, 2)), 8)


@pytest.mark.parametrize(("W", "H", "shape"), [(500, 375, (256, 341)), (375, 500, (341, 256)), (100, 100, (256, 256))])
def test_the_short_side_is_resized_and_the_aspect_kept(W, H, shape):
    assert resize_short_side(quarters(W, H), 256).shape == (*shape, 3)


def test_the_centre_is_cropped():
    image = np.arange(6 * 9 * 3, dtype=np.uint8).reshape(6, 9, 3)
    np.testing.assert_array_equal(centre_crop(image, 4), image[1:5, 2:6])
    with pytest.raises(ValueError, match=r"7x7 does not fit.*\(6, 9, 3\)"):
        centre_crop(image, 7)


def test_many_threads_read_the_same_pixels():
    data = encoded(noise(), "JPEG", exif=b"Exif\0\0garbage")
    expected, readings = read_image(data), []
    threads = [threading.Thread(target=lambda: readings.extend(read_image(data) for _ in range(20))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(readings) == 160 and all(np.array_equal(r, expected) for r in readings)


# --- Reading ahead --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("count", [0, 1, 4, 5, 8, 9])
def test_read_ahead_yields_everything_in_order(count):
    names = [str(i) for i in range(count)]
    batches = [batch for batch in read_ahead(lambda n: n + "!", names, 4) if batch]
    assert [len(b) for b in batches] == [4] * (count // 4) + ([count % 4] if count % 4 else [])
    assert [n for batch in batches for n in batch] == [n + "!" for n in names]


def test_the_next_batch_is_read_while_this_one_is_used_and_no_more():
    started, ahead = [], threading.Event()

    def read(name):
        started.append(name)
        if name == "c":
            ahead.set()
        return name

    batches = read_ahead(read, "abcdefgh", 2)
    assert next(batches) == ["a", "b"]
    assert ahead.wait(30)  # c is read although nobody has asked for it
    assert not {"e", "f", "g", "h"} & set(started)
    assert list(batches) == [["c", "d"], ["e", "f"], ["g", "h"]]


def test_an_error_while_reading_reaches_the_caller():
    with pytest.raises(KeyError):
        list(read_ahead({"a": 1}.__getitem__, "ab", 1))
