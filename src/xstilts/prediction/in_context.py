"""A decoder that answers from its context, with nothing trained: each choice by its mean log-likelihood a token.

The prompt is the one that a fine-tuned encoder reads, XTREME-R's, with its question in English (data.readers): examples
with their right choices, a blank line between two, then the question; every choice is scored behind it. Examples are
English, the first of COPA's training set by a hash of seed and id, as with examples of a language
(``data.rows.drawn``).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xstilts.artifacts import Manifest
from xstilts.data.rows.drawn import by_hash
from xstilts.data.rows.evaluated import rows_of
from xstilts.errors import UserError
from xstilts.families import multiple_choice
from xstilts.families.facts import facts
from xstilts.families.features import Features
from xstilts.modeling.batches import split_by_tokens
from xstilts.modeling.model import computes_in_bfloat16, device

if TYPE_CHECKING:
    from torch import Tensor

BETWEEN = "\n\n"
Laid = list[tuple[list[int], int]]  # of a question by choice: token ids, and how many at their end are the choice's


@dataclass(frozen=True)
class Decoder:
    """A causal language model on its device, with its tokenizer, and what it took to open it."""

    model: Any
    tokenizer: Any
    seconds: float


def open_decoder(folder: Path, precision: str, deterministic: bool) -> Decoder:
    """Open a decoder: no code of a repository is run, weights are safetensors.

    Raises:
        UserError: it is no causal language model that transformers knows.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    began, where = time.perf_counter(), device(deterministic)
    half = precision == "bfloat16" and computes_in_bfloat16(where)
    ours = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **ours)
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.bfloat16 if half else torch.float32, use_safetensors=True, **ours
        )
    except ValueError as error:
        raise UserError(f"{folder}: found no causal language model ({str(error).splitlines()[0]})") from None
    return Decoder(model.to(where).eval(), tokenizer, time.perf_counter() - began)


def lay_out(decoder: Decoder, rows: Sequence[dict[str, Any]], shots: Manifest, count: int, seed: int) -> list[Laid]:
    """Return each question's choices as tokens: examples, the question, the choice.

    Args:
        decoder: whose tokenizer cuts, and whose positions are a limit: what is too long loses its beginning.
        rows: the questions.
        shots: English rows with labels, of which ``count`` come before each question.
        count: of the examples.
        seed: of the hash that chooses them.

    Raises:
        UserError: there are fewer.
    """
    given = [row for row in rows_of(shots, "train", None) if row["label"] is not None]
    if len(given) < count:
        raise UserError(f"{shots.path}: found {len(given)} labelled rows; expected {count} for the context")
    chosen = [given[place] for place in by_hash(given, seed)[:count]]
    before = "".join(f"{row['prompt']} {row['choices'][row['label']]}{BETWEEN}" for row in chosen)
    limit = getattr(decoder.model.config, "max_position_embeddings", None) or 2**30
    start = [one for one in (decoder.tokenizer.bos_token_id,) if one is not None]
    found = []
    for row in rows:
        context = before + row["prompt"]
        read = len(_ids(decoder, context))
        question = []
        for choice in row["choices"]:
            ids = _ids(decoder, f"{context} {choice}")
            own = max(1, len(ids) - read)  # a piece may reach over the blank: it is the choice's
            room = limit - len(start)
            question.append((start + ids[-room:], min(own, room - 1)))
        found.append(question)
    return found


def _ids(decoder: Decoder, text: str) -> list[int]:
    return list(decoder.tokenizer(text, add_special_tokens=False)["input_ids"])


def scores(decoder: Decoder, questions: Sequence[Laid], micro_tokens: int) -> list[list[float]]:
    """Return the mean log-likelihood (nats a token) of each choice of each question."""
    import torch

    sequences = [one for question in questions for one in question]
    where = next(decoder.model.parameters()).device
    found = np.zeros(len(sequences))
    size = np.array([len(ids) for ids, _ in sequences])
    with torch.inference_mode():
        for members in split_by_tokens(size, micro_tokens):
            width = int(size[members].max())
            ids = torch.zeros((len(members), width), dtype=torch.long)
            before = torch.zeros((len(members), width), dtype=torch.bool)  # the places whose next token is a choice's
            for row, place in enumerate(members):
                end, own = int(size[place]), sequences[place][1]
                ids[row, :end] = torch.tensor(sequences[place][0])
                before[row, end - own - 1 : end - 1] = True
            mask = torch.arange(width)[None, :] < torch.tensor(size[members])[:, None]
            logits = _logits(decoder.model, ids.to(where), mask.long().to(where), before.to(where))
            parts = logits.split([sequences[place][1] for place in members])
            for row, (place, part) in enumerate(zip(members, parts, strict=True)):
                wanted = ids[row, size[place] - len(part) : size[place]].to(where)
                found[place] = float(part.float().log_softmax(-1).gather(-1, wanted[:, None]).mean())
    bounds = np.cumsum([len(question) for question in questions])[:-1]
    return [part.tolist() for part in np.split(found, bounds)]


def _logits(model: Any, ids: "Tensor", mask: "Tensor", wanted: "Tensor") -> "Tensor":
    """Return a decoder's logits [wanted places, vocabulary], of a batch row by row.

    With those of all places a batch of 16,384 tokens has 5 GB in bfloat16 for a vocabulary of 150,000 pieces. The
    decoder itself leaves the others out, as it may cap or scale what its output matrix gives; one that cannot has all.
    """
    leaves_out = "logits_to_keep" in signature(model.forward).parameters
    chosen = {"logits_to_keep": wanted} if leaves_out else {}
    found: Tensor = model(input_ids=ids, attention_mask=mask, use_cache=False, **chosen).logits
    return found if leaves_out else found[wanted]


def open_predictor(
    folder: Path, settings: dict[str, Any], below: Path | None = None, *, shots: Manifest
) -> "InContext":
    """Load a decoder once; return what predicts a language."""
    decoder = open_decoder(folder, settings["precision"], settings["deterministic"])
    return InContext(decoder, shots, settings)


class InContext:
    """A decoder that chooses among the answers of a language's questions."""

    def __init__(self, decoder: Decoder, shots: Manifest, settings: dict[str, Any]) -> None:
        """Take a decoder, English rows with labels, and the settings of the job."""
        self.decoder, self.shots, self.settings = decoder, shots, settings
        self.work: dict[str, float] = {"tokens_read": 0, "questions": 0}

    def __call__(self, folder: Path, language: str, rows: dict[str, Any], features: dict[str, Features]) -> list[str]:
        """Write the files of a language; return their names."""
        names = []
        for split, own in rows.items():
            laid = lay_out(self.decoder, own, self.shots, self.settings["shots"], self.settings.get("seed", 0))
            found = scores(self.decoder, laid, self.settings["micro_tokens"])
            self.work["questions"] += len(laid)
            self.work["tokens_read"] += sum(len(ids) for question in laid for ids, _ in question)
            names.append(f"{split}-{language}.{facts('multiple_choice').suffix}")
            multiple_choice.write(folder / names[-1], [int(np.argmax(one)) for one in found], own)
        return names
