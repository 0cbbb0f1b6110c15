"""The index of a task with candidates: the vectors of all of them, embedded once a model, shared by all languages.

Vectors have length 1 and lie in float16, in blocks. A block is recorded as soon as it is written: a job that was killed
goes on with the next one.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xstilts.artifacts import Manifest, Product, entries, hash_of, made_before, remember
from xstilts.data.rows.evaluated import rows_of, splits_of
from xstilts.errors import DataError, UserError
from xstilts.families.dual_encoder import directions
from xstilts.families.features import take
from xstilts.families.stored import open_features
from xstilts.files import read_json, write_json
from xstilts.prediction.forward import outputs
from xstilts.prediction.labelled import open_trained
from xstilts.tensors import writing

BLOCK = 2**16  # candidates: 128 MiB of XLM-R Large's 1,024 numbers each
IDS = "ids.json"

Half = NDArray[np.float16]


def build_index(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest], size: int = BLOCK) -> Product:
    """Embed the candidates of a task with a trained dual encoder.

    Args:
        folder: the artifact; a block that lies in it already, made from the same weights and texts, stays.
        spec: its ``settings`` hold family, languages, lengths, micro_tokens, precision.
        inputs: ``model``; where that is adapters, ``below``, the encoder below them; ``features`` of the candidates,
            and the candidates by ``DATASET/LANGUAGE``.
        size: candidates of a block.

    Returns:
        A product with how many candidates each language has and which language has none, and why; one with a reason
        when there is no model or no candidate at all.

    Raises:
        DataError: two candidates of one id.
    """
    settings, model, below, features = spec["settings"], inputs["model"], inputs.get("below"), inputs["features"]
    data = {role.partition("/")[2]: found for role, found in inputs.items() if "/" in role}
    absent = {code: found.reason for code, found in data.items() if found.reason}
    if model.reason or len(absent) == len(data):
        return Product(reason=model.reason or "; ".join(sorted({str(reason) for reason in absent.values()})))
    began = time.monotonic()
    counts, ids = _read(data, settings)
    write_json(folder / IDS, ids)
    shared = {name: value for name, value in settings.items() if name != "languages"}
    weights = hash_of([model.digest, below.digest]) if below else model.digest
    hashes = features.content["files"]
    files, made, earlier = [IDS], 0, 0.0  # seconds of earlier attempts, whose blocks are not made again
    embed = None
    for code, parts in counts.items():
        for split, count in parts.items():
            stored = f"{split}-{code}.safetensors"
            for number, begin in enumerate(range(0, count, size)):
                name = f"{split}-{code}-{number:05}.safetensors"
                receipt = folder / f".receipt-{name}.json"
                key = hash_of([spec["code"], shared, weights, hashes[stored]["sha256"], begin, size])
                started = time.monotonic()
                if done := made_before(receipt, key):
                    earlier += done.content.get("seconds", 0)
                    made += min(size, count - begin) if "seconds" in done.content else 0
                else:
                    if embed is None:
                        for one in (model, features, *([below] if below else [])):
                            one.check()
                        embed = _embedder(model.folder, settings, below.folder if below else None)
                    part = take(open_features(features.folder / stored), np.arange(begin, min(begin + size, count)))
                    _save(embed(part), folder / name)
                    took = round(time.monotonic() - started, 3)
                    remember(receipt, {"key": key, "files": entries(folder, [name]), "seconds": took})
                    made += len(part)
                    print(f"{code}: {begin + len(part):,} of {count:,} candidates", file=sys.stderr, flush=True)
                files.append(name)
    for left in {path.name for path in folder.glob("*-*-*.safetensors")} - {*files}:
        (folder / left).unlink()  # of candidates that are no more
        (folder / f".receipt-{left}.json").unlink(missing_ok=True)
    results = {
        "candidates": len(ids),
        "languages": {code: sum(own.values()) for code, own in counts.items()},
        "left_out": absent,
        "blocks": files[1:],
    }
    work = {"examples": made, "seconds": round(time.monotonic() - began + earlier, 3)}
    return Product(files, results, relied_on=("blocks",), work=work)


def _read(data: dict[str, Manifest], settings: dict[str, Any]) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Return how many candidates each language has in each split, and all ids in the order of the blocks."""
    counts: dict[str, dict[str, int]] = {}
    place: dict[str, str] = {}
    for code, found in data.items():
        if found.reason:
            continue
        found.check()
        counts[code] = {}
        for split in splits_of(found, settings):
            rows = rows_of(found, split, None)
            for number, row in enumerate(rows, 1):
                here = f"{found.folder / f'{split}.jsonl'}:{number}"
                if row["id"] in place:
                    raise DataError(here, f"the id {row['id']!r} of {place[row['id']]}", "an id for each candidate")
                place[row["id"]] = here
            counts[code][split] = len(rows)
    return counts, list(place)


def _embedder(model_folder: Path, settings: dict[str, Any], below: Path | None) -> Any:
    """Load the model; return the function from features to vectors of length 1, float16 [sequences, hidden]."""
    model, head = open_trained(model_folder, settings, below)

    def embed(part: Any) -> Half:
        found = directions(outputs(model, head["name"], settings["family"], part, settings["micro_tokens"]))
        if not np.isfinite(found).all():
            raise UserError(f"{model_folder}: gives no numbers for some candidates; expected weights that are numbers")
        return found.astype(np.float16)

    return embed


def _save(vectors: Half, path: Path) -> None:
    from safetensors.numpy import save_file

    with writing(path) as beside:
        save_file({"vectors": np.ascontiguousarray(vectors)}, beside)


class Index:
    """An index that was built: its ids in memory, its vectors read block by block."""

    def __init__(self, made: Manifest) -> None:
        """Take the manifest, whose files are checked."""
        made.check()
        self.folder = made.folder
        self.ids: list[str] = read_json(made.folder / IDS)
        self.number = {name: number for number, name in enumerate(self.ids)}
        self.files: list[str] = made.results["blocks"]

    def blocks(self) -> Iterator[Half]:
        """Yield the vectors, float16 [candidates, width] a block, in the order of the ids."""
        from safetensors.numpy import load_file

        for name in self.files:
            yield load_file(self.folder / name)["vectors"]
