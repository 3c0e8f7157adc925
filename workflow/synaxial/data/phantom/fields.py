"""The grids of a phantom, smooth random fields on them, and connected parts of masks."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: A float32 value for each voxel of 1 mm of the box.
Field = NDArray[np.float32]

#: Voxels of 1 mm of a BraTS volume along left, posterior and superior.
FRAME_SHAPE = (240, 240, 155)

#: From voxels of the frame to its world coordinates in mm (right, anterior, superior positive).
FRAME_AFFINE = np.array(
    [[-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 239.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
)

#: First voxel and size of the box inside the frame that holds every brain.
BOX_START = (34, 18, 0)
BOX_SHAPE = (172, 220, 155)

#: Centre of the brain, in voxels of the box. Heads are scaled and turned about it.
BRAIN_CENTRE = np.array([85.0, 110.0, 72.0])

#: Smoothing (mm) and size of the random fields of which a field is the sum.
Parts = tuple[tuple[float, float], ...]

Level = TypeVar("Level", bound=np.generic)

#: Nodes of the coarse grid per standard deviation of the smoothing.
NODES_PER_DEVIATION = 2.0


def into_frame(box: NDArray[Level]) -> NDArray[Level]:
    """Put an array of the box into the frame, which is 0 elsewhere."""
    frame = np.zeros(FRAME_SHAPE, box.dtype)
    frame[tuple(slice(a, a + n) for a, n in zip(BOX_START, BOX_SHAPE, strict=True))] = box
    return frame


def refine(coarse: Field, step: float, shape: tuple[int, ...] = BOX_SHAPE) -> Field:
    """Interpolate linearly from nodes `step` mm apart to a 1 mm grid with the same first node.

    The coarse grid must cover the result: it needs (shape - 1) / step + 1 nodes along each axis.
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
    """Return how many nodes, `step` mm apart, cover a 1 mm grid of this shape."""
    return tuple(int(np.ceil((length - 1) / step)) + 1 for length in shape)


def noise_on(shape: tuple[int, ...], deviation: float, generator: np.random.Generator) -> Field:
    """Return Gaussian noise of variance 1, smoothed with this standard deviation in voxels."""
    white = generator.standard_normal(shape, dtype=np.float32)
    smooth: Field = ndimage.gaussian_filter(white, deviation, mode="wrap", truncate=3.0)
    smooth /= smooth.std()
    return smooth


def smooth_noise(
    deviation: float, generator: np.random.Generator, shape: tuple[int, ...] = BOX_SHAPE
) -> Field:
    """Return Gaussian noise of variance about 1, smoothed with this standard deviation in mm."""
    step = max(1.0, deviation / NODES_PER_DEVIATION)
    coarse = noise_on(coarse_shape(step, shape), deviation / step, generator)
    return coarse if step == 1.0 else refine(coarse, step, shape)


def smooth_step(values: Field, middle: float, width: float) -> Field:
    """Return a logistic step from 0 to 1 around `middle`; `width` is its scale."""
    exponent = np.clip((middle - values) / np.float32(width), -30, 30)
    result: NDArray[np.float32] = 1 / (1 + np.exp(exponent, dtype=np.float32))
    return result


def largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest connected part of a mask."""
    parts, count = ndimage.label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    result: NDArray[np.bool_] = parts == sizes.argmax()
    return result


def part_around(mask: NDArray[np.bool_], core: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the parts of a mask that touch the core."""
    parts, _ = ndimage.label(mask | core)
    kept = np.unique(parts[core])
    return np.isin(parts, kept[kept > 0])
