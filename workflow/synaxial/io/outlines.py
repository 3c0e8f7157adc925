"""Masks drawn into their images, as an outline in colour."""

import numpy as np
from numpy.typing import NDArray

#: Red, green and blue of the outline: no grey level, and clear on bright and on dark ones.
COLOUR = (255, 96, 0)

#: A generated mask, or a resampled one, is inside from here on: a half of 255.
HALF = 127.5


def outlined(images: NDArray[np.uint8], masks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draw each mask's outline into its image.

    The outline is those pixels of the mask of which one of the four neighbours is outside; beyond
    the image there is nothing but what its edge shows.

    Parameters
    ----------
    images
        uint8 (N, H, W) or (N, H, W, 3).
    masks
        uint8 (N, H, W); inside from the half on.

    Returns
    -------
    NDArray[np.uint8]
        (N, H, W, 3), a new array.
    """
    if images.ndim == 3:
        images = images[..., None]
    coloured = np.broadcast_to(images, (*masks.shape, 3)).copy()
    coloured[edges(masks > HALF)] = COLOUR
    return coloured


def edges(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels (N, H, W) that are inside and have a neighbour outside."""
    around = np.pad(inside, [(0, 0), (1, 1), (1, 1)], mode="edge")
    enclosed = (
        around[:, :-2, 1:-1] & around[:, 2:, 1:-1] & around[:, 1:-1, :-2] & around[:, 1:-1, 2:]
    )
    rim: NDArray[np.bool_] = inside & ~enclosed
    return rim
