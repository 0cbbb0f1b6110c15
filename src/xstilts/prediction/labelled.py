"""Predictions of a trained target model: labels, tags or answers."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.files import read_json
from xstilts.modeling.encoder import check_lengths, open_encoder
from xstilts.modeling.model import build_model, device
from xstilts.prediction.forward import outputs
from xstilts.tasks.features import Features
from xstilts.tasks.lengths import feature_settings

SUFFIX = {"span_qa": "json"}

Predict = Callable[[Path, str, dict[str, Any], dict[str, Features]], list[str]]


def open_predictor(model_folder: Path, settings: dict[str, Any]) -> Predict:
    """Load encoder and head once; return the function that writes one language's files.

    The function takes (folder, language, rows by split, features by split) and returns the names of the files it wrote.
    """
    from safetensors.torch import load_file

    if not (model_folder / "head.json").is_file():
        raise UserError(f"{model_folder}: found no head.json; expected a model of the target phase")
    head = read_json(model_folder / "head.json")
    family = settings["family"]
    module = importlib.import_module(f"xstilts.tasks.{family}")
    heads = {head["name"]: (family, max(1, len(head["labels"])))}
    encoder = open_encoder(model_folder)
    check_lengths(encoder, model_folder, settings["lengths"])
    model = build_model(encoder, heads, 0, settings["precision"])
    model.heads[head["name"]].load_state_dict(load_file(model_folder / "head.safetensors"))
    model.to(device(settings["deterministic"]))
    chosen = feature_settings(family, settings["lengths"], tuple(head["labels"]), no_answer=False)

    def predict(folder: Path, language: str, rows: dict[str, Any], features: dict[str, Features]) -> list[str]:
        names = []
        for split, split_rows in rows.items():
            raw = outputs(model, head["name"], family, features[split], settings["micro_tokens"])
            name = f"{split}-{language}.{SUFFIX.get(family, 'tsv')}"
            module.write(folder / name, module.decode(raw, features[split], split_rows, chosen), split_rows)
            names.append(name)
        return names

    return predict
