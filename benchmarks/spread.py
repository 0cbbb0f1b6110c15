"""How far a run's numbers go apart between processors: the run again for each kind of kernel that this one can take.

oneDNN and PyTorch take the widest instructions that they find, and what is trained with others ends in other weights.
Held to fewer (``ONEDNN_MAX_CPU_ISA``, ``ATEN_CPU_CAPABILITY``), a machine computes as others do:

    python -m benchmarks.spread --run demo          # every kind, one run after the other: each takes as long as the run
    python -m benchmarks.spread --run demo --only float32-avx2 float32-avx512

Each is a run of its own, ``results/spread-RUN-KIND``; data and features are shared, and the same command goes on after
an interruption. Of all that are finished it writes ``results/spread-RUN.{csv,md}``.
"""

import argparse
import csv
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.files import write_text
from xstilts.reporting.render import markdown_table, number
from xstilts.reporting.scores import csv_text

ROOT = Path(__file__).parents[1]
KEPT, TURNED, FAINT = "kept", "turned", "never clear of 0"


@dataclass(frozen=True)
class Kind:
    """One way to compute: what the processor must have, what holds the libraries to it, and the precision."""

    needs: str  # a flag of /proc/cpuinfo
    onednn: str
    aten: str
    precision: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables that hold the libraries to these instructions."""
        return {"ONEDNN_MAX_CPU_ISA": self.onednn, "ATEN_CPU_CAPABILITY": self.aten}


KINDS = {
    "float32-avx2": Kind("avx2", "AVX2", "avx2", "float32"),
    "float32-avx512": Kind("avx512f", "AVX512_CORE", "avx512", "float32"),
    "bfloat16-avx512": Kind("avx512_bf16", "AVX512_CORE_BF16", "avx512", "bfloat16"),
    "bfloat16-amx": Kind("amx_bf16", "AVX512_CORE_AMX", "avx512", "bfloat16"),
}


def flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """Return the instructions that this processor has, by the names of the Linux kernel."""
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    return {flag for line in lines if line.startswith("flags") for flag in line.partition(":")[2].split()}


def command(run: str, kind: str) -> list[str]:
    """Return the command line of the run of one kind."""
    return [
        *(sys.executable, "-m", "snakemake", "tables", "--configfile", f"config/runs/{run}.yaml"),
        *("--config", f"run=spread-{run}-{kind}", f"optimisation={{precision: {KINDS[kind].precision}}}"),
        *("--workflow-profile", "profiles/default", "--quiet", "host", "reason"),
    ]


def differences(path: Path) -> dict[tuple[str, str, str], dict[str, float]]:
    """Return by (source, task, metric) the differences to ``none`` of the main table, of a run's ``intervals.csv``."""
    found = {}
    with open(path, encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            if row["table"] == "main" and row["baseline"] == "none" and row["difference"]:
                numbers = {name: float(row[name]) for name in ("difference", "diff_lower", "diff_upper") if row[name]}
                found[row["source"], row["task"], row["metric"]] = numbers
    return found


def spread(runs: Mapping[str, Mapping[tuple[str, str, str], Mapping[str, float]]]) -> list[dict[str, Any]]:
    """Return for each difference its value in every run, the range, and whether it keeps its sign.

    ``clear_in`` names the runs whose 95 % interval holds no 0, where the figure shows the difference in full colour. A
    sign is kept when every run has it, and turned when one that is clear somewhere is the opposite elsewhere.
    """
    rows = []
    for place in dict.fromkeys(place for found in runs.values() for place in found):
        there = {name: found[place] for name, found in runs.items() if place in found}
        values = [one["difference"] for one in there.values()]
        clear = [name for name, one in there.items() if one.get("diff_lower", 0) > 0 or one.get("diff_upper", 0) < 0]
        same = min(values) > 0 or max(values) < 0
        rows.append(
            dict(zip(("source", "task", "metric"), place, strict=True))
            | {name: one["difference"] for name, one in there.items()}
            | {"least": min(values), "most": max(values), "clear_in": " ".join(clear)}
            | {"sign": (KEPT if same else TURNED) if clear else FAINT}
        )
    return rows


def written(rows: Sequence[Mapping[str, Any]], names: Sequence[str], stem: Path) -> None:
    """Write ``STEM.{csv,md}``: every difference, in Markdown those alone that are clear of 0 in some run."""
    columns = ["source", "task", "metric", *names, "least", "most", "clear_in", "sign"]
    write_text(stem.with_suffix(".csv"), csv_text(rows, columns))
    shown = [row for row in rows if row["sign"] != FAINT]
    lines = [
        [str(row["source"]), f"{row['task']} {row['metric']}".strip()]
        + [number(row.get(name), True) for name in (*names, "least", "most")]
        + [f"**{row['sign']}**" if row["sign"] == TURNED else row["sign"]]
        for row in shown
    ]
    kept = sum(row["sign"] == KEPT for row in shown)
    text = f"{kept} of {len(shown)} differences that are clear of 0 in some run keep their sign in all {len(names)}.\n"
    write_text(
        stem.with_suffix(".md"), f"{text}\n{markdown_table(['source', 'cell', *names, 'least', 'most', 'sign'], lines)}"
    )


def main(arguments: Iterable[str] | None = None) -> None:
    """Run what is missing and write the spread."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="demo", help="a run of config/runs (default: demo)")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), help="these kinds alone")
    options = parser.parse_args(arguments)
    has, results = flags(), ROOT / "results"
    for name in options.only:
        kind = KINDS[name]
        if kind.needs not in has:
            print(f"{name}: this processor has no {kind.needs}", file=sys.stderr)
            continue
        subprocess.run(command(options.run, name), cwd=ROOT, env=os.environ | kind.environment, check=True)
    paths = {name: results / f"spread-{options.run}-{name}/tables/intervals.csv" for name in KINDS}
    runs = {name: differences(path) for name, path in paths.items() if path.is_file()}
    stem = results / f"spread-{options.run}"
    written(spread(runs), list(runs), stem)
    print(stem.with_suffix(".md").read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()
