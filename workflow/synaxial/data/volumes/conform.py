"""Volumes that are not like those of BraTS: without the skull, and on the grid of the study.

The brain is extracted first, on the grid of the scanner, because that is what the tools are made
for. Resampling divides by the resampled mask of the brain, so that the edge of the brain does not
become darker where it is mixed with the background.
"""

import dataclasses
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Literal

import nibabel
import numpy as np
from nibabel.affines import apply_affine
from nibabel.processing import resample_from_to
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from synaxial.config.model import Acquire, VolumeCheck
from synaxial.data.volumes.canonical import (
    CanonicalVolume,
    channel_index,
    check_same_grid,
    read_voxels,
)
from synaxial.data.volumes.geometry import (
    NOTED_TILT_DEGREES,
    THICK,
    Geometry,
    grid_of,
    read_geometry,
    tilt_of,
    times,
)
from synaxial.data.volumes.intensities import NOT_STRIPPED, make_positive
from synaxial.data.volumes.nifti import open_image, write_volume
from synaxial.io.errors import BadVolumeError, SynaxialError

Interpolation = Literal["linear", "cubic", "nearest"]

#: The orders of the splines.
ORDERS: dict[Interpolation, int] = {"nearest": 0, "linear": 1, "cubic": 3}

#: More than this (litres) is more than a brain; those of BraTS have 1.1 to 1.7.
LARGEST_BRAIN = 2.2

#: Distance (mm) from the top of the brain, without `OUTSIDE`, to the highest slice of a grid of a
#: given shape: the mean of 14 patients of BraTS 2018 and 2020, who have 13 to 19. The middle of the
#: brain is not used, because extraction and the field of view cut the brain stem at any height.
ABOVE_BRAIN = 16.0

#: The share of the brain that may lie beyond each side of its box, so that no stray voxel moves it.
OUTSIDE = 0.001

#: How much of the output of a command a message has, from its end.
END_OF_OUTPUT = 300

Segmentation = NDArray[np.uint8] | None


def conform(
    volume: CanonicalVolume, segmentation: Segmentation, settings: Acquire, where: str
) -> tuple[CanonicalVolume, Segmentation]:
    """Return a volume and its segmentation as `acquire.conform` wants them.

    Raises
    ------
    SynaxialError
        The command for the brain extraction cannot be started.
    BadVolumeError
        It fails, the volume has its skull but must not, or the brain does not fit into the grid.
    """
    wanted = settings.conform
    if wanted.brain_extraction is not None:
        volume = extract_brain(volume, wanted.brain_extraction, where)
    reason = find_skull(volume)
    if reason and not wanted.skull:
        raise BadVolumeError(
            where, reason, "a brain without its skull", "see acquire.conform.brain_extraction"
        )
    if wanted.resample is not None:
        affine, shape = choose_grid(volume, settings.volume, reason, where)
        if segmentation is not None:
            segmentation = _on_grid(segmentation, volume.affine, affine, shape, 0)
        volume = resample(volume, affine, shape, wanted.resample)
    return volume, segmentation


def extract_brain(volume: CanonicalVolume, command: str, where: str) -> CanonicalVolume:
    """Return a volume with the brain alone, as a command finds it.

    The command's image may be the brain or its mask: where it is not 0, the voxels are kept.

    Raises
    ------
    SynaxialError
        The command cannot be started.
    BadVolumeError
        The command fails, or writes no image on the same grid, or an empty one.
    """
    with tempfile.TemporaryDirectory(prefix="synaxial-") as folder:
        given, made = Path(folder, "volume.nii.gz"), Path(folder, "brain.nii.gz")
        write_volume(given, volume.voxels, volume.affine)
        end = _run(command, given, made, where)
        if not made.is_file():
            raise BadVolumeError(
                where, f"the brain extraction wrote no file{end}", "the file {output}"
            )
        told = f"{where}: the result of the brain extraction"
        image = open_image(made, told)
        geometry = read_geometry(image, told, any_tilt=True)
        own = grid_of(volume.voxels.shape, volume.affine)
        check_same_grid(geometry, own, told)
        index = channel_index(geometry.shape, 0, told)
        brain = geometry.turn(read_voxels(image, index, told)) != 0
    if not (brain & (volume.voxels > 0)).any():
        raise BadVolumeError(told, "every voxel is 0", "a brain")
    voxels, notes, warnings = make_positive(np.where(brain, volume.voxels, 0), where)
    kept = [warning for warning in volume.warnings if warning != NOT_STRIPPED]
    return dataclasses.replace(
        volume,
        voxels=voxels,
        notes=(*volume.notes, *notes, "brain extracted"),
        warnings=(*kept, *warnings),
    )


def find_skull(volume: CanonicalVolume) -> str:
    """Return why a volume seems to have its skull; "" if it does not.

    Either the air around the head is not exactly 0, or what is above 0 is more than a brain.
    """
    if NOT_STRIPPED in volume.warnings:
        return NOT_STRIPPED
    voxel = abs(float(np.linalg.det(volume.affine[:3, :3])))
    litres = np.count_nonzero(volume.voxels) * voxel / 1e6
    return f"not skull-stripped? {litres:.1f} litres above 0" if litres > LARGEST_BRAIN else ""


def choose_grid(
    volume: CanonicalVolume, check: VolumeCheck, skull: str, where: str
) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """Return the affine (RAS+, mm) and the shape of the grid that a volume is resampled to.

    It has the canonical orientation and the voxel size of `check`. Without a shape there, it covers
    the volume. With one, the brain is in its middle, with the top `ABOVE_BRAIN` below the highest
    slice.

    Raises
    ------
    BadVolumeError
        There is a shape, and the volume has its skull, or its brain is wider than the grid.
    """
    spacing = np.asarray(check.spacing, np.float64)
    signs = np.array([-1.0, -1.0, 1.0])
    corners = np.array(list(np.ndindex(2, 2, 2))) * np.array(volume.voxels.shape) - 0.5
    box = apply_affine(volume.affine, corners) * signs
    if check.shape is None:
        low, high = box.min(axis=0), box.max(axis=0)
        shape = np.ceil(np.round((high - low) / spacing, 3)).astype(int)
        first = (low + high - (shape - 1) * spacing) / 2
    elif skull:
        raise BadVolumeError(
            where,
            skull,
            f"a brain without its skull, to centre it in {times(check.shape)} voxels",
            "set acquire.conform.brain_extraction, or acquire.volume.shape to null",
        )
    else:
        shape = np.array(check.shape)
        places = apply_affine(volume.affine, np.argwhere(volume.voxels > 0)) * signs
        low, high = np.quantile(places, (OUTSIDE, 1 - OUTSIDE), axis=0)
        _check_width(high - low, (shape - 1) * spacing, where)
        first = (low + high - (shape - 1) * spacing) / 2
        first[2] = high[2] + ABOVE_BRAIN - (shape[2] - 1) * spacing[2]
    affine = np.eye(4)
    affine[:3, :3] = np.diag(signs * spacing)
    affine[:3, 3] = signs * first
    return affine, tuple(int(size) for size in shape)


def resample(
    volume: CanonicalVolume,
    affine: NDArray[np.float64],
    shape: tuple[int, ...],
    interpolation: Interpolation,
) -> CanonicalVolume:
    """Return a volume, float32, on the grid of an affine (RAS+, mm) and a shape.

    A finer volume is smoothed first, so that noise and edges do not become patterns. A voxel is
    brain if at least half of it was.
    """
    old, new = grid_of(volume.voxels.shape, volume.affine), grid_of(shape, affine)
    parts = [(volume.voxels > 0).astype(np.float32), volume.voxels.astype(np.float32)]
    if interpolation != "nearest":
        ratios = np.array(new.spacing) / np.array(old.spacing)
        widths = np.maximum(ratios - 1, 0) / 2
        parts = [gaussian_filter(part, widths, mode="constant") for part in parts]
    order = ORDERS[interpolation]
    weights, values = (_on_grid(part, volume.affine, affine, shape, order) for part in parts)
    inside = weights >= 0.5
    voxels = np.zeros(shape, np.float32)
    # A cubic spline may fall below the values that it goes through.
    lowest = volume.voxels[volume.voxels > 0].min()
    voxels[inside] = np.maximum(values[inside] / weights[inside], lowest)
    note = _describe(volume.found, interpolation)
    return dataclasses.replace(
        volume, voxels=voxels, affine=affine, found=new, notes=(*volume.notes, note)
    )


def _describe(found: Geometry, interpolation: Interpolation) -> str:
    """Return the note on a resampled volume: what its grid was, and what that means."""
    angle = tilt_of(found.affine)
    tilt = f", tilted by {angle:.1f} degrees" if angle > NOTED_TILT_DEGREES else ""
    thick = "; thick slices, and interpolated levels between them"
    return (
        f"resampled by {interpolation} interpolation from {times(found.shape[:3])} voxels of "
        f"{times(found.spacing)} mm ({found.axes}){tilt}"
        + (thick if found.canonical_spacing[2] >= THICK else "")
    )


def _on_grid(
    voxels: NDArray[Any],
    old: NDArray[np.float64],
    new: NDArray[np.float64],
    shape: tuple[int, ...],
    order: int,
) -> Any:
    """Return voxels on another grid, by splines of an order; 0 outside the old one."""
    image = nibabel.Nifti1Image(voxels, old)
    moved = resample_from_to(image, (shape, new), order=order, mode="constant", cval=0.0)
    return np.asarray(moved.dataobj).astype(voxels.dtype)


def _check_width(brain: NDArray[Any], grid: NDArray[Any], where: str) -> None:
    """Raise a BadVolumeError if a brain is wider or longer than a grid; both in mm."""
    if (brain[:2] > grid[:2]).any():
        raise BadVolumeError(
            where,
            f"a brain of {times(brain[:2])} mm (left, posterior)",
            f"at most {times(grid[:2])} mm",
            "see acquire.volume.shape, and look at the result of the brain extraction",
        )


def _run(command: str, given: Path, made: Path, where: str) -> str:
    """Run a command with its files in place of `{input}` and `{output}`; return its last words.

    Raises
    ------
    SynaxialError
        It cannot be started.
    BadVolumeError
        It fails.
    """
    names = {"{input}": str(given), "{output}": str(made)}
    words = shlex.split(command)
    for name, path in names.items():
        words = [word.replace(name, path) for word in words]
    try:
        done = subprocess.run(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise SynaxialError(
            "acquire.conform.brain_extraction",
            f"{words[0]} cannot be started ({error.strerror})",
            "a command of this machine",
        ) from error
    said = " ".join(done.stdout.split())[-END_OF_OUTPUT:]
    end = f"; its output ends: {said}" if said else "; it has no output"
    if done.returncode != 0:
        raise BadVolumeError(
            where, f"the brain extraction ended with status {done.returncode}{end}", "status 0"
        )
    return end
