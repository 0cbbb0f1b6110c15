"""What follows from a configuration, and the mistakes that a list or a name can hold."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from xstilts.config.run import Run, load
from xstilts.errors import ConfigError

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
PRETRAINING = yaml.safe_load((ROOT / "tests/tiny.yaml").read_text(encoding="utf-8"))["encoders"]["tiny"]["pretraining"]


def changed(**changes: Any) -> Run:
    return load(BASE | changes)


def test_the_papers_configuration() -> None:
    run = load(BASE)
    assert run.run == "paper" and len(run.source_names) == 30 and len(run.tasks) == 9
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


@pytest.mark.parametrize("value", [float("inf"), float("nan"), ".inf", "inf", "1e999", "-inf"])
def test_a_rate_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match=r"^target\.learning_rate: found "):
        changed(target=BASE["target"] | {"learning_rate": value})
    with pytest.raises(ConfigError, match=r"^optimisation\.weight_decay: found "):
        changed(optimisation=BASE["optimisation"] | {"weight_decay": value})


def test_several_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        changed(selection={"recipe": "best", "examples": 0, "report": None}, seedz=1)
    message = str(raised.value)
    assert "selection.recipe: found 'best'; input should be 'paper' or 'clean'" in message
    assert "selection.examples: found 0" in message and "seedz: unknown key; did you mean 'seeds'?" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sources": ["none", "mnli", "mnli"]}, "stands twice; expected each once"),
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


def test_a_block_of_text_that_is_longer_than_the_encoders_input_is_refused() -> None:
    def longest(tokens: int) -> Run:
        encoder = {"pretraining": PRETRAINING | {"positions": 258, "max_length": tokens}}
        return changed(models=["here"], encoders={"here": encoder})

    assert longest(258).is_pretrained_here("here")
    with pytest.raises(ConfigError) as raised:
        longest(259)
    found = "encoders.here.pretraining: found max_length: 259 beside positions: 258; expected at most as many tokens "
    assert str(raised.value).startswith(found) and "\n" not in str(raised.value)


def test_an_encoder_comes_from_one_place() -> None:
    encoders = {"both": {"weights": "x", "pretraining": PRETRAINING}, "here": {"pretraining": PRETRAINING}}
    run = changed(models=["both", "here"], encoders=encoders)
    assert not run.is_pretrained_here("both") and run.is_pretrained_here("here")
    assert changed(models=["both"], encoders=encoders, pretrain=True).is_pretrained_here("both")
    with pytest.raises(ConfigError, match=r"encoders.none: .*give `weights`"):
        changed(models=["none"], encoders={"none": {}})


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("seeds", "1,1", "seeds: 1 stands twice"),
        ("seeds", -1, "seeds: found -1; expected numbers from 0"),
        ("tasks", "xnli,xnli", "tasks: xnli stands twice"),
        ("languages", "en,en", "languages: en stands twice"),
        ("models", "xlm-roberta-large,xlm-roberta-large", "models: xlm-roberta-large stands twice"),
        ("sources", "none,mnli,mnli", "sources: mnli stands twice"),
    ],
)
def test_what_stands_twice_or_counts_from_below_nothing_is_refused(key: str, value: Any, shown: str) -> None:
    with pytest.raises(ConfigError, match=shown):
        changed(**{key: value})


def test_null_on_the_command_line_is_null_for_every_key_that_may_be() -> None:
    run = changed(
        evaluation=BASE["evaluation"] | {"limit": "null"},
        selection=BASE["selection"] | {"report": "null"},
        mirror="null",
    )
    assert run.evaluation.limit is None and run.selection.report is None and run.mirror is None
    with pytest.raises(ConfigError, match=r"evaluation.seeds: found 'null'"):
        changed(evaluation=BASE["evaluation"] | {"seeds": "null"})


def test_braces_in_an_encoders_path_are_refused_before_snakemake_takes_them_for_a_wildcard(tmp_path: Path) -> None:
    (tmp_path / "{odd}").mkdir()
    with pytest.raises(ConfigError, match=r"/{odd}': Snakemake takes braces for a wildcard"):
        changed(sources=["none", {"mine": {"encoder": str(tmp_path / "{odd}")}}])


def test_a_generated_language_that_the_world_lacks_is_refused() -> None:
    """The mean over the languages that are left would pass for the mean over those that were asked for."""
    demo = yaml.safe_load((ROOT / "config/runs/demo.yaml").read_text(encoding="utf-8"))
    world = {"data": {"origin": "world"}, "world": demo["world"]}
    assert changed(**world, languages="en,qaa").languages == ["en", "qaa"]
    with pytest.raises(ConfigError, match="languages: found 'qax'; the generated languages are en qaa"):
        changed(**world, languages="en,qax")


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"name nnnnnnnnnnnnnnnnnnnn...: found 300 characters; expected at most 100"):
        changed(run="n" * 300)
