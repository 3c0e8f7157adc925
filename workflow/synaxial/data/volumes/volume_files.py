"""NIfTI files of canonical volumes, the same bytes for the same volume."""

from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from synaxial.data.volumes.intensities import Voxels
from synaxial.io.deflate import pack_gzip

#: NIfTI's code for coordinates of a scanner, which BraTS's own files have.
SCANNER_COORDINATES = 1

#: The byte where the voxels begin: after the header and four bytes that say "no extensions".
VOXELS_BEGIN = 352


def write_volume(
    path: Path, voxels: Voxels | NDArray[np.uint8], affine: NDArray[np.float64]
) -> None:
    """Write a `.nii.gz` file, with no time or name in it.

    Parameters
    ----------
    path
        The file.
    voxels
        uint8, int16 or float32 (left, posterior, superior).
    affine
        From voxel indices to mm (RAS+), (4, 4).
    """
    image = nibabel.Nifti1Image(voxels, affine)
    image.set_sform(affine, SCANNER_COORDINATES)
    image.set_qform(affine, SCANNER_COORDINATES)
    image.header.set_xyzt_units("mm", "sec")
    # What nibabel itself would write, but it copies the voxels slice by slice.
    image.header["vox_offset"] = VOXELS_BEGIN
    image.header.set_slope_inter(1, 0)
    start = image.header.binaryblock.ljust(VOXELS_BEGIN, b"\0")
    # In Fortran's order, which a BraTS volume has: then nothing is copied.
    stored = np.ascontiguousarray(voxels.T).data.cast("B")
    path.write_bytes(pack_gzip(start, stored))
