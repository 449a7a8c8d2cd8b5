import json
import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicap.captioning.data import load_dataset
from minicap.captioning.scoring import metrics, rouge
from minicap.captioning.scoring.bleu import bleu_counts
from minicap.captioning.scoring.cider import agreement, all_ngrams, inverse_document_frequency, tf_idf
from minicap.captioning.scoring.metrics import METRICS, corpus_scores, image_statistics, score_captions, tokenized
from minicap.captioning.scoring.rouge import rouge_l
from minicap.errors import UserError

WORDS = ["a", "the", "dog", "man", "woman", "red", "ball", "runs", "sits", "on", "in", "of", "water", "grass", "with",
         "two", "black-and-white", "'s", "<unk>"]


def random_captions(rng, n):
    """Predictions and one to five references for ``n`` images, alike enough to share runs of four words."""
    predictions, references = {}, {}
    for i in range(n):
        base = rng.choices(WORDS, k=rng.randint(1, 14))
        variants = [[word if rng.random() < 0.7 else rng.choice(WORDS) for word in base[rng.randint(0, 1):]] or ["a"]
                    for _ in range(rng.randint(2, 6))]
        predictions[f"{i}.jpg"], *references[f"{i}.jpg"] = (" ".join(words) for words in variants)
    return predictions, references


def test_the_scores_are_fractions_under_the_names_of_the_field_with_the_number_of_images():
    scores = score_captions({"x": "A dog runs on grass."}, {"x": ["a dog runs on grass"], "unused": ["a cat"]})
    assert scores == {"bleu1": 1, "bleu2": 1, "bleu3": 1, "bleu4": 1, "rouge_l": 1, "cider": 0, "n": 1}


def test_the_set_scores_follow_by_hand_from_two_images():
    # Image 1 is right: 5/5, 4/4, 3/3, 2/2. Image 2 has 1 of 2 words: p1 = 6/7, p2 = 4/5, p3 = 3/3, p4 = 2/2; c = 7 = r.
    # ROUGE-L: 1 and 1/2. CIDEr: the words of image 1 are its own, so 10; image 2: "cat" of "cat", "sits" against
    # "bird", "sits" in no reference: cosine 1/2 for words, nothing longer: 10/4 · 1/2. Means over the two.
    scores = score_captions({"1": "a dog runs on grass", "2": "cat sits"},
                            {"1": ["a dog runs on grass"], "2": ["cat bird"]})
    p1, p2 = 6 / 7, 4 / 5
    assert [scores[name] for name in METRICS] == pytest.approx(
        [p1, (p1 * p2) ** (1 / 2), (p1 * p2) ** (1 / 3), (p1 * p2) ** (1 / 4), 0.75, (10 + 1.25) / 2])


def test_captions_are_scored_as_words_so_case_and_punctuation_do_not_matter():
    references = {"x": ["a man , with a dog .", "man & dog"], "y": ["the sea"]}
    assert score_captions({"x": "A MAN WITH A DOG!", "y": "Sea"}, references) == \
        score_captions({"x": "a man with a dog", "y": "sea"}, references)


def test_unk_is_a_wrong_word_even_where_a_reference_holds_it_or_the_word_unk():
    for reference in ("a <unk> dog", "a unk dog"):
        guessed = score_captions({"x": "a <unk> dog"}, {"x": [reference]})
        assert guessed["bleu1"] == pytest.approx(2 / 3)
        assert guessed["rouge_l"] == pytest.approx(2 / 3)


def test_a_caption_without_words_is_scored_as_zero_words():
    # p1 = 3/3; c = 3, r = 3 + 2: it costs the brevity penalty exp(1 - 5/3), as BLEU means it
    scores = score_captions({"x": "a red ball", "y": " . "}, {"x": ["a red ball"], "y": ["two men"]})
    assert scores["bleu1"] == pytest.approx(np.exp(1 - 5 / 3))
    assert scores["rouge_l"] == 0.5


def test_no_predictions_and_images_without_references_are_refused():
    with pytest.raises(UserError, match="no predictions"):
        score_captions({}, {"x": ["a"]})
    with pytest.raises(UserError, match=r"2 of 3 images have no references.*'y'"):
        score_captions({"x": "a", "y": "b", "z": "c"}, {"x": ["a"], "z": []})


CAPTION = st.lists(st.sampled_from(WORDS), max_size=7).map(" ".join)
SETS = st.lists(st.tuples(CAPTION, st.lists(CAPTION, min_size=1, max_size=3)), min_size=1, max_size=6)


def by_definition(predictions, references):
    """The table image by image, from the definitions of the scores for one caption."""
    candidates, targets = tokenized(predictions, references)
    idf = inverse_document_frequency([[all_ngrams(words) for words in captions] for captions in targets])
    return np.array([[*bleu_counts(words, captions), rouge_l(words, captions),
                      agreement(tf_idf(all_ngrams(words), idf), [tf_idf(all_ngrams(other), idf) for other in captions])]
                     for words, captions in zip(candidates, targets, strict=True)])


@settings(deadline=None, max_examples=50)
@given(SETS, st.sampled_from([1, 2, 4096]))
def test_the_table_of_many_images_is_that_of_the_definitions_to_the_bit(images, at_once):
    """Whatever is computed at once; captions without words, repeated words, words that only the predictions have."""
    predictions = {str(i): caption for i, (caption, _) in enumerate(images)}
    references = {str(i): captions for i, (_, captions) in enumerate(images)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "AT_ONCE", at_once)
        patch.setattr(rouge, "AT_ONCE", at_once)
        found = image_statistics(predictions, references)
    wanted = by_definition(predictions, references)
    if sys.version_info < (3, 12):  # later, Python's own sum is more exact than one after the other
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-14)


def test_prepared_references_score_only_their_own_images():
    references = metrics.References({"x": ["a dog"], "y": ["a cat"]})
    assert references.statistics({"x": "a dog", "y": "a dog"}).shape == (2, 12)
    for others in ({"x": "a dog"}, {"y": "a dog", "x": "a dog"}):
        with pytest.raises(ValueError, match="the images of these references, in their order"):
            references.statistics(others)


@settings(deadline=None, max_examples=50)
@given(SETS, st.randoms(use_true_random=False))
def test_scores_stay_in_range_and_do_not_depend_on_the_order_of_images_or_references(images, rng):
    predictions = {str(i): caption for i, (caption, _) in enumerate(images)}
    references = {str(i): captions for i, (_, captions) in enumerate(images)}
    scores = score_captions(predictions, references)
    assert all(0 <= scores[name] <= 1 + 1e-12 for name in METRICS[:5]) and 0 <= scores["cider"] <= 10 + 1e-9

    order = list(predictions)
    rng.shuffle(order)
    shuffled = {image: rng.sample(captions, len(captions)) for image, captions in references.items()}
    assert score_captions({image: predictions[image] for image in order}, shuffled) == pytest.approx(scores, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.sampled_from(WORDS[:-1]), min_size=4, max_size=8), min_size=1, max_size=5), st.data())
def test_captions_equal_to_a_reference_score_one(captions, data):
    predictions = {str(i): " ".join(words) for i, words in enumerate(captions)}
    references = {image: data.draw(st.permutations([caption, "something else"])) for image, caption in
                  predictions.items()}
    scores = score_captions(predictions, references)
    assert [scores[name] for name in METRICS[:5]] == pytest.approx([1] * 5)


def field_scores(predictions, references):
    """The same from pycocoevalcap, on the same words."""
    bleu = pytest.importorskip("pycocoevalcap.bleu.bleu")
    rouge = pytest.importorskip("pycocoevalcap.rouge.rouge")
    cider = pytest.importorskip("pycocoevalcap.cider.cider")
    candidates, targets = tokenized(predictions, references)
    theirs = {i: [" ".join(words)] for i, words in enumerate(candidates)}
    people = {i: [" ".join(words) for words in captions] for i, captions in enumerate(targets)}
    rouge_set, rouge_images = rouge.Rouge().compute_score(people, theirs)
    cider_set, cider_images = cider.Cider().compute_score(people, theirs)
    corpus = [*bleu.Bleu(4).compute_score(people, theirs, verbose=0)[0], rouge_set, cider_set]
    return corpus, rouge_images, cider_images


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(3))
def test_random_captions_score_as_with_pycocoevalcap(seed):
    predictions, references = random_captions(random.Random(seed), 150)
    corpus, rouge_images, cider_images = field_scores(predictions, references)
    table = image_statistics(predictions, references)
    ours = corpus_scores(table)
    assert ours["bleu4"] > 0.05  # there is something to compare
    assert [ours[name] for name in METRICS] == pytest.approx(corpus, abs=1e-9)
    assert table[:, -2] == pytest.approx(rouge_images, abs=1e-9)
    assert table[:, -1] == pytest.approx(cider_images, abs=1e-9)


@pytest.mark.peers
@pytest.mark.real_data
@pytest.mark.skipif("MINICAP_DATA" not in os.environ, reason="MINICAP_DATA is not set")
def test_a_person_against_four_others_on_the_flickr8k_test_images_scores_as_with_pycocoevalcap():
    from minicap.captioning.data.caption_files import read_captions
    from minicap.captioning.data.split_files import read_image_list

    folder = Path(os.environ["MINICAP_DATA"]) / "Flickr8k"
    captions = read_captions(folder / "Flickr8k.token.txt")
    images = read_image_list(folder / "Flickr_8k.testImages.txt")
    predictions = {image: captions[image][0] for image in images}
    references = {image: captions[image][1:] for image in images}
    corpus, _, _ = field_scores(predictions, references)
    ours = score_captions(predictions, references)
    assert [ours[name] for name in METRICS] == pytest.approx(corpus, abs=1e-9)
    assert ours["n"] == 1000


@pytest.mark.real_data
@pytest.mark.skipif("MINICAP_DATA" not in os.environ, reason="MINICAP_DATA is not set")
@pytest.mark.parametrize("recorded", ["show-tell", "attend/ensemble", "consensus/ensemble"])
def test_recorded_captions_have_the_recorded_scores(recorded):
    folder = Path(__file__).resolve().parents[3] / "results" / "flickr8k" / recorded
    predictions, scores = (json.loads((folder / f"{name}-test.json").read_text(encoding="utf-8"))
                           for name in ("predictions", "scores"))
    found = score_captions(predictions, load_dataset("flickr8k").captions)
    # 1e-12: logarithms and exponentials of another machine's NumPy may differ in the last bit
    assert [found[name] for name in METRICS] == pytest.approx([scores[name] for name in METRICS], abs=1e-12)
