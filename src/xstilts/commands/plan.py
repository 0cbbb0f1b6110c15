"""`xstilts plan`: what a command line of Snakemake would run, why, and what it takes."""

import argparse
import sys

from xstilts.errors import UserError
from xstilts.planning.plan import make_plan
from xstilts.planning.report import jobs_text, plan_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `xstilts plan`."""
    parser.add_argument("--jobs", action="store_true", help="every job with what it reads, and every file of the data")
    parser.add_argument(
        "snakemake",
        nargs=argparse.REMAINDER,
        help="-- and the command line of snakemake: -- --configfile config/runs/demo.yaml; nothing: the paper",
    )


def run(options: argparse.Namespace) -> int:
    """Print the plan; UserError when a model does not fit the profile's cards."""
    plan = make_plan([word for word in options.snakemake if word != "--"])
    sys.stdout.write(plan_text(plan))
    if options.jobs:
        sys.stdout.write("\n" + jobs_text(plan))
    if large := plan.too_large():
        raise UserError("; ".join(large))
    return 0
