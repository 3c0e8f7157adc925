"""The comparison page: a verdict in words, the table of numbers, and what the numbers mean."""

import html

from synaxial.config.evaluation import ENLARGED
from synaxial.evaluation.features import judge
from synaxial.evaluation.judge_record import JudgeRecord
from synaxial.evaluation.scores import (
    EXPLAINED,
    PROTOCOL,
    Evaluation,
    Headline,
    by_name,
    headlines_of,
    over_seeds,
)
from synaxial.evaluation.verdict import Finding, Judgement, verdicts
from synaxial.io.pages import make_page, markdown_of

#: What each control is.
CONTROLS = {
    "real": "real images of other held-out subjects",
    "copies": "training images",
    "warped": "training images, slightly bent",
    "blurred": "real, blurred",
    "grid": "real, with a grid",
    "noise": "white noise",
}

#: What the images of an up-sampler's set are.
OF_ENLARGED = "unseen real slices, made small and enlarged again"

STYLE = """<style>
p { max-width: 60em; }
th { vertical-align: top; }
.verdict td, .verdict th { white-space: normal; vertical-align: top; max-width: 17em; }
.verdict small, .numbers small { font-weight: normal; }
.numbers th, .numbers td:first-child { white-space: normal; }
details { margin: 1em 0; max-width: 60em; }
summary { cursor: pointer; font-weight: bold; }
.good { color: #0f766e; } .bad { color: #b91c1c; } .open { color: #92400e; }
</style>"""

VERDICT = """
<p>Each answer compares a number with that of real images of other held-out subjects. If an
experiment is not realistic, the other answers mean little: noise is varied and copies nothing.
&ldquo;Realistic&rdquo; is what a network trained on photographs sees. Disordered anatomy can escape
it: look at the images.</p>
<p>A number is as good as that of real images if it lies within their interval or below, and worse
if its own interval lies wholly above. Otherwise the answer is &ldquo;Not certain&rdquo;. The
answer is also &ldquo;Not certain&rdquo; if an interval reaches the number of the control with that
defect, or if the number does not tell this control from real images. With fewer than eight held-out
people nothing is said to be as good as real images, and with four every answer is &ldquo;Not
certain&rdquo;. In brackets: 95 % intervals.</p>
"""

NUMBERS = """
<p>Every set has {images} images and is compared with as many images of held-out subjects that no
network has seen (the reference). The first row is the other half of the held-out subjects. The next
rows are controls with a known defect: they show what each number detects and what it misses.</p>
"""

READING = """
<p>The first row shows how far apart real images of different subjects are. It is a yardstick, not a
limit. It comes from a few subjects with many images of each. That alone separates two sets to some
degree, above all in the Fréchet and the sliced Wasserstein distance. Generated images are not
grouped by subject, so they may be nearer to the reference without being better.</p>
<p>Brackets give 95 % bootstrap intervals, resampled by subject and by image. They do not include
the variation between trainings. With several seeds the value is the mean over the seeds, and the
brackets contain the intervals of all seeds. comparison.csv has all numbers, including those that
are not in this table. Protocol {protocol}: numbers of another protocol are not comparable.</p>
"""


def make_comparison(
    controls: list[Evaluation], experiments: list[Evaluation], record: JudgeRecord | None = None
) -> str:
    """Return the page as HTML. `record` is that of the judge."""
    images = (controls + experiments)[0].images
    headlines = headlines_of(controls + experiments)
    meaning = explanations(headlines, record)
    parts = [
        STYLE,
        verdict_table(verdicts(controls + experiments)),
        "<h3>The numbers</h3>",
        NUMBERS.format(images=images),
        _number_table(controls, experiments),
        "<details><summary>How to read the table</summary>",
        READING.format(protocol=PROTOCOL),
        "</details>",
        f"<details><summary>What the numbers mean</summary>\n{meaning}\n</details>",
    ]
    return make_page("Comparison of the experiments", "\n".join(parts))


def verdict_table(found: dict[str, list[Finding]]) -> str:
    """Return the verdicts as HTML: a row per experiment, a column per question."""
    if not found:
        return "<p>There is no verdict without the control <i>real</i>.</p>"
    heading = "".join(
        f"<th>{each.question.asked}<br><small>{each.question.meaning};<br>real images of other "
        f"subjects {each.floor}</small></th>"
        for each in next(iter(found.values()))
    )
    lines = [VERDICT, f"<table class='verdict'><tr><th>experiment</th>{heading}</tr>"]
    for name, findings in found.items():
        cells = "".join(
            f"<td><b class='{_colour(each)}'>{each.answer}</b><br>"
            f"<small>{each.numbers.replace(' and ', '<br>')}</small></td>"
            for each in findings
        )
        what = f"<br><small>{OF_ENLARGED}</small>" if name.endswith(ENLARGED) else ""
        lines.append(f"<tr><td><b>{html.escape(name)}</b>{what}</td>{cells}</tr>")
    return "\n".join([*lines, "</table>"])


def _colour(finding: Finding) -> str:
    judged = set(finding.judgements)
    if judged == {Judgement.LIKE_REAL}:
        return "good"
    return "bad" if judged == {Judgement.WORSE} else "open"


def make_markdown(controls: list[Evaluation], experiments: list[Evaluation]) -> str:
    """Return the table in Markdown, for documents: a row per seed, because a mean hides much."""
    headlines = headlines_of(controls + experiments)
    rows = [["set", *(f"{line.title} ({line.rule})" for line in headlines)]]
    for name, sets in by_name(controls).items():
        rows.append([f"{name}: {CONTROLS.get(name, '')}", *_cells(sets, headlines, " ")])
    for name, sets in by_name(experiments).items():
        rows += [[f"**{name}** (seed {one.seed})", *_cells([one], headlines, " ")] for one in sets]
    return markdown_of(rows)


def explanations(headlines: tuple[Headline, ...], record: JudgeRecord | None) -> str:
    """Return a paragraph for each metric and each kind of features, with its source, as HTML.

    `headlines` are those of the table, `record` what is known of the judge.
    """
    shown = {module for line in headlines for module in (line.metric, line.features)}
    parts = ["<dl>"]
    for module in EXPLAINED:
        where = "" if module in shown else " <small>(in comparison.csv only)</small>"
        parts.append(f"<dt><b>{html.escape(module.TITLE)}</b>{where}</dt>")
        known = f" {record.in_words()}" if module is judge and record is not None else ""
        parts.append(
            f"<dd>{html.escape(module.EXPLANATION + known)}"
            f"<br><small>Source: {html.escape(module.SOURCE)}</small></dd>"
        )
    return "\n".join([*parts, "</dl>"])


def _number_table(controls: list[Evaluation], experiments: list[Evaluation]) -> str:
    headlines = headlines_of(controls + experiments)
    heading = "".join(
        f"<th>{html.escape(line.title)}<br><small>{line.rule}</small></th>" for line in headlines
    )
    lines = [f"<table class='numbers'><tr><th>set</th>{heading}</tr>"]
    for name, sets in by_name(controls).items():
        lines.append(_line(f"{name}: {CONTROLS.get(name, '')}", sets, headlines))
    for name, sets in by_name(experiments).items():
        seeds = ", ".join(str(evaluation.seed) for evaluation in sets)
        lines.append(_line(f"{name} (seed {seeds})", sets, headlines))
    return "\n".join([*lines, "</table>"])


def _line(title: str, sets: list[Evaluation], headlines: tuple[Headline, ...]) -> str:
    cells = "".join(f"<td>{cell}</small></td>" for cell in _cells(sets, headlines, "<br><small>"))
    return f"<tr><td>{html.escape(title)}</td>{cells}</tr>"


def _cells(sets: list[Evaluation], headlines: tuple[Headline, ...], between: str) -> list[str]:
    """Return each number of the table, and after the text `between` its interval."""
    values = [over_seeds(sets, line.name) for line in headlines]
    return [f"{v.value:.3g}{between}({v.low:.3g} to {v.high:.3g})" for v in values]
