"""HDF5 files of others: opened, and what would take too much memory refused before the library reads it."""

import contextlib
import math

from .refusal import RefusalError, allowed, damaged, refuse_bomb, shown

CHUNK_BYTES = 4096  # what the library takes for each chunk of an array, however small it is
_KEEP_THE_SIZE = (2, 3)  # H5Z_FILTER_SHUFFLE and H5Z_FILTER_FLETCHER32; all other filters pack


@contextlib.contextmanager
def opened(source):
    """The HDF5 file, also while another program keeps it locked."""
    import h5py

    try:
        file = h5py.File(source, "r", locking=False)
    except OSError as error:
        if "open for write" in str(error) or "unable to lock" in str(error):
            raise RefusalError("is open for writing in another program, or the program that wrote it ended before it "
                               "closed the file: wait for it, or clear the mark by `h5clear -s FILE`") from error
        raise
    with file:
        yield file


def check_storage(dataset, packed, allowed=allowed):
    """RefusalError unless the numbers of ``dataset`` can be read, of a file of ``packed`` bytes.

    HDF5 can store numbers in *another* file. Such an array is refused, because reading it would let a file of weights
    read any of the user's files. Numbers in chunks take memory for each chunk, and a filter that packs can be applied
    twice, which packs 4 GB into 11 kB.
    """
    name = shown(dataset.name.lstrip("/"))
    if dataset.is_virtual or dataset.external:
        raise RefusalError(f"stores the numbers of {name} in another file; refusing to load")
    refuse_bomb(dataset.nbytes, packed, allowed)
    if dataset.chunks is None:
        return
    chunks = math.prod(-(-n // of_chunk) for n, of_chunk in zip(dataset.shape, dataset.chunks, strict=True))
    if chunks * CHUNK_BYTES > allowed(packed):
        raise damaged(f"has {packed:,} bytes but declares {chunks:,} chunks of {name}")
    refuse_bomb(math.prod(dataset.chunks) * dataset.dtype.itemsize, packed, allowed)
    made = dataset.id.get_create_plist()
    packing = [kind for kind in (made.get_filter(i)[0] for i in range(made.get_nfilters()))
               if kind not in _KEEP_THE_SIZE]
    if len(packing) > 1:
        raise RefusalError(f"packs the numbers of {name} several times over, which no program does: save it again")


def offset_of(dataset):
    """Where the numbers lie in the file as they are in memory, or None where they have to be read by the library."""
    import h5py

    of_numpy = h5py.h5t.py_create(dataset.dtype, logical=True)
    return dataset.id.get_offset() if dataset.chunks is None and dataset.id.get_type() == of_numpy else None
