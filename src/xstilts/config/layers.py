"""Which files a configuration is made of: config.yaml, what each overlay stands on, the overlays, the command line.

``python -m xstilts.config.layers RUN`` refuses an overlay of config/runs/ that cannot be read, or is not called RUN.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from xstilts.config.yaml_file import read_yaml
from xstilts.errors import ConfigError

KEY = "extends"
RUNS = Path("config/runs")


def read_layers(code: Path, overlays: Iterable[Path | str], changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the content of a configuration: maps merged key by key, everything else replaced by the later layer.

    Args:
        code: the folder of the workflow, which holds config.yaml and config/.
        overlays: files, or names of runs in config/runs; what they stand on is read by itself.
        changes: of the command line, on top of all files.

    Raises:
        ConfigError: a file is missing, is no map, or stands on itself.
    """
    content: dict[str, Any] = {}
    for path in layers(code, overlays):
        content = merged(content, {key: value for key, value in _read(path).items() if key != KEY})
    return merged(content, changes or {})


def layers(code: Path, overlays: Iterable[Path | str]) -> list[Path]:
    """Return the files of a configuration, the lowest first, each once."""
    found = [code / "config.yaml"]
    for overlay in overlays:
        for path in _chain(code, _place(code, overlay, Path(), "configuration"), ()):
            if path.resolve() not in [one.resolve() for one in found]:
                found.append(path)
    return found


def _chain(code: Path, path: Path, above: tuple[Path, ...]) -> list[Path]:
    """Return a file below which stands what it extends; ``above`` are those that extend it."""
    if path.resolve() in [one.resolve() for one in above]:
        raise ConfigError(f"{above[-1]}: {KEY}: a circle: {' -> '.join(map(str, (*above, path)))}")
    below = _read(path).get(KEY)
    if below is None:
        return [path]
    if not isinstance(below, str):
        raise ConfigError(f"{path}: {KEY}: found {below!r}; expected the name of a run, or a file")
    return [*_chain(code, _place(code, below, path.parent, f"{path}: {KEY}"), (*above, path)), path]


def _place(code: Path, overlay: Path | str, folder: Path, key: str) -> Path:
    """Return the file that is meant: a word without a suffix is a run's name, anything else is seen from ``folder``."""
    named = isinstance(overlay, str) and overlay and not Path(overlay).suffix
    path = code / RUNS / f"{overlay}.yaml" if named else folder / Path(overlay).expanduser()
    if not path.is_file():
        known = " ".join(sorted(one.stem for one in (code / RUNS).glob("*.yaml")))
        raise ConfigError(f"{key}: found no {path}; expected a file, or a run that is known here: paper {known}")
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        found = "nothing" if content is None else type(content).__name__
        raise ConfigError(f"{path}: found {found}; expected keys with values")
    return content


def merged(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` changed by an overlay, as Snakemake changes it: maps key by key, everything else replaced."""
    both = dict(base)
    for key, value in overlay.items():
        if isinstance(value, Mapping):
            below = both.get(key)
            value = merged(below if isinstance(below, Mapping) else {}, value)
        both[key] = value
    return both


def check_named(code: Path, name: str) -> None:
    """Refuse an overlay without its own name: its results would take the place of the run's that it changes.

    Raises:
        ConfigError: it says so, or that a file of its cannot be read.
    """
    path = layers(code, [name])[-1]
    if (found := _read(path).get("run")) != name:
        raise ConfigError(f"{path}: run: found {found!r}; expected the line `run: {name}`, the folder of its results")


if __name__ == "__main__":
    try:
        check_named(Path(), sys.argv[1])
    except ConfigError as error:
        sys.exit(f"error: {error}")
