"""`synaxial evaluate measure`."""

import logging
import time
from pathlib import Path
from typing import Annotated

import typer

from synaxial.compute.parallel import use_threads
from synaxial.data.dataset.reading import open_images
from synaxial.evaluation.digests import digest_of_training, with_digests
from synaxial.evaluation.image_sets import read_set
from synaxial.evaluation.measurement_files import write_measurements
from synaxial.evaluation.measuring import measure_set
from synaxial.io.errors import SynaxialError
from synaxial.io.images import digest_of_pixels
from synaxial.io.stacks import count_images, read_shape

logger = logging.getLogger(__name__)


def run(
    stacks: Annotated[
        list[Path],
        typer.Option(metavar="STACK...", help="Stacks of the set, in this order (.tif)."),
    ],
    reference: Annotated[
        Path, typer.Option(help="The reference's stack (.tif): so many images are measured.")
    ],
    training: Annotated[Path, typer.Option(help="Data set of the subjects trained with.")],
    output: Annotated[Path, typer.Option(help="The measurements to write (.npz).")],
    threads: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 1,
    others: Annotated[list[Path] | None, typer.Argument(hidden=True, metavar="MORE")] = None,
) -> None:
    """Measure each image of a set: features, patches, spectrum, anatomy, nearest training image.

    `synaxial evaluate score` compares what this writes with that of the reference.
    """
    began = time.monotonic()
    count, shape = count_images(reference), [*read_shape(reference)[1:]]
    images = read_set([*stacks, *(others or [])], count)
    seen = open_images(training / "images.npy")
    for name, found in ((stacks[0], images.pixels.shape[1:]), (training, seen.shape[1:])):
        if list(found) != shape[:2]:
            raise SynaxialError(
                name, f"its images have the shape {found}", f"{tuple(shape[:2])}, as {reference}"
            )
    with use_threads(threads):
        measurements = measure_set(images, seen)
    unseen = read_set([reference], count)
    known = with_digests(
        measurements,
        digest_of_pixels(images.pixels),
        digest_of_pixels(unseen.pixels),
        digest_of_training(training),
    )
    write_measurements(output, known)
    logger.info("%s: %d images in %.0f s", output, count, time.monotonic() - began)
