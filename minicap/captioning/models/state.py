"""What a captioner remembers from one word to the next, in the form that every search works on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DecoderState:
    """The state of N captions that are being written.

    rows     arrays (N, ...), one row for each caption: LSTM states, and which image a caption is about
    shared   what is the same for all captions, such as the regions of the images; None where there is nothing
    """

    rows: tuple
    shared: object = None

    def __len__(self):
        return len(self.rows[0])

    def select(self, index):
        """The captions ``index`` (an integer array on the device): some go on twice, others not at all."""
        return DecoderState(tuple(array[index] for array in self.rows), self.shared)
