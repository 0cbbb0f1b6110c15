"""`xstilts trace` on a finished run: from a number to all that it was made of, each file checked on the way."""

import json
from pathlib import Path

import pandas as pd
import pytest
from checkout import CONFIGURATION, Checkout

pytestmark = pytest.mark.slow
TABLES = "results/tiny/tables"


def test_a_number_of_the_main_table_leads_back_to_data_settings_and_machine(run: Checkout) -> None:
    text = run.xstilts("trace", f"{TABLES}/main.md", "--row", "mnli", "--column", "xquad_f1")
    table = pd.read_csv(run.folder / TABLES / "main.csv").set_index("source")
    assert text.startswith(f"{TABLES}/main.csv, row mnli, column xquad_f1: {table.loc['mnli', 'xquad_f1']:.6f}\n")
    assert "none: over the same" in text, "a difference names what it is taken from"
    assert "\n  recipe    tiny\n" in text
    for source in ("none", "mnli"):
        assert f"results/tiny/scores/tiny/{source}/squad/1/xquad/qaa.json  whole" in text
        assert f"checkpoint  results/tiny/models/tiny/{source}/squad/1\n" in text
        made = json.loads((run.folder / f"results/tiny/models/tiny/{source}/squad/1/manifest.json").read_text())
        weights = made["files"]["model.safetensors"]
        assert f"model.safetensors  {weights['bytes']:,} bytes  sha256 {weights['sha256'][:16]}  whole" in text
        assert f"made      {made['made']['finished']} in {made['made']['seconds']:,} s" in text
    assert "encoder  results/tiny/models/tiny/mnli/none/1\n" in text and "encoder  results/tiny/models/tiny\n" in text
    settings = made["spec"]["settings"]
    assert f"learning_rate {settings['learning_rate']}, " in text
    assert f"parts.squad.batch_size {settings['parts'][0]['batch_size']}, " in text
    for data in ("xquad/en", "xquad/qaa", "squad/en", "mnli/en"):
        assert f"/{data}\n" in text
    assert "read from targets/xquad/xquad.qaa.json  sha256 " in text
    assert "cpu, x86_64; threads 1" in text


def test_an_average_lists_its_parts(run: Checkout) -> None:
    text = run.xstilts("trace", f"{TABLES}/main_test.csv", "--row", "mnli", "--column", "avg_available")
    table = pd.read_csv(run.folder / TABLES / "main_test.csv").set_index("source").loc["mnli"]
    parts = {
        line.split()[0]: float(line.split()[1])
        for line in text.split("\n\n")[0].splitlines()
        if line.startswith("    ")
    }
    assert set(parts) == {"xnli", "udpos", "xquad", "mlqa", "tatoeba"}
    assert sum(parts.values()) / len(parts) == pytest.approx(table["avg_available"], abs=1e-5)
    assert parts["xquad"] == pytest.approx((table["xquad_f1"] + table["xquad_em"]) / 2, abs=1e-5)


@pytest.mark.parametrize(
    ("table", "row", "column"),
    [
        ("scores.csv", "mnli,udpos,qaa,dev", "value"),
        ("languages.csv", "none,udpos", "gap"),
        ("languages/udpos.csv", "qaa", "mnli"),
        ("languages/mlqa_f1.md", "mean_without_english", "none"),
    ],
)
def test_every_kind_of_table_can_be_followed(run: Checkout, table: str, row: str, column: str) -> None:
    text = run.xstilts("trace", f"{TABLES}/{table}", "--row", row, "--column", column)
    assert "  whole\n" in text and "checkpoint  results/tiny/models/tiny/" in text


def test_what_is_not_known_is_refused_with_what_is(run: Checkout) -> None:
    main = f"{TABLES}/main.csv"
    assert "known source: none mnli" in run.xstilts("trace", main, "--row", "mlni", "--column", "xnli", status=2)
    assert "known: source xnli" in run.xstilts("trace", main, "--row", "mnli", "--column", "xnlo", status=2)
    text = run.xstilts("trace", f"{TABLES}/scores.csv", "--row", "mnli,udpos", "--column", "value", status=2)
    assert "language: en qaa; split: dev test" in text
    assert "main.csv" in run.xstilts("trace", f"{TABLES}/mein.csv", "--row", "x", "--column", "y", status=2)


def test_a_file_edited_by_hand_is_named(run: Checkout, tmp_path: Path) -> None:
    twin = run.twin(tmp_path / "twin")
    where = ("trace", f"{TABLES}/main.csv", "--row", "none", "--column", "udpos")
    prediction = twin.folder / "results/tiny/predictions/tiny/none/udpos/1/udpos/dev-qaa.tsv"
    prediction.write_text(prediction.read_text().replace("NOUN", "VERB", 1))
    text = twin.xstilts(*where, status=1)
    assert "dev-qaa.tsv" in text.splitlines()[-1] and "changed since it was made" in text.splitlines()[-1]
    scores = twin.folder / "results/tiny/scores/tiny/none/udpos/1/udpos/qaa.json"
    scores.write_text(scores.read_text().replace('"examples":', '"examples": 1', 1))
    assert "udpos/qaa.json: found content that does not fit its seal" in twin.xstilts(*where, status=1)
    main = twin.folder / TABLES / "main.csv"
    value = main.read_text().splitlines()[1].split(",")[2]
    main.write_text(main.read_text().replace(value, "99.9", 1))
    assert "found 99.9 at none, udpos; expected" in twin.xstilts(*where, status=2)


def test_a_chosen_learning_rate_leads_to_the_training_that_has_it(run: Checkout, tmp_path: Path) -> None:
    twin = Checkout(run.twin(tmp_path / "twin").folder, (*CONFIGURATION, "rates.yaml"))
    (twin.folder / "rates.yaml").write_text("target: {rates: [1.0e-3, 2.0e-3]}\n")
    part = ("sources=none,none-tuned", "tasks=udpos", "languages=en")
    twin.snakemake(f"{TABLES}/scores.csv", "--config", *part)
    models = "results/tiny/models/tiny"
    chosen = json.loads((twin.folder / models / "none-tuned/udpos/1/manifest.json").read_text())["results"]
    text = twin.xstilts("trace", f"{TABLES}/scores.csv", "--row", "none-tuned,en,dev", "--column", "value")
    rate = chosen["learning_rate"]
    other = 0.003 - rate
    assert f"checkpoint  {models}/none-tuned/udpos/1\n" in text
    assert f"checkpoint  {models}/none@{rate}/udpos/1\n" in text and f"settings  learning_rate {rate}, " in text
    assert f"none@{other}/udpos/1\n" not in text, "the one that was not chosen stands behind nothing"
    assert f"encoder  {models}\n" in text and "features  results/tiny/features/tiny/pretrained/target/udpos\n" in text
