"""How many weights of an encoder train, where that is not all of them."""

from xstilts.config.methods import Method
from xstilts.costs.size import Size

# Rows of the embedding that an English training reads, of XLM-R's 250,002: 4 to 17 thousand in 8,000 examples of each
# set, 27 thousand in all of these together (counted); whole sets more (assumed).
READ = 40_000


def trained_parameters(size: Size, method: Method | None = None, all_rows: bool = False) -> int:
    """Return the weights of an XLM-R-shaped encoder that a method trains, without the head.

    Without a method they are all but the rows of the embedding that the training does not read; masked language
    modelling reads ``all_rows``.
    LoRA of rank r has r (in + out) of them beside a map, IA3 as many as numbers come out (or go in, where that is what
    it scales), and a bottleneck two maps with their biases.
    """
    if method is None:
        return size.parameters - (0 if all_rows else max(0, size.vocabulary - READ) * size.hidden)
    settings, hidden = method.settings, size.hidden
    if method.kind == "bottleneck":
        middle = max(1, hidden // settings["reduction"])
        blocks = max(0, size.layers - settings["dropped"]) * (2 if settings["form"] == "houlsby" else 1)
        return blocks * (2 * hidden * middle + middle + hidden)
    maps = _maps_of_a_decoder(size) if size.gated else _maps(size)
    ours = {name: shape for name, shape in maps.items() if _is_named(name, settings["modules"])}
    if method.kind == "lora":
        return size.layers * settings["rank"] * sum(map(sum, ours.values()))
    return size.layers * sum(shape[not _is_named(name, settings["feed_forward"])] for name, shape in ours.items())


def _maps(size: Size) -> dict[str, tuple[int, int]]:
    """Return the linear maps of a block under the names that XLM-R has for them, with their widths in and out."""
    hidden = size.hidden
    maps = {f"attention.self.{role}": (hidden, hidden) for role in ("query", "key", "value")}
    maps |= {"attention.output.dense": (hidden, hidden)}
    return maps | {"intermediate.dense": (hidden, size.inner), "output.dense": (size.inner, hidden)}


def _maps_of_a_decoder(size: Size) -> dict[str, tuple[int, int]]:
    """Return the same of a decoder, under the names of Qwen and Llama."""
    hidden, values = size.hidden, size.values or size.hidden
    maps = {"self_attn.q_proj": (hidden, hidden), "self_attn.o_proj": (hidden, hidden)}
    maps |= {f"self_attn.{role}_proj": (hidden, values) for role in ("k", "v")}
    maps |= {f"mlp.{role}_proj": (hidden, size.inner) for role in ("gate", "up")}
    return maps | {"mlp.down_proj": (size.inner, hidden)}


def _is_named(name: str, ends: list[str]) -> bool:
    return any(f".{name}".endswith(f".{end}") for end in ends)
