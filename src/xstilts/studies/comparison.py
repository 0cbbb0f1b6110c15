"""What a study compares, as its module says it before any number."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from xstilts.families.facts import facts

Over = Literal["all tasks", "retrieval", "all but retrieval"]
YES, NO, UNKNOWN = "yes", "no", "not identified"


@dataclass(frozen=True)
class Comparison:
    """One arm minus another: in score on the mean over some tasks, or in speed of training."""

    plus: str
    minus: str
    over: Over = "all tasks"
    language: str | None = None  # one alone; None: the languages of the task
    of: Literal["score", "tokens", "examples"] = "score"  # of speed: real tokens, or examples, a second
    batching: str = ""  # of speed: how batches are padded

    @property
    def name(self) -> str:
        """The comparison in words."""
        if self.of != "score":
            real = "real " if self.of == "tokens" else ""
            return f"{self.plus} against {self.minus} in {real}{self.of} a second ({self.batching})"
        where = "" if self.over == "all tasks" else f" ({self.over})"
        return f"{self.plus} minus {self.minus}{where}" + (f" ({self.language} alone)" if self.language else "")

    def tasks(self, known: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Return the tasks that it goes over, of the entries of a study's tasks."""
        families = {task: facts(entry["family"]) for task, entry in known.items()}
        retrieval = [task for task, family in families.items() if family.paired or family.contrasted]
        if self.over == "all tasks":
            return list(known)
        return [task for task in known if (task in retrieval) == (self.over == "retrieval")]


@dataclass(frozen=True)
class Design:
    """A study's one primary comparison, which decides, the others, and what each answer means."""

    primary: Comparison
    secondary: tuple[Comparison, ...]
    means: Mapping[str, str]  # verdict -> sentence
    equal_steps: tuple[str, str] | None = None  # an arm on each target, and a source before it: as many steps in all
    null: tuple[str, str] | None = None  # two arms whose predictions must cost the same: the null test of the harness

    def among(self, arms: Collection[str]) -> list[Comparison]:
        """Return the secondary comparisons whose arms the study has."""
        return [one for one in self.secondary if {one.plus, one.minus} <= set(arms)]
