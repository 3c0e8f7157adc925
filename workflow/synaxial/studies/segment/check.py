"""`synaxial study segment check`."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_json, written_whole
from synaxial.studies.segment.mask_numbers import (
    bright_masks,
    dice_of_people,
    pixels_of,
    summarise,
)
from synaxial.studies.segment.results import PROTOCOL
from synaxial.studies.segment.slices import (
    SHOWN,
    describe_held_out,
    draw_outlines,
    read_generated,
    read_real,
)

#: Raise it when the results of this stage change.
VERSION = 3


def run(
    stacks: Annotated[list[Path], typer.Argument(help="Generated images with masks (.tif).")],
    held_out: Annotated[
        Path, typer.Option(help="Data set of the held-out subjects, with their masks.")
    ],
    output: Annotated[Path, typer.Option(help="The numbers to write (.json).")],
    picture: Annotated[Path, typer.Option(help="The picture of some masks to write (.png).")],
) -> None:
    """Check whether generated masks match their images, and what a threshold finds.

    \b
    Example:
      synaxial study segment check stack_0.tif stack_1.tif --held-out held_out
        --output masks.json --picture masks.png
    """
    truth = read_real(held_out)
    generated = read_generated(stacks, truth.images.shape[1])
    bright = dice_of_people(bright_masks(truth.images), truth)
    if len(bright) < 2:
        raise SynaxialError(
            held_out,
            f"has {len(bright)} subjects with a tumour",
            "at least two",
            "hold out more subjects",
        )
    result = {
        "protocol": PROTOCOL,
        "images": {"generated": len(generated), "real": len(truth)},
        "generators": list(generated.generators),
        "masks": {"generated": summarise(generated), "real": summarise(truth)},
        "floors": {
            "threshold": bright,
            "empty": dice_of_people(np.zeros_like(truth.masks), truth),
        },
        "tumour_pixels": {person: pixels_of(truth, person) for person in bright},
        "held_out": describe_held_out(held_out, truth, bright),
    }
    write_json(output, result)
    images, masks = generated.images[:SHOWN], generated.masks[:SHOWN]
    with written_whole(picture) as partial:
        draw_outlines(
            images,
            masks,
            bright_masks(images),
            [str(number) for number in range(len(images))],
            "The first generated images. Green: the generated mask. Red: pixels that a threshold "
            "finds as bright as a tumour.",
        ).save(partial)
