"""A glioma: how its cells grow, the oedema around it, and the segmentation of both.

The cells follow the equation of Fisher and Kolmogorov, with a diffusivity that depends on the
tissue (Swanson et al., Cell Proliferation 33 (2000): 317-329).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synaxial.data.phantom.fields import (
    BOX_SHAPE,
    Field,
    largest_part,
    noise_on,
    part_around,
    refine,
    smooth_noise,
)
from synaxial.data.phantom.head import Anatomy

#: Width of a voxel of the simulation, in mm.
VOXEL = 2

#: Diffusivity in white matter (mm^2 / day), and the range of its ratio to that in grey matter.
DIFFUSIVITY = 0.30
GREY_DIVISOR_RANGE = (2.5, 6.0)

#: Growth rate (1 / day).
GROWTH_RATE = 0.06

#: Deviation of the logarithms of diffusivity and growth rate, its smoothing (mm) and its limits.
DIFFUSIVITY_DEVIATION = 0.5
RATE_DEVIATION = 0.45
HETEROGENEITY_SMOOTHING = 6.0
HETEROGENEITY_LIMITS = (0.35, 2.2)

#: Seeds of the tumour, their distance from its middle and their size (deviations, mm).
SEEDS = 3
SEED_DEVIATION_RANGE = (2.0, 6.0)
SEED_RADIUS = 2.0

#: Days between steps, the limit of steps, and the steps between two checks of the volume.
#: Explicit Euler is stable below VOXEL**2 / (6 D) = 1.01 days for the largest possible D.
TIME_STEP = 0.9
STEPS = 520
CHECK_EVERY = 8

#: Cell density (share of the maximum) above which tissue belongs to the core, and the range of
#: the volume of the core (ml) at which growth ends.
CORE_DENSITY = 0.6
CORE_VOLUME_RANGE = (12.0, 55.0)

#: Range of the distance (mm) that fluid spreads in white matter before it is resorbed.
OEDEMA_REACH_RANGE = (8.0, 26.0)

#: Diffusivity of fluid in grey matter, relative to white matter.
GREY_DIFFUSIVITY = 0.03

#: Strength of the leak in the core (1 / mm^2), which holds the amount of fluid near 1 there.
LEAK = 0.5

#: Amount of fluid above which a FLAIR image shows it.
OEDEMA_VISIBLE = 0.22

#: Residual, relative to the first one, at which the solver ends, and its limit of iterations.
TOLERANCE = 1e-4
ITERATIONS = 300

#: Half the width of the cube in which the tumour is simulated, in mm.
HALF_WIDTH = 56

#: Share of grey and white matter below which a voxel is a barrier.
LEAST_TISSUE = 0.35

#: Range of the thickness of the enhancing rim, its deviation from place to place, its least value
#: and the smoothing of that deviation (mm).
RIM_RANGE = (2.5, 5.5)
RIM_DEVIATION = 2.2
THINNEST_RIM = 1.0
RIM_SMOOTHING = 4.5

#: Roughness of the borders, in units of cell density, and its smoothing (mm).
ROUGHNESS = 0.07
ROUGHNESS_SMOOTHING = 2.0

#: Labels of the segmentation (BraTS 2020).
NECROSIS, OEDEMA, ENHANCING = 1, 2, 4


def faces(diffusivity: Field) -> list[Field]:
    """Return the diffusivity across the faces between voxels, along each axis.

    It is the harmonic mean of both sides, so it is 0 at a barrier such as fluid.
    """
    result = []
    for axis in range(3):
        here = np.take(diffusivity, range(diffusivity.shape[axis] - 1), axis)
        there = np.take(diffusivity, range(1, diffusivity.shape[axis]), axis)
        result.append(2 * here * there / (here + there + np.float32(1e-12)))
    return result


def inflow(values: Field, across: list[Field]) -> Field:
    """Return div(D grad values); `across` is D / width**2 at the faces between voxels."""
    result = np.zeros_like(values)
    for axis, face in enumerate(across):
        lower = (slice(None),) * axis + (slice(None, -1),)
        upper = (slice(None),) * axis + (slice(1, None),)
        flux = values[upper] - values[lower]
        flux *= face
        result[lower] += flux
        result[upper] -= flux
    return result


def heterogeneity(
    shape: tuple[int, ...], deviation: float, generator: np.random.Generator
) -> Field:
    """Return a log-normal random factor of median 1 for each voxel of the simulation."""
    noise = noise_on(shape, HETEROGENEITY_SMOOTHING / VOXEL, generator)
    factor: Field = np.clip(np.exp(np.float32(deviation) * noise), *HETEROGENEITY_LIMITS)
    return factor


def seeds(
    shape: tuple[int, ...], middle: NDArray[np.float64], generator: np.random.Generator
) -> Field:
    """Return the first cell density: a few small balls around the middle (in voxels)."""
    apart = generator.uniform(*SEED_DEVIATION_RANGE) / VOXEL
    places = middle + generator.normal(0, apart, (SEEDS, 3))
    grid = np.indices(shape, dtype=np.float32)
    density: Field = np.zeros(shape, np.float32)
    for place in places:
        square = ((grid - place.astype(np.float32).reshape(3, 1, 1, 1)) ** 2).sum(0)
        density += np.exp(-0.5 * square * np.float32((VOXEL / SEED_RADIUS) ** 2))
    return np.clip(density, 0, 1)


def grow_density(
    white: Field,
    grey: Field,
    tissue: NDArray[np.bool_],
    middle: NDArray[np.float64],
    generator: np.random.Generator,
) -> Field:
    """Return the cell density in [0, 1] of a random tumour that starts around `middle` (voxels).

    The shares of white and grey matter, and the mask of where cells can be, are on voxels of
    `VOXEL` mm.
    """
    grey_share = np.float32(1 / generator.uniform(*GREY_DIVISOR_RANGE))
    diffusivity = np.float32(DIFFUSIVITY) * (white + grey_share * grey) * tissue
    diffusivity *= heterogeneity(white.shape, DIFFUSIVITY_DEVIATION, generator)
    rate = np.float32(GROWTH_RATE) * heterogeneity(white.shape, RATE_DEVIATION, generator)
    volume = float(np.exp(generator.uniform(*np.log(CORE_VOLUME_RANGE))))
    return grow(tissue, diffusivity, rate, seeds(white.shape, middle, generator), volume)


def grow(
    tissue: NDArray[np.bool_], diffusivity: Field, rate: Field, density: Field, core_volume: float
) -> Field:
    """Return the cell density c in [0, 1] when the core has its volume (ml).

    Solves dc/dt = div(D grad c) + rho c (1 - c) by explicit Euler. The diffusivity D (mm^2 / day)
    is 0 in barriers, rho is the growth rate (1 / day).
    """
    wanted = core_volume * 1000 / VOXEL**3
    density = density * tissue
    across = [face * np.float32(TIME_STEP / VOXEL**2) for face in faces(diffusivity)]
    gain = rate * np.float32(TIME_STEP) * tissue
    for step in range(STEPS):
        density += inflow(density, across) + gain * density * (1 - density)
        if step % CHECK_EVERY == 0 and np.count_nonzero(density > CORE_DENSITY) >= wanted:
            break
    return np.clip(density, 0, 1)


def steady_state(source: Field, loss: Field, across: list[Field]) -> Field:
    """Solve loss * e - div(D grad e) = source by conjugate gradients.

    Hestenes and Stiefel, Journal of Research of the National Bureau of Standards 49 (1952):
    409-436, with the diagonal as preconditioner. NumPy's sums are used because those of a
    linear-algebra library depend on the number of threads. `across` is D / width**2 at the faces.
    """
    diagonal = loss + outflow(across, loss.shape)
    amount: Field = np.zeros_like(source)
    residual = source.copy()
    direction = conditioned = residual / diagonal
    fall = float((residual * conditioned).sum())
    goal = TOLERANCE**2 * fall
    for _ in range(ITERATIONS):
        if fall <= goal:
            break
        image = loss * direction - inflow(direction, across)
        step = np.float32(fall / float((direction * image).sum()))
        amount += step * direction
        residual -= step * image
        conditioned = residual / diagonal
        before, fall = fall, float((residual * conditioned).sum())
        direction = conditioned + np.float32(fall / before) * direction
    return amount


def outflow(across: list[Field], shape: tuple[int, ...]) -> Field:
    """Return the sum over the faces of each voxel: the outflow for each unit of its content."""
    total: Field = np.zeros(shape, np.float32)
    for axis, face in enumerate(across):
        total[(slice(None),) * axis + (slice(None, -1),)] += face
        total[(slice(None),) * axis + (slice(1, None),)] += face
    return total


def spread_oedema(
    white: Field, grey: Field, tissue: NDArray[np.bool_], density: Field, reach: float
) -> Field:
    """Return the amount of fluid e in [0, 1]: it leaks from the core, spreads and is resorbed.

    The steady state: (1 / reach**2 + s) e - div(D grad e) = s, where D is relative to that of white
    matter, s is the leak, and `reach` (mm) is how far fluid spreads in white matter. The inputs are
    as in `grow_density`, with the cell density of the tumour.
    """
    source = np.float32(LEAK) * (density > CORE_DENSITY)
    diffusivity = (white + np.float32(GREY_DIFFUSIVITY) * grey) * tissue
    across = [face / np.float32(VOXEL**2) for face in faces(diffusivity)]
    amount = steady_state(source, source + np.float32(1 / reach**2), across)
    return np.clip(amount, 0, 1)


@dataclass(frozen=True)
class Tumour:
    """A tumour, on voxels of 1 mm within a cube of the box."""

    #: Where the cube lies in the box.
    cube: tuple[slice, ...]
    #: Cell density in [0, 1].
    density: Field
    #: Amount of fluid in [0, 1].
    oedema: Field
    #: 0, NECROSIS, OEDEMA or ENHANCING.
    labels: NDArray[np.uint8]
    #: Distance inwards from the border of the core, in mm; 0 outside.
    depth: Field


def cube_around(centre: NDArray[np.float64]) -> tuple[slice, ...]:
    """Return the cube around a place (mm), cut to the box, a whole number of `VOXEL` wide."""
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
    """Interpolate from the voxels of the simulation to those of 1 mm."""
    padded = np.pad(values, 1, mode="edge")
    # The centre of the first padded voxel lies 1.5 mm before the centre of the first fine one.
    shifted = refine(padded, float(VOXEL), tuple(length + 2 for length in shape))
    half = np.float32(0.5)
    shifted = half * (shifted[1:-1] + shifted[2:])
    shifted = half * (shifted[:, 1:-1] + shifted[:, 2:])
    return half * (shifted[:, :, 1:-1] + shifted[:, :, 2:])


def segment_core(
    density: Field, brain: NDArray[np.bool_], generator: np.random.Generator
) -> tuple[NDArray[np.uint8], Field]:
    """Return the labels of the core, and the depth below its border in mm (0 outside)."""
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
    """Grow a tumour in an anatomy, around `centre` (mm on the box)."""
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
