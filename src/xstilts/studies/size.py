"""Study size: encoders of several sizes, each with and without intermediate training, and the answer by their gains.

``series`` has the rule and the forms. The first family of the study decides, on the mean over its tasks; of each other
family, and of each task, the page says what it says by itself.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.files import dump_json, write_text
from xstilts.reporting.figures.style import COLOURS, GREY, MARKERS, WIDTH, figure, save
from xstilts.reporting.main.marks import recipe_sentence
from xstilts.reporting.render import TITLES, markdown_table, write_cells
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import csv_text
from xstilts.studies.costs import COLUMNS as COSTS
from xstilts.studies.costs import arm_costs, read_predicted
from xstilts.studies.covered import differing, failed, lacking_languages, missing, missing_in_words, remarks_on
from xstilts.studies.gains import Gains, Series, read_average, read_gains, series_of
from xstilts.studies.series import NO, RULE, UNKNOWN, YES, decide, interval, section

MEANS = {
    YES: "Beyond 30 B a larger model gains less from intermediate training than the smaller ones foretell.",
    NO: "Beyond 30 B the gains of intermediate training rise at least as fast as below.",
    UNKNOWN: "These sizes do not say whether the gains of intermediate training diminish beyond 30 B.",
}
GAINS = ("family", "model", "billions", "task", "gain", "lower", "upper", "direct", "of_what_was_left")
GENERATED = (
    "**Generated languages and tiny encoders.** All sizes lie thousands of times below the bound, so that no answer is "
    "possible: this twin shows how the study goes, from the encoders to this page."
)
BARS = (
    "Bars: the 95 % interval of each size's gain, Student's t over the seeds with the languages drawn again; under "
    "three seeds over languages alone."
)


def answer(run: RunFolder, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write ``gains.csv``, costs, verdict, page and figure into the study's folder; its ``scores.csv`` is there.

    Args:
        run: the study's folder; its settings have ``families``, which ``order_of_families`` puts in order.
        rows: the scores.
    """
    study = run.settings["study"]
    minus, plus = dict.fromkeys(study["arms"].values())
    families = {name: study["families"][name] for name in run.settings["order_of_families"]}
    counted = [task for task in run.tasks if task not in study["left_out"]]
    scores = run.tables / "scores.csv"
    found: dict[str, list[Series]] = {}
    lacking: dict[str, str] = {}
    for family, sizes in families.items():
        try:
            found[family] = [read_average(scores, sizes, plus, minus, counted)]
        except DataError as error:
            lacking[family] = _why(error)
    by_task = {family: read_gains(scores, families[family], plus, minus) for family in found}
    remarks = {family: remarks_on(rows, sizes, run.tasks) for family, sizes in families.items()}
    for family, gains in by_task.items():
        spoken = {task: {code for cells in gains.get(task, {}).values() for _, code in cells} for task in run.tasks}
        few = lacking_languages(run.tasks, dict.fromkeys(run.tasks, "test"), spoken)
        remarks[family] += [f"Not all languages are there: {few}."] if few else []
        for task, by_size in gains.items():
            try:
                found[family].append(series_of(scores, task, by_size))
            except DataError as error:  # of one task, which the average does without
                remarks[family].append(f"No answer on {TITLES.get(task, task)} alone: {_why(error)}.")
    first = next(iter(families))
    verdict, reason = _decide(study, found.get(first), lacking.get(first, ""), rows, families[first], counted)
    content = {
        "name": run.settings["name"],
        "question": study["question"],
        "verdict": verdict,
        "means": MEANS[verdict],
        "reason": reason,
        "rule": RULE,
        "limit": _rates_in_words(run.settings["learning_rates"]),
        "null_test": "",
        "price": "",
        "would_change": "Further sizes of the first family, until three lie on either side of 30 B; more seeds and "
        "languages, which narrow the interval of the change of slope.",
    }
    costs = arm_costs(study, run.settings["made"], read_predicted(run.tables / "predicted.csv"))
    table = [row for family, sizes in families.items() for row in _gains(family, sizes, found.get(family, []))]
    write_text(run.tables / "gains.csv", csv_text(table, GAINS))
    model = run.settings["models"][0]
    made: dict[str, Any] = {}
    for family, gains in by_task.items():
        made |= _made_of(run, families[family], gains, counted)
    write_cells(run.tables, "gains", model, "mean", gains=made)
    write_text(run.tables / "costs.csv", csv_text(costs, COSTS))
    write_cells(run.tables, "costs", model, run.settings["statistic"], jobs=run.settings["made"])
    write_text(run.tables / "verdict.json", dump_json(content))
    write_text(run.tables / "verdict.md", _page(run, content, families, found, lacking, remarks, costs))
    _draw(run.tables, found)


def _why(error: DataError) -> str:
    return str(error).partition(": ")[2]


def _decide(
    study: Mapping[str, Any],
    family: Sequence[Series] | None,
    lacking: str,
    rows: Sequence[Mapping[str, Any]],
    models: Collection[str],
    counted: Collection[str],
) -> tuple[str, str]:
    if family is None:
        return UNKNOWN, lacking
    count = len(study["seeds"])
    if count < study["least_seeds"]:
        return UNKNOWN, f"{count} seed{'s' * (count > 1)}, and the rule needs {study['least_seeds']}"
    decided = decide(family[0])
    if decided.verdict == UNKNOWN:
        return UNKNOWN, decided.reason
    if lost := failed(rows, models, counted):
        return UNKNOWN, f"trainings that failed: {', '.join(lost)}"
    if apart := missing_in_words(differing(missing(rows, models, counted))):
        return UNKNOWN, f"models lack scores that others have, so that their averages are of other tasks: {apart}"
    return decided.verdict, decided.reason


def _gains(family: str, sizes: Mapping[str, float], found: Sequence[Series]) -> list[dict[str, Any]]:
    by_size = {billions: model for model, billions in sizes.items()}
    rows = []
    for series in found:
        for place, billions in enumerate(series.sizes):
            share = series.normalised[place]
            lower, upper = interval(series.gains[place])
            rows.append(
                {
                    "family": family,
                    "model": by_size[billions],
                    "billions": billions,
                    "task": series.name,
                    "gain": float(series.means[place]),
                    "lower": lower,
                    "upper": upper,
                    "direct": float(series.direct[place].mean()),
                    "of_what_was_left": share,
                }
            )
    return rows


def _made_of(
    run: RunFolder, sizes: Mapping[str, float], gains: Mapping[str, Gains], counted: Sequence[str]
) -> dict[str, Any]:
    """Say by model and series of what its scores with and without the intermediate training are the sum."""
    minus, plus = dict.fromkeys(run.settings["study"]["arms"].values())
    found: dict[str, Any] = {}
    for model, billions in sizes.items():
        for series, tasks in {"average": counted, **{task: [task] for task in gains}}.items():
            own = {task: gains[task].get(billions, {}) for task in tasks if task in gains}
            both = {"plus": _parts(run, model, own, plus), "minus": _parts(run, model, own, minus)}
            found.setdefault(model, {})[series] = both | {"billions": billions}
    return found


def _parts(
    run: RunFolder, model: str, own: Mapping[str, Mapping[tuple[str, str], Any]], source: str
) -> list[dict[str, Any]]:
    """Return of what the mean over seeds of the mean over tasks, each one over its languages, is the sum."""
    by_seed: dict[str, dict[str, list[str]]] = {}
    for task, cells in own.items():
        for seed, language in sorted(cells):
            by_seed.setdefault(seed, {}).setdefault(task, []).append(language)
    alike: dict[tuple[str, tuple[str, ...], int], list[str]] = {}  # seeds that have the same of a task
    for seed, tasks in sorted(by_seed.items()):
        for task, languages in tasks.items():
            alike.setdefault((task, tuple(languages), len(tasks)), []).append(seed)
    return [
        {
            "task": task,
            "split": "test",
            "metrics": list(run.tasks[task]["metrics"]),
            "languages": list(languages),
            "by_seed": dict.fromkeys(seeds, source),
            "weight": len(seeds) / len(by_seed) / count,
        }
        for (task, languages, count), seeds in alike.items()
    ]


def _page(
    run: RunFolder,
    content: Mapping[str, Any],
    families: Mapping[str, Mapping[str, float]],
    found: Mapping[str, Sequence[Series]],
    lacking: Mapping[str, str],
    remarks: Mapping[str, Sequence[str]],
    costs: Sequence[Mapping[str, Any]],
) -> str:
    study = run.settings["study"]
    minus, plus = dict.fromkeys(study["arms"].values())
    tasks = ", ".join(TITLES.get(task, task) for task in run.tasks)
    out = ", ".join(TITLES.get(task, task) for task in study["left_out"])
    parts = [
        f"# {content['question']}",
        *([GENERATED] if run.generated else []),
        f"**Answer: {content['verdict']}.** {content['means']} The reason: {content['reason']}.",
        RULE,
        content["limit"],
        f"The gain is {plus} minus {minus}. Seeds {' '.join(map(str, study['seeds']))}; {tasks}"
        + (f"; in no average: {out}" if out else "")
        + ". Test splits. The average is the mean over the tasks, each of which is one over its languages. "
        + recipe_sentence(run.settings),
        "![gain by size](gains.png)",
        BARS,
    ]
    for family, sizes in families.items():
        names = ", ".join(
            f"{name} ({billions:g} B)" for name, billions in sorted(sizes.items(), key=lambda one: one[1])
        )
        parts.append(f"## {family}\n\n{names}.")
        parts += remarks[family]
        parts += [f"No answer: {lacking[family]}."] if family in lacking else []
        for series in found.get(family, ()):
            parts += [f"### {TITLES.get(series.name, series.name)}", *section(series)]
    parts += [
        "## What each size cost, all seeds",
        _costs(costs),
        "Each as if it stood alone. Predicted by the shipped speeds of one thread of a CPU and of a GPU, before; "
        "measured by the manifests, after.",
        "## What would change the answer",
        str(content["would_change"]),
        "Numbers with every digit: `gains.csv`, `costs.csv` and `scores.csv` beside this page; `xstilts trace` follows "
        "them back, a row of `gains.csv` by its model and task (`--row MODEL,average`).",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _rates_in_words(by_model: Mapping[str, Mapping[str, float]]) -> str:
    """Say at which learning rates the sizes train, and where they are the same what that may look like."""
    words = {model: " ".join(f"{rate:g}" for rate in sorted(set(of.values()))) for model, of in by_model.items()}
    first, *others = by_model.values()
    if any(one != first for one in others):
        return f"Learning rates: {', '.join(f'{model} {rates}' for model, rates in words.items())}."
    rates = next(iter(words.values()))
    return (
        f"Each training has the same learning rate in all sizes ({rates}), chosen for none of them: one that becomes "
        "too high with the size would look like gains that diminish."
    )


def _costs(costs: Sequence[Mapping[str, Any]]) -> str:
    head = ["size, arm", "jobs", "training s", "all s", "predicted s (CPU, GPU)", "memory MB", "GPU MB"]
    lines = [
        [
            str(row["arm"]),
            f"{row['finished']} of {row['jobs']}",
            f"{row['training_seconds']:,.0f}",
            f"{row['seconds']:,.0f}",
            f"{float(row['predicted_cpu_seconds'] or 0):,.0f}, {float(row['predicted_gpu_seconds'] or 0):,.0f}",
            f"{row['peak_memory_mb']:,}",
            f"{row['peak_gpu_memory_mb']:,}" if row["peak_gpu_memory_mb"] else "not measured",
        ]
        for row in costs
    ]
    return markdown_table(head, lines)


def _draw(folder: Path, found: Mapping[str, Sequence[Series]]) -> None:
    """Draw the average gain of each size with its 95 % interval, a family a colour, against the size."""
    with figure(WIDTH, 3.0) as drawn:
        axes = drawn.subplots()
        axes.axhline(0, color=GREY, linewidth=0.8)
        for place, (family, series) in enumerate(found.items()):
            colour, whole = COLOURS[1 + place % (len(COLOURS) - 1)], series[0]
            for size, gains in zip(whole.sizes, whole.gains, strict=True):
                axes.plot([size, size], interval(gains), color=colour, linewidth=1.2)
            axes.plot(whole.sizes, whole.means, MARKERS[place % len(MARKERS)], color=colour, label=family)
        axes.set_xscale("log")
        axes.set_xlabel("billions of parameters")
        axes.set_ylabel("gain of the average, points")
        if found:
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        else:
            axes.text(0.5, 0.5, "no family has scores yet", transform=axes.transAxes, ha="center")
        save(drawn, folder, "gains")
