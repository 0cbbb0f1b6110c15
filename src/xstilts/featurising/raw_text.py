"""Raw text for masked language modelling as features: unmasked, as each step masks its batch anew."""

from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.errors import UserError
from xstilts.families import mlm
from xstilts.families.features import FeatureSettings
from xstilts.families.stored import save_features
from xstilts.featurising.entry import Entry
from xstilts.files import read_jsonl
from xstilts.modeling.fast_tokenizer import FastTokenizer

TENTH = 10  # a line of so many is held out


def entries(settings: dict[str, Any], data: dict[str, Manifest]) -> tuple[list[Entry], str]:
    """Return the text as one entry, or none and why."""
    for name in settings["data"]:
        if data[name].reason:
            return [], f"{name}: {data[name].reason}"
        if "train" not in data[name].results["rows"]:
            return [], f"{name}: no training split"
    return [Entry("text", settings, tuple(data), lambda made: f"{made['train']} lines")], ""


def make(folder: Path, settings: dict[str, Any], inputs: dict[str, Manifest], tokenizer: FastTokenizer) -> Product:
    """Write the features of the text and of its held-out lines.

    ``packed`` fills blocks with consecutive lines; else a line is an example, as beside a labelled task (jiant's
    ``mlm_simple``). Results: lines that train, held-out lines, and what the masking needs to know of the tokenizer.
    Small languages have lines more than once in a sample: no copy of a held-out line trains.

    Raises:
        UserError: there are too few lines to hold one out: on none any model would have a perfect score.
    """
    rows = [row for name in settings["data"] for row in read_jsonl(inputs[name].folder / "train.jsonl")]
    held = mlm.held_out(rows, min(mlm.HELD_OUT, len({mlm.line(row) for row in rows}) // TENTH))
    if not held:
        spoken = " ".join(sorted({row["language"] for row in rows})) or "no language"
        raise UserError(
            f"{' '.join(settings['data'])}: found {len(rows)} lines of raw text, in {spoken}; expected {TENTH} "
            "different ones at least, of which a tenth is held out"
        )
    dev = list({mlm.line(row): row for row in rows if mlm.line(row) in held}.values())
    train = [row for row in rows if mlm.line(row) not in held]
    chosen = FeatureSettings(max_length=settings["lengths"]["mlm"], packed=settings["packed"])
    masking = mlm.masking_settings(tokenizer)
    for name, lines in (("train", train), ("dev", dev)):
        save_features(mlm.featurise(lines, tokenizer, chosen), folder / f"{name}.safetensors")
    found = {"train": len(train), "held_out": len(dev), "masking": masking}
    return Product(["train.safetensors", "dev.safetensors"], found)
