"""Shape, voxel size and orientation of a volume, known from its header alone."""

from dataclasses import dataclass
from typing import Any

import nibabel
import numpy as np
from nibabel.affines import obliquity, voxel_sizes
from nibabel.orientations import (
    apply_orientation,
    axcodes2ornt,
    inv_ornt_aff,
    io_orientation,
    ornt2axcodes,
    ornt_transform,
)
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from synaxial.config.model import VolumeCheck
from synaxial.io.errors import BadVolumeError

#: The one orientation of all volumes, BraTS's own: along the axes the index grows to the
#: patient's left, to posterior, to superior. A radiological slice is `volume[:, :, k].T`.
CANONICAL_AXES = ("L", "P", "S")

#: A volume tilted further is not one of axial slices, and turning its axes would not make it so.
LARGEST_TILT_DEGREES = 15.0

#: Tilts below this are the rounding of a header's 32-bit numbers.
NOTED_TILT_DEGREES = 0.1

#: How far the voxel size may be from the expected one.
SPACING_TOLERANCE = 0.01

#: Numbers in an affine beyond this (mm) are damage.
LARGEST_COORDINATE = 1e6

#: Cosine matrices with a smaller determinant have axes that lie in one plane.
SMALLEST_DETERMINANT = 1e-3


@dataclass(frozen=True)
class Geometry:
    """What a header says of a volume's grid.

    Attributes
    ----------
    shape
        Voxels along the file's axes, channels included.
    spacing
        Voxel size in mm along the file's first three axes.
    axes
        The directions in which the file's first three axes grow, such as `LPS`.
    affine
        From the file's voxel indices to mm (RAS+), float64 (4, 4).
    to_canonical
        nibabel's orientation transform to `CANONICAL_AXES`, (3, 2).
    notes
        What is unusual but usable.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, float, float]
    axes: str
    affine: NDArray[np.float64]
    to_canonical: NDArray[np.float64]
    notes: tuple[str, ...]

    @property
    def canonical_shape(self) -> tuple[int, int, int]:
        """Voxels along the canonical axes."""
        x, y, z = (self.shape[self._file_axis(axis)] for axis in range(3))
        return x, y, z

    @property
    def canonical_spacing(self) -> tuple[float, float, float]:
        """Voxel size in mm along the canonical axes."""
        x, y, z = (self.spacing[self._file_axis(axis)] for axis in range(3))
        return x, y, z

    @property
    def canonical_affine(self) -> NDArray[np.float64]:
        """From canonical voxel indices to mm (RAS+), float64 (4, 4)."""
        turned = self.affine @ inv_ornt_aff(self.to_canonical, self.shape[:3])
        # No negative zeros: copies that differ in orientation give the same bytes.
        return np.asarray(turned + 0.0, dtype=np.float64)

    def turn(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """Return voxels (3-D, the file's axes) along the canonical axes; a view."""
        turned: NDArray[Any] = apply_orientation(voxels, self.to_canonical)
        return turned

    def _file_axis(self, canonical_axis: int) -> int:
        return int(np.flatnonzero(self.to_canonical[:, 0] == canonical_axis)[0])


def read_geometry(image: Any, where: str) -> Geometry:
    """Read a NIfTI image's geometry from its header; no voxel is read.

    Raises
    ------
    BadVolumeError
        The orientation is not known or no orientation at all, or the axes are tilted.
    """
    header = image.header
    if not (int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0):
        raise BadVolumeError(
            where,
            "neither sform nor qform is set, so which side is left is not known",
            "a header with an orientation",
        )
    affine = np.asarray(image.affine, dtype=np.float64)
    if not (np.abs(affine) <= LARGEST_COORDINATE).all():
        raise BadVolumeError(
            where,
            "the affine holds NaN, infinity or a huge number",
            f"numbers up to {LARGEST_COORDINATE:g} mm",
        )
    spacing = voxel_sizes(affine)
    cosines = affine[:3, :3] / np.where(spacing > 0, spacing, 1)
    if spacing.min() <= 0 or abs(np.linalg.det(cosines)) < SMALLEST_DETERMINANT:
        raise BadVolumeError(
            where, f"the affine is singular: {affine[:3, :3].tolist()}", "three independent axes"
        )
    tilt = float(np.degrees(obliquity(affine).max()))
    if tilt > LARGEST_TILT_DEGREES:
        raise BadVolumeError(
            where,
            f"the axes are tilted by {tilt:.1f} degrees from the patient's",
            f"at most {LARGEST_TILT_DEGREES:g}",
            "resample it to axial slices first",
        )
    notes = _note_disagreement(header)
    if tilt > NOTED_TILT_DEGREES:
        notes.append(f"tilted by {tilt:.1f} degrees; slices are the file's own, not resampled")
    orientation = io_orientation(affine)
    return Geometry(
        shape=tuple(int(size) for size in image.shape),
        spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        axes="".join(ornt2axcodes(orientation)),
        affine=affine,
        to_canonical=ornt_transform(orientation, axcodes2ornt(CANONICAL_AXES)),
        notes=tuple(notes),
    )


def check_geometry(geometry: Geometry, check: VolumeCheck, where: str) -> None:
    """Compare a geometry with what the study expects, along the canonical axes.

    Raises
    ------
    BadVolumeError
        The shape is another, or the voxel size is off by more than 1 %.
    """
    if check.shape is not None and geometry.canonical_shape != check.shape:
        raise BadVolumeError(
            where,
            f"{_times(geometry.canonical_shape)} voxels (left, posterior, superior)",
            f"{_times(check.shape)}",
            "see acquire.volume.shape",
        )
    if check.spacing is not None and not np.allclose(
        geometry.canonical_spacing, check.spacing, rtol=SPACING_TOLERANCE, atol=0
    ):
        raise BadVolumeError(
            where,
            f"voxels of {_times(geometry.canonical_spacing)} mm",
            f"{_times(check.spacing)} mm within {SPACING_TOLERANCE:.0%}",
            "see acquire.volume.spacing",
        )


def corners(geometry: Geometry) -> NDArray[np.float64]:
    """Return the positions in mm (8, 3) of the corner voxels of the canonical grid."""
    last = np.array(geometry.canonical_shape) - 1
    indices = np.array(list(np.ndindex(2, 2, 2))) * last
    positions = nibabel.affines.apply_affine(geometry.canonical_affine, indices)
    return np.asarray(positions, dtype=np.float64)


def _note_disagreement(header: Any) -> list[str]:
    """Say if the two orientations that a header can hold are both set and differ."""
    if not (int(header["sform_code"]) > 0 and int(header["qform_code"]) > 0):
        return []
    sform = "".join(ornt2axcodes(io_orientation(header.get_sform())))
    try:
        with np.errstate(all="ignore"):
            qform = "".join(ornt2axcodes(io_orientation(header.get_qform())))
    except (HeaderDataError, ValueError, np.linalg.LinAlgError):
        return [f"the qform is not valid; the sform ({sform}) is used"]
    if sform == qform:
        return []
    return [f"the sform says {sform} and the qform {qform}; the sform is used"]


def _times(numbers: tuple[float, ...]) -> str:
    return " x ".join(f"{number:.4g}" for number in numbers)
