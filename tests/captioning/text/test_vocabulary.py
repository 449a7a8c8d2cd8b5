"""Words to indices and back."""

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicap.captioning.data import load_dataset
from minicap.captioning.text.tokens import tokenize
from minicap.captioning.text.vocabulary import END, NEVER, PAD, SPECIAL, START, UNK, Vocabulary
from minicap.errors import UserError

CAPTIONS = [["a", "dog", "runs"], ["a", "cat", "runs"], ["a", "zebra", "<unk>"]]


def vocabulary(min_count=2):
    return Vocabulary.from_captions(CAPTIONS, min_count)


def test_special_words_come_first_then_words_by_count_then_alphabet():
    assert (PAD, START, END, UNK) == (0, 1, 2, 3)
    assert vocabulary(1).words == ("<pad>", "<start>", "<end>", "<unk>", "a", "runs", "cat", "dog", "zebra")
    assert vocabulary(2).words == ("<pad>", "<start>", "<end>", "<unk>", "a", "runs")
    assert len(vocabulary(2)) == 6 and "runs" in vocabulary(2) and "cat" not in vocabulary(2)


def test_rare_words_and_written_stand_ins_are_unknown():
    assert vocabulary().encode(["a", "cat", "<end>", "<pad>", "runs"]) == [4, UNK, UNK, UNK, 5]


def test_decoding_stops_at_the_end_and_shows_unknown_words():
    assert vocabulary().decode([START, 4, UNK, 5, PAD, END, 4, 4]) == "a <unk> runs"
    assert vocabulary().decode(np.array([END])) == ""


def test_counts_are_those_of_the_targets_of_one_pass_over_train():
    # 3 captions end; cat, dog, zebra and the written <unk> are unknown
    assert vocabulary().counts == (0, 0, 3, 4, 3, 2)


def test_log_frequencies_are_the_log_shares_and_finite_for_what_never_comes():
    logs = vocabulary().log_frequencies()
    assert logs.dtype == np.float32
    np.testing.assert_allclose(logs[2:], np.log(np.array([3, 4, 3, 2]) / 12), rtol=1e-6)
    assert logs[PAD] == logs[START] == NEVER
    np.testing.assert_allclose(np.exp(logs.astype(np.float64)).sum(), 1, rtol=1e-6)


def test_json_brings_back_the_same_vocabulary():
    back = Vocabulary.from_json(json.loads(json.dumps(vocabulary().to_json())))
    assert back.words == vocabulary().words and back.counts == vocabulary().counts
    assert back.digest == vocabulary().digest and back.encode(["runs"]) == [5]


def test_the_digest_tells_vocabularies_apart():
    swapped = Vocabulary((*SPECIAL, "runs", "a"), vocabulary().counts)
    assert len({vocabulary(1).digest, vocabulary(2).digest, swapped.digest}) == 3
    assert len(swapped.digest) == 16


@pytest.mark.parametrize("value", [
    [], {}, {"words": None, "counts": None}, {"words": ["a"], "counts": [1]},
    {"words": [*SPECIAL, "a", "a"], "counts": [0] * 6}, {"words": [*SPECIAL, "a"], "counts": [0] * 4}])
def test_json_that_is_no_vocabulary_is_refused_by_name(value):
    with pytest.raises(UserError, match=r"run/vocabulary\.json is not a vocabulary"):
        Vocabulary.from_json(value, "run/vocabulary.json")


def test_no_captions_make_no_vocabulary():
    with pytest.raises(ValueError, match="no captions"):
        Vocabulary.from_captions([])


words = st.lists(st.sampled_from(["a", "b", "c", "dog", "cat"]), max_size=6)


@settings(deadline=None, max_examples=50)
@given(st.lists(words, min_size=1, max_size=8), st.integers(1, 3), st.randoms())
def test_the_order_of_captions_does_not_matter_and_known_words_survive_a_round_trip(captions, min_count, random):
    one = Vocabulary.from_captions(captions, min_count)
    random.shuffle(captions)
    assert Vocabulary.from_captions(captions, min_count).digest == one.digest
    assert sum(one.counts) == sum(len(caption) + 1 for caption in captions)
    for caption in captions:
        assert one.decode(one.encode(caption)).split() == [w if w in one else "<unk>" for w in caption]


@pytest.mark.real_data
@pytest.mark.skipif("MINICAP_DATA" not in os.environ, reason="MINICAP_DATA is not set")
def test_flickr8k_train_has_2536_words_seen_five_times(capsys):
    data = load_dataset("flickr8k")
    captions = [tokenize(caption) for name in data.splits["train"] for caption in data.captions[name]]
    real = Vocabulary.from_captions(captions, min_count=5)
    assert len(real) == 2540  # with the four special ones
    assert real.words[4:8] == ("a", "in", "the", "on") and real.counts[END] == 30_000


def test_a_vocabulary_of_characters_splits_and_joins_as_it_was_made_and_says_so_in_its_json():
    vocabulary = Vocabulary.from_captions([["\u4e24", "\u72d7"]], min_count=1, tokenizer="characters")
    assert vocabulary.tokenize("\u4e24\u72d7") == ["\u4e24", "\u72d7"]
    assert vocabulary.decode(vocabulary.encode(["\u4e24", "\u72d7"])) == "\u4e24\u72d7"
    again = Vocabulary.from_json(vocabulary.to_json())
    assert (again.tokenizer, again.digest) == ("characters", vocabulary.digest)
    assert vocabulary.digest != Vocabulary(vocabulary.words, vocabulary.counts).digest


def test_a_vocabulary_that_names_no_tokenizer_is_of_words_and_an_unknown_one_is_refused():
    known = Vocabulary.from_captions([["a", "dog"]], min_count=1).to_json()
    assert Vocabulary.from_json({"words": known["words"], "counts": known["counts"]}).tokenizer == "words"
    with pytest.raises(UserError, match="tokenizer= is one of words, characters, not 'bytes'"):
        Vocabulary.from_json(known | {"tokenizer": "bytes"})
