"""What stands below a main table: which split, over what, what is missing and why."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from xstilts.reporting.aggregate import Policy, Scores, expected_languages
from xstilts.reporting.render import FAILED, MISSING, PARTIAL, in_short
from xstilts.tasks.benchmark import XTREME, Benchmark
from xstilts.uncertainty.seeds import Statistic

if TYPE_CHECKING:
    from xstilts.reporting.main.rows import Row


def name_cells(cells: Iterable[tuple[str, str]], sources: Sequence[str], tasks: Sequence[str]) -> str:
    """Name (source, task) cells in few words: whole rows first, then tasks by the sources that they lack."""
    wanted = set(cells)
    whole = [source for source in sources if all((source, task) in wanted for task in tasks)]
    if len(whole) == len(sources):
        return "every source and task"
    parts = [f"{', '.join(whole)} (every task)"] if whole else []
    rest = [source for source in sources if source not in whole]
    groups: dict[tuple[str, ...], list[str]] = {}
    for task in tasks:
        named = tuple(source for source in rest if (source, task) in wanted)
        if named:
            groups.setdefault(named, []).append(task)
    parts += [f"{', '.join(names)} ({_named(named, rest, bool(whole))})" for named, names in groups.items()]
    return "; ".join(parts)


def _named(sources: Sequence[str], every: Sequence[str], others: bool) -> str:
    """Name sources, most of them by those that are not among them."""
    exceptions = [source for source in every if source not in sources]
    if len(every) == 1 or (exceptions and len(sources) <= max(3, len(every) / 2)):
        return ", ".join(sources)
    return ("every other source" if others else "every source") + (
        f" but {', '.join(exceptions)}" if exceptions else ""
    )


def split_note(splits: Mapping[str, str], tasks: Mapping[str, Mapping[str, Any]], policy: Policy) -> str:
    """Say which split every column shows."""
    first = "Development sets" if policy == "dev" else "Test sets"
    groups: dict[str, list[str]] = {}
    for task, split in splits.items():
        if split == policy:
            label = first
        elif split in tasks[task]["splits"]:
            label = f"{split} (no {policy} split)"
        else:
            label = f"{split} files (the official split has no labels here)"
        groups.setdefault(label, []).append(task)
    ordered = sorted(groups.items(), key=lambda item: (item[0] != first, item[0]))
    return "; ".join(f"{label}: {', '.join(names)}" for label, names in ordered) + "."


def _missing(rows: Sequence["Row"], tasks: Sequence[str]) -> list[str]:
    reasons: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        for task, score in row.tasks.items():
            if score.value is None:
                reasons.setdefault(score.reason, []).append((row.source, task))
    filled = set(_with_scores(rows))
    notes = []
    for reason, cells in reasons.items():
        concerned = filled | {source for source, _ in cells}  # not rows that are empty for another reason
        sources = [row.source for row in rows if row.source in concerned]
        notes.append(f"{MISSING} {name_cells(cells, sources, tasks)}: {in_short(reason, 'scores.csv')}.")
    return notes


def _partial(
    rows: Sequence["Row"],
    tasks: Mapping[str, Mapping[str, Any]],
    splits: Mapping[str, str],
    scores: Scores,
    headline: Collection[str] | None,
) -> list[str]:
    texts: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        for task, score in row.tasks.items():
            if score.value is None:
                continue
            expected = expected_languages(tasks[task], splits[task])
            if not score.complete:
                lacking = [name for name in expected if name not in score.languages]
                why = scores.reasons.get((row.source, task, splits[task]), {})
                beside = [name for name in lacking if headline is not None and name not in headline]
                said = "; ".join(dict.fromkeys(why[name] for name in lacking if name in why and name not in beside))
                said = in_short(said, "scores.csv") or ("not in the headline" if beside else "not in this run")
                short = f"{', '.join(lacking[:8])}{' …' if len(lacking) > 8 else ''}"
                text = f"{len(score.languages)} of {len(expected)} languages (without {short}: {said})"
                texts.setdefault(text, []).append((row.source, task))
            if len(score.seeds) < len(scores.seeds):
                text = f"{len(score.seeds)} of {len(scores.seeds)} seeds"
                texts.setdefault(text, []).append((row.source, task))
    sources = _with_scores(rows)
    return [f"{PARTIAL} {name_cells(cells, sources, list(tasks))}: {text}." for text, cells in texts.items()]


def _failed(rows: Sequence["Row"], how: Literal["collapsed", "unlearned"], words: str) -> list[str]:
    cells: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        for task, score in row.tasks.items():
            if failed := getattr(score, how):
                count = f"{failed} of {len(score.seeds)} seeds"
                cells.setdefault(count, []).append((row.source, task))
    if not cells:
        return []
    tasks = list(dict.fromkeys(task for row in rows for task in row.tasks))
    said = "; ".join(f"{name_cells(named, _with_scores(rows), tasks)}: {count}" for count, named in cells.items())
    return [f"{FAILED} {words}: {said}."]


def _failed_base(rows: Sequence["Row"], tasks: Sequence[str], baseline: str | None) -> list[str]:
    lost = [task for task in tasks if any(row.tasks[task].base_failed for row in rows)]
    if not lost:
        return []
    return [
        f"{FAILED} on {', '.join(lost)} in every other row too: the training of {baseline} that it is compared with."
    ]


def _with_scores(rows: Sequence["Row"]) -> list[str]:
    return [row.source for row in rows if any(score.value is not None for score in row.tasks.values())]


def _averages(rows: Sequence["Row"], benchmark: Benchmark) -> list[str]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        if row.average.value is None and row.over:
            groups.setdefault(row.over, []).append(row.source)
    return [
        f"avg_available is the mean over {len(over)} of the {benchmark.count} tasks ({', '.join(over)}), in the "
        f"languages that are there, for {_named(sources, _with_scores(rows), False)}; avg needs all {benchmark.count} "
        "tasks in all their languages."
        for over, sources in groups.items()
    ]


def _extra_languages(
    tasks: Mapping[str, Mapping[str, Any]],
    splits: Mapping[str, str],
    scores: Scores,
    headline: Collection[str] | None,
) -> list[str]:
    if headline is not None:
        found = {name for task, split in splits.items() for name in scores.languages(task, split)}
        beside = sorted(found - set(headline))
        if not beside:
            return []
        shown = ", ".join(sorted(found & set(headline)))
        return [
            f"The columns are means over {shown}; avg_other is the mean over tasks in {', '.join(beside)}, which the "
            "encoder hardly or never saw."
        ]
    extra = {task: scores.languages(task, split) - set(tasks[task]["languages"]) for task, split in splits.items()}
    named = "; ".join(f"{task}: {', '.join(sorted(names))}" for task, names in extra.items() if names)
    if not named:
        return []
    return [f"Languages outside the benchmark's list count in no average and stand in the language tables: {named}."]


def table_notes(
    rows: Sequence["Row"],
    tasks: Mapping[str, Mapping[str, Any]],
    splits: Mapping[str, str],
    scores: Scores,
    policy: Policy,
    statistic: Statistic,
    baseline: str | None,
    headline: Collection[str] | None,
    remarks: Sequence[str],
    benchmark: Benchmark = XTREME,
) -> tuple[str, ...]:
    """Return the sentences below a main table, in reading order."""
    notes = [split_note(splits, tasks, policy)]
    if baseline is not None:
        notes.append(f"Row {baseline} is absolute, in percent; every other row is its difference to {baseline}.")
    else:
        notes.append("All rows are absolute, in percent: the row to compare with is not part of this table.")
    seeds = ", ".join(str(seed) for seed in scores.seeds)
    over = (
        f"{statistic.capitalize()} over seeds {seeds}" if len(scores.seeds) > 1 else f"One seed ({seeds or 'none yet'})"
    )
    # The mean of two medians is another number than the median of means.
    counts = "the median of the seeds' means" if statistic == "median" and len(scores.seeds) > 2 else "the mean"
    notes.append(
        f"{over}; means over languages, English included; a question answering task counts as {counts} of F1 and exact "
        f"match, and avg as the mean of the {benchmark.count} tasks."
    )
    notes += _averages(rows, benchmark)
    notes += _partial(rows, tasks, splits, scores, headline)
    notes += _failed(rows, "collapsed", "trainings that collapsed to one class on English dev")
    notes += _failed(rows, "unlearned", "trainings that learned nothing, or go on from one that did not")
    notes += _failed_base(rows, list(tasks), baseline)
    notes += _missing(rows, list(tasks))
    notes += _extra_languages(tasks, splits, scores, headline)
    notes += list(remarks)
    return tuple(notes)
