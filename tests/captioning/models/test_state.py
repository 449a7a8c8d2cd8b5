"""The state of captions that are being written: rows are picked, what is shared stays."""

import dataclasses

import numpy as np
import pytest

from minicap.backend import to_numpy
from minicap.captioning.models.state import DecoderState


@pytest.fixture
def state(device):
    h, image_of = np.arange(12.0).reshape(4, 3), np.array([0, 0, 1, 2])
    return DecoderState((device.asarray(h), device.asarray(image_of)), {"regions": 7})


def test_its_length_is_the_number_of_captions(state):
    assert len(state) == 4


@pytest.mark.parametrize("rows", [[2, 0], [1, 1, 1, 3, 0], [], [3]])
def test_captions_go_on_once_twice_or_not_at_all_with_all_that_is_theirs(state, device, rows):
    index = np.array(rows, int)
    selected = state.select(device.asarray(index))
    assert len(selected) == len(rows) and len(state) == 4
    for ours, theirs in zip(selected.rows, state.rows, strict=True):
        np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs)[index])
    assert selected.shared is state.shared


def test_it_is_not_changed_in_place(state):
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.rows = ()
    assert DecoderState(state.rows).shared is None
