"""A stack of generated images as a NIfTI volume, for 3D Slicer and its like."""

import gzip
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from synaxial.io.images import as_grey

#: Millimetres that an image spans: a BraTS slice has 240 voxels of 1 mm, whatever number of
#: pixels it was resized to.
FIELD_OF_VIEW = 240.0

#: Millimetres between pages. Pages are independent images, so this is a mere convention.
PAGE_SPACING = 1.0

#: The centre of a BraTS slice in the right-anterior-superior coordinates of NIfTI, in mm: its
#: voxels run from x = 0 to -239 and from y = 239 to 0. Generated images are centred on it, so
#: that they lie over the real ones.
CENTRE = (-119.5, 119.5)

#: NIfTI's description field holds 79 characters.
DESCRIPTION = "synaxial: independent generated images, their 1 mm spacing is a convention"


def make_volume(
    pages: NDArray[np.uint8], field_of_view: float = FIELD_OF_VIEW
) -> nibabel.Nifti1Image:
    """Put images, one a page, into a volume of axial slices that viewers show as the images are.

    The axes of the voxel array run to the patient's left (columns of an image), to posterior
    (its rows) and to superior (pages), as in the acquired volumes.

    Parameters
    ----------
    pages
        uint8 (N, H, W), or (N, H, W, 3), which is made grey.
    field_of_view
        Width of an image in mm; the pixels are square.

    Returns
    -------
    nibabel.Nifti1Image
        uint8 (W, H, N).
    """
    voxels = as_grey(pages).transpose(2, 1, 0)
    width, height = voxels.shape[:2]
    spacing = field_of_view / width
    affine = np.diag([-spacing, -spacing, PAGE_SPACING, 1.0])
    affine[0, 3] = CENTRE[0] + spacing * (width - 1) / 2
    affine[1, 3] = CENTRE[1] + spacing * (height - 1) / 2
    volume = nibabel.Nifti1Image(voxels, affine)
    _describe(volume, affine)
    return volume


def _describe(volume: Any, affine: NDArray[np.float64]) -> None:
    """Complete a volume's header: units, description, and both forms of its affine."""
    volume.header.set_xyzt_units("mm")
    volume.header["descrip"] = DESCRIPTION
    # "Aligned": the coordinates are those of the training data, not of a scanner.
    volume.set_qform(affine, code="aligned")
    volume.set_sform(affine, code="aligned")


def compressed(volume: nibabel.Nifti1Image) -> bytes:
    """Return a .nii.gz file's bytes, the same for the same volume: no time, no file name."""
    return gzip.compress(volume.to_bytes(), compresslevel=6, mtime=0)
