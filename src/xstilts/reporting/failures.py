"""Which trainings of a run failed: they answer everything alike, or have learned nothing (docs/metrics.md)."""

from collections.abc import Iterable, Mapping
from typing import Any

COLLAPSED, NOT_LEARNED = "collapsed", "not learned"

Chain = tuple[str, str, str, int]  # model, source, target, seed
Failures = Mapping[Chain, tuple[str, str]]  # -> status and why


def failed_trainings(trainings: Iterable[Mapping[str, Any]]) -> dict[Chain, tuple[str, str]]:
    """Return the status and the reason of every training that failed, of rows of ``read_trainings``."""
    found = {}
    for one in trainings:
        results, chain = one["results"], (one["model"], one["source"], one["target"], one["seed"])
        if results.get("collapsed"):
            found[chain] = COLLAPSED, f"one class on English dev: {', '.join(results['collapsed'])}"
        elif results.get("learned") == "no":
            found[chain] = (
                NOT_LEARNED,
                "; ".join(signs(name, dev) for name, dev in results["dev"].items() if dev["learned"] == "no"),
            )
    return found


def signs(name: str, dev: Mapping[str, Any]) -> str:
    """Say of a training set by what it is seen that it was not learned."""
    loss = "had no step" if dev["loss"] is None else f"loss {dev['loss']:.3f} (without reading {dev['entropy']:.3f})"
    return f"{name}: {loss}, dev {dev['score']:.1f} (to exceed: {dev['bound']:.1f})"


def not_learned_of_mixtures(trainings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each training set that a mixture did not learn, though it learned another one."""
    seeds: dict[tuple[str, str], list[bool]] = {}
    for one in trainings:
        if one["results"].get("learned") in ("yes", "unclear"):
            for name, dev in one["results"]["dev"].items():
                seeds.setdefault((one["source"], name), []).append(dev["learned"] == "no")
    return [
        f"{source} did not learn {name} ({sum(failed)} of {len(failed)} seeds)."
        for (source, name), failed in seeds.items()
        if any(failed)
    ]


def of_cell(failures: Failures, chain: Chain) -> tuple[str, str] | None:
    """Return the status and the reason of a cell whose own training failed, or the source that it goes on from."""
    model, source, _, seed = chain
    before = failures.get((model, source, "none", seed))
    return failures.get(chain) or (before and (NOT_LEARNED, f"its source is {before[0]}: {before[1]}"))


def meant_not_to_learn(source: str) -> bool:
    """Say whether a source is a control that has nothing to learn: its labels are permuted."""
    return source.endswith("-shuffled")
