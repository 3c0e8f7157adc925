"""What all steps work with: a device, a folder, networks and images.

On a GPU the networks have the sizes of the paper and of the preset `modern`. On the CPU, where the
check only proves itself, they are narrow and make small images.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.config import make_study
from synaxial.config.model import Training
from synaxial.studies.gpu_check.results import Device

#: The experiments of the check, and what makes them small on the CPU.
EXPERIMENTS: dict[str, dict[str, Any]] = {
    "paper": {},
    # The stage of 64 pixels joins after an epoch, and is mixed in over another one.
    "coarse_to_fine": {
        "preset": "modern",
        "coarse": {"width_epochs": 1, "fading_epochs": 1},
        "upsampler": {"epochs": 3},
    },
}
SMALL: dict[str, dict[str, Any]] = {
    "paper": {
        "generator": {"channels": [32, 16, 16, 8, 3]},
        "discriminator": {"channels": [8, 8, 16, 16, 32], "kernels": [4, 3, 4, 3, 4]},
    },
    "coarse_to_fine": {
        "preset": "modern",
        "batch_size": 8,
        "coarse": {
            **EXPERIMENTS["coarse_to_fine"]["coarse"],
            **{"channels": [12, 12, 8, 6], "first_width": 16, "style": 8},
        },
        "upsampler": {"factor": 2, "width": 8, "crop": 32, "epochs": 3},
    },
}

#: The number of images of the data set, and their width.
IMAGES = 64
WIDTHS: dict[Device, int] = {"gpu": 256, "cpu": 64}


@dataclass(frozen=True)
class Setting:
    """The device that is checked, and an empty folder for files."""

    device: Device
    folder: Path

    @property
    def width(self) -> int:
        """The width of the images in pixels."""
        return WIDTHS[self.device]

    @property
    def study(self) -> dict[str, Any]:
        """The keys of the study."""
        small = self.device == "cpu"
        return {
            "resize": {"size": self.width},
            "experiments": SMALL if small else EXPERIMENTS,
        }

    def training(self, experiment: str) -> Training:
        """Return the settings of an experiment: `paper` or `coarse_to_fine`."""
        return make_study(self.study).experiments[experiment]

    def images(self) -> NDArray[np.uint8]:
        """Make the images of the data set: bright ellipses with texture, uint8 (N, W, W)."""
        return make_images(IMAGES, self.width)


def make_images(count: int, width: int) -> NDArray[np.uint8]:
    """Make images of bright ellipses with texture on black, uint8 (N, W, W); always the same."""
    random = np.random.default_rng(0)
    places = np.linspace(-1, 1, width, dtype=np.float32)
    radii = random.uniform(0.6, 0.9, (2, count, 1, 1)).astype(np.float32)
    inside = (places[:, None] / radii[0]) ** 2 + (places / radii[1]) ** 2 < 1
    coarse = random.normal(size=(count, width // 8, width // 8)).repeat(8, 1).repeat(8, 2)
    fine = random.normal(size=(count, width, width))
    grey = np.clip(110 + 30 * coarse + 10 * fine, 20, 255)
    return np.where(inside, grey, 0).astype(np.uint8)
