"""A verdict in words on each experiment, from its numbers and those of real images.

Every answer compares a number with its floor: the same number of the control `real`, which are
real images of other held-out subjects. No threshold is a constant. A number is as good as that of
real images if it lies within the interval of the floor, or on the good side of it. It is worse if
its own interval lies wholly on the bad side of the interval of the floor. Otherwise the numbers
leave it open.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from synaxial.evaluation.scores import Evaluation, Value, by_name

#: The control whose numbers are the floor.
FLOOR = "real"


class Judgement(Enum):
    """How a number compares with its floor."""

    LIKE_REAL = "like real"
    WORSE = "worse"
    OPEN = "open"


@dataclass(frozen=True)
class Question:
    """A question to the numbers of a set.

    Attributes
    ----------
    asked
        The question.
    number
        The name of the number that answers it.
    high_is_bad
        Whether values above the floor are worse, or values below it.
    like_real, worse
        The answers to both judgements.
    meaning
        What the number is.
    percent
        Whether the number is a share.
    """

    asked: str
    number: str
    high_is_bad: bool
    like_real: str
    worse: str
    meaning: str
    percent: bool = False


QUESTIONS = (
    Question(
        "Realistic?",
        "precision_efficientnet_lite0",
        high_is_bad=False,
        like_real="Yes",
        worse="No",
        meaning="images within the range of real images (precision)",
        percent=True,
    ),
    Question(
        "Varied?",
        "diversity",
        high_is_bad=True,
        like_real="Yes",
        worse="No",
        meaning="similarity of image pairs minus that of real pairs (MS-SSIM)",
    ),
    Question(
        "Copied?",
        "memorisation",
        high_is_bad=True,
        like_real="No",
        worse="Yes",
        meaning="images nearer to a training image than 99 % of real images are",
        percent=True,
    ),
    Question(
        "Grid?",
        "grid_index",
        high_is_bad=True,
        like_real="No",
        worse="Yes",
        meaning="power at the frequencies of a grid, relative to real images",
    ),
)


@dataclass(frozen=True)
class Finding:
    """The answer to a question.

    Attributes
    ----------
    asked
        The question, such as "Realistic?".
    judgements
        One for each seed.
    answer
        In words, such as "No".
    detail
        The number of each seed with its interval, and the floor.
    """

    asked: str
    judgements: tuple[Judgement, ...]
    answer: str
    detail: str

    @property
    def sentence(self) -> str:
        """The whole finding as text."""
        return f"{self.asked} {self.answer}: {self.detail}."


def judge(value: Value, floor: Value, high_is_bad: bool) -> Judgement:
    """Compare a number with its floor, both with their intervals."""
    if not high_is_bad:
        value, floor = _mirrored(value), _mirrored(floor)
    if value.value <= floor.high:
        return Judgement.LIKE_REAL
    return Judgement.WORSE if value.low > floor.high else Judgement.OPEN


def find(
    question: Question, seeds: Mapping[int | None, Mapping[str, Value]], floor: Mapping[str, Value]
) -> Finding:
    """Answer a question about one experiment.

    Parameters
    ----------
    question
        One of `QUESTIONS`.
    seeds
        The numbers of each seed.
    floor
        The numbers of the control `real`.
    """
    limit = floor[question.number]
    values = {seed: numbers[question.number] for seed, numbers in seeds.items()}
    judgements = {seed: judge(v, limit, question.high_is_bad) for seed, v in values.items()}
    numbers = " and ".join(
        _text(value, question.percent) + (f" in seed {seed}" if len(values) > 1 else "")
        for seed, value in values.items()
    )
    real = _text(limit, question.percent)
    detail = f"{question.meaning} {numbers}; real images of other subjects {real}"
    return Finding(
        question.asked, tuple(judgements.values()), _answer(question, judgements), detail
    )


def verdicts(evaluations: list[Evaluation]) -> dict[str, list[Finding]]:
    """Return the answers to all questions about each experiment, by its name.

    The evaluations are those of experiments and controls. Without the control `real` there is no
    verdict.
    """
    floor = next((each.values for each in evaluations if each.name == FLOOR), None)
    if floor is None:
        return {}
    experiments = by_name([each for each in evaluations if each.seed is not None])
    return {
        name: [find(question, {s.seed: s.values for s in sets}, floor) for question in QUESTIONS]
        for name, sets in experiments.items()
    }


def _answer(question: Question, judgements: Mapping[int | None, Judgement]) -> str:
    words = {
        Judgement.LIKE_REAL: question.like_real,
        Judgement.WORSE: question.worse,
        Judgement.OPEN: "Not certain",
    }
    answers = {seed: words[judgement] for seed, judgement in judgements.items()}
    if len(set(answers.values())) == 1:
        return next(iter(answers.values()))
    each = ", ".join(f"{answer.lower()} in seed {seed}" for seed, answer in answers.items())
    return f"Depends on the seed ({each})"


def _mirrored(value: Value) -> Value:
    return Value(-value.value, -value.high, -value.low)


def _text(value: Value, percent: bool) -> str:
    parts = (value.value, value.low, value.high)
    shown, low, high = (f"{100 * part:.3g} %" if percent else f"{part:.3g}" for part in parts)
    return f"{shown} ({low} to {high})"
