"""The measurement behind the study of inference: trained models opened in one process, asked in turns, timed."""

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xstilts.artifacts import Manifest, Product
from xstilts.console import say
from xstilts.files import dump_json, write_text
from xstilts.serving.names import Scenario
from xstilts.serving.scenarios import MLPERF, Load, shortened
from xstilts.studies.paired import measure_pairs, pairs_of
from xstilts.studies.turns import measure_all

FILE = "measured.json"
MERGED = ("lora", "ia3")  # kinds that can be
SWAPS = 5  # times that adapters are put in each other's place
BATCH = 64  # samples that are in memory at once where the peak of a GPU's is measured


def loads(scenarios: Sequence[Scenario], seconds: float | None, samples: int | None) -> dict[Scenario, Load]:
    """Return the load of each scenario: MLPerf's, or shortened ones."""
    full = {name: load for name, load in MLPERF.items() if name in scenarios}
    if seconds is None and samples is None:
        return full
    return {name: shortened(name, load.seconds if seconds is None else seconds, samples) for name, load in full.items()}


def measure_serving(folder: Path, spec: dict[str, Any], inputs: dict[str, Manifest]) -> Product:
    """Write ``measured.json``: what every model did under every load, and what is known of it beside its speed.

    Args:
        folder: of the artifact.
        spec: its ``settings`` hold ``serving`` (the loads), ``models`` (each with its task, and where it lies) and how
            forward passes are computed.
        inputs: the trainings, the encoders below adapters and the features, by path.
    """
    from xstilts.serving import loadgen, twin

    settings = spec["settings"]
    absent = {role: found.reason for role, found in inputs.items() if found.reason}
    if absent:
        return Product(reason="; ".join(f"{role}: {why}" for role, why in absent.items()))
    for manifest in inputs.values():
        manifest.check()
    serving, use = settings["serving"], loadgen if loadgen.is_there() else twin
    before = os.getloadavg()
    measured: dict[str, Any] = {}
    known: list[dict[str, Any]] = []
    paired: list[dict[str, Any]] = []
    for place, task in enumerate(dict.fromkeys(one["task"] for one in settings["models"])):
        systems, everywhere = {}, []
        for one in (one for one in settings["models"] if one["task"] == task):
            for merged in (False, True) if one["kind"] in MERGED else (False,):
                name = f"{one['arm']} (merged)" if merged else one["arm"]
                systems[name], facts = _opened(one, merged, settings, inputs)
                everywhere += [name] if one["everywhere"] else []
                told = {key: one[key] for key in ("arm", "source", "kind", "everywhere")}
                known += [{"name": name, "merged": merged, **told, **facts}] if place == 0 else []
        wanted = loads(serving["scenarios" if place == 0 else "beside"], serving["seconds"], serving["samples"])
        say(f"{task}: {len(systems)} models are open")
        if place == 0:
            paired = measure_pairs(systems, pairs_of(known, serving["source"]), serving["rounds"], say)
        found = measure_all(systems, wanted, use.measure, serving["repeats"], everywhere, say)
        measured[task] = {
            name: {
                scenario: [asdict(each.measured) | {"processor": each.processor} for each in all_of]
                for scenario, all_of in by.items()
            }
            for name, by in found.items()
        }
    content = {"tasks": [*measured], "measured": measured, "models": known, "pairs": paired, **_machine(before)}
    write_text(folder / FILE, dump_json(content))
    return Product([FILE], {"models": len(known), "tasks": [*measured]})


def _opened(
    one: Mapping[str, Any], merged: bool, settings: Mapping[str, Any], inputs: Mapping[str, Manifest]
) -> tuple[Any, dict[str, Any]]:
    """Open a model; return it as a system that answers, and what is known of it; None is not measured."""
    import torch

    from xstilts.families.stored import open_features
    from xstilts.serving.model import bytes_on_disk, open_served, swap_seconds, system

    below = inputs[one["below"][0]].folder if one["below"] else None
    folder = inputs[one["model"]].folder
    how = (one["family"], merged, settings["precision"], settings["deterministic"])
    open_served(folder, below, *how)  # what the first one of a kind imports and reads is no part of opening it
    on_gpu = torch.cuda.is_available()
    before = torch.cuda.memory_allocated() if on_gpu else 0
    opened = open_served(folder, below, *how)
    features = open_features(questions(inputs[one["features"]]))
    answer, there = system(opened, features, settings["micro_tokens"])
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
        answer(list(range(min(BATCH, there))))
    peak = torch.cuda.max_memory_allocated() - before if on_gpu else None
    swaps = [swap_seconds(opened, folder) for _ in range(SWAPS)] if below is not None and not merged else []
    halves = opened.model.half.maps  # type: ignore[attr-defined]
    copies = [one for linear in halves for one in linear.copies if one is not None]
    held = (*opened.model.parameters(), *opened.model.buffers(), *copies)
    return (answer, there), {
        "load_seconds": opened.seconds,
        "swap_seconds": statistics.median(swaps) if swaps else None,
        "bytes": bytes_on_disk(folder),
        "weights": sum(one.numel() * one.element_size() for one in held),
        "gpu_memory": peak,
    }


def questions(features: Manifest) -> Path:
    """Return what models are asked: a task's English evaluation set, of a task without English its first language's.

    Of the splits dev, where it has both.
    """
    names = sorted(name for name in features.content["files"] if name.endswith(".safetensors"))
    in_english = [name for name in names if name.endswith("-en.safetensors")]
    return features.folder / (in_english or names)[0]


def _machine(before: tuple[float, float, float]) -> dict[str, Any]:
    """Return on what was measured, and how busy it was before and after."""
    import torch

    on_gpu = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if on_gpu else f"{torch.get_num_threads()} CPU threads"
    return {
        "on_gpu": on_gpu,
        "device": f"{device}, {platform.machine()}, {os.cpu_count()} cores, PyTorch {torch.__version__}",
        "load_average": [round(before[0], 1), round(os.getloadavg()[0], 1)],
    }
