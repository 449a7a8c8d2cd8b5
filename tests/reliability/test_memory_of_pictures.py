"""Reading a picture takes no more memory per pixel than images.py reckons with, whatever its format."""

import sys

import numpy as np
import pytest
from limited import read_in_child
from PIL import Image

from minicap.images import BYTES_PER_PIXEL, EXIF_ORIENTATION, OF_OTHERS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the memory of a child")

SIDE = 2800  # 7.8 megapixels
NOISE = 24 << 20  # bytes that decoders take whatever the picture, and libraries that are loaded

PICTURES = {
    "JPEG": ("JPEG", "RGB", {}), "progressive JPEG": ("JPEG", "RGB", {"progressive": True, "subsampling": 0}),
    "progressive CMYK": ("JPEG", "CMYK", {"progressive": True, "subsampling": 0}),
    "PNG": ("PNG", "RGBA", {"compress_level": 1}), "PNG of 16 bits": ("PNG", "I;16", {}),
    "PNG of a palette": ("PNG", "P", {}),
    "WebP": ("WEBP", "RGB", {}), "WebP with transparency": ("WEBP", "RGBA", {"lossless": True}),
    "AVIF": ("AVIF", "RGB", {"speed": 10}), "AVIF with transparency": ("AVIF", "RGBA", {"speed": 10}),
    "JPEG 2000": ("JPEG2000", "RGB", {}), "JPEG 2000 with transparency": ("JPEG2000", "RGBA", {}),
    "TIFF in one strip": ("TIFF", "RGBA", {"compression": "tiff_lzw", "strip_size": 1 << 30}),
    "GIF": ("GIF", "P", {}), "PPM of 16 bits": ("PPM", "I;16", {}), "TGA": ("TGA", "RGBA", {"compression": "tga_rle"}),
}


def test_reading_a_picture_takes_the_memory_that_is_reckoned(tmp_path):
    turned = Image.Exif()
    turned[EXIF_ORIENTATION] = 6
    Image.new("RGB", (8, 8)).save(tmp_path / "tiny.png")
    wrong = []
    for what, (format, mode, options) in PICTURES.items():
        if format == "AVIF" and "AVIF" not in Image.registered_extensions().values():
            continue  # a Pillow that was built without it
        path = tmp_path / what
        image = (Image.fromarray(np.full((SIDE, SIDE), 40_000, np.uint16)) if mode == "I;16" else
                 Image.new(mode, (SIDE, SIDE)))
        image.save(path, format, **options, **({"exif": turned} if format in ("JPEG", "PNG", "WEBP", "AVIF") else {}))
        before, reading = read_in_child("whole_pictures", [tmp_path / "tiny.png", path])
        assert reading.said == "read"
        taken = reading.peak - before.peak - path.stat().st_size
        if taken > BYTES_PER_PIXEL.get(format, OF_OTHERS) * SIDE**2 + NOISE:
            wrong.append(f"{what}: {taken / SIDE**2:.1f} bytes per pixel")
    assert not wrong
