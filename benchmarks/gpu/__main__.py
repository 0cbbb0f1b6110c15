"""What only a GPU decides, in one call of at most eight minutes: `make gpu-check`.

Each check writes its numbers as soon as it has them, and one that fails, hangs or ends its process says so and stops no
other. The library is imported from this checkout, PyTorch and the rest as the machine has them. ``--smallest`` goes
through all of it on any device, a CPU too, and measures nothing.
"""

import argparse
import sys
import tempfile
from datetime import date
from pathlib import Path

import torch

from benchmarks.figure import OUTPUT
from benchmarks.gpu import apart, correct, fast
from benchmarks.gpu.setting import Check, Found, Where
from benchmarks.machine import versions
from xstilts.files import write_json, write_text

CHECKS: tuple[Check, ...] = (
    correct.kernel,
    correct.determinism,
    correct.copies,
    correct.synchronisation,
    fast.small_steps,
    fast.large_steps,
    fast.vocabulary_product,
    correct.attention,
    fast.optimiser,
    correct.float32,
    correct.graphs,
    correct.compiled,
    fast.compiled_steps,
    fast.graphed_steps,
    fast.checkpoints,
    fast.neighbours,
    fast.out_of_memory,
)


def run(where: Where, output: Path, wanted: list[str], checks: tuple[Check, ...] = CHECKS) -> Found:
    """Run the checks in turn; write ``gpu.json`` and ``gpu.md`` after each."""
    found: Found = {"machine": {"gpu": None}, "versions": versions(), "date": date.today().isoformat(), "checks": {}}
    for name, entry in apart.in_turn(where, [one for one in checks if not wanted or one.__name__ in wanted]):
        if name == "machine":
            found["machine"] = entry
            continue
        found["checks"][name] = entry
        print(f"{name}: {entry}", file=sys.stderr, flush=True)
        withdraw(found["checks"])
        write_json(output / "gpu.json", found)
        write_text(output / "gpu.md", table(found))
    return found


def withdraw(checks: dict[str, Found]) -> None:
    """Advise nothing whose own check failed, however fast it is."""
    for check, steps, setting in (("graphs", "graphed_steps", "graphed"), ("compiled", "compiled_steps", "compiled")):
        if "failed" in checks.get(check, {}) and "advice" in checks.get(steps, {}):
            checks[steps]["advice"] = f"optimisation: {{{setting}: false}}, as {check} failed"


def table(found: Found) -> str:
    """Return the checks as a table for docs/performance.md."""
    on = found["machine"]["gpu"] or "no GPU: nothing of this is a measurement"
    lines = [
        f"{on}; PyTorch {found['versions']['torch']}; {found['date']}.",
        "",
        "| check | of | found |",
        "| --- | --- | --- |",
    ]
    for name, entry in found["checks"].items():
        for key, value in entry.items():
            words = ", ".join(f"{one} {number}" for one, number in value.items()) if isinstance(value, dict) else value
            lines.append(f"| {name} | {key} | {words} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse, check, and say where the files lie; 1 when a check failed."""
    parser = argparse.ArgumentParser(description="Check and measure what only a GPU decides.")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--smallest", action="store_true", help="the least work, on any device: a test")
    parser.add_argument("--only", nargs="*", default=[], choices=[check.__name__ for check in CHECKS])
    given = parser.parse_args()
    if not torch.cuda.is_available() and not given.smallest:
        sys.exit("gpu-check: PyTorch sees no GPU here; --smallest goes through the checks on a CPU")
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    with tempfile.TemporaryDirectory() as scratch:
        found = run(Where(device, given.smallest, Path(scratch)), given.output, given.only)
    print(f"{given.output}: gpu.json gpu.md")
    sys.exit(any("failed" in entry for entry in found["checks"].values()))


if __name__ == "__main__":
    main()
