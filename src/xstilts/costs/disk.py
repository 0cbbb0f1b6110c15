"""How much disk a run needs: the weights that it keeps, and what one running training adds."""

from xstilts.costs.size import size_of
from xstilts.costs.trained import trained_parameters
from xstilts.costs.work import Workload
from xstilts.graph.jobs import Jobs

FLOAT32 = 4  # bytes: every training writes its weights in float32
FLOAT16 = 2  # and candidates lie in float16
CHECKPOINTED = 4  # tensors of the model's size in a checkpoint: weights, two moments of AdamW, best weights so far
CHECKPOINTS = 3  # two are kept, and a third is being written
TOKENIZER = 14_200_000  # bytes of XLM-R's tokenizer files: tokenizer.json and sentencepiece.bpe.model


def bytes_of_run(jobs: Jobs) -> dict[str, int]:
    """Return the bytes of the models and indexes that a run keeps at its end, by stage; ``keep`` says which those are.

    The stages are ``pretrained``, ``intermediate`` (with sources of the user's own), ``target``, and ``index`` where
    tasks have candidates. Predictions, scores and prepared data are not in it: they are small beside the weights.
    """
    kept = {"pretrained": 0, "intermediate": 0, "target": 0} | ({"index": 0} if jobs.indexed else {})
    dropped = set() if jobs.run.keep == "all" else set(jobs.dropped())
    size = {model: bytes_of_model(jobs, model) for model in jobs.run.models}
    kept["pretrained"] = sum(size[model] for model in dict.fromkeys(map(jobs.plain, jobs.run.models)))
    for model, source, target, seed in jobs.models():
        if (model, source, target, seed) not in dropped:
            stage, adapters = "intermediate" if target == "none" else "target", jobs.is_adapter(model, source, target)
            kept[stage] += bytes_of_adapters(jobs, model, source) if adapters else size[model]
    candidates = {name: Workload(jobs).candidates(name) for name in jobs.indexed}
    for cell in jobs.cells():
        if cell[4] in candidates and cell[:4] not in dropped:
            kept["index"] += FLOAT16 * candidates[cell[4]] * size_of(jobs, cell[0])[0].hidden
    return kept


def bytes_of_training(jobs: Jobs) -> int:
    """Return the bytes of the checkpoints that one running training of the run's largest model has at most."""
    size = {model: size_of(jobs, model)[0] for model in jobs.run.models}
    sizes = [FLOAT32 * size[model].parameters for model in jobs.run.models if jobs.run.is_pretrained_here(model)]
    for model in jobs.run.models if jobs.trainings() else ():
        adapted = jobs.run.encoders[model].adapted
        whole = adapted is None or len(adapted.phases) < 2
        of_whole = FLOAT32 * trained_parameters(size[model], all_rows=jobs.holds_all_rows)
        sizes.append(of_whole if whole else bytes_of_adapters(jobs, model))
    return CHECKPOINTS * CHECKPOINTED * max(sizes, default=0)


def bytes_of_adapters(jobs: Jobs, model: str, source: str = "none") -> int:
    """Return the bytes of what a training of adapters leaves: these, without the encoder below them."""
    found = [jobs.run.method_in(model, source, phase) for phase in ("target", "intermediate")]
    return FLOAT32 * trained_parameters(size_of(jobs, model)[0], found[0] or found[1])


def bytes_of_model(jobs: Jobs, model: str) -> int:
    """Return the bytes of one trained model with its tokenizer; one of unknown size counts as XLM-R Large."""
    parameters = size_of(jobs, model)[0].parameters
    return FLOAT32 * parameters + (TOKENIZER if parameters >= 10 * 10**6 else 0)  # a small one's is as small
