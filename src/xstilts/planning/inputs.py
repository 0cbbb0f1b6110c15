"""What a job reads, and where each data set comes from, as the registry has it: also while nothing is on the disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xstilts.artifacts import read_manifest
from xstilts.data import lock, upstream
from xstilts.data.hub_tables import load as hub_sets
from xstilts.data.registry import SPLITS, TRANSLATION, dataset, paths
from xstilts.errors import DataError
from xstilts.jobs import Jobs
from xstilts.planning.dryrun import Job
from xstilts.tasks import task
from xstilts.workload import Workload


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


def inputs_of(jobs: Jobs, job: Job) -> list[Path]:
    """Return the manifests and score files that a job reads; all of them for tables and figures."""
    names = job.wildcards
    if job.rule == "prepare":
        return [jobs.world] if jobs.run.data.origin == "world" else jobs.download_of(names[0], names[1])
    if job.rule == "translate":
        return [jobs.translator, jobs.data(names[0].removesuffix(TRANSLATION), "en")]
    if job.rule == "pretrain":
        return jobs.data_of_pretraining(names[0])
    if job.rule == "featurise":
        return [jobs.tokenizer_of(*names[:2]), *jobs.data_of_features(*names[2:])]
    if job.rule == "train_intermediate":
        return [jobs.pretrained(names[0]), *jobs.features_of_source(*names[:2]), *jobs.counted_for_source(names[1])]
    if job.rule == "train_target":
        model, source, target, seed = names
        return [jobs.encoder(model, source, seed), jobs.features_of_target(model, source, target)]
    if job.rule == "predict":
        model, source, target, seed, name = names
        features = jobs.features_of_task(model, source, name)
        return [jobs.trained(model, source, target, seed), features, *jobs.data_of_task(name)]
    if job.rule == "choose_rate":
        return jobs.candidates(names[0], names[2], names[3])
    if job.rule == "drop":
        return [jobs.trained(*names[:4]), *jobs.users(*names[:4])]
    if job.rule == "sample_text":
        return [*jobs.text_of_sample(), *jobs.evaluation_data()]
    if job.rule == "score":
        model, source, target, seed, name, language = names
        return [jobs.prediction(model, source, target, seed, name), jobs.data(task(name).dataset, language)]
    if job.rule == "baseline":
        return jobs.data_of_baseline(names[0])
    if job.rule in ("world", "download", "fetch_translator", "fetch_model", "adopt_source"):
        return []
    return [*jobs.artifacts(), *jobs.scores()]


def origins(jobs: Jobs, workload: Workload) -> Iterator[Origin]:
    """Yield where each data set of the run comes from, in the order of its jobs."""
    catalogue = upstream.load()
    for rule, *names in jobs.every():
        if rule in ("prepare", "translate"):
            yield _origin(jobs, workload, catalogue, *names)


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
    if jobs.run.data.origin == "world":
        return Origin(name, language, rows, how, (f"generated: {jobs.origin}",), files, "none: generated", reason)
    sources = _sources(catalogue, name, language, files)
    if jobs.is_translated_here(name, language):
        assert jobs.run.translation is not None
        sources = (f"translated here from {name.removesuffix(TRANSLATION)}/en by {jobs.run.translation.model}",)
    elif jobs.run.data.origin == "public" and name in hub_sets():
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
