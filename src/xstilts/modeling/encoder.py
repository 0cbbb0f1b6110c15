"""The multilingual encoder: opened from a folder, built small from scratch, saved as a plain Hugging Face folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch.overrides import TorchFunctionMode

from xstilts.errors import ConfigError, UserError
from xstilts.files import read_json
from xstilts.modeling.bert import config_as_xlmr, reads_as_xlmr, weights_as_xlmr
from xstilts.modeling.fast_tokenizer import copy_tokenizer
from xstilts.modeling.xlmr import MODEL_TYPES, Renamed, XlmRoberta

if TYPE_CHECKING:
    from xstilts.modeling.hub import HubEncoder


@dataclass(frozen=True)
class EncoderShape:
    """The size of an XLM-R-shaped encoder that the workflow pretrains itself."""

    layers: int
    hidden: int
    heads: int
    intermediate: int
    positions: int
    dropout: float

    def config(self, vocabulary: int) -> dict[str, Any]:
        """Return the content of its ``config.json``."""
        return {
            "model_type": "xlm-roberta",
            "vocab_size": vocabulary,
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden,
            "num_attention_heads": self.heads,
            "intermediate_size": self.intermediate,
            "max_position_embeddings": self.positions + 2,  # positions start behind the padding index
            "hidden_dropout_prob": self.dropout,
            "attention_probs_dropout_prob": self.dropout,
            "hidden_act": "gelu",
            "initializer_range": 0.02,
            "layer_norm_eps": 1e-5,
            "type_vocab_size": 1,
            "bos_token_id": 0,
            "pad_token_id": 1,
            "eos_token_id": 2,
        }


def build_masked_lm(shape: EncoderShape, vocabulary: int, seed: int) -> XlmRoberta:
    """Return a randomly initialised XLM-R masked language model; equal seeds give equal weights."""
    import torch

    torch.manual_seed(seed)
    return XlmRoberta(shape.config(vocabulary), masked_lm=True)


def open_encoder(folder: Path, masked_lm: bool = False, as_stored: bool = False) -> "XlmRoberta | HubEncoder":
    """Open an encoder folder in float32; with ``masked_lm`` its language-model head comes along.

    With ``as_stored`` a model of AutoModel keeps the precision of its files and lies in these until it is read: who
    makes other weights of them, map by map, never holds them all.

    XLM-R and RoBERTa run in this project's own code, and so does a BERT that reads as XLM-R does; every other
    architecture runs through ``AutoModel``. Only safetensors are read and no remote code runs.

    Raises:
        UserError: the folder has no ``config.json`` or no ``model.safetensors``, or weights are missing.
    """
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: found no config.json; expected a Hugging Face model folder")
    if not list(folder.glob("model*.safetensors")):
        raise UserError(f"{folder}: found no *.safetensors; expected safetensors weights (pickled ones are not read)")
    config = read_json(folder / "config.json")
    if config.get("model_type") in MODEL_TYPES and config.get("hidden_act", "gelu") == "gelu":
        return opened(config, masked_lm, folder)
    if reads_as_xlmr(config, folder):
        return opened(config_as_xlmr(config), masked_lm, folder, weights_as_xlmr)
    from xstilts.modeling.hub import HubEncoder

    return HubEncoder(folder, masked_lm, as_stored)


class _Undrawn(TorchFunctionMode):
    """Leaves weights as they are where a layer would draw its first ones."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def opened(config: dict[str, Any], masked_lm: bool, folder: Path, renamed: Renamed | None = None) -> XlmRoberta:
    """Return an encoder with the weights of a folder; none is drawn first, which for a large one takes seconds.

    It is not built on PyTorch's meta device: drawing there loads the compiler, 1.5 seconds of every job.
    """
    with _Undrawn():
        model = XlmRoberta(config, masked_lm)
    model.load(folder, renamed)
    return model


def read_sentence_at(encoder: Any, folder: Path, at: str) -> None:
    """Let heads take a sequence's ``first`` or ``last`` token, or the ``mean`` of all, for its vector.

    Raises:
        UserError: a decoder's first token, which has read nothing.
    """
    if at == "first" and getattr(encoder, "causal", False):
        raise UserError(
            f"encoders: found sentence: first for the decoder in {folder}, whose first token has read nothing; "
            "expected last or mean"
        )
    encoder.sentence = at


def check_lengths(encoder: Any, folder: Path, lengths: dict[str, int]) -> None:
    """Refuse token limits (by family) that are longer than what the encoder has positions for."""
    for family, limit in lengths.items():
        if family not in ("doc_stride", "max_query") and encoder.positions is not None and limit > encoder.positions:
            raise UserError(
                f"lengths.{family}: found {limit}; expected at most {encoder.positions} tokens, for which the encoder "
                f"in {folder} has positions"
            )


def retrieval_layer(layers: int) -> int:
    """Return the index into ``hidden_states`` that retrieval pools: 14 of 24 layers, round(14/24 L) of others.

    The paper names the 13th layer counted from 0 (section 2.2 of version 1); ``hidden_states[0]`` is the embeddings.
    """
    return round(14 * layers / 24)


def pooled_layer(layers: int, wanted: int | str | None) -> int:
    """Return the index into ``hidden_states`` that a configuration's ``retrieval.layer`` names.

    Raises:
        ConfigError: the encoder has fewer layers.
    """
    if wanted is None:
        return retrieval_layer(layers)
    found = layers if wanted == "last" else int(wanted)
    if found > layers:
        raise ConfigError(f"retrieval.layer: found {found}; expected at most {layers}, the blocks of the encoder")
    return found


def save_encoder(model: Any, tokenizer_folder: Path, folder: Path, half: bool = False) -> list[str]:
    """Write ``config.json``, ``model.safetensors`` and the tokenizer's files into ``folder``; return their names.

    ``half`` stores float16 (for small encoders that are kept in a repository).
    """
    return [*model.save(folder, half), *copy_tokenizer(tokenizer_folder, folder)]
