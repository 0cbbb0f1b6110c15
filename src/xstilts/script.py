"""What every script of the workflow shares: its command line, and errors as one line."""

import argparse
import errno
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product, produce
from xstilts.errors import UserError
from xstilts.leases import leased_gpu

STOPPED = 75  # exit code of a training that was asked to stop and left a checkpoint (EX_TEMPFAIL)


# What a machine can do to a job: no room, no right to write, a failing disk, no memory.
MACHINE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.EIO, errno.ESTALE, errno.ENOMEM),
}


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print an error that a user or the machine caused as one line and leave; any other keeps its traceback."""
    try:
        yield
    except UserError as error:
        _fail(str(error), 2)
    except InterruptedError as error:
        _fail(str(error), STOPPED)
    except MemoryError as error:
        _fail(f"out of memory {error}".rstrip(), 2)
    except OSError as error:
        if error.errno not in MACHINE:
            raise
        _fail(f"{error.filename or 'a file'}: {error.strerror}", 2)
    except RuntimeError as error:
        if "memory" not in str(error):  # PyTorch has a type of its own only for GPUs
            raise
        _fail(f"out of memory: {str(error).splitlines()[0]}", 2)


def _fail(message: str, code: int) -> None:
    print(f"error: {message}", file=sys.stderr, flush=True)
    raise SystemExit(code)


def use_threads(count: int, tokenising: bool = False) -> None:
    """Fix the number of threads before any numerical library is imported.

    The tokenizers take threads only where tokenising is all that a job does.
    """
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(count)
    os.environ["RAYON_NUM_THREADS"] = str(count)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if tokenising and count > 1 else "false"


def role(manifest: Path) -> str:
    """Name a data manifest by what it holds: ``.../mnli/en/manifest.json`` is ``mnli/en``."""
    return "/".join(manifest.parts[-3:-1])


def run_artifact_job(
    make: Callable[[Path, dict[str, Any], dict[str, Manifest]], Product],
    description: str,
    single: tuple[str, ...] = (),
    offline: bool = True,
    gpu: bool = False,
    named: Callable[[Path], str] = role,
    argv: list[str] | None = None,
) -> None:
    """Parse a job's command line and make its artifact.

    Args:
        make: the library function (folder, spec, manifests by role) -> product.
        description: one sentence for ``--help``.
        single: options that name one manifest each, such as ``encoder``.
        offline: refuse the Hub while the job runs.
        gpu: take a GPU for the process where the machine has one.
        named: gives the role of a manifest that comes with ``--data``.
        argv: the command line, for tests.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--spec", type=Path, required=True, help="the job's spec")
    parser.add_argument("--output", type=Path, required=True, help="the manifest to write")
    parser.add_argument("--threads", type=int, default=1, help="threads of this job")
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="manifests that the job reads")
    parser.add_argument("--files", type=Path, nargs="*", default=[], help="files of the user's own that the job reads")
    for name in single:
        parser.add_argument(f"--{name}", type=Path, required=True, help=f"manifest of the {name}")
    options = parser.parse_args(argv)
    # The log's first line. Snakemake shows what SLURM says of a job that was killed only where this log is not empty.
    print(f"{options.output}: process {os.getpid()} on {socket.gethostname()}", file=sys.stderr, flush=True)
    use_threads(options.threads)
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    inputs = {name: getattr(options, name) for name in single} | {named(path): path for path in options.data}
    with one_line_errors(), leased_gpu() if gpu else nullcontext():
        produce(options.output, options.spec, inputs, make, options.files)
