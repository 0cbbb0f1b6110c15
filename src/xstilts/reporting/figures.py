"""Figures: differences as a heat map, scores by language, learning curves."""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from xstilts.reporting.render import TITLES, heading, number
from xstilts.reporting.style import GREY, INK, PALE, WIDTH, Look, figure, looks, save

if TYPE_CHECKING:
    from xstilts.reporting.main_table import MainTable
    from xstilts.reporting.rows import Score

NO_DATA = "No scores yet"
CHANCE: Any = {"color": INK, "linewidth": 1.1, "linestyle": (0, (3, 1.2))}
ABSENT: Any = {"color": GREY, "linestyle": "", "marker": "x", "markersize": 3.5, "markeredgewidth": 0.9}


def colour_limit(values: Sequence[float]) -> float:
    """Return where the colours of a heat map saturate: the 80th percentile of the sizes, at least 2 points, rounded up.

    A few very large differences (the paper's retrieval tasks) would else leave all the others white.
    """
    sizes = sorted(abs(value) for value in values)
    if len(sizes) < 2:
        return max(2.0, math.ceil(sizes[0])) if sizes else 2.0
    return float(max(2, math.ceil(quantiles(sizes, n=10, method="inclusive")[7])))


def legend_columns(entries: int) -> int:
    """Return how many columns give rows of at most seven entries that are about equally long."""
    return math.ceil(entries / math.ceil(entries / 7))


def _heat_cells(table: "MainTable") -> tuple[list[str], list[tuple[str, list["Score"]]]]:
    tasks = list(dict.fromkeys(table.column_tasks.values()))
    whole = any(row.average.value is not None for row in table.rows)
    rows = [
        (row.source, [*(row.tasks[task] for task in tasks), row.average if whole else row.available])
        for row in table.rows
    ]
    return [*tasks, "avg" if whole else "avg_available"], rows


def heat_map(
    table: "MainTable", folder: Path | str, stem: str, not_above_chance: Collection[tuple[str, str]] = ()
) -> list[Path]:
    """Draw the differences of a main table, source by task (question answering: mean of F1 and exact match).

    Args:
        table: the main table; its baseline row is printed on top without colour, and a line stands above each block.
        folder: where ``STEM.svg`` and ``STEM.png`` go.
        stem: name of the files.
        not_above_chance: (source, task) whose interval reaches down to chance: grey, the number kept.
    """
    from matplotlib.colors import TwoSlopeNorm
    from matplotlib.patches import Patch, Rectangle

    columns, rows = _heat_cells(table)
    coloured = [score.value for _, cells in rows for score in cells if score.relative and score.value is not None]
    limit = colour_limit(coloured)
    with figure(WIDTH, 1.3 + 0.27 * len(rows)) as drawn:
        import matplotlib as mpl

        axes = drawn.add_subplot()
        norm, colours = TwoSlopeNorm(0, -limit, limit), mpl.colormaps["RdBu"]
        for y, (source, cells) in enumerate(rows):
            if heading(table, source):
                axes.axhline(y - 0.5, color=INK, linewidth=1.2, zorder=3)
            for x, (name, score) in enumerate(zip(columns, cells, strict=True)):
                face: Any = "white"
                ink = INK
                if score.value is None:
                    face = PALE
                elif (source, name) in not_above_chance:
                    face = "#C4C4C4"
                elif score.relative:
                    face = colours(norm(score.value))
                    ink = "white" if abs(score.value) > 0.6 * limit else INK
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=face, edgecolor="white", linewidth=1))
                text = number(score.value, score.relative) + (
                    "!" if score.collapsed and score.value is not None else ""
                )
                axes.text(x, y, text, ha="center", va="center", color=ink, fontsize=7.5)
        axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
        titles = ["Avg.\n(avail.)" if name == "avg_available" else TITLES.get(name, name) for name in columns]
        axes.set_xticks(range(len(columns)), titles)
        axes.set_yticks(range(len(rows)), [source for source, _ in rows])
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        bar = drawn.colorbar(
            mpl.cm.ScalarMappable(norm, colours), ax=axes, extend="both", shrink=0.9, pad=0.02, aspect=30
        )
        bar.set_label(f"difference to {table.baseline}, points" if table.baseline else "no row to compare with")
        bar.outline.set_visible(False)
        shown = [Patch(facecolor=PALE, label="– missing")]
        if not_above_chance:
            shown.append(Patch(facecolor="#C4C4C4", label="not above chance"))
        if any(score.collapsed for _, cells in rows for score in cells):
            shown.append(Patch(facecolor="none", label="! with collapsed trainings"))
        drawn.legend(handles=shown, loc="outside lower center", ncols=3)
        return save(drawn, folder, stem)


def language_bars(
    values: Mapping[str, Mapping[str, float]],
    languages: Sequence[str],
    title: str,
    axis: str,
    folder: Path | str,
    stem: str,
    chance: float | Mapping[str, float] | None = None,
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
    """
    sources, look = list(values), looks(list(values))
    slots = max(1, int(115 / (len(sources) + 1.2)))  # languages that a row holds with bars of at least 3.5 points
    rows = max(1, math.ceil(len(languages) / slots))
    slots = max(1, math.ceil(len(languages) / rows))
    top = max((value for row in values.values() for value in row.values()), default=1.0)
    width = 0.84 / max(1, len(sources))
    with figure(WIDTH, 0.75 + 1.45 * rows + 0.17 * math.ceil((len(sources) + 2) / 7)) as drawn:
        panels = drawn.subplots(rows, 1, squeeze=False, sharey=True)[:, 0]
        for index, axes in enumerate(panels):
            part = languages[index * slots : (index + 1) * slots]
            for order, source in enumerate(sources):
                _bars(axes, part, values[source], (order - (len(sources) - 1) / 2) * width, width, look[source])
            for x, name in enumerate(part):
                level = chance.get(name) if isinstance(chance, Mapping) else chance
                if level is not None:
                    axes.hlines(level, x - 0.46, x + 0.46, color="white", linewidth=2.0, zorder=3)
                    axes.hlines(level, x - 0.46, x + 0.46, zorder=4, **CHANCE)
            axes.set_xticks(range(len(part)), part)
            axes.set(xlim=(-0.6, slots - 0.4), ylim=(0, max(1.0, top * 1.06)), ylabel=axis)
            axes.tick_params(axis="x", length=0)
        if not any(values.values()):
            panels[0].text(0.5, 0.5, NO_DATA, transform=panels[0].transAxes, ha="center")
        drawn.suptitle(title, fontsize=8.5, fontweight="bold")
        missing = any(name not in row for row in values.values() for name in languages)
        handles = _bar_legend(look, chance is not None, missing)
        drawn.legend(handles=handles, loc="outside lower center", ncols=legend_columns(len(handles)), columnspacing=1.2)
        return save(drawn, folder, stem)


def _bars(axes: Any, part: Sequence[str], row: Mapping[str, float], shift: float, width: float, look: Look) -> None:
    at = [x for x, name in enumerate(part) if name in row]
    heights = [row[part[x]] for x in at]
    places = [x + shift for x in at]
    axes.bar(places, heights, width, color=look.colour, hatch=look.hatch, edgecolor="white", linewidth=0.3)
    empty = [x + shift for x, name in enumerate(part) if name not in row]
    if empty:
        axes.plot(empty, [0.0] * len(empty), **ABSENT, clip_on=False)


def _bar_legend(look: Mapping[str, Look], chance: bool, missing: bool) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(facecolor=one.colour, hatch=one.hatch, edgecolor="white", linewidth=0.3, label=name)
        for name, one in look.items()
    ]
    if chance:
        handles.append(Line2D([], [], **CHANCE, label="chance"))
    if missing:
        handles.append(Line2D([], [], **ABSENT, label="missing"))
    return handles


def learning_curves(trainings: Sequence[Mapping[str, Any]], title: str, folder: Path | str, stem: str) -> list[Path]:
    """Draw dev score and training loss against the step, a panel a training set, a line a source.

    Args:
        trainings: each with ``set`` (the panel), ``source``, ``seed``, ``best_step`` and ``evaluations``, a list of
            {"step", "loss", "score"} (score in percent).
        title: phase and model.
        folder: where ``STEM.svg`` and ``STEM.png`` go.
        stem: name of the files.
    """
    sets = list(dict.fromkeys(one["set"] for one in trainings))
    sources = list(dict.fromkeys(one["source"] for one in trainings))
    if all(one["source"] == one["set"] for one in trainings):  # the panels' titles say it all: one colour, no legend
        look = dict.fromkeys(sources, looks([""])[""])
        sources = []
    else:
        look = looks(sources)
    across = min(4, max(1, len(sets)))
    down = max(1, math.ceil(len(sets) / across))
    lines = math.ceil(len(sources) / 7)
    with figure(WIDTH, 0.6 + 2.45 * down + 0.17 * lines) as drawn:
        parts = drawn.subfigures(down, across, squeeze=False)
        for place, part in enumerate(parts.flat):
            if place >= len(sets):
                continue
            above, below = part.subplots(2, 1, sharex=True, height_ratios=(1.25, 1))
            above.set_title(sets[place])
            for one in trainings:
                if one["set"] == sets[place]:
                    _curve(above, below, one, look[one["source"]])
            below.set_xlabel("step")
            if place % across == 0:
                above.set_ylabel("dev score, %")
                below.set_ylabel("loss")
            for axes in (above, below):
                axes.locator_params(axis="y", nbins=4)
                axes.locator_params(axis="x", nbins=3)
            below.ticklabel_format(axis="x", style="plain")
            below.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k" if value >= 1000 else f"{value:g}")
        drawn.suptitle(title if sets else f"{title}: no training yet", fontsize=8.5, fontweight="bold")
        if lines:
            from matplotlib.lines import Line2D

            handles = [Line2D([], [], color=one.colour, linestyle=one.dash, label=name) for name, one in look.items()]
            drawn.legend(
                handles=handles, loc="outside lower center", ncols=legend_columns(len(handles)), columnspacing=1.2
            )
        return save(drawn, folder, stem)


def _curve(above: Any, below: Any, one: Mapping[str, Any], look: Look) -> None:
    steps = [entry["step"] for entry in one["evaluations"]]
    scores = [entry["score"] for entry in one["evaluations"]]
    above.plot(steps, scores, color=look.colour, linestyle=look.dash)
    below.plot(steps, [entry["loss"] for entry in one["evaluations"]], color=look.colour, linestyle=look.dash)
    if one.get("best_step") in steps:
        chosen = scores[steps.index(one["best_step"])]
        above.plot([one["best_step"]], [chosen], "o", color=look.colour, markersize=4, markerfacecolor="white")
