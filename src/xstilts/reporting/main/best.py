"""The best source for each task: two rows below the sources, made of their numbers without any training.

``best-paper`` follows the paper: the source with the best development score over all languages. Three tasks have no
development set; there the scores that are shown choose, and the table says so. ``best-en`` needs nothing but English:
the English part of the development set, else the English examples that the target's training was evaluated on; the
retrieval tasks, which have neither, take a source that was fixed beforehand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xstilts.reporting.aggregate import Grid, Policy, Scores, choose_split, expected_languages, restrict, seed_means
from xstilts.uncertainty.seeds import Statistic, summarise

PAPER, ENGLISH = "best-paper", "best-en"
RULES = (PAPER, ENGLISH)
DEV_ENGLISH = "dev, English"
SELECTED_ON_TEST = "selected on test: the task has no development set"
OwnDev = Mapping[tuple[str, str, int], tuple[float, int]]  # source, target, seed -> English dev score, examples


@dataclass(frozen=True)
class Choice:
    """Which source one task takes, None with a reason where there is none.

    ``on`` says in words what chose it; ``on_test`` that these are scores of the benchmark's test set; ``scores`` are
    the candidates' in percent, empty where the source was fixed.
    """

    source: str | None
    on: str
    on_test: bool = False
    scores: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""


Choices = Mapping[str, Mapping[str, Choice]]  # rule -> task -> choice


def _over_seeds(grids: Mapping[str, Sequence[Grid]], statistic: Statistic) -> dict[str, float]:
    """Return each source's score (mean over languages and metrics) over its seeds with all languages that any has."""
    languages = sorted({name for parts in grids.values() for values in parts[0].values() for name in values})
    found = {}
    for source, parts in grids.items():
        whole = [seed for seed, values in parts[0].items() if set(values) >= set(languages)]
        if languages and whole:
            found[source] = summarise(seed_means(parts, whole, languages), statistic)
    return found


def _best(scores: Mapping[str, float], on: str, on_test: bool) -> Choice:
    if not scores:
        return Choice(None, on, on_test, reason="no source has a score to choose by")
    return Choice(max(scores, key=lambda name: scores[name]), on, on_test, scores)


def choose(
    scores: Scores,
    tasks: Mapping[str, Mapping[str, Any]],
    candidates: Sequence[str],
    own_dev: OwnDev,
    retrieval_source: str,
    statistic: Statistic = "mean",
) -> dict[str, dict[str, Choice]]:
    """Return the source of each task by both rules; of equal ones the first in the table's order.

    Scores are means over languages (question answering: of F1 and exact match), and over seeds what the tables show. A
    candidate without all the languages that others have is not chosen.

    Args:
        scores: one model's scores.
        tasks: the registry's entries.
        candidates: the sources that are chosen from: the intermediate ones, no control.
        own_dev: English development score and number of examples of each target training.
        retrieval_source: what ``best-en`` takes for retrieval.
        statistic: how seeds become one number.
    """
    found: dict[str, dict[str, Choice]] = {rule: {} for rule in RULES}
    for task, entry in tasks.items():
        split = choose_split(task, entry, "dev", scores)
        languages = expected_languages(entry, split)
        grids = {
            source: [restrict(scores.grid(source, task, split, metric), languages) for metric in entry["metrics"]]
            for source in candidates
        }
        has_dev = split == "dev"
        on = "dev, all languages" if has_dev else f"{split}: no development set"
        found[PAPER][task] = _best(_over_seeds(grids, statistic), on, not has_dev)
        if entry["target"] == "none":
            there = retrieval_source in candidates
            reason = "" if there else f"{retrieval_source}, fixed beforehand, is not a source of this run"
            found[ENGLISH][task] = Choice(retrieval_source if there else None, "fixed beforehand", reason=reason)
            continue
        in_english = {name: [restrict(grid, ["en"]) for grid in parts] for name, parts in grids.items()}
        english = _over_seeds(in_english, statistic)
        place = entry["target"]
        if has_dev and english:
            found[ENGLISH][task] = _best(english, DEV_ENGLISH, False)
            continue
        by_seed = {
            source: [score for (name, target, _), (score, _) in own_dev.items() if (name, target) == (source, place)]
            for source in candidates
        }
        own = {source: summarise(values, statistic) for source, values in by_seed.items() if values}
        found[ENGLISH][task] = _best(own, f"English examples of {place}'s training", False)
    return found


def best_marks(choices: Choices, policy: Policy) -> dict[tuple[str, str], str]:
    """Return the footnotes of the rows as ``build_main_table`` takes them."""
    lucky = "; the scores of this table chose it, so its interval is of choices that others made and may lie below it"
    shown = lucky if policy == "dev" else ""
    marks = {
        (PAPER, "*"): f"each task's source was chosen on development data of all languages, as in the paper{shown}",
        (ENGLISH, "*"): "each task's source was chosen on English data alone; for retrieval it was fixed beforehand",
    }
    marks |= {(PAPER, task): SELECTED_ON_TEST for task, choice in choices.get(PAPER, {}).items() if choice.on_test}
    return {key: text for key, text in marks.items() if key[0] in choices}


def best_remarks(choices: Choices) -> list[str]:
    """Return a sentence a rule that names the source of every task."""
    remarks = []
    for rule, by_task in choices.items():
        tasks_of: dict[str, list[str]] = {}
        for task, choice in by_task.items():
            tasks_of.setdefault(choice.source or "no source", []).append(task)
        named = "; ".join(f"{source}: {', '.join(names)}" for source, names in tasks_of.items())
        remarks.append(f"{rule} takes {named}.")
    return remarks
