"""How a tumour grows.

By Fisher and Kolmogorov's equation, with a diffusivity that depends on the tissue (Swanson et
al., Cell Proliferation 33 (2000): 317-329).
"""

import numpy as np
from numpy.typing import NDArray

from synaxial.data.phantom.fields import noise_on
from synaxial.data.phantom.frame import Field

#: Width of a voxel of the simulation, in mm.
VOXEL = 2

#: Diffusivity in white matter (mm^2 a day), and how many times less it is in grey matter.
DIFFUSIVITY = 0.30
GREY_DIVISOR_RANGE = (2.5, 6.0)

#: Growth rate (1 / day).
GROWTH_RATE = 0.06

#: Deviation of the logarithms of diffusivity and growth rate, over this many mm, and its limits.
DIFFUSIVITY_DEVIATION = 0.5
RATE_DEVIATION = 0.45
HETEROGENEITY_SMOOTHING = 6.0
HETEROGENEITY_LIMITS = (0.35, 2.2)

#: Seeds of the tumour, how far apart they are and how large (deviations, mm).
SEEDS = 3
SEED_DEVIATION_RANGE = (2.0, 6.0)
SEED_RADIUS = 2.0

#: Days between steps, the most steps, and how often the volume is looked at. Explicit Euler is
#: stable below VOXEL**2 / (6 D) = 1.01 days for the largest D that there is.
TIME_STEP = 0.9
STEPS = 520
CHECK_EVERY = 8

#: Cell density (share of the most there can be) that makes tissue part of the core, and the
#: core's volume (ml) at which growth ends.
CORE_DENSITY = 0.6
CORE_VOLUME_RANGE = (12.0, 55.0)


def faces(diffusivity: Field) -> list[Field]:
    """Return the diffusivity across the faces between voxels, along each axis.

    It is the harmonic mean of both sides, hence 0 at a barrier: nothing flows into fluid.
    """
    result = []
    for axis in range(3):
        here = np.take(diffusivity, range(diffusivity.shape[axis] - 1), axis)
        there = np.take(diffusivity, range(1, diffusivity.shape[axis]), axis)
        result.append(2 * here * there / (here + there + np.float32(1e-12)))
    return result


def inflow(values: Field, across: list[Field]) -> Field:
    """Return div(D grad values), given D over the voxel's width squared across the faces."""
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
    """Return a log-normal random factor of median 1, on the simulation's voxels."""
    noise = noise_on(shape, HETEROGENEITY_SMOOTHING / VOXEL, generator)
    factor: Field = np.clip(np.exp(np.float32(deviation) * noise), *HETEROGENEITY_LIMITS)
    return factor


def seeds(
    shape: tuple[int, ...], middle: NDArray[np.float64], generator: np.random.Generator
) -> Field:
    """Return the cell density at the beginning: a few small balls around the middle (voxels)."""
    apart = generator.uniform(*SEED_DEVIATION_RANGE) / VOXEL
    places = middle + generator.normal(0, apart, (SEEDS, 3))
    grid = np.indices(shape, dtype=np.float32)
    density: Field = np.zeros(shape, np.float32)
    for place in places:
        square = ((grid - place.astype(np.float32).reshape(3, 1, 1, 1)) ** 2).sum(0)
        density += np.exp(-0.5 * square * np.float32((VOXEL / SEED_RADIUS) ** 2))
    return np.clip(density, 0, 1)


def grow(
    tissue: NDArray[np.bool_],
    diffusivity: Field,
    rate: Field,
    start: Field,
    core_volume: float,
) -> Field:
    """Grow a tumour until its core has the wanted volume.

    Solves dc/dt = div(D grad c) + rho c (1 - c) by explicit Euler, without flow through barriers.

    Parameters
    ----------
    tissue
        Where there are cells at all.
    diffusivity
        D, in mm^2 a day, 0 in barriers.
    rate
        rho, in 1 / day.
    start
        Cell density at the beginning, in [0, 1].
    core_volume
        Volume (ml) above `CORE_DENSITY` at which growth ends.

    Returns
    -------
    Field
        Cell density in [0, 1].
    """
    density = start * tissue
    across = [face * np.float32(TIME_STEP / VOXEL**2) for face in faces(diffusivity)]
    gain = rate * np.float32(TIME_STEP) * tissue
    wanted = core_volume * 1000 / VOXEL**3
    for step in range(STEPS):
        density += inflow(density, across) + gain * density * (1 - density)
        if step % CHECK_EVERY == 0 and np.count_nonzero(density > CORE_DENSITY) >= wanted:
            break
    return np.clip(density, 0, 1)


def grow_density(
    white: Field,
    grey: Field,
    tissue: NDArray[np.bool_],
    middle: NDArray[np.float64],
    generator: np.random.Generator,
) -> Field:
    """Grow a random tumour.

    Parameters
    ----------
    white, grey
        Shares of white and grey matter, on voxels of `VOXEL` mm.
    tissue
        Where cells can be.
    middle
        Where the tumour starts, in voxels.
    generator
        Where the randomness comes from.

    Returns
    -------
    Field
        Cell density in [0, 1].
    """
    grey_share = np.float32(1 / generator.uniform(*GREY_DIVISOR_RANGE))
    diffusivity = np.float32(DIFFUSIVITY) * (white + grey_share * grey) * tissue
    diffusivity *= heterogeneity(white.shape, DIFFUSIVITY_DEVIATION, generator)
    rate = np.float32(GROWTH_RATE) * heterogeneity(white.shape, RATE_DEVIATION, generator)
    volume = float(np.exp(generator.uniform(*np.log(CORE_VOLUME_RANGE))))
    return grow(tissue, diffusivity, rate, seeds(white.shape, middle, generator), volume)
