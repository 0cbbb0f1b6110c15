"""A BERT that reads as XLM-R does is the equal XLM-R: its settings and weights under XLM-R's names.

multilingual-e5-small and Multilingual-MiniLM are such: BERT's classes with XLM-R's vocabulary, and one segment only.
XLM-R counts positions from two (behind the padding index), and has one row for all segments; the rest has other names.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.errors import UserError
from xstilts.modeling.fast_tokenizer import open_tokenizer

if TYPE_CHECKING:
    from torch import Tensor

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # XLM-R's first pieces, in its order
PADDING = SPECIAL.index("<pad>")
PLACES, KINDS = "embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight"
HEAD = {
    "cls.predictions.transform.dense": "lm_head.dense",
    "cls.predictions.transform.LayerNorm": "lm_head.layer_norm",
    "cls.predictions.bias": "lm_head.bias",
}


def reads_as_xlmr(config: dict[str, Any], folder: Path) -> bool:
    """Say whether a folder holds a BERT with XLM-R's tokenizer, which puts both texts of a pair into one segment."""
    plain = config.get("hidden_act", "gelu") == "gelu" and not config.get("is_decoder")
    if config.get("model_type") != "bert" or not plain:
        return False
    if config.get("position_embedding_type") not in (None, "absolute"):
        return False
    try:
        backend = open_tokenizer(folder).backend
    except UserError:
        return False  # a BERT without a tokenizer here: who needs one says so
    pair = backend.encode("a", "b")
    return [backend.token_to_id(token) for token in SPECIAL] == [0, 1, 2, 3] and not any(pair.type_ids)


def config_as_xlmr(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the equal XLM-R."""
    return config | {
        "model_type": "xlm-roberta",
        "max_position_embeddings": config.get("max_position_embeddings", 512) + PADDING + 1,
        "type_vocab_size": 1,
        "bos_token_id": SPECIAL.index("<s>"),
        "pad_token_id": PADDING,
        "eos_token_id": SPECIAL.index("</s>"),
    }


def weights_as_xlmr(found: dict[str, "Tensor"]) -> dict[str, "Tensor"]:
    """Return BERT's weights as XLM-R has them: positions further on, the first segment's row, the head's names."""
    import torch

    named = {name.removeprefix("bert."): tensor for name, tensor in found.items()}
    for theirs, ours in HEAD.items():
        named = {name.replace(theirs, ours): tensor for name, tensor in named.items()}
    places = named[PLACES]
    named[PLACES] = torch.cat([torch.zeros_like(places[: PADDING + 1]), places])
    named[KINDS] = named[KINDS][:1]
    return named
