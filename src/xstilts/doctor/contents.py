"""Checks of what the run reads: encoders, data sets with their licences, and which rows and columns stay empty."""

from pathlib import Path

from xstilts.artifacts import read_manifest
from xstilts.data import lock
from xstilts.data.registry import SPLITS, dataset, locate, paths
from xstilts.doctor.findings import Finding, ok, problem, warning
from xstilts.errors import DataError, UserError
from xstilts.jobs import Jobs
from xstilts.modeling.fetch import wanted_files

SHOWN = 6  # languages named in one line


def encoders(jobs: Jobs) -> list[Finding]:
    """Say where each encoder comes from, and whether that is there or pinned."""
    places = {name: jobs.run.encoders[name].weights for name in jobs.run.models}
    own = {f"source {name}": place for name, place in jobs.run.own_encoders.items()}
    found = []
    for name, weights in (places | own).items():
        if name in places and jobs.run.is_pretrained_here(name):
            found.append(ok(f"{name}: is pretrained here"))
            continue
        assert weights is not None
        folder = Path(weights).expanduser()
        if folder.is_dir():
            names = [path.name for path in wanted_files(folder)]
            lacking = [
                word
                for word, there in (
                    ("config.json", "config.json" in names),
                    ("model.safetensors", any(one.endswith(".safetensors") for one in names)),
                )
                if not there
            ]
            found.append(
                problem(f"{name}: found no {' and no '.join(lacking)} in {weights}")
                if lacking
                else ok(f"{name}: the folder {weights}")
            )
        elif weights.startswith((".", "/", "~")) or weights.count("/") > 1:
            found.append(problem(f"{name}: found no folder {weights}"))
        else:
            found.append(_on_the_hub(jobs, name, weights))
    return found


def _on_the_hub(jobs: Jobs, name: str, weights: str) -> Finding:
    if is_fetched(jobs, name):
        return ok(f"{name}: {weights}, fetched")
    pin = lock.pinned(weights)
    if pin is None:
        return warning(f"{name}: {weights} on the Hub, at no pinned commit ({lock.LOCK}): it may change")
    return ok(f"{name}: {weights} on the Hub, pinned at {pin.commit[:12]}")


def is_fetched(jobs: Jobs, model: str) -> bool:
    """Say whether the run has an encoder already."""
    return model in jobs.run.models and jobs.pretrained(model).is_file()


def from_the_hub(jobs: Jobs) -> list[str]:
    """Return the repositories that the run will read from the Hub."""
    weights = [
        jobs.run.encoders[name].weights
        for name in jobs.run.models
        if not jobs.run.is_pretrained_here(name) and not is_fetched(jobs, name)
    ]
    return [
        name for name in [*weights, *jobs.run.own_encoders.values()] if name and not Path(name).expanduser().is_dir()
    ]


def data(jobs: Jobs) -> list[Finding]:
    """Say where the data come from, and which data sets have files that do not fit together."""
    run = jobs.run
    if run.data.origin == "world":
        return [ok("data: generated here")]
    if run.mirror is None:
        if run.data.origin == "mirror":
            return [problem("data: mirror is missing; say where the real data are: --mirror FOLDER")]
        return [ok("data: fetched by the run from where they are published")]
    found = [ok(f"data: {run.mirror}")]
    for name, language in _read(jobs):
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
    found += [warning(f"{what} ({why})") for what, why in lacking.items()]
    for target in jobs.run.targets:
        for path in jobs.data_of_target(target):
            if path.parts[-2] == "en" and path.parts[-3] != "xquad":
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
    return found or [ok("every row and column has its data")]


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
    return [(path.parts[-3], path.parts[-2]) for path in jobs.all_data() if path.name == "manifest.json"]


def _splits(jobs: Jobs, name: str, language: str) -> list[str]:
    """Return the splits that the mirror has."""
    assert jobs.run.mirror is not None
    folder = Path(jobs.run.mirror)
    return [split for split in SPLITS if locate(dataset(name), language, split, folder)]


def _absent(jobs: Jobs, name: str, language: str, wanted: tuple[str, ...]) -> str | None:
    """Return why a data set has none of some splits here, None when it has one or that is not known yet."""
    data = dataset(name)
    if jobs.run.mirror is not None and jobs.run.data.origin != "world":
        try:
            if {*_splits(jobs, name, language)} & {*wanted}:
                return None
        except DataError:
            return None  # a problem, said above
        files = [files[0] for split in wanted for files in paths(data, language, split)]
        where = f"{files[0]} is not there" if files else "no file is known"
        if jobs.run.data.origin == "mirror":
            return f"{data.absent}; {where}" if data.absent else where
    manifest = jobs.data(name, language)
    if manifest.is_file():
        try:
            return read_manifest(manifest).reason
        except UserError:
            return None  # it is read again anyway
    return data.absent if jobs.run.data.origin != "world" else None
