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
from .heat import half_lines, heat_levels, palette
from .plots import curves, png, shrink
from .sharpness import effective_number

SIDE = 224      # pixels of a photograph's longer side
FREQUENT = 10   # captions in the table of the most frequent ones
ENLARGED = 3    # pixels per region in each direction: the browser interpolates between them, too

# A figure with a photograph and words: pointing at one of them shows its heat. The listeners belong to the page, so
# that figures may come and go.
STYLE = """.photo { position: relative; line-height: 0 } .photo img { width: 100% }
.photo .heat { position: absolute; inset: 0; background-size: 100% 100% }
.photo svg { position: absolute; inset: 0; width: 100%; height: 100%; filter: drop-shadow(0 0 1px #000) }
.photo path { fill: none; stroke: #fff; stroke-width: 1.5px; vector-effect: non-scaling-stroke }
.photo .spread { position: absolute; left: 0; bottom: 0; padding: 0 .4rem; font-size: .8rem; line-height: 1.5;
  color: #fff; background: #000b } .photo .spread:empty { display: none }
[data-heat] { border-radius: .2rem; padding: 0 .1rem; cursor: default }
[data-heat]:hover, [data-heat]:focus { background: #ffc04d; color: #222; outline: none }"""
SCRIPT = """{
const parts = word => [".heat", ".photo path", ".spread"].map(part => word.closest("figure").querySelector(part));
const look = word => {
  const [heat, line, spread] = parts(word);
  heat.style.backgroundImage = "url(" + word.dataset.heat + ")";
  line.setAttribute("d", word.dataset.line);
  spread.textContent = word.textContent + ": " + word.dataset.spread;
};
const leave = word => {
  const [heat, line, spread] = parts(word);
  heat.style.backgroundImage = spread.textContent = "";
  line.removeAttribute("d");
};
for (const [event, act] of [["mouseover", look], ["focusin", look], ["mouseout", leave], ["focusout", leave]])
  document.addEventListener(event, ({target}) => { if (target.dataset?.heat) act(target); });
}"""

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
.attention::first-letter { text-transform: uppercase }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1.4rem }
.caption { font-weight: 600; margin: .5rem 0 .2rem }
$style
ul { margin: .2rem 0; padding-left: 1.1rem; color: #555; font-size: .87rem } .curves img { max-width: 100% }
body { overflow-wrap: anywhere } th { white-space: nowrap }
@media (max-width: 34rem) { table { font-size: .8rem } td, th { padding-right: .5rem } }
</style></head><body>
<h1>$title</h1>
<p class="quiet">$subtitle</p>
<table><tr>$heads</tr><tr>$scores</tr></table>
$facts
$attention
$curves
<h2>Most frequent captions</h2>
<p>$distinct of the $n captions are distinct; $new % do not occur word for word among the training captions.</p>
<table>$frequent</table>
$cards
<script>$script</script>
</body></html>
""")


def write_report(path, captioner, dataset, split, predictions, *, subtitle, attention=(), facts=(), history=(),
                 settings=(), sample=24, extremes=12):
    """Write the page about ``predictions`` ({image: caption}) for ``split`` to ``path``.

    ``attention``: sentences about it; ``facts``: those of drawn scenes, as judge_captions counts them; ``history``, the
    lines of metrics.jsonl, and ``settings``, those of the run: for the curves. ``sample`` images are chosen at random,
    with a fixed seed, and ``extremes`` are shown of the best and of the worst, by their CIDEr.
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
    hint = (" Point at a word to see what the model attended to: heat up to the word's own maximum, a line at half of "
            "it, and over how many regions it is spread (e to the entropy)." if captioner.has_attention else "")
    write_text(path, PAGE.substitute(
        title=as_text(f"{dataset.name}, {split}: {n} images"), subtitle=as_text(subtitle + hint),
        heads="".join(f'<th class="number">{TITLES[key]}</th>' for key in METRICS),
        scores="".join(f'<td class="number">{100 * scores[key]:.1f}</td>' for key in METRICS),
        attention="\n".join(f'<p class="attention">{as_text(sentence)}.</p>' for sentence in attention),
        facts=_facts(facts), curves=_curves(history, dict(settings)) if history else "",
        style=STYLE, script=SCRIPT, n=n, distinct=len(set(predictions.values())), new=f"{100 * new / n:.1f}",
        frequent="".join(f'<tr><td class="number">{count}</td><td>{as_text(text)}</td></tr>'
                         for text, count in frequent),
        cards="\n".join([cards("A random sample", chosen_at_random), cards("The best by CIDEr", order[:extremes]),
                         cards("The worst by CIDEr", order[::-1][:extremes])])))


def is_report(path):
    """Whether a file is such a page."""
    with open(path, "rb") as f:
        return f.read(len(BEGIN)) == BEGIN.encode()


def as_text(text):
    """``text`` as it stands in a page: text, whatever is in it."""
    return html.escape(shown(text, None, keep="\n\t"))


def _facts(facts):
    """A table of how many captions of drawn scenes are right."""
    if not facts:
        return ""
    heads = "".join(f'<th class="number">{which} pairs</th>' for which in facts)
    rows = "".join(f"<tr><td>{'all facts' if kind == 'all' else kind}</td>"
                   + "".join(f'<td class="number">{100 * of[kind]:.1f}</td>' for of in facts.values()) + "</tr>"
                   for kind in next(iter(facts.values())) if kind != "n")
    scenes = "".join(f'<td class="number">{of["n"]:,}</td>' for of in facts.values())
    return (f"<h2>Facts that the captions get right, in per cent</h2>\n<table><tr><th></th>{heads}</tr>{rows}"
            f'<tr class="quiet"><td>scenes</td>{scenes}</tr></table>\n<p class="quiet">All facts: colours, shapes and '
            "relation, but not necessarily sizes. Unseen pairs of objects never occur in train.</p>")


def _curves(history, settings):
    """The learning curves: side by side, on a phone one below the other."""
    best = max(history, key=lambda line: line["cider"])
    words = (f"Learning curves of {len(history)} epochs: the loss in training and on dev, and BLEU-4 and CIDEr on dev, "
             f"which is highest, {100 * best['cider']:.1f}, after epoch {best['epoch']}.")
    wide, narrow = (_data_url(png(curves(history, settings, columns)), "png") for columns in (3, 1))
    return (f'<h2>Training</h2>\n<picture class="curves"><source media="(max-width: 44rem)" srcset="{narrow}">'
            f'<img alt="{words}" src="{wide}"></picture>')


def _card(captioner, dataset, name, caption, cider):
    """A photograph, its caption word by word, and its reference captions."""
    try:
        picture = dataset.image(name, at_least=SIDE)
    except UserError as error:
        return f"<figure><p>{as_text(str(error))}</p></figure>"
    maps = captioner.attention_maps(picture, caption) if captioner.has_attention else None
    references = "".join(f"<li>{as_text(text)}</li>" for text in dataset.captions[name])
    shows = dataset.captions[name][0]  # what somebody who saw it wrote says more than the name of a file
    return (f'<figure style="margin: 0">{photo_html(picture, shows, maps, SIDE)}'
            f'<p class="caption">{caption_html(captioner.vocabulary.tokenize(caption), maps)}</p>'
            f'<span class="quiet">{as_text(name)}, CIDEr {100 * cider:.0f}</span><ul>{references}</ul></figure>')


def photo_html(picture, alt, maps, side):
    """A photograph (H, W, 3), its longer side at most ``side`` pixels, with a place for the heat of a word.

    ``maps``: what :meth:`.Captioner.attention_maps` returns, or None: then there is no such place.
    """
    heat = ""
    if maps is not None:
        h, w = heat_size(maps)
        heat = (f'<div class="heat"></div><svg viewBox="-0.5 -0.5 {w} {h}" preserveAspectRatio="none">'
                '<path></path></svg><div class="spread"></div>')
    return f'<div class="photo"><img alt="{as_text(alt)}" src="{picture_url(shrink(picture, side))}">{heat}</div>'


def caption_html(words, maps):
    """The words of a caption, each with its heat where there are ``maps``."""
    if maps is None:
        return " ".join(map(as_text, words))
    return " ".join(word_with_heat(as_text(word), heat_levels(alpha, heat_size(maps)), _spread(alpha, of_memory))
                    for word, alpha, of_memory in zip(words, *maps, strict=True))


def heat_size(maps):
    """(h, w) of the heat of these maps, in its own pixels."""
    alpha, _ = maps
    return tuple(ENLARGED * side for side in alpha.shape[1:])


def _spread(alpha, memory):
    of_memory = f", memory {100 * memory:.0f} %" if memory else ""
    return f"{effective_number(alpha.ravel()):.0f} of {alpha.size} regions{of_memory}"


def word_with_heat(word, levels, spread):
    """A word with what the page shows when somebody points at it: the heat, its line, and a text."""
    picture = Image.fromarray(levels, "P")  # the browser enlarges it to the size and aspect ratio of the photograph
    picture.putpalette(palette().tobytes(), "RGBA")
    line = "".join("M" + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) for points in half_lines(levels))
    return (f'<span tabindex="0" data-spread="{spread}" data-line="{line}" '
            f'data-heat="{picture_url(picture, "png")}">{word}</span>')


def picture_url(picture, kind="jpeg"):
    """An array (H, W, 3) uint8, or an image of Pillow, as an address that holds it: a JPEG, or a "png"."""
    buffer = io.BytesIO()
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    image.save(buffer, kind, **{"quality": 85} if kind == "jpeg" else {})
    return _data_url(buffer.getvalue(), kind)


def _data_url(data, kind):
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
