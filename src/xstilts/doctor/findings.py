"""What a check found: one line with a state, and how a page of them is printed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line; a problem keeps the run from starting, a warning does not."""

    state: State
    text: str


def ok(text: str) -> Finding:
    """Return a line about what is as it should be."""
    return Finding("ok", text)


def warning(text: str) -> Finding:
    """Return a line about what the run can start without."""
    return Finding("warning", text)


def problem(text: str) -> Finding:
    """Return a line about what the run cannot start without."""
    return Finding("problem", text)


def page(sections: dict[str, list[Finding]]) -> str:
    """Return the findings by section, and whether the run can start."""
    lines = []
    for title, findings in sections.items():
        lines.append(title)
        lines += [f"  {finding.state:8} {finding.text}" for finding in findings]
        lines.append("")
    counted = count(finding for findings in sections.values() for finding in findings)
    warnings = f"{counted['warning']} warning{'' if counted['warning'] == 1 else 's'}"
    if counted["problem"]:
        problems = f"{counted['problem']} problem{'' if counted['problem'] == 1 else 's'}"
        lines.append(f"The run cannot start: {problems}, {warnings}.")
    else:
        lines.append(f"The run can start: {warnings}.")
    return "\n".join(lines)


def count(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many findings there are of each state."""
    states = [finding.state for finding in findings]
    return {state: states.count(state) for state in ("ok", "warning", "problem")}
