"""Examples of a language after the target's training: the same for all arms, learned, undone before the next one."""

from pathlib import Path

import pytest
from few_shot_run import CODES, Run, rows

from xstilts.artifacts import Manifest
from xstilts.data.rows.drawn import by_hash
from xstilts.families.stored import open_features
from xstilts.graph.settings import settings_of
from xstilts.studies.beside import few_shot_seconds
from xstilts.training.few_shot import folds, open_predictor


def share(made: Manifest, split: str, code: str) -> float:
    found = (made.folder / f"{split}-{code}.tsv").read_text().split()
    gold = [str(row["label"]) for row in rows(len(found), code)]
    return sum(a == b for a, b in zip(found, gold, strict=True)) / len(gold)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("few-shot"))


def test_examples_are_the_same_in_all_arms_nested_and_others_with_another_seed() -> None:
    dev = rows(32, "et")
    assert by_hash(dev, 1) == by_hash(rows(32, "tr"), 1), "translations: the same items in every language"
    assert by_hash(dev, 1) != by_hash(dev, 2) and sorted(by_hash(dev, 1)) == [*range(32)]
    order = by_hash(dev, 1)
    parts = folds(order, 5)
    assert sorted(place for part in parts for place in part) == [*range(32)] and {len(part) for part in parts} == {6, 7}
    assert folds([3, 1], 5) == [[3], [1]], "never an empty fold"


def test_a_language_is_learned_from_its_examples_and_undone_before_the_next(run: Run) -> None:
    target = run.target("none")
    before = (target.folder / "model.safetensors").read_bytes()
    made = run.predict("none+16shots", "both", model=target.path)
    assert all(share(made, split, code) > 0.9 for code in CODES for split in ("test", "dev")), "dev by its folds"
    alone = run.predict("none+16shots", "tr-alone", codes=("tr",), model=target.path)
    for split in ("test", "dev"):
        assert (alone.folder / f"{split}-tr.tsv").read_bytes() == (made.folder / f"{split}-tr.tsv").read_bytes()
    assert (target.folder / "model.safetensors").read_bytes() == before, "the target's model is only read"
    assert not [*made.folder.glob("*.safetensors")], "trained models are not kept"
    work = made.content["made"]["work"]
    assert work["steps"] == 2 * 10 * 2 and work["tokens"] > 0 and work["training_seconds"] > 0
    assert work["seconds"] > work["folds_seconds"] > 0


def test_a_language_that_is_done_is_not_trained_again(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"model": run.target("none").path}
    run.predict("none+16shots", "grown", codes=("et",), **given)
    capsys.readouterr()
    made = run.predict("none+16shots", "grown", **given)
    said = capsys.readouterr().err
    assert "tr: 20 steps" in said and "et: 20 steps" not in said and "1 of 2 languages" in said
    work = made.content["made"]["work"]
    assert work["languages"] == 1
    arm = few_shot_seconds({"arms": {"NONE +16": "none+16shots"}}, {"NONE +16": [str(made.path)]})
    assert arm == {"NONE +16": (16, work["training_seconds"] / 2)}, "seconds of a language, of both that it is of"


def test_examples_alone_train_a_fresh_head_and_adapters_stay_adapters(run: Run) -> None:
    assert share(run.predict("16shots", "alone"), "test", "tr") > 0.9
    adapters = run.target("none+lora")
    assert (adapters.folder / "adapter_config.json").is_file() and adapters.content["spec"]["settings"]["method"]
    made = run.predict("none+lora+16shots", "adapted", model=adapters.path, below=run.encoder.path)
    assert share(made, "test", "et") > 0.9


def test_activations_are_computed_anew_where_the_machine_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(run.made.jobs, "few_shot", "m", "16shots", "copa", 1, "xcopa_copa")
    encoders, made = [], []
    for said in ("True", "False"):
        monkeypatch.setenv("XSTILTS_ACTIVATION_CHECKPOINTING", said)
        encoders.append(open_predictor(run.encoder.folder, settings).model.encoder.model)
        folder = run.predict("16shots", f"recomputing-{said}").folder
        made.append([path.read_bytes() for path in sorted(folder.glob("*.tsv"))])
    assert [encoder.is_activation_checkpointing for encoder in encoders] == [True, False]
    assert len(made[0]) == 4 and made[0] == made[1], "the same numbers"


def test_rows_without_a_label_are_no_examples_but_are_predicted(tmp_path: Path) -> None:
    """As many are drawn as are asked for, the first by hash of those with labels; the others count for nothing."""
    blank = {0, 5, 11, 17}
    given = Run(tmp_path, dev=32, blank=blank)
    made = given.predict("16shots", "some")
    assert all(share(made, "test", code) > 0.9 for code in CODES)
    order = [place for place in by_hash(rows(32, "et"), 1) if place not in blank]
    settings = settings_of(given.made.jobs, "few_shot", "m", "16shots", "copa", 1, "xcopa_copa")
    trains = open_predictor(given.encoder.folder, settings)
    dev = rows(32, "et", blank=blank)
    features = open_features(given.features.parent / "dev-et.safetensors")
    found = trains._examples(dev, features, trains._first(dev, by_hash(dev, 1)))
    assert sorted({*found.example.tolist()}) == sorted(order[:16])
    assert found.targets["label"].tolist() == [dev[place]["label"] for place in found.example]
    assert len((made.folder / "dev-et.tsv").read_text().split()) == 32


def test_rows_without_a_label_are_not_counted_as_labelled(tmp_path: Path) -> None:
    made = Run(tmp_path, dev=18, blank={1, 2, 3}).predict("16shots", "none")
    assert made.reason == "xcopa/et: found 15 labelled dev examples; expected 16"


def test_too_few_examples_are_the_reason_for_nothing(tmp_path: Path) -> None:
    made = Run(tmp_path, dev=12).predict("16shots", "none")
    assert made.reason == "xcopa/et: found 12 labelled dev examples; expected 16" and not made.content["files"]
