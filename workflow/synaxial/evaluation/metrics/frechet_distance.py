"""The Fréchet distance of feature vectors (the formula of FID), in few dimensions."""

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from synaxial.evaluation.metrics.common import (
    Features,
    Numbers,
    Statistic,
    Weights,
    checked,
    shares,
)

NAME = "frechet_distance"
TITLE = "Fréchet distance"
EXPLANATION = (
    "Treats each set of features as a Gaussian and compares the means and covariances. 0 is the "
    "best value. A few hundred images cannot estimate a covariance of 1280 features. Therefore the "
    "features are first projected on the principal components of the reference (at most 64, and at "
    "most a quarter of the number of images). The metric does not see what generated images do in "
    "other directions, and it does not see copies of training images. The value falls with the "
    "number of images even for similar sets. Compare only values for equal numbers of images, and "
    "read them beside the value for two sets of real subjects. The formula is that of FID, but the "
    "features are not Inception's: the values are not FID values."
)
SOURCE = (
    "Heusel et al., NeurIPS 2017, arXiv 1706.08500, equation 6; Dowson and Landau, J. Multivariate "
    "Analysis 12, 1982; its bias in small sets: Chong and Forsyth, CVPR 2020, arXiv 1911.07023"
)

#: The largest number of principal components, and the fewest images for each of them.
DIMENSIONS = 64
IMAGES_A_DIMENSION = 4

Matrix = NDArray[np.float64]


def prepare(generated: Features, reference: Features) -> Statistic:
    """Return {"frechet_distance": d²} of two sets as a function of the images' weights.

    The principal components are those of the reference with equal weights. Whole weights give the
    value of sets with repeated images.
    """
    x, y = checked(generated, reference, least=2)
    centre = shares(None, len(y)) @ y
    directions = principal_directions(y - centre, dimensions_for(x, y))
    own, real = (x - centre) @ directions, (y - centre) @ directions

    def distance(p: Weights, q: Weights) -> Numbers:
        return {NAME: frechet_distance(*moments(own, p), *moments(real, q))}

    return distance


def dimensions_for(generated: Features, reference: Features) -> int:
    """Return the number of principal components for two sets: 64, or fewer for small sets."""
    images = min(len(generated), len(reference))
    return max(1, min(DIMENSIONS, images // IMAGES_A_DIMENSION, int(reference.shape[1])))


def principal_directions(centred: Matrix, count: int) -> Matrix:
    """Return the directions of most variance of rows with mean 0, as columns (D, count)."""
    images, features = centred.shape
    rows = np.sqrt(1 / images) * centred
    few = images < features
    square = rows @ rows.T if few else rows.T @ rows
    last = len(square) - 1
    values, vectors = scipy.linalg.eigh(square, subset_by_index=(max(0, last - count + 1), last))
    if not few:
        return np.asarray(vectors)
    # (A Aᵀ) u = s² u gives Aᵀ u with the length s. A length of 0 has no direction.
    lengths = np.sqrt(np.maximum(values, 0))
    inverse = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 1e-6 * lengths[-1])
    return np.asarray(rows.T @ vectors * inverse)


def moments(rows: Matrix, weights: Weights) -> tuple[NDArray[np.float64], Matrix]:
    """Return the mean (D,) and the covariance (D, D) of rows, divided by N, not by N - 1."""
    share = shares(weights, len(rows))
    mean = share @ rows
    centred = rows - mean
    return mean, (share[:, None] * centred).T @ centred


def frechet_distance(
    mean: NDArray[np.float64],
    covariance: Matrix,
    other_mean: NDArray[np.float64],
    other_covariance: Matrix,
) -> float:
    """Return |m - m'|² + tr(S + S' - 2 (S^½ S' S^½)^½), never below 0.

    The trace of the last term is the sum of the square roots of the eigenvalues of a symmetric
    matrix. Eigenvalues that rounding made negative count as 0.
    """
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    inner = np.linalg.eigvalsh(root @ other_covariance @ root)
    common = np.sqrt(np.maximum(inner, 0)).sum()
    shift = ((mean - other_mean) ** 2).sum()
    distance = shift + np.trace(covariance) + np.trace(other_covariance) - 2 * common
    return max(0.0, float(distance))
