"""What somebody writes who meets the workflow for the first time: refused in one line before anything is planned."""

from pathlib import Path
from typing import Any

import pytest

from xstilts.config.layers import check_named, read_layers
from xstilts.config.run import load
from xstilts.config.sections import GENERATED
from xstilts.errors import ConfigError
from xstilts.world.languages import GRAMMARS

ROOT = Path(__file__).parents[3]


def refusal(change: dict[str, Any], overlay: str = "small") -> str:
    with pytest.raises(ConfigError) as raised:
        load(read_layers(ROOT, [overlay], change))
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"languages": None}, "languages: found None; input should be a valid list, or 'all'"),
        ({"retrieval": {"layer": "first"}}, "retrieval.layer: found 'first'; input should be a valid integer, unable"),
        ({"sources": {"none": 1}}, "sources: found keys with values; input should be a valid list"),
        ({"sources": ["none", {"my": "x"}]}, "sources.1.my: found 'x'; input should be keys with values"),
        ({"sources": ["none", ["mnli"]]}, "sources.1: found ['mnli']; input should be a valid string, or keys with"),
        ({"target": [1]}, "target: found [1]; input should be keys with values"),
        ({"encoders": {"xlm-roberta-base": "x"}}, "encoders.xlm-roberta-base: found 'x'; input should be keys with"),
        ({"lengths": {"classification": {}}}, "lengths.classification: found keys with values; input should be a "),
    ],
)
def test_a_value_of_another_type_is_named_with_its_key_and_what_it_may_be(change: dict[str, Any], message: str) -> None:
    assert refusal(change).startswith(message)


def test_a_benchmark_that_nobody_knows_is_the_only_thing_wrong() -> None:
    assert refusal({"benchmark": "xtreme-r"}) == "benchmark: found 'xtreme-r'; input should be 'xtreme' or 'xtreme_r'"


@pytest.mark.parametrize("key", ["sources", "tasks", "languages", "seeds", "models"])
def test_a_run_of_nothing_is_refused(key: str) -> None:
    assert refusal({key: []}) == f"{key}: found none; expected at least one"


@pytest.mark.parametrize(
    ("phase", "name", "message"),
    [
        (
            "target",
            "xnli",
            "target.sets: found 'xnli', whose settings are those of mnli; expected training sets: anli ",
        ),
        ("target", "xcopa", "target.sets: found 'xcopa', whose settings are those of siqa and copa; expected "),
        ("target", "siqa-copa", "target.sets: found 'siqa-copa', whose settings are those of siqa and copa; expected "),
        ("target", "tatoeba", "target.sets: found 'tatoeba'; expected training sets: anli mnli "),
        ("target", "multi", "target.sets: found 'multi'; expected training sets: anli mnli "),
        ("intermediate", "mnl", "intermediate.sets: found 'mnl'; expected training sets: anli mnli "),
        ("intermediate", "multi-v1", "intermediate.sets: found 'multi-v1'; expected training sets: anli mnli "),
    ],
)
def test_settings_of_what_is_no_training_set_are_refused(phase: str, name: str, message: str) -> None:
    found = refusal({phase: {"sets": {name: {"batch_size": 8, "epochs": 1}}}})
    assert found.startswith(message) and found.endswith("or those of a file in `tasks` or `task_files`")


def test_a_question_leaves_room_for_its_passage() -> None:
    line = "max_query: found 384 beside span_qa: 384; expected fewer tokens of a question than of it with its passage"
    assert refusal({"lengths": {"max_query": 384}}) == f"lengths.{line}"
    own = {"sets": {"squad": {"lengths": {"max_query": 384}}}}
    assert refusal({"target": own}) == f"target.sets.squad.lengths.{line}"


@pytest.mark.parametrize("text", ["<2{lang}> ", "<2{> ", "{0}", "{language.name}"])
def test_what_a_translator_is_told_has_known_braces_alone(text: str) -> None:
    said = f"found {text!r}; expected no braces but those of {{language}}, {{iso3}} and {{flores}}"
    assert refusal({"translation": {"prefix": text}}) == f"translation.prefix: {said}"
    assert refusal({"translation": {"start": text}}) == f"translation.start: {said}"


def test_a_language_of_raw_text_is_a_code() -> None:
    found = refusal({"intermediate": {"mlm": {"languages": ["en", "DE"]}}})
    assert found.startswith("intermediate.mlm.languages: found ['en', 'DE']; 'DE' is no code of a language; expected ")


def test_a_method_has_the_kind_that_it_is_called_by() -> None:
    expected = "methods.lora: found kind: ia3; expected kind: lora, its name"
    assert refusal({"methods": {"lora": {"kind": "ia3"}}}) == expected


def test_a_width_is_divided_among_the_heads() -> None:
    found = refusal({"pretrain": True, "encoders": {"demo-encoder": {"pretraining": {"heads": 7}}}}, "demo")
    assert found == (
        "encoders.demo-encoder.pretraining: found hidden: 128 beside heads: 7; expected a width that its heads divide "
        "evenly"
    )


def test_the_generated_languages_are_those_of_the_world() -> None:
    assert set(GENERATED) == set(GRAMMARS)
    known = "the generated languages are en qaa qab qac qad qae qaf"
    for strange in (["en", "de"], ["qaa", "qab"]):
        line = f"world.languages: found {strange}; expected en, and of the others some of qaa qab qac qad qae qaf"
        assert refusal({"world": {"languages": strange}}, "demo") == line
    assert refusal({"pretrained_languages": ["de"]}, "demo") == f"pretrained_languages: found 'de'; {known}"
    pretraining = {"encoders": {"demo-encoder": {"pretraining": {"languages": ["en", "de"]}}}}
    assert refusal(pretraining | {"pretrain": True}, "demo").endswith(f"pretraining.languages: found 'de'; {known}")
    assert load(read_layers(ROOT, ["demo"], pretraining)), "the kept encoder is taken"
    paired = "languages: found en; expected one of qaa qab qac qad qae qaf too, or `tasks` without bucc2018"
    assert refusal({"languages": "en"}, "demo") == paired, "not the benchmark's, which are not generated"


def test_what_is_neither_a_folder_nor_a_name_on_the_hub_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("encoder.bin").write_text("")
    Path("my encoder").mkdir()

    def of(place: str) -> dict[str, Any]:
        return {"encoders": {"xlm-roberta-base": {"weights": place}}}

    key = "encoders.xlm-roberta-base.weights"
    assert refusal(of("your encoder")).startswith(f"{key}: found no folder 'your encoder'; expected an encoder's, or ")
    assert refusal(of("encoder.bin")).startswith(f"{key}: found a file, 'encoder.bin'; expected an encoder's folder, ")
    for place in ("my encoder", "owner/na.me_1", "bert-base-uncased"):
        assert load(read_layers(ROOT, ["small"], of(place)))


def test_a_mirror_may_lie_below_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "data").mkdir()
    assert load(read_layers(ROOT, ["small"], {"mirror": "~/data"})).mirror == str(tmp_path / "data")


def test_an_overlay_of_ones_own_is_readable_and_has_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "config/runs").mkdir(parents=True)
    (tmp_path / "config.yaml").write_text("run: paper\n")
    overlay = tmp_path / "config/runs/mine.yaml"

    def found(content: bytes) -> str:
        overlay.write_bytes(content)
        with pytest.raises(ConfigError) as raised:
            check_named(tmp_path, "mine")
        assert "\n" not in str(raised.value) and str(raised.value).startswith(str(overlay))
        return str(raised.value).removeprefix(f"{overlay}: ")

    assert "line 2, column 1" in found(b"run: mine\n\tseeds: [1]\n")
    assert "UTF-8" in found(b"run: mine\nrecipe: caf\xe9\n")
    assert found(b"") == "found nothing; expected keys with values"
    assert found(b"- run: mine\n") == "found list; expected keys with values"
    assert found(b"seeds: [1]\n") == "run: found None; expected the line `run: mine`, the folder of its results"
    assert found(b"run: my\n").startswith("run: found 'my'; expected the line `run: mine`")
    assert found(b"extends: yours\nrun: mine\n").startswith("extends: found no ")
    overlay.write_text('run: "mine"   # quoted\n')
    check_named(tmp_path, "mine")
