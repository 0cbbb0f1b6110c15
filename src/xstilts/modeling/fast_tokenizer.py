"""The tokenizer of a model folder: its files, and how it is opened.

What the families use is the fast library's own tokenizer. transformers wraps it in a class whose import takes longer
than many a small job; it is asked only for tokenizers that it has to convert first.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.files import copy_file, read_json

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
    if source.resolve() != folder.resolve():
        for name in TOKENIZER_FILES:
            if (source / name).is_file():
                copy_file(source / name, folder / name)
            else:
                (folder / name).unlink(missing_ok=True)
    return [name for name in TOKENIZER_FILES if (source / name).is_file()]


@dataclass(frozen=True)
class FastTokenizer:
    """A tokenizer of the library `tokenizers`, with the ids of the special tokens that the families need."""

    backend: Any  # tokenizers.Tokenizer
    unknown: int
    mask: int | None
    special: tuple[int, ...]

    def __len__(self) -> int:
        """Return the number of pieces, special tokens included."""
        size: int = self.backend.get_vocab_size(with_added_tokens=True)
        return size


def open_tokenizer(folder: Path) -> FastTokenizer:
    """Open the tokenizer of a model folder, offline.

    Raises:
        UserError: there is no fast tokenizer in the folder.
    """
    settings = folder / "tokenizer_config.json"
    names = read_json(settings) if settings.is_file() else {}
    special = {role: token for role, token in names.items() if role.endswith("_token") and token is not None}
    plain = names.get("tokenizer_class") == "PreTrainedTokenizerFast" and (folder / "tokenizer.json").is_file()
    if not plain or "unk_token" not in special or not all(isinstance(token, str) for token in special.values()):
        return convert_tokenizer(_from_transformers(folder))
    from tokenizers import Tokenizer

    backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
    ids: dict[str, int | None] = {role: backend.token_to_id(token) for role, token in special.items()}
    numbers = {role: number for role, number in ids.items() if number is not None}
    lost = sorted(ids.keys() - numbers.keys())
    if lost:
        raise UserError(
            f"{folder}: tokenizer.json and tokenizer_config.json differ; expected a piece for {' '.join(lost)}"
        )
    return _plain(backend, numbers["unk_token"], numbers.get("mask_token"), set(numbers.values()))


def convert_tokenizer(tokenizer: Any) -> FastTokenizer:
    """Return what the families need of a fast tokenizer of transformers."""
    return _plain(
        tokenizer.backend_tokenizer, tokenizer.unk_token_id, tokenizer.mask_token_id, set(tokenizer.all_special_ids)
    )


def _plain(backend: Any, unknown: int, mask: int | None, special: set[int]) -> FastTokenizer:
    backend.no_truncation()  # a tokenizer.json may bring both; lengths are the families' business
    backend.no_padding()
    return FastTokenizer(backend, unknown, mask, tuple(sorted(special)))


def _from_transformers(folder: Path) -> Any:
    from transformers import AutoTokenizer, logging

    logging.set_verbosity_error()
    tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False, local_files_only=True)
    if not tokenizer.is_fast:
        raise UserError(f"{folder}: found a slow tokenizer; expected a fast one (tokenizer.json)")
    return tokenizer
