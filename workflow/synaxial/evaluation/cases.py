"""`synaxial evaluate cases`: real images, and the most and least realistic generated ones."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from synaxial.evaluation.features import efficientnet
from synaxial.evaluation.measurements import SET, Measurements, compared, read_images, read_pair
from synaxial.evaluation.metrics.neighbours import realism
from synaxial.io.files import written_whole
from synaxial.io.images import evenly_spaced
from synaxial.io.sheets import make_sheet

#: Raise it when the results of this stage change.
VERSION = 2

#: Images in a row.
SHOWN = 8


def run(
    stacks: Annotated[
        list[Path], typer.Argument(metavar="STACK...", help="The stacks of the set (.tif).")
    ],
    measurements: Annotated[Path, typer.Option(help="Measurements of the set (.npz).")],
    reference: Annotated[Path, typer.Option(help="Measurements of the reference (.npz).")],
    real: Annotated[Path, typer.Option(help="The stack of the reference (.tif).")],
    output: Annotated[Path, typer.Option(help="The picture to write (.png).")],
) -> None:
    """Show real images, and the most and the least realistic generated images.

    \b
    Example: synaxial evaluate cases --measurements measurements.npz
      --reference controls/reference/measurements.npz --real controls/reference/images.tif
      --output cases.png samples/stack_*.tif
    """
    own, unseen = read_pair(measurements, reference)
    with compared(measurements, reference):
        scores = realism_of(own, unseen)
        generated = read_images(stacks, own, measurements)
        images = read_images([real], unseen, reference)
    with written_whole(output) as partial:
        draw_cases(images.pixels, generated.pixels, scores).save(partial)


def realism_of(candidate: Measurements, reference: Measurements) -> NDArray[np.float64]:
    """Return the realism of each measured image, by its EfficientNet features."""
    own, real = (each[efficientnet.NAME]["features"] for each in (candidate, reference))
    return realism(own, real, reference[SET]["groups"])


def draw_cases(
    real: NDArray[np.uint8], generated: NDArray[np.uint8], scores: NDArray[np.float64]
) -> Image.Image:
    """Draw a row of real images, one of the most and one of the least realistic generated ones.

    Images are uint8 (M, S, S) and (N, S, S); scores (N,) are the realism.
    """
    order = np.argsort(-scores, kind="stable")
    shown = evenly_spaced(len(real), SHOWN)
    columns = min(len(shown), len(order))
    rows = [real[shown[:columns]], generated[order[:columns]], generated[order[::-1][:columns]]]
    return make_sheet(
        np.concatenate(rows), columns, row_labels=["real", "most\nrealistic", "least\nrealistic"]
    )
