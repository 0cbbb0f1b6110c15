"""The two figures of a study: its comparisons with their intervals, and scores against what they cost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.reporting.figures.style import COLOURS, GREY, PALE, WIDTH, figure, looks, save
from xstilts.reporting.render import TITLES
from xstilts.studies.measure import Finding


def forest(
    folder: Path, primary: Finding, without: Sequence[Finding], others: Sequence[Finding], smallest: float
) -> None:
    """Draw every comparison with its 95 % interval: the primary first, then without each task, then the secondary."""
    rows = [(primary, primary.comparison.name, COLOURS[4])]
    rows += [(one, f"without {TITLES.get(one.without, one.without)}", COLOURS[2]) for one in without]
    rows += [(one, one.comparison.name, COLOURS[1]) for one in others]
    speed = primary.comparison.of != "score"  # the axis has one unit: percent of speed, or points
    drawn_rows = [row for row in rows if row[0].estimate is not None and (row[0].comparison.of != "score") == speed]
    unit = "percent faster" if speed else "points of the average"
    least = -smallest if speed else 0
    lines = [(name, one.estimate, one.lower, one.upper, colour) for one, name, colour in drawn_rows]
    intervals(folder, lines, (least, smallest), unit)


def intervals(
    folder: Path, rows: Sequence[tuple[str, Any, Any, Any, str]], nothing: tuple[float, float], unit: str
) -> None:
    """Draw estimates with their 95 % intervals, a line each.

    Args:
        folder: gets ``forest.svg`` and ``forest.png``.
        rows: name, estimate, lower and upper bound, colour.
        nothing: between what an effect counts as none.
        unit: of the axis.
    """
    with figure(WIDTH, 0.9 + 0.24 * max(1, len(rows))) as drawn:
        axes = drawn.subplots()
        axes.axvspan(*nothing, color=PALE, zorder=0)
        axes.axvline(0, color=GREY, linewidth=0.8)
        for place, (_, estimate, lower, upper, colour) in enumerate(rows):
            axes.plot([lower, upper], [place, place], color=colour, linewidth=1.6)
            axes.plot([estimate], [place], "o", color=colour, markersize=4)
        axes.set_yticks(range(len(rows)), [row[0] for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"{unit}, 95 % interval (grey: {nothing[0]:g} to {nothing[1]:g}, what counts as none)")
        if not rows:
            axes.text(0.5, 0.5, "no comparison has numbers yet", transform=axes.transAxes, ha="center")
        save(drawn, folder, "forest")


def pareto(folder: Path, averages: Mapping[str, Finding], costs: Sequence[Mapping[str, Any]]) -> None:
    """Draw each arm's average against its training seconds; arms that no cheaper one reaches are joined."""
    look = looks(list(averages))
    points = []
    for row in costs:
        found = averages[row["arm"]]
        if found.estimate is not None and row["finished"] == row["jobs"]:
            points.append((float(row["training_seconds"]), found, str(row["arm"])))
    points.sort(key=lambda point: (point[0], -(point[1].estimate or 0)))
    best, front = float("-inf"), []
    for point in points:
        if (point[1].estimate or 0) > best:
            best = point[1].estimate or 0
            front.append(point)
    with figure(WIDTH, 3.2) as drawn:
        axes = drawn.subplots()
        axes.plot([x for x, _, _ in front], [one.estimate for _, one, _ in front], color=GREY, linewidth=0.8, zorder=1)
        for x, one, arm in points:
            colour, marker = look[arm].colour, look[arm].marker
            axes.plot([x, x], [one.lower, one.upper], color=colour, linewidth=0.8, alpha=0.6)
            axes.plot([x], [one.estimate], marker, color=colour, markersize=5, label=arm)
        if points:
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        else:
            axes.text(0.5, 0.5, "no arm is finished", transform=axes.transAxes, ha="center")
        axes.set_xlabel("training seconds of the arm, all seeds")
        axes.set_ylabel("average of the tasks")
        save(drawn, folder, "pareto")


def points(folder: Path, places: Sequence[tuple[str, float, float]], x: str, y: str) -> None:
    """Draw models by (name, what they take, score) into ``pareto.svg`` and ``pareto.png``."""
    look = looks([name for name, _, _ in places])
    with figure(WIDTH, 1.2 + 0.17 * max(10, len(places))) as drawn:
        axes = drawn.subplots()
        for name, taken, score in places:
            axes.plot([taken], [score], look[name].marker, color=look[name].colour, markersize=5, label=name)
        if places:
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        else:
            axes.text(0.5, 0.5, "nothing is measured", transform=axes.transAxes, ha="center")
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        save(drawn, folder, "pareto")
