"""Sides of a contest take turns in processes of their own; their time, memory and failures are told apart."""

import sys
import time

import pytest

from benchmarks.timing import Contest, bench, contest


def sleeper(settings):
    return lambda: lambda: (time.sleep(settings["seconds"]), {"naps": 2.0})[1]


def slow_sleeper(settings):
    return sleeper({"seconds": 4 * settings["seconds"]})


def glutton(settings):
    return lambda: lambda: {"naps": float(len(bytearray(200 * 2**20)) > 0)}


def absent(settings):
    raise LookupError("no such peer")


def dying(settings):
    sys.exit(3)


@pytest.fixture
def sides():
    return lambda **names: {side: f"{__name__}:{name}" for side, name in names.items()}


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(__import__("pathlib").Path(__file__).parent))


def test_rates_ratios_and_ranges_are_those_of_the_repeats(sides):
    with bench(3) as on:
        row = contest(on, Contest("nap", "naps", sides(ours="sleeper", peer="slow_sleeper"), {"seconds": 0.05}))
    assert len(row["sides"]["ours"]["seconds"]) == 3
    rate = row["sides"]["ours"]["rate"]
    assert rate["low"] <= rate["median"] <= rate["high"] <= 2 / 0.05
    assert row["ratio"]["peer"]["median"] > 1


def test_the_peak_is_that_of_the_side_that_took_the_memory(sides):
    with bench(1) as on:
        row = contest(on, Contest("eat", "naps", sides(ours="sleeper", peer="glutton"), {"seconds": 0.0}))
    assert row["sides"]["peer"]["peak_above_start_mb"] > 190
    assert row["sides"]["ours"]["peak_above_start_mb"] < 50


def test_a_side_that_cannot_be_had_is_named_with_the_reason(sides):
    with bench(1) as on:
        row = contest(on, Contest("lack", "naps", sides(ours="sleeper", peer="absent"), {"seconds": 0.0}))
        gone = contest(on, Contest("die", "naps", sides(ours="sleeper", peer="dying"), {"seconds": 0.0}))
    assert row["absent"] == {"peer": "LookupError: no such peer"}
    assert "ended" in gone["absent"]["peer"]
    assert row["sides"]["ours"]["rate"]["median"] > 0 and not row["ratio"]
