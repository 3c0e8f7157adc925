"""The pictures of the catalogue: lossless PNG files."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synaxial.io.errors import SynaxialError
from synaxial.io.images import digest_of_pixels

#: The largest side of a picture that is read from a database, in pixels.
MAXIMUM_SIDE = 4096


def plain(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a colour image (H, W, 3) with three equal channels as (H, W); others unchanged."""
    if page.ndim == 3 and (page == page[:, :, :1]).all():
        return np.ascontiguousarray(page[:, :, 0])
    return page


def to_png(image: NDArray[np.uint8]) -> bytes:
    """Return an image, uint8 (H, W) or (H, W, 3), as a PNG file."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, format="PNG")
    return content.getvalue()


def from_png(content: bytes, digest: str, where: str) -> NDArray[np.uint8]:
    """Return the pixels of a PNG file of a database.

    Raises
    ------
    SynaxialError
        The file is damaged or too large, or its pixels do not have this digest.
    """
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as file:
            if max(file.size) > MAXIMUM_SIDE or file.mode not in {"L", "RGB"}:
                raise ValueError(f"{file.mode} of {file.size} pixels")
            image = np.asarray(file, np.uint8)
    # Pillow raises many kinds of errors for a damaged file.
    except Exception as error:
        raise SynaxialError(where, f"its picture is damaged ({error})", "a PNG image") from error
    if digest_of_pixels(image) != digest:
        raise SynaxialError(where, "its pixels have changed since they were loaded", digest[:12])
    return image
