"""One place for an encoder that comes from outside: what would give wrong numbers later is refused before it is used.

Fetching, adopting a source and ``xstilts doctor`` ask ``check_encoder``; a run asks ``check_files`` before it begins.
"""

from pathlib import Path
from typing import Any

from xstilts.errors import DataError, UserError
from xstilts.files import check_there, read_json
from xstilts.modeling.fast_tokenizer import TOKENIZER_FILES, VOCABULARIES, FastTokenizer, open_tokenizer
from xstilts.tensors import read_header

INDEX = "model.safetensors.index.json"
WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors", INDEX)
PROBE = (  # several scripts, capitals, accents, signs, emoji; none of these words is in the product's own texts
    "The Quick brown FOX doesn't jump, 3.5 times; Ünïcödé Café naïve São Łódź",
    "Привет Мир, Αθήνα, שלום עולם, مرحبا بالعالم, नमस्ते दुनिया",
    "สวัสดีชาวโลก 北京大学 日本語の文章。 안녕하세요 ﬁ Ａ ½ 😀👍🏽",
)
BLIND = 0.9  # of the words of one's own language: a tokenizer that knows fewer than a tenth of them reads nothing
SHAPE = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")


def check_encoder(folder: Path) -> None:
    """Refuse a folder whose encoder cannot be read whole, or would be read as another one.

    Its tokenizer is there, its weights are whole and finite, no piece lies outside the embedding, and texts are cut
    into pieces that the tokenizer knows.

    Raises:
        UserError: one line with the file, what was found and what was expected.
    """
    check_model(folder, tokenizer=True)
    check_tokenizer(folder, read_json(folder / "config.json"))


def check_model(folder: Path, tokenizer: bool = False) -> None:
    """Refuse a folder in which a file is lacking or only seems to be there, and weights not whole or not finite."""
    check_files(folder, tokenizer)
    for path in _weights(folder):
        _check_finite(path)


def check_files(folder: Path, tokenizer: bool = False) -> None:
    """Refuse what is seen without reading the weights: a file that is lacking, cut off, or only seems to be there."""
    names = [path for pattern in ("*config.json", *TOKENIZER_FILES, *WEIGHTS) for path in _named(folder, pattern)]
    for path in names:
        check_there(path)
    check_names(str(folder), [path.name for path in names], tokenizer)
    if not isinstance(read_json(folder / "config.json"), dict):
        raise DataError(folder / "config.json", "no object", "the settings of an encoder")
    _check_whole(folder)


def check_names(place: str, names: list[str], tokenizer: bool = True) -> None:
    """Refuse a folder or repository by the names of its files: configuration, safetensors and a tokenizer are there."""
    if "config.json" not in names and "adapter_config.json" in names:
        raise UserError(
            f"{place}: found adapters without the encoder below them; expected it whole: xstilts merge {place} FOLDER"
        )
    if "config.json" not in names:
        raise UserError(f"{place}: found no config.json; expected a Hugging Face encoder")
    if not any(name.endswith(".safetensors") for name in names):
        raise UserError(
            f"{place}: found no model.safetensors. Pickled weights (pytorch_model.bin) can run code when they are "
            f"opened: a run never reads them. Convert them once: xstilts convert {place} FOLDER, and give that folder "
            "as `weights`"
        )
    if tokenizer and not {*names} & {*VOCABULARIES}:
        raise UserError(
            f"{place}: found no tokenizer; expected the encoder's own beside its weights, one of "
            f"{' '.join(VOCABULARIES)}"
        )


def _named(folder: Path, pattern: str) -> list[Path]:
    """Return what has such a name, broken links included: ``glob`` leaves those out where the name is plain."""
    return sorted(path for path in folder.iterdir() if path.match(pattern)) if folder.is_dir() else []


def _weights(folder: Path) -> list[Path]:
    return [path for pattern in WEIGHTS for path in _named(folder, pattern) if path.suffix == ".safetensors"]


def _check_whole(folder: Path) -> None:
    """Refuse weights that are not whole: an index names each file."""
    files = _weights(folder)
    for path in files:
        read_header(path)
    if (folder / INDEX).is_file():
        wanted = read_json(folder / INDEX).get("weight_map", {})
        lacking = sorted({*wanted.values()} - {path.name for path in files})
        if lacking:
            raise DataError(folder / INDEX, f"{lacking[0]}, which is not there", "every file that it names")


def _check_finite(path: Path) -> None:
    import torch
    from safetensors import safe_open

    with safe_open(path, framework="pt") as tensors:
        for name in tensors.keys():  # noqa: SIM118  (not a mapping)
            tensor = tensors.get_tensor(name)
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor.float()).all()):
                raise DataError(path, f"numbers that are not finite in {name}", "weights of a training that went well")


def check_tokenizer(folder: Path, config: dict[str, Any]) -> None:
    """Refuse a tokenizer whose pieces the embedding lacks, that sets no token before a text, or that knows no text."""
    tokenizer = open_tokenizer(folder)
    rows, highest = config.get("vocab_size"), max(tokenizer.backend.get_vocab(with_added_tokens=True).values())
    if isinstance(rows, int) and highest >= rows:
        raise UserError(
            f"{folder}: found a tokenizer with a piece {highest} for an embedding of {rows} rows; expected the "
            "tokenizer that the encoder was trained with"
        )
    plain, whole = (tokenizer.backend.encode("a", add_special_tokens=special).ids for special in (False, True))
    if len(whole) <= len(plain) or whole[0] not in tokenizer.special:
        raise UserError(f"{folder}: found a tokenizer that sets no special token before a text; expected <s> or [CLS]")
    share = min(_unknown(tokenizer, text) for text in PROBE)
    if share > BLIND:
        raise UserError(
            f"{folder}: found a tokenizer to which {100 * share:.0f} % of a text in many languages is unknown; "
            "expected the encoder's own"
        )


def _unknown(tokenizer: FastTokenizer, text: str) -> float:
    """Return the share of a text's pieces that are unknown."""
    ids = tokenizer.backend.encode(text, add_special_tokens=False).ids
    return ids.count(tokenizer.unknown) / max(1, len(ids))


def check_fits(folder: Path, model: Path) -> None:
    """Refuse an encoder that has another shape than the model whose source it shall be; its tokenizer is its own.

    Raises:
        UserError: it names both.
    """
    own, expected = (read_json(place / "config.json") for place in (folder, model))
    other = [f"{key} {own.get(key)} for {expected.get(key)}" for key in SHAPE if own.get(key) != expected.get(key)]
    if other:
        raise UserError(
            f"{folder}: found an encoder of another shape than the run's model ({', '.join(other)}); expected one that "
            f"was trained from {model}"
        )
