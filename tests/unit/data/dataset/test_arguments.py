from pathlib import Path

import pytest

from synaxial.data.dataset.arguments import sort_files
from synaxial.io.errors import SynaxialError


def paths(text: str) -> list[Path]:
    return [Path(name) for name in text.split()]


@pytest.mark.parametrize(
    ("images", "records", "others"),
    [
        # --images c.tif a.tif b.tif --records c.json a.json b.json
        ("c.tif", "c.json", "a.tif b.tif a.json b.json"),
        # the same, records first
        ("c.tif", "c.json", "a.json b.json a.tif b.tif"),
        # --images c.tif --images a.tif --images b.tif --records c.json a.json b.json
        ("c.tif a.tif b.tif", "c.json", "a.json b.json"),
        ("c.tif a.tif b.tif", "c.json a.json b.json", ""),
    ],
)
def test_the_order_of_the_command_line_stays(images: str, records: str, others: str) -> None:
    assert sort_files(paths(images), paths(records), paths(others)) == (
        paths("c.tif a.tif b.tif"),
        paths("c.json a.json b.json"),
    )


@pytest.mark.parametrize(
    ("images", "records", "others", "expected"),
    [
        ("a.tif", "a.json", "b.png b.json", "b.png: is neither"),
        ("a.tif c.tif", "a.json b.json c.json", "b.tif", "--images: is given more than once"),
        ("a.tif", "a.json b.json", "", "2 records for 1 stacks"),
    ],
)
def test_what_has_no_order_is_refused(
    images: str, records: str, others: str, expected: str
) -> None:
    with pytest.raises(SynaxialError, match=expected):
        sort_files(paths(images), paths(records), paths(others))
