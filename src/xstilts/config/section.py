"""What every section of a configuration is."""

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """Unknown keys are refused everywhere, so that a misspelt one cannot pass silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _read_null(cls, values: Any) -> Any:
        """Read ``null`` as the nothing that it is in a file: Snakemake takes values of the command line for strings."""
        if not isinstance(values, dict):
            return values
        may_be_null = {name for name, field in cls.model_fields.items() if type(None) in get_args(field.annotation)}
        return {key: None if value == "null" and key in may_be_null else value for key, value in values.items()}
