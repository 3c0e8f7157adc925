"""The oedema around a tumour: the steady state of fluid that leaks, spreads and is resorbed."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import cg

from synaxial.acquire.phantom.frame import Field
from synaxial.acquire.phantom.growth import CORE_DENSITY, VOXEL, faces

#: How far fluid goes in white matter before it is resorbed (mm), over individuals.
OEDEMA_REACH_RANGE = (8.0, 26.0)

#: How easily it goes through grey matter, relative to white matter.
GREY_DIFFUSIVITY = 0.03

#: Strength of the leak in the core (1 / mm^2): enough to hold the amount near 1 there.
LEAK = 0.5

#: The amount at which a FLAIR image shows it.
OEDEMA_VISIBLE = 0.22

#: Relative residual at which the solver ends, and its most iterations.
TOLERANCE = 1e-4
ITERATIONS = 300


def diffusion_system(diffusivity: Field, loss: Field) -> sparse.csr_matrix:
    """Return the matrix of loss * e - div(D grad e) on voxels of `VOXEL` mm, closed all round."""
    size = diffusivity.size
    index = np.arange(size).reshape(diffusivity.shape)
    diagonal = loss.ravel().astype(np.float32)
    rows, columns, values = [index.ravel()], [index.ravel()], [diagonal]
    for axis, face in enumerate(faces(diffusivity)):
        lower = index[(slice(None),) * axis + (slice(None, -1),)].ravel()
        upper = index[(slice(None),) * axis + (slice(1, None),)].ravel()
        weight = face.ravel() / np.float32(VOXEL**2)
        passable = weight > 0
        lower, upper, weight = lower[passable], upper[passable], weight[passable]
        diagonal += np.bincount(lower, weight, size).astype(np.float32)
        diagonal += np.bincount(upper, weight, size).astype(np.float32)
        rows += [lower, upper]
        columns += [upper, lower]
        values += [-weight, -weight]
    places = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_matrix((np.concatenate(values), places), shape=(size, size))


def spread_oedema(
    white: Field, grey: Field, tissue: NDArray[np.bool_], density: Field, reach: float
) -> Field:
    """Return the steady state of fluid that leaks from the core and is resorbed.

    Solves (1 / reach**2 + s) e - div(D grad e) = s by conjugate gradients, where D is relative to
    white matter's and s is the leak.

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
    system = diffusion_system(diffusivity, source + np.float32(1 / reach**2))
    jacobi = sparse.diags(1 / system.diagonal())
    amount, _ = cg(system, source.ravel(), rtol=TOLERANCE, M=jacobi, maxiter=ITERATIONS)
    result: Field = np.clip(amount.reshape(source.shape), 0, 1).astype(np.float32)
    return result
