"""The kernel distance of feature vectors: unbiased MMD² with a polynomial kernel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synaxial.evaluation.features.rows import Features, Statistic, checked
from synaxial.evaluation.metrics.images import Weights, shares

NAME = "kernel_distance"
TITLE = "kernel distance"
EXPLANATION = (
    "Compares all pairs of images within and between two sets by their features, with a kernel "
    "that makes equal means, spreads and skewnesses equal. 0 is the best, and values scatter "
    "around it on both sides if the sets are alike, however few the images: the estimate has no "
    "bias for independent images. Slices of one subject are not independent and raise it, so it is "
    "read beside the same distance between two sets of real subjects. It does not see copies of "
    "training images. It is KID's formula on other features than Inception's: no KID values."
)
SOURCE = (
    "Binkowski et al., Demystifying MMD GANs, ICLR 2018, arXiv 1801.01401, section 4: the kernel "
    "(x · y / D + 1)³; Gretton et al., JMLR 13, 2012, lemma 6: the unbiased estimate of MMD²"
)

Matrix = NDArray[np.float64]


def compare(
    generated: Features,
    reference: Features,
    generated_weights: Weights = None,
    reference_weights: Weights = None,
) -> dict[str, float]:
    """Return the distance of two sets, {"kernel_distance": MMD²}.

    An image of weight 2 is no pair with itself: repeating an image would make the set look more
    alike than what it was drawn from, so that the value differs from that of a repeated image.

    Parameters
    ----------
    generated, reference
        (N, D) and (M, D), of at least two images.
    generated_weights, reference_weights
        (N,) and (M,).

    Raises
    ------
    ValueError
        A set has fewer than two images (of positive weight).
    """
    return prepare(generated, reference)(generated_weights, reference_weights)


def prepare(
    generated: Features,
    reference: Features,
    generated_groups: NDArray[np.int64] | None = None,
    reference_groups: NDArray[np.int64] | None = None,
) -> Statistic:
    """Compute what does not depend on weights, for `bootstrap_intervals` to call what it returns.

    With groups, images of one group make no pair within their set: slices of one subject are more
    alike than two images drawn from all subjects, and would raise the distance of a set of few
    subjects from any other. Without them each image is a group.

    Raises
    ------
    ValueError
        A set has fewer than two images or groups, or the features are different ones.
    """
    x, y = checked(generated, reference, least=2)
    groups = [
        np.arange(len(rows)) if given is None else np.unique(given, return_inverse=True)[1]
        for rows, given in ((x, generated_groups), (y, reference_groups))
    ]
    return _Kernels(
        _Within.of(polynomial_kernel(x, x), groups[0]),
        _Within.of(polynomial_kernel(y, y), groups[1]),
        polynomial_kernel(x, y),
    )


def polynomial_kernel(x: Matrix, y: Matrix) -> Matrix:
    """Return (x_i · y_j / D + 1)³ for all pairs, (N, M)."""
    plain: Matrix = x @ y.T / x.shape[1] + 1
    return plain * plain * plain


@dataclass(frozen=True)
class _Kernels:
    """The kernel of all pairs of generated images, of reference images, and of one of each."""

    generated: "_Within"
    reference: "_Within"
    between: Matrix

    def __call__(self, generated_weights: Weights, reference_weights: Weights) -> dict[str, float]:
        """Return the distance."""
        generated, reference = self.between.shape
        p = shares(generated_weights, generated)
        q = shares(reference_weights, reference)
        within = self.generated.mean(p) + self.reference.mean(q)
        return {NAME: float(within - 2 * (p @ self.between @ q))}


@dataclass(frozen=True)
class _Within:
    """The kernel of the pairs within a set, (N, N), 0 for two of one group; and the groups."""

    kernel: Matrix
    groups: NDArray[np.int64]

    @classmethod
    def of(cls, kernel: Matrix, groups: NDArray[np.int64]) -> "_Within":
        """Leave the pairs of one group out."""
        kernel[groups[:, None] == groups] = 0
        return cls(kernel, groups)

    def mean(self, share: NDArray[np.float64]) -> float:
        """Return the mean over the pairs of two groups.

        Raises
        ------
        ValueError
            Only one group has a share.
        """
        of_groups = np.bincount(self.groups, share)
        left = 1 - (of_groups**2).sum()
        if left < 1e-12:
            raise ValueError("images of one group make no pair, expected at least two groups")
        return float(share @ self.kernel @ share / left)
