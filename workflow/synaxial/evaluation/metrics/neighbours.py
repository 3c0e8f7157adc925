"""Precision, recall, density, coverage, and the realism of single images, by nearest neighbours."""

import numpy as np
from numpy.typing import NDArray

from synaxial.compute.compiled import compiled
from synaxial.evaluation.metrics.common import Features, Numbers, Statistic, Weights, checked

NAME = "neighbours"
TITLE = "neighbours"
EXPLANATION = (
    "Each image has a ball that reaches to its fifth nearest neighbour in its own set. Precision "
    "is the share of generated images in the ball of a real image (are they realistic?). Density "
    "is the mean number of such balls, divided by 5: about 1 for equal sets, and outliers count "
    "less. Recall is the share of real images in the ball of a generated image (do the generated "
    "images cover all kinds of real images?). Coverage is the share of real images with a "
    "generated image in their ball. High is good, as high as between two sets of real subjects. "
    "Outliers among the generated images raise recall, so recall alone does not show variety. "
    "Copies of training images look perfect to these numbers."
)
SOURCE = (
    "Kynkäänniemi et al., NeurIPS 2019, arXiv 1904.06991 (precision, recall; section 5: realism of "
    "one image); Naeem et al., ICML 2020, arXiv 2002.09797 (density, coverage); k = 5 as there"
)

NEIGHBOURS = 5

#: The largest realism score: an image that equals a real one would have an infinite score.
HIGHEST_REALISM = 1000.0

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Groups = NDArray[np.int64]


def prepare(
    generated: Features, reference: Features, generated_groups: Groups, reference_groups: Groups
) -> Statistic:
    """Return precision, recall, density and coverage as a function of the images' weights.

    The ball of an image reaches to its fifth neighbour of other groups: slices of one subject are
    so much alike that their balls would hold hardly any other image. In the sources each image is
    a group.

    An image with weight 2 counts twice in every mean, and as two neighbours of other images. It
    is not its own neighbour, so the values differ from those of sets with repeated images.
    """
    x, y = checked(generated, reference, least=NEIGHBOURS + 1)
    of_x, of_y = nearest(x, generated_groups), nearest(y, reference_groups)
    between = distances(y, x)

    def four_numbers(p: Weights, q: Weights) -> Numbers:
        p = np.ones(len(x)) if p is None else p
        q = np.ones(len(y)) if q is None else q
        # (M, N): whether generated image j lies in the ball of real image i, and the reverse.
        in_real = between < radii(*of_y, q)[:, None]
        in_generated = between < radii(*of_x, p)
        real_balls = q @ in_real
        return {
            "precision": _mean(real_balls > 0, p),
            "recall": _mean(in_generated @ p > 0, q),
            "density": _mean(real_balls, p) / NEIGHBOURS,
            "coverage": _mean(in_real @ p > 0, q),
        }

    return four_numbers


def realism(generated: Features, reference: Features, groups: Groups) -> NDArray[np.float64]:
    """Return how realistic each image is, (N,): 1 or more lies within the manifold of real images.

    The score is the maximum, over the real images, of the radius of the ball of the real image
    divided by its distance from the generated image. Balls with a radius above the median are
    left out, because everything near an outlier would look realistic. The balls are those of
    `precision`, with two departures from the source: k = 5 in place of 3, and neighbours of other
    subjects only. `groups` (M,) are the subjects of the reference.
    """
    real, made = checked(reference, generated, least=1)
    if len(real) <= NEIGHBOURS or len(np.unique(groups)) < 2:
        raise ValueError(
            f"{len(real)} reference images of {len(np.unique(groups))} subjects, expected at least "
            f"{NEIGHBOURS + 1} of two"
        )
    radius = radii(*nearest(real, groups), np.ones(len(real)))
    kept = radius <= np.median(radius)
    apart = np.maximum(distances(real[kept], made), np.finfo(np.float64).tiny)
    scores: Vector = np.minimum((radius[kept, None] / apart).max(axis=0), HIGHEST_REALISM)
    return scores


def distances(x: Matrix, y: Matrix) -> Matrix:
    """Return the Euclidean distances of all pairs, (N, M); exactly 0 for equal features."""
    lengths = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)
    squares = lengths - 2 * (x @ y.T)
    squares[squares < 1e-12 * lengths] = 0
    return np.asarray(np.sqrt(squares))


def nearest(rows: Matrix, groups: Groups) -> tuple[NDArray[np.intp], Matrix]:
    """Return the other images of a set by distance, (N, N - 1), and their distances.

    The distance of an image of the same group is infinite.
    """
    between = distances(rows, rows)
    between[groups[:, None] == groups] = np.inf
    np.fill_diagonal(between, -1)
    order = np.argsort(between, axis=1, kind="stable")[:, 1:]
    return order, np.take_along_axis(between, order, axis=1)


def radii(order: NDArray[np.intp], sorted_distances: Matrix, weights: Vector) -> Vector:
    """Return the distance of each image from its fifth neighbour by weight, (N,).

    With fewer than five neighbours it is the distance of the farthest image of another group.
    """
    found = np.zeros(len(order))
    _find_radii(order, sorted_distances, weights, found)
    finite = np.where(np.isfinite(sorted_distances), sorted_distances, 0)
    return np.asarray(np.minimum(found, finite.max(axis=1)))


def _mean(values: NDArray[np.bool_] | Vector, weights: Vector) -> float:
    return float(values @ weights / weights.sum())


@compiled
def _find_radii(
    order: NDArray[np.intp], sorted_distances: Matrix, weights: Vector, found: Vector
) -> None:
    """Write the distance at which the weights of the neighbours sum to five."""
    for image in range(len(order)):
        count = 0.0
        for place in range(order.shape[1]):
            weight = weights[order[image, place]]
            if weight > 0:
                count += weight
                found[image] = sorted_distances[image, place]
            # A little less than five, for weights that are sums of fractions.
            if count >= NEIGHBOURS - 1e-9:
                break
