import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minicap.captioning.scoring.rouge import lcs_length, rouge_l


def score(candidate, *references):
    return rouge_l(candidate.split(), [reference.split() for reference in references])


@pytest.mark.parametrize("candidate, expected", [
    ("police kill the gunman", 3 / 4),   # "police the gunman" of 4 words; with P = R the F-score is P
    ("the gunman kill police", 2 / 4),   # "the gunman"
    ("the gunman police killed", 2 / 4),
])
def test_the_example_sentences_of_lin_2004(candidate, expected):
    assert score(candidate, "police killed the gunman") == pytest.approx(expected)


def test_the_best_precision_and_the_best_recall_may_come_from_two_references():
    # "a b": P = 2/4, R = 2/2.  "a b c x y z": P = 3/4, R = 3/6.  So P = 3/4 and R = 1:
    # F = 2.44 · 0.75 / (1 + 1.44 · 0.75) = 1.83 / 2.08
    assert score("a b c d", "a b", "a b c x y z") == pytest.approx(1.83 / 2.08)


def test_recall_weighs_more_than_precision():
    # P = 1, R = 1/2 and the other way round: 2.44 · 0.5 / (0.5 + 1.44) and 2.44 · 0.5 / (1 + 0.72)
    assert score("a b", "a b c d") == pytest.approx(1.22 / 1.94)
    assert score("a b c d", "a b") == pytest.approx(1.22 / 1.72)


@pytest.mark.parametrize("candidate, references", [("a b", ["c d"]), ("", ["a b"]), ("a", [""]), ("", [""])])
def test_nothing_in_common_gives_zero(candidate, references):
    assert score(candidate, *references) == 0


def lcs_by_definition(a, b):
    @functools.cache
    def length(i, j):
        if i == len(a) or j == len(b):
            return 0
        return 1 + length(i + 1, j + 1) if a[i] == b[j] else max(length(i + 1, j), length(i, j + 1))

    return length(0, 0)


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet="abc", max_size=9), st.text(alphabet="abc", max_size=9))
def test_the_one_row_recurrence_agrees_with_the_recursive_definition(a, b):
    assert lcs_length(a, b) == lcs_by_definition(a, b)
