"""Some rows of some images with their padding, in memory that stays in the cache."""

from .threads import scratch


def strip(x, first, height, left, width, spread=1):
    """(n, height, width, C): what the images x (n, H, W, C) have from row ``first`` and column ``left`` on.

    Both may be negative: around the images are zeros. ``spread``: so many pixels from one pixel of x to the next, with
    zeros between them. The result is scratch memory.
    """
    out, to, source = empty_strip(x.shape, first, height, left, width, spread)
    out[to] = x[source]
    return out


def empty_strip(shape, first, height, left, width, spread=1):
    """(out, to, source): ``out[to] = x[source]``, or something computed from it, completes :func:`strip`."""
    n, H, W, C = shape
    out = scratch().empty("strip", (n, height, width, C))
    rows, from_rows = _overlap(first, height, H, spread)
    columns, from_columns = _overlap(left, width, W, spread)
    if spread > 1:
        out[...] = 0
    else:
        out[:, :rows.start], out[:, rows.stop:] = 0, 0
        out[:, rows, :columns.start], out[:, rows, columns.stop:] = 0, 0
    return out, (slice(None), rows, columns), (slice(None), from_rows, from_columns)


def _overlap(first, count, size, spread):
    """Slices (to, source): which of ``count`` numbers from ``first`` on exist, and where, if there are ``size``."""
    begin = max(0, -first)
    begin += -(first + begin) % spread
    end = max(begin, min(count, spread * (size - 1) + 1 - first))
    source = (first + begin) // spread
    return slice(begin, end, spread), slice(source, source + len(range(begin, end, spread)))


def window_strip(x, rows, OW, K, S, padding):
    """The strip that the windows of some ``rows`` of outputs, a slice, cover; padding: ((top, ...), (left, ...))."""
    return strip(x, *covered(rows, OW, K, S, padding))


def covered(rows, OW, K, S, padding):
    """(first, height, left, width) of these windows."""
    (top, _), (left, _) = padding
    return S * rows.start - top, S * (rows.stop - rows.start - 1) + K, -left, S * (OW - 1) + K
