"""Predictions of a trained target model: labels, tags or answers."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.families.facts import facts
from xstilts.families.features import Features
from xstilts.families.lengths import feature_settings
from xstilts.files import read_json
from xstilts.modeling.encoder import check_lengths
from xstilts.modeling.model import Model, build_model, device
from xstilts.modeling.whole import open_whole
from xstilts.prediction.forward import outputs

Predict = Callable[[Path, str, dict[str, Any], dict[str, Features]], list[str]]


def open_trained(
    model_folder: Path, settings: dict[str, Any], below: Path | None = None
) -> tuple[Model, dict[str, Any]]:
    """Load encoder and head of a target; return the model on its device, and the head's name, family and labels.

    With ``below``, the folder of an encoder, the model's folder holds adapters in it.

    Raises:
        UserError: a folder without a head.
    """
    from safetensors.torch import load_file

    if not (model_folder / "head.json").is_file():
        raise UserError(f"{model_folder}: found no head.json; expected a model of the target phase")
    head = read_json(model_folder / "head.json")
    heads = {head["name"]: (settings["family"], max(1, len(head["labels"])))}
    encoder = open_whole(model_folder, below)
    check_lengths(encoder, model_folder, settings["lengths"])
    encoder.sentence = head.get("sentence", "first")
    model = build_model(encoder, heads, 0, settings["precision"])
    model.heads[head["name"]].load_state_dict(load_file(model_folder / "head.safetensors"))
    return model.to(device(settings["deterministic"])), head


def open_predictor(model_folder: Path, settings: dict[str, Any], below: Path | None = None) -> Predict:
    """Load encoder and head once; return the function that writes one language's files.

    With ``below``, the folder of an encoder, the model's folder holds adapters in it.
    The function takes (folder, language, rows by split, features by split) and returns the names of the files it wrote.
    """
    family = settings["family"]
    module = importlib.import_module(f"xstilts.families.{family}")
    model, head = open_trained(model_folder, settings, below)
    chosen = feature_settings(family, settings["lengths"], tuple(head["labels"]), settings.get("no_answer", False))

    def predict(folder: Path, language: str, rows: dict[str, Any], features: dict[str, Features]) -> list[str]:
        names = []
        for split, split_rows in rows.items():
            raw = outputs(model, head["name"], family, features[split], settings["micro_tokens"])
            name = f"{split}-{language}.{facts(family).suffix}"
            module.write(folder / name, module.decode(raw, features[split], split_rows, chosen), split_rows)
            names.append(name)
        return names

    return predict
