"""`synaxial evaluate neighbours`: how far neighbouring slices of generated heads agree.

A generator of slices makes each slice of a head by itself. The same numbers of real heads say what
is missing, and those of slices of different heads say how much of it the shape of any brain gives.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from synaxial.compute.parallel import for_each, use_threads
from synaxial.data.dataset.labels import LEVEL, labels_of
from synaxial.data.dataset.reading import read_dataset
from synaxial.evaluation.conditions import check_width, read_asked
from synaxial.evaluation.metrics.diversity import multi_scale_similarity
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_json
from synaxial.io.stacks import read_stack

#: Raise it when the results of this stage change.
VERSION = 1

logger = logging.getLogger(__name__)

#: The distances in mm between the slices that are compared.
DISTANCES = (1, 2, 4, 8)

#: At most as many pairs of each kind are compared.
PAIRS = 300

Pairs = NDArray[np.int64]


@dataclass(frozen=True)
class Heads:
    """Slices, uint8 (N, S, S), their levels in mm, and the scan and the person of each."""

    pixels: NDArray[np.uint8]
    levels: NDArray[np.float32]
    scans: NDArray[np.int64]
    people: NDArray[np.int64]


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
    generated = read_heads(heads)
    levels = generated.levels
    real = read_real(held_out, float(levels.min()), float(levels.max()))
    # The number of scales of MS-SSIM depends on the width.
    check_width(heads[0], generated.pixels, real.pixels, str(held_out))
    with use_threads(threads):
        numbers = {
            name: agreement(each) for name, each in (("generated", generated), ("real", real))
        }
    if not any(numbers["generated"].values()):
        raise SynaxialError(heads[0], "has no neighbouring slices", "heads of some levels")
    write_json(output, numbers)
    logger.info("%s: %d heads", output, len(heads))


def read_heads(paths: Sequence[Path]) -> Heads:
    """Return the slices of some heads; a stack of another kind is refused."""
    pixels, levels = [], []
    for path in paths:
        if any(page.get("series") != "head" for page in read_stack(path).descriptions):
            raise SynaxialError(path, "is not a head", "a stack of `synaxial sample --levels`")
        own, labels = read_asked([path])
        pixels.append(own)
        check_width(path, own, pixels[0], str(paths[0]))
        levels.append(labels[:, LEVEL])
    heads = np.repeat(np.arange(len(paths)), [len(own) for own in pixels])
    return Heads(np.concatenate(pixels), np.concatenate(levels), heads, heads)


def read_real(held_out: Path, lowest: float, highest: float) -> Heads:
    """Return the held-out slices from one level to another, in mm, both included."""
    images, rows = read_dataset(held_out)
    levels = labels_of(rows)[:, LEVEL]
    chosen = np.flatnonzero((lowest <= levels) & (levels <= highest))
    scans, people = (
        np.unique([rows[at][name] for at in chosen], return_inverse=True)[1]
        for name in ("subject", "person")
    )
    return Heads(np.asarray(images.pixels[chosen]), levels[chosen], scans, people)


def agreement(slices: Heads) -> dict[str, float | None]:
    """Return the mean MS-SSIM of pairs of slices by their distance.

    The names are `1_mm`, `2_mm` and so on. `other_heads` is the mean of slices of different people
    at one level. A number without a pair is None.
    """
    kinds = {f"{distance}_mm": (distance, True) for distance in DISTANCES}
    kinds["other_heads"] = (0, False)
    return {
        name: mean_similarity(slices.pixels, pairs_of(slices, *kind))
        for name, kind in kinds.items()
    }


def pairs_of(slices: Heads, distance: float, same: bool) -> Pairs:
    """Return pairs of slices of the same scan, or of different people, at a distance: (P, 2).

    There are at most `PAIRS`, evenly spread over all of them.
    """
    found = np.array(list(_all_pairs(slices, distance, same)), np.int64).reshape(-1, 2)
    kept = np.unique(np.linspace(0, len(found) - 1, min(PAIRS, len(found))).round().astype(int))
    chosen: Pairs = found[kept]
    return chosen


def _all_pairs(slices: Heads, distance: float, same: bool) -> Iterator[tuple[int, int]]:
    levels, scans, people = slices.levels, slices.scans, slices.people
    for first in range(len(levels)):
        apart = np.abs(levels - levels[first] - distance) < 0.5
        wanted = scans == scans[first] if same else people != people[first]
        for second in np.flatnonzero(apart & wanted):
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
