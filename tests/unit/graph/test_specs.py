"""Specs on the disk: written when they change and only then, with what lies in a folder and without where it lies."""

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from planned_jobs import BASE, PART, ROOT, planned, target_sets

from xstilts.config.run import load
from xstilts.errors import UserError
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import NAME_THE_RECIPE, settings_of
from xstilts.graph.specs import release, sign, write_specs
from xstilts.locks import lock, open_lock


def test_specs_are_written_when_they_change_and_only_then(tmp_path: Path) -> None:
    small = {"sources": ["none"], "tasks": ["xnli", "tatoeba"], "seeds": [1]}

    def jobs(**changes: Any) -> Jobs:
        return Jobs(load(BASE | PART | small | changes), ROOT, tmp_path / "results")

    release(write_specs(jobs()))
    written = sorted((tmp_path / "results").rglob("*.json"))
    specs = [path for path in written if "specs" in path.parts]
    assert len(specs) == len({jobs().spec(*job) for job in jobs().every()})
    dates = {path: path.stat().st_mtime_ns for path in specs}
    release(write_specs(jobs()))
    assert dates == {path: path.stat().st_mtime_ns for path in specs}
    release(write_specs(jobs(target=target_sets(mnli={"epochs": 3}))))
    rewritten = {path.parts[path.parts.index("specs") + 1] for path in specs if path.stat().st_mtime_ns != dates[path]}
    assert rewritten == {"train_target", "table_hyperparameters", *NAME_THE_RECIPE}, "the recipe was changed"
    found = sorted(path for path in (tmp_path / "results").rglob("*") if path.is_file() and path.suffix)
    assert found == written, "nothing is left beside them"
    content = json.loads(specs[0].read_text())
    assert content.keys() == {"rule", "wildcards", "settings", "code"}
    modules = json.loads(jobs().modules(content["code"]).read_text())
    assert any(name.startswith("xstilts.") for name in modules), "what the digest covers is written down beside"
    assert load(json.loads(jobs().configuration.read_text())).target.sets["mnli"].epochs == 3


SMALL = {"sources": ["none"], "tasks": ["xnli", "tatoeba"], "seeds": [1]}


@pytest.fixture
def going_on(tmp_path: Path) -> Iterator[Path]:
    """The results of a run `first` that goes on: its specs are held."""
    results = tmp_path / "results"
    held = write_specs(Jobs(load(BASE | PART | SMALL | {"run": "first"}), ROOT, results))
    sign(held)
    yield results
    release(held)


def test_a_plan_of_another_run_adds_what_the_store_lacks_while_one_goes_on(going_on: Path) -> None:
    before = {path: path.read_bytes() for path in going_on.rglob("specs/**/*.json")}
    other = Jobs(load(BASE | PART | SMALL | {"run": "other", "tasks": ["xnli", "pawsx"]}), ROOT, going_on)
    assert other.spec("prepare", "pawsx", "de") not in before
    release(write_specs(other))
    assert json.loads(other.spec("prepare", "pawsx", "de").read_text())["settings"]["dataset"] == "pawsx"
    assert {path: path.read_bytes() for path in before} == before


def test_what_a_run_that_goes_on_reads_is_changed_by_no_other_one_and_is_what_the_refusal_names(
    going_on: Path, mirror: Path
) -> None:
    changes = {"run": "other", "tasks": ["pawsx", "xnli"], "mirror": str(mirror)}
    other = Jobs(load(BASE | PART | SMALL | changes), ROOT, going_on)
    there = other.spec("prepare", "xnli", "de")
    before = there.read_bytes()
    with pytest.raises(UserError, match=r"prepare/public/(mnli|xnli)/\w+\.json: a run that goes on \(process \d+ on "):
        write_specs(other)
    assert there.read_bytes() == before and not other.spec("prepare", "pawsx", "de").exists(), "a plan is whole"


def test_of_two_plans_that_add_one_spec_with_different_settings_the_second_leaves_the_first_ones(
    going_on: Path,
) -> None:
    """Both found it missing; what the first one wrote, a run may read by now."""
    changes = {"run": "other", "tasks": ["pawsx"]}
    other = Jobs(load(BASE | PART | SMALL | changes), ROOT, going_on)
    spec = other.spec("prepare", "pawsx", "de")
    adding = open_lock(going_on / "store/specs/.new")
    assert lock(adding, going_on / "store/specs/.new")
    said: list[str] = []

    def plan() -> None:
        try:
            write_specs(other)
        except UserError as error:
            said.append(str(error))

    second = Thread(target=plan)
    second.start()
    second.join(3)
    assert second.is_alive() and not spec.exists(), "one plan at a time adds specs"
    spec.parent.mkdir(parents=True)
    spec.write_text("of the first one")
    os.close(adding)
    second.join(60)
    assert spec.read_text() == "of the first one" and said[0].startswith(f"{spec}: a run that goes on")


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


def test_the_mirror_may_move_and_what_comes_goes_or_changes_is_noticed(mirror: Path, tmp_path: Path) -> None:
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
    (moved / "targets/xnli/dev-de.tsv").write_text("a\tc\tneutral\n")
    assert differ(settings(moved)) == {("xnli", "de")}, "as long as before"
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


def test_other_weights_of_an_older_date_in_the_same_folder_are_another_encoder(tmp_path: Path) -> None:
    """`mv` and `rsync -a` keep dates, and Snakemake takes what is older than its output for unchanged."""
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_text("x")

    def settings() -> list[dict[str, Any]]:
        jobs = planned(
            encoders={"xlm-roberta-large": {"weights": str(tmp_path)}},
            sources=["none", {"my": {"encoder": str(tmp_path)}}],
        )
        wanted = ("fetch_model", "adopt_source")
        return [settings_of(jobs, rule, *words) for rule, *words in jobs.every() if rule in wanted]

    before = settings()
    assert before and settings() == before
    (tmp_path / "model.safetensors").write_text("y")
    os.utime(tmp_path / "model.safetensors", (1_000_000_000, 1_000_000_000))
    assert all(one != other for one, other in zip(before, settings(), strict=True))


def test_a_full_disk_is_named_by_the_file_and_leaves_no_part_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: str, encoding: str) -> None:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")  # as `write` says it: without a name

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*\.json'") as caught:
        write_specs(Jobs(load(BASE | PART | SMALL), ROOT, tmp_path / "results"))
    assert Path(caught.value.filename).is_relative_to(tmp_path)
    assert not [*tmp_path.rglob("*.part")]
