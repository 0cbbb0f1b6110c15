"""Exactly the settings that each job uses: a change of any other reruns nothing of it. No place, no machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from xstilts import tasks
from xstilts.config import Run
from xstilts.data import hub_tables, lock, upstream
from xstilts.data.registry import SPLITS, TRANSLATION, dataset, language_names, locate
from xstilts.errors import ConfigError, DataError
from xstilts.jobs import REPORTING, Jobs
from xstilts.modeling.fetch import origin
from xstilts.tasks.sources import WITH_TEXT, Source
from xstilts.trainings import featurised, lengths, optimisation, source_training, target_training

Settings = dict[str, Any]
NAME_THE_RECIPE = ("collect_scores", "table_main")


def settings_of(jobs: Jobs, rule: str, *wildcards: Any) -> Settings:
    """Return exactly the settings that a job uses."""
    if rule in BY_RULE:
        return BY_RULE[rule](jobs, *wildcards)
    if rule in REPORTING:
        return reporting(jobs) | ({"recipe": jobs.run.recipe_name} if rule in NAME_THE_RECIPE else {})
    raise ValueError(f"no settings for rule {rule!r}")


def world(jobs: Jobs) -> Settings:
    """Return the whole description of the generated languages."""
    assert jobs.run.world is not None
    return jobs.run.world.model_dump()


def download(jobs: Jobs, name: str) -> Settings:
    """Return from where a public data set comes: what is pinned of the Hub, and its upstream archives."""
    entry, pins = hub_tables.load().get(name), lock.read()
    pin = hub_tables.part(name, entry, pins[entry.repository]) if entry and entry.repository in pins else None
    return {
        "dataset": name,
        "languages": dataset(name).languages,
        "format": dataset(name).format,
        "rows": dataset(name).rows,
        "hub": {**vars(entry), "columns": list(entry.columns.items()), "pin": pin and vars(pin)} if entry else None,
        "archives": [vars(archive) for archive in upstream.load().get(name, ())],
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
    } | ({"rows": sizes} if jobs.run.data.origin == "public" else {})


def _upstream(jobs: Jobs, name: str, language: str) -> dict[str, int]:
    """Sizes of a data set's files in the mirror: what comes, goes or grows is noticed, the folder may move.

    Translations take their groups from the English files.
    """
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
    return {path: (folder / path).stat().st_size for path in sorted(names)}


def pretrain(jobs: Jobs, model: str) -> Settings:
    """Return how a small encoder is pretrained."""
    settings = jobs.run.encoders[model].pretraining
    assert settings is not None
    return {"pretraining": settings.model_dump(), "optimisation": optimisation(jobs.run)}


def fetch_model(jobs: Jobs, model: str) -> Settings:
    """Return where an encoder comes from."""
    encoder = jobs.run.encoders[model]
    assert encoder.weights is not None
    return origin(encoder.weights, encoder.revision)


def adopt_source(jobs: Jobs, model: str, source: str, seed: int) -> Settings:
    """Return where a user's own checkpoint comes from."""
    return origin(jobs.run.own_encoders[source], None)


def fetch_translator(jobs: Jobs) -> Settings:
    """Return where the translation model comes from."""
    assert jobs.run.translation is not None
    return origin(jobs.run.translation.model, jobs.run.translation.revision)


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
    return jobs.run.intermediate.mlm.model_dump(include={"languages", "sentences", "alpha"})


def featurise(jobs: Jobs, model: str, start: str, use: str, name: str) -> Settings:
    """Return what the features of a training set or a task depend on."""
    return featurised(jobs.run, use, name)


def train_intermediate(jobs: Jobs, model: str, source: str, seed: int) -> Settings:
    """Return the settings of a training on a source."""
    return source_training(jobs.run, source, seed)


def train_target(jobs: Jobs, model: str, source: str, target: str, seed: int) -> Settings:
    """Return the settings of a training on a target."""
    return target_training(jobs.run, source, target, seed)


def choose_rate(jobs: Jobs, model: str, source: str, target: str, seed: int) -> Settings:
    """Return the learning rates to choose among, by the source whose training used them."""
    return {"candidates": jobs.run.candidates(target)}


def predict(jobs: Jobs, model: str, source: str, target: str, seed: int, name: str) -> Settings:
    """Return what is predicted, and what decoding needs."""
    run, task = jobs.run, tasks.task(name)
    known = None if task.target == "none" else tasks.training_set(task.target)
    return {
        "task": task.name,
        "family": task.family,
        "splits": task.splits,
        "languages": run.languages_of(task.name),
        "limit": run.evaluation.limit,
        "lengths": lengths(run, {task.family}),
        "micro_tokens": run.optimisation.micro_tokens,
        "precision": run.optimisation.precision,
        "deterministic": run.optimisation.deterministic,
        "labels": known.labels if known else (),
    }


def score(jobs: Jobs, model: str, source: str, target: str, seed: int, name: str, language: str) -> Settings:
    """Return what is scored."""
    return {
        "task": name,
        "language": language,
        "splits": tasks.task(name).splits,
        "limit": jobs.run.evaluation.limit,
    }


def baseline(jobs: Jobs, task: str) -> Settings:
    """Return what the scores of a task without an encoder need to know."""
    return reporting(jobs) | {"languages": {task: jobs.run.languages_of(task)}}


def table_hyperparameters(jobs: Jobs) -> Settings:
    """Return the whole configuration but for the machine's part."""
    machine: Any = {
        "mirror": True,
        "keep": True,
        "optimisation": {"checkpoint_minutes", "activation_checkpointing"},
    }
    return reporting(jobs) | {
        "configuration": jobs.run.model_dump(exclude=machine),
        "recipe": jobs.run.recipe_name,
    }


def reporting(jobs: Jobs) -> Settings:
    """Return what tables and figures need to know of the configuration."""
    run = jobs.run
    labelled = list(jobs.labelled())
    trained_on = {source: [name for owner, name, _ in labelled if owner == source] for source, _, _ in labelled}
    training = {name: paths for _, name, paths in labelled}
    training |= {name: [jobs.data(part, "en") for part in tasks.training_set(name).parts] for name in run.targets}
    return {
        "run": run.run,
        "generated": run.data.origin == "world",
        "models": run.models,
        "sources": run.source_names,
        "targets": run.targets,
        "blocks": _blocks(run),
        "candidates": [source.name for source in run.parsed_sources if source.may_be_best],
        "translated": [source.name for source in run.parsed_sources if source.language != "en"],
        "training": {name: [str(path) for path in paths] for name, paths in training.items()},
        "trained_on": trained_on,
        "intermediate_sets": list(dict.fromkeys(name for source in run.parsed_sources for name in _sets(run, source))),
        "mixtures": {
            source.name: run.training_sets(source) + ["raw text (MLM)"] * source.mlm
            for source in run.parsed_sources
            if source.base in run.mixtures
        },
        "text": str(jobs.text) if jobs.has_text else None,
        "languages": {name: run.languages_of(name) for name in run.tasks},
        "headline": run.pretrained_languages,
        "seeds": run.seeds,
        "statistic": run.evaluation.seeds,
        "retrieval_source": run.evaluation.retrieval_source,
        "limit": run.evaluation.limit,
        "selection": run.selection.model_dump(),
        "data": str(jobs.data("DATASET", "LANGUAGE").parents[2]),
        "manifests": [str(path) for path in jobs.all_data()],
    }


def _sets(run: Run, source: Source) -> list[str]:
    """Return the training sets of a source whose settings it uses: a mixture's epochs and raw text have theirs."""
    return run.training_sets(source) + ["multi"] * (source.base in run.mixtures) + [WITH_TEXT] * source.mlm


def _blocks(run: Run) -> dict[str, str]:
    """Return the headings of the main table by source; none where all rows are plain sources and controls."""
    divided = any(source.mlm or source.language != "en" for source in run.parsed_sources)
    return {source.name: source.block for source in run.parsed_sources} if divided else {}


BY_RULE: dict[str, Callable[..., Settings]] = {
    function.__name__: function
    for function in (
        world,
        download,
        prepare,
        pretrain,
        fetch_model,
        adopt_source,
        fetch_translator,
        translate,
        sample_text,
        featurise,
        train_intermediate,
        train_target,
        choose_rate,
        predict,
        score,
        baseline,
        table_hyperparameters,
    )
}
