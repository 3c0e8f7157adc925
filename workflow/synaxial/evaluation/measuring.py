"""All that is measured of a set of images."""

import numpy as np
from numpy.typing import NDArray

from synaxial.evaluation.features import efficientnet, wavelets
from synaxial.evaluation.measurement_files import Measurements
from synaxial.evaluation.metrics import (
    anatomy,
    diversity,
    memorisation,
    sliced_wasserstein,
    spectrum,
    texture,
)
from synaxial.io.images import ImageSet

#: The name under which the images' groups are kept.
SET = "set"

#: The two sets of features; each is one float array (N, D).
FEATURES = (efficientnet, wavelets)


def measure_set(images: ImageSet, training: NDArray[np.uint8]) -> Measurements:
    """Measure everything that `synaxial evaluate score` compares.

    Parameters
    ----------
    images
        The set.
    training
        uint8 (M, S, S): the images that the networks were trained with.
    """
    pixels = images.pixels
    found: Measurements = {
        SET: {"groups": images.groups},
        sliced_wasserstein.NAME: sliced_wasserstein.measure(pixels),
        diversity.NAME: diversity.measure(pixels, images.groups),
        spectrum.NAME: spectrum.measure(pixels),
        memorisation.NAME: memorisation.measure(pixels, training),
        anatomy.NAME: anatomy.measure(pixels),
        texture.NAME: texture.measure(pixels),
    }
    for features in FEATURES:
        found[features.NAME] = {"features": features.measure(pixels)}
    return found
