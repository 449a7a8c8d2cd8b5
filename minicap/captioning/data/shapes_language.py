"""The language of the built-in data `shapes`: five captions per scene, and a parser that checks captions.

Seven wordings state the same facts, and each scene gets five of them. A captioner that sees perfectly still cannot know
which five it is compared with (as with people), but nearly all its 4-grams are among them: BLEU-4 is about 90. There
are few words and most of them state a fact, so the same captions permuted among the pictures score about 25: BLEU
measures the use of the image, not style.

As the grammar is closed, captions can also be *judged*: :func:`read_facts` parses a caption into the facts it states,
and :func:`judge` compares these with the scene. BLEU cannot do that: a wrong colour costs as much as an unusual
preposition. (ShapeWorld, Kuhnle and Copestake 2017, evaluates language by what is true of a known scene.)
"""

import re
from dataclasses import dataclass

from ..text.tokens import tokenize

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "black")
SHAPES = ("circle", "square", "triangle", "cross", "star", "heart")
SIZES = ("small", "big")
INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}

PLAIN = {"small": "small", "big": "big"}
OTHER = {"small": "tiny", "big": "large"}
WORDINGS = (  # words for sizes, the sentence for "first is left of second", the one for "first is above second"
    (PLAIN, "a {first} is left of a {second}", "a {first} is above a {second}"),
    (PLAIN, "there is a {second} to the right of a {first}", "there is a {second} below a {first}"),
    (PLAIN, "on the left is a {first} and on the right is a {second}",
            "at the top is a {first} and at the bottom is a {second}"),
    (PLAIN, "to the right of a {first} is a {second}", "below a {first} is a {second}"),
    (OTHER, "a {first} sits to the left of a {second}", "a {first} sits over a {second}"),
    (OTHER, "a {first} with a {second} on its right", "a {first} with a {second} under it"),
    (OTHER, "we see a {first} and a {second} to its right", "we see a {first} and a {second} under it"),
)


def captions_of(scene, rng):
    """Five differently worded captions (str) of ``scene``, sampled with the NumPy Generator ``rng``."""
    chosen = rng.permutation(len(WORDINGS))[:5]
    return tuple(sentence_of(scene, WORDINGS[k]) for k in chosen)


def sentence_of(scene, wording):
    """The caption of ``scene`` in one of the WORDINGS. The scene is in reading order: ``left of`` or ``above``."""
    size_words, beside, upright = wording
    first, second = (f"{size_words[o.size]} {o.colour} {o.shape}" for o in (scene.first, scene.second))
    return (beside if scene.relation == "left of" else upright).format(first=first, second=second)


@dataclass(frozen=True)
class Mention:
    """An object as a caption describes it; ``size`` is None where the caption does not state it."""

    colour: str
    shape: str
    size: str | None


@dataclass(frozen=True)
class Facts:
    """What a caption states: ``first`` (the object mentioned first) is ``relation`` (a key of INVERSE) ``second``."""

    first: Mention
    second: Mention
    relation: str

    def inverse(self):
        """The same facts, stated from the other side."""
        return Facts(self.second, self.first, INVERSE[self.relation])


SIZE_OF = {"small": "small", "tiny": "small", "little": "small", "big": "big", "large": "big"}
RELATION_OF = {"left": "left of", "right": "right of", "above": "above", "over": "above", "top": "above",
               "below": "below", "under": "below", "beneath": "below", "bottom": "below"}

OBJECT = re.compile(rf"\b(?:an?|the) (?:({'|'.join(SIZE_OF)}) )?({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})\b")

# A caption with its two objects replaced by X and Y. A group whose name begins with x matches the position of X
# relative to Y (or in the picture), one whose name begins with y that of Y.
_SIDE = "(?:(?:to|on|at) the )?(?P<{0}1>left|right)(?: side)? of|(?P<{0}2>above|over|below|under|beneath)"
_SIDE_OF_IT = "(?:to|on) its (?P<y1>left|right)|(?P<y2>above|over|below|under|beneath) it"
_PLACE = "(?:on|at) the (?P<{0}>left|right|top|bottom)(?: side)?"
_IS = "(?:(?:there )?(?:is|sits|lies) )?"
SKELETONS = tuple(re.compile(pattern) for pattern in (
    rf"(?:there is |we see )?X {_IS}(?:{_SIDE.format('x')}) Y",
    rf"(?:{_SIDE.format('y')}) X {_IS}Y",
    rf"(?:there is |we see )?X (?:with|and|has) Y (?:{_SIDE_OF_IT})",
    rf"{_PLACE.format('x')} {_IS}X and {_PLACE.format('y')} {_IS}Y",
))


def read_facts(caption):
    """The :class:`Facts` that ``caption`` (str) states; None if it is no sentence about two objects in this language.

    Accepts the WORDINGS and close variations: other articles, synonyms for sizes and positions, mixtures of two
    wordings, omitted sizes, capitals, punctuation. A contradiction ("on the left ... and on the left ...") is None.
    """
    text = " ".join(tokenize(caption))
    objects = OBJECT.findall(text)
    if len(objects) != 2:
        return None
    skeleton = OBJECT.sub("Y", OBJECT.sub("X", text, count=1), count=1)
    first, second = (Mention(colour, shape, SIZE_OF.get(size)) for size, colour, shape in objects)
    relation = _relation_of(skeleton)
    return relation and Facts(first, second, relation)


def _relation_of(skeleton):
    """The relation of X to Y, or None."""
    match = next(filter(None, (pattern.fullmatch(skeleton) for pattern in SKELETONS)), None)
    if match is None:
        return None
    stated = {name: RELATION_OF[word] for name, word in match.groupdict().items() if word}
    relations = {relation if name.startswith("x") else INVERSE[relation] for name, relation in stated.items()}
    return relations.pop() if len(relations) == 1 else None


def judge(caption, scene):
    """Which facts of ``scene`` are right: ``{"colours": bool, "shapes": bool, "sizes": bool, "relation": bool}``.

    A fact about objects is right if it is right for both. "A left of B" and "B right of A" are equivalent: of these two
    readings, the one that agrees with more properties of the objects counts. In a caption that does not parse, all
    facts are wrong.
    """
    facts = read_facts(caption)
    if facts is None:
        return dict.fromkeys(("colours", "shapes", "sizes", "relation"), False)
    readings = (_agreement(facts, scene), _agreement(facts.inverse(), scene))
    best = max(readings, key=lambda a: (sum(a["colours"] + a["shapes"] + a["sizes"]), a["relation"]))
    return {fact: all(agrees) for fact, agrees in best.items()}


def _agreement(facts, scene):
    pairs = ((facts.first, scene.first), (facts.second, scene.second))
    return {
        "colours": [stated.colour == true.colour for stated, true in pairs],
        "shapes": [stated.shape == true.shape for stated, true in pairs],
        "sizes": [stated.size == true.size for stated, true in pairs],
        "relation": [facts.relation == scene.relation],
    }


def judge_captions(predictions, dataset):
    """The fraction of scenes that are described correctly, separately for seen and unseen combinations.

    ``predictions`` maps image names of ``dataset`` (a ``ShapesDataset``) to captions. Returns, for each of "seen" and
    "unseen" that occurs, ``{"colours": 0.98, "shapes": ..., "sizes": ..., "relation": ..., "all": ..., "n": scenes}``;
    "all" means that colours, shapes and relation are right, but not necessarily sizes. An unknown name is a KeyError.
    """
    verdicts = {"seen": [], "unseen": []}
    for name, caption in predictions.items():
        verdict = judge(caption, dataset.scenes[name])
        verdict["all"] = verdict["colours"] and verdict["shapes"] and verdict["relation"]
        verdicts["unseen" if dataset.unseen(name) else "seen"].append(verdict)
    return {
        part: {fact: sum(v[fact] for v in group) / len(group) for fact in group[0]} | {"n": len(group)}
        for part, group in verdicts.items() if group
    }
