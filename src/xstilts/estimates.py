"""How long a job should take, and what it asks of a cluster: for plans and for the rules' resources.

The speeds are those of two kinds of machine; a plan corrects them by jobs that were measured. Nothing here enters a
spec: another estimate reruns nothing.
"""

import math
from dataclasses import dataclass, field

from xstilts.storage import Size

HOST = 1e-4  # seconds a row: reading, decoding (assumed)
TOKENISING = 2e-4  # seconds a row on one thread (assumed)


@dataclass(frozen=True)
class Device:
    """What a kind of machine does in a second."""

    rate: float  # floating point operations, a thread on a CPU
    launch: float  # seconds that one layer of one forward and backward pass takes at least
    bandwidth: float  # bytes that the optimiser moves
    start: float  # seconds before the first step
    mining: float  # products of a query and an indexed sentence, operations a second (assumed)


# cpu: fitted to the demo on 2 cores of a Xeon-class CPU with bfloat16. gpu: not measured; a third of the matrix rate of
# an H200, and what launching the kernels of a layer takes on any GPU.
DEVICES = {"cpu": Device(6e10, 1e-3, 1e10, 4, 1.7e11), "gpu": Device(2.5e14, 1.6e-3, 3e12, 20, 3e13)}


@dataclass(frozen=True)
class Work:
    """What a job does, whatever the machine."""

    steps: int = 0
    micro_batches: int = 0  # of all steps
    tokens: float = 0  # trained on
    forward: float = 0  # tokens of forward passes: dev evaluations, predictions
    forward_batches: float = 0
    length: float = 64  # tokens a sequence, for what attention costs
    rows: int = 0  # read on the host
    pairs: float = 0  # of sentences that are compared when mining
    assumed: frozenset[str] = field(default_factory=frozenset)  # what was not counted in data on the disk


def seconds(work: Work, size: Size, device: Device, threads: int = 1) -> float:
    """Return how long a job takes on one device: the larger of arithmetic and launches, the optimiser, the host."""
    rate, token = device.rate * threads, operations_of_token(work, size)
    training = max(3 * token * work.tokens / rate, device.launch * size.layers * work.micro_batches)
    training += work.steps * 28 * size.parameters / device.bandwidth  # bytes of one step of AdamW in float32
    forward = max(token * work.forward / rate, device.launch / 3 * size.layers * work.forward_batches)
    mining = 4 * size.hidden * work.pairs / device.mining  # a product each way
    return device.start + 4 * size.parameters / 1e9 + training + forward + HOST * work.rows + mining


def operations_of_token(work: Work, size: Size) -> float:
    """Return the multiplications and additions of a token's forward pass; a training takes three times as many."""
    matrices = 2 * size.layers * (4 * size.hidden**2 + 2 * size.hidden * size.inner)
    return matrices + 4 * size.layers * work.length * size.hidden  # and attention


def operations(work: Work, size: Size) -> float:
    """Return the multiplications and additions of a job's trainings and forward passes, without padding."""
    return operations_of_token(work, size) * (3 * work.tokens + work.forward)


def memory_mb(work: Work, size: Size, rule: str, attempt: int = 1) -> int:
    """Return the main memory to ask for: base, weights (a training: with optimiser and checkpoint), rows; then more.

    The bytes a row and the base are twice what the demo's jobs were measured to need; the weights are counted.
    """
    weights = (8 if rule == "predict" else 20) * size.parameters
    mined = 12 * size.hidden * math.sqrt(work.pairs)
    return round((3000 + (weights + 2500 * work.rows + mined) / 1e6) * 1.5 ** (attempt - 1))


def tokenising_threads(rows: int) -> int:
    """Return the threads that tokenise so many rows: one where a second would hardly have started (assumed)."""
    return 4 if rows > 50_000 else 1


def minutes(work: Work, size: Size, attempt: int = 1) -> int:
    """Return the time limit to ask for: four times the estimate on a GPU and half an hour, as often as it was tried.

    A training that meets its limit goes on from its last checkpoint.
    """
    return attempt * (30 + math.ceil(4 * seconds(work, size, DEVICES["gpu"]) / 60))


def threads(size: Size) -> int:
    """Return the threads of a job: one for a small encoder; a large one has a second for copies and hashes."""
    return 1 if size.hidden <= 512 else 2
