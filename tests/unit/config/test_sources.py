"""What the name of a source means, from the configuration to the jobs and the table."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from xstilts.config.run import Run, load
from xstilts.config.sources import parse
from xstilts.costs.work import Workload
from xstilts.errors import ConfigError
from xstilts.graph.inputs import inputs_of
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
SINGLES = ["anli", "mnli", "qqp", "squad", "squad2", "hellaswag", "ccg", "cosmosqa", "csqa"]


def run(*sources: Any, **changes: Any) -> Run:
    return load(BASE | {"sources": list(sources), "seeds": [1]} | changes)


def training(source: str, *others: str) -> dict[str, Any]:
    jobs = Jobs(run("none", source, *others), ROOT)
    return settings_of(jobs, "train_intermediate", "xlm-roberta-large", source, 1)


@pytest.mark.parametrize(
    "name",
    [
        *("mnlj", "mnli-en", "mnli-xyzw", "mlm", "+mlm", "none+mlm", "none@", "none@2", "multi-de", "mnli+mlm+mlm"),
        *(
            "mnli+full",
            "mnli+lora+ia3",
            "mnli-then-squad+lora",
            "none-tuned+lora",
            "0shots",
            "mnli+0shots",
            "5shots+mlm",
        ),
        *("mnlj+5shots", "none-tuned+5shots", "5shots+5shots", "in-context", "in-context-04"),
    ],
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
    assert sum(job[0] == "fetch_text" for job in every) == 40
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
    assert [path.parts[-4] for path in jobs.candidates(model, "none-tuned", "tydiqa", 1)] == names, (
        "3e-6 is the usual rate"
    )
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
        ({"sources": ["none@1e-5", "none@0.00001"]}, "stands twice; expected each once"),
    ],
)
def test_what_a_source_needs_is_asked_for(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(BASE | changes)
    assert message in str(raised.value)


def test_a_chain_goes_on_from_what_came_before_and_is_trained_as_its_last_source() -> None:
    jobs = Jobs(run("none", "squad", "mnli-then-squad-then-mnli"), ROOT)
    model = "xlm-roberta-large"
    assert [name for _, name, _ in jobs.intermediate()] == [
        *("squad", "mnli", "mnli-then-squad", "mnli-then-squad-then-mnli")
    ], "what a chain goes on from is trained too"
    whole, part = "mnli-then-squad-then-mnli", "mnli-then-squad"
    assert inputs_of(jobs, "train_intermediate", model, whole, "1")["encoder"] == jobs.encoder(model, part, 1)
    assert inputs_of(jobs, "train_intermediate", model, part, "1")["encoder"] == jobs.encoder(model, "mnli", 1)
    assert inputs_of(jobs, "train_intermediate", model, "mnli", "1")["encoder"] == jobs.pretrained(model)
    trained = settings_of(jobs, "train_intermediate", model, part, 1)
    assert trained == settings_of(jobs, "train_intermediate", model, "squad", 1)
    assert jobs.encoder(model, part, 1) in jobs.users(model, "mnli", "none", 1), "its weights stay until then"
    assert not jobs.run.source("mnli-then-squad").may_be_best


@pytest.mark.parametrize("name", ["none-then-mnli", "mnli-then-", "mnli-then-none", "mnli-then-mlm-en", "mnli-many"])
def test_what_is_no_chain_or_no_group_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^sources: unknown source"):
        run("none", name)


def test_a_group_has_each_example_in_one_of_its_languages_and_is_an_arm_of_studies_alone() -> None:
    groups = {"many": ["de", "fr"], "mixed": ["en", "de"]}
    intermediate = {**BASE["intermediate"], "groups": groups}
    with pytest.raises(ConfigError, match="mnli-then-mnli-many trains on several languages; expected it as an arm of"):
        run("none", "mnli-then-mnli-many", intermediate=intermediate)
    study = BASE | {"sources": ["none", "mnli-many", "mnli-mixed"], "seeds": [1], "intermediate": intermediate}
    jobs = Jobs(load(study, of_study=True), ROOT)
    (many,) = settings_of(jobs, "train_intermediate", "xlm-roberta-large", "mnli-many", 1)["parts"]
    assert (many["name"], many["features"], many["spread"]) == ("mnli", "intermediate/mnli-many", ["de", "fr"])
    assert (many["data"], many["chosen_on"]) == (["mnli-translated/de", "mnli-translated/fr"], ["mnli/en", "mnli/en"])
    (mixed,) = settings_of(jobs, "train_intermediate", "xlm-roberta-large", "mnli-mixed", 1)["parts"]
    assert mixed["data"] == ["mnli/en", "mnli-translated/de"]


def test_the_stronger_baselines_differ_from_none_in_one_thing() -> None:
    jobs, model = Jobs(run("none", "none-longer", "none-averaged"), ROOT), "xlm-roberta-large"
    plain, longer, averaged = (
        settings_of(jobs, "train_target", model, name, "udpos", 1) for name in jobs.run.source_names
    )
    like = longer.pop("further_steps_of")
    assert (like["name"], like["batch_size"], longer) == (
        "mnli",
        BASE["intermediate"]["sets"]["mnli"]["batch_size"],
        plain,
    )
    assert averaged["optimisation"].pop("averaged") == 3 and averaged == plain
    assert jobs.data("mnli", "en") in inputs_of(jobs, "train_target", model, "none-longer", "udpos", "1")["data"]
    assert jobs.intermediate() == []
    work = Workload(jobs)
    further = work.work("train_target", model, "none-longer", "udpos", "1").steps
    assert further - work.work("train_target", model, "none", "udpos", "1").steps == pytest.approx(
        work.training(settings_of(Jobs(run("mnli"), ROOT), "train_intermediate", model, "mnli", 1)).steps, abs=2
    )


def test_as_many_further_steps_need_batches_that_can_be_counted() -> None:
    sets = BASE["target"]["sets"] | {"udpos": {"batch_size": None, "batch_tokens": 4096, "epochs": 1}}
    with pytest.raises(
        ConfigError, match=r"target.sets.udpos: found batch_tokens; expected batch_size, because source no"
    ):
        run("none-longer", target={**BASE["target"], "sets": sets})
