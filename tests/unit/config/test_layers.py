"""Overlays say themselves what they stand on."""

from pathlib import Path

import pytest
import yaml

from xstilts.config.layers import layers, read_layers
from xstilts.errors import ConfigError


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder of the workflow with two runs, the second on top of the first."""
    (tmp_path / "config/runs").mkdir(parents=True)
    (tmp_path / "config.yaml").write_text("run: paper\nseeds: [1, 2]\ntarget: {epochs: 3, sets: {mnli: {epochs: 1}}}\n")
    (tmp_path / "config/runs/low.yaml").write_text("run: low\nseeds: [1]\ntarget: {sets: {squad: {epochs: 2}}}\n")
    (tmp_path / "config/runs/high.yaml").write_text("extends: low\nrun: high\ntarget: {sets: {mnli: null}}\n")
    return tmp_path


def test_an_overlay_brings_what_it_stands_on(code: Path) -> None:
    expected = {"run": "high", "seeds": [1], "target": {"epochs": 3, "sets": {"mnli": None, "squad": {"epochs": 2}}}}
    assert read_layers(code, ["high"]) == expected, "the key itself is no setting"
    assert read_layers(code, ["high"], {"seeds": "4", "target": {"epochs": 1}}) == {
        **expected,
        "seeds": "4",
        "target": {**expected["target"], "epochs": 1},
    }
    assert read_layers(code, []) == yaml.safe_load((code / "config.yaml").read_text())


def test_each_file_is_read_once_below_what_stands_on_it(code: Path) -> None:
    runs = code / "config/runs"
    recipe = code / "recipe.yaml"
    recipe.write_text("recipe: other\n")
    expected = [code / "config.yaml", runs / "low.yaml", runs / "high.yaml", recipe]
    assert layers(code, ["low", runs / "high.yaml", recipe]) == expected
    assert layers(code, ["high", recipe, "low"]) == expected


def test_a_file_is_seen_from_the_one_that_names_it(code: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "base.yaml").write_text("extends: high\nseeds: [5]\n")
    (own / "mine.yaml").write_text("extends: base.yaml\nrun: mine\n")
    content = read_layers(code, [own / "mine.yaml"])
    assert (content["run"], content["seeds"], content["target"]["sets"]["mnli"]) == ("mine", [5], None)


def test_what_cannot_be_resolved_is_said_in_one_line(code: Path) -> None:
    mine = code / "mine.yaml"
    for text, message in {
        "extends: nobody": r"mine.yaml: extends: found no .*/config/runs/nobody.yaml; .*: paper high low$",
        "extends: gone.yaml": r"mine.yaml: extends: found no .*/gone.yaml; expected a file, or a run",
        "extends: [high]": r"mine.yaml: extends: found \['high'\]; expected the name of a run, or a file",
        "extends: mine.yaml": r"mine.yaml: extends: a circle: .*/mine.yaml -> .*/mine.yaml$",
        "- high": r"mine.yaml: found list; expected keys with values",
        "run: {": r"mine.yaml: .*, line 2, column 1",
        "target: {}\nrun: b\ntarget: {a: 2}": r"mine.yaml: found the key 'target' twice .*, line 3, column 1",
    }.items():
        mine.write_text(text)
        with pytest.raises(ConfigError, match=message) as error:
            read_layers(code, [mine])
        assert "\n" not in str(error.value)
    (code / "config/runs/low.yaml").write_text("extends: high\n")
    with pytest.raises(ConfigError, match=r"high.yaml: extends: a circle: .*low.yaml -> .*high.yaml -> .*low.yaml$"):
        read_layers(code, ["low"])
