"""`synaxial upsampler apply`: enlarge given slices with a trained up-sampler."""

import logging
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from synaxial.compute.devices import prepare_alone
from synaxial.compute.parallel import use_threads
from synaxial.gan.networks.randomness import ENLARGING, ImageRandomness
from synaxial.gan.networks.saving import digest_of, load_upsampler
from synaxial.gan.networks.upsampler import upsample_images
from synaxial.gan.ops.enlargement import area_means
from synaxial.io.errors import SynaxialError
from synaxial.io.images import as_grey
from synaxial.io.stacks import images_of, read_stack, write_stack

#: Raise it when the results of this stage change.
VERSION = 6

#: The smallest width of a small image, in pixels: its structure is measured at half of it.
NARROWEST = 8

log = logging.getLogger(__name__)


def run(
    stack: Annotated[Path, typer.Argument(help="Stack of slices (.tif), such as images/*.tif.")],
    upsampler: Annotated[Path, typer.Option(help="upsampler.npz of `synaxial upsampler train`.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Stack to write (.tif).")],
    reduce: Annotated[
        bool, typer.Option("--reduce", help="First make the slices as small as the factor asks.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the invented detail.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or gpu.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Cores to use; by default all that are available.")
    ] = None,
) -> None:
    """Enlarge slices. The detail is invented, never measured: not for diagnosis or measurement.

    With --reduce, real slices are made small and enlarged again: it shows how far the up-sampler
    alone is from real slices.

    \b
    Example: synaxial upsampler apply --upsampler upsampler.npz small.tif -o large.tif
    """
    network = load_upsampler(upsampler)
    given = images_of(read_stack(stack), stack)
    images = as_grey(given.pages)
    height, width = images.shape[1:]
    factor = network.factor if reduce else 1
    if height != width or width % factor or width < NARROWEST * factor:
        multiple = f" and a multiple of {factor}" if reduce else ""
        squares = f"squares, {NARROWEST * factor} or more pixels wide{multiple}"
        raise SynaxialError(stack, f"its pages have {width} x {height} pixels", squares)
    if reduce:
        images = area_means(images[:, None], width // factor)[:, 0]
    chosen, threads = prepare_alone(device, threads)
    network.to_device(chosen)
    names = [(ENLARGING, seed, number) for number in range(len(images))]
    with use_threads(threads):
        large = upsample_images(network, images, ImageRandomness(network.xp, names))
    digest = digest_of(network)
    added = {"detail": "invented", "upsampler": digest, "detail_seed": seed}
    descriptions = [description | added for description in given.descriptions]
    write_stack(output, np.repeat(large[..., None], 3, axis=-1), descriptions)
    log.info(
        *("%s: %d slices of %d pixels enlarged to %d by up-sampler %s", output, len(large)),
        *(images.shape[1], large.shape[1], digest[:16]),
    )
