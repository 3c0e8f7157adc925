"""The kernel distance of feature vectors: unbiased MMD² with a polynomial kernel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synaxial.metrics.features.rows import Features, Statistic, checked
from synaxial.metrics.images import Weights, shares

NAME = "kernel_distance"
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


def prepare(generated: Features, reference: Features) -> Statistic:
    """Compute what does not depend on weights, for `bootstrap_intervals` to call what it returns.

    Raises
    ------
    ValueError
        A set has fewer than two images, or the features are different ones.
    """
    x, y = checked(generated, reference, least=2)
    return _Kernels(polynomial_kernel(x, x), polynomial_kernel(y, y), polynomial_kernel(x, y))


def polynomial_kernel(x: Matrix, y: Matrix) -> Matrix:
    """Return (x_i · y_j / D + 1)³ for all pairs, (N, M)."""
    plain: Matrix = x @ y.T / x.shape[1] + 1
    return plain * plain * plain


@dataclass(frozen=True)
class _Kernels:
    """The kernel of all pairs of generated images, of reference images, and of one of each."""

    generated: Matrix
    reference: Matrix
    between: Matrix

    def __call__(self, generated_weights: Weights, reference_weights: Weights) -> dict[str, float]:
        """Return the distance."""
        p = shares(generated_weights, len(self.generated))
        q = shares(reference_weights, len(self.reference))
        within = mean_of_pairs(self.generated, p) + mean_of_pairs(self.reference, q)
        return {NAME: float(within - 2 * (p @ self.between @ q))}


def mean_of_pairs(kernel: Matrix, share: NDArray[np.float64]) -> float:
    """Return the mean over the pairs of two different images.

    Raises
    ------
    ValueError
        Only one image has a share.
    """
    alone = share**2
    if alone.sum() > 1 - 1e-12:
        raise ValueError("one image makes no pair, expected at least two")
    return float((share @ kernel @ share - alone @ kernel.diagonal()) / (1 - alone.sum()))
