"""Diversity: how alike two images of a set are, by multi-scale structural similarity."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from synaxial.compute.parallel import for_each
from synaxial.evaluation.metrics.images import Weights

NAME = "diversity"
TITLE = "diversity"

EXPLANATION = (
    "The structural similarity on five scales (MS-SSIM) of random pairs of images of one set; 1 is "
    "the same image twice. Generated pairs that are more alike than pairs of real images of "
    "different subjects say that the generator has lost variety (mode collapse). Less alike is no "
    "sign of quality: noise is the least alike. It does not compare generated with real images, "
    "and a few modes that are far from each other pass unseen. As alike as real pairs is good: a "
    "difference of 0."
)

SOURCE = (
    "Wang, Simoncelli, Bovik: Multi-scale structural similarity, Asilomar 2003; between random "
    "pairs: Odena, Olah, Shlens, ICML 2017"
)

#: The exponents of the scales, the finest first, as published.
EXPONENTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])

WINDOW = 11
SIGMA = 1.5
STABILISERS = ((0.01 * 255) ** 2, (0.03 * 255) ** 2)

PAIRS = 200
SEED = 2003

#: The training log's form looks at so many pairs, at this size.
QUICK_PAIRS = 28
QUICK_SIZE = 64


def gaussian_window() -> NDArray[np.float64]:
    """Return the window along one axis, float64 (WINDOW,), of sum 1."""
    distance = np.arange(WINDOW) - WINDOW // 2
    window = np.exp(-(distance**2) / (2 * SIGMA**2))
    normalised: NDArray[np.float64] = window / window.sum()
    return normalised


def multi_scale_similarity(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return the MS-SSIM of two images, in 0 to 1.

    The product over scales of the mean contrast-structure term, on the last scale times the
    luminance term, each to the power of its exponent. Means are over the places where the window
    is within the image; images are averaged 2 x 2 from scale to scale. Two departures where the
    definition says nothing: a negative mean, whose power is no real number, counts as 0; and
    images below 176 pixels a side have as many scales as the window fits on, with the exponents'
    sum kept at 1.

    Parameters
    ----------
    first, second
        uint8 (S, S), S at least `WINDOW`.

    Raises
    ------
    ValueError
        The images differ in size or are smaller than the window.
    """
    if first.shape != second.shape or min(first.shape) < WINDOW:
        raise ValueError(
            f"images of {first.shape} and {second.shape} pixels, expected one size of at least "
            f"{WINDOW} x {WINDOW}"
        )
    both: NDArray[np.float32] = np.stack([first, second]).astype(np.float32)
    scales = min(len(EXPONENTS), int(np.log2(min(first.shape) / WINDOW)) + 1)
    exponents = EXPONENTS[:scales] / EXPONENTS[:scales].sum() * EXPONENTS.sum()
    product = 1.0
    for scale, exponent in enumerate(exponents):
        with_luminance, structure = _similarity(both)
        last = scale == scales - 1
        product *= max(with_luminance if last else structure, 0.0) ** exponent
        if not last:
            both = _halve(both)
    return float(product)


def _similarity(both: NDArray[np.float32]) -> tuple[float, float]:
    """Return the mean structural similarity of two images, with and without luminance."""
    window = gaussian_window()
    margin = WINDOW // 2
    moments = np.stack([*both, *np.square(both), both[0] * both[1]])
    for axis in (1, 2):
        moments = correlate1d(moments, window, axis=axis, mode="constant")
    # In double precision: a variance is a small difference of large numbers.
    inside = moments[:, margin:-margin, margin:-margin].astype(np.float64)
    mean_1, mean_2, square_1, square_2, product = inside
    mean_product = mean_1 * mean_2
    mean_squares = mean_1**2 + mean_2**2
    structure = (2 * (product - mean_product) + STABILISERS[1]) / (
        square_1 + square_2 - mean_squares + STABILISERS[1]
    )
    luminance = (2 * mean_product + STABILISERS[0]) / (mean_squares + STABILISERS[0])
    return float(np.mean(luminance * structure)), float(np.mean(structure))


def _halve(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average 2 x 2 pixels (a last odd row or column is left out)."""
    rows, columns = (length // 2 * 2 for length in images.shape[1:])
    even = images[:, :rows, :columns]
    total = even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]
    halved: NDArray[np.float32] = total / np.float32(4)
    return halved


def random_pairs(groups: NDArray[np.int64], pairs: int) -> NDArray[np.int64]:
    """Draw pairs of images of different groups, each pair once: int64 (P, 2), P at most `pairs`.

    Parameters
    ----------
    groups
        (N,): images of the same number, as those of one subject, make no pair.
    pairs
        How many; all there are if there are fewer.

    Raises
    ------
    ValueError
        All images are of one group.
    """
    first, second = np.triu_indices(len(groups), 1)
    allowed = np.flatnonzero(groups[first] != groups[second])
    if len(allowed) == 0:
        raise ValueError(f"{len(groups)} images of one subject, expected pairs of different ones")
    generator = np.random.Generator(np.random.PCG64(SEED))
    chosen = np.sort(generator.choice(allowed, min(pairs, len(allowed)), replace=False))
    return np.stack([first[chosen], second[chosen]], axis=1)


def measure(
    pixels: NDArray[np.uint8], groups: NDArray[np.int64] | None = None, pairs: int = PAIRS
) -> dict[str, NDArray[Any]]:
    """Return the similarity of random pairs.

    Parameters
    ----------
    pixels
        uint8 (N, S, S).
    groups
        int64 (N,): pairs are of different groups. None: each image is a group of its own, as
        for generated images.
    pairs
        How many pairs.

    Returns
    -------
    dict
        A row a pair, not an image: `pairs`: int64 (P, 2), the two images; `similarity`: float64
        (P,).

    Raises
    ------
    ValueError
        There are no two images, or none of different groups.
    """
    groups = np.arange(len(pixels)) if groups is None else groups
    chosen = random_pairs(groups, pairs)
    similarity = np.empty(len(chosen))

    def compare_pair(at: int) -> None:
        similarity[at] = multi_scale_similarity(*pixels[chosen[at]])

    for_each(compare_pair, list(range(len(chosen))))
    return {"pairs": chosen, "similarity": similarity}


def compare(
    generated: dict[str, NDArray[Any]],
    reference: dict[str, NDArray[Any]],
    generated_weights: Weights = None,
    reference_weights: Weights = None,
) -> dict[str, float]:
    """Return the mean similarity of both sets' pairs, and their difference.

    A pair counts as often as the product of its images' weights says. An image drawn twice is no
    pair with itself, which would be alike by construction.

    Returns
    -------
    dict
        `diversity_ms_ssim` and `diversity_ms_ssim_real`, in 0 to 1, and `diversity`, the first
        less the second: above 0 is less varied than real.
    """
    own = _mean_similarity(generated, generated_weights)
    real = _mean_similarity(reference, reference_weights)
    return {NAME: own - real, f"{NAME}_ms_ssim": own, f"{NAME}_ms_ssim_real": real}


def _mean_similarity(rows: dict[str, NDArray[Any]], weights: Weights) -> float:
    """Return the weighted mean over pairs; the plain one if no pair is left of the set drawn."""
    similarity = np.asarray(rows["similarity"], np.float64)
    if weights is None:
        return float(similarity.mean())
    counts = np.prod(weights[rows["pairs"]], axis=1)
    return float(np.average(similarity, weights=counts if counts.any() else None))


def collapse_score(pixels: NDArray[np.uint8]) -> float:
    """Return the mean similarity of a few pairs at a small size, for the training log.

    The same quantity as `measure` gives, at `QUICK_SIZE` pixels a side or a little more (three
    scales): to be compared with itself from epoch to epoch, and with that of real images. It
    takes a few hundredths of a second.

    Parameters
    ----------
    pixels
        uint8 (N, S, S), N at least 2. All pairs of up to 8 images are looked at, and
        `QUICK_PAIRS` of more.

    Raises
    ------
    ValueError
        There is one image only.
    """
    if len(pixels) < 2:
        raise ValueError(f"{len(pixels)} image, expected at least 2")
    factor = max(1, pixels.shape[-1] // QUICK_SIZE)
    side = pixels.shape[-1] // factor * factor
    blocks = pixels[:, :side, :side].reshape(len(pixels), side // factor, factor, -1, factor)
    small = np.rint(blocks.mean(axis=(2, 4), dtype=np.float32)).astype(np.uint8)
    return float(measure(small, pairs=QUICK_PAIRS)["similarity"].mean())
