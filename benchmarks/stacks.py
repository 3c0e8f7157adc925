"""The images that `synaxial sample` makes with a generator in memory."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synaxial.config.model import Sample
from synaxial.gan.image_inputs import independent
from synaxial.gan.networks.conditions import Conditions
from synaxial.gan.networks.saving import TrainedGenerator
from synaxial.gan.sampling import as_sampled, make_pages
from synaxial.io.images import as_grey


def images_of_stacks(trained: TrainedGenerator, settings: Sample) -> NDArray[np.uint8]:
    """Make the images of all stacks: uint8 (N, W, W)."""
    network = as_sampled(trained, settings)
    conditions = getattr(network, "conditions", Conditions(()))
    pages = [
        page
        for stack in range(settings.stacks)
        for page in make_pages(
            *(network, trained.latent, settings),
            independent(conditions, settings, stack, Path("generator.npz")),
        )
    ]
    return as_grey(np.stack(pages))
