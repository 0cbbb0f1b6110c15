"""How fast the trained models of a study's arms answer: a question at a time, and many at once, in one process.

Questions are those of the test sets in all languages, at their real lengths. Arms take turns forwards and backwards
(ABBA), so that what the machine does meanwhile falls on all alike. Timed is the way from token ids to scores of the
choices; tokenising and decoding lie outside.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.artifacts import Manifest, Product
from xstilts.console import say
from xstilts.files import write_text
from xstilts.reporting.scores import csv_text
from xstilts.serving.names import Scenario
from xstilts.serving.scenarios import Load, Measured, System

COLUMNS = ("arm", "scenario", "repeat", "questions", "seconds", "rate", "p50", "p90", "p99")
FILE = "latency.csv"
ALONE: Scenario = "SingleStream"
MANY: Scenario = "Offline"


def measure_latency(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Write ``latency.csv``, a row an arm, scenario and repeat; seconds, and questions a second.

    Args:
        folder: of the artifact.
        spec: its ``settings`` are those of a prediction, and hold ``latency`` (questions, repeats) and ``arms``: the
            roles of each one's model, of the encoder below it (None: a whole one), and whether adapters are merged.
        inputs: ``features`` of the task; models by MODEL/SOURCE/TARGET/SEED, ``below`` the pretrained encoder; with a
            decoder ``decoder``, the data by ``DATASET/LANGUAGE`` and ``shots``.

    Returns:
        A product; one with a reason where a model is not there.
    """
    from xstilts.families.stored import open_features
    from xstilts.serving.model import open_served, system
    from xstilts.serving.twin import measure
    from xstilts.studies.turns import measure_all

    settings = spec["settings"]
    absent = {role: found.reason for role, found in inputs.items() if found.reason}
    if absent:
        return Product(reason="; ".join(f"{role}: {why}" for role, why in absent.items()))
    names = [f"test-{code}.safetensors" for code in settings["languages"]]
    there = [name for name in names if name in inputs["features"].content["files"]]
    if not there:
        return Product(reason=f"{settings['task']}: no test set")
    inputs["features"].check(there)
    opened = [open_features(inputs["features"].folder / name) for name in there]
    systems, facts = {}, {}
    for arm, one in settings["arms"].items():
        inputs[one["model"]].check()
        below = inputs[one["below"]].folder if one["below"] else None
        before = _held()
        model = open_served(
            inputs[one["model"]].folder,
            below,
            settings["family"],
            one["merged"],
            settings["precision"],
            settings["deterministic"],
        )
        held = _held()
        systems[arm] = together([system(model, part, settings["micro_tokens"]) for part in opened])
        tokens = sum(len(part.input_ids) for part in opened) / systems[arm][1]
        memory = None if held is None or before is None else held - before
        facts[arm] = {"tokens_a_question": tokens, "load_seconds": model.seconds, "gpu_bytes": memory}
    if "decoder" in inputs:
        more, own = _in_context(settings, inputs)
        systems, facts = systems | more, facts | own
    count, repeats = settings["latency"]["questions"], settings["latency"]["repeats"]
    loads: dict[Scenario, Load] = {ALONE: Load(ALONE, 0.9, 0.0, count), MANY: Load(MANY, 0.9, 0.0, count)}
    found = measure_all(systems, loads, measure, repeats, say=say)
    rows = [
        _row(taken.measured) | {"arm": arm, "scenario": scenario, "repeat": repeat}
        for arm, by in found.items()
        for scenario, all_of in by.items()
        for repeat, taken in enumerate(all_of)
    ]
    write_text(folder / FILE, csv_text(rows, COLUMNS))
    return Product([FILE], {"arms": facts})


def _row(one: Measured) -> dict[str, Any]:
    latency = {f"p{name}": one.latency[f"{int(name) / 100:g}"] for name in ("50", "90", "99")}
    return {"questions": one.samples, "seconds": one.seconds, "rate": one.rate} | latency


def role_of(manifest: Path) -> str:
    """Name a trained model by MODEL/SOURCE/TARGET/SEED, and data by DATASET/LANGUAGE."""
    return "/".join(manifest.parts[-3:-1] if "data" in manifest.parts else manifest.parts[-5:-1])


def together(parts: Sequence[tuple[System, int]]) -> tuple[System, int]:
    """Return several systems as one, whose samples are those of each, one behind the other."""
    bounds = np.cumsum([0, *(count for _, count in parts)])

    def answer(asked: list[int]) -> None:
        owner = np.searchsorted(bounds, asked, side="right") - 1
        for place in np.unique(owner):
            parts[place][0]([one - int(bounds[place]) for one, own in zip(asked, owner, strict=True) if own == place])

    return answer, int(bounds[-1])


def _in_context(
    settings: Mapping[str, Any], inputs: Mapping[str, Manifest]
) -> tuple[dict[str, tuple[System, int]], dict[str, dict[str, Any]]]:
    """Return the systems of a decoder with each number of examples in its context, and what is known of them."""
    from xstilts.data.rows.evaluated import rows_of
    from xstilts.prediction.in_context import lay_out, open_decoder

    systems: dict[str, tuple[System, int]] = {}
    facts: dict[str, dict[str, Any]] = {}
    before = _held()
    decoder = open_decoder(inputs["decoder"].folder, settings["precision"], settings["deterministic"])
    held = _held()
    memory = None if held is None or before is None else held - before
    data = [inputs[f"{settings['dataset']}/{code}"] for code in settings["languages"]]
    rows = [
        row for found in data if "test" in found.results["rows"] for row in rows_of(found, "test", settings["limit"])
    ]
    for arm, count in settings["in_context"].items():
        laid = lay_out(decoder, rows, inputs["shots"], count, settings["seed"])

        systems[arm] = _answering(decoder, laid, settings["micro_tokens"]), len(laid)
        tokens = sum(len(ids) for question in laid for ids, _ in question) / len(laid)
        facts[arm] = {"tokens_a_question": tokens, "load_seconds": decoder.seconds, "gpu_bytes": memory}
    return systems, facts


def _answering(decoder: Any, laid: Sequence[Any], micro_tokens: int) -> System:
    from xstilts.prediction.in_context import scores

    def answer(asked: list[int]) -> None:
        scores(decoder, [laid[one] for one in asked], micro_tokens)

    return answer


def _held() -> int | None:
    import torch

    return torch.cuda.memory_allocated() if torch.cuda.is_available() else None
