"""`synaxial evaluate conditions`: whether images show what they were asked to show.

The same numbers of real slices, of people on whom neither the generator nor the judge was trained,
say how well the measures themselves work. (With `keep: best` and `patience` a training looks at
them.)
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.compute.parallel import use_threads
from synaxial.data.dataset.labels import LEVEL, ONE_SIDE, SIDE, TUMOUR, label_in, labels_of
from synaxial.data.dataset.reading import read_dataset
from synaxial.evaluation.controls import half_of
from synaxial.evaluation.features import judge as judge_features
from synaxial.evaluation.features.judge import Network, read_network, tell
from synaxial.evaluation.metrics import anatomy
from synaxial.evaluation.metrics.two_sample import area_under_curve
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_json
from synaxial.io.images import as_grey
from synaxial.io.stacks import images_of, read_stack

#: Raise it when the results of this stage change.
VERSION = 1

logger = logging.getLogger(__name__)

Labels = NDArray[np.float32]


def run(
    stacks: Annotated[
        list[Path], typer.Argument(metavar="STACK...", help="The stacks of the generator (.tif).")
    ],
    held_out: Annotated[Path, typer.Option(help="Data set of the held-out subjects (folder).")],
    judge: Annotated[Path, typer.Option(help="The judge of `synaxial evaluate judge` (.npz).")],
    output: Annotated[Path, typer.Option(help="The numbers to write (.json).")],
    threads: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 1,
) -> None:
    """Measure whether images show what they were asked to show, beside real slices.

    Levels are told by the judge. Tumours are found by their brightness.

    \b
    Example: synaxial evaluate conditions --held-out held_out --judge controls/judge.npz
      --output conditions.json samples/stack_*.tif
    """
    network = read_network(judge)
    generated = read_asked(stacks)
    real = read_real(held_out)
    with use_threads(threads):
        numbers = {
            name: numbers_of(*each, network)
            for name, each in (("generated", generated), ("real", real))
        }
    write_json(output, numbers)
    logger.info("%s: %d images", output, len(generated[0]))


def read_asked(stacks: Sequence[Path]) -> tuple[NDArray[np.uint8], Labels]:
    """Return the images of some stacks, uint8 (N, S, S), and what was asked of each."""
    pixels, labels = [], []
    for path in stacks:
        stack = images_of(read_stack(path), path)
        for page, description in zip(stack.pages, stack.descriptions, strict=True):
            label = label_in(description)
            if label is None:
                raise SynaxialError(
                    path,
                    "does not say what was asked of its images",
                    "a stack of a generator with training.conditions",
                )
            pixels.append(as_grey(page[None])[0])
            labels.append(label)
            check_width(path, pixels[-1], pixels[0], str(stacks[0]))
    return np.stack(pixels), np.stack(labels)


def check_width(path: Path, image: NDArray[np.uint8], first: NDArray[np.uint8], where: str) -> None:
    """Refuse images of another width than the first, which is that of `where`."""
    if image.shape[-1] != first.shape[-1]:
        found = f"its images are {image.shape[-1]} pixels wide"
        raise SynaxialError(path, found, f"{first.shape[-1]}, as in {where}")


def read_real(held_out: Path) -> tuple[NDArray[np.uint8], Labels]:
    """Return the half of the held-out images that no network was trained on, and what they show."""
    images, rows = read_dataset(held_out)
    try:
        half = half_of(images, 1)
    except ValueError as error:
        raise SynaxialError(held_out, f"is too small ({error})") from error
    chosen = [rows[number] for number in half]
    labels = labels_of(chosen)
    labels[[row["tumour_area"] == "" for row in chosen], TUMOUR:] = np.nan
    return np.ascontiguousarray(images.pixels[half]), labels


def numbers_of(
    pixels: NDArray[np.uint8], labels: Labels, network: Network | None
) -> dict[str, Any]:
    """Return how well images, uint8 (N, S, S), show their labels, float32 (N, LABEL).

    What is not known of an image is NaN in its label. A number that cannot be known is None.

    Returns
    -------
    dict
        `images`; `level_error`, the mean difference between the level that the judge tells and the
        label's, in mm; `tumour_auc`, how often the judge gives an image with tumour the higher
        score than one without; the shares of the images `with_tumour` and `without_tumour` in which
        a bright part is found; and the share of those on one side, and found, whose bright part is
        mostly on this `side`.
    """
    measured = anatomy.measure(pixels)
    found = measured["hyperintense"] > 0
    # The right half of the picture is the patient's left.
    on_left = measured["hyperintense_right"] > 50
    known = ~np.isnan(labels[:, TUMOUR])
    tumour = known & (labels[:, TUMOUR] > 0)
    one_side = found & tumour & (np.abs(labels[:, SIDE]) > ONE_SIDE)
    numbers: dict[str, Any] = {
        "images": len(pixels),
        "with_tumour": share(found[tumour]),
        "without_tumour": share(found[known & ~tumour]),
        "side": share(on_left[one_side] == (labels[one_side, SIDE] > 0)),
        "level_error": None,
        "tumour_auc": None,
    }
    if network is not None:
        told = tell(pixels, network).astype(np.float64)
        differences = np.abs(told[:, judge_features.LEVEL] - labels[:, LEVEL])
        if not np.isnan(differences).all():
            numbers["level_error"] = float(np.nanmean(differences))
        kinds = tumour[known].astype(np.int64)
        # A judge that has learned nothing of tumours says 0 of every image.
        if network.weights[judge_features.TUMOUR].any() and len(np.unique(kinds)) == 2:
            scores = told[known, judge_features.TUMOUR]
            auc = area_under_curve(scores, kinds, np.ones(len(kinds)))
            numbers["tumour_auc"] = float(auc)
    return numbers


def share(values: NDArray[np.bool_]) -> float | None:
    """Return the share of true values; None if there are no values."""
    return float(values.mean()) if len(values) else None
