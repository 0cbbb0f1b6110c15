"""Any encoder that ``AutoModel`` opens, behind the same interface as ``xlmr``: padded inside, flat outside."""

from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xstilts.errors import UserError
from xstilts.files import read_json
from xstilts.modeling.layout import Layout

HEAD_DROPOUT = (  # as architectures call it: of a classifier, of what a block gives, of a block's feed-forward part
    *("classifier_dropout", "classifier_dropout_prob", "seq_classif_dropout"),
    *("hidden_dropout_prob", "hidden_dropout", "dropout", "resid_pdrop"),
    "mlp_dropout",
)


def is_causal(config: dict[str, Any]) -> bool:
    """Say by its settings whether an architecture is a decoder: a token's state knows the tokens before it alone."""
    from transformers.models.auto import modeling_auto

    kind = config.get("model_type")
    guesses_next = kind in modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    guesses_masked = kind in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    both_ways = config.get("is_encoder_decoder") or config.get("use_bidirectional_attention")
    return (guesses_next and not guesses_masked and not both_ways) or bool(config.get("is_decoder"))


class HubEncoder(nn.Module):
    """A transformers model; without the pooler, which no task here uses."""

    def __init__(self, folder: Path, masked_lm: bool, as_stored: bool = False) -> None:
        """Open a folder in float32, or as it is stored: safetensors only, no remote code, no network."""
        from transformers import AutoModel, AutoModelForMaskedLM, logging

        super().__init__()
        if masked_lm and is_causal(read_json(folder / "config.json")):
            raise UserError(
                f"{folder}: found a decoder, which guesses the next piece and no masked ones; expected sources without "
                "raw text (no +mlm, no mlm-en)"
            )
        logging.set_verbosity_error()  # a head that is dropped here is no news
        logging.disable_progress_bar()
        loader = AutoModelForMaskedLM if masked_lm else AutoModel
        try:
            self.model, loaded = loader.from_pretrained(
                folder,
                dtype="auto" if as_stored else torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            kind = read_json(folder / "config.json").get("model_type")
            reason = str(error).strip().splitlines()[0]
            hint = "no code of a repository is run, only architectures of the installed transformers"
            raise UserError(f"{folder}: found an encoder {kind!r} that cannot be opened ({hint}): {reason}") from None
        # T5's class has a decoder where the settings say that there is none (is_encoder_decoder: false).
        if self.config.is_encoder_decoder or "decoder_input_ids" in signature(self.model.base_model.forward).parameters:
            raise UserError(f"{folder}: found an encoder with a decoder; expected an encoder alone")
        missing = sorted(name for name in loaded["missing_keys"] if "pooler" not in name)
        if missing:
            raise UserError(
                f"{folder}: found no weights for {missing[0]} ({len(missing)} in all); expected all of them"
            )
        if getattr(self.model.base_model, "pooler", None) is not None:
            self.model.base_model.pooler = None
        self.causal = is_causal(self.config.to_dict())
        self.sentence = "last" if self.causal else "first"
        if masked_lm:
            self._check_language_model(folder)

    def _check_language_model(self, folder: Path) -> None:
        """Refuse an architecture whose language-model head is not called with states alone, before any work is done."""
        try:
            with torch.no_grad():
                self.language_model(torch.zeros(1, self.hidden, dtype=next(self.parameters()).dtype))
        except (AttributeError, TypeError, RuntimeError) as error:
            raise UserError(
                f"{folder}: found a language-model head of {self.config.model_type!r} that works otherwise than BERT's "
                f"or RoBERTa's ({error}); expected a source without raw text (+mlm, mlm-en) with this encoder"
            ) from None

    @property
    def config(self) -> Any:
        """The transformers configuration."""
        return self.model.config

    @property
    def hidden(self) -> int:
        """The width of the states."""
        return self.config.hidden_size

    @property
    def depth(self) -> int:
        """The number of blocks."""
        return self.config.num_hidden_layers

    @property
    def positions(self) -> int | None:
        """The longest input in tokens where positions are learnt one by one, None where any length goes.

        Of a decoder it is what its settings state, learnt or not.
        """
        if self.causal:
            return getattr(self.config, "max_position_embeddings", None)
        places = getattr(getattr(self.model.base_model, "embeddings", None), "position_embeddings", None)
        if not isinstance(places, nn.Embedding):
            return None
        return places.num_embeddings - (0 if places.padding_idx is None else places.padding_idx + 1)

    @property
    def head_dropout(self) -> float:
        """The dropout that a fresh head gets: the architecture's own of a classifier, else that of its states."""
        for name in HEAD_DROPOUT:
            if getattr(self.config, name, None) is not None:
                return getattr(self.config, name)
        return 0.0

    def forward(
        self, input_ids: Tensor, where: Layout, segments: Tensor | None = None, depth: int | None = None
    ) -> Tensor:
        """Return states [tokens, hidden] after ``depth`` blocks; inside, the batch is padded."""
        shape = (len(where.lengths), where.whole.longest)
        inputs: dict[str, Any] = {"input_ids": self._padded(input_ids, where, shape, self.config.pad_token_id or 0)}
        inputs["attention_mask"] = self._padded(torch.ones_like(input_ids), where, shape, 0)
        if segments is not None:
            inputs["token_type_ids"] = self._padded(segments, where, shape, 0)
        if self.causal:
            inputs["use_cache"] = False  # keys and values of a text that nobody continues
        answer = self.model.base_model(**inputs, output_hidden_states=depth is not None)
        states = answer.last_hidden_state if depth is None else answer.hidden_states[depth]
        flat = states.reshape(shape[0] * shape[1], -1)
        return flat if where.whole.slots is None else flat[where.whole.slots]

    @staticmethod
    def _padded(values: Tensor, where: Layout, shape: tuple[int, int], fill: int) -> Tensor:
        if where.whole.slots is None:
            return values.view(shape)
        return values.new_full((shape[0] * shape[1],), fill).index_copy(0, where.whole.slots, values).view(shape)

    def attended(self, where: Layout, device: torch.device, half: bool) -> int:
        """Return over how many places the encoder goes: the tokens of a batch, and what padding adds to them."""
        return where.whole.rows * where.whole.longest

    def recompute_activations(self) -> None:
        """Keep less than all activations for the backward pass, where the architecture can."""
        if self.model.supports_gradient_checkpointing:
            self.model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})

    def language_model(self, states: Tensor) -> Tensor:
        """Return logits [tokens, vocabulary] for states [tokens, hidden]."""
        for name in ("lm_head", "cls", "lm_predictions"):
            head = getattr(self.model, name, None)
            if isinstance(head, nn.Module):
                return head(states)
        return self.model.decoder(self.model.head(states))  # ModernBERT

    def save(self, folder: Path, half: bool = False) -> list[str]:
        """Write ``config.json`` and ``model.safetensors``; return their names."""
        self.model.save_pretrained(folder, max_shard_size="100GB")
        return ["config.json", "model.safetensors"]
