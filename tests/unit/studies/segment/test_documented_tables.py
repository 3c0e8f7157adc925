"""The tables in the documentation of the segmentation study match their numbers."""

import json
from pathlib import Path

import pytest

from synaxial.studies.segment.compare import make_markdown
from synaxial.studies.segment.comparison import Row
from synaxial.studies.segment.results import Check

FOLDER = Path(__file__).parents[4] / "docs" / "results" / "segmentation"


@pytest.mark.parametrize("name", ["first_look", "segmentation"])
def test_the_tables_match_their_numbers(name):
    held = json.loads((FOLDER / f"{name}.json").read_text())
    rows = [Row(**row) for row in held["rows"]]
    assert make_markdown(rows, Check(**held["check"])) in (FOLDER / "README.md").read_text()
