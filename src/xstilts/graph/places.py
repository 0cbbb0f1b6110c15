"""Where everything of a run lies: artifacts, specs, logs and tables, all below ``results``."""

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from xstilts.artifacts import hash_of
from xstilts.config.run import Run
from xstilts.config.sources import starts_pretrained
from xstilts.data.fetching.hashes import Hashes
from xstilts.data.registry import TRANSLATION, dataset, locate
from xstilts.drop import MARKER
from xstilts.errors import DataError
from xstilts.tasks import training_set

# Rules whose products stand in the store that all runs share.
SHARED = ("world", "download", "fetch_text", "prepare", "translate", "fetch_translator")
PRETRAINED = "pretrained"  # whose tokenizer features have, where it is no source's own


@cache
def place(folder: Path, *names: str) -> Path:
    """Return a path below a folder: a plan asks for each of its tens of thousands several times."""
    return folder.joinpath(*names)


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

    def plain(self, model: str) -> str:
        """The model whose pretrained encoder and features a model has: its own, in studies of methods the run's."""
        return model

    @cached_property
    def origin(self) -> str:
        """The name under which this run's data stand in the store: a generated world's settings are part of it."""
        if self.run.data.origin == "world":
            assert self.run.world is not None
            return f"world-{hash_of(self.run.world.model_dump())[:8]}"
        return self.run.data.origin

    @cached_property
    def hashes(self) -> Hashes:
        """The hashes of files that are not the workflow's: the mirror's, the user's own."""
        return Hashes(self.store / "hashes.json")

    @property
    def world(self) -> Path:
        """The manifest of the generated world."""
        return self.store / "origins" / self.origin / "manifest.json"

    @cached_property
    def translators(self) -> str:
        """The name under which this run's translation model stands in the store: how it is asked is part of it."""
        settings = self.run.translation.model_dump(exclude={"sets"}) if self.run.translation else {}
        return f"{self.origin}-{hash_of(settings)[:8]}"

    @property
    def translations(self) -> str:
        """The name under which this run's own translations stand in the store: with how many tokens are read at once.

        Batches of other sizes may say other words: two runs that differ in it have translations of their own, and take
        none of the other one's for out of date.
        """
        return f"{self.translators}-{self.run.optimisation.micro_tokens}"

    @property
    def translator(self) -> Path:
        """The manifest of the translation model."""
        return self.store / "translators" / self.translators / "manifest.json"

    @property
    def decoder(self) -> Path:
        """The manifest of the decoder that answers from its context."""
        return self.here / "decoder" / "manifest.json"

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

    @cached_property
    def wikipedia(self) -> str:
        """The name under which this run's raw text stands in the store: how much of each language is part of it."""
        text = self.run.intermediate.mlm
        settings = text.model_dump(include={"languages", "sentences", "alpha"}) if text else {}
        return f"wikipedia-{hash_of(settings)[:8]}"

    def text_in(self, language: str) -> Path:
        """The manifest of the raw text of a language that is fetched."""
        return place(self.store, "data", self.wikipedia, "text", language, "manifest.json")

    def is_fetched_text(self, name: str, language: str) -> bool:
        """Say whether a data set is raw text that the run fetches: of a language of which the mirror has none."""
        return name == "text" and language in self._texts_to_fetch

    @cached_property
    def _texts_to_fetch(self) -> frozenset[str]:
        text, mirror = self.run.intermediate.mlm, self.run.mirror
        if text is None or self.run.data.origin != "public":
            return frozenset()
        if mirror is None:
            return frozenset(text.languages)
        return frozenset(code for code in text.languages if not locate(dataset("text"), code, "train", Path(mirror)))

    def download(self, name: str) -> Path:
        """The manifest of a public data set as it was fetched."""
        return place(self.store, "origins", self.origin, name, "manifest.json")

    def data(self, name: str, language: str) -> Path:
        """The manifest of one data set in one language."""
        if self.is_translated_here(name, language):
            return self.translated(name, language)
        if self.is_fetched_text(name, language):
            return self.text_in(language)
        return place(self.store, "data", self.origin, name, language, "manifest.json")

    @cached_property
    def store(self) -> Path:
        """The folder of what all runs share."""
        return self.results / "store"

    @property
    def text(self) -> Path:
        """The manifest of the run's sample of raw text, which every source with ``+mlm`` reads."""
        return place(self.here, "text", "mlm", "manifest.json")

    def pretrained(self, model: str) -> Path:
        """The manifest of a pretrained encoder."""
        return place(self.here, "models", self.plain(model), "manifest.json")

    def whole(self, model: str) -> Path:
        """The manifest of an encoder as it was fetched, where the run trims it."""
        return place(self.here, "encoders", self.plain(model), "manifest.json")

    def encoder(self, model: str, source: str, seed: int | str) -> Path:
        """The manifest of the encoder that the target phase starts from."""
        if starts_pretrained(source):
            return self.pretrained(model)
        source = self.run.source(source).root
        return place(self.here, "models", model, source, "none", str(seed), "manifest.json")

    def trained(self, model: str, source: str, target: str, seed: int | str) -> Path:
        """The manifest of what a prediction runs: the target's model, or the encoder as it is."""
        if target == "none":
            return self.encoder(model, source, seed)
        return place(self.here, "models", model, source, target, str(seed), "manifest.json")

    def features(self, model: str, start: str, use: str, name: str) -> Path:
        """The manifest of stored features.

        Args:
            model: the model.
            start: whose tokenizer it is: ``pretrained``, the encoder as it comes, or a source that is the user's own.
            use: ``intermediate``, ``target``, ``task``, or ``index``, a task's candidates.
            name: of the training set or task.
        """
        return place(self.here, "features", self.plain(model), start, use, name, "manifest.json")

    def marker(self, model: str, source: str, target: str, seed: int | str) -> Path:
        """Says that the weights of a model were dropped; target `none` is the encoder that came of a source."""
        return place(self.here, "models", model, source, target, str(seed), MARKER)

    def prediction(self, model: str, source: str, target: str, seed: int | str, task: str) -> Path:
        """The manifest of a task's predictions in all its languages."""
        return place(self.here, "predictions", model, source, target, str(seed), task, "manifest.json")

    def index(self, model: str, source: str, target: str, seed: int | str, task: str) -> Path:
        """The manifest of the vectors of a task's candidates."""
        return place(self.here, "indexes", model, source, target, str(seed), task, "manifest.json")

    def score(self, model: str, source: str, target: str, seed: int | str, task: str, language: str) -> Path:
        """The scores of one task in one language."""
        return place(self.here, "scores", model, source, target, str(seed), task, f"{language}.json")

    def spec_words(self, rule: str, *wildcards: object) -> tuple[object, ...]:
        """The wildcards of a job by which its spec is named."""
        return wildcards[-2:] if rule == "score" else wildcards

    def spec(self, rule: str, *wildcards: object) -> Path:
        """The spec of a job; what all runs share stands in the store.

        All scores of a task in a language are made by the same settings and share one spec: of the thousands of jobs of
        a run most are scores.
        """
        wildcards = self.spec_words(rule, *wildcards)
        base = self.store if rule in SHARED else self.here
        first = []
        if rule in SHARED:
            own = {"translate": self.translations, "fetch_translator": self.translators, "fetch_text": self.wikipedia}
            first = [own.get(rule, self.origin)]
        return place(
            base, "specs", rule, *first, *map(str, wildcards[:-1]), f"{wildcards[-1] if wildcards else rule}.json"
        )

    @property
    def configuration(self) -> Path:
        """The configuration that the run was last called with."""
        return place(self.here, "configuration.json")

    def modules(self, digest: str) -> Path:
        """The modules that a digest of code covers, each with its own."""
        return place(self.store, "code", f"{digest}.json")

    def files(self, digest: str) -> Path:
        """The SHA-256 of the bytes of each file that a digest of code covers."""
        return place(self.store, "code", f"{digest}.files.json")

    def log(self, rule: str, *wildcards: object) -> Path:
        """The log of a job."""
        *folders, name = (rule, *map(str, wildcards))
        return place(self.here, "logs", *folders, f"{name}.log")

    def made(self, *parts: str) -> Path:
        """A table, figure or other file of the run."""
        return place(self.here, *parts)
