"""The captions of a split as a single, self-contained HTML page.

The page contains photographs of the data set: publishing it requires the rights to these.
"""

import base64
import html
import io
import string
from collections import Counter

import numpy as np
from PIL import Image

from ...errors import UserError
from ...files import write_text
from ...terminal import shown
from ..scoring.metrics import METRICS, TITLES, image_statistics, scores_of_sums
from .plots import curves, png, shrink

SIDE = 224      # pixels of a photograph's longer side
FREQUENT = 10   # captions in the table of the most frequent ones

BEGIN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="generator" content="minicap">
<meta name="viewport" content="width=device-width">
"""
PAGE = string.Template(BEGIN + """<title>$title</title>
<style>
body { font: 16px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #222; }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.4rem } .quiet { color: #666 }
table { border-collapse: collapse } td, th { padding: .3rem .9rem .3rem 0; text-align: left; vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1.4rem }
.photo { position: relative; line-height: 0 } .photo img { width: 100% }
.photo .lit { position: absolute; inset: 0; opacity: 0; mask-size: 100% 100%; -webkit-mask-size: 100% 100% }
.photo.looking > img:first-child { filter: grayscale(1) brightness(.3) } .photo.looking .lit { opacity: 1 }
.caption { font-weight: 600; margin: .5rem 0 .2rem } .caption span { border-radius: .2rem; padding: 0 .1rem }
.caption span[data-mask] { cursor: default } .caption span[data-mask]:hover, .caption span:focus { background: #ffe08a }
ul { margin: .2rem 0; padding-left: 1.1rem; color: #555; font-size: .87rem } img.curves { max-width: 100% }
</style></head><body>
<h1>$title</h1>
<p class="quiet">$subtitle</p>
<table><tr>$heads</tr><tr>$scores</tr></table>
$curves
<h2>Most frequent captions</h2>
<p>$distinct of the $n captions are distinct; $new % do not occur word for word among the training captions.</p>
<table>$frequent</table>
$cards
<script>
for (const word of document.querySelectorAll("[data-mask]")) {
  const photo = word.closest("figure").querySelector(".photo"), lit = photo.querySelector(".lit");
  const look = () => {
    lit.style.maskImage = lit.style.webkitMaskImage = "url(" + word.dataset.mask + ")";
    photo.classList.add("looking");
  };
  const leave = () => photo.classList.remove("looking");
  word.addEventListener("mouseenter", look); word.addEventListener("focus", look);
  word.addEventListener("mouseleave", leave); word.addEventListener("blur", leave);
}
</script>
</body></html>
""")


def write_report(path, captioner, dataset, split, predictions, *, subtitle, history=(), sample=24, extremes=12):
    """Write the page about ``predictions`` ({image: caption}) for ``split`` to ``path``.

    ``history``: the lines of metrics.jsonl, for the curves. ``sample`` images are chosen at random, with a fixed seed,
    and ``extremes`` are shown of the best and of the worst, by their CIDEr.
    """
    statistics = image_statistics(predictions, dataset.captions, captioner.vocabulary.tokenizer)
    n, names = len(predictions), list(predictions)
    of_image = scores_of_sums(statistics, 1)[:, METRICS.index("cider")]
    order = [names[i] for i in np.argsort(-of_image, kind="stable")]
    chosen_at_random = [names[i] for i in sorted(np.random.default_rng(0).permutation(n)[:sample])]
    cider = dict(zip(names, of_image, strict=True))

    def cards(heading, chosen):
        figures = "\n".join(_card(captioner, dataset, name, predictions[name], cider[name]) for name in chosen)
        return f'<h2>{heading}</h2>\n<div class="cards">\n{figures}\n</div>'

    scores = dict(zip(METRICS, scores_of_sums(statistics.sum(axis=0), n), strict=True))
    frequent = Counter(predictions.values()).most_common(FREQUENT)
    tokenize = captioner.vocabulary.tokenize
    known = {tuple(tokenize(text)) for name in dataset.splits["train"] for text in dataset.captions[name]}
    new = sum(tuple(tokenize(text)) not in known for text in predictions.values())
    hint = " Point at a word to see what the model attended to." if captioner.has_attention else ""
    write_text(path, PAGE.substitute(
        title=_text(f"{dataset.name}, {split}: {n} images"), subtitle=_text(subtitle + hint),
        heads="".join(f'<th class="number">{TITLES[key]}</th>' for key in METRICS),
        scores="".join(f'<td class="number">{100 * scores[key]:.1f}</td>' for key in METRICS),
        curves=f'<h2>Training</h2>\n<img class="curves" alt="loss and dev scores by epoch" '
               f'src="{_data_url(png(curves(history)), "png")}">' if history else "",
        n=n, distinct=len(set(predictions.values())), new=f"{100 * new / n:.1f}",
        frequent="".join(f'<tr><td class="number">{count}</td><td>{_text(text)}</td></tr>'
                         for text, count in frequent),
        cards="\n".join([cards("A random sample", chosen_at_random), cards("The best by CIDEr", order[:extremes]),
                         cards("The worst by CIDEr", order[::-1][:extremes])])))


def is_report(path):
    """Whether a file is such a page."""
    with open(path, "rb") as f:
        return f.read(len(BEGIN)) == BEGIN.encode()


def _text(text):
    """``text`` as it stands in a page: text, whatever is in it."""
    return html.escape(shown(text, None, keep="\n\t"))


def _card(captioner, dataset, name, caption, cider):
    """A photograph, its caption word by word, and its reference captions."""
    try:
        picture = dataset.image(name, at_least=SIDE)
    except UserError as error:
        return f"<figure><p>{_text(str(error))}</p></figure>"
    photo = _data_url(_encoded(Image.fromarray(shrink(picture, SIDE)), "JPEG", quality=85), "jpeg")
    lit, words = "", [_text(word) for word in captioner.vocabulary.tokenize(caption)]
    if captioner.has_attention:
        maps, _ = captioner.attention_maps(picture, caption)
        lit = f'<img class="lit" alt="" src="{photo}">'
        words = [f'<span tabindex="0" data-mask="{_data_url(_encoded(mask(alpha), "PNG"), "png")}">{word}</span>'
                 for word, alpha in zip(words, maps, strict=True)]
    references = "".join(f"<li>{_text(text)}</li>" for text in dataset.captions[name])
    return (f'<figure style="margin: 0"><div class="photo"><img alt="{_text(name)}" src="{photo}">{lit}</div>'
            f'<p class="caption">{" ".join(words)}</p><span class="quiet">CIDEr {100 * cider:.0f}</span>'
            f"<ul>{references}</ul></figure>")


def mask(alpha):
    """A picture with one pixel per region, more transparent where the attention is lower; the browser enlarges it."""
    light = np.round(255 * (alpha - alpha.min()) / max(np.ptp(alpha), 1e-12)).astype(np.uint8)
    return Image.merge("LA", [Image.new("L", light.shape[::-1], 255), Image.fromarray(light)])


def _encoded(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _data_url(data, kind):
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
