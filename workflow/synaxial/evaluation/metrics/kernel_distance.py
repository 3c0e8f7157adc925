"""The kernel distance of feature vectors: unbiased MMD² with a cubic kernel, as in KID."""

import numpy as np
from numpy.typing import NDArray

from synaxial.evaluation.metrics.common import (
    Features,
    Numbers,
    Statistic,
    Weights,
    checked,
    shares,
)

NAME = "kernel_distance"
TITLE = "kernel distance"
EXPLANATION = (
    "Compares the features of all pairs of images, within each set and between the two sets, with "
    "a kernel that is sensitive to means, spreads and skewness. 0 is the best value. For similar "
    "sets the value scatters around 0 on both sides, even for small sets: the estimate has no bias "
    "for independent images. Slices of one subject are not independent and raise it, so read it "
    "beside the distance between two sets of real subjects. It does not see copies of training "
    "images. The formula is that of KID, but the features are not Inception's: the values are not "
    "KID values."
)
SOURCE = (
    "Binkowski et al., Demystifying MMD GANs, ICLR 2018, arXiv 1801.01401, section 4: the kernel "
    "(x · y / D + 1)³; Gretton et al., JMLR 13, 2012, lemma 6: the unbiased estimate of MMD²"
)

Matrix = NDArray[np.float64]


def prepare(
    generated: Features,
    reference: Features,
    generated_groups: NDArray[np.int64],
    reference_groups: NDArray[np.int64],
) -> Statistic:
    """Return {"kernel_distance": MMD²} of two sets as a function of the images' weights.

    Two images of one group make no pair within their set: slices of one subject are more alike
    than images of different subjects, and would raise the distance of a set of few subjects from
    any other set. An image with weight 2 makes no pair with itself.
    """
    x, y = checked(generated, reference, least=2)
    within_x, within_y = polynomial_kernel(x, x), polynomial_kernel(y, y)
    within_x[generated_groups[:, None] == generated_groups] = 0
    within_y[reference_groups[:, None] == reference_groups] = 0
    between = polynomial_kernel(x, y)

    def distance(p: Weights, q: Weights) -> Numbers:
        own, real = shares(p, len(x)), shares(q, len(y))
        within = _mean_of_pairs(within_x, generated_groups, own) + _mean_of_pairs(
            within_y, reference_groups, real
        )
        return {NAME: float(within - 2 * (own @ between @ real))}

    return distance


def polynomial_kernel(x: Matrix, y: Matrix) -> Matrix:
    """Return (x_i · y_j / D + 1)³ for all pairs, (N, M)."""
    plain: Matrix = x @ y.T / x.shape[1] + 1
    return plain * plain * plain


def _mean_of_pairs(kernel: Matrix, groups: NDArray[np.int64], share: NDArray[np.float64]) -> float:
    """Return the weighted mean of a kernel over the pairs of images of different groups."""
    of_groups = np.bincount(groups, share)
    left = 1 - (of_groups**2).sum()
    if left < 1e-12:
        raise ValueError("images of one group make no pair, expected at least two groups")
    return float(share @ kernel @ share / left)
