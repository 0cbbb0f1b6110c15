"""The paper's data and models as a first user gets them: by the workflow's own jobs, from servers on loopback.

The Hub and the archives hold a tiny twin of everything that the configuration names, under the real names and in the
real form. What stays empty is said with its reason, and nothing else stays empty.
"""

import os
import subprocess
import sys
from pathlib import Path

import hub_repositories
import pytest
import upstream_archives
import upstream_server
import wikipedia_twin
import yaml
from checkout import ROOT, Checkout, check_out
from hub_server import running_hub
from test_pins import encoder
from tiny_translator import write_translator

from xstilts.config.run import load
from xstilts.data.fetching import hub_sets, upstream, wikipedia
from xstilts.data.registry import dataset
from xstilts.errors import UserError
from xstilts.files import read_json
from xstilts.graph.jobs import Jobs
from xstilts.modeling.fetch import fetch_encoder

pytestmark = pytest.mark.slow

NOBODY = "http://127.0.0.1:9"  # no server listens there
ENCODERS = ("FacebookAI/xlm-roberta-large", "FacebookAI/xlm-roberta-base", "intfloat/multilingual-e5-small")
TRANSLATOR = "google/madlad400-3b-mt"
ORIGIN = Path("results/store/origins/public")
CATALOGUE = "src/xstilts/data/fetching/upstream.yaml"
JOBS = Jobs(load(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))), ROOT)
PAPER = JOBS.downloads()
ONLY_ARCHIVES = ("udpos", "bucc2018", "tatoeba")
WITH_TEXT = (
    "rows anli+mlm, mnli+mlm, qqp+mlm, squad+mlm, squad2+mlm, hellaswag+mlm, ccg+mlm, cosmosqa+mlm, csqa+mlm, multi+mlm"
)
NO_CCG = ["row ccg", "left out of multi: ccg", "row ccg+mlm", "left out of multi+mlm: ccg"]

# The jobs that read what was fetched, and those that fetch raw text, by their own functions and with their own specs,
# but in one process: a process each takes minutes for what takes seconds. Then what `xstilts doctor` says of the rows
# and columns.
PREPARE = """
import importlib.util, sys
from pathlib import Path
from xstilts.commands.doctor import configuration
from xstilts.data.fetching.raw_text import fetch_text
from xstilts.data.rows.text_sample import sample_text
from xstilts.doctor.contents import empty
from xstilts.graph.inputs import read_by
from xstilts.graph.jobs import Jobs
from xstilts.script import run_artifact_job

def job(make, rule, output, *wildcards):
    data = map(str, read_by(jobs, rule, *wildcards))
    argv = ["--spec", str(jobs.spec(rule, *wildcards)), "--output", str(output), "--data", *data]
    run_artifact_job(make, rule, offline=False, argv=argv)

loaded = importlib.util.spec_from_file_location("prepare", "workflow/scripts/prepare.py")
prepare = importlib.util.module_from_spec(loaded)
loaded.loader.exec_module(prepare)
jobs = Jobs(configuration(sys.argv[1], {}), Path.cwd())
for name, language in jobs.prepared():
    if jobs.is_fetched_text(name, language):
        job(fetch_text, "fetch_text", jobs.text_in(language), language)
        Path("prepared").open("a").write(f"{jobs.text_in(language)}\\n")
    elif not jobs.is_translated_here(name, language):
        spec, made = jobs.spec("prepare", name, language), jobs.data(name, language)
        downloads = map(str, jobs.download_of(name, language))
        sys.argv[1:] = ["--spec", str(spec), "--origin", str(jobs.world.parent), "--output", str(made)]
        sys.argv += ["--download", *downloads]
        prepare.main()
        Path("prepared").open("a").write(f"{made}\\n")
job(sample_text, "sample_text", jobs.text)
print("\\n".join(finding.text for finding in empty(jobs)))
"""


def project(folder: Path, archives: upstream.Catalogue, **changes: object) -> Checkout:
    """Return a copy of the checkout with its archives there, a registry that forgets sizes, and no pauses."""
    copy = check_out(folder)
    hub_repositories.forget_sizes(copy.folder / "src/xstilts/data/datasets.yaml")
    entries = {
        name: [{key: _plain(value) for key, value in vars(one).items() if value} for one in known]
        for name, known in archives.items()
    }
    (copy.folder / CATALOGUE).write_text(yaml.safe_dump(entries), encoding="utf-8")
    waits = copy.folder / "src/xstilts/data/fetching/download.py"
    text = waits.read_text(encoding="utf-8")
    assert text.count("FIRST_PAUSE = 1.0") == 1
    waits.write_text(text.replace("FIRST_PAUSE = 1.0", "FIRST_PAUSE = 0.0"), encoding="utf-8")
    (copy.folder / "paper.yaml").write_text(yaml.safe_dump({"run": "paper", **changes}), encoding="utf-8")
    return Checkout(copy.folder, ("paper.yaml",))


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, dict) else value


def fetched(run: Checkout, *more: str) -> dict[str, dict]:
    """Fetch all data sets of the run through Snakemake; return what each download says of itself."""
    run.snakemake(*(str(ORIGIN / name / "manifest.json") for name in PAPER), *more)
    return {name: read_json(run.folder / ORIGIN / name / "manifest.json")["results"] for name in PAPER}


def prepared(run: Checkout, lacking: tuple[str, ...] = ()) -> list[str]:
    """Prepare all data of the run, and draw the raw text; return what stays empty.

    Snakemake plans no job anew but where data lack.
    """
    environment = os.environ | {"PYTHONPATH": str(run.folder / "src"), "XSTILTS_STORE": "results/store"}
    command = [sys.executable, "-c", PREPARE, "paper.yaml"]
    done = subprocess.run(command, cwd=run.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    made = (run.folder / "prepared").read_text(encoding="utf-8").split()
    assert {Path(path).parts[-3] for path in made} == {*PAPER, "ccg", "text"}
    planned = [job.split("/") for job in run.plan(*made)]
    assert {"text" if rule == "fetch_text" else name for rule, name, *_ in planned} == {*lacking}
    return done.stdout.splitlines()


def doctor(run: Checkout) -> str:
    """Return what `xstilts doctor --fetch-heads` says, whatever else keeps this machine from the run."""
    command = [sys.executable, "-m", "xstilts.cli", "doctor", "--run", "paper.yaml", "--fetch-heads"]
    environment = os.environ | {"PYTHONPATH": str(run.folder / "src")}
    return subprocess.run(command, cwd=run.folder, env=environment, capture_output=True, text=True).stdout


def hidden(folder: Path, seed: int) -> dict[str, bytes]:
    """Return an encoder's repository: beside what a run takes, weights that are never opened, and a page."""
    folder.mkdir()
    settings = b'{"model_max_length": 512}'
    return encoder(folder, seed) | {
        "tokenizer_config.json": settings,
        "pytorch_model.bin": b"pickled",
        "README.md": b"a page",
    }


def translator(folder: Path) -> Path:
    return write_translator(folder, ["A man sits.", "Ada wrote notes."])


def test_the_hub_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = {
        name: tuple(upstream.Archive(**vars(one) | {"url": f"{NOBODY}/{one.name}", "also": ()}) for one in known)
        for name, known in upstream.load().items()
    }
    with running_hub(monkeypatch) as hub:
        hub_repositories.publish(hub)
        wikipedia_twin.publish(hub)
        for number, name in enumerate(ENCODERS):
            hub.put(f"models/{name}", **hidden(tmp_path / str(number), number))
        made = translator(tmp_path / "translator")
        hub.put(f"models/{TRANSLATOR}", **{path.name: path.read_bytes() for path in made.iterdir()})
        run = project(tmp_path / "project", nobody)
        run.snakemake("lock")
        pins = yaml.safe_load((run.folder / "config/lock.yaml").read_text(encoding="utf-8"))
        data = {entry.repository for name, entry in hub_sets.load().items() if name in PAPER}
        assert {*pins} == {*data, wikipedia.REPOSITORY, ENCODERS[0], TRANSLATOR}
        page = doctor(run)
        assert f"ok       {ENCODERS[0]}: " in page and "ok       xnli: facebook/xnli: 30 files, " in page
        assert f"ok       text: {wikipedia.REPOSITORY}: 40 files, " in page
        assert f"warning  bucc2018: {NOBODY}/bucc2018-de-en.sample-gold.tar.bz2: no" in page
        weights = "results/paper/models/xlm-roberta-large/manifest.json"
        whole = fetched(run, weights, "fetch_translator", str(JOBS.text_in("th")))
        for name in ENCODERS[1:]:
            assert "model.safetensors" in fetch_encoder(tmp_path / "fetched" / name, name, None).files
        for name, found in whole.items():
            expected = {} if name in ONLY_ARCHIVES else dict.fromkeys(dataset(name).languages, "hub")
            assert found["from"] == expected, (name, found["reason"])
            assert bool(found["reason"]) == (name in ONLY_ARCHIVES)
        empty = prepared(run, ONLY_ARCHIVES)
    columns = ["columns of udpos", *(f"column {name}" for name in ONLY_ARCHIVES)]
    assert [line.split(": empty")[0].split(" (")[0] for line in empty] == [*NO_CCG, *columns]
    reasons = {name: line for line in empty for name in ONLY_ARCHIVES if line.startswith(f"column {name}: empty (")}
    assert {*reasons} == {*ONLY_ARCHIVES}, "in every language"
    assert all("no connection" in line or "did not answer" in line for line in reasons.values())
    assert "CCGbank is sold by the LDC" in empty[0]
    sample = read_json(run.folder / "results/paper/text/mlm/manifest.json")["results"]
    assert {*sample["sentences"]} == {*wikipedia_twin.SENTENCES} and sample["absent"] == {}
    texts = [read_json(run.folder / JOBS.text_in(code))["results"] for code in wikipedia_twin.SENTENCES]
    assert sample["fetched"] == sum(found["bytes"]["used"] for found in texts) > 40 * 1000
    assert all({*corpora} == {"wikipedia"} for corpora in sample["sentences"].values())
    assert sum(sample["sentences"]["en"].values()) > sum(sample["sentences"]["de"].values()), "of three files, not one"


def test_the_archives_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Hub answers: the encoder and the translation model are folders."""
    monkeypatch.setenv("HF_ENDPOINT", NOBODY)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    (tmp_path / "encoder").mkdir()
    encoder(tmp_path / "encoder", 0)
    places = {"encoders": {"xlm-roberta-large": {"weights": str(tmp_path / "encoder")}}}
    places["translation"] = {"model": str(translator(tmp_path / "translator"))}
    with upstream_server.running() as server:
        run = project(tmp_path / "project", upstream_archives.publish(server), **places)
        assert "no connection" in run.snakemake("lock", check=False)
        whole = fetched(run)
    for name, found in whole.items():
        assert found["from"] == dict.fromkeys(dataset(name).languages, "archives"), (name, found["reason"])
    empty = prepared(run, ("text",))
    assert [line.split(": empty")[0].split(" (")[0] for line in empty] == [*NO_CCG, WITH_TEXT]
    assert "wikimedia/wikipedia in af is not pinned in config/lock.yaml" in empty[-1]


def test_an_encoder_whose_weights_are_pickled_is_refused_with_the_command_that_converts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "nreimers/mMiniLMv2-L12-H384-distilled-from-XLMR-Large"
    with running_hub(monkeypatch) as hub:
        files = hidden(tmp_path / "twin", 0)
        del files["model.safetensors"]
        hub.put(f"models/{name}", **files)
        with pytest.raises(UserError, match=f"xstilts convert {name} FOLDER"):
            fetch_encoder(tmp_path / "fetched", name, None)
