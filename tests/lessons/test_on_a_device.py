"""The lessons' solutions and variants where ``np`` is the module of a device: pytest tests/lessons --device strict.

They are written for NumPy, as a learner's are. What goes through an array number by number, or has to do with files
and texts, has no business on a GPU: ON_THE_CPU and STAYS name them. All others have to be right there as well.
"""

import dataclasses

import numpy as np
import pytest
from test_lessons import LESSONS, VARIANTS, lesson_of

from minicap.backend import to_numpy
from minicap.learn.checker import check
from minicap.learn.lessons import load

ON_THE_CPU = {  # exercises, whoever solves them
    "5.4 6.2 6.3 6.4 12.1 12.2 12.3 20.4": "their checks train a network of the library's, made on the CPU",
    "17.1 17.2 20.1 20.2 21.1 21.2 21.4 22.1 22.2 22.3": "they are about words and lists of them",
    "13.2 13.4 16.3": "they read files", "25.1 25.2": "they have a card of their own"}
STAYS = {  # solutions that go through arrays number by number, make them of lists, or ask NumPy for what CuPy lacks
    "01_arrays_keepdims": "1.2", "01_arrays_loops": "1.1", "01_arrays_sums": "1.3", "02_slopes": "2.2 2.4",
    "02_slopes_in_place": "2.2 2.3 2.4", "02_slopes_rows_of_identity": "2.1 2.2 2.3 2.4", "04_softmax_logs": "4.2 4.4",
    "04_softmax_loops": "4.1 4.2 4.3 4.4", "05_optimizers_as_the_library": "5.3",
    "05_optimizers_in_numbers": "5.1 5.3", "07_convolution_one_by_one": "7.3", "07_convolution_views": "7.3",
    "08_convolution_backward_collected": "8.2 8.3", "08_convolution_backward_number_by_number": "8.2 8.3",
    "09_fast_convolution_columns": "9.1 9.2 9.3", "10_pooling_loops": "10.1 10.2 10.3 10.4",
    "10_pooling_stacked": "10.1 10.2 10.3", "11_dropout_norm_init": "11.1", "14_vgg_loops": "14.2 14.3",
    "14_vgg_moves": "14.4", "15_depthwise_separable_number_by_number": "15.2 15.3",
    "15_depthwise_separable_taps": "15.1", "16_features_stacked": "16.4", "16_features_updates": "16.4",
    "17_words_loops": "17.4", "17_words_sorted": "17.3", "19_lstm_loops": "19.2", "19_lstm_one_product": "19.3",
    "20_captioner_loops": "20.3", "23_attention_loops": "23.3", "24_winograd": "24.4",
    "24_winograd_formulas": "24.1 24.2 24.4", "24_winograd_kronecker": "24.1 24.4", "25_gpu_recursive": "25.3",
    "26_capstone_counts": "26.4", "26_capstone_loops": "26.3 26.4"}
SOLUTIONS = {lesson.path.name: lesson.solution for lesson in LESSONS} | {path.stem: path for path in VARIANTS}


def there(x, device):
    """x with its arrays of numbers on the device."""
    if isinstance(x, np.ndarray):
        return device.asarray(x)
    if isinstance(x, (list, tuple)):
        return type(x)(there(part, device) for part in x)
    return x


def here(x):
    """x with its arrays in NumPy."""
    if isinstance(x, (list, tuple)):
        return type(x)(map(here, x))
    return to_numpy(x) if hasattr(x, "dtype") else x


def on(device, exercise):
    """The exercise, computed there; what it has learned is asked on the CPU alone."""
    def call(module, *inputs):
        answer = exercise.call or (lambda module, *inputs: getattr(module, exercise.name)(*inputs))
        return here(answer(module, *there(inputs, device)))

    return dataclasses.replace(exercise, call=call, learns=None)


@pytest.mark.parametrize("name", SOLUTIONS)
def test_it_is_right_there_too(name, device, tmp_path):
    path = SOLUTIONS[name]
    source = path.read_text(encoding="utf-8").replace("import numpy as np\n", "from test_on_a_device import xp as np\n")
    globals()["xp"] = device.xp
    (tmp_path / "solution.py").write_text(source, encoding="utf-8")
    lesson = next((lesson for lesson in LESSONS if lesson.path.name == name), None) or lesson_of(path)
    module, problems = load(tmp_path / "solution.py"), {}
    for exercise in lesson.exercises():
        if any(exercise.number in numbers.split() for numbers in ON_THE_CPU):
            continue
        try:
            check(on(device, exercise), module)
        except Exception as error:
            problems[exercise.number] = str(error)
    assert problems.keys() == set(STAYS.get(name, "").split()), problems
