"""The package alone, without the workflow's extras, scores and compares."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scoring_golden import HERE

ROOT = Path(__file__).parents[3]


def test_scoring_imports_neither_numpy_nor_the_workflow() -> None:
    heavy = "numpy torch transformers datasets pandas snakemake pydantic matplotlib"
    code = (
        "import sys; from xstilts.cli import main; import xstilts.scoring.evaluate\n"
        f"main(['score', {str(HERE / 'made_up/predictions')!r}, {str(HERE / 'made_up/labels')!r}])\n"
        f"print('heavy:', sorted(set({heavy!r}.split()) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"


@pytest.mark.slow
def test_a_plain_install_scores_and_compares(tmp_path: Path) -> None:
    source = tmp_path / "source"  # pip builds in place: not in the checkout
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for path in ROOT.iterdir():
        if path.is_file() and path.name.startswith(("pyproject", "README", "LICENSE")):
            shutil.copyfile(path, source / path.name)
    python = tmp_path / "venv/bin/python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", source], check=True, capture_output=True)
    listed = subprocess.run([python, "-m", "pip", "list", "--format=json"], check=True, capture_output=True, text=True)
    names = {package["name"].lower() for package in json.loads(listed.stdout)}
    assert "xstilts" in names and not names & {"torch", "transformers", "datasets", "snakemake", "pandas", "pydantic"}
    command = [tmp_path / "venv/bin/xstilts"]
    folders = [HERE / "made_up/predictions", HERE / "made_up/labels"]
    scored = subprocess.run([*command, "score", *folders], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert "nine-task average 64.5234" in scored.stdout
    compared = [*command, "compare", folders[0], *folders]
    assert "avg" in subprocess.run(compared, check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    installed = next((tmp_path / "venv").glob("lib/python*/site-packages/xstilts"))
    assert (installed / "py.typed").is_file() and (installed / "__init__.pyi").is_file(), "typed for its users"
    told = [python, "-c", "import xstilts; xstilts.score('a', 'b')"]
    asked = subprocess.run(told, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert asked.stderr.endswith("xstilts.score and xstilts.compare need pandas: pip install pandas\n")
    for words in (["plan"], ["watch", "demo"], ["trace", "main.csv"], ["doctor"], ["lock"]):
        done = subprocess.run([*command, *words], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, (words, done.stderr)
        assert done.stderr.endswith("install the workflow: pip install '.[workflow]'\n"), (words, done.stderr)
