"""Does intermediate training with adapters change how fast a model answers, against training all of it?

The null test comes first: adapters that are merged are the very network that a whole training leaves, and must take as
long; where that does not show, the harness cannot tell, and there is no answer.

In the manner of MLPerf's Open division, unverified: never an MLPerf result.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xstilts.artifacts import read_manifest
from xstilts.config.study import WHOLE
from xstilts.files import dump_json, read_json, write_text
from xstilts.reporting.figures.style import COLOURS
from xstilts.reporting.render import write_cells
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import csv_text
from xstilts.studies.comparison import NO, UNKNOWN, YES
from xstilts.studies.costs import COLUMNS as COSTS
from xstilts.studies.costs import arm_costs, read_predicted
from xstilts.studies.figures import intervals, points
from xstilts.studies.paired import PRIMARY, RATIO, Ratio, ratio
from xstilts.studies.serve import FILE
from xstilts.studies.served import Scores, lacking, page, scores_by_arm, speeds, write_arms, write_speeds

MEASURES = {"latency": "a query's latency", "processor": "the processor's time a query"}
MEANS = {
    YES: "Adapters as they are change how long an answer takes; merged, nothing is left of it.",
    NO: "Adapters as they are change nothing that counts in how long an answer takes.",
    UNKNOWN: "Whether adapters change how long an answer takes, these measurements do not tell.",
}


@dataclass(frozen=True)
class Compared:
    """A model against the one trained whole after the same arm, or that one against no intermediate training."""

    plus: str
    minus: str
    kind: str  # primary, null, secondary
    by: Mapping[str, Ratio | None]  # of latency, of the processor's time


def rule(measure: str, primary: tuple[str, str], share: float, rounds: int) -> str:
    """Return the rule in words."""
    return (
        "The rule, fixed beforehand in the study's configuration and module. What decides is "
        f"{MEASURES[measure]}, where two models answer the same queries of the first task, a query each by turns: of a "
        "GPU the latency, of a CPU the processor's time, as a latency there holds what others do on the machine. The "
        "primary comparison is "
        f"{primary[0]} over {primary[1]}. **Null test**: merged adapters over the whole training, the same network: "
        f"each 95 % interval must lie within {share:g} % of equal, else there is no answer. **yes**: the primary "
        f"interval lies wholly beyond {share:g} %. **no**: it lies wholly within. **not identified**: all else, and "
        f"fewer than {rounds} rounds."
    )


def compare(found: Mapping[str, Any]) -> list[Compared]:
    """Return the comparisons on the first task, the primary one first, then the null test; ``found`` was measured."""
    return [
        Compared(one["plus"], one["minus"], one["kind"], {name: ratio(**_both(one[name])) for name in MEASURES})
        for one in found["pairs"]
    ]


def _both(of_rounds: Mapping[str, Any]) -> dict[str, Any]:
    return {"own": of_rounds["plus"], "other": of_rounds["minus"]}


def decide(compared: Sequence[Compared], measure: str, percent: float, rounds: int) -> tuple[str, str, str]:
    """Return (verdict, reason, what the null test found)."""
    share = percent / 100
    null = [one for one in compared if one.kind == "null"]
    primary = next((one for one in compared if one.kind == "primary"), None)
    if primary is None or not null:
        return UNKNOWN, f"the rule needs {PRIMARY} as it is and merged", ""
    known = [(one, one.by[measure]) for one in (primary, *null)]
    words = "; ".join(_words(one, found) for one, found in known[1:])
    if lacking := [one.plus for one, found in known if found is None]:
        return UNKNOWN, f"no {MEASURES[measure]} of {', '.join(lacking)}", words
    ratios = [found for _, found in known if found is not None]
    if (fewest := min(found.rounds for found in ratios)) < rounds:
        return UNKNOWN, f"{fewest} rounds, and the rule needs {rounds}", words
    for one, found in known[1:]:
        if found is not None and not found.is_within(share):
            how = "failed" if found.is_beyond(share) or not found.lower <= 1 <= found.upper else "is too coarse"
            return UNKNOWN, f"the null test of the harness {how}: {_words(one, found)}, the same network", words
    own, said = ratios[0], _words(*known[0])
    if own.is_beyond(share):
        return YES, f"{said}, beyond the {percent:g} % fixed beforehand", words
    if own.is_within(share):
        return NO, f"{said}, within the {percent:g} % fixed beforehand", words
    return UNKNOWN, f"{said}, partly within and partly beyond the {percent:g} % fixed beforehand", words


def _words(one: Compared, found: Ratio | None) -> str:
    if found is None:
        return f"{one.plus}: not measured"
    return f"{one.plus} takes {found.value:.3f} times as long ({found.lower:.3f} to {found.upper:.3f}) as {one.minus}"


def answer(run: RunFolder, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write what the study found into its folder, ``run.tables``; see ``studies.job.run_study``.

    Args:
        run: the study.
        rows: of its ``scores.csv``.
    """
    study, model = run.settings["study"], run.settings["models"][0]
    chosen, share, rounds = study["serving"]["source"], study["smallest"], study["serving"]["rounds"]
    manifest = read_manifest(run.tables / "serving" / "manifest.json")
    empty: dict[str, Any] = {
        "tasks": [],
        "measured": {},
        "models": [],
        "pairs": [],
        "on_gpu": False,
        "device": "no device",
        "load_average": [],
    }
    if not manifest.reason:
        manifest.check()
    found = empty if manifest.reason else read_json(manifest.folder / FILE)
    measure = "latency" if found["on_gpu"] else "processor"
    compared = compare(found)
    verdict, reason, null = decide(compared, measure, share, rounds)
    primary = (f"{PRIMARY} after {chosen}", f"{WHOLE} after {chosen}")
    scores = scores_by_arm(run, rows)
    costs = arm_costs(study, run.settings["made"], read_predicted(run.tables / "predicted.csv"))
    told = {
        "name": run.settings["name"],
        "question": study["question"],
        "verdict": verdict,
        "means": MEANS[verdict],
        "reason": manifest.reason or reason,
        "rule": rule(measure, primary, share, rounds),
        "null_test": null,
        "price": "",
        "would_change": "A quieter machine or more rounds, where an interval is wide; another encoder, device or "
        "compiler, where it is not.",
    }
    write_text(run.tables / "verdict.json", dump_json(told))
    measured = speeds(found)
    write_speeds(run, measured, str(manifest.path))
    write_arms(run, scores, rows)
    write_contrasts(run, compared, measure, found, str(manifest.path))
    write_text(run.tables / "costs.csv", csv_text(costs, COSTS))
    write_cells(run.tables, "costs", model, run.settings["statistic"], jobs=run.settings["made"])
    few = lacking(run, rows)
    write_text(run.tables / "verdict.md", page(run, told, found, _lines(compared), measured, scores, costs, few))
    _draw(run, found, compared, measure, share, scores)


def _lines(compared: Sequence[Compared]) -> list[list[str]]:
    """Return the comparisons as rows of a table."""
    lines = []
    for one in compared:
        both = [_interval(one.by[name]) for name in ("processor", "latency")]
        rounds = max((found.rounds for found in one.by.values() if found), default=0)
        lines.append([f"{one.plus} over {one.minus}", one.kind, *both, str(rounds)])
    return lines


def _interval(found: Ratio | None) -> str:
    return "–" if found is None else f"{found.value:.3f} ({found.lower:.3f} to {found.upper:.3f})"


def write_contrasts(
    run: RunFolder, compared: Sequence[Compared], measure: str, found: Mapping[str, Any], manifest: str
) -> None:
    """Write ``contrasts.csv``, and the rounds of both models behind each of its ratios."""
    rows, behind = [], {}
    for one, of_rounds in zip(compared, found["pairs"], strict=True):
        for name, known in one.by.items():
            contrast = f"{one.plus} over {one.minus} in {name}"
            row = {"contrast": contrast, "kind": one.kind, "decides": name == measure}
            row |= {"plus": one.plus, "minus": one.minus, "of": name}
            rows.append(row | {key: getattr(known, key) if known else None for key in RATIO})
            behind[contrast] = of_rounds[name]
    head = ("contrast", "kind", "decides", "plus", "minus", "of", *RATIO)
    write_text(run.tables / "contrasts.csv", csv_text(rows, head))
    asked = {"task": next(iter(found["tasks"]), ""), "measured": manifest}
    write_cells(run.tables, "contrasts", "", run.settings["statistic"], ratios=behind, **asked)


def _draw(
    run: RunFolder,
    found: Mapping[str, Any],
    compared: Sequence[Compared],
    measure: str,
    share: float,
    scores: Scores,
) -> None:
    drawn = [(one, known) for one in compared if (known := one.by[measure]) is not None]
    colours = {"primary": COLOURS[4], "null": COLOURS[2], "secondary": COLOURS[1]}
    rows = []
    for one, known in drawn:
        value, lower, upper = (100 * (bound - 1) for bound in (known.value, known.lower, known.upper))
        rows.append((one.plus, value, lower, upper, colours[one.kind]))
    intervals(run.tables, rows, (-share, share), f"percent more of {MEASURES[measure]}")
    places, first = [], next(iter(found["tasks"]), "")
    for each in found["models"]:
        taken = found["measured"][first][each["name"]]["SingleStream"]
        values = [one["estimate" if measure == "latency" else "processor"] for one in taken]
        score = scores.get(each["arm"], {}).get(first)
        if score is not None and None not in values:
            places.append((each["name"], 1000 * statistics.median(values), score))
    points(run.tables, places, f"ms of {MEASURES[measure]}", "score")
