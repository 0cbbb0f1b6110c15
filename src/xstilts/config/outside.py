"""A file with tasks and training sets of the user's own: every key, checked before anything is planned."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from xstilts.config.patterns import check_own_rows, check_patterns
from xstilts.config.problems import lines_of
from xstilts.config.searched import Candidates, Gold, Texts, check_searched
from xstilts.config.section import Section
from xstilts.config.trainings import TrainingSettings
from xstilts.config.values import read_list
from xstilts.config.yaml_file import read_yaml
from xstilts.data.readers.records import FORMATS
from xstilts.data.registry import shipped_names
from xstilts.errors import ConfigError
from xstilts.families.facts import facts
from xstilts.families.modules import FAMILIES
from xstilts.tasks import outside, registry, shipped

NAME = re.compile(r"[a-z][a-z0-9]*")
CODE = re.compile(r"[a-z]{2,3}")
TASK_FAMILIES = tuple(name for name in FAMILIES if facts(name).prediction and facts(name).fields[0])
DROPPING = ("classification", "multiple_choice")  # whose rows have one label, by which `drop` leaves them out
RESERVED = ("none", "multi", "text", "mlm", "all")
COLUMNS = ("source", "arm", "encoder", "seeds", "lower", "upper")  # beside the tasks in tables, as averages are
# A head is called as its training set, and PyTorch's ModuleDict, which holds them, takes no name that it has itself.
OF_MODULES = {
    "apply", "bfloat16", "buffers", "children", "clear", "compile", "cpu", "cuda", "double", "eval", "float",
    "forward", "half", "ipu", "items", "keys", "modules", "mtia", "parameters", "pop", "to", "train", "training",
    "type", "update", "values", "xpu",
}  # fmt: skip


def _family(value: Any) -> Any:
    if value not in TASK_FAMILIES:
        raise ValueError(f"expected one of {' '.join(TASK_FAMILIES)}")
    return value


def _label(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        raise ValueError("expected a text: YAML reads some words otherwise, which quotes keep: 'no'")
    return str(value)


def _two_or_more(labels: list[str]) -> list[str]:
    if labels and (len(labels) < 2 or len(set(labels)) < len(labels) or not all(map(str.strip, labels))):
        raise ValueError("expected two or more, each once, none of them empty")
    return labels


Spelling = Annotated[str, BeforeValidator(_label)]
Labels = Annotated[list[Spelling], AfterValidator(_two_or_more)]


class Hub(Section):
    """Where a data set lies on the Hugging Face Hub: parquet files, whose columns `fields` names."""

    repository: str = Field(description="such as facebook/xnli")
    revision: str | None = Field(default=None, description="branch, tag or commit; null: the main branch")
    splits: dict[str, Texts] = Field(description="patterns of paths in it by split, with {language} in them")


class Entry(Section):
    """One data set and what is done with it: evaluated where it has dev or test, trained on where it has train."""

    family: Annotated[str, BeforeValidator(_family)] = Field(description="what it is to the code")
    languages: list[str] = Field(description="codes of the languages that it has", min_length=1)
    reader: str | None = Field(
        default=None, description="jsonl, delimited (.csv, .tsv with a header), or a format of the family"
    )
    files: dict[str, Texts] | None = Field(
        default=None, description="files by split (train dev test) below this file's folder, with {language} in them"
    )
    hub: Hub | None = Field(default=None, description="a data set of the Hub instead of `reader` and `files`")
    fields: dict[str, str | list[str]] = Field(default={}, description="field of a row: column, or list of columns")
    candidates: Candidates | None = Field(default=None, description="dual encoder: what its queries search")
    gold: Gold | None = Field(default=None, description="dual encoder: which candidates are right for a query")
    labels: Labels = Field(
        default=[],
        description="the label set, which a classification with training data needs; none: that of the target",
    )
    label_names: dict[Spelling, Spelling] = Field(default={}, description="other spelling: label")
    drop: list[Spelling] = Field(default=[], description="labels whose rows are left out")
    target: str | None = Field(default=None, description="training set of the target phase; none: this one")
    training: TrainingSettings | None = Field(
        default=None, description="how it is trained on where the configuration says nothing else"
    )
    evaluate: bool = Field(default=True, description="false: it is only trained on")
    metrics: list[str] | None = Field(default=None, description="of the scorer; null: all that it gives", min_length=1)
    scoring: Texts | None = Field(default=None, description="scorer, and for answers the rules; null: the family's")
    parallel: bool = Field(default=False, description="its items are translations of one another, with the same ids")
    no_answer: bool = Field(default=False, description="questions may have none, and are right without one (SQuAD 2.0)")
    by_token: bool = Field(default=False, description="dev is scored by token accuracy: the tags are no spans")
    licence: str = Field(default="not stated", description="of the data")

    @model_validator(mode="after")
    def _consistent(self) -> "Entry":
        known = facts(self.family)
        if (self.hub is None) == (self.files is None):
            raise ValueError(
                f"found {'neither' if self.hub is None else 'both'} of files and hub; expected one of them"
            )
        readers = (*FORMATS, *known.formats)
        if self.hub is None and self.reader not in readers:
            raise ValueError(f"reader: found {self.reader!r}; expected one of {' '.join(readers)}")
        if self.hub is not None and self.reader is not None:
            raise ValueError(f"reader: found {self.reader!r}; expected none beside hub")
        splits = self.files or (self.hub.splits if self.hub else {})
        if not splits or set(splits) - set(outside.SPLITS):
            key, known_splits = "hub.splits" if self.hub else "files", " ".join(outside.SPLITS)
            raise ValueError(f"{key}: found {' '.join(splits) or 'none'}; expected some of {known_splits}")
        several = [split for split, names in splits.items() if self.hub is not None and len(names) != 1]
        if several:
            found = " ".join(splits[several[0]]) or "none"
            raise ValueError(
                f"hub.splits.{several[0]}: found {found}; expected one pattern, which several files may match"
            )
        if self.hub is not None or self.reader in FORMATS:
            must, may = known.fields
            lacking = [name for name in must if name not in self.fields]
            strange = [name for name in self.fields if name not in (*must, *may)]
            if lacking or strange:
                found = f"no {' '.join(lacking)}" if lacking else f"{' '.join(strange)}"
                raise ValueError(
                    f"fields: found {found}; expected {' '.join(must)}, and of {' '.join(may)} what there is"
                )
        if len(answer := {"answer", "answer_start"} & set(self.fields)) == 1:
            raise ValueError(f"fields: found {answer.pop()} alone; expected answer and answer_start, or answers")
        if self.drop and (self.family not in DROPPING or self.reader not in (None, *FORMATS)):
            raise ValueError(
                f"drop: found {' '.join(self.drop)}; expected none: only records of {' and '.join(DROPPING)} are "
                "left out by their label"
            )
        if known.contrasted:
            if self.hub is not None:
                raise ValueError(f"hub: found {self.hub.repository}; expected files: {self.family} reads three kinds")
            check_searched(self.candidates, self.gold, splits)
        elif self.candidates or self.gold:
            key = "candidates" if self.candidates else "gold"
            raise ValueError(f"{key}: found some; expected none: {self.family} has no candidates to search")
        for code in self.languages:
            if not CODE.fullmatch(code):
                raise ValueError(f"languages: found {code!r}; expected codes of two or three letters")
            if self.languages.count(code) > 1:
                raise ValueError(f"languages: found {code} more than once; expected each once")
        check_patterns("hub.splits" if self.hub else "files", splits, self.languages)
        check_own_rows("hub.splits" if self.hub else "files", splits, self.languages)
        if self.gold is not None:
            check_patterns("gold.files", self.gold.files, self.languages)
        if self.candidates is not None:
            check_patterns("candidates", {"files": self.candidates.files}, self.languages)
        scoring = outside.scoring_of(self.model_dump(exclude_none=True))
        if scoring[0] not in known.metrics:
            raise ValueError(f"scoring: found {scoring[0]!r}; expected one of {' '.join(known.metrics)}")
        rules = known.scoring[1:] and (len(scoring) != 2 or scoring[1] not in ANSWER_RULES)
        if rules or (not known.scoring[1:] and len(scoring) != 1):
            expected = f"a scorer and one of {' '.join(ANSWER_RULES)}" if rules else "a scorer alone"
            raise ValueError(f"scoring: found {' '.join(scoring)!r}; expected {expected}")
        for metric in self.metrics or ():
            if metric not in known.metrics[scoring[0]]:
                raise ValueError(f"metrics: found {metric!r}; expected some of {' '.join(known.metrics[scoring[0]])}")
        if known.training is None and (self.training or "train" in splits):
            raise ValueError(f"files: found train; expected dev and test alone: {self.family} is not trained on")
        return self


ANSWER_RULES = ("squad", "mlqa")


def with_own_tasks(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration in which the names of the user's own tasks stand in place of their files.

    The files are checked and made known to this process and its jobs; how their training sets are trained on is taken
    from them where the configuration does not say it.
    """
    tasks_wanted, files = read_list(raw.get("tasks", [])), read_list(raw.get("task_files", []))
    wanted = [name for name in tasks_wanted if isinstance(name, str)] if isinstance(tasks_wanted, list) else []
    named = [name for name in wanted if name.endswith((".yaml", ".yml"))]
    paths = [str(path) for path in (*(files if isinstance(files, list) else ()), *named)]
    if not paths:
        return raw
    found = check_files(list(dict.fromkeys(paths)))
    outside.name_files(tuple(map(str, found)))
    evaluated = {path: [name for name in own if name in registry()[0]] for path, own in found.items()}
    names: list[str] = []
    for name in wanted:
        names += evaluated[Path(name).expanduser().resolve()] if name in named else [name]
    settings = {name: entry.training for own in found.values() for name, entry in own.items() if entry.training}
    given = {name: one.model_dump(exclude_none=True) for name, one in settings.items()}
    phases = {
        phase: {**raw[phase], "sets": given | raw[phase]["sets"]}
        for phase in ("intermediate", "target")
        if isinstance(raw.get(phase), dict) and isinstance(raw[phase].get("sets"), dict)
    }
    return raw | phases | {"tasks": names, "task_files": list(map(str, found))}


def check_files(paths: Sequence[str], folder: Path = Path()) -> dict[Path, dict[str, Entry]]:
    """Check files with entries of the user's own.

    Args:
        paths: as a configuration has them.
        folder: what they are relative to.

    Returns:
        The entries by name of each file.

    Raises:
        ConfigError: names file and key, what was found and what was expected, all problems on one line.
    """
    found: dict[Path, dict[str, Entry]] = {}
    for name in paths:
        path = (folder / Path(name).expanduser()).resolve()
        if path in found:  # named twice, in two spellings
            continue
        found[path] = _checked(path, name, [one for other in found.values() for one in other])
    targets = {name: entry for one in found.values() for name, entry in one.items()}
    for path, entries in found.items():
        for name, entry in entries.items():
            _check_target(f"{path.name}: {name}", name, entry, targets)
    return found


def _checked(path: Path, name: str, before: Sequence[str]) -> dict[str, Entry]:
    try:
        raw = read_yaml(path)
    except FileNotFoundError:
        raise ConfigError(f"tasks: found no file {name}; expected a YAML file, or a task's name") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{name}: found no YAML ({' '.join(str(error).split())})") from None
    if not isinstance(raw, dict) or not raw:
        found = "nothing" if raw is None else type(raw).__name__
        raise ConfigError(f"{name}: found {found}; expected names, each with what the task is")
    tasks, training = shipped()
    for key in raw:
        if not isinstance(key, str) or not NAME.fullmatch(key):
            raise ConfigError(f"{name}: found the name {key!r}; expected lower-case letters and digits, a letter first")
        if key in (*tasks, *training, *shipped_names(), *RESERVED, *before):
            raise ConfigError(f"{name}: found the name {key!r}, which is taken; expected another")
        if key in COLUMNS or key.startswith("avg"):
            raise ConfigError(f"{name}: found the name {key!r}, which is a column of the tables; expected another")
        if key in OF_MODULES:
            raise ConfigError(f"{name}: found the name {key!r}, which no head of a model can have; expected another")
    try:
        return TypeAdapter(dict[str, Entry]).validate_python(raw)
    except ValidationError as error:
        raise ConfigError("; ".join(f"{name}: {line}" for line in lines_of(error, Entry, skip=1))) from None


def _check_target(where: str, name: str, entry: Entry, own: Mapping[str, Entry]) -> None:
    """Check that what an entry is trained on is there, fits, and has labels."""
    known = facts(entry.family)
    splits = entry.files or (entry.hub.splits if entry.hub else {})
    evaluated = entry.evaluate and set(splits) - {"train"}
    if not evaluated and "train" not in splits:
        raise ConfigError(f"{where}: found neither evaluation nor training data; expected some")
    if known.head is None:
        if entry.target not in (None, "none"):
            raise ConfigError(f"{where}.target: found {entry.target!r}; expected none: {entry.family} has no training")
        return
    if "train" in splits and "en" not in entry.languages:
        raise ConfigError(f"{where}.languages: found no en; expected it: nothing but English is trained on")
    shipped_sets = shipped()[1]
    target = entry.target or name
    if target in own and "train" in (own[target].files or (own[target].hub.splits if own[target].hub else {})):  # type: ignore[union-attr]
        family, labels = own[target].family, own[target].labels
    elif target in shipped_sets:
        family, labels = shipped_sets[target].family, list(shipped_sets[target].labels)
    elif evaluated:
        raise ConfigError(
            f"{where}.target: found {entry.target or 'none, and no train in files'}; expected a training set: "
            f"{' '.join(shipped_sets)}, or one of the file with a train split"
        )
    else:
        return
    if family != entry.family:
        raise ConfigError(f"{where}.target: found {target!r}, which is {family}; expected {entry.family} as here")
    strange = [label for label in entry.labels if labels and label not in labels]
    if evaluated and known.loss == "label" and target != name and strange:
        raise ConfigError(
            f"{where}.labels: found {' '.join(strange)}, which {target} does not know; expected some of "
            f"{' '.join(labels)}, and label_names for another spelling in the files"
        )
    if known.loss == "label" and not (labels or entry.labels):
        raise ConfigError(f"{where}.labels: is missing; expected the label set")
