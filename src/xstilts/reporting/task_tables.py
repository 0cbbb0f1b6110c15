"""The tables beside the main one: sizes, settings, the sources' own scores, baselines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.reporting.render import write_table
from xstilts.scoring.seeds import Statistic, summarise
from xstilts.tasks.sources import WITH_TEXT

TASK_COLUMNS = (
    *("phase", "task", "family", "data", "train", "dev", "dev_min", "dev_max", "test_min", "test_max"),
    *("languages", "metric", "note"),
)
Entries = Mapping[str, Mapping[str, Any]]


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


def _reasons(counts: Sequence[Mapping[str, Any]], parts: Sequence[str]) -> str:
    reasons = [one["reason"] for one in counts if one["dataset"] in parts and one["reason"]]
    return "; ".join(dict.fromkeys(reasons))


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
        training: the registry's training sets (``family``, ``parts``).
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
        parts = training[entry["target"]]["parts"] if entry["target"] in training else []
        test, dev = _sizes(counts, entry["dataset"], "test"), _sizes(counts, entry["dataset"], "dev")
        spoken = {one["language"] for one in counts if one["dataset"] == entry["dataset"] and one["rows"]}
        row = {"phase": "target", "task": name, "family": entry["family"], "data": entry["dataset"]}
        row |= {"train": _english(counts, parts, "train"), "dev": _english(counts, [entry["dataset"]], "dev")}
        row |= {"dev_min": min(dev.values(), default=None), "dev_max": max(dev.values(), default=None)}
        row |= {"test_min": min(test.values(), default=None), "test_max": max(test.values(), default=None)}
        row |= {"languages": len(spoken - {"en"} if entry["family"] == "retrieval" else spoken)}
        row |= {"metric": " and ".join(entry["metrics"]), "note": _reasons(counts, [entry["dataset"]])}
        rows.append(row)
    said = [
        "train: English rows of the training set; dev: English rows; dev_min to test_max: the smallest and "
        "the largest number of labelled rows a language (retrieval: gold pairs). All counted in the data as read.",
        *notes,
    ]
    write_table(folder, stem, TASK_COLUMNS, rows, "Tasks", said)
    return rows


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


def hyperparameters_table(
    recipe: str, config: Mapping[str, Any], used: Mapping[str, Sequence[str]], folder: Path | str, stem: str
) -> list[dict[str, Any]]:
    """Write and return the settings of each training set, and below the table those of the whole run.

    Args:
        recipe: its name.
        config: the resolved configuration.
        used: phase (``intermediate``, ``target``) to the training sets of the run.
        folder: where ``STEM.{csv,md}`` go.
        stem: name of the files.
    """
    rows = []
    for phase, names in used.items():
        for name in names:
            settings = config[phase]["mlm"] if name == WITH_TEXT else config[phase]["sets"].get(name)
            if settings is None:
                continue
            rate = settings.get("learning_rate") or config[phase]["learning_rate"]
            shared = {key: config["optimisation"][key] for key in ("warmup", "weight_decay")}
            own = {key: settings[key] for key in shared if settings.get(key) is not None}
            rows.append(
                {
                    "recipe": recipe,
                    "phase": phase,
                    "set": name,
                    "learning_rate": f"{float(rate):g}",
                    "batch": settings.get("batch_size") or settings["batch_tokens"],
                    "unit": "examples" if settings.get("batch_size") else "tokens",
                    "epochs": f"{float(settings['epochs']):g}" if "epochs" in settings else None,
                    "limit": settings.get("limit") or settings.get("sentences"),
                    **{key: f"{value:g}" for key, value in (shared | own).items()},
                }
            )
    notes = []
    for section in ("optimisation", "lengths", "selection", "evaluation"):
        values = ", ".join(f"{key} {'none' if value is None else value}" for key, value in config[section].items())
        notes.append(f"{section}: {values}.")
    columns = ("recipe", "phase", "set", "learning_rate", "batch", "unit", "epochs", "limit", "warmup", "weight_decay")
    write_table(folder, stem, columns, rows, "Settings of the trainings", notes)
    return rows


def intermediate_table(
    trainings: Sequence[Mapping[str, Any]], statistic: Statistic, folder: Path | str, stem: str
) -> list[dict[str, Any]]:
    """Write and return the intermediate tasks' own English dev scores, a row a source and training set.

    Args:
        trainings: rows of ``read_trainings``; those of the target phase are left out.
        statistic: how seeds become one number.
        folder: where ``STEM.{csv,md}`` go.
        stem: name of the files.
    """
    first_phase = [one for one in trainings if one["target"] == "none"]
    rows: list[dict[str, Any]] = []
    for model, source in dict.fromkeys((one["model"], one["source"]) for one in first_phase):
        ours = [one for one in first_phase if (one["model"], one["source"]) == (model, source)]
        done = [one for one in ours if one["results"].get("dev")]
        for name in dict.fromkeys(name for one in done for name in one["results"]["dev"]):
            found = [one["results"]["dev"][name] for one in done if name in one["results"]["dev"]]
            rows.append(
                {
                    "model": model,
                    "source": source,
                    "set": name,
                    "metric": found[0]["metric"],
                    "dev": float(summarise([one["score"] for one in found], statistic)),
                    "examples": found[0]["examples"],
                    "seeds": len(found),
                    "collapsed": sum(bool(one.get("collapsed")) for one in found),
                    "train_examples": done[0]["results"].get("train_examples", {}).get(name),
                    "steps": done[0]["results"].get("steps"),
                }
            )
        reasons = dict.fromkeys(one["reason"] for one in ours if one["reason"])
        left_out = {name: why for one in done for name, why in one["results"].get("left_out", {}).items()}
        missing = [{"set": name, "reason": f"left out: {why}"} for name, why in left_out.items()]
        missing += [{"reason": why} for why in reasons]
        rows += [{"model": model, "source": source, **one} for one in missing]
    columns = (
        *("model", "source", "set", "metric", "dev", "examples", "seeds", "collapsed"),
        *("train_examples", "steps", "reason"),
    )
    notes = [f"English dev, {statistic} over seeds; collapsed: seeds that predict one class."]
    write_table(folder, stem, columns, rows, "The intermediate tasks' own scores", notes)
    return rows


def baselines_table(baselines: Sequence[Mapping[str, Any]], folder: Path | str, stem: str) -> None:
    """Write what needs no encoder (majority, random, text-blind, bag of words) by task, language, split and metric.

    Args:
        baselines: rows with ``task``, ``language``, ``split``, ``metric``, ``baseline`` and ``value``.
        folder: where ``STEM.{csv,md}`` go.
        stem: name of the files.
    """
    names = list(dict.fromkeys(row["baseline"] for row in baselines))
    cells: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in baselines:
        key = tuple(row[column] for column in ("task", "language", "split", "metric"))
        cells.setdefault(key, dict(zip(("task", "language", "split", "metric"), key, strict=True)))
        cells[key][row["baseline"]] = row["value"]
    write_table(
        folder, stem, ("task", "language", "split", "metric", *names), list(cells.values()), "Without an encoder"
    )
