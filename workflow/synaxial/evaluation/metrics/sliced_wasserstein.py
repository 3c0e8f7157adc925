"""The sliced Wasserstein distance between small patches, on each level of a Laplacian pyramid.

The published distance sorts the projections of all patches, which is too slow to repeat for an
interval. Here `measure` counts, for each image and direction, how many projections fall in each
bin of a fixed grid. Any weighting of the images is then a weighted sum of counts.
"""

import zlib

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each
from synaxial.evaluation.metrics.common import Numbers, Rows, Weights, shares

NAME = "sliced_wasserstein"
TITLE = "sliced Wasserstein distance"
EXPLANATION = (
    "Separates images into details of each size (a Laplacian pyramid) and compares small patches "
    "of each level along many random directions: the mean difference of the sorted projections, "
    "times 1000. The finest level shows noise, blur and texture; the coarsest level shows the "
    "arrangement of the whole head. It does not see where in the image a patch lies, the contrast "
    "of a level (each set is first divided by its own standard deviation), or copies of training "
    "images. A value as low as between two disjoint sets of real subjects is good; 0 means the "
    "same patches."
)
SOURCE = (
    "Karras, Aila, Laine, Lehtinen: Progressive Growing of GANs, ICLR 2018, section 5: 128 patches "
    "of 7 x 7 an image and level; here along 128 directions; the pyramid: Burt and Adelson, IEEE "
    "Transactions on Communications 31(4), 1983"
)

PATCH = 7
PATCHES = 128
DIRECTIONS = 128
SEED = 2018

#: Odd, so that 0, the value of every patch of the background, is in the middle of a bin.
BINS = 127

#: Bins have equal width below this many grey levels, and then widen in proportion to the value.
FINE = 0.2

#: The largest possible projection: a patch of 7 x 7 pixels of 255.
LARGEST = PATCH * 255.0

#: The pyramid ends with the last level that has this many pixels a side.
SMALLEST = 16

#: The binomial kernel of 5, along one axis.
BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16

#: Images that one thread processes at a time.
BLOCK = 16

Images = NDArray[np.float32]
Array = NDArray[np.float64]


def level_sizes(size: int) -> list[int]:
    """Return the pixels a side of each level: halved, rounded up, while at least `SMALLEST`."""
    sizes = [size]
    while -(-sizes[-1] // 2) >= SMALLEST:
        sizes.append(-(-sizes[-1] // 2))
    return sizes


def laplacian_pyramid(pixels: NDArray[np.uint8]) -> list[Images]:
    """Return the levels of the pyramid of images (N, S, S), the finest first, in grey levels.

    A level is the image at that size minus the enlarged next smaller image. The last level is the
    image at the smallest size. Smoothing uses the 5 x 5 binomial kernel; images are mirrored at
    their borders without repeating the border pixel, as in Karras et al. (ICLR 2018).
    """
    level = pixels.astype(np.float32)
    levels = []
    for _ in level_sizes(pixels.shape[-1])[1:]:
        rows = correlate1d(level, BINOMIAL, axis=1, mode="mirror")[:, ::2]
        smaller = correlate1d(rows, BINOMIAL, axis=2, mode="mirror")[:, :, ::2]
        levels.append(level - _enlarged(smaller, level.shape[-1]))
        level = smaller
    return [*levels, level]


def _enlarged(images: Images, size: int) -> Images:
    """Enlarge images (N, s, s) to `size`: zeros between the pixels, then smoothing."""
    count, side = images.shape[:2]
    tall = np.zeros((count, size, side), np.float32)
    tall[:, ::2] = images
    # Three quarters of the pixels are zeros: a factor of 2 along each axis makes up for them.
    tall = correlate1d(tall, 2 * BINOMIAL, axis=1, mode="mirror")
    large = np.zeros((count, size, size), np.float32)
    large[:, :, ::2] = tall
    enlarged: Images = correlate1d(large, 2 * BINOMIAL, axis=2, mode="mirror")
    return enlarged


def bin_edges() -> Array:
    """Return the edges of the bins, float64 (BINS + 1,), in grey levels."""
    end = np.arcsinh(LARGEST / FINE)
    return FINE * np.sinh(np.linspace(-end, end, BINS + 1))


def random_directions() -> Array:
    """Return unit vectors, uniform on the sphere: float64 (PATCH * PATCH, DIRECTIONS)."""
    drawn = np.random.Generator(np.random.PCG64(SEED)).normal(size=(DIRECTIONS, PATCH * PATCH))
    directions: Array = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).T
    return directions


def descriptors(pixels: NDArray[np.uint8]) -> list[Images]:
    """Return the patches of each level, the finest first: float32 (N, PATCHES, PATCH * PATCH).

    The positions of the patches are drawn from the pixels of the image itself, so an image gives
    the same patches in any set.
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
    """Draw the first row and column of the patches of an image, int64 (levels, PATCHES, 2)."""
    content = zlib.crc32(image.tobytes())
    generator = np.random.Generator(np.random.PCG64([SEED, content]))
    return generator.integers(ends[:, None, None], size=(len(ends), PATCHES, 2))


def measure(pixels: NDArray[np.uint8]) -> Rows:
    """Count the projections of the patches of each image uint8 (N, S, S).

    `counts` is uint8 (N, levels, DIRECTIONS, BINS). `moments`, float64 (N, levels, 2), are the mean
    of the patches' pixels and of their squares, in grey levels. `centres`, float64 (N, levels), was
    subtracted from the pixels before the projection, so that the bins are fine where the values
    are: the mean of the set on the coarsest level, 0 on the others. `sizes`, int64 (N, levels), are
    the pixels a side of each level. `centres` and `sizes` are the same in each row.
    """
    sizes = level_sizes(pixels.shape[-1])
    directions = random_directions().astype(np.float32)
    counts = np.zeros((len(pixels), len(sizes), DIRECTIONS, BINS), np.uint8)
    moments = np.empty((len(pixels), len(sizes), 2))
    centres = np.zeros(len(sizes))
    centres[-1] = pixels.mean()

    def count_block(block: slice) -> None:
        for at, patches in enumerate(descriptors(pixels[block])):
            moments[block, at, 0] = patches.mean(axis=(1, 2), dtype=np.float64)
            moments[block, at, 1] = np.square(patches).mean(axis=(1, 2), dtype=np.float64)
            centred: Images = patches - np.float32(centres[at])
            counts[block, at] = _counts_of(centred @ directions)

    for_each(count_block, cut(len(pixels), BLOCK))
    return {
        "counts": counts,
        "moments": moments,
        "centres": np.tile(centres, (len(pixels), 1)),
        "sizes": np.tile(np.array(sizes, np.int64), (len(pixels), 1)),
    }


def compare(generated: Rows, reference: Rows, p: Weights = None, q: Weights = None) -> Numbers:
    """Return the mean distance over the levels, and `sliced_wasserstein_{size}` of each level.

    Within a bin the projections count as evenly spread. Each set is standardised by its own
    weighted moments, as published. The result is within 3 % or 1 (of values from 20 to 760) of
    the published distance by sorting, on phantoms, blurred and darkened phantoms and noise. The
    error is never larger than the mean width of the bins that the projections are in, in standard
    deviations: it is large only where a level is nearly empty in a set.

    The distance of finite sets is above 0 even if they are alike, and higher for smaller sets:
    compare only values of equal numbers of images.
    """
    sizes = reference["sizes"][0]
    first, second = _distributions(generated, p), _distributions(reference, q)
    values = [
        1000 * float(np.mean(_distances(*(part[at] for part in (*first, *second)))))
        for at in range(len(sizes))
    ]
    levels = {f"{NAME}_{size}": value for size, value in zip(sizes, values, strict=True)}
    return {NAME: float(np.mean(values)), **levels}


def _distributions(rows: Rows, weights: Weights) -> tuple[Array, Array]:
    """Return the standardised edges and the share below each, float64 (levels, D, BINS + 1)."""
    share = shares(weights, len(rows["counts"]))
    moments = np.tensordot(share, rows["moments"], axes=1)
    mean = moments[:, 0, None, None]
    variance = moments[:, 1, None, None] - mean**2
    # Images of one value have no deviation except a rounding error.
    deviation = np.sqrt(np.where(variance > 1e-9, variance, 1.0))
    # A constant m added to every pixel of a patch adds m times the sum of the direction.
    off = rows["centres"][0][:, None, None] - mean
    places = (bin_edges() + off * random_directions().sum(axis=0)[:, None]) / deviation
    below = np.zeros(places.shape)
    np.cumsum(_weighted_sum(rows["counts"], share) / PATCHES, axis=2, out=below[:, :, 1:])
    return places, below


def _counts_of(values: Images) -> NDArray[np.uint8]:
    """Return how many of the values (N, PATCHES, D) are in each bin, (N, D, BINS)."""
    images, _, directions = values.shape
    bins = np.searchsorted(bin_edges()[1:-1].astype(np.float32), values, side="right")
    histogram = np.arange(images)[:, None, None] * directions + np.arange(directions)
    counts = np.bincount((histogram * BINS + bins).ravel(), minlength=images * directions * BINS)
    return counts.reshape(images, directions, BINS).astype(np.uint8)


def _weighted_sum(counts: NDArray[np.uint8], share: Array) -> Array:
    """Return the sum of the counts over the images, each times its share."""
    used = np.flatnonzero(share)
    flat = counts.reshape(len(counts), -1)
    totals = np.empty(flat.shape[1])

    # A few columns at a time: the counts as floats would not fit in the cache.
    def add(columns: slice) -> None:
        totals[columns] = share[used] @ flat[used, columns]

    for_each(add, cut(flat.shape[1], 4096))
    return totals.reshape(counts.shape[1:])


@compiled
def _distances(x: Array, f: Array, y: Array, g: Array) -> Array:
    """Return the integral of |F - G| for each direction.

    F is the straight line through the points (x, f) and G that through (y, g), from 0 to 1.
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
def _height(x: Array, f: Array, after: int, place: float) -> float:
    """Return F at a place between the points `after` - 1 and `after`."""
    if after == 0:
        return 0.0
    if after == len(x):
        return 1.0
    share = (place - x[after - 1]) / (x[after] - x[after - 1])
    height: float = f[after - 1] + share * (f[after] - f[after - 1])
    return height
