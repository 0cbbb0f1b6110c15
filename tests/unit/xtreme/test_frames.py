"""`xstilts.score` and `xstilts.compare`: tables of pandas, with the numbers of the commands."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from scoring_golden import HERE

import xstilts
from xstilts.cli import main
from xstilts.errors import UserError

PREDICTIONS, GOLD = HERE / "made_up/predictions", HERE / "made_up/labels"
pytestmark = pytest.mark.filterwarnings("ignore:.*questions without an answer")


def test_importing_the_package_imports_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import xstilts; dir(xstilts)\n"
        "print(sorted(name for name in set(sys.modules) - before if name.split('.')[0] not in sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['xstilts']\n"


def test_scores_are_those_of_the_command(tmp_path: Path) -> None:
    assert main(["score", str(PREDICTIONS), str(GOLD), "--json", str(tmp_path / "scores.json")]) == 0
    official = json.loads((tmp_path / "scores.json").read_text())
    table = xstilts.score(PREDICTIONS, GOLD)
    assert list(table.columns) == ["task", "language", "metric", "value"]
    for row in table.itertuples():
        assert official[row.task][row.metric][row.language] == row.value
    reported = {"accuracy", "exact_match", "f1", "precision", "recall"}
    values = [
        official[task][metric] for task in official if isinstance(official[task], dict) for metric in official[task]
    ]
    assert len(table) == sum(len(one) for one in values if isinstance(one, dict)) and set(table.metric) <= reported
    assert table.attrs["averages"]["all_task"] == official["all_task"]
    assert table.attrs["averages"]["xquad"] == official["xquad"]["avg_metric"]


def test_what_the_command_notes_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="xquad: 13 questions without an answer: wrong"):
        xstilts.score(PREDICTIONS, GOLD)


def test_a_comparison_is_that_of_the_command(tmp_path: Path) -> None:
    better, out = tmp_path / "better", tmp_path / "rows.json"
    shutil.copytree(PREDICTIONS, better)
    for path in (GOLD / "udpos").iterdir():
        shutil.copyfile(path, better / "udpos" / path.name)
    assert main(["compare", str(PREDICTIONS), str(better), str(GOLD), "--json", str(out)]) == 0
    rows = {(row["task"], row["metric"]): row for row in json.loads(out.read_text()) if row["source"] == "B"}
    table = xstilts.compare(xstilts.score(PREDICTIONS, GOLD), xstilts.score(better, GOLD))
    assert list(table.task)[-1] == "avg" and len(table) == len(rows)
    for row in table.itertuples():
        said = rows[row.task, row.metric]
        assert (row.b, row.difference, row.lower, row.upper, row.p) == (
            *(said["value"], said["difference"], said["diff_lower"], said["diff_upper"], said["p"]),
        )
        assert row.b - row.a == pytest.approx(row.difference, abs=1e-9)
    by_folder = xstilts.compare(str(PREDICTIONS), better, GOLD)
    pd.testing.assert_frame_equal(table, by_folder)


def test_what_cannot_be_compared_is_refused_in_words(tmp_path: Path) -> None:
    scored = xstilts.score(PREDICTIONS, GOLD)
    with pytest.raises(UserError, match="no gold; give its folder"):
        xstilts.compare(PREDICTIONS, PREDICTIONS)
    shutil.copytree(GOLD, tmp_path / "gold")
    with pytest.raises(UserError, match="expected the same for both systems"):
        xstilts.compare(scored, xstilts.score(PREDICTIONS, tmp_path / "gold"))
    with pytest.raises(UserError, match="a table without its folders"):
        xstilts.compare(pd.DataFrame({"task": []}), scored)
    other = scored.copy()
    other.attrs = scored.attrs | {"benchmark": "xtreme_r"}
    with pytest.raises(UserError, match="scores by xtreme and xtreme_r; expected the same benchmark for both"):
        xstilts.compare(scored, other)
