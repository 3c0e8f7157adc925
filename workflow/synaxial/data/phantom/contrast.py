"""What a T2-FLAIR scan shows of an anatomy and its tumour, before the scanner's own marks.

Intensities are relative to about the brain's median.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from synaxial.data.phantom.anatomy import Anatomy
from synaxial.data.phantom.fields import smooth_noise, smooth_step
from synaxial.data.phantom.frame import Field
from synaxial.data.phantom.growth import CORE_DENSITY
from synaxial.data.phantom.oedema import OEDEMA_VISIBLE
from synaxial.data.phantom.tumour import ENHANCING, Tumour

#: Ranges over individuals of the tissues' intensities; fluid is nulled.
FLUID_RANGE = (0.01, 0.05)
WHITE_RANGE = (0.85, 0.93)
GREY_RANGE = (1.05, 1.14)

#: How the contrast between grey and white matter differs from place to place: smoothing in mm,
#: size, and its limits.
CONTRAST = (20.0, 0.35)
CONTRAST_LIMITS = (0.0, 2.0)

#: Texture of healthy tissue: smoothing in mm, size.
TEXTURE = ((12.0, 0.035), (5.0, 0.025), (2.0, 0.025))

#: The bright rim around the ventricles: smoothing of their map (mm), and size over individuals.
RIM_SMOOTHING = 1.6
RIM_RANGE = (0.2, 0.7)

#: White-matter lesions of age: smoothing of the field they are cut from (mm), the field's value
#: above which there is one, over individuals, how steeply it rises, and their intensity.
LESION_SMOOTHING = 2.0
LESION_THRESHOLD_RANGE = (3.2, 4.6)
LESION_WIDTH = 0.15
LESION_INTENSITY = 0.45

#: How much more of them there is beside fluid, in the field's units.
LESION_NEAR_FLUID = 2.0

#: Lesions need much white matter around: smoothing in mm, share, and how steeply it matters.
DEEP_WHITE = (3.0, 0.8, 0.03)

#: Intensities of the tumour, over individuals.
NECROSIS_RANGE = (0.75, 1.75)
ENHANCING_RANGE = (1.55, 2.3)
OEDEMA_RANGE = (1.45, 1.85)

#: How steeply the oedema begins, in the units of its amount.
OEDEMA_WIDTH = 0.018

#: Smoothing of the core's border (mm), and how steeply it rises from there.
CORE_SMOOTHING = 0.7
CORE_WIDTH = 0.12

#: Share of a sulcus's darkness that is left where the core has filled it.
FLUID_IN_CORE = 0.6

#: Distance (mm) over which the rim turns into the necrosis.
RIM_WIDTH = 0.7

#: Texture of the core and of the oedema: smoothing in mm, size.
CORE_TEXTURE = ((4.0, 0.09), (1.6, 0.10))
OEDEMA_TEXTURE = ((9.0, 0.06), (2.0, 0.035))

#: Infiltrated tissue around the core is a little brighter.
INFILTRATION = 0.08

#: How little of the oedema shows in grey matter.
OEDEMA_IN_GREY = 0.3


@dataclass(frozen=True)
class Tissue:
    """Intensities of one individual's tissues."""

    fluid: float
    white: float
    grey: float
    rim: float
    lesion_threshold: float
    necrosis: float
    enhancing: float
    oedema: float


def random_tissue(generator: np.random.Generator) -> Tissue:
    """Draw one individual's intensities."""
    return Tissue(
        fluid=generator.uniform(*FLUID_RANGE),
        white=generator.uniform(*WHITE_RANGE),
        grey=generator.uniform(*GREY_RANGE),
        rim=generator.uniform(*RIM_RANGE),
        lesion_threshold=generator.uniform(*LESION_THRESHOLD_RANGE),
        necrosis=generator.uniform(*NECROSIS_RANGE),
        enhancing=generator.uniform(*ENHANCING_RANGE),
        oedema=generator.uniform(*OEDEMA_RANGE),
    )


def texture(
    parts: tuple[tuple[float, float], ...],
    generator: np.random.Generator,
    shape: tuple[int, ...],
) -> Field:
    """Return a log-normal random factor of median 1, from smooth fields (smoothing in mm, size)."""
    factor = np.zeros(shape, np.float32)
    for deviation, size in parts:
        factor += np.float32(size) * smooth_noise(deviation, generator, shape)
    return np.exp(factor, out=factor)


def lesions(anatomy: Anatomy, near_fluid: Field, threshold: float, noise: Field) -> Field:
    """Return white-matter lesions of age, in [0, 1]: more of them near the ventricles.

    Parameters
    ----------
    anatomy
        The individual.
    near_fluid
        Smoothed map of the fluid.
    threshold
        How high the noise must be for a lesion.
    noise
        A smooth random field.
    """
    smoothing, share, width = DEEP_WHITE
    around = ndimage.gaussian_filter(anatomy.white, smoothing, truncate=3.0)
    spots = smooth_step(noise + LESION_NEAR_FLUID * near_fluid, threshold, LESION_WIDTH)
    return spots * smooth_step(around, share, width)


def healthy(anatomy: Anatomy, tissue: Tissue, generator: np.random.Generator) -> Field:
    """Return the intensities without a tumour."""
    smoothing, size = CONTRAST
    contrast = np.clip(1 + size * smooth_noise(smoothing, generator), *CONTRAST_LIMITS)
    solid: Field = anatomy.white * (1 + np.float32(tissue.white - 1) * contrast)
    solid += anatomy.grey * (1 + np.float32(tissue.grey - 1) * contrast)
    solid *= texture(TEXTURE, generator, solid.shape)
    near_fluid = ndimage.gaussian_filter(anatomy.fluid, RIM_SMOOTHING, truncate=3.0)
    noise = smooth_noise(LESION_SMOOTHING, generator)
    spots = lesions(anatomy, near_fluid, tissue.lesion_threshold, noise)
    brighter = np.float32(tissue.rim) * near_fluid + np.float32(LESION_INTENSITY) * spots
    solid += anatomy.white * brighter
    solid += np.float32(tissue.fluid) * anatomy.fluid
    return solid


def core_intensity(tumour: Tumour, tissue: Tissue, generator: np.random.Generator) -> Field:
    """Return the intensities of necrosis and rim; they mean nothing outside the core."""
    core = ndimage.gaussian_filter((tumour.depth > 0).astype(np.float32), RIM_WIDTH)
    rim = ndimage.gaussian_filter((tumour.labels == ENHANCING).astype(np.float32), RIM_WIDTH)
    share = rim / np.maximum(core, np.float32(1e-3))
    solid: Field = (
        np.float32(tissue.necrosis) + np.float32(tissue.enhancing - tissue.necrosis) * share
    )
    solid *= texture(CORE_TEXTURE, generator, solid.shape)
    return solid


def with_tumour(
    image: Field, anatomy: Anatomy, tumour: Tumour, tissue: Tissue, generator: np.random.Generator
) -> Field:
    """Return the intensities with a tumour: oedema, then the core over it."""
    cube = tumour.cube
    infiltration = np.clip(tumour.density / CORE_DENSITY, 0, 1)
    here = image[cube] * (1 + np.float32(INFILTRATION) * infiltration)

    wet = smooth_step(tumour.oedema, OEDEMA_VISIBLE, OEDEMA_WIDTH)
    wet *= anatomy.white[cube] + np.float32(OEDEMA_IN_GREY) * anatomy.grey[cube]
    bright = np.float32(tissue.oedema) * texture(OEDEMA_TEXTURE, generator, here.shape)
    here += wet * (bright - here)

    border = ndimage.gaussian_filter((tumour.depth > 0).astype(np.float32), CORE_SMOOTHING)
    core = smooth_step(border, 0.5, CORE_WIDTH)
    core *= 1 - np.float32(FLUID_IN_CORE) * anatomy.fluid[cube]
    here += core * (core_intensity(tumour, tissue, generator) - here)
    result = image.copy()
    result[cube] = here
    return result
