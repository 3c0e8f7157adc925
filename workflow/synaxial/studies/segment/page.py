"""The comparison as a table and as a page."""

import html
from typing import Any

from synaxial.io.pages import make_page, table_of
from synaxial.studies.segment.comparison import Row
from synaxial.studies.segment.intervals import clusters_of
from synaxial.studies.segment.records import Results
from synaxial.studies.segment.tables import dice_table, mask_table

TITLE = "Segmentation with generated images"

INTRODUCTION = """
<p>Small U-Nets that segment the tumour, trained on real slices, on generated ones with their
generated masks, or on both (half of every batch each), and judged on {people} people held out, of
whom {without} have no tumour in any slice and do not count. All have the same network
({parameters} weights), the same {updates} updates of {batch_size} images ({images_seen} images
seen), the same initial weights and augmentation for the same seed, and end with the last update:
the people held out are looked at once. A Dice coefficient is of one person, of all pixels of all
their slices, at a probability of 0.5; a value is the mean over people and over seeds.</p>
<p>In brackets: 95 % intervals, of other people and seeds. A difference is taken within the same
seed and person; if its interval contains 0, the trainings do not show that it is another number.
With a single seed an interval holds nothing of what another training would have given.</p>
"""

LIMITS = """
<h3>What it can and cannot show</h3>
<ul>
<li>The generator was trained with all people of the training set. At a smaller number of real
people, both and synthetic therefore draw on people whom real does not see: it shows what somebody
with few subjects gains by images of a generator that somebody else trained with more, and not that
a generator makes more out of few subjects.</li>
<li>No network is trained with the people held out; but with <code>keep: best</code> or
<code>patience</code> the generator was chosen by images of half of them.</li>
<li>An equal budget means equal updates. In both, each real slice is seen half as often as in real;
more updates could favour either.</li>
<li>A small U-Net on axial slices is no state of the art, and its Dice coefficients do not compare
with published ones, which are of volumes, other networks, data and trainings. (Published
for FLAIR slices with generated masks: +0.036 on test data, by 14 times 1000 images added to 2751;
Asadi et al., IBRO Neuroscience Reports 2023.)</li>
<li>The threshold is a yardstick of how easy the task is: where it does as well as a network, the
network's Dice coefficients say little of what it has learned.</li>
<li>Masks that lie where their images say are no proof that these look real; see the comparison of
the images.</li>
</ul>
"""

#: What the intervals say of generators, by how many seeds share one.
ONE = (
    "All seeds have images of one generator: the intervals hold nothing of what another training "
    "of the generator would have given."
)
SHARED = (
    "Some seeds share a generator and are no independent draws. Each generator's seeds are "
    "averaged first: a value is the mean over generators, its interval of generators and people."
)
OWN = (
    "Each seed has a generator of its own: the intervals hold what another training of the "
    "generator would have given."
)

MASKS = """
<h3>Do the masks lie where the images say?</h3>
<p>Of {generated} generated images, and of the {real} real ones held out with the data's own masks,
which are the yardstick. Intervals are of images drawn anew where they are generated, and of people
where they are real. All but the first line are of images whose mask is not empty.</p>
"""


def rows_of(rows: list[Row], results: Results) -> list[dict[str, Any]]:
    """Return the rows of segmentation.csv, with the columns of `comparison.COLUMNS`."""
    return [
        {
            "subjects": row.subjects,
            "people": row.people,
            "number": row.number,
            "value": f"{row.value:.6g}",
            "low": f"{row.low:.6g}",
            "high": f"{row.high:.6g}",
            "seeds": " ".join(map(str, row.by_seed)),
            "held_out": row.held_out,
            "real_images": row.real_images,
            "synthetic_images": row.synthetic_images,
            "generators": row.generators,
            "updates": results.budget["updates"],
            "batch_size": results.budget["batch_size"],
        }
        for row in rows
    ]


def make_segmentation_page(rows: list[Row], results: Results) -> str:
    """Return the page: how, the Dice coefficients, the masks, and what it cannot show."""
    introduction = INTRODUCTION.format(
        people=results.held_out["people"],
        without=results.held_out["people_without_tumour"],
        **results.budget,
    )
    masks = MASKS.format(**results.check.images)
    dice, places = table_of(dice_table(rows)), table_of(mask_table(results.check))
    parts = [introduction, _generators(results), dice, masks, places, LIMITS]
    return make_page(TITLE, "\n".join(parts))


def _generators(results: Results) -> str:
    """Return which generators the generated images are of, and what the intervals hold of them."""
    of_seeds = {
        training.seed: training.generators
        for training in sorted(results.trainings, key=lambda training: training.seed)
        if training.generators
    }
    if not of_seeds:
        return ""
    experiment = next(training.experiment for training in results.trainings if training.generators)
    seeds: dict[str, list[str]] = {}
    for seed, names in of_seeds.items():
        for name in names:
            seeds.setdefault(name, []).append(str(seed))
    count = f"{len(seeds)} generator{'s' if len(seeds) > 1 else ''}"
    of_experiment = f" of the experiment {experiment}" if experiment is not None else ""
    listed = ", ".join(f"{name[:16]} (seed {', '.join(own)})" for name, own in seeds.items())
    clusters = len(set(clusters_of(list(of_seeds.values())).tolist()))
    note = ONE if clusters == 1 else SHARED if clusters < len(of_seeds) else OWN
    text = f"The generated images are by {count}{of_experiment}: {listed}. {note}"
    return f"<p>{html.escape(text)}</p>"
