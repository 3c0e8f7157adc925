"""Efficiency by hand, and which points can be measured."""

import pytest

from synaxial.config import make_study, part_of_study
from synaxial.io.errors import SynaxialError
from synaxial.studies.scaling.points import (
    Point,
    efficiencies,
    efficiency,
    points_of,
    training_of_point,
    why_not,
)


def make_point(mode="strong", ranks=1, seconds=1.0, batch_size=8, **others):
    values = {
        **{"nodes": 1, "low": seconds, "high": seconds},
        **{"communication": 0.0, "least_communication": 0.0, "payload_bytes": 0, "messages": 0},
        **others,
    }
    return Point(mode=mode, ranks=ranks, seconds=seconds, batch_size=batch_size, **values)


def test_strong_efficiency_by_hand():
    # Four ranks do in 0.4 s what one does in 1.2 s: three times as fast, of four.
    assert efficiency("strong", 4, 0.4, 1.2) == pytest.approx(0.75)


def test_weak_efficiency_by_hand():
    # Four ranks do four times as much in 1.5 s in place of 1.2 s.
    assert efficiency("weak", 4, 1.5, 1.2) == pytest.approx(0.8)


def test_one_rank_is_efficient_and_crowded_ones_have_no_efficiency():
    points = [
        make_point("strong", 1, 1.0),
        make_point("strong", 2, 0.5),
        make_point("strong", 4, 0.5, crowded=True),
        make_point("weak", 1, 2.0),
        make_point("weak", 2, 4.0, 16),
        make_point("weak", 8, 4.0, 64, predicted=True),
    ]
    found = efficiencies(points)
    assert {(point.mode, point.ranks): share for point, share in found.items()} == {
        ("strong", 1): 1.0,
        ("strong", 2): 1.0,
        ("weak", 1): 1.0,
        ("weak", 2): 0.5,
        ("weak", 8): 0.5,
    }


def test_nothing_is_compared_with_a_crowded_single_rank():
    points = [make_point("strong", 1, 2.0, crowded=True), make_point("strong", 2, 0.5)]
    assert efficiencies(points) == {}


def test_images_per_second_are_those_of_all_ranks():
    point = make_point("weak", 4, 2.0, 32)
    assert (point.images_per_second, point.images_of_a_rank) == (16.0, 8)


def paper():
    study = make_study({})
    return study.experiments[study.scaling_experiment]


def test_strong_scaling_keeps_the_batch_and_weak_scaling_grows_it():
    assert training_of_point(paper(), "strong", 4).batch_size == 8
    assert training_of_point(paper(), "weak", 4).batch_size == 32
    with pytest.raises(SynaxialError, match="found 'middling'; expected one of strong, weak"):
        training_of_point(paper(), "middling", 4)


def test_points_that_cannot_share_the_batch_are_left_out_with_a_reason():
    ranks = [1, 2, 3, 4, 8]
    measured = [("strong", n) for n in (1, 2, 4)] + [("weak", n) for n in ranks]
    assert points_of(paper(), ranks) == measured
    assert "8 images cannot be shared evenly among 3 ranks" in why_not(paper(), "strong", 3)
    assert "one image per rank" in why_not(paper(), "strong", 8)
    together = paper().model_copy(update={"batch_normalization_statistics": "synchronised"})
    assert why_not(together, "strong", 8) == ""


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"ranks": [2, 4]}, "add 1, the baseline"),
        ({"ranks": [1, 2, 2]}, "has a value twice"),
        ({"ranks": []}, "at least 1 item"),
        ({"steps": 1}, "greater than or equal to 3"),
        ({"experiment": "nobody"}, "found 'nobody'; expected an experiment of this study"),
    ],
)
def test_a_mistake_in_the_section_is_named(section, expected):
    with pytest.raises(SynaxialError, match=expected):
        make_study({"scaling": section})


def test_what_a_point_depends_on():
    before = make_study({})
    same = {
        "more points": {"scaling": {"ranks": [1, 2, 4, 8]}},
        "longer": {"training": {"epochs": 3}},
        "other seeds": {"training": {"seeds": [4, 5]}},
        "other samples": {"sample": {"stacks": 9}},
    }
    for name, content in same.items():
        after = make_study(content)
        assert part_of_study(after, "scaling") == part_of_study(before, "scaling"), name
    other = {
        "steps": {"scaling": {"steps": 7}},
        "batch": {"training": {"batch_size": 16}},
        "experiment": {"scaling": {"experiment": "batch_64"}},
    }
    for name, content in other.items():
        after = make_study(content)
        assert part_of_study(after, "scaling") != part_of_study(before, "scaling"), name
    part = make_study(part_of_study(make_study({"scaling": {"experiment": "batch_64"}}), "scaling"))
    assert part.scaling_experiment == "batch_64"
    assert part.experiments["batch_64"].batch_size == 64
