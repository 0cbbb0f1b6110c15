"""A study on one page: question, answer, numbers, costs, what would change the answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xstilts.files import read_json
from xstilts.reporting.main.marks import recipe_sentence
from xstilts.reporting.render import MISSING, TITLES, markdown_table, number
from xstilts.reporting.run import RunFolder
from xstilts.studies.costs import NOT_MEASURED
from xstilts.studies.covered import lacking_languages, splits_in_words
from xstilts.studies.measure import Arms, Finding, unlearned
from xstilts.uncertainty.estimates import over_seeds
from xstilts.uncertainty.seeds import Statistic

HEAD = ["comparison", "points", "95 % interval", "p (Holm)", "seeds"]
SPEED = (
    "Measured in one process, arms in an order and its reverse by turns, by the seconds of whole steps. Unpadded are "
    "encoders of XLM-R's kind alone: others pad each forward pass to its longest sequence all the same. Padding is "
    "filled with tokens that are computed as any other. At the limit: training sequences as long as the limit, by "
    "language, which may have been cut. Hours are of one training."
)
GENERATED = (
    "**Generated languages and a small encoder.** The answer says nothing about the paper's languages: this twin shows "
    "that the study can tell yes from no and from neither."
)


def page(
    run: RunFolder,
    found: Mapping[str, Any],
    arms: Arms,
    averages: Mapping[str, Finding],
    findings: Sequence[Finding],
    costs: Sequence[Mapping[str, Any]],
    speed: Sequence[Mapping[str, Any]] = (),
    further: Sequence[str] = (),
) -> str:
    """Return the study on one page: question, answer, numbers, costs, what would change the answer."""
    study = run.settings["study"]
    seeds = f"seeds {' '.join(map(str, study['seeds']))}"
    tasks = ", ".join(TITLES.get(task, task) for task in arms.tasks)
    left = (
        f"; in no average: {', '.join(TITLES.get(task, task) for task in study['left_out'])}"
        if study["left_out"]
        else ""
    )
    few = lacking_languages(run.tasks, arms.splits, arms.languages)
    few = f"; not all are there: {few}" if few else ""
    null = f"Null test of the harness: {found['null_test']}." if found["null_test"] else ""
    beside = [found["equal_steps"], found["price"], null, _at_chance(run, study)]
    parts = [
        f"# {found['question']}",
        *([GENERATED] if run.generated else []),
        f"**Answer: {found['verdict']}.** {found['means']} The reason: {found['reason']}.",
        found["rule"],
        f"Encoder {run.settings['models'][0]}, {seeds}, {tasks}{left}. {splits_in_words(run.tasks, arms.splits)}. "
        f"{_intervals(findings)}, on the languages of each task{few}. {recipe_sentence(run.settings)}",
        *([_chosen_rates(run, study)] if study["tuned"] else []),
        "## Comparisons",
        markdown_table(HEAD, [_line(one) for one in findings]),
        "The first decides; the lines below it leave out one part each; Holm's correction is over the others.",
        "![comparisons](forest.png)",
        "## Arms",
        _arms_table(arms, averages, study, run.settings["statistic"]),
        "## What each arm cost, all seeds",
        _costs_table(costs),
        "Each arm as if it stood alone: what arms share is trained once and counts for each. Predicted by the shipped "
        "speeds of one thread of a CPU and of a GPU, before; measured by the manifests, after. Encoders of XLM-R's "
        "kind read sequences end to end, so no token is padding but inside attention; others pad each forward pass to "
        "its longest sequence: with padding are the trained tokens with what is added so. "
        "Energy is by NVML's counter, of the whole GPU over jobs of five seconds or more.",
        *(one for one in beside if one),
        "![score against cost](pareto.png)",
        "Bars are the 95 % intervals of each arm by itself; arms are paired, so differences are known better (above).",
        *(["## Speed", _speed_table(speed), SPEED] if speed else []),
        *further,
        "## What would change the answer",
        found["would_change"],
        "Numbers with every digit: `arms.csv`, `contrasts.csv`, `costs.csv` and `scores.csv` beside this page; "
        "`xstilts trace` follows them back to the data.",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _intervals(findings: Sequence[Finding]) -> str:
    """Say over what intervals of scores are: under three seeds nothing says how far another one would differ."""
    few = any(one.seeds and len(one.seeds) < 3 for one in findings if one.comparison.of == "score")
    return f"Intervals over seeds and items{'; of fewer than three seeds over items alone' if few else ''}"


def _at_chance(run: RunFolder, study: Mapping[str, Any]) -> str:
    """Name the arms whose scores are of trainings that learned nothing."""
    sources = [source for _, source, _, _ in unlearned(run)]
    named = [f"{arm} ({count})" for arm, source in study["arms"].items() if (count := sources.count(source))]
    return f"Learned nothing on a target, and count at their scores (trainings): {', '.join(named)}." if named else ""


def _speed_table(speed: Sequence[Mapping[str, Any]]) -> str:
    head = ["arm", "batching", "examples/s", "real tokens/s", "padded %", "step p50 ms", "p95 ms", "data wait %"]
    head += ["GPU MB", "at the limit", "h to finish", "h to E's dev score"]
    names = ("examples_per_second", "tokens_per_second", "padded_percent", "step_p50_ms", "step_p95_ms")
    last = ("hours_to_finish", "hours_to_english_dev")
    lines = [
        [row["arm"], row["batching"], *(number(row[name]) for name in (*names, "data_wait_percent"))]
        + [str(row["peak_gpu_memory_mb"]), row["at_limit"]]
        + [number(row[name], digits=3) if isinstance(row[name], float) else str(row[name]) for name in last]
        for row in speed
    ]
    return markdown_table(head, lines)


def _line(one: Finding) -> list[str]:
    name = f"without {TITLES.get(one.without, one.without)}" if one.without else one.comparison.name
    if one.estimate is None:
        return [name, MISSING, one.why, MISSING, MISSING]
    bounds = f"{number(one.lower, True)} to {number(one.upper, True)}"
    if one.comparison.of != "score":
        return [name, f"{number(one.estimate, True)} %", f"{bounds} %", MISSING, f"{len(one.seeds)} repeats"]
    p = MISSING if one.p_holm is None else "<0.001" if one.p_holm < 0.001 else f"{one.p_holm:.3f}"
    return [name, number(one.estimate, True), bounds, p, str(len(one.seeds))]


def _arms_table(arms: Arms, averages: Mapping[str, Finding], study: Mapping[str, Any], statistic: Statistic) -> str:
    lines = []
    for arm, whole in averages.items():
        bounds = MISSING if whole.lower is None else f"{number(whole.lower)} to {number(whole.upper)}"
        scores = [
            number(over_seeds(values_of(cell), statistic))
            if (cell := arms.runs.get(task, {}).get(arm, {}))
            else MISSING
            for task in arms.tasks
        ]
        source = study["arms"][arm]
        named = arm if arm == source else f"{arm} ({source})"
        lines.append([named, number(whole.estimate), bounds, *scores])
    return markdown_table(["arm", "average", "95 %", *(TITLES.get(task, task) for task in arms.tasks)], lines)


def _costs_table(costs: Sequence[Mapping[str, Any]]) -> str:
    head = ["arm", "jobs", "tokens", "with padding", "predicted", "training s", "all s", "predicted s (CPU, GPU)"]
    head += ["GPU s", "memory MB", "GPU MB", "energy J", "GB on disk"]
    lines = [
        [
            str(row["arm"]),
            f"{row['finished']} of {row['jobs']}",
            f"{row['tokens']:,}",
            f"{row['padded_tokens']:,}",
            _thousands(row["predicted_tokens"]),
            f"{row['training_seconds']:,.0f}",
            f"{row['seconds']:,.0f}",
            f"{_thousands(row['predicted_cpu_seconds'])}, {_thousands(row['predicted_gpu_seconds'])}",
            f"{row['gpu_seconds']:,.0f}" if row["gpu_seconds"] else NOT_MEASURED,
            f"{row['peak_memory_mb']:,}",
            f"{row['peak_gpu_memory_mb']:,}" if row["peak_gpu_memory_mb"] else NOT_MEASURED,
            _energy(row),
            f"{row['bytes'] / 1e9:.2f}",
        ]
        for row in costs
    ]
    return markdown_table(head, lines)


def _chosen_rates(run: RunFolder, study: Mapping[str, Any]) -> str:
    """Say which learning rates English dev chose for each arm's targets, by seed."""
    head, lines = ["arm", *dict.fromkeys(entry["target"] for entry in run.tasks.values())], []
    head = [name for name in head if name != "none"]
    for arm, source in study["arms"].items():
        cells = []
        for target in head[1:]:
            chain = (run.settings["models"][0], source, target)
            paths = [Path(run.folder, "models", *chain, str(seed), "manifest.json") for seed in study["seeds"]]
            found = [read_json(path)["results"].get("learning_rate") for path in paths if path.is_file()]
            cells.append(" ".join(f"{rate:g}" for rate in found if rate) or MISSING)
        lines.append([arm, *cells])
    tried = " ".join(f"{rate:g}" for rate in study["rates"])
    said = f"Learning rates on each target, chosen on English dev among {tried}, a seed each:"
    return f"{said}\n\n{markdown_table(head, lines)}"


def _energy(row: Mapping[str, Any]) -> str:
    """Return the joules, and of how many jobs they are where that is not all."""
    if row["energy_joules"] == NOT_MEASURED:
        return NOT_MEASURED
    of = "" if row["energy_jobs"] == row["finished"] else f" ({row['energy_jobs']} of {row['finished']} jobs)"
    return f"{row['energy_joules']:,}{of}"


def _thousands(text: str) -> str:
    return f"{float(text):,.0f}" if text else MISSING


def values_of(cell: Mapping[int, Any]) -> Any:
    """Return the scores of a task's metrics, float64 [seeds, metrics]."""
    return np.stack([np.atleast_1d(value) for value, _ in cell.values()])
