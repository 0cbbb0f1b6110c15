"""Rankings of a trained dual encoder: each query against all candidates of its task."""

from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest
from xstilts.errors import DataError
from xstilts.families import dual_encoder
from xstilts.families.features import Features
from xstilts.files import write_json
from xstilts.prediction.forward import outputs
from xstilts.prediction.index import Index
from xstilts.prediction.labelled import Predict, open_trained
from xstilts.prediction.search import search

KEPT = 100  # candidates of a query in its prediction


def open_predictor(model_folder: Path, settings: dict[str, Any], below: Path | None, index: Manifest) -> Predict:
    """Load model and index once; return the function that writes one language's files.

    It writes two files a split, ``SPLIT-LANGUAGE.json`` with the best candidates of each query, and
    ``ranks-SPLIT-LANGUAGE.json`` with the rank of each of its targets that is a candidate, in the whole ranking.
    """
    model, head = open_trained(model_folder, settings, below)
    where = next(model.parameters()).device
    known = Index(index)

    def predict(folder: Path, language: str, rows: dict[str, Any], features: dict[str, Features]) -> list[str]:
        names = []
        for split, split_rows in rows.items():
            place = f"{settings['task']}/{language}/{split}.jsonl"
            targets = _targets(place, split_rows, known, numbered=settings["limit"] is None)
            raw = outputs(model, head["name"], settings["family"], features[split], settings["micro_tokens"])
            asked = [[known.number[target] for target in own] for own in targets]
            found = search(dual_encoder.directions(raw), known.blocks, len(known.ids), KEPT, asked, where)
            best = {
                row["id"]: [known.ids[number] for number in one.best]
                for row, one in zip(split_rows, found, strict=True)
            }
            ranks = {
                row["id"]: dict(zip(own, one.ranks, strict=True))
                for row, own, one in zip(split_rows, targets, found, strict=True)
            }
            name = f"{split}-{language}.json"
            dual_encoder.write(folder / name, best, split_rows)
            write_json(folder / f"ranks-{name}", ranks)
            names += [name, f"ranks-{name}"]
        return names

    return predict


def _targets(place: str, rows: list[dict[str, Any]], known: Index, numbered: bool) -> list[list[str]]:
    """Return the targets of each query that are candidates: a language of the candidates may not be there.

    ``numbered`` says that the rows are all those of their file.

    Raises:
        DataError: none of a query's targets is a candidate.
    """
    found = []
    for number, row in enumerate(rows, 1):
        own = [target for target in row["targets"] if target in known.number]
        if row["targets"] and not own:
            what = f"the query {row['id']!r} with no target among the {len(known.ids):,} candidates"
            raise DataError(place, what, "one at least", number if numbered else None)
        found.append(own)
    return found
