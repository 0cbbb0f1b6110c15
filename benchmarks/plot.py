"""One picture of all figures: how many times faster than each peer, and seconds over growing work."""

from pathlib import Path
from typing import Any

from benchmarks.tables import ours_first

OURS, PEER = "#1f5fa8", "#c8741b"


def plot(found: dict[str, dict[str, Any]], folder: Path) -> None:
    """Draw ``bench.svg`` and ``bench.png``; the whiskers and bands go from the lowest to the highest repeat."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "xstilts", "font.size": 8, "axes.spines.top": False}
    matplotlib.rcParams |= {"axes.spines.right": False}
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 8), width_ratios=(3, 2), layout="constrained")
    bars = [
        (f"{name}: {row['case']}, {peer}", ratio)
        for name, one in found.items()
        for row in one["rows"]
        for peer, ratio in row["ratio"].items()
    ]
    for place, (_, ratio) in enumerate(reversed(bars)):
        left.plot([ratio["low"], ratio["high"]], [place, place], color=OURS, linewidth=1)
        left.plot(ratio["median"], place, "o", color=OURS, markersize=4)
    left.axvline(1, color="#888888", linewidth=0.8)
    left.set_xscale("log")
    left.set_yticks(range(len(bars)), [label for label, _ in reversed(bars)])
    left.set_xlabel("times as fast as the peer (median and range)")
    lines = [(name, row) for name, one in found.items() for row in [one["growth"]]]
    for name, rows in lines:
        for side, color in zip(ours_first(rows[0]["sides"]), (OURS, PEER), strict=False):
            there = [row for row in rows if side in row["sides"]]
            times = [row["times"] for row in there]
            taken = [row["sides"][side]["seconds_spread"] for row in there]
            right.plot(times, [one["median"] for one in taken], "o-", color=color, markersize=3, linewidth=1)
            right.fill_between(
                times,
                [one["low"] for one in taken],
                [one["high"] for one in taken],
                color=color,
                alpha=0.2,
                linewidth=0,
            )
            if side == "ours":
                right.annotate(name, (times[-1], taken[-1]["median"]), xytext=(4, 0), textcoords="offset points")
    right.set_xscale("log", base=2)
    right.set_yscale("log")
    right.set_xlabel("work (1x, 4x, 16x); blue: this project, orange: the peer")
    right.set_ylabel("seconds")
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("svg", "png"):
        figure.savefig(folder / f"bench.{kind}", dpi=150, metadata={"Date": None} if kind == "svg" else {})
    pyplot.close(figure)
