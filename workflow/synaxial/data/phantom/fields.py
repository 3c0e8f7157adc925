"""Smooth random fields, and fields on coarse grids."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synaxial.data.phantom.frame import BOX_SHAPE, Field

#: Nodes of the coarse grid in one standard deviation of the smoothing: enough to look smooth.
NODES_PER_DEVIATION = 2.0


def refine(coarse: Field, step: float, shape: tuple[int, ...] = BOX_SHAPE) -> Field:
    """Interpolate linearly from a coarse grid to one of 1 mm with the same first node.

    Parameters
    ----------
    coarse
        Values at nodes `step` apart; it must cover the result: (shape - 1) / step + 1 nodes.
    step
        Distance of the nodes, in mm.
    shape
        Shape of the result.

    Returns
    -------
    Field
        Values at every mm, float32.
    """
    fine = coarse
    for axis, length in enumerate(shape):
        position = np.arange(length) / step
        below = np.minimum(position.astype(int), fine.shape[axis] - 2)
        weight = (position - below).astype(np.float32)
        weight = weight.reshape([-1 if other == axis else 1 for other in range(3)])
        lower = fine.take(below, axis)
        fine = fine.take(below + 1, axis)
        fine -= lower
        fine *= weight
        fine += lower
    return fine


def coarse_shape(step: float, shape: tuple[int, ...] = BOX_SHAPE) -> tuple[int, ...]:
    """Return how many nodes, `step` mm apart, cover a grid of 1 mm of the given shape."""
    return tuple(int(np.ceil((length - 1) / step)) + 1 for length in shape)


def noise_on(shape: tuple[int, ...], deviation: float, generator: np.random.Generator) -> Field:
    """Return Gaussian noise of mean 0 and variance 1, smoothed by a Gaussian.

    Parameters
    ----------
    shape
        Shape of the field.
    deviation
        Standard deviation of the smoothing, in voxels of the field.
    generator
        Where the randomness comes from.
    """
    white = generator.standard_normal(shape, dtype=np.float32)
    smooth: Field = ndimage.gaussian_filter(white, deviation, mode="wrap", truncate=3.0)
    smooth /= smooth.std()
    return smooth


def smooth_noise(
    deviation: float, generator: np.random.Generator, shape: tuple[int, ...] = BOX_SHAPE
) -> Field:
    """Return smooth Gaussian noise of mean 0 and variance about 1, one value a mm.

    Parameters
    ----------
    deviation
        Standard deviation of the Gaussian that makes it smooth, in mm.
    generator
        Where the randomness comes from.
    shape
        Shape of the field, in voxels of 1 mm.
    """
    step = max(1.0, deviation / NODES_PER_DEVIATION)
    coarse = noise_on(coarse_shape(step, shape), deviation / step, generator)
    return coarse if step == 1.0 else refine(coarse, step, shape)


def smooth_step(values: Field, middle: float | Field, width: float) -> Field:
    """Rise from 0 to 1 by the logistic function, `width` being its scale."""
    exponent = np.clip((middle - values) / np.float32(width), -30, 30)
    result: NDArray[np.float32] = 1 / (1 + np.exp(exponent, dtype=np.float32))
    return result
