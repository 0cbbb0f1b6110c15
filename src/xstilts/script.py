"""What every script of the workflow shares: its command line, and errors as one line."""

import argparse
import errno
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product, produce
from xstilts.energy import read_meter
from xstilts.errors import UserError
from xstilts.files import read_json
from xstilts.leases import is_out_of_memory, leased_gpu
from xstilts.own_code import check_library

PRODUCTS = 20_000  # shapes of matrix products that a process keeps compiled
STOPPED = 75  # exit code of a training that was asked to stop and left a checkpoint (EX_TEMPFAIL)


# What a machine or a person can do to a job: no room, no right to write, a failing disk, no memory.
MACHINE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.EIO, errno.ESTALE, errno.ENOMEM, errno.ENAMETOOLONG),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST),  # a file where a folder should be, or the other way round
}


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print an error that a user or the machine caused as one line and leave; any other keeps its traceback."""
    try:
        check_library()
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
        if not is_out_of_memory(error):
            raise
        _fail(f"out of memory: {str(error).splitlines()[0]}", 2)


def _fail(message: str, code: int) -> None:
    print(f"error: {message}", file=sys.stderr, flush=True)
    raise SystemExit(code)


def use_threads(count: int, tokenising: bool = False) -> None:
    """Fix the number of threads before any numerical library is imported.

    The tokenizers take threads only where tokenising is all that a job does. oneDNN, which multiplies in bfloat16 on a
    CPU, compiles a product for each shape and by itself keeps 1,024 of them; a training meets more, and would compile
    them again and again.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(PRODUCTS))
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
    optional: tuple[str, ...] = (),
    offline: bool = True,
    gpu: bool = False,
    named: Callable[[Path], str] = role,
    tokenising: bool = False,
    argv: list[str] | None = None,
) -> None:
    """Parse a job's command line and make its artifact.

    Args:
        make: the library function (folder, spec, manifests by role) -> product.
        description: one sentence for ``--help``.
        single: options that name one manifest each, such as ``encoder``.
        optional: the same, for manifests that some jobs of the rule do not have.
        offline: refuse the Hub while the job runs.
        gpu: take a GPU for the process where the machine has one, or as many as its settings say (``gpus_per_job``).
        named: gives the role of a manifest that comes with ``--data``.
        tokenising: most of the job is that: its threads are the tokenizers'.
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
    for name in optional:
        parser.add_argument(f"--{name}", type=Path, nargs="?", help=f"manifest of the {name}, where there is one")
    options = parser.parse_args(argv)
    # The log's first line. Snakemake shows what SLURM says of a job that was killed only where this log is not empty.
    print(f"{options.output}: process {os.getpid()} on {platform.node()}", file=sys.stderr, flush=True)
    use_threads(options.threads, tokenising)
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    ones = {name: path for name in (*single, *optional) if (path := getattr(options, name)) is not None}
    inputs = ones | {named(path): path for path in options.data}
    with one_line_errors(), leased_gpu(_gpus(options.spec)) if gpu else nullcontext():
        produce(options.output, options.spec, inputs, make, options.files, read_meter() if gpu else None)


def _gpus(spec: Path) -> int:
    """Return among how many GPUs a job is divided."""
    return int(read_json(spec)["settings"].get("gpus_per_job", 1))
