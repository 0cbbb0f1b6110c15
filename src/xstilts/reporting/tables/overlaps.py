"""The zero-shot check of a run: what is trained on is English, and how much of it is evaluated."""

from pathlib import Path
from typing import Any

from xstilts.data.registry import dataset
from xstilts.data.rows.purity import all_hashes, check_english, hashed, overlaps
from xstilts.data.rows.selection import choosing
from xstilts.data.rows.text_sample import evaluated_sentences, sentences
from xstilts.errors import UserError
from xstilts.families.facts import facts
from xstilts.files import write_text
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import csv_text


def overlap_counts(run: RunFolder) -> None:
    """Write ``overlaps.csv``: how many evaluated texts occur in English training data or choose a checkpoint."""
    evaluated = {task: run.evaluated(task) for task in run.settings["languages"]}
    marks = {(t, place): hashed(rows) for t, by_place in evaluated.items() for place, rows in by_place.items()}
    rows = []
    check_text(run, evaluated)
    for name, paths in run.settings["training"].items():
        used = {"train": [row for path in paths for row in run.rows(path, "train")]}
        check_english(used["train"], name, allowed={Path(path).parent.name for path in paths})
        on = run.settings["chosen_on"].get(name, paths)
        dev = [(_labelled(run, path), path) for path in on]  # all, of which a training takes the first
        chosen, _ = choosing(dev, run.settings["selection"]["examples"])
        used["selection"] = chosen if run.settings["selection"]["recipe"] == "paper" else []
        for use, training in used.items():
            seen = all_hashes(training)
            for task, by_place in evaluated.items():
                for (language, split), scored in by_place.items():
                    if not training or not scored:
                        continue
                    for field, shared in overlaps(seen, marks[task, (language, split)]).items():
                        if shared:
                            texts = len(scored) if field == "rows" else len({str(row.get(field)) for row in scored})
                            rows.append((name, use, task, language, split, field, shared, texts))
    columns = ("training", "used", "task", "language", "split", "field", "shared", "texts")
    write_text(run.tables / "overlaps.csv", csv_text([dict(zip(columns, row, strict=True)) for row in rows], columns))


def _labelled(run: RunFolder, path: str) -> list[Any]:
    """Return the dev rows of a prepared data set, ``.../DATASET/LANGUAGE/manifest.json``, that may choose."""
    labelled = facts(dataset(Path(path).parts[-3]).family).labelled
    return [row for row in run.rows(path, "dev", None) if labelled(row)]


def check_text(run: RunFolder, evaluated: dict[str, dict[tuple[str, str], list[dict[str, Any]]]]) -> None:
    """Check that the raw text beside the sources holds no sentence of what is evaluated; UserError names one."""
    if run.settings["text"] is None:
        return
    held_out = evaluated_sentences(row for by_place in evaluated.values() for rows in by_place.values() for row in rows)
    for row in run.rows(run.settings["text"], "train"):
        if sentences(row["text"]) & held_out:
            raise UserError(
                f"{run.settings['text']}: the {row['language']} line {row['text'][:60]!r} is evaluated; expected raw "
                "text without a sentence of it"
            )
