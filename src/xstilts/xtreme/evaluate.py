"""Scores two folders in the XTREME submission layout: what the official evaluate.py gives, with errors that say where.

Both folders hold `TASK/test-LANGUAGE.tsv` (for question answering `.json`). A language is scored when both folders
have its file; the benchmark's own averages appear only when nothing is missing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xstilts.data.registry import dataset
from xstilts.errors import DataError
from xstilts.scoring.common import Scores, known_labels
from xstilts.scoring.reading import read_indices, read_tags
from xstilts.tasks import PRIVATE_USE, Task, registry, task
from xstilts.tasks.benchmark import BENCHMARKS, XTREME, Benchmark
from xstilts.xtreme.formats import LINES_OF_JSON, file_name, place, score_files

REPORTED = ("accuracy", "exact_match", "f1", "precision", "recall", "ap20", "mrr20")


@dataclass(frozen=True)
class Evaluation:
    """All scores of a pair of folders by task and language, and what a reader should know about them."""

    scores: dict[str, dict[str, Scores]]
    notes: list[str] = field(default_factory=list)
    benchmark: Benchmark = XTREME


def score_folders(predictions: Path, gold: Path, benchmark: Benchmark = XTREME) -> Evaluation:
    """Score every task and language that both folders hold.

    A task's languages are the benchmark's and any private-use code (a generated language). Whatever is not scored is
    named in the notes: tasks, languages and files. Raises DataError when a folder is absent or nothing can be scored,
    and for whatever a file gets wrong.
    """
    for folder in (predictions, gold):
        if not folder.is_dir():
            raise DataError(folder, "no such folder", "a folder with TASK/test-LANGUAGE files")
    result = Evaluation({}, benchmark=benchmark)
    known = {benchmark.folder(name): name for name in benchmark.scored if name in registry()[0]}
    others = sorted(path.name for path in predictions.iterdir() if path.is_dir() and path.name not in known)
    if others:
        result.notes.append(f"not among {benchmark.title}'s {benchmark.count} tasks, so not scored: {' '.join(others)}")
    for called, name in known.items():
        entry = task(name)
        languages = _languages(entry, predictions / called, benchmark)
        absent = [code for code in languages if not place(gold / called, entry, code).is_file()]
        if absent:
            result.notes.append(f"{called}: no gold for {' '.join(absent)}: not scored")
        missing = [code for code in _languages(entry, gold / called, benchmark) if code not in languages]
        if missing:
            of = " ".join(missing) if languages else "any language"
            result.notes.append(f"{called}: no predictions for {of}")
        for code in languages:
            if code in absent:
                continue
            path, truth = place(predictions / called, entry, code), place(gold / called, entry, code)
            scores = score_files(entry, code, path, truth)
            _refuse_dev(entry, code, truth, scores["examples"])
            result.scores.setdefault(name, {})[code] = scores
            result.notes.extend(f"{called} {code}: {note}" for note in _doubts(entry, path, truth))
        result.notes.extend(_answer_notes(called, result.scores.get(name, {})))
    result.notes.extend(_not_read(predictions, others, known, benchmark))
    if not result.scores:
        raise DataError(predictions, "no file that can be scored", f"TASK/test-LANGUAGE files as in {gold}")
    return result


def _refuse_dev(entry: Task, language: str, gold: Path, examples: int) -> None:
    """Refuse a development file that is given as test: one with as many examples as that has, where test has others."""
    data = dataset(entry.dataset)
    dev, test = (data.expected_rows(split, language) for split in ("dev", "test"))
    if dev and test and dev != test and examples == dev:
        raise DataError(
            gold, f"{examples} examples, as the dev file of {entry.dataset} has", f"the {test} of test", dev
        )


def _languages(entry: Task, folder: Path, benchmark: Benchmark) -> list[str]:
    known = [code for code in benchmark.languages_of(entry) if place(folder, entry, code).is_file()]
    codes = sorted({code for path in folder.glob("test-*") if (code := _code(entry, path))})
    return known + [code for code in codes if PRIVATE_USE.fullmatch(code)]


def _code(entry: Task, path: Path) -> str | None:
    """Return the language of a file of a task, None where no name of the layout fits."""
    code = path.stem.removeprefix("test-")
    names = [file_name(entry, code)]
    names += [f"test-{code}{LINES_OF_JSON}"] if entry.scoring[0] == "choices" else []
    return code if path.name in names else None


def _not_read(folder: Path, other_tasks: list[str], known: Mapping[str, str], benchmark: Benchmark) -> list[str]:
    """Name the files of the benchmark's tasks that no name of the layout fits, and the languages that it has not."""
    surplus: list[str] = []
    twice: list[str] = []
    misnamed: list[str] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")):
        called, *names = path.relative_to(folder).parts
        if called in other_tasks:
            continue
        if len(names) == 1 and called in known:
            entry = task(known[called])
            if code := _code(entry, path):
                if code not in _languages(entry, path.parent, benchmark):
                    _refuse_other(called, code, path, benchmark)
                    surplus.append(f"{called} {code}")
                elif path != place(path.parent, entry, code):
                    twice.append(f"{called}/{path.name}")
                continue
        misnamed.append(str(path.relative_to(folder)))
    notes = []
    if surplus:
        notes.append(
            f"languages that the task does not have in {benchmark.title}, not scored: {_listed(surplus, ', ')}"
        )
    if twice:
        notes.append(f"not read, a .tsv of that language is beside it: {_listed(twice, ' ')}")
    if misnamed:
        notes.append(f"not read, the layout is TASK/test-LANGUAGE.tsv (.json for answers): {_listed(misnamed, ' ')}")
    return notes


def _refuse_other(called: str, code: str, path: Path, benchmark: Benchmark) -> None:
    """Refuse a language that a task has in another benchmark alone: the submission is one to that."""
    for other in BENCHMARKS.values():
        names = [name for name in other.tasks if other.folder(name) == called and name in registry()[0]]
        if any(code in other.languages_of(task(name)) for name in names):
            expected = f"languages of {benchmark.title}, or --benchmark {other.name}"
            raise DataError(path, f"{code}, which {called} has in {other.title} alone", expected, 1)


def _listed(names: list[str], between: str, most: int = 12) -> str:
    more = f"{between}and {len(names) - most} more" if len(names) > most else ""
    return between.join(names[:most]) + more


def _doubts(entry: Task, predictions: Path, gold: Path) -> list[str]:
    """Say what makes a pair of files suspicious although every line can be read."""
    if entry.scoring[0] == "tags":
        known = known_labels(entry, set()) or set()
        strange = Counter(tag for sentence in read_tags(gold).sentences for tag in sentence if tag not in known)
        if known and strange:
            tags = _listed([f"{tag} ({count})" for tag, count in strange.most_common()], " ")
            return [f"gold tags outside the tag set: {tags}"]
    if entry.scoring[0] == "tatoeba":
        truth = [int(number) for number in read_indices(gold)]
        found = [int(number) for number in read_indices(predictions)]
        right, shifted = (sum(t == f - by for t, f in zip(truth, found, strict=True)) for by in (0, 1))
        if shifted > max(right, len(truth) // 100):
            return [f"rows counted from 1? {right} are right as they are, {shifted} with 1 taken off (rows begin at 0)"]
    return []


def _answer_notes(name: str, by_language: Mapping[str, Scores]) -> list[str]:
    """Say once a task which languages lack answers, or hold answers that nobody asked for."""
    notes = []
    for key, meaning in (
        ("missing", "questions without an answer: wrong"),
        ("unknown", "answers to no question: ignored"),
    ):
        counts = {code: scores["extra"].get(key, 0) for code, scores in by_language.items()}
        if any(counts.values()):
            of = " ".join(f"{code} {count}" for code, count in counts.items() if count)
            notes.append(f"{name}: {sum(counts.values())} {meaning} ({of})")
    return notes


def is_complete(name: str, languages: Mapping[str, object], benchmark: Benchmark = XTREME) -> bool:
    """Say whether a task is there in exactly the languages of a benchmark, so that its average is the benchmark's."""
    return set(languages) == set(benchmark.languages_of(task(name)))


def report(result: Evaluation) -> dict[str, Any]:
    """Return the averages and scores under the keys of the official evaluator's output.

    For each task every metric by language, `avg_METRIC` and `avg_metric` (QA: the mean of EM and F1); a group when
    all its tasks are complete and `all_task` when all of them are. Otherwise `mean_of_shown`, the mean of the tasks
    that are there, and `shown`, {task: [languages scored, languages of the benchmark]}. A task has the name that a
    submission gives it.
    """
    benchmark = result.benchmark
    tasks: dict[str, dict[str, Any]] = {}
    for name, by_language in result.scores.items():
        entry: dict[str, Any] = {}
        for metric in REPORTED:
            values = {
                code: {**scores["extra"], **scores["metrics"]}[metric]
                for code, scores in by_language.items()
                if metric in scores["metrics"] or metric in scores["extra"]
            }
            if values:
                entry[metric] = values
                entry[f"avg_{metric}"] = sum(values.values()) / len(values)
        main = [entry[f"avg_{metric}"] for metric in task(name).metrics]
        entry["avg_metric"] = sum(main) / len(main)
        tasks[name] = entry
    complete = {name for name, by_language in result.scores.items() if is_complete(name, by_language, benchmark)}

    def mean(names: tuple[str, ...]) -> float:
        return float(sum(tasks[name]["avg_metric"] for name in names) / len(names))

    averages: dict[str, Any] = {
        group: mean(names) for group, names in benchmark.groups.items() if complete.issuperset(names)
    }
    if complete.issuperset(benchmark.tasks):
        averages["all_task"] = mean(benchmark.scored)
    else:
        averages["mean_of_shown"] = mean(tuple(tasks))
        averages["shown"] = {
            benchmark.folder(name): [len(by_language), len(benchmark.languages_of(task(name)))]
            for name, by_language in result.scores.items()
        }
    return averages | {benchmark.folder(name): entry for name, entry in tasks.items()}


def table(content: Mapping[str, Any], benchmark: Benchmark = XTREME) -> str:
    """Return a report as text: a line a task with its averages, the languages below it, the overall mean last."""
    lines: list[str] = []
    for name in benchmark.scored:
        folder = benchmark.folder(name)
        if folder not in content:
            continue
        entry = content[folder]
        metrics = [metric for metric in REPORTED if metric in entry]
        counts = len(entry[metrics[0]]), len(benchmark.languages_of(task(name)))
        whole = is_complete(name, entry[metrics[0]], benchmark)
        of = "all" if whole else f"{counts[0]} ({benchmark.title}: {counts[1]})"
        averages = "  ".join(f"{metric} {entry[f'avg_{metric}']:.4f}" for metric in metrics)
        lines.append(f"{folder:<10} {averages}  [{of} languages]")
        for metric in task(name).metrics:
            values = " ".join(f"{code} {value:.2f}" for code, value in entry[metric].items())
            lines.append(f"    {metric}: {values}")
    for group in benchmark.groups:
        if group in content:
            lines.append(f"{group:<16}{content[group]:.4f}")
    if "all_task" in content:
        lines.append(f"{benchmark.count + '-task average':<18}{content['all_task']:.4f}")
    else:
        counts_text = ", ".join(f"{name} {have}/{whole}" for name, (have, whole) in content["shown"].items())
        lines.append(
            f"mean of the {len(content['shown'])} shown: {content['mean_of_shown']:.4f} (languages: {counts_text})"
        )
    return "\n".join(lines)
