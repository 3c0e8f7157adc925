"""NIfTI files of canonical volumes, the same bytes for the same volume."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from synaxial.acquire.intensities import Voxels

#: gzip's effort: 1 of 9 takes half the time of the default and a tenth more room.
COMPRESSION_LEVEL = 1

#: NIfTI's code for coordinates of a scanner, which BraTS's own files have.
SCANNER_COORDINATES = 1


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
    with (
        path.open("wb") as file,
        gzip.GzipFile(
            filename="", mode="wb", compresslevel=COMPRESSION_LEVEL, fileobj=file, mtime=0
        ) as packed,
    ):
        packed.write(image.to_bytes())
