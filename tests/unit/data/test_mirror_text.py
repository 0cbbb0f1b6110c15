"""The raw text of a mirror: `xstilts mirror DIR --only text` from a Hub on loopback."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import wikipedia_twin
from hub_server import Hub, running_hub
from mirror_folder import files
from upstream_server import status

from xstilts.cli import main
from xstilts.data.fetching import wikipedia
from xstilts.data.prepare import prepare
from xstilts.files import read_json, read_jsonl

REPOSITORY = "datasets/wikimedia/wikipedia"
PLACES = {f"text/wikipedia/{code}.txt" for code in wikipedia.LANGUAGES}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("xstilts.data.fetching.mirror.fill.__defaults__", (lambda line: None, 0.0))
    with running_hub(monkeypatch) as server:
        wikipedia_twin.publish(server)
        yield server


def fetch(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["mirror", "mirror", "--only", "text"])
    return code, capsys.readouterr().out


def test_a_mirror_gets_the_text_of_every_language_once(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = fetch(capsys)
    assert code == 0 and "text           40         40" in said
    assert files(Path("mirror")) == PLACES | {wikipedia.SIZES} and not Path("mirror/.archives").exists()
    text = Path("mirror/text/wikipedia/en.txt").read_text(encoding="utf-8")
    assert text.startswith("\n".join(wikipedia_twin.SENTENCES["en"]) + "\n\n"), "a blank line between paragraphs"
    sizes = wikipedia.sizes_in(Path("mirror"), ["en", "de", "yo"])
    content = {
        code: hub.repositories[REPOSITORY][f"20231101.{code}/train-00000-of-00001.parquet"] for code in ("de", "yo")
    }
    assert {code: sizes[code] for code in content} == {code: len(found) for code, found in content.items()}
    assert sizes["en"] > 2 * sizes["de"], "of three files"
    made = prepare("text", "en", Path("mirror"), Path("rows"))
    passages = [row["passage"] for row in read_jsonl(Path("rows/train.jsonl"))]
    assert made["rows"] == {"train": 36} and passages == [n // 3 for n in range(36)]
    hub.asked.clear()
    assert fetch(capsys)[0] == 0 and hub.asked == []
    Path("mirror/text/wikipedia/yo.txt").write_text("damaged\n", encoding="utf-8")
    assert fetch(capsys)[0] == 0
    assert {what.split("/")[-2] for what, _ in hub.asked if "/cdn/" in what} == {"20231101.yo"}
    assert "damaged" not in Path("mirror/text/wikipedia/yo.txt").read_text(encoding="utf-8")


def test_what_failed_is_named_and_the_next_call_fetches_only_that_from_the_same_commit(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    commit = hub.commit(REPOSITORY)
    name = "20231101.sw/train-00000-of-00001.parquet"
    hub.next[f"/cdn/{REPOSITORY}/{commit}/{name}"] += [status(503)] * 5
    code, said = fetch(capsys)
    assert code == 1 and "text in sw: wikimedia/wikipedia/20231101.sw/" in said and "answered 503" in said
    assert files(Path("mirror")) == PLACES - {"text/wikipedia/sw.txt"} | {wikipedia.SIZES}
    hub.put(REPOSITORY, **{name: b"another"})
    hub.asked.clear()
    assert fetch(capsys)[0] == 0
    record = read_json(Path("mirror/mirror.json"))["text"]
    assert record["archives"].keys() == {
        f"wikimedia/wikipedia/{one} at {commit}" for one in hub.history[REPOSITORY, commit] if "/train-00000" in one
    }
    assert len([what for what, _ in hub.asked if "/cdn/" in what]) == 1 and record["missing"] == []


def test_text_from_elsewhere_is_left_alone(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    own = {"text/wikipedia/de.txt": "Ein eigener Satz.\n", "text/bible/yo.tsv": "Gen 1:1\tNí\n"}
    for place, text in own.items():
        Path("mirror", place).parent.mkdir(parents=True, exist_ok=True)
        Path("mirror", place).write_text(text, encoding="utf-8")
    assert fetch(capsys)[0] == 0
    assert {place: Path("mirror", place).read_text(encoding="utf-8") for place in own} == own
    assert files(Path("mirror")) == {*PLACES, *own, wikipedia.SIZES}
    assert "de" not in wikipedia.sizes_in(Path("mirror"), wikipedia.LANGUAGES), "its size is what is there"


def test_without_the_packages_the_text_is_missing_with_the_command_that_brings_them(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'huggingface_hub', 'pyarrow', 'sentencex'}:\n"
        "            raise ImportError(f'No module named {name!r}')\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from xstilts.cli import main\n"
        "sys.exit(main(['mirror', sys.argv[1], '--only', 'text']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "mirror")], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "No module named 'huggingface_hub'" in done.stdout and "pip install '.[text]'" in done.stdout
