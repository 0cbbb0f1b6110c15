"""Every number of a main or language table is found again from the scores, by what the table wrote beside itself."""

import csv

import pytest
from reporting_examples import ROOT, frame, main_table, one_language, score_rows

from xstilts.errors import DataError, UserError
from xstilts.planning.numbers import find_number
from xstilts.planning.tables import find_row
from xstilts.reporting.aggregate import index_scores
from xstilts.reporting.main.best import PAPER, choose
from xstilts.reporting.main.write import write_main_table
from xstilts.reporting.run import RunFolder
from xstilts.reporting.scores import COLUMNS, csv_text
from xstilts.reporting.tables.languages import languages_table

TASKS = {name: {**one_language()[name], "languages": ["en", "qaa", "qab"]} for name in ("xnli", "xquad", "tatoeba")}
HEADLINE = ["en", "qaa"]


def scores():
    """Three seeds whose median is not their mean; squad lacks a language, and qqp shares no seed with none."""
    rows = []
    for at, source in enumerate(("none", "mnli", "squad", "qqp")):
        for seed in (4, 5) if source == "qqp" else (1, 2, 3):
            for step, language in enumerate(("en", "qaa", "qab")):
                value = 40 + 3 * at + seed * seed + 5 * step * (at + 1)
                if (source, language) != ("squad", "qaa"):
                    rows += score_rows({(source, "xnli", "accuracy"): value}, seed, language=language)
                values = {(source, "xquad", "f1"): value, (source, "xquad", "exact_match"): 90 - value * seed / 3}
                rows += score_rows(values, seed, language=language)
            rows += score_rows({(source, "tatoeba", "accuracy"): 20 + at * seed}, seed, language="qaa")
    return frame(rows)


@pytest.fixture
def run(tmp_path):
    table = scores()
    (tmp_path / "scores.csv").write_text(csv_text(table.to_dict("records"), COLUMNS), encoding="utf-8")
    indexed = index_scores(table, "m")
    sources = ["none", "mnli", "squad", "qqp"]
    choices = choose(indexed, TASKS, sources[1:], {}, "mnli", "median")
    given = {"statistic": "median", "headline": HEADLINE, "choices": {PAPER: choices[PAPER]}}
    write_main_table(main_table(table, sources, TASKS, **given), tmp_path, "main")
    languages_table(indexed, "m", TASKS, sources, tmp_path, "languages", "median", HEADLINE)
    return RunFolder({}, ROOT, tmp_path)


@pytest.mark.parametrize(("name", "keys", "first"), [("main.csv", 1, 1), ("languages.csv", 2, 4)])
def test_every_number_is_that_of_its_scores(run, name, keys, first):
    with open(run.tables / name, encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) > 4
    for row in rows:
        for column in list(row)[first:]:
            number = find_number(run, run.tables / name, ",".join(list(row.values())[:keys]), column)
            assert (number.value is None) == (row[column] == "")
            assert bool(number.cells) == (number.value is not None)


def test_a_difference_without_a_common_seed_names_the_seeds_of_both(run):
    number = find_number(run, run.tables / "main.csv", "qqp", "xnli")
    assert {(cell.source, cell.seed) for cell in number.cells} == {("qqp", s) for s in (4, 5)} | {
        ("none", s) for s in (1, 2, 3)
    }
    assert any("none: over the same languages and seeds 1 2 3" in word for word in number.words)


def test_a_best_source_is_named_with_what_chose_it(run):
    number = find_number(run, run.tables / "main.csv", "best-paper", "xquad_f1")
    assert number.words[0] == "best-paper takes squad for xquad, chosen on test: no development set"
    assert {cell.source for cell in number.cells} == {"squad", "none"}


def test_scores_that_changed_since_are_found_out(run):
    path = run.tables / "scores.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if line.startswith("m,mnli,") and ",xnli,en," in line)
    path.write_text("".join(lines[:at] + lines[at + 1 :]), encoding="utf-8")
    with pytest.raises(DataError, match=r"main\.csv: found a number made of mnli xnli dev accuracy 1 en; expected"):
        find_number(run, run.tables / "main.csv", "mnli", "xnli")
    other = lines[at].split(",")
    other[COLUMNS.index("value")] = "99"
    path.write_text("".join([*lines[:at], ",".join(other), *lines[at + 1 :]]), encoding="utf-8")
    with pytest.raises(DataError, match=r"main\.csv: found .* at mnli, avg_available; expected .*, by its scores"):
        find_number(run, run.tables / "main.csv", "mnli", "avg_available")


def test_a_table_that_wrote_nothing_beside_itself_is_refused(run):
    (run.tables / "best.csv").write_text("rule,task\nbest-paper,xnli\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"best\.csv: not a table that can be followed back .*known: main main_test"):
        find_number(run, run.tables / "best.csv", "best-paper", "task")


def test_a_name_with_a_comma_is_one_field(tmp_path):
    rows = [{"arm": "COPA", "avg": "1"}, {"arm": "COPA, LoRA", "avg": "2"}]
    assert find_row(tmp_path / "arms.csv", ["arm", "avg"], rows, "COPA, LoRA") == rows[1]
    assert find_row(tmp_path / "arms.csv", ["arm", "avg"], rows, "COPA") == rows[0]
