"""Whether the cards of a machine are enough for a run: how many a training asks for, and what each of them holds."""

from xstilts.config.run import Run
from xstilts.config.sections import Optimisation
from xstilts.costs.gpu_memory import training_bytes
from xstilts.costs.size import size_of
from xstilts.errors import ConfigError
from xstilts.graph.jobs import Jobs

MOST = 8  # cards of one machine, as they are sold; a training stays in one


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
    return training_bytes(size, optimisation or jobs.run.optimisation, jobs.has_text, method, cards)


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
