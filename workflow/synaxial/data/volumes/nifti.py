"""Reading NIfTI files of strangers, which may be damaged or made to do harm; writing our own."""

import io
import math
import zlib
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from synaxial.io.deflate import DeflateError, open_gzip, pack_gzip
from synaxial.io.errors import BadVolumeError

#: What nibabel, NumPy and the unpackers raise for a damaged file.
DAMAGE = (OSError, EOFError, ValueError, OverflowError, zlib.error, DeflateError, HeaderDataError)

#: A file that unpacks to more bytes is damaged, or made to exhaust the memory; those of MSD
#: Task01 have 0.15 GB.
MOST_BYTES = 2**32

#: Bytes that are unpacked at a time.
PIECE = 2**18

#: Up to this size (bytes) an unpacked file is kept in memory, so that it is unpacked once. A BraTS
#: volume has 18 MB. From a larger file the wanted channel is unpacked a second time.
MOST_BYTES_KEPT = 2**28

#: Bytes that hold the header of NIfTI-1 (348) or of NIfTI-2.
LARGEST_HEADER = 540

#: The code in NIfTI for coordinates of a scanner, which the files of BraTS have.
SCANNER_COORDINATES = 1


def open_image(path: Path, where: str) -> Any:
    """Open a NIfTI file (.nii or .nii.gz) with nibabel; `where` names it in messages.

    A compressed file is read to its end, so that its checksum is compared.

    Raises
    ------
    BadVolumeError
        It is no NIfTI file, or is cut off or damaged.
    """
    try:
        start, size, content = _read(path, where)
        kind, header = _read_header(start, where)
        declared = header.get_data_offset() + math.prod(header.get_data_shape()) * (
            header.get_data_dtype().itemsize
        )
        if size < declared:
            raise BadVolumeError(where, f"{size} bytes", f"{declared} as its header says")
        # Not nibabel.load: it would also parse the extensions of the header.
        with np.errstate(all="ignore"):
            image = kind(_voxels(path, header, content), header.get_best_affine(), header)
    except FileNotFoundError as error:
        raise BadVolumeError(where, "the file is not there") from error
    except PermissionError:
        raise
    except DAMAGE as error:
        raise BadVolumeError(where, f"cannot be read ({error})", "a NIfTI file") from error
    image.set_filename(str(path))
    return image


def write_volume(path: Path, voxels: NDArray[np.number[Any]], affine: NDArray[np.float64]) -> None:
    """Write voxels (left, posterior, superior) and their affine to mm (RAS+) as `.nii.gz`.

    The voxels are uint8, int16 or float32. The same volume gives the same bytes.
    """
    image = nibabel.Nifti1Image(voxels, affine)
    image.set_sform(affine, SCANNER_COORDINATES)
    image.set_qform(affine, SCANNER_COORDINATES)
    image.header.set_xyzt_units("mm", "sec")
    path.write_bytes(pack_gzip(image.to_bytes()))


def _read(path: Path, where: str) -> tuple[bytes, int, bytearray | None]:
    """Return the first bytes of a file, its size unpacked, and its content if that is kept."""
    if path.suffix != ".gz":
        with path.open("rb") as file:
            return file.read(LARGEST_HEADER), path.stat().st_size, None
    size, content = 0, bytearray()
    with open_gzip(path) as packed:
        while piece := packed.read(PIECE):
            size += len(piece)
            if size > MOST_BYTES:
                raise BadVolumeError(where, f"unpacks to over {MOST_BYTES} bytes", "a volume")
            if not content or size <= MOST_BYTES_KEPT:
                content += piece
    return bytes(content[:LARGEST_HEADER]), size, content if size <= MOST_BYTES_KEPT else None


def _read_header(start: bytes, where: str) -> tuple[Any, Any]:
    """Return the class of the image that these bytes begin, and its header."""
    kinds = (nibabel.Nifti1Image, nibabel.Nifti2Image)
    kind = next((k for k in kinds if k.header_class.may_contain_header(start)), None)
    if kind is None:
        raise BadVolumeError(
            where, f"no NIfTI header in its first {len(start)} bytes", "a NIfTI file"
        )
    header = kind.header_class(start[: kind.header_class.sizeof_hdr], check=False)
    header.check_fix()
    if not header["magic"].item().startswith(b"n+"):
        raise BadVolumeError(where, "the header of a pair of files", "a single NIfTI file")
    if not 1 <= header["dim"][0] <= 7 or min(header.get_data_shape()) < 1:
        raise BadVolumeError(
            where, f"the header has dimensions {header['dim'].tolist()}", "1 to 7 positive ones"
        )
    return kind, header


def _voxels(path: Path, header: Any, content: bytearray | None) -> ArrayProxy | NDArray[Any]:
    """Return the voxels of a file: a view of its content, or a proxy that reads them later."""
    if content is None:
        return ArrayProxy(str(path), header, mmap=False)
    if header.get_slope_inter() in {(None, None), (1, 0)}:
        shape, kind = header.get_data_shape(), header.get_data_dtype()
        return np.ndarray(shape, kind, content, header.get_data_offset(), order="F")
    return ArrayProxy(io.BytesIO(content), header, mmap=False)
