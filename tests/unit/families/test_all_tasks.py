"""Every evaluated task and every training set goes to features and back, on real rows where the mirror has them."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import mirror
from data_files import rows as prepared
from data_files import write as lay_out
from dual_encoder_files import mewslix_files
from family_tokenizers import bert, pieces

from xstilts.families.features import TOKEN_ARRAYS, Features, FeatureSettings, lengths
from xstilts.families.stored import open_features, save_features
from xstilts.tasks import registry, task, training_set

TASKS, TRAINING = registry()
LANGUAGE = {"xnli": "th", "pawsx": "ja", "udpos": "ar", "panx": "de", "xquad": "zh", "mlqa": "hi", "tydiqa": "ko",
            "bucc2018": "de", "tatoeba": "ja", "mewslix": "ja", "lareqa": "zh", "xcopa": "th", "xcopa_copa": "th",
            "udpos27": "en", "tatoeba_squad": "ja"}  # fmt: skip
SMALL = {  # data sets that may not be passed on: the upstream format with a few rows of our own
    "qqp": {
        "intermediate/qqp/train.tsv": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
        '7\t1\t2\tWhat is a "fox"?\tIs a fox a dog?\t0\n8\t3\t4\tWhere is it?\tWhere can it be found?\t1\n',
        "intermediate/qqp/dev.tsv": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n9\t5\t6\tWho?\tWhom?\t0\n",
    },
    "ccg": {
        "intermediate/ccg/train.tsv": "The\tNP/N\nfox\tN\njumps\tS\\NP\n\nDogs\tNP\nbark\tS\\NP\n",
        "intermediate/ccg/dev.tsv": "Foxes\tNP\nsleep\tS\\NP\n",
    },
    "udpos27": {
        f"targets/udpos27/{split}-en.tsv": "The\tDET\nfox\tNOUN\njumps\tVERB\n\nDogs\tNOUN\nbark\tVERB\n"
        for split in ("train", "dev")
    },
    "panx": {
        "targets/panx/de/dev": "de:Die\tO\nde:Stadt\tO\nde:Sankt\tB-LOC\nde:Gallen\tI-LOC\n\nde:Ada\tB-PER\n\n",
        "targets/panx/de/test": "de:ACME\tB-ORG\n\n",
    },
    "bucc2018": {
        f"targets/bucc2018/de-en/de-en.{split}.{side}": content
        for split in ("sample", "training")
        for side, content in {
            "de": "de-1\tDer Fuchs springt.\nde-2\tEin Hund bellt.\n",
            "en": "en-1\tA dog barks.\nen-2\tThe sun shines.\n",
            "gold": "de-2\ten-1\n",
        }.items()
    },
    **{name: {f"targets/mewslix/{k}": v for k, v in mewslix_files().items()} for name in ("mewslix", "mewslix-train")},
}


def real_rows(dataset: str, language: str, tmp_path: Path, split: str | None = None) -> list[dict[str, Any]]:
    """Return up to 40 rows of a data set, of the named split or else of whichever comes first."""
    origin = lay_out(tmp_path / "origin", SMALL[dataset]) if dataset in SMALL else mirror()
    splits = prepared(dataset, language, origin, tmp_path / "out")[1]
    return splits[split or next(iter(splits))][:40]


def round_trip(family: str, rows: list[dict[str, Any]], tokenizer: Any, settings: FeatureSettings) -> Features:
    """Featurise, check what every family promises, and decode outputs of the shapes that its head gives."""
    module = importlib.import_module(f"xstilts.families.{family}")
    features = module.featurise(rows, tokenizer, settings)
    assert lengths(features).max() <= settings.max_length
    assert features.input_ids.min() >= 0 and features.input_ids.max() < len(tokenizer)
    assert np.unique(features.example).tolist() == list(range(len(rows)))
    assert (np.diff(features.example) >= 0).all()
    for name, values in (features.targets | features.context).items():
        assert len(values) == len(features.input_ids if name in TOKEN_ARRAYS else features), name
    shape = {
        "classification": lambda n: (len(settings.labels),),
        "multiple_choice": lambda n: (1,),
        "tagging": lambda n: (n, len(settings.labels)),
        "span_qa": lambda n: (n, 2),
        "retrieval": lambda n: (8,),
        "dual_encoder": lambda n: (8,),
    }[family]
    rng = np.random.default_rng(0)
    outputs = [rng.normal(size=shape(n)).astype(np.float32) for n in lengths(features)]
    if "targets" in rows[0]:
        return features  # a query is compared with candidates, not decoded
    predictions = module.decode(outputs, features, rows, settings)
    assert len(predictions) == len(rows)
    if family == "tagging":
        assert [len(tags) for tags in predictions] == [len(row["tokens"]) for row in rows]
    if family == "span_qa":
        assert all(row["context"].count(predictions[row["id"]]) and predictions[row["id"]] for row in rows)
    return features


def stays_the_same_in_a_file(features: Features, folder: Path) -> None:
    """Check that features that were stored are those that were made, to the type of each array."""
    save_features(features, folder / "stored.safetensors")
    found = open_features(folder / "stored.safetensors")
    for group in ("targets", "context"):
        assert getattr(found, group).keys() == getattr(features, group).keys()
    pairs = [(getattr(features, name), getattr(found, name)) for name in ("input_ids", "offsets", "example")]
    pairs += [(values, found.targets[name]) for name, values in features.targets.items()]
    pairs += [(values, found.context[name]) for name, values in features.context.items()]
    for made, stored in pairs:
        assert stored.dtype == made.dtype and np.array_equal(stored, made) and not stored.flags.writeable


@pytest.mark.parametrize("make", [pieces, bert])
@pytest.mark.parametrize("name", TASKS)
def test_every_task_goes_to_features_and_back(name: str, make, tmp_path: Path) -> None:
    found = task(name)
    rows = real_rows(found.dataset, LANGUAGE[name], tmp_path)
    labels = training_set(found.target).labels if found.target != "none" else ()
    settings = FeatureSettings(max_length=512 if found.family == "retrieval" else 256, labels=tuple(labels))
    stays_the_same_in_a_file(round_trip(found.family, rows, make(), settings), tmp_path)


@pytest.mark.parametrize("name", TRAINING)
def test_every_training_set_goes_to_features_with_all_its_targets(name: str, tmp_path: Path) -> None:
    found = training_set(name)
    for part in found.parts:
        origin_language = "de" if part == "panx" else "en"  # the small files above have no English ones
        split = "dev" if part == "panx" else "train"
        rows = real_rows(part, origin_language, tmp_path / part, split)
        labels = sorted({tag for row in rows for tag in row["tags"]}) if found.labels == "data" else found.labels
        settings = FeatureSettings(max_length=256, labels=tuple(labels), no_answer=found.no_answer)
        features = round_trip(found.family, rows, pieces(), settings)
        stays_the_same_in_a_file(features, tmp_path)
        if found.family == "tagging":
            assert (features.targets["tag"] >= 0).sum() == sum(len(row["tokens"]) for row in rows)
        elif found.family == "span_qa":
            answered = np.bincount(features.example, features.targets["start"] > 0, len(rows)) > 0
            possible = np.array([not row["impossible"] for row in rows])
            assert (answered <= possible).all()
            assert answered[possible].mean() > 0.9  # an answer may be longer than a window of such small pieces
        elif found.family == "dual_encoder":
            assert np.bincount(features.example).tolist() == [2] * len(rows)
        else:
            assert (features.targets["label"] >= 0).all()
