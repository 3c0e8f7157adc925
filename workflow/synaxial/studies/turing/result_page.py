"""The page with the numbers of a reading."""

import html
from typing import Any

from synaxial.io.pages import make_page, table_of
from synaxial.studies.turing.conclusions import NOTES
from synaxial.studies.turing.files import REASONS

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
    "fisher_p": "Fisher's test: p of answers independent of the truth",
    "equivalence_p": "equivalence: p of not being within {points:.3g} points of chance",
}
KINDS = ("real", "generated")


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
        ["median seconds an image", *(f"{reader['median_seconds']:.1f}" for reader in readers)],
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
        f"(over {agreement['images_of_all']} images that all judged), Krippendorff's alpha "
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
