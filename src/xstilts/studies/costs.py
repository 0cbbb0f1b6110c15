"""What each arm of a study cost, by the manifests of its jobs, beside what was predicted before."""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.energy import gpus_of
from xstilts.files import read_json
from xstilts.reporting.render import number
from xstilts.studies.comparison import Comparison
from xstilts.uncertainty.quantiles import student_quantile

MEASURED = (
    *("jobs", "finished", "seconds", "training_seconds", "gpu_seconds", "steps", "tokens"),
    *("padded_tokens", "examples_predicted", "peak_memory_mb", "peak_gpu_memory_mb", "energy_joules", "energy_jobs"),
    "bytes",
)
MEMORY = ("weights", "gradients", "moments", "activations")  # bytes, of an arm's largest training
PREDICTED = ("jobs", "steps", "tokens", "forward_tokens", "cpu_seconds", "gpu_seconds", "bytes")
COLUMNS = ("arm", "source", "devices", *MEASURED, *(f"predicted_{name}" for name in PREDICTED))
NOT_MEASURED = "not measured"
EQUAL = 10  # percent by which equal work may differ in time
HOLDS, FAILED, COARSE = "holds", "failed", "is too coarse"  # the null test
TRAININGS = ("train_intermediate", "train_target")


def arm_costs(
    study: Mapping[str, Any], made: Mapping[str, list[str]], predicted: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Return a row an arm: what its jobs took, as if it stood alone.

    Args:
        study: its settings: ``arms``.
        made: the manifests of what computes for each arm.
        predicted: the rows of ``predicted.csv`` by arm.
    """
    rows = []
    for arm, source in study["arms"].items():
        before = {f"predicted_{name}": predicted.get(arm, {}).get(name, "") for name in PREDICTED}
        rows.append({"arm": arm, "source": source} | cost_of(map(Path, made[arm])) | before)
    return rows


def cost_of(manifests: Iterable[Path]) -> dict[str, Any]:
    """Return what jobs took: sums, and of memory the most; of jobs that have not ended nothing is known.

    ``padded_tokens`` are the trained tokens with what padding added inside attention. Energy is summed over
    ``energy_jobs``, those whose counter was read over the whole job: not one that went on after an interruption.
    """
    paths = list(manifests)
    found = [read_json(path) for path in paths if path.is_file()]
    made = [one["made"] for one in found]
    seconds = {place: _seconds(one) for place, one in enumerate(made)}
    on_gpu = {place: gpus for place, one in enumerate(found) if (gpus := gpus_of(one))}
    trained = [place for place, one in enumerate(found) if one["rule"] in TRAININGS]
    few_shot = sum((one.get("work") or {}).get("training_seconds", 0.0) for one in made)  # its folds left out
    work = [one.get("work") or {} for one in made]
    energy = [one["machine"].get("energy_joules") for one in made if not _interrupted(one)]
    metered = [float(one) for one in energy if one is not None]
    return {
        "devices": ", ".join(dict.fromkeys(one["machine"].get("device", "unknown") for one in made)),
        "jobs": len(paths),
        "finished": len(found),
        "seconds": round(sum(seconds.values()), 3),
        "training_seconds": round(sum(seconds[place] for place in trained) + few_shot, 3),
        "gpu_seconds": round(sum(seconds[place] * gpus for place, gpus in on_gpu.items()), 3),
        "steps": sum(one.get("steps", 0) for one in work),
        "tokens": sum(one.get("tokens", 0) for one in work),
        "padded_tokens": sum(one.get("padded_tokens", 0) for one in work),
        "examples_predicted": sum(one.get("examples", 0) for one in work),
        "peak_memory_mb": max((one["peak_memory_mb"] for one in made), default=0),
        "peak_gpu_memory_mb": max((one["machine"].get("peak_gpu_memory_mb", 0) for one in made), default=0),
        "energy_joules": round(sum(metered)) if metered else NOT_MEASURED,
        "energy_jobs": len(metered),
        "bytes": sum(_bytes(one) for one in found),
    }


def _seconds(made: Mapping[str, Any]) -> float:
    """The seconds of a job with its earlier attempts, which its work counts."""
    return float(max(made["seconds"], (made.get("work") or {}).get("seconds", 0.0)))


def _interrupted(made: Mapping[str, Any]) -> bool:
    """Say whether a job has earlier attempts behind it, whose energy nobody read."""
    return (made.get("work") or {}).get("seconds", 0.0) > made["seconds"] + 1


def _bytes(manifest: Mapping[str, Any]) -> int:
    dropped = manifest.get("dropped") or ()
    return sum(entry["bytes"] for name, entry in manifest["files"].items() if name not in dropped)


@dataclass(frozen=True)
class NullTest:
    """Whether two arms whose predictions are the same work cost the same."""

    found: str  # HOLDS, FAILED or COARSE
    words: str

    @property
    def holds(self) -> bool:
        """Whether the harness can be trusted with an answer."""
        return self.found == HOLDS


def null_test(made: Mapping[str, list[str]], plus: str, minus: str) -> NullTest:
    """Compare what the predictions of two arms took, seed by seed: examples and weights alike, seconds to within 10 %.

    It holds where the whole interval lies within these. It has failed where the seconds differ, that is the interval
    lies on one side of equal; where it holds equal and reaches further, the timings are too coarse to tell.

    A prediction that went on after an interruption, or got a further language, is in no pair.

    Args:
        made: the manifests of what computes for each arm.
        plus: an arm.
        minus: another one.
    """
    pairs: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for arm in (plus, minus):
        for path in map(Path, made[arm]):
            if path.is_file() and (found := read_json(path))["rule"] == "predict":
                pairs.setdefault(tuple(path.parts[-4:-1]), []).append(found)  # target, seed, task
    both = [pair for pair in pairs.values() if len(pair) == 2]
    whole = [pair for pair in both if all(map(_in_one_go, pair))]
    if len(whole) < 2:
        found = f"{len(whole)} pair{'' if len(whole) == 1 else 's'}"
        found += " in one go" if len(whole) < len(both) else ""
        return NullTest(COARSE, f"{found} of predictions of {plus} and {minus}, and it needs two")
    examples = [tuple((one["made"].get("work") or {}).get("examples", 0) for one in pair) for pair in whole]
    if any(one != other for one, other in examples):
        return NullTest(
            FAILED, f"predictions of {plus} and {minus} are of {examples} examples; expected the same numbers"
        )
    logs = [math.log(_seconds(one["made"]) / _seconds(other["made"])) for one, other in whole]
    centre = sum(logs) / len(logs)
    spread = math.sqrt(sum((one - centre) ** 2 for one in logs) / (len(logs) - 1) / len(logs))
    reach = student_quantile(0.975, len(logs) - 1) * spread
    low, value, high = (100 * math.expm1(one) for one in (centre - reach, centre, centre + reach))
    words = (
        f"predictions of {plus} took {value:+.1f} % more seconds than those of {minus} ({low:+.1f} to {high:+.1f} %), "
        f"{len(whole)} pairs on the same examples; expected an interval within -{EQUAL} to +{EQUAL} %"
    )
    if low >= -EQUAL and high <= EQUAL:
        return NullTest(HOLDS, words)
    return NullTest(COARSE if low <= 0 <= high else FAILED, words)


def _in_one_go(prediction: Mapping[str, Any]) -> bool:
    """Say whether a prediction made all its languages at once: else the model was loaded more than once."""
    made, there = prediction["made"].get("work") or {}, predicted_languages(prediction)
    return bool(made.get("languages", there) == there)


def predicted_languages(prediction: Mapping[str, Any]) -> int:
    """Return how many languages a prediction is of, by its manifest: those without data are named there too.

    Its work counts those that its last attempt made.
    """
    return sum(not one.get("reason") for one in prediction["results"].get("languages", {}).values())


def equal_steps(made: Mapping[str, list[str]], arm: str, source: str) -> str:
    """Say by target whether an arm took as many steps as a source and then the target: a seed's, as all have the same.

    Args:
        made: the manifests of what computes for each arm.
        arm: its trainings on targets.
        source: its training, and those on targets after it, wherever an arm has them.
    """
    steps: dict[tuple[str, str], int] = {}
    for owner, path in ((owner, Path(one)) for owner, found in made.items() for one in found):
        name, target = path.parts[-4:-2]
        if path.is_file() and (name == source or owner == arm) and (found := read_json(path))["rule"] in TRAININGS:
            links = found["results"].get("before", {}).values()  # of a chain: each of its trainings
            whole = int(found["results"]["steps"]) + sum(int(one["steps"]) for one in links)
            steps[arm if owner == arm else source, target] = whole
    targets = [target for owner, target in steps if owner == arm]
    if (source, "none") not in steps or not targets:
        return ""
    said = []
    for target in targets:
        own, chain = steps[arm, target], steps[source, "none"] + steps.get((source, target), 0)
        words = "as many" if own == chain else f"{chain:,}"
        said.append(f"{own:,} on {target} ({source} and then {target} has {words} in all)")
    return f"Steps of {arm}: {', '.join(said)}."


def price(comparison: Comparison, points: float | None, costs: Iterable[Mapping[str, Any]]) -> str:
    """Return in a sentence what the training of one arm took beyond another's, for what it gave."""
    took = {row["arm"]: row["training_seconds"] for row in costs if row["finished"] == row["jobs"]}
    if points is None or not {comparison.plus, comparison.minus} <= set(took):
        return ""
    more = took[comparison.plus] - took[comparison.minus]
    each = f", {more / points:,.0f} a point" if points > 0 and more > 0 else ""
    return (
        f"{comparison.plus} took {more:+,.0f} training seconds against {comparison.minus}, all seeds, for "
        f"{number(points, True)} points{each}."
    )


def read_predicted(path: Path) -> dict[str, dict[str, str]]:
    """Return the rows of ``predicted.csv`` by arm."""
    with open(path, encoding="utf-8", newline="") as handle:
        return {row["arm"]: row for row in csv.DictReader(handle)}
