"""The oedema around a tumour: the steady state of fluid that leaks, spreads and is resorbed."""

import numpy as np
from numpy.typing import NDArray

from synaxial.data.phantom.frame import Field
from synaxial.data.phantom.growth import CORE_DENSITY, VOXEL, faces, inflow

#: How far fluid goes in white matter before it is resorbed (mm), over individuals.
OEDEMA_REACH_RANGE = (8.0, 26.0)

#: How easily it goes through grey matter, relative to white matter.
GREY_DIFFUSIVITY = 0.03

#: Strength of the leak in the core (1 / mm^2): enough to hold the amount near 1 there.
LEAK = 0.5

#: The amount at which a FLAIR image shows it.
OEDEMA_VISIBLE = 0.22

#: Residual, relative to the first one, at which the solver ends, and its most iterations.
TOLERANCE = 1e-4
ITERATIONS = 300


def steady_state(source: Field, loss: Field, across: list[Field]) -> Field:
    """Solve loss * e - div(D grad e) = source by conjugate gradients.

    Hestenes and Stiefel, Journal of Research of the National Bureau of Standards 49 (1952):
    409-436, with the diagonal as preconditioner. The sums are numpy's own, which, unlike those of
    a linear-algebra library, do not depend on the number of threads.

    Parameters
    ----------
    source
        The right-hand side.
    loss
        Share that is resorbed, positive.
    across
        D over the voxel's width squared, across the faces along each axis.
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
    """Return the sum of a voxel's faces: what leaves it for each unit of its content."""
    total: Field = np.zeros(shape, np.float32)
    for axis, face in enumerate(across):
        total[(slice(None),) * axis + (slice(None, -1),)] += face
        total[(slice(None),) * axis + (slice(1, None),)] += face
    return total


def spread_oedema(
    white: Field, grey: Field, tissue: NDArray[np.bool_], density: Field, reach: float
) -> Field:
    """Return the steady state of fluid that leaks from the core and is resorbed.

    Solves (1 / reach**2 + s) e - div(D grad e) = s, where D is relative to white matter's and s is
    the leak.

    Parameters
    ----------
    white, grey
        Shares of white and grey matter, on voxels of `VOXEL` mm.
    tissue
        Where fluid can spread.
    density
        Cell density of the tumour, in [0, 1].
    reach
        How far fluid goes in white matter before it is resorbed, in mm.

    Returns
    -------
    Field
        Amount of fluid in [0, 1].
    """
    source = np.float32(LEAK) * (density > CORE_DENSITY)
    diffusivity = (white + np.float32(GREY_DIFFUSIVITY) * grey) * tissue
    across = [face / np.float32(VOXEL**2) for face in faces(diffusivity)]
    amount = steady_state(source, source + np.float32(1 / reach**2), across)
    return np.clip(amount, 0, 1)
