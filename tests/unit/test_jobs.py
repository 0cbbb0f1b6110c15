"""Which jobs follow from a configuration, what each reads, and what its spec holds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from xstilts.config import load
from xstilts.jobs import Jobs
from xstilts.settings import settings_of
from xstilts.specs import write_specs

ROOT = Path(__file__).parents[2]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
PART = {"sources": ["none", "mnli", "squad", "multi"], "languages": ["en", "de"], "seeds": [1, 2]}


def planned(**changes: Any) -> Jobs:
    return Jobs(load(BASE | PART | changes), ROOT)


def target_sets(**changes: dict[str, Any]) -> dict[str, Any]:
    sets = {name: dict(entry) for name, entry in BASE["target"]["sets"].items()}
    for name, entry in changes.items():
        sets[name] |= entry
    return BASE["target"] | {"sets": sets}


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


def test_every_job_has_a_spec_and_a_log_of_its_own() -> None:
    jobs = planned()
    every = list(jobs.every())
    assert len({jobs.spec(*job) for job in every}) == len(every)
    assert len({jobs.log(*job) for job in every}) == len(every)
    assert jobs.spec("score", "m", "none", "mnli", 1, "xnli", "de") == Path(
        "results/paper/specs/score/m/none/mnli/1/xnli/de.json"
    )
    assert jobs.spec("prepare", "xnli", "de") == Path("results/store/specs/prepare/public/xnli/de.json")


def test_the_encoder_of_source_none_is_the_pretrained_one() -> None:
    jobs = planned()
    assert jobs.encoder("m", "none", 2) == jobs.pretrained("m") == jobs.trained("m", "none", "none", 2)
    assert jobs.trained("m", "mnli", "none", 2) == jobs.encoder("m", "mnli", 2)
    assert jobs.trained("m", "mnli", "squad", 2).parts[-4:] == ("mnli", "squad", "2", "manifest.json")


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
        both = [settings_of(jobs, "featurise", "m", "none", use, name) for use in ("intermediate", "target")]
        assert both[0] == both[1]
    assert settings_of(clean, "featurise", "m", "none", "target", "squad")["spared"] == ["xquad/en"]
    assert clean.data_of_features("target", "squad")[-1] == clean.data("xquad", "en")


def test_the_artifacts_of_a_run() -> None:
    artifacts = planned().artifacts()
    assert len(artifacts) == len(set(artifacts)) == 1 + 3 * 2 + 4 * 6 * 2 + 4 * 9 * 2
    assert set(artifacts) >= set(planned().trainings())


def test_trainings_read_english_data_only() -> None:
    jobs = planned(sources=[*BASE["sources"], "mnli-shuffled", "mlm-en"])
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
    "how often a checkpoint is written": (
        {"optimisation": BASE["optimisation"] | {"checkpoint_minutes": 3}},
        lambda job: False,
    ),
    "what a backward pass computes anew": (
        {"optimisation": BASE["optimisation"] | {"activation_checkpointing": True}},
        lambda job: False,
    ),
    "whose weights stay on the disk": ({"keep": "none"}, lambda job: False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_setting_is_in_the_specs_that_use_it_and_in_no_other(name: str) -> None:
    changes, concerned = CHANGES[name]
    first, second = planned(), planned(**changes)
    both = set(first.every()) & set(second.every())
    assert differing(first, second) == {job for job in both if len(job) > 1 and concerned(job)}


def test_a_score_does_not_know_of_other_languages() -> None:
    job = ("score", "xlm-roberta-large", "none", "mnli", 1, "xnli", "de")
    assert settings_of(planned(), *job) == settings_of(planned(languages="all"), *job)


def test_specs_are_written_when_they_change_and_only_then(tmp_path: Path) -> None:
    small = {"sources": ["none"], "tasks": ["xnli", "tatoeba"], "seeds": [1]}

    def jobs(**changes: Any) -> Jobs:
        return Jobs(load(BASE | PART | small | changes), ROOT, tmp_path / "results")

    write_specs(jobs())
    written = sorted((tmp_path / "results").rglob("*.json"))
    specs = [path for path in written if "specs" in path.parts]
    assert len(specs) == len(list(jobs().every()))
    dates = {path: path.stat().st_mtime_ns for path in specs}
    write_specs(jobs())
    assert dates == {path: path.stat().st_mtime_ns for path in specs}
    write_specs(jobs(target=target_sets(mnli={"epochs": 3})))
    rewritten = {path.parts[path.parts.index("specs") + 1] for path in specs if path.stat().st_mtime_ns != dates[path]}
    assert rewritten == {"train_target", "table_hyperparameters"}
    found = sorted(path for path in (tmp_path / "results").rglob("*") if path.is_file())
    assert found == written, "nothing is left beside them"
    content = json.loads(specs[0].read_text())
    assert content.keys() == {"rule", "wildcards", "settings", "code"}
    modules = json.loads(jobs().modules(content["code"]).read_text())
    assert any(name.startswith("xstilts.") for name in modules), "what the digest covers is written down beside"
    assert load(json.loads(jobs().configuration.read_text())).target.sets["mnli"].epochs == 3


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    for code in ("en", "de"):
        for split in ("dev", "test"):
            path = tmp_path / f"mirror/targets/xnli/{split}-{code}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("a\tb\tneutral\n")
    for name in ("train", "dev_matched"):
        path = tmp_path / f"mirror/intermediate/mnli/multinli_1.0_{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n")
    return tmp_path / "mirror"


def test_the_mirror_may_move_and_what_comes_goes_or_grows_is_noticed(mirror: Path, tmp_path: Path) -> None:
    def settings(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
        jobs = planned(mirror=str(folder), tasks=["xnli"], sources=["none"])
        places = [("mnli", "en"), ("xnli", "en"), ("xnli", "de")]
        return {place: settings_of(jobs, "prepare", *place) for place in places}

    before = settings(mirror)
    assert str(tmp_path) not in json.dumps(list(before.values()))
    moved = mirror.rename(tmp_path / "elsewhere")
    assert settings(moved) == before

    def differ(now: dict[tuple[str, str], dict[str, Any]]) -> set[tuple[str, str]]:
        return {place for place in before if now[place] != before[place]}

    (moved / "targets/xnli/dev-de.tsv").write_text("a\tbb\tneutral\n")
    assert differ(settings(moved)) == {("xnli", "de")}
    (moved / "targets/xnli/dev-de.tsv").write_text("a\tb\tneutral\n")
    assert settings(moved) == before
    (moved / "targets/xnli/dev-en.tsv").write_text("a\tbb\tneutral\n")
    assert differ(settings(moved)) == {("xnli", "en"), ("xnli", "de")}, "translations take the English groups"
    (moved / "targets/xnli/dev-en.tsv").write_text("a\tb\tneutral\n")
    (moved / "targets/xnli/test-labels.tsv").write_text("neutral\n")
    assert differ(settings(moved)) == {("xnli", "en"), ("xnli", "de")}, "labels for all languages"
    (moved / "targets/xnli/test-labels.tsv").unlink()
    (moved / "intermediate/mnli/multinli_1.0_train.jsonl").unlink()
    assert differ(settings(moved)) == {("mnli", "en")}


def test_no_spec_holds_a_place_or_the_machine(mirror: Path) -> None:
    machine = {"checkpoint_minutes": 7.125, "activation_checkpointing": True}
    jobs = planned(mirror=str(mirror), optimisation=BASE["optimisation"] | machine, keep="sources")
    for rule, *wildcards in jobs.every():
        text = json.dumps(settings_of(jobs, rule, *wildcards))
        for word in (str(mirror), str(ROOT), "7.125", "activation_check", '"keep"', "threads"):
            assert word not in text, (rule, word)


def test_an_encoder_from_a_folder_is_watched_file_by_file(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "head.safetensors", "tokenizer.json", "notes.txt"):
        (tmp_path / name).write_text("x")
    taken = [tmp_path / name for name in ("config.json", "model.safetensors", "tokenizer.json")]
    jobs = planned(
        encoders={"xlm-roberta-large": {"weights": str(tmp_path)}}, sources=["none", {"my": {"encoder": str(tmp_path)}}]
    )
    assert jobs.files_of_model("xlm-roberta-large") == jobs.files_of_source("my") == taken
    assert planned().files_of_model("xlm-roberta-large") == [], "the Hub's"


def test_a_world_has_a_store_of_its_own() -> None:
    world = yaml.safe_load((ROOT / "config/demo.yaml").read_text(encoding="utf-8"))["world"]

    def jobs(**changes: Any) -> Jobs:
        return planned(data={"origin": "world"}, world=world | changes, languages=["en", "qaa"])

    assert jobs().data("xnli", "en") != jobs(train=17).data("xnli", "en")
    assert jobs().data("xnli", "en") != planned().data("xnli", "en")
    assert ("world",) in set(jobs().every())
    assert jobs().spec("world").parts[-1] == "world.json"
