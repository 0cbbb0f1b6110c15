"""What a training does with the parts that it has: open, train in the loop, write the best, say what was learned."""

import importlib
import statistics
from functools import partial
from pathlib import Path
from typing import Any

from xstilts.artifacts import WORK, Manifest, Product
from xstilts.console import say
from xstilts.families.facts import facts
from xstilts.files import write_json
from xstilts.tensors import save_tensors

HEAD_SEED = 2**31  # the "step" whose seed initialises the heads: no training is that long
ADAPTER_SEED = HEAD_SEED + 1


def train_parts(
    folder: Path,
    settings: dict[str, Any],
    inputs: dict[str, Manifest],
    keep_head: bool,
    absent: dict[str, str],
    ranks: Any = None,
) -> Product:
    """Train on the parts that there are, in this process, or with others that run the same (``ranks``)."""
    from xstilts.modeling.encoder import check_lengths, read_sentence_at, save_encoder
    from xstilts.modeling.model import build_model, device
    from xstilts.modeling.read_rows import keep_read_rows, put_back
    from xstilts.training.alone import ALONE
    from xstilts.training.learned import of_parts, signs
    from xstilts.training.loop import Recipe, kept_by_decay, restore, step_seed, train, work_done
    from xstilts.training.runtime import StopSignal, machine_settings

    ranks = ranks or ALONE
    start = inputs["below" if "below" in inputs else "encoder"].folder
    tasks = [
        importlib.import_module(f"xstilts.{facts(part['family']).training}").open_task(part, settings, inputs, say)
        for part in settings["parts"]
    ]
    trained = [found.data for found in tasks]
    heads = {
        found.data.name: (found.data.family, max(1, len(found.labels)))
        for found in tasks
        if facts(found.data.family).head
    }
    recipe = Recipe(
        seed=settings["seed"],
        learning_rate=settings["learning_rate"],
        length=settings.get("length", "labelled"),
        **machine_settings(),
        **settings["optimisation"],
    )
    read = [found.pieces for found in tasks if found.pieces is not None]
    countable = len(read) == len(tasks) and "before" not in settings  # a chain reads more than its last training set
    with ranks.turn():
        encoder, adapters = _open(settings, inputs, any(facts(part.family).loss == "masked" for part in trained))
        check_lengths(encoder, start, settings["lengths"])
        if "sentence" in settings:
            read_sentence_at(encoder, start, settings["sentence"])
        model = build_model(encoder, heads, step_seed(settings["seed"], HEAD_SEED), recipe.precision)
        rows = keep_read_rows(encoder, read) if countable else None
        if rows:
            say(f"embedding: the training reads {len(rows.read):,} of {len(rows.whole):,} rows; the others only decay")
        model = ranks.placed(model, device(recipe.deterministic))
    say(model.way())
    if adapters is not None:
        say(f"{settings['method']['kind']}: {sum(one.numel() for one in model.trained().values()):,} weights train")
    stop = StopSignal()
    work = ranks.folder(folder / WORK)
    before = _chain().train_before(model, settings, inputs, work, say, stop, ranks) if "before" in settings else {}
    best, progress = train(
        model,
        trained,
        recipe,
        partial(_mean_score, tasks),
        work,
        say,
        stop,
        ranks,
    )
    restore(model, best)
    report = {found.data.name: found.report(model) for found in tasks}
    for found in tasks:
        name = found.data.name
        report[name] |= signs(name, report[name], progress.history, progress.best_step, found.data.unread_loss)
    learned = of_parts(
        [report[f.data.name]["learned"] for f in tasks if not facts(f.data.family).raw or len(tasks) == 1]
    )
    model = ranks.whole(model)
    if not ranks.first:
        return Product()
    if rows:
        put_back(model.encoder, rows, kept_by_decay(recipe, progress))
    if adapters is not None:
        files = _adapted().save_adapter(model.encoder, adapters, folder)
    else:
        files = save_encoder(model.encoder, start, folder)
    write_json(folder / "history.json", {"best_step": progress.best_step, "evaluations": progress.history})
    files.append("history.json")
    if keep_head:
        files += save_head(model, tasks[0], folder)
    return Product(
        files,
        {
            "dev": report,
            "best_step": progress.best_step,
            "steps": progress.step,
            "train_examples": {found.data.name: found.train_rows for found in tasks},
            "selected_on": {found.data.name: found.selected_on for found in tasks},
            "left_out": absent,
            "collapsed": sorted(name for name, entry in report.items() if entry.get("collapsed")),
            "learned": learned,
            **({"before": before} if before else {}),
        },
        work=_chain().added(before, work_done(progress)) if before else work_done(progress),
    )


def _open(settings: dict[str, Any], inputs: dict[str, Manifest], masked_lm: bool) -> tuple[Any, dict[str, Any] | None]:
    """Return the encoder that a training starts from, and what its adapters are where only these train."""
    from xstilts.modeling.encoder import open_encoder
    from xstilts.training.loop import step_seed

    method, found = settings.get("method"), None
    if "below" in inputs:
        few_bits = _adapted().has_few_bits(inputs["encoder"].folder)
        encoder = open_encoder(inputs["below"].folder, masked_lm, few_bits)
        found = _adapted().load(encoder, inputs["encoder"].folder)
        if method is None:
            _adapted().merge(encoder, found)
            found = None
        return encoder, found
    encoder = open_encoder(inputs["encoder"].folder, masked_lm, "bits" in (method or {}))
    if method is not None:
        found = _adapted().attach(encoder, method, step_seed(settings["seed"], ADAPTER_SEED))
    return encoder, found


def _adapted() -> Any:
    """Open what only a training or prediction with adapters runs: an edit of it reruns no other."""
    return importlib.import_module("xstilts.modeling.adapted")


def _chain() -> Any:
    """Open what only a chain of trainings runs: an edit of it reruns no other."""
    return importlib.import_module("xstilts.training.chain")


def _mean_score(tasks: list[Any], model: Any) -> dict[str, float]:
    """Return the mean of the parts' dev scores, which chooses the checkpoint, and each one where there are several.

    Raw text beside labelled parts does not choose: its score is a loss, theirs are percentages.
    """
    scores = {found.data.name: found.score(model) for found in tasks}
    labelled = [scores[found.data.name] for found in tasks if not facts(found.data.family).raw]
    each = {f"dev_{name}": value for name, value in scores.items()} if len(scores) > 1 else {}
    return {"score": statistics.fmean(labelled or scores.values()), **each}


def save_head(model: Any, task: Any, folder: Path) -> list[str]:
    """Write a head's weights and what they mean beside the encoder; return the files' names."""
    name = task.data.name
    save_tensors(model.heads[name].state_dict(), folder / "head.safetensors")
    at = {} if model.encoder.sentence == "first" else {"sentence": model.encoder.sentence}
    write_json(folder / "head.json", {"name": name, "family": task.data.family, "labels": list(task.labels)} | at)
    return ["head.json", "head.safetensors"]
