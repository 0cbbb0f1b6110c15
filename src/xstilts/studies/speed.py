"""How fast the arms of a study train: steps measured in one process, in an order and its reverse by turns (ABBA).

Between arms nothing differs but their examples, so what warms up, throttles or is shared with others meets all alike.
The encoder reads sequences end to end. ``dynamic`` and ``maximum`` fill each sequence up to the longest of its batch,
or to the limit of tokens, with tokens that are computed as any other: what padding costs an encoder that has it.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.artifacts import Manifest, Product
from xstilts.console import say
from xstilts.families.features import TOKEN_ARRAYS, Features, ends, lengths, take
from xstilts.files import write_text
from xstilts.reporting.scores import csv_text

COLUMNS = (
    *("arm", "batching", "repeat", "step", "seconds", "data_seconds", "examples", "tokens", "computed_tokens"),
    "peak_gpu_memory_mb",
)
FILE = "steps.csv"
WARM = 2  # steps of each arm and batching before anything is measured


def measure_speed(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Write ``steps.csv``, a row a measured step.

    Args:
        folder: of the artifact.
        spec: its ``settings`` hold ``speed`` (arms, batching, repeats, steps) and ``training`` (the settings of each
            arm's training).
        inputs: ``encoder``, and the stored features by ``PHASE/NAME``.
    """
    from xstilts.modeling.encoder import open_encoder
    from xstilts.modeling.model import build_model, device
    from xstilts.training.labelled import open_task
    from xstilts.training.loop import Recipe, component
    from xstilts.training.optimiser import build_optimiser
    from xstilts.training.sampler import schedule

    settings = spec["settings"]
    wanted, trainings = settings["speed"], settings["training"]
    absent = {role: found.reason for role, found in inputs.items() if found.reason}
    if absent:
        return Product(reason="; ".join(f"{role}: {why}" for role, why in absent.items()))
    opened = {arm: open_task(one["parts"][0], one, inputs, say) for arm, one in trainings.items()}
    first = next(iter(trainings.values()))
    recipe = Recipe(
        seed=first["seed"], learning_rate=0.0, checkpoint_minutes=1e9, **first["optimisation"]
    )  # at a rate of 0 a step computes what it always does, and every arm meets the same weights
    heads = {task.data.name: (task.data.family, max(1, len(task.labels))) for task in opened.values()}
    model = build_model(open_encoder(inputs["encoder"].folder), heads, first["seed"], recipe.precision)
    where = device(recipe.deterministic)
    model.to(where)
    model.keep_half()
    optimiser = build_optimiser(model, recipe.weight_decay, recipe.epsilon)
    plans, bounds = {}, {}
    for arm, task in opened.items():
        bounds[arm] = np.arange(len(task.data.features.example) + 1)
        plans[arm] = schedule([component(task.data, bounds[arm])], recipe.seed)
    limits = {arm: one["lengths"][one["parts"][0]["family"]] for arm, one in trainings.items()}
    rows = []
    for arm, batching, repeat, step in order(wanted["arms"], wanted["batching"], wanted["repeats"], wanted["steps"]):
        task, plan = opened[arm], plans[arm]
        _wait(where)
        began = time.perf_counter()
        _, chosen = plan.batch((max(0, repeat) * wanted["steps"] + step) % plan.steps)
        real = take(task.data.features, chosen)
        read = filled(real, batching, limits[arm])
        part = replace(task.data, features=read)
        ready = time.perf_counter()
        took = _step(model, part, optimiser, recipe, step, where)
        if repeat < 0:
            continue  # warming up
        counts = {"examples": len(chosen), "tokens": len(real.input_ids), "computed_tokens": len(read.input_ids)}
        spent = {"seconds": ready - began + took, "data_seconds": ready - began, "peak_gpu_memory_mb": _peak(where)}
        rows.append({"arm": arm, "batching": batching, "repeat": repeat, "step": step} | spent | counts)
    write_text(folder / FILE, csv_text(rows, COLUMNS))
    cut = {arm: inputs[one["parts"][0]["features"]].results["at_limit"] for arm, one in trainings.items()}
    whole = {arm: (task.train_rows, int(task.data.features.offsets[-1])) for arm, task in opened.items()}
    size = {arm: {"examples": count, "tokens": tokens} for arm, (count, tokens) in whole.items()}
    epochs = {arm: task.data.epochs for arm, task in opened.items()}
    return Product([FILE], {"at_limit": cut, "sizes": size, "epochs": epochs, "device": str(where)})


def order(
    arms: Sequence[str], batchings: Sequence[str], repeats: int, steps: int
) -> Iterator[tuple[str, str, int, int]]:
    """Yield (arm, batching, repeat, step): every second repeat goes backwards; repeat -1 warms up."""
    cells = [(arm, batching) for batching in batchings for arm in arms]
    for repeat in range(-1, repeats):
        for arm, batching in cells if repeat % 2 == 0 else reversed(cells):
            for step in range(WARM if repeat < 0 else steps):
                yield arm, batching, repeat, step


def filled(features: Features, batching: str, limit: int) -> Features:
    """Return a batch as it is (``unpadded``), or its sequences filled up with their last token.

    Args:
        features: of the batch.
        batching: ``dynamic`` fills up to the longest, ``maximum`` up to ``limit``.
        limit: tokens.
    """
    if batching == "unpadded":
        return features
    size = lengths(features)
    width = int(size.max()) if batching == "dynamic" else limit
    within = np.minimum(np.arange(width)[None, :], size[:, None] - 1)
    places = (features.offsets[:-1][:, None] + within).ravel()

    def wide(arrays: dict[str, Any]) -> dict[str, Any]:
        return {name: values[places] if name in TOKEN_ARRAYS else values for name, values in arrays.items()}

    return replace(
        features,
        input_ids=features.input_ids[places],
        offsets=ends(np.full(len(size), width)),
        targets=wide(features.targets),
        context=wide(features.context),
    )


def _step(model: Any, part: Any, optimiser: Any, recipe: Any, step: int, where: Any) -> float:
    from xstilts.training.loop import accumulate

    count = len(part.features.example)
    began = time.perf_counter()
    accumulate(model, part, np.arange(count + 1), np.arange(count), recipe, step)
    optimiser.step(recipe.learning_rate, recipe.clip)
    _wait(where)
    return time.perf_counter() - began


def _wait(where: Any) -> None:
    if where.type == "cuda":
        import torch

        torch.cuda.synchronize(where)


def _peak(where: Any) -> int | None:
    """Return the most memory that a GPU held since it was last asked."""
    if where.type != "cuda":
        return None
    import torch

    peak = torch.cuda.max_memory_allocated(where)
    torch.cuda.reset_peak_memory_stats(where)
    return round(peak / 2**20)
