"""Whether the cards of a machine are enough for a run: how many a training asks for, and what each of them holds."""

import os
from collections.abc import Iterable, Sequence

from xstilts.config.run import Run
from xstilts.config.trainings import Optimisation
from xstilts.costs.gpu_memory import training_bytes
from xstilts.costs.size import Size, size_of, size_of_decoder
from xstilts.costs.work import Workload
from xstilts.errors import ConfigError, UserError
from xstilts.graph.jobs import Jobs
from xstilts.leases import ON_CPU, devices

MOST = 8  # cards of one machine, as they are sold; a training stays in one
SMALL = 50 * 10**6  # numbers in the blocks of an encoder that a CPU trains in hours; of the embedding few rows are read
COMPUTING = ("pretrain", "train_intermediate", "train_target", "index", "predict", "few_shot")


def check_gpus(run: Run, limit: int | None) -> None:
    """Refuse a profile that gives a training fewer GPUs than it asks for: Snakemake would cut its wish without a word.

    Args:
        run: the run; the arms of a study have its encoders.
        limit: ``gpu`` of the profile's ``resources``; None: no limit.
    """
    for name in run.models:
        wanted = run.encoders[name].gpus_per_job
        if limit is not None and wanted > limit > 0:
            raise ConfigError(
                f"encoders.{name}.gpus_per_job: found {wanted}, and gpu: {limit} in the profile's resources; expected "
                f"at least gpu: {wanted} there (--resources gpu={wanted})"
            )


def is_small(size: Size) -> bool:
    """Say whether an encoder is meant to be trained on a CPU."""
    return size.layers * size.matrices <= SMALL


def check_cpu(workload: Workload, planned: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Refuse to compute with a large encoder where this machine has no GPU: days or weeks would pass without a word.

    A model of unknown size is not refused: it may be small.

    Args:
        workload: of the run.
        planned: (rule, wildcards) of the jobs that will run here; of those that compute the first one is the model.

    Raises:
        UserError: it names the encoder, and what computes with it all the same.
    """
    large = [name for name, size in _sizes(workload, planned).items() if size and not is_small(size)]
    if large and os.environ.get(ON_CPU) != "1" and not _has_gpu():
        raise UserError(
            f"{' '.join(large)}: found no GPU on this machine, and a model that is too large for a CPU; expected a "
            "GPU, a cluster (PROFILE=profiles/slurm), or a run with a small encoder (make demo, make laptop); "
            f"{ON_CPU}=1 computes on the CPU all the same"
        )


def _sizes(workload: Workload, planned: Iterable[tuple[str, Sequence[str]]]) -> dict[str, Size | None]:
    """Return the size of each encoder and decoder that jobs compute with, None where it is unknown."""
    found: dict[str, Size | None] = {}
    for rule, words in planned:
        one = workload.of(rule, *words)
        if rule in COMPUTING and words[0] not in found:
            size, known = one.size(words[0])
            found[words[0]] = size if known else None
        elif rule == "in_context" and one.jobs.run.decoder:
            found[one.jobs.run.decoder.weights] = size_of_decoder(one.jobs)
    return found


def _has_gpu() -> bool:
    """Say whether a job that starts here would compute on a GPU."""
    if devices():
        return True
    import torch  # last, as it takes seconds: it may know a GPU that neither the driver's files nor nvidia-smi name

    return torch.cuda.is_available()


def card_bytes(jobs: Jobs, model: str, optimisation: Optimisation | None = None, gpus: int | None = None) -> float:
    """Return what the largest training of a model needs on each of its cards.

    Args:
        jobs: the jobs of a run.
        model: one of its models.
        optimisation: instead of the run's.
        gpus: instead of the model's ``gpus_per_job``.
    """
    encoder = jobs.run.encoders[model]
    adapted = encoder.adapted
    method = adapted if adapted is not None and len(adapted.phases) > 1 else None  # else a phase trains all of it
    size, cards = size_of(jobs, model)[0], gpus or encoder.gpus_per_job
    return training_bytes(
        size, optimisation or jobs.run.optimisation, jobs.has_text, method, cards, jobs.holds_all_rows
    )


def remedy(jobs: Jobs, model: str, memory: float) -> str:
    """Return the setting by which trainings of a model fit cards of so many bytes, the cheapest first."""
    optimisation, own = jobs.run.optimisation, jobs.run.encoders[model].gpus_per_job
    saving = optimisation.model_copy(update={"activation_checkpointing": True})
    if own == 1 and card_bytes(jobs, model, saving) <= memory:
        return "optimisation: {activation_checkpointing: true}"
    for gpus in range(own + 1, MOST + 1):
        if gpus & (gpus - 1) == 0 and card_bytes(jobs, model, gpus=gpus) <= memory:
            return f"encoders: {{{model}: {{gpus_per_job: {gpus}}}}}"
    return "a smaller optimisation.micro_tokens"
