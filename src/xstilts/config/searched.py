"""What the queries of a user's own dual encoder search, and which of it is right: two sections of an entry."""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from xstilts.config.section import Section
from xstilts.data.readers.records import FORMATS


def one_or_more(value: Any) -> Any:
    """Read one value as a list of it."""
    return [value] if isinstance(value, str | int) else value


Texts = Annotated[list[str], BeforeValidator(one_or_more)]


class Candidates(Section):
    """Files with what queries search, a record a candidate."""

    files: Texts = Field(
        description="files of what every split searches: all of them, in all languages where {language} is in them"
    )
    train: Texts | None = Field(
        default=None, description="English files of the candidates of training pairs; null: those that are searched"
    )
    reader: str | None = Field(default=None, description="jsonl or delimited; null: as the queries")
    fields: dict[str, str] = Field(description="id and text: column")


class Gold(Section):
    """Files with pairs of ids: which candidates are right for a query, a record a pair."""

    files: dict[str, Texts] = Field(description="files by split, with {language} in them; test may have none")
    reader: str | None = Field(default=None, description="jsonl or delimited; null: as the queries")
    fields: dict[str, str] = Field(description="query and candidate, their ids: column")


def check_searched(candidates: Candidates | None, gold: Gold | None, splits: Mapping[str, Sequence[str]]) -> None:
    """Refuse sections of an entry with files that do not go together.

    Args:
        candidates: what is searched.
        gold: what is right.
        splits: the files of the queries.

    Raises:
        ValueError: it names the key, what was found and what was expected.
    """
    if candidates is None:
        raise ValueError("candidates: is missing; expected files and fields of what the queries search")
    if gold is None:
        raise ValueError("gold: is missing; expected files and fields of pairs, a query and a candidate that is right")
    _check_fields("candidates", candidates, ("id", "text"))
    _check_fields("gold", gold, ("query", "candidate"))
    if not candidates.files or len({"{" in one for one in candidates.files}) > 1:
        found = " ".join(candidates.files) or "none"
        raise ValueError(f"candidates.files: found {found}; expected some, {{language}} in all of them or in none")
    lacking = [split for split in splits if split not in gold.files and split != "test"]
    strange = [split for split in gold.files if split not in splits]
    if lacking or strange:
        found = f"no {' '.join(lacking)}" if lacking else " ".join(strange)
        raise ValueError(f"gold.files: found {found}; expected {' '.join(splits)} as in files, test where it is known")


def _check_fields(key: str, section: Candidates | Gold, expected: Collection[str]) -> None:
    if section.reader is not None and section.reader not in FORMATS:
        raise ValueError(f"{key}.reader: found {section.reader!r}; expected one of {' '.join(FORMATS)}")
    if set(section.fields) != set(expected):
        found = " ".join(section.fields) or "none"
        raise ValueError(f"{key}.fields: found {found}; expected {' '.join(expected)}")
