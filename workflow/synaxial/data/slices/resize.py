"""`synaxial data resize`: slices at the square size of the network's images."""

import logging
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from synaxial.config import Study, field_of_view, read_study
from synaxial.config.model import Resize
from synaxial.data.volumes.record import Record, read_record
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder, write_placeholder
from synaxial.io.images import overlap
from synaxial.io.stacks import Stack, read_stack, write_stack

#: Raise it when the results of this stage change.
VERSION = 2

Filter = Literal["nearest", "bilinear", "bicubic", "lanczos"]

FILTERS: dict[Filter, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

#: Decimal digits of windows in voxels. They are rounded, because spacings in headers are.
WINDOW_DIGITS = 2

logger = logging.getLogger(__name__)


def run(
    slices: Annotated[Path, typer.Option(help="Stack written by slice (.tif).")],
    record: Annotated[Path, typer.Option(help="Record of the subject (.json).")],
    output: Annotated[Path, typer.Option(help="Stack of images to write (.tif).")],
    config: Annotated[Path, typer.Option(help="The study.")] = Path("config.yaml"),
) -> None:
    """Bring the slices of a subject to the size of the network's images, in pixels and in mm.

    Each page keeps its description. The file of a skipped subject is empty.

    \b
    Example: synaxial data resize --slices results/slices/001.tif
      --record results/volumes/001.json --output results/images/001.tif
    """
    study = read_study(config)
    if is_placeholder(slices):
        logger.warning("%s is empty, because %s is: a skipped subject", output, slices)
        write_placeholder(output)
        return
    stack = read_stack(slices)
    if stack.pages.ndim != 3:
        raise SynaxialError(slices, "holds colour images", "grey slices written by slice")
    images = resize_stack(stack, read_record(record), study)
    write_stack(output, images.pages, images.descriptions)


def resize_stack(slices: Stack, record: Record, study: Study) -> Stack:
    """Return the slices of a subject at the size of the study's images; see `resize_page`.

    Raises
    ------
    SynaxialError
        The images are too small for the brain.
    """
    check_width(slices.pages, record, study)
    window = window_of(record, study)
    pages = [resize_page(page, study.resize, window) for page in slices.pages]
    return Stack(np.stack(pages), slices.descriptions)


def window_of(record: Record, study: Study) -> tuple[float, float]:
    """Return the height and width of the study's images, in voxels of a subject."""
    across = field_of_view(study)
    left, posterior, _ = record.canonical_spacing
    height, width = (round(across / size, WINDOW_DIGITS) for size in (posterior, left))
    return height, width


def check_width(pages: NDArray[Any], record: Record, study: Study) -> None:
    """Check that the study's images hold all that is above 0 in the slices of a subject, (N, H, W).

    Raises
    ------
    SynaxialError
        They would cut something off.
    """
    left, posterior, _ = record.canonical_spacing
    window = window_of(record, study)
    pads = study.resize.mode == "pad"
    needed = [smallest_part(np.asarray(pages.any(axis=axes))) for axes in ((0, 2), (0, 1))]
    given = [study.resize.size] * 2 if pads else [math.ceil(length) for length in window]
    if all(need <= length for need, length in zip(needed, given, strict=True)):
        return
    width = max(need * size for need, size in zip(needed, (posterior, left), strict=True))
    raise SynaxialError(
        record.subject,
        f"images of {field_of_view(study):g} mm would cut brain off",
        f"{width:g} mm or more around the middle of this volume",
        f"set resize.size to {max(needed)} or more"
        if pads
        else f"set resize.field_of_view to {width:g} or more",
    )


def smallest_part(inside: NDArray[np.bool_]) -> int:
    """Return how many pixels in the middle of a line have all that is inside; see `centre`."""
    length = len(inside)
    for part in range(length):
        kept, _ = overlap(int((part - length) / 2), length, part)
        if not np.delete(inside, kept).any():
            return part
    return length


def resize_page(
    page: NDArray[np.uint8], settings: Resize, window: tuple[float, float]
) -> NDArray[np.uint8]:
    """Return a grey page, uint8 (H, W), at the size that the study wants: (size, size).

    Parameters
    ----------
    page
        A slice at native size.
    settings
        Section `resize` of the study.
    window
        Height and width of the image in pixels of the page; see `window_of`. What is outside is
        lost; see `check_width`.
    """
    size = settings.size
    height, width = (size, size) if settings.mode == "pad" else window
    framed = centre(page, (math.ceil(height), math.ceil(width)))
    return framed if settings.mode == "pad" else resample(framed, size, settings.filter, window)


def resample(
    image: NDArray[np.uint8],
    size: int,
    kernel: Filter,
    window: tuple[float, float] | None = None,
) -> NDArray[np.uint8]:
    """Resample the middle of an image, uint8 (H, W), to (size, size) with one of Pillow's filters.

    The middle has the height and width `window` in pixels of the image, which is not smaller; None
    means the whole image.
    Pillow's filters are separable. Their support is 1 (bilinear), 2 (bicubic) and 3 (lanczos)
    source pixels in enlarging, times the reduction in reducing. Values beyond 0 to 255 are clipped.
    An image that has the size already stays as it is.
    """
    (above, below), (left, right) = (
        ((length - part) / 2, (length + part) / 2)
        for length, part in zip(image.shape, window or image.shape, strict=True)
    )
    box = (left, above, right, below)
    resized = Image.fromarray(image).resize((size, size), FILTERS[kernel], box)
    return np.asarray(resized, np.uint8)


def centre(image: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return an image, uint8 (H, W), centred on a black one of `shape`; what is outside is lost.

    An odd difference puts the extra row at the bottom and the extra column at the right, both in
    padding and in cropping. So a padded image that is cropped to its old size is the same image.
    """
    framed = np.zeros(shape, np.uint8)
    # Halves are rounded towards 0, whether the difference is padding or cropping.
    (from_rows, rows), (from_columns, columns) = (
        overlap(int((size - length) / 2), length, size)
        for size, length in zip(shape, image.shape, strict=True)
    )
    framed[rows, columns] = image[from_rows, from_columns]
    return framed
