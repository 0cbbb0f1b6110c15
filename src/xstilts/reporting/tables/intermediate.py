"""How well each source learned its own task, on its own English dev set."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from xstilts.reporting.failures import meant_not_to_learn
from xstilts.reporting.main.marks import blocks_remarks
from xstilts.reporting.render import write_table
from xstilts.reporting.run import RunFolder
from xstilts.uncertainty.seeds import Statistic, summarise


def table_intermediate(run: RunFolder) -> None:
    """Write ``intermediate.*``: how well each source learned its own task, on its own English dev set."""
    remarks = blocks_remarks(run.settings)
    intermediate_table(run.trainings, run.settings["statistic"], run.tables, "intermediate", remarks)


def intermediate_table(
    trainings: Sequence[Mapping[str, Any]],
    statistic: Statistic,
    folder: Path | str,
    stem: str,
    remarks: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Write and return the intermediate tasks' own English dev scores, a row a source and training set.

    Args:
        trainings: rows of ``read_trainings``; those of the target phase are left out.
        statistic: how seeds become one number.
        folder: where ``STEM.{csv,md}`` go.
        stem: name of the files.
        remarks: further sentences below the table.
    """
    first_phase = [one for one in trainings if one["target"] == "none"]
    rows: list[dict[str, Any]] = []
    for model, source in dict.fromkeys((one["model"], one["source"]) for one in first_phase):
        ours = [one for one in first_phase if (one["model"], one["source"]) == (model, source)]
        done = [one for one in ours if one["results"].get("dev")]
        for name in dict.fromkeys(name for one in done for name in one["results"]["dev"]):
            found = [one["results"]["dev"][name] for one in done if name in one["results"]["dev"]]
            rows.append(
                {
                    "model": model,
                    "source": source,
                    "set": name,
                    "metric": found[0]["metric"],
                    "dev": float(summarise([one["score"] for one in found], statistic)),
                    "examples": found[0]["examples"],
                    "seeds": len(found),
                    "collapsed": sum(bool(one.get("collapsed")) for one in found),
                    "learned": _verdicts([one.get("learned", "") for one in found]),
                    **{sign: _nats(_mean(found, sign)) for sign in ("loss", "entropy")},
                    **{sign: _mean(found, sign) for sign in ("majority", "chance", "bound")},
                    "train_examples": done[0]["results"].get("train_examples", {}).get(name),
                    "steps": done[0]["results"].get("steps"),
                }
            )
        reasons = dict.fromkeys(one["reason"] for one in ours if one["reason"])
        left_out = {name: why for one in done for name, why in one["results"].get("left_out", {}).items()}
        missing = [{"set": name, "reason": f"left out: {why}"} for name, why in left_out.items()]
        missing += [{"reason": why} for why in reasons]
        rows += [{"model": model, "source": source, **one} for one in missing]
    columns = (
        *("model", "source", "set", "metric", "dev", "examples", "seeds", "collapsed", "learned"),
        *("loss", "entropy", "majority", "chance", "bound", "train_examples", "steps", "reason"),
    )
    notes = [
        f"English dev, {statistic} over seeds; collapsed: seeds that predict one class.",
        "learned: dev exceeds bound, the upper end of the 95 % interval of the higher of majority and chance, and the "
        "training loss lies 3 % below entropy, the loss of a model that reads nothing, over the last tenth of steps "
        "(loss) or before the chosen checkpoint (not shown; docs/metrics.md). Means over seeds.",
        *remarks,
    ]
    controls = [source for source in dict.fromkeys(row["source"] for row in rows) if meant_not_to_learn(source)]
    notes += [f"{', '.join(controls)}: a control with permuted labels, which is not to learn."] if controls else []
    write_table(folder, stem, columns, rows, "The intermediate tasks' own scores", notes)
    return rows


def _verdicts(found: Sequence[str]) -> str:
    """Return the verdict of all seeds, or how many have which."""
    counts = {one: found.count(one) for one in ("yes", "unclear", "no") if one in found}
    return next(iter(counts)) if len(counts) == 1 else ", ".join(f"{one}: {count}" for one, count in counts.items())


def _nats(loss: float | None) -> str | None:
    return None if loss is None else f"{loss:.3f}"


def _mean(found: Sequence[Mapping[str, Any]], name: str) -> float | None:
    values = [one[name] for one in found if one.get(name) is not None]
    return fmean(values) if values else None
