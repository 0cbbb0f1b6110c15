"""Raw text of one language from a Hub on loopback: what is pinned, what is read of a file, and what is checked."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wikipedia_twin
import yaml
from hub_server import Hub, running_hub
from upstream_server import cut, serve, status

from xstilts.artifacts import Manifest, produce
from xstilts.cli import main
from xstilts.data.fetching import lock, wikipedia
from xstilts.data.fetching.lock import LOCK
from xstilts.data.fetching.public import lacks_something, try_again
from xstilts.data.fetching.raw_text import PARTS, fetch_text
from xstilts.errors import PinMismatch
from xstilts.files import read_jsonl, write_json

REPOSITORY = "datasets/wikimedia/wikipedia"
FILE = "20231101.en/train-00000-of-00002.parquet"
MANIFEST = Path("store/en/manifest.json")
ARTICLES, GROUP, SENTENCES = 40, 5, 30  # articles, of a row group; sentences of an article


def article(number: int) -> str:
    """Sentences of words that hardly compress, so that a row group is larger than what is read of a file's end."""
    rng = random.Random(number)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=9)) for _ in range(60 * SENTENCES)]
    made = [" ".join(words[n * 60 : (n + 1) * 60]).capitalize() + "." for n in range(SENTENCES)]
    return "\n\n".join(" ".join(made[n : n + 3]) for n in range(0, SENTENCES, 3))


@pytest.fixture(scope="module")
def content() -> bytes:
    return wikipedia_twin.table(map(article, range(ARTICLES)), GROUP)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes) -> Iterator[Hub]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("xstilts.data.fetching.raw_text.FIRST_PAUSE", 0.0)
    with running_hub(monkeypatch) as server:
        second = {FILE.replace("00000", "00001"): bytes(1000)}
        server.put(REPOSITORY, **{FILE: content, **second, "20231101.de/train-00000-of-00001.parquet": bytes(500)})
        assert main(["lock", "--text", "en"]) == 0
        server.asked.clear()
        yield server


def plan(share: int) -> None:
    settings = {"language": "en", "share": share, "file": wikipedia.part(lock.pinned(wikipedia.REPOSITORY), "en")}
    write_json(Path("spec.json"), {"rule": "fetch_text", "wildcards": ["en"], "code": "", "settings": settings})


def fetched(share: int) -> Manifest:
    """Run the job as the workflow would."""
    plan(share)
    return produce(MANIFEST, Path("spec.json"), {}, fetch_text)


def cdn(hub: Hub) -> str:
    return f"/cdn/{REPOSITORY}/{hub.commit(REPOSITORY)}/{FILE}"


def ranges(hub: Hub) -> list[tuple[int, int]]:
    """The parts of the file that were asked for."""
    found = [where for what, where in hub.asked if what == f"GET {cdn(hub)}"]
    return [tuple(map(int, where.removeprefix("bytes=").split("-"))) for where in found]  # type: ignore[misc, union-attr]


def test_the_lock_has_the_file_that_is_read_and_the_bytes_of_all(hub: Hub, content: bytes) -> None:
    pin = lock.read()[wikipedia.REPOSITORY]
    assert [*pin.files] == [FILE] and pin.commit == hub.commit(REPOSITORY)
    assert pin.sizes == {
        "20231101.en/train-*.parquet": len(content) + 1000,
        "20231101.en/train-00000-of-*.parquet": len(content),
    }
    assert main(["lock", "--text", "de", "en"]) == 0
    both = lock.read()[wikipedia.REPOSITORY]
    assert wikipedia.sizes_of(both, ["de", "en", "yo"]) == {"de": 500, "en": len(content) + 1000}
    hub.put(REPOSITORY, **{FILE: b"another"})
    assert main(["lock", "--text", "en"]) == 0 and lock.read()[wikipedia.REPOSITORY] == both, "pinned stays pinned"
    assert main(["lock", "--text", "en", "--renew"]) == 0
    moved = lock.read()[wikipedia.REPOSITORY]
    assert moved.commit != both.commit and wikipedia.sizes_of(moved, ["de", "en"]) == {"de": 500, "en": 1007}


def test_no_more_row_groups_are_fetched_than_the_share_takes(hub: Hub, content: bytes, capfd: Any) -> None:
    made = fetched(200)  # 210 with the margin: two row groups of 150
    rows = read_jsonl(made.folder / "train.jsonl")
    assert len(rows) == made.results["rows"]["train"] == 2 * GROUP * SENTENCES
    asked = ranges(hub)
    total = sum(end - begin + 1 for begin, end in asked)
    assert len(asked) == 3 and total < len(content) / 2, "the end of the file and two row groups"
    took = {"used": total, "came": total, "whole": len(content), "row_groups": [2, ARTICLES // GROUP]}
    assert made.results["bytes"] == took and made.results["missing"] == []
    assert (
        f"{total:,} of {len(content):,} bytes in 2 of 8 row groups, {total:,} of them fetched now"
        in capfd.readouterr().err
    )
    first = [row["text"] for row in rows[:3]]
    assert " ".join(first) == article(0).split("\n\n")[0]
    assert [row["passage"] for row in rows[:7]] == [0, 0, 0, 1, 1, 1, 2]
    assert rows[0]["language"] == "en" and rows[0]["group"] == "wikipedia"
    assert not (made.folder / PARTS).exists(), "its parts are not needed any more"
    heads = [what for what, _ in hub.asked if what.startswith("HEAD")]
    assert len(heads) == 1, "the Hub is asked once where the file lies"


def test_a_cut_connection_goes_on_where_it_broke(hub: Hub) -> None:
    hub.next[cdn(hub)] += [serve, cut(1000), cut(500)]
    made = fetched(100)
    _, first, second, third = ranges(hub)
    assert (second, third) == ((first[0] + 1000, first[1]), (first[0] + 1500, first[1]))
    assert made.results["rows"] == {"train": GROUP * SENTENCES}


def test_what_an_earlier_call_fetched_is_not_fetched_again(hub: Hub) -> None:
    hub.next[cdn(hub)] += [serve, serve, cut(1000), *[status(503)] * 5]
    made = fetched(200)
    assert made.reason is not None and "answered 503" in made.reason and lacks_something(MANIFEST)
    before = ranges(hub)
    hub.asked.clear()
    try_again(MANIFEST)
    made = fetched(200)
    begin, end = before[2]
    assert ranges(hub) == [(begin + 1000, end)], "the rest of the part that was cut"
    assert made.results["bytes"]["came"] == end - begin - 999 < made.results["bytes"]["used"]
    assert not made.reason and not lacks_something(MANIFEST)


def test_a_killed_job_goes_on_with_the_part_that_it_was_at(hub: Hub) -> None:
    def half(handler: Any, content: bytes) -> None:
        """The beginning of a range, and then nothing."""
        asked = handler.headers["Range"].removeprefix("bytes=").split("-")
        begin, end = map(int, asked)
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {begin}-{end}/{len(content)}")
        handler.send_header("Content-Length", str(end - begin + 1))
        handler.end_headers()
        handler.wfile.write(content[begin : begin + 2000])
        handler.wfile.flush()
        handler.server.closing.wait()

    hub.next[cdn(hub)] += [serve, serve, half]
    plan(200)
    script = Path(__file__).parents[3] / "workflow/scripts/fetch_text.py"
    command = [sys.executable, str(script), "--spec", "spec.json", "--output", str(MANIFEST)]
    environment = os.environ | {"PYTHONPATH": str(script.parents[2] / "src")}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        part = MANIFEST.parent / PARTS
        while not [path for path in part.rglob("*.part") if path.stat().st_size == 2000]:
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    begin, end = ranges(hub)[2]
    hub.asked.clear()
    made = fetched(200)
    assert ranges(hub) == [(begin + 2000, end)]
    assert made.results["rows"] == {"train": 2 * GROUP * SENTENCES} and not part.exists()


def test_an_address_that_is_too_old_is_asked_for_anew(hub: Hub) -> None:
    hub.next[cdn(hub)] += [serve, status(403), serve]
    assert fetched(100).results["rows"] == {"train": GROUP * SENTENCES}
    assert len([what for what, _ in hub.asked if what.startswith("HEAD")]) == 2


@pytest.mark.parametrize(
    "change, said",
    [
        ({"files": {FILE: "0" * 64}}, f"{FILE} at commit .*: found SHA-256 .*; expected {'0' * 64}"),
        (
            {"sizes": {"20231101.en/train-*.parquet": 8_000_000, "20231101.en/train-00000-of-*.parquet": 8_000_000}},
            "found bytes: .*; expected 8000000, which",
        ),
    ],
)
def test_another_file_than_was_pinned_stops_the_run(hub: Hub, change: dict[str, Any], said: str) -> None:
    pins = yaml.safe_load(LOCK.read_text(encoding="utf-8"))
    pins[wikipedia.REPOSITORY] |= change
    LOCK.write_text(yaml.safe_dump(pins), encoding="utf-8")
    with pytest.raises(PinMismatch, match=said):
        fetched(100)


def test_a_server_that_sends_whole_files_only_is_not_read_to_the_end(hub: Hub) -> None:
    hub.next[cdn(hub)] += [lambda handler, content: serve(handler, content, ranges=False)] * 2
    assert "answered 200 with the whole file; expected a part of it" in str(fetched(100).reason)


def test_a_damaged_row_group_is_refused_and_fetched_anew(hub: Hub) -> None:
    def damaged(handler: Any, content: bytes) -> None:
        serve(handler, content[:3000] + bytes(5000) + content[8000:])

    hub.next[cdn(hub)] += [serve, damaged]
    assert f"wikimedia/wikipedia/{FILE}: found row group 0: " in str(fetched(100).reason)
    try_again(MANIFEST)
    assert fetched(100).results["rows"] == {"train": GROUP * SENTENCES}


def test_texts_that_are_not_those_of_the_footer_are_refused(hub: Hub) -> None:
    """Whole and readable, but not what the file's end says of its row groups."""
    texts = [f"A sentence of article {number}, long enough." for number in range(ARTICLES)]
    good = wikipedia_twin.table(texts, GROUP, compression="none")
    end = len(good) - 8 - int.from_bytes(good[-8:-4], "little")  # there the footer begins
    mixed = good[:end].replace(b"of article 9,", b"of article X,") + good[end:]
    assert len(mixed) == len(good) and mixed != good
    hub.put(REPOSITORY, **{FILE: good})
    assert main(["lock", "--text", "en", "--renew"]) == 0
    hub.next[cdn(hub)] += [lambda handler, _: serve(handler, mixed)]
    said = "found other texts in row group 1; expected the first and last that its footer names"
    assert said in str(fetched(35).reason)


def test_a_table_of_another_form_is_refused(hub: Hub) -> None:
    hub.put(REPOSITORY, **{FILE: b"no parquet" * 20})
    assert main(["lock", "--text", "en", "--renew"]) == 0
    assert "expected a parquet file" in str(fetched(10).reason)


def test_a_language_whose_text_is_too_small_is_named_with_its_numbers(hub: Hub, capfd: Any) -> None:
    made = fetched(5000)
    assert made.results["rows"] == {"train": ARTICLES * SENTENCES}
    assert "text in en: 1,200 sentences, of a share of 5,000: some will be drawn again" in capfd.readouterr().err


def test_no_sentence_comes_twice_and_an_empty_file_is_named(hub: Hub) -> None:
    twice = [article(0), article(0) + "\n\nA sentence that no other article has."]
    hub.put(REPOSITORY, **{FILE: wikipedia_twin.table(twice)})
    assert main(["lock", "--text", "en", "--renew"]) == 0
    assert fetched(500).results["rows"] == {"train": SENTENCES + 1}
    hub.put(REPOSITORY, **{FILE: wikipedia_twin.table(["See also"] * 3)})
    assert main(["lock", "--text", "en", "--renew"]) == 0
    assert fetched(500).reason == f"wikimedia/wikipedia/{FILE}: no sentence in 3 articles"


def test_a_language_without_a_pin_says_how_it_gets_one(hub: Hub) -> None:
    LOCK.unlink()
    assert "en is not pinned in config/lock.yaml: `make lock` did not find it" in str(fetched(10).reason)
