"""What a training's time goes into, operator by operator: ours beside Trainer with length grouping, on XNLI.

It says what stops the longer trainings of `benchmarks.training, growth`, where grouping finds many rows of one length.
Profiling slows both sides, and more the one with more operators: read the shares of products and the seconds of kinds.

    python -m benchmarks.operators --mirror DIR
"""

import time
from collections import defaultdict
from dataclasses import replace
from typing import Any

from benchmarks import training
from benchmarks.figure import Setting, make_figure, options
from benchmarks.material import CASES, case_settings
from benchmarks.tables import machine_lines
from benchmarks.timing import Contest, Counts, Prepare, contest
from xstilts.files import write_text

STEPS = 64
KINDS = {
    "products": ("mm", "addmm", "bmm", "baddbmm", "linear"),
    "casts and copies": (
        "copy_",
        "_to_copy",
        "clone",
        "contiguous",
        "cat",
        "index_copy",
        "index_select",
        "fill_",
        "zero_",
    ),
    "random bits": ("bernoulli_", "random_", "uniform_", "randint"),
    "GELU, softmax, LayerNorm": (
        *("gelu", "gelu_backward", "_softmax", "_softmax_backward_data", "_log_softmax", "_log_softmax_backward_data"),
        *("native_layer_norm", "native_layer_norm_backward"),
    ),
    "optimiser": ("_fused_adamw_", "linalg_vector_norm", "_foreach_norm"),
    "sums and products of numbers": (
        "add",
        "add_",
        "mul",
        "mul_",
        "div",
        "div_",
        "sub",
        "sum",
        "where",
        "masked_fill_",
    ),
}
REST = ("other operators", "no operator: Python, NumPy, the profiler")


def measure(setting: Setting) -> dict[str, Any]:
    """Profile one training of each side, after one that is not looked at."""
    case = CASES["xnli"]
    settings = case_settings(setting, case, (1 if setting.smallest else STEPS) * case.batch_size)
    settings |= {"scratch": str(setting.scratch), "smallest": setting.smallest}
    sides = {name: f"benchmarks.operators:{name}" for name in ("ours", "grouped")}
    once = replace(setting.on, repeats=min(1, setting.on.repeats))  # adding up what was seen takes longer than the work
    return {"rows": [contest(once, Contest("xnli", "steps", sides, settings))]}


def ours(settings: dict[str, Any]) -> Prepare:
    """Profile this project's loop."""
    return profiled(training.ours(settings))


def grouped(settings: dict[str, Any]) -> Prepare:
    """Profile Trainer with length grouping."""
    return profiled(training.grouped(settings))


def profiled(prepare: Prepare) -> Prepare:
    """Return the same work under PyTorch's profiler; it counts seconds by kind of operator, and of what is none."""
    from torch.profiler import ProfilerActivity, profile

    kinds = {f"aten::{name}": kind for kind, names in KINDS.items() for name in names}

    def prepared() -> Any:
        work = prepare()

        def profiled_work() -> Counts:
            with profile(activities=[ProfilerActivity.CPU]) as seen:
                began = time.perf_counter()
                counts = work()
                took = time.perf_counter() - began
            found: dict[str, float] = defaultdict(float)
            for entry in seen.key_averages():
                if entry.key.startswith("aten::"):
                    found[kinds.get(entry.key, REST[0])] += entry.self_cpu_time_total / 1e6
            found[REST[1]] = took - sum(found.values())
            return counts | {f"seconds: {kind}": seconds for kind, seconds in found.items()} | {"seconds": took}

        return profiled_work

    return prepared


def table(found: dict[str, Any]) -> str:
    """Return seconds and shares by kind of operator and side."""
    row = found["rows"][0]
    sides = {side: entry["counts"] for side, entry in row["sides"].items()}
    head = ["of the time", *(word for side in sides for word in (f"{side}, s", "share"))]
    lines = [*machine_lines(found), "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for kind in [*KINDS, *REST, "all"]:
        cells = [kind]
        for counts in sides.values():
            seconds = counts["seconds"] if kind == "all" else counts.get(f"seconds: {kind}", 0.0)
            cells += [f"{seconds:.2f}", f"{100 * seconds / counts['seconds']:.0f} %"]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [f"{side}: {why}" for side, why in row["absent"].items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write ``operators.json`` and ``operators.md``."""
    given = options()
    found = make_figure("operators", measure, given)
    write_text(given.output / "operators.md", table(found))


if __name__ == "__main__":
    main()
