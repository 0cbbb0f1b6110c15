"""Where a run's scores, trainings and data lie, and what its tables need to know of its configuration."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from xstilts.artifacts import read_manifest
from xstilts.data.subset import first
from xstilts.files import read_jsonl
from xstilts.reporting.aggregate import task_entries
from xstilts.reporting.inputs import read_numbers, read_trainings
from xstilts.reporting.scores import Cell, read_scores
from xstilts.tasks import registry

if TYPE_CHECKING:
    import pandas as pd

POLICIES: dict[str, Literal["dev", "test"]] = {"main": "dev", "main_test": "test"}
INTERVAL_NUMBERS = (
    *("value", "lower", "upper", "deviation", "difference", "diff_lower", "diff_upper", "diff_deviation"),
    *("p", "p_holm"),
)


@dataclass(frozen=True)
class RunFolder:
    """A run's results tree with the settings of its reporting jobs (``xstilts.settings.reporting``)."""

    settings: dict[str, Any]
    folder: Path  # results/RUN
    tables: Path  # where tables are read from and written to

    @property
    def generated(self) -> bool:
        """Whether the run is on generated languages: nothing of it is compared with published numbers."""
        return self.settings["generated"]

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """The entries of the run's tasks in the order of the columns; generated runs have languages of their own."""
        own = None
        if self.generated:
            headline, spoken = self.settings["headline"], self.settings["languages"]
            own = {name: [code for code in spoken[name] if not headline or code in headline] for name in spoken}
        return {name: entry for name, entry in task_entries(own).items() if name in self.settings["languages"]}

    def cells(self) -> Iterator[Cell]:
        """Every score file that the run expects, in the order of the tables."""
        for model in self.settings["models"]:
            for source in self.settings["sources"]:
                for name, languages in self.settings["languages"].items():
                    target = registry()[0][name].target
                    for seed in self.settings["seeds"]:
                        for language in languages:
                            yield Cell(model, source, target, seed, name, language)

    def data(self, name: str, language: str) -> Path:
        """The manifest of a prepared data set."""
        return Path(self.settings["data"]) / name / language / "manifest.json"

    def trainings(self) -> list[dict[str, Any]]:
        """Every finished training of the run, intermediate ones first."""
        models = self.folder / "models"
        wanted: list[Path] = []
        for model in self.settings["models"]:
            for source in self.settings["sources"]:
                for target in ("none", *self.settings["targets"]):
                    for seed in self.settings["seeds"]:
                        wanted.append(models / model / source / target / str(seed) / "manifest.json")
        there = [path for path in wanted if path.is_file() and "best_step" in read_manifest(path).results]
        return read_trainings(sorted(there, key=lambda path: Path(path).parts[-3] != "none"))

    def scores(self) -> "pd.DataFrame":
        """The long table of scores."""
        return read_scores(self.tables / "scores.csv")

    def intervals(self, model: str) -> list[dict[str, Any]]:
        """The intervals of one model, none where they were not made yet."""
        path = self.tables / "intervals.csv"
        rows = read_numbers(path, INTERVAL_NUMBERS) if path.is_file() else []
        return [row for row in rows if row["model"] == model]

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
