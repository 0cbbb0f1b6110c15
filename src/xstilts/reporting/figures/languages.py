"""Each task's scores by language, a bar a source, with how far they may be off."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import variance
from typing import Any

from xstilts.config.sources import CONTROLS
from xstilts.reporting.baselines.chance import chance_levels
from xstilts.reporting.figures.names import FAMILY, by_family, language_name
from xstilts.reporting.figures.style import (
    GREY,
    INK,
    PALE,
    WIDTH,
    Look,
    figure,
    headline,
    legend_columns,
    looks,
    save,
    save_empty,
)
from xstilts.reporting.render import METRICS, TITLES
from xstilts.reporting.run import RunFolder
from xstilts.reporting.tables.baselines import read_baselines
from xstilts.reporting.tables.languages import language_values
from xstilts.uncertainty.quantiles import student_quantile
from xstilts.uncertainty.resampling import ratio
from xstilts.uncertainty.seeds import Statistic, median_variance

INTERVAL = "95 % interval"
HELD = "95 % interval, threshold held"  # of BUCC: intervals.csv draws it anew
NO_DATA = "No scores here: the notes below the main table say why"
CHANCE: Any = {"color": INK, "linewidth": 1.1, "linestyle": (0, (3, 1.2))}
ABSENT: Any = {"color": GREY, "linestyle": "", "marker": "x", "markersize": 3.5, "markeredgewidth": 0.9}
ERROR: Any = {"color": "#555555", "linewidth": 0.7}
CONTROL = "\\\\\\\\"  # a hatch of no other source


def figure_languages(run: RunFolder) -> None:
    """Draw each task's scores by language, a bar a source, with intervals and the chance line."""
    levels = chance_levels(read_baselines(run))
    for model in run.settings["models"]:
        for task, entry in run.tasks.items():
            _figure_of_task(run, model, task, entry, levels)


def _figure_of_task(
    run: RunFolder, model: str, task: str, entry: Mapping[str, Any], levels: Mapping[tuple[str, str, str, str], float]
) -> None:
    sources, statistic, counted = run.settings["sources"], run.settings["statistic"], run.settings["headline"]
    metric = entry["metrics"][0]
    values, found, split = language_values(run.scores[model], task, entry, metric, sources, statistic)
    languages = by_family(found)
    chance = {code: levels[key] for code in languages if (key := (task, code, split, metric)) in levels}
    shown = {"dev": "development set", "test": "test set"}.get(split, f"{split} files")
    title = f"{TITLES.get(task, task)} by language: run {run.settings['run']}, {shown}, {run.seeds}{run.only(model)}"
    language_bars(
        values,
        languages,
        run.titled(title),
        f"{METRICS.get(metric, metric.replace('_', ' '))} (%)",
        run.folder / "figures",
        run.stem(f"languages_{task}", model),
        chance or None,
        language_errors(run, model, task, metric, split),
        [code for code in languages if counted and code not in counted],
        HELD if entry["scoring"][0] == "bucc" else INTERVAL,
    )


def language_errors(run: RunFolder, model: str, task: str, metric: str, split: str) -> dict[str, dict[str, float]]:
    """Return half the 95 % interval of every score by source and language, from the score files that are there."""
    runs: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for cell in run.cells():
        if (cell.model, cell.task) == (model, task) and (content := run.scored(cell)):
            splits = content["splits"]
            runs.setdefault((cell.source, cell.language), []).extend([splits[split]] if split in splits else [])
    found: dict[str, dict[str, float]] = {}
    for (source, language), scored in runs.items():
        if scored:
            found.setdefault(source, {})[language] = half_width(scored, metric, run.settings["statistic"])
    return found


def half_width(splits: Sequence[Mapping[str, Any]], metric: str, statistic: Statistic = "mean") -> float:
    """Return half the 95 % interval of the mean or median of one score over seeds, in points.

    Over examples by the linearised variance of a ratio (the delta method), the same examples in every seed; from three
    seeds on with the variance over seeds, by Student's t of Welch and Satterthwaite's degrees of freedom: n seeds know
    their variance to n - 1 degrees, examples are many. BUCC's threshold is held.
    """
    off: dict[str, float] = {}  # unit -> how far it moves the mean
    for scored in splits:
        above, below = ratio(_counts(scored), metric)
        whole = float(below.sum()) or 1.0
        parts = (above - float(above.sum()) / whole * below) / whole
        for unit, part in zip(scored["items"]["unit"], parts, strict=True):
            off[unit] = off.get(unit, 0.0) + 100 * float(part) / len(splits)
    values = [scored["metrics"][metric] for scored in splits]
    over_items, count = math.fsum(value * value for value in off.values()), len(values)
    share = median_variance(count) if statistic == "median" else 1 / count
    over_seeds = variance(values) * share if count >= 3 else 0.0
    freedom = (count - 1) * ((over_items + over_seeds) / over_seeds) ** 2 if over_seeds else math.inf
    return student_quantile(0.975, freedom) * math.sqrt(over_items + over_seeds)


def _counts(scored: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the items of a split; of BUCC, which keeps candidates with scores, what its threshold extracts."""
    items = scored["items"]
    if "score" not in items:
        return dict(items)
    extracted = [int(score is not None and score >= scored["extra"]["threshold"]) for score in items["score"]]
    right = [one * correct for one, correct in zip(extracted, items["correct"], strict=True)]
    return {"tp": right, "pred": extracted, "gold": items["gold"]}


def language_bars(
    values: Mapping[str, Mapping[str, float]],
    languages: Sequence[str],
    title: str,
    axis: str,
    folder: Path | str,
    stem: str,
    chance: float | Mapping[str, float] | None = None,
    errors: Mapping[str, Mapping[str, float]] | None = None,
    unseen: Collection[str] = (),
    interval: str = INTERVAL,
) -> list[Path]:
    """Draw one task's scores by language, a bar a source; many bars go to several rows.

    Args:
        values: source to language to value in percent.
        languages: the order along the axis.
        title: the task, its split and what is averaged.
        axis: the metric.
        folder: where ``STEM.svg`` and ``STEM.png`` go.
        stem: name of the files.
        chance: chance level in percent, one number or one a language.
        errors: source to language to half the 95 % interval.
        unseen: the languages that the encoder hardly or never saw.
        interval: what the legend calls ``errors``.
    """
    if not any(values.values()):
        return save_empty(title, NO_DATA, folder, stem)
    sources, look = list(values), _looks(list(values))
    errors = errors or {}
    slots = max(1, int(115 / (len(sources) + 1.2)))  # languages that a row holds with bars of at least 3.5 points
    rows = max(1, math.ceil(len(languages) / slots))
    slots = max(1, math.ceil(len(languages) / rows))
    tops = [
        min(100.0, value + errors.get(source, {}).get(code, 0))
        for source, row in values.items()
        for code, value in row.items()
    ]
    tops += chance.values() if isinstance(chance, Mapping) else [chance or 0.0]
    upright = slots > 8  # names beside each other would touch
    width = 0.84 / max(1, len(sources))
    height = 0.75 + (2.1 if upright else 1.5) * rows + 0.17 * math.ceil((len(sources) + 3) / legend_columns(sources))
    with figure(WIDTH, height) as drawn:
        panels = drawn.subplots(rows, 1, squeeze=False, sharey=True)[:, 0]
        for index, axes in enumerate(panels):
            part = languages[index * slots : (index + 1) * slots]
            for order, source in enumerate(sources):
                shift = (order - (len(sources) - 1) / 2) * width
                _bars(axes, part, values[source], errors.get(source, {}), shift, width, look[source])
            for x, name in enumerate(part):
                level = chance.get(name) if isinstance(chance, Mapping) else chance
                if level is not None:
                    axes.hlines(level, x - 0.46, x + 0.46, color="white", linewidth=2.0, zorder=3)
                    axes.hlines(level, x - 0.46, x + 0.46, zorder=4, **CHANCE)
                if x and FAMILY.get(name) != FAMILY.get(part[x - 1]):
                    axes.axvline(x - 0.5, color=PALE, linewidth=0.8, zorder=0)
            beside = " (unseen)" if upright else "\n(unseen)"
            named = [language_name(name) + beside * (name in unseen) for name in part]
            axes.set_xticks(range(len(part)), named, rotation=90 if upright else 0)
            axes.set(xlim=(-0.6, slots - 0.4), ylim=(0, max(1.0, max(tops, default=1.0) * 1.06)), ylabel=axis)
            axes.tick_params(axis="x", length=0)
        headline(drawn, title)
        missing = any(name not in row for row in values.values() for name in languages)
        columns = legend_columns(sources)
        handles = _bar_legend(look, chance is not None, missing, interval if any(errors.values()) else "")
        drawn.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.2)
        return save(drawn, folder, stem)


def _looks(sources: list[str]) -> dict[str, Look]:
    """Give each source its look; controls are hatched."""
    return {name: replace(one, hatch=CONTROL) if name in CONTROLS else one for name, one in looks(sources).items()}


def _bars(
    axes: Any,
    part: Sequence[str],
    row: Mapping[str, float],
    errors: Mapping[str, float],
    shift: float,
    width: float,
    look: Look,
) -> None:
    at = [x for x, name in enumerate(part) if name in row]
    heights = [row[part[x]] for x in at]
    places = [x + shift for x in at]
    axes.bar(places, heights, width, color=look.colour, hatch=look.hatch, edgecolor="white", linewidth=0.3)
    foot = {"color": look.colour, "linewidth": 1.6, "zorder": 2.5, "clip_on": False}  # so that a score of 0 is seen
    low = [place for place, height in zip(places, heights, strict=True) if height < 1]
    axes.hlines([0.0] * len(low), [x - 0.45 * width for x in low], [x + 0.45 * width for x in low], **foot)
    for x, place, height in zip(at, places, heights, strict=True):
        if part[x] in errors:
            ends = (max(0.0, height - errors[part[x]]), min(100.0, height + errors[part[x]]))  # as in intervals.csv
            axes.vlines(place, *ends, color="white", linewidth=1.6, zorder=2.6)
            axes.vlines(place, *ends, **ERROR, zorder=2.7)
    empty = [x + shift for x, name in enumerate(part) if name not in row]
    if empty:
        axes.plot(empty, [0.0] * len(empty), **ABSENT, clip_on=False)


def _bar_legend(look: Mapping[str, Look], chance: bool, missing: bool, interval: str) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(
            facecolor=one.colour,
            hatch=one.hatch,
            edgecolor="white",
            linewidth=0.3,
            label=f"{name} (control)" if name in CONTROLS else name,
        )
        for name, one in look.items()
    ]
    if interval:
        handles.append(Line2D([], [], **ERROR, label=interval))
    if chance:
        handles.append(Line2D([], [], **CHANCE, label="best without reading"))
    if missing:
        handles.append(Line2D([], [], **ABSENT, label="missing"))
    return handles
