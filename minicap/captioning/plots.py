"""Pictures for people: how training went, and what the captioner says."""

import textwrap

from ..files import replacing


def save_curves(path, history):
    """Loss and dev scores per epoch, from the lines of metrics.jsonl."""
    figure, axes = _figure(1, 2, (9, 3.4))
    left, right = axes.flat
    epochs = [line["epoch"] for line in history]
    left.plot(epochs, [line["loss"] for line in history], marker=".", label="train (with dropout)")
    left.plot(epochs, [line["dev_loss"] for line in history], marker=".", label="dev")
    left.set(xlabel="epoch", ylabel="cross-entropy per word (nats)", title="Loss")
    for key, label in (("bleu4", "BLEU-4"), ("cider", "CIDEr")):
        right.plot(epochs, [100 * line[key] for line in history], marker=".", label=label)
    right.set(xlabel="epoch", ylabel="score × 100", title="Dev, greedy decoding")
    for ax in axes.flat:
        ax.grid(alpha=0.3)
        ax.legend(frameon=False)
        ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    _save(figure, path)


def save_samples(path, pictures, captions, columns=4):
    """A sheet of pictures (uint8 arrays), each with its caption below."""
    rows = -(-len(pictures) // columns)
    figure, axes = _figure(rows, columns, (2.9 * columns, 3.3 * rows))
    for ax in axes.flat:
        ax.axis("off")
    for ax, picture, caption in zip(axes.flat, pictures, captions, strict=False):
        ax.imshow(picture)
        ax.set_title(textwrap.fill(caption, 34), y=0, pad=-5, va="top", fontsize=9)
    _save(figure, path)


def _figure(rows, columns, size):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _save(figure, path):
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=110)


def terminal_picture(picture, columns=48):
    """A picture as text for a terminal with 24-bit colour: "▀" shows one pixel above another."""
    from ..images import resize

    H, W, _ = picture.shape
    rows = 2 * max(1, round(H * columns / W / 2))
    pixels = resize(picture, (rows, columns))
    lines = []
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        cells = ("\x1b[38;2;{};{};{};48;2;{};{};{}m▀".format(*a, *b) for a, b in zip(upper, lower, strict=True))
        lines.append("".join(cells) + "\x1b[0m")
    return "\n".join(lines)
