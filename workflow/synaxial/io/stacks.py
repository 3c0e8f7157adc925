"""Stacks of 8-bit images in one multi-page TIFF file, each page with a description.

A page is one zlib strip, which keeps a stack readable by any viewer and lets a reader bound what
it unpacks. The layout is TIFF 6.0 with the Deflate compression of Adobe Photoshop's TIFF Technical
Notes (2002).
"""

import json
import logging
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from synaxial.io.deflate import DeflateError, pack_zlib, zlib_unpacker
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder, written_whole
from synaxial.io.tiff import Page, read_pages, write_pages

#: The widest and highest image that is read, in pixels; the paper's have 256.
MAXIMUM_SIDE = 4096

#: The most that a stack may unpack to, in bytes: 10 000 images of 256 x 256 x 3. A TIFF file
#: cannot exceed 4 GiB.
MAXIMUM_BYTES = 2 * 1024**3

EXPECTED = "a stack of 8-bit images written by synaxial"
OTHER_KIND = "is a TIFF file of another kind"
REMEDY = "remove it and run the stage that writes it again"

#: In a stack of images with masks, what each page's description calls it, under `channel`: each
#: image is followed by its mask.
IMAGE, MASK = "image", "mask"

#: The values of a mask.
OUTSIDE, INSIDE = 0, 255


@dataclass(frozen=True)
class Stack:
    """Images of one shape and what is known of each.

    Attributes
    ----------
    pages
        uint8, (N, H, W) for grey or (N, H, W, 3) for RGB; row 0 at the top.
    descriptions
        One JSON object a page.
    """

    pages: NDArray[np.uint8]
    descriptions: list[dict[str, Any]]


def write_stack(
    path: Path,
    pages: Iterable[NDArray[np.uint8]],
    descriptions: Iterable[Mapping[str, Any]],
) -> None:
    """Write a stack, whole or not at all; the same content gives the same bytes.

    Pages are taken one by one, so a generator keeps the memory at one page.

    Parameters
    ----------
    path
        The TIFF file.
    pages
        At least one uint8 array, all (H, W) or all (H, W, 3).
    descriptions
        As many JSON objects; NaN and infinity are refused.

    Raises
    ------
    ValueError
        The pages differ in shape, are not uint8, are none, or are not as many as descriptions.
    SynaxialError
        The stack exceeds what `read_stack` accepts.
    """
    with written_whole(path) as partial, partial.open("wb") as file:
        write_pages(file, _packed(path, pages, descriptions))


def read_stack(path: Path, page_shape: tuple[int, ...] | None = None) -> Stack:
    """Read a stack that `write_stack` wrote.

    Nothing in the file is trusted: sizes are checked before anything is unpacked, and no page
    can unpack to more than its size.

    Parameters
    ----------
    path
        The TIFF file.
    page_shape
        (H, W) or (H, W, 3) that the pages must have; None accepts any up to `MAXIMUM_SIDE`.

    Raises
    ------
    SynaxialError
        The file is absent, cut short or damaged, not such a stack, or of another page shape.
    """
    with _opened(path, page_shape) as (file, pages):
        stack = np.empty((len(pages), *pages[0].shape), np.uint8)
        for number, page in enumerate(pages):
            stack[number] = _unpack(path, number, file, page)
        return Stack(stack, [_description(path, number, page) for number, page in enumerate(pages)])


def read_shape(path: Path, page_shape: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """Return the shape that `read_stack(path).pages` would have, from the page headers alone.

    Raises
    ------
    SynaxialError
        As `read_stack`, as far as the headers show it.
    """
    with _opened(path, page_shape) as (_, pages):
        return (len(pages), *pages[0].shape)


def images_of(stack: Stack, where: Path | str = "the stack") -> Stack:
    """Return a stack's images without their masks: the stack itself if it has none.

    Raises
    ------
    SynaxialError
        Some pages are masks, but not each of them follows its image; `where` names the stack.
    """
    if not _are_pairs(stack.descriptions, where):
        return stack
    return Stack(stack.pages[0::2], stack.descriptions[0::2])


def masks_of(stack: Stack, where: Path | str = "the stack") -> Stack | None:
    """Return the masks of a stack's images, in the images' order and shape; None if it has none.

    Raises
    ------
    SynaxialError
        Not each mask follows its image, or one has other values than 0 and 255.
    """
    if not _are_pairs(stack.descriptions, where):
        return None
    masks = Stack(stack.pages[1::2], stack.descriptions[1::2])
    for number, page in enumerate(masks.pages):
        if not are_binary(page):
            raise SynaxialError(
                where, f"mask {number} has other values than {OUTSIDE} and {INSIDE}", "a mask"
            )
    return masks


def count_images(path: Path) -> int:
    """Return how many images a stack's file has, masks not counted; no page is unpacked.

    Raises
    ------
    SynaxialError
        As `read_stack`, as far as headers and descriptions show it, and as `images_of`.
    """
    with _opened(path, None) as (_, pages):
        descriptions = [_description(path, number, page) for number, page in enumerate(pages)]
    return len(pages) // 2 if _are_pairs(descriptions, path) else len(pages)


def are_binary(mask: NDArray[np.uint8]) -> bool:
    """Tell whether all values are a mask's, 0 and 255."""
    return bool(((mask == OUTSIDE) | (mask == INSIDE)).all())


def _are_pairs(descriptions: list[dict[str, Any]], where: Path | str) -> bool:
    """Tell whether a stack's pages are images and their masks; False if they are images alone."""
    channels = [description.get("channel", IMAGE) for description in descriptions]
    if MASK not in channels:
        return False
    expected = [description | {"channel": MASK} for description in descriptions[0::2]]
    if channels[0::2] != [IMAGE] * len(expected) or descriptions[1::2] != expected:
        raise SynaxialError(
            where, "has masks that do not follow their images", "each image, then its mask", REMEDY
        )
    return True


def _packed(
    path: Path, pages: Iterable[NDArray[np.uint8]], descriptions: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[tuple[int, ...], str, bytes]]:
    """Yield each page's shape, description and zlib strip, checked."""
    shape: tuple[int, ...] | None = None
    written = 0
    for page, description in zip(pages, descriptions, strict=True):
        shape = page.shape if shape is None else shape
        _check_page(page, shape)
        written += page.nbytes
        _check_size(path, page.shape, written)
        text = json.dumps(dict(description), allow_nan=False)
        yield page.shape, text, pack_zlib(page.tobytes())
    if shape is None:
        raise ValueError(f"no pages to write to {path}")


def _check_page(page: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
    """Refuse what the caller must not write."""
    if page.dtype != np.uint8 or page.shape != shape:
        raise ValueError(f"a page is {page.dtype} {page.shape}, expected uint8 {shape}")
    if page.size == 0 or not (page.ndim == 2 or (page.ndim == 3 and page.shape[2] == 3)):
        raise ValueError(f"a page has shape {page.shape}, expected (H, W) or (H, W, 3)")


def _check_size(path: Path, page_shape: tuple[int, ...], total: int) -> None:
    """Refuse pages of more than `MAXIMUM_SIDE`, and stacks of more than `MAXIMUM_BYTES`."""
    height, width = page_shape[:2]
    if max(height, width) > MAXIMUM_SIDE:
        raise SynaxialError(
            path, f"its pages have {height} x {width} pixels", f"at most {MAXIMUM_SIDE} a side"
        )
    if total > MAXIMUM_BYTES:
        raise SynaxialError(
            path, f"it unpacks to {total} bytes or more", f"at most {MAXIMUM_BYTES} in one stack"
        )


@contextmanager
def _opened(
    path: Path, page_shape: tuple[int, ...] | None
) -> Iterator[tuple[BinaryIO, list[Page]]]:
    """Open a stack and give its pages, their headers checked and nothing unpacked."""
    if is_placeholder(path):
        raise SynaxialError(path, "is an empty file, the sign of a skipped subject", EXPECTED)
    with path.open("rb") as file:
        pages = read_pages(file) or _pages_by_tifffile(path, file)
        if len({page.shape for page in pages}) != 1:
            raise SynaxialError(path, OTHER_KIND, EXPECTED)
        shape = pages[0].shape
        _check_size(path, shape, len(pages) * pages[0].size)
        if page_shape is not None and shape != page_shape:
            raise SynaxialError(
                path, f"its pages have the shape {shape}", f"{page_shape}", "see resize.size"
            )
        yield file, pages


def _pages_by_tifffile(path: Path, file: BinaryIO) -> list[Page]:
    """Return the pages of a file that another program wrote, or that is damaged."""
    file.seek(0)
    with _complaints_of_tifffile() as complaints:
        try:
            found = tifffile.TiffFile(file).pages
            pages = [_as_ours(page) for page in found if isinstance(page, tifffile.TiffPage)]
        # A damaged header makes tifffile fail in nearly every way that Python has.
        except Exception as error:
            raise SynaxialError(path, f"cannot be read ({error})", EXPECTED, REMEDY) from error
    if complaints:
        raise SynaxialError(path, f"is damaged ({complaints[0]})", EXPECTED, REMEDY)
    usable = [page for page in pages if page is not None]
    if len(usable) < len(pages):
        raise SynaxialError(path, OTHER_KIND, EXPECTED)
    return usable


_one_at_a_time = threading.Lock()


@contextmanager
def _complaints_of_tifffile() -> Iterator[list[str]]:
    """Collect what tifffile logs: it reads what it can of a damaged file and only says so."""
    complaints: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            complaints.append(record.getMessage())

    logger = logging.getLogger("tifffile")
    # One file at a time: they all complain to the same logger.
    with _one_at_a_time:
        handler, propagate = Collector(logging.WARNING), logger.propagate
        logger.addHandler(handler)
        logger.propagate = False
        try:
            yield complaints
        finally:
            logger.propagate = propagate
            logger.removeHandler(handler)


def _as_ours(page: tifffile.TiffPage) -> Page | None:
    """Return where a page's pixels lie, or None if `write_stack` does not write such pages."""
    grey = page.photometric == tifffile.PHOTOMETRIC.MINISBLACK and len(page.shape) == 2
    rgb = (
        page.photometric == tifffile.PHOTOMETRIC.RGB and len(page.shape) == 3 and page.shape[2] == 3
    )
    ours = (
        page.dtype == np.uint8
        and page.bitspersample == 8
        and page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        and page.predictor == tifffile.PREDICTOR.NONE
        and len(page.dataoffsets) == len(page.databytecounts) == 1
    )
    if not (ours and (grey or rgb)):
        return None
    return Page(page.shape, page.description, page.dataoffsets[0], page.databytecounts[0])


def _unpack(path: Path, number: int, file: BinaryIO, page: Page) -> NDArray[np.uint8]:
    """Return a page's pixels, never unpacking more than its shape holds."""
    if page.offset + page.packed > os.fstat(file.fileno()).st_size:
        raise SynaxialError(path, f"ends within page {number}", EXPECTED, REMEDY)
    file.seek(page.offset)
    unpacker = zlib_unpacker()
    try:
        pixels = unpacker.decompress(file.read(page.packed), page.size)
        # The checksum after the last pixel is only read when more is asked for.
        pixels += unpacker.decompress(unpacker.unconsumed_tail, 1)
    except DeflateError as error:
        raise SynaxialError(
            path, f"page {number} is damaged ({error})", EXPECTED, REMEDY
        ) from error
    if len(pixels) != page.size or not unpacker.eof:
        raise SynaxialError(
            path, f"page {number} does not unpack to {page.size} bytes", EXPECTED, REMEDY
        )
    return np.frombuffer(pixels, np.uint8).reshape(page.shape)


def _description(path: Path, number: int, page: Page) -> dict[str, Any]:
    """Return a page's description as the object that was written."""
    try:
        description = json.loads(page.description)
    # A text of deeply nested brackets ends in a RecursionError.
    except (ValueError, RecursionError) as error:
        raise SynaxialError(path, f"page {number} has no description in JSON", EXPECTED) from error
    if not isinstance(description, dict):
        raise SynaxialError(path, f"page {number} is described by no JSON object", EXPECTED)
    return description
