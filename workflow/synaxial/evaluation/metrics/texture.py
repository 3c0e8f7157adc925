"""Texture as radiomics describes it, and the Fréchet distance of its features."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from skimage.feature import graycomatrix, graycoprops

from synaxial.compute.parallel import for_each
from synaxial.evaluation.metrics.brain_masks import brain_mask
from synaxial.evaluation.metrics.common import Numbers, Rows, Weights, shares
from synaxial.evaluation.metrics.frechet_distance import frechet_distance, moments

NAME = "texture"
TITLE = "texture"
EXPLANATION = (
    "Radiomic numbers of the brain in each image: statistics of its grey levels, of its details of "
    "three sizes (Laplacian of Gaussian), and of pairs of grey levels at 1, 2, 4 and 8 pixels "
    "(co-occurrence). Each number is scaled by its mean and spread in real images. Both sets are "
    "then compared as Gaussians (logarithm of the Fréchet distance). The metric sees noise, blur, "
    "contrast and patterns, without a network that was trained on other pictures. It does not see "
    "where in the brain a texture is, the shape of the head, or copies of training images. A value "
    "near that of two disjoint sets of real subjects is good; it may be below 0."
)
SOURCE = (
    "after Konz, Osuala et al.: Fréchet Radiomic Distance, arXiv 2412.01496, with 53 features in "
    "place of 464: no values of FRD; log of the squared distance as in the authors' code, twice "
    "the paper's equation 3; co-occurrence: Haralick, Shanmugam, Dinstein, IEEE SMC 3(6), 1973 "
    "(scikit-image); feature definitions: Image Biomarker Standardisation Initiative, arXiv "
    "1612.07003"
)

#: The number of equal bins of grey levels for entropy and co-occurrence.
LEVELS = 32

#: The distances of the pairs, in pixels along the rows and columns.
DISTANCES = (1, 2, 4, 8)

FIRST_ORDER = (
    *("mean", "deviation", "skewness", "kurtosis"),
    *("percentile_10", "median", "percentile_90", "interquartile_range"),
    *("mean_absolute_deviation", "entropy", "uniformity"),
)

#: As `graycoprops` calls them; ASM, the angular second moment, is also called uniformity.
CO_OCCURRENCE = ("contrast", "dissimilarity", "homogeneity", "ASM", "correlation", "entropy")

#: The standard deviations, in pixels, of the Gaussians whose Laplacians show details.
SCALES = (1, 2, 4)

DETAILS = ("mean", "deviation", "skewness", "kurtosis", "percentile_10", "percentile_90")

#: The columns of `measure`.
FEATURES = (
    *FIRST_ORDER,
    *(f"detail_{name}_of_{scale}" for scale in SCALES for name in DETAILS),
    *(f"{name}_at_{distance}" for distance in DISTANCES for name in CO_OCCURRENCE),
)

#: The smallest squared distance: the distance of a set from itself is 0 and has no logarithm.
SMALLEST = 1e-6


def measure(pixels: NDArray[np.uint8]) -> Rows:
    """Return the texture of the brain in each image uint8 (N, S, S).

    `features` are float64 (N, F), in the order of `FEATURES`; all 0 for an image without a brain.
    """
    features = np.zeros((len(pixels), len(FEATURES)))

    def measure_image(at: int) -> None:
        brain = brain_mask(pixels[at])
        if brain.any():
            features[at] = [
                *first_order(pixels[at][brain]),
                *details(pixels[at], brain).ravel(),
                *co_occurrence(pixels[at], brain).ravel(),
            ]

    for_each(measure_image, range(len(pixels)))
    return {"features": features}


def first_order(values: NDArray[np.uint8]) -> list[float]:
    """Return the statistics of at least one grey level, in the order of `FIRST_ORDER`."""
    share = np.bincount(values, minlength=256) / len(values)
    mean, *others = _four_moments(values.astype(np.float64), flat=0)
    p10, p25, p50, p75, p90 = np.percentile(values, (10, 25, 50, 75, 90))
    binned = share.reshape(LEVELS, -1).sum(axis=1)
    present = binned[binned > 0]
    return [
        *(mean, *others),
        *(p10, p50, p90, p75 - p25),
        float(share @ np.abs(np.arange(256) - mean)),
        float(-(present * np.log2(present)).sum()),
        float(np.square(binned).sum()),
    ]


def _four_moments(values: NDArray[np.float64], flat: float) -> tuple[float, float, float, float]:
    """Return mean, standard deviation, skewness and kurtosis (3 for a normal distribution).

    Skewness and kurtosis are 0 if the variance is at most `flat`.
    """
    mean = values.mean()
    centred = values - mean
    squared = centred * centred
    variance = squared.mean()
    if variance <= flat:
        return mean, np.sqrt(variance), 0.0, 0.0
    third, fourth = (squared @ centred) / len(values), (squared @ squared) / len(values)
    return mean, np.sqrt(variance), third / variance**1.5, fourth / variance**2


def details(image: NDArray[np.uint8], brain: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return statistics of the Laplacian of Gaussian in the brain, float64 (scales, DETAILS).

    The response of the filter is multiplied by the variance of the Gaussian, so that details of
    each size count alike. It is computed by Fourier transform, so the image continues
    periodically. Blur lowers the finest details, which co-occurrence in bins of 8 grey levels
    hardly sees. `brain` is not empty.
    """
    height, width = image.shape
    squares = [
        np.square(2 * np.pi * frequencies).astype(np.float32)
        for frequencies in (np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    ]
    transformed = scipy.fft.rfft2(image.astype(np.float32))
    found = np.empty((len(SCALES), len(DETAILS)))
    for at, scale in enumerate(SCALES):
        # The transform of the Gaussian is separable; that of the Laplacian is minus the squared
        # frequency.
        row, column = (np.exp(square * np.float32(-(scale**2) / 2)) for square in squares)
        product = transformed * row * column * (squares[0] + squares[1])
        response = scipy.fft.irfft2(product, s=image.shape)[brain]
        values = response.astype(np.float64) * -(scale**2)
        # The variance of an image of one value is a rounding error below 1e-6.
        found[at] = [*_four_moments(values, flat=1e-6), *np.percentile(values, (10, 90))]
    return found


def co_occurrence(image: NDArray[np.uint8], brain: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the features of pairs of pixels within the brain, float64 (DISTANCES, CO_OCCURRENCE).

    Each feature is the mean over four directions: horizontal, vertical and both diagonals. A
    direction in which the brain has no two pixels at that distance counts as 0. `brain` is not
    empty.
    """
    rows, columns = np.nonzero(brain)
    inside = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    # 0 is outside of the brain, 1 … LEVELS are the bins inside.
    bins = np.where(brain[inside], image[inside] // (256 // LEVELS) + 1, 0).astype(np.uint8)
    found = []
    # scikit-image measures diagonals along the diagonal, we along the rows and columns.
    for length, angles in ((1, (0, np.pi / 2)), (2**0.5, (np.pi / 4, 3 * np.pi / 4))):
        distances = [length * distance for distance in DISTANCES]
        matrices = graycomatrix(bins, distances, angles, LEVELS + 1, symmetric=True)[1:, 1:]
        present = matrices.any(axis=(0, 1))
        found.append([graycoprops(matrices, name) * present for name in CO_OCCURRENCE])
    means: NDArray[np.float64] = np.concatenate(found, axis=2).mean(axis=2).T
    # From nats to bits.
    means[:, CO_OCCURRENCE.index("entropy")] /= np.log(2)
    return means


def compare(generated: Rows, reference: Rows, p: Weights = None, q: Weights = None) -> Numbers:
    """Return the Fréchet distance of the features, standardised by the reference.

    Each feature is standardised by its mean and standard deviation in the reference (by 1 where
    that is 0). `texture_squared` is |m - m'|² + tr(S + S' - 2 (S S')^½), and `texture` its natural
    logarithm, or that of `SMALLEST` if the distance is smaller.
    """
    own, real = generated["features"], reference["features"]
    fewest = min(len(own), len(real))
    if fewest < 2:
        raise ValueError(f"{fewest} image, expected at least 2 in each set")
    share = shares(q, len(real))
    mean = share @ real
    deviation = np.sqrt(share @ (real - mean) ** 2)
    scale = np.where(deviation > 1e-9, deviation, 1)
    scaled = [(rows - mean) / scale for rows in (own, real)]
    squared = frechet_distance(*moments(scaled[0], p), *moments(scaled[1], q))
    return {NAME: float(np.log(max(squared, SMALLEST))), f"{NAME}_squared": squared}
