"""Scores predictions against normalised rows: one language of one task, and dev scores for model selection.

The scores of a split are a dict: `metrics` (percent), `examples`, `extra` (what is worth knowing beside) and `items`,
the sufficient statistics a resampling unit: `unit` names the units, and equally long lists hold their counts.

* accuracy: `correct`, `total`
* tagging and given pairs: `tp`, `pred`, `gold` (spans or pairs), for tagging also `token_correct`, `tokens`
* answers: `exact_match`, `f1` (sums of values from 0 to 1), `total`
* BUCC: `gold` and the unit's only candidate, `score` (null without one) and `correct`
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from pathlib import Path
from typing import Any

from xstilts.errors import DataError
from xstilts.files import write_text
from xstilts.scoring import bucc, mlqa, spans, squad
from xstilts.scoring.accuracy import accuracy, correct
from xstilts.scoring.reading import (
    Answers,
    Question,
    check_lengths,
    check_sentences,
    read_answers,
    read_candidates,
    read_indices,
    read_labels,
    read_pairs,
    read_tags,
)
from xstilts.tasks import Task, task, training_set

Rows = Sequence[Mapping[str, Any]]
Scores = dict[str, Any]


def _summed(units: Sequence[str], counts: Mapping[str, Sequence[float]]) -> dict[str, list[Any]]:
    """Sum equally long lists of counts over equal units, kept in the order of first occurrence."""
    place = {unit: number for number, unit in enumerate(dict.fromkeys(units))}
    items: dict[str, list[Any]] = {"unit": list(place)}
    for name, values in counts.items():
        sums: list[float] = [0] * len(place)
        for unit, value in zip(units, values, strict=True):
            sums[place[unit]] += value
        items[name] = sums
    return items


def label_scores(predicted: Sequence[object], gold: Sequence[object], units: Sequence[str]) -> Scores:
    """Score labels, choices or retrieved rows: accuracy."""
    right = correct(predicted, gold)
    return {
        "metrics": {"accuracy": accuracy(predicted, gold)},
        "examples": len(gold),
        "extra": {},
        "items": _summed(units, {"correct": right, "total": [1] * len(gold)}),
    }


def tag_scores(predicted: Sequence[Sequence[str]], gold: Sequence[Sequence[str]], units: Sequence[str]) -> Scores:
    """Score tags by sentence: span F1; precision, recall and token accuracy beside it."""
    counts = [spans.count_sentence(guess, truth) for guess, truth in zip(predicted, gold, strict=True)]
    items = _summed(
        units,
        {
            "tp": [count.right for count in counts],
            "pred": [count.predicted for count in counts],
            "gold": [count.gold for count in counts],
            "token_correct": [count.tokens_right for count in counts],
            "tokens": [count.tokens for count in counts],
        },
    )
    precision, recall, f1 = spans.precision_recall_f1(sum(items["tp"]), sum(items["pred"]), sum(items["gold"]))
    tokens = sum(items["tokens"])
    extra = {
        "precision": precision,
        "recall": recall,
        "token_accuracy": 100 * sum(items["token_correct"]) / tokens,
        "tokens": tokens,
    }
    return {"metrics": {"f1": f1}, "examples": len(gold), "extra": extra, "items": items}


def answer_scores(
    predicted: Mapping[str, str],
    questions: Sequence[Question],
    question_scores: Callable[[str, Sequence[str]], tuple[float, float]],
) -> Scores:
    """Score answers: exact match and F1, where a question without a prediction counts as wrong and is counted."""
    values = [
        question_scores(predicted[question.id], question.answers) if question.id in predicted else (0.0, 0.0)
        for question in questions
    ]
    exact, f1 = [value[0] for value in values], [value[1] for value in values]
    known = {question.id for question in questions}
    return {
        "metrics": {"f1": 100 * math.fsum(f1) / len(values), "exact_match": 100 * math.fsum(exact) / len(values)},
        "examples": len(values),
        "extra": {"missing": len(known - predicted.keys()), "unknown": len(predicted.keys() - known)},
        "items": _summed(
            [question.passage for question in questions], {"exact_match": exact, "f1": f1, "total": [1] * len(values)}
        ),
    }


def pair_scores(predicted: Set[bucc.Pair], gold: Set[bucc.Pair]) -> Scores:
    """Score given pairs, as a submission holds them: F1; precision and recall beside it. Unit: a foreign sentence."""
    precision, recall, f1 = bucc.pair_scores(predicted, gold)
    pairs = sorted(predicted | gold)
    counts = {
        "tp": [int(pair in predicted and pair in gold) for pair in pairs],
        "pred": [int(pair in predicted) for pair in pairs],
        "gold": [int(pair in gold) for pair in pairs],
    }
    return {
        "metrics": {"f1": f1},
        "examples": len(gold),
        "extra": {"precision": precision, "recall": recall, "extracted": len(predicted)},
        "items": _summed([foreign for foreign, _ in pairs], counts),
    }


def answer_metric(task_name: str, language: str) -> Callable[[str, Sequence[str]], tuple[float, float]]:
    """Return the question scorer of a task: MLQA has its own, by language; XQuAD and TyDiQA use SQuAD 1.1's."""
    return partial(mlqa.question_scores, language=language) if task_name == "mlqa" else squad.question_scores


def known_labels(entry: Task, gold: Set[str]) -> set[str]:
    """Return the labels a prediction may hold: those of the training set, and those the gold holds besides."""
    labels = training_set(entry.target).labels
    return set(gold) | set(() if isinstance(labels, str) else labels)


def score_language(
    task_name: str, language: str, predictions: Mapping[str, Path], gold: Mapping[str, Rows]
) -> dict[str, Any]:
    """Score one language of one task: return the content of its scores file.

    Args:
        task_name: a task of the registry.
        language: the language's code.
        predictions: a file a split in the submission format; for BUCC `candidates-SPLIT-LANGUAGE.tsv` lies beside it.
        gold: the normalised rows of each split.

    Returns:
        task, language, splits {split: scores} and reason: why a split is not scored (null when all are).

    Raises:
        DataError: a file is not what its format promises, or does not fit the rows.
    """
    entry = task(task_name)
    splits: dict[str, Scores] = {}
    reasons: list[str] = []
    if entry.name == "bucc2018":
        splits, reasons = _score_bucc(language, predictions, gold)
    else:
        for split, path in predictions.items():
            scores = _score_split(entry, language, Path(path), gold[split])
            if scores is None:
                reasons.append(f"{split}: its labels are not known here")
            else:
                splits[split] = scores
    return {"task": task_name, "language": language, "splits": splits, "reason": "; ".join(reasons) or None}


def _score_split(entry: Task, language: str, path: Path, rows: Rows) -> Scores | None:
    """Score one split of anything but BUCC; None when no row has a label."""
    if entry.family == "retrieval":
        return _score_tatoeba(path, rows)
    if entry.family == "span_qa":
        questions = [
            Question(row["id"], row["group"], tuple(answer["text"] for answer in row["answers"]))
            for row in rows
            if row["answers"]
        ]
        if not questions:
            return None
        predicted: Answers = read_answers(path)
        scores = answer_scores(predicted.texts, questions, answer_metric(entry.name, language))
        scores["extra"]["unknown"] = len(predicted.texts.keys() - {row["id"] for row in rows})
        return scores
    field = "tags" if entry.family == "tagging" else "label"
    labelled = [place for place, row in enumerate(rows) if row[field] is not None]
    if not labelled:
        return None
    units = [rows[place]["group"] for place in labelled]
    if entry.family == "tagging":
        tags = [rows[place]["tags"] for place in labelled]
        sentences = read_tags(path, known_labels(entry, {tag for sentence in tags for tag in sentence}))
        check_sentences(sentences, [row["tokens"] for row in rows])
        return tag_scores([sentences.sentences[place] for place in labelled], tags, units)
    gold = [str(rows[place]["label"]) for place in labelled]
    labels = read_labels(path, known_labels(entry, set(gold)))
    check_lengths(path, len(labels), len(rows), "labels")
    return label_scores([labels[place] for place in labelled], gold, units)


def _score_tatoeba(path: Path, rows: Rows) -> Scores | None:
    foreign = [row["id"] for row in rows if row["side"] == "foreign"]
    english = [row for row in rows if row["side"] == "english"]
    if any(row["matches"] is None for row in english):
        return None
    numbers = [int(number) for number in read_indices(path)]
    check_lengths(path, len(numbers), len(english), "retrieved rows")
    for row, number in enumerate(numbers, 1):
        if number >= len(foreign):
            raise DataError(path, f"the row number {number}", f"one below {len(foreign)}", row)
    right = [foreign[number] in row["matches"] for number, row in zip(numbers, english, strict=True)]
    return label_scores(right, [True] * len(english), [row["group"] for row in english])


def bucc_gold(rows: Rows) -> set[bucc.Pair] | None:
    """Return the gold pairs that the foreign rows name; None when they are not known."""
    foreign = [row for row in rows if row["side"] == "foreign"]
    if all(row["matches"] is None for row in foreign):
        return None
    return {(row["id"], match) for row in foreign for match in row["matches"] or ()}


def bucc_candidates(path: Path, rows: Rows) -> list[bucc.Candidate]:
    """Read a candidates file, without those on sentences that occur more than once; unknown ids raise DataError."""
    sides: dict[str, dict[str, str]] = {"foreign": {}, "english": {}}
    for row in rows:
        sides[row["side"]][row["id"]] = row["text"]
    candidates = read_candidates(path)
    for number, (foreign, english, _) in enumerate(candidates, 1):
        if foreign not in sides["foreign"] or english not in sides["english"]:
            raise DataError(path, f"the ids {foreign} {english}", "ids of the sentences of this split", number)
    return bucc.scored_candidates(candidates, sides["foreign"], sides["english"])


def _score_bucc(
    language: str, predictions: Mapping[str, Path], gold: Mapping[str, Rows]
) -> tuple[dict[str, Scores], list[str]]:
    """Score BUCC with the threshold tuned on dev; the best that any threshold could give is a diagnostic in extra."""
    pairs = {split: bucc_gold(gold[split]) for split in predictions}
    dev = pairs.get("dev")
    if not dev:
        return {}, ["no labelled dev split, so no threshold can be tuned"]
    candidates = {
        split: bucc_candidates(Path(path).with_name(f"candidates-{split}-{language}.tsv"), gold[split])
        for split, path in predictions.items()
    }
    threshold = bucc.tune_threshold(candidates["dev"], dev)
    floor = lowest_threshold(candidates["dev"], dev)
    splits: dict[str, Scores] = {}
    reasons: list[str] = []
    for split, path in predictions.items():
        extracted, truth = set(bucc.extract(candidates[split], threshold)), pairs[split]
        if not truth:
            reasons.append(f"{split}: its gold pairs are not known here")
            continue
        if set(read_pairs(Path(path))) != extracted:
            raise DataError(
                path, "other pairs", f"the candidates with a score of at least {threshold!r}, dev's threshold"
            )
        scores = pair_scores(extracted, truth)
        best = bucc.tune_threshold(candidates[split], truth)
        scores["extra"] |= {
            "threshold": threshold,
            "best_possible_f1": bucc.pair_scores(set(bucc.extract(candidates[split], best)), truth)[2],
            "best_possible_threshold": best,
            "candidates": len(candidates[split]),
        }
        scores["items"] = bucc_items(candidates[split], truth, floor)
        splits[split] = scores
    return splits, reasons


def lowest_threshold(candidates: Sequence[bucc.Candidate], gold: Set[bucc.Pair]) -> float:
    """Return the lowest threshold that any weighting of the dev sentences can choose.

    The best prefix always ends on a right candidate, so no threshold lies below the candidate after the last right
    one: what scores less on any split is never extracted and need not be kept for resampling.
    """
    last = max((place for place, pair in enumerate(candidates) if pair[:2] in gold), default=None)
    if last is None:
        return 0.0
    return candidates[min(last + 1, len(candidates) - 1)][2]


def bucc_items(candidates: Sequence[bucc.Candidate], gold: Set[bucc.Pair], floor: float) -> dict[str, list[Any]]:
    """Return one unit a foreign sentence that has a gold pair or a candidate of at least ``floor``."""
    kept = {foreign: (english, score) for foreign, english, score in candidates if score >= floor}
    counts: dict[str, int] = dict.fromkeys(kept, 0)
    for foreign, _ in gold:
        counts[foreign] = counts.get(foreign, 0) + 1
    return {
        "unit": list(counts),
        "gold": list(counts.values()),
        "score": [kept[unit][1] if unit in kept else None for unit in counts],
        "correct": [int(unit in kept and (unit, kept[unit][0]) in gold) for unit in counts],
    }


def dev_score(
    family: str, predictions: Any, rows: Rows, *, no_answer: bool = False, token_accuracy: bool = False
) -> float:
    """Return the one number in percent by which checkpoints are chosen, from predictions in memory.

    Args:
        family: classification and multiple_choice (one label or choice a row: accuracy), tagging (one list of tags a
            row: span F1) or span_qa ({question id: answer}: the mean of exact match and F1).
        predictions: as the family says.
        rows: normalised, labelled rows.
        no_answer: SQuAD 2.0's rules instead of 1.1's: an empty answer says that there is none.
        token_accuracy: choose tagging by token accuracy (supertags are no spans).
    """
    if family == "span_qa":
        scorer = squad.question_scores_no_answer if no_answer else squad.question_scores
        questions = [Question(row["id"], row["group"], tuple(a["text"] for a in row["answers"])) for row in rows]
        metrics = answer_scores(predictions, questions, scorer)["metrics"]
        return float(metrics["exact_match"] + metrics["f1"]) / 2
    if family == "tagging":
        tags = [row["tags"] for row in rows]
        return (spans.token_accuracy if token_accuracy else spans.span_f1)(predictions, tags)
    return accuracy([str(label) for label in predictions], [str(row["label"]) for row in rows])


def write_scores(path: Path, scores: Mapping[str, Any]) -> None:
    """Write a scores file on one line (it holds long lists), whole or not at all."""
    write_text(path, json.dumps(scores, ensure_ascii=False, separators=(",", ":")) + "\n")
