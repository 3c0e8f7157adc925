"""The tables in the documentation of the segmentation study match their numbers."""

import json
from pathlib import Path

import pytest

from synaxial.studies.segment.compare import make_markdown
from synaxial.studies.segment.comparison import Row
from synaxial.studies.segment.results import Check

RESULTS = Path(__file__).parents[4] / "docs" / "results"

#: The pages, and the files of their numbers.
PAGES = [
    ("segmentation/README.md", "first_look.json"),
    ("segmentation/README.md", "segmentation.json"),
    ("asked/segmentation.md", "segmentation.json"),
    ("asked/segmentation.md", "balanced.json"),
]


@pytest.mark.parametrize(("page", "numbers"), PAGES)
def test_the_tables_match_their_numbers(page, numbers):
    held = json.loads((RESULTS / page).with_name(numbers).read_text())
    rows = [Row(**row) for row in held["rows"]]
    assert make_markdown(rows, Check(**held["check"])) in (RESULTS / page).read_text()
