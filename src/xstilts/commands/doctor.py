"""`xstilts doctor [--run NAME] [--study NAME] [--mirror DIR] [--fetch-heads]`: what is here; can the run start?"""

import argparse
from pathlib import Path
from typing import Any

from xstilts.config.layers import merged, read_layers
from xstilts.config.run import Run, load
from xstilts.doctor import contents, environment
from xstilts.doctor.findings import count, page
from xstilts.doctor.heads import heads
from xstilts.errors import UserError
from xstilts.files import read_object
from xstilts.graph.jobs import Jobs

CONFIGURATION = "configuration.json"  # of a run, beside its results


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--run",
        default="paper",
        metavar="NAME",
        help="paper, an overlay of config/runs/ (demo, small), a file, or a run in results/",
    )
    parser.add_argument("--study", metavar="NAME", help="a study of config/studies/ beside the run, with its encoders")
    parser.add_argument("--mirror", metavar="DIR", help="folder of the real data")
    parser.add_argument("--keep", choices=("all", "sources", "pretrained"), help="whose weights stay on the disk")
    parser.add_argument(
        "--fetch-heads",
        action="store_true",
        help="ask each host for the header of each file, and compare with the pins",
    )
    parser.add_argument("--profile", default="profiles/default", metavar="DIR", help="the profile of the run")


def run(options: argparse.Namespace) -> int:
    """Print the page; 0 when the run can start, 1 when something keeps it from that."""
    given = {name: getattr(options, name) for name in ("study", "mirror", "keep") if getattr(options, name)}
    jobs = Jobs(configuration(options.run, given), Path.cwd())
    if options.profile != "none" and not Path(options.profile, "config.yaml").is_file():
        raise UserError(f"{options.profile}: found no config.yaml there; expected a profile: profiles/cuda, ...")
    on_slurm = Path(options.profile).name == "slurm"
    sections = {
        f"run {jobs.run.run}: {', '.join(jobs.run.models)}": contents.encoders(jobs) + contents.data(jobs),
        "machine": [
            environment.python(),
            environment.packages(Path("envs/lock.txt")),
            *environment.gpus(jobs),
            environment.slurm(needed=on_slurm),
            *environment.hub(contents.from_the_hub(jobs)),
            *environment.disk(jobs),
            environment.locks(jobs.results),
        ],
        **({"files at their hosts": heads(jobs)} if options.fetch_heads else {}),
        "tables": contents.empty(jobs),
        **({"what the blocks of the table cost": found} if (found := contents.blocks(jobs)) else {}),
        "licences of the data": contents.licences(jobs),
    }
    print(page(sections))
    return 1 if count(line for lines in sections.values() for line in lines)["problem"] else 0


def configuration(name: str, changes: dict[str, Any]) -> Run:
    """Return the configuration that `make NAME` runs, config.yaml and what lies on it, or that of a run on the disk.

    Raises:
        ConfigError: there is no such overlay, or a key cannot be used.
    """
    folder = next((one for one in (Path(name), Path("results", name)) if (one / CONFIGURATION).is_file()), None)
    if folder is not None and not Path("config/runs", f"{name}.yaml").is_file() and name != "paper":
        return load(merged(read_object(folder / CONFIGURATION), changes))
    return load(read_layers(Path(), [] if name == "paper" else [name], changes))
