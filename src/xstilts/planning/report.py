"""A plan in a person's words."""

from collections.abc import Sequence
from itertools import groupby

from xstilts.costs.blocks import by_block
from xstilts.costs.cards import card_bytes
from xstilts.costs.disk import bytes_of_run, bytes_of_training
from xstilts.costs.gpu_memory import training_bytes
from xstilts.costs.size import size_of
from xstilts.costs.time import operations
from xstilts.graph.inputs import read_by
from xstilts.graph.jobs import StudyJobs
from xstilts.modeling.fetch import origin
from xstilts.planning.origins import Origin, origins
from xstilts.planning.plan import REPORT, STAGES, Plan, Planned
from xstilts.planning.raw_text import text_lines
from xstilts.planning.reasons import FOLLOWS
from xstilts.planning.speeds import COMPUTING, Measured, kind
from xstilts.studies.predicted import predicted_costs

NAMED = 4  # jobs named for a reason; the others are counted
DISK = {"encoder": "pretrained", "intermediate": "intermediate", "target": "target", "predictions": "index"}


def plan_text(plan: Plan) -> str:
    """Return the plan by stages: what will run, why, and what it takes; the data; what finished jobs took."""
    sections = [_stages(plan), _why(plan), _damaged(plan), _blocks(plan), _costs(plan), _data(plan), _measured(plan)]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def jobs_text(plan: Plan) -> str:
    """Return every job, one a line, with what it reads; below it each data set with its source, files and licence."""
    lines = [f"every job of run {plan.jobs.run.run} (+ will run, = done)"]
    for one in plan.planned:
        cost = f"  {duration(one.seconds)}" if one.job.rule in COMPUTING else ""
        why = f"  [{'; '.join(map(str, one.why))}]" if one.job.pending else ""
        lines.append(f"{'+' if one.job.pending else '='} {one.job.name}{cost}{why}")
        if one.stage != REPORT:
            read = [_short(plan, str(path)) for path in read_by(plan.jobs, one.job.rule, *one.job.wildcards)]
            lines += [f"    reads {', '.join(read)}"] if read else _encoder(plan, one)
    lines += ["", "every data set of the run"]
    for found in origins(plan.jobs, plan.workload):
        lines.append(f"{found.name}/{found.language}  {_rows(found)}  licence: {found.licence}")
        lines += [f"    from {source}" for source in found.sources]
        lines += [f"    file {name}" for name in found.files]
        lines += [f"    {found.reason}"] if found.reason else []
    return "\n".join(lines) + "\n"


def _short(plan: Plan, path: str) -> str:
    """Name a manifest by its folder below the run or the store."""
    for folder in (
        f"{plan.jobs.here}/",
        f"{plan.jobs.results}/store/data/{plan.jobs.origin}/",
        f"{plan.jobs.results}/",
    ):
        path = path.removeprefix(folder)
    return path.removesuffix("/manifest.json").removesuffix(".json")


def _encoder(plan: Plan, one: Planned) -> list[str]:
    if one.job.rule not in ("fetch_model", "fetch_whole"):
        return []
    encoder = plan.jobs.owner(one.job.rule, *one.job.wildcards).run.encoders[one.job.wildcards[0]]
    found = origin(encoder.weights or "", encoder.revision)
    files = [f"    file {name} (sha256 {digest[:12]})" for name, digest in found.get("files", {}).items()]
    return [f"    reads {found['weights']} at revision {found['revision'] or 'main (no pin)'}", *files]


def _stages(plan: Plan) -> list[str]:
    pending, done = len(plan.pending), len(plan.planned) - len(plan.pending)
    lines = [f"run {plan.jobs.run.run}: {pending:,} jobs will run, {done:,} are done"]
    if not pending:
        return lines
    unit = plan.machine.unit
    kept = bytes_of_run(plan.trained)
    lines += ["", f"{'stage':<16} {'will run':>9} {'done':>7} {unit:>11} {'keeps':>9}  mostly because"]
    for stage in (*STAGES, REPORT):
        mine = [one for one in plan.planned if one.stage == stage]
        run = [one for one in mine if one.job.pending]
        if not mine:
            continue
        hours = sum(one.seconds for one in run if one.job.rule in COMPUTING) / 3600
        disk = size(kept[DISK[stage]]) if DISK.get(stage) in kept else ""
        kinds = [one.why[0].kind for one in run if one.why]
        most = max(dict.fromkeys(kinds), key=kinds.count) if kinds else ""
        cost = f"{hours:,.2f}" if any(one.job.rule in COMPUTING for one in run) else ""
        lines.append(f"{stage:<16} {len(run):>9,} {len(mine) - len(run):>7,} {cost:>11} {disk:>9}  {most}".rstrip())
    return lines


def _blocks(plan: Plan) -> list[str]:
    """Say what each block of the main table costs, where there are several."""
    if plan.trained is not plan.jobs:
        return _arms(plan)
    of_sources = [one for one in plan.pending if one.job.rule in COMPUTING and len(one.job.wildcards) > 2]
    found = by_block(plan.jobs.run, ((one.job.wildcards, one.seconds) for one in of_sources))
    if not found or not of_sources:
        return []
    title = f"{'block of the table':<30} {'rows':>5} {plan.machine.unit:>11}  (sources=... picks rows)"
    lines = [
        f"{one.name:<30} {len(one.sources):>5} {one.seconds / 3600:>11,.2f}  {', '.join(one.sources)}" for one in found
    ]
    made_here = sum(one.job.rule == "translate" for one in plan.pending)
    counted = f"{made_here} translations are made here on a GPU; their time is not estimated" if made_here else ""
    return [title, *lines, *([counted] if counted else [])]


def _arms(plan: Plan) -> list[str]:
    """Say what each arm of a study costs as if it stood alone; what arms share is computed once."""
    study = plan.jobs.study
    if study is None:
        return []
    device = kind(plan.machine.device)
    lines = [
        f"{'arm of study ' + study.name:<30} {'jobs':>5} {device.upper() + ' hours':>11}  source, as if it stood alone"
    ]
    for row in predicted_costs(study):
        lines.append(f"{row['arm']:<30} {row['jobs']:>5} {row[f'{device}_seconds'] / 3600:>11,.2f}  {row['source']}")
    return lines + _memory_by_size(study)


def _memory_by_size(study: StudyJobs) -> list[str]:
    """Say what GPU memory a training of each size needs, where a study has several: calculated, not measured."""
    if not study.settings.models:
        return []
    lines = [f"{'size':<30} {'billions':>9} {'GiB of a GPU to train, calculated':>34}"]
    for model in study.settings.models:
        size, known = size_of(study, model)
        needed = training_bytes(
            size,
            study.run.optimisation,
            study.has_text,
            study.run.encoders[model].always,
            all_rows=study.holds_all_rows,
        )
        mark = "" if known else "  (unknown size: as XLM-R Large)"
        lines.append(f"{model:<30} {size.parameters / 1e9:>9,.3g} {needed / 2**30:>34,.1f}{mark}")
    return lines


def _why(plan: Plan) -> list[str]:
    """Say why, a line each reason of a stage with its jobs; what is new or follows is counted above."""
    lines = []
    for stage, of_stage in groupby(plan.pending, key=lambda one: one.stage):
        found: dict[str, list[str]] = {}
        for one in of_stage:
            for reason in one.why:
                if reason.kind not in ("new", FOLLOWS):
                    found.setdefault(str(reason), []).append(one.job.name)
        for words, names in found.items():
            rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            lines.append(f"  {stage}: {words}\n      {', '.join(names[:NAMED])}{rest}")
    return ["why", *lines] if lines else []


def _damaged(plan: Plan) -> list[str]:
    found = [f"  {one.stage}: {why.words}" for one in plan.planned if not one.job.pending for why in one.why]
    title = "damaged, though Snakemake sees nothing to do: remove the manifest there, and it is made again"
    return [title, *found] if found else []


def _costs(plan: Plan) -> list[str]:
    computing = [one for one in plan.pending if one.job.rule in COMPUTING]
    if not computing:
        return []
    total = sum(one.seconds for one in computing)
    todo = [
        (
            plan.workload.of(one.job.rule, *one.job.wildcards).work(one.job.rule, *one.job.wildcards),
            one.job.wildcards[0],
        )
        for one in computing
    ]
    steps, trained, passed = (sum(getattr(work, what) for work, _ in todo) for what in ("steps", "tokens", "forward"))
    arithmetic = sum(operations(work, plan.workload.size(model)[0]) for work, model in todo)
    lines = [
        f"work        {steps:,} optimiser steps on {trained:.3g} tokens, forward passes over {passed:.3g}: "
        f"{arithmetic:.3g} multiplications and additions",
        f"machine     {plan.machine.words} ({plan.machine.profile})",
        *_cards(plan),
        f"estimate    {total / 3600:,.1f} {plan.machine.unit}; at least {duration(plan.wall_seconds())} by the clock",
        f"disk        {size(sum(bytes_of_run(plan.trained).values()))} kept at the end, and "
        f"{size(bytes_of_training(plan.trained))} for the checkpoints of each running training",
    ]
    shipped = [one for one in computing if not one.behind]
    if len(shipped) < len(computing):
        behind = [job for job in _same(plan) if job.device == plan.machine.device]
        runs = ", ".join(sorted({job.run for job in behind}))
        words = (
            f"{len(computing) - len(shipped)} jobs by {len(behind)} measured ones ({plan.machine.device}; run {runs})"
        )
        lines.append(f"speeds      {words}" + (f", {len(shipped)} by shipped estimates" if shipped else ""))
    else:
        others = f" ({len(plan.everywhere)} were, elsewhere or with other encoders)" if plan.everywhere else ""
        lines.append(
            f"speeds      shipped estimates: no job with such an encoder on such a machine ({plan.machine.device}) was "
            f"measured yet{others}"
        )
    assumed = sorted({word for one in computing for word in one.assumed})
    if plan.machine.device == "cpu" and total > 100 * 3600:
        lines.append(
            "            on GPUs: name their profile, PROFILE=profiles/cuda or --workflow-profile profiles/cuda"
        )
    if assumed:
        lines.append(f"not counted {', '.join(assumed)}: those data are not on the disk yet")
    dropped = plan.jobs.dropped()
    if dropped:
        named = ", ".join("/".join(map(str, chain)) for chain in dropped[:NAMED])
        rest = f" and {len(dropped) - NAMED} more" if len(dropped) > NAMED else ""
        lines.append(f"dropped     {len(dropped)} models when nothing needs them any more (keep): {named}{rest}")
    return lines


def _cards(plan: Plan) -> list[str]:
    """Say which trainings take several GPUs, and what each of these holds."""
    trained = {
        one.job.wildcards[0]: one for one in plan.pending if one.job.rule in ("train_intermediate", "train_target")
    }
    found = []
    for model, one in trained.items():
        jobs = plan.jobs.owner(one.job.rule, *one.job.wildcards)
        gpus = jobs.run.encoders[model].gpus_per_job
        if gpus > 1:
            held = card_bytes(jobs, model) / 2**30
            found.append(f"            {model}: {gpus} GPUs a training, about {held:,.0f} GiB on each (calculated)")
    return found


def _same(plan: Plan) -> Sequence[Measured]:
    sizes = {plan.workload.size(model)[0] for model in plan.jobs.run.models}
    return [job for job in plan.everywhere if job.size in sizes]


def _data(plan: Plan) -> list[str]:
    """Say where each data set comes from, a line each with all its languages."""
    lines = ["data (--jobs lists every language, file and hash)"]
    found = sorted(origins(plan.jobs, plan.workload), key=lambda one: one.name)
    wide = max([10, *(len(one.name) for one in found)])
    for name, group in groupby(found, key=lambda one: one.name):
        members = list(group)
        spoken = members[0].language if len(members) == 1 else f"{len(members)} languages"
        rows = {split: sum(one.rows.get(split, 0) for one in members) for split in ("train", "dev", "test")}
        counted = ", ".join(f"{split} {count:,}" for split, count in rows.items() if count) or "no rows"
        how = {one.known for one in members}
        marks = "" if how == {"counted"} else f" ({', '.join(sorted(how))})"
        source = members[0].sources[0].partition(" (")[0] if members[0].sources else "?"
        more = len({one for member in members for one in member.sources}) - 1
        others = f" and {more} more" if more > 0 else ""
        lines.append(f"  {name:<{wide}} {spoken:<13} {counted}{marks}; {source}{others}; {members[0].licence}")
        lines += [f"             {members[0].reason}"] if members[0].reason else []
        lines += [f"             {line}" for line in text_lines(plan.jobs)] if name == "text" else []
    return lines


def _measured(plan: Plan) -> list[str]:
    """Set what finished jobs of this run took beside the shipped estimates of their work."""
    own = [job for job in plan.everywhere if job.run == plan.jobs.run.run]
    if not own:
        return []
    lines = ["measured    jobs      hours  shipped estimate  ratio  (finished jobs of this run)"]
    for stage, rules in STAGES.items():
        mine = [job for job in own if job.rule in rules]
        for device in sorted({job.device for job in mine}):
            took = sum(job.seconds for job in mine if job.device == device) / 3600
            said = sum(job.estimated for job in mine if job.device == device) / 3600
            count = sum(job.device == device for job in mine)
            lines.append(f"  {stage:<12}{count:>4} {took:>9.3f} {said:>17.3f} {took / said:>6.2f}  {device}")
    return lines


def duration(seconds: float) -> str:
    """Return a time in the two largest units that it has."""
    minutes, whole = round(seconds / 60), round(seconds)
    if whole < 60:
        return f"{whole} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days {hours % 24} h"


def size(count: int) -> str:
    """Return a number of bytes in the largest decimal unit."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= scale:
            return f"{count / scale:,.1f} {unit}"
    return f"{count / 1e3:,.0f} kB"


def _rows(origin: Origin) -> str:
    rows = ", ".join(f"{split} {count:,}" for split, count in origin.rows.items()) or "no rows"
    return f"{rows} rows ({origin.known})"
