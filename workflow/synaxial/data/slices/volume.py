"""Reading a volume that the stage `acquire` wrote.

nibabel is not used here, because it imports pydicom, which takes longer than cutting a whole
volume. All acquired volumes have the same layout, so a few fields of the header suffice.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.io.deflate import unpack_gzip
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder

EXPECTED = "a volume written by `synaxial data acquire`"
REMEDY = "remove it and run acquire again"

#: The byte of a NIfTI-1 file where the voxels begin, if the header has no extensions.
VOXELS_BEGIN = 352

#: The voxel types of acquired volumes, by NIfTI's code.
TYPES = {2: "|u1", 4: "<i2", 16: "<f4"}


def read_volume(path: Path) -> NDArray[Any]:
    """Read the voxels of a canonical volume.

    Returns
    -------
    NDArray
        (left, posterior, superior), uint8, int16 or float32: background exactly 0 and brain above
        0, in the arbitrary units of the scanner.

    Raises
    ------
    SynaxialError
        The file is absent, damaged, or not written by `acquire`.
    """
    if is_placeholder(path):
        raise SynaxialError(path, "is an empty file, which marks a skipped subject", EXPECTED)
    try:
        return voxels_of(unpack_gzip(path))
    except (OSError, EOFError, ValueError, KeyError, struct.error) as error:
        raise SynaxialError(path, f"cannot be read ({error})", EXPECTED, REMEDY) from error


def voxels_of(content: bytes) -> NDArray[Any]:
    """Return the voxels of a NIfTI-1 file in the one layout that `write_volume` has.

    Source: the header file nifti1.h of the NIfTI Data Format Working Group.

    Raises
    ------
    ValueError, KeyError, struct.error
        The content has another layout.
    """
    dimensions, *shape = struct.unpack_from("<4h", content, 40)
    begin, slope, intercept = struct.unpack_from("<3f", content, 108)
    to_mm = np.frombuffer(content, "<f4", 12, 280).reshape(3, 4)
    # NaN, as nibabel writes it, means that the values are not scaled.
    unscaled = np.isnan(slope) or (slope, intercept) == (1, 0)
    if dimensions != 3 or begin != VOXELS_BEGIN or not unscaled:
        raise ValueError("it has another layout")
    if (np.sign(np.diag(to_mm)) != (-1, -1, 1)).any():
        raise ValueError("its axes do not run to the left, to posterior and to superior")
    kind = TYPES[struct.unpack_from("<h", content, 70)[0]]
    voxels: NDArray[Any] = np.frombuffer(content, kind, offset=VOXELS_BEGIN)
    return voxels.reshape(shape, order="F")
