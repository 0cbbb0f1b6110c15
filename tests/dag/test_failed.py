"""What failed is done again by the same command, and no command ends well while a file that its tables rest on is gone.

Snakemake removes the output of a job that fails, and asks for a missing file only where what rests on it is missing.
"""

import os
import shutil
from pathlib import Path

import pytest
from checkout import CONFIGURATION, Checkout, check_out

from xstilts.planning.reasons import ARTIFACTS

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
READER = "src/xstilts/data/readers/tagging.py"
OVERLAPS = "results/tiny/tables/overlaps.csv"

# Files that rest on none of the others in their group, of the run of every_rule.yaml -> the job that makes them.
LOST = [
    {
        "store/origins/public/xnli/manifest.json": "download/xnli",
        "store/translators/*/manifest.json": "fetch_translator",
        "store/data/wikipedia-*/text/en/manifest.json": "fetch_text/en",
        "every/models/hub/manifest.json": "fetch_model/hub",
        "every/encoders/small/manifest.json": "fetch_whole/small",
        "every/models/hub/my/none/1/manifest.json": "adopt_source/hub/my/1",
        "every/models/tiny/manifest.json": "pretrain/tiny",
    },
    {
        "store/data/public/xnli/de/manifest.json": "prepare/xnli/de",
        "every/models/small/manifest.json": "trim/small",
        "store/translated/*/mnli-translated/de/manifest.json": "translate/mnli-translated/de",
        "every/models/tiny/mnli/none/1/manifest.json": "train_intermediate/tiny/mnli/1",
    },
    {
        "every/text/mlm/manifest.json": "sample_text",
        "every/features/hub/pretrained/task/tatoeba/manifest.json": "featurise/hub/pretrained/task/tatoeba",
        "every/models/hub/none-tuned/mnli/1/manifest.json": "choose_rate/hub/none-tuned/mnli/1",
        "every/indexes/hub/mnli/lareqa/1/lareqa/manifest.json": "index/hub/mnli/lareqa/1/lareqa",
    },
    {
        "every/models/tiny/none/mnli/1/manifest.json": "train_target/tiny/none/mnli/1",
        "every/predictions/hub/none/none/1/tatoeba/manifest.json": "predict/hub/none/none/1/tatoeba",
        "every/scores/tiny/none/none/1/tatoeba/de.json": "score/tiny/none/none/1/tatoeba/de",
        "every/tables/baselines/xnli.json": "baseline/xnli",
        "every/tables/overlaps.csv": "overlaps",
    },
]


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout where every output of every rule is there, none of them by a job."""
    folder = tmp_path_factory.mktemp("every")
    shutil.copy(HERE / "every_rule.yaml", check_out(folder).folder)
    checkout = Checkout(folder, (*CONFIGURATION, "every_rule.yaml"))
    lines = (line.split("\t") for line in checkout.snakemake("--summary").splitlines())
    for cells in lines:
        if len(cells) == 6 and cells[0].startswith("results/"):
            (folder / cells[0]).parent.mkdir(parents=True, exist_ok=True)
            (folder / cells[0]).touch()
            os.utime(folder / cells[0], (2e9, 2e9))  # newer than any spec, and all alike
    return checkout


@pytest.mark.parametrize("lost", LOST)
def test_a_lost_file_of_any_rule_is_made_again_though_the_tables_stand(every: Checkout, lost: dict[str, str]) -> None:
    files = [path for name in lost for path in (every.folder / "results").glob(name)]
    assert len(files) == len(lost)
    for path in files:
        path.rename(path.with_suffix(".lost"))
    planned = every.plan()
    for path in files:
        path.with_suffix(".lost").rename(path)
    assert planned >= set(lost.values())


def test_nothing_is_done_while_nothing_is_lost(every: Checkout) -> None:
    assert every.plan() == set()
    rules = {job.split("/")[0] for lost in LOST for job in lost.values()}
    of_a_study = {"few_shot", "in_context", "fetch_decoder"}  # no run has them without one
    assert rules >= {*ARTIFACTS, "score"} - {"world"} - of_a_study, "each rule that makes an artifact is among them"


def test_a_lost_world_is_made_again(run: Checkout) -> None:
    (manifest,) = run.folder.glob("results/store/origins/*/manifest.json")
    manifest.rename(manifest.with_suffix(".lost"))
    try:
        assert "world" in run.plan("tables")
    finally:
        manifest.with_suffix(".lost").rename(manifest)


def test_what_failed_is_done_again_by_the_same_command_until_it_succeeds(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    before = (twin.folder / OVERLAPS).read_bytes()
    with twin.edited(READER, ("def panx(", "raise SystemExit('a bad row')\n\n\ndef panx(")):
        for attempt in ("first", "second", "third"):
            assert "a bad row" in twin.snakemake(OVERLAPS, check=False), f"the {attempt} command runs it, and says why"
            assert not list(twin.folder.glob("results/store/data/*/udpos/en/manifest.json"))
    twin.snakemake(OVERLAPS)
    assert list(twin.folder.glob("results/store/data/*/udpos/en/manifest.json"))
    assert (twin.folder / OVERLAPS).read_bytes() == before
