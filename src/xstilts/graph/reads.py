"""What each job reads: data, features, encoders, and files of the user's own."""

from functools import cached_property
from pathlib import Path

from xstilts import tasks
from xstilts.config.sources import LONGER, THEN
from xstilts.data.fetching import lock, wikipedia
from xstilts.data.fetching.hub_sets import load as hub_sets
from xstilts.data.fetching.lock import Pin
from xstilts.data.fetching.upstream import load as archives
from xstilts.data.registry import SPLITS, TRANSLATION, dataset, holds, paths
from xstilts.families.shares import shares
from xstilts.graph.hyperparameters import TEXT, english_part, featurised, part_of_target, parts_of_source
from xstilts.graph.places import PRETRAINED, Places
from xstilts.modeling.fetch import wanted_files
from xstilts.prediction.decoder import OWN_FILES as DECODERS_FILES
from xstilts.translation.fetch import OWN_FILES


class Reads(Places):
    """What the jobs of one run read."""

    def download_of(self, name: str, language: str) -> list[Path]:
        """The download that a data set is read from in a language: none when the mirror has it, or nobody else."""
        if dataset(name).folder is not None:
            return [self.download(name)] if name in hub_sets() else []
        if self.run.data.origin != "public" or not (name in hub_sets() or name in archives()):
            return []
        mirror = self.run.mirror
        if mirror is not None and holds(dataset(name), language, Path(mirror)):
            return []
        return [self.download(name)]

    def world_of(self, name: str) -> list[Path]:
        """The generated world, where a data set is read from it: none for the user's own."""
        return [self.world] if self.run.data.origin == "world" and dataset(name).folder is None else []

    def files_of_data(self, name: str, language: str) -> list[Path]:
        """The files that the user's own data set is read from in a language; none when it comes from elsewhere.

        Translations of one another take their groups from the English files.
        """
        data = dataset(name)
        if data.folder is None or name in hub_sets():
            return []
        codes = dict.fromkeys([language, "en"] if data.parallel and "en" in data.languages else [language])
        splits = SPLITS if language == "en" else SPLITS[1:]  # nothing but English is trained on
        names = [one for code in codes for split in splits for found in paths(data, code, split) for one in found]
        found = [Path(data.folder) / one for one in dict.fromkeys(names)]
        return [path for path in found if path.is_file()]

    def before(self, source: str) -> list[str]:
        """The sources whose encoders a chain goes on from, one after the other: none where it is no chain."""
        names = source.split(THEN)
        return [THEN.join(names[:count]) for count in range(1, len(names))]

    def start_of_source(self, model: str, source: str, seed: int | str) -> Path:
        """The encoder that an intermediate training starts from: the pretrained one, or of a chain the one before."""
        before = self.before(source)
        return self.encoder(model, before[-1], seed) if before else self.pretrained(model)

    def data_of_source(self, source: str) -> list[Path]:
        """The data that an intermediate training reads."""
        parts = parts_of_source(self.run, source)
        names = [name for part in parts for name in (*part["data"], *part.get("chosen_on", ()), *part.get("dev", ()))]
        if source == "mlm-en":
            names += ["mnli/en"]
        return [self.text if name == TEXT else self.data(*name.split("/")) for name in dict.fromkeys(names)]

    def features_of_source(self, model: str, source: str) -> list[Path]:
        """The features that an intermediate training reads."""
        parts, found = parts_of_source(self.run, source), self.run.source(source)
        like = [english_part(self.run, found)] if found.amount == "matched" else []
        return [self.features(model, PRETRAINED, *part["features"].split("/")) for part in (*parts, *like)]

    def counted_for_source(self, source: str) -> list[Path]:
        """The data that an intermediate training takes as many steps as."""
        return [self.data("mnli", "en")] if source == "mlm-en" else []

    def counted_for_target(self, source: str) -> list[Path]:
        """The data that a target training takes as many further steps as."""
        return [self.data("mnli", "en")] if source == LONGER else []

    def features_of_target(self, model: str, source: str, target: str) -> list[Path]:
        """The features that the training on a target reads, of a chain those of each link."""
        links = tasks.training_set(target).links
        return [self.features(model, self.start(source), "target", link) for link in links]

    def features_of_task(self, model: str, source: str, task: str) -> Path:
        """The features that the prediction of a task reads."""
        return self.features(model, self.start(source), "task", task)

    def features_of_candidates(self, model: str, source: str, task: str) -> Path:
        """The features of what a task searches."""
        return self.features(model, self.start(source), "index", task)

    def start(self, source: str) -> str:
        """Whose tokenizer a source has: its own where it is the user's encoder, else that of the pretrained one."""
        return source if source in self.run.own_encoders else PRETRAINED

    def tokenizer_of(self, model: str, start: str) -> Path:
        """The encoder whose tokenizer featurises; a user's own is the same with every seed."""
        return self.pretrained(model) if start == PRETRAINED else self.encoder(model, start, self.run.seeds[0])

    def data_of_features(self, use: str, name: str) -> list[Path]:
        """The data that are featurised."""
        if use == "task":
            return self.data_of_task(name)
        if use == "index":
            return self.candidates_of_task(name)
        if use == "target":
            return self.data_of_target(name)
        settings = featurised(self.run, use, name)
        names = [*settings["data"], *settings.get("chosen_on", ()), *settings.get("dev", ())]
        return [self.text if one == TEXT else self.data(*one.split("/")) for one in dict.fromkeys(names)]

    def text_of_sample(self) -> list[Path]:
        """The raw text that the run's sample is drawn from."""
        assert self.run.intermediate.mlm is not None
        return [self.data("text", code) for code in self.run.intermediate.mlm.languages]

    @cached_property
    def text_pin(self) -> Pin | None:
        """The pin of what raw text is fetched from."""
        return lock.pinned(wikipedia.REPOSITORY)

    @cached_property
    def text_sizes(self) -> dict[str, int]:
        """The true sizes of the languages of raw text, in bytes: of those that are fetched, or were for the mirror.

        They decide on the languages' shares, which what lies here does not: that is a share itself.
        """
        text, run = self.run.intermediate.mlm, self.run
        if run.data.origin == "world" or text is None:
            return {}
        fetched = [code for code in text.languages if self.is_fetched_text("text", code)]
        there = wikipedia.sizes_in(Path(run.mirror), text.languages) if run.mirror else {}
        return there | wikipedia.sizes_of(self.text_pin, fetched)

    @cached_property
    def text_shares(self) -> dict[str, int]:
        """How many sentences each language of known size has of the run's raw text."""
        text = self.run.intermediate.mlm
        return shares(self.text_sizes, text.alpha, text.sentences) if text and self.text_sizes else {}

    def evaluation_data(self) -> list[Path]:
        """The evaluation data of all tasks of the run: no sentence of it stays in the sample of raw text."""
        return list(dict.fromkeys(path for task in self.run.tasks for path in self.data_of_task(task)))

    def candidates(self, model: str, source: str, target: str, seed: int | str) -> list[Path]:
        """The trainings among which the learning rate of a target is chosen."""
        return [self.trained(model, one, target, seed) for one in self.run.candidates(model, source, target)]

    def adapters(self, model: str, phase: str | None = None, source: str = "none") -> str | None:
        """The kind of adapters that a source trains in a model, or in one phase; None where the whole encoder does."""
        phases = [phase] if phase else ["intermediate", "target"]
        return next((one.kind for name in phases if (one := self.run.method_in(model, source, name))), None)

    def is_adapter(self, model: str, source: str, target: str) -> bool:
        """Say whether a training leaves adapters, and not the encoder below them; target ``none`` is a source's."""
        if target != "none":
            return self.run.method_in(model, source, "target") is not None
        trained = self.run.source(source).kind in ("trained", "control")
        return trained and self.run.method_in(model, source, "intermediate") is not None

    def below(self, model: str, source: str, target: str, seed: int | str) -> list[Path]:
        """The encoder below the adapters that a training leaves; none where it leaves a whole encoder."""
        if not self.is_adapter(model, source, target):
            return []
        if target == "none" or self.is_adapter(model, source, "none"):
            return [self.pretrained(model)]
        return [self.encoder(model, source, seed)]

    def data_of_target(self, target: str) -> list[Path]:
        """The data that a target training reads: English only; XQuAD to keep its paragraphs out of the choice."""
        parts = [part_of_target(self.run, link) for link in tasks.training_set(target).links]
        names = [name for found in parts for name in (*found["data"], *found.get("dev", ()))]
        if target == "squad" and self.run.selection.recipe == "clean":
            names.append("xquad/en")
        return [self.data(*name.split("/")) for name in names]

    def data_of_task(self, task: str) -> list[Path]:
        """The evaluation data of a task in the languages of the run."""
        return [self.data(tasks.task(task).dataset, language) for language in self.run.languages_of(task)]

    def candidates_of_task(self, task: str) -> list[Path]:
        """The data that a task searches, in all languages; none where it searches no others than its own."""
        name = tasks.task(task).candidates
        return [self.data(name, code) for code in self.run.candidate_languages(task)] if name else []

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

    def files_of_decoder(self) -> list[Path]:
        """The files that the decoder is taken from: none when it comes from the Hub."""
        own = self.run.decoder
        return wanted_files(Path(own.weights).expanduser(), DECODERS_FILES) if own else []

    def files_of_model(self, model: str) -> list[Path]:
        """The files that a model is taken from: none when it comes from the Hub."""
        weights = self.run.encoders[model].weights
        return wanted_files(Path(weights).expanduser()) if weights else []

    def files_of_source(self, source: str) -> list[Path]:
        """The files that a user's own source is taken from: none when it comes from the Hub."""
        return wanted_files(Path(self.run.own_encoders[source]).expanduser())

    def data_of_baseline(self, task: str) -> list[Path]:
        """The evaluation data of a task, what it searches, and the English data that teach it something."""
        entry = tasks.task(task)
        learns = entry.target != "none" and tasks.training_set(entry.target).family == entry.family
        taught = self.data_of_target(entry.target) if learns else []
        return self.data_of_task(task) + self.candidates_of_task(task) + taught
