"""XLM-R (and RoBERTa) in plain PyTorch on unpadded tokens, reading and writing the Hub's own weight names.

Sequences of a batch lie end to end, and everything works on real tokens; attention says where it needs a padded view.
The numbers are those of transformers' ``XLMRobertaModel``; a process that needs no other architecture starts without
importing that library, which takes longer than many a small job.
"""

from collections.abc import Callable
from pathlib import Path
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from xstilts.files import write_json
from xstilts.modeling.attention import attend, fits_kernel, has_unpadded_kernel
from xstilts.modeling.dropout import Dropout
from xstilts.modeling.graphed import GraphedBlocks
from xstilts.modeling.layout import Layout, attended, divided, rounded_rows, takes_few_shapes
from xstilts.tensors import save_tensors

MODEL_TYPES = ("xlm-roberta", "roberta", "camembert")
DEFAULTS: dict[str, Any] = {  # of transformers' configuration classes of these, for what a config.json leaves out
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 1,
}

Renamed = Callable[[dict[str, Tensor]], dict[str, Tensor]]  # another architecture's weights under XLM-R's names

# What the rows of a product with the vocabulary are filled up to, by the kind of device: a GPU's fast kernels want
# multiples of 8, which XLM-R's 250,002 pieces are not.
FILLED_UP = {"cuda": 64}


class Layer(nn.Module):
    """One block: self-attention and feed-forward, each with dropout, residual and LayerNorm after it."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        hidden, inner, epsilon = config["hidden_size"], config["intermediate_size"], config["layer_norm_eps"]
        self.heads = config["num_attention_heads"]
        self.attention_dropout = config["attention_probs_dropout_prob"]
        self.qkv: nn.Module = nn.Linear(hidden, 3 * hidden)
        self.attended = nn.Linear(hidden, hidden)
        self.attended_dropout = Dropout(config["hidden_dropout_prob"])
        self.attended_norm = nn.LayerNorm(hidden, eps=epsilon)
        self.inner = nn.Linear(hidden, inner)
        self.outer = nn.Linear(inner, hidden)
        self.outer_dropout = Dropout(config["hidden_dropout_prob"])
        self.outer_norm = nn.LayerNorm(hidden, eps=epsilon)

    def forward(self, states: Tensor, where: Layout) -> Tensor:
        """Map states [tokens, hidden] to states [tokens, hidden]."""
        dropout = self.attention_dropout if self.training else 0.0
        return self.rest(states, attend(self.qkv(states), where, self.heads, dropout))

    def rest(self, states: Tensor, context: Tensor) -> Tensor:
        """Map states and what attention made of them, [tokens, hidden] both, to states: it knows no sequences."""
        states = self.attended_norm(states + self.attended_dropout(self.attended(context)))
        fed = self.outer(functional.gelu(self.inner(states)))
        return self.outer_norm(states + self.outer_dropout(fed))


class LanguageModelHead(nn.Module):
    """XLM-R's masked language model head; its output matrix is the embedding itself."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.dense = nn.Linear(config["hidden_size"], config["hidden_size"])
        self.norm = nn.LayerNorm(config["hidden_size"], eps=config["layer_norm_eps"])
        self.bias = nn.Parameter(torch.zeros(config["vocab_size"]))

    def forward(self, states: Tensor, embedding: Tensor) -> Tensor:
        """Map states [tokens, hidden] to logits [tokens, vocabulary], filled up with -inf where a device wants it."""
        matrix, bias = filled_up(embedding, self.bias, FILLED_UP.get(embedding.device.type, 1))
        return functional.linear(self.norm(functional.gelu(self.dense(states))), matrix, bias)


def filled_up(matrix: Tensor, bias: Tensor, multiple: int) -> tuple[Tensor, Tensor]:
    """Return an output matrix [pieces, hidden] and its bias with as many further pieces as make a multiple.

    Their logits are -inf: they add nothing to the sum of a softmax, and no gradient. The matrix is copied in the
    precision that the product takes.
    """
    more = -len(matrix) % multiple
    if not more:
        return matrix, bias
    if torch.is_autocast_enabled(matrix.device.type):
        matrix = matrix.to(torch.get_autocast_dtype(matrix.device.type))
    return functional.pad(matrix, (0, 0, 0, more)), functional.pad(bias, (0, more), value=-torch.inf)


class XlmRoberta(nn.Module):
    """The encoder, with its language-model head where one is wanted."""

    def __init__(self, config: dict[str, Any], masked_lm: bool) -> None:
        """Build from the content of a ``config.json``; weights are drawn as for a fresh model (normal, 0.02)."""
        super().__init__()
        self.sentence = "first"  # the vector that stands for a sequence: <s>
        self.config = config = DEFAULTS | {key: value for key, value in config.items() if value is not None}
        hidden, epsilon = config["hidden_size"], config["layer_norm_eps"]
        # A gradient of the rows that were read; that of the language model's output matrix, the same one, is dense.
        self.words = nn.Embedding(config["vocab_size"], hidden, sparse=not masked_lm)
        self.places = nn.Embedding(config["max_position_embeddings"], hidden)
        self.kinds = nn.Embedding(config["type_vocab_size"], hidden)
        self.norm = nn.LayerNorm(hidden, eps=epsilon)
        self.dropout = Dropout(config["hidden_dropout_prob"])
        self.layers = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))
        self.lm_head = LanguageModelHead(config) if masked_lm else None
        self.recomputes = False
        self.graphs: GraphedBlocks | None = None
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=config["initializer_range"])
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
        with torch.no_grad():
            self.words.weight[config["pad_token_id"]].zero_()
            self.places.weight[config["pad_token_id"]].zero_()

    @property
    def hidden(self) -> int:
        """The width of the states."""
        return self.config["hidden_size"]

    @property
    def depth(self) -> int:
        """The number of blocks."""
        return self.config["num_hidden_layers"]

    @property
    def positions(self) -> int:
        """The longest input in tokens."""
        return self.config["max_position_embeddings"] - self.config["pad_token_id"] - 1

    @property
    def head_dropout(self) -> float:
        """The dropout that a fresh head gets."""
        return self.config["hidden_dropout_prob"]

    def forward(
        self, input_ids: Tensor, where: Layout, segments: Tensor | None = None, depth: int | None = None
    ) -> Tensor:
        """Return states [tokens, hidden] after ``depth`` blocks (all by default; 0 gives the embeddings).

        Positions start behind the padding index (2 for XLM-R), as in fairseq. Segments do not exist here.
        """
        tokens = len(input_ids)
        if input_ids.device.type == "cpu":
            where = divided(where, takes_few_shapes(input_ids.device))
            input_ids = functional.pad(input_ids, (0, len(where.positions) - tokens), value=self.config["pad_token_id"])
        return self.blocks(input_ids, where, depth)[:tokens]

    def blocks(self, input_ids: Tensor, where: Layout, depth: int | None = None) -> Tensor:
        """Return the states of a batch in the very layout that is given."""
        places = self.places(where.positions + self.config["pad_token_id"] + 1)
        states = self.dropout(self.norm(self.words(input_ids) + places + self.kinds.weight[0]))
        if self.graphs and self.training and torch.is_grad_enabled() and depth is None and self.graphs.takes(where):
            return self.graphs(states, where)
        for layer in self.layers[:depth]:
            states = self._recomputed(layer, states, where) if self.recomputes else layer(states, where)
        return states

    def attends_unpadded(self, where: torch.device, half: bool) -> bool:
        """Say whether attention reads sequences as they lie on a device, in half precision or not."""
        width = self.hidden // self.config["num_attention_heads"]
        return half and fits_kernel(width) and has_unpadded_kernel(where)

    def attended(self, where: Layout, device: torch.device, half: bool) -> int:
        """Return over how many places attention goes: the tokens of a batch, and what padding adds to them."""
        if self.attends_unpadded(device, half):
            return where.whole.tokens
        if device.type == "cpu":
            return attended(where, takes_few_shapes(device))
        return where.whole.rows * where.whole.longest

    def recompute_activations(self) -> None:
        """Keep only the states between blocks for the backward pass and compute each block anew there."""
        self.recomputes = True

    def compile_blocks(self) -> None:
        """Let PyTorch compile what a block does after attention, once for all blocks and any number of tokens.

        It runs what lies between the products in one kernel each; the draws of dropout are others.
        """
        rest = torch.compile(Layer.rest, dynamic=True)
        for layer in self.layers:
            object.__setattr__(layer, "rest", MethodType(rest, layer))  # a method, no part of the module

    def graph_blocks(self) -> None:
        """Capture what the blocks do in a small training step as CUDA graphs; the next training keeps them."""
        self.graphs = self.graphs or GraphedBlocks(self.layers)

    @staticmethod
    def _recomputed(layer: nn.Module, states: Tensor, where: Layout) -> Tensor:
        from torch.utils.checkpoint import checkpoint

        return checkpoint(layer, states, where, use_reentrant=False)  # the second pass draws the same dropout

    def language_model(self, states: Tensor) -> Tensor:
        """Return logits [tokens, vocabulary] for states [tokens, hidden]."""
        assert self.lm_head is not None
        return self.lm_head(rounded_rows(states), self.words.weight)[: len(states)]

    def save(self, folder: Path, half: bool = False) -> list[str]:
        """Write ``config.json`` and ``model.safetensors`` for ``AutoModel`` to open; return their names."""
        kind = {"xlm-roberta": "XLMRoberta", "roberta": "Roberta", "camembert": "Camembert"}[self.config["model_type"]]
        config = self.config | {
            "architectures": [f"{kind}ForMaskedLM" if self.lm_head else f"{kind}Model"],
            "dtype": "float16" if half else "float32",
        }
        write_json(folder / "config.json", config)
        tensors = {name: t.to(torch.float16 if half else t.dtype) for name, t in self._named().items()}
        save_tensors(tensors, folder / "model.safetensors", {"format": "pt"})
        return ["config.json", "model.safetensors"]

    def load(self, folder: Path, renamed: Renamed | None = None) -> None:
        """Read the weights of a folder, where another architecture has written them renamed.

        Raises:
            UserError: it names what is missing.
        """
        from safetensors.torch import load_file

        from xstilts.errors import UserError

        found: dict[str, Tensor] = {}
        for path in sorted(folder.glob("*.safetensors")):
            if path.name != "head.safetensors":
                found |= load_file(path)
        found = {name.removeprefix("roberta."): tensor for name, tensor in found.items()}
        found = {name.replace(".gamma", ".weight").replace(".beta", ".bias"): tensor for name, tensor in found.items()}
        found = renamed(found) if renamed else found
        with torch.no_grad():
            for name, tensor in self._named().items():
                plain = name.removeprefix("roberta.")
                if plain not in found and plain.startswith("lm_head."):
                    raise UserError(f"{folder}: found no language-model head; expected {plain} in the weights")
                if plain not in found or found[plain].shape != tensor.shape:
                    shape = tuple(found[plain].shape) if plain in found else "nothing"
                    raise UserError(f"{folder}: found {shape} for {plain}; expected {tuple(tensor.shape)}")
                tensor.copy_(found[plain])

    def _named(self) -> dict[str, Tensor]:
        """Return views of the weights under the Hub's names."""
        prefix = "roberta." if self.lm_head else ""
        named = {
            "embeddings.word_embeddings.weight": self.words.weight,
            "embeddings.position_embeddings.weight": self.places.weight,
            "embeddings.token_type_embeddings.weight": self.kinds.weight,
            "embeddings.LayerNorm.weight": self.norm.weight,
            "embeddings.LayerNorm.bias": self.norm.bias,
        }
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, Layer)
            at = f"encoder.layer.{number}"
            for kind in ("weight", "bias"):
                for role, part in zip(("query", "key", "value"), getattr(layer.qkv, kind).chunk(3), strict=True):
                    named[f"{at}.attention.self.{role}.{kind}"] = part
                named[f"{at}.attention.output.dense.{kind}"] = getattr(layer.attended, kind)
                named[f"{at}.attention.output.LayerNorm.{kind}"] = getattr(layer.attended_norm, kind)
                named[f"{at}.intermediate.dense.{kind}"] = getattr(layer.inner, kind)
                named[f"{at}.output.dense.{kind}"] = getattr(layer.outer, kind)
                named[f"{at}.output.LayerNorm.{kind}"] = getattr(layer.outer_norm, kind)
        named = {prefix + name: tensor for name, tensor in named.items()}
        if self.lm_head:
            for kind in ("weight", "bias"):
                named[f"lm_head.dense.{kind}"] = getattr(self.lm_head.dense, kind)
                named[f"lm_head.layer_norm.{kind}"] = getattr(self.lm_head.norm, kind)
            named["lm_head.bias"] = self.lm_head.bias
        return named
