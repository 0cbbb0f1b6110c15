"""Optimiser steps a second at the paper's batch sizes, against the floor of such a step on this machine.

The floor is what no implementation of the same step can go below: its multiplications (without padding) at the
measured matrix-product peak, then what the step must move at the measured speed of copying. AdamW with float32 weights
reads weight, gradient and two moments of each parameter and writes three of them (28 bytes); the gradient is written
once (4) and read once for its norm (4).
"""

from dataclasses import replace
from typing import Any

from benchmarks import ceilings
from benchmarks.figure import Setting, main
from benchmarks.material import CASES, case_settings, encoder_config, open_case, shape
from benchmarks.timing import Contest, contest, spread

PAPER = (  # case, phase, batch size: config.yaml has the sources
    ("xnli", "intermediate", 24),
    ("xnli", "target", 4),
    ("pawsx", "target", 32),
    ("udpos", "target", 32),
    ("squad", "intermediate", 8),
    ("squad", "target", 16),
    ("hellaswag", "intermediate", 24),
    ("text", "intermediate", 8),
)
TOKENS = 6000  # of a repeat, about
BYTES = 36  # a parameter and step


def measure(setting: Setting) -> dict[str, Any]:
    """Measure each batch size, then a batch that grows."""
    limits = {"flops": [_limit(setting, "products")], "bytes": [_limit(setting, "copying")]}
    rows = [_row(setting, *entry) for entry in PAPER]
    growth = [
        {"times": times, **_row(setting, "xnli", "growing", (1 if setting.smallest else 4) * times)}
        for times in setting.growth
    ]
    limits["flops"].append(_limit(setting, "products"))
    limits["bytes"].append(_limit(setting, "copying"))
    best = {unit: max(values) for unit, values in limits.items()}
    for row in rows + growth:
        counts = row["sides"]["ours"]["counts"]
        floor = counts["flops"] / counts["steps"] / best["flops"] + BYTES * row["parameters"] / best["bytes"]
        row["floor_steps_per_second"] = 1 / floor
        row["share_of_floor"] = {key: rate * floor for key, rate in row["sides"]["ours"]["rate"].items()}
    limit = {f"{unit}_per_second": value for unit, value in best.items()}
    return {
        "rows": rows,
        "growth": growth,
        "limit": {**limit, "bytes_per_parameter": BYTES},
        "spread_of_limit": {unit: spread(values) for unit, values in limits.items()},
        "shape": shape(setting.smallest),
        "precision": ceilings.precision(),
    }


def _limit(setting: Setting, what: str) -> float:
    settings = {"precision": ceilings.precision(), "smallest": setting.smallest}
    unit = {"products": "flops", "copying": "bytes"}[what]
    row = contest(setting.on, Contest(what, unit, {"ours": f"benchmarks.ceilings:{what}"}, settings))
    rate: float = row["sides"]["ours"]["rate"]["median"]
    return rate


def _row(setting: Setting, name: str, phase: str, batch: int) -> dict[str, Any]:
    case = replace(CASES[name], batch_size=batch)
    mean = {"xnli": 40, "pawsx": 60, "udpos": 20, "squad": 200, "hellaswag": 400, "text": 40}[name]  # tokens, about
    steps = 1 if setting.smallest else max(3, TOKENS // (mean * batch))
    settings = case_settings(setting, case, steps * batch) | {"scratch": str(setting.scratch)}
    what = Contest(f"{name} {phase} {batch}", "steps", {"ours": "benchmarks.training:ours"}, settings)
    row = contest(setting.on, what)
    opened = open_case(settings)
    return {**row, "batch": batch, "phase": phase, "parameters": parameters(encoder_config(opened))}


def parameters(config: dict[str, Any]) -> int:
    """Return the number of parameters of an encoder, its head left out (a thousandth of it)."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    block = 4 * hidden * (hidden + 1) + 2 * hidden * inner + hidden + inner + 4 * hidden
    embedding = (config["vocab_size"] + config["max_position_embeddings"] + config["type_vocab_size"] + 2) * hidden
    return int(config["num_hidden_layers"] * block + embedding)


if __name__ == "__main__":
    main("steps", measure)
