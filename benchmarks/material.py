"""Rows, tokenizer and encoder shape that the figures work on: real data from a mirror, else the generated world."""

import json
import os
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.figure import Setting
from xstilts.data.readers import Source, reader
from xstilts.data.registry import dataset, locate
from xstilts.families.features import FeatureSettings
from xstilts.families.lengths import feature_settings
from xstilts.files import read_jsonl
from xstilts.tasks import training_set

SCANNED = 40_000  # rows of a training set among which evenly spaced ones are taken
VOCABULARY = 16_000  # pieces of the tokenizer that is trained on the rows


@dataclass(frozen=True)
class Case:
    """A training set with its family, and the batch size that the paper trains it with."""

    name: str  # as the tables name it
    training: str  # a training set of the registry; empty for raw text
    family: str
    batch_size: int


CASES = {
    case.name: case
    for case in (
        Case("xnli", "mnli", "classification", 24),
        Case("pawsx", "pawsx", "classification", 32),
        Case("udpos", "udpos", "tagging", 32),
        Case("squad", "squad", "span_qa", 16),
        Case("hellaswag", "hellaswag", "multiple_choice", 24),
        Case("text", "", "mlm", 8),
    )
}
# The paper's lengths (config.yaml), raw text as the classification pairs.
LENGTHS = {"classification": 256, "multiple_choice": 256, "tagging": 256, "span_qa": 384, "retrieval": 512}
LENGTHS |= {"mlm": 256, "doc_stride": 128, "max_query": 64}
SMALL = {"layers": 4, "hidden": 256, "heads": 4, "intermediate": 1024}
BASE = {"layers": 12, "hidden": 768, "heads": 12, "intermediate": 3072}  # XLM-R base
LARGE = {"layers": 24, "hidden": 1024, "heads": 16, "intermediate": 4096}  # XLM-R Large
TINY = {"layers": 1, "hidden": 16, "heads": 2, "intermediate": 32}
PIECES = 250_002  # of XLM-R's vocabulary


def shape(smallest: bool) -> dict[str, int]:
    """Return the encoder's shape: XLM-R's on a GPU (Large with 80 GB), a small one on a CPU."""
    import torch

    if smallest:
        return TINY
    if not torch.cuda.is_available():
        return SMALL
    roomy = torch.cuda.get_device_properties(0).total_memory > 75 * 2**30
    return {**(LARGE if roomy else BASE), "vocabulary": PIECES}


def labels_of(case: Case, rows: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the classes of a case's head."""
    if not case.training:
        return ()
    labels = training_set(case.training).labels
    return tuple(sorted({tag for row in rows for tag in row["tags"]})) if isinstance(labels, str) else labels


def settings_of(case: Case, rows: list[dict[str, Any]]) -> FeatureSettings:
    """Return what turns a case's rows into features, with the paper's lengths."""
    return feature_settings(case.family, LENGTHS, labels_of(case, rows), no_answer=False)


def origin(setting: Setting) -> Path:
    """Return a folder in the layout of the upstream downloads; without a mirror a world is generated, once a call."""
    if setting.mirror is not None:
        return setting.mirror
    folder = setting.scratch / "world"
    if not folder.is_dir():
        from xstilts.world.build import build_world
        from xstilts.world.folder import WorldSettings

        many = 60 if setting.smallest else 3000
        few = min(many, 300)
        world = {"train": many, "intermediate_train": many, "text": many, "parallel": few, "retrieval": few}
        world |= {"dev": few, "test": few, "intermediate_dev": few, "distractors": few}
        build_world(WorldSettings(languages=("en", "qaa"), **world), folder)
    return folder


def rows_of(setting: Setting, name: str, language: str, split: str, wanted: int) -> list[dict[str, Any]]:
    """Return ``wanted`` evenly spaced rows of a data set's split, the last ones repeated anew where there are fewer."""
    data = dataset(name, language)
    where = origin(setting)
    files = locate(data, language, split, where)
    source = Source(data, language, split, tuple(where / name for name in files))
    found = list(islice(reader(data)(source), SCANNED))
    step = max(1, len(found) // wanted)
    chosen = found[::step][:wanted]
    for copy in range(1, -(-wanted // max(1, len(chosen)))):
        chosen += [{**row, "id": f"{row['id']}-{copy}"} for row in chosen[: wanted - len(chosen)]]
    return chosen


def rows_of_case(setting: Setting, case: Case, wanted: int) -> list[dict[str, Any]]:
    """Return English training rows of a case."""
    name = training_set(case.training).parts[0] if case.training else "text"
    return rows_of(setting, name, "en", "train", wanted)


def write_rows(setting: Setting, name: str, rows: list[dict[str, Any]]) -> str:
    """Write rows for the sides to read, and return the path."""
    path = setting.scratch / f"{name}.jsonl"
    with open(path, "w", encoding="utf-8") as handle:
        handle.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return str(path)


def tokenizer_folder(setting: Setting) -> Path:
    """Return a folder with a tokenizer of XLM-R's kind, trained on the cases' own text, once a call."""
    from xstilts.modeling.tokenizer import train_tokenizer
    from xstilts.training.language_modelling import _task_lines

    folder = setting.scratch / "tokenizer"
    if not (folder / "tokenizer.json").is_file():
        folder.mkdir()
        lines: list[str] = []
        for case in CASES.values():
            rows = rows_of_case(setting, case, 60 if setting.smallest else 1000)
            lines += [row["text"] for row in _task_lines(rows)]
            lines += [" ".join(row["tokens"]) for row in rows if "tokens" in row]
            lines += [row["text"] for row in rows if "text" in row]
        train_tokenizer(lines, 600 if setting.smallest else VOCABULARY, folder)
    return folder


def case_settings(setting: Setting, case: Case, sequences: int) -> dict[str, Any]:
    """Return what every side of a training or prediction contest gets: paths, shape and sizes."""
    rows = rows_of_case(setting, case, sequences)
    return {
        "case": asdict(case),
        "rows": write_rows(setting, f"{case.name}-{sequences}", rows),
        "tokenizer": str(tokenizer_folder(setting)),
        "shape": shape(setting.smallest),
        "classes": max(1, len(labels_of(case, rows))),
    }


@dataclass(frozen=True)
class Opened:
    """A case as a side's process sees it."""

    case: Case
    rows: list[dict[str, Any]]
    folder: Path  # of the tokenizer
    shape: dict[str, int]
    classes: int

    def features(self) -> Any:
        """Return the case's token features, made by the project's own code."""
        import importlib

        from xstilts.modeling.fast_tokenizer import open_tokenizer

        module = importlib.import_module(f"xstilts.families.{self.case.family}")
        return module.featurise(self.rows, open_tokenizer(self.folder), settings_of(self.case, self.rows))


def open_case(settings: dict[str, Any]) -> Opened:
    """Read what ``case_settings`` wrote."""
    return Opened(
        Case(**settings["case"]),
        read_jsonl(settings["rows"]),
        Path(settings["tokenizer"]),
        settings["shape"],
        settings["classes"],
    )


def encoder_config(opened: Opened) -> dict[str, Any]:
    """Return the content of a ``config.json`` that both our encoder and transformers build."""
    from xstilts.modeling.encoder import EncoderShape

    pieces = len(json.loads((opened.folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"])
    size = dict(opened.shape)
    vocabulary = size.pop("vocabulary", pieces)
    return EncoderShape(positions=512, dropout=0.1, **size).config(vocabulary)


def flops_of_forward(opened: Opened, lengths: Any, scored: int) -> float:
    """Return the multiplications and additions of a forward pass over sequences of these lengths, without padding.

    Matrices of the blocks and the two products of attention; the head of masked language modelling on ``scored``
    tokens. A training takes three times as many.
    """
    import numpy as np

    size = opened.shape
    hidden, inner, layers = size["hidden"], size["intermediate"], size["layers"]
    n = np.asarray(lengths, dtype=np.float64)
    blocks = layers * (n.sum() * 2 * (4 * hidden**2 + 2 * hidden * inner) + (n**2).sum() * 4 * hidden)
    head = 2 * scored * hidden * (hidden + encoder_config(opened)["vocab_size"]) if opened.case.family == "mlm" else 0
    return float(blocks + head)


def quiet_transformers() -> None:
    """Keep the peer's progress bars and hints off the terminal."""
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    from transformers import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
