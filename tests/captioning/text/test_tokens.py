import json
import os
import re
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicap.captioning.text.tokens import (
    MARKER,
    TOKENIZERS,
    join,
    script_without_spaces,
    tokenize,
    tokenize_characters,
)

RESULTS = sorted((Path(__file__).resolve().parents[3] / "results").rglob("predictions*.json"))
# As version 0.2 split captions, before marks counted as parts of words: English must come out the same for ever.
FORMER = re.compile(rf"{MARKER.pattern}|(?:[^\W_]|['-])+")


def former_tokens(text):
    pieces = FORMER.findall(unicodedata.normalize("NFC", text.lower()))
    return [piece for piece in pieces if any(map(str.isalnum, piece))]


@pytest.mark.parametrize("text, words", [
    ("A dog runs .", ["a", "dog", "runs"]),
    ("Two dogs,one cat!", ["two", "dogs", "one", "cat"]),
    ("a girl in a t-shirt", ["a", "girl", "in", "a", "t-shirt"]),
    ("a horse 's lead, a man's hat", ["a", "horse", "'s", "lead", "a", "man's", "hat"]),
    ('a sign that says "STOP 24"', ["a", "sign", "that", "says", "stop", "24"]),
    ("snake_case", ["snake", "case"]),
    ("tab\tand\nnewline", ["tab", "and", "newline"]),
    ("", []),
    (" . ! ", []),
])
def test_words_are_runs_of_letters_digits_quotes_and_hyphens_in_lower_case(text, words):
    assert tokenize(text) == words


def test_a_piece_without_letter_or_digit_is_no_word():
    assert tokenize("a - b -- c ' d '' -' e") == ["a", "b", "c", "d", "e"]


def test_quotes_and_hyphens_at_the_ends_of_a_word_stay():
    assert tokenize("the dogs' 'hello' -x-") == ["the", "dogs'", "'hello'", "-x-"]


def test_letters_of_every_script_are_letters_and_both_spellings_of_an_accent_are_one_word():
    assert tokenize("Ein Mädchen, 犬") == ["ein", "mädchen", "犬"]
    assert tokenize("cafe\u0301") == tokenize("caf\u00e9") == ["café"]


@pytest.mark.parametrize("marker", ["<unk>", "<UNK>", "[UNK]", "<start>", "<end>", "<s>", "</s>", "<pad>", "[sep]"])
def test_a_stand_in_is_one_token_that_no_plain_text_can_produce(marker):
    assert tokenize(f"a dog {marker}.") == ["a", "dog", marker.lower()]
    assert tokenize(f"a{marker}b") == ["a", marker.lower(), "b"]
    bare = marker.strip("<>[]/")
    assert marker.lower() not in tokenize(f"{bare} < {bare} > [ {bare} ]")


def test_brackets_around_other_words_are_only_punctuation():
    assert tokenize("<b>bold</b> [sic]") == ["b", "bold", "b", "sic"]


@settings(deadline=None, max_examples=200)
@given(st.text() | st.text(alphabet="aB9 '-<>[]/unks_.,"))
def test_tokens_hold_only_what_the_rule_allows_and_survive_a_second_pass(text):
    tokens = tokenize(text)
    for token in tokens:
        assert MARKER.fullmatch(token) or all(unicodedata.category(c)[0] in "LMN" or c in "'-\u200c\u200d"
                                              for c in token)
        assert any(c.isalnum() for c in token)
    assert tokenize(" ".join(tokens)) == tokens


# --------------------------------------------------------------------------------------------- scripts other than Latin

@pytest.mark.parametrize("one, other", [
    ("\u0915\u093f", "\u0915\u093e"),                              # Hindi ki, ka: vowel signs
    ("\u09a6\u09bf", "\u09a6\u09c0"),                              # Bengali
    ("\u0b95\u0bbf", "\u0b95\u0bc1"),                              # Tamil
    ("\u0c15\u0c3f", "\u0c15\u0c41"),                              # Telugu
    ("\u092f\u0947", "\u092f\u094b"),                              # Marathi
    ("\u0e17\u0e35\u0e48", "\u0e17\u0e37\u0e48"),                # Thai vowels and tones
    ("\u05d0\u05b8\u05d1", "\u05d0\u05b7\u05d1"),                # pointed Hebrew
    ("\u0643\u064e\u062a\u0628", "\u0643\u064f\u062a\u0628"),  # Arabic with vowels
    ("\u0645\u06cc\u200c\u0622\u06cc", "\u0645\u06cc\u0622\u06cc"),  # Persian, with ZWNJ and without
    ("o\u0323\u0300w\u0323", "o\u0323\u0301w\u0323"),            # Yoruba tones; some pairs are not composed
    ("\u0d28\u0d4d\u200d", "\u0d28\u0d4d"),                       # Malayalam's letter with ZWJ at the end
])
def test_a_mark_or_joiner_makes_another_word_and_never_two_of_one(one, other):
    assert len(tokenize(one)) == len(tokenize(other)) == 1
    assert tokenize(one) != tokenize(other)


def test_every_letter_mark_and_digit_of_every_script_stays():
    split = []
    for c in map(chr, range(sys.maxunicode + 1)):
        if unicodedata.category(c)[0] in "LMN" and len(tokenize(f"b{c}d")) != 1:
            split.append(c)
    assert all("\u20d0" <= c < "\u2100" for c in split)  # marks of symbols, as the keycap round a digit


@pytest.mark.parametrize("text", ["\u0130stanbul", "I\u0307stanbul", "i\u0307stanbul", "istanbul"])
def test_the_turkish_i_with_a_dot_is_an_i(text):
    assert tokenize(text) == ["istanbul"]


@pytest.mark.parametrize("text, words", [
    ("\u0645\u06cc\u200c \u200cx\u200c.", ["\u0645\u06cc", "x"]),  # a joiner that joins nothing
    ("a \u2764\ufe0fcat\u2764\ufe0f", ["a", "cat"]),
    ("1\ufe0f\u20e3 dog", ["1", "dog"]),
    ("\U0001f468\u200d\U0001f469\u200d\U0001f467 runs", ["runs"]),
    ("\u845b\U000e0100\u57ce", ["\u845b\u57ce"]),  # the choice of a glyph
    ("\u0301dog", ["dog"]),
])
def test_what_belongs_to_no_letter_is_no_part_of_a_word(text, words):
    assert tokenize(text) == words


@pytest.mark.parametrize("one, other", [
    ("foot\u00adball", "football"),                                   # a soft hyphen
    ("\u200f\u05db\u05dc\u05d1\u200f", "\u05db\u05dc\u05d1"),          # marks of direction around a word
    ("do\u200eg", "dog"), ("\u2067dog\u2069", "dog"), ("\u061c\u0643", "\u0643"),
    ("\ufeffdog", "dog"), ("foot\ufeffball", "football"), ("foot\u2060ball", "football"),
    ("\u0643\u0644\u0640\u0640\u0628", "\u0643\u0644\u0628"),          # Arabic, stretched
    ("\ufedb\ufee0\ufe90", "\u0643\u0644\u0628"),                      # Arabic in the shapes of letters in print
    ("\uff12\uff24\uff2f\uff27\uff33", "2dogs"),                      # full width
    ("\uff8a\uff9e\uff98", "\u30d0\u30ea"),                             # half width, with a voiced mark of its own
    ("\ufb01re", "fire"),                                             # a ligature
    ("\u304b\u3099", "\u304c"), ("\u1112\u1161\u11ab", "\ud55c"),       # Japanese and Korean, decomposed
    ("\u0928\u093c", "\u0929"), ("\u0bc6\u0bd7", "\u0bcc"),            # Hindi and Tamil
    ("\u05e9\u05bc\u05c1", "\u05e9\u05c1\u05bc"),                      # points of Hebrew in another order
    ("\u039f\u0394\u039f\u03a3", "\u03bf\u03b4\u03bf\u03c2"),          # Greek, with the sigma of a last letter
    ("Kraft", "\u212araft"),                                          # the sign of Kelvin
])
def test_one_word_in_two_encodings_is_one_word(one, other):
    assert tokenize(one) == tokenize(other)
    assert tokenize(f"a {one} b") == ["a", *tokenize(other), "b"]
    assert tokenize_characters(one) == tokenize_characters(other)


def test_a_space_of_no_width_is_a_space():
    """Khmer and Thai have it between words."""
    assert tokenize("\u1786\u1780\u17c2\u200b\u179a\u178f\u17cb") == ["\u1786\u1780\u17c2", "\u179a\u178f\u17cb"]


def test_recorded_captions_have_the_tokens_that_they_were_scored_with():
    captions = [caption for path in RESULTS for caption in json.loads(path.read_text(encoding="utf-8")).values()]
    assert len(captions) > 9000
    assert [tokenize(caption) for caption in captions] == [former_tokens(caption) for caption in captions]


@pytest.mark.real_data
@pytest.mark.skipif("MINICAP_DATA" not in os.environ, reason="MINICAP_DATA is not set")
def test_the_captions_of_flickr8k_have_the_tokens_that_results_were_scored_with():
    from minicap.captioning.data import load_dataset

    captions = [text for texts in load_dataset("flickr8k").captions.values() for text in texts]
    assert [tokenize(caption) for caption in captions] == [former_tokens(caption) for caption in captions]


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters(codec="latin-1", exclude_characters="\u00ad"))
       | st.text(alphabet="aB9\u00e9\u00fc '-<>[]/unks_.,\u2019\u201c"))
def test_latin_text_without_marks_of_their_own_is_split_as_ever(text):
    assert tokenize(text) == former_tokens(text)


# --------------------------------------------------------------------------------------------- scripts without spaces

def test_characters_are_the_letters_of_scripts_without_spaces_and_the_words_of_others():
    assert tokenize_characters("\u4e24\u53ea\u72d7, 1 Frisbee!") == ["\u4e24", "\u53ea", "\u72d7", "1", "frisbee"]
    assert tokenize_characters("\u0e17\u0e35\u0e48\u0e19") == ["\u0e17\u0e35\u0e48", "\u0e19"]
    assert tokenize_characters("A dog's <unk> toy") == tokenize("A dog's <unk> toy")


@settings(deadline=None, max_examples=200)
@given(st.text() | st.text(alphabet="aB9\u4e24\u72d7\u0e17\u0e35\u0e48\u304b '<>unk-"))
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_caption_that_is_put_together_from_tokens_has_these_tokens(tokenizer, text):
    tokens = TOKENIZERS[tokenizer](text)
    assert TOKENIZERS[tokenizer](join(tokens, tokenizer)) == tokens


def test_only_characters_are_joined_without_spaces():
    assert join(["\u4e24", "\u72d7", "and", "cats"], "characters") == "\u4e24\u72d7and cats"
    assert join(["\u4e24", "\u72d7"], "words") == "\u4e24 \u72d7"


@pytest.mark.parametrize("captions, script", [
    (["\u4e24\u53ea\u72d7\u5728\u8dd1", "\u4e00\u4e2a\u4eba\uff0c\u9a91\u7740\u9a6c"], "Chinese or Japanese"),
    (["\u72ac\u304c\u3044\u308b"], "Chinese or Japanese"),
    (["\u4e24 \u53ea \u72d7 \u5728 \u8dd1"], None),  # with spaces between the words already
    (["\u0e19\u0e35\u0e48\u0e04\u0e37\u0e2d\u0e41\u0e21\u0e27\u0e15\u0e31\u0e27\u0e43\u0e2b\u0e0d\u0e48\u0e21\u0e32\u0e01"],
     "Thai, Lao, Khmer or Burmese"),
    (["\u0e21\u0e49\u0e32 \u0e01\u0e33\u0e25\u0e31\u0e07 \u0e27\u0e34\u0e48\u0e07"], None),
    (["a dog"] * 5 + ["\u4e24\u53ea\u72d7\u5728\u8dd1"], None),
    (["\u0915\u093f \u0915\u093e", "\ud55c\uad6d\uc5b4 \ubb38\uc7a5\uc785\ub2c8\ub2e4"], None),
    ([], None),
])
def test_scripts_without_spaces_are_recognized(captions, script):
    assert script_without_spaces(captions) == script
