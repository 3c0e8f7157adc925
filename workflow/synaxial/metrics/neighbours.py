"""Precision, recall, density and coverage: who is a near neighbour of whom."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synaxial.metrics.features.rows import Features, Statistic, checked
from synaxial.metrics.images import Weights

NAME = "neighbours"
EXPLANATION = (
    "Around each image is a ball that reaches to its fifth nearest neighbour in its own set. "
    "Precision is the share of generated images in a ball of a real one (are they realistic?), "
    "density how many such balls they are in, over 5 (about 1 for equal sets; outliers count for "
    "less). Recall is the share of real images in a ball of a generated one (is all there?), "
    "coverage the share of real images with a generated one in their ball. High is good, as high "
    "as between two sets of real subjects; recall also rises with outliers among the generated, so "
    "variety is never claimed from it alone. Neighbouring slices of a subject make small balls. "
    "Copies of training images look perfect."
)
SOURCE = (
    "Kynkäänniemi et al., NeurIPS 2019, arXiv 1904.06991 (precision, recall); Naeem et al., ICML "
    "2020, arXiv 2002.09797 (density, coverage); k = 5 as there"
)

NEIGHBOURS = 5

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


def compare(
    generated: Features,
    reference: Features,
    generated_weights: Weights = None,
    reference_weights: Weights = None,
) -> dict[str, float]:
    """Return {"precision", "recall", "density", "coverage"}.

    An image of weight 2 counts twice in every mean and as two neighbours of every other image, but
    not as its own neighbour: its copy is as near as can be, and its ball would be gone. So the
    values differ from those of sets with images repeated.

    Parameters
    ----------
    generated, reference
        (N, D) and (M, D), of at least six images.
    generated_weights, reference_weights
        (N,) and (M,).

    Raises
    ------
    ValueError
        A set has fewer than six images, or the features are different ones.
    """
    return prepare(generated, reference)(generated_weights, reference_weights)


def prepare(generated: Features, reference: Features) -> Statistic:
    """Compute all distances, for `bootstrap_intervals` to call what it returns.

    Raises
    ------
    ValueError
        A set has fewer than six images, or the features are different ones.
    """
    x, y = checked(generated, reference, least=NEIGHBOURS + 1)
    return _Distances(_Neighbours.of(x), _Neighbours.of(y), distances(y, x))


def distances(x: Matrix, y: Matrix) -> Matrix:
    """Return the Euclidean distances of all pairs, (N, M); 0 for the same features."""
    lengths = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)
    squares = lengths - 2 * (x @ y.T)
    squares[squares < 1e-12 * lengths] = 0
    return np.asarray(np.sqrt(squares))


@dataclass(frozen=True)
class _Neighbours:
    """The other images of a set, the nearest first.

    Attributes
    ----------
    order
        (N, N - 1): whose they are.
    sorted_distances
        (N, N - 1).
    """

    order: NDArray[np.intp]
    sorted_distances: Matrix

    @classmethod
    def of(cls, rows: Matrix) -> "_Neighbours":
        """Sort the distances within a set."""
        between = distances(rows, rows)
        np.fill_diagonal(between, -1)
        order = np.argsort(between, axis=1, kind="stable")[:, 1:]
        return cls(order, np.take_along_axis(between, order, axis=1))

    def radii(self, weights: Weights) -> Vector:
        """Return the distance of each image to its fifth neighbour, (N,).

        Neighbours are counted by their weights; if all together are fewer than five, it is the
        last of them.
        """
        if weights is None:
            return np.asarray(self.sorted_distances[:, NEIGHBOURS - 1])
        counts = np.cumsum(weights[self.order], axis=1)
        # A little less than five, for weights that are sums of fractions.
        enough = counts >= np.minimum(NEIGHBOURS, counts[:, -1:]) - 1e-9
        fifth = enough.argmax(axis=1)
        return np.asarray(self.sorted_distances[np.arange(len(fifth)), fifth])


@dataclass(frozen=True)
class _Distances:
    """Neighbours within each set, and the distances (M, N) of reference from generated images."""

    generated: _Neighbours
    reference: _Neighbours
    between: Matrix

    def __call__(self, generated_weights: Weights, reference_weights: Weights) -> dict[str, float]:
        """Return the four numbers."""
        reference_count, generated_count = self.between.shape
        p = np.ones(generated_count) if generated_weights is None else generated_weights
        q = np.ones(reference_count) if reference_weights is None else reference_weights
        in_real_ball = self.between < self.reference.radii(reference_weights)[:, None]
        in_generated_ball = self.between < self.generated.radii(generated_weights)
        balls = q @ in_real_ball
        return {
            "precision": mean(balls > 0, p),
            "recall": mean(in_generated_ball @ p > 0, q),
            "density": mean(balls, p) / NEIGHBOURS,
            "coverage": mean(in_real_ball @ p > 0, q),
        }


def mean(values: NDArray[np.bool_] | Vector, weights: Vector) -> float:
    """Return the weighted mean."""
    return float(values @ weights / weights.sum())
