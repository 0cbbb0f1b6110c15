"""Features in the store: what is in them, who shares them, and what becomes of them when they are damaged."""

import importlib
import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from family_tokenizers import LINES, trained

from xstilts.artifacts import Manifest, Product, produce, read_manifest
from xstilts.data.rows.subset import among
from xstilts.errors import DataError, UserError
from xstilts.families.features import Features, FeatureSettings
from xstilts.families.lengths import feature_settings
from xstilts.families.mlm import held_out
from xstilts.families.stored import open_features
from xstilts.featurising.job import featurise, tokenizer_files
from xstilts.files import read_jsonl, write_json, write_jsonl
from xstilts.modeling.fast_tokenizer import copy_tokenizer, open_tokenizer
from xstilts.training.labelled import shuffled_labels
from xstilts.training.phase import train_target

LABELS = ("contradiction", "entailment", "neutral")
LENGTHS = {"classification": 64, "multiple_choice": 64, "tagging": 24, "span_qa": 60, "doc_stride": 16, "max_query": 16}
OPTIMISATION = {"warmup": 0.1, "weight_decay": 0.01, "epsilon": 1e-8, "clip": 1.0, "evaluations": 1}
OPTIMISATION |= {"evaluate_every": 9, "micro_tokens": 512, "precision": "float32", "deterministic": False}


def row(number: int, language: str = "en", **fields: Any) -> dict[str, Any]:
    return {"id": f"{language}{number}", "language": language, "group": str(number), **fields}


def rows_of(family: str, count: int, language: str = "en") -> list[dict[str, Any]]:
    def line(i: int) -> str:
        return LINES[i % len(LINES)]

    def answer(i: int) -> dict[str, Any]:
        return {"text": line(i)[4:9], "start": 4}

    fields = {
        "classification": lambda i: {"text_a": line(i), "text_b": line(i + 1), "label": LABELS[i * i % 3]},
        "multiple_choice": lambda i: {"prompt": line(i), "choices": [line(i + 1), line(i + 2)], "label": i % 2},
        "tagging": lambda i: {"tokens": line(i).split(), "tags": ["NOUN"] * len(line(i).split())},
        "span_qa": lambda i: {
            "question": line(i + 3), "context": line(i) * 3, "answers": [answer(i)], "impossible": False
        },
        "retrieval": lambda i: {"text": line(i), "side": ("foreign", "english")[i % 2], "matches": []},
        "mlm": lambda i: {"text": f"{line(i)} {i}"},
    }[family]  # fmt: skip
    return [row(i, language, **fields(i)) for i in range(count)]


class Place:
    """A results folder with an encoder and data, in which features are made."""

    def __init__(self, folder: Path, store: Path, tokenizer: Path | None = None) -> None:
        self.folder, self.store = folder, store

        def copied(own: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
            (own / "model.safetensors").write_bytes(os.urandom(9))  # weights of its own
            return Product([*copy_tokenizer(tokenizer or trained(), own), "model.safetensors"])

        self.encoder = produce(folder / "encoder/manifest.json", self.spec("encoder", {}), {}, copied)

    def spec(self, name: str, settings: dict[str, Any], code: str = "") -> Path:
        path = self.folder / "specs" / f"{name}.json"
        write_json(path, {"rule": "featurise", "wildcards": [], "settings": settings, "code": code})
        return path

    def data(
        self,
        name: str,
        labelled: dict[str, int] | None = None,
        reason: str | None = None,
        **splits: list[dict[str, Any]],
    ) -> Path:
        def write(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
            for split, rows in splits.items():
                write_jsonl(folder / f"{split}.jsonl", rows)
            results = {"rows": {split: len(rows) for split, rows in splits.items()}, "evaluate": [*splits]}
            results |= {"labelled": labelled} if labelled else {}
            return Product([f"{split}.jsonl" for split in splits], results, reason)

        return produce(self.folder / "data" / name / "manifest.json", self.spec("data", {}), {}, write).path

    def features(self, name: str, settings: dict[str, Any], data: dict[str, Path], code: str = "") -> Manifest:
        spec, make = self.spec(name, settings, code), partial(featurise, encoder=self.encoder, store=self.store)
        return produce(self.folder / name / "manifest.json", spec, data, make, tokenizer_files(self.encoder))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "run", tmp_path / "store")


def training(family: str, **more: Any) -> dict[str, Any]:
    lengths = {name: LENGTHS[name] for name in (family, *(("doc_stride", "max_query") if family == "span_qa" else ()))}
    labels = {"classification": LABELS, "tagging": "data"}.get(family, ())
    selection = {"recipe": "paper", "examples": 5, "report": 7}
    return {
        "kind": "training_set", "family": family, "data": ["mnli/en"], "labels": labels, "no_answer": False,
        "limit": 20, "lengths": lengths, "selection": selection, "spared": [], **more,
    }  # fmt: skip


def evaluation(family: str, limit: int | None = None) -> dict[str, Any]:
    labels = LABELS if family == "classification" else ("NOUN",)
    lengths = LENGTHS | {"retrieval": 48}
    return {
        "kind": "evaluation", "family": family, "splits": ["dev", "test"], "languages": [], "limit": limit,
        "lengths": lengths, "labels": labels,
    }  # fmt: skip


def same(found: Features, expected: Features, without: tuple[str, ...] = ()) -> None:
    for name in ("input_ids", "offsets", "example"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    for group in {"targets", "context"} - set(without):
        mine, theirs = getattr(found, group), getattr(expected, group)
        assert mine.keys() == theirs.keys()
        assert all(np.array_equal(mine[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("family", ["classification", "multiple_choice", "tagging", "span_qa"])
def test_a_training_set_is_what_the_family_makes_of_its_rows(place: Place, family: str) -> None:
    train, dev = rows_of(family, 30), rows_of(family, 9)
    made = place.features("set", training(family), {"mnli/en": place.data("mnli/en", train=train, dev=dev)})
    labels = {"classification": LABELS, "tagging": ("NOUN",)}.get(family, ())
    assert made.results["train"] == 20 and made.results["labels"] == [*labels]
    assert made.results["selected_on"] == "5 English examples (the first 5 of mnli dev)"
    chosen = feature_settings(family, LENGTHS, labels, no_answer=False)
    module, tokenizer = importlib.import_module(f"xstilts.families.{family}"), open_tokenizer(trained())
    assert read_jsonl(made.folder / "dev.jsonl") == dev[:5]
    expected = module.featurise(dev[:5], tokenizer, chosen)
    same(open_features(made.folder / "dev.safetensors"), expected, without=("targets",))
    reported = read_jsonl(made.folder / "report.jsonl")
    assert len(reported) == 7 and all(one in dev for one in reported)
    expected = module.featurise(reported, tokenizer, chosen)
    same(open_features(made.folder / "report.safetensors"), expected, without=("targets",))
    ids = [(one["id"], one) for one in train]
    kept = [one for _, one in ids if one in _limited(train, 20)]
    expected = module.featurise(kept, tokenizer, chosen)
    same(open_features(made.folder / "train.safetensors"), expected, without=("context",))


UNLABELLED = {
    "classification": {"label": None},
    "multiple_choice": {"label": None},
    "tagging": {"tags": None},
    "span_qa": {"answers": [], "impossible": False},
}


@pytest.mark.parametrize("family", UNLABELLED)
def test_dev_rows_without_a_label_choose_no_checkpoint_and_are_not_reported(place: Place, family: str) -> None:
    """They would end the training at its first evaluation, or be wrong whatever the model says."""
    train, dev = rows_of(family, 30), rows_of(family, 9)
    some = [one | UNLABELLED[family] if number in (0, 4, 8) else one for number, one in enumerate(dev)]
    settings = training(family) | {"selection": {"recipe": "paper", "examples": None, "report": None}}
    made = place.features("set", settings, {"mnli/en": place.data("mnli/en", train=train, dev=some)})
    kept = [one for number, one in enumerate(dev) if number not in (0, 4, 8)]
    assert made.results["selected_on"] == "6 English examples (mnli dev)"
    for name in ("dev", "report"):
        assert read_jsonl(made.folder / f"{name}.jsonl") == kept
    clean = place.features("clean", settings, {"mnli/en": place.data("mnli/clean", train=train, dev=kept)})
    for name, entry in made.content["files"].items():
        assert entry["sha256"] == clean.content["files"][name]["sha256"], f"{name}: as if they were not in the file"

    none = [one | UNLABELLED[family] for one in dev]
    made = place.features("none", settings, {"mnli/en": place.data("mnli/none", train=train, dev=none)})
    assert made.results["selected_on"].startswith("3 English examples (a tenth of mnli train")
    held = read_jsonl(made.folder / "dev.jsonl")
    assert len(held) == 3 and held == read_jsonl(made.folder / "report.jsonl")
    assert made.results["train"] == 20 and all(one in train for one in held)


def test_a_data_set_without_labels_cannot_choose_for_another(place: Place) -> None:
    rows = rows_of("classification", 9)
    given = {
        "mnli/en": place.data("mnli/en", train=rows, dev=rows),
        "xnli/en": place.data("xnli/en", {"dev": 0}, dev=rows),
    }
    assert (
        place.features("set", training("classification", dev=["xnli/en"]), given).reason == "xnli/en: no labels in dev"
    )


def _limited(rows: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    from xstilts.data.rows.subset import first

    return list(first(rows, limit))


@pytest.mark.parametrize("family", ["classification", "tagging", "span_qa", "retrieval"])
def test_every_language_and_split_of_a_task_is_what_the_family_makes_of_it(place: Place, family: str) -> None:
    rows = {code: {"dev": rows_of(family, 8, code), "test": rows_of(family, 6, code)} for code in ("en", "de")}
    data = {f"xnli/{code}": place.data(f"xnli/{code}", **splits) for code, splits in rows.items()}
    data["xnli/fr"] = place.data("xnli/fr", reason="no file")
    made = place.features("task", evaluation(family), data)
    assert set(made.content["files"]) == {f"{split}-{code}.safetensors" for code in rows for split in rows[code]}
    settings = evaluation(family)
    chosen = feature_settings(family, settings["lengths"], settings["labels"], no_answer=False)
    module, tokenizer = importlib.import_module(f"xstilts.families.{family}"), open_tokenizer(trained())
    for code, splits in rows.items():
        for split, lines in splits.items():
            found = open_features(made.folder / f"{split}-{code}.safetensors")
            same(found, module.featurise(lines, tokenizer, chosen), without=("targets",))
            assert not found.targets


def test_another_data_set_may_choose_the_checkpoint(place: Place) -> None:
    rows, others = rows_of("classification", 9), rows_of("classification", 12)[::-1]
    sets = {"mnli/en": place.data("mnli/en", train=rows, dev=rows), "xnli/en": place.data("xnli/en", dev=others)}
    settings = training("classification", dev=["xnli/en"])
    settings["selection"] |= {"examples": None}
    made = place.features("set", settings, sets)
    assert read_jsonl(made.folder / "dev.jsonl") == others
    assert made.results["selected_on"] == "12 English examples (xnli dev)" and made.results["train"] == 9
    assert len(read_jsonl(made.folder / "report.jsonl")) == 7, "the report stays on the set's own dev"
    absent = sets | {"xnli/en": place.data("xnli/en2", reason="not there")}
    assert place.features("none", settings, absent).reason == "xnli/en: not there"


def test_of_a_group_of_languages_each_example_is_trained_on_in_one(place: Place) -> None:
    english = rows_of("classification", 60)
    told = {code: [one | {"language": code} for one in english] for code in ("en", "de", "fr")}
    data = {"mnli/en": place.data("mnli/en", train=english, dev=english[:7])}
    data |= {
        f"mnli-translated/{code}": place.data(f"mnli-translated/{code}", train=told[code]) for code in ("de", "fr")
    }
    names = list(data)
    settings = training("classification", data=names, chosen_on=["mnli/en"] * 3, spread=["en", "de", "fr"], limit=None)
    made = place.features("set", settings, data)
    taken = [among(one, settings["spread"]) for one in english]
    assert made.results["train"] == 60, "as many as in English alone"
    assert min(taken.count(code) for code in told) > 10, "and about as many in each language"
    kept = [one for code in told for one in told[code] if among(one, settings["spread"]) == code]
    assert sorted(one["id"] for one in kept) == sorted(one["id"] for one in english)
    assert read_jsonl(made.folder / "dev.jsonl") == english[:5], "the English dev set once, whatever the languages"
    few = place.features("few", settings | {"limit": 12}, data)
    assert few.results["train"] == 12


def test_raw_text_is_stored_unmasked_with_what_masking_needs(place: Place) -> None:
    lines = rows_of("mlm", 40)
    settings = {"kind": "raw_text", "family": "mlm", "data": ["text/en"], "packed": True, "lengths": {"mlm": 96}}
    made = place.features("text", settings, {"text/en": place.data("text/en", train=lines)})
    from xstilts.families import mlm

    tokenizer, chosen = open_tokenizer(trained()), FeatureSettings(max_length=96, packed=True)
    held = held_out(lines, 4)
    for name, expected in (("dev", True), ("train", False)):
        kept = [line for line in lines if ((line["language"], line["text"]) in held) == expected]
        same(open_features(made.folder / f"{name}.safetensors"), mlm.featurise(kept, tokenizer, chosen))
    assert (made.results["train"], made.results["held_out"]) == (36, 4)
    assert made.results["masking"]["mask_id"] == tokenizer.mask
    assert made.results["masking"]["vocab_size"] == len(tokenizer)


def test_permuted_labels_are_those_of_permuted_rows() -> None:
    tokenizer = open_tokenizer(trained())
    for family, settings in (
        ("classification", FeatureSettings(64, labels=LABELS)),
        ("multiple_choice", FeatureSettings(64)),
    ):
        module, rows = importlib.import_module(f"xstilts.families.{family}"), rows_of(family, 50)
        for seed in (1, 7):
            order = np.random.default_rng([seed, len(rows)]).permutation(len(rows))
            permuted = [one | {"label": rows[other]["label"]} for one, other in zip(rows, order, strict=True)]
            found = shuffled_labels(module.featurise(rows, tokenizer, settings), len(rows), seed)
            same(found, module.featurise(permuted, tokenizer, settings))
            assert not np.array_equal(
                found.targets["label"], module.featurise(rows, tokenizer, settings).targets["label"]
            )


def test_another_run_with_the_same_tokenizer_shares_the_store(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {"train": rows_of("classification", 30), "dev": rows_of("classification", 9)}
    first = place.features("set", training("classification"), {"mnli/en": place.data("mnli/en", **rows)})
    assert "train: tokenised, 20 rows" in capsys.readouterr().err
    other = Place(tmp_path / "other", place.store)
    assert other.encoder.digest != place.encoder.digest, "weights of its own"
    again = other.features("set", training("classification"), {"mnli/en": other.data("mnli/en", **rows)})
    assert "train: in the store, 20 rows" in capsys.readouterr().err
    assert again.digest == first.digest and again.results == first.results
    for name in first.content["files"]:
        assert (first.folder / name).samefile(again.folder / name)
    assert len(list(place.store.iterdir())) == 1


@pytest.mark.parametrize("what", ["the data", "a setting", "the code", "the tokenizer"])
def test_what_the_bytes_depend_on_makes_another_entry(place: Place, tmp_path: Path, what: str) -> None:
    rows = {"train": rows_of("classification", 30), "dev": rows_of("classification", 9)}
    place.features("set", training("classification"), {"mnli/en": place.data("mnli/en", **rows)})
    if what == "the tokenizer":
        folder = tmp_path / "tokenizer"
        folder.mkdir()
        copy_tokenizer(trained(), folder)
        said = json.loads((folder / "tokenizer.json").read_text())
        (folder / "tokenizer.json").write_text(json.dumps(said, indent=1))
        place = Place(tmp_path / "other", place.store, folder)
    rows["dev"] = rows["dev"][: 8 if what == "the data" else 9]
    settings = training("classification", limit=19 if what == "a setting" else 20)
    data = {"mnli/en": place.data("mnli/en2" if what == "the data" else "mnli/en", **rows)}
    place.features("set", settings, data, "new" if what == "the code" else "")
    assert len(list(place.store.iterdir())) == 2


def test_a_language_more_tokenises_that_language_only(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    data = {f"xnli/{code}": place.data(f"xnli/{code}", dev=rows_of("classification", 8, code)) for code in ("en", "de")}
    before = place.features("task", evaluation("classification"), {"xnli/en": data["xnli/en"]})
    hashes = before.content["files"]
    capsys.readouterr()
    after = place.features("task", evaluation("classification") | {"languages": ["en", "de"]}, data)
    assert capsys.readouterr().err.splitlines() == ["en: in the store, 8 rows", "de: tokenised, 8 rows"]
    assert {name: after.content["files"][name] for name in hashes} == hashes


def test_nothing_to_featurise_has_a_reason(place: Place) -> None:
    absent = {"mnli/en": place.data("mnli/en", reason="no file")}
    assert place.features("a", training("classification"), absent).reason == "mnli/en: no file"
    dev = {"mnli/en": place.data("mnli/en2", dev=rows_of("classification", 3))}
    assert place.features("b", training("classification"), dev).reason == "mnli/en: no training split"
    assert place.features("c", evaluation("classification"), absent).reason == "no file"


def test_a_row_that_is_not_english_is_not_featurised(place: Place) -> None:
    rows = rows_of("classification", 9)
    data = {"mnli/en": place.data("mnli/en", train=[*rows[:3], rows[3] | {"language": "de"}], dev=rows)}
    with pytest.raises(UserError, match=r"mnli/en: training row 4 \(id en3\) is in 'de'; expected English only"):
        place.features("set", training("classification"), data)


def test_a_tokenizer_that_was_changed_is_refused(place: Place) -> None:
    with open(place.encoder.folder / "tokenizer.json", "a") as file:
        file.write(" ")
    with pytest.raises(DataError, match=r"tokenizer\.json: found SHA-256 .* \(changed since it was made\)"):
        tokenizer_files(place.encoder)


@pytest.mark.parametrize("name", ["train.safetensors", "dev.safetensors", "report.jsonl"])
@pytest.mark.parametrize("damage", ["cut off", "one bit"])
def test_a_training_refuses_damaged_features_by_name(place: Place, name: str, damage: str) -> None:
    rows = {"train": rows_of("classification", 30), "dev": rows_of("classification", 9)}
    made = place.features("target/mnli", training("classification"), {"mnli/en": place.data("mnli/en", **rows)})
    path = made.folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage == "cut off" else bytes([*whole[:-1], whole[-1] ^ 1]))
    part = {"name": "mnli", "features": "target/mnli", "family": "classification", "shuffle_labels": False}
    spec = {"settings": {"parts": [part], "lengths": LENGTHS, "optimisation": OPTIMISATION, "seed": 1}}
    with pytest.raises(DataError, match=rf"target/mnli/{name}: found SHA-256 .* \(changed since it was made\)"):
        train_target(place.folder / "model", spec, {"encoder": place.encoder, "target/mnli": made})
    again = place.features("target/mnli", training("classification"), {"mnli/en": place.data("mnli/en", **rows)})
    assert path.read_bytes() == whole and again.digest == made.digest, "made anew, in the store too"


def test_the_manifest_of_stored_features_is_read_like_any_other(place: Place) -> None:
    data = {"xnli/en": place.data("xnli/en", dev=rows_of("classification", 8))}
    place.features("task", evaluation("classification"), data)
    (entry,) = place.store.iterdir()
    found = read_manifest(entry / "manifest.json")
    found.check()
    assert found.content["inputs"]["xnli/en"]["digest"] == read_manifest(data["xnli/en"]).digest
