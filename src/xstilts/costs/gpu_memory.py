"""How much GPU memory a training needs: calculated from the tensors that PyTorch keeps, not measured."""

from xstilts.config.methods import Method
from xstilts.config.trainings import Optimisation
from xstilts.costs.size import Size
from xstilts.costs.trained import trained_parameters

MASKED = 0.15  # share of the tokens that masked language modelling scores
FOUR_BITS = 0.5 + 4 / 64  # bytes of a weight in four bits, with its share of a scale (modeling/adapters/four_bit.py)
FLOAT32 = 4
GRAPHED_TOKENS, GRAPHED_SHAPES = 2048, 64  # of a captured batch and a process, at most (modeling/graphed.py)
WORKSPACE = 1.5e9  # the driver's context, the allocator's slack, kernels' workspace (assumed)


def training_bytes(
    size: Size,
    optimisation: Optimisation,
    mlm: bool = False,
    method: Method | None = None,
    gpus: int = 1,
    all_rows: bool = False,
) -> float:
    """Return the bytes on each card that training an XLM-R-shaped encoder needs at most, whatever the batch size.

    Among several cards weights, gradients and moments are divided, activations are not: each card has micro-batches of
    the same size, computed anew block by block. What is gathered at a time is whole: two blocks in float32 with one
    block's gradient and copy, and embeddings with their gradient.

    Args:
        size: of the encoder.
        optimisation: ``micro_tokens``, ``activation_checkpointing`` and ``precision`` count.
        mlm: masked language modelling is a part of the training: logits over the vocabulary.
        method: what trains, where that is not the whole encoder.
        gpus: cards of one training.
        all_rows: rows of the embedding that are not read stay in place too.
    """
    return sum(training_parts(size, optimisation, mlm, method, all_rows=all_rows, gpus=gpus).values()) + WORKSPACE


def training_parts(
    size: Size,
    optimisation: Optimisation,
    mlm: bool = False,
    method: Method | None = None,
    tokens: float | None = None,
    all_rows: bool = False,
    gpus: int = 1,
) -> dict[str, float]:
    """Return the bytes of a training by what holds them: weights, gradients, moments, activations.

    Float32 weights take 4 bytes a parameter and bfloat16 copies of the matrices 2, gradients 4 and AdamW's two moments
    8 more for what trains; rows of the embedding that the training does not read lie elsewhere. For its gradients a
    block keeps 22 hidden + 4 inner (with gates 8 inner) bytes a token (bfloat16, float32 in and out of LayerNorm,
    dropout masks, fused attention); with activation checkpointing 4 hidden, and one block at a time all of it. Masked
    language modelling has 14 bytes a masked token and piece at its peak, and a bfloat16 copy of the embedding. When a
    backward pass ends the gradients of the copies stand where activations were; they matter in small batches. Captured
    blocks (``graphed``) have memory of their own: activations of the largest batch, and four tensors a shape.

    Args:
        size: of the encoder.
        optimisation: ``micro_tokens``, ``activation_checkpointing``, ``precision`` and ``graphed`` count.
        mlm: masked language modelling is a part of the training: logits over the vocabulary.
        method: what trains, where that is not the whole encoder.
        tokens: of a forward pass; None: as many as it may hold.
        all_rows: rows of the embedding that are not read stay in place too.
        gpus: cards of one training.
    """
    tokens = optimisation.micro_tokens if tokens is None else min(tokens, optimisation.micro_tokens)
    block = 22 * size.hidden + (8 if size.gated else 4) * size.inner
    kept = size.layers * block
    if optimisation.activation_checkpointing or gpus > 1:
        kept = size.layers * 4 * size.hidden + block
    if optimisation.precision == "float32":
        kept *= 2
    captured = 0.0
    if optimisation.graphed and gpus == 1 and not optimisation.activation_checkpointing:
        shapes = GRAPHED_SHAPES * (GRAPHED_TOKENS + GRAPHED_TOKENS / GRAPHED_SHAPES) / 2  # one of each number of tokens
        captured = size.layers * block * GRAPHED_TOKENS + 4 * FLOAT32 * size.hidden * shapes
    logits = (14 * MASKED * tokens + 2 * size.hidden) * size.vocabulary if mlm else 0.0
    matrices = size.parameters - (size.vocabulary + size.positions) * size.hidden
    trained = trained_parameters(size, method, all_rows=mlm or all_rows)
    held = float(size.parameters if method else trained)
    copies = 2.0 * matrices
    after = copies if optimisation.precision == "bfloat16" and gpus == 1 and not method else 0.0  # activations are gone
    if method and method.bits:  # one matrix at a time in bfloat16, and what stands for all of them
        held += (FOUR_BITS / 4 - 1) * matrices
        copies = 2.0 * size.hidden * max(size.hidden, size.inner)
    if gpus > 1:
        copies = 14 * matrices / size.layers + (4 if method else 8) * (held - matrices)
    return {
        "weights": 4 * held / gpus + copies,
        "gradients": 4 * trained / gpus,
        "moments": 8 * trained / gpus,
        "activations": max(tokens * kept + logits, after) + captured,
    }
