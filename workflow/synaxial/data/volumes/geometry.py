"""Shape, voxel size and orientation of a volume, read from its header."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from nibabel.affines import apply_affine, obliquity, voxel_sizes
from nibabel.orientations import (
    aff2axcodes,
    apply_orientation,
    axcodes2ornt,
    inv_ornt_aff,
    io_orientation,
    ornt_transform,
)
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from synaxial.config.model import VolumeCheck
from synaxial.io.errors import BadVolumeError

#: The orientation of all written volumes, which is that of BraTS: the indices grow to the left of
#: the patient, to posterior and to superior. A radiological slice is `volume[:, :, k].T`.
CANONICAL_AXES = ("L", "P", "S")

#: A volume that is tilted further has no axial slices.
LARGEST_TILT_DEGREES = 15.0

#: Smaller tilts are rounding of the 32-bit numbers in a header.
NOTED_TILT_DEGREES = 0.1

#: From this distance (mm) on, slices are thick.
THICK = 3.0

#: Largest relative difference between the voxel size and the expected one.
SPACING_TOLERANCE = 0.01

#: Larger numbers (mm) in an affine are damage.
LARGEST_COORDINATE = 1e6

#: Voxels of another size (mm) are no head: the header has another unit.
SMALLEST_VOXEL, LARGEST_VOXEL = 0.1, 20.0

#: A matrix of cosines with a smaller determinant has axes that lie in one plane.
SMALLEST_DETERMINANT = 1e-3

#: What nibabel and NumPy raise for a qform that is no rotation.
INVALID_QFORM = (HeaderDataError, ValueError, np.linalg.LinAlgError)


@dataclass(frozen=True)
class Geometry:
    """The grid of a volume, as its header describes it."""

    #: Voxels along the axes of the file, channels included.
    shape: tuple[int, ...]
    #: Voxel size in mm along the first three axes of the file.
    spacing: tuple[float, ...]
    #: The directions of these three axes, such as `LPS`.
    axes: str
    #: From voxel indices of the file to mm (RAS+), (4, 4).
    affine: NDArray[np.float64]
    #: Orientation transform of nibabel to `CANONICAL_AXES`, (3, 2).
    to_canonical: NDArray[np.float64]
    #: What is unusual but usable.
    notes: tuple[str, ...]
    #: A warning if the header has two orientations, else empty.
    conflict: str = ""

    @property
    def canonical_shape(self) -> tuple[int, ...]:
        """Voxels along the canonical axes."""
        return tuple(self.shape[axis] for axis in np.argsort(self.to_canonical[:, 0]))

    @property
    def canonical_spacing(self) -> tuple[float, ...]:
        """Voxel size in mm along the canonical axes."""
        return tuple(self.spacing[axis] for axis in np.argsort(self.to_canonical[:, 0]))

    @property
    def canonical_affine(self) -> NDArray[np.float64]:
        """From canonical voxel indices to mm (RAS+), float64 (4, 4)."""
        turned = self.affine @ inv_ornt_aff(self.to_canonical, self.shape[:3])
        # No negative zeros: copies in different orientations give the same bytes.
        return np.asarray(turned + 0.0, dtype=np.float64)

    def turn(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """Return a view of voxels (3-D, axes of the file) along the canonical axes."""
        turned: NDArray[Any] = apply_orientation(voxels, self.to_canonical)
        return turned

    def corners(self) -> NDArray[np.float64]:
        """Return the positions in mm (8, 3) of the corner voxels, in the canonical order."""
        indices = np.array(list(np.ndindex(2, 2, 2))) * (np.array(self.canonical_shape) - 1)
        return np.asarray(apply_affine(self.canonical_affine, indices), dtype=np.float64)


def read_geometry(
    image: Any,
    where: str,
    wanted: Literal["sform", "qform"] | None = None,
    any_tilt: bool = False,
) -> Geometry:
    """Read the geometry of a NIfTI image from its header.

    Parameters
    ----------
    image
        The NIfTI image.
    where
        The subject and the file, for messages.
    wanted
        `acquire.volume.affine`.
    any_tilt
        Accept any angle to the axes of the patient, for a volume that is resampled.

    Raises
    ------
    BadVolumeError
        The orientation or the voxel size is missing, invalid or not clear, or the axes are tilted.
    """
    header = image.header
    if not (int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0):
        raise BadVolumeError(
            where,
            "neither sform nor qform is set, so left and right are not known",
            "a header with an orientation",
        )
    both = int(header["sform_code"]) > 0 and int(header["qform_code"]) > 0
    affine = _read_qform(header, where) if both and wanted == "qform" else image.affine
    affine = np.asarray(affine, dtype=np.float64)
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
    # The size in pixdim is that of the qform.
    _check_spacing(spacing, header["pixdim"][1:4] if wanted is None else None, where)
    tilt = [] if any_tilt else _judge_tilt(affine, where)
    notes, conflict = _compare_affines(header) if both and wanted is None else ([], "")
    return Geometry(
        shape=tuple(int(size) for size in image.shape),
        spacing=tuple(float(size) for size in spacing),
        axes="".join(aff2axcodes(affine)),
        affine=affine,
        to_canonical=ornt_transform(io_orientation(affine), axcodes2ornt(CANONICAL_AXES)),
        notes=(*notes, *tilt),
        conflict=conflict,
    )


def grid_of(shape: tuple[int, ...], affine: NDArray[np.float64]) -> Geometry:
    """Return the geometry of a volume of canonical orientation."""
    return Geometry(
        shape=shape,
        spacing=tuple(float(size) for size in voxel_sizes(affine)),
        axes="".join(CANONICAL_AXES),
        affine=affine,
        to_canonical=np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]]),
        notes=(),
    )


def _read_qform(header: Any, where: str) -> NDArray[np.float64]:
    """Return the qform, float64 (4, 4); raise a BadVolumeError if its rotation is not valid."""
    try:
        qform: NDArray[np.float64] = header.get_qform()
    except INVALID_QFORM as error:
        raise BadVolumeError(
            where,
            f"the qform is not valid ({error})",
            "a rotation",
            "correct the header, or set acquire.volume.affine to sform",
        ) from error
    return qform


def tilt_of(affine: NDArray[np.float64]) -> float:
    """Return the angle in degrees between the axes of a volume and those of the patient."""
    return float(np.degrees(obliquity(affine).max()))


def _judge_tilt(affine: NDArray[np.float64], where: str) -> list[str]:
    """Return the note on a tilted volume, none if it is not; refuse one without axial slices."""
    tilt = tilt_of(affine)
    if tilt > LARGEST_TILT_DEGREES:
        raise BadVolumeError(
            where,
            f"the axes are tilted by {tilt:.1f} degrees from those of the patient",
            f"at most {LARGEST_TILT_DEGREES:g}",
            "resample it to axial slices, by acquire.conform.resample",
        )
    if tilt <= NOTED_TILT_DEGREES:
        return []
    return [f"tilted by {tilt:.1f} degrees; slices are those of the file, not resampled"]


def check_geometry(geometry: Geometry, check: VolumeCheck, where: str) -> None:
    """Compare shape and voxel size along the canonical axes with what the study expects.

    Raises
    ------
    BadVolumeError
        One of them differs.
    """
    if check.shape is not None and geometry.canonical_shape != check.shape:
        raise BadVolumeError(
            where,
            f"{times(geometry.canonical_shape)} voxels (left, posterior, superior)",
            f"{times(check.shape)}",
            "see acquire.volume.shape and acquire.conform.resample",
        )
    if check.spacing is not None and not np.allclose(
        geometry.canonical_spacing, check.spacing, rtol=SPACING_TOLERANCE, atol=0
    ):
        raise BadVolumeError(
            where,
            f"voxels of {times(geometry.canonical_spacing)} mm",
            f"{times(check.spacing)} mm within {SPACING_TOLERANCE:.0%}",
            "see acquire.volume.spacing and acquire.conform.resample",
        )


def _check_spacing(spacing: NDArray[np.float64], pixdim: NDArray[Any] | None, where: str) -> None:
    """Check the voxel size in mm of the affine, and compare it with that in pixdim unless None.

    Raises
    ------
    BadVolumeError
        It is not that of a head, or the two differ.
    """
    if spacing.min() < SMALLEST_VOXEL or spacing.max() > LARGEST_VOXEL:
        raise BadVolumeError(
            where,
            f"voxels of {times(spacing)} mm",
            f"{SMALLEST_VOXEL:g} to {LARGEST_VOXEL:g} mm",
            "correct the header, whose unit may not be mm",
        )
    if pixdim is not None and not np.allclose(spacing, pixdim, rtol=SPACING_TOLERANCE, atol=0):
        raise BadVolumeError(
            where,
            f"voxels of {times(spacing)} mm in the sform and {times(pixdim)} mm in pixdim",
            "one size",
            "correct the header, or set acquire.volume.affine to the right one (sform or qform)",
        )


def _compare_affines(header: Any) -> tuple[list[str], str]:
    """Return notes on the two affines of a header, and a warning if their orientations differ."""
    sform = "".join(aff2axcodes(header.get_sform()))
    try:
        with np.errstate(all="ignore"):
            qform = "".join(aff2axcodes(header.get_qform()))
    except INVALID_QFORM:
        return [f"the qform is not valid; the sform ({sform}) is used"], ""
    if sform == qform:
        return [], ""
    return [], (
        f"the sform says {sform} and the qform {qform}; the sform is used; check the patient's "
        "sides and set acquire.volume.affine"
    )


def times(numbers: Iterable[float]) -> str:
    """Return numbers as a message shows a size."""
    return " x ".join(f"{number:.4g}" for number in numbers)
