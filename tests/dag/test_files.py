"""What happens to the files of a finished run: touched, moved, lost, edited by hand, and a further language."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from checkout import CONFIGURATION, ROOT, Checkout
from test_reruns import CASES, PIPELINE, divide

from xstilts.config.layers import read_layers
from xstilts.config.run import load
from xstilts.files import read_json
from xstilts.graph.digest import MACHINERY, modules_behind
from xstilts.graph.jobs import Jobs
from xstilts.graph.specs import opened_by_name
from xstilts.scoring.score_file import write_scores

pytestmark = pytest.mark.slow
HEAVY = {"tokenizers", "torch", "transformers"}
UDPOS = "results/tiny/models/tiny/none/udpos/1"
FEATURES = "results/tiny/features/tiny/pretrained"
TASKS_WITH_QAB = ("xnli", "udpos", "xquad", "mlqa", "tatoeba")
PREDICTED = "results/tiny/predictions/tiny/none/udpos/1/udpos"


def touch_everything(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and ".snakemake" not in path.parts:
            os.utime(path)


def test_the_scheduler_takes_a_turn_a_job(run: Checkout) -> None:
    said = (run.folder / "snakemake.txt").read_text()
    jobs = said.count("Finished jobid:")
    assert jobs > 50 and said.count("Resources before job selection:") <= jobs + 1


def test_files_that_are_touched_or_checked_out_anew_rerun_nothing(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    scores = twin.folder / "results/tiny/scores/tiny/none/udpos/1/udpos/en.json"
    write_scores(scores, json.loads(scores.read_text()) | {"padding": "x" * 1_500_000})
    twin.snakemake()  # a score file of more than 1 MB, as long lists of items make them
    time.sleep(1.1)
    touch_everything(twin.folder)
    assert twin.plan() == set()


def test_without_its_memory_a_run_still_knows_what_changed(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    shutil.rmtree(twin.folder / ".snakemake")
    assert twin.plan() == set()
    path, changes, expected = CASES["the learning rate of a target"]
    with twin.edited(path, *changes):
        assert divide(twin.plan())[0] == expected


def test_a_further_language_costs_its_own_forward_passes_only(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    path, changes, expected = CASES["a language more"]
    before = {name: (twin.folder / name).read_bytes() for name in predictions(twin)}
    with twin.edited(path, *changes):
        twin.snakemake()
        assert twin.plan() == set()
    for job in (job for job in expected if job.startswith("predict/")):
        lines = twin.log(job).splitlines()
        asked = 2 if job.endswith("tatoeba") else 3
        assert [line.partition(":")[0] for line in lines if line.endswith(" examples")] == ["qab"], job
        assert f"1 of {asked} languages needed forward passes" in lines, job
    for task in TASKS_WITH_QAB:
        said = twin.log(f"featurise/tiny/pretrained/task/{task}").splitlines()
        assert [line.partition(":")[0] for line in said if "tokenised" in line] == ["qab"], task
    assert {name: (twin.folder / name).read_bytes() for name in before} == before
    assert len(predictions(twin)) > len(before)
    twin.snakemake(f"{PREDICTED}/manifest.json")
    assert "0 of 2 languages needed forward passes" in twin.log("predict/tiny/none/udpos/1/udpos")
    with twin.edited(path, *changes):
        twin.snakemake(f"{PREDICTED}/manifest.json")
    assert "0 of 3 languages needed forward passes" in twin.log("predict/tiny/none/udpos/1/udpos"), "kept meanwhile"


def predictions(checkout: Checkout) -> set[str]:
    found = checkout.folder.glob("results/tiny/predictions/**/*-q*.*")
    return {str(path.relative_to(checkout.folder)) for path in found}


# what is damaged -> (file, what the job makes that reads it)
DAMAGED = {
    "weights": (f"{UDPOS}/model.safetensors", f"{PREDICTED}/manifest.json"),
    "head": (f"{UDPOS}/head.safetensors", f"{PREDICTED}/manifest.json"),
    "pretrained weights": ("results/tiny/models/tiny/model.safetensors", f"{UDPOS}/manifest.json"),
    "features to train on": (f"{FEATURES}/target/udpos/train.safetensors", f"{UDPOS}/manifest.json"),
    "examples that choose": (f"{FEATURES}/target/udpos/dev.jsonl", f"{UDPOS}/manifest.json"),
    "features of a language": (f"{FEATURES}/task/udpos/dev-qaa.safetensors", f"{PREDICTED}/manifest.json"),
    "the tokenizer": ("results/tiny/models/tiny/tokenizer.json", f"{FEATURES}/task/udpos/manifest.json"),
    "a prediction": (f"{PREDICTED}/dev-qaa.tsv", "results/tiny/scores/tiny/none/udpos/1/udpos/qaa.json"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_file_edited_by_hand_is_found_by_the_job_that_reads_it(run: Checkout, tmp_path: Path, what: str) -> None:
    path, output = DAMAGED[what]
    twin = run.twin(tmp_path / "twin")
    content = bytearray((twin.folder / path).read_bytes())
    content[len(content) // 2] ^= 1
    (twin.folder / path).write_bytes(content)
    # its reader runs anew because its own result is lost too
    (twin.folder / output).unlink()
    for receipt in (twin.folder / output).parent.glob(".receipt*.json"):
        receipt.unlink()
    printed = twin.snakemake(output, check=False)
    errors = [line for line in printed.splitlines() if line.strip().startswith("error: ")]
    assert errors, printed[-3000:]
    assert f"{path}: found SHA-256" in errors[0] and "changed since it was made" in errors[0]


def test_a_score_edited_by_hand_reaches_no_table(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    name = "results/tiny/scores/tiny/none/udpos/1/udpos/en.json"
    text = (twin.folder / name).read_text()
    assert '"f1":' in text
    (twin.folder / name).write_text(text.replace('"f1":', '"f1":9', 1))
    printed = twin.snakemake("tables", check=False)
    errors = [line for line in printed.splitlines() if line.strip().startswith("error: ")]
    assert errors and f"{name}: found content that does not fit its seal" in errors[0]


def test_a_damaged_result_is_made_again_when_its_job_runs(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    name = f"{UDPOS}/head.safetensors"
    whole = (twin.folder / name).read_bytes()
    (twin.folder / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    (twin.folder / UDPOS / "manifest.json").unlink()
    twin.snakemake(f"{UDPOS}/manifest.json")
    assert (twin.folder / name).read_bytes() == whole, "the same bytes as before"


def test_a_lost_manifest_costs_no_training(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    manifest = twin.folder / UDPOS / "manifest.json"
    before, weights = manifest.read_bytes(), (manifest.parent / "model.safetensors").stat()
    manifest.unlink()
    twin.snakemake(f"{UDPOS}/manifest.json")
    assert manifest.read_bytes() == before
    assert (manifest.parent / "model.safetensors").stat().st_mtime_ns == weights.st_mtime_ns
    assert twin.plan() == set(), "the same manifest, so nothing follows from it"


def test_the_folder_of_the_data_may_move(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    generated = next((twin.folder / "results/store/origins").iterdir())
    first, second = tmp_path / "mirror", tmp_path / "elsewhere" / "mirror"
    shutil.copytree(generated, first)
    shutil.rmtree(generated)
    overlay = "data: {origin: mirror}\nmirror: "
    with twin.edited(
        "tests/tiny.yaml",
        ("sources: [none, mnli]\n", ""),
        ("tasks: [xnli, udpos, xquad, mlqa, tatoeba]\n", ""),
        ("languages: [en, qaa]\npre", "pre"),
    ):
        settings = twin.folder / "tests/tiny.yaml"
        base = settings.read_text()
        settings.write_text(f"{base}{overlay}{first}\n")
        wanted = "results/tiny/predictions/tiny/none/none/1/tatoeba/manifest.json"
        twin.snakemake(wanted)
        assert twin.plan(wanted) == set()
        second.parent.mkdir()
        first.rename(second)
        settings.write_text(f"{base}{overlay}{second}\n")
        assert twin.plan(wanted) == set(), "moved"
        labels = second / "targets/tatoeba/v1/tatoeba.qaa-eng.qaa"
        before, dates = labels.read_bytes(), labels.stat()
        os.utime(labels)
        assert twin.plan(wanted) == set(), "touched"
        labels.write_bytes(before.swapcase())
        os.utime(labels, ns=(dates.st_atime_ns, dates.st_mtime_ns))
        assert twin.plan(wanted) >= {"prepare/tatoeba/qaa"}, "another content of the same size and date"
        labels.write_bytes(before)
        grown = second / "targets/tatoeba/v1/tatoeba.qaa-eng.qaa"
        grown.write_text(grown.read_text() + "\n")
        assert twin.plan(wanted) >= {"prepare/tatoeba/qaa"}, "a file that grew"
        settings.write_text(base + "data: {origin: world}\n")


def test_a_users_own_encoder_is_watched_by_content(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    own = tmp_path / "own"
    own.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(twin.folder / "results/tiny/models/tiny" / name, own / name)
    wanted = "results/tiny/models/tiny/my/none/1/manifest.json"
    with twin.edited("tests/tiny.yaml", ("sources: [none, mnli]", f"sources: [none, {{my: {{encoder: {own}}}}}]")):
        twin.snakemake(wanted)
        assert twin.plan(wanted) == set()
        time.sleep(1.1)
        touch_everything(own)
        assert twin.plan(wanted) == set()
        weights = bytearray((own / "model.safetensors").read_bytes())
        weights[-1] ^= 1
        (own / "model.safetensors").write_bytes(weights)
        assert twin.plan(wanted) == {"adopt_source/tiny/my/1"}
        twin.snakemake(wanted)
        assert (twin.folder / wanted).with_name("model.safetensors").read_bytes() == weights


def test_every_module_that_a_job_imports_belongs_to_its_digest(run: Checkout) -> None:
    jobs = Jobs(load(read_layers(ROOT, [ROOT / name for name in CONFIGURATION])), ROOT)
    checked = set()
    for rule, *wildcards in jobs.every():
        if rule == "score":
            probe = run.probe(str(jobs.score(*wildcards)).replace("/scores/", "/specs/score/"))
        else:
            probe = run.probe(jobs.spec(rule, *wildcards))
        if probe is None:
            continue
        known = {*modules_behind(ROOT / f"workflow/scripts/{rule}.py", opened_by_name(jobs, rule, *wildcards))}
        missed = probe[0] - MACHINERY - known - HEAVY
        assert not missed, f"{rule} {wildcards}: {sorted(missed)}"
        checked.add(rule)
    assert checked >= PIPELINE | {"collect_scores", "table_main", "figure_differences"}


def test_what_trains_and_predicts_has_no_tokenizer_and_what_tokenises_nothing_else(run: Checkout) -> None:
    imported: dict[str, set[str]] = {}
    for spec in run.declared():
        rule, probe = spec.split("/specs/")[1].split("/")[0], run.probe(spec)
        assert probe is not None
        imported.setdefault(rule, set()).update(probe[0] & HEAVY)
    assert imported["featurise"] == {"tokenizers"}
    assert [imported[rule] for rule in ("train_intermediate", "train_target", "predict")] == [{"torch"}] * 3


def test_a_run_of_another_name_tokenises_nothing_anew(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    entries = {path: path.stat().st_mtime_ns for path in twin.folder.glob("results/store/features/*/manifest.json")}
    changes = ("run: tiny\n", "run: other\n"), ("{batch_size: 16, epochs: 2}", "{batch_size: 8, epochs: 1}")
    with twin.edited("tests/tiny.yaml", *changes):
        twin.snakemake("results/other/features/tiny/pretrained/target/udpos/manifest.json")
    found = twin.folder / "results/other/features/tiny/pretrained/target/udpos"
    assert (found / "train.safetensors").stat().st_nlink > 1, "a second name"
    assert (
        "train: in the store, "
        in (twin.folder / "results/other/logs/featurise/tiny/pretrained/target/udpos.log").read_text()
    )
    assert {path: path.stat().st_mtime_ns for path in entries} == entries
    assert len(list(twin.folder.glob("results/store/features/*/manifest.json"))) == len(entries)


def test_features_damaged_in_run_and_store_are_made_again(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    place = twin.folder / FEATURES / "target/udpos"
    whole, digest = (place / "train.safetensors").read_bytes(), read_json(place / "manifest.json")["digest"]
    for path in (place, *twin.folder.glob("results/store/features/*")):
        if (path / "train.safetensors").is_file() and (path / "train.safetensors").read_bytes() == whole:
            os.truncate(path / "train.safetensors", len(whole) // 2)
    (place / "manifest.json").unlink()
    twin.snakemake(f"{FEATURES}/target/udpos/manifest.json")
    assert (place / "train.safetensors").read_bytes() == whole
    assert read_json(place / "manifest.json")["digest"] == digest, "the same bytes: what follows has no work"


def test_every_file_that_a_job_reads_is_one_of_its_inputs(run: Checkout) -> None:
    undeclared = {}
    checked = set()
    for spec, (inputs, outputs) in run.declared().items():
        probe = run.probe(spec)
        assert probe is not None, spec
        folders = {Path(name).parent for name in inputs | outputs if name.endswith("/manifest.json")}
        trees = [Path("results/store/code")]  # what was planned, with which each job compares its code
        trees += [Path("results/store/features")] if "/featurise/" in spec else []  # it looks there by content
        trees += [folder for folder in folders if folder.parent.name == "origins"]  # a generated world
        trees += (
            [Path("results/tiny/scores")] if "results/tiny/tables/seals.json" in inputs else []
        )  # of these it checks
        missed = [
            name
            for name in sorted(probe[1] - inputs - outputs - {spec})
            if Path(name).parent not in folders and not any(Path(name).is_relative_to(tree) for tree in trees)
        ]
        if missed:
            undeclared[spec] = missed[:3]
        checked.add(spec.split("/specs/")[1].split("/")[0])
    assert undeclared == {}
    assert checked >= PIPELINE | {"collect_scores", "table_main", "figure_differences"}
