"""All rows, in the order of the table."""

from minicap.errors import UserError

from . import captioner, convolution, decoding, extraction, layers, optimizer

ROWS = (*convolution.ROWS[:3], *extraction.ROWS, *convolution.ROWS[3:], *layers.ROWS, *optimizer.ROWS,
        *captioner.ROWS, *decoding.ROWS)


def choose(only, rows):
    """The rows whose names the string ``only`` lists, separated by commas, in their own order; all if it is None."""
    if only is None:
        return list(rows)
    wanted = [name for name in only.split(",") if name]
    known = [row.name for row in rows]
    for name in wanted:
        if name not in known:
            raise UserError(f"there is no benchmark {name!r}; choose from {', '.join(known)}")
    if not wanted:
        raise UserError(f"--only names no benchmark; choose from {', '.join(known)}")
    return [row for row in rows if row.name in wanted]
