"""A verdict in words on each experiment, from its numbers and those of real images.

Every answer compares a number, of which more is worse, with its floor. The floor is the same number
for the control `real`, which are real images of other held-out subjects. No threshold is a
constant. A number is as good as that of real images if it lies within the interval of the floor, or
below. It is worse if its own interval lies wholly above the interval of the floor. Otherwise the
answer is open. It is also open if the number does not find the control with that defect to be
worse, because with too few images or subjects a number detects nothing. It is open, too, if a
number like that of real images has an interval so wide that it reaches the control's. With fewer
than `LEAST_PEOPLE` people in a half of the held-out ones, the floor's interval is so wide that
nearly everything lies within: nothing is then said to be as good as real images. Every answer is
open if the intervals of the floor have no width, as with two people in each half: see `has_width`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from synaxial.evaluation.scores import Evaluation, Value, by_name

#: The control whose numbers are the floor.
FLOOR = "real"

#: The fewest people in each half of the held-out ones for an answer "like real".
LEAST_PEOPLE = 4

#: The width of an interval that is only rounding, as a share of the number.
ROUNDING = 1e-9


class Judgement(Enum):
    """How a number compares with its floor."""

    LIKE_REAL = "like real"
    WORSE = "worse"
    OPEN = "open"


@dataclass(frozen=True)
class Question:
    """A question to the numbers of a set.

    `number` is the name of the number that answers it, a share if `percent`; more is worse.
    `like_real` is the answer if it is not worse. `control` is the control that must be worse, if
    there is one.
    """

    asked: str
    number: str
    like_real: Literal["Yes", "No"]
    meaning: str
    control: str = ""
    percent: bool = False


QUESTIONS = (
    Question(
        "Realistic?",
        "kernel_distance_efficientnet_lite0",
        like_real="Yes",
        meaning="distance from real images in features of EfficientNet (kernel distance)",
        control="noise",
    ),
    Question(
        "Varied?",
        "diversity",
        like_real="Yes",
        meaning="similarity of image pairs minus that of real pairs (MS-SSIM)",
    ),
    Question(
        "Copied?",
        "memorisation",
        like_real="No",
        meaning="images nearer to a training image than 99 % of real images are",
        control="copies",
        percent=True,
    ),
    Question(
        "Grid?",
        "grid_index",
        like_real="No",
        meaning="power at the frequencies of a grid, relative to real images",
        control="grid",
    ),
)


@dataclass(frozen=True)
class Finding:
    """The answer to a question about one experiment, such as "No".

    `judgements` has one judgement for each seed. `numbers` are the numbers of the seeds with their
    intervals, in words, and `floor` is that of real images.
    """

    question: Question
    judgements: tuple[Judgement, ...]
    answer: str
    numbers: str
    floor: str


def judge(value: Value, floor: Value) -> Judgement:
    """Compare a number with its floor, both with their intervals."""
    if value.value <= floor.high:
        return Judgement.LIKE_REAL
    return Judgement.WORSE if value.low > floor.high else Judgement.OPEN


def has_width(floor: Mapping[str, Value]) -> bool:
    """Return whether any interval of the floor has a width.

    The bootstrap draws subjects, and at least two different ones. If both halves of the held-out
    subjects have two, every draw is the same, and the intervals say nothing.
    """
    return any(number.high - number.low > ROUNDING * abs(number.value) for number in floor.values())


def find(
    question: Question,
    seeds: Mapping[int | None, Mapping[str, Value]],
    controls: Mapping[str, Mapping[str, Value]],
    people: int,
) -> Finding:
    """Answer a question about one experiment from the numbers of its seeds and of the controls.

    `people` is the number of people in the smaller half of the held-out ones.
    """
    limit = controls[FLOOR][question.number]
    known = controls.get(question.control, {}).get(question.number)
    blind = not has_width(controls[FLOOR]) or (
        known is not None and judge(known, limit) is not Judgement.WORSE
    )

    def judgement_of(value: Value) -> Judgement:
        found = judge(value, limit)
        unsure = people < LEAST_PEOPLE or (known is not None and value.high >= known.low)
        open_ = blind or (unsure and found is Judgement.LIKE_REAL)
        return Judgement.OPEN if open_ else found

    words = {
        Judgement.LIKE_REAL: question.like_real,
        Judgement.WORSE: "No" if question.like_real == "Yes" else "Yes",
        Judgement.OPEN: "Not certain",
    }
    values = {seed: numbers[question.number] for seed, numbers in seeds.items()}
    judgements = tuple(judgement_of(value) for value in values.values())
    differ = len(set(judgements)) > 1
    numbers = []
    for (seed, value), judgement in zip(values.items(), judgements, strict=True):
        of_seed = f" in seed {seed}" if len(values) > 1 else ""
        own_answer = f" ({words[judgement].lower()})" if differ else ""
        numbers.append(_text(value, question.percent) + of_seed + own_answer)
    answer = "Depends on the seed" if differ else words[judgements[0]]
    shown = _text(limit, question.percent)
    return Finding(question, judgements, answer, " and ".join(numbers), shown)


def verdicts(evaluations: list[Evaluation]) -> dict[str, list[Finding]]:
    """Return the answers to all questions about each experiment, by its name.

    Without an evaluation of the control `real` there is no verdict.
    """
    controls = {each.name: each.values for each in evaluations if each.seed is None}
    people = {each.name: each.people for each in evaluations if each.seed is None}
    if FLOOR not in controls:
        return {}
    experiments = by_name([each for each in evaluations if each.seed is not None])
    return {
        name: [
            find(question, {s.seed: s.values for s in sets}, controls, people[FLOOR])
            for question in QUESTIONS
        ]
        for name, sets in experiments.items()
    }


def _text(value: Value, percent: bool) -> str:
    if percent:
        shown, low, high = (100 * part for part in (value.value, value.low, value.high))
        return f"{shown:.1f} % ({low:.1f} to {high:.1f})"
    return f"{value.value:z.2f} ({value.low:z.2f} to {value.high:z.2f})"
