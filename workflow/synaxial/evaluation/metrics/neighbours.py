"""Precision, recall, density and coverage: who is a near neighbour of whom."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synaxial.compute.compiled import compiled
from synaxial.evaluation.features.rows import Features, Statistic, checked
from synaxial.evaluation.metrics.images import Weights

NAME = "neighbours"
TITLE = "neighbours"
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


def prepare(
    generated: Features,
    reference: Features,
    generated_groups: NDArray[np.int64] | None = None,
    reference_groups: NDArray[np.int64] | None = None,
) -> Statistic:
    """Compute all distances, for `bootstrap_intervals` to call what it returns.

    With groups, an image's ball reaches to its fifth neighbour of other groups: those of its own
    subject are so near that hardly any other image would lie in it. Without them each image is a
    group, as in the sources.

    Raises
    ------
    ValueError
        A set has fewer than six images, or the features are different ones.
    """
    x, y = checked(generated, reference, least=NEIGHBOURS + 1)
    return _Distances(
        _Neighbours.of(x, generated_groups), _Neighbours.of(y, reference_groups), distances(y, x)
    )


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
        (N, N - 1); infinite for an image of the same group.
    """

    order: NDArray[np.intp]
    sorted_distances: Matrix

    @classmethod
    def of(cls, rows: Matrix, groups: NDArray[np.int64] | None) -> "_Neighbours":
        """Sort the distances within a set."""
        between = distances(rows, rows)
        if groups is not None:
            between[groups[:, None] == groups] = np.inf
        np.fill_diagonal(between, -1)
        order = np.argsort(between, axis=1, kind="stable")[:, 1:]
        return cls(order, np.take_along_axis(between, order, axis=1))

    def radii(self, weights: Vector) -> Vector:
        """Return the distance of each image to its fifth neighbour, (N,).

        Neighbours are counted by their weights; if all together are fewer than five, it is the
        farthest image of another group.
        """
        found = np.zeros(len(self.order))
        find_radii(self.order, self.sorted_distances, weights, found)
        finite = np.where(np.isfinite(self.sorted_distances), self.sorted_distances, 0)
        return np.asarray(np.minimum(found, finite.max(axis=1)))


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
        real_balls = np.zeros(generated_count)
        visitors, generated_balls = np.zeros((2, reference_count))
        radii = self.generated.radii(p), self.reference.radii(q)
        count_balls(self.between, *radii, p, q, real_balls, visitors, generated_balls)
        return {
            "precision": mean(real_balls > 0, p),
            "recall": mean(generated_balls > 0, q),
            "density": mean(real_balls, p) / NEIGHBOURS,
            "coverage": mean(visitors > 0, q),
        }


@compiled
def find_radii(
    order: NDArray[np.intp], sorted_distances: Matrix, weights: Vector, radii: Vector
) -> None:
    """Write the distance at which each image's neighbours weigh five, as in `_Neighbours`."""
    for image in range(len(order)):
        count = 0.0
        for place in range(order.shape[1]):
            weight = weights[order[image, place]]
            if weight > 0:
                count += weight
                radii[image] = sorted_distances[image, place]
            # A little less than five, for weights that are sums of fractions.
            if count >= NEIGHBOURS - 1e-9:
                break


@compiled
def count_balls(
    between: Matrix,
    generated_radii: Vector,
    reference_radii: Vector,
    p: Vector,
    q: Vector,
    real_balls: Vector,
    visitors: Vector,
    generated_balls: Vector,
) -> None:
    """Count who is in whose ball.

    Parameters
    ----------
    between
        (M, N): distances of reference from generated images.
    generated_radii, reference_radii
        (N,) and (M,).
    p, q
        (N,) and (M,): how often each generated and each reference image is there.
    real_balls
        (N,): in how many balls of reference images a generated one is; is added to.
    visitors
        (M,): how many generated images are in the ball of a reference image; is added to.
    generated_balls
        (M,): in how many balls of generated images a reference image is; is added to.
    """
    for i in range(between.shape[0]):
        for j in range(between.shape[1]):
            if between[i, j] < reference_radii[i]:
                real_balls[j] += q[i]
                visitors[i] += p[j]
            if between[i, j] < generated_radii[j]:
                generated_balls[i] += p[j]


def mean(values: NDArray[np.bool_] | Vector, weights: Vector) -> float:
    """Return the weighted mean."""
    return float(values @ weights / weights.sum())
