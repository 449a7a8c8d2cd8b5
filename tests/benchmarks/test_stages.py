"""The rows of --scaling without a peer: stages whose cost grows with the number of images."""

import json
from collections import Counter

import pytest

from benchmarks import __main__ as program
from benchmarks import stages
from benchmarks.stages import STAGES, Stage, captions
from minicap.errors import UserError


def test_every_stage_runs_at_its_small_size_in_a_process_of_its_own_and_says_time_and_memory(capsys):
    first = [stage for stage in STAGES if stage.images == 15_000]
    assert {type(stage) for stage in first} == {type(stage) for stage in STAGES}
    assert program.main(["--scaling", "--small", "--repeat", "1", "--json", "--only",
                         ",".join(stage.name for stage in first)]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"] for line in found] == [stage.reduced().name for stage in first]
    for line in found:
        assert line["images"] == 30 and line["cpu_s"] > 0 and 0 < line["peak_mb"] < 500
        assert line["against_linear"] == 1  # the first of its stage
        assert line["us_per_image"] == pytest.approx(1e6 * line["cpu_s"] / 30, abs=0.1)


def test_time_is_compared_with_that_of_the_first_size_of_the_same_stage(monkeypatch, capsys):
    seconds = iter([(1.5, 10), (3.0, 20), (9.0, 40)])
    monkeypatch.setattr(stages, "_in_a_process", lambda stage, folder: next(seconds))
    chosen = [stage for stage in STAGES if stage.stage == "score"][:3]  # 15,000, 30,000 and 60,000 images
    found = list(stages.lines(chosen, 1))
    assert [line["against_linear"] for line in found] == [1, 1, 1.5]
    assert [line["us_per_image"] for line in found] == [100, 100, 150] and found[2]["peak_mb"] == 40
    monkeypatch.setattr(stages, "lines", lambda *_: iter(found))
    program.show_stages(chosen, program.BenchmarkSettings(repeat=1))
    assert capsys.readouterr().out.splitlines()[-1].split() == ["score", "images=60000", "9", "150.0", "1.50", "40"]


class Broken(Stage):
    stage = "broken"

    def work(self, folder):
        raise MemoryError


def test_a_stage_that_fails_is_named():
    with pytest.raises(UserError, match="broken images=7: the process ended without a result"):
        stages.measure(Broken(7), 1)


def test_made_up_captions_are_those_of_the_seed_and_as_uneven_as_a_language():
    found = captions(200)
    assert found == captions(200) != captions(200, seed=1)
    words = Counter(word for of_image in found for text in of_image for word in text.split())
    assert {len(text.split()) for of_image in found for text in of_image} == {11}
    assert all(len(of_image) == 5 for of_image in found)
    (_, most), *_ = words.most_common(1)
    assert most > 20 * sum(words.values()) / len(words)
