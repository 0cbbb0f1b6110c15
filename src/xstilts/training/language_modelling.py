"""Masked language modelling: the pretraining of a small encoder."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import xstilts.families.mlm as mlm
from xstilts.artifacts import WORK, Manifest, Product
from xstilts.console import say
from xstilts.errors import UserError
from xstilts.families.features import IGNORED, Features, FeatureSettings
from xstilts.files import read_jsonl, write_json
from xstilts.modeling.encoder import EncoderShape, build_masked_lm, save_encoder
from xstilts.modeling.fast_tokenizer import FastTokenizer, open_tokenizer
from xstilts.modeling.model import Model, build_model, device
from xstilts.modeling.tokenizer import train_tokenizer
from xstilts.prediction.forward import masked_loss
from xstilts.training.learned import MARGIN, signs
from xstilts.training.loop import Recipe, TrainingData, restore, train, work_done
from xstilts.training.runtime import StopSignal, machine_settings

DEV_SEED = 20200526  # one fixed masking of the held-out text, so that evaluations can be compared
FEW = mlm.HELD_OUT // 5  # lines that are held out of a language's text where it has none for it

Rows = list[dict[str, Any]]
Mask = Callable[[Features, np.random.Generator], Features]


def masking(tokenizer: FastTokenizer) -> Mask:
    """Return the function that masks a batch anew: 15 % of the pieces, 80/10/10, never a special token."""
    return partial(mlm.masked, **mlm.masking_settings(tokenizer))


def dev_scorer(features: Features, mask: Mask, micro_tokens: int, name: str = "raw text") -> Callable[[Model], float]:
    """Return the function that scores a model on held-out text: minus the mean loss (nats a masked piece).

    Raises:
        UserError: none of its pieces is masked: any model would have a perfect score on it.
    """
    held_out = mask(features, np.random.default_rng(DEV_SEED))
    if not (held_out.targets["tag"] != IGNORED).any():
        raise UserError(
            f"{name}: found no piece to guess among the {len(features.input_ids)} of the held-out lines; expected one "
            "at least: more or longer lines"
        )
    return lambda model: -masked_loss(model, held_out, micro_tokens)


def unread_text(unread_loss: float) -> dict[str, float]:
    """Return the dev scores of raw text that need no reading, and the bound to exceed (see ``learned``)."""
    return {"majority": -unread_loss, "chance": -unread_loss, "bound": -(1 - MARGIN) * unread_loss}


def pretrain(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Train a tokenizer and then a small XLM-R-shaped encoder on raw text in all its languages.

    Args:
        folder: the artifact; tokenizer and checkpoints stand in its work folder while the training runs.
        spec: its ``settings`` hold ``pretraining`` and ``optimisation``.
        inputs: text by ``text/LANGUAGE`` and English training sets whose text joins the corpus.
    """
    settings = spec["settings"]["pretraining"]
    absent = [f"{role}: {found.reason}" for role, found in inputs.items() if found.reason]
    if absent:
        return Product(reason="; ".join(absent))
    rows, dev = corpus(settings, inputs)
    for language, lines in rows.items():
        say(f"{language}: {len(lines)} lines")
    work = folder / WORK
    alphabet = (row["text"] for lines in (*rows.values(), *dev.values()) for row in lines)
    train_tokenizer(alphabet, settings["vocabulary"], work)  # anew for a training that goes on too: the same bytes
    tokenizer = open_tokenizer(work)
    chosen = FeatureSettings(max_length=settings["max_length"], packed=settings["packed"])
    sampled = list(mlm.balanced(rows, settings["alpha"], settings["seed"], sum(map(len, rows.values()))))
    features = mlm.featurise(sampled, tokenizer, chosen)
    shape = EncoderShape(**{name: settings[name] for name in EncoderShape.__dataclass_fields__})
    encoder = build_masked_lm(shape, len(tokenizer), settings["seed"])
    optimisation = spec["settings"]["optimisation"]
    model = build_model(encoder, {}, 0, optimisation["precision"]).to(device(optimisation["deterministic"]))
    say(model.way())
    recipe = Recipe(
        seed=settings["seed"],
        learning_rate=settings["learning_rate"],
        **machine_settings(),
        **optimisation,
    )
    mask = masking(tokenizer)
    scorers = {
        language: dev_scorer(mlm.featurise(lines, tokenizer, chosen), mask, recipe.micro_tokens, f"text/{language}")
        for language, lines in dev.items()
        if lines
    }

    def evaluate(now: Model) -> dict[str, float]:
        losses = {language: score(now) for language, score in scorers.items()}
        return {"score": sum(losses.values()) / len(losses), **{f"dev_{name}": value for name, value in losses.items()}}

    unread = mlm.unread_loss(features, tokenizer.special)
    part = TrainingData("mlm", "mlm", features, settings["batch_size"], settings["epochs"], mask, unread_loss=unread)
    best, progress = train(model, [part], recipe, evaluate, work, say, StopSignal())
    restore(model, best)
    reached = unread_text(unread) | {"score": progress.best_score}
    learned = signs("mlm", reached, progress.history, progress.best_step, unread)
    files = save_encoder(model.encoder, work, folder, settings["half"])
    write_json(folder / "history.json", {"best_step": progress.best_step, "evaluations": progress.history})
    return Product(
        [*files, "history.json"],
        {
            "steps": progress.step,
            "lines": {language: len(lines) for language, lines in rows.items()},
            "tokens": int(len(features.input_ids) * settings["epochs"]),
            "dev": progress.history[-1],
            **learned,
        },
        work=work_done(progress),
    )


def corpus(settings: dict[str, Any], inputs: dict[str, Manifest]) -> tuple[dict[str, Rows], dict[str, Rows]]:
    """Return (training lines, held-out lines) by language; English task text and pairs count as lines of their own.

    A language without held-out text has some of its lines held out, with all their copies.

    Raises:
        UserError: a language has no line to train on, or none has a line to score a model.
    """
    train_rows: dict[str, Rows] = {}
    dev: dict[str, Rows] = {}
    drawn: dict[mlm.Line, dict[str, Any]] = {}
    for role, found in inputs.items():
        name, language = role.split("/")
        found.check()
        read = read_jsonl(found.folder / "train.jsonl")
        if name != "text":
            train_rows.setdefault("en", []).extend(_task_lines(read))
            continue
        wanted = [row for row in read if settings["parallel"] or not row.get("text_b")]
        kept = found.folder / "dev.jsonl"
        if kept.is_file():
            dev[language] = read_jsonl(kept)[: mlm.HELD_OUT]
        else:
            held = mlm.held_out(wanted, FEW)
            own = {mlm.line(row): row for row in wanted if mlm.line(row) in held}
            dev[language] = [*own.values()]
            drawn |= own
        train_rows.setdefault(language, []).extend(wanted)
    if drawn:  # a task's text may have such a line too
        train_rows = {
            language: [row for row in lines if mlm.line(row) not in drawn] for language, lines in train_rows.items()
        }
    for language, lines in train_rows.items():
        if not lines:
            raise UserError(
                f"text/{language}: found no line to train on beside {len(dev.get(language, []))} held-out ones; "
                f"expected more than {FEW} different lines, of which {FEW} are held out where there is no dev.jsonl"
            )
    if not any(dev.values()):
        raise UserError(f"pretraining.languages: found no held-out line in {' '.join(dev) or 'any'}; expected some")
    return train_rows, dev


def _task_lines(rows: Rows) -> Iterable[dict[str, Any]]:
    """Yield the distinct texts of an English training set as lines of raw text."""
    seen = set()
    for row in rows:
        for field in ("text_a", "text_b", "prompt", "context", "question"):
            text = row.get(field)
            if text and text not in seen:
                seen.add(text)
                yield {"id": f"{row['id']}:{field}", "language": "en", "group": "tasks", "text": text}
