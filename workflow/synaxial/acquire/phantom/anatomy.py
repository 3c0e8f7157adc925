"""One individual's anatomy: the template's tissues, warped and made clear-cut."""

from dataclasses import dataclass

import numpy as np

from synaxial.acquire.phantom.fields import refine, smooth_noise
from synaxial.acquire.phantom.frame import Field
from synaxial.acquire.phantom.template import Template
from synaxial.acquire.phantom.warp import STEP, Warp, sample

#: Width of the sulci: mean and deviation over individuals, of the logarithm of the fluid's odds,
#: and of its deviations from place to place (smoothing in mm, size).
SULCI = (0.3, 0.4)
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


def build_anatomy(template: Template, warp: Warp, generator: np.random.Generator) -> Anatomy:
    """Bring the template's tissues to the box and make them one individual's.

    The average's shares p of fluid, grey and white matter become p**g / sum(p**g), the odds of
    the fluid being multiplied by a random field first, so that sulci differ in width and depth.
    """
    place = np.stack([refine(part, STEP) for part in warp.template_voxels()])
    fluid = sample(template.fluid, place, outside=1.0)
    grey = sample(template.grey, place)
    white = sample(template.white, place)
    brain = sample(template.brain, place)
    del place
    odds = np.full(fluid.shape, generator.normal(*SULCI), np.float32)
    for deviation, size in SULCI_PARTS:
        odds += np.float32(size) * smooth_noise(deviation, generator)
    fluid *= np.exp(odds, out=odds)
    fluid, grey, white = (np.power(part, np.float32(SHARPENING)) for part in (fluid, grey, white))
    total = fluid + grey + white + np.float32(1e-6)
    return Anatomy(fluid / total, grey / total, white / total, brain)
