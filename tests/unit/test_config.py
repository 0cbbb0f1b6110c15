"""What follows from a configuration, and the mistakes that a list or a name can hold."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from xstilts.config import Run, load
from xstilts.errors import ConfigError

ROOT = Path(__file__).parents[2]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
PRETRAINING = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text(encoding="utf-8"))["encoders"]["tiny"]["pretraining"]


def changed(**changes: Any) -> Run:
    return load(BASE | changes)


def test_the_papers_configuration() -> None:
    run = load(BASE)
    assert run.run == "paper" and len(run.source_names) == 11 and len(run.tasks) == 9
    assert run.targets == ["mnli", "pawsx", "udpos", "panx", "squad", "tydiqa"], "XQuAD and MLQA share one"
    assert run.mixtures["multi"] == ["anli", "mnli", "qqp", "squad", "squad2", "hellaswag", "ccg", "cosmosqa", "csqa"]
    assert run.intermediate.learning_rate == 1e-5 and run.target.learning_rate == 3e-6


@pytest.mark.parametrize("text", ["3e-5", "3E-5", "0.00003", 3e-5])
def test_a_number_may_be_written_as_text(text: Any) -> None:
    run = changed(target=BASE["target"] | {"learning_rate": text})
    assert run.target.learning_rate == 3e-5
    assert changed(seeds="3").seeds == changed(seeds=3).seeds == [3]


@pytest.mark.parametrize("text", ["abc", "3 e-5", "", None, True, "nan"])
def test_what_is_no_number_is_refused(text: Any) -> None:
    with pytest.raises(ConfigError, match=r"^target.learning_rate: "):
        changed(target=BASE["target"] | {"learning_rate": text})


@pytest.mark.parametrize(
    ("value", "message"),
    [(2.5, "batch_size: found 2.5"), (0, "found 0; input should be greater than 0"), ("many", "found 'many'")],
)
def test_a_count_is_a_whole_number_above_nothing(value: Any, message: str) -> None:
    sets = BASE["target"]["sets"] | {"udpos": {"batch_size": value, "epochs": 1}}
    with pytest.raises(ConfigError, match=message) as raised:
        changed(target=BASE["target"] | {"sets": sets})
    assert str(raised.value).startswith("target.sets.udpos.batch_size: ")


@pytest.mark.parametrize(
    ("section", "key", "nearest"),
    [
        ("selection", "recpie", "recipe"),
        ("lengths", "doc_strides", "doc_stride"),
        ("evaluation", "limits", "limit"),
        ("optimisation", "weight_decy", "weight_decay"),
    ],
)
def test_a_misspelt_key_is_named_with_the_one_that_was_meant(section: str, key: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{section}.{key}: unknown key; did you mean '{nearest}'\?"):
        changed(**{section: BASE[section] | {key: 1}})


def test_a_misspelt_key_of_a_training_set_is_named_too() -> None:
    sets = BASE["target"]["sets"] | {"udpos": {"batch_size": 4, "epochs": 1, "learning_rat": 1e-5}}
    with pytest.raises(ConfigError, match=r"target.sets.udpos.learning_rat: unknown key"):
        changed(target=BASE["target"] | {"sets": sets})


def test_several_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        changed(selection={"recipe": "best", "examples": 0, "report": None}, seedz=1)
    message = str(raised.value)
    assert "selection.recipe: found 'best'; input should be 'paper' or 'clean'" in message
    assert "selection.examples: found 0" in message and "seedz: unknown key; did you mean 'seeds'?" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sources": ["none", "mnli", "mnli"]}, "sources: a name stands twice"),
        ({"sources": ["multi"]}, "name at least one of them"),
        ({"sources": [{"my": {"weights": "x"}}]}, "expected `name: {encoder: FOLDER}`"),
        ({"run": "a/b"}, "name 'a/b': use lower-case letters"),
        ({"run": ".."}, "name '..': use lower-case letters"),
        ({"target": BASE["target"] | {"sets": {}}}, "target.sets: no settings for mnli pawsx"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        changed(**changes)
    assert message in str(raised.value)


def test_languages_stand_in_their_own_order_and_only_where_a_task_has_them() -> None:
    run = changed(languages=["sw", "de", "en", "qaa"])
    assert run.languages_of("xnli") == ["sw", "de", "en", "qaa"]
    assert run.languages_of("pawsx") == ["de", "en", "qaa"]
    assert run.languages_of("tatoeba") == ["sw", "de", "qaa"], "retrieval pairs a language with English"
    assert run.languages_of("bucc2018") == ["de", "qaa"]
    assert len(load(BASE).languages_of("panx")) == 40


def test_an_encoder_comes_from_one_place() -> None:
    encoders = {"both": {"weights": "x", "pretraining": PRETRAINING}, "here": {"pretraining": PRETRAINING}}
    run = changed(models=["both", "here"], encoders=encoders)
    assert not run.is_pretrained_here("both") and run.is_pretrained_here("here")
    assert changed(models=["both"], encoders=encoders, pretrain=True).is_pretrained_here("both")
    with pytest.raises(ConfigError, match=r"encoders.none: .*give `weights`"):
        changed(models=["none"], encoders={"none": {}})
