"""Bottleneck adapters: a small network with a narrow middle inside each block, whose last map begins at zero.

Two forms, with the defaults of AdapterHub. Houlsby et al. (2019) put one behind attention and one behind the
feed-forward part, each before the residual is added. Pfeiffer et al. (2021) have one a block: it reads what LayerNorm
makes of the feed-forward part and its residual, is added to their sum, and LayerNorm takes that. With ``dropped`` the
first blocks have none (AdapterDrop, Rücklé et al., 2021): a training goes no further back than the first that has one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from xstilts.errors import UserError
from xstilts.modeling.xlmr import XlmRoberta

KIND = "BOTTLENECK"
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "swish": nn.SiLU}
INITIAL_SPREAD = 0.02


class Bottleneck(nn.Module):
    """Down, an activation, and up again."""

    def __init__(self, hidden: int, settings: dict[str, Any]) -> None:
        super().__init__()
        self.down = nn.Linear(hidden, max(1, hidden // settings["reduction"]))
        self.activation = ACTIVATIONS[settings["activation"]]()
        self.up = nn.Linear(self.down.out_features, hidden)
        nn.init.normal_(self.down.weight, std=INITIAL_SPREAD)
        for parameter in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(parameter)

    def forward(self, states: Tensor) -> Tensor:
        """Map states [..., hidden] to what is added to them."""
        found: Tensor = self.up(self.activation(self.down(states)))
        return found


class BehindDropout(nn.Module):
    """Houlsby's place: what attention or the feed-forward part gives, before the residual."""

    def __init__(self, dropout: nn.Module, adapter: Bottleneck) -> None:
        super().__init__()
        self.dropout = dropout
        self.adapter = adapter

    def forward(self, states: Tensor) -> Tensor:
        """Map states to states of the same shape."""
        states = self.dropout(states)
        return states + self.adapter(states)


class AroundNorm(nn.Module):
    """Pfeiffer's place: the sum with the residual, between LayerNorm and LayerNorm again."""

    def __init__(self, norm: nn.Module, adapter: Bottleneck) -> None:
        super().__init__()
        self.norm = norm
        self.adapter = adapter

    def forward(self, states: Tensor) -> Tensor:
        """Map sums to states of the same shape."""
        found: Tensor = self.norm(states + self.adapter(self.norm(states)))
        return found


@dataclass(frozen=True)
class Place:
    """Where in an encoder an adapter stands, and what that is called on the Hub."""

    name: str
    owner: nn.Module
    dropout: str  # attribute of the owner
    norm: str


def attach(encoder: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Put fresh ones into an encoder; return the content of ``adapter_config.json``.

    Args:
        encoder: frozen already.
        settings: ``form``, ``reduction`` (hidden / width of the middle), ``activation`` and ``dropped``.
    """
    for place in _places(encoder, settings):
        adapter = Bottleneck(encoder.hidden, settings).to(next(encoder.parameters()).device)
        wrap, attribute = (BehindDropout, place.dropout) if settings["form"] == "houlsby" else (AroundNorm, place.norm)
        setattr(place.owner, attribute, wrap(getattr(place.owner, attribute), adapter))
    return {"peft_type": KIND} | settings


def settings_of(written: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that an ``adapter_config.json`` states."""
    return {name: value for name, value in written.items() if name != "peft_type"}


def parameters(encoder: Any) -> dict[str, nn.Parameter]:
    """Return what is the adapters' own, under the Hub's names of their places."""
    return {
        f"{place.name}.adapter.{name}": parameter
        for place in _all_places(encoder)
        for attribute in (place.dropout, place.norm)
        if isinstance(wrapped := getattr(place.owner, attribute), BehindDropout | AroundNorm)
        for name, parameter in wrapped.adapter.named_parameters()
    }


def merge(encoder: Any) -> None:
    """Refuse: a network with an activation is no part of a linear map."""
    raise UserError("bottleneck adapters cannot be merged into an encoder; expected LoRA or IA3")


def _places(encoder: Any, settings: dict[str, Any]) -> list[Place]:
    blocks = [[*places] for places in _blocks(encoder)]
    if settings["dropped"] >= len(blocks):
        raise UserError(f"method.dropped: found {settings['dropped']}; expected fewer than the {len(blocks)} blocks")
    kept = blocks[settings["dropped"] :]
    return [place for places in kept for place in (places if settings["form"] == "houlsby" else places[-1:])]


def _all_places(encoder: Any) -> list[Place]:
    return [place for places in _blocks(encoder) for place in places]


def _blocks(encoder: Any) -> Iterator[list[Place]]:
    """Yield the two places of each block, of this project's XLM-R and of any encoder with BERT's parts."""
    if isinstance(encoder, XlmRoberta):
        for number, layer in enumerate(encoder.layers):
            at = f"encoder.layer.{number}"
            yield [
                Place(f"{at}.attention.output", layer, "attended_dropout", "attended_norm"),
                Place(f"{at}.output", layer, "outer_dropout", "outer_norm"),
            ]
        return
    layers = getattr(getattr(encoder.model.base_model, "encoder", None), "layer", None)
    for number, layer in enumerate(layers or ()):
        at = f"encoder.layer.{number}"
        owners = {f"{at}.{name}": _part(layer, name) for name in ("attention.output", "output")}
        if all(hasattr(owner, "dropout") and hasattr(owner, "LayerNorm") for owner in owners.values()):
            yield [Place(name, owner, "dropout", "LayerNorm") for name, owner in owners.items()]
            continue
        layers = None
    if not layers:
        kind = encoder.config.model_type
        raise UserError(
            f"method: found bottleneck adapters for {kind!r}; expected an encoder with BERT's parts (dropout and "
            "LayerNorm behind attention and behind the feed-forward part), or LoRA"
        )


def _part(layer: nn.Module, name: str) -> Any:
    try:
        return layer.get_submodule(name)
    except AttributeError:
        return None
