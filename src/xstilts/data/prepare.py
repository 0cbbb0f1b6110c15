"""From upstream files to the normalised rows of one data set in one language."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from xstilts.data.readers import Row, Source, reader
from xstilts.data.registry import SPLITS, DataSet, dataset, locate, paths
from xstilts.errors import DataError
from xstilts.files import replacing, sha256

# What makes a row one that can be scored or trained on, by family.
LABELLED: dict[str, Callable[[Row], bool]] = {
    "classification": lambda row: row["label"] is not None,
    "multiple_choice": lambda row: row["label"] is not None,
    "tagging": lambda row: row["tags"] is not None,
    "span_qa": lambda row: bool(row["answers"]) or row["impossible"],
    "retrieval": lambda row: row["side"] == "foreign" and bool(row["matches"]),
    "mlm": lambda row: True,
}


def prepare(dataset_name: str, language: str, origin: Path, output: Path) -> dict[str, Any]:
    """Write ``output``/SPLIT.jsonl for every split of a data set that ``origin`` holds in a language.

    English gets all splits; another language gets no training split (raw text and translations of an intermediate task
    apart), unless its evaluation splits have no labels and the registry names a fallback to evaluate on. Either all
    splits are written or none.

    Args:
        dataset_name: a name of the registry.
        language: a code that the data set has.
        origin: a folder in the layout of the upstream downloads.
        output: the folder to write to; files of splits that are not there are removed from it.

    Returns:
        rows: {split: number of rows}; labelled: {split: number of rows with labels, for retrieval of gold pairs};
        evaluate: the splits that can be scored; files: {path below origin: SHA-256}; reason: None, or why it can
        be neither trained on nor scored.

    Raises:
        ConfigError: an unknown data set or language. DataError: a file that does not hold what its format promises.
    """
    data = dataset(dataset_name, language)
    if not origin.is_dir():
        raise DataError(origin, "no such folder", "a folder in the layout of the upstream downloads")
    files = {split: locate(data, language, split, origin) for split in SPLITS}
    files = {split: names for split, names in files.items() if names}
    if not files:
        _remove_others(output, {})
        return {"rows": {}, "labelled": {}, "evaluate": [], "files": {}, "reason": _absent(data, language)}
    for split in data.required if language == "en" else ():
        if split not in files:
            missing = paths(data, language, split)[0][0]
            raise DataError(origin / missing, "no such file", f"the {split} split of {data.name}")

    rows: dict[str, int] = {}
    labelled: dict[str, int] = {}
    read: set[str] = set()
    with ExitStack() as stack:
        for split in sorted(files, key=lambda name: name == "train"):  # the others decide on a fallback
            if split == "train" and not _wants_train(data, language, labelled):
                continue
            beside = stack.enter_context(replacing(output / f"{split}.jsonl"))
            source = Source(data, language, split, tuple(origin / name for name in files[split]))
            rows[split], labelled[split] = _write(beside, _grouped(source, origin, read), LABELLED[data.family])
            read.update(files[split])
            if rows[split] == 0:
                raise DataError(source.files[0], "no rows", f"the {split} split of {data.name} in {language}")
            if split == "train" and data.family != "retrieval" and labelled[split] < rows[split]:
                found = f"{rows[split] - labelled[split]} training rows without labels"
                raise DataError(source.files[0], found, "a label in each")
    _remove_others(output, rows)
    ordered = [split for split in SPLITS if split in rows]
    evaluate = [split for split in ordered if split != "train" and labelled[split]]
    if not evaluate and language != "en" and labelled.get("train") and data.fallback == "train":
        evaluate = ["train"]
    reason = None
    if not evaluate and "train" not in rows and data.family != "mlm":  # without dev or test it still trains
        stripped = ", ".join(name for split in ordered if split != "train" for name in files[split])
        reason = f"no labels in {stripped}" if stripped else "no dev or test file"
    return {
        "rows": {split: rows[split] for split in ordered},
        "labelled": {split: labelled[split] for split in ordered},
        "evaluate": evaluate,
        "files": {name: sha256(origin / name) for name in sorted(read)},
        "reason": reason,
    }


def check_upstream(dataset_name: str, language: str, prepared: dict[str, Any]) -> None:
    """Check the sizes that ``prepare`` found against the upstream ones; for an origin that claims to be upstream.

    Raises:
        DataError: a split of another size than the registry states (retrieval is counted in gold pairs).
    """
    data = dataset(dataset_name, language)
    counted = prepared["labelled" if data.family == "retrieval" else "rows"]
    for split, count in counted.items():
        expected = data.expected_rows(split, language)
        if expected is not None and count != expected:
            place = f"{dataset_name} {split} in {language}"
            raise DataError(place, f"{count} rows", f"{expected}, the size of the upstream split")


def _absent(data: DataSet, language: str) -> str:
    order = [split for split in SPLITS if split in data.splits]
    if language != "en" and data.family != "mlm":
        order.sort(key=lambda split: split == "train")
    wanted = [files[0] for split in order for files in paths(data, language, split)]
    where = f"{wanted[0]} is not there" if wanted else "no file is known"
    return f"{data.absent} ({where})" if data.absent else where


def _wants_train(data: DataSet, language: str, labelled: dict[str, int]) -> bool:
    if language == "en" or data.family == "mlm" or data.is_translation:
        return True
    return data.fallback == "train" and not any(labelled.values())


def _grouped(source: Source, origin: Path, read: set[str]) -> Iterator[Row]:
    """Yield the rows; translations of English items take the English items' groups, by id.

    The English file it took them from is added to ``read``. Rows numbered by position must be as many as in English.
    """
    read_rows = reader(source.data)
    rows = read_rows(source)
    english = (
        locate(source.data, "en", source.split, origin) if source.data.parallel and source.language != "en" else ()
    )
    if not english:
        yield from rows
        return
    read.update(english)
    reference = Source(source.data, "en", source.split, tuple(origin / name for name in english))
    groups = {row["id"]: row["group"] for row in read_rows(reference)}
    count = 0
    for row in rows:
        count += 1
        yield {**row, "group": groups.get(row["id"], row["group"])}
    if source.data.reader == "pairs" and count != len(groups):
        raise DataError(source.files[0], f"{count} rows", f"{len(groups)}, as in {reference.files[0].name}")


def _write(path: Path, rows: Iterator[Row], is_labelled: Callable[[Row], bool]) -> tuple[int, int]:
    count = labelled = 0
    with open(path, "w", encoding="utf-8", newline="\n") as handle:
        for row in rows:
            handle.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
            labelled += is_labelled(row)
    return count, labelled


def _remove_others(output: Path, kept: dict[str, int]) -> None:
    for split in SPLITS:
        if split not in kept:
            (output / f"{split}.jsonl").unlink(missing_ok=True)
