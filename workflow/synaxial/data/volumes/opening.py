"""Opening NIfTI files that may be damaged, or made to do harm."""

import gzip
import io
import math
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from synaxial.data.sources.source import RawVolume
from synaxial.io.deflate import PIECE, DeflateError, GzipReader
from synaxial.io.errors import BadVolumeError
from synaxial.io.files import sha256_of

#: What nibabel and what it is built on raise for a damaged file.
DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    zlib.error,
    DeflateError,
    gzip.BadGzipFile,
    ImageFileError,
    HeaderDataError,
)

#: A NIfTI file that says it has more is damaged, or made to exhaust memory: MSD Task01's have
#: 0.15 GB.
MOST_BYTES = 2**32

#: What a compressed file unpacks to is kept in memory up to this size, so that it is unpacked once:
#: BraTS's files have 18 MB. Of a larger one the wanted channel is unpacked a second time.
MOST_BYTES_KEPT = 2**28

#: Where the voxels of a file may begin at most: room for the header's extensions.
LARGEST_OFFSET = 2**24

#: The kinds of NIfTI image by the bytes of their headers.
IMAGES: dict[int, Any] = {348: nibabel.Nifti1Image, 540: nibabel.Nifti2Image}


def open_volume(
    subject: str,
    flair: Path,
    segmentation: Path | None,
    labels: Mapping[int, int] | None,
    origin: str,
) -> RawVolume:
    """Open a subject's files.

    Raises
    ------
    BadVolumeError
        A file is no whole NIfTI file.
    """
    return RawVolume(
        image=open_image(flair, f"{subject} ({flair})"),
        segmentation=None
        if segmentation is None
        else open_image(segmentation, f"{subject} ({segmentation})"),
        origin=origin,
        sha256=sha256_of(flair),
        labels=labels,
    )


def open_image(path: Path, where: str) -> Any:
    """Open a NIfTI file, its header checked before anything is believed.

    A compressed file is read from end to end, so that its checksum is compared. Its voxels are
    kept unless they are many; others are read when they are asked for.

    Raises
    ------
    BadVolumeError
        It is no NIfTI file, or is cut off or damaged.
    """
    try:
        with _opened(path) as file:
            start = file.read(max(IMAGES))
            header = _read_header(start, where)
            size = _declared_size(header, where)
            kept = _unpack_whole(file, start, size, where) if path.suffix == ".gz" else None
        if path.suffix != ".gz" and path.stat().st_size < size:
            raise BadVolumeError(
                where, f"{path.stat().st_size} bytes", f"{size} as its header says"
            )
        return _image_of(header, path, kept)
    except FileNotFoundError as error:
        raise BadVolumeError(where, "the file is not there") from error
    except PermissionError:
        raise
    except DAMAGE as error:
        raise BadVolumeError(where, f"cannot be read ({error})", "a NIfTI file") from error


def _opened(path: Path) -> Any:
    return GzipReader(path) if path.suffix == ".gz" else path.open("rb")


def _read_header(start: bytes, where: str) -> Any:
    """Return the header that a file's first bytes hold."""
    for size, kind in IMAGES.items():
        # The header begins with its own size, in either byte order.
        first = {int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big")}
        if size in first and len(start) >= size:
            return kind.header_class(start[:size], check=False)
    raise BadVolumeError(where, f"no NIfTI header in its first {len(start)} bytes", "a NIfTI file")


def _declared_size(header: Any, where: str) -> int:
    """Return how many bytes a file with this header has at least."""
    if bytes(header["magic"].item())[:2] not in {b"n+"}:
        raise BadVolumeError(where, "no NIfTI file with its voxels in it", "a single NIfTI file")
    count = int(header["dim"][0])
    sizes = [int(size) for size in header["dim"][1 : count + 1]] if 1 <= count <= 7 else []
    if not sizes or min(sizes) < 1:
        raise BadVolumeError(
            where, f"the header has dimensions {header['dim'].tolist()}", "1 to 7 positive ones"
        )
    offset = float(header["vox_offset"])
    if not 0 <= offset <= LARGEST_OFFSET:
        raise BadVolumeError(
            where, f"the voxels begin at byte {offset:g}", f"at most {LARGEST_OFFSET}"
        )
    try:
        voxel = int(np.dtype(header.get_data_dtype()).itemsize)
    except (KeyError, HeaderDataError) as error:
        raise BadVolumeError(
            where, f"voxels of the unknown type {int(header['datatype'])}", "a type of NIfTI's"
        ) from error
    total = int(offset) + math.prod(sizes) * voxel
    if total > MOST_BYTES:
        raise BadVolumeError(
            where, f"the header claims {sizes} voxels, {total} bytes", f"at most {MOST_BYTES}"
        )
    return total


def _image_of(header: Any, path: Path, kept: bytearray | None) -> Any:
    """Return the image of a file whose header is read, and perhaps all that it unpacks to.

    nibabel.load would also read the header's extensions, as long as these claim to be.
    """
    header.check_fix()
    with np.errstate(all="ignore"):
        # A rotation that is not a number is met where the geometry is checked.
        affine = header.get_best_affine()
    image = IMAGES[int(header["sizeof_hdr"])](_voxels_of(header, path, kept), affine, header)
    image.set_filename(str(path))
    return image


def _voxels_of(header: Any, path: Path, kept: bytearray | None) -> Any:
    """Return what gives an image's voxels: a view of what is kept, or what reads them later."""
    if kept is None:
        return ArrayProxy(str(path), header, mmap=False)
    slope, intercept = header.get_slope_inter()
    if slope in {None, 1} and intercept in {None, 0}:
        shape, kind = header.get_data_shape(), header.get_data_dtype()
        return np.ndarray(shape, kind, kept, header.get_data_offset(), order="F")
    return ArrayProxy(io.BytesIO(kept), header, mmap=False)


def _unpack_whole(file: GzipReader, start: bytes, size: int, where: str) -> bytearray | None:
    """Unpack a compressed file to its end, which compares its checksum.

    Parameters
    ----------
    file
        The file, of which `start` has been read.
    start
        Its first bytes.
    size
        How many it has, as its header says.
    where
        What an error message calls it.

    Returns
    -------
    bytearray or None
        The first `size` bytes or a little more; None if these are more than `MOST_BYTES_KEPT`.
    """
    kept: bytearray | None = None
    unpacked = len(start)
    if size <= MOST_BYTES_KEPT:
        kept = bytearray(max(size, unpacked))
        kept[:unpacked] = start
        unpacked += file.readinto(memoryview(kept)[unpacked:])
    while chunk := file.read(PIECE):
        unpacked += len(chunk)
        if unpacked > MOST_BYTES:
            raise BadVolumeError(where, f"unpacks to over {MOST_BYTES} bytes", f"{size}")
    if unpacked < size:
        raise BadVolumeError(where, f"unpacks to {unpacked} bytes", f"{size} as its header says")
    return kept
