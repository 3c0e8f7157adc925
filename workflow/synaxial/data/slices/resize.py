"""`synaxial data resize`: slices at the square size of the network's images."""

import logging
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from synaxial.config import read_study
from synaxial.config.model import Resize
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder, write_placeholder
from synaxial.io.images import overlap
from synaxial.io.stacks import read_stack, write_stack

#: Raise it when the results of this stage change.
VERSION = 1

Filter = Literal["nearest", "bilinear", "bicubic", "lanczos"]

FILTERS: dict[Filter, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

logger = logging.getLogger(__name__)


def run(
    slices: Annotated[Path, typer.Option(help="Stack written by slice (.tif).")],
    output: Annotated[Path, typer.Option(help="Stack of images to write (.tif).")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
) -> None:
    """Bring the slices of a subject to the square size of the network's images.

    Each page keeps its description. The file of a skipped subject is empty.

    \b
    Example: synaxial data resize --slices results/slices/001.tif --output results/images/001.tif
    """
    settings = read_study(config).resize
    if is_placeholder(slices):
        logger.warning("%s is empty, because %s is: a skipped subject", output, slices)
        write_placeholder(output)
        return
    stack = read_stack(slices)
    if stack.pages.ndim != 3:
        raise SynaxialError(slices, "holds colour images", "grey slices written by slice")
    write_stack(output, (resize_page(page, settings) for page in stack.pages), stack.descriptions)


def resize_page(page: NDArray[np.uint8], settings: Resize) -> NDArray[np.uint8]:
    """Return a grey page, uint8 (H, W), at the size that the study wants: (size, size).

    Raises
    ------
    SynaxialError
        The study wants padding, but the square is too small for the brain.
    """
    if settings.mode == "resize":
        return resample(page, settings.size, settings.filter)
    padded = centre(page, settings.size)
    if np.count_nonzero(padded) < np.count_nonzero(page):
        raise SynaxialError(
            "resize.mode",
            f"pad to {settings.size} pixels would cut brain off slices of "
            f"{page.shape[0]} x {page.shape[1]}",
            "a square that holds the head",
            "use resize.mode resize, or a larger resize.size",
        )
    return padded


def resample(image: NDArray[np.uint8], size: int, kernel: Filter) -> NDArray[np.uint8]:
    """Resample an image, uint8 (H, W), to (size, size) with one of Pillow's filters.

    An image that is not square is first centred on a black square of its longer side, so that
    the head keeps its proportions. Pillow's filters are separable. Their support is 1 (bilinear),
    2 (bicubic) and 3 (lanczos) source pixels in enlarging, times the reduction in reducing.
    Values beyond 0 to 255 are clipped. An image that has the size already stays as it is.
    """
    squared = centre(image, max(image.shape))
    resized = Image.fromarray(squared).resize((size, size), FILTERS[kernel])
    return np.asarray(resized, np.uint8)


def centre(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Return an image, uint8 (H, W), centred on a black square of `size`; what is outside is lost.

    An odd difference puts the extra row at the bottom and the extra column at the right, both in
    padding and in cropping. So a padded image that is cropped to its old size is the same image.
    """
    square = np.zeros((size, size), np.uint8)
    # Halves are rounded towards 0, whether the difference is padding or cropping.
    (from_rows, rows), (from_columns, columns) = (
        overlap(int((size - length) / 2), length, size) for length in image.shape
    )
    square[rows, columns] = image[from_rows, from_columns]
    return square
