"""The tables and the page of the study of inference."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from xstilts.config.study import WHOLE
from xstilts.files import write_text
from xstilts.reporting.main.marks import recipe_sentence
from xstilts.reporting.render import MISSING, TITLES, markdown_table, number, write_cells
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import csv_text
from xstilts.studies.costs import NOT_MEASURED
from xstilts.studies.covered import lacking_languages
from xstilts.uncertainty.seeds import summarise

GATES = (99.0, 99.9)  # percent of the score of the whole training, as MLPerf has them of its reference
NUMBERS = ("p50_ms", "p90_ms", "p99_ms", "estimate_ms", "per_second", "processor_ms")
SPEEDS = ("cell", "model", "task", "scenario", "repeats", "queries", *NUMBERS, "tool", "shortened", "reasons")
Scores = Mapping[str, Mapping[str, float]]  # by arm and task
GENERATED = (
    "**Generated languages and a small encoder.** Scores and speeds say nothing about XLM-R: in so small a network a "
    "call costs more than its arithmetic. This twin shows that the harness can tell a slower model from an equal one."
)


def speeds(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row a model, task and scenario: medians over its repeats, which stand under ``of_repeats``."""
    rows = []
    for task, of_task in found["measured"].items():
        for model in (one["name"] for one in found["models"] if one["name"] in of_task):
            for scenario, taken in of_task[model].items():
                of_repeats = {name: known for name in NUMBERS if (known := _numbers(scenario, name, taken))}
                rows.append(
                    {
                        "cell": f"{model} on {task} in {scenario}",
                        "model": model,
                        "task": task,
                        "scenario": scenario,
                        "repeats": len(taken),
                        "queries": taken[0]["queries"],
                        "tool": taken[0]["tool"],
                        "shortened": _is_short(scenario, taken[0]["load"]),
                        "reasons": "; ".join(dict.fromkeys(why for one in taken for why in one["reasons"])),
                        "of_repeats": of_repeats,
                        **{name: statistics.median(values) for name, values in of_repeats.items()},
                    }
                )
    return rows


def _is_short(scenario: str, load: Mapping[str, Any]) -> bool:
    from xstilts.serving.scenarios import Load

    return Load(**load).is_shortened


def _numbers(scenario: str, name: str, taken: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return one number of each repeat; Server's rate is the highest that arrived and held."""
    if name == "per_second":
        return [one["load"]["rate"] if scenario == "Server" else one["rate"] for one in taken]
    if name in ("processor_ms", "estimate_ms"):
        found = [one[name.removesuffix("_ms")] for one in taken]
        return [1000 * value for value in found if value is not None] if None not in found else []
    if scenario == "Offline":
        return []
    return [1000 * one["latency"][f"0.{name[1:3].rstrip('0')}"] for one in taken]


def write_speeds(run: RunFolder, rows: Sequence[Mapping[str, Any]], manifest: str) -> None:
    """Write ``speeds.csv``, and the repeats behind each of its numbers."""
    write_text(run.tables / "speeds.csv", csv_text(rows, SPEEDS))
    behind = {row["cell"]: row["of_repeats"] for row in rows}
    write_cells(run.tables, "speeds", "", run.settings["statistic"], repeats=behind, measured=manifest)


def _split(entry: Mapping[str, Any]) -> str:
    return "test" if "test" in entry["splits"] else str(entry["splits"][-1])


def _parts(run: RunFolder, arm: str, task: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return of what the score of an arm is made: its first metric on the test split, over languages and seeds."""
    model, source = run.settings["encoders"][arm], run.settings["study"]["arms"][arm]
    entry, split = run.tasks[task], _split(run.tasks[task])
    metric = entry["metrics"][0]
    cells = {
        (row["language"], row["seed"])
        for row in rows
        if (row["model"], row["source"], row["task"], row["split"], row["metric"])
        == (model, source, task, split, metric)
        and row["value"] is not None
    }
    languages = [code for code in entry["languages"] if any(code == language for language, _ in cells)]
    seeds = [seed for seed in run.settings["seeds"] if languages and all((code, seed) in cells for code in languages)]
    return (
        [
            {
                "model": model,
                "task": task,
                "split": split,
                "metrics": [metric],
                "languages": languages,
                "by_seed": {str(seed): source for seed in seeds},
                "weight": 1.0,
            }
        ]
        if seeds
        else []
    )


def scores_by_arm(run: RunFolder, rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the score of each arm on each task where it has one."""
    values = {
        (row["model"], row["source"], row["task"], row["split"], row["metric"], row["language"], row["seed"]): row[
            "value"
        ]
        for row in rows
    }
    found: dict[str, dict[str, float]] = {}
    for arm in run.settings["order"]:
        for task in run.settings["study"]["tasks"]:
            for part in _parts(run, arm, task, rows):
                key = (part["model"], run.settings["study"]["arms"][arm], task, part["split"], part["metrics"][0])
                by_seed = [
                    statistics.fmean(values[(*key, code, int(seed))] for code in part["languages"])
                    for seed in part["by_seed"]
                ]
                found.setdefault(arm, {})[task] = summarise(by_seed, run.settings["statistic"])
    return found


def lacking(run: RunFolder, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return in words the tasks of which arms lack languages: how many the one with the fewest has."""
    tasks = {task: run.tasks[task] for task in run.settings["study"]["tasks"]}
    spoken: dict[str, Sequence[str]] = {}
    for task in tasks:
        by_arm = [part["languages"] for arm in run.settings["order"] for part in _parts(run, arm, task, rows)]
        spoken[task] = min(by_arm, key=len, default=())
    return lacking_languages(tasks, {task: _split(entry) for task, entry in tasks.items()}, spoken)


def write_arms(run: RunFolder, scores: Scores, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write ``arms.csv``, each arm's score on each task, and of what these are made."""
    tasks, study = run.settings["study"]["tasks"], run.settings["study"]
    lines = [
        {"arm": arm, "source": study["arms"][arm], "encoder": run.settings["encoders"][arm]} | dict(scores.get(arm, {}))
        for arm in run.settings["order"]
    ]
    write_text(run.tables / "arms.csv", csv_text(lines, ("arm", "source", "encoder", *tasks)))
    made = {arm: {task: _parts(run, arm, task, rows) for task in scores.get(arm, {})} for arm in run.settings["order"]}
    write_cells(run.tables, "arms", run.settings["models"][0], run.settings["statistic"], parts=made)


def gates(arm: str, scores: Scores, task: str) -> str:
    """Return an arm's score on a task, and which share of its whole training's score it reaches."""
    own, whole = scores.get(arm, {}).get(task), scores.get(f"{WHOLE} after {arm.split(' after ')[1]}", {}).get(task)
    if own is None or whole is None:
        return MISSING
    if arm.startswith(f"{WHOLE} after "):
        return number(own)
    reached = [f"{share:g} %" for share in GATES if own >= share / 100 * whole]
    return f"{number(own)} ({reached[-1] if reached else 'under 99 %'})"


def page(
    run: RunFolder,
    told: Mapping[str, Any],
    found: Mapping[str, Any],
    compared: Sequence[Sequence[str]],
    measured: Sequence[Mapping[str, Any]],
    scores: Scores,
    costs: Sequence[Mapping[str, Any]],
    few: str = "",
) -> str:
    """Return the study on one page: question, answer, comparisons, speeds, gates, sizes, costs."""
    study = run.settings["study"]
    tasks = study["tasks"]
    tool = ", ".join(dict.fromkeys(row["tool"] for row in measured)) or "nothing"
    short = any(row["shortened"] for row in measured)
    busy = " to ".join(f"{load:g}" for load in found["load_average"])
    parts = [
        f"# {told['question']}",
        *([GENERATED] if run.generated else []),
        f"**Answer: {told['verdict']}.** {told['means']} The reason: {told['reason']}.",
        told["rule"],
        f"Null test of the harness: {told['null_test']}." if told["null_test"] else "",
        f"Measured by {tool}, in the manner of MLPerf's Open division, unverified."
        + (" **Shortened**: durations or counts below MLPerf's." if short else "")
        + f" On {found['device']}; load average of the machine {busy}. Queries: the English evaluation set of each "
        f"task, drawn with replacement. Models of seed {study['seeds'][0]}; scores over seeds "
        f"{' '.join(map(str, study['seeds']))}. {recipe_sentence(run.settings)}",
        "## Comparisons",
        markdown_table(["over", "kind", "processor's time a query", "latency", "rounds"], compared),
        f"{TITLES.get(tasks[0], tasks[0])}. Geometric means of the rounds' ratios with 95 % intervals, Student's over "
        "rounds: in each, both models answer the same 64 queries, a query each by turns. In encoders of XLM-R's kind "
        "LoRA and IA3 as they are divide the joint product of queries, keys and values into three, which the others do "
        "not: what that takes is in their ratios.",
        "![comparisons](forest.png)",
        "## Speed",
        *(_speed_table(task, found, measured) for task in tasks),
        "Milliseconds, and samples a second; medians over repeats, which go through all models in an order and its "
        "reverse by turns. By early stopping: the 90 % of SingleStream, the "
        "99 % of MultiStream (8 samples a query). Server: the highest rate at which 99 % of the queries stay within "
        "130 ms. What is timed goes from token ids to logits; tokenising and decoding lie outside. Compiled models: "
        "not measured.",
        "## Score, and what is loaded",
        _gates_table(run, scores, tasks),
        f"The first metric of each task, the mean over the languages of its test split{few and f' ({few})'}. In "
        "brackets: the share of the score of the whole training after the same arm that is reached, 99 % or 99.9 %.",
        _sizes_table(found),
        "Loaded: files in the page cache, to the device. Swapped: the adapters and the head of another training put in "
        f"place, the encoder stays. GPU memory: with a batch of 64. Energy: {NOT_MEASURED}.",
        "![score against time](pareto.png)",
        "## What each arm cost, all seeds",
        _costs_table(costs),
        "Each arm as if it stood alone. Merged adapters are their arm's, added to the encoder when it is opened.",
        "## What would change the answer",
        told["would_change"],
        "Numbers with every digit: `speeds.csv`, `contrasts.csv`, `arms.csv`, `costs.csv` and `scores.csv` beside this "
        "page; `xstilts trace` follows them back.",
    ]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _speed_table(task: str, found: Mapping[str, Any], measured: Sequence[Mapping[str, Any]]) -> str:
    head = [f"{TITLES.get(task, task)}: model", "p50", "p90", "p99", "by early stopping", "processor"]
    head += ["MultiStream p99, by early stopping", "Server /s", "Offline /s"]
    by = {(row["model"], row["scenario"]): row for row in measured if row["task"] == task}
    lines = []
    for model in (one["name"] for one in found["models"]):
        if (model, "SingleStream") not in by:
            continue
        single = by[model, "SingleStream"]
        cells = [single.get(name) for name in ("p50_ms", "p90_ms", "p99_ms", "estimate_ms", "processor_ms")]
        several = by.get((model, "MultiStream"), {})
        multi = f"{number(several.get('p99_ms'), digits=2)}, {number(several.get('estimate_ms'), digits=2)}"
        rates = [number(by.get((model, name), {}).get("per_second")) for name in ("Server", "Offline")]
        lines.append([model, *(number(one, digits=2) for one in cells), multi if several else MISSING, *rates])
    return markdown_table(head, lines) if lines else ""


def _gates_table(run: RunFolder, scores: Scores, tasks: Sequence[str]) -> str:
    lines = [[arm, *(gates(arm, scores, task) for task in tasks)] for arm in run.settings["order"]]
    return markdown_table(["arm", *(TITLES.get(task, task) for task in tasks)], lines)


def _costs_table(costs: Sequence[Mapping[str, Any]]) -> str:
    head = ["arm", "jobs", "tokens", "training s", "all s", "predicted s (CPU, GPU)", "GPU s", "memory MB", "GPU MB"]
    lines = []
    for row in costs:
        predicted = ", ".join(str(row[f"predicted_{kind}_seconds"] or MISSING) for kind in ("cpu", "gpu"))
        took = [f"{row['training_seconds']:,.0f}", f"{row['seconds']:,.0f}", predicted]
        gpu = [f"{row[name]:,.0f}" if row[name] else NOT_MEASURED for name in ("gpu_seconds", "peak_gpu_memory_mb")]
        cells = [str(row["arm"]), f"{row['finished']} of {row['jobs']}", f"{row['tokens']:,}", *took, gpu[0]]
        energy = str(row["energy_joules"])
        lines.append([*cells, f"{row['peak_memory_mb']:,}", gpu[1], energy, f"{row['bytes'] / 1e6:,.1f}"])
    return markdown_table([*head, "energy J", "MB on disk"], lines)


def _sizes_table(found: Mapping[str, Any]) -> str:
    head = ["model", "on disk, MB", "in memory, MB", "GPU memory, MB", "loaded in, s", "adapters swapped in, s"]
    lines = []
    for one in found["models"]:
        gpu = NOT_MEASURED if one["gpu_memory"] is None else f"{one['gpu_memory'] / 1e6:,.0f}"
        swap = MISSING if one["swap_seconds"] is None else f"{one['swap_seconds']:.4f}"
        sizes = [f"{one[name] / 1e6:,.2f}" for name in ("bytes", "weights")]
        lines.append([one["name"], *sizes, gpu, f"{one['load_seconds']:.3f}", swap])
    return markdown_table(head, lines)
