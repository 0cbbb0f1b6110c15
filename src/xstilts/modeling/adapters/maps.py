"""The linear maps of an encoder under the names that the Hub has for them, where adapters stand.

peft finds what it adapts by the names of modules, and writes adapters under these. This project's XLM-R has one joint
map for queries, keys and values, and names of its own: it is shown here as ``XLMRobertaModel`` names its parts, the
joint map divided, so that an adapter is the same file whichever of the two has trained it.
"""

from typing import Any

import torch
from torch import Tensor, nn

from xstilts.modeling.xlmr import Layer, XlmRoberta

ROLES = ("query", "key", "value")
OWN = {"attended": "attention.output.dense", "inner": "intermediate.dense", "outer": "output.dense"}


class Divided(nn.Module):
    """The joint map of queries, keys and values as three, each of which may be adapted."""

    def __init__(self, joint: nn.Linear) -> None:
        super().__init__()
        for role, weight, bias in zip(ROLES, joint.weight.chunk(3), joint.bias.chunk(3), strict=True):
            own = nn.Linear(1, 1, device="meta")
            own.in_features, own.out_features = weight.shape[1], weight.shape[0]
            own.weight = nn.Parameter(weight.detach(), requires_grad=joint.weight.requires_grad)
            own.bias = nn.Parameter(bias.detach(), requires_grad=joint.bias.requires_grad)
            self.add_module(role, own)

    def forward(self, states: Tensor) -> Tensor:
        """Map states [tokens, hidden] to queries, keys and values [tokens, 3 x hidden]."""
        found = torch.cat([self.get_submodule(role)(states) for role in ROLES], dim=1)
        kind = states.device.type  # IA3's factors are float32: attention shall have what autocast asks for all the same
        return found.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else found

    def joined(self) -> nn.Linear:
        """Return the joint map again; adapters have been merged."""
        parts: list[Any] = [self.get_submodule(role) for role in ROLES]
        hidden = parts[0].in_features
        joint = nn.Linear(hidden, 3 * hidden, device="meta")
        joint.weight = nn.Parameter(torch.cat([part.weight.detach() for part in parts]))
        joint.bias = nn.Parameter(torch.cat([part.bias.detach() for part in parts]))
        return joint


def maps(encoder: Any) -> nn.Module:
    """Return a module with the encoder's linear maps under the Hub's names; ``put_back`` takes over what changed."""
    if not isinstance(encoder, XlmRoberta):
        found: nn.Module = encoder.model.base_model
        return found
    return _branch(encoder=_branch(layer=nn.ModuleList(_names_of(layer) for layer in encoder.layers)))


def _names_of(layer: nn.Module) -> nn.Module:
    assert isinstance(layer, Layer)
    if isinstance(layer.qkv, nn.Linear):
        layer.qkv = Divided(layer.qkv)
    return _branch(
        attention=_branch(
            **{"self": _branch(**dict(layer.qkv.named_children())), "output": _branch(dense=layer.attended)}
        ),
        intermediate=_branch(dense=layer.inner),
        output=_branch(dense=layer.outer),
    )


def _branch(**parts: nn.Module) -> nn.Module:
    found = nn.Module()
    for name, part in parts.items():
        found.add_module(name, part)
    return found


def put_back(encoder: Any, found: nn.Module) -> None:
    """Give an encoder the maps that were put into ``maps`` in the place of its own."""
    if not isinstance(encoder, XlmRoberta):
        return
    for number, layer in enumerate(encoder.layers):
        assert isinstance(layer, Layer)
        at = found.get_submodule(f"encoder.layer.{number}")
        for role in ROLES:
            layer.qkv.add_module(role, at.get_submodule(f"attention.self.{role}"))
        for own, name in OWN.items():
            layer.add_module(own, at.get_submodule(name))


def join(encoder: Any) -> None:
    """Make the joint maps of queries, keys and values whole again."""
    for layer in encoder.layers if isinstance(encoder, XlmRoberta) else ():
        if isinstance(layer.qkv, Divided):
            layer.qkv = layer.qkv.joined()
