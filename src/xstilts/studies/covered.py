"""Over which splits and languages the scores of a study go, in words, and what of them failed or is missing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from xstilts.reporting.aggregate import expected_languages
from xstilts.reporting.failures import COLLAPSED, NOT_LEARNED
from xstilts.reporting.render import TITLES

Rows = Iterable[Mapping[str, Any]]
Place = tuple[str, str, str]  # task, language, seed
ON_DEV = "on dev, as test labels are not there or in fewer languages (English dev chose checkpoints)"
NAMED = 5  # tasks and languages without scores, in a sentence


def splits_in_words(tasks: Mapping[str, Mapping[str, Any]], splits: Mapping[str, str]) -> str:
    """Say on which splits scores are: the test splits, and which tasks on which other one.

    Args:
        tasks: entries.
        splits: the split of each task.
    """
    others: dict[str, list[str]] = {}
    for task, entry in tasks.items():
        if (split := splits[task]) != "test":
            no_labels = ON_DEV if split == "dev" else f"on {split}, as the official split has no labels here"
            label = no_labels if "test" in entry["splits"] else f"on {split}, as there is no test split"
            others.setdefault(label, []).append(TITLES.get(task, task))
    said = [f"{', '.join(names)} {label}" for label, names in others.items()]
    return "; ".join([*(["Test splits"] if "test" in splits.values() or not said else []), *said])


def lacking_languages(
    tasks: Mapping[str, Mapping[str, Any]], splits: Mapping[str, str], languages: Mapping[str, Collection[str]]
) -> str:
    """Return in words of how many languages the score of a task is, where that is not all; empty where all are there.

    Args:
        tasks: entries.
        splits: the split of each task.
        languages: over which its score is the mean.
    """
    expected = {task: set(expected_languages(entry, splits[task])) for task, entry in tasks.items()}
    return ", ".join(
        f"{TITLES.get(task, task)} {len(known & set(languages[task]))} of {len(known)} languages"
        for task, known in expected.items()
        if known - set(languages[task])
    )


def failed(rows: Rows, models: Collection[str], tasks: Collection[str]) -> list[str]:
    """Return in words the models and sources of which scores on some tasks rest on a training that failed."""
    bad = {
        (row["model"], row["source"], row["status"])
        for row in rows
        if row["model"] in models and row["task"] in tasks and row["status"] in (COLLAPSED, NOT_LEARNED)
    }
    return sorted(f"{model} after {source} ({status})" for model, source, status in bad)


def missing(rows: Rows, models: Iterable[str], tasks: Collection[str]) -> dict[str, set[Place]]:
    """Return by model on which tasks, in which languages and seeds a test score is missing, of whichever source."""
    found: dict[str, set[Place]] = {model: set() for model in models}
    for row in rows:
        if row["model"] in found and row["task"] in tasks and row["split"] == "test" and row["value"] is None:
            found[row["model"]].add((row["task"], row["language"], str(row["seed"])))
    return found


def differing(lacking: Mapping[str, set[Place]]) -> dict[str, set[Place]]:
    """Return by model what it lacks and another one has."""
    by_all = set.intersection(*lacking.values()) if lacking else set()
    return {model: places - by_all for model, places in lacking.items()}


def missing_in_words(lacking: Mapping[str, set[Place]]) -> str:
    """Name the tasks, languages and models of scores that are missing, the first few; empty where none is."""
    found: dict[tuple[str, str], list[str]] = {}
    for model, places in lacking.items():
        for task in sorted({task for task, _, _ in places}):
            codes = " ".join(sorted({language for name, language, _ in places if name == task}))
            found.setdefault((task, codes), []).append(model)
    named = [
        f"{TITLES.get(task, task)} in {codes} of {'all' if len(models) == len(lacking) else ', '.join(models)}"
        for (task, codes), models in found.items()
    ]
    return "; ".join([*named[:NAMED], *([f"and {len(named) - NAMED} more"] if len(named) > NAMED else [])])


def remarks_on(rows: Sequence[Mapping[str, Any]], models: Collection[str], tasks: Collection[str]) -> list[str]:
    """Say which trainings of some models failed, and which of their test scores are missing."""
    lost, lacking = "; ".join(failed(rows, models, tasks)), missing_in_words(missing(rows, models, tasks))
    said = [f"Trainings that failed: {lost}."] if lost else []
    return [*said, f"Test scores that are missing: {lacking}."] if lacking else said
