"""Figures: learning curves, captioned pictures, attention."""

import io
import logging
import math
import textwrap

from ...images import resize
from ...terminal import shown
from ...writing import replacing
from .heat import half_lines, heat_levels, palette
from .sharpness import effective_number

PROGRAM = "minicap"  # stands in each PNG, so that it is recognised as one of ours
GREY = "0.35"
LINE = {"color": "white", "linewidth": 1.3}


# What the training loss has and that of dev does not: in words, if one of these settings of the run is not 0 or None.
IN_TRAINING = {"dropout": ("drop", "word_dropout"), "label smoothing": ("label_smoothing",),
               "weighted captions": ("consensus_weight",), "teachers": ("teachers",),
               "attention penalty": ("doubly_stochastic",)}


def save_curves(path, history, settings):
    """Write the figure of :func:`curves` to a PNG."""
    _save(curves(history, settings), path)


def curves(history, settings, columns=3):
    """Loss and dev scores per epoch: the lines of metrics.jsonl of a run with these ``settings`` (a dict).

    BLEU-4 and CIDEr have axes of their own, as one is several times the other. ``columns``: 3, or 1 for a phone.
    """
    figure, axes = _figure(3 // columns, columns, (11.5 if columns == 3 else 4, 10.2 / columns))
    losses, bleu, cider = axes.flat
    epochs = [line["epoch"] for line in history]
    rewards = [-100 * line["loss"] for line in history]  # in self-critical training the loss is minus the reward
    if max(rewards, default=0) > 0:
        cider.plot(epochs, rewards, marker=".", color="C1", label="captions sampled in training")
    else:
        losses.plot(epochs, [line["loss"] for line in history], marker=".", color="C1", label=label_of_loss(settings))
    losses.plot(epochs, [line["dev_loss"] for line in history], marker=".", color="C0", label="dev")
    losses.set(ylabel="cross-entropy per word (nats)", title="Loss")
    beam = settings.get("select_beam") or 1  # runs from before there was this setting decoded greedily
    for ax, key, name in ((bleu, "bleu4", "BLEU-4"), (cider, "cider", "CIDEr")):
        ax.plot(epochs, [100 * line[key] for line in history], marker=".", color="C0", label="dev")
        ax.set(ylabel=f"{name} × 100", title=f"{name}, " + ("greedy decoding" if beam == 1 else f"beam {beam}"))
    for ax in axes.flat:
        ax.set(xlabel="epoch")
        ax.grid(alpha=0.3)
        ax.legend(frameon=False)
        ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    return figure


def label_of_loss(settings):
    """"train", and what makes its loss another one than that of dev: "train, with dropout, label smoothing"."""
    added = [words for words, names in IN_TRAINING.items() if any(settings.get(name) for name in names)]
    return textwrap.fill("train" + (", with " if added else "") + ", ".join(added), 26)


def save_samples(path, pictures, captions, columns=4):
    """Write a grid of pictures (uint8 arrays), each with its caption below."""
    rows = -(-len(pictures) // columns)
    figure, axes = _figure(rows, columns, (2.9 * columns, 3.3 * rows))
    for ax in axes.flat:
        ax.axis("off")
    for ax, picture, caption in zip(axes.flat, pictures, captions, strict=False):
        ax.imshow(picture)
        caption = textwrap.fill(shown(caption, None, keep="\n\t"), 34)
        ax.set_title(caption, y=0, pad=-5, va="top", fontsize=9, parse_math=False)
    _save(figure, path)


def save_attention(path, *shown):
    """Write the figure of :func:`attention` to a PNG."""
    _save(attention(*shown), path, dpi=150)


def attention(picture, words, alphas, memory):
    """The picture (H, W, 3) uint8, and a copy for each word, with heat over the regions that are attended to.

    alphas: (T, h, w), the attention weights of the regions for each word; memory: (T,), the weight of the sentinel,
    shown if there is one. What the colours and the numbers mean is written below. The figure has the shape of a slide.
    """
    from matplotlib.collections import LineCollection

    picture = shrink(picture, 640)
    H, W, _ = picture.shape
    below = 0.3 + 0.2 * any(memory)
    figure, (first, *others), width = _slide(1 + len(words), min(max(H / W, 0.05), 2.5), above=0.4, below=below,
                                             footer=0.9 if len(words) else 0)
    first.imshow(picture)
    for ax, word, alpha, of_memory in zip(others, words, alphas, memory, strict=True):
        levels = heat_levels(alpha, (H, W))
        ax.imshow(picture)
        ax.imshow(palette()[levels])
        ax.add_collection(LineCollection(half_lines(levels), **LINE, path_effects=_outlined()), autolim=False)
        title = ax.set_title(shown(word, 30), fontsize=16, fontweight="bold", loc="left", pad=4, parse_math=False)
        room, needed = 0.94 * width * figure.dpi, title.get_window_extent().width  # letters come in whole pixels
        title.set_fontsize(16 * min(1, room / max(1, needed)))
        spread = round(float(effective_number(alpha.ravel())))
        numbers = f"{spread} region{'s' * (spread > 1)}"
        numbers += f"\nmemory {100 * of_memory:.0f} %" if any(memory) else ""
        ax.annotate(numbers, (0, 0), (0, -4), "axes fraction", "offset points", fontsize=11, color=GREY, va="top")
    if len(words):
        _explain(figure, math.prod(alphas.shape[1:]), any(memory))
    return figure


def _slide(count, aspect, *, above, below, footer, gap=0.12):
    """(figure, ``count`` axes, the width of each) for pictures of an aspect H / W; all sizes are in inches.

    Each has space for text above and below, the figure for a footer. Its shape is about 16:9, with few empty places.
    """
    def size(columns):
        width = min(max(13.33 / columns, 1.2), 4.5)  # the text needs some; few pictures make a smaller figure
        return width, columns * width + gap, -(-count // columns) * (width * aspect + above + below) + footer + gap

    def cost(columns):
        _, W, H = size(columns)
        return abs(math.log(W / H * 9 / 16)) + -count % columns / count

    columns = min(range(1, count + 1), key=cost)
    width, W, H = size(columns)
    figure = _empty_figure((W, H))
    axes = []
    for n in range(count):
        row, column = divmod(n, columns)
        bottom = H - gap / 2 - (row + 1) * (width * aspect + above + below) + below
        ax = figure.add_axes(((column * width + gap) / W, bottom / H, (width - gap) / W, width * aspect / H),
                             anchor="NW")
        ax.axis("off")
        axes.append(ax)
    return figure, axes, width - gap


def _outlined():
    """Makes a white line visible on white, too."""
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=2.3, foreground="0.2"), Normal()]


def _explain(figure, regions, memory):
    """The scale of colours and a sentence, at the bottom."""
    W, H = figure.get_size_inches()
    scale = figure.add_axes((0.5 - 1.5 / W, 0.7 / H, 3 / W, 0.14 / H))
    scale.imshow(palette()[None], aspect="auto")
    scale.axvline(127.5, **LINE, path_effects=_outlined())
    scale.axis("off")
    for x, side, text in ((0, "right", "no attention  "), (1, "left", "  the word's maximum (line: half of it)")):
        scale.text(x, 0.5, text, ha=side, va="center", fontsize=11, color=GREY, transform=scale.transAxes)
    sentence = (f"Regions: over how many of the {regions} the word's attention is spread, e to the entropy of its map; "
                f"1 if all is on one of them, {regions} if it is the same on each.")
    if memory:
        sentence += " Memory: the part that goes to the words so far instead."
    figure.text(0.5, 0.36 / H, textwrap.fill(sentence, int(12 * W)), ha="center", va="center", fontsize=11,
                color=GREY)


def shrink(picture, side):
    """The picture with its longer side at most ``side`` pixels."""
    H, W, _ = picture.shape
    factor = min(1, side / max(H, W))
    return resize(picture, (max(1, round(factor * H)), max(1, round(factor * W))))


def _figure(rows, columns, size):
    figure = _empty_figure(size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _empty_figure(size, **options):
    # Without a folder in the user's home its list of fonts is made again each time, of which it would tell at length.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, **options)
    FigureCanvasAgg(figure)
    return figure


def png(figure, dpi=110):
    """The bytes of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": PROGRAM})
    return buffer.getvalue()


def is_plot(path):
    """Whether a file is a PNG that :func:`png` has made."""
    with open(path, "rb") as f:
        head = f.read(200)
    return head.startswith(b"\x89PNG") and f"Software\0{PROGRAM}".encode() in head


def _save(figure, path, **options):
    with replacing(path) as partial:
        partial.write_bytes(png(figure, **options))


def terminal_picture(picture, columns=48):
    """A picture as text for a terminal with 24-bit colour: "▀" shows one pixel above another."""
    H, W, _ = picture.shape
    rows = 2 * max(1, round(H * columns / W / 2))
    pixels = resize(picture, (rows, columns))
    lines = []
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        cells = ("\x1b[38;2;{};{};{};48;2;{};{};{}m▀".format(*a, *b) for a, b in zip(upper, lower, strict=True))
        lines.append("".join(cells) + "\x1b[0m")
    return "\n".join(lines)
