"""Benchmarks: which tasks one is made of, in which languages, how it groups them, and where it has no labels.

Data, not code. Everything that goes over tasks goes by a benchmark: the registry says what can be evaluated at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from xstilts.errors import ConfigError
from xstilts.tasks import PRIVATE_USE, Task, registry


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's tasks in the order of its tables, its groups, and languages that have no labelled rows.

    ``languages``: those of a task where they are not all that the registry has. ``folders``: what a submission calls a
    task, where the registry tells variants of one task apart.
    """

    name: str
    title: str
    count: str  # of the tasks, in words
    tasks: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]  # group -> tasks, both in the order of the official evaluator
    languages: Mapping[str, str] = field(default_factory=dict)  # task -> codes, with spaces between
    unlabelled: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)  # task -> split -> languages
    folders: Mapping[str, str] = field(default_factory=dict)

    def languages_of(self, entry: Task) -> tuple[str, ...]:
        """Return the languages in which a task counts; of a task of another benchmark all that it has."""
        return tuple(self.languages[entry.name].split()) if entry.name in self.languages else entry.languages

    def has_language(self, entry: Task, code: str) -> bool:
        """Say whether a task can be scored in ``code``: a generated (private-use) language always, unless it is own."""
        if PRIVATE_USE.fullmatch(code) and not entry.own:
            return True
        return code in self.languages_of(entry)

    def folder(self, name: str) -> str:
        """Return what a submission calls a task."""
        return self.folders.get(name, name)

    @property
    def scored(self) -> tuple[str, ...]:
        """The tasks in the order of the official evaluator."""
        return tuple(name for names in self.groups.values() for name in names)

    @property
    def entries(self) -> dict[str, Task]:
        """The registry's tasks by name: the benchmark's in the order of its tables, then all others."""
        known = registry()[0]
        order = [name for name in self.tasks if name in known]
        return {name: known[name] for name in dict.fromkeys((*order, *known))}


# Tasks: columns of the paper's table 3. Groups, languages: evaluate.py of XTREME, lines 141-154. Languages without
# labels: paper, section 2.1.
XTREME = Benchmark(
    name="xtreme",
    title="XTREME",
    count="nine",
    tasks=("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "bucc2018", "tatoeba"),
    groups={
        "classification": ("pawsx", "xnli"),
        "tagging": ("udpos", "panx"),
        "qa": ("xquad", "mlqa", "tydiqa"),
        "retrieval": ("bucc2018", "tatoeba"),
    },
    languages={
        "panx": "af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th "
        "tl tr ur vi yo zh",
        "xquad": "ar de el en es hi ru th tr vi zh",
        "tatoeba": "af ar bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr nl pt ru sw ta te th tl tr "
        "ur vi zh",
    },
    unlabelled={"udpos": {"dev": ("kk", "th", "tl", "yo")}},
)

# Tasks and languages: evaluate.py of XTREME-R (lines 160-176), groups: its paper, table 1. Tatoeba is no longer scored
# with the encoder as it is but after SQuAD v1.1 (arXiv 2104.07412, section 3.1), UDPOS is of UD 2.7 (download_data.sh).
# LAReQA, which that code never scores, has XQuAD's languages without Romanian.
XTREME_R = Benchmark(
    name="xtreme_r",
    title="XTREME-R",
    count="ten",
    tasks=("xnli", "xcopa", "udpos27", "panx", "xquad", "mlqa", "tydiqa", "tatoeba_squad", "mewslix", "lareqa"),
    groups={
        "classification": ("xnli", "xcopa"),
        "tagging": ("udpos27", "panx"),
        "qa": ("xquad", "mlqa", "tydiqa"),
        "retrieval": ("tatoeba_squad", "mewslix", "lareqa"),
    },
    unlabelled={"udpos27": {"dev": ("kk", "th", "tl", "yo")}},
    folders={"udpos27": "udpos", "tatoeba_squad": "tatoeba"},
)
BENCHMARKS = {one.name: one for one in (XTREME, XTREME_R)}


def benchmark(name: str) -> Benchmark:
    """Return a benchmark by name; ConfigError lists the known ones."""
    if name not in BENCHMARKS:
        raise ConfigError(f"unknown benchmark {name!r}; expected one of {' '.join(BENCHMARKS)}")
    return BENCHMARKS[name]
