"""`synaxial evaluate score`: every metric of a set of images, compared with the reference."""

import logging
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from synaxial.compute.parallel import use_threads
from synaxial.config import read_study
from synaxial.data.dataset.reading import open_images
from synaxial.evaluation.features import judge
from synaxial.evaluation.measurements import (
    JUDGE,
    REFERENCE,
    SET,
    TRAINING,
    Measurements,
    check_training,
    compared,
    digests_in,
    read_images,
    read_pair,
)
from synaxial.evaluation.metrics import frechet_distance, memorisation
from synaxial.evaluation.metrics.common import Statistic
from synaxial.evaluation.metrics.intervals import bootstrap_intervals
from synaxial.evaluation.scores import FEATURES, OF_FEATURES, OF_IMAGES, PROTOCOL, Evaluation, Value
from synaxial.io.files import write_json, written_whole
from synaxial.io.sheets import make_sheet

#: Raise it when the results of this stage change.
VERSION = 5

#: Numbers that may be below 0, and numbers that cannot be above 1: intervals end there.
OF_EITHER_SIGN = {
    *("diversity", "spectrum_fine", "kernel_distance", "texture"),
    *("memorisation_threshold", "memorisation_nearest", "memorisation_nearest_real"),
}
SHARES = {"memorisation", "precision", "recall", "coverage", "auc", "accuracy"}

#: Pairs in the picture of the nearest training images.
PAIRS = 8

logger = logging.getLogger(__name__)


def run(
    stacks: Annotated[
        list[Path], typer.Argument(metavar="STACK...", help="The stacks of the set (.tif).")
    ],
    name: Annotated[str, typer.Option(help="Name of the set in tables.")],
    measurements: Annotated[Path, typer.Option(help="Measurements of the set (.npz).")],
    reference: Annotated[Path, typer.Option(help="Measurements of the reference (.npz).")],
    training: Annotated[Path, typer.Option(help="Data set of the training subjects (folder).")],
    output: Annotated[Path, typer.Option(help="The numbers to write (.json).")],
    nearest: Annotated[Path, typer.Option(help="Picture of the nearest pairs to write (.png).")],
    config: Annotated[
        Path, typer.Option(help="The study; its section evaluate (repeats, seed).")
    ] = Path("config.yaml"),
    seed: Annotated[int | None, typer.Option(help="Seed of the training, for tables.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 1,
) -> None:
    """Compare a set of images with the reference in every metric, with intervals.

    \b
    Example: synaxial evaluate score --name final --seed 1 --measurements measurements.npz
      --reference controls/reference/measurements.npz --training dataset
      --output evaluation.json --nearest nearest.png samples/stack_*.tif
    """
    settings = read_study(config).evaluate
    own, real = read_pair(measurements, reference)
    seen = open_images(training / "images.npy")
    check_training(training, own, measurements)
    with use_threads(threads), compared(measurements, reference):
        images = read_images(stacks, own, measurements)
        values = evaluate_set(own, real, settings.repeats, settings.seed)
    with written_whole(nearest) as partial_file:
        threshold = values["memorisation_threshold"].value
        draw_nearest(images.pixels, seen, own, threshold).save(partial_file)
    digests = digests_in(own, measurements)
    evaluation = Evaluation(
        name=name,
        seed=seed,
        protocol=PROTOCOL,
        images=len(images),
        people=min(len(np.unique(each[SET]["groups"])) for each in (own, real)),
        repeats=settings.repeats,
        sha256={
            REFERENCE: digests[REFERENCE],
            TRAINING: digests[TRAINING],
            JUDGE: digests[JUDGE],
        },
        values=values,
    )
    write_json(output, evaluation.model_dump())
    logger.info("%s: %d numbers of %d images", output, len(values), len(images))


def evaluate_set(
    candidate: Measurements, reference: Measurements, repeats: int, seed: int
) -> dict[str, Value]:
    """Compare the measurements of a set with those of the reference in every metric.

    `repeats` and `seed` are those of `bootstrap_intervals`.
    """
    groups = candidate[SET]["groups"], reference[SET]["groups"]
    if len(groups[0]) != len(groups[1]):
        raise ValueError(f"{len(groups[0])} images against {len(groups[1])}, expected as many")
    found: dict[str, Value] = {}
    for suffix, statistic in statistics(candidate, reference):
        values = statistic(None, None)
        intervals = bootstrap_intervals(statistic, *groups, repeats, seed)
        for name, value in values.items():
            low, high = intervals[name]
            if name not in OF_EITHER_SIGN:
                low = max(low, 0.0)
            if name in SHARES:
                high = min(high, 1.0)
            found[f"{name}{suffix}"] = Value(value, low, high)
    return found


def statistics(candidate: Measurements, reference: Measurements) -> list[tuple[str, Statistic]]:
    """Return the statistic of each metric, and the suffix of the names of its numbers."""
    made: list[tuple[str, Statistic]] = [
        ("", partial(metric.compare, candidate[metric.NAME], reference[metric.NAME]))
        for metric in OF_IMAGES
    ]
    groups = candidate[SET]["groups"], reference[SET]["groups"]
    for features in FEATURES:
        # The same judge measured both sets, or none: `read_pair` compares its digests.
        if features is judge and judge.NAME not in candidate:
            continue
        both = candidate[features.NAME]["features"], reference[features.NAME]["features"]
        for metric in OF_FEATURES:
            given = both if metric is frechet_distance else (*both, *groups)
            made.append((f"_{features.NAME}", metric.prepare(*given)))
    return made


def draw_nearest(
    images: NDArray[np.uint8],
    training: NDArray[np.uint8],
    measurements: Measurements,
    threshold: float,
) -> Image.Image:
    """Draw the images that are nearest to a training image above that image, the nearest left.

    `threshold` is the correlation beyond which an image counts as too near.
    """
    pairs = memorisation.closest_pairs(measurements[memorisation.NAME], PAIRS)
    above = [images[pair.image] for pair in pairs]
    below = [memorisation.laid_over(training, pair) for pair in pairs]
    return make_sheet(
        np.stack([*above, *below]),
        len(pairs),
        row_labels=["image", "nearest in\ntraining"],
        column_labels=[f"{pair.correlation:.3f}" for pair in pairs],
        title=f"Correlation of each image with the nearest training image. An image beyond "
        f"{threshold:.3f}, the 99th percentile of the reference, counts as too near.",
    )
