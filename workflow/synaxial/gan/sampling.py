"""`synaxial sample`: one stack of generated images.

Image i of stack k depends only on the generator, the seed, k and i. If batch normalisation uses the
statistics of the stack, the image depends on the number of images too.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from synaxial.compute.devices import prepare_alone
from synaxial.compute.parallel import use_threads
from synaxial.config import read_study
from synaxial.config.model import Latent, Sample
from synaxial.gan.networks.generator import generate_images
from synaxial.gan.networks.randomness import SAMPLE, ImageRandomness, draw_latents
from synaxial.gan.networks.saving import TrainedGenerator, digest_of, load_generator
from synaxial.io.images import HALF
from synaxial.io.stacks import IMAGE, INSIDE, MASK, OUTSIDE, write_stack

#: Raise it when the results of this stage change.
VERSION = 1

log = logging.getLogger(__name__)

#: Images made at a time if they do not depend on each other; it bounds the memory.
CHUNK = 20


def run(
    generator: Annotated[Path, typer.Option(help="generator.npz of `synaxial train`.")],
    output: Annotated[Path, typer.Option(help="Stack to write, a multi-page TIFF.")],
    config: Annotated[Path, typer.Option(help="The study, with its section `sample`.")] = Path(
        "config.yaml"
    ),
    stack: Annotated[int, typer.Option(min=0, help="Number of the stack.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or gpu.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Cores to use; by default all that are available.")
    ] = None,
) -> None:
    """Make one stack of images with a trained generator.

    \b
    Example: synaxial sample --generator trained/generator.npz --output stack_3.tif --stack 3
    """
    settings = read_study(config).sample
    trained = load_generator(generator)
    digest = digest_of(trained.network)
    chosen, threads = prepare_alone(device, threads)
    network = with_statistics(trained, settings)
    network.to_device(chosen)
    # With masks, the page of each image is followed by that of its mask.
    channels = [{"channel": IMAGE}, {"channel": MASK}] if trained.masks else [{}]
    descriptions = [
        {
            "generated": True,
            "generator": digest,
            "seed": settings.seed,
            "stack": stack,
            "image": image,
            "dropout": settings.dropout,
            "batch_normalization": settings.batch_normalization,
        }
        | channel
        for image in range(settings.images)
        for channel in channels
    ]
    with use_threads(threads):
        write_stack(output, sample_stack(network, trained.latent, settings, stack), descriptions)
    log.info("%s: %d images of generator %s", output, settings.images, digest[:16])


def with_statistics(trained: TrainedGenerator, settings: Sample) -> Any:
    """Return the generator with the statistics of batch normalisation that the study asks for."""
    # The running statistics were measured with dropout, so they fit images made with it.
    if settings.batch_normalization == "calibrated" and not settings.dropout:
        return trained.with_calibrated_statistics()
    return trained.network


def sample_stack(
    generator: Any, latent: Latent, settings: Sample, stack: int
) -> Iterator[np.ndarray]:
    """Make the pages of a stack: uint8 (width, width, 3) each; see `pages_of`.

    The generator has the statistics to use, and is on any device.
    """
    by_batch = settings.batch_normalization == "batch"
    # The batch's statistics are those of the whole stack, whatever memory that takes.
    size = settings.images if by_batch else CHUNK
    for first in range(0, settings.images, size):
        numbers = range(first, min(first + size, settings.images))
        randomness = ImageRandomness(
            generator.xp, [(SAMPLE, settings.seed, stack, i) for i in numbers]
        )
        latents = draw_latents(randomness, len(numbers), latent)
        used = randomness if settings.dropout or generator.needs_randomness else None
        yield from pages_of(generate_images(generator, latents, used, by_batch))


def pages_of(images: np.ndarray) -> np.ndarray:
    """Return generated images, uint8 (N, width, width, channels), as pages of three channels.

    Grey is repeated. An image with a mask makes two pages: its grey, and its mask, which is 255 at
    values above the half and 0 elsewhere.
    """
    if images.shape[-1] == 2:
        masks = np.where(images[..., 1] > HALF, INSIDE, OUTSIDE).astype(np.uint8)
        pairs = np.stack([images[..., 0], masks], axis=1)
        images = pairs.reshape(-1, *images.shape[1:3], 1)
    return np.repeat(images, 3 // images.shape[-1], axis=-1)
