"""`synaxial sample`."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from synaxial.compute.devices import use_one_device
from synaxial.compute.machine import announce_machine, read_machine, usable_cores
from synaxial.compute.memory import keep_freed_memory
from synaxial.compute.parallel import use_threads
from synaxial.config import read_study
from synaxial.config.model import Sample
from synaxial.gan.networks import Generator
from synaxial.gan.networks.saving import TrainedGenerator, digest_of, load_generator
from synaxial.gan.sample_stack import sample_stack
from synaxial.io.stacks import IMAGE, MASK, write_stack

log = logging.getLogger(__name__)


def run(
    generator: Annotated[Path, typer.Option(help="generator.npz of `synaxial train`.")],
    output: Annotated[Path, typer.Option(help="The stack to write, a multi-page TIFF.")],
    config: Annotated[Path, typer.Option(help="The study; its section `sample`.")] = Path(
        "config.yaml"
    ),
    stack: Annotated[int, typer.Option(min=0, help="Number of the stack.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or gpu.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Cores to use; all that there are by default.")
    ] = None,
) -> None:
    """Make one stack of generated images with a trained generator."""
    settings = read_study(config).sample
    trained = load_generator(generator)
    digest = digest_of(trained.network)
    chosen = use_one_device(device)
    machine = read_machine(chosen)
    threads = usable_cores([machine]) if threads is None else threads
    announce_machine([machine], threads, "lower --threads")
    keep_freed_memory()
    network = statistics_chosen(trained, settings)
    network.to_device(chosen)
    # Where there are masks, each image's page is followed by its mask's.
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


def statistics_chosen(trained: TrainedGenerator, settings: Sample) -> Generator:
    """Return the generator with the statistics that the study asks for."""
    # With dropout the running ones are right: they were gathered with it.
    if settings.batch_normalization == "calibrated" and not settings.dropout:
        return trained.with_calibrated_statistics()
    return trained.network
