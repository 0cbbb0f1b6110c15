"""How long a job should take, and what it asks of a cluster: for plans and for the rules' resources.

The speeds are those of two kinds of machine; a plan corrects them by jobs that were measured. Nothing here enters a
spec: another estimate reruns nothing.
"""

import math
from dataclasses import dataclass, field

from xstilts.config.methods import Method
from xstilts.costs.gpu_memory import FOUR_BITS
from xstilts.costs.size import Size
from xstilts.costs.trained import trained_parameters

HOST = 1e-4  # seconds a row: reading, decoding (assumed)
SEARCH = 2e9  # bytes: the scores and a block of an exact search (prediction/search.py), and ids of a million candidates
TOKENISING = 2e-4  # seconds a row on one thread (assumed)


@dataclass(frozen=True)
class Device:
    """What a kind of machine does in a second."""

    rate: tuple[tuple[int, float], ...]  # (width of the encoder, floating point operations, a thread on a CPU)
    launch: float  # seconds that one layer of one forward and backward pass takes at least
    bandwidth: float  # bytes that the optimiser moves
    start: float  # seconds before the first step
    mining: float  # products of a query and an indexed sentence, operations a second (assumed)
    search: float  # the same of a query and a candidate (docs/performance.md; gpu: assumed)
    float32: float  # share of rate that is left in float32


# cpu: fitted to the demo on 2 cores of a Xeon-class CPU with bfloat16; width 384: four fifths of what one thread of an
# AMD EPYC with bfloat16 did with 12 blocks of it, alone on its core. cpu-float32: a CPU without arithmetic in bfloat16,
# the same encoders on 2 cores of an AMD EPYC with AVX2 and no AVX-512. gpu: not measured; a third of the matrix rate of
# an H200 (float32: of the 67 TFLOP/s of its data sheet), and what launching the kernels of a layer takes on any GPU.
DEVICES = {
    "cpu": Device(((128, 6e10), (384, 2e11)), 1e-3, 1e10, 4, 1.7e11, 6.5e10, 0.34),
    "cpu-float32": Device(((128, 6e10), (384, 5e10)), 1e-3, 1e10, 4, 1.7e11, 6.5e10, 1.0),
    "gpu": Device(((384, 2.5e14),), 1.6e-3, 3e12, 20, 3e13, 3e13, 0.09),
}


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
    all_rows: bool = False  # a training reads all rows of the embedding: masked language modelling
    float32: bool = False  # forward passes in float32, whatever the run computes in
    assumed: frozenset[str] = field(default_factory=frozenset)  # what was not counted in data on the disk
    products: float = 0  # of a query and a candidate
    method: Method | None = None  # what trains, or trained, instead of the whole encoder


def seconds(work: Work, size: Size, device: Device, threads: int = 1) -> float:
    """Return how long a job takes on one device: the larger of arithmetic and launches, the optimiser, the host."""
    rate, token = _rate(device, size.hidden) * threads, operations_of_token(work, size)
    training = max(3 * token * work.tokens / rate, device.launch * size.layers * work.micro_batches)
    trained = trained_parameters(size, work.method, work.all_rows)
    training += work.steps * 28 * trained / device.bandwidth  # bytes of one step of AdamW in float32
    forward_rate = device.float32 * rate if work.float32 else rate
    forward = max(token * work.forward / forward_rate, device.launch / 3 * size.layers * work.forward_batches)
    compared = 4 * work.pairs * size.hidden / device.mining  # pairs have a product each way
    compared += 2 * work.products * size.hidden / device.search
    return device.start + 4 * size.parameters / 1e9 + training + forward + HOST * work.rows + compared


def _rate(device: Device, width: int) -> float:
    """Return a device's rate on an encoder of a width: between two measured ones on the line of their logarithms."""
    (narrow, low), (wide, high) = device.rate[0], device.rate[-1]
    if width <= narrow or narrow == wide:
        return low
    return float(low * (high / low) ** min(1.0, math.log(width / narrow) / math.log(wide / narrow)))


def operations_of_token(work: Work, size: Size) -> float:
    """Return the multiplications and additions of a token's forward pass; a training takes three times as many."""
    matrices = 2 * size.layers * size.matrices
    return matrices + 4 * size.layers * work.length * size.hidden  # and attention


def operations(work: Work, size: Size) -> float:
    """Return the multiplications and additions of a job's trainings and forward passes, without padding."""
    return operations_of_token(work, size) * (3 * work.tokens + work.forward)


def memory_mb(work: Work, size: Size, rule: str, attempt: int = 1, reserve: float = 2, processes: int = 1) -> int:
    """Return the main memory to ask for: base, weights (a training: with optimiser and checkpoint), rows; then more.

    The bytes a row and the base are ``reserve`` times what the demo's jobs were measured to need at most; the weights
    are counted. The processes of a divided training have a part of the weights each, and all of base and rows. The
    weights of a decoder in four bits are packed out of its files, whose pages count for nobody; an embedding is there
    twice.
    """
    method = work.method
    packed = method is not None and method.bits is not None and size.gated
    own = FOUR_BITS * size.layers * size.matrices + 8 * size.vocabulary * size.hidden
    weights = own if packed else 8 * size.parameters
    if rule not in ("index", "predict"):
        weights += 12 * trained_parameters(size, method, work.all_rows)
    mined = 12 * size.hidden * math.sqrt(work.pairs)
    searched = SEARCH if work.products else 0
    measured = processes * (1500 + 1250 * work.rows / 1e6)
    return round((reserve * measured + (weights + mined + searched) / 1e6) * 1.5 ** (attempt - 1))


def spare_cores(cores: int | None, gpus: int | None) -> int:
    """Return the cores, four at most, that are free beside the trainings of a machine, whatever they are at.

    A job that many wait for and that asks for more stands behind every training: it needs them free at the same time,
    and each core that comes free is taken by the next training.

    Args:
        cores: that jobs may use, None where nobody set a number, as on a cluster's login node, which others use too.
        gpus: trainings that run at once, on two cores each; None where trainings compute on the cores: none is spare,
            and the first that comes free will do.
    """
    return 1 if gpus is None or cores is None else max(1, min(4, cores - 2 * gpus))


def tokenising_threads(rows: int, spare: int = 4) -> int:
    """Return the threads that tokenise so many rows: one where a second would hardly have started (assumed)."""
    return spare if rows > 50_000 else 1


def minutes(work: Work, size: Size, attempt: int = 1) -> int:
    """Return the time limit to ask for: four times the estimate on a GPU and half an hour, as often as it was tried.

    A training that meets its limit goes on from its last checkpoint.
    """
    return attempt * (30 + math.ceil(4 * seconds(work, size, DEVICES["gpu"]) / 60))


def threads(size: Size) -> int:
    """Return the threads of a job: one for a small encoder; a large one has a second for copies and hashes."""
    return 1 if size.hidden <= 512 else 2
