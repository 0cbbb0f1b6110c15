"""COPA and XCOPA of two languages with a tiny encoder: a study's arms, made by the library's own jobs."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import transformers
from encoder_jobs import Made
from family_tokenizers import LINES

from xstilts.artifacts import Manifest
from xstilts.files import write_json
from xstilts.modeling.fetch import fetch_model
from xstilts.training.few_shot import predict_after_examples
from xstilts.training.phase import train_target

CODES = ("et", "tr")
RIGHT = {
    "en": "ay",
    "et": "ba",
    "tr": "ca",
}  # letters of the right and the wrong choice: English's right is theirs wrong
ARMS = ("none", "none+lora", "none+16shots", "none+lora+16shots", "16shots")
SETTINGS = {
    "tasks": ["xcopa_copa"],
    "benchmark": "xtreme_r",
    "languages": [*CODES],
    "few_shot": {"batch_size": 8, "epochs": 10, "learning_rate": 0.01, "folds": 2},
    "methods": {"lora": {"kind": "lora", "learning_rate": 0.01}},
    "target": {"sets": {"copa": {"batch_size": 8, "epochs": 3, "learning_rate": 0.01}}},
    "optimisation": {"precision": "float32"},
}


def rows(count: int, code: str, labelled: bool = True, blank: Collection[int] = ()) -> list[dict[str, Any]]:
    return [
        {"id": str(i), "language": code, "group": str(i), "prompt": "x y",
         "choices": [f"{letter} z" for letter in RIGHT[code]][:: 1 if i % 2 else -1],
         "label": (0 if i % 2 else 1) if labelled and i not in blank else None}
        for i in range(count)
    ]  # fmt: skip


class Run:
    """COPA and XCOPA of two languages with a small encoder, and the arms with examples of these."""

    def __init__(
        self,
        folder: Path,
        dev: int = 24,
        sources: tuple[str, ...] = ARMS,
        blank: Collection[int] = (),  # dev rows without a label
        **settings: Any,
    ) -> None:
        upstream = folder / "upstream"
        pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set("".join(LINES)) - {" "})]
        transformers.set_seed(0)
        config = transformers.BertConfig(
            num_hidden_layers=1, hidden_size=16, num_attention_heads=2, intermediate_size=32, vocab_size=len(pieces),
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )  # fmt: skip
        transformers.BertModel(config).save_pretrained(upstream)
        (upstream / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
        write_json(upstream / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer"})
        self.made = Made(folder, upstream, sources, SETTINGS | settings, of_study=True)
        self.encoder = self.made.make(fetch_model, "encoder", "fetch_model", "m")
        self.data = {"copa/en": self._data("copa", "en", train=rows(24, "en"), dev=rows(8, "en"))}
        self.data |= {
            f"xcopa/{code}": self._data("xcopa", code, dev=rows(dev, code, blank=blank), test=rows(12, code))
            for code in CODES
        }
        xcopa = {f"xcopa__{code}": self.data[f"xcopa/{code}"] for code in CODES}
        self.features = self.made.features("task", "xcopa_copa", self.encoder, **xcopa)
        self.copa = self.made.features("target", "copa", self.encoder, copa__en=self.data["copa/en"])

    def _data(self, name: str, code: str, **splits: Any) -> Path:
        path = self.made.data(name, **splits)
        path.parent.rename(path.parent.with_name(f"{name}-{code}"))
        return path.parent.with_name(f"{name}-{code}") / path.name

    def target(self, source: str) -> Manifest:
        given = {"encoder": self.encoder.path, "target/copa": self.copa, "copa/en": self.data["copa/en"]}
        return self.made.make(train_target, f"copa/{source}", "train_target", "m", source, "copa", 1, **given)

    def predict(
        self, source: str, place: str, seed: int = 1, codes: tuple[str, ...] = CODES, **given: Path
    ) -> Manifest:
        own = {"model": self.encoder.path, "features": self.features} | given
        own |= {f"xcopa/{code}": self.data[f"xcopa/{code}"] for code in codes}
        wildcards = ("m", source, "copa", seed, "xcopa_copa")
        return self.made.make(predict_after_examples, place, "few_shot", *wildcards, **own)
