"""Reading untrusted NIfTI files, which may be damaged or malicious, and writing our own."""

import io
import math
import zlib
from collections.abc import Iterator
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

#: The first bytes of a gzip file.
GZIP = b"\x1f\x8b"

#: The codes in NIfTI for what an affine leads to, and 0 for an affine that is not set.
AFFINE_CODES = range(6)

#: NIfTI's units of length other than mm and unknown, which is mm in practice.
OTHER_UNITS = {1: "metres", 3: "micrometres"}

#: The code in NIfTI for coordinates of a scanner, which the files of BraTS have.
SCANNER_COORDINATES = 1


def open_image(path: Path, where: str) -> Any:
    """Open a NIfTI file (.nii or .nii.gz) with nibabel; `where` names it in messages.

    A compressed file is read to its end, so that its checksum is compared.

    Raises
    ------
    BadVolumeError
        It is no NIfTI file, is cut off or damaged, or has a header that the format forbids.
    """
    try:
        start, size, content = _read(path, where)
        kind, header = _read_header(start, where)
        _check_size(header, size, where)
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
    with path.open("rb") as file:
        start = file.read(LARGEST_HEADER)
    if path.suffix != ".gz":
        if start.startswith(GZIP):
            remedy = f"name it {path.name}.gz"
            raise BadVolumeError(where, "is a compressed file (gzip)", "a plain .nii file", remedy)
        return start, path.stat().st_size, None
    if _kind_of(start) is not None:
        remedy = f"name it {path.stem}"
        raise BadVolumeError(where, "is not compressed", "a gzip file, as .nii.gz says", remedy)
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
    kind = _kind_of(start)
    if kind is None:
        raise BadVolumeError(
            where, f"no NIfTI header in its first {len(start)} bytes", "a NIfTI file"
        )
    header = kind.header_class(start[: kind.header_class.sizeof_hdr], check=False)
    found = header.copy()
    header.check_fix()
    if not header["magic"].item().startswith(b"n+"):
        raise BadVolumeError(where, "the header of a pair of files", "a single NIfTI file")
    if not 1 <= header["dim"][0] <= 7 or min(header.get_data_shape()) < 1:
        raise BadVolumeError(
            where, f"the header has dimensions {header['dim'].tolist()}", "1 to 7 positive ones"
        )
    for fault, expected in _faults(found):
        raise BadVolumeError(where, f"the header has {fault}", expected, "correct the header")
    return kind, header


def _kind_of(start: bytes) -> Any:
    """Return the class of the image that these bytes begin, or None."""
    kinds = (nibabel.Nifti1Image, nibabel.Nifti2Image)
    return next((kind for kind in kinds if kind.header_class.may_contain_header(start)), None)


def _faults(header: Any) -> Iterator[tuple[str, str]]:
    """Yield what the format forbids, and what it asks for, in a header as it was read.

    nibabel mends or ignores these without a word, and so may change the place of the voxels, their
    values, their size or the patient's sides. Source: the header files nifti1.h and nifti2.h.
    """
    length, offset, bits = (header[name].item() for name in ("sizeof_hdr", "vox_offset", "bitpix"))
    if length != header.sizeof_hdr:
        yield f"sizeof_hdr {length}", f"{header.sizeof_hdr}"
    if not offset >= header.single_vox_offset:
        yield f"vox_offset {offset:g}", f"{header.single_vox_offset} or more in a single file"
    if bits != 8 * header.get_data_dtype().itemsize:
        yield f"bitpix {bits}", f"{8 * header.get_data_dtype().itemsize} as its datatype has"
    if np.isinf(header["scl_slope"]):
        yield f"scl_slope {header['scl_slope']}", "a finite number"
    qfac, *sizes = header["pixdim"][:4].tolist()
    if not all(0 < size < math.inf for size in sizes):
        yield f"pixdim {sizes}", "positive voxel sizes"
    for name in ("qform_code", "sform_code"):
        if header[name] not in AFFINE_CODES:
            yield f"{name} {header[name]}", f"0 to {max(AFFINE_CODES)}"
    # 0 counts as 1, as nifti1.h says.
    if header["qform_code"] > 0 and qfac not in {-1, 0, 1}:
        yield f"pixdim[0] {qfac:g}, so left and right are not known", "1 or -1"
    if (unit := int(header["xyzt_units"]) % 8) in OTHER_UNITS:
        yield f"lengths in {OTHER_UNITS[unit]}", "mm"


def _check_size(header: Any, size: int, where: str) -> None:
    """Refuse a file of fewer bytes than its header says, or with slices that it does not mention.

    Raises
    ------
    BadVolumeError
        The size does not fit.
    """
    shape, item = header.get_data_shape(), header.get_data_dtype().itemsize
    declared = header.get_data_offset() + math.prod(shape) * item
    if size < declared or size >= declared + math.prod(shape[:2]) * item:
        raise BadVolumeError(where, f"{size} bytes", f"{declared} as its header says")


def _voxels(path: Path, header: Any, content: bytearray | None) -> ArrayProxy | NDArray[Any]:
    """Return the voxels of a file: a view of its content, or a proxy that reads them later."""
    if content is None:
        return ArrayProxy(str(path), header, mmap=False)
    if header.get_slope_inter() in {(None, None), (1, 0)}:
        shape, kind = header.get_data_shape(), header.get_data_dtype()
        return np.ndarray(shape, kind, content, header.get_data_offset(), order="F")
    return ArrayProxy(io.BytesIO(content), header, mmap=False)
