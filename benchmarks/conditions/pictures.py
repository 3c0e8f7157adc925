"""The pictures: the first images, the same latents with other tumours, and heads.

What is too near to a training image is not shown: it would look like a patient.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synaxial.evaluation.conditions import read_asked
from synaxial.evaluation.metrics import memorisation
from synaxial.io.files import written_whole
from synaxial.io.sheets import make_sheet

#: The part of an image of 256 x 256 that is shown: rows and columns.
SHOWN = np.s_[:, 16:240, 40:216]

#: Columns and rows of the sheet and of the picture of heads; columns of the picture of sides.
SHEET, SLICES, SIDES = (8, 4), (8, 4), 6


def are_too_near(
    pixels: NDArray[np.uint8], training: NDArray[np.uint8], limit: float
) -> NDArray[np.bool_]:
    """Tell which images, uint8 (N, S, S), correlate more than the limit with a training image."""
    return np.asarray(memorisation.measure(pixels, training)["correlation"] > limit)


def draw_first(path: Path, stacks: list[Path], training: NDArray[np.uint8], limit: float) -> None:
    """Draw the first images of the stacks of a study."""
    columns, rows = SHEET
    pixels, _ = read_asked(stacks)
    near = are_too_near(pixels, training, limit)
    write_sheet(path, pixels[~near][: columns * rows], columns)


def draw_sides(path: Path, stacks: list[Path], training: NDArray[np.uint8], limit: float) -> None:
    """Draw one latent a column, from stacks of the same latents, of which each is a row."""
    rows = np.stack([read_asked([path])[0] for path in stacks])
    near = np.any([are_too_near(row, training, limit) for row in rows], axis=0)
    shown = rows[:, ~near][:, :SIDES]
    write_sheet(path, shown.reshape(-1, *shown.shape[2:]), shown.shape[1])


def draw_heads(
    path: Path, heads: list[Path], training: NDArray[np.uint8], limit: float
) -> dict[str, int]:
    """Draw one head a row, at evenly spaced levels; return how many of all slices are too near."""
    columns, rows = SLICES
    every = np.stack([read_asked([head])[0] for head in heads])
    near = np.stack([are_too_near(head, training, limit) for head in every])
    levels = np.arange(0, every.shape[1], every.shape[1] // columns)[:columns]
    clean = np.flatnonzero(~near[:, levels].any(axis=1))[:rows]
    shown = every[clean][:, levels]
    write_sheet(path, shown.reshape(-1, *shown.shape[2:]), columns)
    return {"slices": int(near.size), "too_near": int(near.sum())}


def write_sheet(path: Path, pixels: NDArray[np.uint8], columns: int) -> None:
    """Write images without their borders."""
    with written_whole(path) as partial:
        make_sheet(pixels[SHOWN], columns).save(partial, optimize=True)
