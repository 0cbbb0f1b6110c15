"""Folders of the user's own that a run takes encoders from: what is wrong with them is said before the first job."""

from collections.abc import Sequence
from pathlib import Path

from xstilts.errors import UserError
from xstilts.graph.jobs import Jobs
from xstilts.modeling.check import check_files, check_fits

Key = tuple[str, Sequence[str]]  # rule, wildcards


def unusable(jobs: Jobs, planned: Sequence[Key]) -> list[str]:
    """Return a line for each folder that planned jobs would refuse, without reading its weights: they do that."""
    found: dict[str, None] = {}
    for rule, wildcards in planned:
        owner = jobs.owner(rule, *wildcards)
        place = _place(owner, rule, *wildcards)
        if place is None or not (folder := Path(place).expanduser()).is_dir():
            continue
        try:
            check_files(folder, tokenizer=rule in ("fetch_model", "fetch_whole", "adopt_source"))
            for model in places_of_model(owner, wildcards[0]) if rule == "adopt_source" else ():
                check_fits(folder, model)
        except UserError as error:
            found[str(error)] = None
    return list(found)


def encoders_of(jobs: Jobs) -> dict[str, Jobs]:
    """Return each encoder that the run or its study starts from, with whose it is; methods are no further ones."""
    found: dict[str, Jobs] = {}
    for one in jobs.all:
        for name in map(one.plain, one.run.models):
            found.setdefault(name, one)
    return found


def places_of_model(jobs: Jobs, model: str) -> list[Path]:
    """Return where the run's model can be looked at whose source a checkpoint of the user's own is to be."""
    encoder, made = jobs.run.encoders[model], jobs.pretrained(model).parent
    given = Path(encoder.weights).expanduser() if encoder.weights and encoder.layers is None else made
    return [place for place in (made, given) if (place / "config.json").is_file()][:1]


def _place(jobs: Jobs, rule: str, *wildcards: str) -> str | None:
    """Return the folder or repository that a job takes weights from; None where it takes none."""
    run = jobs.run
    if rule in ("fetch_model", "fetch_whole"):
        return run.encoders[wildcards[0]].weights
    if rule == "adopt_source":
        return run.own_encoders[wildcards[1]]
    if rule == "fetch_decoder":
        return run.decoder.weights if run.decoder else None
    return run.translation.model if rule == "fetch_translator" and run.translation else None
