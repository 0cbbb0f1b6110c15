"""A run as its tables read it: scores, trainings, intervals and data, and what they need of its configuration."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from xstilts.artifacts import read_manifest
from xstilts.data.rows.subset import first
from xstilts.errors import DataError
from xstilts.files import read_json, read_jsonl
from xstilts.reporting.aggregate import Scores, index_scores, task_entries
from xstilts.reporting.scores import Cell, read_scores
from xstilts.scoring import score_file
from xstilts.tasks import registry
from xstilts.tasks.benchmark import Benchmark, benchmark
from xstilts.uncertainty.intervals import TOO_FEW_SEEDS

if TYPE_CHECKING:
    import pandas as pd

POLICIES: dict[str, Literal["dev", "test"]] = {"main": "dev", "main_test": "test"}
INTERVAL_NUMBERS = (
    *("value", "lower", "upper", "deviation", "difference", "diff_lower", "diff_upper", "diff_deviation"),
    *("p", "p_holm"),
)


@dataclass(frozen=True)
class RunFolder:
    """A run's results tree with the settings of its reporting jobs (``xstilts.graph.reporting_settings``).

    What tables share is read once: ``scores``, ``frame``, ``trainings`` and ``intervals``.
    """

    settings: dict[str, Any]
    folder: Path  # results/RUN
    tables: Path  # where tables are read from and written to

    @property
    def generated(self) -> bool:
        """Whether the run is on generated languages: nothing of it is compared with published numbers."""
        return self.settings["generated"]

    @property
    def benchmark(self) -> Benchmark:
        """The benchmark that the run goes by."""
        return benchmark(self.settings["benchmark"])

    @property
    def seeds(self) -> str:
        """The seeds in words."""
        seeds = self.settings["seeds"]
        return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"

    @property
    def few_seeds(self) -> str:
        """What is said beside every comparison of sources under three seeds; "" from three on."""
        few = len(self.settings["seeds"]) < 3
        return f"{TOO_FEW_SEEDS.capitalize()}: what differs between sources may be chance." if few else ""

    def titled(self, title: str) -> str:
        """Return the title of a figure that compares sources, with ``few_seeds`` below it."""
        return f"{title}\n{self.few_seeds}".rstrip()

    def stem(self, table: str, model: str) -> str:
        """The file stem of one model's table: ``main`` for a single model, else ``main_MODEL``."""
        return table if len(self.settings["models"]) == 1 else f"{table}_{model.replace('/', '--')}"

    def only(self, model: str) -> str:
        """What stands behind a title to say whose numbers these are: nothing for a single model."""
        return "" if len(self.settings["models"]) == 1 else f": {model}"

    @cached_property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """The entries of the run's tasks in the order of the columns; generated runs have languages of their own."""
        own = None
        if self.generated:
            headline, spoken = self.settings["headline"], self.settings["languages"]
            own = {name: [code for code in spoken[name] if not headline or code in headline] for name in spoken}
        found = task_entries(own, self.benchmark, self.settings["languages"])
        return {name: entry for name, entry in found.items() if name in self.settings["languages"]}

    def cells(self) -> Iterator[Cell]:
        """Every score file that the run expects, in the order of the tables."""
        for model in self.settings["models"]:
            for source in self.settings["sources"]:
                for name, languages in self.settings["languages"].items():
                    target = registry()[0][name].target
                    for seed in self.settings["seeds"]:
                        for language in languages:
                            yield Cell(model, source, target, seed, name, language)

    @cached_property
    def seals(self) -> dict[str, str]:
        """The seals of the scores files that ``scores.csv`` was collected from."""
        return read_json(self.tables / "seals.json")

    def scored(self, cell: Cell) -> dict[str, Any] | None:
        """Return the content of a cell's scores file, with its items; None where none was collected.

        Raises:
            DataError: the file is no longer the one that was collected.
        """
        seal = self.seals.get(cell.path("").as_posix())
        if seal is None:
            return None
        path = cell.path(self.folder / "scores")
        content = score_file.read_scores(path)
        if content["seal"] != seal:
            raise DataError(path, "other scores than those of scores.csv", "the file that it was collected from")
        return content

    def data(self, name: str, language: str) -> Path:
        """The manifest of a prepared data set."""
        return Path(self.settings["data"]) / name / language / "manifest.json"

    @cached_property
    def trainings(self) -> list[dict[str, Any]]:
        """Every finished training of the run, intermediate ones first."""
        models = self.folder / "models"
        wanted: list[Path] = []
        rests_on = self.settings["rests_on"]
        named = [
            name for source in self.settings["sources"] for name in (*(one for one, _ in rests_on[source]), source)
        ]
        for model in self.settings["models"]:
            for source in dict.fromkeys(named):
                for target in ("none", *self.settings["targets"]):
                    for seed in self.settings["seeds"]:
                        wanted.append(models / model / source / target / str(seed) / "manifest.json")
        there = [path for path in wanted if path.is_file() and "best_step" in read_manifest(path).results]
        return read_trainings(sorted(there, key=lambda path: Path(path).parts[-3] != "none"))

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """The long table of scores."""
        return read_scores(self.tables / "scores.csv")

    @cached_property
    def scores(self) -> dict[str, Scores]:
        """The scores of each model."""
        return {model: index_scores(self.frame, model) for model in self.settings["models"]}

    @cached_property
    def intervals(self) -> dict[str, list[dict[str, Any]]]:
        """The intervals of each model, none where they were not made yet."""
        path = self.tables / "intervals.csv"
        rows = read_numbers(path, INTERVAL_NUMBERS) if path.is_file() else []
        return {model: [row for row in rows if row["model"] == model] for model in self.settings["models"]}

    def rows(self, data: Path | str, split: str, limit: int | None = None) -> list[Any]:
        """The first ``limit`` rows of a prepared data set's split, none where there are none."""
        manifest = read_manifest(Path(data))
        if manifest.reason or split not in manifest.results["rows"]:
            return []
        manifest.check([f"{split}.jsonl"])
        return list(first(read_jsonl(manifest.folder / f"{split}.jsonl"), limit))

    def evaluated(self, task: str) -> dict[tuple[str, str], list[Any]]:
        """The scored rows of a task by (language, split)."""
        found = {}
        name = registry()[0][task].dataset
        for language in self.settings["languages"][task]:
            data = self.data(name, language)
            manifest = read_manifest(data)
            for split in [] if manifest.reason else manifest.results["evaluate"]:
                found[language, split] = self.rows(data, split, self.settings["limit"])
        return found


def read_counts(manifests: Iterable[Path | str]) -> list[dict[str, Any]]:
    """Read data manifests, ``.../DATASET/LANGUAGE/manifest.json``.

    Returns:
        ``dataset``, ``language``, ``rows`` and ``labelled`` ({split: number}), ``left_out`` ({split: ids of questions
        that the reader left out}), ``cut`` (the split that train was cut from, if any) and ``reason`` (why there are
        none).
    """
    found = []
    for path in map(Path, manifests):
        content = read_json(path)
        results = content.get("results") or {}
        found.append(
            {
                "dataset": path.parent.parent.name,
                "language": path.parent.name,
                "rows": results.get("rows") or {},
                "labelled": results.get("labelled") or {},
                "left_out": results.get("left_out") or {},
                "cut": results.get("cut"),
                "reason": content.get("reason"),
            }
        )
    return found


def read_trainings(manifests: Iterable[Path | str]) -> list[dict[str, Any]]:
    """Read training manifests, ``.../MODEL/SOURCE/TARGET/SEED/manifest.json``, with the ``history.json`` beside each.

    Returns:
        ``model``, ``source``, ``target`` (``none`` in the intermediate phase), ``seed``, ``set`` (the training set that
        names its panel in a figure), ``results``, ``reason``, ``best_step`` and ``evaluations``.
    """
    found = []
    for path in map(Path, manifests):
        content = read_json(path)
        model, source, target, seed = path.parent.parts[-4:]
        history: dict[str, Any] = {"best_step": None, "evaluations": []}
        if content.get("reason") is None and "history.json" in content.get("files", {}):
            history = read_json(path.parent / "history.json")
        found.append(
            {
                "model": model,
                "source": source,
                "target": target,
                "seed": int(seed),
                "set": source if target == "none" else target,
                "results": content.get("results") or {},
                "reason": content.get("reason"),
                "best_step": history["best_step"],
                "evaluations": history["evaluations"],
            }
        )
    return found


def read_numbers(path: Path | str, numeric: Sequence[str]) -> list[dict[str, Any]]:
    """Read a CSV of the project's own making, the ``numeric`` columns as numbers or None.

    Raises:
        DataError: a numeric field holds something else.
    """
    with open(path, encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        rows: list[dict[str, Any]] = list(reader)
    for line, row in enumerate(rows, 2):
        for column in numeric:
            text = row.get(column)
            try:
                row[column] = float(text) if text else None
            except ValueError:
                raise DataError(path, f"{column} {text!r}", "a number", line) from None
    return rows
