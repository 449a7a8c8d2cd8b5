"""What the tests of both captioners ask: all gradients by name, and what several captions of an image add up to."""

import numpy as np
import pytest

from minicap.backend import to_numpy


def loss_and_gradients(model, *inputs, **options):
    model.zero_grad()
    loss, cache = model.forward(*inputs, **options)
    dimages, *rest = model.backward(1.0, cache)
    assert rest == [None] * 4
    gradients = {name: to_numpy(p.grad).copy() for name, p in model.named_parameters()}
    if dimages is not None:  # neither pixels nor features of a frozen network get one
        gradients["images"] = to_numpy(dimages)
    return float(to_numpy(loss)), gradients


def assert_same_gradients(found, expected, rtol=1e-9):
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        np.testing.assert_allclose(found[name], gradient, rtol=rtol, atol=1e-12, err_msg=name)


def assert_captions_count_as_copies(device, model, images, image_of, *rest):
    """An image with several captions counts as often as copies of it with one caption each."""
    shared_loss, shared = loss_and_gradients(model, images, image_of, *rest)
    N = len(image_of)
    copied_loss, copied = loss_and_gradients(model, images[image_of], device.asarray(np.arange(N)), *rest)
    assert copied_loss == pytest.approx(shared_loss, rel=1e-12)
    summed = np.zeros_like(shared["images"])
    np.add.at(summed, to_numpy(image_of), copied["images"])
    assert_same_gradients(copied | {"images": summed}, shared)
