"""From a configuration to cells: which trainings, features, predictions and scores there are, and what reads which."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from xstilts import tasks
from xstilts.families.facts import facts
from xstilts.graph.hyperparameters import parts_of_source
from xstilts.graph.places import PRETRAINED
from xstilts.graph.reads import Reads

Cell = tuple[str, str, str, int, str]  # model, source, target, seed, task
PREDICTING = {"shots": "few_shot", "context": "in_context"}  # by kind of source: the rule that predicts after it


class Cells(Reads):
    """What one run computes: every model after every source, on every target and task, with every seed."""

    def cells(self) -> Iterator[Cell]:
        """Every (model, source, target, seed, task); source `none` is trained to targets with every seed too."""
        return self._cells_of(self.run.source_names)

    def _cells_of(self, sources: Iterable[str]) -> Iterator[Cell]:
        for model in self.run.models:
            for source in sources:
                for seed in self.run.seeds:
                    for name in self.run.tasks:
                        yield model, source, tasks.task(name).target, seed, name

    @cached_property
    def trained_sources(self) -> list[str]:
        """The sources that are trained to targets: those of the run, and those that examples of a language follow."""
        names = [one.base if one.kind in PREDICTING else one.name for one in self.run.parsed_sources]
        return [name for name in dict.fromkeys(names) if name]

    def predicting(self, source: str) -> str:
        """The rule that predicts after a source."""
        return PREDICTING.get(self.run.source(source).kind, "predict")

    def scores(self, task: str | None = None) -> list[Path]:
        """The score files of the run, or of one task."""
        wanted = [cell for cell in self.cells() if task in (None, cell[4])]
        return [self.score(*cell, language) for cell in wanted for language in self.run.languages_of(cell[4])]

    def intermediate(self) -> list[tuple[str, str, int]]:
        """Every (model, source, seed) that is trained in the intermediate phase."""
        trained = dict.fromkeys(
            name
            for source in map(self.run.source, self.trained_sources)
            if source.kind in ("trained", "control")
            for name in [*self.before(source.root), source.root]
        )
        return [(model, source, seed) for model in self.run.models for source in trained for seed in self.run.seeds]

    def choices(self) -> list[tuple[str, str, str, int]]:
        """Every (model, source, target, seed) whose learning rate is chosen among several trainings."""
        wanted = dict.fromkeys(cell[:4] for cell in self.cells())
        return [cell for cell in wanted if self.run.source(cell[1]).tuned and cell[2] != "none"]

    def target_trainings(self) -> list[tuple[str, str, str, int]]:
        """Every (model, source, target, seed) that is trained in the target phase, candidates of a choice too."""
        chosen = self.choices()
        trained = self._cells_of(self.trained_sources)
        plain = [cell[:4] for cell in trained if cell[2] != "none" and cell[:4] not in chosen]
        tried = [
            (model, name, target, seed)
            for model, source, target, seed in chosen
            for name in self.run.candidates(model, source, target)
        ]
        return list(dict.fromkeys([*plain, *tried]))

    def like(self, model: str, source: str, target: str, seed: int | str, task: str) -> Cell | None:
        """The cell whose prediction is of the same weights, and made first; None: it is this one.

        Where nothing is trained on a target, seeds of one encoder answer alike, and sources that start from it too; so
        do those of a decoder that reads no examples.
        """
        if self.predicting(source) == "in_context":
            own = self.run.source(source).shots or int(seed) == self.run.seeds[0]
            return None if own else (model, source, target, self.run.seeds[0], task)
        if target != "none" or self.predicting(source) != "predict":
            return None
        first = self._first_of_encoder[self._encoder_of(model, source, seed)]
        return None if first == (source, int(seed)) else (model, first[0], target, first[1], task)

    @cached_property
    def _first_of_encoder(self) -> dict[tuple[str, ...], tuple[str, int]]:
        """By encoder the (source, seed) that predicts without a target's training first."""
        found: dict[tuple[str, ...], tuple[str, int]] = {}
        for model in self.run.models:
            for source in self.run.source_names:
                for seed in self.run.seeds if self.predicting(source) == "predict" else ():
                    found.setdefault(self._encoder_of(model, source, seed), (source, seed))
        return found

    def _encoder_of(self, model: str, source: str, seed: int | str) -> tuple[str, ...]:
        """What tells encoders apart: a user's own is the same with every seed."""
        own = source in self.run.own_encoders
        return (model, source) if own else (str(self.encoder(model, source, seed)),)

    @cached_property
    def indexed(self) -> list[str]:
        """The tasks of the run that search candidates of their own."""
        return [name for name in self.run.tasks if tasks.task(name).candidates]

    def indexes(self) -> list[Path]:
        """The manifests of all vectors of candidates."""
        return [self.index(*cell) for cell in self.cells() if cell[4] in self.indexed]

    def indexes_of(self, model: str, source: str, target: str, seed: int | str) -> list[Path]:
        """The manifests of the vectors that a model gives the candidates of its tasks."""
        own = [name for name in self.indexed if tasks.task(name).target == target and source in self.run.source_names]
        return [self.index(model, source, target, seed, name) for name in own]

    @property
    def has_text(self) -> bool:
        """Whether a source of the run reads the sample of raw text."""
        return any(source.mlm for source in self.run.parsed_sources)

    @property
    def holds_all_rows(self) -> bool:
        """Whether a training of the run holds all rows of the embedding: on raw text, or in a chain (siqa, copa)."""
        return self.has_text or any(len(tasks.training_set(name).links) > 1 for name in self.run.targets)

    def trainings(self) -> list[Path]:
        """The manifests of all trainings of the run."""
        targets = dict.fromkeys(cell[:4] for cell in self._cells_of(self.trained_sources) if cell[2] != "none")
        return [self.encoder(*cell) for cell in self.intermediate()] + [self.trained(*cell) for cell in targets]

    def models(self) -> list[tuple[str, str, str, int]]:
        """Every (model, source, target, seed) that has weights of its own; target `none` is what came of a source."""
        own = self.run.own_encoders
        sources = [(*cell[:2], "none", cell[3]) for cell in self.cells() if cell[1] in own]
        sources += [(model, source, "none", seed) for model, source, seed in self.intermediate()]
        return list(dict.fromkeys([*sources, *self.target_trainings(), *self.choices()]))

    def dropped(self) -> list[tuple[str, str, str, int]]:
        """The models whose weights `keep` does not keep once nothing in the run needs them."""
        targets = [found for found in self.models() if found[2] != "none"]
        return {"all": [], "sources": targets, "pretrained": self.models()}[self.run.keep]

    def own_users(self, model: str, source: str, target: str, seed: int | str) -> list[Path]:
        """The manifests of everything in these jobs alone that is made from a model."""
        if (model, source, target, int(seed)) not in self.models():
            return []
        if target == "none":  # a source that is no row, nor the root of one, is only on the way of a chain
            after = [cell for cell in self.intermediate() if (cell[0], cell[2]) == (model, int(seed))]
            chains = [self.encoder(*cell) for cell in after if self.before(cell[1])[-1:] == [source]]
            rows = [name for name in self.trained_sources if self.run.source(name).root == source]
            made = [path for name in rows for path in self._after_source(model, name, seed)]
            own = [cell for cell in self.target_trainings() if cell[0] == model and cell[3] == int(seed)]
            made += [self.trained(*cell) for cell in own if self.run.source(cell[1]).root == source]
            return list(dict.fromkeys(made)) + chains
        chain = (model, source, target, seed)
        made = self._predicted(*chain) if source in self.run.source_names else []  # else a candidate for a rate only
        chosen = [cell for cell in self.choices() if cell[0] == model and cell[2:] == (target, int(seed))]
        made += [self.trained(*cell) for cell in chosen if source in self.run.candidates(*cell[:3])]
        follow = [one.name for one in self.run.parsed_sources if one.kind == "shots" and one.base == source]
        on = [name for name in self.run.tasks if tasks.task(name).target == target]
        return made + [self.prediction(model, one, target, seed, name) for one in follow for name in on]

    def _predicted(self, model: str, source: str, target: str, seed: int | str) -> list[Path]:
        """The predictions, and the vectors of candidates, that are made with a model of a row."""
        chain = (model, source, target, seed)
        made = [self.prediction(*chain, name) for name in self.run.tasks if tasks.task(name).target == target]
        return made + self.indexes_of(*chain)

    def _after_source(self, model: str, source: str, seed: int | str) -> list[Path]:
        """What is made from the encoder of a row, but for its candidates for a rate."""
        trained = [self.trained(model, source, other, seed) for other in self.run.targets]
        return self._predicted(model, source, "none", seed) + trained + self._read_through(model, source, seed)

    def _read_through(self, model: str, source: str, seed: int | str) -> list[Path]:
        """The predictions of targets whose adapters stand in the encoder of a source."""
        if self.run.method_in(model, source, "target") is None or self.is_adapter(model, source, "none"):
            return []
        chains = [(model, source, tasks.task(name).target, seed, name) for name in self.run.tasks]
        return [self.prediction(*chain) for chain in chains if chain[2] != "none"]

    def artifacts(self) -> list[Path]:
        """The manifests of all encoders, trainings, vectors of candidates and predictions of the run."""
        models = [self.trained(*cell[:4]) for cell in self.cells()] + [self.encoder(*c[:2], c[3]) for c in self.cells()]
        models += [self.pretrained(model) for model in self.run.models]
        return [*dict.fromkeys(models), *self.indexes(), *(self.prediction(*cell) for cell in self.cells())]

    def featurised(self) -> list[tuple[str, str, str, str]]:
        """Every (model, start, use, name) whose texts become features; see ``features``."""
        found = [path for cell in self.intermediate() for path in self.features_of_source(*cell[:2])]
        found += [path for cell in self.target_trainings() for path in self.features_of_target(*cell[:3])]
        found += [self.features_of_task(*cell[:2], cell[4]) for cell in self.cells()]
        found += [self.features_of_candidates(*cell[:2], cell[4]) for cell in self.cells() if cell[4] in self.indexed]
        return [(path.parts[-5], path.parts[-4], path.parts[-3], path.parts[-2]) for path in dict.fromkeys(found)]

    def texts(self, model: str) -> list[tuple[str, str]]:
        """Every (use, name) of what is featurised with a model's own tokenizer."""
        return [(use, name) for one, start, use, name in self.featurised() if (one, start) == (model, PRETRAINED)]

    def data_of_trimming(self, model: str) -> list[Path]:
        """The data whose pieces a trimmed encoder keeps; none where it keeps all."""
        if self.run.encoders[model].vocabulary == "whole":
            return []
        return list(dict.fromkeys(path for one in self.texts(model) for path in self.data_of_features(*one)))

    def all_data(self) -> list[Path]:
        """Every data set and language that the run touches, training sets first."""
        return list(self._all_data)

    @cached_property
    def _all_data(self) -> list[Path]:
        sources = [name for source, _, _ in self.labelled() for name in [*self.before(source), source]]
        paths = [path for source in sources for path in self.data_of_source(source) if path != self.text]
        paths += [path for target in self.run.targets for path in self.data_of_target(target)]
        return list(dict.fromkeys([*paths, *self.evaluation_data()]))

    def labelled(self) -> Iterator[tuple[str, str, list[Path]]]:
        """Yield (source, training set, its labelled data) of the intermediate phase."""
        for source in map(self.run.source, self.trained_sources):
            for stage in self.run.stages(source) if source.kind in ("trained", "control") else ():
                suffix = "" if stage.language == "en" else f"-{stage.language}"
                for part in parts_of_source(self.run, stage.name):
                    if not facts(part["family"]).raw:
                        data = [self.data(*name.split("/")) for name in part["data"]]
                        yield source.name, part["name"] + suffix, data
