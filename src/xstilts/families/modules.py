"""Which modules a job opens by name, by rule: they are its code too, and its digest covers them.

Each job opens those of its own family, task or data set, so that an edit of one family reruns nothing of another. The
stages find them through ``families.facts`` and the registry; here the workflow asks what that comes to.
"""

import pkgutil
from collections.abc import Iterable

from xstilts.families import facts as records
from xstilts.families.facts import facts

FAMILIES = tuple(sorted(module.name for module in pkgutil.iter_modules(records.__path__)))

Names = tuple[str, ...]  # dotted names


def of_facts(*families: str) -> Names:
    """The records of families, which every stage reads."""
    return tuple(f"xstilts.families.facts.{family}" for family in sorted(set(families)))


def of_reading(family: str) -> Names:
    """What downloads and prepares a data set opens."""
    return f"xstilts.{facts(family).reader}", *of_facts(family)


def of_featurising(kind: str, family: str) -> Names:
    """What featurises opens; ``kind`` is the module of that room that the job's settings name."""
    return f"xstilts.featurising.{kind}", f"xstilts.families.{family}", *of_facts(family)


def of_training(families: Iterable[str]) -> Names:
    """What a training on these families opens."""
    found: list[str] = []
    for family in sorted(set(families)):  # the order says which module is for what, wherever the modules lie
        known = facts(family)
        found += [f"xstilts.{known.training}", *of_facts(family)]
        if not known.raw:
            found += [f"xstilts.families.{family}", f"xstilts.{known.dev_metric}"]
    return tuple(dict.fromkeys(found))


def of_method(kind: str | None) -> Names:
    """What a job with an adapter opens besides; None is a job without."""
    return (f"xstilts.modeling.adapters.{kind}", "xstilts.modeling.adapted") if kind else ()


def of_division(gpus: int) -> Names:
    """What a training opens besides that is divided among several GPUs."""
    return ("xstilts.training.torchrun",) if gpus > 1 else ()


def of_prediction(family: str) -> Names:
    """What a prediction opens."""
    return f"xstilts.{facts(family).prediction}", f"xstilts.families.{family}", *of_facts(family)


def of_scoring(scoring: Names, family: str) -> Names:
    """What the scores of a task open: the scorer and what it opens, as the registry names them."""
    return *(f"xstilts.scoring.{name}" for name in scoring), *of_facts(family)
