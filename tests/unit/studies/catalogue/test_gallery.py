"""What the pages of a catalogue show, without a server."""

import pytest
from sqlalchemy.orm import Session

from synaxial.io.errors import SynaxialError
from synaxial.studies.catalogue import gallery
from synaxial.studies.catalogue.database import open_catalogue
from synaxial.studies.catalogue.gallery import (
    described,
    read_gallery,
    read_image,
    read_selection,
    read_trainings,
)
from synaxial.studies.catalogue.searching import Question, find

from .conftest import make_files
from .test_loading import load


@pytest.fixture
def session(tmp_path):
    """A session of a catalogue with the experiments "b" and "a", of ten images each."""
    url = f"sqlite:///{tmp_path}/c.sqlite"
    for number, name in enumerate("ba"):
        load(make_files(tmp_path / name, name, pixels_seed=number), url)
    with Session(open_catalogue(url)) as session:
        yield session


def ids(hits):
    return [hit["id"] for hit in hits]


def test_images_are_in_groups_by_experiment(session, monkeypatch):
    monkeypatch.setattr(gallery, "FIRST", 3)
    monkeypatch.setattr(gallery, "IMAGES", 4)
    found = read_gallery(session, {"order": "-realism"})
    assert [(group["name"], group["total"]) for group in found["groups"]] == [("a", 10), ("b", 10)]
    assert (found["total"], found["paged"]) == (20, False)
    for group in found["groups"]:
        best = find(session, Question(group["name"], order="-realism", limit=3))
        assert ids(group["hits"]) == ids(best)
        assert group["rest"] == 7
    found = read_gallery(session, {"experiment": "a", "order": "-realism", "page": "2"})
    (group,) = found["groups"]
    assert (found["paged"], group["first"], group["rest"]) == (True, 9, 0)
    assert ids(group["hits"]) == ids(find(session, Question("a", order="-realism", offset=8)))


def test_an_image_has_its_neighbours_among_those_that_match(session):
    given = {"order": "-tumour_area_pixels", "side": "left"}
    order = [
        number
        for name in "ab"
        for number in ids(find(session, Question(name, side="left", order=given["order"])))
    ]
    assert len(order) == 8
    for at, number in enumerate(order):
        found = read_image(session, number, given)
        assert (found["place"], found["total"]) == (at, 8)
        assert found["before"] == (order[at - 1] if at else None)
        assert found["after"] == (order[at + 1] if at < 7 else None)
    other = next(iter(find(session, Question(side="right"))))["id"]
    found = read_image(session, other, given)
    assert (found["place"], found["before"], found["after"]) == (None, None, None)
    assert read_image(session, 999, given) is None


def test_a_selection_is_that_of_the_boxes_or_of_the_filters(session):
    hits, kind = read_selection(
        session, {"as": ["dicom"], "which": ["selected"], "image": ["4", "2", "4"]}, {}
    )
    assert (ids(hits), kind) == ([2, 4], "dicom")
    every = {"as": ["png"], "which": ["all"], "image": ["4"]}
    hits, _ = read_selection(session, every, {"experiment": "a", "memorised": "yes"})
    assert ids(hits) == ids(find(session, Question("a", memorised=True)))
    assert 0 < len(hits) < 10


def test_a_selection_that_cannot_be_downloaded_is_refused_in_one_line(session, monkeypatch):
    monkeypatch.setattr(gallery, "MOST", 3)
    selected = {"as": ["png"], "which": ["selected"]}
    for form, message in (
        ({"as": ["tiff"], "which": ["all"]}, "the form: found 'tiff', 'all'"),
        ({"as": ["png"]}, "the form: found 'png', ''"),
        ({**selected, "image": ["1 OR 1"]}, "the form: an image has no number"),
        (selected, "no image is selected; expected at least one"),
        ({**selected, "image": ["1", "999"]}, "no longer in the catalogue; select again"),
        ({**selected, "image": list("1234")}, "4 images are selected; expected at most 3; narrow"),
        ({"as": ["png"], "which": ["all"]}, "20 images are selected; expected at most 3"),
    ):
        with pytest.raises(SynaxialError, match=message):
            read_selection(session, form, {})


def test_each_training_has_the_means_of_its_images(session):
    rows = read_trainings(session)
    assert [(row["name"], row["images"], row["measured"]) for row in rows] == [
        ("a", 10, 10),
        ("b", 10, 10),
    ]
    hits = list(find(session, Question("a")))
    assert rows[0]["memorised"] == pytest.approx(10.0 * sum(hit["memorised"] for hit in hits))
    assert rows[0]["area"] == pytest.approx(sum(hit["tumour_area_pixels"] for hit in hits) / 10)


def test_an_image_is_described_by_what_is_known():
    hit = {"experiment": "modern", "seed": 1, "stack": 2, "image": 12, "memorised": None}
    asked = dict.fromkeys(("asked_level", "asked_tumour", "asked_side", "asked_size"))
    words = "generated image 12 of modern, seed 1, stack 2"
    assert described({**hit, **asked, "tumour_side": None}) == words
    asked = {"asked_level": 85.0, "asked_tumour": True, "asked_side": "left", "asked_size": 30.0}
    assert described({**hit, **asked, "tumour_side": "right", "memorised": True}) == (
        f"{words}, level 85 mm, asked for a tumour on the left of 30 mm, "
        "tumour-like area on the right, memorised"
    )
    asked |= {"asked_tumour": False}
    assert "asked for no tumour, tumour-like area in the middle" in described(
        {**hit, **asked, "tumour_side": "middle"}
    )
