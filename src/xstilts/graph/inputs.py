"""What each job reads: which job follows which, said once for the rules and for plans."""

from collections.abc import Callable
from pathlib import Path

from xstilts import tasks
from xstilts.graph.jobs import Jobs

Inputs = dict[str, Path | list[Path]]


def inputs_of(jobs: Jobs, rule: str, *wildcards: str) -> Inputs:
    """Return what a job reads, by the names that its rule has for it, its spec too."""
    spec: Inputs = {} if rule == "drop" else {"spec": jobs.spec(rule, *wildcards)}
    if rule in REPORTS:
        return spec | {word: WORDS[word](jobs) for word in REPORTS[rule].split()}
    return spec | BY_RULE[rule](jobs, *wildcards)


def read_by(jobs: Jobs, rule: str, *wildcards: str) -> list[Path]:
    """Return the files that a job reads, its spec left out."""
    inputs = inputs_of(jobs.owner(rule, *wildcards), rule, *wildcards)
    found = [files for name, files in inputs.items() if name != "spec"]
    return [path for files in found for path in (files if isinstance(files, list) else [files])]


def prepare(jobs: Jobs, name: str, language: str) -> Inputs:
    """A generated world, a download, or files of the user's own; a mirror is no product of a job."""
    return {
        "world": jobs.world_of(name),
        "download": jobs.download_of(name, language),
        "files": jobs.files_of_data(name, language),
    }


def sample_text(jobs: Jobs) -> Inputs:
    """The raw text, and all evaluation data: no sentence of them stays in the sample."""
    return {"data": jobs.text_of_sample() + jobs.evaluation_data() if jobs.has_text else []}


def train_intermediate(jobs: Jobs, model: str, source: str, seed: str) -> Inputs:
    """The encoder that it starts from, and features; a control also counts the rows of what it has as many steps as."""
    data = jobs.features_of_source(model, source) + jobs.counted_for_source(source)
    before = jobs.before(source)
    return {
        "encoder": jobs.start_of_source(model, source, seed),
        "below": jobs.below(model, before[-1], "none", seed) if before else [],
        "data": data,
    }


def train_target(jobs: Jobs, model: str, source: str, target: str, seed: str) -> Inputs:
    """What came of the source, what is below adapters, and features; with further steps the data that say how many."""
    data = [*jobs.features_of_target(model, source, target), *jobs.counted_for_target(source)]
    return {
        "encoder": jobs.encoder(model, source, seed),
        "below": jobs.below(model, source, "none", seed),
        "data": data,
    }


def predict(jobs: Jobs, model: str, source: str, target: str, seed: str, task: str) -> Inputs:
    """The target's model, or for retrieval the encoder as it is, what is below adapters; features, data, candidates.

    ``like`` has predictions of the same weights.
    """
    return {
        "model": jobs.trained(model, source, target, seed),
        "below": jobs.below(model, source, target, seed),
        "features": jobs.features_of_task(model, source, task),
        "index": [jobs.index(model, source, target, seed, task)] if task in jobs.indexed else [],
        "like": [jobs.prediction(*like)] if (like := jobs.like(model, source, target, seed, task)) else [],
        "data": jobs.data_of_task(task),
    }


def few_shot(jobs: Jobs, model: str, source: str, target: str, seed: str, task: str) -> Inputs:
    """The target's model after the source that the examples follow, or the pretrained encoder; features and data."""
    follows = jobs.run.source(source).base
    return {
        "model": jobs.trained(model, follows, target, seed) if follows else jobs.pretrained(model),
        "below": jobs.below(model, follows, target, seed) if follows else [],
        "features": jobs.features_of_task(model, source, task),
        "data": jobs.data_of_task(task),
    }


def in_context(jobs: Jobs, model: str, source: str, target: str, seed: str, task: str) -> Inputs:
    """The decoder, and the English training set whose first rows it reads before a question; features and data.

    ``like`` has predictions of the same prompts.
    """
    return {
        "model": jobs.decoder,
        "shots": jobs.data_of_target(target)[0],
        "features": jobs.features_of_task(model, source, task),
        "like": [jobs.prediction(*like)] if (like := jobs.like(model, source, target, seed, task)) else [],
        "data": jobs.data_of_task(task),
    }


def index(jobs: Jobs, model: str, source: str, target: str, seed: str, task: str) -> Inputs:
    """The target's model, and what is below adapters; the candidates of all languages, and their features."""
    return {
        "model": jobs.trained(model, source, target, seed),
        "below": jobs.below(model, source, target, seed),
        "features": jobs.features_of_candidates(model, source, task),
        "data": jobs.candidates_of_task(task),
    }


def score(jobs: Jobs, model: str, source: str, target: str, seed: str, task: str, language: str) -> Inputs:
    """The predictions of all languages, and the data of one."""
    return {
        "predictions": jobs.prediction(model, source, target, seed, task),
        "data": jobs.data(tasks.task(task).dataset, language),
    }


def study(jobs: Jobs, name: str) -> Inputs:
    """The scores and trainings of its arms, and what these were predicted to cost."""
    assert jobs.study is not None
    return {
        "predicted": jobs.of_study("predicted.csv"),
        "cells": jobs.study.scores(),
        "trainings": jobs.study.trainings(),
        "speed": jobs.of_study("speed/manifest.json") if jobs.study.settings.speed else [],
        "serving": jobs.of_study("serving/manifest.json") if jobs.study.settings.serving else [],
        "latency": jobs.of_study("latency/manifest.json") if jobs.study.settings.latency else [],
    }


def measure_latency(jobs: Jobs, name: str) -> Inputs:
    """The trained models of the arms that are measured, those below adapters, features; the decoder and its data."""
    assert jobs.study is not None and jobs.study.settings.latency is not None
    study, task, measured = jobs.study, jobs.study.run.tasks[0], jobs.study.settings.latency
    target = tasks.task(task).target
    timed, below = study.timed
    in_context = any(source.kind == "context" for source in study.run.parsed_sources)
    return {
        "features": study.features_of_task(*study.arms[measured.arms[0]], task),
        "below": below,
        "models": timed,
        "decoder": [study.decoder] if in_context else [],
        "shots": study.data_of_target(target)[:1] if in_context else [],
        "data": study.data_of_task(task) if in_context else [],
    }


def measure_speed(jobs: Jobs, name: str) -> Inputs:
    """The pretrained encoder, and the features of the arms whose steps are measured."""
    assert jobs.study is not None and jobs.study.settings.speed is not None
    study, model = jobs.study, jobs.run.models[0]
    sources = [study.settings.arms[arm] for arm in jobs.study.settings.speed.arms]
    features = [path for source in sources for path in study.features_of_source(model, source)]
    return {"encoder": jobs.pretrained(model), "data": list(dict.fromkeys(features))}


def measure_serving(jobs: Jobs, name: str) -> Inputs:
    """The trained models that answer, what is below their adapters, and the features of what they are asked."""
    assert jobs.study is not None
    served = jobs.study.served
    read = [path for one in served for path in (one["model"], *one["below"], one["features"])]
    return {"data": [Path(path) for path in dict.fromkeys(read)]}


BY_RULE: dict[str, Callable[..., Inputs]] = {
    "world": lambda jobs: {},
    "download": lambda jobs, name: {},
    "fetch_text": lambda jobs, language: {},
    "prepare": prepare,
    "fetch_translator": lambda jobs: {"files": jobs.files_of_translator()},
    "translate": lambda jobs, name, language: {"translator": jobs.translator, "data": jobs.data_of_translation(name)},
    "pretrain": lambda jobs, model: {"data": jobs.data_of_pretraining(model)},
    "fetch_model": lambda jobs, model: {"files": jobs.files_of_model(model)},
    "fetch_whole": lambda jobs, model: {"files": jobs.files_of_model(model)},
    "trim": lambda jobs, model: {"encoder": jobs.whole(model), "data": jobs.data_of_trimming(model)},
    "adopt_source": lambda jobs, model, source, seed: {
        "encoder": jobs.pretrained(model),
        "files": jobs.files_of_source(source),
    },
    "featurise": lambda jobs, model, start, use, name: {
        "encoder": jobs.tokenizer_of(model, start),
        "data": jobs.data_of_features(use, name),
    },
    "sample_text": sample_text,
    "train_intermediate": train_intermediate,
    "train_target": train_target,
    "choose_rate": lambda jobs, *chain: {"candidates": jobs.candidates(*chain)},
    "index": index,
    "predict": predict,
    "few_shot": few_shot,
    "in_context": in_context,
    "fetch_decoder": lambda jobs: {"files": jobs.files_of_decoder()},
    "score": score,
    "drop": lambda jobs, *model: {
        "model": jobs.trained(*model),
        "users": jobs.users(*model),
        "indexes": jobs.indexes_of(*model),
    },
    "predict_study": lambda jobs, name: {},
    "measure_speed": measure_speed,
    "measure_serving": measure_serving,
    "measure_latency": measure_latency,
    "study": study,
    "baseline": lambda jobs, task: {"data": jobs.data_of_baseline(task)},
}

# What tables, figures and checks read, in words; each word below.
MAIN = "scores intervals overlaps trainings"
REPORTS = {
    "collect_scores": "cells trainings",
    "intervals": "scores overlaps collected trainings",
    "overlaps": "data text",
    "table_main": f"{MAIN} published text",
    "table_tasks": "data",
    "table_hyperparameters": "",
    "table_intermediate": "trainings",
    "table_languages": "scores",
    "table_baselines": "baselines",
    "table_comparison": f"{MAIN} published",
    "table_best": f"{MAIN} published",
    "table_card": f"{MAIN} published by_language",
    "table_claims": f"{MAIN} collected published",
    "table_seeds": "intervals",
    "figure_differences": f"{MAIN} baselines",
    "figure_languages": "scores collected baselines",
    "figure_curves": "trainings",
    "figure_published": f"{MAIN} published",
    "verify": "scores artifacts",
    "report": "scores intervals trainings artifacts checked template studies",
}
WORDS: dict[str, Callable[[Jobs], Path | list[Path]]] = {
    "scores": lambda jobs: jobs.made("tables", "scores.csv"),
    "collected": lambda jobs: jobs.made("tables", "seals.json"),  # one file, which vouches for all scores files
    "intervals": lambda jobs: jobs.made("tables", "intervals.csv"),
    "overlaps": lambda jobs: jobs.made("tables", "overlaps.csv"),
    "cells": Jobs.scores,
    "trainings": Jobs.trainings,
    "artifacts": Jobs.artifacts,
    "baselines": Jobs.baselines,
    "published": Jobs.published,
    "by_language": lambda jobs: Path("resources/published/by_language/xlmr_large_retrieval.csv"),
    "checked": lambda jobs: jobs.made("tables", "verification.json"),
    "studies": lambda jobs: jobs.of_study("verdict.json") if jobs.run.study else [],
    "template": lambda jobs: Path("src/xstilts/reporting/page/page.html"),
    "data": Jobs.all_data,
    "text": lambda jobs: [jobs.text] if jobs.has_text else [],
}
