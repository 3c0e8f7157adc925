"""The sliced Wasserstein distance between small patches, on each level of the Laplacian pyramid.

The published distance sorts all patches' projections, which is too slow to repeat for an interval.
Here `measure` counts, for each image and direction, how many projections fall in each bin of a
fixed grid, so that any weighting of the images is a weighted sum of counts. `exact` sorts.
"""

import zlib
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each
from synaxial.evaluation.metrics.images import Weights, shares
from synaxial.evaluation.metrics.pyramid import SMALLEST, laplacian_pyramid, level_sizes

NAME = "sliced_wasserstein"
TITLE = "sliced Wasserstein distance"

EXPLANATION = (
    "Images are taken apart into details of each size (a Laplacian pyramid), and small patches of "
    "each level are compared along many random directions: the mean difference of the sorted "
    "projections, times 1000. The finest level shows noise, blur and texture, the coarsest the "
    "arrangement of the whole head. It does not see where in the image a patch lies, the contrast "
    "of a level (each set is first divided by its own standard deviation), nor copies of training "
    "images. As low as between two disjoint sets of real subjects is good; 0 is the same patches."
)

SOURCE = (
    "Karras, Aila, Laine, Lehtinen: Progressive Growing of GANs, ICLR 2018, section 5: 128 patches "
    "of 7 x 7 an image and level; here along 128 directions"
)

PATCH = 7
PATCHES = 128
DIRECTIONS = 128
SEED = 2018

#: Odd, so that 0, the value of every patch of the background, is in the middle of a bin.
BINS = 127

#: Bins are alike wide below this many grey levels, and then widen in proportion to the value.
FINE = 0.2

#: No projection is beyond: a patch of 7 x 7 pixels of 255.
LARGEST = PATCH * 255.0

#: So many images are taken apart at a time.
BLOCK = 16


def bin_edges() -> NDArray[np.float64]:
    """Return the bins' edges, float64 (BINS + 1,), in grey levels."""
    end = np.arcsinh(LARGEST / FINE)
    edges: NDArray[np.float64] = FINE * np.sinh(np.linspace(-end, end, BINS + 1))
    return edges


def random_directions(count: int = DIRECTIONS, seed: int = SEED) -> NDArray[np.float64]:
    """Return unit vectors, uniform on the sphere: float64 (PATCH * PATCH, count)."""
    drawn = np.random.Generator(np.random.PCG64(seed)).normal(size=(count, PATCH * PATCH))
    directions: NDArray[np.float64] = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).T
    return directions


def descriptors(pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Return the patches of each level, the finest first: float32 (N, PATCHES, PATCH * PATCH).

    Where an image's patches lie is drawn from its own pixels, so that it does not depend on the
    set that the image is in: the same image always gives the same patches.

    Raises
    ------
    ValueError
        An image is smaller than the smallest level.
    """
    size = pixels.shape[-1]
    if size < SMALLEST:
        raise ValueError(f"images of {size} x {size}, expected at least {SMALLEST} x {SMALLEST}")
    ends = np.array(level_sizes(size)) - PATCH + 1
    places = np.stack([_places(image, ends) for image in pixels])
    image = np.arange(len(pixels))[:, None]
    return [
        sliding_window_view(level, (PATCH, PATCH), axis=(1, 2))[
            image, places[:, at, :, 0], places[:, at, :, 1]
        ].reshape(len(pixels), PATCHES, PATCH * PATCH)
        for at, level in enumerate(laplacian_pyramid(pixels))
    ]


def _places(image: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Draw the first row and column of an image's patches, int64 (levels, PATCHES, 2)."""
    content = zlib.crc32(image.tobytes())
    generator = np.random.Generator(np.random.PCG64([SEED, content]))
    drawn: NDArray[np.int64] = generator.integers(ends[:, None, None], size=(len(ends), PATCHES, 2))
    return drawn


def exact(
    first: NDArray[np.float32], second: NDArray[np.float32], directions: NDArray[np.float64]
) -> float:
    """Return the published distance of one level, times 1000, by sorting.

    Each set is brought to mean 0 and standard deviation 1 over all its patches' pixels.

    Parameters
    ----------
    first, second
        (N, PATCHES, PATCH * PATCH), of the same N.
    directions
        (PATCH * PATCH, D), unit vectors.

    Raises
    ------
    ValueError
        The sets have different numbers of patches.
    """
    if first.shape != second.shape:
        raise ValueError(f"patches {first.shape} and {second.shape}, expected equal numbers")
    ordered = []
    for patches in (first, second):
        values = patches.reshape(-1, PATCH * PATCH).astype(np.float64)
        deviation = values.std() or 1.0
        ordered.append(np.sort((values - values.mean()) / deviation @ directions, axis=0))
    return float(np.abs(ordered[0] - ordered[1]).mean() * 1000)


def measure(pixels: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Count the projections of each image's patches.

    Parameters
    ----------
    pixels
        uint8 (N, S, S).

    Returns
    -------
    dict
        `counts`: uint8 (N, levels, DIRECTIONS, BINS). `moments`: float64 (N, levels, 2), the mean
        of the patches' pixels and of their squares, in grey levels. `centres`: float64
        (N, levels), what was taken off the pixels before they were projected and counted, so
        that the bins are fine where the values are: the set's mean on the coarsest level, 0 on
        others. `sizes`: int64 (N, levels), the pixels a side of each level. The last two are the
        same in each row: rows of one call belong together.
    """
    sizes = level_sizes(pixels.shape[-1])
    directions = random_directions().astype(np.float32)
    inner = bin_edges()[1:-1].astype(np.float32)
    counts = np.zeros((len(pixels), len(sizes), DIRECTIONS, BINS), np.uint8)
    moments = np.empty((len(pixels), len(sizes), 2))
    centres = np.zeros(len(sizes))
    centres[-1] = pixels.mean()

    def count_block(block: slice) -> None:
        for at, patches in enumerate(descriptors(pixels[block])):
            moments[block, at, 0] = patches.mean(axis=(1, 2), dtype=np.float64)
            moments[block, at, 1] = np.square(patches).mean(axis=(1, 2), dtype=np.float64)
            centred: NDArray[np.float32] = patches - np.float32(centres[at])
            _count(centred @ directions, inner, counts[block, at])

    for_each(count_block, cut(len(pixels), BLOCK))
    return {
        "counts": counts,
        "moments": moments,
        "centres": np.tile(centres, (len(pixels), 1)),
        "sizes": np.tile(np.array(sizes, np.int64), (len(pixels), 1)),
    }


def compare(
    generated: dict[str, NDArray[Any]],
    reference: dict[str, NDArray[Any]],
    generated_weights: Weights = None,
    reference_weights: Weights = None,
) -> dict[str, float]:
    """Return the distance on each level and their mean, times 1000.

    Within a bin the projections are taken as spread evenly, and each set is standardised by its
    own weighted moments, as published. On phantoms, blurred and darkened ones and noise the result
    is within 3 % or 1 (of values from 20 to 760) of `exact` on the same patches and directions.
    It can never be off by more than the mean widths, over both sets' projections and in their
    standard deviations, of the bins: much only where a level is nearly empty in a set.

    The distance of finite sets is above 0 even if they are alike, the more the smaller they are:
    only values of equal numbers of images may be compared.

    Returns
    -------
    dict
        `sliced_wasserstein`, and `sliced_wasserstein_{size}` for each level.

    Raises
    ------
    ValueError
        The sets' images differ in size.
    """
    sizes = reference["sizes"][0]
    if not np.array_equal(generated["sizes"][0], sizes):
        raise ValueError(f"images of {generated['sizes'][0][0]} and {sizes[0]} pixels a side")
    edges = bin_edges()
    directions = random_directions()
    first = _standardised(generated, generated_weights, edges, directions)
    second = _standardised(reference, reference_weights, edges, directions)
    values = [
        1000 * float(np.mean(_distances(*(part[at] for part in (*first, *second)))))
        for at in range(len(sizes))
    ]
    levels = {f"{NAME}_{size}": value for size, value in zip(sizes, values, strict=True)}
    return {NAME: float(np.mean(values)), **levels}


def _standardised(
    rows: dict[str, NDArray[Any]],
    weights: Weights,
    edges: NDArray[np.float64],
    directions: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each direction's edges, and the share below each: float64 (levels, D, BINS + 1)."""
    share = shares(weights, len(rows["counts"]))
    moments = np.tensordot(share, rows["moments"], axes=1)
    mean = moments[:, 0, None, None]
    variance = moments[:, 1, None, None] - mean**2
    # Images of one value have no deviation but what rounding leaves.
    deviation = np.sqrt(np.where(variance > 1e-9, variance, 1.0))
    # A constant m added to every pixel of a patch adds m times the sum of the direction.
    off = rows["centres"][0][:, None, None] - mean
    places = (edges + off * directions.sum(axis=0)[:, None]) / deviation
    below = np.zeros(places.shape)
    np.cumsum(_weighted_sum(rows["counts"], share) / PATCHES, axis=2, out=below[:, :, 1:])
    return places, below


def _weighted_sum(counts: NDArray[Any], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of the counts over images, each times its share."""
    used = np.flatnonzero(share)
    flat = counts.reshape(len(counts), -1)
    totals = np.zeros(flat.shape[1])
    columns = cut(flat.shape[1], 4096)
    for_each(lambda part: _add_rows(flat, used, share, part.start, totals[part]), columns)
    return totals.reshape(counts.shape[1:])


@compiled
def _count(
    values: NDArray[np.float32], inner: NDArray[np.float32], counts: NDArray[np.uint8]
) -> None:
    """Add the values (N, PATCHES, D) to the counts (N, D, BINS), of bins with those inner edges."""
    for n in range(values.shape[0]):
        for p in range(values.shape[1]):
            for d in range(values.shape[2]):
                below, above = 0, len(inner)
                while below < above:
                    middle = (below + above) // 2
                    if inner[middle] <= values[n, p, d]:
                        below = middle + 1
                    else:
                        above = middle
                counts[n, d, below] += 1


@compiled
def _add_rows(
    rows: NDArray[np.uint8],
    used: NDArray[np.int64],
    share: NDArray[np.float64],
    begin: int,
    totals: NDArray[np.float64],
) -> None:
    """Add the used rows' columns from `begin` on to the totals, each times its share."""
    # Four rows at a time, so that the totals are read and written a quarter as often.
    whole = len(used) // 4 * 4
    for at in range(0, whole, 4):
        n, m, p, q = used[at : at + 4]
        for k in range(begin, begin + len(totals)):
            totals[k - begin] += (
                share[n] * rows[n, k]
                + share[m] * rows[m, k]
                + share[p] * rows[p, k]
                + share[q] * rows[q, k]
            )
    for n in used[whole:]:
        for k in range(len(totals)):
            totals[k] += share[n] * rows[n, begin + k]


@compiled
def _distances(
    x: NDArray[np.float64],
    f: NDArray[np.float64],
    y: NDArray[np.float64],
    g: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return, a direction a row, the integral of |F - G|, both of straight pieces.

    F rises through the points (x, f) and G through (y, g), from 0 to 1.
    """
    totals = np.zeros(len(x))
    last = x.shape[1] - 1
    for d in range(len(x)):
        i, j = 0, 0
        before, difference = min(x[d, 0], y[d, 0]), 0.0
        while i <= last or j <= last:
            if j > last or (i <= last and x[d, i] <= y[d, j]):
                place = x[d, i]
                i += 1
            else:
                place = y[d, j]
                j += 1
            step = place - before
            now = _height(x[d], f[d], i, place) - _height(y[d], g[d], j, place)
            if difference * now >= 0:
                totals[d] += step * abs(difference + now) / 2
            else:
                totals[d] += step * (difference**2 + now**2) / (2 * abs(difference - now))
            before, difference = place, now
    return totals


@compiled
def _height(x: NDArray[np.float64], f: NDArray[np.float64], after: int, place: float) -> float:
    """Return F at a place between the points `after` - 1 and `after`."""
    if after == 0:
        return 0.0
    if after == len(x):
        return 1.0
    share = (place - x[after - 1]) / (x[after] - x[after - 1])
    height: float = f[after - 1] + share * (f[after] - f[after - 1])
    return height
