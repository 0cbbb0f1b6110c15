"""How much GPU memory a training needs: calculated from the tensors that PyTorch keeps, not measured."""

from xstilts.sections import Optimisation
from xstilts.storage import Size

MASKED = 0.15  # share of the tokens that masked language modelling scores
WORKSPACE = 1.5e9  # the driver's context, the allocator's slack, kernels' workspace (assumed)


def training_bytes(size: Size, optimisation: Optimisation, mlm: bool = False) -> float:
    """Return the bytes that training an XLM-R-shaped encoder needs at most, whatever the batch size.

    Float32 weights, gradients and AdamW's two moments take 16 bytes a parameter, bfloat16 copies of the matrices 2. For
    its gradients a block keeps 26 hidden + 4 inner bytes a token (bfloat16, float32 in and out of LayerNorm, dropout
    masks, fused attention); with activation checkpointing 4 hidden, and one block at a time all of it.

    Args:
        size: of the encoder.
        optimisation: ``micro_tokens``, ``activation_checkpointing`` and ``precision`` count.
        mlm: masked language modelling is a part of the training: logits over the vocabulary.
    """
    tokens = optimisation.micro_tokens
    block = 26 * size.hidden + 4 * size.inner
    kept = size.layers * block
    if optimisation.activation_checkpointing:
        kept = size.layers * 4 * size.hidden + block
    if optimisation.precision == "float32":
        kept *= 2
    logits = 12 * MASKED * tokens * size.vocabulary if mlm else 0.0
    matrices = size.parameters - (size.vocabulary + size.positions) * size.hidden
    return 16 * size.parameters + 2 * matrices + tokens * kept + logits + WORKSPACE
