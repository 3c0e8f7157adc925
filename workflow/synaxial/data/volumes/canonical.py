"""From an image as its source has it to checked arrays in the one canonical orientation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.config.model import VolumeCheck
from synaxial.data.volumes.geometry import Geometry, check_geometry, corners, read_geometry
from synaxial.data.volumes.intensities import Voxels, make_positive
from synaxial.data.volumes.opening import DAMAGE
from synaxial.io.errors import BadVolumeError

#: A volume with more voxels is no brain at 1 mm or 0.5 mm; its header is damaged, or made to
#: exhaust the memory.
MOST_VOXELS = 2**28

#: The corners of a segmentation's grid may be this far (mm) from the image's: headers hold
#: rotations as 32-bit quaternions.
GRID_TOLERANCE = 0.1

#: Labels are stored in one byte.
LARGEST_LABEL = 255


@dataclass(frozen=True)
class CanonicalVolume:
    """A checked volume.

    Attributes
    ----------
    voxels
        int16 or float32 (left, posterior, superior); background 0, brain above 0.
    affine
        From voxel indices to mm (RAS+), float64 (4, 4).
    found
        The geometry that it had.
    notes
        What is unusual but usable, and what was done about it.
    """

    voxels: Voxels
    affine: NDArray[np.float64]
    found: Geometry
    notes: tuple[str, ...]


def make_canonical(image: Any, check: VolumeCheck, where: str) -> CanonicalVolume:
    """Check a FLAIR image and turn it to the canonical orientation.

    Parameters
    ----------
    image
        An opened NIfTI image: 3-D, or 4-D with the FLAIR volume as one channel.
    check
        What it must be.
    where
        What an error message calls it: the subject and the file.

    Raises
    ------
    BadVolumeError
        It is not what it must be, or its voxels cannot be read.
    """
    geometry = read_geometry(image, where)
    index = _channel_index(geometry.shape, check.channel, where)
    check_geometry(geometry, check, where)
    voxels, notes = make_positive(geometry.turn(_read_voxels(image, index, where)), where)
    return CanonicalVolume(
        voxels=voxels,
        affine=geometry.canonical_affine,
        found=geometry,
        notes=(*geometry.notes, *notes),
    )


def make_canonical_segmentation(
    image: Any, flair: Geometry, labels: Mapping[int, int] | None, where: str
) -> NDArray[np.uint8]:
    """Check a segmentation and turn it to the canonical orientation.

    Parameters
    ----------
    image
        An opened NIfTI image of labels.
    flair
        The geometry of the volume that it belongs to.
    labels
        What each label becomes; None keeps them.
    where
        What an error message calls it.

    Returns
    -------
    array
        uint8 (left, posterior, superior).

    Raises
    ------
    BadVolumeError
        It lies on another grid, or holds something other than labels.
    """
    geometry = read_geometry(image, where)
    index = _channel_index(geometry.shape, 0, where)
    if geometry.canonical_shape != flair.canonical_shape:
        raise BadVolumeError(
            where,
            f"the segmentation has {geometry.canonical_shape} voxels",
            f"{flair.canonical_shape} as the volume",
        )
    distance = float(np.linalg.norm(corners(geometry) - corners(flair), axis=1).max())
    if distance > GRID_TOLERANCE:
        raise BadVolumeError(
            where,
            f"the segmentation's grid lies up to {distance:.3g} mm from the volume's",
            "one grid",
        )
    voxels = _read_voxels(image, index, where)
    present = np.unique(voxels)
    allowed = np.arange(LARGEST_LABEL + 1) if labels is None else np.array(sorted(labels))
    unknown = present[~np.isin(present, allowed)]
    if unknown.size:
        named = f"whole numbers of 0 to {LARGEST_LABEL}" if labels is None else f"{sorted(labels)}"
        shown = ", ".join(f"{value:g}" for value in unknown[:5])
        raise BadVolumeError(where, f"the segmentation holds labels {shown}", named)
    table = np.arange(LARGEST_LABEL + 1, dtype=np.uint8)
    for label, meaning in (labels or {}).items():
        table[label] = meaning
    return geometry.turn(table[voxels.astype(np.uint8)])


def _channel_index(shape: tuple[int, ...], channel: int, where: str) -> tuple[slice | int, ...]:
    """Return the index that takes one 3-D volume from an array of this shape."""
    axes = len(shape)
    while axes > 3 and shape[axes - 1] == 1:
        axes -= 1
    if axes not in {3, 4}:
        raise BadVolumeError(
            where, f"{len(shape)} axes of {list(shape)} voxels", "3, or 4 with channels"
        )
    if min(shape) < 1 or int(np.prod(shape[:3], dtype=np.float64)) > MOST_VOXELS:
        raise BadVolumeError(
            where, f"{list(shape)} voxels", f"at least 1 an axis and at most {MOST_VOXELS} in all"
        )
    index: list[slice | int] = [slice(None)] * 3 + [0] * (len(shape) - 3)
    if axes == 4:
        if channel >= shape[3]:
            raise BadVolumeError(
                where,
                f"{shape[3]} channels",
                f"channel {channel} (counted from 0)",
                "see acquire.volume.channel",
            )
        index[3] = channel
    return tuple(index)


def _read_voxels(image: Any, index: tuple[slice | int, ...], where: str) -> NDArray[Any]:
    """Read one 3-D volume, scaled as the header says, in the file's orientation."""
    stored = np.dtype(image.get_data_dtype())
    if stored.kind not in "iuf":
        raise BadVolumeError(where, f"voxels of type {stored}", "integers or real numbers")
    try:
        # An overflow gives an infinity, which the check of the values reports.
        with np.errstate(all="ignore"):
            return np.asanyarray(image.dataobj[index])
    except DAMAGE as error:
        raise BadVolumeError(where, f"the voxels cannot be read ({error})") from error
