"""Small made heads and data set trees for the tests of this stage."""

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from synaxial.config.model import Acquire, VolumeCheck

#: Three different sizes, so that a swapped axis shows.
SHAPE = (7, 8, 6)
CHECK = VolumeCheck(shape=SHAPE)

#: BraTS's own affine: canonical (LPS) axes, 1 mm.
LPS = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 7], [0, 0, 1, 0], [0, 0, 0, 1]])


def make_head(seed: int = 0, shape: tuple[int, int, int] = SHAPE) -> NDArray[np.int16]:
    """Return a brain of random values of 100 and more in slices 1 to 4, 0 around it."""
    head = np.zeros(shape, np.int16)
    inside = head[1:-1, 2:-1, 1:-1]
    inside[...] = np.random.default_rng(seed).integers(100, 900, inside.shape)
    return head


def make_labels(values: tuple[int, ...] = (1, 2, 4)) -> NDArray[np.uint8]:
    labels = np.zeros(SHAPE, np.uint8)
    for position, value in enumerate(values):
        labels[2 + position, 3, 2] = value
    return labels


def make_image(voxels: Any, affine: Any = LPS, **codes: int) -> nibabel.Nifti1Image:
    image = nibabel.Nifti1Image(voxels, affine)
    image.set_sform(affine, codes.get("sform", 1))
    image.set_qform(affine, codes.get("qform", 1))
    return image


def save(path: Path, voxels: Any, affine: Any = LPS, **codes: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = make_image(voxels, affine, **codes).to_bytes()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return path


def make_brats2020(root: Path, numbers: tuple[int, ...] = (1, 2, 3), suffix: str = ".nii") -> Path:
    for number in numbers:
        name = f"BraTS20_Training_{number:03d}"
        save(root / name / f"{name}_flair{suffix}", make_head(number))
        save(root / name / f"{name}_t1{suffix}", make_head(100 + number))
        save(root / name / f"{name}_seg{suffix}", make_labels())
    return root


def directory_settings(path: Path, **keys: Any) -> Acquire:
    directory = {
        key: keys.pop(key) for key in ("layout", "pattern", "segmentation_pattern") if key in keys
    }
    return Acquire.model_validate(
        {
            "source": "directory",
            "subjects": "all",
            "volume": {"shape": SHAPE},
            "directory": {"path": path, **directory},
            **keys,
        }
    )
