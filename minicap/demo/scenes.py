"""The second tab: a scene of two objects is drawn by clicking, captioned at once, and its captions are judged.

    drawing = surprise(rng)                         # two objects, one of which is selected
    drawing = click(drawing, 0.2, 0.6)              # selects the object there, or moves the selected one there
    drawing = change(drawing, "heart", "red", "big")
    scenes.describe(drawing)                        # captions, and which facts each has wrong

Places are fractions of the picture's side, with y downwards. Nothing here knows of Gradio.
"""

import dataclasses
import itertools
import math
import threading
from dataclasses import dataclass

import numpy as np

from ..captioning.data.shapes import GAP, MARGIN, OBJECTS, PAIRS, RADIUS, SLANT, Scene, draw_picture, draw_scene
from ..captioning.data.shapes_language import WORDINGS, judge, sentence_of
from ..captioning.reporting.report import as_text, picture_url
from .photographs import Clock, percent, times

SIDE = 256  # pixels, as it is shown


@dataclass(frozen=True)
class Drawing:
    """Two SceneObjects, of which the one numbered ``selected`` can be moved and changed."""

    objects: tuple
    selected: int = 0


@dataclass(frozen=True)
class Judged:
    """A caption, its probability, and which facts it has wrong: none if it is true."""

    caption: str
    probability: float
    wrong: tuple


# --- Drawing ---------------------------------------------------------------------------------------------------------

def surprise(rng):
    """A random scene, as the captioner knows them."""
    scene = draw_scene(rng, tuple(itertools.combinations(OBJECTS, 2)))
    return Drawing((scene.first, scene.second))


def click(drawing, x, y):
    """Select the object at (x, y); where there is none, move the selected one there."""
    hit = [k for k, o in enumerate(drawing.objects) if math.hypot(o.x - x, o.y - y) <= o.radius]
    if hit and drawing.selected not in hit:
        return dataclasses.replace(drawing, selected=hit[0])
    return drawing if hit else with_selected(drawing, x=x, y=y)


def move(drawing, dx, dy):
    """Move the selected object by (dx, dy)."""
    o = drawing.objects[drawing.selected]
    return with_selected(drawing, x=o.x + dx, y=o.y + dy)


def change(drawing, **facts):
    """Give the selected object another shape, colour or size."""
    size = facts.get("size", drawing.objects[drawing.selected].size)
    return with_selected(drawing, **facts, radius=RADIUS[size])


def with_selected(drawing, **facts):
    """The drawing with other facts of the selected object, which stays inside the picture."""
    o = dataclasses.replace(drawing.objects[drawing.selected], **facts)
    edge = MARGIN + o.radius
    o = dataclasses.replace(o, x=min(1 - edge, max(edge, o.x)), y=min(1 - edge, max(edge, o.y)))
    objects = tuple(o if k == drawing.selected else other for k, other in enumerate(drawing.objects))
    return dataclasses.replace(drawing, objects=objects)


def picture_of(drawing, side):
    """Its pixels (side, side, 3) uint8, with the same shades and noise every time."""
    return draw_picture(true_scenes(drawing)[0], side, np.random.default_rng(0))


# --- What is true ----------------------------------------------------------------------------------------------------

def true_scenes(drawing):
    """The scenes that it shows: one, or two if one object is obliquely above the other, as "left of" is then true, too.
    """
    a, b = drawing.objects
    across, upright = abs(a.x - b.x), abs(a.y - b.y)
    beside = Scene(*sorted(drawing.objects, key=lambda o: o.x), "left of")
    above = Scene(*sorted(drawing.objects, key=lambda o: o.y), "above")
    scenes = (beside, above) if across >= upright else (above, beside)
    oblique = min(across, upright) > SLANT * max(across, upright)
    return scenes if oblique else scenes[:1]


def differences(drawing):
    """Sentences that tell how the drawing differs from all training scenes."""
    scenes, (a, b) = true_scenes(drawing), drawing.objects
    first, second, axis = scenes[0].first, scenes[0].second, "x" if scenes[0].relation == "left of" else "y"
    kinds = {(a.colour, a.shape), (b.colour, b.shape)}
    if len(kinds) == 1:
        yield "The two objects have the same colour and shape."
    elif not any(kinds == set(pair) for pair in PAIRS["train"]):
        yield "These two objects never occur together there, though each of them does with others."
    if len(scenes) > 1:
        yield "One object is obliquely above the other, so that both relations are true."
    if getattr(first, axis) + first.radius > (1 - GAP) / 2 or getattr(second, axis) - second.radius < (1 + GAP) / 2:
        yield "The objects do not stand in different halves of the picture."


# --- Captions --------------------------------------------------------------------------------------------------------

class Scenes:
    """A captioner of drawn scenes for several users."""

    def __init__(self, captioner):
        self.captioner, self.lock = captioner, threading.Lock()

    def describe(self, drawing):
        """(a list of :class:`Judged`, the best first, and the seconds it took)"""
        with self.lock:
            clock = Clock()
            (found,) = self.captioner.captions([picture_of(drawing, self.captioner.input_size)])
            clock.stop("captioning")
        return [Judged(text, math.exp(logp), wrong_facts(text, drawing)) for text, logp in found], clock.seconds


def wrong_facts(caption, drawing):
    """Which of "colours", "shapes", "sizes" and "relation" it has wrong, by the scene that it is nearest to."""
    verdicts = [tuple(fact for fact, right in judge(caption, scene).items() if not right)
                for scene in true_scenes(drawing)]
    return min(verdicts, key=len)


# --- HTML ------------------------------------------------------------------------------------------------------------

def canvas(drawing):
    """The picture, with the names of its objects, and a ring around the selected one."""
    objects = "".join(f'<circle class="{"selected" * (k == drawing.selected)}" cx="{o.x:.3f}" cy="{o.y:.3f}" '
                      f'r="{1.15 * o.radius:.3f}"><title>{as_text(f"{o.size} {o.colour} {o.shape}")}</title></circle>'
                      for k, o in enumerate(drawing.objects))
    return (f'<div class="canvas"><img alt="{as_text(sentence_of(true_scenes(drawing)[0], WORDINGS[0]))}" '
            f'draggable="false" src="{picture_url(picture_of(drawing, SIDE))}">'
            f'<svg viewBox="0 0 1 1">{objects}</svg></div>')


def best(captions):
    """The best of the captions and whether it is true, as HTML."""
    return (f'<div class="described"><p class="caption">{as_text(captions[0].caption)}</p><p>{verdict(captions[0])} '
            f'<span class="quiet">Probability {percent(captions[0].probability)}</span></p></div>')


def details(drawing, captions, seconds, side):
    """The other captions, what is true, and what a captioner of ``side`` pixels sees, as HTML."""
    others = "".join(f'<tr><td class="number">{percent(c.probability)}</td><td>{as_text(c.caption)}</td>'
                     f"<td>{verdict(c)}</td></tr>" for c in captions[1:])
    others = f"<h3>The other captions of the beam</h3><table>{others}</table>" if others else ""
    notes = " ".join(differences(drawing))
    unlike = f"<h3>Unlike the training scenes</h3><p>{notes}</p>" if notes else ""
    true = "".join(f"<li>{as_text(sentence_of(scene, wording))}</li>" for scene in true_scenes(drawing)
                   for wording in WORDINGS)
    seen = picture_url(picture_of(drawing, side), "png")
    return (f'<div class="described sections"><section><h3>True sentences</h3><ul>{true}</ul></section>'
            f'<section>{unlike}{others}<p class="seen">'
            f'<img alt="the same scene in {side} × {side} pixels" src="{seen}"> '
            f'<span class="quiet">This is what the captioner reads: {side} × {side} pixels.</span></p>'
            f'<p class="quiet times">{times(seconds)}</p></section></div>')


def verdict(judged):
    if not judged.wrong:
        return '<span class="right">✓ right</span>'
    return f'<span class="wrong">✗ wrong: {as_text(", ".join(judged.wrong))}</span>'
