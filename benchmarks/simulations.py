"""How often intervals cover, verdicts are wrong and marks are found, in runs whose truth is known.

`python -m benchmarks.simulations` writes the table of docs/metrics.md. Each run is drawn from normal distributions:
a source has a true score on each task, a training deviates by its seed, on development and test data alike, and items
add noise of their own for each source and for each training. The functions under test are those of the workflow; what
resampling itself does with real items is tested in tests/unit/uncertainty.
"""

import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.tasks import task as task_entry
from xstilts.tasks.benchmark import XTREME
from xstilts.uncertainty.best import best_intervals, best_of, whole_scores
from xstilts.uncertainty.intervals import intervals
from xstilts.uncertainty.resampling import Array, TaskDraws

TASKS = tuple(XTREME.tasks)
NO_DEV = ("xquad", "tydiqa", "tatoeba")
BY_SOURCE, BY_TRAINING = 0.5, 0.5  # standard deviations of the noise of items, in points


@dataclass(frozen=True)
class Case:
    """One kind of run.

    ``spread`` is the standard deviation over seeds in points; ``uneven`` that of its logarithm over tasks, over sources
    and over single cells. ``effects`` are the standard deviation of true scores over sources, and over single cells.
    """

    sources: int
    seeds: int
    spread: float
    uneven: tuple[float, float, float] = (0.0, 0.0, 0.0)
    effects: tuple[float, float] = (0.0, 0.0)
    gain: float = 0.0


@dataclass(frozen=True)
class Simulated:
    """The draws of a run by task and split, those of halves of test items, and its true scores (sources, tasks)."""

    drawn: Mapping[tuple[str, str], TaskDraws]
    halved: Mapping[tuple[str, str], tuple[TaskDraws, TaskDraws]]
    truth: Array
    names: tuple[str, ...]


def simulate(rng: np.random.Generator, case: Case, resamples: int = 1000, dev: bool = True) -> Simulated:
    """Draw a run of XTREME's nine tasks; ``none`` is its first source, and ``gain`` that of s1 on XNLI alone."""
    names = ("none", *(f"s{number + 1}" for number in range(case.sources)))
    count, tasks = len(names), list(TASKS)
    truth = 60 + case.effects[0] * rng.standard_normal((count, 1)) + case.effects[1] * rng.standard_normal((count, 9))
    truth[0] = 60
    truth[1, TASKS.index("xnli")] += case.gain
    by_task, by_source, by_cell = (
        np.exp(sd * rng.standard_normal(shape) - sd**2 / 2)
        for sd, shape in zip(case.uneven, ((1, 9), (count, 1), (count, 9)), strict=True)
    )
    spread = case.spread * by_task * by_source * by_cell
    seeds = rng.standard_normal((count, case.seeds, 9)) * spread[:, None]
    drawn, halved = {}, {}
    for place, task in enumerate(tasks):
        true = truth[:, place, None] + seeds[:, :, place]
        parts = [_part(rng, task, names, true, resamples, 2**0.5) for _ in range(2)]
        drawn[task, "test"] = _joined(parts)
        halved[task, "test"] = parts[0], parts[1]
        if dev and task not in NO_DEV:
            drawn[task, "dev"] = _part(rng, task, names, true, resamples, 1.0)
    return Simulated(drawn, halved, truth, names)


def _part(
    rng: np.random.Generator, task: str, names: Sequence[str], true: Array, resamples: int, scale: float
) -> TaskDraws:
    count, seeds = true.shape
    metrics = task_entry(task).metrics
    shape = (count, seeds, len(metrics), 1 + resamples)
    noise = BY_SOURCE * rng.standard_normal((count, 1, 1, 1 + resamples), dtype=np.float32)
    noise = scale * (noise + BY_TRAINING * rng.standard_normal(shape, dtype=np.float32))
    values = (true[:, :, None] + noise[..., 0]).reshape(count * seeds, -1)
    draws = noise[..., 1:].reshape(count * seeds, len(metrics), resamples)
    arms = tuple((name, seed) for name in names for seed in range(seeds))
    return TaskDraws(task, arms, metrics, ("de", "en"), 1000, values, draws, units=1000)


def _joined(parts: Sequence[TaskDraws]) -> TaskDraws:
    first, second = parts
    values, draws = (first.values + second.values) / 2, (first.draws + second.draws) / 2
    return TaskDraws(first.task, first.arms, first.metrics, first.languages, 2000, values, draws, units=2000)


def best_average(rng: np.random.Generator, case: Case) -> dict[str, bool]:
    """Say whether the intervals of best-paper's average on test, and of its gain, hold the truth of what was chosen."""
    run = simulate(rng, case)
    splits = dict.fromkeys(TASKS, "test")
    selection, chosen = {}, {}
    for task in TASKS:
        place = (task, "test" if task in NO_DEV else "dev")
        selection[task] = whole_scores(run.drawn[place])
        found = best_of(selection[task], run.names[1:], range(case.seeds), "mean")
        assert found is not None
        chosen[task] = found
    rows = best_intervals(
        {place: draws for place, draws in run.drawn.items() if place[1] == "test"},
        {"main_test": splits},
        "best-paper",
        chosen,
        selection,
        run.names[1:],
        range(case.seeds),
        expected=lambda task, split: ("de", "en"),
        seed=int(rng.integers(1 << 30)),
        halved={(task, "test"): run.halved[task, "test"] for task in NO_DEV},
    )
    row = next(row for row in rows if row.task == "avg")
    true = np.mean([run.truth[run.names.index(chosen[task]), place] for place, task in enumerate(TASKS)])
    assert row.diff_lower is not None and row.diff_upper is not None
    return {
        "score": row.lower <= true <= row.upper,
        "gain": row.diff_lower <= true - 60 <= row.diff_upper,
        "gain above 0": row.diff_lower > 0,
    }


def marks(rng: np.random.Generator, case: Case) -> dict[str, bool]:
    """Say whether any difference without a true one is marked, and whether the one of ``gain`` is."""
    run = simulate(rng, case, 4000, dev=False)
    table = {"main": dict.fromkeys(TASKS, "test")}
    rows = intervals({}, table, resamples=4000, seed=int(rng.integers(1 << 30)), drawn=dict(run.drawn))
    marked = {(row.source, row.task) for row in rows if row.p_holm is not None and row.p_holm <= 0.05}
    gained = {("s1", "xnli")} if case.gain else set()
    average = ("s1", "avg_available")
    inside = [
        row.diff_lower <= run.truth[run.names.index(row.source), TASKS.index(row.task)] - 60 <= row.diff_upper
        for row in rows
        if row.diff_lower is not None and row.diff_upper is not None and row.task in TASKS
    ]
    return {
        "false mark": bool({place for place in marked if not place[1].startswith("avg")} - gained),
        "marked": ("s1", "xnli") in marked,
        "average marked": average in marked,
        "interval": float(np.mean(inside)) if inside else 0.0,  # type: ignore[dict-item]
    }


def shares(measure: Callable[[np.random.Generator, Case], dict[str, bool]], case: Case, runs: int) -> dict[str, float]:
    """Return how often each thing that ``measure`` says was so, in percent."""
    found = [measure(np.random.default_rng([number, runs]), case) for number in range(runs)]
    return {name: 100 * float(np.mean([one[name] for one in found])) for name in found[0]}


BEST = [
    Case(sources, seeds, 1.0, effects=effects)
    for effects in ((0.0, 0.0), (0.7, 0.7))
    for sources in (4, 9)
    for seeds in (3, 5)
]
UNEVEN = {
    "all alike": (0.0, 0.0, 0.0),
    "tasks and sources differ": (0.5, 0.3, 0.0),
    "single cells differ too": (0.5, 0.3, 0.3),
}


def of_best(runs: int) -> None:
    """Print how often the intervals of best-paper's average cover."""
    print(
        f"{runs} runs a case.\n\n| sources, seeds, true scores | score covered | gain covered |\n| --- | ---: | ---: |"
    )
    for case in BEST:
        found = shares(best_average, case, runs)
        kind = "equal" if not any(case.effects) else "differ by 1 point (sd)"
        print(f"| {case.sources}, {case.seeds}, {kind} | {found['score']:.1f} | {found['gain']:.1f} |", flush=True)


def of_marks(runs: int) -> None:
    """Print how often nothing is marked, how often a gain is, and how often intervals of differences cover."""
    fewer = max(20, runs // 3)
    print(f"\n{runs} runs a case, {fewer} of a gain.\n")
    print("| spread over seeds, seeds | a false mark in a run | intervals cover | gain of 8 marked |")
    print("| --- | ---: | ---: | ---: |")
    for name, uneven in UNEVEN.items():
        for seeds in (3, 5):
            none = shares(marks, Case(9, seeds, 0.7, uneven), runs)
            some = shares(marks, Case(9, seeds, 0.7, uneven, gain=8.0), fewer)
            found = f"{none['false mark']:.1f} | {none['interval']:.1f} | {some['marked']:.1f}"
            print(f"| {name}, {seeds} | {found} |", flush=True)
    print("\n| gain in points | marked with 3 seeds | with 5 seeds |\n| --- | ---: | ---: |")
    for gain in (2.0, 3.0, 4.0):
        three, five = (shares(marks, Case(9, seeds, 0.7, gain=gain), fewer)["marked"] for seeds in (3, 5))
        print(f"| {gain:.0f} | {three:.1f} | {five:.1f} |", flush=True)


def main(which: str) -> None:
    """Print the tables in Markdown; ``best`` or ``marks`` picks one half of them."""
    started = time.monotonic()
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}\n")
    if which in ("", "best"):
        of_best(200)
    if which in ("", "marks"):
        of_marks(40)
    print(f"\n{time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
