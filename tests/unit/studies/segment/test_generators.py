"""What the comparison makes of generators: which cannot be mixed, and whose seeds are no draws."""

import html
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synaxial.io.errors import SynaxialError
from synaxial.studies.segment.compare import ONE, OWN, SHARED, make_comparison_page
from synaxial.studies.segment.comparison import compare
from synaxial.studies.segment.intervals import clusters_of, crossed_interval, means_of_clusters
from synaxial.studies.segment.mask_numbers import NUMBERS
from synaxial.studies.segment.results import Check, HeldOut, Results, Training, check_sources

PEOPLE = [f"person_{number}" for number in range(6)]
TRAINING_SET = {"images_sha256": "1", "masks_sha256": "2"}
BUDGET = {"parameters": 1, "updates": 5, "batch_size": 4, "images_seen": 20}


def make_training(kind, seed, generators=()):
    random = np.random.default_rng(seed)
    dice = dict(zip(PEOPLE, random.uniform(0.4, 0.8, len(PEOPLE)).tolist(), strict=True))
    real = kind != "synthetic"
    return Training(
        kind=kind,
        subjects="all" if real else "none",
        seed=seed,
        people=["a", "b", "c", "d"] if real else [],
        real_images=12 if real else 0,
        synthetic_images=20 * len(generators),
        dice=dice,
        training_set=TRAINING_SET if real else None,
        generators=tuple(generators),
        experiment=None if kind == "real" else "pairs",
    )


def make_results(generators):
    """Return real and both of each seed, with these generators by seed."""
    trainings = [make_training("real", seed) for seed in generators]
    trainings += [make_training("both", 100 + seed, made) for seed, made in generators.items()]
    trainings = [each.model_copy(update={"seed": each.seed % 100}) for each in trainings]
    made_by = tuple(sorted({name for made in generators.values() for name in made}))
    interval = {"value": 0.5, "low": 0.4, "high": 0.6}
    masks = {which: dict.fromkeys(NUMBERS, interval) for which in ("generated", "real")}
    floors = {name: dict.fromkeys(PEOPLE, 0.1) for name in ("threshold", "empty")}
    images = {"generated": 40, "real": 30}
    pixels = dict(zip(PEOPLE, (70, 20, 60, 10, 50, 30), strict=True))
    check = Check(
        images=images, masks=masks, floors=floors, generators=made_by, tumour_pixels=pixels
    )
    held_out = HeldOut(
        images=9, people=7, people_without_tumour=1, images_sha256="1", masks_sha256="2"
    )
    return Results(trainings, check, BUDGET, held_out)


def by_number(results):
    return {row.number: row for row in compare(results)}


def test_trainings_share_a_generator_also_indirectly():
    assert clusters_of([("a",), ("b",), ("a",)]).tolist() == [0, 1, 0]
    assert len(set(clusters_of([("a", "b"), ("c",), ("b", "c")]).tolist())) == 1
    assert len(set(clusters_of([(), (), ()]).tolist())) == 3


def test_seeds_of_one_generator_are_averaged_before_the_generators_are():
    results = make_results({1: ["a"], 2: ["b"], 3: ["a"]})
    dice = {(t.kind, t.seed): np.mean(list(t.dice.values())) for t in results.trainings}
    rows = by_number(results)
    first, second, third = (dice["both", seed] for seed in (1, 2, 3))
    assert rows["both"].value == pytest.approx(((first + third) / 2 + second) / 2)
    assert rows["both"].generators == 2
    assert list(rows["both"].by_seed) == [1, 2, 3]
    gains = [dice["both", seed] - dice["real", seed] for seed in (1, 2, 3)]
    assert rows["both - real"].value == pytest.approx(((gains[0] + gains[2]) / 2 + gains[1]) / 2)
    # Real slices have no generator: each seed stands for itself.
    real = np.array([list(t.dice.values()) for t in results.trainings if t.kind == "real"])
    assert rows["real"].value == pytest.approx(real.mean())
    assert (rows["real"].low, rows["real"].high) == pytest.approx(crossed_interval(real))


def coverage(generators, averaged, repeats=2000):
    """Return how often the interval of drawn comparisons contains the truth."""
    random = np.random.default_rng(4)
    clusters = clusters_of([(name,) for name in generators])
    numbers = np.unique(clusters, return_inverse=True)[1]
    inside = 0
    for _ in range(repeats):
        values = (
            0.5
            + 0.02 * random.normal(size=(1, 20))
            + 0.05 * random.normal(size=(len(generators), 1))[numbers]
            + 0.02 * random.normal(size=(len(generators), 1))
            + 0.03 * random.normal(size=(len(generators), 20))
        )
        interval = crossed_interval(means_of_clusters(values, clusters) if averaged else values)
        inside += interval.low <= 0.5 <= interval.high
    return inside / repeats


def test_intervals_contain_the_truth_of_other_generators():
    # Three seeds of two generators, as if they were independent.
    assert coverage("aba", averaged=False) < 0.9
    assert 0.93 < coverage("aba", averaged=True) < 0.98
    assert 0.93 < coverage("abcab", averaged=True) < 0.98
    # With one generator no average helps: the page says so.
    assert coverage("aaa", averaged=True) < 0.8


@pytest.mark.parametrize(
    ("generators", "note", "count"),
    [
        ({1: ["a"], 2: ["a"]}, ONE, "from 1 generator of"),
        ({1: ["a"], 2: ["b"], 3: ["a"]}, SHARED, "from 2 generators of"),
        ({1: ["a"], 2: ["b"]}, OWN, "from 2 generators of"),
    ],
)
def test_the_page_names_experiment_and_generators_and_explains_the_intervals(
    generators, note, count
):
    results = make_results(generators)
    page = html.unescape(make_comparison_page(compare(results), results))
    assert f"{count} the experiment pairs: a (seed 1" in page
    assert [text in page for text in (ONE, SHARED, OWN)] == [note is n for n in (ONE, SHARED, OWN)]


MIXTURES = {
    "data set": (
        "both",
        {"training_set": {"images_sha256": "other"}},
        "of another data set",
    ),
    "experiment": ("synthetic", {"experiment": "final"}, "of the experiment final; expected"),
    "nameless": ("synthetic", {"experiment": None}, "of the experiment None"),
    "generator": ("synthetic", {"generators": ("b",)}, "another generator at seed 1"),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_trainings_with_other_slices_are_refused(name):
    kind, changes, expected = MIXTURES[name]
    trainings = {
        kind: make_training(kind, 1, [] if kind == "real" else ["a"])
        for kind in ("real", "both", "synthetic")
    }
    paths = [Path(f"{kind}.json") for kind in trainings]
    check = make_results({1: ["a", "b"]}).check
    check_sources(paths, list(trainings.values()), Path("masks.json"), check)
    trainings[kind] = trainings[kind].model_copy(update=changes)
    with pytest.raises(SynaxialError, match=rf"^{kind}\.json: .*{expected}") as caught:
        check_sources(paths, list(trainings.values()), Path("masks.json"), check)
    assert "\n" not in str(caught.value)


def test_masks_of_other_generators_are_refused():
    training, check = make_training("both", 1, ["c"]), make_results({1: ["a"]}).check
    with pytest.raises(SynaxialError, match=r"^masks\.json: does not check the generator"):
        check_sources([Path("both.json")], [training], Path("masks.json"), check)


def test_the_difference_for_smaller_tumours_is_of_the_half_of_the_people_with_the_fewest_pixels():
    results = make_results({1: ["a"], 2: ["b"]})
    row = by_number(results)["both - real, smaller tumours"]
    small = [PEOPLE[number] for number in (1, 3, 5)]
    dice = {(t.kind, t.seed): np.array([t.dice[name] for name in small]) for t in results.trainings}
    gains = np.array([dice["both", seed] - dice["real", seed] for seed in (1, 2)])
    assert row.value == pytest.approx(gains.mean())
    assert (row.low, row.high) == pytest.approx(crossed_interval(gains, -1.0))
    assert row.held_out == 3
    assert row.is_difference
    # Half of three people is one, who says nothing about others.
    few = results.check.model_copy(update={"tumour_pixels": {"a": 1, "b": 2, "c": 3}})
    assert not [name for name in by_number(replace(results, check=few)) if "smaller" in name]
