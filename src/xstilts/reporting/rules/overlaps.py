"""The zero-shot check of a run: what is trained on is English, and how much of it is evaluated."""

from xstilts.data.purity import check_english, overlaps
from xstilts.files import write_text
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import csv_text
from xstilts.tasks import registry


def overlap_counts(run: RunFolder) -> None:
    """Write ``overlaps.csv``: how many evaluated texts occur in English training data or choose a checkpoint."""
    evaluated = {task: run.evaluated(task) for task in run.settings["languages"]}
    rows = []
    for name in run.settings["training"]:
        parts = registry()[1][name].parts
        used = {"train": [row for part in parts for row in run.rows(part, "en", "train")]}
        check_english(used["train"], name)
        chosen = [row for part in parts for row in run.rows(part, "en", "dev")[: run.settings["selection"]["examples"]]]
        used["selection"] = chosen if run.settings["selection"]["recipe"] == "paper" else []
        for use, training in used.items():
            for task, by_place in evaluated.items():
                for (language, split), scored in by_place.items():
                    if not training or not scored:
                        continue
                    for field, shared in overlaps(training, scored).items():
                        if shared:
                            texts = len(scored) if field == "rows" else len({str(row.get(field)) for row in scored})
                            rows.append((name, use, task, language, split, field, shared, texts))
    columns = ("training", "used", "task", "language", "split", "field", "shared", "texts")
    write_text(run.tables / "overlaps.csv", csv_text([dict(zip(columns, row, strict=True)) for row in rows], columns))
