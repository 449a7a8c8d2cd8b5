"""The checker on exercises unlike those of the lessons: without an example, with lists, with unusual exceptions."""

import itertools
import types

import numpy as np
import pytest

from minicap.learn.checker import check
from minicap.learn.diagnosis import is_numeric, ways
from minicap.learn.exercises import CheckError, Exercise
from minicap.learn.lessons import find_lessons, load, shipped_lessons


def module(**functions):
    return types.SimpleNamespace(**functions)


def failure(exercise, function):
    with pytest.raises(CheckError) as error:
        check(exercise, module(**{exercise.name: function}))
    return error.value


def test_an_exercise_may_have_no_example_and_is_then_judged_by_what_it_learns():
    exercise = Exercise("1.1", "train", ("loss",), None, learns=lambda module: module.train() or None)
    check(exercise, module(train=lambda: ""))
    assert failure(exercise, lambda: "the loss did not fall").stage == "learns"
    assert "it stopped with ZeroDivisionError" in failure(exercise, lambda: 1 / 0).message
    assert failure(exercise, lambda: int("this is still to do")).stage == "learns"  # whatever an exception says


def test_several_wrong_arrays_are_all_named():
    exercise = Exercise("1.1", "three", ("dx", "dW", "db"), lambda x: (x, x * 2, x * 3),
                        cases=lambda rng: (rng.random(4),),
                        mistakes={"dx": [("dx minus x", "dx has the wrong sign.", lambda x: -x)]})
    found = failure(exercise, lambda x: (-x, x * 2, x * 4))
    assert found.mistake == "dx minus x" and found.message.endswith(" db is wrong, too.")
    assert failure(exercise, lambda x: (x + 7, x * 5, x * 4)).message.endswith("knows. dW and db are wrong, too.")
    assert "wrong, too" not in failure(exercise, lambda x: (x, x * 2, x * 4)).message


def test_results_in_each_other_s_place_are_that_unless_a_known_mistake_explains_all_of_them():
    def exercise(*mistakes, gives=("low", "high")):
        return Exercise("1.1", "ends", gives, lambda x: (x.min(), x.max()), example=((np.arange(3.0),), (0.0, 2.0)),
                        cases=lambda rng: (rng.random(4),), mistakes={gives[0]: mistakes})

    def swapped(x):
        return x.max(), x.min()

    of_one = ("the largest", "It is the largest number.", lambda x: x.max())
    of_both = ("upside down", "It is upside down.", swapped)
    found = failure(exercise(of_one), swapped)
    assert found.mistake == "the results are in another order" and "The order is low, high." in found.message
    assert failure(exercise(of_one), lambda x: (x.max(), x.max())).mistake == "the largest"
    assert failure(exercise(of_one, of_both), swapped).mistake == "upside down"
    assert failure(exercise(of_one, gives=("one end", "the other")), swapped).mistake == "the largest"


def test_a_shape_that_would_be_broadcast_is_wrong_in_every_case():
    cases = itertools.cycle([np.ones((1, 3)), np.ones(3)])
    exercise = Exercise("1.1", "same", ("y",), lambda x: x, cases=lambda rng: (next(cases),))
    assert "y has shape (1, 3), and should have (3,)" in failure(exercise, np.atleast_2d).message


def test_random_numbers_of_one_s_own_are_not_called_something_stored_alone():
    exercise = Exercise("1.1", "noisy", ("y",), lambda x: x, example=((np.ones(2),), np.ones(2)))
    assert "it draws random numbers of its own, or" in failure(exercise, lambda x: x + np.random.random(2)).message


def test_a_list_that_is_changed_is_noticed_as_an_array_is():
    exercise = Exercise("1.1", "add", ("total",), lambda numbers, table: sum(numbers),
                        example=(([1, 2], {"a": np.zeros(2)}), 3))
    check(exercise, module(add=lambda numbers, table: sum(numbers)))

    def pops(numbers, table):
        return numbers.pop() + numbers.pop()

    def fills(numbers, table):
        table["a"] += 1
        return sum(numbers)

    assert failure(exercise, pops).mistake == failure(exercise, fills).mistake == "an input is changed in place"
    assert "changed its input numbers" in (text := failure(exercise, pops).message)
    assert "pop and sort change the list itself. Make a new one" in text
    assert "the dictionary itself" in failure(exercise, fills).message

    def replaces(numbers, table):
        numbers[0] += 1
        return sum(numbers) - 1

    assert failure(exercise, replaces).mistake == "an input is changed in place"


def test_an_input_that_is_changed_has_the_name_the_check_or_the_function_gives_it():
    def adds(x, other):
        x += other
        return x

    def message(call):
        x = np.ones(2)
        exercise = Exercise("1.1", "add", ("y",), lambda a, b: a + b, example=((x, x), x + x), call=call)
        return failure(exercise, adds).message

    assert "its input x in place" in message(None)
    assert "its input a in place" in message(lambda module, a, b: module.add(a, b))
    assert "its input x in place" in message(lambda module, *inputs: module.add(*inputs))
    swapped = Exercise("1.1", "add", ("y",), lambda a, b, c: a + b + c, example=((np.ones(2),) * 3, 3 * np.ones(2)),
                       call=lambda module, *inputs: module.add(inputs[1], inputs[0]))
    assert "its input number 2 in place" in (text := failure(swapped, adds).message) and "y = x + ..." in text


def test_of_many_calls_the_argument_of_one_is_named():
    exercise = Exercise("1.1", "last", ("y of call",), lambda calls: np.array([words[-1] for words, _ in calls]),
                        example=(([([1, 2], 0), ([3, 4], 0)],), np.array([2, 4])),
                        call=lambda module, calls: np.array([module.last(*call) for call in calls]))
    assert "its input words in place" in failure(exercise, lambda words, alpha: words.pop()).message


def test_numbers_that_are_not_finite_are_diagnosed_with_all_cases():
    def without(x, subtracted):
        with np.errstate(all="ignore"):
            return np.exp(x - subtracted) / np.exp(x - subtracted)

    exercise = Exercise("1.1", "ones", ("y",), lambda x: np.ones_like(x),
                        example=((np.array([1000.0, 0]),), np.ones(2)), cases=lambda rng: (np.array([-1000.0, 0]),),
                        mistakes=[("nothing", "Nothing is subtracted.", lambda x: without(x, 0)),
                                  ("minimum", "The minimum is subtracted.", lambda x: without(x, x.min()))])
    assert failure(exercise, lambda x: without(x, x.min())).mistake == "minimum"


def test_of_two_dictionaries_the_first_name_that_one_lacks_is_told():
    exercise = Exercise("1.1", "settings", ("the settings",), lambda: {"a": 1, "b": 2}, example=((), {"a": 1, "b": 2}))
    assert "the settings: 'b' is missing, which should be 2" in failure(exercise, lambda: {"a": 1}).message
    more = failure(exercise, lambda: {"a": 1, "b": 2, "c": 3}).message
    assert "the settings: 'c' should not be there; it is 3" in more
    assert "the settings['b'] is 3, and should be 2" in failure(exercise, lambda: {"a": 1, "b": 3}).message


def test_general_mistakes_are_about_numbers_alone():
    exercise = Exercise("1.1", "words", ("the words",), lambda: ["a", "b"], example=((), ["a", "b"]))
    assert failure(exercise, lambda: []).mistake is None
    assert "the words is [], and should be ['a', 'b']" in failure(exercise, lambda: []).message


def test_a_mistake_is_named_only_if_it_explains_every_case():
    exercise = Exercise("1.1", "double", ("y",), lambda x: 2 * x, example=((np.array([2.0]),), np.array([4.0])),
                        cases=lambda rng: (rng.standard_normal(5),),
                        mistakes=[("squared", "It is x².", lambda right, x: x * x + 0 * right),
                                  ("two added", "It is x + 2.", (lambda x: x - 2, lambda x: x + 2))])
    assert failure(exercise, lambda x: x + 2).mistake == failure(exercise, lambda x: x - 2).mistake == "two added"
    assert failure(exercise, lambda x: -2 * x).mistake == "sign"
    assert failure(exercise, lambda x: np.where(x > 0, x + 2, 2 * x + 1)).mistake is None


def test_a_mistake_gets_what_it_names_and_gives_one_array_or_all():
    inputs = np.array([1.0, 2]), np.array([3.0, 5])
    exercise = Exercise(
        "1.1", "both", ("sum", "difference"), lambda a, b: (a + b, a - b),
        example=(inputs, (np.array([4.0, 7]), np.array([-2.0, -3]))),
        mistakes={("sum", "difference"): [
            ("b tripled", "It is 3 b.", lambda b, a, factor=3: (a + factor * b, a - factor * b)),
            ("a squared", "It is a².", lambda *inputs: (inputs[0]**2 + inputs[1], inputs[0]**2 - inputs[1]))],
            "difference": [("sizes", "The sign is lost.", lambda right: abs(right)), ("b", "It is b.", lambda b: b)]})
    assert failure(exercise, lambda a, b: (a + 3 * b, a - b)).mistake == "b tripled"
    assert failure(exercise, lambda a, b: (a + b, a - 3 * b)).mistake == "b tripled"
    assert failure(exercise, lambda a, b: (a * a + b, a - b)).mistake == "a squared"
    assert failure(exercise, lambda a, b: (a + b, abs(a - b))).mistake == "sizes"
    assert failure(exercise, lambda a, b: (a + b, b)).mistake == "b"
    assert failure(exercise, lambda a, b: (b, a - b)).mistake is None


@pytest.mark.parametrize("lesson", find_lessons(shipped_lessons()), ids=lambda lesson: lesson.path.name)
def test_every_known_mistake_can_be_made_and_is_one(lesson):
    """On some of an exercise's own inputs it gives something, and something else than the right answer."""
    for exercise in lesson.exercises():
        rng = np.random.default_rng(0)
        inputs = [exercise.cases(rng) for _ in range(3)] if exercise.cases else []
        inputs += [exercise.example[0]] if exercise.example else []
        for mistake in exercise.mistakes:
            assert set(mistake.of) <= set(exercise.gives), (exercise.number, mistake.name)
            tries = itertools.product(ways(mistake), mistake.of, inputs)
            assert any([differs(exercise, *a_try) for a_try in tries]), (exercise.number, mistake.name)


def differs(exercise, wrong, of, inputs):
    right = exercise.answer(inputs)[exercise.gives.index(of)]
    right = np.asarray(right) if is_numeric(right) else right
    try:
        with np.errstate(all="ignore"):
            found = exercise.mistaken(wrong, of, right, inputs)
    except (ValueError, IndexError):  # the shapes of these inputs do not allow it
        return False
    if found is None or not is_numeric(right):
        return found is not None and found != right
    return np.shape(found) != right.shape or not np.allclose(found, right)


@pytest.mark.parametrize(("function", "words"), [
    (lambda x: [2.0], "y has to be an array of shape (1,), not a list of 1"),
    (lambda x: (2 * x, 3), "y has to be an array of shape (1,), not a tuple of 2"),
    (lambda x: (2 * x).astype(int), "y holds whole numbers"),
    (lambda x: np.array([np.nan]), "y[0] is nan"),
    (lambda x: 2 * x[:, None], "y has to have shape (1,), not (1, 1)"),
])
def test_shapes_and_types_come_before_values(function, words):
    exercise = Exercise("1.1", "double", ("y",), lambda x: 2 * x, example=((np.array([2.0]),), np.array([4.0])))
    found = failure(exercise, function)
    assert found.stage == "shape" and words in found.message


@pytest.mark.parametrize("lesson", find_lessons(shipped_lessons()), ids=lambda lesson: lesson.path.name)
def test_an_exercise_says_which_function_that_it_builds_on_is_still_to_do(lesson):
    stubs = load(lesson.exercise)
    for exercise in lesson.exercises():
        for name in exercise.needs:
            solution = load(lesson.solution)
            setattr(solution, name, getattr(stubs, name))
            with pytest.raises(CheckError) as error:
                check(exercise, solution)
            assert error.value.message == f"it builds on {name}, which is still to do"
