"""Diversity: how alike two images of a set are, by multi-scale structural similarity (MS-SSIM)."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from synaxial.compute.parallel import for_each
from synaxial.evaluation.metrics.common import Numbers, Rows, Weights

NAME = "diversity"
TITLE = "diversity"
EXPLANATION = (
    "The structural similarity on five scales (MS-SSIM) of random pairs of images of one set; 1 is "
    "the same image twice. If generated pairs are more alike than pairs of real images of "
    "different subjects, the generator has lost variety (mode collapse). Less alike is no sign of "
    "quality: noise is the least alike. The metric does not compare generated with real images, "
    "and it misses a collapse to a few modes that are far apart. As alike as real pairs is good: a "
    "difference of 0."
)
SOURCE = (
    "Wang, Simoncelli, Bovik: Multi-scale structural similarity, Asilomar 2003; between random "
    "pairs: Odena, Olah, Shlens, ICML 2017"
)

#: The published exponents of the scales, the finest first.
EXPONENTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])

WINDOW = 11
SIGMA = 1.5
STABILISERS = ((0.01 * 255) ** 2, (0.03 * 255) ** 2)

PAIRS = 200
SEED = 2003

#: The number of pairs, and the size in pixels, of the score in the training log.
QUICK_PAIRS = 28
QUICK_SIZE = 64


def multi_scale_similarity(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return the MS-SSIM of two images, uint8 (S, S), in 0 to 1.

    The product over the scales of the mean contrast-structure term, on the last scale times the
    luminance term, each to the power of its exponent. Means are over the places where the window
    lies within the image. Images are averaged 2 x 2 from scale to scale. The definition leaves two
    cases open: a negative mean, whose power is no real number, counts as 0; and images below 176
    pixels a side have as many scales as the window fits on, with exponents of the same sum.
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
    margin = WINDOW // 2
    window = np.exp(-(np.arange(-margin, margin + 1) ** 2) / (2 * SIGMA**2))
    window /= window.sum()
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
    """Average 2 x 2 pixels. A last odd row or column is left out."""
    rows, columns = (length // 2 * 2 for length in images.shape[1:])
    even = images[:, :rows, :columns]
    total = even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]
    return total / np.float32(4)


def random_pairs(groups: NDArray[np.int64], pairs: int) -> NDArray[np.int64]:
    """Draw pairs of images of different groups, each at most once: int64 (P, 2).

    P is `pairs`, or the number of possible pairs if that is smaller.
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
) -> Rows:
    """Return the similarity of at most `pairs` random pairs of images of different groups.

    Without groups each image uint8 (S, S) is a group of its own, as for generated images. The rows
    are pairs, not images: `pairs`, int64 (P, 2), the two images; `similarity`, float64 (P,).
    """
    groups = np.arange(len(pixels)) if groups is None else groups
    chosen = random_pairs(groups, pairs)
    similarity = np.empty(len(chosen))

    def compare_pair(at: int) -> None:
        similarity[at] = multi_scale_similarity(*pixels[chosen[at]])

    for_each(compare_pair, range(len(chosen)))
    return {"pairs": chosen, "similarity": similarity}


def compare(generated: Rows, reference: Rows, p: Weights = None, q: Weights = None) -> Numbers:
    """Return the mean similarity of the pairs of both sets, and the difference.

    The weight of a pair is the product of the weights of its images. An image with weight 2 makes
    no pair with itself, because that pair would be alike by construction. `diversity` is
    `diversity_ms_ssim` minus `diversity_ms_ssim_real`: above 0 is less varied than real.
    """
    own, real = _mean_similarity(generated, p), _mean_similarity(reference, q)
    return {NAME: own - real, f"{NAME}_ms_ssim": own, f"{NAME}_ms_ssim_real": real}


def _mean_similarity(rows: Rows, weights: Weights) -> float:
    """Return the weighted mean over pairs; the plain mean if no pair has a weight."""
    similarity = np.asarray(rows["similarity"], np.float64)
    if weights is None:
        return float(similarity.mean())
    counts = np.prod(weights[rows["pairs"]], axis=1)
    return float(np.average(similarity, weights=counts if counts.any() else None))


def collapse_score(pixels: NDArray[np.uint8]) -> float:
    """Return the mean similarity of a few pairs at a small size, for the training log.

    This is the quantity of `measure` for `QUICK_PAIRS` pairs, or all pairs of up to 8 images, at
    `QUICK_SIZE` pixels a side or a little more (three scales). Compare it only with its
    own values of other epochs and of real images.
    """
    factor = max(1, pixels.shape[-1] // QUICK_SIZE)
    side = pixels.shape[-1] // factor * factor
    blocks = pixels[:, :side, :side].reshape(len(pixels), side // factor, factor, -1, factor)
    small = np.rint(blocks.mean(axis=(2, 4), dtype=np.float32)).astype(np.uint8)
    return float(measure(small, pairs=QUICK_PAIRS)["similarity"].mean())
