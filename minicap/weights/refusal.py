"""Errors of weight files. :func:`minicap.weights.read_weights` puts the path before their messages."""

import contextlib

from ..terminal import shown

#: Trained weights hardly compress: a file may unpack to at most EXPANSION times its own size plus FREE_BYTES.
FREE_BYTES, EXPANSION = 64 << 20, 20


class RefusalError(Exception):
    """The message continues "weights file model.pth ..." and states what is wrong and what to do."""


def damaged(what):
    """The refusal of a file whose bytes contradict themselves."""
    return RefusalError(f"{what}: it is cut off or damaged, so download or copy it again")


@contextlib.contextmanager
def library_reads(format):
    """Turn whatever exception another library raises on a damaged file into a RefusalError.

    h5py, zipfile, NumPy and safetensors raise OSError, KeyError, RuntimeError, struct.error, zlib.error and more, which
    change from one release to the next.
    """
    try:
        yield
    except RefusalError:
        raise
    except MemoryError as error:
        raise RefusalError("is damaged, or needs more memory than this machine has free") from error
    except Exception as error:
        raise damaged(f"cannot be read as {format} ({shown(error)})") from error


def allowed(packed):
    """The bytes of memory that a file of ``packed`` bytes may take."""
    return FREE_BYTES + EXPANSION * packed


def refuse_bomb(unpacked, packed, allowed=allowed):
    """Refuse a file of ``packed`` bytes that declares far too many ``unpacked`` bytes, before memory is allocated."""
    if unpacked > allowed(packed):
        raise damaged(f"has {packed:,} bytes but declares {unpacked:,} bytes of numbers, far more than fit into it")
