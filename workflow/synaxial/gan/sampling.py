"""`synaxial sample`: one stack of generated images.

Image i of stack k depends only on the generator, the seed, k and i. If batch normalisation uses the
statistics of the stack, the image depends on the number of images too.
"""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from pydantic import ValidationError

from synaxial.compute.devices import prepare_alone
from synaxial.compute.parallel import use_threads
from synaxial.config import read_study
from synaxial.config.model import Latent, Request, Sample
from synaxial.data.dataset.labels import LABEL, described
from synaxial.gan.networks.conditions import Conditions
from synaxial.gan.networks.generator import generate_images
from synaxial.gan.networks.randomness import REQUEST, SAMPLE, ImageRandomness, draw_latents
from synaxial.gan.networks.saving import TrainedGenerator, digest_of, load_generator
from synaxial.gan.requests import fulfil
from synaxial.io.errors import SynaxialError
from synaxial.io.images import HALF
from synaxial.io.stacks import IMAGE, INSIDE, MASK, OUTSIDE, write_stack

#: Raise it when the results of this stage change.
VERSION = 1

log = logging.getLogger(__name__)

#: What the options that ask for something expect.
OPTIONS = {
    "level": "a level in mm, such as 85",
    "tumour": "none, any, left or right",
    "size": "the smallest and the largest size of a tumour in mm, such as 20..40",
}

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
    images: Annotated[int | None, typer.Option(min=1, help="Number of images.")] = None,
    level: Annotated[float | None, typer.Option(help="Ask for this level, in mm.")] = None,
    tumour: Annotated[
        str | None, typer.Option(help="Ask for a tumour: none, any, left or right.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Ask for this size of the tumour in mm, such as 20..40.")
    ] = None,
) -> None:
    """Make one stack of images with a trained generator.

    What is asked for on the command line replaces `sample.requests` and `sample.images`. A
    generator must have been trained with `conditions` for it.

    \b
    Example: synaxial sample --generator trained/generator.npz --output stack_3.tif --stack 3
      --level 85 --tumour left --size 20..40 --images 200
    """
    study = read_study(config)
    settings = asked_for(study.sample, images, level, tumour, size)
    trained = load_generator(generator)
    digest = digest_of(trained.network)
    chosen, threads = prepare_alone(device, threads)
    network = with_statistics(trained, settings)
    network.to_device(chosen)
    conditions = getattr(network, "conditions", Conditions(()))
    # In a study, experiments without conditions make as many images, of anything.
    if conditions.names or settings is not study.sample:
        check_requests(settings, conditions, generator)
    labels = labels_of_stack(conditions, settings, stack, generator)
    of_images = (
        {
            "generated": True,
            "generator": digest,
            "seed": settings.seed,
            "stack": stack,
            "image": image,
            "dropout": settings.dropout,
            "batch_normalization": settings.batch_normalization,
        }
        | ({} if labels is None else described(labels[image], conditions.names))
        for image in range(settings.images_of_stack)
    )
    with use_threads(threads):
        pages = sample_stack(network, trained.latent, settings, stack, labels)
        write_stack(output, pages, of_pages(of_images, trained.masks))
    log.info("%s: %d images of generator %s", output, settings.images_of_stack, digest[:16])


def of_pages(of_images: Iterable[dict[str, Any]], masks: bool) -> Iterator[dict[str, Any]]:
    """Give the description of each page; with masks, an image's page is followed by its mask's."""
    channels = [{"channel": IMAGE}, {"channel": MASK}] if masks else [{}]
    for description in of_images:
        yield from (description | channel for channel in channels)


def asked_for(
    settings: Sample,
    images: int | None,
    level: float | None,
    tumour: str | None,
    size: str | None,
) -> Sample:
    """Return the settings with what the command line asks for in place of their own.

    Raises
    ------
    SynaxialError
        An option has no such value.
    """
    given = {"level": level, "tumour": tumour, "size": None if size is None else size.split("..")}
    if images is None and not any(value is not None for value in given.values()):
        return settings
    count = settings.images if images is None else images
    requests = []
    if any(value is not None for value in given.values()):
        try:
            requests = [Request.model_validate({"images": count, **given})]
        except ValidationError as error:
            name = str((*error.errors()[0]["loc"], "size")[0])
            found = {"level": level, "tumour": tumour, "size": size}[name]
            raise SynaxialError(f"--{name}", f"is {found}", OPTIONS[name]) from error
    return settings.model_copy(update={"images": count, "requests": requests})


def with_statistics(trained: TrainedGenerator, settings: Sample) -> Any:
    """Return the generator with the statistics of batch normalisation that the study asks for."""
    # The running statistics were measured with dropout, so they fit images made with it.
    if settings.batch_normalization == "calibrated" and not settings.dropout:
        return trained.with_calibrated_statistics()
    return trained.network


def sample_stack(
    generator: Any,
    latent: Latent,
    settings: Sample,
    stack: int,
    labels: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """Make the pages of a stack: uint8 (width, width, 3) each; see `pages_of`.

    The generator has the statistics to use, and is on any device. `labels`, float32 (N, LABEL), are
    what is asked of each image, with conditions.
    """
    by_batch = settings.batch_normalization == "batch"
    # The batch's statistics are those of the whole stack, whatever memory that takes.
    size = settings.images_of_stack if by_batch else CHUNK
    for first in range(0, settings.images_of_stack, size):
        numbers = range(first, min(first + size, settings.images_of_stack))
        randomness = ImageRandomness(
            generator.xp, [(SAMPLE, settings.seed, stack, i) for i in numbers]
        )
        latents = draw_latents(randomness, len(numbers), latent)
        used = randomness if settings.dropout or generator.needs_randomness else None
        asked = None if labels is None else labels[numbers]
        yield from pages_of(generate_images(generator, latents, used, by_batch, asked))


def check_requests(settings: Sample, conditions: Conditions, path: Path) -> None:
    """Raise a SynaxialError if the generator of a file has no such condition as is asked for."""
    needed = settings.conditions
    if missing := needed - set(conditions.names):
        raise SynaxialError(
            path,
            f"cannot be asked for: {', '.join(sorted(missing))}",
            f"a generator whose training had conditions: [{', '.join(sorted(needed))}]",
        )


def labels_of_stack(
    conditions: Conditions, settings: Sample, stack: int, path: Path
) -> NDArray[np.float32] | None:
    """Return what is asked of each image of a stack, float32 (N, LABEL); None without conditions.

    The images of all requests alternate, so that the first images of a stack are a fair part of
    it. Without requests the labels are as in the training. Raises what `fulfil` raises; `path` is
    the generator's file.
    """
    if conditions.known is None:
        return None
    names = [(REQUEST, settings.seed, stack, i) for i in range(settings.images_of_stack)]
    numbers = ImageRandomness(np, names).uniform((len(names), 1))[:, 0]
    if not settings.requests:
        return conditions.among(conditions.known, numbers)
    labels = np.empty((len(names), LABEL), np.float32)
    whose = order_of([request.images for request in settings.requests])
    for number, request in enumerate(settings.requests):
        mine = whose == number
        labels[mine] = fulfil(request, conditions, numbers[mine], path)
    return labels


def order_of(counts: list[int]) -> NDArray[np.int64]:
    """Return for each image of a stack the number of its request, so that they alternate."""
    places = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    requests = np.repeat(np.arange(len(counts)), counts)
    return requests[np.argsort(places, kind="stable")]


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
