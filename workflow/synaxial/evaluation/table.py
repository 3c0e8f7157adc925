"""The table of all numbers, as a file and as a page."""

import html
from typing import Any

from synaxial.evaluation.evaluations import Evaluation, by_name, over_seeds
from synaxial.evaluation.scoring import EXPLAINED, HEADLINES, PROTOCOL, Value
from synaxial.io.pages import make_page, markdown_of

#: The columns of comparison.csv: one row a number of a set.
COLUMNS = ["set", "kind", "seed", "number", "value", "low", "high", "images", "protocol"]

#: What each control is.
CONTROLS = {
    "real": "real images of other held-out subjects",
    "copies": "training images",
    "blurred": "real, blurred",
    "grid": "real, with a grid",
    "noise": "white noise",
}

GOOD = {
    "low": "low is good",
    "high": "high is good",
    "0": "0 is real",
    "0.5": "0.5 is indistinguishable",
    "1": "1 is real",
}

INTRODUCTION = """
<p>Every set has {images} images and is held against as many of held-out subjects, whom no network
has seen (the reference). The first row is the same for the other half of the held-out subjects: how
far apart real images of different people are. It is a yardstick, not a bound: its images are of a
few people, many of each, which alone puts some distance between two sets (in the Fréchet and the
sliced Wasserstein distance most), and generated images, which do not come in people, may lie nearer
without being better. The rows below it are bad in a known way; they show what each number sees, and
what it does not. In brackets: 95 % bootstrap intervals, drawn by subject and by image, which do not
contain what another training would have given: with several seeds the value is their mean, and the
brackets hold all their intervals. All numbers, also those that are not in this table, are in
comparison.csv. Protocol {protocol}: numbers of another one do not compare.</p>
"""


def rows_of(evaluations: list[Evaluation]) -> list[dict[str, Any]]:
    """Return the rows of comparison.csv, with the columns `COLUMNS`."""
    return [
        {
            "set": evaluation.name,
            "kind": "control" if evaluation.seed is None else "experiment",
            "seed": "" if evaluation.seed is None else evaluation.seed,
            "number": number,
            "value": f"{value.value:.6g}",
            "low": f"{value.low:.6g}",
            "high": f"{value.high:.6g}",
            "images": evaluation.images,
            "protocol": PROTOCOL,
        }
        for evaluation in evaluations
        for number, value in evaluation.values.items()
    ]


def make_comparison(controls: list[Evaluation], experiments: list[Evaluation]) -> str:
    """Return the page: a table of the headlines, and what each metric sees and misses."""
    heading = "".join(
        f"<th style='white-space: normal'>{html.escape(line.title)}<br>"
        f"<small>{GOOD[line.good]}</small></th>"
        for line in HEADLINES
    )
    lines = [f"<table><tr><th>set</th>{heading}</tr>"]
    for name, sets in by_name(controls).items():
        lines.append(_line(f"{name}: {CONTROLS.get(name, '')}", sets))
    for name, sets in by_name(experiments).items():
        seeds = ", ".join(str(evaluation.seed) for evaluation in sets)
        lines.append(_line(f"{name} (seed {seeds})", sets))
    lines.append("</table>")
    images = (controls + experiments)[0].images
    body = INTRODUCTION.format(images=images, protocol=PROTOCOL) + "\n".join(lines)
    return make_page("Comparison of the experiments", body + explanations())


def make_markdown(controls: list[Evaluation], experiments: list[Evaluation]) -> str:
    """Return the table in Markdown, for documents: a row a seed, since their mean hides much."""
    titles = ["set", *(f"{line.title} ({GOOD[line.good]})" for line in HEADLINES)]
    rows = [titles]
    for name, sets in by_name(controls).items():
        rows.append([f"{name}: {CONTROLS.get(name, '')}", *_plain_cells(sets)])
    for name, sets in by_name(experiments).items():
        rows += [[f"**{name}** (seed {one.seed})", *_plain_cells([one])] for one in sets]
    return markdown_of(rows)


def _plain_cells(sets: list[Evaluation]) -> list[str]:
    values = [over_seeds(sets, line.name) for line in HEADLINES]
    return [f"{value.value:.3g} ({value.low:.3g} to {value.high:.3g})" for value in values]


def explanations() -> str:
    """Return a paragraph for each metric and each kind of features, with its source, as HTML.

    Its heading is what the titles of its columns begin or end with.
    """
    shown = {module for line in HEADLINES for module in (line.metric, line.features)}
    parts = ["<h3>What the numbers are</h3>", "<dl>"]
    for module in EXPLAINED:
        where = "" if module in shown else " <small>(in comparison.csv only)</small>"
        parts.append(f"<dt><b>{html.escape(module.TITLE)}</b>{where}</dt>")
        parts.append(
            f"<dd style='max-width: 60em; white-space: normal'>{html.escape(module.EXPLANATION)}"
            f"<br><small>Source: {html.escape(module.SOURCE)}</small></dd>"
        )
    return "\n".join([*parts, "</dl>"])


def _line(title: str, sets: list[Evaluation]) -> str:
    cells = "".join(f"<td>{_cell(over_seeds(sets, line.name))}</td>" for line in HEADLINES)
    return f"<tr><td>{html.escape(title)}</td>{cells}</tr>"


def _cell(value: Value) -> str:
    return f"{value.value:.3g}<br><small>({value.low:.3g} to {value.high:.3g})</small>"
