"""Tiny random decoders of the families that are opened as encoders, each with a byte-level tokenizer as theirs."""

from pathlib import Path
from typing import Any

import torch
import transformers
from family_tokenizers import LINES
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from xstilts.files import write_json

END = "<|endoftext|>"
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SIZES = {1: (1, 16), 2: (2, 24), 3: (3, 32)}  # blocks, width


def byte_level(folder: Path, begin: str | None = None) -> int:
    """Write a tokenizer that cuts text as Qwen's does (and Llama 3's, with ``begin``); return its size."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [END, *([begin] if begin else [])]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(LINES * 3, trainer)
    own: Any = processors.ByteLevel(trim_offsets=False)
    if begin:
        number = tokenizer.token_to_id(begin)
        both = {"single": [begin, "$A"], "pair": [begin, "$A", begin, "$B"]}
        own = processors.Sequence([own, processors.TemplateProcessing(**both, special_tokens=[(begin, number)])])
    tokenizer.post_processor = own
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"eos_token": END, "pad_token": END, "unk_token": None, "bos_token": begin, "add_prefix_space": False}
    write_json(folder / "tokenizer_config.json", names | {"tokenizer_class": "PreTrainedTokenizerFast"})
    return int(tokenizer.get_vocab_size())


def qwen(folder: Path, size: int = 1) -> Path:
    """Write a random decoder of Qwen2's class (which Qwen1.5 has too) of one of three sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    layers, hidden = SIZES[size]
    config = transformers.Qwen2Config(
        vocab_size=byte_level(folder),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=256,
        tie_word_embeddings=False,
    )
    return _save(folder, config)


def llama(folder: Path) -> Path:
    """Write a random decoder of Llama's class, whose tokenizer sets a token before a text."""
    folder.mkdir(parents=True, exist_ok=True)
    config = transformers.LlamaConfig(
        vocab_size=byte_level(folder, "<|begin_of_text|>"),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=256,
    )
    return _save(folder, config)


def bloom(folder: Path) -> Path:
    """Write a random decoder of BLOOM's class."""
    folder.mkdir(parents=True, exist_ok=True)
    return _save(folder, transformers.BloomConfig(vocab_size=byte_level(folder), hidden_size=16, n_layer=2, n_head=2))


def _save(folder: Path, config: Any) -> Path:
    torch.manual_seed(3)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder
