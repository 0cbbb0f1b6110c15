"""How figures look: page width, fonts of at least 7 points, colours for the colour-blind, the same bytes each time."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

from xstilts.files import replacing

WIDTH = 6.9  # inches: the text width of an A4 or letter page
DOTS = 200  # an inch of a PNG
LETTERS = 92  # of a title that this width holds
# Okabe and Ito's colours; black stands first, for the source without intermediate training. Yellow is left out: it is
# hard to see on white.
COLOURS = ("#000000", "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7")
# With seven colours enough for the thirty rows of the paper.
HATCHES = ("", "////", "....", "xxxx", "----")
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)), (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
GREY, PALE, INK = "#999999", "#E4E4E4", "#222222"
SETTINGS: Any = {  # Any: matplotlib's own type names every key there is
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "hatch.linewidth": 0.5,
    "svg.hashsalt": "xstilts",
    "svg.fonttype": "path",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Look:
    """How one source is drawn in every figure."""

    colour: str
    hatch: str
    dash: Any
    marker: str


def looks(sources: Sequence[str]) -> dict[str, Look]:
    """Give each source its look; ``none`` is black, and past the last colour hatches, dashes and markers change."""
    ordered = sorted(sources, key=lambda name: name != "none")  # stable: the order of the table but for none
    first = 0 if ordered[:1] == ["none"] else 1
    found = {}
    for index, name in enumerate(ordered, first):
        cycle = index // len(COLOURS)
        colour = COLOURS[index % len(COLOURS)]
        found[name] = Look(
            colour, HATCHES[cycle % len(HATCHES)], DASHES[cycle % len(DASHES)], MARKERS[index % len(MARKERS)]
        )
    return found


def legend_columns(labels: Sequence[str]) -> int:
    """Return how many columns of a legend fit into a page-wide figure, in rows that are about equally long."""
    longest = max((len(label) for label in labels), default=1)
    most = max(1, min(7, int(WIDTH // (0.45 + 0.06 * longest))))  # inches of a sign with its gaps, and of a letter
    return math.ceil(len(labels) / math.ceil(len(labels) / most)) if labels else 1


@contextmanager
def figure(width: float, height: float) -> Iterator[Any]:
    """Yield an empty figure of the given size in inches in this project's style, without a window system."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        drawn = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawn)
        yield drawn


def headline(drawn: Any, title: str) -> None:
    """Write a figure's title, in lines that its width holds."""
    lines = [part for line in title.splitlines() for part in wrap(line, LETTERS)]
    drawn.suptitle("\n".join(lines), fontsize=8.5, fontweight="bold")


def save(drawn: Any, folder: Path | str, stem: str) -> list[Path]:
    """Write ``STEM.svg`` and ``STEM.png`` (200 dots an inch), whole or not at all, without date or version in them."""
    _lay_out(drawn)
    paths = [Path(folder) / f"{stem}.{form}" for form in ("svg", "png")]
    for path in paths:
        form = path.suffix[1:]
        metadata = {"Date": None} if form == "svg" else {"Software": None}
        with replacing(path) as beside:
            drawn.savefig(beside, format=form, dpi=DOTS, metadata=metadata)
    return paths


def _lay_out(drawn: Any) -> None:
    """Give each panel its place, once and rounded.

    Last digits of the solver differ from one drawing of the same to the next, and SVG names clip paths by them.
    """
    drawn.set_dpi(DOTS)  # letters are a little narrower where there are fewer
    drawn.draw_without_rendering()
    drawn.set_layout_engine("none")
    for part in drawn.subfigs:
        part.bbox_relative.set_points(part.bbox_relative.get_points().round(6))
    for panel in drawn.axes:
        panel.set_position([round(end, 6) for end in panel.get_position(original=True).bounds])


def save_empty(title: str, why: str, folder: Path | str, stem: str) -> list[Path]:
    """Write a low figure that says why there is nothing to draw."""
    with figure(WIDTH, 1.2) as drawn:
        headline(drawn, title)
        drawn.text(0.5, 0.3, why, ha="center", va="center")
        return save(drawn, folder, stem)
