"""Checking and reorienting the images of a source into arrays of canonical orientation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from synaxial.config.model import VolumeCheck
from synaxial.data.volumes.geometry import Geometry, check_geometry, read_geometry
from synaxial.data.volumes.intensities import Voxels, make_positive
from synaxial.data.volumes.nifti import DAMAGE
from synaxial.io.errors import BadVolumeError

#: More voxels are not a brain at 0.5 mm or more: the header is damaged or malicious.
MOST_VOXELS = 2**28

#: Largest distance (mm) of the corners of a segmentation from those of the image: headers round
#: rotations to 32 bits.
GRID_TOLERANCE = 0.1

#: Labels are stored in one byte.
LARGEST_LABEL = 255


@dataclass(frozen=True)
class CanonicalVolume:
    """A checked volume."""

    #: (left, posterior, superior); background 0, brain above 0.
    voxels: Voxels
    #: From voxel indices to mm (RAS+), (4, 4).
    affine: NDArray[np.float64]
    #: The geometry before.
    found: Geometry
    #: What is unusual but usable, and what was done about it.
    notes: tuple[str, ...]
    #: What may be wrong with the patient's sides or with the whole image.
    warnings: tuple[str, ...]


def make_canonical(
    image: Any,
    check: VolumeCheck,
    where: str,
    channel: int | None = None,
    resampled: bool = False,
) -> CanonicalVolume:
    """Check a FLAIR image and turn it to the canonical orientation.

    Parameters
    ----------
    image
        A NIfTI image: 3-D, or 4-D with the FLAIR volume as one channel.
    check
        What the volume must have.
    where
        The subject and the file, for messages.
    channel
        The FLAIR channel in this data set, if that is known; `check.channel` comes first.
    resampled
        The volume gets another grid afterwards, so that its own may be any.

    Raises
    ------
    BadVolumeError
        It is not as expected, or its voxels cannot be read.
    """
    geometry = read_geometry(image, where, check.affine, any_tilt=resampled)
    wanted = channel if check.channel is None else check.channel
    index = channel_index(geometry.shape, wanted, where)
    if not resampled:
        check_geometry(geometry, check, where)
    voxels, notes, warnings = make_positive(geometry.turn(read_voxels(image, index, where)), where)
    return CanonicalVolume(
        voxels,
        geometry.canonical_affine,
        geometry,
        (*geometry.notes, *notes),
        tuple(filter(None, (geometry.conflict, *warnings))),
    )


def make_canonical_segmentation(
    image: Any,
    flair: Geometry,
    labels: Mapping[int, int] | None,
    where: str,
    wanted: Literal["sform", "qform"] | None = None,
) -> NDArray[np.uint8]:
    """Check a segmentation and turn it to the canonical orientation.

    Parameters
    ----------
    image
        A NIfTI image of labels, on the grid of the volume.
    flair
        The geometry of the volume.
    labels
        The new label for each label; None keeps them.
    where
        The subject and the file, for messages.
    wanted
        `acquire.volume.affine`.

    Raises
    ------
    BadVolumeError
        It has channels, lies on another grid or on one of unknown sides, or holds something other
        than labels.
    """
    if flair.conflict:
        raise BadVolumeError(where, "the volume has two orientations")
    # Its tilt is that of the volume, or it lies on another grid.
    geometry = read_geometry(image, where, wanted, any_tilt=True)
    index = channel_index(geometry.shape, 0, where)
    if int(np.prod(geometry.shape[3:])) > 1:
        raise BadVolumeError(
            where,
            f"{int(np.prod(geometry.shape[3:]))} channels",
            "one volume of labels",
            "convert it, for example with NumPy's argmax if each channel is a label",
        )
    check_same_grid(geometry, flair, where)
    voxels = read_voxels(image, index, where)
    return geometry.turn(_stored_labels(voxels, labels, where))


def _stored_labels(
    voxels: NDArray[Any], labels: Mapping[int, int] | None, where: str
) -> NDArray[np.uint8]:
    """Return labels in one byte, with their new meaning; see `make_canonical_segmentation`."""
    allowed = range(LARGEST_LABEL + 1) if labels is None else sorted(labels)
    with np.errstate(invalid="ignore"):
        stored = voxels.astype(np.uint8, copy=False)
    is_known = np.isin(np.arange(LARGEST_LABEL + 1), allowed)
    # To look up each voxel is several times as fast as to find all values that there are.
    is_whole = voxels.dtype == np.uint8 or np.array_equal(stored, voxels)
    if not (is_whole and is_known[stored].all()):
        unknown = np.setdiff1d(voxels, allowed)
        named = f"whole numbers of 0 to {LARGEST_LABEL}" if labels is None else f"{allowed}"
        shown = ", ".join(f"{value:g}" for value in unknown[:5])
        raise BadVolumeError(where, f"holds labels {shown}", named)
    if labels is None:
        return stored
    table = np.arange(LARGEST_LABEL + 1, dtype=np.uint8)
    for label, meaning in labels.items():
        table[label] = meaning
    return table[stored]


def check_same_grid(geometry: Geometry, flair: Geometry, where: str) -> None:
    """Raise a BadVolumeError if a segmentation or a mask is not on the grid of its volume."""
    if geometry.canonical_shape != flair.canonical_shape:
        raise BadVolumeError(
            where,
            f"{geometry.canonical_shape} voxels",
            f"{flair.canonical_shape} as the volume",
        )
    distance = float(np.linalg.norm(geometry.corners() - flair.corners(), axis=1).max())
    if distance > GRID_TOLERANCE:
        raise BadVolumeError(
            where,
            f"its grid lies up to {distance:.3g} mm from that of the volume",
            "one grid",
        )


def channel_index(
    shape: tuple[int, ...], channel: int | None, where: str
) -> tuple[slice | int, ...]:
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
            where, f"{list(shape)} voxels", f"at least 1 per axis and at most {MOST_VOXELS} in all"
        )
    index: list[slice | int] = [slice(None)] * 3 + [0] * (len(shape) - 3)
    if axes == 4:
        if channel is None or channel >= shape[3]:
            raise BadVolumeError(
                where,
                f"{shape[3]} channels",
                "one volume" if channel is None else f"channel {channel} (counted from 0)",
                "set acquire.volume.channel to the FLAIR channel",
            )
        index[3] = channel
    return tuple(index)


def read_voxels(image: Any, index: tuple[slice | int, ...], where: str) -> NDArray[Any]:
    """Read one 3-D volume, scaled as the header says, in the orientation of the file."""
    stored = np.dtype(image.get_data_dtype())
    if stored.kind not in "iuf":
        raise BadVolumeError(where, f"voxels of type {stored}", "integers or real numbers")
    try:
        # An overflow gives an infinity, which the check of the values refuses.
        with np.errstate(all="ignore"):
            return np.asanyarray(image.dataobj[index])
    except DAMAGE as error:
        raise BadVolumeError(where, f"the voxels cannot be read ({error})") from error
