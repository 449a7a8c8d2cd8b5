"""All rows, in the order of the table."""

from dataclasses import replace

from minicap.errors import UserError

from . import captioner, convolution, decoding, efficientnet, extraction, layers, optimizer

ROWS = (*convolution.INFERENCE, *efficientnet.INFERENCE, *extraction.ROWS, *convolution.TRAINING,
        *efficientnet.TRAINING, *layers.ROWS, *optimizer.ROWS, *captioner.ROWS, *decoding.ROWS)

# On a GPU also, beside the others, with both sides' products in TF32, which has 10 bits of mantissa; reported without a
# target. (In FP16 there is nothing to compare: minicap's layers compute in float32 and, for the gradient check, in
# float64.)
CUDA_ROWS = tuple(row for plain in ROWS for row in (
    (plain, replace(plain, name=f"{plain.name}_tf32", tf32=True, cuda_target=None, tolerance=2e-2))
    if plain in (*convolution.INFERENCE, *convolution.TRAINING) else (plain,)) if not plain.cpu_only)


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
