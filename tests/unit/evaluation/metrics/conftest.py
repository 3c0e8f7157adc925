"""Images that are wrong in known ways, made of the phantoms' slices."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ...phantoms import Phantoms


@pytest.fixture(scope="session")
def controls(phantoms: Phantoms) -> dict[str, NDArray[np.uint8]]:
    """The second half of the subjects as it is, and spoilt: `others`, `blurred`, `grid`, `noise`.

    Compared with the first half, `others` is as near as real images of other subjects are.
    """
    others = phantoms.half(1).pixels
    generator = np.random.Generator(np.random.PCG64(5))
    return {
        "others": others,
        "blurred": blur(others, 2.0),
        "grid": planted_grid(others, 4, 24),
        "noise": generator.integers(0, 256, others.shape, np.uint8),
    }


def blur(pixels: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """Blur each image with a Gaussian filter; the standard deviation is in pixels."""
    smooth = gaussian_filter(pixels.astype(np.float32), (0, sigma, sigma))
    return np.rint(smooth).astype(np.uint8)


def planted_grid(pixels: NDArray[np.uint8], period: int, amplitude: float) -> NDArray[np.uint8]:
    """Brighten every `period`-th row and column of the heads by some grey levels."""
    side = pixels.shape[-1]
    lines = np.zeros((side, side), np.float32)
    lines[::period] += amplitude
    lines[:, ::period] += amplitude
    changed = np.where(pixels > 0, pixels + lines, 0)
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def plant_grid() -> Callable[[NDArray[np.uint8], int, float], NDArray[np.uint8]]:
    """Return `planted_grid`."""
    return planted_grid
