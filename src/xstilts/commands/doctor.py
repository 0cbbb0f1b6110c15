"""`xstilts doctor [--run NAME] [--mirror DIR]`: what is here, and whether the run can start."""

import argparse
from pathlib import Path
from typing import Any

import yaml

from xstilts.config import Run, load
from xstilts.doctor import contents, machine
from xstilts.doctor.findings import count, page
from xstilts.errors import ConfigError
from xstilts.jobs import Jobs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--run", default="paper", metavar="NAME", help="paper, or an overlay of config/ (demo, small)")
    parser.add_argument("--mirror", metavar="DIR", help="folder of the real data")
    parser.add_argument("--keep", choices=("all", "sources", "none"), help="whose weights stay on the disk")
    parser.add_argument("--profile", default="profiles/default", metavar="DIR", help="the profile of the run")


def run(options: argparse.Namespace) -> int:
    """Print the page; 0 when the run can start, 1 when something keeps it from that."""
    given = {name: getattr(options, name) for name in ("mirror", "keep") if getattr(options, name)}
    jobs = Jobs(configuration(options.run, given), Path.cwd())
    on_slurm = Path(options.profile).name == "slurm"
    sections = {
        f"run {jobs.run.run}: {', '.join(jobs.run.models)}": contents.encoders(jobs) + contents.data(jobs),
        "machine": [
            machine.python(),
            machine.packages(Path("envs/lock.txt")),
            *machine.gpus(jobs),
            machine.slurm(needed=on_slurm),
            *machine.hub(contents.from_the_hub(jobs)),
            *machine.disk(jobs),
        ],
        "tables": contents.empty(jobs),
        "licences of the data": contents.licences(jobs),
    }
    print(page(sections))
    return 1 if count(line for lines in sections.values() for line in lines)["problem"] else 0


def configuration(name: str, changes: dict[str, Any]) -> Run:
    """Return the configuration that `make NAME` runs: config.yaml and its overlays in config/.

    Raises:
        ConfigError: there is no such overlay, or a key cannot be used.
    """
    layers = [Path("config.yaml")]
    if name != "paper":
        first = name.partition("-")[0]  # mini-gpu changes mini
        layers += [Path(f"config/{one}.yaml") for one in dict.fromkeys((first, name))]
    content: dict[str, Any] = {}
    for path in layers:
        if not path.is_file():
            known = " ".join(
                ["paper", *sorted(one.stem for one in Path("config").glob("*.yaml") if one.stem != "lock")]
            )
            raise ConfigError(f"run: found no {path}; known here: {known}")
        _merge(content, yaml.safe_load(path.read_text(encoding="utf-8")))
    return load(content | changes)


def _merge(base: dict[str, Any], overlay: dict[str, Any]) -> None:
    for key, value in overlay.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value
