"""Frozen weights in four bits beside LoRA: nearest levels, equal products and gradients, little memory."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from encoder_jobs import ROOT
from test_adapters import moved, sequences, states, upstream
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from xstilts.config.methods import Method
from xstilts.config.run import load
from xstilts.costs.gpu_memory import WORKSPACE, training_parts
from xstilts.costs.size import Size
from xstilts.costs.time import Work, memory_mb
from xstilts.errors import UserError
from xstilts.modeling.adapted import CONFIG, attach, merge, save_adapter, save_merged
from xstilts.modeling.adapted import load as load_adapter
from xstilts.modeling.adapters import four_bit
from xstilts.modeling.adapters.four_bit import BLOCK, FourBit, levels, pack, unpacked
from xstilts.modeling.encoder import open_encoder
from xstilts.modeling.whole import open_whole

# Printed in QLoRA (Dettmers et al., 2023), appendix E, to the digits given there.
PUBLISHED = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635),
    *(-0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634),
    *(0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)
METHOD = {"kind": "lora", "rank": 4, "alpha": 8.0, "bits": 4}


def linear(wide: int, high: int, bias: bool = True) -> nn.Linear:
    torch.manual_seed(3)
    own = nn.Linear(wide, high, bias)
    own.requires_grad_(False)
    return own


def test_the_levels_are_the_published_ones() -> None:
    torch.testing.assert_close(levels(), torch.tensor(PUBLISHED), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("wide", "high"), [(64, 10), (48, 5), (7, 3), (257, 8200)])  # one of three parts
def test_a_weight_is_the_level_next_to_it_below_the_largest_of_its_block(wide: int, high: int) -> None:
    weight = linear(wide, high).weight.detach().clone()
    weight[0, :5] = 0.0
    found = unpacked(*pack(weight), tuple(weight.shape), torch.float32).flatten()
    for start in range(0, weight.numel(), BLOCK):
        block = weight.flatten()[start : start + BLOCK]
        largest = block.abs().max()
        known = levels() * largest
        nearest = known[(block[:, None] - known).abs().argmin(1)]
        torch.testing.assert_close(found[start : start + BLOCK], nearest, rtol=0, atol=1e-7)
    assert torch.equal(found[:5], torch.zeros(5)), "nothing stays nothing"
    zeros = torch.zeros(3, 8)
    assert torch.equal(unpacked(*pack(zeros), (3, 8), torch.float32), zeros)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("at_once", [3, 2**16])
def test_every_byte_is_unpacked_to_the_same_bits_in_parts_and_at_once(
    dtype: torch.dtype, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(four_bit, "UNPACKED", at_once)
    packed = torch.arange(8 * 256).to(torch.uint8).view(-1, BLOCK // 2)  # each byte eight times
    scale = torch.rand(len(packed), generator=torch.Generator().manual_seed(1))
    codes = torch.stack([packed >> 4, packed & 15], dim=2).view(-1, BLOCK).long()
    expected = (levels()[codes] * scale[:, None]).to(dtype).flatten()
    found = unpacked(packed, scale, (45, 91), dtype)  # all but one weight of the last block
    assert found.dtype == dtype and torch.equal(found, expected[: 45 * 91].view(45, 91))


class Made(TorchDispatchMode):
    """Notes the bytes of each tensor that is made, by its address."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, int]] = []

    def __torch_dispatch__(self, what: Any, types: Any, given: Any = (), named: Any = None) -> Any:
        found = what(*given, **(named or {}))
        if isinstance(found, torch.Tensor):
            self.sizes.append((found.data_ptr(), found.untyped_storage().nbytes()))
        return found


def test_beside_an_unpacked_matrix_there_is_a_part_of_it_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 6 * four_bit.UNPACKED * BLOCK < 0.05 * WORKSPACE, "what the plan counts for such things"
    monkeypatch.setattr(four_bit, "UNPACKED", 8)
    short = FourBit(linear(512, 64))
    with Made() as made:
        whole = unpacked(short.packed, short.scale, (64, 512), torch.bfloat16)
    there = [(one.data_ptr(), one.data_ptr() + one.untyped_storage().nbytes()) for one in (whole, *short.buffers())]
    beside = [size for place, size in made.sizes if not any(first <= place < last for first, last in there)]
    assert beside and max(beside) <= 8 * BLOCK * 4 < whole.nbytes / 16


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("half", [False, True])
def test_products_and_gradients_are_those_of_the_weights_that_it_stands_for(bias: bool, half: bool) -> None:
    short = FourBit(linear(96, 40, bias))
    plain = short.linear()
    given = torch.randn(5, 96)
    found = []
    for module in (short, plain):
        states = given.clone().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            answer = module(states)
        assert answer.dtype == (torch.bfloat16 if half else torch.float32)
        answer.float().square().sum().backward()
        found.append((answer, states.grad))
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=2e-2 if half else 1e-5, atol=1e-1 if half else 1e-5)


def test_it_takes_a_seventh_of_float32_and_keeps_no_weights_for_the_backward_pass() -> None:
    own = linear(512, 256)
    short = FourBit(own)
    held = sum(one.numel() * one.element_size() for one in short.buffers())
    assert held == own.weight.numel() * (0.5 + 4 / 64)
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda one: kept.append(one.nbytes) or one, lambda one: one):
        short(torch.randn(2, 512, requires_grad=True))
    assert kept and sum(kept) <= held


@pytest.mark.parametrize("kind", ["xlm-roberta", "bert"])
def test_all_maps_of_the_blocks_are_in_four_bits_and_fresh_adapters_change_nothing_of_them(
    tmp_path: Path, kind: str
) -> None:
    encoder = open_encoder(upstream(tmp_path, kind))
    exact = states(encoder, sequences())
    attach(encoder, Method(**METHOD).settings, seed=1)
    short = [part for part in encoder.modules() if isinstance(part, FourBit)]
    assert len(short) == 2 * 6, "queries, keys, values, and three more a block"
    left = [name for name, part in encoder.named_modules() if isinstance(part, nn.Linear) and ".lora_" not in name]
    assert left == []
    near = states(encoder, sequences())
    assert 1e-4 < (near - exact).norm() / exact.norm() < 0.1
    plain = open_encoder(tmp_path / kind)
    plain_method = {name: value for name, value in Method(**METHOD).settings.items() if name != "bits"}
    attach(plain, plain_method, seed=1)
    drawn = [[one.detach() for one in each.parameters() if one.requires_grad] for each in (encoder, plain)]
    assert all(torch.equal(*pair) for pair in zip(*drawn, strict=True)), "what trains does not hang on the bits"


@pytest.mark.parametrize("kind", ["xlm-roberta", "bert"])
def test_adapters_are_stored_opened_and_merged_with_their_bits(tmp_path: Path, kind: str) -> None:
    base = upstream(tmp_path, kind)
    encoder = open_encoder(base)
    written = attach(encoder, Method(**METHOD).settings, seed=1)
    moved(encoder)
    found = states(encoder, sequences())
    folder = tmp_path / "adapters"
    folder.mkdir()
    save_adapter(encoder, written, folder)
    assert (folder / "adapter_model.safetensors").stat().st_size < 0.5 * (base / "model.safetensors").stat().st_size
    torch.testing.assert_close(states(open_whole(folder, base), sequences()), found, rtol=0, atol=0)
    save_merged(folder, base, tmp_path / "merged")
    whole = open_encoder(tmp_path / "merged")
    assert not any(isinstance(part, FourBit) for part in whole.modules())
    torch.testing.assert_close(states(whole, sequences()), found, rtol=1e-5, atol=1e-5)
    again = open_encoder(base)
    merge(again, load_adapter(again, folder))
    assert all(one.requires_grad for one in again.parameters()), "it trains whole again"


def half_precision(folder: Path, hidden: int, layers: int) -> Path:
    """Write a random decoder in bfloat16, as most are stored."""
    from transformers import Qwen2Config, Qwen2Model

    shape = {"hidden_size": hidden, "intermediate_size": 4 * hidden, "num_attention_heads": 8, "num_key_value_heads": 8}
    Qwen2Model(Qwen2Config(vocab_size=100, num_hidden_layers=layers, **shape)).bfloat16().save_pretrained(folder)
    return folder


OPENED = """
import sys
from pathlib import Path
from xstilts.modeling.adapted import attach
from xstilts.modeling.encoder import open_encoder

def held():
    (line,) = [line for line in open("/proc/self/status") if line.startswith("RssAnon")]
    return int(line.split()[1]) * 1024

def opened(folder):
    encoder = open_encoder(Path(folder), as_stored=sys.argv[3] == "as_stored")
    now = held()
    attach(encoder, {"kind": "lora", "modules": ["q_proj"], "rank": 4, "alpha": 8.0, "dropout": 0.0, "bits": 4}, seed=1)
    return encoder, now

opened(sys.argv[1])  # what a process imports is none of it
before = held()
encoder, now = opened(sys.argv[2])
print(now - before, held() - before)
"""


def test_an_encoder_that_is_stored_in_half_precision_is_never_whole_in_main_memory(tmp_path: Path) -> None:
    small = half_precision(tmp_path / "small", 32, 2)
    large = half_precision(tmp_path / "large", 512, 12)
    weights = (large / "model.safetensors").stat().st_size // 2

    def taken(how: str) -> list[int]:
        command = [sys.executable, "-c", OPENED, str(small), str(large), how]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        return [int(word) for word in done.stdout.split()]

    whole, stored = taken("float32"), taken("as_stored")
    assert whole[0] > 3.5 * weights, "four bytes a weight"
    assert stored[0] < 0.5 * weights, "they lie in their file"
    assert stored[1] < 1.5 * weights, "and then in four bits"


def test_an_encoder_opened_as_it_is_stored_gives_the_states_of_one_in_float32(tmp_path: Path) -> None:
    folder = half_precision(tmp_path, 32, 2)
    found = []
    for as_stored in (False, True):
        encoder = open_encoder(folder, as_stored=as_stored)
        attach(encoder, Method(**METHOD, modules=["q_proj", "v_proj"]).settings, seed=1)
        assert {one.dtype for one in encoder.parameters()} == {torch.float32}
        found.append(states(encoder, sequences()))
    torch.testing.assert_close(*found, rtol=0, atol=0)


def test_peft_opens_the_file(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    encoder = open_encoder(upstream(tmp_path))
    written = attach(encoder, Method(**METHOD).settings, seed=1)
    save_adapter(encoder, written, tmp_path)
    assert peft.PeftConfig.from_pretrained(tmp_path).r == 4 and (tmp_path / CONFIG).is_file()


def test_the_plan_counts_four_bits() -> None:
    size = Size(152_064, 0, 80, 8192, 24_576, gated=True)
    run = load({**base_settings(), "models": ["m"], "encoders": {"m": {"weights": "owner/m"}}})
    saved = [
        training_parts(size, run.optimisation, method=Method(kind="lora", modules=["q_proj"], bits=bits))["weights"]
        for bits in (None, 4)
    ]
    matrices = size.parameters - size.vocabulary * size.hidden
    assert saved[0] == 4 * size.parameters + 2 * matrices
    expected = 4 * size.vocabulary * size.hidden + 0.5625 * matrices + 2 * 8192 * 24_576
    assert saved[1] == pytest.approx(expected, rel=1e-9) and saved[1] < 0.12 * saved[0]


def test_a_job_asks_for_main_memory_for_what_it_holds() -> None:
    size = Size(152_064, 0, 80, 8192, 49_152, gated=True, values=1024)
    asked = [
        memory_mb(Work(rows=1000, method=Method(kind="lora", modules=["q_proj"], bits=bits)), size, "predict")
        for bits in (None, 4)
    ]
    assert asked[0] > 8 * size.parameters / 1e6 and 60_000 < asked[1] < 80_000


def test_bits_may_come_from_the_command_line() -> None:
    """Which gives every number as text."""
    method = Method.model_validate({"kind": "lora", "bits": "4"})
    assert repr(method.settings["bits"]) == "4" and method.words.endswith("4-bit weights")


def base_settings() -> dict[str, object]:
    import yaml

    settings: dict[str, object] = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    return settings


@pytest.mark.parametrize(
    ("encoder", "said"),
    [
        ({"method": {"kind": "ia3", "bits": 4}}, "found bits beside kind ia3; expected it of lora only"),
        ({"method": {"kind": "lora", "bits": 8}}, "bits"),
        ({"method": {"kind": "lora", "bits": 4}, "gpus_per_job": 2}, "found bits: 4 beside gpus_per_job: 2"),
    ],
)
def test_what_does_not_go_together_is_refused(encoder: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        load({**base_settings(), "models": ["m"], "encoders": {"m": {"weights": "owner/m", **encoder}}})
