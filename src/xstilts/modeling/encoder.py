"""The multilingual encoder: opened from a folder, built small from scratch, saved as a plain Hugging Face folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import UserError


@dataclass(frozen=True)
class EncoderShape:
    """The size of an XLM-R-shaped encoder that the workflow pretrains itself."""

    layers: int
    hidden: int
    heads: int
    intermediate: int
    positions: int
    dropout: float


def build_masked_lm(shape: EncoderShape, vocabulary: int, seed: int) -> Any:
    """Return a randomly initialised XLM-R masked language model; equal seeds give equal weights."""
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM

    torch.manual_seed(seed)
    config = XLMRobertaConfig(
        vocab_size=vocabulary,
        num_hidden_layers=shape.layers,
        hidden_size=shape.hidden,
        num_attention_heads=shape.heads,
        intermediate_size=shape.intermediate,
        max_position_embeddings=shape.positions + 2,  # XLM-R's positions start behind the padding index
        hidden_dropout_prob=shape.dropout,
        attention_probs_dropout_prob=shape.dropout,
        type_vocab_size=1,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )
    return _on_this_device(XLMRobertaForMaskedLM(config))


def _on_this_device(model: Any) -> Any:
    """Choose the attention code: on a CPU the fused kernel is the slower one, by far in bfloat16."""
    import torch

    if not torch.cuda.is_available():
        model.set_attn_implementation("eager")
    return model


def open_encoder(folder: Path, masked_lm: bool = False) -> Any:
    """Open an encoder folder in float32; with ``masked_lm`` its language-model head comes along.

    Only safetensors are read and no remote code runs. The pooler, which no task here uses, is dropped.

    Raises:
        UserError: the folder has no ``config.json`` or no ``model.safetensors``.
    """
    import torch
    from transformers import AutoModel, AutoModelForMaskedLM, logging

    logging.set_verbosity_error()  # a head that is dropped here is no news
    logging.disable_progress_bar()
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: found no config.json; expected a Hugging Face model folder")
    if not list(folder.glob("*.safetensors")):
        raise UserError(
            f"{folder}: found no *.safetensors; expected safetensors weights (pickled weights are not read)"
        )
    loader = AutoModelForMaskedLM if masked_lm else AutoModel
    model = loader.from_pretrained(
        folder,
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
    )
    base = model.base_model
    if getattr(base, "pooler", None) is not None:
        base.pooler = None
    return _on_this_device(model)


def retrieval_layer(layers: int) -> int:
    """Return the index into ``hidden_states`` that retrieval pools: 14 of 24 layers, round(14/24 L) of others.

    The paper names the 13th layer counted from 0 (section 2.2 of version 1); ``hidden_states[0]`` is the embeddings.
    """
    return round(14 * layers / 24)


def save_encoder(model: Any, tokenizer_folder: Path, folder: Path, half: bool = False) -> list[str]:
    """Write ``config.json``, ``model.safetensors`` and the tokenizer's files into ``folder``; return their names.

    ``half`` stores float16 (for small encoders that are kept in a repository).
    """
    import copy

    import torch

    folder.mkdir(parents=True, exist_ok=True)
    kept = copy.deepcopy(model).to(torch.float16) if half else model
    kept.save_pretrained(folder, max_shard_size="100GB")
    return ["config.json", "model.safetensors", *copy_tokenizer(tokenizer_folder, folder)]


TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "sentencepiece.bpe.model",
    "spm.model",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
)


def copy_tokenizer(source: Path, folder: Path) -> list[str]:
    """Copy the tokenizer's files byte for byte from one model folder to another; return their names.

    Those of another tokenizer that lay there before are removed: a loader would take them for this one's.
    """
    import shutil

    if source.resolve() != folder.resolve():
        for name in TOKENIZER_FILES:
            if (source / name).is_file():
                shutil.copyfile(source / name, folder / name)
            else:
                (folder / name).unlink(missing_ok=True)
    return [name for name in TOKENIZER_FILES if (source / name).is_file()]


def open_tokenizer(folder: Path) -> Any:
    """Open the fast tokenizer of a model folder, offline."""
    from transformers import AutoTokenizer, logging

    logging.set_verbosity_error()
    tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False, local_files_only=True)
    if not tokenizer.is_fast:
        raise UserError(
            f"{folder}: found a slow tokenizer; expected a fast one (tokenizer.json) with character offsets"
        )
    return tokenizer
