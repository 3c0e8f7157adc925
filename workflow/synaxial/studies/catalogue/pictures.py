"""Pixels as the catalogue keeps them: lossless PNG files."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synaxial.io.errors import SynaxialError
from synaxial.io.images import digest_of_pixels

#: The widest and highest picture that is read from a database, in pixels.
MAXIMUM_SIDE = 4096


def plain(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image whose three channels are the same as one of them, others as they are.

    Parameters
    ----------
    page
        uint8 (H, W) or (H, W, 3).
    """
    if page.ndim == 3 and (page == page[:, :, :1]).all():
        return np.ascontiguousarray(page[:, :, 0])
    return page


def to_png(image: NDArray[np.uint8]) -> bytes:
    """Return an image, uint8 (H, W) or (H, W, 3), as a PNG file."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, format="PNG")
    return content.getvalue()


def from_png(content: bytes, digest: str, where: str) -> NDArray[np.uint8]:
    """Return a PNG file's pixels, held against their digest.

    Raises
    ------
    SynaxialError
        It is damaged, too large, or of other pixels.
    """
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as file:
            if max(file.size) > MAXIMUM_SIDE or file.mode not in {"L", "RGB"}:
                raise ValueError(f"{file.mode} of {file.size} pixels")
            image = np.asarray(file, np.uint8)
    # Pillow raises nearly everything on what is no image.
    except Exception as error:
        raise SynaxialError(where, f"its picture is damaged ({error})", "a PNG image") from error
    if digest_of_pixels(image) != digest:
        raise SynaxialError(where, "its pixels are not those that were loaded", digest[:12])
    return image
