"""The verdict in words follows from the numbers and the floor."""

from functools import partial

import pytest

from synaxial.evaluation import verdict
from synaxial.evaluation.comparison_page import verdict_table
from synaxial.evaluation.scores import HEADLINES, Value
from synaxial.evaluation.verdict import LEAST_PEOPLE, QUESTIONS, Judgement, judge, verdicts

from .evaluations import evaluation_of

FLOOR = Value(0.5, 0.4, 0.6)

find = partial(verdict.find, people=LEAST_PEOPLE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # At the end of the floor's interval, and a little beyond it.
        (Value(0.6, 0.5, 0.7), Judgement.LIKE_REAL),
        (Value(0.61, 0.6, 0.7), Judgement.OPEN),
        (Value(0.7, 0.61, 0.8), Judgement.WORSE),
        # The good side has no end.
        (Value(-9, -10, -8), Judgement.LIKE_REAL),
    ],
)
def test_a_number_is_judged_by_the_interval_of_the_floor(value, expected):
    assert judge(value, FLOOR) == expected


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.asked)
def test_each_question_is_answered_on_both_sides(question):
    good, bad = Value(0.5, 0.45, 0.55), Value(0.9, 0.8, 1.0)
    controls = {"real": {question.number: FLOOR}}
    answers = [
        find(question, {1: {question.number: value}}, controls).answer
        for value in (good, bad, Value(bad.value, 0, 1))
    ]
    assert answers in (["Yes", "No", "Not certain"], ["No", "Yes", "Not certain"])
    assert answers[0] == question.like_real


def test_a_finding_has_the_number_and_the_floor_with_their_intervals():
    copied = QUESTIONS[2]
    found = find(
        copied,
        {1: {copied.number: Value(0.875, 0.766, 0.973)}},
        {"real": {copied.number: Value(0.02, 0.0, 0.05)}},
    )
    assert found.answer == "Yes"
    assert found.numbers == "87.5 % (76.6 to 97.3)"
    assert found.floor == "2.0 % (0.0 to 5.0)"


def test_the_demo_is_not_realistic():
    """By its kernel distance; its precision, 47 % (0 to 100), leaves the question open."""
    realistic = QUESTIONS[0]
    number = realistic.number
    found = find(
        realistic,
        {1: {number: Value(0.335, 0.182, 0.492)}},
        {
            "real": {number: Value(-0.0127, -0.0763, 0.0952)},
            "noise": {number: Value(1.0, 0.9, 1.1)},
        },
    )
    assert found.answer == "No"
    assert found.numbers == "0.34 (0.18 to 0.49)"
    assert found.floor == "-0.01 (-0.08 to 0.10)"


def test_seeds_that_differ_are_told_apart():
    grid = QUESTIONS[3]
    seeds = {
        1: {grid.number: Value(2.0, 1.9, 2.1)},
        2: {grid.number: Value(0.5, 0.4, 0.6)},
    }
    found = find(grid, seeds, {"real": {grid.number: FLOOR}})
    assert found.answer == "Depends on the seed"
    assert found.numbers == (
        "2.00 (1.90 to 2.10) in seed 1 (yes) and 0.50 (0.40 to 0.60) in seed 2 (no)"
    )
    both = find(grid, {1: seeds[1], 2: seeds[1]}, {"real": {grid.number: FLOOR}})
    assert both.answer == "Yes"


@pytest.mark.parametrize(
    "question",
    [question for question in QUESTIONS if question.control],
    ids=lambda question: question.asked,
)
def test_a_number_that_misses_its_control_answers_nothing(question):
    real = {question.number: FLOOR}
    bad = Value(0.9, 0.8, 1.0)
    for known, expected in ((bad, question.like_real), (FLOOR, "Not certain")):
        controls = {"real": real, question.control: {question.number: known}}
        assert find(question, {1: real}, controls).answer == expected


@pytest.mark.parametrize(
    ("question", "floor", "control", "sure", "unsure"),
    [
        (0, (0.0, -0.1, 0.5), (0.9, 0.8, 1.0), (0.4, 0.0, 0.79), (0.4, 0.0, 0.8)),
        (2, (0.02, 0.0, 0.3), (1.0, 0.9, 1.0), (0.2, 0.0, 0.89), (0.2, 0.0, 0.9)),
    ],
)
def test_an_interval_that_reaches_the_control_answers_nothing(
    question, floor, control, sure, unsure
):
    asked = QUESTIONS[question]
    controls = {
        "real": {asked.number: Value(*floor)},
        asked.control: {asked.number: Value(*control)},
    }
    for value, expected in ((sure, asked.like_real), (unsure, "Not certain")):
        assert find(asked, {1: {asked.number: Value(*value)}}, controls).answer == expected


def test_intervals_without_width_answer_nothing():
    # Two held-out subjects in each half: every draw of the bootstrap is the same.
    grid = QUESTIONS[3]
    floor = {grid.number: Value(0.9, 0.9, 0.9 + 1e-15), "auc": Value(0.0, 0.0, 0.0)}
    own = {1: {grid.number: Value(5.0, 4.0, 6.0)}}
    assert find(grid, own, {"real": floor}).answer == "Not certain"
    # A share may have no width where others have one.
    assert find(grid, own, {"real": {**floor, "auc": FLOOR}}).answer == "Yes"


def test_few_people_show_that_images_are_bad_and_never_that_they_are_good():
    # With five held-out people the interval of the floor is so wide that the demo lies within.
    realistic = QUESTIONS[0]
    controls = {
        "real": {realistic.number: Value(-0.01, -0.07, 0.36)},
        "noise": {realistic.number: Value(1.0, 0.9, 1.1)},
    }
    values = {"bad": Value(0.335, 0.18, 0.56), "worst": Value(0.8, 0.7, 0.9)}
    found = {
        people: [
            find(realistic, {1: {realistic.number: value}}, controls, people=people).answer
            for value in values.values()
        ]
        for people in (3, 4)
    }
    assert found == {3: ["Not certain", "No"], 4: ["Yes", "No"]}
    sets = [
        evaluation_of("real", None, {q.number: FLOOR for q in QUESTIONS}, people=3),
        evaluation_of("good", 1, {q.number: FLOOR for q in QUESTIONS}, people=100),
    ]
    assert {each.answer for each in verdicts(sets)["good"]} == {"Not certain"}


def evaluation(name, seed, value):
    values = {question.number: value for question in QUESTIONS}
    return evaluation_of(name, seed, values)


def test_every_experiment_has_a_verdict_and_no_control_has_one():
    sets = [
        evaluation("real", None, FLOOR),
        evaluation("blurred", None, Value(9, 8, 10)),
        evaluation("<b>", 1, Value(0.5, 0.4, 0.6)),
        evaluation("final", 1, Value(0.9, 0.8, 1.0)),
    ]
    found = verdicts(sets)
    assert list(found) == ["<b>", "final"]
    answers = {name: [each.answer for each in findings] for name, findings in found.items()}
    assert answers == {"<b>": ["Yes", "Yes", "No", "No"], "final": ["No", "No", "Yes", "Yes"]}
    table = verdict_table(found)
    assert table.count("class='good'") == 4
    assert table.count("class='bad'") == 4
    assert "<b>&lt;b&gt;</b>" in table


def test_the_table_says_what_the_set_of_an_upsampler_is():
    sets = [
        evaluation("real", None, FLOOR),
        *(evaluation(n, 1, FLOOR) for n in ("a", "a.enlarged")),
    ]
    names = verdict_table(verdicts(sets)).split("<tr>")[2:]
    assert ["made small" in name for name in names] == [False, True]


def test_without_real_images_there_is_no_verdict():
    assert verdicts([evaluation("final", 1, FLOOR)]) == {}
    assert "no verdict" in verdict_table({})


def test_the_numbers_of_the_verdict_are_in_the_table():
    assert {question.number for question in QUESTIONS} <= {line.name for line in HEADLINES}
