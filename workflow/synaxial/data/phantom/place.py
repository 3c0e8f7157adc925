"""Where a tumour starts."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synaxial.data.phantom.frame import BRAIN_CENTRE
from synaxial.data.phantom.template import Template
from synaxial.data.phantom.warp import STEP, Warp, nodes, sample

#: Axial slices that a tumour's middle may lie in: the study's slices are 60 to 107.
MIDDLE_SLICES = (66, 98)

#: How far from the midline, and how deep below the brain's surface, it lies (mm).
MIDLINE_DISTANCE = (20.0, 56.0)
DEPTH = 12.0

#: In mm from the brain's centre: the cerebellum lies behind and below this point.
CEREBELLUM_POSTERIOR = 20.0
CEREBELLUM_SUPERIOR = 0.0

#: Least share of white matter, smoothed over this many mm, that a tumour starts in.
LEAST_WHITE = 0.45
WHITE_SMOOTHING = 4.0


def choose_place(
    template: Template, warp: Warp, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Draw where the tumour starts: deep in a cerebral hemisphere's white matter (mm, box)."""
    place = warp.template_voxels()
    white = ndimage.gaussian_filter(sample(template.white, place), WHITE_SMOOTHING / STEP)
    inside = sample(template.brain, place) > 0.5
    inside[:, :, -1] = False
    depth = ndimage.distance_transform_edt(inside, STEP)
    left, posterior, superior = nodes(white.shape)
    off_midline = np.abs(left - BRAIN_CENTRE[0])
    cerebellum = (posterior - BRAIN_CENTRE[1] > CEREBELLUM_POSTERIOR) & (
        superior - BRAIN_CENTRE[2] < CEREBELLUM_SUPERIOR
    )
    allowed = (
        (white > LEAST_WHITE)
        & (depth > DEPTH)
        & (off_midline > MIDLINE_DISTANCE[0])
        & (off_midline < MIDLINE_DISTANCE[1])
        & (superior >= MIDDLE_SLICES[0])
        & (superior <= MIDDLE_SLICES[1])
        & ~cerebellum
    )
    candidates = np.argwhere(allowed)
    return np.asarray(candidates[generator.integers(len(candidates))] * STEP, np.float64)
