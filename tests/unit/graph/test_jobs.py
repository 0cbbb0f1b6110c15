"""Which jobs follow from a configuration, what each reads, and what its spec holds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from planned_jobs import BASE, PART, ROOT, planned, target_sets

from xstilts import tasks
from xstilts.config.run import load
from xstilts.errors import ConfigError
from xstilts.graph.digest import modules_behind
from xstilts.graph.inputs import inputs_of
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.graph.specs import opened_by_name

WITHOUT_TEXT = [name for name in BASE["sources"] if "+" not in name and "-" not in name]


def differing(first: Jobs, second: Jobs) -> set[tuple[Any, ...]]:
    """Jobs of both whose settings differ, reporting left out."""
    here, there = set(first.every()), set(second.every())
    pipeline = {job for job in here & there if len(job) > 1 and job[0] != "baseline"}
    return {job for job in pipeline if settings_of(first, *job) != settings_of(second, *job)}


def rules(jobs: set[tuple[Any, ...]]) -> set[str]:
    return {job[0] for job in jobs}


def test_what_there_is() -> None:
    jobs = planned()
    every = list(jobs.every())
    assert len(every) == len(set(every))
    count = {rule: sum(job[0] == rule for job in every) for rule in rules(set(every))}
    assert count["fetch_model"] == 1 and "pretrain" not in count and "world" not in count
    assert count["train_intermediate"] == 3 * 2, "every source but none, with each seed"
    assert count["train_target"] == 4 * 6 * 2, "XQuAD and MLQA share a training, retrieval has none"
    assert count["predict"] == 4 * 9 * 2
    assert count["featurise"] == 2 + 6 + 9, "training sets of each phase and tasks: no source or seed has its own"
    assert count["score"] == len(jobs.scores()) == 4 * 2 * (6 * 2 + 1 + 2), "TyDiQA has no German, retrieval pairs it"
    assert ("predict", "xlm-roberta-large", "mnli", "mnli", 2, "xnli") in every
    assert ("predict", "xlm-roberta-large", "mnli", "none", 2, "tatoeba") in every


def test_the_papers_configuration_is_its_whole_table() -> None:
    jobs = Jobs(load(BASE), ROOT)
    blocks: dict[str, list[str]] = {}
    for source in jobs.run.parsed_sources:
        blocks.setdefault(source.block, []).append(source.name)
    tasks = ["anli", "mnli", "qqp", "squad", "squad2", "hellaswag", "ccg", "cosmosqa", "csqa", "multi"]
    assert blocks.pop("") == ["none"] and blocks.pop("Without MLM") == tasks
    assert blocks.pop("With MLM") == [f"{name}+mlm" for name in tasks]
    assert blocks == {
        f"Translated into {code}": [f"{name}-{code}" for name in ("mnli", "qqp", "hellaswag")]
        for code in ("de", "ru", "sw")
    }
    count = {rule: sum(job[0] == rule for job in jobs.every()) for rule in ("train_intermediate", "translate")}
    assert count == {"train_intermediate": 29 * 3, "translate": 9}


def test_the_table_of_settings_has_those_of_controls_and_of_all_of_a_chain() -> None:
    sources = ["none", "qqp-then-squad+mlm", "mnli-shuffled", "mlm-en", "multi-v1"]
    found = settings_of(planned(sources=sources), "table_hyperparameters")["intermediate_sets"]
    mixed = {"anli", "qqp", "hellaswag", "ccg", "cosmosqa", "csqa", "multi"}
    assert set(found) == mixed | {"squad", "+mlm", "mnli", "mlm-en"}
    assert len(found) == len(set(found))


def test_every_job_has_a_spec_and_a_log_of_its_own_and_the_scores_of_a_language_share_a_spec() -> None:
    jobs = planned()
    every = list(jobs.every())
    others = [job for job in every if job[0] != "score"]
    scored = {job[-2:] for job in every if job[0] == "score"}
    assert len({jobs.spec(*job) for job in others}) == len(others)
    assert len({jobs.spec(*job) for job in every}) == len(others) + len(scored) < len(every)
    assert len({jobs.log(*job) for job in every}) == len(every)
    assert jobs.spec("score", "m", "none", "mnli", 1, "xnli", "de") == Path("results/paper/specs/score/xnli/de.json")
    assert jobs.spec("prepare", "xnli", "de") == Path("results/store/specs/prepare/public/xnli/de.json")


def test_the_encoder_of_source_none_is_the_pretrained_one() -> None:
    jobs = planned()
    assert jobs.encoder("m", "none", 2) == jobs.pretrained("m") == jobs.trained("m", "none", "none", 2)
    assert jobs.trained("m", "mnli", "none", 2) == jobs.encoder("m", "mnli", 2)
    assert jobs.trained("m", "mnli", "squad", 2).parts[-4:] == ("mnli", "squad", "2", "manifest.json")


def test_predictions_of_the_same_weights_are_made_once() -> None:
    """Retrieval with the pretrained encoder has no seed, nor a rate: one job answers, the others take its answers."""
    sources = ["none", "none-tuned", "mnli", "mnli-tuned", {"my": {"encoder": "x"}}]
    jobs = Jobs(load(BASE | PART | {"sources": sources}, of_study=True), ROOT)
    model = jobs.run.models[0]

    def like(source: str, target: str, seed: int, task: str) -> list[Path]:
        found = inputs_of(jobs, "predict", model, source, target, str(seed), task)["like"]
        assert isinstance(found, list)
        return found

    first = [jobs.prediction(model, "none", "none", 1, "tatoeba")]
    assert like("none", "none", 1, "tatoeba") == []
    assert like("none", "none", 2, "tatoeba") == like("none-tuned", "none", 1, "tatoeba") == first
    assert like("mnli", "none", 2, "tatoeba") == [], "each seed has trained another encoder"
    assert like("mnli-tuned", "none", 2, "bucc2018") == [jobs.prediction(model, "mnli", "none", 2, "bucc2018")]
    assert like("my", "none", 2, "tatoeba") == [jobs.prediction(model, "my", "none", 1, "tatoeba")]
    assert like("none", "mnli", 2, "xnli") == [], "trained on a target"


def test_sources_and_seeds_share_features_and_a_users_own_tokenizer_has_its_own() -> None:
    jobs = planned(
        sources=["none", "mnli", "mnli-de+mlm", "multi", "mnli-shuffled", "mlm-en", {"my": {"encoder": "x"}}]
    )
    made = {job[1:] for job in jobs.every() if job[0] == "featurise"}
    own = {job for job in made if job[1] == "my"}
    assert {job[2:] for job in made if job[2] == "intermediate"} == {
        ("intermediate", name) for name in ("mnli", "mnli-de", "mlm", "mlm-en")
    }
    shared = {job[2:] for job in made - own if job[2] != "intermediate"}
    assert len(shared) == 6 + 9 and {job[2:] for job in own} == shared
    model = jobs.run.models[0]
    assert jobs.tokenizer_of(model, "none") == jobs.pretrained(model)
    assert jobs.tokenizer_of(model, "my") == jobs.encoder(model, "my", 1)
    assert jobs.features_of_source(model, "multi") == jobs.features_of_source(model, "mnli")
    assert jobs.counted_for_source("mlm-en") == [jobs.data("mnli", "en")] and not jobs.counted_for_source("mnli")


def test_equal_sets_of_both_phases_are_one_entry_of_the_store() -> None:
    jobs, clean = planned(), planned(selection=BASE["selection"] | {"recipe": "clean"})
    for name in ("mnli", "squad"):
        both = [settings_of(jobs, "featurise", "m", "pretrained", use, name) for use in ("intermediate", "target")]
        assert both[0] == both[1]
    assert settings_of(clean, "featurise", "m", "pretrained", "target", "squad")["spared"] == ["xquad/en"]
    assert clean.data_of_features("target", "squad")[-1] == clean.data("xquad", "en")


def test_the_artifacts_of_a_run() -> None:
    artifacts = planned().artifacts()
    assert len(artifacts) == len(set(artifacts)) == 1 + 3 * 2 + 4 * 6 * 2 + 4 * 9 * 2
    assert set(artifacts) >= set(planned().trainings())


def test_trainings_read_english_data_only() -> None:
    jobs = planned(sources=[*WITHOUT_TEXT, "mnli-shuffled", "mlm-en"])
    for source in jobs.run.source_names:
        if source != "none":
            assert {path.parent.name for path in jobs.data_of_source(source)} == {"en"}, source
    for target in jobs.run.targets:
        assert {path.parent.name for path in jobs.data_of_target(target)} == {"en"}, target

    def names(paths: list[Path]) -> list[str]:
        return [path.parent.parent.name for path in paths]

    assert names(jobs.data_of_source("anli")) == ["anli", "mnli", "snli"]
    assert names(jobs.data_of_source("mlm-en")) == ["text", "mnli"], "as many steps as MNLI"
    assert names(jobs.data_of_target("squad")) == ["squad"]
    clean = planned(selection=BASE["selection"] | {"recipe": "clean"})
    assert names(clean.data_of_target("squad")) == ["squad", "xquad"], "to leave its paragraphs out of the choice"
    rest = ["qqp", "squad", "squad2", "hellaswag", "ccg", "cosmosqa", "csqa"]
    assert names(jobs.data_of_source("multi")) == ["anli", "mnli", "snli", *rest]


CHANGES: dict[str, tuple[dict[str, Any], Callable[[tuple[Any, ...]], bool]]] = {
    "a target's learning rate": (
        {"target": target_sets(udpos={"learning_rate": 1e-5})},
        lambda job: job[0] == "train_target" and job[3] == "udpos",
    ),
    "two targets' batch sizes, swapped": (
        {"target": target_sets(mnli={"batch_size": 32}, pawsx={"batch_size": 4})},
        lambda job: job[0] == "train_target" and job[3] in ("mnli", "pawsx"),
    ),
    "a target's batch size and epochs, swapped": (
        {"target": target_sets(squad={"batch_size": 2, "epochs": 16})},
        lambda job: job[0] == "train_target" and job[3] == "squad",
    ),
    "a target's warm-up and decay": (
        {"target": target_sets(tydiqa={"warmup": 500, "weight_decay": 0.0})},
        lambda job: job[0] == "train_target" and job[3] == "tydiqa",
    ),
    "the settings of an intermediate task": (
        {
            "intermediate": BASE["intermediate"]
            | {"sets": BASE["intermediate"]["sets"] | {"mnli": {"batch_size": 12, "epochs": 2}}}
        },
        lambda job: job[0] == "train_intermediate" and job[2] in ("mnli", "multi"),
    ),
    "the tasks in the mixture": (
        {"sources": ["none", "mnli", "multi"]},
        lambda job: job[0] == "train_intermediate" and job[2] == "multi",
    ),
    "the length of tagging": (
        {"lengths": BASE["lengths"] | {"tagging": 128}},
        lambda job: (
            (job[0] == "train_target" and job[3] in ("udpos", "panx"))
            or (job[0] == "predict" and job[5] in ("udpos", "panx"))
            or (job[0] == "featurise" and job[4] in ("udpos", "panx"))
        ),
    ),
    "the stride": (
        {"lengths": BASE["lengths"] | {"doc_stride": 64}},
        lambda job: (
            (job[0] == "train_target" and job[3] in ("squad", "tydiqa"))
            or (job[0] == "predict" and job[5] in ("xquad", "mlqa", "tydiqa"))
            or (job[0] == "train_intermediate" and job[2] in ("squad", "multi"))
            or (job[0] == "featurise" and job[4] in ("squad", "xquad", "mlqa", "tydiqa"))
        ),
    ),
    "the choice of the checkpoint": (
        {"selection": BASE["selection"] | {"recipe": "clean"}},
        lambda job: job[0] in ("train_target", "train_intermediate") or (job[0] == "featurise" and job[3] != "task"),
    ),
    "the limit of the training": (
        {"training": {"limit": 100}},
        lambda job: job[0] in ("train_target", "train_intermediate") or (job[0] == "featurise" and job[3] != "task"),
    ),
    "the limit of the evaluation": (
        {"evaluation": BASE["evaluation"] | {"limit": 100}},
        lambda job: job[0] in ("predict", "score") or (job[0] == "featurise" and job[3] == "task"),
    ),
    "the weights of the encoder": (
        {"encoders": {"xlm-roberta-large": {"weights": "FacebookAI/other"}}},
        lambda job: job[0] == "fetch_model",
    ),
    "a pinned revision": (
        {"encoders": {"xlm-roberta-large": {"weights": "FacebookAI/xlm-roberta-large", "revision": "1.0"}}},
        lambda job: job[0] == "fetch_model",
    ),
    "how seeds are summed up": ({"evaluation": BASE["evaluation"] | {"seeds": "mean"}}, lambda job: False),
    "the source fixed for retrieval": (
        {"evaluation": BASE["evaluation"] | {"retrieval_source": "qqp"}},
        lambda job: False,
    ),
    "a seed more": ({"seeds": [1, 2, 3]}, lambda job: False),
    "a language more": (
        {"languages": ["en", "de", "zh"]},
        lambda job: (
            (job[0] == "predict" and job[5] != "tydiqa")
            or (job[0] == "featurise" and job[3] == "task" and job[4] != "tydiqa")
        ),
    ),
    "the name of the run": ({"run": "other"}, lambda job: False),
    "the precision, which retrieval does not have": (
        {"optimisation": BASE["optimisation"] | {"precision": "float32"}},
        lambda job: (
            job[0] in ("train_target", "train_intermediate")
            or (job[0] == "predict" and job[5] not in ("bucc2018", "tatoeba"))
        ),
    ),
    "how often a checkpoint is written": (
        {"optimisation": BASE["optimisation"] | {"checkpoint_minutes": 3}},
        lambda job: False,
    ),
    "what a backward pass computes anew": (
        {"optimisation": BASE["optimisation"] | {"activation_checkpointing": True}},
        lambda job: False,
    ),
    "whose weights stay on the disk": ({"keep": "pretrained"}, lambda job: False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_setting_is_in_the_specs_that_use_it_and_in_no_other(name: str) -> None:
    changes, concerned = CHANGES[name]
    first, second = planned(), planned(**changes)
    both = set(first.every()) & set(second.every())
    assert differing(first, second) == {job for job in both if len(job) > 1 and concerned(job)}


def test_a_sets_own_limit_comes_before_that_of_the_run() -> None:
    jobs = planned(training={"limit": 100}, target=target_sets(squad={"limit": 7}))
    limits = {
        name: settings_of(jobs, "featurise", "m", "pretrained", "target", name)["limit"] for name in jobs.run.targets
    }
    assert limits == dict.fromkeys(jobs.run.targets, 100) | {"squad": 7}
    assert settings_of(jobs, "train_intermediate", "xlm-roberta-large", "mnli-shuffled", 1)["parts"][0]["limit"] == 100
    assert jobs.recipe == "paper, 2 settings changed", "each is named below the tables"
    assert jobs.recipe_changes == ["training.limit none -> 100", "target.sets.squad.limit none -> 7"]


def test_retrieval_embeds_in_float32_in_every_run() -> None:
    jobs = planned()
    for task in jobs.run.tasks:
        found = settings_of(jobs, "predict", "m", "none", tasks.task(task).target, 1, task)["precision"]
        assert found == ("float32" if task in ("bucc2018", "tatoeba") else "bfloat16"), task


def test_a_score_does_not_know_of_other_languages() -> None:
    job = ("score", "xlm-roberta-large", "none", "mnli", 1, "xnli", "de")
    assert settings_of(planned(), *job) == settings_of(planned(languages="all"), *job)


def test_a_world_has_a_store_of_its_own() -> None:
    world = yaml.safe_load((ROOT / "config/runs/demo.yaml").read_text(encoding="utf-8"))["world"]

    def jobs(**changes: Any) -> Jobs:
        return planned(data={"origin": "world"}, world=world | changes, languages=["en", "qaa"])

    assert jobs().data("xnli", "en") != jobs(train=17).data("xnli", "en")
    assert jobs().data("xnli", "en") != planned().data("xnli", "en")
    assert ("world",) in set(jobs().every())
    assert jobs().spec("world").parts[-1] == "world.json"


def test_runs_that_read_other_batches_have_translations_of_their_own_by_one_model() -> None:
    """Else each run in turn would take the other one's for out of date, and make them anew."""
    job = ("translate", "mnli-translated", "de")
    paper = planned(sources=["none", "mnli-de"])
    larger = planned(sources=["none", "mnli-de"], optimisation=BASE["optimisation"] | {"micro_tokens": 32_768})
    assert settings_of(paper, *job) != settings_of(larger, *job)
    assert paper.spec(*job) != larger.spec(*job) and paper.data(*job[1:]) != larger.data(*job[1:])
    assert paper.translator == larger.translator and paper.spec("fetch_translator") == larger.spec("fetch_translator")
    again = planned(sources=["none", "mnli-de", "mnli"], run="other")
    assert paper.spec(*job) == again.spec(*job) and paper.data(*job[1:]) == again.data(*job[1:])


def test_tables_hold_what_they_read_of_each_task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The registry is data, and so in no digest of code: a task that it says otherwise makes the tables anew."""
    before = {rule: settings_of(planned(), rule) for rule in ("table_main", "figure_languages")}
    text = Path(tasks.__file__).with_name("registry.yaml").read_text(encoding="utf-8")
    old = "xquad:     {family: span_qa, dataset: xquad, target: squad, metrics: [f1, exact_match], splits: [test],"
    assert text.count(old) == 1
    (tmp_path / "registry.yaml").write_text(text.replace(old, old.replace("f1, exact_match", "exact_match, f1")))
    monkeypatch.setattr(tasks, "__file__", str(tmp_path / "__init__.py"))
    tasks.shipped.cache_clear()
    try:
        after = {rule: settings_of(planned(), rule) for rule in before}
    finally:
        tasks.shipped.cache_clear()
    for rule, settings in before.items():
        changed = {key for key in settings if settings[key] != after[rule][key]}
        assert changed == {"tasks"} and after[rule]["tasks"]["xquad"]["metrics"] == ("exact_match", "f1")


SEARCHED = {"tasks": ["lareqa", "mewslix"], "sources": ["none"], "seeds": [1]}
CHAIN = ("xlm-roberta-large", "none")


def test_a_task_with_candidates_has_one_index_a_model_whatever_languages_a_run_scores() -> None:
    few, all_languages = planned(**SEARCHED), planned(**SEARCHED, benchmark="xtreme_r", languages="all")
    for jobs in (few, all_languages):
        indexes = [job for job in jobs.every() if job[0] == "index"]
        assert [job[1:] for job in indexes] == [(*CHAIN, name, 1, name) for name in ("lareqa", "mewslix")]
    assert rules(differing(few, all_languages)) == {"predict", "featurise"}
    assert not {job for job in differing(few, all_languages) if job[3] in ("index", "target")}, "queries alone"
    given = inputs_of(few, "index", *CHAIN, "lareqa", "1", "lareqa")
    assert given["data"] == [few.data("lareqa-candidates", code) for code in tasks.task("lareqa").languages]
    assert inputs_of(few, "index", *CHAIN, "mewslix", "1", "mewslix")["data"] == [few.data("mewslix-candidates", "all")]
    assert given["model"] == few.trained(*CHAIN, "lareqa", 1)
    assert inputs_of(few, "predict", *CHAIN, "lareqa", "1", "lareqa")["index"] == [
        few.index(*CHAIN, "lareqa", 1, "lareqa")
    ]
    assert set(few.users(*CHAIN, "lareqa", 1)) == {
        few.index(*CHAIN, "lareqa", 1, "lareqa"),
        few.prediction(*CHAIN, "lareqa", 1, "lareqa"),
    }
    assert inputs_of(planned(), "predict", *CHAIN, "mnli", "1", "xnli")["index"] == []


def test_another_search_embeds_nothing_anew() -> None:
    behind = {
        rule: modules_behind(
            ROOT / f"workflow/scripts/{rule}.py",
            opened_by_name(planned(**SEARCHED), rule, *CHAIN, "lareqa", 1, "lareqa"),
        )
        for rule in ("index", "predict")
    }
    assert "xstilts.prediction.search" in behind["predict"] and "xstilts.prediction.search" not in behind["index"]
    both = {"xstilts.families.dual_encoder", "xstilts.families.facts.dual_encoder", "xstilts.modeling.heads"}
    assert all(both <= {*modules} for modules in behind.values())


def test_a_target_may_have_lengths_and_a_softmax_of_its_own() -> None:
    jobs = planned(**SEARCHED)
    for name, lengths, in_batch in (("lareqa", (256, 96), 4), ("mewslix", (64, 64), 8)):
        training = settings_of(jobs, "train_target", *CHAIN, name, 1)
        assert training["parts"][0]["in_batch"] == in_batch
        wanted = dict(zip(("dual_encoder", "dual_query"), lengths, strict=True))
        features = [settings_of(jobs, "featurise", "m", "pretrained", use, name) for use in ("target", "task", "index")]
        rest = [settings_of(jobs, rule, *CHAIN, name, 1, name) for rule in ("index", "predict")]
        assert [found["lengths"] for found in (training, *features, *rest)] == [wanted] * 6
    softmax = planned(**SEARCHED, target=target_sets(lareqa={"in_batch": 16}))
    assert differing(jobs, softmax) == {("train_target", *CHAIN, "lareqa", 1)}
    assert "in_batch" not in settings_of(planned(), "train_target", *CHAIN, "mnli", 1)["parts"][0]
    with pytest.raises(ConfigError, match=r"target.sets.lareqa.lengths: unknown limit 'dual'; known: "):
        planned(target=target_sets(lareqa={"lengths": {"dual": 3}}))


def test_a_benchmark_is_in_no_spec_of_what_is_trained_predicted_or_scored() -> None:
    """What both have in the same languages is the same job: a run of the other benchmark trains none of it again."""
    shared = {
        "tasks": ["xnli", "mlqa", "tydiqa", "tatoeba"],
        "sources": ["none", "mnli"],
        "languages": ["en", "de", "fi"],
    }
    here, there = (planned(**shared, benchmark=name) for name in ("xtreme", "xtreme_r"))
    assert not differing(here, there) and set(here.every()) == set(there.every())
    assert rules(set(here.every())) >= {"train_target", "featurise", "predict", "score"}
