"""`synaxial evaluate score`."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from synaxial.compute.parallel import use_threads
from synaxial.config import read_study
from synaxial.data.dataset.reading import open_images
from synaxial.evaluation.digests import (
    REFERENCE,
    TRAINING,
    check_images,
    check_training,
    digests_in,
    read_pair,
)
from synaxial.evaluation.image_sets import read_set
from synaxial.evaluation.measuring import SET
from synaxial.evaluation.nearest import draw_nearest
from synaxial.evaluation.scoring import PROTOCOL, evaluate_set
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_json, written_whole

logger = logging.getLogger(__name__)


def run(
    name: Annotated[str, typer.Option(help="What the set is called in tables.")],
    measurements: Annotated[Path, typer.Option(help="The set's, of `synaxial evaluate measure`.")],
    reference: Annotated[
        Path, typer.Option(help="The reference's, of `synaxial evaluate measure`.")
    ],
    stacks: Annotated[
        list[Path], typer.Option(metavar="STACK...", help="Stacks of the set, in their order.")
    ],
    training: Annotated[Path, typer.Option(help="Data set of the subjects trained with.")],
    output: Annotated[Path, typer.Option(help="The numbers to write (.json).")],
    nearest: Annotated[Path, typer.Option(help="Picture of the nearest pairs to write (.png).")],
    config: Annotated[
        Path, typer.Option(help="The study; its section evaluate (repeats, seed).")
    ] = Path("config.yaml"),
    seed: Annotated[int | None, typer.Option(help="The training's seed, for tables.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 1,
    others: Annotated[list[Path] | None, typer.Argument(hidden=True, metavar="MORE")] = None,
) -> None:
    """Hold a set of images against the reference in every metric, with intervals."""
    settings = read_study(config).evaluate
    own, real = read_pair(measurements, reference)
    digests = digests_in(own, measurements)
    seen = open_images(training / "images.npy")
    check_training(training, own, measurements)
    every_stack = [*stacks, *(others or [])]
    with use_threads(threads):
        try:
            count = len(own[SET]["groups"])
            images = read_set(every_stack, count)
            check_images(every_stack, images.pixels, own, measurements)
            values = evaluate_set(own, real, settings.repeats, settings.seed)
        except (KeyError, ValueError, IndexError) as error:
            raise SynaxialError(
                measurements,
                f"cannot be compared with {reference} ({error})",
                "two files of one version of `synaxial evaluate measure`",
            ) from error
    with written_whole(nearest) as partial:
        threshold = values["memorisation_threshold"].value
        draw_nearest(images.pixels, seen, own, threshold).save(partial)
    write_json(
        output,
        {
            "name": name,
            "seed": seed,
            "protocol": PROTOCOL,
            "images": count,
            "repeats": settings.repeats,
            "sha256": {what: digests[what] for what in (REFERENCE, TRAINING)},
            "values": {key: asdict(value) for key, value in values.items()},
        },
    )
    logger.info("%s: %d numbers of %d images", output, len(values), count)
