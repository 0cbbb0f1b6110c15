"""Scoring: examples a second against the official algorithms, which must give the same number.

`official` for spans is seqeval 0.0.12, the release that the published numbers come from; for answers and mined pairs
it is the benchmark's algorithm, stated plainly here: normalise both texts for each accepted answer and each measure;
count pairs anew from the sorted candidates.
"""

import math
import random
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.figure import Setting, main
from benchmarks.material import rows_of, write_rows
from benchmarks.timing import Contest, Prepare, contest
from xstilts.files import read_jsonl

EXAMPLES = {"udpos": 4000, "squad": 10000, "mlqa": 5000, "bucc2018": 40000}


def measure(setting: Setting) -> dict[str, Any]:
    """Measure each kind of score, then spans at growing work."""
    rows = [contest(setting.on, _contest(setting, name, 1)) for name in EXAMPLES]
    growth = [
        {"times": times, **contest(setting.on, _contest(setting, "udpos", times / 4))} for times in setting.growth
    ]
    return {"rows": rows, "growth": growth}


def _contest(setting: Setting, name: str, times: float) -> Contest:
    wanted = 30 if setting.smallest else round(EXAMPLES[name] * times)
    settings: dict[str, Any] = {"name": name, "wanted": wanted}
    if name != "bucc2018":
        settings["rows"] = write_rows(setting, f"{name}-{wanted}", _gold(setting, name, wanted))
    sides = {"ours": f"benchmarks.scoring:{name}", "official": f"benchmarks.scoring:{name}_official"}
    return Contest(name, "examples", sides, settings)


def _gold(setting: Setting, name: str, wanted: int) -> list[dict[str, Any]]:
    if name == "udpos":
        return rows_of(setting, "udpos", "en", "dev", wanted)
    rows = rows_of(setting, "squad", "en", "dev", wanted)
    return [{"id": f"{place}", "answers": [a["text"] for a in row["answers"]]} for place, row in enumerate(rows)]


# ---- tags


def _tags(settings: dict[str, Any]) -> tuple[list[list[str]], list[list[str]]]:
    gold = [row["tags"] for row in read_jsonl(settings["rows"])]
    known = sorted({tag for tags in gold for tag in tags})
    wrong = random.Random(0)
    return [[wrong.choice(known) if wrong.random() < 0.1 else tag for tag in tags] for tags in gold], gold


def udpos(settings: dict[str, Any]) -> Prepare:
    """Span F1 by this project's code."""
    from xstilts.scoring.spans import span_f1

    predicted, gold = _tags(settings)
    return _scorer(lambda: span_f1(predicted, gold), len(gold))


def udpos_official(settings: dict[str, Any]) -> Prepare:
    """Span F1 by seqeval."""
    from seqeval.metrics import f1_score

    from xstilts.scoring.spans import span_f1

    predicted, gold = _tags(settings)
    _same(100 * f1_score(gold, predicted), span_f1(predicted, gold))
    return _scorer(lambda: 100 * f1_score(gold, predicted), len(gold))


# ---- answers


def _answers(settings: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    gold = [row["answers"] for row in read_jsonl(settings["rows"])]
    wrong = random.Random(0)
    guesses = [answers[0] if wrong.random() < 0.7 else f"the {answers[0]} {wrong.random():.2f}" for answers in gold]
    return guesses, gold


def _ours(score: Callable[[str, Sequence[str]], tuple[float, float]], settings: dict[str, Any]) -> Any:
    guesses, gold = _answers(settings)

    def both() -> float:
        values = [score(guess, answers) for guess, answers in zip(guesses, gold, strict=True)]
        return 50 * math.fsum(exact + f1 for exact, f1 in values) / len(values)

    return both, len(gold)


def squad(settings: dict[str, Any]) -> Prepare:
    """Exact match and F1 of SQuAD by this project's code."""
    from xstilts.scoring.squad import question_scores

    return _scorer(*_ours(question_scores, settings))


def mlqa(settings: dict[str, Any]) -> Prepare:
    """Exact match and F1 of MLQA (English) by this project's code."""
    from xstilts.scoring.mlqa import scorer

    return _scorer(*_ours(scorer("en"), settings))


def _plain(text: str, punctuation: set[str]) -> str:
    kept = "".join(character for character in text.lower() if character not in punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def _official(normal: Callable[[str], str], settings: dict[str, Any]) -> Any:
    guesses, gold = _answers(settings)

    def exact(guess: str, answer: str) -> float:
        return float(normal(guess) == normal(answer))

    def f1(guess: str, answer: str) -> float:
        one, other = normal(guess).split(), normal(answer).split()
        same = sum((Counter(one) & Counter(other)).values())
        if not same:
            return 0.0
        precision, recall = same / len(one), same / len(other)
        return 2 * precision * recall / (precision + recall)

    def both() -> float:
        total = 0.0
        for guess, answers in zip(guesses, gold, strict=True):
            total += max(exact(guess, answer) for answer in answers)
            total += max(f1(guess, answer) for answer in answers)
        return 50 * total / len(guesses)

    return both, len(gold)


def squad_official(settings: dict[str, Any]) -> Prepare:
    """Exact match and F1 of SQuAD, answer by answer."""
    from xstilts.scoring.squad import question_scores

    ascii_marks = set(string.punctuation)
    work, count = _official(lambda text: _plain(text, ascii_marks), settings)
    _same(work(), _ours(question_scores, settings)[0]())
    return _scorer(work, count)


def mlqa_official(settings: dict[str, Any]) -> Prepare:
    """Exact match and F1 of MLQA (English), answer by answer, with the marks of all scripts."""
    import sys

    from xstilts.scoring.mlqa import scorer

    marks = {chr(code) for code in range(sys.maxunicode) if unicodedata.category(chr(code)).startswith("P")}
    marks |= set(string.punctuation)
    work, count = _official(lambda text: _plain(text, marks), settings)
    _same(work(), _ours(scorer("en"), settings)[0]())
    return _scorer(work, count)


# ---- mined pairs


def _candidates(settings: dict[str, Any]) -> tuple[list[tuple[str, str, float]], set[tuple[str, str]]]:
    draw = random.Random(0)
    count = settings["wanted"]
    found = [(f"f{place}", f"e{place}", draw.gauss(1.2 if place % 3 == 0 else 1.0, 0.1)) for place in range(count)]
    gold = {(foreign, english) for foreign, english, _ in found[::3]}
    return sorted(found, key=lambda pair: -pair[2]), gold


def bucc2018(settings: dict[str, Any]) -> Prepare:
    """The threshold of mined pairs and what it extracts, by this project's code."""
    from xstilts.scoring.threshold import extract, tune_threshold

    candidates, gold = _candidates(settings)
    return _scorer(lambda: float(len(extract(candidates, tune_threshold(candidates, gold)))), len(candidates))


def bucc2018_official(settings: dict[str, Any]) -> Prepare:
    """The threshold by going down the sorted candidates with precision, recall and F1 at each."""
    candidates, gold = _candidates(settings)

    def work() -> float:
        ordered = sorted(candidates, key=lambda pair: -pair[2])
        right, best, threshold = 0, 0.0, 0.0
        for number, (foreign, english, score) in enumerate(ordered):
            right += (foreign, english) in gold
            precision, recall = right / (number + 1), right / len(gold)
            f1 = 2 * precision * recall / (precision + recall) if right else 0.0
            if f1 > best and number + 1 < len(ordered):
                best, threshold = f1, (score + ordered[number + 1][2]) / 2
        return float(len({(foreign, english) for foreign, english, score in ordered if score >= threshold}))

    _same(work(), float(bucc2018(settings)()()["score"]))
    return _scorer(work, len(candidates))


def _scorer(score: Callable[[], float], examples: int) -> Prepare:
    return lambda: lambda: {"score": score(), "examples": float(examples)}


def _same(theirs: float, own: float) -> None:
    if not math.isclose(theirs, own, rel_tol=1e-9):
        raise ValueError(f"the official algorithm gives {theirs!r}, ours {own!r}")


if __name__ == "__main__":
    main("scoring", measure)
