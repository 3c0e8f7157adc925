"""Two experiments' images of the same latents, side by side."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synaxial.io.images import as_grey
from synaxial.io.sheets import PAPER, make_sheet

#: Images in a row and in a column of each half.
SIDE = 4

#: Pixels between the halves.
BETWEEN = 24

#: The paper's figures that show an experiment beside the final one, by the experiment's name.
PAPER_FIGURES = {
    "initial": "figure 2 of the paper: initial and final experiment",
    "relu": "figure 3 of the paper: ReLU and Leaky ReLU in the generator",
    "no_dropout": "figure 4 of the paper: without and with dropout in the generator",
    "sgd": "figure 5 of the paper: stochastic gradient descent and Adam",
    "mse": "figure 6 of the paper: mean squared error and Wasserstein loss",
}


def draw_pair(
    left: NDArray[np.uint8], right: NDArray[np.uint8], titles: tuple[str, str]
) -> Image.Image:
    """Draw the first images of two stacks in two halves, each under its title.

    Image i of both is made of the same noise, if both networks take as much of it.

    Parameters
    ----------
    left, right
        uint8 (N, S, S, 3) or (N, S, S): the stacks' pages, N at least `SIDE`. Of fewer than
        `SIDE` squared, as many are shown as fill whole rows.
    titles
        What stands above each half.
    """
    count = min(SIDE, len(left) // SIDE, len(right) // SIDE) * SIDE
    halves = [
        make_sheet(as_grey(pages[:count]), SIDE, title=title)
        for pages, title in zip((left, right), titles, strict=True)
    ]
    width = sum(half.width for half in halves) + BETWEEN
    sheet = Image.new("L", (width, max(half.height for half in halves)), PAPER)
    # Titles may differ in their lines; the images end together.
    sheet.paste(halves[0], (0, sheet.height - halves[0].height))
    sheet.paste(halves[1], (width - halves[1].width, sheet.height - halves[1].height))
    return sheet


def title_of(name: str, seed: int, base: str) -> tuple[str, str]:
    """Return the titles of an experiment's half and of the base's.

    The noise of stacks of one number is the same where both networks take as much of it; where
    they do not, it begins with the same numbers.
    """
    figure = f" ({PAPER_FIGURES[name]})" if name in PAPER_FIGURES and base == "final" else ""
    return f"{name}, seed {seed}{figure}", f"{base}, seed {seed}, noise of the same seed"
