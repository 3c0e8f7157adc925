"""Readers of known skill: intervals hold the truth, and tests reject, as often as they should.

Each bound is about four standard deviations from the expected value.
"""

import numpy as np
import pytest

from synaxial.studies.turing.judgements import (
    Judgements,
    draws_of,
    interval_of,
    interval_of_such,
    numbers_of,
)
from synaxial.studies.turing.sample_size import power_of_difference, power_of_equivalence
from synaxial.studies.turing.score import score_all, score_reader
from synaxial.studies.turing.statistics import areas, binomial_test, equivalence_test, wilson

from .readers import IMAGES, simulate, truth_of

SKILLS = (0.5, 0.65, 0.9)
READINGS = 400


@pytest.fixture(scope="module")
def hits():
    """How many images readers of each skill get right."""
    truth = truth_of(generated=0.45)
    return {
        skill: ((simulate(truth, [skill] * READINGS, 1).calls == truth).sum(axis=1))
        for skill in SKILLS
    }


@pytest.mark.parametrize("skill", SKILLS)
def test_wilsons_interval_contains_the_skill(hits, skill):
    held = [low <= skill <= high for low, high in (wilson(int(k), IMAGES) for k in hits[skill])]
    assert np.mean(held) == pytest.approx(0.95, abs=0.045)


@pytest.mark.parametrize("skill", SKILLS)
def test_the_binomial_test_rejects_as_often_as_its_power_says(hits, skill):
    rejected = np.mean([binomial_test(int(k), IMAGES) < 0.05 for k in hits[skill]])
    assert rejected == pytest.approx(power_of_difference(IMAGES, skill), abs=0.045)
    if skill > 0.5:
        assert rejected > 0.95


@pytest.mark.parametrize("skill", SKILLS)
def test_the_test_of_equivalence_rejects_as_often_as_its_power_says(hits, skill):
    rejected = np.mean([equivalence_test(int(k), IMAGES, 0.1) < 0.05 for k in hits[skill]])
    assert rejected == pytest.approx(power_of_equivalence(IMAGES, 0.1, skill), abs=0.075)
    assert rejected > 0.7 if skill == 0.5 else rejected < 0.01


def test_a_reader_at_the_margin_is_called_equivalent_in_5_percent_at_most():
    truth = truth_of()
    right = (simulate(truth, [0.6] * 2000, 2).calls == truth).sum(axis=1)
    assert np.mean([equivalence_test(int(k), IMAGES, 0.1) < 0.05 for k in right]) < 0.07


def sure_where_right(generator, right):
    """A confidence that knows something: 3 to 5 where right, 1 to 4 where not."""
    return np.where(
        right, generator.integers(3, 6, right.shape), generator.integers(1, 5, right.shape)
    )


def true_area(skill):
    """The area under the ROC curve of readers of `sure_where_right`, from their probabilities."""
    scores = np.zeros(11)
    scores[5 + 3 : 5 + 6] = skill / 3
    scores[5 - 4 : 5] = (1 - skill) / 4
    return float(areas(scores, scores[::-1]))


@pytest.mark.parametrize("skill", SKILLS)
def test_the_interval_of_the_area_contains_the_true_one(skill):
    held = []
    for seed in range(200):
        reading = simulate(truth_of(), [skill], seed, sure_where_right)
        low, high = interval_of(draws_of(reading, False, 400)["auc"])
        held.append(low <= true_area(skill) <= high)
    assert 0.88 < np.mean(held) < 0.995


@pytest.mark.parametrize(
    ("readers", "scatter", "difficulty"), [(5, 0.1, 0), (5, 0, 0), (8, 0.05, 0.1)]
)
def test_the_intervals_of_all_readers_contain_the_truth(readers, scatter, difficulty):
    """Of these readers, their own mean skill; of readers like these, the mean of all there are."""
    of_these, of_such = [], []
    for seed in range(100):
        skills = 0.65 + scatter * np.random.default_rng(1000 + seed).normal(size=readers)
        reading = simulate(truth_of(), skills, seed, difficulty=difficulty)
        low, high = interval_of(draws_of(reading, False, 300)["accuracy"])
        of_these.append(low <= skills.mean() <= high)
        such = draws_of(reading, True, 300)["accuracy"]
        low, high = interval_of_such(numbers_of(reading)["accuracy"], such, readers)
        of_such.append(low <= 0.65 <= high)
    assert 0.88 < np.mean(of_these) < 0.995
    assert np.mean(of_such) > 0.9


#: What is said of readers, by how they read.
BETTER, SAME, UNDECIDED = "better than by chance", "Did not tell them apart", "Undecided"


def said_of(skill, readings, images=IMAGES):
    truth = truth_of(images, 0.45)
    return [
        " ".join(score_reader(simulate(truth, [skill], seed), 0.1)["conclusion"])
        for seed in range(readings)
    ]


def test_the_conclusion_for_readers_who_guess():
    said = said_of(0.5, 60)
    assert sum(BETTER in words for words in said) <= 6
    assert 30 <= sum(SAME in words for words in said) <= 58


def test_the_conclusion_for_readers_with_skill():
    for skill in (0.65, 0.9):
        said = said_of(skill, 30)
        assert sum(BETTER in words for words in said) >= 28
        assert not any(SAME in words for words in said)


def test_few_judgements_leave_it_undecided_and_say_what_they_could_have_shown():
    said = said_of(0.5, 30, images=20)
    assert sum(UNDECIDED in words for words in said) >= 26
    assert not any(SAME in words for words in said)
    undecided = next(words for words in said if UNDECIDED in words)
    assert "20 judgements can show, with a power of 80 %, an accuracy of 0.8 or more" in undecided
    assert "equivalence within 32.5 points" in undecided


def test_a_reader_with_one_answer_is_not_called_unable():
    truth = truth_of()
    reading = simulate(truth, [1.0], 0)
    numbers = score_reader(type(reading)(truth, abs(reading.scores), reading.repeated), 0.1)
    assert numbers["equivalence_p"] < 0.05
    assert numbers["sensitivity"]["value"] == 1
    assert numbers["specificity"]["value"] == 0
    words = " ".join(numbers["conclusion"])
    assert "100 % of the images generated: this is hardly a judgement" in words
    assert SAME not in words


def test_a_habit_that_matches_the_share_of_generated_images_is_not_skill():
    """60 % generated, and a reader who says so of 90 % whatever is shown: right in 58 %."""
    truth = truth_of(1000, 0.6)
    generator = np.random.default_rng(0)
    scores = np.where(generator.random((1, 1000)) < 0.9, 3.0, -3.0)
    numbers = score_reader(type(simulate(truth, [1], 0))(truth, scores, [np.empty((0, 2))]), 0.1)
    assert numbers["binomial_p"] < 0.05 < numbers["fisher_p"]
    assert "do not follow the truth" in " ".join(numbers["conclusion"])
    assert BETTER not in " ".join(numbers["conclusion"])


def conclusion_of(generated, real):
    """What is said of a reader who calls so many of 138 and of 92 images generated."""
    truth = truth_of(230, 0.6)
    number = np.concatenate([np.arange(138), np.arange(92)])
    scores = np.where(number < np.where(truth, generated, real), 3.0, -3.0)[None]
    numbers = score_reader(Judgements(truth, scores, [np.empty((0, 2))]), 0.1)
    return " ".join(numbers["conclusion"])


def test_answers_that_go_against_the_truth_do_not_follow_it():
    """Balanced accuracies 0.41 and 0.475, one with an accuracy of 0.57, which is not skill."""
    for generated, real in ((86, 74), (131, 92)):
        words = conclusion_of(generated, real)
        assert "The answers go against the truth" in words
        assert BETTER not in words
        assert "follow the truth" not in words
    assert conclusion_of(130, 40) == "Told real from generated images better than by chance."
    assert conclusion_of(40, 70) == "Told real from generated images worse than by chance."
    # Right in 39 %, for hardly anything is called generated, but never wrongly so.
    words = conclusion_of(14, 0)
    assert "The answers follow the truth, although the accuracy alone does not show it." in words
    assert "worse" not in words


def test_a_habit_is_said_to_be_that_of_the_commoner_or_of_the_rarer_kind():
    assert "the answer of the rarer kind more often" in conclusion_of(14, 9)
    assert "the answer of the commoner kind more often" in conclusion_of(125, 83)


def test_confidences_with_more_information_than_the_answers_are_reported():
    """As many right as wrong, but sure only where right."""
    truth = truth_of(400)

    def sure(_, right):
        return np.where(right, 5, 1)

    words = ""
    for seed in range(10):
        numbers = score_reader(simulate(truth, [0.5], seed, sure), 0.1)
        assert numbers["auc"]["low"] > 0.5
        words += " ".join(numbers["conclusion"])
    assert "the confidences carry more information than the answers" in words


def test_the_conclusion_for_several_readers():
    truth = truth_of()
    able = score_all(simulate(truth, [0.9] * 6, 0), 0.1)["conclusion"]
    assert "Readers like these tell real from generated images better" in able[0]
    assert len(able) == 1
    guessing = " ".join(score_all(simulate(truth, [0.5] * 3, 0), 0.1)["conclusion"])
    assert "within 10 points of chance" in guessing
    assert "3 readers are too few to conclude about others" in guessing
    mixed = " ".join(score_all(simulate(truth, [0.5, 0.62, 0.5, 0.65, 0.45], 0), 0.1)["conclusion"])
    assert UNDECIDED in mixed
