"""The rule of decision of every study: the comparison, the smallest effect and the seeds were fixed beforehand."""

from collections.abc import Mapping, Sequence
from typing import Any

from xstilts.reporting.render import TITLES, number
from xstilts.studies.comparison import NO, UNKNOWN, YES
from xstilts.studies.measure import Finding


def rule(study: Mapping[str, Any], name: str) -> str:
    """Return the rule in words."""
    chance = " Trainings on a target that learned nothing count at their scores, where another arm learned it."
    return (
        f"The rule, fixed beforehand in the study's configuration and module: the primary comparison is {name}. "
        f"**no**: its 95 % interval lies below {study['smallest']:g} points, the smallest effect that counts. "
        f"**yes**: it reaches them and lies above 0, and still does when any one {study['apart']} is left out. "
        f"**not identified**: all else, and fewer than {study['least_seeds']} seeds or two {study['apart']}s, a "
        "missing score, or trainings that failed so that too few seeds are left."
        + (chance if study["unlearned"] == "counted" else "")
    )


def rule_of_speed(study: Mapping[str, Any], name: str) -> str:
    """Return in words the rule of a study whose primary comparison is of speed."""
    return (
        f"The rule, fixed beforehand in the study's configuration and module: the primary comparison is {name}. "
        f"**yes**: the 95 % interval of the ratio lies within {study['smallest']:g} % of equal. **no**: it lies wholly "
        f"outside. **not identified**: all else, and fewer than {study['speed']['repeats']} repeats."
    )


def decide_speed(study: Mapping[str, Any], primary: Finding) -> tuple[str, str]:
    """Return (verdict, reason in a sentence) on whether two arms are equally fast.

    Args:
        study: its settings: ``smallest`` difference in percent, repeats of ``speed``.
        primary: the primary comparison.
    """
    smallest, needed = study["smallest"], study["speed"]["repeats"]
    if primary.estimate is None or primary.lower is None or primary.upper is None:
        return UNKNOWN, primary.why
    if len(primary.seeds) < needed:
        return UNKNOWN, f"{len(primary.seeds)} repeats, and the rule needs {needed}"
    between = f"the interval {number(primary.lower, True)} % to {number(primary.upper, True)} %"
    if -smallest < primary.lower and primary.upper < smallest:
        return YES, f"{between} lies within the {smallest:g} % fixed beforehand"
    if primary.lower > smallest or primary.upper < -smallest:
        return NO, f"{between} lies outside the {smallest:g} % fixed beforehand"
    return UNKNOWN, f"{between} lies partly within and partly outside the {smallest:g} % fixed beforehand"


def decide(study: Mapping[str, Any], primary: Finding, without: Sequence[Finding]) -> tuple[str, str]:
    """Return (verdict, reason in a sentence).

    Args:
        study: its settings: ``smallest`` effect in points, ``least_seeds``.
        primary: the primary comparison.
        without: the same, each time without one of its tasks.
    """
    smallest, needed = study["smallest"], study["least_seeds"]
    if primary.estimate is None or primary.lower is None or primary.upper is None:
        return UNKNOWN, primary.why
    if len(primary.seeds) < needed:
        words = f"; {primary.lost}" if primary.lost else ""
        count = len(primary.seeds)
        return UNKNOWN, f"{count} {'seed' if count == 1 else 'seeds'} in both arms, and the rule needs {needed}{words}"
    if not without:
        return UNKNOWN, f"a single {study['apart']}, and the rule needs two, so that none can drive the answer alone"
    between = f"the interval {number(primary.lower, True)} to {number(primary.upper, True)}"
    if primary.upper < smallest:
        return NO, f"{between} lies below the {smallest:g} points fixed beforehand"
    if primary.lower <= 0:
        return UNKNOWN, f"{between} holds 0 and reaches over the {smallest:g} points fixed beforehand"
    for one in without:
        if one.lower is None or one.lower <= 0:
            task = TITLES.get(one.without, one.without)
            found = one.why or f"the interval is {number(one.lower, True)} to {number(one.upper, True)}"
            return UNKNOWN, f"{between} lies above 0, but {task} drives it: without it {found}"
    return YES, f"{between} lies above 0, with every {study['apart']} left out in turn too"


def what_would_change(verdict: str, primary: Finding, study: Mapping[str, Any], without: Sequence[Finding]) -> str:
    """Return in a sentence or two what other numbers would give another answer; arguments as of ``decide``."""
    if primary.lower is None or primary.upper is None:
        return "Trainings that do not fail, in these arms." if primary.lost else "The scores that are missing."
    width = primary.upper - primary.lower
    if primary.comparison.of != "score":
        return (
            "A quieter machine or more repeats, where the interval is wide; another kernel or device, where it is not."
        )
    if verdict == YES:
        apart = f"when one {study['apart']} is left out"
        return f"An interval that reaches 0: of further seeds, of another encoder, or {apart}."
    if verdict == NO:
        return f"An interval that reaches {study['smallest']:g} points: of another encoder, or of other data."
    if len(primary.seeds) < study["least_seeds"]:
        return f"At least {study['least_seeds']} seeds of both arms."
    if not without:
        return f"A second {study['apart']}."
    more = (width / max(study["smallest"], 1e-9)) ** 2
    seeds = max(len(primary.seeds) + 1, round(len(primary.seeds) * more))
    return (
        f"A narrower interval: it is {number(width)} points wide. If it shrank as the square root of the seeds grows, "
        f"one as wide as {study['smallest']:g} points would need about {seeds} of them; what the items leave open, no "
        "seed closes."
    )
