"""The filters of the gallery: from an address to a question, and to the sliders that show it."""

import sqlite3

import pytest
from sqlalchemy.orm import Session

from synaxial.io.errors import SynaxialError
from synaxial.studies.catalogue.database import open_catalogue
from synaxial.studies.catalogue.filters import (
    orders_for,
    page_of,
    question_of,
    read_bounds,
    sliders_of,
)
from synaxial.studies.catalogue.searching import Question, find

from .test_loading import load

BOUNDS = {"realism": (0.5, 1.5), "nearest_slice": (60, 63)}


def test_a_slider_at_its_bound_is_no_filter():
    def ranges(**given):
        return question_of(given, BOUNDS).ranges

    nothing = {"realism": (None, None), "nearest_slice": (None, None)}
    assert ranges() == nothing
    assert ranges(realism_from="0.5", realism_to="1.50") == nothing
    assert ranges(realism_from="0.4", nearest_slice_to="63") == nothing
    assert ranges(realism_from="0.6", realism_to="1.5")["realism"] == (0.595, None)
    assert ranges(nearest_slice_to="62")["nearest_slice"] == (None, 62.5)
    # The page has no slider for this column.
    assert ranges(asked_level_from="80") == nothing


def test_an_image_that_is_shown_as_an_end_is_within(files, tmp_path):
    """The page shows 0.635 as 0.64: a range from 0.64 has it, also at the end of the slider."""
    url = f"sqlite:///{tmp_path}/c.sqlite"
    load(files, url)
    with sqlite3.connect(tmp_path / "c.sqlite") as connection:
        connection.execute("UPDATE numbers SET realism = 0.01 * image_id")
        connection.execute("UPDATE numbers SET realism = 0.635 WHERE image_id = 3")
    with Session(open_catalogue(url)) as session:
        bounds = read_bounds(session)
        assert bounds["realism"] == (0.01, 0.64)

        def matching(**given):
            return [hit["id"] for hit in find(session, question_of(given, bounds))]

        assert matching(realism_from="0.64", realism_to="0.64") == [3]
        assert matching(realism_from="0.62", realism_to="0.62") == []
        assert matching(realism_from="0.05", realism_to="0.07") == [5, 6, 7]


def test_a_range_whose_ends_have_crossed_is_refused():
    given = {"realism_from": "1.2", "realism_to": "0.7"}
    with pytest.raises(
        SynaxialError, match=r"realism: from 1\.2 to 0\.7 is empty; expected the small"
    ):
        question_of(given, BOUNDS)
    realism, _ = sliders_of(given, BOUNDS)
    assert (realism.low, realism.high) == ("0.50", "1.50")


def test_an_order_is_offered_for_numbers_that_there_are():
    area = "-tumour_area_pixels"
    assert [*orders_for(BOUNDS)] == ["", "-realism", "realism"]
    for name in ("tumour_area_pixels", "tumour_area_mm2"):
        assert [*orders_for({name: (1, 2)})] == ["", area]
    assert [*orders_for({"asked_level": (60, 90)})] == ["", "asked_level"]


def test_the_fields_become_a_question():
    given = {"experiment": "modern", "side": "left", "memorised": "no", "order": "-realism"}
    question = question_of(given, {})
    assert question == Question("modern", None, {}, "left", False, "-realism")
    assert question_of({"generator": "ab", "memorised": "yes"}, {}) == Question(
        generator="ab", memorised=True
    )
    assert page_of({}) == 0
    assert page_of({"page": "3"}) == 3


def test_a_wrong_field_is_refused():
    for name, text in (("order", "size"), ("memorised", "maybe"), ("side", "top")):
        with pytest.raises(SynaxialError, match=f"the form: found .*'{text}'.*expected its choi"):
            question_of({name: text}, BOUNDS)
    for text in ("much", "nan"):
        with pytest.raises(SynaxialError, match=f"realism_to: found '{text}'; expected a number"):
            question_of({"realism_to": text}, BOUNDS)
    for text in ("-1", "1.5", "1" * 9):
        with pytest.raises(SynaxialError, match="page: found"):
            page_of({"page": text})


def test_a_slider_shows_its_range_within_the_bounds():
    given = {"realism_from": "0.7", "nearest_slice_from": "50", "nearest_slice_to": "99"}
    realism, level = sliders_of(given, BOUNDS)
    assert (realism.lowest, realism.highest, realism.step) == ("0.50", "1.50", "0.01")
    assert (realism.low, realism.high) == ("0.70", "1.50")
    assert (level.low, level.high, level.step) == ("60", "63", "1")


def test_the_bounds_are_those_of_the_data(files, tmp_path):
    url = f"sqlite:///{tmp_path}/c.sqlite"
    load(files, url)
    with Session(open_catalogue(url)) as session:
        bounds = read_bounds(session)
        hits = list(find(session, Question()))
    # Nothing was asked for, and the side of a pixel is not known.
    assert [*bounds] == ["nearest_slice", "tumour_area_pixels", "realism", "similarity"]
    for name, (low, high) in bounds.items():
        values = [hit[name] for hit in hits]
        digits = 2 if name in {"realism", "similarity"} else 0
        assert (low, high) == (round(min(values), digits), round(max(values), digits))


def test_the_area_is_in_square_millimetres_where_that_is_known(files, tmp_path):
    url = f"sqlite:///{tmp_path}/c.sqlite"
    (tmp_path / "study.yaml").write_text("resize: {size: 64}\n")
    load(files, url, config=tmp_path / "study.yaml")
    with Session(open_catalogue(url)) as session:
        bounds = read_bounds(session)
    assert "tumour_area_mm2" in bounds
    assert "tumour_area_pixels" not in bounds
