"""`synaxial evaluate cases`."""

from pathlib import Path
from typing import Annotated

import typer

from synaxial.evaluation.cases import draw_cases, realism
from synaxial.evaluation.digests import check_images, read_pair
from synaxial.evaluation.features import efficientnet
from synaxial.evaluation.image_sets import read_set
from synaxial.evaluation.measuring import SET
from synaxial.io.errors import SynaxialError
from synaxial.io.files import written_whole


def run(
    measurements: Annotated[Path, typer.Option(help="Of the generated images (.npz).")],
    reference: Annotated[Path, typer.Option(help="Of the reference (.npz).")],
    real: Annotated[Path, typer.Option(help="The reference's stack (.tif).")],
    stacks: Annotated[
        list[Path], typer.Option(metavar="STACK...", help="The generated ones', in their order.")
    ],
    output: Annotated[Path, typer.Option(help="The picture to write (.png).")],
    others: Annotated[list[Path] | None, typer.Argument(hidden=True, metavar="MORE")] = None,
) -> None:
    """Show real images, and the most and the least realistic generated ones."""
    own, unseen = read_pair(measurements, reference)
    try:
        scores = realism(own[efficientnet.NAME]["features"], unseen[efficientnet.NAME]["features"])
        counts = len(own[SET]["groups"]), len(unseen[SET]["groups"])
    except (KeyError, ValueError, IndexError) as error:
        raise SynaxialError(
            measurements, f"cannot be held against {reference} ({error})", "of one version"
        ) from error
    every_stack = [*stacks, *(others or [])]
    generated, images = read_set(every_stack, counts[0]), read_set([real], counts[1])
    check_images(every_stack, generated.pixels, own, measurements)
    check_images([real], images.pixels, unseen, reference)
    with written_whole(output) as partial:
        draw_cases(images.pixels, generated.pixels, scores).save(partial)
