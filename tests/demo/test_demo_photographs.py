"""What the demo does with a photograph, without a browser: captions, attention, and sentences about bad files."""

import math
import struct
import threading
import zlib

import numpy as np
import pytest
import tiny_captioner
from html_page import Page
from PIL import Image

from minicap import Captioner
from minicap.captioning.decoding.search_settings import SearchSettings
from minicap.captioning.ensemble import Ensemble
from minicap.demo import photographs as photos
from minicap.demo.photographs import Description, Photographs, percent, show
from minicap.errors import UserError
from minicap.pretrained_networks import find_weights


@pytest.fixture
def photo(tmp_path, rng):
    path = tmp_path / "photo.png"
    Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def of_pixels():
    return Photographs(tiny_captioner.pixel_captioner())


@pytest.fixture(scope="module")
def of_package():
    if find_weights("efficientnet-lite2") is None:
        pytest.skip("the weights of EfficientNet-Lite2 are not installed (extra `photo`)")
    return Photographs(Captioner.pretrained(device="cpu"))


@pytest.mark.parametrize("options", [{"beam": 1}, {"beam": 5, "length_penalty": 2.0}, {"no_repeat_ngram_size": 1}])
def test_captions_and_probabilities_are_the_captioners_own(of_pixels, photo, options):
    found = of_pixels.describe(of_pixels.read(photo, "photo.png"), SearchSettings(**options))
    (expected,) = of_pixels.captioner.captions([photo], **options)
    assert [(" ".join(words), math.log(p)) for words, p in found.captions] == [
        (text, pytest.approx(logp)) for text, logp in expected]
    assert list(found.seconds) == ["reading", "features", "decoding"] and found.maps is None and not found.sampled


@pytest.mark.parametrize("together", [False, True])
def test_a_temperature_draws_several_captions_others_each_time(photo, together):
    members = [tiny_captioner.pixel_captioner(seed=seed) for seed in (0, 1)]
    of_photographs = Photographs(Ensemble(members) if together else members[0])
    photograph = of_photographs.read(photo, "photo.png")
    draws = [of_photographs.describe(photograph, SearchSettings(temperature=2.0, seed=seed)) for seed in (1, 2, 1)]
    assert all(len(draw.captions) == photos.SAMPLES and draw.sampled for draw in draws)
    assert draws[0].captions == draws[2].captions != draws[1].captions
    assert len({words for draw in draws for words in map(str, draw.captions)}) > photos.SAMPLES


def bomb():
    """A PNG of a hundred bytes that declares 3.6 gigapixels."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("contents", "sentence"), [
    (b"", "holiday.jpg is empty"), (b"\xff\xd8\xff\xe0 no picture", "holiday.jpg is truncated or damaged"),
    (b"hello", "holiday.jpg is not an image in a supported format"), (bomb(), "holiday.jpg is 60000 x 60000 pixels")])
def test_a_file_that_is_no_photograph_is_refused_under_the_name_that_its_owner_knows(of_pixels, tmp_path, contents,
                                                                                   sentence):
    (tmp_path / "upload").write_bytes(contents)
    with pytest.raises(UserError, match=f"^{sentence}"):
        of_pixels.read(tmp_path / "upload", "holiday.jpg")


def test_every_caption_can_be_pointed_at_and_has_the_maps_of_its_own(of_package, photo):
    photograph = of_package.read(photo, "photo.png")
    found = of_package.describe(photograph, SearchSettings(beam=2))
    for (words, _), (maps, memory) in zip(found.captions, found.maps, strict=True):
        expected = of_package.captioner.attention_maps(of_package.captioner.read(photo), " ".join(words))
        np.testing.assert_allclose(maps, expected[0], atol=1e-5)
        np.testing.assert_allclose(memory, expected[1], atol=1e-5)
    page = Page(show(photograph, found))
    assert len(page.heats) == sum(len(words) for words, _ in found.captions)
    assert photos.POINT in page.text and "attention" in page.text
    assert all(address.startswith("data:") for address in page.addresses)


def test_two_users_at_once_get_what_each_would_get_alone(of_package, tmp_path, rng):
    paths = [tmp_path / f"{k}.png" for k in range(2)]
    for path, side in zip(paths, (40, 300), strict=True):
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(path)

    def caption(path, found):
        description = of_package.describe(of_package.read(path, path.name), SearchSettings(beam=2))
        found[path] = description.captions, description.maps[0][0]

    alone, at_once = {}, {}
    for path in paths:
        caption(path, alone)
    threads = [threading.Thread(target=caption, args=(path, at_once)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert alone[paths[0]][0] != alone[paths[1]][0]
    for path in paths:
        assert at_once[path][0] == alone[path][0]
        np.testing.assert_array_equal(at_once[path][1], alone[path][1])


def test_words_are_only_ever_text(of_pixels, photo):
    photograph = of_pixels.read(photo, "photo.png")
    description = Description([(["<img", "src=x", "onerror=alert(1)>"], 0.5)], None, False, {"reading": 0.0123})
    page = Page(show(photograph, description))
    assert page.count("img") == 1 and "<img src=x onerror=alert(1)>" in page.text
    assert "50 %" in page.text and "Time: reading 12 ms" in page.text and photos.NO_ATTENTION in page.text


def test_small_probabilities_keep_their_digits():
    assert [percent(p) for p in (1.0, 0.1374, 2.14e-4, 1.38e-6)] == ["100 %", "13.7 %", "0.0214 %", "0.000138 %"]
    assert percent(1.6e-8) == "1.6e-06 %"
