"""`xstilts plan`: what a command line of Snakemake would run, why, and what it takes."""

import argparse
import sys

from xstilts.errors import UserError
from xstilts.graph.weights import restoring
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
    """Print the plan; UserError when a model does not fit the cards, cannot be used, or its weights were dropped."""
    given = options.snakemake
    plan = make_plan(given[1:] if given[:1] == ["--"] else given)
    sys.stdout.write(plan_text(plan))
    if options.jobs:
        sys.stdout.write("\n" + jobs_text(plan))
    problems, (surely, perhaps) = [*plan.too_large(), *plan.unusable()], plan.without_weights()
    if perhaps:
        print(f"\nweights that were dropped (keep) may be needed again: {restoring(perhaps)}")
    if surely:
        problems.append(f"weights that were dropped (keep) are needed again: {restoring(surely)}")
    if problems:
        raise UserError("; ".join(problems))
    return 0
