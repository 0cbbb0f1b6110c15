"""What a study's page says of what an arm takes: memory, answers, and when a stage has paid for itself."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from xstilts.artifacts import read_manifest
from xstilts.files import read_json
from xstilts.reporting.render import MISSING, markdown_table, number
from xstilts.reporting.run import RunFolder
from xstilts.studies.comparison import Design
from xstilts.studies.costs import MEMORY, NOT_MEASURED, predicted_languages, read_predicted
from xstilts.studies.latency import ALONE, FILE, MANY
from xstilts.studies.measure import Finding

Costs = Sequence[Mapping[str, Any]]
IN_MEMORY = (
    "Calculated from shapes, of the largest training of an arm: float32 weights with bfloat16 copies of the matrices, "
    "gradients and moments of what trains, activations of a forward pass as large as its batches are on average. The "
    "peaks are the largest of the arm's jobs; that of the process has Python, libraries and data in it."
)
ANSWERS = (
    "Test questions of all languages at their real lengths, each with its choices, from token ids to scores: alone, "
    "and all at once. Arms in an order and its reverse by turns in one process, the median of the repeats. Adapters "
    "answer as they are; merged, their encoder is one that was trained whole."
)
PAYS = (
    "The intermediate stage is paid for once, examples of a language in each language. With C the training seconds of "
    "an arm a seed and c_k those of the examples of one language, n = (C({plus}) - C({minus})) / c_k is the number of "
    "target languages from which on the stage costs less than k examples of each; a decoder, which trains nothing, "
    "costs more with every question: N = (C({plus}) - C({minus})) / (its seconds a question - {plus}'s), many at once. "
    "The labels of the examples are in neither. A step on examples moves all rows of the embedding, one of the stage "
    "those that it reads: of a small encoder examples cost more by that. It has paid for itself only where it scores "
    "no less."
)


def beside(run: RunFolder, design: Design, averages: Mapping[str, Finding], costs: Costs) -> list[str]:
    """Return the parts of the page: none of a study that measures no answers, but for arms that were not computed."""
    study = run.settings["study"]
    parts = []
    if lost := not_computed(run, averages):
        parts += ["## Without a number", "\n".join(f"* {arm}: {why}" for arm, why in lost.items())]
    if not study["latency"]:
        return parts
    answers, reason = read_answers(run.tables / "latency" / "manifest.json")
    few = few_shot_seconds(study, run.settings["made"])
    parts += ["## Memory of a training", memory_table(costs, read_predicted(run.tables / "predicted.csv")), IN_MEMORY]
    parts += ["## Answers", answers_table(answers) if answers else f"Not measured: {reason}.", ANSWERS]
    plus, minus = design.primary.plus, design.primary.minus
    paid = break_even(plus, minus, averages, costs, few, answers, len(study["seeds"]))
    head = ["instead of the stage", "examples of a language", "seconds", "pays from", f"score - {plus}"]
    table = markdown_table(head, paid) if paid else "Nothing to compare with: no arm with examples or in context."
    return [*parts, f"## When {plus} has paid for itself", table, PAYS.format(plus=plus, minus=minus)]


def not_computed(run: RunFolder, averages: Mapping[str, Finding]) -> dict[str, str]:
    """Return the arms without scores, and why: what the run cannot compute, and what its jobs say."""
    study = run.settings["study"]
    found = dict(study["lacking"])
    for arm, whole in averages.items():
        if whole.estimate is None:
            said = [reason for path in run.settings["made"][arm] if (reason := _reason(Path(path)))]
            found[arm] = "; ".join(dict.fromkeys(said)) or whole.why
    return found


def _reason(path: Path) -> str | None:
    return read_manifest(path).reason if path.is_file() else None


def memory_table(costs: Costs, predicted: Mapping[str, Mapping[str, str]]) -> str:
    """Return the memory of each arm by what holds it, with the measured peaks, in MB."""
    head = ["arm", *MEMORY, "together", "peak of a GPU", "peak of the process"]
    lines = []
    for row in costs:
        parts = [float(value) for name in MEMORY if (value := predicted.get(row["arm"], {}).get(name))]
        cells = [f"{part / 1e6:,.1f}" for part in (*parts, sum(parts))] if parts else [MISSING] * (len(MEMORY) + 1)
        gpu = f"{row['peak_gpu_memory_mb']:,}" if row["peak_gpu_memory_mb"] else NOT_MEASURED
        lines.append([row["arm"], *cells, gpu, f"{row['peak_memory_mb']:,}"])
    return markdown_table(head, lines)


def read_answers(path: Path) -> tuple[dict[str, dict[str, Any]], str]:
    """Return what was measured of each arm's answers, medians over repeats, or why nothing was."""
    if not path.is_file():
        return {}, "its job has not run"
    manifest = read_manifest(path)
    if manifest.reason:
        return {}, manifest.reason
    manifest.check()
    with open(manifest.folder / FILE, encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    found: dict[str, dict[str, Any]] = {}
    for arm, facts in manifest.results["arms"].items():
        alone, many = ([row for row in rows if (row["arm"], row["scenario"]) == (arm, one)] for one in (ALONE, MANY))
        own = {name: median(float(row[name]) for row in alone) for name in ("p50", "p90", "p99")}
        found[arm] = facts | own | {"rate": median(float(row["rate"]) for row in many), "repeats": len(alone)}
    return found, ""


def answers_table(answers: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the latency of a question by arm, questions a second, tokens a question."""
    head = ["arm", "p50 ms", "p90 ms", "p99 ms", "questions/s, many at once", "tokens a question", "GPU MB"]
    lines = [
        [
            *(arm, *(f"{1000 * one[name]:.2f}" for name in ("p50", "p90", "p99")), f"{one['rate']:,.0f}"),
            f"{one['tokens_a_question']:.0f}",
            NOT_MEASURED if one["gpu_bytes"] is None else f"{one['gpu_bytes'] / 2**20:,.0f}",
        ]
        for arm, one in answers.items()
    ]
    return markdown_table(head, lines)


def few_shot_seconds(study: Mapping[str, Any], made: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, float]]:
    """Return (examples, training seconds of one language, the folds left out) of each arm with examples."""
    found = {}
    for arm in study["arms"]:
        manifests = [read_json(Path(path)) for path in made[arm] if Path(path).is_file()]
        own = [one for one in manifests if one["rule"] == "few_shot"]
        languages = sum(map(predicted_languages, own))
        if languages:
            seconds = sum((one["made"].get("work") or {}).get("training_seconds", 0.0) for one in own)
            found[arm] = examples_of(str(study["arms"][arm])), seconds / languages
    return found


def examples_of(source: str) -> int:
    """Return how many examples of a language a source has."""
    from xstilts.config.sources import SHOTS

    matched = SHOTS.fullmatch(source)
    return int(matched[2]) if matched else 0


def break_even(
    plus: str,
    minus: str,
    averages: Mapping[str, Finding],
    costs: Costs,
    few: Mapping[str, tuple[int, float]],
    answers: Mapping[str, Mapping[str, Any]],
    seeds: int,
) -> list[list[str]]:
    """Return a line for each arm that is instead of the stage: from how many languages or questions on it costs more.

    Args:
        plus: the arm with the stage.
        minus: the one without.
        averages: the score of each arm.
        costs: of each arm, all seeds.
        few: of arms with examples (their number, seconds a language).
        answers: what was measured of answers.
        seeds: of each arm.
    """
    took = {row["arm"]: row["training_seconds"] / seeds for row in costs if row["finished"] == row["jobs"]}
    if not {plus, minus} <= set(took):
        return []
    stage = took[plus] - took[minus]
    lines = []
    for arm, (examples, seconds) in few.items():
        if arm.startswith(f"{minus} +") and seconds > 0:
            pays = from_on(stage, seconds, "language")
            lines.append([arm, str(examples), f"{seconds:,.2f} a language", pays, _behind(averages, arm, plus)])
    for arm in answers:
        if arm.startswith("in context") and plus in answers:
            more = 1 / answers[arm]["rate"] - 1 / answers[plus]["rate"]
            pays = from_on(stage, more, "question")
            lines.append([arm, MISSING, f"{more:+.4f} a question", pays, _behind(averages, arm, plus)])
    return lines


def from_on(once: float, each: float, what: str) -> str:
    """Return from how many on something that is paid for once costs less than what each one costs."""
    if each <= 0:
        return "never"
    count = max(1, math.ceil(once / each))
    return f"{count:,} {what}{'s' if count > 1 else ''}"


def _behind(averages: Mapping[str, Finding], arm: str, plus: str) -> str:
    own, other = (averages[name].estimate if name in averages else None for name in (arm, plus))
    return MISSING if own is None or other is None else number(own - other, True)
