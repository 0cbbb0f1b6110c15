"""The figure of a run against the published numbers: a panel a task, a point a source, agreement on the line."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.config.sources import WITH_TEXT
from xstilts.reporting.figures.style import COLOURS, GREY, WIDTH, figure, headline, save, save_empty
from xstilts.reporting.render import TITLES
from xstilts.reporting.run import RunFolder
from xstilts.reporting.tables.comparison import comparison_of
from xstilts.tasks.benchmark import XTREME, Benchmark

EXACT_MATCH = COLOURS[4]
FIRST = COLOURS[1]
BAR = "#BDBDBD"
NOTHING = "Nothing to compare: no number of this run has a published one on the same split (see comparison.md)"
ACROSS = 5  # panels
NARROWEST = 3.0  # points that a panel spans at least, so that noise does not look like disagreement


def figure_published(run: RunFolder) -> None:
    """Draw this run's numbers against the published ones."""
    for model in run.settings["models"]:
        title = run.titled(f"This run against the published numbers{run.only(model)}")
        stem = run.stem("published", model)
        published_scatter(comparison_of(run, model), title, run.folder / "figures", stem, run.benchmark)


def _look(row: Mapping[str, Any]) -> dict[str, Any]:
    colour = EXACT_MATCH if row["metric"] == "exact_match" else FIRST
    return {
        "marker": "^" if row["source"].endswith(WITH_TEXT) else "o",
        "color": colour,
        "markerfacecolor": colour if row["comparable"] == "yes" else "white",
        "markersize": 3.4,
        "markeredgewidth": 0.8,
        "linestyle": "",
    }


def _panel(axes: Any, rows: Sequence[Mapping[str, Any]], name: str) -> None:
    for row in rows:
        if row["reach"] is not None:
            ends = (row["ours"] - row["reach"], row["ours"] + row["reach"])
            axes.plot([row["published"]] * 2, ends, color=BAR, linewidth=0.7, zorder=0.5)
        axes.plot(row["published"], row["ours"], **_look(row))
    numbers = [row[key] for row in rows for key in ("published", "ours")] or [0.0]
    middle, span = (max(numbers) + min(numbers)) / 2, max(max(numbers) - min(numbers), NARROWEST)
    ends = (middle - 0.58 * span, middle + 0.58 * span)
    axes.plot(ends, ends, color=GREY, linewidth=0.8, zorder=1)
    axes.set(xlim=ends, ylim=ends, box_aspect=1)
    axes.locator_params(nbins=3)
    axes.set_title(name)
    axes.grid(True, axis="both")
    if not rows:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "no number", transform=axes.transAxes, ha="center", va="center")


def published_scatter(
    rows: Sequence[Mapping[str, Any]], title: str, folder: Path | str, stem: str, benchmark: Benchmark = XTREME
) -> list[Path]:
    """Draw our numbers against the published ones: a panel of differences a task, and one of the absolute scores.

    Args:
        rows: rows of the comparison; those without a number of ours on the published split are left out, and those that
            are not comparable are hollow. Averages are in the table only.
        title: what is compared.
        folder: where ``STEM.svg`` and ``STEM.png`` go.
        stem: name of the files.
        benchmark: whose tasks have a panel each.
    """
    from matplotlib.lines import Line2D

    drawable = [row for row in rows if row["ours"] is not None and row["split"] == row["our_split"]]
    drawable = [row for row in drawable if row["task"] in benchmark.tasks]
    if not drawable:
        return save_empty(title, NOTHING, folder, stem)
    lines = math.ceil((len(benchmark.tasks) + 1) / ACROSS)
    with figure(WIDTH, 0.75 + 1.5 * lines) as drawn:
        panels = drawn.subplots(lines, ACROSS)
        for task, axes in zip(benchmark.tasks, panels.flat, strict=False):
            part = [row for row in drawable if row["task"] == task and row["kind"] == "difference"]
            _panel(axes, part, TITLES[task])
        last = len(benchmark.tasks)
        _panel(panels.flat[last], [row for row in drawable if row["kind"] == "absolute"], "scores, %")
        for axes in panels.flat[last + 1 :]:
            axes.set_axis_off()
        for axes in panels[:, 0]:
            axes.set_ylabel("this run")
        for axes in panels[-1]:
            axes.set_xlabel("published")
        first, *below = title.split("\n")
        said = "\n".join([f"{first}: differences to none, points", *below])
        headline(drawn, said)
        drawn.legend(handles=_legend(drawable, Line2D), loc="outside lower center", ncols=6, columnspacing=1.2)
        return save(drawn, folder, stem)


def _legend(rows: Sequence[Mapping[str, Any]], line: Any) -> list[Any]:
    """What occurs in the figure; the first entry always."""
    point: dict[str, Any] = {"linestyle": "", "markersize": 4}
    handles = [line([], [], marker="o", color=FIRST, **point, label="accuracy or F1")]
    if any(row["metric"] == "exact_match" for row in rows):
        handles.append(line([], [], marker="o", color=EXACT_MATCH, **point, label="exact match"))
    if any(row["source"].endswith(WITH_TEXT) for row in rows):
        handles.append(line([], [], marker="^", color=FIRST, **point, label="with MLM"))
    if any(row["comparable"] != "yes" for row in rows):
        handles.append(line([], [], marker="o", color=FIRST, markerfacecolor="white", **point, label="not comparable"))
    if any(row["reach"] is not None for row in rows):
        handles.append(line([], [], color=BAR, linewidth=1.2, label="95 % prediction over seeds"))
    return handles
