"""`synaxial evaluate neighbours`: how far neighbouring slices of generated heads agree.

A generator of slices makes each slice of a head by itself. The same numbers of real heads say what
is missing, and those of slices of different heads say how much of it the shape of any brain gives.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.compute.parallel import for_each, use_threads
from synaxial.data.dataset.labels import LEVEL, labels_of
from synaxial.data.dataset.reading import read_dataset
from synaxial.evaluation.conditions import read_asked
from synaxial.evaluation.metrics.diversity import multi_scale_similarity
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_json

#: Raise it when the results of this stage change.
VERSION = 1

logger = logging.getLogger(__name__)

#: The distances in mm between the slices that are compared.
DISTANCES = (1, 2, 4, 8)

#: At most as many pairs of each kind are compared.
PAIRS = 300

Pairs = NDArray[np.int64]


def run(
    heads: Annotated[
        list[Path],
        typer.Argument(metavar="HEAD...", help="Heads of `synaxial sample --levels` (.tif)."),
    ],
    held_out: Annotated[Path, typer.Option(help="Data set of the held-out subjects (folder).")],
    output: Annotated[Path, typer.Option(help="The numbers to write (.json).")],
    threads: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 1,
) -> None:
    """Measure how alike slices of one head are, 1 to 8 mm apart, beside real heads.

    The numbers are mean structural similarities (MS-SSIM). `other_heads` are slices at one level of
    two heads.

    \b
    Example: synaxial evaluate neighbours --held-out held_out --output neighbours.json head_*.tif
    """
    made = [read_asked([path]) for path in heads]
    names = np.repeat(np.arange(len(heads)), [len(pixels) for pixels, _ in made])
    images, rows = read_dataset(held_out)
    subjects = np.unique([row["subject"] for row in rows], return_inverse=True)[1]
    with use_threads(threads):
        numbers = {
            "generated": agreement(
                np.concatenate([pixels for pixels, _ in made]),
                np.concatenate([labels[:, LEVEL] for _, labels in made]),
                names,
            ),
            "real": agreement(images.pixels, labels_of(rows)[:, LEVEL], subjects),
        }
    if not any(numbers["generated"].values()):
        raise SynaxialError(heads[0], "has no neighbouring slices", "heads of some levels")
    write_json(output, numbers)
    logger.info("%s: %d heads", output, len(heads))


def agreement(
    pixels: NDArray[np.uint8], levels: NDArray[np.float32], heads: NDArray[np.int64]
) -> dict[str, float | None]:
    """Return the mean MS-SSIM of images uint8 (N, S, S) by their distance.

    The names are `1_mm`, `2_mm` and so on. `other_heads` is the mean of images of different heads
    at one level. `levels` are in mm, `heads` tells whose slice an image is. A number without a pair
    is None.
    """
    kinds = {f"{distance}_mm": (distance, True) for distance in DISTANCES}
    kinds["other_heads"] = (0, False)
    return {
        name: mean_similarity(pixels, pairs_of(levels, heads, *kind))
        for name, kind in kinds.items()
    }


def pairs_of(
    levels: NDArray[np.float32], heads: NDArray[np.int64], distance: float, same: bool
) -> Pairs:
    """Return pairs of images of the same head, or of different ones, at a distance: (P, 2).

    There are at most `PAIRS`, evenly spread over all of them.
    """
    found = np.array(list(_all_pairs(levels, heads, distance, same)), np.int64).reshape(-1, 2)
    kept = np.unique(np.linspace(0, len(found) - 1, min(PAIRS, len(found))).round().astype(int))
    chosen: Pairs = found[kept]
    return chosen


def _all_pairs(
    levels: NDArray[np.float32], heads: NDArray[np.int64], distance: float, same: bool
) -> Iterator[tuple[int, int]]:
    for first in range(len(levels)):
        apart = np.abs(levels - levels[first] - distance) < 0.5
        for second in np.flatnonzero(apart & ((heads == heads[first]) == same)):
            # At distance 0 each pair would come twice.
            if distance or second > first:
                yield first, int(second)


def mean_similarity(pixels: NDArray[np.uint8], pairs: Pairs) -> float | None:
    """Return the mean MS-SSIM of pairs of images; None without pairs."""
    similarity = np.empty(len(pairs))

    def compare_pair(at: int) -> None:
        similarity[at] = multi_scale_similarity(*pixels[pairs[at]])

    for_each(compare_pair, range(len(pairs)))
    return float(similarity.mean()) if len(pairs) else None
