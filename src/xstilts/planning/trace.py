"""What stands behind a number: scores, predictions, checkpoint, data, settings, commit and machine, hashes checked."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, read_manifest
from xstilts.errors import UserError
from xstilts.planning.behind import Number, Served
from xstilts.planning.numbers import find_number
from xstilts.planning.reasons import flat
from xstilts.planning.tables import ScoreRow, open_run, recipe_of
from xstilts.reporting.run import RunFolder
from xstilts.scoring.score_file import read_scores
from xstilts.studies.serve import questions

ANSWERING = "models"  # the setting of a measurement that names all who answer in it


class Trace:
    """Collects lines for a person, and what does not hold; each artifact is checked once."""

    def __init__(self, run: RunFolder) -> None:
        """Take the run of the table."""
        self.run = run
        self.problems: list[str] = []
        self.checked: dict[Path, Manifest | None] = {}

    def check(self, what: Callable[[], object]) -> str:
        """Return what a check found, in a word; remember what does not hold."""
        try:
            what()
        except UserError as error:
            self.problems.append(str(error))
            return "NOT AS IT WAS MADE"
        return "whole"

    def open(self, path: Path) -> Manifest | None:
        """Return a manifest with all its files checked, None where it cannot be read."""
        if path not in self.checked:
            try:
                self.checked[path] = read_manifest(path)
            except UserError as error:
                self.problems.append(str(error))
                self.checked[path] = None
        return self.checked[path]


def trace(table: Path, row: str, column: str) -> tuple[str, list[str]]:
    """Return (the way from a number back to data and machine, what does not hold on it).

    Args:
        table: a table of a run; ``main.md`` and ``main.tex`` stand for ``main.csv``.
        row: see ``find_number``.
        column: see ``find_number``.

    Raises:
        UserError: a table, row or column that is not known. DataError: the table's number is not that of its scores.
    """
    if table.is_dir() or not table.name:
        raise UserError(f"{table}: is a folder; expected a table of a run, results/RUN/tables/...")
    table = table.with_suffix(".csv")
    run = open_run(table)
    number = find_number(run, table, row, column)
    found = Trace(run)
    shown = "no number" if number.value is None else f"{number.value:.6f}"
    lines = [f"{table}, row {row}, column {column}: {shown}", *(f"  {word}" for word in number.words)]
    lines.append(f"  recipe    {recipe_of(run)}")
    lines += ["", *_scores(found, number)]
    made = [path for cell in number.cells if (path := _prediction(found, cell)) is not None]
    for path in dict.fromkeys(made):
        lines += ["", *_artifact(found, "predictions", path, _names(number.cells, path, found))]
    if number.served:
        lines += ["", *_artifact(found, "measurement", number.served.manifest)]
    answered, asked = _answered(found, number.served)
    models = dict.fromkeys([*_inputs(found, dict.fromkeys(made), "model"), *answered, *number.encoders])
    models = dict.fromkeys(one for path in models for one in (path, *_chosen(found, path)))
    encoders: list[Path] = []
    for path in models:
        lines += ["", *_artifact(found, "checkpoint", path)]
        encoders += _encoders(found, path)
    for path in dict.fromkeys(encoders):
        if path not in models:
            lines += ["", *_artifact(found, "encoder", path)]
    indexes = dict.fromkeys(_inputs(found, dict.fromkeys(made), "index"))
    for path in indexes:
        lines += ["", *_artifact(found, "index of candidates", path)]
    everything = (*dict.fromkeys(made), *indexes, *models, *encoders)
    features = dict.fromkeys([*asked, *(place for path in everything for place in _features(found, path))])
    for path in features:
        names = [*_stored(found, path, number.cells), *([asked[path]] if path in asked else [])]
        lines += ["", *_artifact(found, "features", path, names)]
    spoken = {
        *(cell.language for cell in number.cells),
        *(Path(name).stem.partition("-")[2] for name in asked.values()),
    }
    data = dict.fromkeys(place for path in (*everything, *features) for place in _data(found, path, spoken))
    for path in data:
        lines += ["", *_dataset(found, path)]
    return "\n".join(lines) + "\n", list(dict.fromkeys(found.problems))


def _scores(found: Trace, number: Number) -> Iterator[str]:
    if number.cells:
        yield f"scores ({len(number.cells)})"
    for cell in sorted(number.cells):
        path = found.run.folder / "scores" / Path(*cell.chain) / cell.task / f"{cell.language}.json"
        state = found.check(lambda path=path, cell=cell: _same_score(path, cell))  # type: ignore[misc]
        value = "no score" if cell.value is None else f"{cell.value:.6f}"
        yield f"  {value:>10}  {cell.metric} {cell.split}  {path}  {state}"


def _same_score(path: Path, cell: ScoreRow) -> None:
    """Check a score file's seal, and that the long table has its number."""
    scores = read_scores(path)["splits"].get(cell.split)
    value = scores["metrics"][cell.metric] if scores else None
    if value != cell.value:
        raise UserError(f"{path}: found {cell.metric} {value} on {cell.split}; scores.csv has {cell.value}")


def _prediction(found: Trace, cell: ScoreRow) -> Path | None:
    path = found.run.folder / "predictions" / Path(*cell.chain) / cell.task / "manifest.json"
    return path if found.open(path) else None


def _names(cells: Iterable[ScoreRow], prediction: Path, found: Trace) -> list[str]:
    """Return the prediction files of the cells that one prediction job wrote."""
    mine = [cell for cell in cells if _prediction(found, cell) == prediction]
    manifest = found.open(prediction)
    assert manifest is not None
    wanted = {f"{cell.split}-{cell.language}" for cell in mine}
    return [name for name in manifest.content["files"] if Path(name).stem in wanted]


def _artifact(found: Trace, title: str, path: Path, names: list[str] | None = None) -> Iterator[str]:
    manifest = found.open(path)
    if manifest is None:
        return
    made, machine = manifest.content["made"], manifest.content["made"]["machine"]
    yield f"{title}  {manifest.folder}"
    if manifest.dropped:
        yield f"  dropped when nothing needed it any more (keep): {' '.join(manifest.dropped)}"
    for name, entry in manifest.content["files"].items():
        if (names is None or name in names) and name not in manifest.dropped:
            state = found.check(lambda name=name: manifest.check_kept([name]))  # type: ignore[misc]
            yield f"  {name}  {entry['bytes']:,} bytes  sha256 {entry['sha256'][:16]}  {state}"
    told = {key: value for key, value in manifest.content["spec"]["settings"].items() if key != ANSWERING}
    yield f"  settings  {', '.join(f'{key} {_value(value)}' for key, value in flat(told))}"
    work = made.get("work") or {}
    did = "".join(f", {name} {value:,}" for name, value in work.items())
    yield f"  made      {made['finished']} in {made['seconds']:,} s at commit {made['commit'] or 'unknown'}{did}"
    where = f"{machine['node']}, {machine.get('device', 'device not written down')}, {machine['processor']}"
    slurm = f", SLURM job {machine['slurm_job']}" if machine.get("slurm_job") else ""
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    yield f"  machine   {where}{slurm}; threads {made['threads']}; {versions}"


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _inputs(found: Trace, paths: Iterable[Path], role: str) -> Iterator[Path]:
    for path in paths:
        manifest = found.open(path)
        if manifest is not None and role in manifest.content["inputs"]:
            yield _followed(found, manifest, role)


def _answered(found: Trace, served: Served | None) -> tuple[list[Path], dict[Path, str]]:
    """Return the trainings that answered in a measurement, and by features the file that they were asked."""
    manifest = found.open(served.manifest) if served else None
    if served is None or manifest is None:
        return [], {}
    entries = manifest.content["spec"]["settings"][ANSWERING]
    own = [one for one in entries if one["task"] == served.task and one["arm"] in served.arms]
    models = [_followed(found, manifest, one["model"]) for one in own]
    features = dict.fromkeys(_followed(found, manifest, one["features"]) for one in own)
    return models, {path: questions(there).name for path in features if (there := found.open(path)) is not None}


def _followed(found: Trace, manifest: Manifest, role: str) -> Path:
    """Return the manifest of an input; a product that was made anew since is remembered as a problem."""
    entry = manifest.content["inputs"][role]
    path = Path(entry["manifest"])
    there = found.open(path)
    if there is not None and there.digest != entry["digest"]:
        found.problems.append(
            f"{path}: found digest {there.digest[:16]}; {manifest.path} was made from {entry['digest'][:16]}"
        )
    return path


def _chosen(found: Trace, path: Path) -> Iterator[Path]:
    """Yield the training whose files a choice among learning rates made its own: of others nothing."""
    manifest = found.open(path)
    if manifest is not None and manifest.content["rule"] == "choose_rate":
        candidates, best = manifest.content["spec"]["settings"]["candidates"], manifest.results.get("learning_rate")
        yield from (_followed(found, manifest, name) for name, rate in candidates.items() if rate == best)


def _encoders(found: Trace, path: Path) -> list[Path]:
    """Return the manifests from a checkpoint's encoder back to the pretrained one."""
    manifest = found.open(path)
    if manifest is None or "encoder" not in manifest.content["inputs"]:
        return []
    before = _followed(found, manifest, "encoder")
    return [before, *_encoders(found, before)]


def _features(found: Trace, path: Path) -> list[Path]:
    """Return the manifests of the features that a prediction or a training read."""
    manifest = found.open(path)
    if manifest is None:
        return []
    places = {role: Path(entry["manifest"]) for role, entry in manifest.content["inputs"].items()}
    return [_followed(found, manifest, role) for role, place in places.items() if _made_by(found, place, "featurise")]


def _made_by(found: Trace, path: Path, rule: str) -> bool:
    manifest = found.open(path)
    return manifest is not None and manifest.content["rule"] == rule


def _stored(found: Trace, path: Path, cells: Iterable[ScoreRow]) -> list[str]:
    """Return the files of features that stand behind some cells: of a task only their languages and splits."""
    manifest = found.open(path)
    wanted = {f"{cell.split}-{cell.language}" for cell in cells}
    names = manifest.content["files"] if manifest is not None else {}
    return [name for name in names if "-" not in name or Path(name).stem in wanted]


def _data(found: Trace, path: Path, languages: set[str]) -> list[Path]:
    """Return the data that an artifact was made from: those of evaluations only in the languages of the number."""
    manifest = found.open(path)
    if manifest is None:
        return []
    inputs = {role: Path(entry["manifest"]) for role, entry in manifest.content["inputs"].items()}
    roles = [role for role, place in inputs.items() if "/" in role and not _made_by(found, place, "featurise")]
    if (
        manifest.content["rule"] in ("predict", "few_shot", "in_context")
        or manifest.content["spec"]["settings"].get("kind") == "evaluation"
    ):
        roles = [role for role in roles if role.partition("/")[2] in languages]
    return [_followed(found, manifest, role) for role in roles]


def _dataset(found: Trace, path: Path) -> Iterator[str]:
    manifest = found.open(path)
    if manifest is None:
        return
    yield f"data  {manifest.folder}"
    if manifest.reason:
        yield f"  absent: {manifest.reason}"
    for name, entry in manifest.content["files"].items():
        rows = manifest.results["rows"].get(Path(name).stem, 0)
        state = found.check(lambda name=name: manifest.check([name]))  # type: ignore[misc]
        yield f"  {name}  {rows:,} rows  sha256 {entry['sha256'][:16]}  {state}"
    for name, digest in manifest.results["files"].items():
        yield f"  read from {name}  sha256 {digest}"
