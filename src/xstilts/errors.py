"""The errors a user can cause: each message names the place, what was found and what was expected."""


class UserError(Exception):
    """Something outside the code is wrong: scripts print the message as one line and exit with 2."""


class ConfigError(UserError):
    """A key of the configuration is unknown, or its value cannot be used."""


class DataError(UserError):
    """A data or prediction file does not hold what its format promises."""

    def __init__(self, path: object, found: str, expected: str, row: int | None = None) -> None:
        """Say that ``path`` (at 1-based line or row ``row``) holds ``found`` where ``expected`` should stand."""
        place = f"{path}:{row}" if row is not None else str(path)
        super().__init__(f"{place}: found {found}; expected {expected}")


class MissingData(UserError):
    """A data set cannot be had here: its row or column stays empty and carries this reason."""


class PinMismatch(UserError):
    """A file differs from the one that was pinned: the run stops, whatever else it could do without."""
