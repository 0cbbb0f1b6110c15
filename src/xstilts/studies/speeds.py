"""From measured steps to speeds of arms, and to ratios of speeds with intervals over repeats."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from xstilts.artifacts import Manifest
from xstilts.files import read_json
from xstilts.reporting.run import RunFolder
from xstilts.studies.comparison import Comparison
from xstilts.studies.measure import Finding
from xstilts.studies.speed import FILE
from xstilts.uncertainty.quantiles import student_quantile

COLUMNS = (
    *("arm", "batching", "repeats", "steps", "examples_per_second", "tokens_per_second", "computed_tokens_per_second"),
    *("padded_percent", "step_p50_ms", "step_p95_ms", "data_wait_percent", "peak_gpu_memory_mb", "at_limit"),
    *("hours_to_finish", "hours_to_english_dev"),
)
Steps = Sequence[Mapping[str, Any]]


def read_steps(manifest: Manifest) -> list[dict[str, Any]]:
    """Return the measured steps, numbers as numbers."""
    manifest.check([FILE])
    with open(manifest.folder / FILE, encoding="utf-8", newline="") as handle:
        rows = [dict(row) for row in csv.DictReader(handle)]
    return [
        row
        | {name: int(row[name]) for name in ("repeat", "examples", "tokens", "computed_tokens")}
        | {name: float(row[name]) for name in ("seconds", "data_seconds")}
        for row in rows
    ]


def speeds(steps: Steps, manifest: Manifest, to_dev: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """Return a row an arm and batching: speeds over all its measured steps, and what they mean for its training.

    Args:
        steps: as measured.
        manifest: of the measurement: sizes of the arms, and sequences as long as the limit by language.
        to_dev: share of an arm's training after which it has the English arm's dev score; None: it never has.
    """
    found, rows = manifest.results, []
    for arm, batching in dict.fromkeys((one["arm"], one["batching"]) for one in steps):
        own = [one for one in steps if (one["arm"], one["batching"]) == (arm, batching)]
        seconds = [one["seconds"] for one in own]
        whole = sum(seconds)
        total = {name: sum(one[name] for one in own) for name in ("examples", "tokens", "computed_tokens")}
        per_second = {name: count / whole for name, count in total.items()}
        hours = found["epochs"][arm] * found["sizes"][arm]["examples"] / per_second["examples"] / 3600
        share = to_dev.get(arm)
        peaks = [int(one["peak_gpu_memory_mb"]) for one in own if one["peak_gpu_memory_mb"]]
        rows.append(
            {
                "arm": arm,
                "batching": batching,
                "repeats": len({one["repeat"] for one in own}),
                "steps": len(own),
                "examples_per_second": per_second["examples"],
                "tokens_per_second": per_second["tokens"],
                "computed_tokens_per_second": per_second["computed_tokens"],
                "padded_percent": 100 * (1 - total["tokens"] / total["computed_tokens"]),
                "step_p50_ms": 1000 * float(np.quantile(seconds, 0.5)),
                "step_p95_ms": 1000 * float(np.quantile(seconds, 0.95)),
                "data_wait_percent": 100 * sum(one["data_seconds"] for one in own) / whole,
                "peak_gpu_memory_mb": max(peaks) if peaks else "not measured",
                "at_limit": " ".join(f"{code}:{count}" for code, count in found["at_limit"][arm].items()) or "none",
                "hours_to_finish": hours,
                "hours_to_english_dev": "never" if share is None else hours * share,
            }
        )
    return rows


def compare_speed(steps: Steps, comparison: Comparison) -> Finding:
    """Return by how many percent one arm is faster than another: the mean of log ratios over repeats, Student's t.

    A repeat is one block of steps of each arm, beside each other in time.
    """
    rates: dict[str, dict[int, float]] = {}
    for arm in (comparison.plus, comparison.minus):
        own = [one for one in steps if (one["arm"], one["batching"]) == (arm, comparison.batching)]
        for repeat in {one["repeat"] for one in own}:
            block = [one for one in own if one["repeat"] == repeat]
            rates.setdefault(arm, {})[repeat] = sum(one[comparison.of] for one in block) / sum(
                one["seconds"] for one in block
            )
    plus, minus = rates.get(comparison.plus, {}), rates.get(comparison.minus, {})
    shared = sorted(set(plus) & set(minus))
    found = Finding(comparison, seeds=tuple(shared))
    if len(shared) < 2:
        return replace(found, why=f"{len(shared)} repeats measured of {comparison.plus} and {comparison.minus}")
    logs = np.log([plus[repeat] / minus[repeat] for repeat in shared])
    reach = student_quantile(0.975, len(shared) - 1) * float(logs.std(ddof=1)) / len(shared) ** 0.5
    centre = float(logs.mean())
    low, value, high = (100 * float(np.expm1(one)) for one in (centre - reach, centre, centre + reach))
    return replace(found, estimate=value, lower=low, upper=high)


def shares_to_dev(run: RunFolder, arms: Mapping[str, str], english: str) -> dict[str, float | None]:
    """Return after which share of its intermediate training an arm first has the best dev score of the English one.

    The mean over the seeds that both have; None where a seed never has it, there is no history, or other data chose the
    checkpoint: a score of answers is no accuracy.
    """
    scored: dict[str, dict[int, list[tuple[float, float]]]] = {}
    chosen_on: dict[str, list[str]] = {}
    for arm, source in arms.items():
        for seed in run.settings["seeds"]:
            folder = run.folder / "models" / run.settings["models"][0] / source / "none" / str(seed)
            if (folder / "history.json").is_file() and (made := read_json(folder / "history.json")["evaluations"]):
                last = made[-1]["step"]
                scored.setdefault(arm, {})[seed] = [(one["step"] / last, one["score"]) for one in made]
                chosen_on[arm] = _choosing(read_json(folder / "manifest.json"))
    scored = {arm: found for arm, found in scored.items() if chosen_on[arm] == chosen_on.get(english)}
    wanted = {seed: max(score for _, score in history) for seed, history in scored.get(english, {}).items()}
    shares: dict[str, float | None] = {}
    for arm, histories in scored.items():
        reached = [
            next((share for share, score in histories[seed] if score >= goal), None)
            for seed, goal in wanted.items()
            if seed in histories
        ]
        there = [share for share in reached if share is not None]
        shares[arm] = sum(there) / len(there) if there and len(there) == len(reached) else None
    return shares


def _choosing(manifest: Mapping[str, Any]) -> list[str]:
    """Return the data on whose dev split a training chose its checkpoint, by its manifest."""
    parts = manifest["spec"]["settings"]["parts"]
    return sorted({name for one in parts for name in (one.get("dev") or one.get("chosen_on") or one["data"])})
