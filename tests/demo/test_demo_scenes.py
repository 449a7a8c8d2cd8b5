"""Scenes drawn by clicking, without a browser: where objects go, what is then true, and which captions are."""

import numpy as np
import pytest
from html_page import Page
from hypothesis import given
from hypothesis import strategies as st

from minicap import Captioner
from minicap.captioning.data.shapes import MARGIN, RADIUS, SceneObject, ShapesDataset
from minicap.captioning.data.shapes_language import COLOURS, SHAPES, SIZES, WORDINGS, judge, sentence_of
from minicap.demo import scenes
from minicap.demo.scenes import Drawing, Scenes, change, click, differences, move, true_scenes, wrong_facts

PLACES = st.floats(0, 1)


def drawing(*places, selected=0, kinds=(("red", "star"), ("blue", "heart")), size="small"):
    return Drawing(tuple(SceneObject(*kind, size, *place, RADIUS[size])
                         for kind, place in zip(kinds, places, strict=True)), selected)


BESIDE = drawing((0.2, 0.5), (0.8, 0.5))


@pytest.fixture(scope="module")
def of_package():
    return Scenes(Captioner.pretrained("shapes", device="cpu"))


# --- Drawing ---------------------------------------------------------------------------------------------------------

def test_a_click_on_an_object_selects_it_and_one_elsewhere_moves_it():
    selected = click(BESIDE, 0.85, 0.45)
    assert selected == Drawing(BESIDE.objects, 1)
    assert click(selected, 0.8, 0.5) == selected  # on the selected one itself
    moved = click(selected, 0.6, 0.2)
    assert (moved.objects[1].x, moved.objects[1].y) == (0.6, 0.2) and moved.objects[0] == BESIDE.objects[0]


@given(PLACES, PLACES, st.sampled_from(SIZES), st.floats(-1, 1), st.floats(-1, 1))
def test_an_object_never_leaves_the_picture(x, y, size, dx, dy):
    for o in move(change(click(BESIDE, x, y), shape="cross", colour="green", size=size), dx, dy).objects:
        edge = MARGIN + o.radius
        assert edge <= o.x <= 1 - edge and edge <= o.y <= 1 - edge


def test_only_the_selected_object_is_changed():
    other = change(Drawing(BESIDE.objects, 1), shape="cross", colour="green", size="big")
    first, second = other.objects
    assert first == BESIDE.objects[0]
    assert (second.shape, second.colour, second.size, second.radius) == ("cross", "green", "big", RADIUS["big"])


def test_the_same_drawing_has_the_same_pixels_and_another_one_others():
    pixels = scenes.picture_of(BESIDE, 32)
    np.testing.assert_array_equal(pixels, scenes.picture_of(Drawing(BESIDE.objects, 1), 32))
    changed = scenes.picture_of(change(BESIDE, shape="heart", colour="red", size="small"), 32) != pixels
    assert changed[:, :16].any() and not changed[:, 16:].any()


# --- What is true ----------------------------------------------------------------------------------------------------

def test_what_is_true_of_the_scenes_of_the_data_set_is_found_again():
    dataset = ShapesDataset(train=60, dev=60, test=60)
    for name, scene in dataset.scenes.items():
        drawn = Drawing((scene.second, scene.first))
        assert true_scenes(drawn) == (scene,)
        notes = list(differences(drawn))
        assert len(notes) == dataset.unseen(name) and all("never occur together" in note for note in notes)


@pytest.mark.parametrize(("drawn", "relations", "note"), [
    (drawing((0.2, 0.2), (0.75, 0.7)), ["left of", "above"], "obliquely"),
    (drawing((0.7, 0.75), (0.2, 0.2)), ["above", "left of"], "obliquely"),
    (drawing((0.2, 0.5), (0.8, 0.5), kinds=(("red", "star"),) * 2), ["left of"], "the same colour and shape"),
    (drawing((0.2, 0.5), (0.5, 0.5)), ["left of"], "do not stand in different halves"),
    (drawing((0.5, 0.6), (0.5, 0.6)), ["left of"], "do not stand in different halves")])
def test_what_no_scene_of_the_training_has_is_told(drawn, relations, note):
    assert [scene.relation for scene in true_scenes(drawn)] == relations
    assert note in " ".join(differences(drawn))


def test_a_caption_is_judged_by_the_scene_that_it_is_nearest_to():
    true = "a small red star is left of a small blue heart"
    assert wrong_facts(true, BESIDE) == ()
    assert wrong_facts("a small red star is right of a small blue heart", BESIDE) == ("relation",)
    assert wrong_facts("a big green star is left of a small blue cross", BESIDE) == ("colours", "shapes", "sizes")
    assert wrong_facts("a dog", BESIDE) == ("colours", "shapes", "sizes", "relation")
    oblique = drawing((0.2, 0.2), (0.75, 0.7))
    for other in (true, "a small red star is above a small blue heart"):
        assert wrong_facts(other, oblique) == ()
    assert wrong_facts("a small red star is below a small blue heart", oblique) == ("relation",)


# --- Captions --------------------------------------------------------------------------------------------------------

def test_the_captioner_of_the_package_is_right_about_nearly_all_random_scenes(of_package, rng):
    drawings = [scenes.surprise(rng) for _ in range(100)]
    assert {o.shape for d in drawings for o in d.objects} == set(SHAPES)
    assert {o.colour for d in drawings for o in d.objects} == set(COLOURS)
    best = [of_package.describe(drawn)[0][0] for drawn in drawings]
    assert sum(not judged.wrong for judged in best) >= 90
    for judged, drawn in zip(best, drawings, strict=True):
        assert (judged.wrong == ()) == all(judge(judged.caption, true_scenes(drawn)[0]).values())


def test_the_page_tells_what_is_true_and_what_is_not(of_package):
    captions, seconds = of_package.describe(BESIDE)
    captions = [captions[0], scenes.Judged("a <red> dog", 0.25, ("relation", "sizes"))]
    page = Page(scenes.best(captions) + scenes.details(BESIDE, captions, seconds, 32))
    assert "✓ right" in page.text and "25 % a <red> dog ✗ wrong: relation, sizes" in page.text
    for wording in WORDINGS:
        assert sentence_of(true_scenes(BESIDE)[0], wording) in page.text
    canvas = Page(scenes.canvas(BESIDE))
    assert (canvas.count("img"), canvas.text) == (1, "small red star small blue heart")
