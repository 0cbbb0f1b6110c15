"""How much of an encoder trains: all of it, or adapters beside frozen weights."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from xstilts.config.section import Section
from xstilts.config.values import Count, Names, Positive, read_number

Kind = Literal["full", "lora", "ia3", "bottleneck"]
Phase = Literal["intermediate", "target"]
# What each kind has, with what is taken where nothing is said.
DEFAULTS: dict[str, dict[str, Any]] = {
    "full": {},
    # Hu et al. (2022), table 9, RoBERTa large: queries and values, rank 8, alpha 16. Names of XLM-R's maps.
    "lora": {"modules": ["query", "value"], "rank": 8, "alpha": 16.0, "dropout": 0.0, "bits": None},
    # peft's for RoBERTa: keys, values, and what goes into every map whose name ends so: the feed-forward part's second
    # one, as in Liu et al. (2022), and attention's output, which they leave.
    "ia3": {"modules": ["key", "value", "output.dense"], "feed_forward": ["output.dense"]},
    # AdapterHub: seq_bn (Pfeiffer) with relu, double_seq_bn (Houlsby) with swish, both with reduction 16.
    "bottleneck": {"form": "pfeiffer", "reduction": 16, "activation": None, "dropped": 0},
}
ACTIVATIONS = {"pfeiffer": "relu", "houlsby": "swish"}


def read_kind(value: Any) -> Any:
    """Read ``lora`` alone as LoRA with what is taken where nothing is said."""
    return {"kind": value} if isinstance(value, str) and value != "null" else value


class Method(Section):
    """What of an encoder trains, in which phases, and how fast; settings of another kind than ``kind`` are refused."""

    kind: Kind = Field(
        description="full: the whole encoder; lora: products of thin matrices beside linear maps; ia3: a factor for "
        "each number that goes through some of them; bottleneck: small networks inside the blocks. Heads always train"
    )
    phases: Annotated[list[Phase], Field(min_length=1)] = Field(
        default=["intermediate", "target"],
        description="phases that train so; both: the target phase goes on with what the intermediate one has trained",
    )
    learning_rate: Positive | None = Field(
        default=None, description="of every training so, instead of the phases' and sets'; null: theirs"
    )
    rates: list[Positive] = Field(
        default=[], description="learning rates among which `none-tuned` chooses, instead of target.rates; empty: those"
    )
    modules: Names | None = Field(
        default=None,
        description="lora, ia3: linear maps by the ends of their names on the Hub; null: XLM-R's usual ones",
    )
    feed_forward: Names | None = Field(
        default=None, description="ia3: those of `modules` whose input is scaled, not their output"
    )
    rank: Count | None = Field(default=None, description="lora: width of the thin matrices; null: 8")
    alpha: Positive | None = Field(default=None, description="lora: their product counts alpha / rank; null: 16")
    dropout: Annotated[float, Field(ge=0, lt=1), BeforeValidator(read_number)] | None = Field(
        default=None, description="lora: of what goes into the product; null: none"
    )
    bits: Annotated[Literal[4], BeforeValidator(read_number)] | None = Field(
        default=None,
        description="lora: bits that each weight of the blocks' frozen linear maps lies in (NF4); null: float32",
    )
    form: Literal["pfeiffer", "houlsby"] | None = Field(
        default=None, description="bottleneck: one a block, or two; null: pfeiffer"
    )
    reduction: Count | None = Field(default=None, description="bottleneck: encoder's width / its middle; null: 16")
    activation: Literal["relu", "swish"] | None = Field(
        default=None, description="bottleneck: in the middle; null: relu of pfeiffer, swish of houlsby"
    )
    dropped: Annotated[int, Field(ge=0), BeforeValidator(read_number)] | None = Field(
        default=None, description="bottleneck: the first N blocks have none (AdapterDrop); null: 0"
    )

    @model_validator(mode="after")
    def _of_its_kind(self) -> "Method":
        own = DEFAULTS[self.kind]
        for name in dict.fromkeys(key for settings in DEFAULTS.values() for key in settings):
            if getattr(self, name) is not None and name not in own:
                fitting = " or ".join(kind for kind, settings in DEFAULTS.items() if name in settings)
                raise ValueError(f"found {name} beside kind {self.kind}; expected it of {fitting} only")
        scaled = set(self.settings.get("feed_forward", ())) - set(self.settings.get("modules", ()))
        if scaled:
            raise ValueError(f"feed_forward: found {' '.join(sorted(scaled))}; expected some of modules")
        if self.kind == "bottleneck" and self.phases == ["intermediate"]:
            raise ValueError(
                "phases: found intermediate alone; expected target too: a target phase that trains the whole encoder "
                "starts from a merged one, and bottleneck adapters cannot be merged"
            )
        return self

    @property
    def settings(self) -> dict[str, Any]:
        """The kind with its settings, as a training reads them."""
        own = DEFAULTS[self.kind]
        found = {name: value if getattr(self, name) is None else getattr(self, name) for name, value in own.items()}
        if self.kind == "bottleneck":
            found["activation"] = found["activation"] or ACTIVATIONS[found["form"]]
        if self.bits is None:
            found.pop("bits", None)  # which is in no spec that does without
        return {"kind": self.kind} | found

    @property
    def words(self) -> str:
        """The method in a few words, as results name it."""
        found = self.settings
        return {
            "full": "full",
            "lora": f"LoRA of rank {found.get('rank')}" + (f" beside {self.bits}-bit weights" if self.bits else ""),
            "ia3": "IA3",
            "bottleneck": f"{str(found.get('form')).capitalize()} adapters"
            + (f" above block {found['dropped']}" if found.get("dropped") else ""),
        }[self.kind]
