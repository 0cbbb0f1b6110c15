"""From the scores of a study's arms to comparisons of them with intervals over seeds, languages and items."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from xstilts.config.study import BEST
from xstilts.reporting.aggregate import Scores, choose_split
from xstilts.reporting.claims import Failed, failures, sound
from xstilts.reporting.failures import NOT_LEARNED, Chain, behind, failed_trainings, meant_not_to_learn
from xstilts.reporting.main.results import read_results
from xstilts.reporting.run import RunFolder
from xstilts.reporting.tables.intervals import scores_of
from xstilts.studies.comparison import Comparison
from xstilts.uncertainty.best import Noise, best_of, deviations, seed_noise
from xstilts.uncertainty.intervals import RESAMPLES, Cell, Drawn, Runs, draw_tables, holm, runs_of, weighted

Chosen = dict[str, dict[int, str]]  # task -> seed -> source


@dataclass(frozen=True)
class Arms:
    """The scores of a study's arms by task, arm and seed, what failed of them, and how they vary."""

    runs: Mapping[str, Runs]
    english: Mapping[str, Runs]  # the same on English alone
    tasks: Mapping[str, Mapping[str, Any]]  # entries of the tasks that count in averages
    splits: Mapping[str, str]
    languages: Mapping[str, Sequence[str]]  # over which a task's score is the mean
    failed: Failed
    noise: Noise
    chosen: Chosen  # the sources of best-en
    apart: Mapping[str, Mapping[str, Runs]] = field(default_factory=dict)  # the same without a language

    def of(self, comparison: Comparison) -> Mapping[str, Runs]:
        """Return the scores that a comparison goes over."""
        return self.english if comparison.language == "en" else self.runs


@dataclass(frozen=True)
class Finding:
    """What a comparison came out as, in points: no estimate where a cell is missing, and why."""

    comparison: Comparison
    without: str = ""  # a task that was left out
    tasks: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    p: float | None = None  # two-sided, of no difference
    p_holm: float | None = None  # over the secondary comparisons; none under three seeds
    why: str = ""
    lost: str = field(default="", compare=False)  # what trainings that failed took away


def read_arms(run: RunFolder, model: str) -> Arms:
    """Return the scores of a study's arms, without those of trainings that failed.

    They are on the benchmark's test splits; of a task whose test labels are not there, or in fewer languages, on dev.
    """
    study = run.settings["study"]
    results = read_results(run, model)
    splits = {task: _split(task, entry, results.scores) for task, entry in run.tasks.items()}
    scores = scores_of(run, model)
    failed = _failed(run, model)
    parts = []
    for found in (scores, {key: content for key, content in scores.items() if key[3] == "en"}):
        runs = by_task(draw_tables(found, {"study": splits}))
        parts.append((sound(runs, failed), failures(runs, failed)))
    (runs, lost), (english, _) = parts
    chosen = best_by_seed(study, run.tasks, runs, results.own_dev, run.settings)
    whole, in_english = (
        {task: _named(study, one[task], chosen.get(task, {})) for task in one} for one in (runs, english)
    )
    spoken_by_all = sorted({key[3] for key in scores}) if study["apart"] == "language" else []
    apart = {}
    for code in spoken_by_all if len(spoken_by_all) > 1 else ():
        rest = {key: content for key, content in scores.items() if key[3] != code}
        left = sound(by_task(draw_tables(rest, {"study": splits})), failed)
        apart[code] = {task: _named(study, found, chosen.get(task, {})) for task, found in left.items()}
    failed_arms = _of_arms(study, lost, list(run.tasks))
    counted = {task: entry for task, entry in run.tasks.items() if task not in study["left_out"]}
    noise = seed_noise(run.settings["seeds"], RESAMPLES, statistic=run.settings["statistic"])
    spoken = {
        task: sorted(results.scores.languages(task, splits[task]) & set(entry["languages"]))
        for task, entry in run.tasks.items()
    }
    return Arms(whole, in_english, counted, splits, spoken, failed_arms, noise, chosen, apart)


def _split(task: str, entry: Mapping[str, Any], scores: Scores) -> str:
    """Return the split that a task is scored on: dev where that has more of its languages than the test split."""
    wanted, known = choose_split(task, entry, "test", scores), set(entry["languages"])
    languages = {split: len(scores.languages(task, split) & known) for split in (wanted, "dev")}
    return "dev" if languages["dev"] > languages[wanted] else wanted


def _of_arms(study: Mapping[str, Any], failed: Failed, tasks: Sequence[str]) -> Failed:
    """Return what failed by arm; of best-en what all candidates have lost."""
    words: dict[tuple[str, str], str] = {}
    lost: set[tuple[str, str]] = set()
    for arm, source in study["arms"].items():
        needed = study["candidates"] if source == BEST else [source]
        for task in tasks:
            if all((one, task) in failed.words for one in needed):
                words[arm, task] = "; ".join(dict.fromkeys(failed.words[one, task] for one in needed))
            lost |= {(arm, task)} if all((one, task) in failed.lost for one in needed) else set()
    return Failed(words, frozenset(lost))


def by_task(drawn: Drawn) -> dict[str, Runs]:
    """Return the mean of each task's metrics by source and seed."""
    return {task: runs_of(draws, slice(None)) for (task, _), draws in drawn.items()}


def _failed(run: RunFolder, model: str) -> dict[tuple[str, str, int], str]:
    """Return (source, task, seed) of what rests on a training that failed; a control is not meant to learn."""
    found = failed_trainings(run.trainings)
    for chain in unlearned(run):
        del found[chain]
    failed = {}
    for source in run.settings["sources"]:
        for task, entry in run.tasks.items():
            for seed in run.settings["seeds"]:
                chain = (model, source, entry["target"], seed)
                rested = [one for one in behind(chain, run.settings["rests_on"]) if not meant_not_to_learn(*one[1:3])]
                own = [] if entry["target"] == "none" else [chain]
                states = [found[one][0] for one in (*own, *rested) if one in found]
                if states:
                    failed[source, task, seed] = states[0]
    return failed


def unlearned(run: RunFolder) -> list[Chain]:
    """Return the trainings on targets that learned nothing and count all the same, where the study says so.

    That chance is all an arm reaches is an outcome where another arm learned the target; where none did, it is none.
    """
    if run.settings["study"]["unlearned"] != "counted":
        return []
    found = failed_trainings(run.trainings)
    chains = [(one["model"], one["source"], one["target"], one["seed"]) for one in run.trainings]
    learned = {chain[2] for chain in chains if chain not in found}
    return [chain for chain, (state, _) in found.items() if state == NOT_LEARNED and chain[2] in learned - {"none"}]


def best_by_seed(
    study: Mapping[str, Any],
    entries: Mapping[str, Mapping[str, Any]],
    runs: Mapping[str, Runs],
    own_dev: Mapping[tuple[str, str, int], tuple[float, int]],
    settings: Mapping[str, Any],
) -> Chosen:
    """Return which candidate stands for ``best-en`` by task and seed: the best of the other seeds on English dev.

    The English dev scores are those that chose the checkpoints; no score that is shown takes part. Retrieval by the
    encoder as it is has none (that of XTREME-R, behind a training on SQuAD, has): it takes the source that was fixed
    beforehand.
    """
    chosen: Chosen = {}
    for task, by_source in runs.items():
        there = [name for name in study["candidates"] if name in by_source]
        seeds = sorted({seed for name in there for seed in by_source[name]})
        choosing: dict[str, dict[int, float]] = {}
        for (source, target, seed), (score, _) in own_dev.items():
            if target == entries[task]["target"] and seed in by_source.get(source, {}):
                choosing.setdefault(source, {})[seed] = score
        for seed in seeds:
            others = [other for other in seeds if other != seed] or [seed]
            best = best_of(choosing, there, others, settings["statistic"])
            if entries[task]["target"] == "none":
                best = settings["retrieval_source"] if settings["retrieval_source"] in there else None
            if best and seed in by_source[best]:
                chosen.setdefault(task, {})[seed] = best
    return chosen


def _named(study: Mapping[str, Any], runs: Runs, chosen: Mapping[int, str]) -> Runs:
    """Return the runs of a task by the names of the arms."""
    best = {seed: runs[source][seed] for seed, source in chosen.items() if seed in runs.get(source, {})}
    return {arm: best if source == BEST else runs.get(source, {}) for arm, source in study["arms"].items()}


def compare(arms: Arms, comparison: Comparison, without: str = "") -> Finding:
    """Return one arm minus another on the mean over tasks, over the seeds that both have on every one of them.

    ``without`` is a task, or a language, that is left out.
    """
    tasks = [task for task in comparison.tasks(arms.tasks) if task != without]
    names = (comparison.plus, comparison.minus)
    found = Finding(comparison, without, tuple(tasks), lost=_lost(arms.failed, names, tasks))
    runs = arms.apart.get(without) or arms.of(comparison)
    if comparison.language == "en":  # some tasks have no English
        tasks = [task for task in tasks if task in runs]
        found = replace(found, tasks=tuple(tasks))
    if not tasks:
        return replace(found, why="no task to compare on")
    cells = [[runs.get(task, {}).get(name, {}) for task in tasks] for name in names]
    places = [(name, task) for name in names for task in tasks]
    lacking = [f"{name} on {task}" for name, task in places if not runs.get(task, {}).get(name)]
    if lacking:
        shown = f"{', '.join(lacking[:3])}{' …' if len(lacking) > 3 else ''}"
        return replace(found, why=found.lost or f"no scores: {shown}")
    shared = sorted(set.intersection(*(set(cell) for own in cells for cell in own)))
    if not shared:
        return replace(found, why=found.lost or "the arms share no seed")
    weights = [1 / len(tasks)] * len(tasks) + [-1 / len(tasks)] * len(tasks)
    by_seed: dict[int, Cell] = {
        seed: weighted([cell[seed] for own in cells for cell in own], weights) for seed in shared
    }
    value, around = deviations(by_seed, arms.noise, crossed=BEST in names)
    low, high = np.quantile(around, [0.025, 0.975])
    reached = int((np.abs(around) >= abs(value)).sum())
    return replace(
        found,
        seeds=tuple(shared),
        estimate=value,
        lower=value + float(low),
        upper=value + float(high),
        p=(1 + reached) / (1 + len(around)),
    )


def _lost(failed: Failed, names: Collection[str], tasks: Collection[str]) -> str:
    return "; ".join(f"{name}: {why}" for name in names if (why := failed.why(name, tasks)))


def corrected(findings: Sequence[Finding]) -> list[Finding]:
    """Return secondary findings with Holm's correction over those of them that have three seeds."""
    tested = [one for one in findings if one.p is not None and len(one.seeds) >= 3]
    values = dict(zip(map(id, tested), holm([one.p for one in tested if one.p is not None]), strict=True))
    return [replace(one, p_holm=values.get(id(one))) for one in findings]


def average(arms: Arms, arm: str) -> Finding:
    """Return an arm's own mean over tasks, with its interval."""
    whole = Comparison(arm, "")
    tasks = whole.tasks(arms.tasks)
    cells = [arms.runs.get(task, {}).get(arm, {}) for task in tasks]
    shared = sorted(set.intersection(*(set(cell) for cell in cells))) if cells else []
    if not shared:
        return Finding(whole, tasks=tuple(tasks), why=arms.failed.why(arm, tasks) or "no scores")
    by_seed = {seed: weighted([cell[seed] for cell in cells], [1 / len(tasks)] * len(tasks)) for seed in shared}
    value, around = deviations(by_seed, arms.noise, crossed=arm == BEST)
    low, high = np.quantile(around, [0.025, 0.975])
    return Finding(whole, "", tuple(tasks), tuple(shared), value, value + float(low), value + float(high))
