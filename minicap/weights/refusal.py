"""Why a weights file cannot be read: half a sentence, which :func:`minicap.weights.read_weights` puts a path before."""

import contextlib

#: Trained weights hardly compress: a file may unpack to EXPANSION times its own size and FREE_BYTES.
FREE_BYTES, EXPANSION = 64 << 20, 20


class RefusalError(Exception):
    """The message continues "weights file model.pth ..." and says what is wrong and what to do."""


def damaged(what):
    """The refusal of a file whose bytes contradict themselves."""
    return RefusalError(f"{what}: it is cut off or damaged, so download or copy it again")


def shown(text):
    """A name out of an untrusted file, fit for one line of a terminal: no control characters, not endless."""
    text = str(text)
    return text if text.isprintable() and len(text) <= 100 else ascii(text[:100])


@contextlib.contextmanager
def library_reads(format):
    """Whatever another library raises on the bytes of a damaged file means just that: the file is damaged.

    h5py, zipfile, NumPy and safetensors raise OSError, KeyError, RuntimeError, struct.error, zlib.error and more, and
    no list of them holds from one release to the next.
    """
    try:
        yield
    except RefusalError:
        raise
    except MemoryError as error:
        raise RefusalError("needs more memory than this machine has free") from error
    except Exception as error:
        raise damaged(f"cannot be read as {format} ({shown(error)})") from error


def refuse_bomb(unpacked, packed):
    """Refuse a file of ``packed`` bytes that declares ``unpacked`` bytes of tensors, before memory is taken for it."""
    if unpacked > FREE_BYTES + EXPANSION * packed:
        raise damaged(f"has {packed:,} bytes but declares {unpacked:,} bytes of tensors, which weights never do")
