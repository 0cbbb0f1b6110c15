"""What each job reads: data, features, encoders, and files of the user's own."""

from pathlib import Path

from xstilts import tasks
from xstilts.data.hub_tables import load as hub_sets
from xstilts.data.registry import TRANSLATION, dataset, holds
from xstilts.data.upstream import load as archives
from xstilts.modeling.fetch import wanted_files
from xstilts.places import Places
from xstilts.trainings import TEXT, featurised, parts_of_source
from xstilts.translation.fetch import OWN_FILES


class Reads(Places):
    """What the jobs of one run read."""

    def download_of(self, name: str, language: str) -> list[Path]:
        """The download that a data set is read from in a language: none when the mirror has it, or nobody else."""
        if self.run.data.origin != "public" or not (name in hub_sets() or name in archives()):
            return []
        mirror = self.run.mirror
        if mirror is not None and holds(dataset(name), language, Path(mirror)):
            return []
        return [self.download(name)]

    def data_of_source(self, source: str) -> list[Path]:
        """The data that an intermediate training reads."""
        parts = parts_of_source(self.run, source)
        names = [name for part in parts for name in (*part["data"], *part.get("chosen_on", ()))]
        if source == "mlm-en":
            names += ["mnli/en"]
        return [self.text if name == TEXT else self.data(*name.split("/")) for name in dict.fromkeys(names)]

    def features_of_source(self, model: str, source: str) -> list[Path]:
        """The features that an intermediate training reads."""
        parts = parts_of_source(self.run, source)
        return [self.features(model, "none", *part["features"].split("/")) for part in parts]

    def counted_for_source(self, source: str) -> list[Path]:
        """The data that an intermediate training takes as many steps as."""
        return [self.data("mnli", "en")] if source == "mlm-en" else []

    def features_of_target(self, model: str, source: str, target: str) -> Path:
        """The features that the training on a target reads."""
        return self.features(model, self.start(source), "target", target)

    def features_of_task(self, model: str, source: str, task: str) -> Path:
        """The features that the prediction of a task reads."""
        return self.features(model, self.start(source), "task", task)

    def start(self, source: str) -> str:
        """The source that has a source's tokenizer: itself where it is the user's own, else ``none``, as all others."""
        return source if source in self.run.own_encoders else "none"

    def tokenizer_of(self, model: str, start: str) -> Path:
        """The encoder whose tokenizer featurises; a user's own is the same with every seed."""
        return self.encoder(model, start, self.run.seeds[0])

    def data_of_features(self, use: str, name: str) -> list[Path]:
        """The data that are featurised."""
        if use == "task":
            return self.data_of_task(name)
        if use == "target":
            return self.data_of_target(name)
        settings = featurised(self.run, use, name)
        names = [*settings["data"], *settings.get("chosen_on", ())]
        return [self.text if one == TEXT else self.data(*one.split("/")) for one in dict.fromkeys(names)]

    def text_of_sample(self) -> list[Path]:
        """The raw text that the run's sample is drawn from."""
        assert self.run.intermediate.mlm is not None
        return [self.data("text", code) for code in self.run.intermediate.mlm.languages]

    def evaluation_data(self) -> list[Path]:
        """The evaluation data of all tasks of the run: no sentence of it stays in the sample of raw text."""
        return list(dict.fromkeys(path for task in self.run.tasks for path in self.data_of_task(task)))

    def candidates(self, model: str, target: str, seed: int | str) -> list[Path]:
        """The trainings among which the learning rate of a target is chosen."""
        return [self.trained(model, source, target, seed) for source in self.run.candidates(target)]

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

    def data_of_translation(self, name: str) -> Path:
        """The English data that a translation is made of."""
        return self.data(name.removesuffix(TRANSLATION), "en")

    def files_of_translator(self) -> list[Path]:
        """The files that the translation model is taken from: none when it comes from the Hub."""
        own = self.run.translation
        return wanted_files(Path(own.model).expanduser(), OWN_FILES) if own else []

    def files_of_model(self, model: str) -> list[Path]:
        """The files that a model is taken from: none when it comes from the Hub."""
        weights = self.run.encoders[model].weights
        return wanted_files(Path(weights).expanduser()) if weights else []

    def files_of_source(self, source: str) -> list[Path]:
        """The files that a user's own source is taken from: none when it comes from the Hub."""
        return wanted_files(Path(self.run.own_encoders[source]).expanduser())

    def data_of_baseline(self, task: str) -> list[Path]:
        """The evaluation data of a task and the English data of its target."""
        target = tasks.task(task).target
        return self.data_of_task(task) + ([] if target == "none" else self.data_of_target(target))
