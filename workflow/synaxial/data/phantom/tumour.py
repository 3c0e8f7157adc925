"""A glioma in an individual's brain: core, oedema and segmentation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synaxial.data.phantom.anatomy import Anatomy
from synaxial.data.phantom.fields import refine, smooth_noise
from synaxial.data.phantom.frame import BOX_SHAPE, Field
from synaxial.data.phantom.growth import CORE_DENSITY, VOXEL, grow_density
from synaxial.data.phantom.masks import largest_part, part_around
from synaxial.data.phantom.oedema import OEDEMA_REACH_RANGE, OEDEMA_VISIBLE, spread_oedema

#: Half the width of the cube that the tumour is simulated in, in mm.
HALF_WIDTH = 56

#: Share of grey and white matter below which a voxel is a barrier.
LEAST_TISSUE = 0.35

#: Thickness of the enhancing rim over individuals, its deviation from place to place over
#: `RIM_SMOOTHING`, and the least (mm).
RIM_RANGE = (2.5, 5.5)
RIM_DEVIATION = 2.2
THINNEST_RIM = 1.0
RIM_SMOOTHING = 4.5

#: Roughness of the borders, in the units of the densities, over this many mm.
ROUGHNESS = 0.07
ROUGHNESS_SMOOTHING = 2.0

#: The segmentation's labels (BraTS 2020).
NECROSIS, OEDEMA, ENHANCING = 1, 2, 4


@dataclass(frozen=True)
class Tumour:
    """A tumour within a cube of the box.

    Attributes
    ----------
    cube
        Where the cube lies in the box.
    density
        Cell density in [0, 1], on the cube at 1 mm.
    oedema
        Amount of fluid in [0, 1], on the cube at 1 mm.
    labels
        0, NECROSIS, OEDEMA or ENHANCING, uint8, on the cube at 1 mm.
    depth
        Distance from the core's border, inwards, in mm; 0 outside.
    """

    cube: tuple[slice, ...]
    density: Field
    oedema: Field
    labels: NDArray[np.uint8]
    depth: Field


def cube_around(centre: NDArray[np.float64]) -> tuple[slice, ...]:
    """Return the cube of the box around a place (mm), cut to the box, even in width."""
    result = []
    for middle, length in zip(centre, BOX_SHAPE, strict=True):
        start = max(0, round(middle) - HALF_WIDTH)
        stop = min(length, round(middle) + HALF_WIDTH)
        result.append(slice(start, start + (stop - start) // VOXEL * VOXEL))
    return tuple(result)


def coarsen(values: Field) -> Field:
    """Average over the voxels of the simulation."""
    a, b, c = (length // VOXEL for length in values.shape)
    result: Field = values.reshape(a, VOXEL, b, VOXEL, c, VOXEL).mean((1, 3, 5))
    return result


def refined(values: Field, shape: tuple[int, ...]) -> Field:
    """Interpolate from the simulation's voxels to those of 1 mm."""
    padded = np.pad(values, 1, mode="edge")
    # The middle of the first padded voxel lies 1.5 mm before the middle of the first fine one.
    shifted = refine(padded, float(VOXEL), tuple(length + 2 for length in shape))
    half = np.float32(0.5)
    shifted = half * (shifted[1:-1] + shifted[2:])
    shifted = half * (shifted[:, 1:-1] + shifted[:, 2:])
    result: Field = half * (shifted[:, :, 1:-1] + shifted[:, :, 2:])
    return result


def segment_core(
    density: Field, brain: NDArray[np.bool_], generator: np.random.Generator
) -> tuple[NDArray[np.uint8], Field]:
    """Return the core's labels, and the depth below its border in mm (0 outside).

    Parameters
    ----------
    density
        Cell density in [0, 1], roughened.
    brain
        Where there is brain.
    generator
        Where the rim's thickness comes from.
    """
    core = ndimage.binary_opening(brain & (density > CORE_DENSITY))
    core = ndimage.binary_fill_holes(largest_part(core))
    depth = ndimage.distance_transform_edt(core).astype(np.float32)
    thickness = np.float32(generator.uniform(*RIM_RANGE))
    uneven = np.float32(RIM_DEVIATION) * smooth_noise(RIM_SMOOTHING, generator, core.shape)
    enhancing = core & (depth <= np.maximum(thickness + uneven, THINNEST_RIM))
    labels = np.zeros(core.shape, np.uint8)
    labels[core] = NECROSIS
    labels[enhancing] = ENHANCING
    return labels, depth


def grow_tumour(
    anatomy: Anatomy, centre: NDArray[np.float64], generator: np.random.Generator
) -> Tumour:
    """Grow a tumour at a place (mm on the box) of an individual's anatomy."""
    cube = cube_around(centre)
    white, grey, fluid, brain = (
        part[cube] for part in (anatomy.white, anatomy.grey, anatomy.fluid, anatomy.brain)
    )
    coarse_white, coarse_grey = coarsen(white), coarsen(grey)
    tissue = coarse_white + coarse_grey > LEAST_TISSUE
    middle = (centre - np.array([part.start for part in cube])) / VOXEL
    coarse_density = grow_density(coarse_white, coarse_grey, tissue, middle, generator)
    coarse_oedema = spread_oedema(
        coarse_white, coarse_grey, tissue, coarse_density, generator.uniform(*OEDEMA_REACH_RANGE)
    )
    density = refined(coarse_density, white.shape)
    oedema = refined(coarse_oedema, white.shape)
    rough = np.float32(ROUGHNESS) * smooth_noise(ROUGHNESS_SMOOTHING, generator, white.shape)
    inside = brain > 0.5
    labels, depth = segment_core(density + rough, inside, generator)
    wet = inside & (fluid < 0.5) & (oedema + 0.5 * rough > OEDEMA_VISIBLE)
    labels[part_around(wet, depth > 0) & (labels == 0)] = OEDEMA
    return Tumour(cube, density, oedema, labels, depth)
