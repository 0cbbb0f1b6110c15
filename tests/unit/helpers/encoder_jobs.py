"""The jobs of a run on an encoder, made in this process from a few rows: what the workflow would call."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from family_tokenizers import LINES

from xstilts.artifacts import Manifest, Product, produce
from xstilts.config.layers import merged
from xstilts.config.run import load
from xstilts.featurising.job import featurise
from xstilts.files import write_json
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of

ROOT = Path(__file__).parents[3]
LABELS = ("contradiction", "entailment", "neutral")
SOURCES = ("none", "mlm-en", "mnli")


def pairs(count: int, language: str) -> list[dict[str, Any]]:
    lines = [LINES[i % len(LINES)] for i in range(count + 1)]
    return [
        {"id": f"{language}{i}", "language": language, "group": str(i), "text_a": lines[i], "text_b": lines[i + 1],
         "label": LABELS[i % 3]}
        for i in range(count)
    ]  # fmt: skip


def retrieval() -> list[dict[str, Any]]:
    return [
        {"id": f"{side}{i}", "language": language, "group": str(i), "side": side, "text": line, "matches": [match]}
        for side, language, lines in (("foreign", "de", LINES[5:]), ("english", "en", LINES[:5]))
        for i, line in enumerate(lines)
        for match in [f"english{i}" if side == "foreign" else f"foreign{i}"]
    ]


def text() -> list[dict[str, Any]]:
    return [{"id": str(i), "language": "en", "group": str(i), "text": LINES[i % len(LINES)]} for i in range(600)]


class Made:
    """The artifacts of one encoder's run, made by the library's own jobs."""

    def __init__(
        self,
        folder: Path,
        upstream: Path,
        sources: tuple[str, ...] = SOURCES,
        changes: Mapping[str, Any] | None = None,
        of_study: bool = False,
        **encoder: Any,
    ) -> None:
        self.folder = folder
        raw = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")) | {"data": {"origin": "mirror"}}
        raw |= {
            "models": ["m"],
            "encoders": {"m": {"weights": str(upstream), **encoder}},
            "seeds": [1],
            "languages": ["en", "de"],
        }
        raw |= {"sources": [*sources], "tasks": ["xnli", "tatoeba"]}
        raw["lengths"] = dict.fromkeys(raw["lengths"], 96) | {"doc_stride": 32, "max_query": 16}
        raw["target"]["sets"]["mnli"] = {"batch_size": 8, "epochs": 1}
        raw["intermediate"]["sets"] |= {
            "mlm-en": {"batch_size": 8, "epochs": 0.2},
            "mnli": {"batch_size": 8, "epochs": 1},
        }
        self.jobs = Jobs(load(merged(raw, changes or {}), of_study), ROOT, folder / "results")

    def make(self, job: Callable[..., Product], place: str, rule: str, *wildcards: Any, **inputs: Path) -> Manifest:
        spec = self.folder / "specs" / place / "spec.json"
        settings = settings_of(self.jobs, rule, *wildcards)
        write_json(spec, {"rule": rule, "wildcards": [], "settings": settings, "code": ""})
        roles = {name.replace("__", "/"): path for name, path in inputs.items()}
        return produce(self.folder / place / "manifest.json", spec, roles, job)

    def features(self, use: str, name: str, encoder: Manifest, **inputs: Path) -> Path:
        job = partial(featurise, encoder=encoder, store=self.folder / "store")
        return self.make(job, f"features/{use}/{name}", "featurise", "m", "pretrained", use, name, **inputs).path

    def data(self, name: str, **splits: list[dict[str, Any]]) -> Path:
        def write(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
            for split, rows in splits.items():
                lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
                (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
            counts = {split: len(rows) for split, rows in splits.items()}
            evaluated = [split for split in splits if split != "train"]
            labelled = {split: sum(row.get("label", "") is not None for row in rows) for split, rows in splits.items()}
            found = {"rows": counts, "labelled": labelled, "evaluate": evaluated, "files": {}}
            return Product([f"{split}.jsonl" for split in splits], found, relied_on=("evaluate",))

        spec = self.folder / f"{name}.spec.json"
        write_json(spec, {"rule": "prepare", "wildcards": [], "settings": {}, "code": ""})
        return produce(self.folder / "data" / name / "manifest.json", spec, {}, write).path
