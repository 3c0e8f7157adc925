"""Reading a volume that the stage `acquire` wrote."""

import math
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from synaxial.io.deflate import GzipReader
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder

#: The orientation of every acquired volume: array axes run to the patient's left, to posterior
#: and to superior.
CANONICAL = ("L", "P", "S")

#: The most voxels that are read; BraTS has 9 million.
MAXIMUM_VOXELS = 512**3

EXPECTED = "a volume written by `synaxial data acquire`"
REMEDY = "remove it and run acquire again"


def read_volume(path: Path) -> NDArray[Any]:
    """Read the voxels of a canonical volume.

    Returns
    -------
    NDArray
        (left, posterior, superior) in voxels, any real dtype, finite; background exactly 0 and
        brain above 0, in the scanner's arbitrary units.

    Raises
    ------
    SynaxialError
        The file is absent, damaged, or not what `acquire` writes.
    """
    if is_placeholder(path):
        raise SynaxialError(path, "is an empty file, the sign of a skipped subject", EXPECTED)
    try:
        with GzipReader(path) as file:
            voxels = _voxels_of(path, file)
            # gzip compares its checksum when it meets the end, which nibabel does not ask for.
            rest = file.read(1)
    except SynaxialError:
        raise
    # On a damaged header nibabel fails in many ways, which have no common base.
    except Exception as error:
        raise SynaxialError(path, f"cannot be read ({error})", EXPECTED, REMEDY) from error
    if rest:
        raise SynaxialError(path, "goes on after its last voxel", EXPECTED, REMEDY)
    if voxels.dtype.kind not in "iuf" or not np.isfinite(voxels).all() or voxels.min() < 0:
        raise SynaxialError(
            path, "has voxels that are no number or below 0", "a background of 0", REMEDY
        )
    return voxels


def _voxels_of(path: Path, file: GzipReader) -> NDArray[Any]:
    """Read the voxels from an unpacked NIfTI file, its header checked first."""
    image = nibabel.Nifti1Image.from_stream(file)
    shape = image.shape
    axes = nibabel.aff2axcodes(image.affine)
    if len(shape) != 3 or axes != CANONICAL:
        found = f"has shape {shape} and axes {''.join(str(axis) for axis in axes)}"
        raise SynaxialError(path, found, "three axes, LPS", REMEDY)
    if math.prod(shape) > MAXIMUM_VOXELS:
        raise SynaxialError(path, f"has shape {shape}", f"at most {MAXIMUM_VOXELS} voxels")
    voxels: NDArray[Any] = np.asanyarray(image.dataobj)
    return voxels
