"""`synaxial study segment check`."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_json, written_whole
from synaxial.studies.segment.dice import bright_masks, dice_of_people
from synaxial.studies.segment.held_out import describe_held_out
from synaxial.studies.segment.pictures import SHOWN, draw_outlines
from synaxial.studies.segment.place import summarise
from synaxial.studies.segment.records import PROTOCOL
from synaxial.studies.segment.slices import read_generated, read_real


def run(
    held_out: Annotated[
        Path, typer.Option(help="Folder of the subjects held out, with their masks.")
    ],
    stacks: Annotated[list[Path], typer.Option(metavar="FILE...", help="Generated, with masks.")],
    output: Annotated[Path, typer.Option(help="The numbers, to write (.json).")],
    picture: Annotated[Path, typer.Option(help="Some generated masks, to write (.png).")],
    others: Annotated[list[Path] | None, typer.Argument(hidden=True, metavar="MORE")] = None,
) -> None:
    """Look whether generated masks lie where their images say, and what no training would find."""
    truth = read_real(held_out)
    generated = read_generated([*stacks, *(others or [])], truth.images.shape[1])
    bright = dice_of_people(bright_masks(truth.images), truth)
    if len(bright) < 2:
        raise SynaxialError(
            held_out, f"has {len(bright)} people with a tumour", "two at least", "hold out more"
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
        "held_out": describe_held_out(held_out, truth, bright),
    }
    write_json(output, result)
    shown = slice(0, SHOWN)
    with written_whole(picture) as partial:
        draw_outlines(
            generated.images[shown],
            generated.masks[shown],
            bright_masks(generated.images[shown]),
            [str(number) for number in range(len(generated.images[shown]))],
            "The first generated images. Green: the generated mask; red: what a threshold finds "
            "bright as a tumour.",
        ).save(partial)
