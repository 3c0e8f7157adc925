"""Texture as radiomics describes it, and the Fréchet distance of its features."""

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each
from synaxial.evaluation.metrics.brain_masks import brain_mask
from synaxial.evaluation.metrics.frechet_distance import frechet_distance, moments
from synaxial.evaluation.metrics.images import Weights, shares

NAME = "texture"
TITLE = "texture"

EXPLANATION = (
    "Numbers that radiology describes tissue with, of the brain in each image: statistics of its "
    "grey levels, of its details of three sizes (Laplacian of Gaussian), and of pairs of grey "
    "levels at 1, 2, 4 and 8 pixels (co-occurrence). Each is put on the scale of the real images, "
    "and both sets of numbers are compared as Gaussians (Fréchet distance), as a logarithm. It "
    "sees noise, blur, contrast and patterns, with no network that was trained on other pictures. "
    "It does not see where in the brain a texture is, the head's shape, nor copies of training "
    "images. Near the value of two disjoint sets of real subjects is good; it may be below 0."
)

SOURCE = (
    "after Konz, Osuala et al.: Fréchet Radiomic Distance, arXiv 2412.01496, with 53 features in "
    "place of 464: no values of FRD; log of the squared distance as in the authors' code, twice "
    "the paper's equation 3; co-occurrence: Haralick, Shanmugam, Dinstein, IEEE SMC 3(6), 1973; "
    "feature definitions: Image Biomarker Standardisation Initiative, arXiv 1612.07003"
)

#: Grey levels are put into so many bins of equal width for entropy and co-occurrence.
LEVELS = 32

#: How far apart, in pixels, the two of a pair are …
DISTANCES = (1, 2, 4, 8)

#: … and in which directions (down, right): horizontal, both diagonals and vertical.
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))

FIRST_ORDER = (
    "mean",
    "deviation",
    "skewness",
    "kurtosis",
    "percentile_10",
    "median",
    "percentile_90",
    "interquartile_range",
    "mean_absolute_deviation",
    "entropy",
    "uniformity",
)

CO_OCCURRENCE = (
    "contrast",
    "dissimilarity",
    "homogeneity",
    "uniformity",
    "correlation",
    "entropy",
)

#: The standard deviations, in pixels, of the Gaussians whose Laplacians show details.
SCALES = (1, 2, 4)

DETAILS = ("mean", "deviation", "skewness", "kurtosis", "percentile_10", "percentile_90")

#: The columns of `measure`.
FEATURES = (
    *FIRST_ORDER,
    *(f"detail_{name}_of_{scale}" for scale in SCALES for name in DETAILS),
    *(f"{name}_at_{distance}" for distance in DISTANCES for name in CO_OCCURRENCE),
)

#: Squared distances are not taken as smaller: that of a set from itself is 0, which has no
#: logarithm.
SMALLEST = 1e-6

#: So many images are looked at by a thread at a time.
BLOCK = 16


def measure(pixels: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Return the texture features of each image's brain.

    Parameters
    ----------
    pixels
        uint8 (N, S, S).

    Returns
    -------
    dict
        `features`: float64 (N, F), in the order of `FEATURES`, all 0 for an image without a
        brain.
    """
    features = np.zeros((len(pixels), len(FEATURES)))

    def look(block: slice) -> None:
        for at in range(block.start, block.stop):
            brain = brain_mask(pixels[at])
            if brain.any():
                features[at] = [
                    *first_order(pixels[at][brain]),
                    *details(pixels[at], brain).ravel(),
                    *co_occurrence(pixels[at], brain).ravel(),
                ]

    for_each(look, cut(len(pixels), BLOCK))
    return {"features": features}


def first_order(values: NDArray[np.uint8]) -> list[float]:
    """Return the statistics of grey levels, in the order of `FIRST_ORDER`.

    Skewness and kurtosis (3 for a normal distribution) are 0 for values that are all the same.

    Parameters
    ----------
    values
        uint8 (M,), M at least 1.
    """
    counts = np.bincount(values, minlength=256)
    levels = np.arange(256)
    share = counts / len(values)
    mean = float(share @ levels)
    variance, third, fourth = (float(share @ (levels - mean) ** power) for power in (2, 3, 4))
    deviation = np.sqrt(variance)
    p10, p25, p50, p75, p90 = np.percentile(values, (10, 25, 50, 75, 90))
    binned = share.reshape(LEVELS, -1).sum(axis=1)
    return [
        mean,
        deviation,
        third / deviation**3 if variance > 0 else 0.0,
        fourth / variance**2 if variance > 0 else 0.0,
        p10,
        p50,
        p90,
        p75 - p25,
        float(share @ np.abs(levels - mean)),
        _entropy(binned),
        float(np.square(binned).sum()),
    ]


def _entropy(shares_of_bins: NDArray[np.float64]) -> float:
    """Return the entropy of shares of sum 1, in bits."""
    present = shares_of_bins[shares_of_bins > 0]
    return float(-(present * np.log2(present)).sum())


def details(image: NDArray[np.uint8], brain: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return statistics of the Laplacian of Gaussian in the brain, float64 (scales, DETAILS).

    The filter's response times the Gaussian's variance, so that details of each size are as
    large; by Fourier transform, so that the image goes on periodically. Blur leaves little of the
    finest, and it is this that co-occurrence in bins of 8 grey levels hardly sees.

    Parameters
    ----------
    image
        uint8 (S, S).
    brain
        Its mask, not empty.
    """
    height, width = image.shape
    squares = [
        np.square(2 * np.pi * frequencies).astype(np.float32)
        for frequencies in (np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    ]
    transformed = scipy.fft.rfft2(image.astype(np.float32))
    found = np.empty((len(SCALES), len(DETAILS)))
    for at, scale in enumerate(SCALES):
        # The Gaussian's transform, separable, and the Laplacian's: minus the squared frequency.
        row, column = (np.exp(square * np.float32(-(scale**2) / 2)) for square in squares)
        product = transformed * row * column * (squares[0] + squares[1])
        response = scipy.fft.irfft2(product, s=image.shape)[brain]
        values = response.astype(np.float64) * -(scale**2)
        mean = values.mean()
        centred = values - mean
        squared = centred * centred
        variance = squared.mean()
        third, fourth = (squared @ centred) / len(values), (squared @ squared) / len(values)
        # What rounding leaves of an image of one value is smaller.
        flat = variance < 1e-6
        found[at] = [
            mean,
            np.sqrt(variance),
            0.0 if flat else third / variance**1.5,
            0.0 if flat else fourth / variance**2,
            *np.percentile(values, (10, 90)),
        ]
    return found


def co_occurrence(image: NDArray[np.uint8], brain: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the features of pairs of pixels within the brain, float64 (distances, features).

    At each distance, the mean over the four directions; a direction in which no two pixels of
    the brain are so far apart counts as all 0.

    Parameters
    ----------
    image
        uint8 (S, S).
    brain
        Its mask.
    """
    rows, columns = np.nonzero(brain)
    inside = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    # 0 is outside of the brain, 1 … LEVELS inside.
    bins = np.where(brain[inside], image[inside] // (256 // LEVELS) + 1, 0).astype(np.uint8)
    found = np.empty((len(DISTANCES), len(DIRECTIONS), len(CO_OCCURRENCE)))
    for i, distance in enumerate(DISTANCES):
        for j, (down, right) in enumerate(DIRECTIONS):
            pairs = np.zeros((LEVELS + 1, LEVELS + 1), np.int64)
            _count_pairs(bins, down * distance, right * distance, pairs)
            found[i, j] = properties(pairs[1:, 1:] + pairs[1:, 1:].T)
    means: NDArray[np.float64] = found.mean(axis=1)
    return means


def properties(pairs: NDArray[np.int64]) -> list[float]:
    """Return the features of a symmetric matrix of counts, in the order of `CO_OCCURRENCE`.

    With p the counts' shares: contrast is the sum of p (i - j)², dissimilarity of p |i - j|,
    homogeneity of p / (1 + (i - j)²), uniformity of p² (the angular second moment); correlation
    is that of i and j, 1 where all are the same.
    """
    total = pairs.sum()
    if total == 0:
        return [0.0] * len(CO_OCCURRENCE)
    p = pairs / total
    levels = np.arange(len(pairs))
    apart = levels[:, None] - levels
    single = p.sum(axis=0)
    mean = single @ levels
    variance = single @ (levels - mean) ** 2
    covariance = (levels - mean) @ p @ (levels - mean)
    return [
        float((p * apart**2).sum()),
        float((p * np.abs(apart)).sum()),
        float((p / (1 + apart**2)).sum()),
        float(np.square(p).sum()),
        float(covariance / variance) if variance > 1e-12 else 1.0,
        _entropy(p),
    ]


@compiled
def _count_pairs(bins: NDArray[np.uint8], down: int, right: int, pairs: NDArray[np.int64]) -> None:
    """Count each two bins of which the second lies so far down and to the right of the first."""
    height, width = bins.shape
    for row in range(height - down):
        for column in range(max(0, -right), width - max(0, right)):
            pairs[bins[row, column], bins[row + down, column + right]] += 1


def compare(
    generated: dict[str, NDArray[Any]],
    reference: dict[str, NDArray[Any]],
    generated_weights: Weights = None,
    reference_weights: Weights = None,
) -> dict[str, float]:
    """Return the Fréchet distance of features on the scale of the reference.

    Of each feature the reference's mean is taken off, and what remains divided by the
    reference's standard deviation (by 1 where it has none). Covariances are divided by the
    number of images, not one less.

    Returns
    -------
    dict
        `texture_squared`: |m - m'|² + tr(S + S' - 2 (S S')^½), and `texture`: its natural
        logarithm (of `SMALLEST`, where the distance is smaller).

    Raises
    ------
    ValueError
        A set has one image, which has no covariance.
    """
    own, real = generated["features"], reference["features"]
    fewest = min(len(own), len(real))
    if fewest < 2:
        raise ValueError(f"{fewest} image, expected at least 2 in each set")
    share = shares(reference_weights, len(real))
    mean = share @ real
    deviation = np.sqrt(share @ (real - mean) ** 2)
    scale = np.where(deviation > 1e-9, deviation, 1)
    squared = frechet_distance(
        *moments((own - mean) / scale, generated_weights),
        *moments((real - mean) / scale, reference_weights),
    )
    return {NAME: float(np.log(max(squared, SMALLEST))), f"{NAME}_squared": float(squared)}
