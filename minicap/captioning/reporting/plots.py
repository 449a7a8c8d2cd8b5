"""Figures: learning curves, captioned pictures, attention."""

import io
import logging
import textwrap

import numpy as np

from ...images import resize
from ...terminal import shown
from ...writing import replacing

PROGRAM = "minicap"  # stands in each PNG, so that it is recognised as one of ours


def save_curves(path, history):
    """Write the figure of :func:`curves` to a PNG."""
    _save(curves(history), path)


def curves(history):
    """Loss and dev scores per epoch, from the lines of metrics.jsonl."""
    figure, axes = _figure(1, 2, (9, 3.4))
    left, right = axes.flat
    epochs = [line["epoch"] for line in history]
    rewards = [-100 * line["loss"] for line in history]  # in self-critical training the loss is minus the reward
    if max(rewards, default=0) > 0:
        right.plot(epochs, rewards, marker=".", label="CIDEr of captions sampled in training")
    else:
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
    return figure


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


def save_attention(path, picture, words, alphas, memory, columns=4):
    """The picture (H, W, 3) uint8, and a copy for each word, in which the regions that are attended to are bright.

    alphas: (T, h, w), the attention weights of the regions for each word; memory: (T,), the weight of the sentinel,
    shown if there is one. Brightness is relative to the largest weight for the word. The percentage next to a word is
    the weight of the highest tenth of the regions: 10 % if the attention is uniform.
    """
    picture = shrink(picture, 360)
    H, W, _ = picture.shape
    rows = -(-(len(words) + 1) // columns)
    figure, axes = _figure(rows, columns, (3.0 * columns, (3.0 * H / W + 0.45) * rows))
    for ax in axes.flat:
        ax.axis("off")
    first, *others = axes.flat
    first.imshow(picture)
    for ax, word, alpha, of_memory in zip(others, words, alphas, memory, strict=False):
        light = smooth_map(alpha, (H, W))[:, :, None]
        dark = 0.25 * picture.mean(axis=2, keepdims=True)  # grey where the attention is low
        ax.imshow((dark + light * (picture - dark)).astype(np.uint8))
        ax.set_title(shown(word), fontsize=15, fontweight="bold", loc="left", pad=3, parse_math=False)
        title = f"{100 * highest_tenth(alpha):.0f} %" + (f", memory {100 * of_memory:.0f} %" if any(memory) else "")
        ax.set_title(title, fontsize=9, color="0.4", loc="right", pad=3)
    _save(figure, path)


def smooth_map(alpha, size):
    """Attention weights of regions (h, w) as brightness of the pixels of a picture of ``size`` (H, W), from 0 to 1.

    Enlarged and blurred by half a region, about the receptive field of the last convolutions (as in Xu et al.).
    """
    from scipy.ndimage import gaussian_filter, zoom

    (h, w), (H, W) = alpha.shape, size
    light = zoom(alpha.astype(np.float64), (H / h, W / w), order=1, mode="nearest", grid_mode=True)
    light = gaussian_filter(light, (H / h / 2, W / w / 2), mode="nearest")
    light -= light.min()
    return light / max(light.max(), 1e-12)


def highest_tenth(alpha):
    """The fraction of the attention on the tenth of the regions with the highest weights."""
    regions = np.sort(alpha, axis=None)[::-1]
    return regions[:max(1, round(len(regions) / 10))].sum() / max(regions.sum(), 1e-12)


def shrink(picture, side):
    """The picture with its longer side at most ``side`` pixels."""
    H, W, _ = picture.shape
    factor = min(1, side / max(H, W))
    return resize(picture, (max(1, round(factor * H)), max(1, round(factor * W))))


def _figure(rows, columns, size):
    # Without a folder in the user's home its list of fonts is made again each time, of which it would tell at length.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def png(figure):
    """The bytes of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": PROGRAM})
    return buffer.getvalue()


def is_plot(path):
    """Whether a file is a PNG that :func:`png` has made."""
    with open(path, "rb") as f:
        head = f.read(200)
    return head.startswith(b"\x89PNG") and f"Software\0{PROGRAM}".encode() in head


def _save(figure, path):
    with replacing(path) as partial:
        partial.write_bytes(png(figure))


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
