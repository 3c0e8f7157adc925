"""`synaxial evaluate measure`: all measurements of each image of a set, made once."""

import logging
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.compute.parallel import use_threads
from synaxial.data.dataset.reading import open_images
from synaxial.data.image_sets import read_set
from synaxial.evaluation.features import efficientnet, wavelets
from synaxial.evaluation.features import judge as judge_features
from synaxial.evaluation.measurements import (
    SET,
    Measurements,
    digest_of_training,
    with_digests,
    write_measurements,
)
from synaxial.evaluation.metrics import (
    anatomy,
    diversity,
    memorisation,
    sliced_wasserstein,
    spectrum,
    texture,
)
from synaxial.io.errors import SynaxialError
from synaxial.io.files import sha256_of
from synaxial.io.images import ImageSet, digest_of_pixels
from synaxial.io.stacks import count_images

#: Raise it when the results of this stage change.
VERSION = 3

logger = logging.getLogger(__name__)


def run(
    stacks: Annotated[
        list[Path], typer.Argument(metavar="STACK...", help="The stacks of the set (.tif).")
    ],
    reference: Annotated[
        Path, typer.Option(help="The stack of the reference (.tif). It sets the number of images.")
    ],
    training: Annotated[Path, typer.Option(help="Data set of the training subjects (folder).")],
    output: Annotated[Path, typer.Option(help="The measurements to write (.npz).")],
    judge: Annotated[
        Path | None, typer.Option(help="The judge of `synaxial evaluate judge` (.npz).")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 1,
) -> None:
    """Measure each image of a set: features, patches, spectrum, anatomy, nearest training image.

    `synaxial evaluate score` compares the result with that of the reference.

    \b
    Example: synaxial evaluate measure --reference controls/reference/images.tif
      --training dataset --output measurements.npz samples/stack_*.tif
    """
    began = time.monotonic()
    count = count_images(reference)
    images, unseen = read_set(stacks, count), read_set([reference], count)
    seen, shape = open_images(training / "images.npy"), unseen.pixels.shape[1:]
    for name, found in ((stacks[0], images.pixels.shape[1:]), (training, seen.shape[1:])):
        if found != shape:
            raise SynaxialError(
                name, f"its images have the shape {found}", f"{shape}, as {reference}"
            )
    network = None if judge is None else judge_features.read_network(judge)
    with use_threads(threads):
        measurements = measure_set(images, seen, network)
    digests = digest_of_pixels(images.pixels), digest_of_pixels(unseen.pixels)
    of_judge = "" if judge is None or network is None else sha256_of(judge)
    known = with_digests(measurements, *digests, digest_of_training(training), of_judge)
    write_measurements(output, known)
    logger.info("%s: %d images in %.0f s", output, count, time.monotonic() - began)


def measure_set(
    images: ImageSet, training: NDArray[np.uint8], judge: judge_features.Network | None = None
) -> Measurements:
    """Measure everything that `synaxial evaluate score` compares; training images are (M, S, S)."""
    pixels = images.pixels
    found: Measurements = {
        SET: {"groups": images.groups},
        diversity.NAME: diversity.measure(pixels, images.groups),
        memorisation.NAME: memorisation.measure(pixels, training),
    }
    for metric in (sliced_wasserstein, spectrum, anatomy, texture):
        found[metric.NAME] = metric.measure(pixels)
    for features in (efficientnet, wavelets):
        found[features.NAME] = {"features": features.measure(pixels)}
    if judge is not None:
        found[judge_features.NAME] = {"features": judge_features.measure(pixels, judge)}
    return found
