"""Pages of the report: complete, and nothing in a value is taken as HTML."""

from pathlib import Path

import pytest

from synaxial.io.errors import SynaxialError
from synaxial.io.pages import make_page
from synaxial.io.report import make_table, run

CSV = 'subject,notes,status\n"a, b",,ok\n<script>x</script>,,skipped\n'


def test_a_table_has_its_cells_and_no_empty_column():
    table = make_table(CSV, Path("table.csv"))
    assert "<th>subject</th><th>status</th>" in table
    assert "<td>a, b</td><td>ok</td>" in table
    assert "notes" not in table


def test_values_are_text():
    assert "<script>" not in make_table(CSV, Path("table.csv"))
    assert "&lt;script&gt;" in make_table(CSV, Path("table.csv"))
    assert "<title>&lt;b&gt;</title>" in make_page("<b>", "")


def test_the_command_writes_a_page_or_one_line(tmp_path, run_synaxial, assert_clear_error):
    (tmp_path / "a.csv").write_text(CSV)
    arguments = ("report", "--title", "All", "--output", tmp_path / "a.html", "--source")
    assert run_synaxial(*arguments, tmp_path / "a.csv").returncode == 0
    page = (tmp_path / "a.html").read_text()
    assert "<h2>All</h2>" in page
    assert "<table>" in page
    assert_clear_error(run_synaxial(*arguments, tmp_path / "b.csv"), "b.csv: cannot be read")


def test_a_text_keeps_its_lines(tmp_path):
    (tmp_path / "a.yaml").write_text("a < b\n  c")
    run(tmp_path / "a.yaml", "All", tmp_path / "a.html")
    assert "<pre>a &lt; b\n  c</pre>" in (tmp_path / "a.html").read_text()


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n3\n"])
def test_what_is_no_table_is_refused(tmp_path, text):
    source = tmp_path / "table.csv"
    source.write_text(text)
    with pytest.raises(SynaxialError, match=r"table.csv: is no table; expected a heading and rows"):
        run(source=source, title="Table", output=tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
