"""How fast the arms of a study train: steps measured in one process, in an order and its reverse by turns (ABBA).

Between arms nothing differs but their examples, so what warms up, throttles or is shared with others meets all alike.
Each arm moves the rows of the embedding that its training reads, as that does: of more languages they are more.
The encoder reads sequences end to end. ``dynamic`` and ``maximum`` fill each sequence up to the longest of its batch,
or to the limit of tokens, with tokens that are computed as any other: what padding costs an encoder that has it.
"""

import importlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.artifacts import Manifest, Product
from xstilts.console import say
from xstilts.errors import UserError
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
    from xstilts.modeling.batches import units
    from xstilts.modeling.encoder import open_encoder
    from xstilts.modeling.model import build_model, device
    from xstilts.training.labelled import open_task
    from xstilts.training.loop import Recipe, component
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
    method: dict[str, Any] = first.get("method", {})
    if other := [arm for arm, one in trainings.items() if one.get("method", {}) != method]:
        raise UserError(
            f"speed.arms: found {other[0]}, which trains by another method than the first; expected one method"
        )
    encoder = open_encoder(inputs["encoder"].folder, as_stored="bits" in method)
    if method:  # by name: few runs have adapters
        importlib.import_module("xstilts.modeling.adapted").attach(encoder, method, first["seed"])
    model = build_model(encoder, heads, first["seed"], recipe.precision)
    where = device(recipe.deterministic)
    embeddings = _Embeddings(model, {arm: task.pieces for arm, task in opened.items()}, where)
    model.to(where)
    model.keep_half()
    optimiser = embeddings.optimiser(recipe)
    bounds = {arm: units(task.data.features, task.data.family) for arm, task in opened.items()}
    plans = {arm: schedule([component(task.data, bounds[arm])], recipe.seed) for arm, task in opened.items()}
    limits = {arm: one["lengths"][one["parts"][0]["family"]] for arm, one in trainings.items()}
    rows = []
    for arm, batching, repeat, step in order(wanted["arms"], wanted["batching"], wanted["repeats"], wanted["steps"]):
        task, plan = opened[arm], plans[arm]
        embeddings.take(arm)
        _wait(where)
        began = time.perf_counter()
        _, chosen = plan.batch((max(0, repeat) * wanted["steps"] + step) % plan.steps)
        members = [np.arange(bounds[arm][one], bounds[arm][one + 1]) for one in chosen]
        real = take(task.data.features, np.concatenate(members))
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
    whole = {arm: (plan.components[0].units, int(opened[arm].data.features.offsets[-1])) for arm, plan in plans.items()}
    size = {arm: {"examples": count, "tokens": tokens} for arm, (count, tokens) in whole.items()}
    epochs = {arm: task.data.epochs for arm, task in opened.items()}
    found = {"at_limit": cut, "sizes": size, "epochs": epochs, "embedding_rows": embeddings.rows}
    return Product([FILE], found | {"device": str(where)})


class _Embeddings:
    """The rows of the embedding that each arm's training holds (``modeling.read_rows``), in one model by turns."""

    def __init__(self, model: Any, pieces: Mapping[str, Any], where: Any) -> None:
        """Make them of an encoder on the CPU, whose embedding is the first arm's then.

        Args:
            model: the encoder with its heads.
            pieces: those that an arm's texts have.
            where: the device of the steps.
        """
        from xstilts.modeling.read_rows import keep_read_rows

        self.model, self.place = model, ""
        self.of: dict[str, Any] = {}
        whole = dict(model.encoder.named_modules())
        for arm, read in pieces.items():
            rows = keep_read_rows(model.encoder, [read])
            if rows is not None:
                self.place = next(name for name, part in model.encoder.named_modules() if part is rows)
                model.encoder.set_submodule(self.place, whole[self.place])
                self.of[arm] = rows.to(where)
        for arm in pieces if self.place else ():
            self.of.setdefault(arm, whole[self.place].to(where))  # a training that reads all rows
        self.take(next(iter(pieces)))

    @property
    def rows(self) -> dict[str, int]:
        """How many rows a step of each arm moves; none with adapters, or where an embedding does more than look up."""
        return {arm: len(found.weight) for arm, found in self.of.items()}

    def take(self, arm: str) -> None:
        """Give the encoder the embedding of an arm."""
        if self.of:
            self.model.encoder.set_submodule(self.place, self.of[arm])

    def optimiser(self, recipe: Any) -> Any:
        """Return an optimiser with each arm's rows, and all else once: a step moves what has gradients."""
        from xstilts.training.optimiser import build_optimiser

        found = build_optimiser(self.model, recipe.weight_decay, recipe.epsilon)
        if self.of:
            name = f"encoder.{self.place}.weight"
            del found.parameters[name]
            found.parameters |= {f"{arm}: {name}": embedding.weight for arm, embedding in self.of.items()}
            found.decay |= {f"{arm}: {name}": found.decay[name] for arm in self.of}
        return found


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
    from xstilts.modeling.batches import units
    from xstilts.training.loop import accumulate

    bounds = units(part.features, part.family)
    began = time.perf_counter()
    accumulate(model, part, bounds, np.arange(len(bounds) - 1), recipe, step)
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
