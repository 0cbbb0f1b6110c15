"""One score of the workflow: predictions and gold of one task in one language, with the standard library only."""

from pathlib import Path

from xstilts.artifacts import read_manifest
from xstilts.data.rows.subset import first
from xstilts.families.facts import facts
from xstilts.files import read_json, read_jsonl
from xstilts.scoring.evaluate import score_language
from xstilts.scoring.score_file import write_scores
from xstilts.tasks import task as task_of


def score_job(spec: Path, predictions: Path, data: Path, output: Path) -> None:
    """Score the language of a spec and write the scores file; what cannot be scored gets the reason.

    Args:
        spec: the job's spec (task, language, limit).
        predictions: manifest of the task's predictions in all languages.
        data: manifest of the language's data.
        output: the scores file.
    """
    settings = read_json(spec)["settings"]
    task, language = settings["task"], settings["language"]
    predicted, gold = read_manifest(predictions), read_manifest(data)
    reason = predicted.reason or gold.reason
    if reason:
        write_scores(output, {"task": task, "language": language, "splits": {}, "reason": reason})
        return
    suffix = facts(task_of(task).family).suffix
    splits = gold.results["evaluate"]
    names = {split: f"{split}-{language}.{suffix}" for split in splits}
    predicted.check(list(names.values()))
    gold.check([f"{split}.jsonl" for split in splits])
    rows = {split: list(first(read_jsonl(gold.folder / f"{split}.jsonl"), settings["limit"])) for split in splits}
    paths = {split: predicted.folder / name for split, name in names.items()}
    made = {"retrieval": settings["retrieval"]} if "retrieval" in settings else {}  # how its vectors were made
    write_scores(output, score_language(task, language, paths, rows) | made)
