"""Memorisation: whether generated images are copies of training images."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaxial.compute.parallel import cut, for_each
from synaxial.evaluation.metrics.common import Numbers, Rows, Weights, shares
from synaxial.io.images import area_averages

NAME = "memorisation"
TITLE = "memorisation"
EXPLANATION = (
    "For each image, this metric finds the nearest training image: that with the highest "
    "correlation of the pixels at 64 x 64, over mirrored and shifted positions. Held-out real "
    "images of other subjects show how near an image may be without being copied. A generated "
    "image beyond their 99th percentile counts as too near, as 1 in 100 real images does. "
    "Correlation does not change with brightness and contrast, so a copy cannot hide there. The "
    "metric finds copies that are bent by 2 pixels of 256 (the control warped), and about half of "
    "those bent by 3. It does not find a copied detail in another head, a rotated copy or a blend "
    "of several images. A low share alone proves nothing: noise is near no training image. A share "
    "near 0.01 or below is good."
)
SOURCE = (
    "Akbar, Wang, Eklund: Beware of diffusion models for synthesizing medical images, MLST 6(1), "
    "2025 (correlation with all training images); the threshold from held-out real images after "
    "Meehan, Chaudhuri, Dasgupta: A Non-Parametric Test to Detect Data-Copying, AISTATS 2020"
)

#: Pixels a side at which images are compared, and the largest shift there.
SIZE = 64
REACH = 2

#: The percentile of the held-out images beyond which an image is too near.
PERCENTILE = 99

#: Images that are compared with all training images at a time.
BLOCK = 128

Images = NDArray[np.float32]


class Pair(NamedTuple):
    """The indices of an image and of the nearest training image, and where that is nearest.

    The training image is first mirrored left to right if `flipped`, then moved down and to the
    right by `rows` and `columns` pixels of `SIZE` a side.
    """

    image: int
    training: int
    correlation: float
    flipped: bool
    rows: int
    columns: int


def reduced(pixels: NDArray[np.uint8]) -> Images:
    """Return images at `SIZE` pixels a side, float32; each pixel is the mean of its area."""
    return area_averages(pixels, SIZE)


def moved(images: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Return images (N, S, S) moved down and to the right; what comes in is black."""
    down, right, side = abs(rows), abs(columns), images.shape[-1]
    padded = np.pad(images, ((0, 0), (down, down), (right, right)))
    return padded[:, down - rows :, right - columns :][:, :side, :side]


def standardised(images: Images) -> Images:
    """Return images as rows with mean 0 and length 1: their products are correlations.

    Images of one value become zeros: they correlate with nothing.
    """
    rows = images.reshape(len(images), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    # The rounding error of an image of one value is shorter.
    return np.where(length > 1e-2, rows / np.maximum(length, 1e-2), 0)


def measure(pixels: NDArray[np.uint8], training: NDArray[np.uint8]) -> Rows:
    """Find the nearest of the training images uint8 (M, S, S) for each image uint8 (N, S, S).

    The training images are mirrored and moved along both axes by up to `REACH` whole pixels of
    `SIZE` (8 of 256): 50 positions, each one product of two matrices. The rows are the fields of
    `Pair`: `correlation`, float32 (N,); `training`, int64 (N,); `flipped`, bool (N,); `shift`,
    int64 (N, 2), rows and columns.
    """
    images = standardised(reduced(pixels))
    small = reduced(training)
    best = np.full(len(images), -np.inf, np.float32)
    nearest = np.zeros(len(images), np.int64)
    flipped = np.zeros(len(images), np.bool_)
    shift = np.zeros((len(images), 2), np.int64)
    for mirror in (False, True):
        for rows, columns in _shifts():
            candidates = standardised(moved(small[:, :, ::-1] if mirror else small, rows, columns))

            def compare_block(
                block: slice,
                candidates: Images = candidates,
                position: tuple[bool, int, int] = (mirror, rows, columns),
            ) -> None:
                correlation = images[block] @ candidates.T
                index = correlation.argmax(axis=1)
                value = correlation[np.arange(len(index)), index]
                nearer = value > best[block]
                best[block][nearer] = value[nearer]
                nearest[block][nearer] = index[nearer]
                flipped[block][nearer] = position[0]
                shift[block][nearer] = position[1:]

            for_each(compare_block, cut(len(images), BLOCK))
    return {"correlation": best, "training": nearest, "flipped": flipped, "shift": shift}


def _shifts() -> list[tuple[int, int]]:
    """Return all shifts, the shortest first: of equally near positions the first is kept."""
    steps = range(-REACH, REACH + 1)
    shifts = [(rows, columns) for rows in steps for columns in steps]
    return sorted(shifts, key=lambda shift: (abs(shift[0]) + abs(shift[1]), shift))


def compare(generated: Rows, reference: Rows, p: Weights = None, q: Weights = None) -> Numbers:
    """Return how many images are nearer to a training image than real images of other subjects.

    `memorisation` is the share of generated images beyond the threshold, in 0 to 1,
    `memorisation_threshold` the 99th percentile of the held-out images (a correlation).
    `memorisation_nearest` and `memorisation_nearest_real` are the medians of both.
    """
    limit = _quantile(reference["correlation"], q, PERCENTILE / 100)
    beyond = generated["correlation"] > limit
    return {
        NAME: float(shares(p, len(beyond)) @ beyond),
        f"{NAME}_threshold": limit,
        f"{NAME}_nearest": _quantile(generated["correlation"], p, 0.5),
        f"{NAME}_nearest_real": _quantile(reference["correlation"], q, 0.5),
    }


def _quantile(values: Images, weights: Weights, at: float) -> float:
    return float(np.quantile(values, at, method="inverted_cdf", weights=weights))


def closest_pairs(rows: Rows, count: int) -> list[Pair]:
    """Return the pairs with the highest correlation, each training image at most once."""
    order = np.argsort(-rows["correlation"], kind="stable")
    _, first = np.unique(rows["training"][order], return_index=True)
    return [
        Pair(
            int(at),
            int(rows["training"][at]),
            float(rows["correlation"][at]),
            bool(rows["flipped"][at]),
            *rows["shift"][at].tolist(),
        )
        for at in order[np.sort(first)[:count]]
    ]


def laid_over(training: NDArray[np.uint8], pair: Pair) -> NDArray[np.uint8]:
    """Return the training image of a pair in the position in which it is nearest."""
    image = training[pair.training]
    side = image.shape[-1]
    oriented = image[:, ::-1] if pair.flipped else image
    rows, columns = (round(shift * side / SIZE) for shift in (pair.rows, pair.columns))
    placed: NDArray[np.uint8] = moved(oriented[None], rows, columns)[0]
    return placed
