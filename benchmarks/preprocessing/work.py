"""The work that is compared: which slices, window and size, and the files that it is done on."""

import gzip
from dataclasses import asdict, dataclass
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import nibabel

from synaxial.config.model import Study
from synaxial.data.phantom import make_phantom

#: Where a subject's file lies below the folder of a data set, as in BraTS 2020.
PATTERN = "{subject}/{subject}_flair.nii.gz"

#: zlib's default effort, which BraTS's own files seem to be packed with.
COMPRESSION_LEVEL = 6

#: Seed of the pseudo-subjects.
SEED = 0


@dataclass(frozen=True)
class Task:
    """What every pipeline is asked for: the study's defaults.

    Attributes
    ----------
    first, last
        The wanted axial slices, the last included.
    size
        Pixels a side of an image.
    percentiles
        Of the brain's voxels; these intensities become 1 and 255.
    """

    first: int
    last: int
    size: int
    percentiles: tuple[float, float]

    @property
    def slices(self) -> int:
        """How many slices a volume gives."""
        return self.last - self.first + 1

    def as_json(self) -> dict[str, Any]:
        """Return it in the form that the other environment reads."""
        return asdict(self)


def default_task() -> Task:
    """Return the task that the default study sets."""
    study = Study()
    return Task(study.slice.first, study.slice.last, study.resize.size, study.slice.window)


def make_volumes(folder: Path, count: int, pool: Pool) -> list[Path]:
    """Make pseudo-subjects (240 x 240 x 155 voxels, int16) as `.nii.gz` files.

    The last one is stored along other axes, so that a pipeline that does not turn it is found out.

    Returns
    -------
    list[Path]
        One file a subject, in the order of their names.
    """
    axes = ["LPS"] * (count - 1) + ["RAS"]
    return pool.starmap(
        make_volume, [(folder, number, stored) for number, stored in enumerate(axes, start=1)]
    )


def make_volume(folder: Path, number: int, axes: str) -> Path:
    """Make one pseudo-subject, stored along the given axes."""
    phantom = make_phantom(SEED, number)
    image = nibabel.Nifti1Image(phantom.image, phantom.affine)
    turn = nibabel.orientations.ornt_transform(
        nibabel.io_orientation(phantom.affine), nibabel.orientations.axcodes2ornt(axes)
    )
    image = image.as_reoriented(turn)
    image.set_sform(image.affine, 1)
    image.set_qform(image.affine, 1)
    subject = f"phantom_{number:03d}"
    path = folder / PATTERN.format(subject=subject)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(image.to_bytes(), COMPRESSION_LEVEL, mtime=0))
    return path


def find_volumes(folder: Path) -> list[Path]:
    """Return the files of a data set, in the order of their names."""
    return sorted(folder.glob(PATTERN.format(subject="*")))
