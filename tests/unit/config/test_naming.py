"""`make xtreme ENCODER=...`: a run of its own for every encoder, whatever its folder is called."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from xstilts.config.naming import name_of, settings
from xstilts.config.run import load

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "name", ["1000", "2024_11", "1e5", "no", "final", "A b'c", 'say "x"', "Großes", "$(HOME)", ".x"]
)
def test_a_folder_of_any_name_becomes_a_run(tmp_path: Path, name: str) -> None:
    places = [tmp_path / "A" / name, tmp_path / "B" / name]
    for place in places:
        place.mkdir(parents=True)
    assert len({name_of(str(place)) for place in places}) == 2
    assert name_of(str(places[0])) == name_of(f"{places[0]}/"), "the same folder, the same run"
    given = {}
    for word in settings("xtreme", str(places[0])):  # as Snakemake reads what stands behind --config
        key, _, value = word.partition("=")
        given[key] = yaml.safe_load(value)
    run = load(BASE | given)
    assert run.run == f"xtreme-{run.models[0]}"
    assert run.encoders[run.models[0]].weights == str(places[0])


def test_repositories_of_one_name_are_two_runs() -> None:
    assert name_of("FacebookAI/xlm-roberta-base") == "facebookai--xlm-roberta-base"
    assert len({name_of(place) for place in ("a/final", "b/final", "a-b/c", "a/b-c", "a/b_c")}) == 5
    assert name_of("xlm-roberta-base") == "xlm-roberta-base"
    assert name_of("1000") == "encoder-1000"


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_make_gives_the_words_to_snakemake_whole(tmp_path: Path) -> None:
    place = tmp_path / "A b'c" / "1000"
    place.mkdir(parents=True)
    said = subprocess.run(
        ["make", "-n", "xtreme", f"ENCODER={place}"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    line = next(line for line in said.splitlines() if "-- lock" in line)
    assert set(settings("xtreme", str(place))) <= set(shlex.split(line))
