"""The tables of docs/results are what their numbers say."""

import csv
from pathlib import Path

import pytest

from synaxial.evaluation.comparison_page import make_markdown
from synaxial.evaluation.scores import Value

from .evaluations import evaluation_of

DOCUMENTS = Path(__file__).parents[3] / "docs" / "results"


def read_table(path):
    """The evaluations that a comparison.csv was made of, controls and experiments."""
    values = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            numbers = [float(row[column]) for column in ("value", "low", "high")]
            key = row["set"], row["seed"], int(row["images"])
            values.setdefault(key, {})[row["number"]] = Value(*numbers)
    found = [
        evaluation_of(name, int(seed) if seed else None, numbers, images)
        for (name, seed, images), numbers in values.items()
    ]
    return [e for e in found if e.seed is None], [e for e in found if e.seed is not None]


@pytest.mark.parametrize(
    ("page", "table"),
    [
        *(
            (f"{name}/README.md", "comparison.csv")
            for name in ("paper", "paper_small_scale", "modern", "patients", "parts", "asked")
        ),
        ("patients/trials.md", "trials.csv"),
    ],
)
def test_the_pages_table_is_of_its_numbers(page, table):
    path = DOCUMENTS / page
    assert make_markdown(*read_table(path.with_name(table))) in path.read_text()
