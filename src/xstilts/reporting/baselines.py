"""What a task gives away without an encoder: majority, random, text-blind and bag of words, each from English train.

``majority`` is the best constant answer, ``random`` a guess, ``text_blind`` sees only a part of the input that should
not be enough (the second sentence, the place in the sentence or passage, the length of a sentence), and
``bag_of_words`` sees all words but no order and no encoder. The first three are called chance.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from xstilts.reporting.bags import Bags, train_classifier, words
from xstilts.reporting.baselines_retrieval import retrieval_baselines
from xstilts.scoring import mlqa, squad
from xstilts.scoring.spans import span_f1

Rows = Sequence[Mapping[str, Any]]
Evaluation = Mapping[tuple[str, str], Rows]  # (language, split) -> rows
Scores = dict[str, dict[str, float]]  # baseline -> metric -> percent
CHANCE = ("majority", "random", "text_blind")
LARGEST_TRAIN = 4000


def first_by_hash(rows: Rows, limit: int) -> Rows:
    """Return at most ``limit`` rows, the same ones whatever their order."""
    return sorted(rows, key=lambda row: hashlib.sha256(str(row["id"]).encode()).digest())[:limit]


def _classification(train: Rows, evaluation: Evaluation, _task: str, _seed: int) -> dict[tuple[str, str], Scores]:
    labels = sorted({row["label"] for row in train})
    some = first_by_hash(train, LARGEST_TRAIN)
    gold = [labels.index(row["label"]) for row in some]
    guesses: dict[str, Callable[[Rows], list[str]]] = {}
    for name, fields in (("text_blind", ("text_b",)), ("bag_of_words", ("text_a", "text_b"))):
        bags = Bags(some, fields)
        classify = train_classifier(bags.features(some), gold, len(labels))
        guesses[name] = lambda rows, b=bags, c=classify: [labels[k] for k in c(b.features(rows))]  # type: ignore[misc]
    found = {}
    for place, rows in evaluation.items():
        truth = [row["label"] for row in rows]
        scores = {"majority": 100 * Counter(truth).most_common(1)[0][1] / len(truth), "random": 100 / len(labels)}
        for name, guess in guesses.items():
            scores[name] = 100 * fmean(float(a == b) for a, b in zip(guess(rows), truth, strict=True))
        found[place] = {name: {"accuracy": value} for name, value in scores.items()}
    return found


def _commonest(counts: Counter[str]) -> str:
    return min(counts, key=lambda tag: (-counts[tag], tag))


def _tagging(train: Rows, evaluation: Evaluation, _task: str, seed: int) -> dict[tuple[str, str], Scores]:
    whole: Counter[str] = Counter()
    by_word: dict[str, Counter[str]] = {}
    by_place: dict[int, Counter[str]] = {}
    for row in train:
        for index, (token, tag) in enumerate(zip(row["tokens"], row["tags"], strict=True)):
            whole[tag] += 1
            by_word.setdefault(token, Counter())[tag] += 1
            by_place.setdefault(index, Counter())[tag] += 1
    rare: Counter[str] = Counter()  # what words that occur once are stands for what unknown words are
    for counts in by_word.values():
        if counts.total() == 1:
            rare.update(counts)
    common, unknown = _commonest(whole), _commonest(rare or whole)
    lookup = {word: _commonest(counts) for word, counts in by_word.items()}
    places = {place: _commonest(counts) for place, counts in by_place.items()}
    tags, weights = sorted(whole), [whole[tag] for tag in sorted(whole)]
    found = {}
    for place, rows in evaluation.items():
        draw = random.Random(f"{seed} {place}")
        gold = [row["tags"] for row in rows]
        tokens = [row["tokens"] for row in rows]
        guesses = {
            "majority": [[common] * len(one) for one in tokens],
            "random": [draw.choices(tags, weights, k=len(one)) for one in tokens],
            "text_blind": [[places.get(index, common) for index in range(len(one))] for one in tokens],
            "bag_of_words": [[lookup.get(token, unknown) for token in one] for one in tokens],
        }
        found[place] = {name: {"f1": span_f1(guess, gold)} for name, guess in guesses.items()}
    return found


def _span(context: str, first: int, length: int) -> str:
    places = words(context)
    if not places:
        return ""
    first = min(first, len(places) - 1)
    last = min(first + length, len(places)) - 1
    return context[places[first][1] : places[last][2]]


def _near_question(row: Mapping[str, Any], length: int, reach: int = 8) -> str:
    """Return the window whose surroundings share most words with the question, its own words not counted."""
    places = words(row["context"])
    asked = {word for word, _, _ in words(row["question"])}
    hits = [0]
    for word, _, _ in places:
        hits.append(hits[-1] + (word in asked))
    best, at = float("-inf"), 0
    for first in range(max(1, len(places) - length + 1)):
        last = min(first + length, len(places))
        inside = hits[last] - hits[first]
        around = hits[min(last + reach, len(places))] - hits[max(0, first - reach)] - inside
        if around - 2 * inside > best:
            best, at = around - 2 * inside, first
    return _span(row["context"], at, length)


def _span_qa(train: Rows, evaluation: Evaluation, task: str, seed: int) -> dict[tuple[str, str], Scores]:
    starts, lengths, answers = [], [], Counter[str]()
    for row in first_by_hash([row for row in train if row["answers"]], LARGEST_TRAIN):
        answer = row["answers"][0]
        starts.append(len(words(row["context"][: answer["start"]])))
        lengths.append(max(1, len(words(answer["text"]))))
        answers[answer["text"]] += 1
    start, length = (sorted(values)[len(values) // 2] for values in (starts, lengths))
    constant = _commonest(answers)
    found: dict[tuple[str, str], Scores] = {}
    for place, rows in evaluation.items():
        draw = random.Random(f"{seed} {place}")
        score = (
            (lambda p, a, code=place[0]: mlqa.question_scores(p, a, code)) if task == "mlqa" else squad.question_scores
        )
        guesses = {
            "majority": [constant for _ in rows],
            "random": [
                _span(row["context"], draw.randrange(max(1, len(words(row["context"])) - length + 1)), length)
                for row in rows
            ],
            "text_blind": [_span(row["context"], start, length) for row in rows],
            "bag_of_words": [_near_question(row, length) for row in rows],
        }
        found[place] = {}
        for name, texts in guesses.items():
            pairs = [
                score(text, [one["text"] for one in row["answers"]]) for text, row in zip(texts, rows, strict=True)
            ]
            exact, f1 = (100 * fmean(values) for values in zip(*pairs, strict=True))
            found[place][name] = {"f1": f1, "exact_match": exact}
    return found


FAMILIES = {"classification": _classification, "tagging": _tagging, "span_qa": _span_qa}
LABELS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "classification": lambda row: row["label"] is not None,
    "tagging": lambda row: row["tags"] is not None,
    "span_qa": lambda row: bool(row["answers"]),
}


def baseline_scores(
    task: str, entry: Mapping[str, Any], train: Rows, evaluation: Evaluation, seed: int = 1
) -> list[dict[str, Any]]:
    """Return what a task gives without an encoder, a row a language, split, metric and baseline.

    Args:
        task: the task's name.
        entry: its registry entry (``family``, ``metrics``).
        train: normalised English training rows (empty for retrieval).
        evaluation: (language, split) to normalised rows; rows without labels are left out.
        seed: of the random guesses.

    Returns:
        Rows with ``task``, ``language``, ``split``, ``metric``, ``baseline``, ``value`` (percent) and ``examples``.
    """
    family = entry["family"]
    if family == "retrieval":
        kept = {place: rows for place, rows in evaluation.items() if any(row["matches"] for row in rows)}
        scores = retrieval_baselines(kept, entry["metrics"][0])
        sizes = {
            place: sum(bool(row["matches"]) for row in rows if row["side"] == "english") for place, rows in kept.items()
        }
    else:
        labelled = {place: [row for row in rows if LABELS[family](row)] for place, rows in evaluation.items()}
        kept = {place: rows for place, rows in labelled.items() if rows}
        known = [row for row in train if LABELS[family](row)]
        scores = FAMILIES[family](known, kept, task, seed) if known and kept else {}
        sizes = {place: len(rows) for place, rows in kept.items()}
    return [
        {
            **{"task": task, "language": place[0], "split": place[1], "metric": metric, "baseline": name},
            **{"value": values[metric], "examples": sizes[place]},
        }
        for place, found in scores.items()
        for metric in entry["metrics"]
        for name, values in found.items()
    ]


def chance_levels(baselines: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str, str], float]:
    """Return the best of majority, random and text-blind by (task, language, split, metric), in percent."""
    levels: dict[tuple[str, str, str, str], float] = {}
    for row in baselines:
        if row["baseline"] in CHANCE:
            key = (row["task"], row["language"], row["split"], row["metric"])
            levels[key] = max(levels.get(key, 0.0), float(row["value"]))
    return levels


def not_above_chance(
    intervals: Iterable[Mapping[str, Any]],
    baselines: Iterable[Mapping[str, Any]],
    tasks: Mapping[str, Mapping[str, Any]],
) -> set[tuple[str, str]]:
    """Return the (source, task) whose lower bound does not lie above chance, for the grey cells of the heat map.

    Chance is the mean over the evaluated languages of ``chance_levels``; a task's first metric decides. A cell without
    an interval or without baselines is not in the set.
    """
    levels = chance_levels(baselines)
    found = set()
    for row in intervals:
        task = row["task"]
        if task not in tasks or row["metric"] != tasks[task]["metrics"][0] or row["lower"] is None:
            continue
        place = (task, row["split"], row["metric"])
        here = [value for key, value in levels.items() if (key[0], key[2], key[3]) == place]
        if here and float(row["lower"]) <= fmean(here):
            found.add((row["source"], task))
    return found
