"""The commands and overlays of README and the how-to pages, as they stand there."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from xstilts.cli import COMMANDS, main
from xstilts.config.layers import read_layers
from xstilts.config.run import load

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs/howto").glob("*.md"))]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)


def fenced(page: Path, language: str) -> list[str]:
    return [text for found, text in FENCED.findall(page.read_text(encoding="utf-8")) if found == language]


def commands(page: Path) -> list[list[str]]:
    """The command lines of a page: fenced ones, and those in backquotes that are whole."""
    lines = [line for text in fenced(page, "") for line in text.splitlines()]
    return [shlex.split(line) for line in lines if line.startswith(("make ", ".venv/bin/", "xstilts "))]


def place_of(page: Path, folder: Path) -> Path:
    """What make reads of a checkout, with the overlays of a page in it."""
    for name in ("config", "profiles", "envs"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copyfile(ROOT / "Makefile", folder / "Makefile")
    for text in fenced(page, "yaml"):
        if name := yaml.safe_load(text).get("run"):
            (folder / f"config/runs/{name}.yaml").write_text(text)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_is_one_that_there_is(
    page: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = place_of(page, tmp_path)
    for program, *words in commands(page):
        if program == "make":
            call = ["make", "-n", *words, f"PYTHON={sys.executable}"]
            done = subprocess.run(call, cwd=place, capture_output=True, text=True, check=False)
            assert done.returncode == 0 and done.stdout, (words, done.stderr)
            assert "error: config/runs" not in done.stderr
        elif program.endswith("xstilts"):
            assert words[0] in COMMANDS, words
            with pytest.raises(SystemExit) as left:
                main([words[0], "--help"])
            options, said = {word for word in words if word.startswith("--")}, capsys.readouterr().out
            assert left.value.code == 0 and all(word in said for word in options), words


@pytest.mark.parametrize("page", ["other-recipe", "add-a-model", "own-checkpoint", "train-adapters"])
def test_every_overlay_of_a_page_is_a_run_of_its_own_with_its_command(page: str, tmp_path: Path) -> None:
    place = ROOT / f"docs/howto/{page}.md"
    found = fenced(place, "yaml")
    assert found
    for text in found:
        name = yaml.safe_load(text)["run"]
        assert f"`config/runs/{name}.yaml`" in place.read_text(encoding="utf-8")
        assert any(words[:3] == ["make", "run", f"RUN={name}"] for words in commands(place))
        own = [entry for entry in yaml.safe_load(text).get("sources", []) if isinstance(entry, dict)]
        for entry in own:
            (tmp_path / next(iter(entry.values()))["encoder"]).mkdir(parents=True)
            text = text.replace("checkpoints/", f"{tmp_path}/checkpoints/")
        (tmp_path / "overlay.yaml").write_text(text)
        assert load(read_layers(ROOT, [str(tmp_path / "overlay.yaml")])).tasks


def test_predictions_are_scored_and_compared_by_the_lines_of_their_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made_up = ROOT / "tests/golden/made_up"
    for name in ("PREDICTIONS", "SYSTEM-A", "SYSTEM-B"):
        (tmp_path / name).symlink_to(made_up / "predictions")
    (tmp_path / "GOLD").symlink_to(made_up / "labels")
    monkeypatch.chdir(tmp_path)
    ran = []
    for program, command, *words in commands(ROOT / "docs/howto/score-predictions.md"):
        if program == "xstilts" and command in ("score", "compare"):
            assert main([command, *words]) == 0
            ran.append((command, capsys.readouterr().out))
    said = {command: [text for one, text in ran if one == command] for command in ("score", "compare")}
    assert "nine-task average 64.5234" in said["score"][0] and "+0.00" in said["compare"][0]


@pytest.mark.filterwarnings("ignore:.*questions without an answer")
def test_the_lines_of_a_notebook_run_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = ROOT / "tests/golden/made_up"
    for name, folder in (("system-a", "predictions"), ("system-b", "predictions"), ("gold", "labels")):
        shutil.copytree(made_up / folder, tmp_path / name)
    shutil.copyfile(tmp_path / "gold/xnli/test-de.tsv", tmp_path / "system-b/xnli/test-de.tsv")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    shown = []
    for cell in fenced(ROOT / "docs/howto/from-python.md", "python"):
        *lines, last = cell.strip().splitlines()
        exec("\n".join(lines), names)
        shown.append(eval(last, names))  # what a notebook shows of a cell
    comparison, averages = shown
    differences = dict(zip(comparison.task, comparison.difference, strict=True))
    assert differences["xnli"] > 0 and differences["avg"] > 0 and differences["pawsx"] == 0
    assert averages["all_task"] == pytest.approx(64.52, abs=0.005)
    assert (
        names["a"].pivot(index="language", columns=["task", "metric"], values="value")["xnli", "accuracy"].notna().any()
    )


def test_the_readme_is_short_and_links_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 120
    for page in PAGES[1:]:
        assert f"docs/howto/{page.name}" in readme
    for link in re.findall(r"\]\(([^)#]+)", readme):
        assert "://" in link or (ROOT / link).exists(), link
