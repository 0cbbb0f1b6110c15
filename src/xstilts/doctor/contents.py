"""Checks of what the run reads: encoders, data sets with their licences, and which rows and columns stay empty."""

from collections.abc import Sequence
from pathlib import Path

from xstilts.artifacts import read_manifest
from xstilts.config.naming import is_folder
from xstilts.costs.blocks import by_block
from xstilts.costs.time import DEVICES, seconds
from xstilts.costs.work import Workload
from xstilts.data.fetching import lock
from xstilts.data.registry import SPLITS, dataset, locate, paths
from xstilts.doctor.findings import Finding, ok, problem, warning
from xstilts.errors import DataError, UserError
from xstilts.graph.checkpoints import encoders_of, places_of_model
from xstilts.graph.jobs import Jobs
from xstilts.modeling.check import check_encoder, check_fits
from xstilts.tasks import training_set
from xstilts.tensors import read_header

SHOWN = 6  # languages named in one line
HEADS = ("lm_head.", "cls.", "lm_predictions.", "head.", "decoder.")  # of masked language models, as they are stored


def encoders(jobs: Jobs) -> list[Finding]:
    """Say where each encoder of the run and of its study comes from, and whether that is there or pinned."""
    owners, found = encoders_of(jobs), list[Finding]()
    for one in jobs.all:
        of = "" if one is jobs else f" of study {jobs.run.study}"
        own = [name for name, owner in owners.items() if owner is one]
        for name in own:
            found += _encoder(jobs, one, name, f"{name}{of}")
        like = [place for name in own for place in places_of_model(one, name)]
        for name, weights in one.run.own_encoders.items() if own else ():
            found.append(_origin(weights, f"source {name}{of}", like))
    return found


def _encoder(jobs: Jobs, owner: Jobs, name: str, called: str) -> list[Finding]:
    if owner.run.is_pretrained_here(name):
        return [ok(f"{called}: is pretrained here")]
    weights = owner.run.encoders[name].weights
    assert weights is not None
    said = _origin(weights, called, fetched=is_fetched(owner, name))
    given, made = Path(weights).expanduser(), owner.pretrained(name).parent
    folder = given if given.is_dir() else made if is_fetched(owner, name) else None
    return [said, *(_without_head(jobs, name, folder, called) if folder and said.state == "ok" else [])]


def _origin(weights: str, called: str, like: Sequence[Path] = (), fetched: bool = False) -> Finding:
    """Say whether weights are there, whole and of the shape of models that they are to be sources of, or pinned."""
    folder = Path(weights).expanduser()
    if folder.is_dir():
        try:
            check_encoder(folder)
            for model in like:
                check_fits(folder, model)
        except UserError as error:
            return problem(f"{called}: {error}")
        return ok(f"{called}: the folder {weights}")
    if is_folder(weights):
        return problem(f"{called}: found no folder {weights}")
    if fetched:
        return ok(f"{called}: {weights}, fetched")
    pin = lock.pinned(weights)
    if pin is None:
        return warning(f"{called}: {weights} on the Hub, at no pinned commit ({lock.LOCK}): it may change")
    return ok(f"{called}: {weights} on the Hub, pinned at {pin.commit[:12]}")


def _without_head(jobs: Jobs, name: str, folder: Path, called: str) -> list[Finding]:
    """Name the sources with raw text that an encoder cannot have, whose weights hold no language-model head."""
    runs = [one.run for one in jobs.all if name in map(one.plain, one.run.models)]
    sources = dict.fromkeys(source.name for run in runs for source in run.parsed_sources if "mlm" in source.name)
    weights = {weight for path in folder.glob("model*.safetensors") for weight in read_header(path)}
    if not sources or any(weight.startswith(HEADS) for weight in weights):
        return []
    return [
        problem(
            f"{called}: found no language-model head in {folder}, which {' '.join(sources)} would train; expected an "
            "encoder that has one, or other sources"
        )
    ]


def is_fetched(jobs: Jobs, model: str) -> bool:
    """Say whether there is an encoder already as a run or a study starts from it."""
    return jobs.pretrained(model).is_file()


def from_the_hub(jobs: Jobs) -> list[str]:
    """Return the repositories that the run and its study will read from the Hub."""
    weights = [
        owner.run.encoders[name].weights
        for name, owner in encoders_of(jobs).items()
        if not owner.run.is_pretrained_here(name) and not is_fetched(owner, name)
    ]
    named = dict.fromkeys([*weights, *jobs.run.own_encoders.values()])
    return [name for name in named if name and not Path(name).expanduser().is_dir()]


def data(jobs: Jobs) -> list[Finding]:
    """Say where the data come from, and which data sets have files that do not fit together."""
    run = jobs.run
    if run.data.origin == "world":
        found = [ok("data: generated here")]
    elif run.mirror is not None:
        found = [ok(f"data: {run.mirror}")]
    elif run.data.origin == "mirror":
        found = [problem("data: mirror is missing; say where the real data are: --mirror FOLDER")]
    else:
        found = [ok("data: fetched by the run from where they are published")]
    for name, language in _read(jobs):
        if not _at_hand(jobs, name, language):
            continue
        try:
            _splits(jobs, name, language)
        except DataError as error:
            found.append(problem(f"data: {name} in {language}: {error}"))
    return found


def empty(jobs: Jobs) -> list[Finding]:
    """Say which rows (sources) and columns (tasks) of the main table stay empty, and why."""
    found = []
    lacking: dict[str, str] = {}
    for source, part, manifests in jobs.labelled():
        reasons = [why for path in manifests if (why := _absent(jobs, path.parts[-3], path.parts[-2], ("train",)))]
        if reasons:
            kind = f"left out of {source}" if source.startswith("multi") else f"row {source}: empty"
            lacking.setdefault(f"{kind}: {part}" if source.startswith("multi") else kind, reasons[0])
    found += [warning(f"{what} ({why})") for what, why in lacking.items()] + _without_text(jobs)
    for target in jobs.run.targets:
        for path in jobs.data_of_target(target):
            if path.parts[-3] in training_set(target).parts:
                why = _absent(jobs, path.parts[-3], "en", ("train",))
                found += [warning(f"columns of {target}: empty ({why})")] if why else []
    for name in jobs.run.tasks:
        absent = {
            path.parts[-2]: why
            for path in jobs.data_of_task(name)
            if (why := _absent(jobs, path.parts[-3], path.parts[-2], ("dev", "test", "train")))
        }
        languages = jobs.run.languages_of(name)
        if absent:
            first = next(iter(absent.values()))
            more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
            which = "" if len(absent) == len(languages) else f" in {' '.join([*absent][:SHOWN])}{more}"
            found.append(warning(f"column {name}: empty{which} ({first})"))
        elif name in jobs.indexed:
            found += _without_candidates(jobs, name)
    return found or [ok("every row and column has its data")]


def _without_candidates(jobs: Jobs, name: str) -> list[Finding]:
    """Say in which languages there is nothing to search for a task."""
    places = [(path.parts[-3], path.parts[-2]) for path in jobs.candidates_of_task(name)]
    absent = {code: why for data, code in places if (why := _absent(jobs, data, code, ("test",)))}
    if not absent:
        return []
    first = next(iter(absent.values()))
    if len(absent) == len(places):
        return [warning(f"column {name}: empty, nothing to search ({first})")]
    return [warning(f"column {name}: searches nothing in {' '.join([*absent][:SHOWN])} ({first})")]


def _without_text(jobs: Jobs) -> list[Finding]:
    """Say that the rows with raw text stay empty, where no language of it can be had, or which languages they lack."""
    rows = [source.name for source in jobs.run.parsed_sources if source.mlm]
    text = jobs.run.intermediate.mlm
    if not rows or text is None or jobs.run.data.origin == "world":
        return []
    absent = {code: why for code in text.languages if (why := _absent(jobs, "text", code, ("train",)))}
    if not absent:
        return []
    named = f"rows {', '.join(rows)}"
    first = next(iter(absent.values()))
    if len(absent) == len(text.languages):
        return [warning(f"{named}: empty (raw text: {first})")]
    more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
    return [warning(f"{named}: without text in {' '.join([*absent][:SHOWN])}{more} ({first})")]


def blocks(jobs: Jobs) -> list[Finding]:
    """Say what each block of the main table costs on a GPU, by the shipped estimates and as if nothing were done."""
    workload = Workload(jobs)
    timed = []
    for rule, *wildcards in jobs.every():
        computes = rule in ("train_intermediate", "train_target", "index", "predict", "few_shot")
        if computes and jobs.owner(rule, *wildcards) is jobs:  # a study's arms stand in no block
            work = workload.work(rule, *map(str, wildcards))
            size, _ = workload.size(wildcards[0])
            timed.append((list(map(str, wildcards)), seconds(work, size, DEVICES["gpu"])))
    found = by_block(jobs.run, timed)
    words = [f"{one.name}: {one.seconds / 3600:,.0f} hours of a GPU like an H200 (estimated)" for one in found]
    return [ok(f"{said}: {', '.join(one.sources)}") for said, one in zip(words, found, strict=True)]


def licences(jobs: Jobs) -> list[Finding]:
    """Name the licence of each data set that the run reads."""
    if jobs.run.data.origin == "world":
        return [ok("licences: none; the languages are generated")]
    by_licence: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for name, _ in _read(jobs)):
        by_licence.setdefault(dataset(name).licence, []).append(name)
    return [ok(f"{licence}: {', '.join(names)}") for licence, names in by_licence.items()]


def _read(jobs: Jobs) -> list[tuple[str, str]]:
    """Every data set and language of the run."""
    paths = [*jobs.all_data(), *(path for task in jobs.indexed for path in jobs.candidates_of_task(task))]
    return [(path.parts[-3], path.parts[-2]) for path in paths if path.name == "manifest.json"]


def _splits(jobs: Jobs, name: str, language: str) -> list[str]:
    """Return the splits that the mirror has, or the folder of the user's own, of which nothing but English trains."""
    folder = dataset(name).folder or jobs.run.mirror
    assert folder is not None
    if dataset(name).folder is not None and language != "en":
        return [split for split in SPLITS[1:] if locate(dataset(name), language, split, Path(folder))]
    return [split for split in SPLITS if locate(dataset(name), language, split, Path(folder))]


def _is_own(jobs: Jobs, name: str, language: str) -> bool:
    """Say whether a data set is read from files of the user's own."""
    return dataset(name).folder is not None and not jobs.download_of(name, language)


def _at_hand(jobs: Jobs, name: str, language: str) -> bool:
    """Say whether a data set's files can be looked at: of the user's own, or in the mirror."""
    return _is_own(jobs, name, language) or (jobs.run.mirror is not None and jobs.run.data.origin != "world")


def _absent(jobs: Jobs, name: str, language: str, wanted: tuple[str, ...]) -> str | None:
    """Return why a data set has none of some splits here, None when it has one or that is not known yet."""
    data = dataset(name)
    if _at_hand(jobs, name, language):
        try:
            if {*_splits(jobs, name, language)} & {*wanted}:
                return None
        except DataError:
            return None  # a problem, said above
        files = [files[0] for split in wanted for files in paths(data, language, split)]
        where = f"{files[0]} is not there" if files else "no file is known"
        if _is_own(jobs, name, language) or jobs.run.data.origin == "mirror":
            return f"{data.absent}; {where}" if data.absent else where
    manifest = jobs.data(name, language)
    if manifest.is_file():
        try:
            return read_manifest(manifest).reason
        except UserError:
            return None  # it is read again anyway
    return None if jobs.run.data.origin == "world" or jobs.download_of(name, language) else data.absent
