"""Raw text as one part of a training: masked language modelling beside, or instead of, a training set with labels."""

from collections.abc import Callable
from typing import Any

from xstilts.artifacts import Manifest
from xstilts.files import read_jsonl
from xstilts.tasks import mlm
from xstilts.tasks.features import FeatureSettings
from xstilts.training.language_modelling import DEV_LINES, dev_scorer, masking
from xstilts.training.loop import Part
from xstilts.training.prepared import Prepared
from xstilts.training.sampler import Portion


def prepare_part(
    part: dict[str, Any],
    settings: dict[str, Any],
    data: dict[str, Manifest],
    tokenizer: Any,
    log: Callable[[str], None],
) -> Prepared:
    """Make raw text ready as a training set; with ``steps_of`` it takes as many steps as that training set would.

    ``packed`` fills blocks with consecutive lines; else a line is an example, as beside a labelled task (jiant's
    ``mlm_simple``).
    """
    rows = [row for name in part["data"] for row in read_jsonl(data[name].folder / "train.jsonl")]
    held = min(DEV_LINES, len(rows) // 10)
    dev, rows = rows[:held], rows[held:]
    chosen = FeatureSettings(max_length=settings["lengths"]["mlm"], packed=part["packed"])
    features = mlm.featurise(rows, tokenizer, chosen)
    epochs = part["epochs"]
    if "steps_of" in settings:
        like = settings["steps_of"]
        units = sum(data[name].results["rows"]["train"] for name in like["data"])
        units = min(units, like["limit"] or units)
        steps = like["epochs"] * Portion(units, like["batch_size"], like["epochs"]).steps_per_epoch
        epochs = steps / Portion(len(features), part["batch_size"], 1).steps_per_epoch
    log(f"{part['name']}: {len(rows)} lines, {len(features)} blocks" + (f", {epochs:.3g} epochs" if epochs else ""))
    score = dev_scorer(dev, tokenizer, chosen, settings["optimisation"]["micro_tokens"])
    return Prepared(
        part=Part(
            part["name"],
            "mlm",
            features,
            part.get("batch_size"),
            epochs,
            masking(tokenizer),
            batch_tokens=part.get("batch_tokens"),
        ),
        train_rows=len(rows),
        selected_on=f"{len(dev)} held-out lines of the text",
        labels=(),
        score=score,
        report=lambda model: {
            "score": score(model),
            "metric": "negative loss (nats)",
            "examples": len(dev),
            "collapsed": False,
        },
    )
