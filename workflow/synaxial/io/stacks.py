"""Stacks of 8-bit images in one multi-page TIFF file, with a JSON description of each page.

Each page is one zlib strip, so that every viewer can open a stack. Source: TIFF 6.0, and for the
compression Adobe Photoshop's TIFF Technical Notes (2002).
"""

import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from synaxial.io.deflate import pack_zlib, unpack_zlib
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder, written_whole

#: The largest number of bytes of one stack in memory: 10 000 images of 256 x 256 x 3. A TIFF file
#: cannot exceed 4 GiB.
MAXIMUM_BYTES = 2 * 1024**3

EXPECTED = "a stack of 8-bit images written by synaxial"
REMEDY = "remove it and run the stage that writes it again"

#: In a stack of images with masks, each image is followed by its mask. The key `channel` of a
#: page's description says which it is.
IMAGE, MASK = "image", "mask"

#: The values of a mask.
OUTSIDE, INSIDE = 0, 255


@dataclass(frozen=True)
class Stack:
    """Images of one shape and what is known of each."""

    #: uint8, (N, H, W) for grey or (N, H, W, 3) for RGB; row 0 at the top.
    pages: NDArray[np.uint8]
    #: One JSON object a page.
    descriptions: list[dict[str, Any]]


def write_stack(
    path: Path,
    pages: Iterable[NDArray[np.uint8]],
    descriptions: Iterable[Mapping[str, Any]],
) -> None:
    """Write a stack, whole or not at all; the same content gives the same bytes.

    The pages are uint8, all (H, W) or all (H, W, 3). They are taken one by one, so a generator
    keeps the memory at one page. The description of a page becomes JSON, without NaN and infinity.

    Raises
    ------
    ValueError
        There are no pages, or not as many as descriptions.
    SynaxialError
        The stack is larger than `MAXIMUM_BYTES`.
    """
    total = 0
    with written_whole(path) as partial:
        with tifffile.TiffWriter(partial, byteorder="<") as file:
            for page, description in zip(pages, descriptions, strict=True):
                total += page.nbytes
                if total > MAXIMUM_BYTES:
                    raise SynaxialError(
                        path, f"has {total} bytes or more", f"at most {MAXIMUM_BYTES} in one stack"
                    )
                file.write(
                    iter([pack_zlib(page.tobytes())]),
                    shape=page.shape,
                    dtype=page.dtype,
                    photometric="rgb" if page.ndim == 3 else "minisblack",
                    compression="adobe_deflate",
                    rowsperstrip=page.shape[0],
                    description=json.dumps(dict(description), allow_nan=False),
                    software="synaxial",
                    metadata=None,
                )
        if not total:
            raise ValueError(f"no pages to write to {path}")


def read_stack(path: Path, page_shape: tuple[int, ...] | None = None) -> Stack:
    """Read a stack that `write_stack` wrote; `page_shape` is the shape that its pages must have.

    Raises
    ------
    SynaxialError
        The file is absent, damaged, no such stack, or has pages of another shape.
    """
    with _pages_of(path, page_shape) as pages:
        images = np.stack([_pixels_of(page) for page in pages])
        return Stack(images, [_description_of(page) for page in pages])


def read_shape(path: Path, page_shape: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """Return the shape of `read_stack(path).pages` from the page headers alone."""
    with _pages_of(path, page_shape) as pages:
        return (len(pages), *pages[0].shape)


def count_images(path: Path) -> int:
    """Return the number of images in a stack, without masks, from the page headers alone."""
    with _pages_of(path, None) as pages:
        descriptions = [_description_of(page) for page in pages]
    return len(pages) // 2 if _are_pairs(descriptions, path) else len(pages)


def images_of(stack: Stack, where: Path | str = "the stack") -> Stack:
    """Return the images of a stack without their masks: the stack itself if it has none.

    Raises
    ------
    SynaxialError
        The stack, named by `where`, has masks that do not follow their images.
    """
    pairs = _are_pairs(stack.descriptions, where)
    return Stack(stack.pages[0::2], stack.descriptions[0::2]) if pairs else stack


def masks_of(stack: Stack, where: Path | str = "the stack") -> Stack | None:
    """Return the masks of a stack, in the order of its images (see `images_of`), or None."""
    pairs = _are_pairs(stack.descriptions, where)
    return Stack(stack.pages[1::2], stack.descriptions[1::2]) if pairs else None


def _are_pairs(descriptions: list[dict[str, Any]], where: Path | str) -> bool:
    """Tell whether the pages of a stack are images and their masks; False if they are images."""
    channels = [description.get("channel", IMAGE) for description in descriptions]
    if MASK not in channels:
        return False
    expected = [description | {"channel": MASK} for description in descriptions[0::2]]
    if channels[0::2] != [IMAGE] * len(expected) or descriptions[1::2] != expected:
        raise SynaxialError(
            where, "has masks that do not follow their images", "each image, then its mask", REMEDY
        )
    return True


class _Raiser(logging.Handler):
    """Turns what tifffile logs into an error: of a damaged file it reads what it can."""

    def emit(self, record: logging.LogRecord) -> None:
        """Raise the message."""
        raise ValueError(record.getMessage())


logging.getLogger("tifffile").addHandler(_Raiser(logging.WARNING))


@contextmanager
def _pages_of(path: Path, page_shape: tuple[int, ...] | None) -> Iterator[list[tifffile.TiffPage]]:
    """Open a stack and give its pages; whatever fails with them is one clear error."""
    if not path.exists():
        raise SynaxialError(path, "is not there", EXPECTED)
    if is_placeholder(path):
        raise SynaxialError(path, "is an empty file, which marks a skipped subject", EXPECTED)
    try:
        with tifffile.TiffFile(path) as file:
            pages = [page for page in file.pages if isinstance(page, tifffile.TiffPage)]
            shape = pages[0].shape
            if page_shape is not None and shape != page_shape:
                raise SynaxialError(
                    path, f"its pages have the shape {shape}", f"{page_shape}", "see resize.size"
                )
            yield pages
    except SynaxialError:
        raise
    # A damaged file makes tifffile fail in nearly every way that Python has.
    except Exception as error:
        raise SynaxialError(path, f"cannot be read ({error})", EXPECTED, REMEDY) from error


def _pixels_of(page: tifffile.TiffPage) -> NDArray[np.uint8]:
    """Return the pixels of a page: its only strip, unpacked."""
    if page.dtype != np.uint8 or page.compression != tifffile.COMPRESSION.ADOBE_DEFLATE:
        raise ValueError("it is a TIFF file of another kind")
    (begin,), (packed,) = page.dataoffsets, page.databytecounts
    file = page.parent.filehandle
    file.seek(begin)
    pixels = unpack_zlib(file.read(packed))
    if len(pixels) != math.prod(page.shape):
        raise ValueError(f"page {page.index} is damaged")
    return np.frombuffer(pixels, np.uint8).reshape(page.shape)


def _description_of(page: tifffile.TiffPage) -> dict[str, Any]:
    """Return the description of a page as the object that was written."""
    description = json.loads(page.description)
    if not isinstance(description, dict):
        raise TypeError(f"page {page.index} is described by no JSON object")
    return description
