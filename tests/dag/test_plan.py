"""`xstilts plan` on a finished run: the jobs that Snakemake plans, the reason in words, estimate beside measured."""

import json
import re
import shutil
from pathlib import Path

import pytest
from checkout import CONFIGURATION, Checkout
from test_reruns import CASES

pytestmark = pytest.mark.slow
UDPOS = "results/tiny/models/tiny/none/udpos/1"


def plan(checkout: Checkout, *options: str) -> str:
    return checkout.xstilts("plan", *options, "--", "--workflow-profile", "none", "--configfile", *CONFIGURATION)


def will_run(text: str) -> set[str]:
    """The jobs that the full list marks, named as the dry run names them."""
    return {
        "/".join(match[1].split()) for match in re.finditer(r"^\+ (\S+(?: [^\s\[]+/[^\s\[]+| [^\s\[/]+)?)", text, re.M)
    }


def test_a_finished_run_has_nothing_to_do_and_says_what_it_took(run: Checkout) -> None:
    with run.slow():
        text = plan(run)
    assert re.search(r"^run tiny: 0 jobs will run, \d+ are done$", text, re.M)
    line = next(line for line in text.splitlines() if line.startswith("  target "))
    assert re.fullmatch(r"  target +6 +\d+\.\d{3} +\d+\.\d{3} +\d+\.\d\d  cpu", line), line


@pytest.mark.parametrize(
    "name", ["the learning rate of a target", "a function of one family's featuriser", "a seed more"]
)
def test_the_jobs_are_those_that_snakemake_plans(run: Checkout, name: str) -> None:
    path, changes, _ = CASES[name]
    with run.edited(path, *changes):
        assert will_run(plan(run, "--jobs")) == run.plan()


def test_a_changed_setting_is_named_with_its_old_and_new_value(run: Checkout) -> None:
    path, changes, _ = CASES["the learning rate of a target"]
    with run.edited(path, *changes), run.slow():
        text = plan(run)
    assert re.search(r"target: settings changed: learning_rate [\d.e-]+ -> 0.0001\n", text)
    assert "train_target tiny/none/udpos/1, train_target tiny/mnli/udpos/1\n" in text
    assert re.search(r"^target +2 +4 .*settings changed$", text, re.M)
    assert re.search(r"^predictions +2 +8 .*follows from jobs before it$", text, re.M)
    assert re.search(r"^speeds +\d jobs by \d+ measured ones \(cpu; run tiny\)", text, re.M)


def test_changed_code_is_named_by_its_modules(run: Checkout) -> None:
    path, changes, _ = CASES["a function of one family's featuriser"]
    with run.edited(path, *changes):
        assert "target: code changed: xstilts.families.tagging\n" in plan(run)


def test_what_is_lost_or_damaged_is_named(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    folder = twin.folder / UDPOS
    for name in ("models", "predictions", "scores"):
        for path in (twin.folder / "results/tiny" / name / "tiny/none/udpos/1").glob("**/[!.]*.json"):
            if path.name in ("manifest.json", "en.json"):
                path.unlink()
    (twin.folder / "results/tiny/tables/scores.csv").unlink()
    assert "target: published again: what lies there is whole and up to date\n" in plan(twin)
    with open(folder / "model.safetensors", "ab") as handle:
        handle.write(b"more")
    assert re.search(rf"target: damaged: {UDPOS}/model.safetensors has \d+ bytes and had \d+\n", plan(twin))
    receipt = json.loads((folder / ".receipt.json").read_text())
    receipt["results"]["steps"] += 1
    (folder / ".receipt.json").write_text(json.dumps(receipt))
    assert f"target: damaged: {UDPOS}/.receipt.json: found content that does not fit its seal" in plan(twin)
    shutil.rmtree(folder)
    assert re.search(r"^target +1 +5 .*new$", plan(twin), re.M)


def test_damage_is_named_where_snakemake_sees_nothing_to_do(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    (twin.folder / UDPOS / "model.safetensors").unlink()
    text = plan(twin)
    assert "0 jobs will run" in text
    assert f"\n  target: {UDPOS}/model.safetensors is gone\n" in text


def test_before_any_data_every_job_and_data_set_of_the_paper_is_known(run: Checkout) -> None:
    text = run.xstilts("plan", "--jobs", "--", "--workflow-profile", "profiles/cuda")
    assert re.search(r"^run paper: 16,\d+ jobs will run, 0 are done$", text, re.M)
    assert re.search(r"^machine +1 job at once on GPUs", text, re.M) and "shipped estimates" in text
    assert "reads FacebookAI/xlm-roberta-large at revision main (no pin)\n" in text
    assert "+ predict xlm-roberta-large/ccg/squad/2/mlqa" in text
    part = text[text.index("\nxquad/de  test") + 1 :].split("xquad/el  ")[0]
    assert part.startswith("xquad/de  test 1,190 rows (expected)  licence: CC BY-SA 4.0\n")
    assert "xquad.de.json (669,810 bytes, sha256 990b5d746746)" in part and "file targets/xquad/xquad.de.json\n" in part
    assert "Quora's terms give no licence" in text
    assert re.search(r"40 languages: about \d+\.\d MB to read by range requests .* not pinned yet \(make lock\)", text)


def test_a_target_may_stand_behind_the_options_as_snakemake_has_it(run: Checkout) -> None:
    command = ("--", "--workflow-profile", "none", "--configfile", *CONFIGURATION, "--", "score_xnli")
    assert re.search(r"^run tiny: 0 jobs will run, \d+ are done$", run.xstilts("plan", *command), re.MULTILINE)


def test_a_mistake_is_one_line(run: Checkout, tmp_path: Path) -> None:
    text = run.xstilts("plan", "--", "--workflow-profile", "none", "--config", "sources=mlni", status=2)
    assert text.startswith("xstilts plan: snakemake:") and "unknown source 'mlni'" in text and "Traceback" not in text
