"""One individual's anatomy: the template's tissues, warped and made clear-cut."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synaxial.data.phantom.fields import refine, smooth_noise
from synaxial.data.phantom.frame import Field
from synaxial.data.phantom.template import Template
from synaxial.data.phantom.warp import STEP, Warp, sample

#: Width of the sulci: mean and deviation over individuals, of the logarithm of the fluid's odds,
#: and of its deviations from place to place (smoothing in mm, size).
SULCI = (0.2, 0.3)
SULCI_PARTS = ((22.0, 0.25), (2.2, 0.45))

#: Power that turns the template's average shares into an individual's clear-cut ones.
SHARPENING = 2.7


@dataclass(frozen=True)
class Anatomy:
    """Shares of fluid, grey and white matter, and of brain at all, in [0, 1], on the box."""

    fluid: Field
    grey: Field
    white: Field
    brain: Field


def near_brain(brain: Field) -> NDArray[np.bool_]:
    """Return which voxels of the box may hold brain, given the share of brain at the nodes."""
    around = ndimage.binary_dilation(brain > 0, iterations=2)
    return refine(around.astype(np.float32), STEP) > 0


def filled(mask: NDArray[np.bool_], values: Field, background: float = 0.0) -> Field:
    """Return the values at the mask's voxels, and the background elsewhere."""
    result: Field = np.full(mask.shape, background, np.float32)
    result[mask] = values
    return result


def build_anatomy(template: Template, warp: Warp, generator: np.random.Generator) -> Anatomy:
    """Bring the template's tissues to the box and make them one individual's.

    The average's shares p of fluid, grey and white matter become p**g / sum(p**g), the odds of
    the fluid being multiplied by a random field first, so that sulci differ in width and depth.
    """
    coarse = warp.template_voxels()
    place = np.stack([refine(part, STEP) for part in coarse])
    near = near_brain(sample(template.brain, coarse))
    place = place[:, near]
    fluid = filled(near, sample(template.fluid, place, outside=1.0), background=1.0)
    grey = filled(near, sample(template.grey, place))
    white = filled(near, sample(template.white, place))
    brain = filled(near, sample(template.brain, place))
    odds = np.full(fluid.shape, generator.normal(*SULCI), np.float32)
    for deviation, size in SULCI_PARTS:
        odds += np.float32(size) * smooth_noise(deviation, generator)
    fluid *= np.exp(odds, out=odds)
    fluid, grey, white = (np.power(part, np.float32(SHARPENING)) for part in (fluid, grey, white))
    total = fluid + grey + white + np.float32(1e-6)
    return Anatomy(fluid / total, grey / total, white / total, brain)
