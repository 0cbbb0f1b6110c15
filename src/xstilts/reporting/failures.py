"""Which trainings of a run failed: they answer everything alike, or have learned nothing (docs/metrics.md)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

COLLAPSED, NOT_LEARNED = "collapsed", "not learned"

Chain = tuple[str, str, str, int]  # model, source, target, seed
Failures = Mapping[Chain, tuple[str, str]]  # -> status and why
# Of each source the trainings that its cells rest on beside their own: (source, "none"), or (source, "target") for that
# on the cell's target (``graph.reporting_settings``).
RestsOn = Mapping[str, Sequence[Sequence[str]]]


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


def unclear_trainings(trainings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each training of which the signs do not say that it learned, nor that it did not."""
    return [
        f"{one['model']}/{one['source']}/{one['target']}/{one['seed']} may have learned nothing: {signs(name, dev)}."
        for one in trainings
        if one["results"].get("learned") == "unclear"
        for name, dev in one["results"]["dev"].items()
        if dev["learned"] == "unclear"
    ]


def of_cell(failures: Failures, chain: Chain, rests_on: RestsOn) -> tuple[str, str] | None:
    """Return the status and the reason of a cell whose own training failed, or one that it goes on from."""
    if found := failures.get(chain):
        return found
    source = chain[1]
    for one in behind(chain, rests_on):
        if found := failures.get(one):
            return NOT_LEARNED, f"{'its source' if one[1] == source else one[1]} is {found[0]}: {found[1]}"
    return None


def behind(chain: Chain, rests_on: RestsOn) -> list[Chain]:
    """Return the trainings that a cell goes on from, the first one first."""
    model, source, target, seed = chain
    named = rests_on.get(source, [(source, "none")])
    return [(model, name, "none" if phase == "none" else target, seed) for name, phase in named]


def meant_not_to_learn(source: str, target: str = "none") -> bool:
    """Say whether a training is a control that has nothing to learn: permuted labels, which no target's are."""
    return source.endswith("-shuffled") and target == "none"
