"""From upstream files to the normalised rows of one data set in one language."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from xstilts.data.readers import Row, Source, misplaced, reader
from xstilts.data.registry import SPLITS, DataSet, dataset, locate, paths
from xstilts.errors import DataError
from xstilts.families.facts import facts
from xstilts.files import replacing, sha256
from xstilts.tasks import PRIVATE_USE


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
        left_out: {split: ids of the questions with misplaced answers, or on passages with some};
        cut: only where train was cut from a split: its name;
        evaluate: the splits that can be scored; files: {path below origin: SHA-256}; reason: None, or why it can
        be neither trained on nor scored.

    Raises:
        ConfigError: an unknown data set or language. DataError: a file that does not hold what its format promises.
    """
    data = dataset(dataset_name, language)
    family = facts(data.family)
    if not origin.is_dir():
        raise DataError(origin, "no such folder", "a folder in the layout of the upstream downloads")
    files = {split: locate(data, language, split, origin) for split in SPLITS}
    files = {split: names for split, names in files.items() if names}
    if not files:
        _remove_others(output, {})
        absent = _absent(data, language)
        return {"rows": {}, "labelled": {}, "left_out": {}, "evaluate": [], "files": {}, "reason": absent}
    for split in data.required if language == "en" else ():
        if split not in files:
            missing = paths(data, language, split)[0][0]
            raise DataError(origin / missing, "no such file", f"the {split} split of {data.name}")
    if data.distinct:
        _check_distinct(files, origin)
    cut = data.cut if data.cut and files.get("train") == files.get(data.cut) else None

    rows: dict[str, int] = {}
    labelled: dict[str, int] = {}
    left_out: dict[str, list[str]] = {}
    read: set[str] = set()
    with ExitStack() as stack:
        for split in sorted(files, key=lambda name: name == "train"):  # the others decide on a fallback
            if split == "train" and not _wants_train(data, language, labelled):
                continue
            beside = stack.enter_context(replacing(output / f"{split}.jsonl"))
            source = Source(data, language, split, tuple(origin / name for name in files[split]))
            lost: set[str] = set()
            placed = _placed(_grouped(source, origin, read), source, origin, lost)
            if cut and split in ("train", cut):
                placed = _part(placed, split)
            rows[split], labelled[split] = _write(beside, placed, family.labelled)
            if lost:
                left_out[split] = sorted(lost)
            read.update(files[split])
            if rows[split] == 0:
                raise DataError(source.files[0], "no rows", f"the {split} split of {data.name} in {language}")
            if split == "train" and not family.paired and labelled[split] < rows[split]:
                found = f"{rows[split] - labelled[split]} training rows without labels"
                raise DataError(source.files[0], found, "a label in each")
    _remove_others(output, rows)
    ordered = [split for split in SPLITS if split in rows]
    evaluate = [split for split in ordered if split != "train" and labelled[split]]
    if not evaluate and language != "en" and labelled.get("train") and data.fallback == "train":
        evaluate = ["train"]
    reason = None
    if not evaluate and "train" not in rows and not family.raw:  # without dev or test it still trains
        stripped = ", ".join(name for split in ordered if split != "train" for name in files[split])
        reason = f"no labels in {stripped}" if stripped else "no dev or test file"
    return {
        "rows": {split: rows[split] for split in ordered},
        "labelled": {split: labelled[split] for split in ordered},
        "left_out": left_out,
        "evaluate": evaluate,
        "files": {name: sha256(origin / name) for name in sorted(read)},
        "reason": reason,
    } | ({"cut": cut} if cut else {})


def check_upstream(dataset_name: str, language: str, prepared: dict[str, Any]) -> None:
    """Check the sizes that ``prepare`` found against the upstream ones; for an origin that claims to be upstream.

    Raises:
        DataError: a split of another size than the registry states (retrieval is counted in gold pairs).
    """
    data = dataset(dataset_name, language)
    counted = prepared["labelled" if facts(data.family).paired else "rows"]
    for split, found in counted.items():
        count = found + len(prepared.get("left_out", {}).get(split, ()))
        expected = data.expected_rows(split, language)
        if expected is not None and count != expected:
            place = f"{dataset_name} {split} in {language}"
            raise DataError(place, f"{count} rows", f"{expected}, the size of the upstream split")


def _check_distinct(files: dict[str, tuple[str, ...]], origin: Path) -> None:
    """Refuse one file that stands for two splits, such as a dev set that was handed in as the test set."""
    seen: dict[str, str] = {}
    for names in files.values():
        digest = sha256(origin / names[0])
        if digest in seen:
            raise DataError(origin / names[0], f"the very rows of {seen[digest]}", "another split in another file", 1)
        seen[digest] = names[0]


def _part(rows: Iterator[Row], split: str) -> Iterator[Row]:
    """Yield the rows of the four fifths of the units that are trained on, or of the fifth that is not."""
    for row in rows:
        last = hashlib.sha256(row["group"].encode("utf-8")).digest()[0] % 5 == 0
        if last == (split != "train"):
            yield row


def _absent(data: DataSet, language: str) -> str:
    order = [split for split in SPLITS if split in data.splits]
    if language != "en" and not facts(data.family).raw:
        order.sort(key=lambda split: split == "train")
    wanted = [files[0] for split in order for files in paths(data, language, split)]
    where = f"{wanted[0]} is not there" if wanted else "no file is known"
    return f"{data.absent} ({where})" if data.absent else where


def _wants_train(data: DataSet, language: str, labelled: dict[str, int]) -> bool:
    if language == "en" or facts(data.family).raw or data.is_translation:
        return True
    return data.fallback == "train" and not any(labelled.values())


def _placed(rows: Iterator[Row], source: Source, origin: Path, left_out: set[str]) -> Iterator[Row]:
    """Yield the rows without questions on passages that have a misplaced answer, here or in English.

    ``left_out`` collects their ids, and those of a translation whose answers are lost. The reader leaves out those of
    the source's own file itself.
    """
    left_out.update(misplaced(source))
    elsewhere: set[str] = set()
    if source.data.misplaced and _translated(source):
        files = locate(source.data, "en", source.split, origin)
        english = Source(source.data, "en", source.split, tuple(origin / name for name in files))
        elsewhere = misplaced(english) if files else set()
    for row in rows:
        if row["id"] in elsewhere:
            left_out.add(row["id"])
        else:
            yield row


def _translated(source: Source) -> bool:
    """Whether the rows are translations of the English ones."""
    generated = source.data.parallel_if_generated and PRIVATE_USE.fullmatch(source.language) is not None
    return source.language != "en" and (source.data.parallel or generated)


def _grouped(source: Source, origin: Path, read: set[str]) -> Iterator[Row]:
    """Yield the rows; translations of English items take the English items' groups, by id.

    The English file it took them from is added to ``read``. Rows numbered by position must be as many as in English.
    """
    read_rows = reader(source.data)
    rows = read_rows(source)
    english = locate(source.data, "en", source.split, origin) if _translated(source) else ()
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
