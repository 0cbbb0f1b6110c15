"""Numbers of a study: sums of scores, what jobs took, what was measured of models as they answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from xstilts.artifacts import read_manifest
from xstilts.costs.size import size_in
from xstilts.errors import UserError
from xstilts.planning.behind import Cells, Number, Served, is_number, score_of, word
from xstilts.planning.tables import ScoreRow
from xstilts.studies.costs import MEASURED, cost_of
from xstilts.studies.paired import RATIO, ratio
from xstilts.studies.speed import FILE
from xstilts.studies.speeds import COLUMNS as SPEEDS
from xstilts.studies.speeds import read_steps, speeds
from xstilts.uncertainty.seeds import summarise

FIGURES = " ".join(SPEEDS[2:])


def of_jobs(manifests: Sequence[str], column: str, printed: str) -> Number:
    """Follow what an arm of a study took: a column of ``costs.csv``, job by job."""
    if column not in MEASURED:
        raise UserError(f"costs.csv: column {column!r} was not measured; known: {' '.join(MEASURED)}")
    each = {path: cost_of([Path(path)])[column] for path in manifests}
    words = [f"{value!s:>12}  {path}" for path, value in each.items()]
    how = "the most" if column.startswith("peak") else "the sum"
    return Number(float(printed) if is_number(printed) else None, (f"{how} over {len(each)} jobs", *words))


def of_parts(parts: Sequence[Mapping[str, Any]], cells: Cells, statistic: Any, table: Path) -> Number:
    """Follow a number of a study: a sum over tasks of an arm's score times a weight."""
    words, behind, value = [], list[ScoreRow](), 0.0
    for part in parts:
        by_seed = []
        for seed, source in part["by_seed"].items():
            score, own = score_of(part, cells, source, [int(seed)], statistic, table)
            by_seed.append(score)
            behind += own
        score = summarise(by_seed, statistic)
        value += part["weight"] * score
        sources = " ".join(dict.fromkeys(part["by_seed"].values()))
        over = f"{statistic} over seeds {' '.join(part['by_seed'])}, languages {' '.join(part['languages'])}"
        words.append(f"{part['weight']:+.4f} x {score:.6f}  {sources} on {part['task']} ({part['split']}), {over}")
    return Number(value, tuple(words), tuple(dict.fromkeys(behind)))


def of_gain(
    made: Mapping[str, Any], fields: Mapping[str, str], column: str, cells: Cells, table: Path, encoder: Path
) -> Number:
    """Follow a gain of the study of sizes: a model's score after the intermediate training minus that without it.

    Args:
        made: of what both scores are the sum, ``plus`` and ``minus``, and the ``billions`` that the study counts.
        fields: of the row.
        column: the column's name.
        cells: the model's scores.
        table: which an error names.
        encoder: the manifest of the model's pretrained encoder.
    """
    known = ("billions", "gain", "lower", "upper", "direct", "of_what_was_left")
    if column not in known:
        raise UserError(f"{table}: column {column!r} is no number; known: {' '.join(known)}")
    if column in ("lower", "upper"):
        return Number(float(fields[column]), ("it follows from the scores by resampling",))
    size = f"the size: {made['billions']:g} billions of parameters, by the study's file"
    if counted := size_in(encoder.parent):
        size += f"; {counted.parameters:,} without a head, by {encoder.parent / 'config.json'}"
    if column == "billions":
        return Number(made["billions"], (size,), encoders=(encoder,))
    plus, minus = (of_parts(made[name], cells, "mean", table) for name in ("plus", "minus"))
    assert plus.value is not None and minus.value is not None
    value, left = plus.value - minus.value, 100 - minus.value
    direct = (f"{word(minus.value)} without it, the sum of:", *(f"  {line}" for line in minus.words))
    if column == "direct":
        return Number(minus.value, (*direct, size), minus.cells)
    after = (f"{word(plus.value)} after the intermediate training, the sum of:", *(f"  {line}" for line in plus.words))
    words = [*after, *direct, f"{word(value)} the difference, the gain"]
    if column == "of_what_was_left":
        words.append(f"it is divided by the {word(left)} that were left to gain, in percent")
    shown = value if column == "gain" else 100 * value / left if left else None
    return Number(shown, (*words, size), tuple(dict.fromkeys([*plus.cells, *minus.cells])))


def of_repeats(found: Mapping[str, Any], fields: Mapping[str, str], column: str) -> Number:
    """Follow a speed of a study: the median over repeats."""
    known = found["repeats"][fields["cell"]]
    if column not in known:
        raise UserError(f"speeds.csv: column {column!r} was not measured there; known: {' '.join(known)}")
    words = [f"the median of {len(known[column])} measurements, of {found['measured']}:"]
    words += [f"{value:>12.6f}" for value in known[column]]
    return Number(median(known[column]), tuple(words), served=_served(found, fields["task"], fields["model"]))


def of_steps(manifest: Path, fields: Mapping[str, str], column: str) -> Number:
    """Follow how fast an arm of a study trains: a column of ``speed.csv``, from the measured steps by repeat."""
    found = read_manifest(manifest)
    own = [one for one in read_steps(found) if (one["arm"], one["batching"]) == (fields["arm"], fields["batching"])]
    row = speeds(own, found, {})[0]
    how = f"of {len(own)} measured steps in {manifest.parent / FILE}"
    if column == "hours_to_english_dev":
        how = f"the part of hours_to_finish after which it has the English arm's dev score, by its histories; {how}"
    elif not is_number(str(row[column])):
        raise UserError(f"speed.csv: column {column!r} was not measured there; its numbers are of steps: {FIGURES}")
    words = [how]
    for repeat in dict.fromkeys(one["repeat"] for one in own):
        block = [one for one in own if one["repeat"] == repeat]
        seconds, tokens = (sum(one[name] for one in block) for name in ("seconds", "tokens"))
        words.append(f"repeat {repeat}: {len(block)} steps, {seconds:.3f} s, {tokens:,} tokens")
    printed = fields[column] if column == "hours_to_english_dev" else row[column]
    return Number(float(printed) if is_number(str(printed)) else None, tuple(words))


def of_ratio(found: Mapping[str, Any], fields: Mapping[str, str], column: str) -> Number:
    """Follow what one model takes over what another takes, or its interval: from both, round by round."""
    if column not in RATIO:
        raise UserError(f"contrasts.csv: column {column!r} is no number; known: {' '.join(RATIO)}")
    own, other = (found["ratios"][fields["contrast"]][name] for name in ("plus", "minus"))
    known = ratio(own, other)
    value = None if known is None else float(getattr(known, column))
    what = {"value": "the geometric mean", "rounds": "the number"}.get(
        column, "a bound of Student's 95 % interval of the geometric mean"
    )
    words = [f"{what} of these ratios of {fields['plus']} to {fields['minus']}, of {found['measured']}:"]
    for one, two in zip(own, other, strict=False):
        words.append(f"{word(one / two if one and two else None):>12}  {word(one)} s over {word(two)} s")
    served = _served(found, found["task"], fields["plus"], fields["minus"])
    return Number(value, tuple(words), served=served)


def _served(found: Mapping[str, Any], task: str, *models: str) -> Served:
    """Return which trainings answered; merged, they are their arm's."""
    return Served(Path(found["measured"]), tuple(name.removesuffix(" (merged)") for name in models), task)
