"""Where each data set of a run comes from, as the registry has it: also while nothing is on the disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xstilts.artifacts import read_manifest
from xstilts.costs.work import Workload
from xstilts.data.fetching import lock, upstream, wikipedia
from xstilts.data.fetching.hub_sets import load as hub_sets
from xstilts.data.registry import SPLITS, TRANSLATION, dataset, paths
from xstilts.errors import DataError
from xstilts.graph.data_settings import fetch_text
from xstilts.graph.jobs import Jobs


@dataclass(frozen=True)
class Origin:
    """Where a data set in one language comes from, and what is in it."""

    name: str
    language: str
    rows: dict[str, int]
    known: str  # how the rows are known: counted, expected or assumed
    sources: tuple[str, ...]  # URL, size and hash of each file to fetch, or the folder or world that it comes from
    files: tuple[str, ...]  # below the mirror; with the hash of what was read where the data are prepared
    licence: str
    reason: str | None  # why there is nothing


def origins(jobs: Jobs, workload: Workload) -> Iterator[Origin]:
    """Yield where each data set of the run comes from, in the order of its jobs."""
    catalogue = upstream.load()
    for rule, *names in jobs.every():
        if rule in ("prepare", "translate", "fetch_text"):
            yield _origin(jobs, workload, catalogue, *(["text"] if rule == "fetch_text" else []), *names)


def _origin(jobs: Jobs, workload: Workload, catalogue: upstream.Catalogue, name: str, language: str) -> Origin:
    known = dataset(name)
    counts = {split: workload.rows(name, language, split) for split in SPLITS}
    rows = {split: count for split, (count, _) in counts.items() if count}
    how = next((how for split, (_, how) in counts.items() if split in rows), "expected")
    files = tuple(dict.fromkeys(one for split in SPLITS for names in paths(known, language, split) for one in names))
    reason = f"where it is not there: {known.absent}" if known.absent and jobs.run.data.origin != "world" else None
    manifest = jobs.data(name, language)
    if manifest.is_file():
        try:
            made = read_manifest(manifest)
        except DataError as error:
            return Origin(name, language, rows, how, (), files, known.licence, str(error))
        read = made.results["files"]
        files = tuple(f"{one} (sha256 {digest[:12]})" for one, digest in read.items()) or files
        reason = f"absent: {made.reason}" if made.reason else None
    if known.folder is not None and name not in hub_sets():
        return Origin(name, language, rows, how, (f"your own: {known.folder}",), files, known.licence, reason)
    if known.folder is None and jobs.run.data.origin == "world":
        return Origin(name, language, rows, how, (f"generated: {jobs.origin}",), files, "none: generated", reason)
    if jobs.is_fetched_text(name, language):
        files = tuple(one for one in files if one.startswith(wikipedia.PLACE.format(language=language)))
        return Origin(name, language, rows, how, tuple(_of_wikipedia(jobs, language)), files, known.licence, reason)
    sources = _sources(catalogue, name, language, files)
    if jobs.is_translated_here(name, language):
        assert jobs.run.translation is not None
        sources = (f"translated here from {name.removesuffix(TRANSLATION)}/en by {jobs.run.translation.model}",)
    elif (jobs.run.data.origin == "public" or known.folder is not None) and name in hub_sets():
        sources = (*_on_the_hub(name), *sources)
    return Origin(name, language, rows, how, sources, files, known.licence, reason)


def _on_the_hub(name: str) -> list[str]:
    """Return the repository that a data set is read from, with its pin; the archives are the second choice."""
    repository = hub_sets()[name].repository
    pin = lock.pinned(repository)
    place = f"https://huggingface.co/datasets/{repository}"
    if pin is None:
        return [f"{place} (no pin yet: make lock)"]
    files = [f"{place} {one} (sha256 {digest[:12]})" for one, digest in pin.files.items()]
    return [f"{place} (revision {pin.commit})", *files]


def _of_wikipedia(jobs: Jobs, language: str) -> list[str]:
    """Return the file that raw text is read from, with its pin and the bytes of a part of it that are expected."""
    place, found = f"https://huggingface.co/datasets/{wikipedia.REPOSITORY}", fetch_text(jobs, language)
    if found["file"] is None:
        return [f"{place} (no pin yet: make lock)"]
    file, expected = found["file"], wikipedia.expected_bytes(found["share"], found["file"]["bytes"])
    part = f"about {expected:,} of {file['bytes']:,} bytes, for {found['share']:,} sentences"
    return [f"{place} (revision {file['commit']})", f"{place} {file['name']} ({part}, sha256 {file['sha256'][:12]})"]


def _sources(catalogue: upstream.Catalogue, name: str, language: str, files: tuple[str, ...]) -> tuple[str, ...]:
    """Return the archives that hold a data set in a language; one a language where each file has a URL of its own."""
    archives = [one for one in catalogue.get(name, ()) if not one.languages or language in one.languages]
    wanted = {Path(one.partition(" ")[0]).name for one in files}
    own = [one for one in archives if one.name in wanted]
    return tuple(_words(one) for one in (own or archives)) or ("no upstream archive: a file of your own",)


def _words(archive: upstream.Archive) -> str:
    size = f"{archive.bytes:,} bytes" if archive.bytes else "size not known"
    digest = f"sha256 {archive.sha256[:12]}" if archive.sha256 else "no hash known"
    return f"{archive.url} ({size}, {digest})"
