"""Memorisation: whether generated images are copies of training images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synaxial.compute.parallel import cut, for_each
from synaxial.evaluation.metrics.images import Weights, shares
from synaxial.io.images import overlap

NAME = "memorisation"
TITLE = "memorisation"

EXPLANATION = (
    "For each image the nearest training image is sought: the highest correlation of the pixels at "
    "64 x 64, over mirrored and shifted positions. Held-out real images of other subjects say how "
    "near an image may be without being copied: beyond the 99th percentile of theirs a generated "
    "one counts as too near, which for real images happens to 1 in 100. Correlation does not "
    "change with brightness and contrast, so that a copy cannot hide there; but a copied detail "
    "in another head, a rotated copy or a blend of several images pass. A low share alone is no "
    "praise: noise is near nothing. A share near 0.01 or below is good."
)

SOURCE = (
    "Akbar, Wang, Eklund: Beware of diffusion models for synthesizing medical images, MLST 6(1), "
    "2025 (correlation with all training images); the threshold from held-out real images after "
    "Meehan, Chaudhuri, Dasgupta: A Non-Parametric Test to Detect Data-Copying, AISTATS 2020"
)

#: Pixels a side at which images are compared, and how far they are shifted there.
SIZE = 64
REACH = 2

#: The percentile of the held-out images' nearness beyond which an image is too near.
PERCENTILE = 99

#: So many images are compared with all training images at a time.
BLOCK = 128


@dataclass(frozen=True)
class Pair:
    """An image, the training image nearest to it, and how to lay that over it.

    Attributes
    ----------
    image, training
        Their indices.
    correlation
        In -1 to 1.
    flipped
        Whether the training image is to be mirrored left to right first.
    rows, columns
        By how many pixels, of `SIZE` a side, the training image is then to be moved down and to
        the right.
    """

    image: int
    training: int
    correlation: float
    flipped: bool
    rows: int
    columns: int


def reduced(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the images at `SIZE` pixels a side, each pixel the mean of the area that it covers.

    Parameters
    ----------
    pixels
        uint8 (N, S, S).

    Returns
    -------
    float32 (N, SIZE, SIZE)
    """
    small = np.empty((len(pixels), SIZE, SIZE), np.float32)
    if pixels.shape[-1] % SIZE == 0:
        factor = pixels.shape[-1] // SIZE
        for block in cut(len(pixels), BLOCK):
            areas = pixels[block].reshape(-1, SIZE, factor, SIZE, factor)
            small[block] = areas.sum(axis=(2, 4), dtype=np.uint32) / np.float32(factor**2)
        return small
    for at, image in enumerate(pixels):
        # In 32-bit floats, which Pillow does not round.
        exact = Image.fromarray(image.astype(np.float32))
        small[at] = np.asarray(exact.resize((SIZE, SIZE), Image.Resampling.BOX))
    return small


def moved(images: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Return images (N, S, S) moved down and to the right; what comes in is black."""
    result = np.zeros_like(images)
    side = images.shape[-1]
    (from_rows, to_rows), (from_columns, to_columns) = (
        overlap(shift, side, side) for shift in (rows, columns)
    )
    result[:, to_rows, to_columns] = images[:, from_rows, from_columns]
    return result


def standardised(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return images as rows of mean 0 and length 1, so that a product of two is a correlation.

    Parameters
    ----------
    images
        (N, S, S).

    Returns
    -------
    float32 (N, S * S)
        Zeros for images of one value: they correlate with nothing.
    """
    rows = images.reshape(len(images), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    # What rounding leaves of an image of one value is shorter.
    unit: NDArray[np.float32] = np.where(length > 1e-2, rows / np.maximum(length, 1e-2), 0)
    return unit


def measure(pixels: NDArray[np.uint8], training: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """Find the nearest training image of each image.

    The training images are mirrored and moved by up to `REACH` pixels of `SIZE` (8 of 256) along
    both axes, in whole pixels: 50 positions, each one product of two matrices.

    Parameters
    ----------
    pixels
        uint8 (N, S, S): generated images, or real ones of other subjects than the training's.
    training
        uint8 (M, S, S).

    Returns
    -------
    dict
        A row an image, as in `Pair`: `correlation`: float32 (N,). `training`: int64 (N,).
        `flipped`: bool (N,). `shift`: int64 (N, 2).

    Raises
    ------
    ValueError
        There is no training image.
    """
    if len(training) == 0:
        raise ValueError("no training image, expected at least one")
    images = standardised(reduced(pixels))
    small = reduced(training)
    best = np.full(len(images), -np.inf, np.float32)
    nearest = np.zeros(len(images), np.int64)
    flipped = np.zeros(len(images), np.bool_)
    shift = np.zeros((len(images), 2), np.int64)
    for mirror in (False, True):
        oriented = small[:, :, ::-1] if mirror else small
        for rows, columns in _positions():
            against = standardised(moved(oriented, rows, columns)).T

            def look(
                block: slice,
                against: NDArray[np.float32] = against,
                position: tuple[bool, int, int] = (mirror, rows, columns),
            ) -> None:
                correlation = images[block] @ against
                index = correlation.argmax(axis=1)
                value = correlation[np.arange(len(index)), index]
                nearer = value > best[block]
                best[block][nearer] = value[nearer]
                nearest[block][nearer] = index[nearer]
                flipped[block][nearer] = position[0]
                shift[block][nearer] = position[1:]

            for_each(look, cut(len(images), BLOCK))
    return {"correlation": best, "training": nearest, "flipped": flipped, "shift": shift}


def _positions() -> list[tuple[int, int]]:
    """Return all shifts, the shortest first: of equally near positions the first is kept."""
    steps = range(-REACH, REACH + 1)
    shifts = [(rows, columns) for rows in steps for columns in steps]
    return sorted(shifts, key=lambda shift: (abs(shift[0]) + abs(shift[1]), shift))


def compare(
    generated: dict[str, NDArray[Any]],
    reference: dict[str, NDArray[Any]],
    generated_weights: Weights = None,
    reference_weights: Weights = None,
) -> dict[str, float]:
    """Return how many images are nearer to a training image than real ones of other subjects.

    Parameters
    ----------
    generated
        Rows of `measure` for generated images.
    reference
        The same for held-out real images, against the same training images.
    generated_weights, reference_weights
        How often each image counts.

    Returns
    -------
    dict
        `memorisation`: the share of generated images beyond the threshold, 0 to 1.
        `memorisation_threshold`: the held-out images' 99th percentile, a correlation.
        `memorisation_nearest` and `memorisation_nearest_real`: the medians of both.
    """
    limit = _quantile(reference["correlation"], reference_weights, PERCENTILE / 100)
    beyond = generated["correlation"] > limit
    return {
        NAME: float(shares(generated_weights, len(beyond)) @ beyond),
        f"{NAME}_threshold": limit,
        f"{NAME}_nearest": _quantile(generated["correlation"], generated_weights, 0.5),
        f"{NAME}_nearest_real": _quantile(reference["correlation"], reference_weights, 0.5),
    }


def _quantile(values: NDArray[Any], weights: Weights, at: float) -> float:
    """Return the smallest value that a share `at` of the weighted values does not exceed."""
    return float(np.quantile(values, at, method="inverted_cdf", weights=weights))


def closest_pairs(rows: dict[str, NDArray[Any]], count: int) -> list[Pair]:
    """Return the images nearest to a training image, the nearest first, for a figure.

    Of images with the same nearest training image only the nearest is there.
    """
    order = np.argsort(-rows["correlation"], kind="stable")
    _, first = np.unique(rows["training"][order], return_index=True)
    return [
        Pair(
            image=int(at),
            training=int(rows["training"][at]),
            correlation=float(rows["correlation"][at]),
            flipped=bool(rows["flipped"][at]),
            rows=int(rows["shift"][at, 0]),
            columns=int(rows["shift"][at, 1]),
        )
        for at in order[np.sort(first)[:count]]
    ]


def laid_over(training: NDArray[np.uint8], pair: Pair) -> NDArray[np.uint8]:
    """Return the pair's training image in the position in which it is nearest to the image.

    Parameters
    ----------
    training
        uint8 (M, S, S).
    """
    image = training[pair.training]
    side = image.shape[-1]
    oriented = image[:, ::-1] if pair.flipped else image
    rows, columns = (round(shift * side / SIZE) for shift in (pair.rows, pair.columns))
    positioned: NDArray[np.uint8] = moved(oriented[None], rows, columns)[0]
    return positioned
