"""One training of either phase: data in, the best encoder out, and for a target its head."""

import importlib
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.console import say
from xstilts.families.facts import facts
from xstilts.training.parts import train_parts


def train_phase(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest], keep_head: bool) -> Product:
    """Train an encoder on the parts of a source, or on a target, and write it as a Hugging Face folder.

    Args:
        folder: the artifact; checkpoints stand in it while the training runs.
        spec: its ``settings`` hold seed, parts, learning_rate, lengths, optimisation, ``method`` of adapters,
            ``sentence`` where another vector than usual stands for a sequence, and of a chain ``before``, the trainings
            that come before this one under the same head.
        inputs: ``encoder``; where that is adapters, ``below``, the encoder below them; the stored features by
            ``PHASE/NAME``, and where the settings say ``steps_of``, its data.
        keep_head: write the head too, for the prediction.

    Returns:
        A product with the dev scores; one with a reason when there is no encoder or nothing to train on. A labelled
        part of a mixture without data is left out, and the results say so; a source with raw text needs that text.
    """
    settings = spec["settings"]
    if inputs["encoder"].reason:
        return Product(reason=inputs["encoder"].reason)
    for link in settings.get("before", ()):
        for part in link["parts"]:
            if inputs[part["features"]].reason:
                return Product(reason=inputs[part["features"]].reason)
            inputs[part["features"]].check()
    absent = {part["name"]: why for part in settings["parts"] if (why := inputs[part["features"]].reason)}
    parts = [part for part in settings["parts"] if part["name"] not in absent]
    if _kinds(parts) != _kinds(settings["parts"]):
        return Product(reason="; ".join(absent.values()))
    for name, why in absent.items():
        say(f"{name} is left out of the mixture: {why}")
    for role in ("encoder", *(["below"] if "below" in inputs else []), *(part["features"] for part in parts)):
        inputs[role].check()
    chosen = settings | {"parts": parts}
    if "gpus_per_job" in settings:
        product: Product = _torchrun().start(folder, chosen, inputs, keep_head, absent)
        return product
    return train_parts(folder, chosen, inputs, keep_head, absent)


def _kinds(parts: list[dict[str, Any]]) -> set[bool]:
    return {facts(part["family"]).raw for part in parts}


def _torchrun() -> Any:
    """Open what only a training among several GPUs runs: an edit of it reruns no other."""
    return importlib.import_module("xstilts.training.torchrun")


def train_source(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Train an encoder on a source; its heads are not kept (every target gets a new one)."""
    return train_phase(folder, spec, inputs, keep_head=False)


def train_target(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Train an encoder and one fresh head on a target, and keep both."""
    return train_phase(folder, spec, inputs, keep_head=True)
