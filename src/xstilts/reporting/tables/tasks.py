"""What is trained and evaluated on, counted from the data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xstilts.families.facts import facts
from xstilts.reporting.render import in_short, write_table
from xstilts.reporting.run import RunFolder, read_counts
from xstilts.tasks import registry

TASK_COLUMNS = (
    *("phase", "task", "family", "data", "train", "dev", "dev_min", "dev_max", "test_min", "test_max"),
    *("languages", "metric", "note"),
)
Entries = Mapping[str, Mapping[str, Any]]


def table_tasks(run: RunFolder) -> None:
    """Write ``tasks.*`` and ``sizes.*``: what was trained and evaluated on, counted from the data."""
    counts = read_counts(run.settings["manifests"])
    training = {name: asdict(entry) for name, entry in registry()[1].items()}
    sources = [name for name in run.settings["sources"] if name in training]
    notes = [f"Evaluation reads the first {run.settings['limit']} examples a language and split."]
    tasks_table(counts, run.tasks, training, sources, run.tables, "tasks", notes if run.settings["limit"] else ())
    sizes_table(counts, run.tables, "sizes")


def _sizes(counts: Sequence[Mapping[str, Any]], dataset: str, split: str) -> dict[str, int]:
    """Return language to number of labelled rows where labels are counted, else of rows (of retrieval: gold pairs)."""
    return {
        one["language"]: one["labelled"].get(split, one["rows"][split])
        for one in counts
        if one["dataset"] == dataset and split in one["rows"]
    }


def _english(counts: Sequence[Mapping[str, Any]], parts: Sequence[str], split: str) -> int | None:
    sizes = [_sizes(counts, part, split).get("en") for part in parts]
    return sum(size for size in sizes if size is not None) if any(size is not None for size in sizes) else None


def _links(training: Entries, target: str) -> list[str]:
    """Return the training sets of a target, of a chain all; none where nothing is trained."""
    return list(training[target].get("chain") or (target,)) if target in training else []


def _reasons(counts: Sequence[Mapping[str, Any]], parts: Sequence[str]) -> str:
    reasons = [one["reason"] for one in counts if one["dataset"] in parts and one["reason"]]
    return in_short("; ".join(reasons), "sizes.csv") if reasons else ""


def tasks_table(
    counts: Sequence[Mapping[str, Any]],
    tasks: Entries,
    training: Entries,
    sources: Sequence[str],
    folder: Path | str,
    stem: str,
    notes: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Write and return the sizes of all tasks as counted in the data (the paper's table 1).

    Args:
        counts: rows of ``read_counts``.
        tasks: the registry's evaluated tasks.
        training: the registry's training sets (``family``, ``parts``, ``chain``).
        sources: the intermediate training sets of the run; other names among the sources are left to ``notes``.
        folder: where ``STEM.{csv,md}`` go.
        stem: name of the files.
        notes: sentences below, such as the limit of evaluation.
    """
    rows: list[dict[str, Any]] = []
    for name in (name for name in sources if name in training):
        parts = training[name]["parts"]
        row = {"phase": "intermediate", "task": name, "family": training[name]["family"], "languages": 1}
        row |= {"data": ", ".join(parts), "train": _english(counts, parts, "train")}
        row |= {"dev": _english(counts, parts, "dev"), "note": _reasons(counts, parts)}
        rows.append(row)
    for name, entry in tasks.items():
        links = _links(training, entry["target"])
        parts = [part for link in links for part in training[link]["parts"]]
        test, dev = _sizes(counts, entry["dataset"], "test"), _sizes(counts, entry["dataset"], "dev")
        spoken = {one["language"] for one in counts if one["dataset"] == entry["dataset"] and one["rows"]}
        row = {"phase": "target", "task": name, "family": entry["family"], "data": entry["dataset"]}
        row |= {"train": _english(counts, parts, "train"), "dev": _english(counts, [entry["dataset"]], "dev")}
        row |= {"dev_min": min(dev.values(), default=None), "dev_max": max(dev.values(), default=None)}
        row |= {"test_min": min(test.values(), default=None), "test_max": max(test.values(), default=None)}
        row |= {"languages": len(spoken - {"en"} if facts(entry["family"]).paired else spoken)}
        row |= {"metric": " and ".join(entry["metrics"]), "note": _reasons(counts, [entry["dataset"]])}
        if len(links) > 1:
            row["note"] = "; ".join([f"train: {', then '.join(links)}", *filter(None, [row["note"]])])
        rows.append(row)
    said = [
        "train: English rows of the training set (of a chain, of all its sets); dev: English rows; dev_min to "
        "test_max: the smallest and the largest number of labelled rows a language (retrieval: gold pairs). "
        "All counted in the data as read.",
        *(
            f"{one['dataset']}: no training file; train and dev are cut from {one['cut']}."
            for one in counts
            if one["cut"]
        ),
        *_partly_labelled(counts, tasks),
        *_left_out(counts, tasks),
        *notes,
    ]
    write_table(folder, stem, TASK_COLUMNS, rows, "Tasks", said)
    return rows


def _partly_labelled(counts: Sequence[Mapping[str, Any]], tasks: Entries) -> list[str]:
    """Name the evaluation files of which some rows have no label, and so no part in a score."""
    evaluated = {entry["dataset"] for entry in tasks.values() if not facts(entry["family"]).paired}
    return [
        f"{one['dataset']}: {one['labelled'][split]:,} of {rows:,} {split} rows in {one['language']} have a label; the "
        "others are predicted and count in no score."
        for one in counts
        if one["dataset"] in evaluated
        for split, rows in one["rows"].items()
        if 0 < one["labelled"].get(split, rows) < rows
    ]


def _left_out(counts: Sequence[Mapping[str, Any]], tasks: Entries) -> list[str]:
    """Name the evaluated questions that have no part in a score, for which the official evaluator wants an answer."""
    evaluated = {entry["dataset"] for entry in tasks.values()}
    found: dict[tuple[str, str], list[str]] = {}
    for one in counts:
        for split, names in one["left_out"].items() if one["dataset"] in evaluated else ():
            if split != "train":
                found.setdefault((one["dataset"], split), []).append(f"{len(names)} in {one['language']}")
    return [
        f"{name}: {split} questions on passages with an answer that does not stand at its offset are left out "
        f"({', '.join(numbers)}); the official evaluator counts them."
        for (name, split), numbers in found.items()
    ]


def sizes_table(counts: Sequence[Mapping[str, Any]], folder: Path | str, stem: str) -> None:
    """Write every data set, language and split with its rows and labelled rows."""
    rows = [
        {
            "dataset": one["dataset"],
            "language": one["language"],
            "split": split,
            "rows": number,
            "labelled": one["labelled"].get(split),
            "reason": "",
        }
        for one in counts
        for split, number in one["rows"].items()
    ]
    rows += [
        {"dataset": one["dataset"], "language": one["language"], "reason": one["reason"] or "no rows"}
        for one in counts
        if not one["rows"]
    ]
    columns = ("dataset", "language", "split", "rows", "labelled", "reason")
    write_table(folder, stem, columns, rows, "Rows of every data set, language and split")
