"""A decoder that answers from its context, a tiny random one, through the jobs of a run."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from few_shot_run import CODES, Run

from xstilts.artifacts import read_manifest
from xstilts.errors import UserError
from xstilts.graph.inputs import inputs_of
from xstilts.graph.jobs import Jobs
from xstilts.prediction.decoder import fetch_decoder
from xstilts.prediction.in_context import Decoder, Laid, lay_out, open_decoder, scores
from xstilts.prediction.languages import predict_task
from xstilts.studies.latency import FILE, measure_latency

LETTERS = "abcxyzWhatwsefu?. "


def write_decoder(folder: Path) -> Path:
    """Write a GPT-2 of a few thousand random weights that reads letters."""
    import torch
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    vocabulary = {letter: place for place, letter in enumerate(["<s>", "?!", *dict.fromkeys(LETTERS + "\n")])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?!"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", unk_token="?!").save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"n_positions": 96, "n_embd": 16, "n_layer": 1, "n_head": 2}
    GPT2LMHeadModel(GPT2Config(vocab_size=len(vocabulary), **sizes)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("in-context")
    place = write_decoder(folder / "gpt")
    return Run(folder, sources=("none", "none+lora", "in-context-0", "in-context-2"), decoder={"weights": str(place)})


def predict(run: Run, shots: int, seed: int = 1, **more: Path) -> Any:
    given = {"model": decoder(run), "features": run.features, "shots": run.data["copa/en"]} | more
    given |= {f"xcopa/{code}": run.data[f"xcopa/{code}"] for code in CODES}
    source = f"in-context-{shots}"
    wildcards = ("m", source, "copa", seed, "xcopa_copa")
    return run.made.make(predict_task, f"{source}/{seed}", "in_context", *wildcards, **given)


def decoder(run: Run) -> Path:
    return run.made.make(fetch_decoder, "decoder", "fetch_decoder").path


def test_a_choice_is_scored_by_the_mean_of_its_tokens_and_by_nothing_beside_it(run: Run) -> None:
    import torch

    opened = open_decoder(decoder(run).parent, "float32", False)
    questions = [
        {"prompt": "x y", "choices": ["a z", "y"], "label": 0},
        {"prompt": "x", "choices": ["c", "b a z"], "label": 1},
    ]
    shots = read_manifest(run.data["copa/en"])
    laid = lay_out(opened, questions, shots, 0, 1)
    assert [[own for _, own in question] for question in laid] == [[4, 2], [2, 6]], "the choice with its blank"
    found = scores(opened, laid, 10_000)
    for question, values in zip(laid, found, strict=True):
        for (ids, own), value in zip(question, values, strict=True):
            with torch.inference_mode():
                guesses = opened.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
            each = [float(guesses[place - 1, ids[place]]) for place in range(len(ids) - own, len(ids))]
            assert value == pytest.approx(sum(each) / own, abs=1e-5)
    one_by_one = scores(opened, laid, 1)
    assert np.allclose(found, one_by_one, atol=1e-5), "no batch changes a score"


def random_decoder(kind: str) -> Any:
    """Return a decoder of 40 pieces that reads 64 tokens."""
    import torch
    import transformers

    plain = {"vocab_size": 40, "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2}
    gated = plain | {"intermediate_size": 32, "num_key_value_heads": 1, "max_position_embeddings": 64}
    more = {
        "gpt2": {"vocab_size": 40, "n_positions": 64, "n_embd": 16, "n_layer": 2, "n_head": 2},
        "qwen2": gated,
        "bloom": plain,
        "gemma2": gated | {"head_dim": 8, "final_logit_softcapping": 0.1},
        "cohere": gated | {"logit_scale": 5.0},
        "granite": gated | {"logits_scaling": 0.1},
        "trocr": {"vocab_size": 40, "d_model": 16, "decoder_layers": 2, "decoder_attention_heads": 2},
    }
    torch.manual_seed(0)
    model: Any = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(kind, **more[kind]))
    with torch.no_grad():
        for parameter in model.parameters():  # else all pieces are about as likely
            parameter.mul_(4.0 if parameter.dim() > 1 else 1.0)
    return model.eval()


def laid_out(questions: int) -> list[Laid]:
    """Return questions with two to four choices of all lengths."""
    random = np.random.default_rng(3)
    found = []
    for _ in range(questions):
        context = random.integers(4, 40, random.integers(2, 40)).tolist()
        owns = [random.integers(4, 40, random.integers(1, 9)).tolist() for _ in range(random.integers(2, 5))]
        found.append([(context + own, len(own)) for own in owns])
    return found


@pytest.mark.parametrize("kind", ["gpt2", "qwen2", "bloom", "gemma2", "cohere", "granite", "trocr"])
def test_scores_are_those_of_all_logits_of_which_only_the_choices_are_computed(kind: str) -> None:
    import torch

    model, questions, outputs, rows = random_decoder(kind), laid_out(12), [], []
    former = []
    for question in questions:
        for ids, own in question:
            with torch.inference_mode():
                guesses = model(input_ids=torch.tensor([ids])).logits[0].float().log_softmax(-1)
            former.append(float(guesses[-own - 1 : -1].gather(-1, torch.tensor(ids[-own:])[:, None]).mean()))
    assert np.std(former) > 0.02
    model.register_forward_hook(lambda _, __, made: outputs.append(made))
    model.get_output_embeddings().register_forward_hook(lambda _, __, made: rows.append(made[..., 0].numel()))
    for micro_tokens in (1, 200, 10_000):
        rows.clear()
        found = scores(Decoder(model, None, 0.0), questions, micro_tokens)
        assert [len(one) for one in found] == [len(one) for one in questions]
        np.testing.assert_allclose(np.concatenate(found), former, rtol=0, atol=1e-5)
        if kind != "trocr":  # which has no logits_to_keep
            assert sum(rows) == sum(own for question in questions for _, own in question)
    assert all(made.past_key_values is None for made in outputs)


def test_examples_come_before_the_question_and_what_is_too_long_loses_its_beginning(run: Run) -> None:
    opened, shots = open_decoder(decoder(run).parent, "float32", False), read_manifest(run.data["copa/en"])
    question = [{"prompt": "x y", "choices": ["a z", "y"], "label": 0}]
    ((plain, _), _), ((longer, own), _) = (
        lay_out(opened, question, shots, 0, 1)[0],
        lay_out(opened, question, shots, 2, 1)[0],
    )
    text = opened.tokenizer.decode(longer).replace(" ", "")
    assert longer[-len(plain) + 1 :] == plain[1:] and longer[0] == plain[0] == opened.tokenizer.bos_token_id
    assert text.count("\n\n") == 2 and text.startswith("<s>xyaz\n\nxyaz\n\n"), "each with its right choice"
    ((cut, same), _) = lay_out(opened, question, shots, 20, 1)[0]
    assert len(cut) == 96 and same == own and cut[-len(plain) + 1 :] == plain[1:]
    with pytest.raises(UserError, match="found 24 labelled rows; expected 30 for the context"):
        lay_out(opened, question, shots, 30, 1)


def test_a_decoder_predicts_every_language_and_says_what_it_read(run: Run) -> None:
    made, shorter = predict(run, 2), predict(run, 0)
    assert {path.name for path in made.folder.glob("*.tsv")} == {f"{s}-{c}.tsv" for s in ("dev", "test") for c in CODES}
    assert len((made.folder / "test-et.tsv").read_text().split()) == 12
    work = made.content["made"]["work"]
    assert work["questions"] == 2 * (24 + 12) and work["tokens_read"] > shorter.content["made"]["work"]["tokens_read"]
    again = predict(run, 2, seed=2)
    assert again.content["key"] != made.content["key"], "other examples with another seed"
    inputs = inputs_of(run.made.jobs, "in_context", "m", "in-context-2", "copa", "1", "xcopa_copa")
    assert inputs["model"] == run.made.jobs.decoder and inputs["shots"] == run.made.jobs.data("copa", "en")


def test_without_examples_seeds_ask_the_same_and_the_first_answers(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = Jobs(run.made.jobs.run.model_copy(update={"seeds": [1, 2]}), run.made.jobs.code)
    cells = {source: ("m", source, "copa", "2", "xcopa_copa") for source in ("in-context-0", "in-context-2")}
    first = jobs.prediction("m", "in-context-0", "copa", 1, "xcopa_copa")
    assert inputs_of(jobs, "in_context", *cells["in-context-0"])["like"] == [first]
    assert inputs_of(jobs, "in_context", *cells["in-context-2"])["like"] == []
    made = predict(run, 0)
    capsys.readouterr()
    again = predict(run, 0, seed=2, like=made.path)
    assert "0 of 2 languages needed forward passes" in capsys.readouterr().err
    for path in made.folder.glob("*.tsv"):
        assert (again.folder / path.name).read_bytes() == path.read_bytes()


def test_all_models_of_a_study_answer_in_turns(run: Run) -> None:
    settings = {
        "task": "xcopa_copa", "family": "multiple_choice", "dataset": "xcopa", "languages": [*CODES], "limit": None,
        "precision": "float32", "deterministic": False, "micro_tokens": 512, "seed": 1,
        "latency": {"arms": [], "questions": 7, "repeats": 3}, "in_context": {"in context, 2 shots": 2},
        "arms": {
            "COPA": {"model": "m/none/copa/1", "below": None, "merged": False},
            "COPA, LoRA": {"model": "m/none+lora/copa/1", "below": "below", "merged": False},
            "COPA, LoRA, merged": {"model": "m/none+lora/copa/1", "below": "below", "merged": True},
        },
    }  # fmt: skip
    given = {"features": run.features, "below": run.encoder.path, "decoder": decoder(run), "shots": run.data["copa/en"]}
    given |= {f"m/{source}/copa/1": run.target(source).path for source in ("none", "none+lora")}
    given |= {f"xcopa/{code}": run.data[f"xcopa/{code}"] for code in CODES}
    folder = run.made.folder / "latency"
    folder.mkdir()
    product = measure_latency(
        folder, {"settings": settings}, {role: read_manifest(path) for role, path in given.items()}
    )
    facts = product.results["arms"]
    assert set(facts) == {"COPA", "COPA, LoRA", "COPA, LoRA, merged", "in context, 2 shots"}
    assert facts["COPA"]["tokens_a_question"] == facts["COPA, LoRA"]["tokens_a_question"] > 8
    assert facts["in context, 2 shots"]["tokens_a_question"] > facts["COPA"]["tokens_a_question"]
    lines = (folder / FILE).read_text().splitlines()
    assert len(lines) == 1 + 4 * 2 * 3 and lines[0].startswith("arm,scenario,repeat,questions,seconds,rate,p50")
