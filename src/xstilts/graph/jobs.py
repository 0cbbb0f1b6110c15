"""From a configuration to jobs: which there are."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from xstilts import tasks
from xstilts.config.recipe import changed_settings, stamp
from xstilts.config.run import Run
from xstilts.config.study import Study, read_study, run_of_study
from xstilts.data.fetching.hub_sets import load as hub_sets
from xstilts.errors import ConfigError
from xstilts.graph.cells import Cells

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
    "table_card",
    "table_best",
    "table_claims",
    "table_seeds",
    "figure_differences",
    "figure_languages",
    "figure_curves",
    "figure_published",
    "verify",
    "report",
)
STUDY = ("predict_study", "measure_speed", "measure_serving", "measure_latency", "study")  # rules of a study


class Jobs(Cells):
    """All jobs of one run."""

    @cached_property
    def study(self) -> "StudyJobs | None":
        """The jobs of the run's study: what is equal to a job of the run is that job."""
        if self.run.study is None:
            return None
        generated = self.run.data.origin == "world"
        settings = read_study(self.code, self.run.study, generated, self.run.benchmark, self.run.recipe)
        settings = settings.computable(self.run)
        arms = run_of_study(self.run, settings)
        self._refuse_other_texts(arms)
        return StudyJobs(arms, self.code, self.results, self.run.study, settings=settings)

    def _refuse_other_texts(self, arms: Run) -> None:
        """Refuse a study that reads texts whose pieces a trimmed encoder of the run does not have."""
        trimmed = [model for model in self.run.models if self.run.encoders[model].vocabulary == "run"]
        others = Jobs(arms, self.code, self.results)
        for model in trimmed:
            if strange := set(others.texts(model)) - set(self.texts(model)):
                raise ConfigError(
                    f"encoders.{model}.vocabulary: run: study {self.run.study} reads {'/'.join(min(strange))}, which "
                    "the run does not; expected vocabulary: whole"
                )

    @cached_property
    def all(self) -> "tuple[Jobs, ...]":
        """These jobs, and those of the study where there is one."""
        return (self, self.study) if self.study else (self,)

    def owner(self, rule: str, *wildcards: object) -> "Jobs":
        """Return whose a job is: the study's are those that the run does not have."""
        if self.study is None or rule in STUDY:
            return self
        words = tuple(map(str, wildcards))
        if rule == "drop":
            return self if words in {tuple(map(str, one)) for one in self.models()} else self.study
        return self if (rule, *words) in self._own else self.study

    @cached_property
    def _own(self) -> set[tuple[str, ...]]:
        return {tuple(map(str, job)) for job in self._every_of_run()}

    def users(self, model: str, source: str, target: str, seed: int | str) -> list[Path]:
        """The manifests of everything in the run, and in its study, that is made from a model."""
        found = [one.own_users(model, source, target, seed) for one in self.all]
        return list(dict.fromkeys(path for paths in found for path in paths))

    def every(self) -> Iterator[tuple[Any, ...]]:
        """Yield (rule, *wildcards) of every job that has a spec, those of the study last."""
        yield from self._every_of_run()
        if self.study is not None:
            for job in self.study._every_of_run():
                if job[0] not in ("baseline", *REPORTING) and tuple(map(str, job)) not in self._own:
                    yield job
            asked = self.study.settings
            measured = {
                "measure_speed": asked.speed,
                "measure_serving": asked.serving,
                "measure_latency": asked.latency,
            }
            for rule in STUDY:
                if measured.get(rule, True):
                    yield rule, self.run.study

    def _every_of_run(self) -> Iterator[tuple[Any, ...]]:
        run = self.run
        if run.data.origin == "world":
            yield ("world",)
        for name in self.downloads():
            yield "download", name
        if self.has_text:
            yield ("sample_text",)
        data = self.prepared()
        made_here = [one for one in data if self.is_translated_here(*one)]
        for one in data:
            if self.is_fetched_text(*one):
                yield "fetch_text", one[1]
            else:
                yield ("translate" if one in made_here else "prepare"), *one
        if made_here:
            yield ("fetch_translator",)
        for model in dict.fromkeys(map(self.plain, run.models)):
            if run.encoders[model].is_trimmed:
                yield "fetch_whole", model
                yield "trim", model
            else:
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
        if any(source.kind == "context" for source in run.parsed_sources):
            yield ("fetch_decoder",)
        for cell in self.cells():
            if cell[4] in self.indexed:
                yield "index", *cell
            yield self.predicting(cell[1]), *cell
            for language in run.languages_of(cell[4]):
                yield "score", *cell, language
        for name in run.tasks:
            yield "baseline", name
        for rule in REPORTING:
            yield (rule,)

    def prepared(self) -> list[tuple[str, str]]:
        """Every (data set, language) that the run reads."""
        run = self.run
        paths = self.all_data() + [path for name in self.indexed for path in self.candidates_of_task(name)]
        paths += [
            path for model in run.models if run.is_pretrained_here(model) for path in self.data_of_pretraining(model)
        ]
        if "mlm-en" in run.source_names:
            paths.append(self.data("text", "en"))
        if self.has_text:
            paths += self.text_of_sample()
        return [(path.parts[-3], path.parts[-2]) for path in dict.fromkeys(paths)]

    def downloads(self) -> dict[str, list[str]]:
        """The data sets that the run fetches, each with the languages that it reads."""
        found: dict[str, list[str]] = {}
        for name, language in self.prepared():
            if self.download_of(name, language):
                found.setdefault(name, []).append(language)
        return found

    def fetched_texts(self) -> list[str]:
        """The languages of which the run fetches raw text."""
        return [language for name, language in self.prepared() if self.is_fetched_text(name, language)]

    def hub_data(self) -> list[str]:
        """The data sets that the run reads from the Hub."""
        return [name for name in self.downloads() if name in hub_sets()]

    def hub_models(self) -> dict[str, list[Path]]:
        """The repositories of encoders on the Hub, each with the manifests of what it becomes."""
        run, found = self.run, dict[str, list[Path]]()
        for model in run.models:
            encoder = run.encoders[model]
            if encoder.weights and not encoder.revision and not run.is_pretrained_here(model):
                made = self.whole(model) if encoder.is_trimmed else self.pretrained(model)
                found.setdefault(encoder.weights, []).append(made)
            for source, place in run.own_encoders.items():
                found.setdefault(place, []).extend(self.encoder(model, source, seed) for seed in run.seeds)
        if run.decoder and not run.decoder.revision and any(one.kind == "context" for one in run.parsed_sources):
            found.setdefault(run.decoder.weights, []).append(self.decoder)
        translation = run.translation
        if translation and not translation.revision and any(self.is_translated_here(*one) for one in self.prepared()):
            found.setdefault(translation.model, []).append(self.translator)
        return {place: made for place, made in found.items() if not Path(place).expanduser().is_dir()}

    def from_hub(self) -> set[Path]:
        """The manifests of everything that comes from the Hub."""
        texts = map(self.text_in, self.fetched_texts())
        return {self.download(name) for name in self.hub_data()}.union(texts, *self.hub_models().values())

    # ---- what the reporting rules make and read

    @cached_property
    def recipe_changes(self) -> list[str]:
        """The settings in which the run differs from the recipe that it names."""
        return changed_settings(self.run, self.code)

    @property
    def recipe(self) -> str:
        """The recipe as results name it: how many settings were changed, which encoders lack blocks, have adapters."""
        chosen = {model: self.run.encoders[model] for model in self.run.models}
        cut = [f"first {found.layers} blocks of {model}" for model, found in chosen.items() if found.layers is not None]
        adapted = [f"{found.adapted.words} in {model}" for model, found in chosen.items() if found.adapted]
        return ", ".join([stamp(self.run.recipe_name, self.recipe_changes), *cut, *adapted])

    def main_tables(self, stem: str, *kinds: str) -> list[Path]:
        """The files of a table of which every model has one."""
        return [self.made("tables", f"{name}.{kind}") for name in self.stems(stem) for kind in kinds]

    def stems(self, stem: str) -> list[str]:
        """The names of a table or figure of which every model has one; a single model's is the plain one."""
        return [stem] if len(self.run.models) == 1 else [f"{stem}_{model}" for model in self.run.models]

    def figures(self, *stems: str) -> list[Path]:
        """The files of figures."""
        return [self.made("figures", f"{stem}.{kind}") for stem in stems for kind in ("svg", "png")]

    def baselines(self) -> list[Path]:
        """What each task of the run gives away without an encoder."""
        return [self.made("tables", "baselines", f"{name}.json") for name in self.run.tasks]

    def dropped_of_study(self) -> list[tuple[str, str, str, int]]:
        """The models of the study alone whose weights `keep` does not keep."""
        own = set(self.models())
        return [model for model in self.study.dropped() if model not in own] if self.study else []

    @property
    def decided(self) -> list[str]:
        """The names of what deciding the run's study writes; a file that no job asks for without a study."""
        return self.study.settings.files if self.study else ["verdict.md"]

    def of_study(self, *names: str) -> list[Path]:
        """Files of the run's study."""
        return [self.made("studies", str(self.run.study), name) for name in names]

    def published(self) -> list[Path]:
        """The published numbers."""
        return sorted(Path("resources/published").glob("*.csv"))


@dataclass(frozen=True)
class StudyJobs(Jobs):
    """All jobs of a study's arms; they lie where the run's do."""

    name: str = ""
    settings: Study = field(kw_only=True)

    def spec_words(self, rule: str, *wildcards: object) -> tuple[object, ...]:
        """The wildcards of a job by which its spec is named: of scores of the arms the study's name, too."""
        named = super().spec_words(rule, *wildcards)
        return (self.name, *named) if rule == "score" else named

    def plain(self, model: str) -> str:
        """The model whose pretrained encoder and features a model has: methods differ in training alone."""
        own = self.run.models[0]
        return own if model in self.settings.encoders(own).values() else model

    @property
    def arms(self) -> dict[str, tuple[str, str]]:
        """The (encoder, source) of each arm."""
        return self.settings.cells(self.run.models[0])

    @cached_property
    def served(self) -> list[dict[str, Any]]:
        """What the study measures as it answers, an entry a trained model and task, and where it lies."""
        serving = self.settings.serving
        if serving is None:
            return []
        seed, chosen = self.settings.seeds[0], self.settings.arms[serving.source]
        return [
            {
                "arm": arm,
                "source": source,
                "kind": self.adapters(model, "target") or "full",
                "task": name,
                "family": tasks.task(name).family,
                "everywhere": source == chosen,
                "model": str(self.trained(model, source, tasks.task(name).target, seed)),
                "below": [str(path) for path in self.below(model, source, tasks.task(name).target, seed)],
                "features": str(self.features_of_task(model, source, name)),
            }
            for place, name in enumerate(self.run.tasks)
            for arm, (model, source) in self.arms.items()
            if place == 0 or source == chosen
        ]

    @property
    def timed(self) -> tuple[list[Path], list[Path]]:
        """The trained models whose latency the study measures, and what is below their adapters."""
        if self.settings.latency is None:
            return [], []
        target, seed = tasks.task(self.run.tasks[0]).target, self.run.seeds[0]
        cells = [self.arms[arm] for arm in self.settings.latency.arms]
        below = [path for cell in cells for path in self.below(*cell, target, seed)]
        return [self.trained(*cell, target, seed) for cell in cells], list(dict.fromkeys(below))[:1]

    def own_users(self, model: str, source: str, target: str, seed: int | str) -> list[Path]:
        """The manifests of everything in these jobs alone that is made from a model, measurements too."""
        served = {path for one in self.served for path in (one["model"], *one["below"])}
        timed, below = self.timed
        trained = self.trained(model, source, target, seed)
        own = [self.made("studies", self.name, "serving", "manifest.json")] if str(trained) in served else []
        own += [self.made("studies", self.name, "latency", "manifest.json")] if trained in [*timed, *below] else []
        return super().own_users(model, source, target, seed) + own
