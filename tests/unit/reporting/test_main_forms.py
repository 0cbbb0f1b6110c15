"""The forms of a main table: CSV, Markdown, LaTeX, notes, and what a terminal shows of them."""

from reporting_examples import v1_sources, v1_table, written

from xstilts.files import read_json
from xstilts.reporting.main.terminal import format_terminal
from xstilts.reporting.main.write import main_csv, main_latex, main_markdown, write_main_table


def test_footnotes_reach_every_form_and_leave_the_csv_numeric():
    marks = {("squad", "xquad"): "articles of SQuAD dev were trained on", ("*", "bucc2018"): "threshold chosen on dev"}
    table = v1_table(marks=marks)
    text, tex = main_markdown(table), main_latex(table)
    assert "| BUCC† |" in text
    assert "+1.1‡ | +1.3‡ |" in text
    assert "articles of SQuAD dev were trained on" in text
    assert "articles of SQuAD dev were trained on" in tex
    assert r"\dag{}" in tex
    for row in written(main_csv(table)).values():
        assert all(float(value) is not None for name, value in row.items() if name != "source")


def test_files_and_terminal(tmp_path):
    marks = {("*", "bucc2018"): "threshold chosen on dev"}
    write_main_table(v1_table(marks=marks), tmp_path, "main")
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(first) == ["main.cells.json", "main.csv", "main.md", "main.notes.json", "main.tex"]
    write_main_table(v1_table(marks=marks), tmp_path, "main")
    assert first == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert read_json(tmp_path / "main.notes.json")["splits"]["tatoeba"] == "test"
    report, figures = tmp_path / "report.html", tmp_path / "figures"
    report.touch()
    text = format_terminal(tmp_path / "main.csv", "demo", "generated languages", report, figures)
    lines = text.splitlines()
    assert lines[0].startswith("run demo: m, development sets")
    assert lines[1] == "data: generated languages"
    row = next(line for line in lines if line.startswith("squad "))
    assert row.split()[1:3] == ["-1.4", "+0.7"]
    assert "+19.7" in row
    assert "BUCC†" in text
    assert next(line for line in lines if line.startswith("none")).split()[1] == "80.1"
    assert max(len(line) for line in lines) <= 120
    assert {f"report:  {report}", f"figures: {figures} (not made yet)"} <= set(lines)


def test_blocks_of_rows_have_headings(tmp_path):
    names = [name for name in v1_sources() if name in ("none", "mnli", "squad", "squad+mlm", "qqp+mlm")]
    blocks = {"none": "", "mnli": "Without MLM", "squad": "Without MLM", "squad+mlm": "With MLM", "qqp+mlm": "With MLM"}
    ordered = sorted(names, key=lambda name: list(blocks).index(name))
    table = v1_table(sources=ordered, blocks=blocks)
    first = [line.split("|")[1].strip() for line in main_markdown(table).splitlines() if line.startswith("| ")][2:]
    assert first == ["none", "*Without MLM*", "squad", "*With MLM*", "squad+mlm", "qqp+mlm"]
    assert main_latex(table).count(r"\multicolumn{14}{l}{\textit{With MLM}}") == 1
    write_main_table(table, tmp_path, "main")
    printed = format_terminal(tmp_path / "main.csv", "r", "d", "report", "figures").splitlines()
    assert printed.index("With MLM") == [line.startswith("squad+mlm") for line in printed].index(True) - 1
    assert list(written((tmp_path / "main.csv").read_text())) == ordered, "the numbers have no headings among them"
