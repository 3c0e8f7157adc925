"""The result of a visual Turing test: conclusions in plain words, and the page."""

import html
from typing import Any

from synaxial.io.pages import make_page, table_of
from synaxial.studies.turing.files import REASONS
from synaxial.studies.turing.sample_size import LEVEL, POWER

#: The numbers with intervals, and their names.
NUMBERS = {
    "accuracy": "accuracy",
    "sensitivity": "sensitivity (generated images called generated)",
    "specificity": "specificity (real images called real)",
    "balanced_accuracy": "balanced accuracy",
    "auc": "area under the ROC curve",
}
TESTS = {
    "binomial_p": "binomial test: p of accuracy 0.5",
    "fisher_p": "Fisher's test: p of answers independent of what the image was",
    "equivalence_p": "equivalence: p of not being within {points:.3g} points of chance",
}
KINDS = ("real", "generated")

#: A reader who gives one of the two answers less often than this has hardly judged.
FEWEST_OF_AN_ANSWER = 0.1

#: With fewer readers, nothing is concluded about other readers.
FEWEST_READERS = 5

NOTES = """
Sensitivity is the share of generated images that were called generated. Specificity is the share
of real images that were called real. Look at both: a reader who gives one answer to all images has
an accuracy near 0.5. An image that was shown twice counts once, with the first answer.

The exact binomial test compares the accuracy with 0.5. It assumes equally many images of each
kind, or a reader who gives each answer equally often. Fisher's exact test does not assume this, but
has no direction: the answers follow the truth if the balanced accuracy is above 0.5, and go against
it below. A reader is said to tell the images apart only if both tests reject, and both accuracies
are on the same side of 0.5. A test that does not reject shows nothing. A reader is said not to tell
the images apart only if the test of equivalence shows it and the 90 % interval of the balanced
accuracy also lies within the margin.

Each reader is tested at 5 %: of twenty readers who guess, one is expected to appear to tell the
images apart.

Readers of the same images are not independent. The intervals for all readers come from resampled
images with all their answers (these readers), or from resampled readers and images (readers like
these). The result is valid for these images on these screens, and for real images of these
held-out subjects. It does not show whether the generated images are useful, diverse or copies.
Answers of a program are not answers of readers and show nothing.
"""


def of_reader(numbers: dict[str, Any], margin: float) -> list[str]:
    """Return what the numbers of `score_reader` show, as sentences."""
    said = _of_tests(numbers)
    count, share = numbers["judged"], numbers["says_generated"]
    off_chance, related = _rejected(numbers)
    equal = numbers["equivalence_p"] < LEVEL
    balanced = _within(numbers["balanced_accuracy_90"], margin)
    one_sided = not FEWEST_OF_AN_ANSWER <= share <= 1 - FEWEST_OF_AN_ANSWER
    if one_sided and not related:
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
    elif not (off_chance or related):
        said.append(_undecided(count, numbers))
        if equal:
            said.append(
                f"(The accuracy is shown to be within {_points(margin)} of chance, but the "
                "balanced accuracy is not.)"
            )
    return said


def _of_tests(numbers: dict[str, Any]) -> list[str]:
    """Return what the tests of the accuracy and of the answers show together."""
    off_chance, related = _rejected(numbers)
    above = numbers["accuracy"]["value"] > 0.5
    if related:
        # Fisher's test has no direction, and the accuracy depends on the share of each kind.
        follows = numbers["balanced_accuracy"]["value"] > 0.5
        if off_chance and follows == above:
            which = "better" if follows else "worse"
            return [f"Told real from generated images {which} than by chance."]
        way = "follow" if follows else "go against"
        return [f"The answers {way} the truth, although the accuracy alone does not show it."]
    if not off_chance:
        return []
    said = "The accuracy is not 0.5, but the answers do not follow the truth"
    more_generated, says_more = numbers["generated"] - 0.5, numbers["says_generated"] - 0.5
    if more_generated * says_more == 0:
        return [f"{said}."]
    kind = "commoner" if more_generated * says_more > 0 else "rarer"
    return [
        f"{said}: there are more images of one kind, and the reader gave the answer of the {kind} "
        "kind more often."
    ]


def _rejected(numbers: dict[str, Any]) -> tuple[bool, bool]:
    """Tell whether the accuracy is not 0.5, and whether the answers depend on the truth."""
    return numbers["binomial_p"] < LEVEL, numbers["fisher_p"] < LEVEL


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


def make_result_page(found: dict[str, Any]) -> str:
    """Return the page of the numbers of `score`."""
    images = found["images"]
    parts = [
        f"<p>{images['real']} real and {images['generated']} generated images, "
        f"{images['shown_twice']} of them shown twice. Brackets: 95 % confidence intervals.</p>",
        table_of(_reader_rows(found)),
    ]
    conclusions = [(reader["name"], reader["conclusion"]) for reader in found["readers"]]
    pooled = found["all_readers"]
    if pooled is not None:
        parts += ["<h3>All readers</h3>", table_of(_pooled_rows(pooled))]
        conclusions.append(("All readers", pooled["conclusion"]))
    parts += [
        "<h3>What the numbers show</h3>",
        *(
            _paragraph(f"<b>{html.escape(name)}</b>: {html.escape(' '.join(said))}")
            for name, said in conclusions
        ),
        "<h3>Agreement</h3>",
        *_agreement(found),
        "<h3>Reasons</h3>",
        table_of(_reason_rows(found["reasons"])),
        "<h3>How to read this</h3>",
        *(_paragraph(html.escape(note)) for note in NOTES.strip().split("\n\n")),
    ]
    return make_page("Visual Turing test", "\n".join(parts))


def _reader_rows(found: dict[str, Any]) -> list[list[str]]:
    """Return a table with a column for each reader."""
    readers = found["readers"]
    points = 100 * found["margin"]
    return [
        ["reader", *(reader["name"] for reader in readers)],
        ["years of experience", *(f"{reader['years']:g}" for reader in readers)],
        ["answered", *(f"{reader['answered']} of {reader['shown']}" for reader in readers)],
        ["median seconds per image", *(f"{reader['median_seconds']:.1f}" for reader in readers)],
        *(
            [title, *(_with_interval(**reader[name]) for reader in readers)]
            for name, title in NUMBERS.items()
        ),
        *(
            [title.format(points=points), *(_p_value(reader[name]) for reader in readers)]
            for name, title in TESTS.items()
        ),
    ]


def _pooled_rows(pooled: dict[str, Any]) -> list[list[str]]:
    """Return a table with a column for each kind of interval."""
    rows = [[f"all {pooled['readers']} readers", "these readers", "readers like these"]]
    for name, title in NUMBERS.items():
        number = pooled[name]
        intervals = (number["these_readers"], number["readers_like_these"])
        cells = (_with_interval(number["value"], *(each or (None, None))) for each in intervals)
        rows.append([title, *cells])
    return rows


def _agreement(found: dict[str, Any]) -> list[str]:
    agreement = found["agreement"]
    rows = [["reader", "images answered twice", "the same answer", "Cohen's kappa"]]
    for reader in found["readers"]:
        repeats = reader["repeats"]
        numbers = (_value(repeats["same"]), _value(repeats["kappa"]))
        rows.append([reader["name"], str(repeats["pairs"]), *numbers])
    return [
        f"<p>Between readers: Fleiss' kappa {_value(agreement['fleiss_kappa'])} "
        f"(over {agreement['images_of_all']} images that all readers judged), Krippendorff's alpha "
        f"{_value(agreement['krippendorff_alpha'])}. 0 is chance, 1 is full agreement.</p>",
        table_of(rows),
    ]


def _reason_rows(counts: dict[str, dict[str, dict[str, int]]]) -> list[list[str]]:
    rows = [
        [f"{truth}, called {said}", *(str(counts[truth][said][reason]) for reason in REASONS)]
        for truth in KINDS
        for said in KINDS
    ]
    return [["images", *REASONS], *rows]


def _paragraph(text: str) -> str:
    """Return HTML as a paragraph of readable width."""
    return f"<p style='max-width: 60em'>{text}</p>"


def _with_interval(value: float | None, low: float | None, high: float | None) -> str:
    interval = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    return _value(value) + interval


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
