"""How large a run's encoders are, wherever it can be read: also while nothing is on the disk."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from xstilts.config.encoders import Encoder
from xstilts.errors import DataError
from xstilts.files import read_json
from xstilts.graph.jobs import Jobs


@dataclass(frozen=True)
class Size:
    """The dimensions that decide how many parameters an encoder has: one of XLM-R's shape, or a decoder with gates."""

    vocabulary: int
    positions: int
    layers: int
    hidden: int
    inner: int
    gated: bool = False  # a third map in the feed-forward part, and no biases but of queries, keys and values
    values: int = 0  # width of the keys, and of the values, where it is less than `hidden`

    @property
    def matrices(self) -> int:
        """The numbers in the matrices of one block."""
        attention = 2 * self.hidden**2 + 2 * self.hidden * (self.values or self.hidden)
        return attention + (3 if self.gated else 2) * self.hidden * self.inner

    @property
    def parameters(self) -> int:
        """The number of parameters, without a language-model head or a pooler."""
        rows = self.vocabulary if self.gated else self.vocabulary + self.positions + 1 + 2
        vectors = 3 * self.hidden + 2 * (self.values or self.hidden) if self.gated else 9 * self.hidden + self.inner
        return rows * self.hidden + self.layers * (self.matrices + vectors)


LARGE = Size(vocabulary=250_002, positions=514, layers=24, hidden=1024, inner=4096)
QWEN = partial(Size, positions=0, gated=True)  # Qwen1.5: the settings of its repositories, checked by their parameters
ON_THE_HUB = {
    "FacebookAI/xlm-roberta-large": LARGE,
    "FacebookAI/xlm-roberta-base": Size(vocabulary=250_002, positions=514, layers=12, hidden=768, inner=3072),
    "intfloat/multilingual-e5-small": Size(vocabulary=250_037, positions=512, layers=12, hidden=384, inner=1536),
    "facebook/xlm-roberta-xl": Size(vocabulary=250_880, positions=514, layers=36, hidden=2560, inner=10_240),
    "facebook/xlm-roberta-xxl": Size(vocabulary=250_880, positions=514, layers=48, hidden=4096, inner=16_384),
    "Qwen/Qwen1.5-0.5B": QWEN(vocabulary=151_936, layers=24, hidden=1024, inner=2816),
    "Qwen/Qwen1.5-1.8B": QWEN(vocabulary=151_936, layers=24, hidden=2048, inner=5504),
    "Qwen/Qwen1.5-4B": QWEN(vocabulary=151_936, layers=40, hidden=2560, inner=6912),
    "Qwen/Qwen1.5-7B": QWEN(vocabulary=151_936, layers=32, hidden=4096, inner=11_008),
    "Qwen/Qwen1.5-14B": QWEN(vocabulary=152_064, layers=40, hidden=5120, inner=13_696),
    "Qwen/Qwen1.5-32B": QWEN(vocabulary=152_064, layers=64, hidden=5120, inner=27_392, values=1024),
    "Qwen/Qwen1.5-72B": QWEN(vocabulary=152_064, layers=80, hidden=8192, inner=24_576),
    "Qwen/Qwen1.5-110B": QWEN(vocabulary=152_064, layers=80, hidden=8192, inner=49_152, values=1024),
}


def size_of(jobs: Jobs, model: str) -> tuple[Size, bool]:
    """Return the dimensions of a run's encoder, and whether they are known: an unknown one counts as XLM-R Large.

    They are read from what was fetched or pretrained, else from the folder that it will come from, else from the
    settings of the pretraining, else from what is known of XLM-R on the Hub.
    """
    jobs = next((one for one in jobs.all if model in one.run.models), jobs)  # a study has encoders of its own
    encoder = jobs.run.encoders[model]
    folders = [jobs.pretrained(model).parent, *([Path(encoder.weights).expanduser()] if encoder.weights else [])]
    for folder in folders:
        found = size_in(folder)
        if found:
            return trimmed(found, encoder), True
    if jobs.run.is_pretrained_here(model):
        own = encoder.pretraining
        assert own is not None
        return Size(own.vocabulary, own.positions + 2, own.layers, own.hidden, own.intermediate), True
    known = ON_THE_HUB.get(encoder.weights or "")
    return trimmed(known or LARGE, encoder), known is not None


def size_of_decoder(jobs: Jobs) -> Size | None:
    """Return the dimensions of the decoder that answers from examples in its context, None where they are not known."""
    assert jobs.run.decoder is not None
    weights = jobs.run.decoder.weights
    return size_in(jobs.decoder.parent) or size_in(Path(weights).expanduser()) or ON_THE_HUB.get(weights)


def trimmed(size: Size, encoder: Encoder) -> Size:
    """Return the size with the blocks that a run keeps; how many pieces it keeps, trimming says."""
    return replace(size, layers=min(size.layers, encoder.layers or size.layers))


def size_in(folder: Path) -> Size | None:
    """Return the dimensions that a folder's ``config.json`` states, None when it has none or names them otherwise.

    An estimate refuses nothing: the job that reads the folder says what is wrong with it.
    """
    keys = ("vocab_size", "max_position_embeddings", "num_hidden_layers", "hidden_size", "intermediate_size")
    try:
        config = read_json(folder / "config.json")
    except (DataError, OSError):
        return None
    if not isinstance(config, dict) or not all(isinstance(config.get(key), int) for key in keys):
        return None
    found = Size(*(config[key] for key in keys))
    if config.get("hidden_act") != "silu":
        return found
    heads, few = config.get("num_attention_heads"), config.get("num_key_value_heads")
    values = found.hidden // heads * few if isinstance(heads, int) and isinstance(few, int) and few < heads else 0
    return replace(found, positions=0, gated=True, values=values)
