from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from minicap.captioning.data.shapes import (
    GAP,
    MARGIN,
    NOISE,
    PAIRS,
    RGB,
    SHADE,
    SLANT,
    ShapesDataset,
    contour,
)
from minicap.captioning.data.shapes_language import (
    COLOURS,
    INVERSE,
    SHAPES,
    SIZES,
    WORDINGS,
    Facts,
    Mention,
    judge,
    judge_captions,
    read_facts,
    sentence_of,
)
from minicap.captioning.scoring.metrics import score_captions
from minicap.captioning.text.tokens import tokenize

RIGHT = {"colours": True, "shapes": True, "sizes": True, "relation": True}
WRONG = dict.fromkeys(RIGHT, False)


@pytest.fixture(scope="module")
def data():
    return ShapesDataset(train=600, dev=200, test=200)


def objects_of(scene):
    return scene.first, scene.second


# The same everywhere and always

def test_two_instances_with_one_seed_are_the_same_data(data):
    again = ShapesDataset(train=600, dev=200, test=200)
    assert (again.splits, again.scenes, again.captions) == (data.splits, data.scenes, data.captions)
    for name in ("train-00000", "dev-00007", "test-00199"):
        np.testing.assert_array_equal(again.image(name), data.image(name))


def test_a_scene_does_not_depend_on_how_many_there_are_or_what_was_asked_before(data):
    few = ShapesDataset(train=3, dev=0, test=2)
    assert few.splits == {"train": ("train-00000", "train-00001", "train-00002"), "dev": (),
                          "test": ("test-00000", "test-00001")}
    for name in reversed((*few.splits["train"], *few.splits["test"])):
        assert few.scenes[name] == data.scenes[name]
        assert few.captions[name] == data.captions[name]
        np.testing.assert_array_equal(few.image(name), data.image(name))
        np.testing.assert_array_equal(few.image(name), few.image(name))


def test_the_side_changes_the_picture_and_nothing_else(data):
    large = ShapesDataset(train=20, dev=0, test=0, side=56)
    assert all(large.scenes[name] == data.scenes[name] for name in large.splits["train"])
    assert large.image("train-00000").shape == (56, 56, 3)


def test_another_seed_is_another_world_and_the_splits_do_not_repeat_each_other(data):
    other = ShapesDataset(train=20, dev=0, test=0, seed=1)
    assert not set(other.scenes.values()) & set(data.scenes.values())
    assert len(set(data.scenes.values())) == len(data.scenes) == 1000


# Pictures

def test_pictures_are_small_uint8_rgb_arrays(data):
    picture = data.image("train-00000")
    assert picture.shape == (data.side, data.side, 3)
    assert picture.dtype == np.uint8


def test_objects_lie_whole_inside_the_picture_and_apart_and_their_relation_is_unambiguous(data):
    for scene in data.scenes.values():
        for o in objects_of(scene):
            assert min(o.x, o.y, 1 - o.x, 1 - o.y) >= o.radius + MARGIN - 1e-9
        first, second = objects_of(scene)
        right, down = second.x - first.x, second.y - first.y
        along, across = (right, down) if scene.relation == "left of" else (down, right)
        assert along - first.radius - second.radius >= GAP - 1e-9
        assert abs(across) <= SLANT * along


def test_an_object_is_seen_where_the_scene_says_in_its_colour_and_only_there():
    """Looked up in the pixels: the centre has the colour's RGB, and what is dark or colourful lies in the two boxes."""
    side = 96  # large enough for the centre's pixel to lie well inside the dark line of a small star
    data = ShapesDataset(train=100, dev=0, test=0, side=side)
    y, x = (np.mgrid[:side, :side] + 0.5) / side
    for name, scene in data.scenes.items():
        picture, outside = data.image(name).astype(int), np.ones((side, side), bool)
        for o in objects_of(scene):
            centre = picture[int(o.y * side), int(o.x * side)]
            assert np.abs(centre - RGB[o.colour]).max() <= SHADE + NOISE, (name, o)
            reach = o.radius + 1 / side
            box = (np.abs(x - o.x) <= reach) & (np.abs(y - o.y) <= reach)
            assert (picture[box].min(axis=-1) < 200).mean() > 0.2, (name, o)
            outside &= ~box
        assert picture[outside].min() > 200, name


def test_small_and_big_cannot_be_confused(data):
    radii = {size: [o.radius for s in data.scenes.values() for o in objects_of(s) if o.size == size] for size in SIZES}
    assert min(radii["big"]) > 1.3 * max(radii["small"])


@pytest.mark.parametrize("shape", SHAPES)
def test_contours_fill_the_unit_square_without_leaving_it(shape):
    assert np.abs(contour(shape)).max() <= 1
    assert np.ptp(contour(shape), axis=0).min() >= 1.7


def test_an_unknown_shape_is_refused_with_the_list_of_known_ones():
    with pytest.raises(ValueError, match=r"circle.*'blob'"):
        contour("blob")


# Seen and unseen combinations

def pair_in(scene):
    """The two objects of a scene as a pair of (colour, shape), whichever comes first."""
    return frozenset((o.colour, o.shape) for o in objects_of(scene))


def pairs_of_split(split):
    return {frozenset(pair) for pair in PAIRS[split]}


def test_every_pair_of_different_objects_belongs_to_one_split():
    assert sum(map(len, PAIRS.values())) == 42 * 41 / 2
    assert len(set.union(*map(pairs_of_split, PAIRS))) == 42 * 41 / 2
    assert {split: len(pairs) for split, pairs in PAIRS.items()} == {"train": 516, "dev": 172, "test": 173}


def test_train_and_the_even_half_of_dev_and_test_show_pairs_of_train_only(data):
    names = (*data.splits["train"], *data.splits["dev"][::2], *data.splits["test"][::2])
    assert {pair_in(data.scenes[name]) for name in names} <= pairs_of_split("train")
    assert not any(data.unseen(name) for name in names)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_each_scene_of_the_odd_half_shows_a_pair_kept_for_its_split(data, split):
    names = data.splits[split][1::2]
    assert {pair_in(data.scenes[name]) for name in names} <= pairs_of_split(split)
    assert all(data.unseen(name) for name in names)


def test_every_object_relation_and_size_is_common_in_train(data):
    scenes = [data.scenes[name] for name in data.splits["train"]]
    objects = Counter((o.colour, o.shape) for scene in scenes for o in objects_of(scene))
    assert len(objects) == 42
    assert min(objects.values()) >= 2 * len(scenes) / 42 / 2
    assert min(Counter(scene.relation for scene in scenes).values()) > 240
    assert min(Counter(o.size for scene in scenes for o in objects_of(scene)).values()) > 480


# Captions

def test_every_scene_has_five_different_captions_in_few_words(data):
    assert set(data.captions) == {name for names in data.splits.values() for name in names}
    assert all(len(set(captions)) == 5 for captions in data.captions.values())
    lengths = [len(tokenize(caption)) for captions in data.captions.values() for caption in captions]
    assert (min(lengths), max(lengths)) == (10, 17)


def test_the_words_of_dev_and_test_all_occur_in_train_and_there_are_40(data):
    words = {split: {word for name in names for caption in data.captions[name] for word in tokenize(caption)}
             for split, names in data.splits.items()}
    assert words["dev"] | words["test"] <= words["train"]
    assert len(words["train"]) == 40


def test_a_captioner_that_sees_scores_well_and_the_same_one_on_shuffled_pictures_does_not(data):
    """The calibration of the data: an oracle says the true scene in a random wording, or another picture's."""
    rng = np.random.default_rng(0)
    names = data.splits["test"]
    says = {name: sentence_of(data.scenes[name], WORDINGS[rng.integers(len(WORDINGS))]) for name in names}
    oracle = score_captions(says, data.captions)["bleu4"]
    shuffled = score_captions(dict(zip(names, np.roll(list(says.values()), 1).tolist(), strict=True)), data.captions)
    assert oracle >= 0.85
    assert shuffled["bleu4"] <= oracle - 0.45


def test_every_single_wording_reaches_the_target_of_80_so_a_captioner_may_settle_on_one(data):
    for wording in WORDINGS:
        says = {name: sentence_of(data.scenes[name], wording) for name in data.splits["test"]}
        assert score_captions(says, data.captions)["bleu4"] >= 0.80, wording


# The judge

def test_every_caption_of_the_data_is_right_about_its_own_scene(data):
    for name, captions in data.captions.items():
        for caption in captions:
            assert judge(caption, data.scenes[name]) == RIGHT, caption


def with_another_word(o, attribute, words):
    """``o`` with the next of ``words`` in place of its own."""
    return replace(o, **{attribute: words[(words.index(getattr(o, attribute)) + 1) % len(words)]})


@pytest.mark.parametrize(("attribute", "words", "fact"),
                         [("colour", COLOURS, "colours"), ("shape", SHAPES, "shapes"), ("size", SIZES, "sizes")])
@pytest.mark.parametrize("which", ["first", "second"])
def test_one_wrong_word_about_an_object_makes_that_fact_wrong_and_no_other(data, which, attribute, words, fact):
    for scene in list(data.scenes.values())[:100]:
        altered = replace(scene, **{which: with_another_word(getattr(scene, which), attribute, words)})
        for wording in WORDINGS:
            assert judge(sentence_of(altered, wording), scene) == RIGHT | {fact: False}


def test_a_wrong_direction_or_the_right_one_with_the_objects_exchanged_makes_the_relation_wrong(data):
    for scene in list(data.scenes.values())[:100]:
        turned = replace(scene, relation="above" if scene.relation == "left of" else "left of")
        exchanged = replace(scene, first=scene.second, second=scene.first)
        for wording in WORDINGS:
            assert judge(sentence_of(turned, wording), scene) == RIGHT | {"relation": False}
            assert judge(sentence_of(exchanged, wording), scene) == RIGHT | {"relation": False}


def test_a_relation_may_be_told_from_either_end(data):
    scene = next(s for s in data.scenes.values() if s.relation == "above")
    first, second = (f"{o.size} {o.colour} {o.shape}" for o in objects_of(scene))
    assert judge(f"a {first} is above a {second}", scene) == RIGHT
    assert judge(f"a {second} is below a {first}", scene) == RIGHT
    assert judge(f"a {first} is below a {second}", scene) == RIGHT | {"relation": False}


X, Y = Mention("red", "star", "small"), Mention("blue", "square", "big")


@pytest.mark.parametrize(("caption", "relation"), [
    ("a small red star is to the left of a big blue square", "left of"),
    ("A tiny red star, on the right side of the large blue square.", "right of"),
    ("we see a little red star over a big blue square", "above"),
    ("there is a small red star beneath a big blue square", "below"),
    ("the small red star has a large blue square on its left", "right of"),
    ("a small red star and a big blue square under it", "above"),
    ("above a small red star there is a big blue square", "below"),
    ("to the left of a small red star is a big blue square", "right of"),
    ("at the bottom is a small red star and at the top there is a big blue square", "below"),
    ("on the left a small red star and on the right a big blue square", "left of"),
])
def test_variations_of_the_wordings_are_understood(caption, relation):
    assert read_facts(caption) == Facts(X, Y, relation)
    assert read_facts(caption).inverse() == Facts(Y, X, INVERSE[relation])


def test_a_size_that_is_not_said_is_not_counted_as_right(data):
    scene = data.scenes["train-00000"]
    plain = [f"{o.colour} {o.shape}" for o in objects_of(scene)]
    caption = f"a {plain[0]} is {scene.relation} a {plain[1]}"
    assert read_facts(caption).first.size is None
    assert judge(caption, scene) == RIGHT | {"sizes": False}


@pytest.mark.parametrize("caption", [
    "",
    "a small red star",
    "a small red star and a big blue square",
    "a small red star is left of a big blue",
    "a small red star is left of a big blue square left of a small red heart",
    "a small red star is left a big blue square",
    "a small red star is left of of a big blue square",
    "a red small star is left of a big blue square",
    "on the left is a small red star and on the left is a big blue square",
    "on the left is a small red star and at the bottom is a big blue square",
    "a small red <unk> is left of a big blue square",
    "a dog runs on grass",
])
def test_what_is_not_a_sentence_of_the_language_is_wrong_everywhere(data, caption):
    assert read_facts(caption) is None
    assert judge(caption, data.scenes["train-00000"]) == WRONG


def test_shares_are_counted_apart_for_seen_and_unseen_scenes_and_all_leaves_size_out(data):
    seen, unseen = data.splits["test"][:8:2], data.splits["test"][1:9:2]
    truth = {name: sentence_of(data.scenes[name], WORDINGS[0]) for name in (*seen, *unseen)}
    small = {name: caption.replace("big", "small") for name, caption in truth.items()}
    sizes = np.mean([all(o.size == "small" for o in objects_of(data.scenes[name])) for name in unseen])
    predictions = truth | {seen[0]: "a dog"} | {name: small[name] for name in unseen}
    part = dict.fromkeys(RIGHT, 1) | {"all": 1, "n": 4}
    assert judge_captions(predictions, data) == {
        "seen": dict.fromkeys(RIGHT, 0.75) | {"all": 0.75, "n": 4},
        "unseen": part | {"sizes": sizes},
    }
    assert sizes < 1
    assert judge_captions({seen[0]: truth[seen[0]]}, data) == {"seen": part | {"n": 1}}
