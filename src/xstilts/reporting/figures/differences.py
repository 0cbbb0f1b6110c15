"""The heat map of the differences to ``none``, source by task."""

import math
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

from xstilts.reporting.baselines.chance import not_above_chance
from xstilts.reporting.figures.style import INK, WIDTH, figure, headline, save
from xstilts.reporting.main.results import read_results
from xstilts.reporting.main.rows import Score
from xstilts.reporting.main.table import MainTable, build_main_table
from xstilts.reporting.main.write import heading
from xstilts.reporting.render import TITLES, number
from xstilts.reporting.run import RunFolder
from xstilts.reporting.tables.baselines import read_baselines

CHANCE = "#B4B4B4"
FAINT = "////"


def figure_differences(run: RunFolder) -> None:
    """Draw the heat map of the differences to ``none``, source by task."""
    for model in run.settings["models"]:
        results = read_results(run, model)
        rows = [row for row in results.intervals if row["table"] == "main"]
        grey = not_above_chance(rows, read_baselines(run), run.tasks)
        title = f"What each source adds: run {run.settings['run']}, encoder {model}, development sets, {run.seeds}"
        stem = run.stem("differences", model)
        heat_map(build_main_table(results), run.folder / "figures", stem, grey, run.titled(title), clear_of_zero(rows))


def clear_of_zero(intervals: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Return (source, task) whose difference to ``none`` has a 95 % interval on its side of 0, by every metric.

    The interval of a best source is of choices that others made: where the shown one was lucky, it lies lower
    and may lie on the other side of 0, which confirms nothing.
    """
    found: dict[tuple[str, str], list[bool]] = {}
    for row in intervals:
        if row["baseline"] == "none" and row["diff_lower"] is not None:
            above, below = (
                row["diff_lower"] > 0 and row["difference"] > 0,
                row["diff_upper"] < 0 and row["difference"] < 0,
            )
            found.setdefault((row["source"], row["task"]), []).append(above or below)
    return {cell for cell, clear in found.items() if all(clear)}


def colour_limit(values: Iterable[float]) -> float:
    """Return where the colours of a heat map end: the largest size, at least 2 points, rounded up.

    Colours go by the square root of a difference: a few very large ones (the paper's retrieval tasks) would else leave
    all the others white.
    """
    return float(max(2, math.ceil(max((abs(value) for value in values), default=0))))


def _heat_cells(table: MainTable) -> tuple[list[str], list[tuple[str, list[Score]]]]:
    tasks = list(dict.fromkeys(table.column_tasks.values()))
    whole = any(row.average.value is not None for row in table.rows)
    rows = [
        (row.source, [*(row.tasks[task] for task in tasks), row.average if whole else row.available])
        for row in table.rows
    ]
    return [*tasks, "avg" if whole else "avg_available"], rows


def _in_lines(title: str, width: int) -> str:
    """Return the title of a column in lines of about so many letters, what stands in parentheses on its own."""
    parts = title.replace(" (", "\n(").splitlines()
    return "\n".join(fill(part, max(9, width), break_long_words=False, break_on_hyphens=False) for part in parts)


def heat_map(
    table: MainTable,
    folder: Path | str,
    stem: str,
    not_above_chance: Collection[tuple[str, str]] = (),
    title: str = "",
    clear: Collection[tuple[str, str]] | None = None,
) -> list[Path]:
    """Draw the differences of a main table, source by task (question answering: mean of F1 and exact match).

    Args:
        table: the main table; its baseline row is printed on top without colour, and a line stands above each block.
        folder: where ``STEM.svg`` and ``STEM.png`` go.
        stem: name of the files.
        not_above_chance: (source, task) whose interval reaches down to chance: grey, the number kept.
        title: run, split and seeds.
        clear: (source, task) whose interval holds no 0; all other differences are hatched. None where nothing is known.
    """
    from matplotlib.colors import FuncNorm
    from matplotlib.patches import Patch, Rectangle
    from matplotlib.patheffects import withStroke

    columns, rows = _heat_cells(table)
    limit = colour_limit(score.value for _, cells in rows for score in cells if score.relative and score.value)
    named = ["Avg. (avail.)" if name == "avg_available" else TITLES.get(name, name) for name in columns]
    titles = [_in_lines(name, 84 // len(columns)) for name in named]
    height = 1.55 + 0.27 * len(rows) + 0.12 * max(title.count("\n") for title in titles)
    with figure(WIDTH, height) as drawn:
        import matplotlib as mpl
        import numpy as np

        axes = drawn.add_subplot()
        roots = (lambda x: np.sign(x) * np.sqrt(np.abs(x)), lambda x: np.sign(x) * np.square(x))
        norm, colours = FuncNorm(roots, -limit, limit), mpl.colormaps["RdBu"]
        for y, (source, cells) in enumerate(rows):
            if heading(table, source):
                axes.axhline(y - 0.5, color=INK, linewidth=1.2, zorder=3)
            for x, (name, score) in enumerate(zip(columns, cells, strict=True)):
                face: Any = "white"
                ink, hatch = INK, ""
                if score.value is not None and (source, name) in not_above_chance:
                    face = CHANCE
                elif score.value is not None and score.relative:
                    face = colours(float(norm(score.value)))
                    ink = "white" if abs(score.value) > 0.3 * limit else INK
                    hatch = "" if clear is None or (source, name) in clear else FAINT
                box: Any = {"facecolor": face, "hatch": hatch, "edgecolor": "white", "linewidth": 1}
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, **box))
                text = number(score.value, score.relative) + ("!" if score.unsound and score.value is not None else "")
                written = axes.text(x, y, text, ha="center", va="center", color=ink, fontsize=7.5)
                if hatch:
                    written.set_path_effects([withStroke(linewidth=3.5, foreground=face)])
        axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
        axes.set_xticks(range(len(columns)), titles)
        axes.set_yticks(range(len(rows)), [source for source, _ in rows])
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        headline(drawn, title)
        bar = drawn.colorbar(mpl.cm.ScalarMappable(norm, colours), ax=axes, shrink=0.9, pad=0.02, aspect=30)
        steps = [*[step for step in (1, 2, 5, 10, 20, 50) if step < 0.8 * limit][-3:] * (len(rows) > 3), limit]
        bar.set_ticks([*(-step for step in steps), 0, *steps])
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:+g}" if value else "0")
        bar.set_label(f"difference to {table.baseline}, points" if table.baseline else "no row to compare with")
        bar.outline.set_visible(False)
        shown = [Patch(facecolor="none", label="– missing")]
        if clear is not None:
            words = "no 95 % interval on that side of 0"
            shown.append(Patch(facecolor="#9ECAE1", edgecolor="white", linewidth=0, hatch=FAINT, label=words))
        if not_above_chance:
            shown.append(Patch(facecolor=CHANCE, label="not above chance"))
        if any(score.unsound for _, cells in rows for score in cells):
            shown.append(Patch(facecolor="none", label="! with trainings that collapsed or learned nothing"))
        drawn.legend(handles=shown, loc="outside lower center", ncols=2, columnspacing=1.2, handlelength=1.6)
        return save(drawn, folder, stem)
