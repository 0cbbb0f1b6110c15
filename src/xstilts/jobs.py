"""From a configuration to jobs: which there are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts import tasks
from xstilts.data.hub_tables import load as hub_sets
from xstilts.reads import Reads
from xstilts.tasks.sources import starts_pretrained
from xstilts.trainings import parts_of_source

Cell = tuple[str, str, str, int, str]  # model, source, target, seed, task
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
    "table_best",
    "table_claims",
    "table_seeds",
    "figure_differences",
    "figure_languages",
    "figure_curves",
    "figure_published",
    "verify",
)


class Jobs(Reads):
    """All jobs of one run."""

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
        trained = [source.name for source in self.run.parsed_sources if source.kind in ("trained", "control")]
        return [(model, source, seed) for model in self.run.models for source in trained for seed in self.run.seeds]

    def choices(self) -> list[tuple[str, str, str, int]]:
        """Every (model, source, target, seed) whose learning rate is chosen among several trainings."""
        wanted = dict.fromkeys(cell[:4] for cell in self.cells())
        return [cell for cell in wanted if self.run.source(cell[1]).kind == "tuned" and cell[2] != "none"]

    def target_trainings(self) -> list[tuple[str, str, str, int]]:
        """Every (model, source, target, seed) that is trained in the target phase, candidates of a choice too."""
        chosen = self.choices()
        plain = [cell[:4] for cell in self.cells() if cell[2] != "none" and cell[:4] not in chosen]
        tried = [
            (model, name, target, seed) for model, _, target, seed in chosen for name in self.run.candidates(target)
        ]
        return list(dict.fromkeys([*plain, *tried]))

    @property
    def has_text(self) -> bool:
        """Whether a source of the run reads the sample of raw text."""
        return any(source.mlm for source in self.run.parsed_sources)

    def trainings(self) -> list[Path]:
        """The manifests of all trainings of the run."""
        targets = dict.fromkeys(cell[:4] for cell in self.cells() if cell[2] != "none")
        return [self.encoder(*cell) for cell in self.intermediate()] + [self.trained(*cell) for cell in targets]

    def models(self) -> list[tuple[str, str, str, int]]:
        """Every (model, source, target, seed) that has weights of its own; target `none` is what came of a source."""
        sources = [(*cell[:2], "none", cell[3]) for cell in self.cells() if not starts_pretrained(cell[1])]
        return list(dict.fromkeys([*sources, *self.target_trainings(), *self.choices()]))

    def dropped(self) -> list[tuple[str, str, str, int]]:
        """The models whose weights `keep` does not keep once nothing in the run needs them."""
        targets = [found for found in self.models() if found[2] != "none"]
        return {"all": [], "sources": targets, "none": self.models()}[self.run.keep]

    def users(self, model: str, source: str, target: str, seed: int | str) -> list[Path]:
        """The manifests of everything in the run that is made from a model."""
        chain = (model, source, target, seed)
        made = [self.prediction(*chain, name) for name in self.run.tasks if tasks.task(name).target == target]
        if source not in self.run.source_names:  # a candidate for a learning rate only
            made = []
        trained = [self.trained(model, source, other, seed) for other in self.run.targets]
        if target == "none":
            return made + trained
        if source in self.run.candidates(target):
            made += [
                self.trained(*cell) for cell in self.choices() if cell[0] == model and cell[2:] == (target, int(seed))
            ]
        return made

    def artifacts(self) -> list[Path]:
        """The manifests of all encoders, trainings and predictions of the run."""
        models = [self.trained(*cell[:4]) for cell in self.cells()] + [self.encoder(*c[:2], c[3]) for c in self.cells()]
        models += [self.pretrained(model) for model in self.run.models]
        return [*dict.fromkeys(models), *(self.prediction(*cell) for cell in self.cells())]

    def featurised(self) -> list[tuple[str, str, str, str]]:
        """Every (model, start, use, name) whose texts become features; see ``features``."""
        found = [path for cell in self.intermediate() for path in self.features_of_source(*cell[:2])]
        found += [self.features_of_target(*cell[:3]) for cell in self.target_trainings()]
        found += [self.features_of_task(*cell[:2], cell[4]) for cell in self.cells()]
        return [(path.parts[-5], path.parts[-4], path.parts[-3], path.parts[-2]) for path in dict.fromkeys(found)]

    def every(self) -> Iterator[tuple[Any, ...]]:
        """Yield (rule, *wildcards) of every job that has a spec."""
        run = self.run
        if run.data.origin == "world":
            yield ("world",)
        for name in self.downloads():
            yield "download", name
        if self.has_text:
            yield ("sample_text",)
        data = self.prepared()
        made_here = [one for one in data if self.is_translated_here(*one)]
        yield from (("translate" if one in made_here else "prepare", *one) for one in data)
        if made_here:
            yield ("fetch_translator",)
        for model in run.models:
            yield "pretrain" if run.is_pretrained_here(model) else "fetch_model", model
            for source in run.own_encoders:
                for seed in run.seeds:
                    yield "adopt_source", model, source, seed
        for features in self.featurised():
            yield "featurise", *features
        for trained in self.intermediate():
            yield "train_intermediate", *trained
        for trained_target in self.target_trainings():
            yield "train_target", *trained_target
        for choice in self.choices():
            yield "choose_rate", *choice
        for cell in self.cells():
            yield "predict", *cell
            for language in run.languages_of(cell[4]):
                yield "score", *cell, language
        for name in run.tasks:
            yield "baseline", name
        for rule in REPORTING:
            yield (rule,)

    def prepared(self) -> list[tuple[str, str]]:
        """Every (data set, language) that the run reads."""
        run = self.run
        paths = self.all_data()
        paths += [
            path for model in run.models if run.is_pretrained_here(model) for path in self.data_of_pretraining(model)
        ]
        if "mlm-en" in run.source_names:
            paths.append(self.data("text", "en"))
        if self.has_text:
            paths += self.text_of_sample()
        return [(path.parts[-3], path.parts[-2]) for path in dict.fromkeys(paths)]

    def downloads(self) -> list[str]:
        """The data sets that the run fetches."""
        return list(dict.fromkeys(name for name, language in self.prepared() if self.download_of(name, language)))

    def hub_data(self) -> list[str]:
        """The data sets that the run reads from the Hub."""
        return [name for name in self.downloads() if name in hub_sets()]

    def hub_models(self) -> dict[str, list[Path]]:
        """The repositories of encoders on the Hub, each with the manifests of what it becomes."""
        run, found = self.run, dict[str, list[Path]]()
        for model in run.models:
            encoder = run.encoders[model]
            if encoder.weights and not encoder.revision and not run.is_pretrained_here(model):
                found.setdefault(encoder.weights, []).append(self.pretrained(model))
            for source, place in run.own_encoders.items():
                found.setdefault(place, []).extend(self.encoder(model, source, seed) for seed in run.seeds)
        translation = run.translation
        if translation and not translation.revision and any(self.is_translated_here(*one) for one in self.prepared()):
            found.setdefault(translation.model, []).append(self.translator)
        return {place: made for place, made in found.items() if not Path(place).expanduser().is_dir()}

    def from_hub(self) -> set[Path]:
        """The manifests of everything that comes from the Hub."""
        return {self.download(name) for name in self.hub_data()}.union(*self.hub_models().values())

    # ---- what many jobs read

    def all_data(self) -> list[Path]:
        """Every data set and language that the run touches, training sets first."""
        paths = [path for source, _, _ in self.labelled() for path in self.data_of_source(source) if path != self.text]
        paths += [path for target in self.run.targets for path in self.data_of_target(target)]
        return list(dict.fromkeys([*paths, *self.evaluation_data()]))

    def labelled(self) -> Iterator[tuple[str, str, list[Path]]]:
        """Yield (source, training set, its labelled data) of the intermediate phase."""
        for source in self.run.parsed_sources:
            if source.kind not in ("trained", "control"):
                continue
            suffix = "" if source.language == "en" else f"-{source.language}"
            for part in parts_of_source(self.run, source.name):
                if part["family"] != "mlm":
                    yield source.name, part["name"] + suffix, [self.data(*name.split("/")) for name in part["data"]]

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
