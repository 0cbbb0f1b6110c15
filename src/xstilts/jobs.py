"""From a configuration to jobs: which there are, what each reads, and the spec that says when it is out of date.

A spec holds exactly the settings that a job uses and a digest of the code that it runs. It is a file, written only
when its content changes, and an input of the job; nothing of the machine is in it.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from xstilts import tasks
from xstilts.artifacts import hash_of
from xstilts.config import INTERMEDIATE, Run
from xstilts.data.readers import reader_module
from xstilts.data.registry import SPLITS, dataset, language_names, locate
from xstilts.digest import code_digest
from xstilts.errors import DataError
from xstilts.files import dump_json
from xstilts.modeling.fetch import wanted_files
from xstilts.prediction import languages
from xstilts.scoring import evaluate
from xstilts.training import phase

SCRIPTS = Path("workflow/scripts")
Cell = tuple[str, str, str, int, str]  # model, source, target, seed, task
TEXT = tasks.TrainingSet("mlm", "mlm", ())  # raw text as one part of a mixture
SHARED = ("world", "prepare")  # rules whose products stand in the store that all runs share
REPORTING = (  # rules that make tables and figures
    "collect_scores",
    "intervals",
    "overlaps",
    "table_main",
    "table_tasks",
    "table_hyperparameters",
    "table_intermediate",
    "table_languages",
    "table_baselines",
    "table_comparison",
    "figure_differences",
    "figure_languages",
    "figure_curves",
    "figure_published",
    "verify",
)


@dataclass(frozen=True)
class Jobs:
    """All jobs of one run; paths are relative to the folder that the workflow runs in."""

    run: Run
    code: Path  # the folder of the Snakefile
    results: Path = Path("results")

    # ---- places

    @property
    def here(self) -> Path:
        """The run's own results tree."""
        return self.results / self.run.run

    @cached_property
    def origin(self) -> str:
        """The name under which this run's data stand in the store: a generated world's settings are part of it."""
        if self.run.data.origin == "world":
            assert self.run.world is not None
            return f"world-{hash_of(self.run.world.model_dump())[:8]}"
        return self.run.data.origin

    @property
    def world(self) -> Path:
        """The manifest of the generated world."""
        return self.results / "store" / "origins" / self.origin / "manifest.json"

    def data(self, name: str, language: str) -> Path:
        """The manifest of one data set in one language."""
        return self.results / "store" / "data" / self.origin / name / language / "manifest.json"

    def pretrained(self, model: str) -> Path:
        """The manifest of a pretrained encoder."""
        return self.here / "models" / model / "manifest.json"

    def encoder(self, model: str, source: str, seed: int | str) -> Path:
        """The manifest of the encoder that the target phase starts from."""
        if source == "none":
            return self.pretrained(model)
        return self.here / "models" / model / source / "none" / str(seed) / "manifest.json"

    def trained(self, model: str, source: str, target: str, seed: int | str) -> Path:
        """The manifest of what a prediction runs: the target's model, or the encoder as it is."""
        if target == "none":
            return self.encoder(model, source, seed)
        return self.here / "models" / model / source / target / str(seed) / "manifest.json"

    def prediction(self, model: str, source: str, target: str, seed: int | str, task: str) -> Path:
        """The manifest of a task's predictions in all its languages."""
        return self.here / "predictions" / model / source / target / str(seed) / task / "manifest.json"

    def score(self, model: str, source: str, target: str, seed: int | str, task: str, language: str) -> Path:
        """The scores of one task in one language."""
        return self.here / "scores" / model / source / target / str(seed) / task / f"{language}.json"

    def spec(self, rule: str, *wildcards: object) -> Path:
        """The spec of a job; what all runs share stands in the store."""
        base = self.results / "store" if rule in SHARED else self.here
        first = [self.origin] if rule in SHARED else []
        return base.joinpath(
            "specs", rule, *first, *map(str, wildcards[:-1]), f"{wildcards[-1] if wildcards else rule}.json"
        )

    def log(self, rule: str, *wildcards: object) -> Path:
        """The log of a job."""
        *folders, name = (rule, *map(str, wildcards))
        return self.here.joinpath("logs", *folders, f"{name}.log")

    def made(self, *parts: str) -> Path:
        """A table, figure or other file of the run."""
        return self.here.joinpath(*parts)

    # ---- what there is

    def cells(self) -> Iterator[Cell]:
        """Every (model, source, target, seed, task); source `none` is trained to targets with every seed too."""
        for model in self.run.models:
            for source in self.run.source_names:
                for seed in self.run.seeds:
                    for name in self.run.tasks:
                        yield model, source, tasks.task(name).target, seed, name

    def scores(self, task: str | None = None) -> list[Path]:
        """The score files of the run, or of one task."""
        wanted = [cell for cell in self.cells() if task in (None, cell[4])]
        return [self.score(*cell, language) for cell in wanted for language in self.run.languages_of(cell[4])]

    def intermediate(self) -> list[tuple[str, str, int]]:
        """Every (model, source, seed) that is trained in the intermediate phase."""
        trained = [name for name in self.run.source_names if name != "none" and name not in self.run.own_encoders]
        return [(model, source, seed) for model in self.run.models for source in trained for seed in self.run.seeds]

    def trainings(self) -> list[Path]:
        """The manifests of all trainings of the run."""
        targets = dict.fromkeys(cell[:4] for cell in self.cells() if cell[2] != "none")
        return [self.encoder(*cell) for cell in self.intermediate()] + [self.trained(*cell) for cell in targets]

    def artifacts(self) -> list[Path]:
        """The manifests of all encoders, trainings and predictions of the run."""
        models = [self.trained(*cell[:4]) for cell in self.cells()] + [self.encoder(*c[:2], c[3]) for c in self.cells()]
        models += [self.pretrained(model) for model in self.run.models]
        return [*dict.fromkeys(models), *(self.prediction(*cell) for cell in self.cells())]

    # ---- what the reporting rules make and read

    def main_tables(self, stem: str, *kinds: str) -> list[Path]:
        """The files of a table of which every model has one."""
        names = [stem] if len(self.run.models) == 1 else [f"{stem}_{model}" for model in self.run.models]
        return [self.made("tables", f"{name}.{kind}") for name in names for kind in kinds]

    def figures(self, *stems: str) -> list[Path]:
        """The files of figures."""
        return [self.made("figures", f"{stem}.{kind}") for stem in stems for kind in ("svg", "png")]

    def baselines(self) -> list[Path]:
        """What each task of the run gives away without an encoder."""
        return [self.made("tables", "baselines", f"{name}.json") for name in self.run.tasks]

    def published(self) -> list[Path]:
        """The published numbers."""
        return sorted(Path("resources/published").glob("*.csv"))

    def data_of_baseline(self, task: str) -> list[Path]:
        """The evaluation data of a task and the English data of its target."""
        target = tasks.task(task).target
        return self.data_of_task(task) + ([] if target == "none" else self.data_of_target(target))

    # ---- what a job reads

    def data_of_source(self, source: str) -> list[Path]:
        """The data that an intermediate training reads."""
        names = [name for part in self._parts_of_source(source) for name in part["data"]]
        if source == "mlm-en":
            names += ["mnli/en"]
        return [self.data(*name.split("/")) for name in dict.fromkeys(names)]

    def data_of_target(self, target: str) -> list[Path]:
        """The data that a target training reads: English only; XQuAD to keep its paragraphs out of the choice."""
        names = [f"{part}/en" for part in tasks.training_set(target).parts]
        if target == "squad" and self.run.selection.recipe == "clean":
            names.append("xquad/en")
        return [self.data(*name.split("/")) for name in names]

    def data_of_task(self, task: str) -> list[Path]:
        """The evaluation data of a task in the languages of the run."""
        return [self.data(tasks.task(task).dataset, language) for language in self.run.languages_of(task)]

    def data_of_pretraining(self, model: str) -> list[Path]:
        """The text (and the English task text) that a small encoder is pretrained on."""
        settings = self.run.encoders[model].pretraining
        assert settings is not None
        return [self.data("text", code) for code in settings.languages] + [
            self.data(part, "en") for name in settings.task_text for part in tasks.training_set(name).parts
        ]

    def files_of_model(self, model: str) -> list[Path]:
        """The files that a model is taken from: none when it comes from the Hub."""
        weights = self.run.encoders[model].weights
        return wanted_files(Path(weights).expanduser()) if weights else []

    def files_of_source(self, source: str) -> list[Path]:
        """The files that a user's own source is taken from: none when it comes from the Hub."""
        return wanted_files(Path(self.run.own_encoders[source]).expanduser())

    def all_data(self) -> list[Path]:
        """Every data set and language that the run touches, training sets first."""
        paths = [
            path for source in self.run.source_names if source in INTERMEDIATE for path in self.data_of_source(source)
        ]
        paths += [path for target in self.run.targets for path in self.data_of_target(target)]
        paths += [path for task in self.run.tasks for path in self.data_of_task(task)]
        return list(dict.fromkeys(paths))

    # ---- settings of each job

    def _part(
        self, name: str, settings: Any, epochs: float | None = None, data: list[str] | None = None
    ) -> dict[str, Any]:
        known = TEXT if name == "mlm" else tasks.training_set(name)
        return {
            "name": name,
            "family": known.family,
            "data": data or [f"{part}/en" for part in known.parts],
            "labels": known.labels,
            "no_answer": known.no_answer,
            "batch_size": settings.batch_size,
            "epochs": epochs or settings.epochs,
            "limit": settings.limit,
            "shuffle_labels": False,
        }

    def _parts_of_source(self, source: str) -> list[dict[str, Any]]:
        sets = self.run.intermediate.sets
        if source == "multi":
            return [self._part(name, sets[name], sets["multi"].epochs) for name in self.run.mixture]
        if source == "mnli-shuffled":
            return [self._part("mnli", sets["mnli"]) | {"shuffle_labels": True}]
        if source == "mlm-en":
            return [self._part("mlm", sets["mlm-en"], data=["text/en"])]
        return [self._part(source, sets[source])]

    def _training(self, phase: Any, name: str, parts: list[dict[str, Any]], seed: int) -> dict[str, Any]:
        rate = phase.sets[name].learning_rate if name in phase.sets else None
        families = {part["family"] for part in parts}
        return {
            "seed": seed,
            "parts": parts,
            "learning_rate": rate or phase.learning_rate,
            "lengths": self._lengths(families),
            "optimisation": self._optimisation(),
            "selection": self.run.selection.model_dump(),
        }

    def _optimisation(self) -> dict[str, Any]:
        """Return what changes a result: how often a checkpoint is written does not."""
        return self.run.optimisation.model_dump(exclude={"checkpoint_minutes"})

    def _lengths(self, families: Iterable[str]) -> dict[str, int]:
        lengths = self.run.lengths.model_dump()
        kept = {family: lengths["classification" if family == "mlm" else family] for family in sorted(families)}
        if "span_qa" in kept:
            kept |= {"doc_stride": lengths["doc_stride"], "max_query": lengths["max_query"]}
        return kept

    def settings(self, rule: str, *wildcards: Any) -> dict[str, Any]:
        """Return exactly the settings that a job uses."""
        run = self.run
        if rule == "world":
            assert run.world is not None
            return run.world.model_dump()
        if rule == "prepare":
            name, language = wildcards
            return {
                "dataset": name,
                "language": language,
                "format": dataset(name).format,
                "names": language_names(language),
                "files": self._upstream(name, language),
            }
        if rule == "pretrain":
            pretraining = run.encoders[wildcards[0]].pretraining
            assert pretraining is not None
            return {"pretraining": pretraining.model_dump(), "optimisation": self._optimisation()}
        if rule == "fetch_model":
            encoder = run.encoders[wildcards[0]]
            return {"weights": encoder.weights, "revision": encoder.revision}
        if rule == "adopt_source":
            return {"encoder": run.own_encoders[wildcards[1]]}
        if rule == "train_intermediate":
            _, source, seed = wildcards
            name = {"mnli-shuffled": "mnli"}.get(source, source)
            settings = self._training(run.intermediate, name, self._parts_of_source(source), seed)
            if source == "mlm-en":
                settings["steps_of"] = self._part("mnli", run.intermediate.sets["mnli"])
            return settings
        if rule == "train_target":
            _, _, target, seed = wildcards
            part = self._part(target, run.target.sets[target])
            return self._training(run.target, target, [part], seed)
        if rule == "predict":
            task = tasks.task(wildcards[4])
            known = None if task.target == "none" else tasks.training_set(task.target)
            return {
                "task": task.name,
                "family": task.family,
                "splits": task.splits,
                "languages": run.languages_of(task.name),
                "limit": run.evaluation.limit,
                "lengths": self._lengths({task.family}),
                "micro_tokens": run.optimisation.micro_tokens,
                "precision": run.optimisation.precision,
                "labels": known.labels if known else (),
            }
        if rule == "score":
            task = tasks.task(wildcards[4])
            return {"task": task.name, "language": wildcards[5], "splits": task.splits, "limit": run.evaluation.limit}
        if rule == "baseline":
            return self.reporting() | {"languages": {wildcards[0]: run.languages_of(wildcards[0])}}
        if rule == "table_hyperparameters":
            machine: Any = {"mirror": True, "gpu_slots": True, "optimisation": {"checkpoint_minutes"}}
            return self.reporting() | {"configuration": run.model_dump(exclude=machine)}
        if rule in REPORTING:
            return self.reporting()
        raise ValueError(f"no settings for rule {rule!r}")

    def reporting(self) -> dict[str, Any]:
        """Return what tables and figures need to know of the configuration."""
        run = self.run
        trained = dict.fromkeys([*(name for name in run.source_names if name in INTERMEDIATE), *run.targets])
        return {
            "run": run.run,
            "generated": run.data.origin == "world",
            "models": run.models,
            "sources": run.source_names,
            "targets": run.targets,
            "training": list(trained),
            "intermediate_sets": [name for name in run.source_names if name in run.intermediate.sets],
            "mixtures": {"multi": run.mixture} if "multi" in run.source_names else {},
            "languages": {name: run.languages_of(name) for name in run.tasks},
            "headline": run.pretrained_languages,
            "seeds": run.seeds,
            "statistic": run.evaluation.seeds,
            "limit": run.evaluation.limit,
            "selection": run.selection.model_dump(),
            "data": str(self.data("DATASET", "LANGUAGE").parents[2]),
            "manifests": [str(path) for path in self.all_data()],
        }

    def opened_by_name(self, rule: str, *wildcards: Any) -> tuple[str, ...]:
        """Return the modules that a job's script imports by a string: they belong to its code too."""
        if rule == "prepare":
            return (reader_module(dataset(wildcards[0])),)
        if rule == "train_intermediate":
            return phase.opened_by_name({part["family"] for part in self._parts_of_source(wildcards[1])})
        if rule == "train_target":
            return phase.opened_by_name({tasks.training_set(wildcards[2]).family})
        if rule == "predict":
            return languages.opened_by_name(tasks.task(wildcards[4]).family)
        if rule == "score":
            return evaluate.opened_by_name(tasks.task(wildcards[4]))
        return ()

    def _upstream(self, name: str, language: str) -> dict[str, int]:
        """Sizes of a data set's files in the mirror: what comes, goes or grows is noticed, the folder may move.

        Translations take their groups from the English files.
        """
        if self.run.data.origin != "mirror" or self.run.mirror is None:
            return {}
        folder = Path(self.run.mirror)
        names: set[str] = set()
        for split in SPLITS:
            try:
                for code in {language, "en"} if dataset(name).parallel else {language}:
                    names.update(locate(dataset(name), code, split, folder))
            except DataError:
                continue  # the job itself says what is wrong
        return {path: (folder / path).stat().st_size for path in sorted(names)}

    # ---- specs

    def every(self) -> Iterator[tuple[Any, ...]]:
        """Yield (rule, *wildcards) of every job that has a spec."""
        run = self.run
        if run.data.origin == "world":
            yield ("world",)
        text = [
            path for model in run.models if run.is_pretrained_here(model) for path in self.data_of_pretraining(model)
        ]
        if "mlm-en" in run.source_names:
            text += self.data_of_source("mlm-en")
        for path in dict.fromkeys([*self.all_data(), *text]):
            yield "prepare", path.parts[-3], path.parts[-2]
        for model in run.models:
            yield "pretrain" if run.is_pretrained_here(model) else "fetch_model", model
            for source in run.own_encoders:
                for seed in run.seeds:
                    yield "adopt_source", model, source, seed
        for trained in self.intermediate():
            yield "train_intermediate", *trained
        for model, source, target, seed in dict.fromkeys(cell[:4] for cell in self.cells()):
            if target != "none":
                yield "train_target", model, source, target, seed
        for cell in self.cells():
            yield "predict", *cell
            for language in run.languages_of(cell[4]):
                yield "score", *cell, language
        for name in run.tasks:
            yield "baseline", name
        for rule in REPORTING:
            yield (rule,)

    def write_specs(self) -> None:
        """Write every spec whose content changed, and only those."""
        for rule, *wildcards in self.every():
            named = [str(value) for value in wildcards]
            content = dump_json(
                {
                    "rule": rule,
                    "wildcards": named,
                    "settings": self.settings(rule, *wildcards),
                    "code": code_digest(self.code / SCRIPTS / f"{rule}.py", self.opened_by_name(rule, *wildcards)),
                }
            )
            path = self.spec(rule, *wildcards)
            if not path.is_file() or path.read_text(encoding="utf-8") != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                beside = path.with_name(f".{path.name}.{os.getpid()}")
                beside.write_text(content, encoding="utf-8")
                beside.replace(path)  # not synced to the disk: there are thousands, and a lost one is written again
