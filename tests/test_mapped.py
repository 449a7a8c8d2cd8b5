"""Arrays in mapped files: read piece by piece, in little memory, and nothing that was written to one is lost."""

import mmap
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from minicap.mapped import PIECE, file_of, pieces
from minicap.weights import read_weights
from minicap.weights.raw import all_finite

MB = 1 << 20


@pytest.fixture
def weights(tmp_path):
    """A file of weights of 96 MB."""
    save_file({"W": np.ones((96, MB // 4), np.float32)}, tmp_path / "W.safetensors")
    return tmp_path / "W.safetensors"


@pytest.mark.parametrize("shape", [(0, 3), (1,), (5, 3), (3, PIECE // 4 + 1), (2, 2 * PIECE), (33, PIECE // 64)])
def test_pieces_are_the_rows_in_their_order(shape):
    array = np.broadcast_to(np.arange(shape[0], dtype=np.float32).reshape(-1, *[1] * (len(shape) - 1)), shape)
    found = list(pieces(array))
    assert [row for piece in found for row in piece[..., :1].ravel()] == list(range(shape[0]))
    assert all(piece.nbytes <= PIECE or len(piece) == 1 for piece in found)


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED") or sys.platform != "linux", reason="asks Linux")
def test_a_large_file_is_checked_in_little_memory(weights):
    def resident():
        """MB of this process that lie in files."""
        return int(re.search(r"RssFile:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024

    array = read_weights(weights).tensors["W"]
    before, largest = resident(), 0
    for piece in pieces(array):
        assert piece.min() == 1
        largest = max(largest, resident() - before)
    assert PIECE / MB / 2 < largest < 2 * PIECE / MB
    assert all_finite(array) and resident() - before < PIECE / MB
    assert array.sum(dtype=np.float64) == array.size and resident() - before > 90  # they are still there, and count


def test_only_files_that_cannot_be_written_to_give_pages_back(weights, tmp_path):
    if hasattr(mmap, "MADV_DONTNEED"):
        assert isinstance(file_of(read_weights(weights).tensors["W"][3:, 2:].T), mmap.mmap)
    np.save(tmp_path / "a.npy", np.zeros((5, MB), np.float32))
    array = np.load(tmp_path / "a.npy", mmap_mode="c")  # what is written stays in memory
    array[...] = 7
    assert all((piece == 7).all() for piece in pieces(array)) and array.min() == 7
    assert file_of(array) is file_of(np.zeros(3)) is file_of(np.frombuffer(b"bytes", np.uint8)) is None
