"""`synaxial sample`: one stack of generated images.

Image i of stack k depends only on the generator, the seed, k and i. If batch normalisation uses the
statistics of the stack, the image depends on the number of images too.
"""

import logging
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from synaxial.compute.devices import prepare_alone
from synaxial.compute.parallel import use_threads, workers
from synaxial.compute.processes import Processes, in_processes
from synaxial.config import read_study
from synaxial.config.model import Latent, Sample
from synaxial.gan.image_inputs import ImageInputs, head, independent, interpolation
from synaxial.gan.networks.cascade import Cascade
from synaxial.gan.networks.conditions import Conditions
from synaxial.gan.networks.generator import generate_images
from synaxial.gan.networks.randomness import ImageRandomness, draw_latents
from synaxial.gan.networks.saving import TrainedGenerator, digest_of, load_generator
from synaxial.gan.requests import asked_for, check_requests
from synaxial.io.errors import SynaxialError
from synaxial.io.images import HALF
from synaxial.io.stacks import IMAGE, INSIDE, MASK, OUTSIDE, write_stack

#: Raise it when the results of this stage change.
VERSION = 5

log = logging.getLogger(__name__)

#: Images made at a time if they do not depend on each other; it bounds the memory.
CHUNK = 20

#: The same of a generator of small layers. Processes share the chunks.
SMALL_CHUNK = 10


Tumour = Annotated[str | None, typer.Option(help="Ask for a tumour: none, any, left or right.")]
Size = Annotated[
    str | None, typer.Option(help="Ask for this size of the tumour in mm, such as 20..40.")
]
Levels = Annotated[
    str | None,
    typer.Option(help="Make a head: an image at each of these levels in mm, such as 60..107."),
]
Way = Annotated[
    str | None, typer.Option(help="Go from one image of the stack to another, such as 3:17.")
]


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
    tumour: Tumour = None,
    size: Size = None,
    levels: Levels = None,
    interpolate: Way = None,
    steps: Annotated[int, typer.Option(min=2, help="Images of --interpolate.")] = 30,
) -> None:
    """Make one stack of images with a trained generator.

    What is asked for on the command line replaces `sample.requests` and `sample.images`. A
    generator must have been trained with `conditions` for it.

    \b
    Example: synaxial sample --generator trained/generator.npz --output stack_3.tif --stack 3
      --level 85 --tumour left --size 20..40 --images 200
    A head: synaxial sample --generator trained/generator.npz --output head.tif --levels 60..107
    On the way: synaxial sample --generator trained/generator.npz --output way.tif
      --interpolate 3:17
    """
    study = read_study(config)
    settings = asked_for(study.sample, images, level, tumour, size)
    series = read_series(levels, interpolate, level, images)
    trained = load_generator(generator)
    digest = digest_of(trained.network)
    chosen, threads = prepare_alone(device, threads)
    network = as_sampled(trained, settings)
    conditions = getattr(network, "conditions", Conditions(()))
    # In a study, experiments without conditions make as many images, of anything.
    if conditions.names or settings is not study.sample:
        check_requests(settings, conditions, generator)
    asked = (conditions, settings, stack, generator)
    if levels is not None:
        wanted = settings.requests[0] if tumour is not None or size is not None else None
        inputs = head(*asked, series, wanted)
    elif interpolate is not None:
        inputs = interpolation(*asked, trained.latent, series, steps)
    else:
        inputs = independent(*asked)
    network.to_device(chosen)
    # After an error no more images are made.
    with (
        use_threads(threads),
        closing(make_pages(network, trained.latent, settings, inputs)) as pages,
    ):
        about = describe(inputs, digest, settings, stack, isinstance(network, Cascade))
        write_stack(output, pages, of_pages(about, trained.masks))
    log.info("%s: %d images of generator %s", output, len(inputs.names), digest[:16])


def read_series(
    levels: str | None, interpolate: str | None, level: float | None, images: int | None
) -> tuple[int, int]:
    """Return the two numbers of `--levels` or of `--interpolate`; (0, 0) without both.

    Raises
    ------
    SynaxialError
        One is not two whole numbers, or `--levels` is given with another option for the level or
        the number of images.
    """
    others = {"--interpolate": interpolate, "--level": level, "--images": images}
    for option, given in others.items():
        if levels is not None and given is not None:
            raise SynaxialError(option, "is given with --levels", "one of the two")
    option, text, separator = (
        ("--interpolate", interpolate, ":") if levels is None else ("--levels", levels, "..")
    )
    if text is None:
        return 0, 0
    try:
        first, last = (int(number) for number in text.split(separator))
    except ValueError:
        example = {"--levels": "60..107", "--interpolate": "3:17"}[option]
        raise SynaxialError(option, f"is {text}", f"two whole numbers, as {example}") from None
    return first, last


def describe(
    inputs: ImageInputs, generator: str, settings: Sample, stack: int, truncates: bool
) -> Iterator[dict[str, Any]]:
    """Give the description of each image; `generator` is the digest.

    `truncates` is whether the generator is one that heeds `sample.truncation`.
    """
    truncated = truncates and settings.truncation < 1
    for description in inputs.descriptions:
        yield {
            "generated": True,
            "generator": generator,
            "seed": settings.seed,
            "stack": stack,
            "image": description["image"],
            "dropout": settings.dropout,
            "batch_normalization": settings.batch_normalization,
            **({"truncation": settings.truncation} if truncated else {}),
        } | description


def of_pages(of_images: Iterable[dict[str, Any]], masks: bool) -> Iterator[dict[str, Any]]:
    """Give the description of each page; with masks, an image's page is followed by its mask's."""
    channels = [{"channel": IMAGE}, {"channel": MASK}] if masks else [{}]
    for description in of_images:
        yield from (description | channel for channel in channels)


def as_sampled(trained: TrainedGenerator, settings: Sample) -> Any:
    """Return the generator with the statistics and the truncation that the study asks for."""
    network = trained.network
    # The running statistics were measured with dropout, so they fit images made with it.
    if settings.batch_normalization == "calibrated" and not settings.dropout:
        network = trained.with_calibrated_statistics()
    if isinstance(network, Cascade):
        network.coarse.truncation = settings.truncation
    return network


def make_pages(
    generator: Any, latent: Latent, settings: Sample, inputs: ImageInputs
) -> Generator[np.ndarray, None, None]:
    """Make the pages of a stack: uint8 (width, width, 3) each; see `pages_of`.

    The generator has the statistics to use, and is on any device. On the CPU, if its layers are
    small, processes share the chunks of images: threads would wait for each other between layers.
    """

    def inputs_of(some: slice) -> tuple[Any, Any, Any]:
        randomness = ImageRandomness(generator.xp, inputs.names[some])
        latents = draw_latents(randomness, len(inputs.names[some]), latent)
        if inputs.latents is not None:
            latents = generator.xp.asarray(inputs.latents[some])
        return latents, randomness, None if inputs.labels is None else inputs.labels[some]

    if inputs.detail_of is not None and isinstance(generator, Cascade):
        one = slice(inputs.detail_of, inputs.detail_of + 1)
        generator = generator.with_detail_of(*inputs_of(one))
    by_batch = settings.batch_normalization == "batch"
    by_process = generator.small_layers and generator.xp is np
    size = SMALL_CHUNK if by_process else CHUNK
    if by_batch and generator.batch_normalization:
        # The batch's statistics are those of the whole stack, whatever memory that takes.
        size = len(inputs.names)

    def images_of(some: slice) -> np.ndarray:
        latents, randomness, asked = inputs_of(some)
        used = randomness if settings.dropout or generator.needs_randomness else None
        return generate_images(generator, latents, used, by_batch, asked)

    first = 0
    if by_process:
        # This process makes one image first. So it loads the compiled loops, which others inherit.
        first = 1
        yield from pages_of(images_of(slice(first)))
    chunks = [slice(start, start + size) for start in range(first, len(inputs.names), size)]
    number = max(1, min(workers.threads, len(chunks))) if by_process else 1
    processes = Processes(number, workers.threads // number)
    remedy = "use fewer --threads, or set more mem_mb for the rule sample"
    for images in in_processes(images_of, chunks, processes, "sample", remedy):
        yield from pages_of(images)


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
