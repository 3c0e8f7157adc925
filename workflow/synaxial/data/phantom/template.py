"""The template: the MNI152 2009a average brain that is installed with nilearn.

Fonov et al., NeuroImage 54 (2011): 313-327. The files are read from the installed nilearn and never
copied; see NOTICE.
"""

from dataclasses import dataclass
from importlib.metadata import distribution

import nibabel
import numpy as np
from numpy.typing import NDArray

from synaxial.data.phantom.fields import Field

#: File name of a map in nilearn.
FILE_NAME = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"

#: T1 value (of 255) from which a voxel holds no CSF, and how far below it the voxel is pure CSF.
NO_CSF_T1 = 95.0
CSF_T1_RANGE = 45.0

#: From world coordinates of the BraTS frame to those of the template (mm), fitted to the bounding
#: boxes of both brains.
WORLD_SCALE = (1.0769, 1.0602, 1.1328)
WORLD_SHIFT = (128.15, -133.63, -76.20)


@dataclass(frozen=True)
class Template:
    """Tissue maps of the average brain."""

    #: Share of cerebrospinal fluid in each voxel, in [0, 1]; around the brain is fluid.
    fluid: Field
    #: Shares of grey and white matter.
    grey: Field
    white: Field
    #: 1 within the brain and 0 outside.
    brain: Field
    #: 4 x 4, from world coordinates of the BraTS frame (mm) to voxels of the maps.
    voxel_from_world: NDArray[np.float64]


def read_map(name: str) -> tuple[Field, NDArray[np.float64]]:
    """Read a map of the template (`t1`, `gm` or `wm`): values in [0, 255] and the affine.

    nilearn itself is not imported, which takes seconds.
    """
    path = distribution("nilearn").locate_file(f"nilearn/datasets/data/{FILE_NAME.format(name)}")
    image = nibabel.Nifti1Image.from_filename(str(path))
    return np.asarray(image.dataobj, dtype=np.float32), image.affine


def load_template() -> Template:
    """Read the average brain.

    nilearn has no map of the fluid. It is what grey and white matter leave, or what is dark in the
    T1 image, whichever is more.
    """
    t1, affine = read_map("t1")
    grey, _ = read_map("gm")
    white, _ = read_map("wm")
    brain = (t1 > 0).astype(np.float32)
    grey *= brain / 255
    white *= brain / 255
    dark = np.clip((NO_CSF_T1 - t1) / CSF_T1_RANGE, 0, 1)
    fluid = np.maximum(np.clip(1 - grey - white, 0, 1), dark)
    world = np.diag([*WORLD_SCALE, 1.0])
    world[:3, 3] = WORLD_SHIFT
    voxel_from_world = (np.linalg.inv(affine) @ world).astype(np.float64)
    return Template(fluid, grey, white, brain, voxel_from_world)
