"""The BraTS frame, and the box inside it that holds every pseudo-subject's head."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

#: A field on the box: float32, one value a voxel of 1 mm.
Field = NDArray[np.float32]

#: Voxels of a BraTS volume along left, posterior and superior; each is 1 mm wide.
FRAME_SHAPE = (240, 240, 155)

#: From voxels of the frame to its world coordinates in mm (right, anterior, superior positive).
FRAME_AFFINE = np.array(
    [[-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 239.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
)

#: First voxel and size of the box that all the work is done in: no brain reaches out of it.
BOX_START = (34, 18, 0)
BOX_SHAPE = (172, 220, 155)

#: Centre of the brain, in voxels of the box: heads are scaled and turned about it.
BRAIN_CENTRE = np.array([85.0, 110.0, 72.0])


Level = TypeVar("Level", bound=np.generic)


def into_frame(box: NDArray[Level]) -> NDArray[Level]:
    """Put an array of the box into a frame that is 0 elsewhere; the type is kept."""
    frame = np.zeros(FRAME_SHAPE, box.dtype)
    frame[tuple(slice(a, a + n) for a, n in zip(BOX_START, BOX_SHAPE, strict=True))] = box
    return frame
