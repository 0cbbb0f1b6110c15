"""A translation model that ``AutoModelForSeq2SeqLM`` opens: safetensors, no remote code, no network."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from xstilts.errors import UserError
from xstilts.modeling.model import computes_in_bfloat16, device

LONGEST = 512  # tokens of a text: what such models were trained on


@dataclass(frozen=True)
class Translator:
    """An open model and how it is told the language: words before the text, or the first token of its answer."""

    model: Any
    tokenizer: Any
    prefix: str
    first_token: int | None
    beams: int
    micro_tokens: int


def open_translator(folder: Path, prefix: str, start: str | None, beams: int, micro_tokens: int) -> Translator:
    """Open a model folder, on a GPU in bfloat16 where there is one.

    Raises:
        UserError: ``start`` is no token of the model.
    """
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    local: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    tokenizer = AutoTokenizer.from_pretrained(folder, **local)
    where = device()
    dtype = torch.bfloat16 if where.type == "cuda" and computes_in_bfloat16(where) else torch.float32
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=dtype, use_safetensors=True, **local)
    first: Any = None if start is None else tokenizer.convert_tokens_to_ids(start)
    if start is not None and first in (None, tokenizer.unk_token_id):
        raise UserError(f"translation.start: the model has no token {start!r}")
    return Translator(model.eval().to(where), tokenizer, prefix, first, beams, micro_tokens)


def translate(texts: Sequence[str], by: Translator) -> list[str]:
    """Return the translations of texts, in their order."""
    encoded = by.tokenizer([by.prefix + text for text in texts], truncation=True, max_length=LONGEST)["input_ids"]
    found = [""] * len(texts)
    options: dict[str, Any] = {"num_beams": by.beams, "do_sample": False}
    if by.first_token is not None:
        options["forced_bos_token_id"] = by.first_token
    for batch in _batches([len(ids) for ids in encoded], by.micro_tokens // by.beams):
        padded = by.tokenizer.pad({"input_ids": [encoded[place] for place in batch]}, return_tensors="pt")
        longest = padded["input_ids"].shape[1]
        with torch.inference_mode():
            answer = by.model.generate(
                input_ids=padded["input_ids"].to(by.model.device),
                attention_mask=padded["attention_mask"].to(by.model.device),
                max_new_tokens=written(longest),
                **options,
            )
        for place, text in zip(batch, by.tokenizer.batch_decode(answer, skip_special_tokens=True), strict=True):
            found[place] = " ".join(text.split())
    return found


def written(read: int) -> int:
    """Return the most tokens that the translation of so many may have."""
    return min(2 * read + 16, LONGEST)


def _batches(lengths: Sequence[int], micro_tokens: int) -> Iterator[list[int]]:
    """Yield places of texts of about one length, as many as hold ``micro_tokens`` with what they may become.

    A decoder keeps keys and values of each token that it has read or written, for each of its beams: short texts, which
    may grow most, fill a card first.
    """
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: (lengths[place], place)):
        if batch and (len(batch) + 1) * (lengths[place] + written(lengths[place])) > micro_tokens:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
