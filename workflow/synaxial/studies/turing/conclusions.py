"""The numbers of a reading in plain words."""

from typing import Any

from synaxial.studies.turing.sample_size import LEVEL, POWER

#: A reader who gives one of the two answers less often than this has hardly judged.
FEWEST_OF_AN_ANSWER = 0.1

#: With fewer readers, nothing is concluded about other readers.
FEWEST_READERS = 5

NOTES = """
Sensitivity is the share of generated images that were called generated. Specificity is the share
of real images that were called real. Look at both: a reader who gives one answer to all images has
an accuracy near 0.5. An image that was shown twice counts once, with the first answer.

The exact binomial test compares the accuracy with 0.5. It assumes equally many images of each
kind, or a reader who gives each answer equally often. Fisher's exact test does not assume this. A
reader is said to tell the images apart only if both tests agree. A test that does not reject shows
nothing. A reader is said not to tell the images apart only if the test of equivalence shows it and
the 90 % interval of the balanced accuracy also lies within the margin.

Each reader is tested at 5 %: of twenty readers who guess, one is expected to seem to tell the
images apart.

Readers of the same images are not independent. The intervals of all readers are from drawn images
with all their answers (these readers), or from drawn readers and images (readers like these). The
result holds for these images on these screens, and for real images of these held-out subjects. It
does not show whether the generated images are useful, diverse or copies. Answers of a program are
not answers of readers and show nothing.
"""


def of_reader(numbers: dict[str, Any], margin: float) -> list[str]:
    """Return what the numbers of `score_reader` show, as sentences."""
    said = []
    count, share = numbers["judged"], numbers["says_generated"]
    accuracy = numbers["accuracy"]["value"]
    off_chance = numbers["binomial_p"] < LEVEL
    follows = numbers["fisher_p"] < LEVEL
    if off_chance and follows:
        which = "better" if accuracy > 0.5 else "worse"
        said.append(f"Told real from generated images {which} than by chance.")
    elif off_chance:
        said.append(
            "The accuracy is not 0.5, but the answers do not follow the truth: there are more "
            "images of one kind, and the reader gave that answer more often."
        )
    elif follows:
        said.append("The answers follow the truth, although the accuracy alone does not show it.")
    equal = numbers["equivalence_p"] < LEVEL
    balanced = _within(numbers["balanced_accuracy_90"], margin)
    one_sided = not FEWEST_OF_AN_ANSWER <= share <= 1 - FEWEST_OF_AN_ANSWER
    if one_sided and not follows:
        said.append(
            f"Called {100 * share:.0f} % of the images generated: this is hardly a judgement, and "
            "does not show whether the images can be told apart."
        )
    elif equal and balanced:
        said.append(
            f"Did not tell them apart: the test of equivalence shows an accuracy within "
            f"{_points(margin)} of chance."
        )
        if _differs(numbers["auc"]):
            said.append(
                "However, the confidences carry more information than the answers: the area under "
                "the ROC curve is not 0.5."
            )
    elif not (off_chance or follows):
        said.append(_undecided(count, numbers))
        if equal:
            said.append(
                f"(The accuracy is shown to be within {_points(margin)} of chance, but the "
                "balanced accuracy is not.)"
            )
    return said


def of_all(numbers: dict[str, Any], margin: float) -> list[str]:
    """Return what the numbers of `score_all` show, as sentences."""
    few = numbers["readers"] < FEWEST_READERS
    which, whom = (
        ("these_readers", "These readers") if few else ("readers_like_these", "Readers like these")
    )
    interval = numbers["balanced_accuracy"][which]
    if interval is None:
        return ["No reader judged images of both kinds."]
    said = []
    low, high = interval
    differs = low > 0.5 or high < 0.5
    if differs:
        said.append(
            f"{whom} tell real from generated images {'better' if low > 0.5 else 'worse'} than by "
            "chance: the 95 % interval of the balanced accuracy does not contain 0.5."
        )
    narrower = dict(zip(("low", "high"), numbers["balanced_accuracy_90"][which], strict=True))
    if _within(narrower, margin):
        said.append(
            f"On average they are within {_points(margin)} of chance, by the 90 % interval of the "
            "balanced accuracy. A single reader may not be."
        )
    elif not differs:
        said.append(
            "Undecided: it is shown neither that they can tell the images apart nor that they "
            "cannot. This needs more readers or images."
        )
    if few:
        said.append(
            f"{numbers['readers']} readers are too few to conclude about others; {FEWEST_READERS} "
            "or more are needed."
        )
    return said


def _undecided(count: int, numbers: dict[str, Any]) -> str:
    """Say what this number of judgements could have shown."""
    accuracy, margin = numbers["detectable_accuracy"], numbers["detectable_margin"]
    could = (
        "no accuracy at all"
        if accuracy is None
        else f"an accuracy of {accuracy:.3g} or more (or {1 - accuracy:.3g} or less)"
    )
    equal = "no equivalence" if margin is None else f"equivalence within {_points(margin)}"
    return (
        "Undecided: it is shown neither that the reader can tell the images apart nor that the "
        f"reader cannot. {count} judgements can show, with a power of {100 * POWER:.0f} %, "
        f"{could}, or {equal}."
    )


def _differs(interval: dict[str, float | None]) -> bool:
    """Tell whether an interval is known and does not contain 0.5."""
    low, high = interval["low"], interval["high"]
    return low is not None and high is not None and not low <= 0.5 <= high


def _within(interval: dict[str, float | None], margin: float) -> bool:
    low, high = interval["low"], interval["high"]
    return low is not None and high is not None and low > 0.5 - margin and high < 0.5 + margin


def _points(margin: float) -> str:
    return f"{100 * margin:.3g} points"
