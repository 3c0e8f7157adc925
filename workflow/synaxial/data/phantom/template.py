"""The template: the MNI152 2009a average brain that is installed with nilearn.

Fonov et al., NeuroImage 54 (2011): 313-327. The files are read from the installed nilearn and never
copied; see NOTICE.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from synaxial.data.phantom.fields import Field
from synaxial.io.errors import SynaxialError

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


def template_folder() -> Path:
    """Return the folder of the maps without importing nilearn, which takes seconds."""
    specification = find_spec("nilearn")
    if specification is None or specification.origin is None:
        raise SynaxialError(
            "phantom source", "nilearn is not installed", remedy="install the locked environment"
        )
    return Path(specification.origin).parent / "datasets" / "data"


def read_map(folder: Path, name: str) -> tuple[Field, NDArray[np.float64]]:
    """Read a map of the template (`t1`, `gm` or `wm`): values in [0, 255] and the affine."""
    path = folder / FILE_NAME.format(name)
    if not path.is_file():
        raise SynaxialError(path, "is not there", "nilearn's MNI152 template")
    image = nibabel.Nifti1Image.from_filename(path)
    return np.asarray(image.dataobj, dtype=np.float32), image.affine


def load_template() -> Template:
    """Read the average brain.

    nilearn has no map of the fluid. It is what grey and white matter leave, or what is dark in the
    T1 image, whichever is more.
    """
    folder = template_folder()
    t1, affine = read_map(folder, "t1")
    grey, _ = read_map(folder, "gm")
    white, _ = read_map(folder, "wm")
    brain = (t1 > 0).astype(np.float32)
    grey *= brain / 255
    white *= brain / 255
    dark = np.clip((NO_CSF_T1 - t1) / CSF_T1_RANGE, 0, 1)
    fluid = np.maximum(np.clip(1 - grey - white, 0, 1), dark)
    world = np.diag([*WORLD_SCALE, 1.0])
    world[:3, 3] = WORLD_SHIFT
    voxel_from_world = (np.linalg.inv(affine) @ world).astype(np.float64)
    return Template(fluid, grey, white, brain, voxel_from_world)
