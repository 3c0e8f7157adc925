"""The tables of docs/results/segmentation are what their numbers say."""

import json
from pathlib import Path

import pytest

from synaxial.studies.segment.comparison import Row
from synaxial.studies.segment.records import Check
from synaxial.studies.segment.tables import make_markdown

FOLDER = Path(__file__).parents[4] / "docs" / "results" / "segmentation"


@pytest.mark.parametrize("name", ["first_look", "segmentation"])
def test_the_pages_tables_are_of_their_numbers(name):
    held = json.loads((FOLDER / f"{name}.json").read_text())
    rows = [Row(**row) for row in held["rows"]]
    assert make_markdown(rows, Check(**held["check"])) in (FOLDER / "README.md").read_text()
