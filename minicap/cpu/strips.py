"""Some rows of some images with their padding, in memory that stays in the cache."""

from .threads import scratch


def strip(x, first, height, left, width, spread=1):
    """(n, height, width, C): what the images x (n, H, W, C) have from row ``first`` and column ``left`` on.

    Both may be negative: around the images are zeros. ``spread``: so many pixels from one pixel of x to the next, with
    zeros between them. The result is scratch memory.
    """
    n, H, W, C = x.shape
    out = scratch().empty("strip", (n, height, width, C))
    rows, from_rows = overlap(first, height, H, spread)
    columns, from_columns = overlap(left, width, W, spread)
    if spread > 1:
        out[...] = 0
    else:
        clear_around(out, rows, columns)
    out[:, rows, columns] = x[:, from_rows, from_columns]
    return out


def overlap(first, count, size, spread=1):
    """Slices (to, source): which of ``count`` numbers from ``first`` on exist, and where, if there are ``size``."""
    begin = max(0, -first)
    begin += -(first + begin) % spread
    end = max(begin, min(count, spread * (size - 1) + 1 - first))
    source = (first + begin) // spread
    return slice(begin, end, spread), slice(source, source + len(range(begin, end, spread)))


def clear_around(strip, rows, columns):
    """Zeros above, below, left and right of these rows and columns."""
    strip[:, :rows.start], strip[:, rows.stop:] = 0, 0
    strip[:, rows, :columns.start], strip[:, rows, columns.stop:] = 0, 0


def window_strip(x, rows, OW, K, S, padding):
    """The strip that the windows of some ``rows`` of outputs, a slice, cover; padding: ((top, ...), (left, ...))."""
    return strip(x, *covered(rows, OW, K, S, padding))


def covered(rows, OW, K, S, padding):
    """(first, height, left, width) of these windows."""
    (top, _), (left, _) = padding
    return S * rows.start - top, S * (rows.stop - rows.start - 1) + K, -left, S * (OW - 1) + K
