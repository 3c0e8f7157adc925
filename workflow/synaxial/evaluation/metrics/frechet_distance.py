"""The Fréchet distance of feature vectors, in few dimensions."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from synaxial.evaluation.features.rows import Features, Statistic, checked
from synaxial.evaluation.metrics.images import Weights, shares

NAME = "frechet_distance"
TITLE = "Fréchet distance"
EXPLANATION = (
    "Takes each set of features for a Gaussian and compares their means and covariances: 0 is the "
    "best. A few hundred images cannot tell the covariance of 1280 features, so they are first "
    "brought to the directions in which the reference images differ most (principal components, at "
    "most 64 and at most a quarter of the images). What generated images do in other directions is "
    "not seen, nor are copies of training images. The value falls with the number of images even "
    "if the sets are alike: only values of equal numbers may be compared, beside that of two sets "
    "of real subjects. It is FID's formula on other features than Inception's: no FID values."
)
SOURCE = (
    "Heusel et al., NeurIPS 2017, arXiv 1706.08500, equation 6; Dowson and Landau, J. Multivariate "
    "Analysis 12, 1982; its bias in small sets: Chong and Forsyth, CVPR 2020, arXiv 1911.07023"
)

#: The most principal components …
DIMENSIONS = 64
#: … and the fewest images for each of them.
IMAGES_A_DIMENSION = 4

Matrix = NDArray[np.float64]


def compare(
    generated: Features,
    reference: Features,
    generated_weights: Weights = None,
    reference_weights: Weights = None,
) -> dict[str, float]:
    """Return the distance of two sets, {"frechet_distance": d²}.

    Parameters
    ----------
    generated, reference
        (N, D) and (M, D), of at least two images.
    generated_weights, reference_weights
        (N,) and (M,). With whole weights, the value is that of sets with images repeated, in as
        many dimensions as there are here.

    Raises
    ------
    ValueError
        A set has fewer than two images, or the features are different ones.
    """
    statistic = prepare(generated, reference, reference_weights)
    return statistic(generated_weights, reference_weights)


def prepare(
    generated: Features, reference: Features, reference_weights: Weights = None
) -> Statistic:
    """Bring features to the reference's principal components, for `bootstrap_intervals`.

    The components are then the same for all weights that what it returns is called with.

    Parameters
    ----------
    generated, reference
        (N, D) and (M, D).
    reference_weights
        (M,), for the components.

    Raises
    ------
    ValueError
        A set has fewer than two images, or the features are different ones.
    """
    x, y = checked(generated, reference, least=2)
    share = shares(reference_weights, len(y))
    centre = share @ y
    directions = principal_directions(y - centre, share, dimensions_for(x, y))
    return _Coordinates((x - centre) @ directions, (y - centre) @ directions)


def dimensions_for(generated: Features, reference: Features) -> int:
    """Return how many components two sets allow: 64, or fewer for small sets."""
    images = min(len(generated), len(reference))
    return max(1, min(DIMENSIONS, images // IMAGES_A_DIMENSION, int(reference.shape[1])))


def principal_directions(centred: Matrix, share: NDArray[np.float64], count: int) -> Matrix:
    """Return the directions of most variance as columns, (D, count).

    Parameters
    ----------
    centred
        (N, D), of mean 0.
    share
        (N,), of sum 1.
    count
        How many.
    """
    rows = np.sqrt(share)[:, None] * centred
    images, features = rows.shape
    few = images < features
    square = rows @ rows.T if few else rows.T @ rows
    last = len(square) - 1
    values, vectors = scipy.linalg.eigh(square, subset_by_index=(max(0, last - count + 1), last))
    if not few:
        return np.asarray(vectors)
    # (A Aᵀ) u = s² u gives Aᵀ u, of length s; where that is 0 there is no direction to show.
    lengths = np.sqrt(np.maximum(values, 0))
    inverse = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 1e-6 * lengths[-1])
    return np.asarray(rows.T @ vectors * inverse)


@dataclass(frozen=True)
class _Coordinates:
    """Both sets in the reference's principal components."""

    generated: Matrix
    reference: Matrix

    def __call__(self, generated_weights: Weights, reference_weights: Weights) -> dict[str, float]:
        """Return the distance."""
        return {
            NAME: frechet_distance(
                *moments(self.generated, generated_weights),
                *moments(self.reference, reference_weights),
            )
        }


def moments(rows: Matrix, weights: Weights) -> tuple[NDArray[np.float64], Matrix]:
    """Return the mean (D,) and covariance (D, D) of rows, divided by N, not N - 1."""
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

    The last term's trace is the sum of the square roots of the eigenvalues of a symmetric matrix;
    those that rounding made negative are taken for 0.
    """
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    inner = np.linalg.eigvalsh(root @ other_covariance @ root)
    common = np.sqrt(np.maximum(inner, 0)).sum()
    shift = ((mean - other_mean) ** 2).sum()
    distance = shift + np.trace(covariance) + np.trace(other_covariance) - 2 * common
    return max(0.0, float(distance))
