"""The gains of models of several sizes, paired by seed and language, from a table of gains or from a run's scores."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xstilts.errors import DataError

Gains = dict[float, dict[tuple[str, str], tuple[float, float]]]  # size -> (seed, language) -> gain, score without


@dataclass(frozen=True)
class Series:
    """The gains of one task or average by size; a size has as many seeds and languages as every other one."""

    name: str
    sizes: tuple[float, ...]  # billions of parameters, rising
    gains: np.ndarray  # points, [sizes, seeds, languages]
    direct: np.ndarray  # the score without intermediate training, the same shape, NaN where not known

    @property
    def means(self) -> np.ndarray:
        """The gain of each size, in points."""
        return np.asarray(self.gains.mean(axis=(1, 2)))

    @property
    def normalised(self) -> list[float | None]:
        """The gain of each size as a share of what was left to gain, in percent; None where nobody can say."""
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = 100 * self.means / (100 - self.direct.mean(axis=(1, 2)))
        return [float(share) if math.isfinite(share) else None for share in shares]


def read_series(path: Path) -> list[Series]:
    """Read gains from a CSV: ``series,billions,seed,language,gain,direct``; seed, language and direct may be empty.

    Raises:
        DataError: there is no row, a number is none, a row stands twice, or a size lacks a seed or language that
            another one has.
    """
    found: dict[str, Gains] = {}
    columns = "series,billions,seed,language,gain,direct"
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            try:
                name, size, gain = row["series"], float(row["billions"]), float(row["gain"])
                direct = float(row["direct"]) if row.get("direct") else float("nan")
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(path, f"line {number}: {error}", columns) from None
            if not (0 < size < math.inf and math.isfinite(gain)):
                raise DataError(path, f"line {number}: {size:g} B, gain {gain:g}", "a size above 0 and a finite gain")
            cell = (row.get("seed") or "", row.get("language") or "")
            of_size = found.setdefault(name, {}).setdefault(size, {})
            if cell in of_size:
                twice = " ".join(filter(None, (f"{size:g} B", f"seed {cell[0]}" if cell[0] else "", cell[1])))
                raise DataError(path, f"line {number}: {name}, {twice} once more", "each size, seed and language once")
            of_size[cell] = gain, direct
    if not found:
        raise DataError(path, "no row", columns)
    return [series_of(path, name, by_size) for name, by_size in found.items()]


def read_scores(path: Path, sizes: Mapping[str, float], source: str, minus: str = "none") -> list[Series]:
    """Read the gains of a run's models from its ``scores.csv``, a series a task on its test split.

    Args:
        path: the long table of scores.
        sizes: billions of parameters of each model that counts.
        source: the source whose gain it is.
        minus: the source that it is compared with.

    Raises:
        DataError: a model has no score of the two sources, or lacks a seed or language that another one has.
    """
    gains = read_gains(path, sizes, source, minus)
    return [series_of(path, task, by_size) for task, by_size in gains.items()]


def read_average(path: Path, sizes: Mapping[str, float], source: str, minus: str, tasks: Sequence[str]) -> Series:
    """Read the gains of a run's models as one series: the mean over the tasks, each of which is one over its languages.

    What stands at a language is that mean plus how far the language lies from the means of its tasks, by its share in
    them. So the mean over languages is the mean over tasks, and drawing languages again moves each task's mean as
    drawing its own again does, to first order: a task in many languages weighs no more than one in few.

    Raises:
        DataError: as ``read_scores``, or none of the tasks has scores.
    """
    gains = read_gains(path, sizes, source, minus)
    found: Gains = {}
    for size in sizes.values():
        by_seed: dict[str, dict[str, dict[str, tuple[float, float]]]] = {}
        for task in tasks:
            for (seed, language), values in gains.get(task, {}).get(size, {}).items():
                by_seed.setdefault(seed, {}).setdefault(task, {})[language] = values
        found[size] = {
            (seed, language): values for seed, own in by_seed.items() for language, values in _level(own).items()
        }
    if not any(found.values()):
        raise DataError(path, f"no score of {' '.join(tasks)}", f"test scores of {source} and {minus}")
    return series_of(path, "average", found)


def _level(tasks: Mapping[str, Mapping[str, tuple[float, float]]]) -> dict[str, tuple[float, float]]:
    """Return by language what has the mean of the tasks' means as its mean."""
    languages = sorted({language for own in tasks.values() for language in own})
    values = np.zeros((len(languages), 2))
    for own in tasks.values():
        spoken = [languages.index(language) for language in own]
        cells = np.asarray(list(own.values()))
        mean = cells.mean(axis=0)
        values += mean
        values[spoken] += (cells - mean) * len(languages) / len(own)
    return {
        language: (float(gain), float(direct))
        for language, (gain, direct) in zip(languages, values / len(tasks), strict=True)
    }


def read_gains(path: Path, sizes: Mapping[str, float], source: str, minus: str) -> dict[str, Gains]:
    """Return (gain, score without) by task, size, seed and language; the mean of F1 and exact match.

    Raises:
        DataError: a model has no score of the two sources.
    """
    values: dict[tuple[str, str, str, str, str], list[float]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            wanted = row["model"] in sizes and row["source"] in (source, minus)
            if wanted and row["split"] == "test" and row["value"]:
                key = (row["task"], row["model"], row["source"], row["seed"], row["language"])
                values.setdefault(key, []).append(float(row["value"]))
    if lacking := sorted(set(sizes) - {model for _, model, *_ in values}):
        raise DataError(path, f"no score of {' '.join(lacking)}", f"test scores of {source} and {minus}")
    means = {key: sum(found) / len(found) for key, found in values.items()}
    found: dict[str, Gains] = {}
    for (task, model, name, seed, language), direct in means.items():
        after = means.get((task, model, source, seed, language))
        if name == minus and after is not None:
            found.setdefault(task, {}).setdefault(sizes[model], {})[seed, language] = after - direct, direct
    return found


def series_of(path: Path, name: str, by_size: Gains) -> Series:
    """Return the gains of one task or average as a series.

    Raises:
        DataError: a size lacks a seed or language that another one has; it names ``path``.
    """
    sizes = tuple(sorted(by_size))
    seeds = sorted({seed for cells in by_size.values() for seed, _ in cells})
    languages = sorted({language for cells in by_size.values() for _, language in cells})
    values = np.full((2, len(sizes), len(seeds), len(languages)), np.nan)
    for place, size in enumerate(sizes):
        for first, seed in enumerate(seeds):
            for second, language in enumerate(languages):
                if (seed, language) not in by_size[size]:
                    lacking = " ".join(filter(None, (f"seed {seed}" if seed else "", language)))
                    raise DataError(path, f"{name}: {size:g} B without {lacking}", "what every other size has")
                values[:, place, first, second] = by_size[size][seed, language]
    return Series(name, sizes, values[0], values[1])
