"""`synaxial data resize`."""

import logging
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.config import read_study
from synaxial.config.model import Resize
from synaxial.data.slices.square import centre, resample
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder, write_placeholder
from synaxial.io.stacks import read_stack, write_stack

logger = logging.getLogger(__name__)


def run(
    config: Annotated[Path, typer.Option(help="Study file; its section resize.")],
    slices: Annotated[Path, typer.Option(help="Stack of slices written by slice (.tif).")],
    output: Annotated[Path, typer.Option(help="Stack of images to write (.tif).")],
) -> None:
    """Bring the slices of a subject to the square size of the network's images.

    Each page keeps its description. A skipped subject's empty file gives an empty file.
    """
    study = read_study(config)
    if is_placeholder(slices):
        logger.warning("%s is empty: its subject was skipped; %s stays empty", slices, output)
        write_placeholder(output)
        return
    stack = read_stack(slices)
    if stack.pages.ndim != 3:
        raise SynaxialError(slices, "holds colour images", "grey slices written by slice")
    write_stack(
        output, (resize_page(page, study.resize) for page in stack.pages), stack.descriptions
    )


def resize_page(page: NDArray[np.uint8], settings: Resize) -> NDArray[np.uint8]:
    """Return a grey page at the size and in the way that the study wants.

    Raises
    ------
    SynaxialError
        Padding would have to cut off brain.
    """
    if settings.mode == "pad":
        padded = centre(page, settings.size)
        if np.count_nonzero(padded) < np.count_nonzero(page):
            raise SynaxialError(
                "resize.mode",
                f"pad to {settings.size} pixels would cut brain off slices of "
                f"{page.shape[0]} x {page.shape[1]}",
                "a square that holds the head",
                "use resize.mode resize, or a larger resize.size",
            )
        return padded
    return resample(page, settings.size, settings.filter)
