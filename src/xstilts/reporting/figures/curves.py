"""Dev score and training loss of every training against its steps."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from xstilts.reporting.figures.style import GREY, WIDTH, Look, figure, headline, legend_columns, looks, save, save_empty
from xstilts.reporting.run import RunFolder

CHOSEN: Any = {"marker": "o", "markersize": 4, "markerfacecolor": "white", "linestyle": ""}
LOSS = "negative loss (nats)"  # what a training on text alone calls its dev score
TITLE = 72  # letters of the titles of a row of panels
FAINT = 0.75  # lines that lie on each other stay visible


def figure_curves(run: RunFolder) -> None:
    """Draw dev score and loss of every training of both phases."""
    for model in run.settings["models"]:
        own = [one for one in run.trainings if one["model"] == model]
        for phase in ("intermediate", "target"):
            chosen = [one for one in own if (one["target"] == "none") == (phase == "intermediate")]
            title = f"Run {run.settings['run']}: training curves of the {phase} phase{run.only(model)}"
            learning_curves(chosen, title, run.folder / "figures", run.stem(f"curves_{phase}", model))


def learning_curves(trainings: Sequence[Mapping[str, Any]], title: str, folder: Path | str, stem: str) -> list[Path]:
    """Draw dev score and training loss against the step, a panel a training set, a line a source.

    Args:
        trainings: each with ``set`` (the panel), ``source``, ``target``, ``seed``, ``best_step`` and ``evaluations``, a
            list of {"step", "loss", "score"} (score in percent, of text alone minus the loss).
        title: phase and model.
        folder: where ``STEM.svg`` and ``STEM.png`` go.
        stem: name of the files.
    """
    sets = list(dict.fromkeys(one["set"] for one in trainings))
    sources = list(dict.fromkeys(one["source"] for one in trainings))
    if not sets:
        return save_empty(title, "No training of this phase", folder, stem)
    if all(one["source"] == one["set"] for one in trainings):  # the panels' titles say it all: one colour, no legend
        look = dict.fromkeys(sources, looks([""])[""])
        sources = []
    else:
        look = looks(sources)
    across = min(4, len(sets))
    down = math.ceil(len(sets) / across)
    lines = math.ceil((len(sources) + 2) / legend_columns(sources))
    first = {name: next(one for one in trainings if one["set"] == name) for name in sets}
    titles = {name: _panel_title(one, TITLE // across) for name, one in first.items()}
    further = max(title.count("\n") for title in titles.values())
    with figure(WIDTH, 0.75 + (2.45 + 0.15 * further) * down + 0.17 * lines) as drawn:
        parts = drawn.subfigures(down, across, squeeze=False)
        for place, part in enumerate(parts.flat):
            if place >= len(sets):
                continue
            above, below = part.subplots(2, 1, sharex=True, height_ratios=(1.25, 1))
            above.set_title(titles[sets[place]])
            for one in trainings:
                if one["set"] == sets[place]:
                    _curve(above, below, one, look[one["source"]])
            below.set_xlabel("step")
            in_nats = _in_nats(first[sets[place]])
            if place % across == 0 or in_nats:
                above.set_ylabel("minus dev loss, nats" if in_nats else "dev score, %")
            if place % across == 0:
                below.set_ylabel("loss")
            for axes in (above, below):
                axes.locator_params(axis="y", nbins=4)
                axes.ticklabel_format(axis="y", useOffset=False)
                axes.locator_params(axis="x", nbins=3, integer=True)
            below.ticklabel_format(axis="x", style="plain")
            below.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k" if value >= 1000 else f"{value:g}")
        headline(drawn, title)
        from matplotlib.lines import Line2D

        handles = [Line2D([], [], color=look[name].colour, linestyle=look[name].dash, label=name) for name in sources]
        if len({one["seed"] for one in trainings}) > 1:
            handles.append(Line2D([], [], color=GREY, alpha=FAINT, label="a line a seed"))
        handles.append(Line2D([], [], **CHOSEN, color=GREY, label="the checkpoint that was kept"))
        columns = legend_columns([str(one.get_label()) for one in handles])
        beside = "after source" if sources else None
        drawn.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.2, title=beside)
        return save(drawn, folder, stem)


def _panel_title(one: Mapping[str, Any], width: int) -> str:
    """Return what a panel is of, in lines of so many letters: a name that is longer than its panel would be cut."""
    phase = "source" if one["target"] == "none" else "target"
    return fill(f"{phase} {one['set']}", width, break_on_hyphens=False)


def _in_nats(one: Mapping[str, Any]) -> bool:
    """Say whether a training's dev score is minus a loss: that of text alone, without labelled sets beside it."""
    names = [entry["metric"] for entry in (one.get("results") or {}).get("dev", {}).values()]
    return bool(names) and all(name == LOSS for name in names)


def _curve(above: Any, below: Any, one: Mapping[str, Any], look: Look) -> None:
    steps = [entry["step"] for entry in one["evaluations"]]
    scores = [entry["score"] for entry in one["evaluations"]]
    line: Any = {"color": look.colour, "linestyle": look.dash, "alpha": FAINT}
    above.plot(steps, scores, **line)
    below.plot(steps, [entry["loss"] for entry in one["evaluations"]], **line)
    if one.get("best_step") in steps:
        chosen = scores[steps.index(one["best_step"])]
        above.plot([one["best_step"]], [chosen], **CHOSEN, color=look.colour, zorder=3)
