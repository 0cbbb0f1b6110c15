"""How much disk a run needs: the weights that it keeps, and what one running training adds."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from xstilts.jobs import Jobs
from xstilts.modeling.fetch import wanted_files
from xstilts.sections import Pretraining

FLOAT32 = 4  # bytes: every training writes its weights in float32
CHECKPOINTED = 4  # tensors of the model's size in a checkpoint: weights, two moments of AdamW, best weights so far
CHECKPOINTS = 3  # two are kept, and a third is being written
TOKENIZER = 14_200_000  # bytes of XLM-R's tokenizer files: tokenizer.json and sentencepiece.bpe.model


@dataclass(frozen=True)
class Size:
    """The dimensions that decide how many parameters an XLM-R-shaped encoder has."""

    vocabulary: int
    positions: int
    layers: int
    hidden: int
    inner: int

    @property
    def parameters(self) -> int:
        """The number of parameters, without a language-model head or a pooler."""
        embeddings = (self.vocabulary + self.positions + 1 + 2) * self.hidden
        attention = 4 * (self.hidden + 1) * self.hidden
        feed_forward = 2 * self.hidden * self.inner + self.inner + self.hidden
        return embeddings + self.layers * (attention + feed_forward + 4 * self.hidden)


LARGE = Size(vocabulary=250_002, positions=514, layers=24, hidden=1024, inner=4096)
ON_THE_HUB = {
    "FacebookAI/xlm-roberta-large": LARGE,
    "FacebookAI/xlm-roberta-base": Size(vocabulary=250_002, positions=514, layers=12, hidden=768, inner=3072),
}


def bytes_of_run(jobs: Jobs) -> dict[str, int]:
    """Return the bytes of the models that a run keeps at its end, by stage; ``keep`` says which those are.

    The stages are ``pretrained``, ``intermediate`` (with sources of the user's own) and ``target``. Predictions, scores
    and prepared data are not in it: they are small beside the weights.
    """
    kept = {"pretrained": 0, "intermediate": 0, "target": 0}
    dropped = set() if jobs.run.keep == "all" else set(jobs.dropped())
    size = {model: bytes_of_model(jobs, model) for model in jobs.run.models}
    kept["pretrained"] = sum(size.values())
    for model, source, target, seed in jobs.models():
        if (model, source, target, seed) not in dropped:
            kept["intermediate" if target == "none" else "target"] += size[model]
    return kept


def bytes_of_training(jobs: Jobs) -> int:
    """Return the bytes of the checkpoints that one running training of the run's largest model has at most."""
    trained = [model for model in jobs.run.models if jobs.trainings() or jobs.run.is_pretrained_here(model)]
    return max((CHECKPOINTS * CHECKPOINTED * bytes_of_model(jobs, model) for model in trained), default=0)


def bytes_of_model(jobs: Jobs, model: str) -> int:
    """Return the bytes of one trained model with its tokenizer; one of unknown size counts as XLM-R Large."""
    parameters = parameters_of(jobs, model)
    if parameters is not None and parameters < 10 * 10**6:
        return FLOAT32 * parameters  # its tokenizer is as small
    return FLOAT32 * (parameters or LARGE.parameters) + TOKENIZER


def parameters_of(jobs: Jobs, model: str) -> int | None:
    """Return the number of parameters of a run's encoder, None while nothing here says it.

    What was fetched or pretrained already is counted, else the folder that it will come from, else the settings of the
    pretraining, else what is known of XLM-R on the Hub.
    """
    encoder = jobs.run.encoders[model]
    folders = [jobs.pretrained(model).parent, *([Path(encoder.weights).expanduser()] if encoder.weights else [])]
    for folder in folders:
        files = [path for path in wanted_files(folder) if path.suffix == ".safetensors"]
        if files:
            return sum(map(_counted, files))
    if jobs.run.is_pretrained_here(model):
        assert encoder.pretraining is not None
        return _size(encoder.pretraining).parameters
    known = ON_THE_HUB.get(encoder.weights or "")
    return known.parameters if known else None


def _size(settings: Pretraining) -> Size:
    return Size(settings.vocabulary, settings.positions + 2, settings.layers, settings.hidden, settings.intermediate)


def _counted(path: Path) -> int:
    """Count the numbers in a safetensors file from its header: 8 bytes of length, then JSON."""
    with open(path, "rb") as handle:
        header = json.loads(handle.read(int.from_bytes(handle.read(8), "little")))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
