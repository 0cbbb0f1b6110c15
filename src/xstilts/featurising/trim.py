"""The trimming of a run's encoder: what its texts are cut into is found by featurising them as the run will."""

import importlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.files import write_json
from xstilts.modeling.fast_tokenizer import FastTokenizer, copy_tokenizer, open_tokenizer


def trim(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Make the smaller encoder that a run trains and scores.

    Args:
        folder: the artifact.
        spec: its ``settings`` hold ``layers`` (None: all), ``vocabulary`` (``whole`` or ``run``), and ``features``: the
            settings of all that the run featurises with this encoder's tokenizer, with the ``roles`` of their data
            (none for the whole vocabulary).
        inputs: the ``encoder``, and the data of those features by ``DATASET/LANGUAGE``.

    Returns:
        A product whose results say what was kept of how much.
    """
    from xstilts.modeling import trim as trimming

    settings, whole = spec["settings"], inputs["encoder"]
    if whole.reason:
        return Product(reason=whole.reason)
    whole.check()
    by_run = settings["vocabulary"] == "run"
    encoder = trimming.open_trimmable(whole.folder, not by_run and trimming.has_language_model(whole.folder))
    results: dict[str, Any] = {"layers": [encoder.depth, encoder.depth]}
    if settings["layers"] is not None:
        trimming.keep_layers(encoder, settings["layers"])
        results["layers"][0] = encoder.depth
    if by_run:
        tokenizer, rows = open_tokenizer(whole.folder), len(encoder.words.weight)
        kept = trimming.kept_pieces(tokenizer, seen_pieces(tokenizer, settings["features"], inputs, folder))
        trimming.keep_rows(encoder, kept)
        names = trimming.write_tokenizer(tokenizer, whole.folder, kept, folder)
        write_json(folder / trimming.PIECES, {"rows": rows, "kept": kept})
        names.append(trimming.PIECES)
        results["pieces"] = [len(kept), rows]
    else:
        names = copy_tokenizer(whole.folder, folder)
    names += encoder.save(folder)
    results["weights"] = sum(parameter.numel() for parameter in encoder.parameters())
    print(f"kept {results}", file=sys.stderr, flush=True)
    return Product(names, results)


def seen_pieces(
    tokenizer: FastTokenizer, features: Sequence[dict[str, Any]], data: dict[str, Manifest], folder: Path
) -> set[int]:
    """Return the pieces that the run's texts are cut into; what is featurised for it is thrown away."""
    from xstilts.modeling.trim import Recorder

    recorder = Recorder(tokenizer.backend)
    recording = FastTokenizer(recorder, tokenizer.unknown, tokenizer.mask, tokenizer.special)
    for found in data.values():
        found.check()
    for settings in features:
        module = importlib.import_module(f"xstilts.featurising.{settings['kind']}")
        entries, reason = module.entries(settings, {role: data[role] for role in settings["roles"]})
        for entry in entries:
            with tempfile.TemporaryDirectory(dir=folder) as made:
                module.make(Path(made), entry.settings, {role: data[role] for role in entry.data}, recording)
        said = reason or f"{len(recorder.seen)} pieces so far"
        print(f"{settings['kind']} {settings['family']}: {said}", file=sys.stderr, flush=True)
    return recorder.seen
