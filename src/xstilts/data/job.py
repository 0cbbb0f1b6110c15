"""One data set in one language as an artifact of the workflow."""

import re
import sys
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product, hash_of
from xstilts.data.prepare import check_upstream, prepare
from xstilts.data.registry import dataset, language_names
from xstilts.errors import DataError, UserError

SHOWN = 20  # ids named in the log
SHOWN_REASONS = 2
FILES = "files"  # below a download's folder: the data set in the layout of a mirror, a folder for each way it came


def prepare_dataset(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest], origin: Path) -> Product:
    """Prepare the data set and language of the spec's settings from ``origin``, or from the download among the inputs.

    A data set that cannot be had is a product with the reason, which its tasks carry to the tables.
    """
    settings = spec["settings"]
    download = inputs.get("download")
    if download is not None:
        origin = download.folder / FILES / download.results["from"].get(settings["language"], "nowhere")
    data = dataset(settings["dataset"])
    if data.folder is not None and hash_of(data.format) != hash_of(settings["format"]):
        raise UserError(f"{data.name}: found another entry than was planned with; run the same command again")
    if data.folder is not None and download is None:
        origin = Path(data.folder)
    if "rows" in settings or download is not None:  # nothing was fetched, and there is no mirror
        origin.mkdir(parents=True, exist_ok=True)
    found = prepare(settings["dataset"], settings["language"], origin, folder)
    for split, names in found["left_out"].items():
        shown = f"{' '.join(names[:SHOWN])}{' ...' if len(names) > SHOWN else ''}"
        print(
            f"{split}: {len(names)} questions with misplaced answers, or on such passages, left out: {shown}",
            file=sys.stderr,
        )
    if "cut" in found:
        counts = f"{found['rows']['train']:,} and {found['rows']['dev']:,} rows"
        print(f"no training file: train and dev are cut from {found['cut']}, {counts}", file=sys.stderr)
    for name, digest in settings.get("files", {}).items():
        if digest and found["files"].get(name, digest) != digest:
            here = f"SHA-256 {found['files'][name][:16]}…"
            raise DataError(origin / name, here, f"{digest[:16]}…, as it was when this run was planned")
    if "rows" in settings:  # what counts as the published data set must have its size
        check_upstream(settings["dataset"], settings["language"], found)
    if download is not None and not found["rows"]:
        found["reason"] = why_missing(download.results["missing"], settings["dataset"], settings["language"])
    return Product([f"{split}.jsonl" for split in found["rows"]], found, found["reason"], relied_on=("evaluate",))


def why_missing(lines: list[str], name: str, language: str) -> str:
    """Return why a download lacks a language: of all that it could not fetch, the lines on files of that language.

    Where none is (a host that does not answer), those on files of no language count. A line begins with the file.
    """
    spoken = [_named(code) for code in dataset(name).languages]
    own = [line for line in lines if _named(language).search(line.split()[0])]
    shared = [line for line in lines if not any(names.search(line.split()[0]) for names in spoken)]
    return short(own or shared or lines)


def short(reasons: list[str]) -> str:
    """Return the first reasons of many, and how many more there are."""
    more = len(reasons) - SHOWN_REASONS
    return "; ".join([*reasons[:SHOWN_REASONS], *([f"and {more} more reason{'s' * (more > 1)}"] if more > 0 else [])])


def _named(code: str) -> re.Pattern[str]:
    """Match a path with a language in it, by any of the names that the registry knows for it."""
    names = "|".join(map(re.escape, language_names(code).values()))
    return re.compile(rf"(?<![a-z0-9])({names})(?![a-z0-9])", re.IGNORECASE)
