"""Parts of pictures: how large they are, where, and that name and seed determine them."""

import numpy as np

from minicap.captioning.features.random_crop import RandomCrop


def test_a_random_crop_is_a_part_of_the_picture_with_the_area_that_was_asked_for():
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[..., 0], picture[..., 1] = np.arange(60)[:, None], np.arange(80)  # where a pixel is
    areas, flipped, corners = [], [], set()
    for n in range(300):
        part = RandomCrop(0.4, 7)(picture, f"{n}.jpg").astype(int)
        h, w, _ = part.shape
        areas.append(h * w / (60 * 80))
        assert 0.7 < (w / 80) / (h / 60) < 1.4
        flipped.append(part[0, 0, 1] > part[0, 1, 1])
        upright = part[:, ::-1] if flipped[-1] else part
        top, left, _ = upright[0, 0]
        corners.add((top, left))
        np.testing.assert_array_equal(upright, picture[top:top + h, left:left + w])
    assert 0.38 < min(areas) < 0.45 and 0.9 < max(areas) <= 1
    assert 0.4 < np.mean(flipped) < 0.6 and len(corners) > 100


def test_name_and_seed_determine_a_random_crop(rng):
    picture = rng.integers(0, 256, (50, 70, 3), dtype=np.uint8)
    same = RandomCrop(0.5, 1)(picture, "a.jpg")
    np.testing.assert_array_equal(same, RandomCrop(0.5, 1)(picture, "a.jpg"))
    assert any(RandomCrop(0.5, seed)(picture, "a.jpg").shape != same.shape for seed in (2, 3))
    assert RandomCrop(0.5, 1)(picture[:1, :1], "a.jpg").shape == (1, 1, 3)
    assert RandomCrop(1 - 1e-9, 1)(picture, "a.jpg").shape == picture.shape
