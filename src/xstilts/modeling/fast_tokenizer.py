"""The tokenizer of a model folder: its files, and how it is opened.

What the families use is the fast library's own tokenizer. A ``tokenizer.json`` is opened as it stands: transformers
wraps it in a class, and some of these build a pipeline of their own from its pieces, without its normaliser. That
library is asked only for tokenizers that have to be converted first.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import DataError, UserError
from xstilts.files import copy_file, read_json

SENTENCEPIECE = ("sentencepiece.bpe.model", "spm.model", "spiece.model", "sentencepiece.model", "tokenizer.model")
VOCABULARIES = (  # each is a whole tokenizer; vocab.json has merges.txt beside it
    "tokenizer.json",
    *SENTENCEPIECE,
    "vocab.txt",
    "vocab.json",
)
TOKENIZER_FILES = (
    *VOCABULARIES,
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
MASKS = ("<mask>", "[MASK]")  # where no file names the mask token


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
        UserError: there is no fast tokenizer in the folder, or it lacks the special tokens that its settings name.
    """
    if not any((folder / name).is_file() for name in VOCABULARIES):
        raise UserError(f"{folder}: found no tokenizer; expected one of {' '.join(VOCABULARIES)}")
    if not (folder / "tokenizer.json").is_file():
        converted = convert_tokenizer(_from_transformers(folder))
        close_texts(converted.backend, special_tokens(folder))
        return converted
    from tokenizers import Tokenizer

    try:
        backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises nothing more exact
        raise DataError(folder / "tokenizer.json", f"no tokenizer ({error})", "a whole tokenizer.json") from None
    ids: dict[str, int | None] = {role: backend.token_to_id(token) for role, token in special_tokens(folder).items()}
    special = {role: number for role, number in ids.items() if number is not None}
    lost = sorted(ids.keys() - special.keys())
    if lost:
        raise UserError(
            f"{folder}: tokenizer.json and tokenizer_config.json differ; expected a piece for {' '.join(lost)}"
        )
    added = {number for number, token in backend.get_added_tokens_decoder().items() if token.special}
    named = (number for token in MASKS if (number := backend.token_to_id(token)) in added)
    close_texts(backend, special_tokens(folder))
    unknown, mask = special.get("unk_token"), special.get("mask_token", next(named, None))
    if unknown is None:
        unknown = _own_unknown(read_json(folder / "tokenizer.json")["model"], backend)
    if unknown is None:
        unknown = special.get("eos_token")  # bytes know everything: what stands for a word without any
    if unknown is None:
        raise UserError(f"{folder}: found no token for what is unknown; expected unk_token in tokenizer_config.json")
    return _plain(backend, unknown, mask, {*special.values(), *added})


def close_texts(backend: Any, names: dict[str, str]) -> None:
    """Let a decoder's tokenizer set tokens around texts as an encoder's does, in place of what it has of its own.

    That is one without a mask that sets none after a text, where the text's vector is read. It gets ``^ a $`` and
    ``^ a $ b $``: the token for an end is ``$``, that for a beginning ``^``, or ``$`` where there is none, since it set
    documents of the pretraining apart. One that cuts words by their blanks gets a blank before a text, as SentencePiece
    has ``▁``: words of a sentence, which are cut one by one, are then the pieces that they are inside a text.
    """
    from tokenizers import normalizers, processors

    last = names.get("eos_token")
    end = backend.token_to_id(last) if last else None
    plain, whole = (backend.encode("a", add_special_tokens=special) for special in (False, True))
    if end is None or "mask_token" in names or whole.ids[-len(plain.ids) :] != plain.ids:
        return  # an encoder's
    first = names.get("bos_token", last)
    start = backend.token_to_id(first)
    backend.post_processor = processors.TemplateProcessing(
        single=[first, "$A", last],
        pair=[first, "$A", last, "$B", last],
        special_tokens=[*dict.fromkeys([(first, start), (last, end)])],
    )
    if plain.tokens[0] == "a" and "Ġ" in "".join(backend.encode("a a", add_special_tokens=False).tokens):
        own = [backend.normalizer] if backend.normalizer is not None else []
        backend.normalizer = normalizers.Sequence([*own, normalizers.Prepend(" ")])


def special_tokens(folder: Path) -> dict[str, str]:
    """Return the special tokens that a tokenizer's settings name, by role such as ``unk_token``."""
    names: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            names |= read_json(folder / name)
    found = {role: token for role, token in names.items() if role.endswith("_token") and token}
    plain = {role: token["content"] if isinstance(token, dict) else token for role, token in found.items()}
    return {role: token for role, token in plain.items() if isinstance(token, str)}  # add_bos_token: true is none


def _own_unknown(model: dict[str, Any], backend: Any) -> int | None:
    """Return the piece that the model of a ``tokenizer.json`` takes for what it does not know."""
    if model.get("unk_id") is not None:
        return int(model["unk_id"])
    number: int | None = backend.token_to_id(model.get("unk_token") or "<unk>")
    return number


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
    from transformers import AutoTokenizer, XLMRobertaTokenizer, logging

    logging.set_verbosity_error()
    settings = folder / "tokenizer_config.json"
    named = (read_json(settings) if settings.is_file() else {}).get("tokenizer_class")
    # A BERT with XLM-R's SentencePiece model (Multilingual-MiniLM) names no class: AutoTokenizer would take BERT's.
    loader = AutoTokenizer if named or not (folder / "sentencepiece.bpe.model").is_file() else XLMRobertaTokenizer
    try:
        tokenizer = loader.from_pretrained(folder, use_fast=True, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{folder}: found a tokenizer that transformers cannot open: {reason}") from None
    if not tokenizer.is_fast:
        raise UserError(f"{folder}: found a slow tokenizer; expected a fast one (tokenizer.json)")
    _keep_normaliser(folder, tokenizer.backend_tokenizer)
    return tokenizer


def _keep_normaliser(folder: Path, backend: Any) -> None:
    """Give a converted tokenizer the normaliser of its SentencePiece model where the conversion has left it out.

    transformers 5.23 does for DeBERTa: full-width letters and the commas of Chinese and Japanese become unknown.
    """
    from sentencepiece import sentencepiece_model_pb2
    from tokenizers import normalizers

    path = next((folder / name for name in SENTENCEPIECE if (folder / name).is_file()), None)
    if path is None or "Precompiled" in str(backend.normalizer):
        return
    model = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
    try:
        model.ParseFromString(path.read_bytes())
    except Exception:  # protobuf's own, by its implementation: a tokenizer.model of another kind has no such part
        return
    own = model.normalizer_spec.precompiled_charsmap
    if own:
        others = [backend.normalizer] if backend.normalizer is not None else []
        backend.normalizer = normalizers.Sequence([normalizers.Precompiled(own), *others])
