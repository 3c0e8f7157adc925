"""What the numbers of a reading say in plain words, and what they do not."""

from typing import Any

from synaxial.studies.turing.planning import LEVEL, POWER

#: Who says one of the two answers in so few of all has not really judged.
FEWEST_OF_AN_ANSWER = 0.1

#: Readers below which nothing is said of other readers.
FEWEST_READERS = 5

NOTES = """
Sensitivity is the share of generated images that were called generated, specificity the share of
real ones that were called real: look at both, for an accuracy near 0.5 may be of one answer given
to all. An image that was shown twice counts once, with its first answer.

The exact binomial test is of the accuracy against 0.5. It supposes as many images of each kind,
or a reader who says either as often. Fisher's exact test beside it does not, and nobody is said
to tell the images apart unless both say so. A test that does not reject shows nothing: that a
reader cannot tell is only said where the test of equivalence shows it, and the balanced
accuracy's 90 % interval lies within the margin too.

Each reader is tested at 5 %: of twenty who guess, one is expected to be found telling them apart.

Readers of the same images are not independent. The intervals of all readers are drawn by image,
with all answers to it (these readers), and by reader and image (readers like these). What is
found holds for these images on these screens, and for real images of these held-out subjects. It
says nothing of whether the generated ones are useful, diverse, or copies. Answers that a program
gave are no readers', and show nothing.
"""


def of_reader(numbers: dict[str, Any], margin: float) -> list[str]:
    """Return what one reader's numbers say, a sentence each.

    Parameters
    ----------
    numbers
        Of `score_reader`.
    margin
        Of equivalence.
    """
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
        said.append("The answers follow the truth, though the accuracy alone does not show it.")
    equal = numbers["equivalence_p"] < LEVEL
    balanced = _within(numbers["balanced_accuracy_90"], margin)
    one_sided = not FEWEST_OF_AN_ANSWER <= share <= 1 - FEWEST_OF_AN_ANSWER
    if one_sided and not follows:
        said.append(
            f"Called {100 * share:.0f} % of the images generated: that is hardly a judgement, and "
            "whether they can be told apart it does not show."
        )
    elif equal and balanced:
        said.append(
            f"Did not tell them apart: the accuracy is within {_points(margin)} of chance, as the "
            "test of equivalence shows."
        )
        said += _auc_differs(numbers["auc"])
    elif not (off_chance or follows):
        said.append(_undecided(count, numbers))
        if equal:
            said.append(
                f"(The accuracy is shown to be within {_points(margin)} of chance, but not the "
                "balanced accuracy.)"
            )
    return said


def of_all(numbers: dict[str, Any], margin: float) -> list[str]:
    """Return what the numbers of all readers say, a sentence each.

    Parameters
    ----------
    numbers
        Of `score_all`.
    margin
        Of equivalence.
    """
    few = numbers["readers"] < FEWEST_READERS
    which, whom = (
        ("these_readers", "These readers") if few else ("readers_like_these", "Readers like these")
    )
    said = []
    interval = numbers["balanced_accuracy"][which]
    narrower = numbers["balanced_accuracy_90"][which]
    if interval is None:
        return ["No reader judged images of both kinds."]
    low, high = interval
    differs = low > 0.5 or high < 0.5
    if differs:
        said.append(
            f"{whom} tell real from generated images {'better' if low > 0.5 else 'worse'} than by "
            "chance: the balanced accuracy's 95 % interval does not hold 0.5."
        )
    if _within({"low": narrower[0], "high": narrower[1]}, margin):
        said.append(
            f"On average they are within {_points(margin)} of chance: the balanced accuracy's 90 % "
            "interval is. A single one may not be."
        )
    elif not differs:
        said.append(
            "Undecided: neither that they can tell them apart is shown, nor that they cannot. More "
            "readers or images would be needed."
        )
    if few:
        said.append(
            f"{numbers['readers']} readers are too few to speak of others, which would need "
            f"{FEWEST_READERS} or more."
        )
    return said


def _auc_differs(auc: dict[str, float | None]) -> list[str]:
    """Return a sentence if the confidences tell what the answers do not."""
    if auc["low"] is None or auc["high"] is None or auc["low"] <= 0.5 <= auc["high"]:
        return []
    return [
        "But the confidences carry more than the answers: the area under the ROC curve is not 0.5."
    ]


def _undecided(count: int, numbers: dict[str, Any]) -> str:
    """Say what so few judgements could have shown."""
    accuracy, margin = numbers["detectable_accuracy"], numbers["detectable_margin"]
    could = (
        "no accuracy at all"
        if accuracy is None
        else f"an accuracy of {accuracy:.3g} or more (or {1 - accuracy:.3g} or less)"
    )
    equal = "no equivalence" if margin is None else f"equivalence within {_points(margin)}"
    return (
        f"Undecided: neither that the reader can tell them apart is shown, nor the contrary. "
        f"{count} judgements show, with a power of {100 * POWER:.0f} %, {could}, or {equal}."
    )


def _within(interval: dict[str, float | None], margin: float) -> bool:
    low, high = interval["low"], interval["high"]
    return low is not None and high is not None and low > 0.5 - margin and high < 0.5 + margin


def _points(margin: float) -> str:
    return f"{100 * margin:.3g} points"
