"""From a place in a table to the scores behind it, by what the table wrote down beside itself (``*.cells.json``)."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from xstilts.errors import DataError, UserError
from xstilts.files import read_json
from xstilts.planning.behind import Cells, Number, is_number, score_of, word
from xstilts.planning.studied import of_gain, of_jobs, of_parts, of_ratio, of_repeats, of_steps
from xstilts.planning.tables import ScoreRow, find_row, read_table, score_rows
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import COLUMNS
from xstilts.uncertainty.seeds import summarise

KNOWN = "main main_test scores languages languages/*; of a study arms contrasts costs gains speed speeds"
MEANS = ("mean", "mean_without_english", "gap", "english", "headline", "other")


def find_number(run: RunFolder, table: Path, row: str, column: str) -> Number:
    """Return a number of a table by its row and column.

    Args:
        run: of the table.
        table: ``main.csv``, ``main_test.csv``, ``scores.csv``, ``languages.csv`` or one of ``languages/``; of a study
            ``arms.csv``, ``contrasts.csv``, ``costs.csv``, ``gains.csv``, ``speed.csv`` or ``speeds.csv``.
        row: the first field of the row; of ``scores.csv``, ``languages.csv``, ``gains.csv`` and ``speed.csv``, which
            have several rows of a source, model or arm, fields that single one out, with commas.
        column: the column's name.

    Raises:
        UserError: a table, row or column that is not known; the message lists the known ones.
        DataError: the table's number is not that of its scores.
    """
    header, rows = read_table(table)
    folder = table.parent if header[0] == "language" else table
    beside = folder.with_name(f"{folder.stem}.cells.json")
    if table.name != "scores.csv" and not beside.is_file():
        raise UserError(f"{table}: not a table that can be followed back (no {beside}); known: {KNOWN}")
    fields = find_row(table, header, rows, row)
    if column not in header:
        raise UserError(f"{table}: unknown column {column!r}; known: {' '.join(header)}")
    if table.name == "scores.csv":
        number = _score(score_rows(run), fields, column)
    else:
        number = _made_of(read_json(beside), run, table, fields, column)
    printed = float(fields[column]) if is_number(fields[column]) else None
    if printed is None and number.value is None:
        return number
    if printed is None or number.value is None or abs(printed - number.value) > 1e-5:
        raise DataError(
            table, f"{fields[column] or 'nothing'} at {row}, {column}", f"{word(number.value)}, by its scores"
        )
    return number


def _score(cells: Iterable[ScoreRow], fields: dict[str, str], column: str) -> Number:
    if column != "value":
        raise UserError(f"scores.csv: column {column!r} has no scores behind it; known: value (of {' '.join(COLUMNS)})")
    names = ("model", "source", "target", "seed", "task", "language", "split", "metric")
    key = tuple(fields[name] for name in names)
    cell = next(cell for cell in cells if tuple(str(getattr(cell, name)) for name in names) == key)
    return Number(cell.value, (cell.reason,) if cell.value is None else (), (cell,))


def _cells(run: RunFolder, model: str) -> dict[tuple[Any, ...], ScoreRow]:
    return {
        (cell.source, cell.task, cell.split, cell.metric, cell.seed, cell.language): cell
        for cell in score_rows(run)
        if cell.model == model and cell.value is not None
    }


def _made_of(found: dict[str, Any], run: RunFolder, table: Path, fields: dict[str, str], column: str) -> Number:
    if "repeats" in found:
        return of_repeats(found, fields, column)
    if "ratios" in found:
        return of_ratio(found, fields, column)
    if "stepped" in found:
        return of_steps(Path(found["stepped"]), fields, column)
    if "gains" in found:
        model, encoder = fields["model"], run.folder / "models" / fields["model"] / "manifest.json"
        made = found["gains"][model][fields["task"]]
        return of_gain(made, fields, column, _cells(run, model), table, encoder)
    cells = _cells(run, found["model"])
    if "jobs" in found:
        return of_jobs(found["jobs"][fields["arm"]], column, fields[column])
    if "parts" in found:
        parts = found["parts"].get(next(iter(fields.values())), {})
        if column not in parts and not is_number(fields[column]) and fields[column]:
            raise UserError(f"{table}: column {column!r} is no number; known: {' '.join(parts)}")
        if (steps := found.get("timed", {}).get(fields.get("contrast"))) and fields[column]:
            how = "percent faster: the geometric mean of the repeats' ratios, or a bound of Student's 95 % interval"
            return Number(float(fields[column]), (f"{how}; the steps are those of {steps}",))
        if column not in parts:
            why = "it follows from the scores by resampling" if fields[column] else fields.get("reason", "")
            return Number(float(fields[column]) if fields[column] else None, (why,))
        others = {part["model"] for part in parts[column] if "model" in part}  # of a study of methods, one a number
        cells = _cells(run, others.pop()) if others else cells
        return of_parts(parts[column], cells, found["statistic"], table)
    numbers, statistic = found["numbers"], found["statistic"]
    if "headline" not in found:
        return _main(numbers[fields["source"]], found, cells, table, fields["source"], column)
    if "column" in fields:
        if column not in MEANS:
            raise UserError(f"{table}: column {column!r} is no score; known: {' '.join(MEANS)}")
        return _languages(numbers[fields["source"]][fields["column"]], cells, statistic, found["headline"], column)
    if column == "language":
        raise UserError(f"{table}: column 'language' is a name; known: {' '.join(numbers)}")
    made = next(
        one for name, one in numbers[column].items() if table.stem in (name, f"{one['task']}_{one['metrics'][0]}")
    )
    return _languages(made, cells, statistic, found["headline"], fields["language"])


def _main(
    numbers: Mapping[str, Any], found: Mapping[str, Any], cells: Cells, table: Path, row: str, column: str
) -> Number:
    """Follow a number of a main table."""
    if column not in numbers:
        raise UserError(f"{table}: column {column!r} is a name, not a number; known: {' '.join(numbers)}")
    made, chosen = numbers[column], found["choices"].get(row, {})
    if "reason" in made:
        return Number(None, (made["reason"],))
    if "mean" not in made:
        number = _difference(made, cells, found["statistic"], table)
        why = [chosen[made["task"]]] if made["task"] in chosen else []
        return Number(number.value, (*why, *number.words), number.cells)
    words = [
        f"the mean of {len(made['mean'])} task scores; a question answering task counts as the mean of F1 and exact "
        "match"
    ]
    parts: list[Number] = []
    for name in made["mean"]:
        part = numbers[name]
        parts.append(_difference(part, cells, found["statistic"], table))
        metrics = " and ".join(part["metrics"])
        words.append(f"  {part['task']:<10} {word(parts[-1].value)}  ({metrics}, {part['split']})")
        words += [f"             {chosen[part['task']]}"] if part["task"] in chosen else []
    value = fmean(part.value for part in parts if part.value is not None)
    return Number(value, tuple(words), tuple(dict.fromkeys(cell for part in parts for cell in part.cells)))


def _difference(made: Mapping[str, Any], cells: Cells, statistic: Any, table: Path) -> Number:
    """Follow the score of one source on one task, as a difference where something is taken off."""
    value, behind = score_of(made, cells, made["source"], made["seeds"], statistic, table)
    over = f"{statistic} over seeds {' '.join(map(str, made['seeds']))}"
    mean = f"of the mean over {len(made['languages'])} languages ({' '.join(made['languages'])})"
    words = [f"{word(value)} {made['source']}: {over} {mean}, split {made['split']}"]
    if made["minus"]:
        base, others = score_of(made, cells, made["minus"], made["base_seeds"], statistic, table)
        same = made["seeds"] == made["base_seeds"]
        seeds = "the same" if same else f"the same languages and seeds {' '.join(map(str, made['base_seeds']))}"
        words += [f"{word(base)} {made['minus']}: over {seeds}"]
        value, behind = value - base, [*behind, *others]
        words += [f"{word(value)} the difference, which the table shows"]
    return Number(value, tuple(words), tuple(behind))


def _languages(made: Mapping[str, Any], cells: Cells, statistic: Any, headline: Sequence[str], column: str) -> Number:
    """Follow a language, or an average over languages, of one source; each language over the seeds that have it."""
    (metric,) = made["metrics"]
    behind = {
        language: [
            cells[key]
            for seed in made["seeds"]
            if (key := (made["source"], made["task"], made["split"], metric, seed, language)) in cells
        ]
        for language in made["languages"]
    }
    values = {
        language: summarise([cell.value for cell in own if cell.value is not None], statistic)
        for language, own in behind.items()
    }
    if column not in MEANS:
        own = behind.get(column, [])
        said = f"the {statistic} over seeds {' '.join(str(cell.seed) for cell in own)}, split {made['split']}"
        return Number(values[column], (said,), tuple(own)) if own else Number(None, ("no score",))
    chosen = {
        "mean": list(values),
        "english": [code for code in values if code == "en"],
        "headline": [code for code in values if code != "en" and code in headline],
        "other": [code for code in values if headline and code not in ("en", *headline)],
    }.get(column, [code for code in values if code != "en"])
    if not chosen or (column == "gap" and "en" not in values):
        return Number(None, ("no score",))
    value = fmean(values[code] for code in chosen)
    words = [f"{word(value)} the mean over {' '.join(chosen)} of the {statistic} over seeds"]
    if column == "gap":
        words.append(f"{word(values['en'])} English, minus that mean: the gap")
        value, chosen = values["en"] - value, list(values)
    return Number(value, tuple(words), tuple(cell for code in chosen for cell in behind[code]))
