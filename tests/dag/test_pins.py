"""What `make lock` pinned decides what is fetched and what reruns: data and an encoder from a Hub on loopback."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import hub_repositories
import pytest
import yaml
from checkout import Checkout, check_out
from hub_server import Hub, running_hub

from xstilts.data.fetching.lock import LOCK
from xstilts.files import read_json, read_jsonl
from xstilts.modeling.encoder import EncoderShape, build_masked_lm, save_encoder
from xstilts.modeling.tokenizer import train_tokenizer

pytestmark = pytest.mark.slow

ENCODER, XNLI, GLUE = "acme/encoder", "facebook/xnli", "nyu-mll/glue"
GERMAN = "de/test-00000-of-00001.parquet"
ORIGIN = Path("results/store/origins/public/xnli")
MODEL = Path("results/pins/models/tiny")
SOURCES = ("none", "mnli")
TASKS = {"mnli": "xnli", "pawsx": "pawsx"}  # of each target


def encoder(folder: Path, seed: int) -> dict[str, bytes]:
    """Return the files of an XLM-R of one narrow layer with random weights."""
    train_tokenizer([f"the words of sentence {number} differ a little" for number in range(200)], 300, folder)
    shape = EncoderShape(layers=1, hidden=16, heads=2, intermediate=32, positions=512, dropout=0.1)
    save_encoder(build_masked_lm(shape, 300, seed), folder, folder)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def other_pairs() -> bytes:
    """Return as many pairs as the repositories have, with other texts."""
    text, labels = hub_repositories.TEXT, hub_repositories.NLI
    features = {"premise": text, "hypothesis": text, "label": hub_repositories.ClassLabel(names=labels)}
    rows = [{"premise": f"B {name}", "hypothesis": "as before", "label": name} for name in labels]
    return hub_repositories.parquet(features, rows)


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with pytest.MonkeyPatch.context() as patch, running_hub(patch) as server:
        yield server


@pytest.fixture(scope="module")
def pins(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A finished run on what was pinned before its data and its encoder moved on upstream."""
    checkout = check_out(tmp_path_factory.mktemp("pins"))
    shutil.copyfile(Path(__file__).with_name("pins.yaml"), checkout.folder / "pins.yaml")
    hub_repositories.forget_sizes(checkout.folder / "src/xstilts/data/datasets.yaml")
    hub_repositories.publish(hub)
    hub.put(f"models/{ENCODER}", **encoder(tmp_path_factory.mktemp("encoder"), 0))
    run = Checkout(checkout.folder, ("pins.yaml",))
    run.snakemake("lock")
    run.snakemake()
    hub.put(f"datasets/{XNLI}", **{GERMAN: other_pairs()})
    hub.put(f"datasets/{GLUE}", **{"README.md": b"# Moved\n"})
    hub.put(f"models/{ENCODER}", **encoder(tmp_path_factory.mktemp("encoder"), 1))
    return run


def evaluations(source: str, target: str) -> set[str]:
    task = TASKS[target]
    scores = {f"score/tiny/{source}/{target}/1/{task}/{language}" for language in ("en", "de")}
    return {f"predict/tiny/{source}/{target}/1/{task}"} | scores


def trained(source: str, *targets: str) -> set[str]:
    return set().union(*({f"train_target/tiny/{source}/{one}/1"} | evaluations(source, one) for one in targets))


INTERMEDIATE = {"train_intermediate/tiny/mnli/1"}
MNLI = {"featurise/tiny/pretrained/intermediate/mnli", "featurise/tiny/pretrained/target/mnli"}
FEATURES = MNLI | {f"featurise/tiny/pretrained/{name}" for name in ("target/pawsx", "task/xnli", "task/pawsx")}
FOLLOWS = {
    XNLI: {"download/xnli", "prepare/xnli/en", "prepare/xnli/de", "featurise/tiny/pretrained/task/xnli"}.union(
        *(evaluations(s, "mnli") for s in SOURCES)
    ),
    GLUE: {"download/mnli", "prepare/mnli/en"}
    | MNLI
    | INTERMEDIATE
    | trained("mnli", *TASKS)
    | trained("none", "mnli"),
    ENCODER: {"fetch_model/tiny"} | FEATURES | INTERMEDIATE | trained("mnli", *TASKS) | trained("none", *TASKS),
}


def pipeline(plan: set[str]) -> set[str]:
    """Return the jobs of a plan but for those of tables, figures and checks."""
    rules = {job.split("/")[0] for follow in FOLLOWS.values() for job in follow}
    return {job for job in plan if job.split("/")[0] in rules}


RENEWED = {GLUE: ("--data", "mnli"), ENCODER: ("--model", ENCODER)}


def move(run: Checkout, repository: str) -> str:
    """Pin a repository anew in one of the two ways of docs/data.md, and return the lock file as it was."""
    path = run.folder / LOCK
    before = path.read_text(encoding="utf-8")
    if repository in RENEWED:
        assert f"{repository}: was pinned at " in run.xstilts("lock", *RENEWED[repository], "--renew")
    else:
        entries = yaml.safe_load(before)
        entries.pop(repository)
        path.write_text(yaml.safe_dump(entries), encoding="utf-8")
        run.snakemake("lock")
    assert yaml.safe_load(path.read_text(encoding="utf-8")).keys() == yaml.safe_load(before).keys()
    return before


def contents(run: Checkout, artifact: Path) -> dict[str, bytes]:
    """Return the files that an artifact lists."""
    folder = run.folder / artifact
    return {name: (folder / name).read_bytes() for name in read_json(folder / "manifest.json")["files"]}


def test_what_is_pinned_is_read_whatever_comes_upstream(pins: Checkout, hub: Hub) -> None:
    before = (pins.folder / LOCK).read_text(encoding="utf-8")
    for repository, commit in ((f"datasets/{XNLI}", XNLI), (f"datasets/{GLUE}", GLUE), (f"models/{ENCODER}", ENCODER)):
        assert hub.commit(repository) != yaml.safe_load(before)[commit]["commit"]
    hub.asked.clear()
    assert pins.plan() == set()
    pins.snakemake("lock")
    assert (pins.folder / LOCK).read_text(encoding="utf-8") == before and not hub.asked


@pytest.mark.parametrize("repository", FOLLOWS)
def test_a_moved_pin_reruns_what_is_made_from_it_and_moving_it_back_nothing(pins: Checkout, repository: str) -> None:
    before = move(pins, repository)
    try:
        plan = pins.plan()
        assert pipeline(plan) == FOLLOWS[repository]
        assert "collect_scores" in plan
    finally:
        (pins.folder / LOCK).write_text(before, encoding="utf-8")
    assert pins.plan() == set()


@pytest.mark.parametrize(
    ("repository", "name", "made"),
    [(f"datasets/{XNLI}", GERMAN, ORIGIN), (f"models/{ENCODER}", "model.safetensors", MODEL)],
)
def test_other_bytes_behind_a_pin_are_refused_and_nothing_of_them_stays(
    pins: Checkout, hub: Hub, tmp_path: Path, repository: str, name: str, made: Path
) -> None:
    run = pins.twin(tmp_path / "twin")
    pin = yaml.safe_load((run.folder / LOCK).read_text(encoding="utf-8"))[repository.partition("/")[2]]
    held = hub.history[repository, pin["commit"]]
    shutil.rmtree(run.folder / made)
    other = b"PAR1 of somebody else"
    hub.history[repository, pin["commit"]] = held | {name: other}
    hub.asked.clear()
    try:
        output = run.snakemake(f"{made}/manifest.json", check=False)
    finally:
        hub.history[repository, pin["commit"]] = held
    (line,) = {line.strip() for line in output.splitlines() if line.strip().startswith("error: ")} or {output}
    for shown in (f"{repository.partition('/')[2]}/{name}", pin["commit"], pin["files"][name], str(LOCK)):
        assert shown in line
    assert line.count("SHA-256") == 1 and "found SHA-256 " in line
    fetched = [what for what, _ in hub.asked if what == f"GET /cdn/{repository}/{pin['commit']}/{name}"]
    assert len(fetched) == 1, "the same bytes again help nobody"
    left = [path for path in (run.folder / made).rglob("*") if path.is_file()]
    assert not any(path.name == "manifest.json" or path.read_bytes() == other for path in left)
    run.snakemake(f"{made}/manifest.json")
    assert contents(run, made) == contents(pins, made)


def test_a_moved_pin_is_fetched_and_everything_is_whole_again(pins: Checkout, hub: Hub, tmp_path: Path) -> None:
    run = pins.twin(tmp_path / "twin")
    german, english = (Path("results/store/data/public/xnli") / code for code in ("de", "en"))
    before = move(run, XNLI)
    run.snakemake()
    assert run.plan() == set()
    manifest = read_json(run.folder / ORIGIN / "manifest.json")
    assert manifest["spec"]["settings"]["hub"]["pin"]["commit"] == hub.commit(f"datasets/{XNLI}")
    texts = {row["text_a"] for row in read_jsonl(run.folder / german / "test.jsonl")}
    assert texts == {"B entailment", "B neutral", "B contradiction"}
    assert contents(run, english) == contents(pins, english)
    (run.folder / LOCK).write_text(before, encoding="utf-8")
    run.snakemake()
    assert run.plan() == set()
    assert contents(run, german) == contents(pins, german)
    for name in ("scores.csv", "main.csv"):
        table = Path("results/pins/tables") / name
        assert (run.folder / table).read_bytes() == (pins.folder / table).read_bytes()


def test_a_study_s_own_encoders_and_data_are_pinned_with_its_run_s(tmp_path: Path) -> None:
    run = Checkout(check_out(tmp_path).folder, ("config/runs/small.yaml",))

    def asked(*study: str) -> dict[str, set[str]]:
        output = run.snakemake("lock", "--dry-run", "--printshellcmds", *study)
        (command,) = [line for line in output.splitlines() if "xstilts.cli lock" in line]
        parts = re.split(r" --(data|text|model) ", command.partition(" 2>")[0])
        return {name: set(words.split()) for name, words in zip(parts[1::2], parts[2::2], strict=True)}

    alone, both = asked(), asked("--config", "study=size")
    assert alone["model"] == {"FacebookAI/xlm-roberta-base"}
    studied = {"Qwen/Qwen1.5-110B", "facebook/xlm-roberta-xxl", "FacebookAI/xlm-roberta-large"}
    assert both["model"] >= alone["model"] | studied
    siqa = asked("--config", "study=xcopa-cost")["data"]
    assert siqa >= alone["data"] | {"siqa", "copa", "xcopa"} and not alone["data"] & {"siqa", "copa", "xcopa"}
