"""Languages of a task: each is predicted once, and again only when what it was made from or what it made is other."""

from pathlib import Path

import pytest
import transformers
from encoder_jobs import Made, retrieval
from family_tokenizers import LINES

from xstilts.errors import DataError
from xstilts.files import read_json, write_json
from xstilts.modeling.fetch import fetch_model
from xstilts.prediction.languages import predict_task

CODES = ("de", "fr", "sw")


class Task:
    """Tatoeba in some languages with a small encoder; a job of it says which languages it had to predict."""

    def __init__(self, folder: Path) -> None:
        upstream = folder / "upstream"
        pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set("".join(LINES)) - {" "})]
        config = transformers.BertConfig(
            num_hidden_layers=2, hidden_size=16, num_attention_heads=2, intermediate_size=32, vocab_size=len(pieces)
        )
        transformers.BertModel(config).save_pretrained(upstream)
        (upstream / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
        write_json(upstream / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer"})
        self.made = Made(folder, upstream)
        self.encoder = self.made.make(fetch_model, "encoder", "fetch_model", "m")
        self.folder = folder / "predicted"
        rows = [row | {"language": "en"} if row["side"] == "english" else row for row in retrieval()]
        self.data = {}
        for code in CODES:
            path = self.made.data("tatoeba", test=rows)
            path.parent.rename(path.parent.with_name(code))
            self.data[code] = path.parent.with_name(code) / path.name
        given = {f"tatoeba__{code}": path for code, path in self.data.items()}
        self.features = self.made.features("task", "tatoeba", self.encoder, **given)

    def predict(self, *codes: str) -> None:
        for name in ("manifest.json", ".receipt.json"):  # so that the job runs; Snakemake removes the first
            (self.folder / name).unlink(missing_ok=True)
        data = {f"tatoeba/{code}": self.data[code] for code in codes}
        given = {"model": self.encoder.path, "features": self.features} | data
        self.made.make(predict_task, "predicted", "predict", "m", "none", "none", 1, "tatoeba", **given)

    def predicted(self, capsys: pytest.CaptureFixture[str], *codes: str) -> list[str]:
        capsys.readouterr()
        self.predict(*codes)
        said = capsys.readouterr().err.splitlines()
        return [line.partition(":")[0] for line in said if line.endswith(" examples")]


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(tmp_path)


def test_a_language_is_predicted_again_only_when_it_is_not_there_as_it_was_made(task: Task, capsys) -> None:
    assert task.predicted(capsys, "de", "fr") == ["de", "fr"]
    assert task.predicted(capsys, "de", "fr", "sw") == ["sw"], "a further language"
    whole = {path.name: path.read_bytes() for path in task.folder.glob("test-*.tsv")}
    assert [*sorted(whole)] == [f"test-{code}.tsv" for code in CODES]
    assert task.predicted(capsys, "fr") == [] and task.predicted(capsys, *CODES) == [], "kept though not asked for"
    (task.folder / "test-fr.tsv").write_text("edited")
    assert task.predicted(capsys, *CODES) == ["fr"]
    (task.folder / "test-sw.tsv").unlink()
    assert task.predicted(capsys, *CODES) == ["sw"]
    receipt = task.folder / ".receipt-de.json"
    receipt.write_text(receipt.read_text().replace('"bytes": ', '"bytes": 1'))
    assert task.predicted(capsys, *CODES) == ["de"], "a record that does not fit its seal is none"
    receipt.write_text(receipt.read_text()[:-20])
    assert task.predicted(capsys, *CODES) == ["de"], "nor is half a one"
    assert {path.name: path.read_bytes() for path in task.folder.glob("test-*.tsv")} == whole


def test_answers_of_the_same_weights_are_taken_over_and_others_are_made(task: Task, capsys) -> None:
    assert task.predicted(capsys, "de", "fr") == ["de", "fr"]
    first = task.folder / "manifest.json"
    given = {"model": task.encoder.path, "features": task.features, "like": first}
    given |= {f"tatoeba/{code}": task.data[code] for code in CODES}
    capsys.readouterr()
    other = task.made.make(predict_task, "other", "predict", "m", "none", "none", 2, "tatoeba", **given)
    assert "sw: " in (said := capsys.readouterr().err) and "1 of 3 languages needed forward passes" in said
    work, english = other.content["made"]["work"], read_json(task.folder / ".receipt-de.json")["work"]
    assert work["languages"] == 1 and work["examples"] == english["examples"], "the others are the first one's work"
    for code in ("de", "fr"):
        assert (other.folder / f"test-{code}.tsv").read_bytes() == (task.folder / f"test-{code}.tsv").read_bytes()
    assert set(other.content["files"]) == {f"test-{code}.tsv" for code in CODES}

    rows = [row | {"id": f"x{row['id']}"} for row in retrieval()]
    task.data["de"] = task.made.data("tatoeba", test=rows)  # other data: another key
    given["tatoeba/de"] = task.data["de"]
    capsys.readouterr()
    task.made.make(predict_task, "third", "predict", "m", "none", "none", 3, "tatoeba", **given)
    assert "fr: " not in (said := capsys.readouterr().err) and "de: " in said


def test_what_was_done_before_a_job_died_is_not_done_again(task: Task, capsys) -> None:
    rows = task.data["fr"].with_name("test.jsonl")
    whole = rows.read_bytes()
    rows.write_bytes(whole[:-1])
    with pytest.raises(DataError, match=r"fr/test.jsonl: found SHA-256"):
        task.predict("de", "fr")
    rows.write_bytes(whole)
    assert task.predicted(capsys, "de", "fr") == ["fr"]
    names = ("manifest.json", ".receipt-de.json", ".receipt-fr.json")
    manifest, first, second = (read_json(task.folder / name) for name in names)
    done = manifest["made"]["work"]
    assert done["languages"] == 1 and done["examples"] == 2 * first["work"]["examples"] > 0, "those of both attempts"
    assert done["seconds"] >= first["work"]["seconds"] + second["work"]["seconds"] > second["work"]["seconds"]
