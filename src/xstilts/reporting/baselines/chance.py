"""What chance scores, and which scores do not lie above it."""

from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

CHANCE = ("majority", "random", "text_blind")


def chance_levels(baselines: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str, str], float]:
    """Return the best of majority, random and text-blind by (task, language, split, metric), in percent."""
    levels: dict[tuple[str, str, str, str], float] = {}
    for row in baselines:
        if row["baseline"] in CHANCE:
            key = (row["task"], row["language"], row["split"], row["metric"])
            levels[key] = max(levels.get(key, 0.0), float(row["value"]))
    return levels


def not_above_chance(
    intervals: Iterable[Mapping[str, Any]],
    baselines: Iterable[Mapping[str, Any]],
    tasks: Mapping[str, Mapping[str, Any]],
) -> set[tuple[str, str]]:
    """Return the (source, task) whose lower bound does not lie above chance, for the grey cells of the heat map.

    Chance is the mean of ``chance_levels`` over the languages that a task's score goes over (``languages`` of
    ``tasks``: no language that the encoder never saw); a task's first metric decides. A cell without an interval or
    without baselines is not in the set.
    """
    levels = chance_levels(baselines)
    found = set()
    for row in intervals:
        task = row["task"]
        if task not in tasks or row["metric"] != tasks[task]["metrics"][0] or row["lower"] is None:
            continue
        place = (task, row["split"], row["metric"])
        counted = tasks[task]["languages"]
        here = [value for key, value in levels.items() if (key[0], *key[2:]) == place and key[1] in counted]
        if here and float(row["lower"]) <= fmean(here):
            found.add((row["source"], task))
    return found
