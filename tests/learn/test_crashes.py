"""The checker's messages for code that raises: the exceptions of NumPy and Python, and the line they came from."""

import numpy as np
import pytest

from minicap.learn.checker import check
from minicap.learn.crashes import EXPLAINED, meaning_of
from minicap.learn.exercises import CheckError, Exercise
from minicap.learn.lessons import load

CRASHES = {  # the line as a learner writes it: a few words of what it means
    "x - x.mean(axis=1)": "keepdims=True",
    "x @ x": "has to be as long as",
    "x.reshape(4)": "keeps every number",
    "1 if x > 0 else 0": "np.where",
    "np.zeros(3).__setitem__(0, [1, 2])": "room for one number",
    "exec('N, H, W = x.shape', {'x': x})": "more, or fewer, names on the left",
    "x[2]": "the last of n is n - 1",
    "[1, 2][2]": "the last of n is n - 1",
    "x[0, 0, 0]": "fewer axes",
    "[].append(1) + 1": "without a return",
    "[].append(1)[0]": "without a return",
    "len(x, x)": None,
    "answer()": "the first line of yours",
    "answer(y=1)": "the first line of yours",
    "np.zeros(x.shape[0] / 2)": "use //",
    "list(x)[1 / 1]": "use //",
    "x(0)": "an index goes in [ ]",
    "xx": "spelled",
    "[].append(1).shape": "without a return",
    "answer(x)": "without end",
    "exit()": "use return",
    "(_ for _ in ()).throw(EOFError('EOF when reading a line'))": "Nobody answers input()",
    "1 / 0": None,
}


def message_of(line, tmp_path):
    path = tmp_path / "exercise.py"
    path.write_text(f"import numpy as np\n\n\ndef answer(x):\n    return {line}\n")
    exercise = Exercise("1.1", "answer", ("y",), lambda x: x, example=((np.ones((2, 3)),), np.ones((2, 3))))
    with pytest.raises(CheckError) as failure:
        check(exercise, load(path))
    return failure.value.message


@pytest.mark.parametrize(("line", "words"), CRASHES.items())
def test_a_crash_is_explained_and_shown_where_it_happened(line, words, tmp_path):
    message = message_of(line, tmp_path)
    assert f"(line 5 of your file: `return {line}`" in message
    assert words in message if words else message.endswith("`)")


def test_there_is_a_crash_for_every_explanation(tmp_path):
    said = [message_of(line, tmp_path) for line in CRASHES]
    unused = [pattern for _, pattern, meaning in EXPLAINED if not any(meaning in message for message in said)]
    assert not unused


def test_a_crash_in_a_helper_says_who_called_it(tmp_path):
    path = tmp_path / "exercise.py"
    path.write_text("def helper(x):\n    return x @ x\n\n\ndef answer(x):\n    return helper(x)\n")
    exercise = Exercise("1.1", "answer", ("y",), lambda x: x, example=((np.ones((2, 3)),), np.ones((2, 3))))
    with pytest.raises(CheckError) as failure:
        check(exercise, load(path))
    assert "(line 2 of your file: `return x @ x`, called in line 6: `return helper(x)`)." in failure.value.message


def test_an_error_that_is_not_in_the_learner_s_file_has_no_line(tmp_path):
    path = tmp_path / "exercise.py"
    path.write_text("def answer():\n    return 1\n")
    exercise = Exercise("1.1", "answer", ("y",), lambda x: x, example=((1.0,), 1.0))
    with pytest.raises(CheckError) as failure:
        check(exercise, load(path))
    assert "answer() takes 0 positional arguments but 1 was given. The exercise states which" in failure.value.message
    assert meaning_of(OSError("disk full")) is None


def test_what_the_check_itself_says_of_an_answer_is_no_crash(tmp_path):
    def call(module, x):
        raise TypeError(f"answer has to return two things, and not {type(module.answer(x)).__name__}")

    path = tmp_path / "exercise.py"
    path.write_text("def answer(x):\n    return x\n")
    exercise = Exercise("1.1", "answer", ("y",), lambda x: x, example=((1.0,), 1.0), call=call)
    with pytest.raises(CheckError) as failure:
        check(exercise, load(path))
    assert failure.value.message == "answer has to return two things, and not float"


def test_a_line_with_a_generator_is_told_once(tmp_path):
    path = tmp_path / "exercise.py"
    path.write_text("def answer(x):\n    return sum(x[n] for n in range(9))\n")
    exercise = Exercise("1.1", "answer", ("y",), lambda x: x, example=((np.ones(2),), np.ones(2)))
    with pytest.raises(CheckError) as failure:
        check(exercise, load(path))
    assert "(line 2 of your file: `return sum(x[n] for n in range(9))`)." in failure.value.message
