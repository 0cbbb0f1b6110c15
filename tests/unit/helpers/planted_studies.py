"""A study's arms as if they had been trained: score files, manifests and costs with an answer planted in them."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from xstilts.artifacts import circumstances, entries, remember
from xstilts.config.layers import merged, read_layers
from xstilts.config.run import load
from xstilts.files import write_json, write_text
from xstilts.graph.arms import manifests_of
from xstilts.graph.inputs import BY_RULE
from xstilts.graph.jobs import Jobs, StudyJobs
from xstilts.graph.settings import settings_of
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import csv_text
from xstilts.scoring.score_file import write_scores
from xstilts.studies.predicted import predict_study
from xstilts.studies.serve import FILE as MEASURED
from xstilts.studies.speed import COLUMNS, FILE
from xstilts.tasks import task

ROOT = Path(__file__).parents[3]
ITEMS = 200
FOLDS = 2  # of the trainings on examples
MADE = circumstances(0.0)
SHAPE = {  # of an encoder
    **{"vocab_size": 100, "max_position_embeddings": 18, "num_hidden_layers": 1, "hidden_size": 8},
    "intermediate_size": 16,
}
FEWER = {"languages": ["en", "qaa", "qab"]}
UNREAD = {"majority": 34.0, "chance": 33.0, "bound": 40.0, "entropy": 1.1, "loss": 0.4}


def plant(
    folder: Path,
    name: str,
    effects: Mapping[str, float],
    level: float = 55.0,
    seeds: Collection[int] | None = None,
    only: Mapping[str, Collection[str]] | None = None,
    failed: Collection[str] = (),
    unlearned: Collection[str] = (),
    settings: Mapping[str, Any] | None = None,
    faster: float = 0.0,
    repeats: int = 6,
    noise: float = 0.002,
    slower: float = 1.0,
    served: Mapping[str, Any] | None = None,
) -> RunFolder:
    """Write the results of a study's twin in a run `demo` below ``folder``.

    Args:
        folder: holds the results afterwards.
        name: of the study.
        effects: points that a source scores above ``level``, or a model's, by ``MODEL/SOURCE``.
        level: of all other sources, in percent.
        seeds: those that were run; all by default.
        only: the tasks on which a source has its effect, on all by default.
        failed: sources whose targets' trainings learned nothing.
        unlearned: sources whose own training learned nothing.
        settings: of the run, changed.
        faster: percent by which arm M trains more real tokens a second, where the study measures speed.
        repeats: of that measurement.
        noise: standard deviation of the log of a block's seconds.
        slower: how many times as long predictions after SIQA take.
        served: what was measured of the models as they answer.
    """
    base = merged(read_layers(ROOT, ["demo"], {"study": name}), FEWER | dict(settings or {}))
    jobs = Jobs(load(base), ROOT, folder / "results")
    assert jobs.study is not None
    run = RunFolder(settings_of(jobs, "study", name), jobs.here, jobs.made("studies", name))
    # Seeds differ by half a point, and each source errs on items of its own.
    for model, source, target, seed, task_name in jobs.study.cells():
        if seeds is not None and seed not in seeds:
            continue
        effect = effects.get(f"{model}/{source}", effects.get(source, 0.0))
        effect = effect if task_name in (only or {}).get(source, [task_name]) else 0.0
        shift = np.random.default_rng([seed, crc32(f"{source} {task_name}".encode())]).normal(0, 0.3)
        for language in jobs.study.run.languages_of(task_name):
            path = jobs.study.score(model, source, target, seed, task_name, language)
            write_scores(path, score_file(task_name, language, source, seed, (level + effect + shift) / 100))
    manifests = dict.fromkeys(path for arm in jobs.study.arms for path in manifests_of(jobs.study, arm))
    for manifest in manifests:
        source = manifest.relative_to(jobs.here).parts[2]
        seed = int(manifest.parent.name) if manifest.parent.name.isdigit() else int(manifest.parts[-3])
        if seeds is None or seed in seeds:
            longer = slower if source == "siqa" else 1.0
            read = _read(jobs.study, manifest)
            bad = source in (unlearned if manifest.parts[-3] == "none" else failed)
            _manifest(manifest, source, effects.get(source, 0.0), bad, longer, read)
    for path in dict.fromkeys(map(jobs.study.pretrained, jobs.study.run.models)):
        write_json(path.parent / "config.json", SHAPE)
        _remember(path, "fetch_model", [path.parts[-2]], ["config.json"], {}, {})
    for model, source, target, seed in jobs.study.choices():
        if seeds is None or seed in seeds:
            path = jobs.study.trained(model, source, target, seed)
            chosen = {"learning_rate": seed / 1000}
            _manifest(path, source, effects.get(source, 0.0), source in failed, 1.0, {}, chosen)
    if speed := run.settings["study"]["speed"]:
        _speed(run.tables / "speed/manifest.json", speed, faster, repeats, noise)
    if served is not None:
        path = run.tables / "serving/manifest.json"
        write_json(path.parent / MEASURED, served)
        read = {one[role]: Path(one[role]) for one in jobs.study.served for role in ("model", "features")}
        for features in dict.fromkeys(Path(one["features"]) for one in jobs.study.served):
            write_text(features.parent / "dev-en.safetensors", "planted")
            _remember(features, "featurise", [name], ["dev-en.safetensors"], {}, {})
        _remember(path, "measure_serving", [name], [MEASURED], {}, {}, read, {"models": jobs.study.served})
    predict_study(settings_of(jobs, "predict_study", name), run.tables, ROOT)
    return run


def score_file(task_name: str, language: str, source: str, seed: int, share: float) -> dict[str, Any]:
    """A score file whose items are right with a probability: the easy ones for all, the rest by source and seed."""
    entry, splits = task(task_name), {}
    for split in entry.splits:
        hard = np.random.default_rng([len(split), ITEMS]).random(ITEMS)  # the same items for all
        noise = np.random.default_rng([seed, crc32(f"{source} {language} {split}".encode())]).normal(0, 0.05, ITEMS)
        right = np.zeros(ITEMS, dtype=int)
        right[np.argsort(hard + noise)[: round(share * ITEMS)]] = 1  # as many as planted; which ones is chance
        units, ones = [f"{split}{place}" for place in range(ITEMS)], [1] * ITEMS
        items: dict[str, Any] = {
            "choices": {"correct": right.tolist(), "total": ones},
            "labels": {"correct": right.tolist(), "total": ones},
            "tatoeba": {"correct": right.tolist(), "total": ones},
            "tags": {"tp": right.tolist(), "pred": ones, "gold": ones, "token_correct": right.tolist(), "tokens": ones},
            "answers": {"exact_match": right.tolist(), "f1": right.tolist(), "total": ones},
        }[entry.scoring[0]]
        metrics = dict.fromkeys(entry.metrics, 100 * float(right.mean()))
        splits[split] = {"metrics": metrics, "examples": ITEMS, "extra": {}, "items": {"unit": units, **items}}
    return {"task": task_name, "language": language, "splits": splits, "reason": None}


def _speed(path: Path, speed: Mapping[str, Any], faster: float, repeats: int, noise: float) -> None:
    """Steps of which M's examples have 30 tokens, the others' 20; what is padded is computed too."""
    steps = []
    for repeat in range(repeats):
        for batching in speed["batching"]:
            for arm in speed["arms"]:
                each = 30 if arm == "M" else 20
                read = {"unpadded": each, "dynamic": 40, "maximum": 100}[batching]
                shift = np.random.default_rng([repeat, crc32(f"{arm} {batching}".encode())]).normal(0, noise)
                seconds = 1e-2 * read * float(np.exp(shift)) / (1 + faster / 100 * (arm == "M"))
                counts = {"examples": 10, "tokens": 10 * each, "computed_tokens": 10 * read}
                for step in range(speed["steps"]):
                    row = {"arm": arm, "batching": batching, "repeat": repeat, "step": step, "data_seconds": 1e-4}
                    steps.append(row | {"seconds": seconds} | counts)
    write_text(path.parent / FILE, csv_text(steps, COLUMNS))
    arms = speed["arms"]
    results = {
        "at_limit": {arm: {"qaa": 3} if arm == "M" else {} for arm in arms},
        "sizes": {arm: {"examples": 3600, "tokens": 72000} for arm in arms},
        "epochs": dict.fromkeys(arms, 1),
    }
    _remember(path, "measure_speed", ["throughput"], [FILE], results, {})


def _manifest(
    path: Path,
    source: str,
    effect: float,
    failed: bool,
    slower: float,
    read: Mapping[str, Path],
    chosen: Mapping[str, float] | None = None,
) -> None:
    target = path.parts[-3]
    rule = "predict" if "predictions" in path.parts else "train_intermediate" if target == "none" else "train_target"
    learned = "no" if failed else "yes"
    dev = {"score": 60.0 + effect, "examples": 100, "learned": learned, "collapsed": False, **UNREAD}
    steps = 20 if source == "none-longer" else 10
    results = {"dev": {source if target == "none" else target: dev}, "best_step": 10, "steps": steps}
    work = (
        {"steps": 10, "tokens": 1000, "padded_tokens": 1100, "seconds": 20.0}
        if rule != "predict"
        else {"examples": 100, "seconds": 2.0 * slower}
    )
    if source.endswith("shots") and rule == "predict":  # half of it trains on examples of the languages
        rule, work = (
            "few_shot",
            work | {"languages": 3, "steps": 5, "tokens": 50, "padded_tokens": 55, "training_seconds": 1.0},
        )
    write_json(path.parent / "history.json", {"best_step": 10, "evaluations": []})
    found = results | {"learned": learned, "collapsed": []} | dict(chosen or {})
    if rule in ("predict", "few_shot"):
        found = {"languages": {code: {"reason": None, "splits": ["dev", "test"]} for code in FEWER["languages"]}}
    settings = {"few_shot": {"folds": FOLDS}} if rule == "few_shot" else {}
    _remember(path, rule, list(path.parts[-5:-1]), ["history.json"], found, work, read, settings)


def _read(jobs: StudyJobs, manifest: Path) -> dict[str, Path]:
    """The encoder that a training starts from, the model that predicts; no features and no data are planted."""
    kind, model, source, *rest = manifest.relative_to(jobs.here).parts[:-1]
    rule = jobs.predicting(source) if kind == "predictions" else "train_target"
    if kind == "models" and rest[0] == "none":
        rule, rest = "train_intermediate", rest[1:]
    found = BY_RULE[rule](jobs, model, source, *rest)
    return {role: path for role, path in found.items() if role in ("model", "encoder") and isinstance(path, Path)}


def _remember(
    path: Path,
    rule: str,
    wildcards: list[str],
    files: list[str],
    results: dict[str, Any],
    work: dict[str, float],
    read: Mapping[str, Path] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    content = {
        "rule": rule,
        "wildcards": wildcards,
        "key": "planted",
        "spec": {"settings": dict(settings or {})},
        "inputs": {role: {"manifest": str(found), "digest": "planted"} for role, found in (read or {}).items()},
        "files": entries(path.parent, files),
        "digest": "planted",
        "reason": None,
        "results": results,
        "made": MADE | {"seconds": work.get("seconds", 1.0), "commit": None, "work": work},
    }
    remember(path, content)
