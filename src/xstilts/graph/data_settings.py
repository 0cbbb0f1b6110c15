"""Exactly the settings of the jobs that get data and pretrained models: where from, how much, in which form."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xstilts.data.fetching import hub_sets, lock, upstream, wikipedia
from xstilts.data.registry import SPLITS, TRANSLATION, dataset, language_names, locate
from xstilts.errors import ConfigError, DataError
from xstilts.graph.hyperparameters import featurised, optimisation
from xstilts.graph.jobs import Jobs
from xstilts.modeling.fetch import origin

Settings = dict[str, Any]


def world(jobs: Jobs) -> Settings:
    """Return the whole description of the generated languages."""
    assert jobs.run.world is not None
    return jobs.run.world.model_dump()


def download(jobs: Jobs, name: str) -> Settings:
    """Return from where a public data set comes: what is pinned of the Hub, and its upstream archives."""
    entry, pins = hub_sets.load().get(name), lock.read()
    whole = pins.get(entry.repository) if entry else None
    if entry and whole and not whole.is_of(entry.revision):
        raise ConfigError(f"data set {name}: {lock.other_revision(whole, entry.revision)}")
    pin = hub_sets.part(name, entry, whole) if entry and whole else None
    return {
        "dataset": name,
        "languages": dataset(name).languages,
        "format": dataset(name).format,
        "rows": dataset(name).rows,
        "hub": {**vars(entry), "columns": list(entry.columns.items()), "pin": pin and vars(pin)} if entry else None,
        "archives": [vars(archive) for archive in upstream.load().get(name, ())],
    }


def fetch_text(jobs: Jobs, language: str) -> Settings:
    """Return how many sentences of raw text are fetched, and from which pinned file."""
    return {
        "language": language,
        "share": jobs.text_shares.get(language, 0),
        "file": wikipedia.part(jobs.text_pin, language),
    }


def prepare(jobs: Jobs, name: str, language: str) -> Settings:
    """Return which upstream files a data set is read from, and how."""
    data = dataset(name)
    sizes = {split: data.expected_rows(split, language) for split in data.splits}
    return {
        "dataset": name,
        "language": language,
        "format": dataset(name).format,
        "names": language_names(language),
        "files": {} if jobs.download_of(name, language) else _upstream(jobs, name, language),
    } | ({"rows": sizes} if jobs.run.data.origin == "public" and data.folder is None else {})


def _upstream(jobs: Jobs, name: str, language: str) -> dict[str, str]:
    """Hashes of a data set's files in the mirror, or of the user's own: what comes, goes or changes is noticed.

    The folder may move, and files may be replaced by ones with older dates, which Snakemake takes for unchanged.
    Translations take their groups from the English files.
    """
    own = dataset(name).folder
    if own is not None:
        return {path.relative_to(own).as_posix(): jobs.hashes.of(path) for path in jobs.files_of_data(name, language)}
    if jobs.run.data.origin == "world" or jobs.run.mirror is None:
        return {}
    folder = Path(jobs.run.mirror)
    names: set[str] = set()
    for split in SPLITS:
        try:
            for code in {language, "en"} if dataset(name).parallel else {language}:
                names.update(locate(dataset(name), code, split, folder))
        except DataError:
            continue  # the job itself says what is wrong
    return {path: jobs.hashes.of(folder / path) for path in sorted(names)}


def pretrain(jobs: Jobs, model: str) -> Settings:
    """Return how a small encoder is pretrained."""
    settings = jobs.run.encoders[model].pretraining
    assert settings is not None
    return {"pretraining": settings.model_dump(), "optimisation": optimisation(jobs.run)}


def fetch_model(jobs: Jobs, model: str) -> Settings:
    """Return where an encoder comes from."""
    encoder = jobs.run.encoders[model]
    assert encoder.weights is not None
    return _origin(jobs, encoder.weights, encoder.revision, jobs.files_of_model(model))


def fetch_whole(jobs: Jobs, model: str) -> Settings:
    """Return where an encoder comes from that the run trims."""
    return fetch_model(jobs, model)


def trim(jobs: Jobs, model: str) -> Settings:
    """Return what is kept of an encoder, and what the run featurises with its tokenizer."""
    encoder = jobs.run.encoders[model]
    texts = jobs.texts(model) if encoder.vocabulary == "run" else []
    return {
        "layers": encoder.layers,
        "vocabulary": encoder.vocabulary,
        "features": [
            featurised(jobs.run, *one)
            | {"roles": ["/".join(path.parts[-3:-1]) for path in jobs.data_of_features(*one)]}
            for one in texts
        ],
    }


def adopt_source(jobs: Jobs, model: str, source: str, seed: int) -> Settings:
    """Return where a user's own checkpoint comes from."""
    return _origin(jobs, jobs.run.own_encoders[source], None, jobs.files_of_source(source))


def fetch_translator(jobs: Jobs) -> Settings:
    """Return where the translation model comes from."""
    assert jobs.run.translation is not None
    return _origin(jobs, jobs.run.translation.model, jobs.run.translation.revision, jobs.files_of_translator())


def translate(jobs: Jobs, name: str, language: str) -> Settings:
    """Return what is translated, and how the model is told."""
    own, names = jobs.run.translation, language_names(language)
    assert own is not None
    try:
        prefix, start = own.prefix.format(**names), own.start and own.start.format(**names)
    except KeyError as error:
        raise ConfigError(f"translation: nothing is known as {error} of the language {language!r}") from None
    return {
        "dataset": name.removesuffix(TRANSLATION),
        "family": dataset(name).family,
        "language": language,
        "prefix": prefix,
        "start": start,
        "beams": own.beams,
        "micro_tokens": jobs.run.optimisation.micro_tokens,
    }


def sample_text(jobs: Jobs) -> Settings:
    """Return how much raw text is drawn, and how."""
    assert jobs.run.intermediate.mlm is not None
    chosen = jobs.run.intermediate.mlm.model_dump(include={"languages", "sentences", "alpha"})
    return chosen | ({"sizes": jobs.text_sizes} if jobs.text_sizes else {})


def fetch_decoder(jobs: Jobs) -> Settings:
    """Return where the decoder comes from."""
    assert jobs.run.decoder is not None
    return _origin(jobs, jobs.run.decoder.weights, jobs.run.decoder.revision, jobs.files_of_decoder())


def _origin(jobs: Jobs, weights: str, revision: str | None, files: Sequence[Path]) -> Settings:
    """Return where weights come from; of a folder of the user's own with the hashes of its files, whatever their dates.

    What ships with the workflow changes with its version, and Snakemake sees that.
    """
    found = origin(weights, revision)
    if Path(weights).resolve().is_relative_to((jobs.code / "resources").resolve()):
        return found
    return found | ({"files": {path.name: jobs.hashes.of(path) for path in files}} if files else {})
