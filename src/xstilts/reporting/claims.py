"""What reports say that the paper found: each claim with the cells that it is about.

A claim is one or several contrasts of cells that it says to be above 0; ``judging.py`` decides it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from xstilts.config.sources import WITH_TEXT
from xstilts.reporting.render import TITLES
from xstilts.tasks.benchmark import XTREME, Benchmark
from xstilts.uncertainty.contrasts import Weights
from xstilts.uncertainty.intervals import Runs

RETRIEVAL = ("bucc2018", "tatoeba")
NINE = 9  # tasks that the paper's multi is trained on


@dataclass(frozen=True)
class Claim:
    """A claim and the contrasts that it says to be above 0, by what each of them is; none where a row is missing."""

    statement: str
    cells: str = ""  # what is measured, in words
    parts: Mapping[str, Weights] = field(default_factory=dict)
    sign: int = 1  # -1: the claim is that the number measured is below 0
    reported: str = ""  # the source under which the reported number stands
    missing: str = ""


def gain(source: str, tasks: Collection[str], share: float = 1.0) -> dict[tuple[str, str], float]:
    """Return the weights of a source's mean gain on some tasks over ``none``."""
    part = share / len(tasks)
    return {(source, task): part for task in tasks} | {("none", task): -part for task in tasks}


def mean_gain(sources: Collection[str], tasks: Collection[str], share: float = 1.0) -> dict[tuple[str, str], float]:
    """Return the weights of the mean over sources of their gains on some tasks."""
    return add(*(gain(source, tasks, share / len(sources)) for source in sources))


def add(*parts: Weights) -> dict[tuple[str, str], float]:
    """Return the sum of weights."""
    total: dict[tuple[str, str], float] = {}
    for weights in parts:
        for place, weight in weights.items():
            total[place] = total.get(place, 0.0) + weight
    return total


def sound(runs: Mapping[str, Runs], failed: Mapping[tuple[str, str, int], str]) -> dict[str, Runs]:
    """Return the runs of each task without the cells (source, task, seed) whose training failed."""
    return {
        task: {
            source: {seed: cell for seed, cell in by_seed.items() if (source, task, seed) not in failed}
            for source, by_seed in found.items()
        }
        for task, found in runs.items()
    }


@dataclass(frozen=True)
class Failed:
    """The cells (source, task) that lack seeds because their training failed."""

    words: Mapping[tuple[str, str], str] = field(default_factory=dict)  # what is wrong with them
    lost: frozenset[tuple[str, str]] = frozenset()  # no seed is left

    def why(self, source: str, tasks: Collection[str]) -> str:
        """Say what of a source on some tasks does not count, and on which if not on all; empty when all does."""
        found: dict[str, list[str]] = {}
        for task in tasks:
            if (source, task) in self.words:
                found.setdefault(self.words[source, task], []).append(TITLES.get(task, task))
        whole = any(len(named) == len(tasks) > 1 for named in found.values())
        return "; ".join(words if whole else f"{words} on {', '.join(named)}" for words, named in found.items())

    def whole(self, source: str, tasks: Collection[str]) -> bool:
        """Say whether a source has a sound seed on each of some tasks."""
        return not any((source, task) in self.lost for task in tasks)

    def divide(self, sources: Sequence[str], tasks: Collection[str]) -> tuple[list[str], str]:
        """Return the sources that count on some tasks, and a sentence on what was left out."""
        out = [f"{source} ({why})" for source in sources if (why := self.why(source, tasks))]
        kept = [source for source in sources if self.whole(source, tasks)]
        return kept, f"; left out: {', '.join(out)}" if out else ""


def failures(runs: Mapping[str, Runs], failed: Mapping[tuple[str, str, int], str]) -> Failed:
    """Return what of the runs of each task does not count, by the status of each (source, task, seed) that failed."""
    words, lost = {}, set()
    for task, by_source in runs.items():
        for source, by_seed in by_source.items():
            states = {seed: failed[source, task, seed] for seed in by_seed if (source, task, seed) in failed}
            if states and len(states) == len(by_seed):
                lost.add((source, task))
                words[source, task] = " and ".join(dict.fromkeys(states.values()))
            elif states:
                words[source, task] = ", ".join(f"seed {seed} {state}" for seed, state in states.items())
    return Failed(words, frozenset(lost))


def claims(
    sources: Sequence[str],
    plain: Sequence[str],
    translated: Collection[str],
    tasks: Collection[str],
    failed: Failed = Failed(),
    benchmark: Benchmark = XTREME,
    multi: Sequence[str] = (),
) -> list[Claim]:
    """Return the claims that are tested on the development table, with the rows that this run has for them.

    Args:
        sources: the rows of the run.
        plain: those of intermediate training in English without raw text beside it.
        translated: those of training on translated data.
        tasks: the columns of the run.
        failed: what does not count. A mean over sources leaves out a source without a sound training and says so;
            a claim that rests on it alone is not identified.
        benchmark: whose tasks the average is over.
        multi: what ``multi`` was trained on in this run.
    """
    without_mlm = [(source, source + WITH_TEXT) for source in plain if source + WITH_TEXT in sources]
    pairs = [(source.rpartition("-")[0], source) for source in translated if WITH_TEXT not in source]
    languages = [(english, other) for english, other in pairs if english in sources]
    squad = "squad2" if "squad2" in sources else "squad"
    return [
        _average("SQuAD raises the average", squad, "squad2", sources, tasks, failed, benchmark),
        _average("MNLI raises the average", "mnli", "mnli", sources, tasks, failed, benchmark),
        _average("HellaSwag raises the average", "hellaswag", "hellaswag", sources, tasks, failed, benchmark),
        _of_mixture(
            _average(
                "Nine tasks together (multi) raise the average", "multi", "multi", sources, tasks, failed, benchmark
            ),
            multi,
        ),
        _retrieval_gains_most(plain, tasks, failed, benchmark),
        _gain_on("TyDiQA gains", "tydiqa", 1, plain, tasks, failed),
        _gain_on("XNLI does not gain", "xnli", -1, plain, tasks, failed),
        _better(
            "English without MLM beats English with MLM",
            without_mlm,
            f"a source with {WITH_TEXT}",
            tasks,
            failed,
            benchmark,
        ),
        _better(
            "English beats translated data",
            languages,
            "a translated source beside its English one",
            tasks,
            failed,
            benchmark,
        ),
    ]


def in_languages(claim: Claim, partial: Mapping[str, tuple[int, int]], benchmark: Benchmark = XTREME) -> Claim:
    """Return a claim as it stands where some tasks lack languages: (how many there are, of how many) by task.

    An average of the benchmark is none then, as in the main table; elsewhere the cells say so.
    """
    read = dict.fromkeys(task for weights in claim.parts.values() for _, task in weights)
    lacking = ", ".join(
        f"{TITLES.get(task, task)} {partial[task][0]} of {partial[task][1]}" for task in read if task in partial
    )
    if not lacking:
        return claim
    average = any({task for _, task in weights} >= set(benchmark.tasks) for weights in claim.parts.values())
    if average:
        return replace(claim, parts={}, missing=f"this run lacks languages: {lacking}")
    return replace(claim, cells=f"{claim.cells}; languages: {lacking}")


def _lacks(names: Collection[str], tasks: Collection[str]) -> str:
    lacking = [TITLES.get(name, name) for name in names if name not in tasks]
    return f"this run lacks {', '.join(lacking)}" if lacking else ""


def _average(
    statement: str,
    source: str,
    reported: str,
    sources: Collection[str],
    tasks: Collection[str],
    failed: Failed,
    benchmark: Benchmark,
) -> Claim:
    missing = "" if source in sources else f"{source} is not a row of this run"
    missing = missing or ("" if "none" in sources else "none is not a row of this run")
    over = benchmark.tasks
    missing = missing or _lacks(over, tasks) or _lost((source, "none"), over, failed)
    name = f"{source} minus none, average of the {benchmark.count} tasks{failed.divide((source, 'none'), over)[1]}"
    return Claim(statement, name, {} if missing else {name: gain(source, over)}, 1, reported, missing)


def _of_mixture(claim: Claim, trained_on: Sequence[str]) -> Claim:
    """Return a claim about nine tasks as one about those that the mixture was trained on, where they are fewer."""
    if claim.missing or not trained_on or len(trained_on) >= NINE:
        return claim
    few = f"{len(trained_on)} tasks together (multi), not the nine, raise the average"
    return replace(claim, statement=few, cells=f"{claim.cells}; multi is trained on {', '.join(trained_on)}")


def _lost(sources: Collection[str], tasks: Collection[str], failed: Failed) -> str:
    lost = [source for source in sources if not failed.whole(source, tasks)]
    return "; ".join(f"rests on a training that failed: {source} ({failed.why(source, tasks)})" for source in lost)


def _of_sources(plain: Sequence[str]) -> str:
    return f"mean over {', '.join(plain) or 'no source'}"


def _retrieval_gains_most(plain: Sequence[str], tasks: Collection[str], failed: Failed, benchmark: Benchmark) -> Claim:
    statement = "BUCC and Tatoeba gain most"
    others = [task for task in tasks if task not in RETRIEVAL and task in benchmark.tasks]
    missing = _lacks(RETRIEVAL, tasks) or ("" if plain else "no intermediate source is a row of this run")
    missing = missing or ("" if others else "no other task is a column of this run")
    plain, left_out = failed.divide(plain, [*RETRIEVAL, *others])
    missing = missing or _lost(["none"], [*RETRIEVAL, *others], failed) or ("" if plain else f"no mean{left_out}")
    cells = f"gain on each of the two minus the gain on each other task, {_of_sources(plain)}{left_out}"
    if missing:
        return Claim(statement, cells, missing=missing)
    parts = {
        f"{TITLES[one]} minus {TITLES[other]}": add(mean_gain(plain, [one]), mean_gain(plain, [other], -1.0))
        for one in RETRIEVAL
        for other in others
    }
    return Claim(statement, cells, parts)


def _gain_on(
    statement: str, task: str, sign: int, plain: Sequence[str], tasks: Collection[str], failed: Failed
) -> Claim:
    missing = _lacks([task], tasks) or ("" if plain else "no intermediate source is a row of this run")
    plain, left_out = failed.divide(plain, [task])
    missing = missing or _lost(["none"], [task], failed) or ("" if plain else f"no mean{left_out}")
    cells = f"gain on {TITLES[task]}, {_of_sources(plain)}{left_out}"
    return Claim(statement, cells, {} if missing else {cells: mean_gain(plain, [task])}, sign, missing=missing)


def _better(
    statement: str,
    pairs: Sequence[tuple[str, str]],
    lacking: str,
    tasks: Collection[str],
    failed: Failed,
    benchmark: Benchmark,
) -> Claim:
    over = benchmark.tasks
    missing = (f"this run has no row of {lacking}" if not pairs else "") or _lacks(over, tasks)
    kept, left_out = failed.divide(list(dict.fromkeys(name for pair in pairs for name in pair)), over)
    pairs = [pair for pair in pairs if set(pair) <= set(kept)]
    missing = missing or ("" if pairs else f"no pair{left_out}")
    named = ", ".join(f"{one} minus {other}" for one, other in pairs)
    cells = f"average of the {benchmark.count} tasks{', ' if named else ''}{named}{left_out}"
    share = 1.0 / len(over) / max(1, len(pairs))
    weights = add(*({(one, t): share, (other, t): -share} for one, other in pairs for t in over))
    return Claim(statement, cells, {} if missing else {cells: weights}, missing=missing)
