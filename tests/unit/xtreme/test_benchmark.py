"""What a benchmark is made of fits the registry."""

from pathlib import Path

import pytest

from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.errors import ConfigError
from xstilts.reporting.aggregate import task_entries
from xstilts.tasks import registry, task
from xstilts.tasks.benchmark import BENCHMARKS, XTREME, XTREME_R, Benchmark, benchmark

COUNTS = {  # XTREME: its evaluate.py, lines 141-154; XTREME-R: lines 160-176, and LAReQA's eleven
    "xtreme": {
        **{"xnli": 15, "pawsx": 7, "udpos": 33, "panx": 40, "xquad": 11, "mlqa": 7, "tydiqa": 9},
        **{"bucc2018": 4, "tatoeba": 36},
    },
    "xtreme_r": {
        **{"xnli": 15, "xcopa": 11, "udpos27": 38, "panx": 48, "xquad": 12, "mlqa": 7, "tydiqa": 9},
        **{"tatoeba_squad": 41, "mewslix": 11, "lareqa": 11},
    },
}


@pytest.mark.parametrize("one", BENCHMARKS.values(), ids=str)
def test_every_task_is_in_one_group_and_has_the_languages_of_the_benchmark(one: Benchmark) -> None:
    assert sorted(one.scored) == sorted(one.tasks)
    known = [name for name in one.tasks if name in registry()[0]]
    assert list(one.entries)[: len(known)] == known
    found = {name: len(one.languages_of(task(name))) for name in known}
    assert found == {name: COUNTS[one.name][name] for name in known}
    assert all(set(one.languages_of(task(name))) <= set(task(name).languages) for name in known)


@pytest.mark.parametrize("one", BENCHMARKS.values(), ids=str)
def test_languages_without_labels_are_languages_of_the_task_on_a_split_that_it_has(one: Benchmark) -> None:
    for name, splits in one.unlabelled.items():
        for split, languages in splits.items():
            assert split in task(name).splits and set(languages) < set(task(name).languages)


def test_a_language_of_one_benchmark_alone_is_not_scored_in_the_other() -> None:
    both = {"panx": "lt", "xquad": "ro", "tatoeba": "az"}
    for name, code in both.items():
        assert XTREME_R.has_language(task(name), code) and not XTREME.has_language(task(name), code)
        assert XTREME.has_language(task(name), "qaa"), "a generated language is welcome everywhere"
    raw = read_layers(Path(), [], {"tasks": "xquad", "languages": "ro,de"})
    with pytest.raises(ConfigError, match="no task of this run has 'ro'"):
        load(raw)
    assert load(raw | {"benchmark": "xtreme_r"}).languages_of("xquad") == ["ro", "de"]


def test_tasks_all_are_those_of_the_benchmark() -> None:
    raw = read_layers(Path(), [])
    assert load(raw).tasks == list(XTREME.tasks)
    assert load(raw | {"tasks": "all,udpos27"}).tasks == [*XTREME.tasks, "udpos27"]
    with pytest.raises(ConfigError, match="unknown benchmark 'glue'; expected one of xtreme xtreme_r"):
        benchmark("glue")


def test_tables_have_the_columns_of_the_benchmark_and_what_is_evaluated_beside_it_behind_them() -> None:
    assert list(task_entries()) == list(XTREME.tasks)
    found = list(task_entries(benchmark=XTREME_R, beside=["tatoeba", "xnli"]))
    assert found == [*(name for name in XTREME_R.tasks if name in registry()[0]), "tatoeba"]
    assert len(task_entries()["panx"]["languages"]) == 40
    assert len(task_entries(benchmark=XTREME_R)["panx"]["languages"]) == 48
