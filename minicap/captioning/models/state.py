"""The state of a captioner between two words, in the form that all decoding works on."""

from dataclasses import dataclass
from typing import Any

from ...backend import Array


@dataclass(frozen=True)
class DecoderState:
    """The state of N unfinished captions.

    rows     arrays (N, ...), one row for each caption: LSTM states, and the image that a caption describes
    shared   what is the same for all captions, such as the regions of the images, or None
    """

    rows: tuple[Array, ...]
    shared: Any = None

    def __len__(self) -> int:
        return len(self.rows[0])

    def select(self, index: Array) -> "DecoderState":
        """The captions ``index`` (an integer array on the device), where some may occur twice, others not at all."""
        return DecoderState(tuple(array[index] for array in self.rows), self.shared)
