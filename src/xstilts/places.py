"""Where everything of a run lies: artifacts, specs, logs and tables, all below ``results``."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from xstilts.artifacts import hash_of
from xstilts.config import Run
from xstilts.data.registry import TRANSLATION, dataset, locate
from xstilts.errors import DataError
from xstilts.keep import MARKER
from xstilts.tasks import training_set
from xstilts.tasks.sources import starts_pretrained

# Rules whose products stand in the store that all runs share.
SHARED = ("world", "download", "prepare", "translate", "fetch_translator")


@dataclass(frozen=True)
class Places:
    """The layout of one run; paths are relative to the folder that the workflow runs in."""

    run: Run
    code: Path  # the folder of the Snakefile
    results: Path = Path("results")

    @cached_property
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
        return self.store / "origins" / self.origin / "manifest.json"

    @cached_property
    def translations(self) -> str:
        """The name under which this run's own translations stand in the store: model and decoding are part of it."""
        settings = self.run.translation.model_dump(exclude={"sets"}) if self.run.translation else {}
        return f"{self.origin}-{hash_of(settings)[:8]}"

    @property
    def translator(self) -> Path:
        """The manifest of the translation model."""
        return self.store / "translators" / self.translations / "manifest.json"

    def translated(self, name: str, language: str) -> Path:
        """The manifest of a data set that is translated here."""
        return self.store / "translated" / self.translations / name / language / "manifest.json"

    def is_translated_here(self, name: str, language: str) -> bool:
        """Say whether a data set is a translation that is made here: one that the mirror does not hold."""
        if not name.endswith(TRANSLATION) or self.run.data.origin == "world" or self.run.translation is None:
            return False
        parts = [part for one in self.run.translation.sets for part in training_set(one).parts]
        if name.removesuffix(TRANSLATION) not in parts:
            return False
        if self.run.mirror is None:
            return True
        try:
            return not locate(dataset(name), language, "train", Path(self.run.mirror))
        except DataError:
            return False  # some of its files are there: the job that reads them says what is wrong

    def download(self, name: str) -> Path:
        """The manifest of a public data set as it was fetched."""
        return self.store / "origins" / self.origin / name / "manifest.json"

    def data(self, name: str, language: str) -> Path:
        """The manifest of one data set in one language."""
        if self.is_translated_here(name, language):
            return self.translated(name, language)
        return self.store / "data" / self.origin / name / language / "manifest.json"

    @property
    def store(self) -> Path:
        """The folder of what all runs share."""
        return self.results / "store"

    @property
    def text(self) -> Path:
        """The manifest of the run's sample of raw text, which every source with ``+mlm`` reads."""
        return self.here / "text" / "mlm" / "manifest.json"

    def pretrained(self, model: str) -> Path:
        """The manifest of a pretrained encoder."""
        return self.here / "models" / model / "manifest.json"

    def encoder(self, model: str, source: str, seed: int | str) -> Path:
        """The manifest of the encoder that the target phase starts from."""
        if starts_pretrained(source):
            return self.pretrained(model)
        return self.here / "models" / model / source / "none" / str(seed) / "manifest.json"

    def trained(self, model: str, source: str, target: str, seed: int | str) -> Path:
        """The manifest of what a prediction runs: the target's model, or the encoder as it is."""
        if target == "none":
            return self.encoder(model, source, seed)
        return self.here / "models" / model / source / target / str(seed) / "manifest.json"

    def features(self, model: str, start: str, use: str, name: str) -> Path:
        """The manifest of stored features.

        Args:
            model: the model.
            start: whose tokenizer it is: ``none`` is the pretrained encoder, else a source of the user's own.
            use: ``intermediate``, ``target`` or ``task``.
            name: of the training set or task.
        """
        return self.here / "features" / model / start / use / name / "manifest.json"

    def marker(self, model: str, source: str, target: str, seed: int | str) -> Path:
        """Says that the weights of a model were dropped; target `none` is the encoder that came of a source."""
        return self.here / "models" / model / source / target / str(seed) / MARKER

    def prediction(self, model: str, source: str, target: str, seed: int | str, task: str) -> Path:
        """The manifest of a task's predictions in all its languages."""
        return self.here / "predictions" / model / source / target / str(seed) / task / "manifest.json"

    def score(self, model: str, source: str, target: str, seed: int | str, task: str, language: str) -> Path:
        """The scores of one task in one language."""
        return self.here.joinpath("scores", model, source, target, str(seed), task, f"{language}.json")

    def spec(self, rule: str, *wildcards: object) -> Path:
        """The spec of a job; what all runs share stands in the store."""
        base = self.store if rule in SHARED else self.here
        own = self.translations if rule in ("translate", "fetch_translator") else self.origin
        first = [own] if rule in SHARED else []
        return base.joinpath(
            "specs", rule, *first, *map(str, wildcards[:-1]), f"{wildcards[-1] if wildcards else rule}.json"
        )

    @property
    def configuration(self) -> Path:
        """The configuration that the run was last called with."""
        return self.here / "configuration.json"

    def modules(self, digest: str) -> Path:
        """The modules that a digest of code covers, each with its own."""
        return self.store / "code" / f"{digest}.json"

    def log(self, rule: str, *wildcards: object) -> Path:
        """The log of a job."""
        *folders, name = (rule, *map(str, wildcards))
        return self.here.joinpath("logs", *folders, f"{name}.log")

    def made(self, *parts: str) -> Path:
        """A table, figure or other file of the run."""
        return self.here.joinpath(*parts)
