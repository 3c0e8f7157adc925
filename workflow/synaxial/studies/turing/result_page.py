"""The page of a reading's numbers."""

import html
from typing import Any

from synaxial.io.pages import make_page
from synaxial.studies.turing.conclusions import NOTES
from synaxial.studies.turing.files import REASONS

#: The columns of shares and areas, with what they are called.
NUMBERS = {
    "accuracy": "accuracy",
    "sensitivity": "sensitivity<br><small>generated called so</small>",
    "specificity": "specificity<br><small>real called so</small>",
    "balanced_accuracy": "balanced accuracy",
    "auc": "area under the ROC curve",
}
TESTS = {
    "binomial_p": "binomial test<br><small>p, accuracy is 0.5</small>",
    "fisher_p": "Fisher's test<br><small>p, answers as truth</small>",
    "equivalence_p": "equivalence<br><small>p, within {points:.3g} points</small>",
}
KINDS = ("real", "generated")


def make_result(found: dict[str, Any]) -> str:
    """Return the page of what `score` found."""
    images = found["images"]
    parts = [
        f"<p>{images['real']} real and {images['generated']} generated images, "
        f"{images['shown_twice']} of them shown twice. In brackets: 95 % intervals.</p>",
        _readers(found),
        *_all_readers(found["all_readers"]),
        "<h3>What they say</h3>",
        *(
            _paragraph(f"<b>{html.escape(name)}</b>: {html.escape(' '.join(said))}")
            for name, said in _conclusions(found)
        ),
        "<h3>Agreement</h3>",
        _agreement(found),
        "<h3>Reasons</h3>",
        _reasons(found["reasons"]),
        "<h3>How to read this</h3>",
        *(_paragraph(html.escape(note)) for note in NOTES.strip().split("\n\n")),
    ]
    return make_page("Visual Turing test", "\n".join(parts))


def _paragraph(text: str) -> str:
    """Return a paragraph of readable width; the text is HTML."""
    return f"<p style='max-width: 60em'>{text}</p>"


def _readers(found: dict[str, Any]) -> str:
    heading = ["reader", "years", "answered", "s an image", *NUMBERS.values()]
    heading += [title.format(points=100 * found["margin"]) for title in TESTS.values()]
    rows = [
        [
            html.escape(reader["name"]),
            f"{reader['years']:g}",
            f"{reader['answered']} of {reader['shown']}",
            f"{reader['median_seconds']:.1f}",
            *(_cell(reader[name]["value"], reader[name]) for name in NUMBERS),
            *(_p(reader[name]) for name in TESTS),
        ]
        for reader in found["readers"]
    ]
    return _table(heading, rows)


def _all_readers(numbers: dict[str, Any] | None) -> list[str]:
    if numbers is None:
        return []
    rows = []
    for which, title in (
        ("these_readers", "these readers"),
        ("readers_like_these", "readers like these"),
    ):
        cells = []
        for name in NUMBERS:
            low, high = numbers[name][which] or (None, None)
            cells.append(_cell(numbers[name]["value"], {"low": low, "high": high}))
        rows.append([title, *cells])
    heading = [f"all {numbers['readers']}", *NUMBERS.values()]
    return ["<h3>All readers</h3>", _table(heading, rows)]


def _conclusions(found: dict[str, Any]) -> list[tuple[str, list[str]]]:
    said = [(reader["name"], reader["conclusion"]) for reader in found["readers"]]
    if found["all_readers"] is not None:
        said.append(("All readers", found["all_readers"]["conclusion"]))
    return said


def _agreement(found: dict[str, Any]) -> str:
    agreement = found["agreement"]
    lines = [
        f"<p>Between readers: Fleiss' kappa {_value(agreement['fleiss_kappa'])} "
        f"(of {agreement['images_of_all']} images that all judged), Krippendorff's alpha "
        f"{_value(agreement['krippendorff_alpha'])}. 0 is chance, 1 is all the same.</p>"
    ]
    rows = [
        [
            html.escape(reader["name"]),
            str(reader["repeats"]["pairs"]),
            _value(reader["repeats"]["same"]),
            _value(reader["repeats"]["kappa"]),
        ]
        for reader in found["readers"]
    ]
    heading = ["reader", "answered twice", "the same answer", "Cohen's kappa"]
    return "\n".join([*lines, _table(heading, rows)])


def _reasons(counts: dict[str, dict[str, dict[str, int]]]) -> str:
    rows = [
        [f"{truth}, called {said}", *(str(counts[truth][said][reason]) for reason in REASONS)]
        for truth in KINDS
        for said in KINDS
    ]
    return _table(["images", *REASONS], rows)


def _table(heading: list[str], rows: list[list[str]]) -> str:
    """Return a table; the cells are HTML."""
    lines = [_row("th", heading), *(_row("td", row) for row in rows)]
    return "<table>" + "\n".join(lines) + "</table>"


def _row(tag: str, cells: list[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"


def _cell(value: float | None, interval: dict[str, float | None]) -> str:
    low, high = interval["low"], interval["high"]
    if value is None:
        return "-"
    if low is None or high is None:
        return f"{value:.3f}"
    return f"{value:.3f}<br><small>({low:.3f} to {high:.3f})</small>"


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _p(value: float) -> str:
    return "&lt; 0.001" if value < 0.001 else f"{value:.3f}"
