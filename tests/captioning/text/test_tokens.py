import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicap.captioning.text.tokens import MARKER, tokenize


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
        assert MARKER.fullmatch(token) or all(c.isalnum() or c in "'-" for c in token)
        assert any(c.isalnum() for c in token)
    assert tokenize(" ".join(tokens)) == tokens
