"""Packs the predictions of one source and seed of a run as a submission to a benchmark, checked file by file."""

import csv
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

from xstilts.artifacts import read_manifest
from xstilts.errors import DataError, UserError
from xstilts.files import name_beside, replacing
from xstilts.locks import LOCK
from xstilts.tasks import Task, task
from xstilts.tasks.benchmark import XTREME, Benchmark
from xstilts.xtreme.formats import check_predictions, file_name

Files = dict[str, Path]  # name inside the submission -> file of the run


def only_folder(parent: Path, wanted: str | None, what: str) -> str:
    """Return ``wanted``, or the only folder inside ``parent``; UserError lists the choice when there are several."""
    names = sorted(path.name for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []
    if wanted is not None and wanted in names:
        return wanted
    if wanted is None and len(names) == 1:
        return names[0]
    if not names:
        raise UserError(
            f"{parent}: found no {what} there; expected the folder of a run that has made some: results/NAME"
        )
    raise UserError(
        f"{parent}: which {what}? there: {' '.join(names) or 'none'}" + (f", not {wanted}" if wanted else "")
    )


def seeds_of(source: Path) -> list[str]:
    """Return the seeds for which a source's folder (predictions/MODEL/SOURCE) holds predictions, lowest first."""
    return sorted({path.name for path in source.glob("*/*") if path.is_dir()}, key=lambda name: (len(name), name))


def collect(source: Path, seed: str, partial: bool = False, benchmark: Benchmark = XTREME) -> tuple[Files, list[str]]:
    """Return the test predictions of every task and language of a benchmark, and a line for each that lacks some.

    Whatever is missing raises UserError, unless the submission may be ``partial``: then only when nothing is there. A
    file counts where the manifest of a finished prediction lists it. What a run with ``evaluation.limit`` predicted is
    a part of each test set, which the official evaluator refuses: the rest is missing.
    A retrieval task whose encoder was not trained (source `none`) may lie under another seed when it has only one.
    """
    files: Files = {}
    missing: list[str] = []
    for name, entry in _tasks(benchmark):
        folder = source / entry.target / seed / name
        others = list((source / entry.target).glob(f"*/{name}"))
        if entry.target == "none" and source.name == "none" and len(others) == 1:
            folder = others[0]
        absent = []
        languages, (made, limit) = benchmark.languages_of(entry), _made(folder)
        for language in languages:
            path = folder / file_name(entry, language)
            if path.is_file() and (made is None or path.name in made):
                files[f"{benchmark.folder(name)}/{path.name}"] = path
            else:
                absent.append(language)
        if absent:
            of = "all languages" if len(absent) == len(languages) else " ".join(absent)
            why = ", which no finished prediction lists" if made is not None else ""
            missing.append(f"  {name}: {of} ({folder}/{file_name(entry, 'LANGUAGE')}{why})")
        if limit and len(absent) < len(languages):
            missing.append(f"  {name}: all examples but {limit} of each language (evaluation.limit)")
    if missing and not (partial and files):
        more = "" if partial else "; --partial packs what is there"
        raise UserError(f"{source} with seed {seed} is incomplete{more}; missing:\n" + "\n".join(missing))
    return files, missing


def _made(folder: Path) -> tuple[list[str] | None, int | None]:
    """Return the files of a finished prediction, checked against their hashes, and to how many examples it was limited.

    The files are None in a folder that no job wrote, the limit where all examples were predicted. Files of a job that
    was stopped lie beside those of before, of other weights; a language that was left out stays.
    """
    if not (folder / LOCK).is_file():
        return None, None
    if not (folder / "manifest.json").is_file():
        return [], None
    manifest = read_manifest(folder / "manifest.json")
    manifest.check()
    return list(manifest.content["files"]), manifest.content["spec"]["settings"].get("limit")


def _tasks(benchmark: Benchmark) -> list[tuple[str, Task]]:
    return [(name, task(name)) for name in benchmark.tasks]


def check(files: Mapping[str, Path], benchmark: Benchmark = XTREME) -> None:
    """Raise DataError for a file that is no prediction file of its task, or as long as its parallel ones are not."""
    for name, entry in _tasks(benchmark):
        folder = benchmark.folder(name)
        lengths = {
            path: check_predictions(entry, path) for place, path in files.items() if place.startswith(f"{folder}/")
        }
        if lengths and entry.scoring[0] in ("labels", "choices"):  # its languages are translations of one another
            longest = max(lengths.values())
            for path, length in lengths.items():
                if length != longest:
                    raise DataError(path, f"{length} lines", f"{longest} as in {name}'s other languages", length + 1)
        for path, length in lengths.items():
            if not length and entry.scoring[0] != "bucc":
                raise DataError(path, "no predictions", "some")


def best_source(scores: Path, model: str, benchmark: Benchmark = XTREME) -> tuple[str, float, list[str]]:
    """Return (source, mean, tasks): the best mean over the benchmark's multilingual dev scores in a scores.csv.

    A task is the mean over languages, seeds and its metrics. Only sources with all the scores that any source has are
    compared. This chooses on labelled non-English dev data, as the paper does: the choice is to be stated.
    """
    values: dict[str, dict[tuple[str, str, str], list[float]]] = {}
    if not scores.is_file():
        raise UserError(f"{scores}: found no table of scores; finish the run, or give --source")
    tasks_of = dict(_tasks(benchmark))
    with open(scores, encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            known = tasks_of.get(row["task"])
            if (
                row["model"] == model
                and row["split"] == "dev"
                and known
                and row["metric"] in known.metrics
                and row["value"]
            ):
                cell = row["task"], row["language"], row["metric"]
                values.setdefault(row["source"], {}).setdefault(cell, []).append(float(row["value"]))
    cells = set().union(*values.values())
    whole = {source: found for source, found in values.items() if found.keys() == cells}
    if not whole:
        raise UserError(f"{scores}: no source has every dev score of {model}: give --source")
    tasks = sorted({name for name, _, _ in cells})

    def mean(found: dict[tuple[str, str, str], list[float]]) -> float:
        by_task = [[sum(runs) / len(runs) for cell, runs in found.items() if cell[0] == name] for name in tasks]
        return sum(sum(of_task) / len(of_task) for of_task in by_task) / len(tasks)

    means = {source: mean(found) for source, found in whole.items()}
    best = max(means, key=lambda source: means[source])
    return best, means[best], tasks


def pack(files: Mapping[str, Path], out: Path) -> None:
    """Write the files as a zip (when ``out`` ends in .zip) or a new folder, whole or not at all."""
    if out.suffix == ".zip":
        with replacing(out) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, path in sorted(files.items()):
                archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
        return
    if out.exists():
        raise UserError(f"{out} exists already")
    beside = name_beside(out)
    try:
        for name, path in files.items():
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, beside / name)
        beside.rename(out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
