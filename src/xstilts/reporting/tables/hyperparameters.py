"""The settings of every training of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.config.sources import AVERAGED, WITH_TEXT
from xstilts.reporting.main.marks import recipe_sentence
from xstilts.reporting.render import write_table
from xstilts.reporting.run import RunFolder


def table_hyperparameters(run: RunFolder) -> None:
    """Write ``hyperparameters.*``: the settings of every training of the run."""
    used = {"intermediate": run.settings["intermediate_sets"], "target": run.settings["target_sets"]}
    settings = run.settings
    recipe = recipe_sentence(settings)
    hyperparameters_table(settings["recipe"], settings["configuration"], used, run.tables, "hyperparameters", [recipe])


def hyperparameters_table(
    recipe: str,
    config: Mapping[str, Any],
    used: Mapping[str, Sequence[str]],
    folder: Path | str,
    stem: str,
    remarks: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Write and return the settings of each training set, and below the table those of the whole run.

    Of a mixture (``multi``) the epochs alone are its own: each of its sets keeps its batch. What a set has instead of
    the settings below the table stands in its column ``own``.

    Args:
        recipe: its name.
        config: the resolved configuration.
        used: phase (``intermediate``, ``target``) to the training sets of the run.
        folder: where ``STEM.{csv,md}`` go.
        stem: name of the files.
        remarks: sentences at the top of the notes.
    """
    rows = []
    for phase, names in used.items():
        for name in names:
            settings = config[phase]["mlm"] if name == WITH_TEXT else config[phase]["sets"].get(name)
            if settings is None:
                continue
            rate = settings.get("learning_rate") or config[phase]["learning_rate"]
            shared = {key: config["optimisation"][key] for key in ("warmup", "weight_decay")}
            own = {key: settings[key] for key in shared if settings.get(key) is not None}
            rows.append(
                {
                    "recipe": recipe,
                    "phase": phase,
                    "set": name,
                    "learning_rate": f"{float(rate):g}",
                    **_batch(name, settings),
                    "epochs": f"{float(settings['epochs']):g}" if "epochs" in settings else None,
                    "limit": settings.get("limit") or settings.get("sentences") or config["training"]["limit"],
                    **{key: f"{value:g}" for key, value in (shared | own).items()},
                    "own": _own(settings),
                }
            )
    notes = [*remarks, *_with_text(config, used), *_methods(config)]
    for section in ("optimisation", "lengths", "selection", "evaluation"):
        own = {
            key: value for key, value in config[section].items() if key != "averaged" or AVERAGED in config["sources"]
        }
        values = ", ".join(f"{key} {'none' if value is None else value}" for key, value in own.items())
        notes.append(f"{section}: {values}.")
    columns = ("recipe", "phase", "set", "learning_rate", "batch", "unit", "epochs", "limit", "warmup", "weight_decay")
    write_table(folder, stem, (*columns, "own"), rows, "Settings of the trainings", notes)
    return rows


def _batch(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    if name == "multi":
        return {"batch": None, "unit": "of each set"}
    size = settings.get("batch_size")
    return {"batch": size or settings["batch_tokens"], "unit": "examples" if size else "tokens"}


def _own(settings: Mapping[str, Any]) -> str:
    """Return in words what a training set has instead of the run's settings, and has no column."""
    own = {**(settings.get("lengths") or {}), **{key: settings.get(key) for key in ("evaluate_every", "in_batch")}}
    own["chosen_on"] = settings.get("chosen_on")
    return ", ".join(f"{key} {value}" for key, value in own.items() if value is not None)


def _with_text(config: Mapping[str, Any], used: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the sentence on trainings with raw text, whose labelled sets have its rate; none where there are none."""
    if WITH_TEXT not in used.get("intermediate", ()):
        return []
    rate = float(config["intermediate"]["mlm"]["learning_rate"])
    return [f"A source with {WITH_TEXT} trains on its labelled sets too with the rate {rate:g}."]


def _methods(config: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each model of which only adapters train: their settings, and the rate that counts."""
    found = []
    for model in config["models"]:
        method = config["encoders"][model].get("method") or {"kind": "full"}
        if method["kind"] == "full":
            continue
        own = {key: " ".join(value) if isinstance(value, list) else value for key, value in method.items()}
        shown = [key for key, value in own.items() if value is not None and key not in ("learning_rate", "rates")]
        words = ", ".join(f"{key} {own[key]}" for key in shown)
        rate = method.get("learning_rate")
        instead = f"; learning rate {rate:g} there instead of the table's" if rate else ""
        found.append(f"{model}, of which adapters train: {words}{instead}.")
    return found
