"""Which raw text a run fetches, and how much of each language."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from xstilts.config.run import load
from xstilts.costs.work import Workload
from xstilts.data.fetching import lock, wikipedia
from xstilts.data.fetching.lock import Pin
from xstilts.files import write_json
from xstilts.graph.jobs import Jobs
from xstilts.graph.settings import settings_of
from xstilts.planning.origins import origins
from xstilts.planning.raw_text import text_lines

ROOT = Path(__file__).parents[3]
BASE = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
TEXT = BASE["intermediate"]["mlm"]
SIZES = {"en": 10_000_000_000, "de": 5_000_000_000, "yo": 10_000_000}


@pytest.fixture(autouse=True)
def no_pins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def planned(text: dict[str, Any] | None = None, **changes: Any) -> Jobs:
    part = {"sources": ["none", "mnli+mlm"], "tasks": ["xnli"], "seeds": [1]}
    intermediate = BASE["intermediate"] | {"mlm": TEXT | (text or {})}
    return Jobs(load(BASE | {"intermediate": intermediate} | part | changes), ROOT)


def pin(sizes: dict[str, int] = SIZES) -> None:
    """Pin languages whose first file holds at most 300 MB."""
    files = {f"20231101.{code}/train-00000-of-00009.parquet": f"{code:0>64}" for code in sizes}
    bytes_of = {wikipedia.all_files(code): size for code, size in sizes.items()}
    bytes_of |= {wikipedia.first_file(code): min(size, 300_000_000) for code, size in sizes.items()}
    lock.write({wikipedia.REPOSITORY: Pin(wikipedia.REPOSITORY, "c" * 40, files, bytes_of)})


def test_every_language_of_the_text_is_fetched_and_none_in_a_run_without_such_a_row() -> None:
    jobs = planned()
    assert jobs.fetched_texts() == TEXT["languages"]
    fetches = [job for job in jobs.every() if job[0] == "fetch_text"]
    assert fetches == [("fetch_text", code) for code in TEXT["languages"]]
    assert ("prepare", "text", "de") not in jobs.every() and "text" not in jobs.downloads()
    assert {jobs.text_in("de"), jobs.data("text", "de")} == {jobs.text_in("de")} <= jobs.from_hub()
    without = planned(sources=["none", "mnli"])
    assert without.fetched_texts() == [] and not [job for job in without.every() if "text" in job[0]]
    assert planned(data={"origin": "mirror"}).fetched_texts() == [], "a run that takes what a mirror has"


def test_english_text_alone_is_fetched_for_the_control() -> None:
    assert planned(sources=["none", "mnli", "mlm-en"]).fetched_texts() == ["en"]


def test_what_the_mirror_has_comes_from_there(tmp_path: Path) -> None:
    path = tmp_path / "mirror/text/bible/de.tsv"
    path.parent.mkdir(parents=True)
    path.write_text("Gen 1:1\tAm Anfang\n", encoding="utf-8")
    jobs = planned(mirror=str(tmp_path / "mirror"))
    assert jobs.fetched_texts() == [code for code in TEXT["languages"] if code != "de"]
    assert ("prepare", "text", "de") in jobs.every() and jobs.download_of("text", "de") == []
    assert settings_of(jobs, "prepare", "text", "de")["files"].keys() == {"text/bible/de.tsv"}


def test_a_share_is_of_the_sizes_that_are_pinned() -> None:
    pin()
    jobs = planned({"languages": [*SIZES, "sw"], "sentences": 100_000})
    weights = {code: size**0.3 for code, size in SIZES.items()}
    expected = {code: round(100_000 * weight / sum(weights.values())) for code, weight in weights.items()}
    settings = {code: settings_of(jobs, "fetch_text", code) for code in [*SIZES, "sw"]}
    assert {code: settings[code]["share"] for code in SIZES} == expected
    assert settings["yo"]["file"] == {
        "commit": "c" * 40,
        "name": "20231101.yo/train-00000-of-00009.parquet",
        "sha256": f"{'yo':0>64}",
        "bytes": SIZES["yo"],
    }
    assert settings["sw"] == {"language": "sw", "share": 0, "file": None}, "not pinned: the job says so"
    assert settings_of(jobs, "sample_text")["sizes"] == SIZES
    assert Workload(jobs).rows("text", "yo", "train") == (expected["yo"], "expected")


def test_a_run_with_other_shares_has_its_text_elsewhere() -> None:
    other = planned({"sentences": 1000})
    assert planned().text_in("de") != other.text_in("de")
    assert planned().text_in("de") == planned({"batch_size": 4}, seeds=[1, 2]).text_in("de")
    assert planned().spec("fetch_text", "de") != other.spec("fetch_text", "de")


def test_the_sizes_of_a_filled_mirror_are_those_of_what_it_was_filled_from(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    for code in ("en", "de"):
        (mirror / wikipedia.PLACE.format(language=code)).parent.mkdir(parents=True, exist_ok=True)
        (mirror / wikipedia.PLACE.format(language=code)).write_text("A line.\n", encoding="utf-8")

    def chosen() -> Jobs:
        return planned({"languages": ["en", "de", "yo"]}, mirror=str(mirror))

    assert "sizes" not in settings_of(chosen(), "sample_text"), "the lines are the text"
    write_json(mirror / wikipedia.SIZES, SIZES)
    pin()
    assert settings_of(chosen(), "sample_text")["sizes"] == SIZES, "yo is fetched, and its size pinned"


def test_the_plan_has_the_bytes_of_the_text() -> None:
    jobs = planned({"languages": ["en", "yo"], "sentences": 100_000})
    assert text_lines(planned(sources=["none", "mnli"])) == []
    assert text_lines(jobs) == [
        "2 languages: about 12.8 MB to read by range requests (120 bytes a sentence, assumed); 2 languages not pinned "
        "yet (make lock), taken as equal shares"
    ]
    pin({"en": 10_000_000_000, "yo": 1_000_000})
    jobs = planned({"languages": ["en", "yo"], "sentences": 100_000})
    assert settings_of(jobs, "fetch_text", "en")["share"] == 94_065
    assert text_lines(jobs) == [
        "2 languages: about 12.8 MB to read by range requests (120 bytes a sentence, assumed), of files of 301.0 MB"
    ]
    (found,) = [one for one in origins(jobs, Workload(jobs)) if (one.name, one.language) == ("text", "en")]
    assert "about 11,952,280 of 300,000,000 bytes, for 94,065 sentences" in found.sources[1]
