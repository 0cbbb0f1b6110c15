"""One training of either phase: data in, the best encoder out, and for a target its head."""

import importlib
import statistics
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from xstilts.artifacts import WORK, Manifest, Product
from xstilts.files import write_json
from xstilts.tensors import save_tensors
from xstilts.training.dev import metric_module

HEAD_SEED = 2**31  # the "step" whose seed initialises the heads: no training is that long


def log(line: str) -> None:
    """Say one line of progress; the rule sends it to the job's log."""
    print(line, file=sys.stderr, flush=True)


def preparing_module(family: str) -> str:
    """Return the dotted name of the module that makes a family's training sets ready."""
    return f"xstilts.training.{'text_part' if family == 'mlm' else 'parts'}"


def opened_by_name(families: Iterable[str]) -> tuple[str, ...]:
    """Return the modules that a training on these families imports by a string: they belong to its code too."""
    modules = [preparing_module(family) for family in families]
    for family in set(families) - {"mlm"}:
        modules += [f"xstilts.tasks.{family}", metric_module(family)]
    return tuple(sorted(set(modules)))


def train_phase(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest], keep_head: bool) -> Product:
    """Train an encoder on the parts of a source, or on a target, and write it as a Hugging Face folder.

    Args:
        folder: the artifact; checkpoints stand in it while the training runs.
        spec: its ``settings`` hold seed, parts, learning_rate, lengths and optimisation.
        inputs: ``encoder``, the stored features by ``PHASE/NAME``, and where the settings say ``steps_of``, its data.
        keep_head: write the head too, for the prediction.

    Returns:
        A product with the dev scores; one with a reason when there is no encoder or nothing to train on. A labelled
        part of a mixture without data is left out, and the results say so; a source with raw text needs that text.
    """
    settings = spec["settings"]
    if inputs["encoder"].reason:
        return Product(reason=inputs["encoder"].reason)
    absent = {part["name"]: why for part in settings["parts"] if (why := inputs[part["features"]].reason)}
    parts = [part for part in settings["parts"] if part["name"] not in absent]
    if _kinds(parts) != _kinds(settings["parts"]):
        return Product(reason="; ".join(absent.values()))
    for name, why in absent.items():
        log(f"{name} is left out of the mixture: {why}")
    for role in ("encoder", *(part["features"] for part in parts)):
        inputs[role].check()
    return _train(folder, settings | {"parts": parts}, inputs, keep_head, absent)


def _kinds(parts: list[dict[str, Any]]) -> set[str]:
    return {"text" if part["family"] == "mlm" else "labelled" for part in parts}


def _train(
    folder: Path, settings: dict[str, Any], inputs: dict[str, Manifest], keep_head: bool, absent: dict[str, str]
) -> Product:
    from xstilts.modeling.encoder import check_lengths, open_encoder, save_encoder
    from xstilts.modeling.model import build_model, device
    from xstilts.training.loop import Recipe, restore, step_seed, train, work_done
    from xstilts.training.machine import StopSignal, machine_settings

    start = inputs["encoder"].folder
    prepared = [
        importlib.import_module(preparing_module(part["family"])).prepare_part(part, settings, inputs, log)
        for part in settings["parts"]
    ]
    trained = [found.part for found in prepared]
    heads = {
        found.part.name: (found.part.family, max(1, len(found.labels)))
        for found in prepared
        if found.part.family != "mlm"
    }
    recipe = Recipe(
        seed=settings["seed"],
        learning_rate=settings["learning_rate"],
        **machine_settings(),
        **settings["optimisation"],
    )
    encoder = open_encoder(start, masked_lm=any(part.family == "mlm" for part in trained))
    check_lengths(encoder, start, settings["lengths"])
    model = build_model(encoder, heads, step_seed(settings["seed"], HEAD_SEED), recipe.precision)
    model.to(device(recipe.deterministic))
    log(model.way())
    best, progress = train(
        model,
        trained,
        recipe,
        partial(_mean_score, prepared),
        folder / WORK,
        log,
        StopSignal(),
    )
    restore(model, best)
    report = {found.part.name: found.report(model) for found in prepared}
    files = save_encoder(model.encoder, start, folder)
    write_json(folder / "history.json", {"best_step": progress.best_step, "evaluations": progress.history})
    files.append("history.json")
    if keep_head:
        files += save_head(model, prepared[0], folder)
    return Product(
        files,
        {
            "dev": report,
            "best_step": progress.best_step,
            "steps": progress.step,
            "train_examples": {found.part.name: found.train_rows for found in prepared},
            "selected_on": {found.part.name: found.selected_on for found in prepared},
            "left_out": absent,
            "collapsed": sorted(name for name, entry in report.items() if entry.get("collapsed")),
        },
        work=work_done(progress),
    )


def _mean_score(prepared: list[Any], model: Any) -> dict[str, float]:
    """Return the mean of the parts' dev scores, which chooses the checkpoint, and each one where there are several.

    Raw text beside labelled parts does not choose: its score is a loss, theirs are percentages.
    """
    scores = {found.part.name: found.score(model) for found in prepared}
    labelled = [scores[found.part.name] for found in prepared if found.part.family != "mlm"]
    each = {f"dev_{name}": value for name, value in scores.items()} if len(scores) > 1 else {}
    return {"score": statistics.fmean(labelled or scores.values()), **each}


def save_head(model: Any, prepared: Any, folder: Path) -> list[str]:
    """Write a head's weights and what they mean beside the encoder; return the files' names."""
    name = prepared.part.name
    save_tensors(model.heads[name].state_dict(), folder / "head.safetensors")
    write_json(folder / "head.json", {"name": name, "family": prepared.part.family, "labels": list(prepared.labels)})
    return ["head.json", "head.safetensors"]


def train_source(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Train an encoder on a source; its heads are not kept (every target gets a new one)."""
    return train_phase(folder, spec, inputs, keep_head=False)


def train_target(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Train an encoder and one fresh head on a target, and keep both."""
    return train_phase(folder, spec, inputs, keep_head=True)
