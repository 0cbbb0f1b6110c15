"""What a task gives away without an encoder: majority, random, text-blind, bag of words, overlap.

All but two learn from English train alone; ``majority`` knows the evaluated labels of a classification, as an upper
bound of what a constant scores, and ``random`` knows how many there are.

``majority`` is the best constant answer, ``random`` a guess, ``text_blind`` sees only a part of the input that should
not be enough (the second sentence, the place in the sentence or passage, the length of a sentence), and
``bag_of_words`` sees all words but no order and no encoder. The first three are called chance. Pairs of texts have
``overlap`` too, which sees how many words they have in common and in which order, and no word.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import Any

from xstilts.families.facts import facts
from xstilts.reporting.baselines.bags import Bags, Matrix, overlap_features, train_classifier, words
from xstilts.reporting.baselines.rankings import ranking_baselines
from xstilts.reporting.baselines.retrieval import retrieval_baselines
from xstilts.scoring import mlqa, squad
from xstilts.scoring.answers import with_no_answer
from xstilts.scoring.spans import span_f1

Rows = Sequence[Mapping[str, Any]]
Evaluation = Mapping[tuple[str, str], Rows]  # (language, split) -> rows
Entry = Mapping[str, Any]  # of a task in the registry
Scores = dict[str, dict[str, float]]  # baseline -> metric -> percent
LARGEST_TRAIN = 4000
RULES = {"mlqa": mlqa, "squad": squad}  # of answers, as the registry names them


def first_by_hash(rows: Rows, limit: int) -> Rows:
    """Return at most ``limit`` rows, the same ones whatever their order."""
    return sorted(rows, key=lambda row: hashlib.sha256(str(row["id"]).encode()).digest())[:limit]


def classification(train: Rows, evaluation: Evaluation, _entry: Entry, _seed: int) -> dict[tuple[str, str], Scores]:
    """``text_blind`` sees the second text alone."""
    labels = sorted({row["label"] for row in train})
    some = first_by_hash(train, LARGEST_TRAIN)
    gold = [labels.index(row["label"]) for row in some]
    guesses: dict[str, Callable[[Rows], list[str]]] = {}
    for name, fields in (("text_blind", ("text_b",)), ("bag_of_words", ("text_a", "text_b"))):
        bags = Bags(some, fields)
        classify = train_classifier(bags.features(some), gold, len(labels))
        guesses[name] = lambda rows, b=bags, c=classify: [labels[k] for k in c(b.features(rows)).argmax(axis=1)]  # type: ignore[misc]
    common = train_classifier(overlap_features(some), gold, len(labels))
    guesses["overlap"] = lambda rows: [labels[k] for k in common(overlap_features(rows)).argmax(axis=1)]
    found = {}
    for place, rows in evaluation.items():
        truth = [row["label"] for row in rows]
        scores = {"majority": 100 * Counter(truth).most_common(1)[0][1] / len(truth), "random": 100 / len(labels)}
        for name, guess in guesses.items():
            scores[name] = 100 * fmean(float(a == b) for a, b in zip(guess(rows), truth, strict=True))
        found[place] = {name: {"accuracy": value} for name, value in scores.items()}
    return found


def multiple_choice(train: Rows, evaluation: Evaluation, _entry: Entry, _seed: int) -> dict[tuple[str, str], Scores]:
    """``text_blind`` sees the choices without the prompt; each choice is weighed alone, and the likeliest taken."""
    some = first_by_hash(train, LARGEST_TRAIN)
    pairs = [pair for row in some for pair in _choices(row)]
    right = [int(number == row["label"]) for row in some for number in range(len(row["choices"]))]
    guesses: dict[str, Callable[[Rows], list[int]]] = {}
    for name, fields in (("text_blind", ("choice",)), ("bag_of_words", ("prompt", "choice"))):
        bags = Bags(pairs, fields)
        weigh = train_classifier(bags.features(pairs), right, 2)
        guesses[name] = partial(_likeliest_choices, bags, weigh)
    found = {}
    for place, rows in evaluation.items():
        truth = [row["label"] for row in rows]
        scores = {
            "majority": 100 * Counter(truth).most_common(1)[0][1] / len(truth),
            "random": 100 * fmean(1 / len(row["choices"]) for row in rows),
        }
        for name, guess in guesses.items():
            scores[name] = 100 * fmean(float(a == b) for a, b in zip(guess(rows), truth, strict=True))
        found[place] = {name: {"accuracy": value} for name, value in scores.items()}
    return found


def _likeliest_choices(bags: Bags, weigh: Callable[[Matrix], Matrix], rows: Rows) -> list[int]:
    weights = [weigh(bags.features(_choices(row))) for row in rows]
    return [int((found[:, 1] - found[:, 0]).argmax()) for found in weights]


def _choices(row: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"prompt": row["prompt"], "choice": choice} for choice in row["choices"]]


def _commonest(counts: Counter[str]) -> str:
    return min(counts, key=lambda tag: (-counts[tag], tag))


def tagging(train: Rows, evaluation: Evaluation, _entry: Entry, seed: int) -> dict[tuple[str, str], Scores]:
    """``text_blind`` knows a word's place in its sentence, ``bag_of_words`` the word without its neighbours."""
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


def span_qa(train: Rows, evaluation: Evaluation, entry: Entry, seed: int) -> dict[tuple[str, str], Scores]:
    """``text_blind`` knows where answers usually stand, ``bag_of_words`` looks for the question's words around them."""
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
        score = with_no_answer(RULES[entry["scoring"][1]].scorer(place[0]))
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


def retrieval(_train: Rows, evaluation: Evaluation, entry: Entry, _seed: int) -> dict[tuple[str, str], Scores]:
    """``text_blind`` goes by the length of sentences; nothing is learned."""
    return retrieval_baselines(evaluation, entry["metrics"][0])


def dual_encoder(_train: Rows, evaluation: Evaluation, entry: Entry, _seed: int) -> dict[tuple[str, str], Scores]:
    """``bag_of_words`` ranks candidates by the words that they share with the query; nothing is learned."""
    return ranking_baselines(evaluation, entry["metrics"], entry["searched"])


BASELINES: dict[str, Callable[[Rows, Evaluation, Entry, int], dict[tuple[str, str], Scores]]] = {
    function.__name__: function
    for function in (classification, multiple_choice, tagging, span_qa, retrieval, dual_encoder)
}


def baseline_scores(
    task: str, entry: Mapping[str, Any], train: Rows, evaluation: Evaluation, seed: int = 1
) -> list[dict[str, Any]]:
    """Return what a task gives without an encoder, a row a language, split, metric and baseline.

    Args:
        task: the task's name.
        entry: its registry entry (``family``, ``metrics``; for answers ``scoring``; for rankings ``searched``).
        train: normalised English training rows (empty for retrieval).
        evaluation: (language, split) to normalised rows; rows without labels are left out.
        seed: of the random guesses.

    Returns:
        Rows with ``task``, ``language``, ``split``, ``metric``, ``baseline``, ``value`` (percent) and ``examples``.
    """
    known = facts(entry["family"])
    assert known.baseline is not None, f"{task}: a family that is evaluated has a baseline"
    labelled: dict[tuple[str, str], Rows] = {
        place: [row for row in rows if known.labelled(row)] for place, rows in evaluation.items()
    }
    kept: dict[tuple[str, str], Rows] = {place: rows for place, rows in labelled.items() if rows}
    sizes = {place: len(rows) for place, rows in kept.items()}
    if known.paired:  # what matches nothing is looked through too, and the queries are English
        kept = {place: evaluation[place] for place in kept}
        sizes = {
            place: sum(bool(row["matches"]) for row in rows if row["side"] == "english") for place, rows in kept.items()
        }
    learned = [row for row in train if known.labelled(row)]
    scores = BASELINES[known.baseline](learned, kept, entry, seed) if kept and (learned or known.paired) else {}
    return [
        {
            **{"task": task, "language": place[0], "split": place[1], "metric": metric, "baseline": name},
            **{"value": values[metric], "examples": sizes[place]},
        }
        for place, found in scores.items()
        for metric in entry["metrics"]
        for name, values in found.items()
    ]
