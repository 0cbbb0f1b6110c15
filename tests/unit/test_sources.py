"""What the name of a source means, from the configuration to the jobs and the table."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from xstilts.config import Run, load
from xstilts.errors import ConfigError
from xstilts.jobs import Jobs
from xstilts.settings import settings_of
from xstilts.tasks.sources import parse

ROOT = Path(__file__).parents[2]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
SINGLES = ["anli", "mnli", "qqp", "squad", "squad2", "hellaswag", "ccg", "cosmosqa", "csqa"]


def run(*sources: Any, **changes: Any) -> Run:
    return load(BASE | {"sources": list(sources), "seeds": [1]} | changes)


def training(source: str, *others: str) -> dict[str, Any]:
    jobs = Jobs(run("none", source, *others), ROOT)
    return settings_of(jobs, "train_intermediate", "xlm-roberta-large", source, 1)


@pytest.mark.parametrize(
    "name", ["mnlj", "mnli-en", "mnli-xyzw", "mlm", "+mlm", "none+mlm", "none@", "none@2", "multi-de", "mnli+mlm+mlm"]
)
def test_what_is_no_source_is_refused(name: str) -> None:
    assert parse(name) is None
    with pytest.raises(ConfigError, match=r"^sources: unknown source"):
        run("none", name)


def test_every_training_of_the_paper_is_a_name_away() -> None:
    with_text = [f"{name}+mlm" for name in (*SINGLES, "multi", "multi-v1")]
    chosen = run(
        "none", "none-tuned", *with_text, *SINGLES, "multi", "multi-v1", "mnli-shuffled", {"my": {"encoder": "x"}}
    )
    assert chosen.source_names == [
        *("none", "none-tuned", *SINGLES, "multi", "multi-v1", *with_text, "my", "mnli-shuffled")
    ], "in the order of the table, whatever the order of the configuration"
    blocks = [source.block for source in chosen.parsed_sources]
    assert list(dict.fromkeys(blocks)) == ["", "Without MLM", "With MLM", "Own checkpoints", "Controls"]


def test_raw_text_is_one_more_part_and_has_the_papers_settings() -> None:
    plain, settings = training("mnli"), training("mnli+mlm")
    (labelled, text) = settings["parts"]
    assert labelled == plain["parts"][0]
    assert (text["family"], text["data"], text["batch_size"], text["packed"]) == ("mlm", ["text/mlm"], 8, False)
    assert (plain["learning_rate"], settings["learning_rate"]) == (1e-5, 5e-6)


def test_a_mixture_has_the_epochs_of_mixtures_and_the_batch_size_of_each_part() -> None:
    parts = training("multi-v1+mlm")["parts"]
    assert [part["name"] for part in parts] == ["anli", "qqp", "hellaswag", "ccg", "cosmosqa", "csqa", "mlm"]
    assert [part["batch_size"] for part in parts] == [24, 24, 24, 24, 4, 4, 8]
    assert {part["epochs"] for part in parts[:-1]} == {3}
    assert [part["name"] for part in training("multi+mlm", "mnli", "squad+mlm")["parts"]] == ["mnli", "squad", "mlm"]


def test_the_text_is_drawn_once_a_run_from_the_papers_languages() -> None:
    jobs = Jobs(run("none", "mnli+mlm", "csqa+mlm", tasks=["xnli", "tatoeba"]), ROOT)
    every = list(jobs.every())
    assert every.count(("sample_text",)) == 1
    assert settings_of(jobs, "sample_text") == {
        "languages": BASE["intermediate"]["mlm"]["languages"],
        "sentences": 2_000_000,
        "alpha": 0.3,
    }
    assert sum(job[:2] == ("prepare", "text") for job in every) == 40
    assert jobs.text in jobs.data_of_source("csqa+mlm") and jobs.text not in jobs.data_of_source("multi-v1")
    assert not any("text" in job for job in Jobs(run("none", "mnli"), ROOT).every())


def test_a_source_more_changes_no_other_training() -> None:
    few = Jobs(run("none", "mnli"), ROOT)
    many = Jobs(run("none", "none-tuned", "mnli", "mnli+mlm", "multi-v1"), ROOT)
    pipeline = [job for job in few.every() if job[0] in ("prepare", "train_intermediate", "train_target", "predict")]
    assert pipeline and all(settings_of(few, *job) == settings_of(many, *job) for job in pipeline)


def test_the_tuned_baseline_is_chosen_among_trainings_that_differ_in_the_rate_only() -> None:
    jobs = Jobs(run("none-tuned", tasks=["xnli", "tydiqa", "tatoeba"]), ROOT)
    model = "xlm-roberta-large"
    assert jobs.choices() == [(model, "none-tuned", "mnli", 1), (model, "none-tuned", "tydiqa", 1)]
    names = ["none@1e-06", "none", "none@1e-05", "none@2e-05", "none@3e-05"]
    assert [path.parts[-4] for path in jobs.candidates(model, "tydiqa", 1)] == names, "3e-6 is the usual rate"
    trained = {job[2]: settings_of(jobs, *job) for job in jobs.every() if job[0] == "train_target" and job[3] == "mnli"}
    assert [trained[name].pop("learning_rate") for name in names] == [1e-6, 3e-6, 1e-5, 2e-5, 3e-5]
    assert all(settings == trained["none"] for settings in trained.values())
    assert jobs.encoder(model, "none-tuned", 1) == jobs.encoder(model, "none@1e-05", 1) == jobs.pretrained(model)
    assert ("train_target", model, "none-tuned", "mnli", 1) not in set(jobs.every())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sources": ["mnli+mlm"], "intermediate": {**BASE["intermediate"], "mlm": None}}, "intermediate.mlm: is miss"),
        ({"sources": ["none-tuned"], "target": {**BASE["target"], "rates": []}}, "target.rates: is empty"),
        ({"sources": ["none", {"mnli-de": {"encoder": "x"}}]}, "the name 'mnli-de' has a meaning of its own"),
        ({"intermediate": {**BASE["intermediate"], "mixtures": {"mine": ["mnlj"]}}}, "intermediate.mixtures: mine"),
        ({"sources": ["none@1e-5", "none@0.00001"]}, "sources: a name stands twice"),
    ],
)
def test_what_a_source_needs_is_asked_for(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(BASE | changes)
    assert message in str(raised.value)
