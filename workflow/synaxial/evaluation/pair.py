"""`synaxial evaluate pair`: images of two experiments from the same latents, side by side."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from synaxial.io.errors import SynaxialError
from synaxial.io.files import written_whole
from synaxial.io.images import as_grey
from synaxial.io.sheets import PAPER, make_sheet
from synaxial.io.stacks import images_of, read_stack

#: Raise it when the results of this stage change.
VERSION = 2

#: Images in a row and in a column of each half.
SIDE = 4

#: Pixels between the halves.
BETWEEN = 24

#: What the description of a page says about its latent vector.
LATENTS = ("seed", "stack", "image")

#: The figures of the paper that show an experiment beside the final one.
PAPER_FIGURES = {
    "initial": "figure 2 of the paper: initial and final experiment",
    "relu": "figure 3 of the paper: ReLU and Leaky ReLU in the generator",
    "no_dropout": "figure 4 of the paper: without and with dropout in the generator",
    "sgd": "figure 5 of the paper: stochastic gradient descent and Adam",
    "mse": "figure 6 of the paper: mean squared error and Wasserstein loss",
}


def run(
    experiment: Annotated[str, typer.Option(help="Name of the experiment on the left.")],
    base: Annotated[str, typer.Option(help="Name of the experiment on the right.")],
    seed: Annotated[int, typer.Option(help="The seed of both trainings.")],
    left: Annotated[Path, typer.Option(help="A stack of the experiment (.tif).")],
    right: Annotated[Path, typer.Option(help="The stack of the base with the same number (.tif).")],
    output: Annotated[Path, typer.Option(help="The picture to write (.png).")],
) -> None:
    """Show images of two experiments from the same latents, as in the figures of the paper.

    \b
    Example: synaxial evaluate pair --experiment relu --base final --seed 1
      --left relu/stack_0.tif --right final/stack_0.tif --output relu.png
    """
    stacks = [images_of(read_stack(path), path) for path in (left, right)]
    for page, other in zip(*(stack.descriptions for stack in stacks), strict=False):
        if any(page.get(key) is None or page[key] != other.get(key) for key in LATENTS):
            raise SynaxialError(
                right,
                f"was not made from the latents of {left}",
                "two stacks with the same sample.seed and number",
            )
    for path, stack in zip((left, right), stacks, strict=True):
        if len(stack.pages) < SIDE:
            raise SynaxialError(path, f"has {len(stack.pages)} images", f"{SIDE} or more")
    titles = title_of(experiment, seed, base)
    with written_whole(output) as partial:
        draw_pair(stacks[0].pages, stacks[1].pages, titles).save(partial)


def draw_pair(
    left: NDArray[np.uint8], right: NDArray[np.uint8], titles: tuple[str, str]
) -> Image.Image:
    """Draw the first images of two stacks in two halves, each under its title.

    The stacks are uint8 (N, S, S, 3) or (N, S, S), N at least `SIDE`. Of fewer than `SIDE` squared
    images only whole rows are shown.
    """
    count = min(SIDE, len(left) // SIDE, len(right) // SIDE) * SIDE
    halves = [
        make_sheet(as_grey(pages[:count]), SIDE, title=title)
        for pages, title in zip((left, right), titles, strict=True)
    ]
    width = sum(half.width for half in halves) + BETWEEN
    sheet = Image.new("L", (width, max(half.height for half in halves)), PAPER)
    # Titles may have different numbers of lines; the images end together.
    sheet.paste(halves[0], (0, sheet.height - halves[0].height))
    sheet.paste(halves[1], (width - halves[1].width, sheet.height - halves[1].height))
    return sheet


def title_of(name: str, seed: int, base: str) -> tuple[str, str]:
    """Return the titles of the halves of an experiment and of the base.

    Latents of different length begin with the same numbers.
    """
    figure = f" ({PAPER_FIGURES[name]})" if name in PAPER_FIGURES and base == "final" else ""
    return f"{name}, seed {seed}{figure}", f"{base}, seed {seed}, latents of the same seed"
