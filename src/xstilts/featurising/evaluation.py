"""The evaluation data of a task as features, a entry each language."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.data.rows.evaluated import rows_of, splits_of
from xstilts.families.lengths import feature_settings
from xstilts.families.stored import save_features
from xstilts.featurising.entry import Entry
from xstilts.modeling.fast_tokenizer import FastTokenizer


def file_of(split: str, language: str) -> str:
    """Return the name of the file that holds a split's features in a language."""
    return f"{split}-{language}.safetensors"


def entries(settings: dict[str, Any], data: dict[str, Manifest]) -> tuple[list[Entry], str]:
    """Return the languages that have data, and why there are none."""
    reasons = sorted({found.reason for found in data.values() if found.reason})
    shared = {name: value for name, value in settings.items() if name != "languages"}
    found = []
    for role, manifest in data.items():
        language = role.partition("/")[2]
        if not manifest.reason:
            own = {"language": language, "splits": splits_of(manifest, settings)}
            found.append(Entry(language, shared | own, (role,), lambda made: f"{sum(made['rows'].values())} rows"))
    return found, "; ".join(reasons)


def make(folder: Path, settings: dict[str, Any], inputs: dict[str, Manifest], tokenizer: FastTokenizer) -> Product:
    """Write the features of each split of a language; what a model should say is not in them."""
    (data,) = inputs.values()
    family, language = settings["family"], settings["language"]
    labels = () if settings["labels"] == "data" else tuple(settings["labels"])
    chosen = feature_settings(family, settings["lengths"], labels, no_answer=False)
    chosen = replace(chosen, prefix=settings.get("prefix", ""))
    featurise = importlib.import_module(f"xstilts.families.{family}").featurise
    counts, files = {}, []
    for split in settings["splits"]:
        rows = rows_of(data, split, settings["limit"])
        save_features(replace(featurise(rows, tokenizer, chosen), targets={}), folder / file_of(split, language))
        counts[split] = len(rows)
        files.append(file_of(split, language))
    return Product(files, {"rows": counts})
