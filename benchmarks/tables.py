"""The figures' json as Markdown tables, a table a figure."""

import math
from collections.abc import Iterable
from typing import Any

Found = dict[str, dict[str, Any]]


def tables(found: Found) -> str:
    """Return a section a figure: machine, then a line a case with each side's rate, the ratios and the peak memory."""
    lines = machine_lines(next(iter(found.values())))
    for name, figure in found.items():
        lines += [f"### {name}", "", *_table(figure["rows"]), ""]
        for key in ("growth", "growth_nothing_to_do"):
            if key in figure:
                lines += [f"{name}, {key.replace('_', ' ')}:", "", *_growth(figure[key]), ""]
    return "\n".join(lines).rstrip() + "\n"


def machine_lines(figure: dict[str, Any]) -> list[str]:
    """Return the lines that say on what machine, when and with which versions a figure was measured."""
    machine = figure["machine"]
    told = ", ".join(f"{name} {version}" for name, version in figure["versions"].items())
    return [
        f"{machine['processor']}, {machine['cores']} cores, {machine['threads_per_side']} threads a side, "
        f"{machine['memory_gb']} GB, {machine['system']}; GPU: {machine['gpu'] or 'none'}; "
        f"load when it began: {machine['load_at_start']}; data: {figure['data']}; {figure['date']}.",
        "",
        f"{told}.",
        "",
    ]


def _table(rows: list[dict[str, Any]]) -> list[str]:
    sides = ours_first(side for row in rows for side in [*row["sides"], *row["absent"]])
    peers = sides[1:]
    share = next((key for key in ("share_of_limit", "share_of_floor") if _share(rows[0], key)), None)
    head = ["case", "unit", *sides, *(f"times {peer}" for peer in peers)]
    head += ["CPU time, times " + peer for peer in peers]
    head += {"share_of_limit": ["share of peak"], "share_of_floor": ["share of floor"]}.get(share or "", [])
    head += [f"peak MB, {side}" for side in sides]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in rows:
        cells = [row["case"], f"{row['unit']}/s"]
        cells += [ranged(row["sides"][side]["rate"]) if side in row["sides"] else "-" for side in sides]
        cells += [ranged(row["ratio"][peer]) if peer in row["ratio"] else "-" for peer in peers]
        cells += [f"{row['cpu_ratio'][peer]:.2f}" if peer in row["cpu_ratio"] else "-" for peer in peers]
        if share:
            cells.append(ranged(_share(row, share), 100) + " %")
        cells += [f"{row['sides'][side]['peak_mb']:,.0f}" if side in row["sides"] else "-" for side in sides]
        lines.append("| " + " | ".join(cells) + " |")
    reasons = {f"{side}: {why}" for row in rows for side, why in row["absent"].items()}
    return lines + ([""] if reasons else []) + [f"Not measured: {reason}." for reason in sorted(reasons)]


def ours_first(sides: Iterable[str]) -> list[str]:
    """Return the distinct sides, this project's first: a figure read back from its json has them by name."""
    return sorted(dict.fromkeys(sides), key=lambda side: side != "ours")


def _share(row: dict[str, Any], key: str) -> dict[str, float] | None:
    found: dict[str, float] | None = row.get(key) or row["sides"].get("ours", {}).get(key)
    return found


def _growth(rows: list[dict[str, Any]]) -> list[str]:
    sides = ours_first(rows[0]["sides"])
    head = ["work", *(f"seconds, {side}" for side in sides), *(f"peak MB, {side}" for side in sides)]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in rows:
        cells = [f"{row['times']}x"]
        cells += [ranged(row["sides"][side]["seconds_spread"]) for side in sides]
        cells += [f"{row['sides'][side]['peak_mb']:,.0f}" for side in sides]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def ranged(value: dict[str, float] | None, times: float = 1) -> str:
    """Return a median with its range, in three digits: ``1.52 (1.49-1.60)``."""
    if value is None:
        return "-"
    median, low, high = (_digits(value[key] * times) for key in ("median", "low", "high"))
    return f"{median} ({low}-{high})"


def _digits(value: float) -> str:
    places = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{min(places, 4)}f}" if places else f"{round(value, 2 - len(str(int(abs(value)))) + 1):,.0f}"
