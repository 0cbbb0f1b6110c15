"""Systems measured in turns: all of them once, then all of them in the reverse order, and so on (ABBA).

What the machine does meanwhile, and what warms up or throttles, so falls on all alike. Beside the latencies stand the
processor's seconds of the answers: of a machine that others use too, they hold little of what others do.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from xstilts.serving.names import Scenario
from xstilts.serving.scenarios import Load, Measured, System, peak

Measure = Callable[[System, int, Load], Measured]
Clock = Callable[[], float]
FEW: dict[Scenario, int] = {"MultiStream": 2, "Server": 1}  # repeats at most: they take long


@dataclass(frozen=True)
class Taken:
    """A measurement, and the processor's seconds a sample."""

    measured: Measured
    processor: float | None  # None: not measured


def measure_all(
    systems: Mapping[str, tuple[System, int]],
    loads: Mapping[Scenario, Load],
    measure: Measure,
    repeats: int,
    everywhere: Collection[str] | None = None,
    say: Callable[[str], None] = lambda line: None,
    processor: Clock = time.process_time,
) -> dict[str, dict[Scenario, list[Taken]]]:
    """Measure every system, in turns.

    Args:
        systems: by name what answers, and how many samples it knows.
        loads: by scenario; Server's search starts at its rate, or where that is 0 at that of a scenario before it.
        measure: puts a load on a system: LoadGen's or the twin's.
        repeats: of each system; in some scenarios so many at most as ``FEW`` says.
        everywhere: systems that meet all loads, None: all; the others meet SingleStream alone.
        say: takes a line of progress.
        processor: seconds that the processor has spent on this process.
    """
    found: dict[str, dict[Scenario, list[Taken]]] = {name: {} for name in systems}
    for name, (system, there) in systems.items():
        measure(system, there, Load("Offline", 0.9, 0.0, 64))
        say(f"{name}: warmed up")
    for scenario, load in loads.items():
        chosen = [name for name in systems if scenario == "SingleStream" or everywhere is None or name in everywhere]
        for number in range(min(repeats, FEW.get(scenario, repeats))):
            for name in chosen if number % 2 == 0 else chosen[::-1]:
                before = [one[0].measured.rate for one in found[name].values()]
                taken = _once(*systems[name], load, measure, max(before, default=1.0), processor)
                if taken is not None:
                    found[name].setdefault(scenario, []).append(taken)
            say(f"{scenario}: {number + 1}")
    return found


def _once(system: System, there: int, load: Load, measure: Measure, start: float, processor: Clock) -> Taken | None:
    spent = [0.0]

    def watched(asked: list[int]) -> None:
        began = processor()
        system(asked)
        spent[0] += processor() - began

    if load.scenario != "Server":
        measured = measure(watched, there, load)
        return Taken(measured, spent[0] / max(1, measured.samples))
    held = peak(lambda rate: measure(system, there, replace(load, rate=rate)), load.rate or start)
    return None if held is None else Taken(held, None)
