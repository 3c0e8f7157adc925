"""The scan: FLAIR contrast, then the marks of the scanner and of skull stripping.

Intensities are relative to about the median of the brain.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synaxial.data.phantom.fields import Field, Parts, largest_part, smooth_noise, smooth_step
from synaxial.data.phantom.head import Anatomy
from synaxial.data.phantom.tumour import CORE_DENSITY, ENHANCING, OEDEMA_VISIBLE, Tumour

#: The ranges from which the intensities of an individual are drawn, in this order. Fluid is nulled.
#: `rim` is the size of the bright rim around the ventricles, `lesion_threshold` the value of a
#: random field above which white matter has a lesion of age.
TISSUE_RANGES = {
    "fluid": (0.01, 0.05),
    "white": (0.85, 0.93),
    "grey": (1.05, 1.14),
    "rim": (0.2, 0.7),
    "lesion_threshold": (3.2, 4.6),
    "necrosis": (0.75, 1.75),
    "enhancing": (1.55, 2.3),
    "oedema": (1.45, 1.85),
}

#: Random field that multiplies the contrast of grey and white matter: smoothing in mm, size,
#: limits.
CONTRAST = (20.0, 0.35)
CONTRAST_LIMITS = (0.0, 2.0)

#: Texture of healthy tissue: smoothing in mm, size.
TEXTURE = ((12.0, 0.035), (5.0, 0.025), (2.0, 0.025))

#: Smoothing (mm) of the map of fluid that makes the bright rim around the ventricles.
RIM_SMOOTHING = 1.6

#: White-matter lesions of age: smoothing of their random field (mm), width of the step at its
#: threshold, intensity, and what the nearness of fluid adds to the field.
LESION_SMOOTHING = 2.0
LESION_WIDTH = 0.15
LESION_INTENSITY = 0.45
LESION_NEAR_FLUID = 2.0

#: Lesions lie in white matter: smoothing of its map (mm), least share, width of the step there.
DEEP_WHITE = (3.0, 0.8, 0.03)

#: Width of the step at the border of the oedema, in the units of its amount.
OEDEMA_WIDTH = 0.018

#: Smoothing of the border of the core (mm), and width of the step there.
CORE_SMOOTHING = 0.7
CORE_WIDTH = 0.12

#: Share of the darkness of a sulcus that is left where the core has filled it.
FLUID_IN_CORE = 0.6

#: Distance (mm) over which the rim turns into the necrosis.
RIM_WIDTH = 0.7

#: Texture of the core and of the oedema: smoothing in mm, size.
CORE_TEXTURE = ((4.0, 0.09), (1.6, 0.10))
OEDEMA_TEXTURE = ((9.0, 0.06), (2.0, 0.035))

#: How much brighter infiltrated tissue around the core is.
INFILTRATION = 0.08

#: Share of the oedema that shows in grey matter.
OEDEMA_IN_GREY = 0.3

#: Thickness of the slices (full width at half maximum, mm), and blur within them (deviation, mm)
#: along the frequency and phase encoding directions.
THICKNESS_RANGE = (1.5, 4.0)
FREQUENCY_RANGE = (0.4, 0.7)
PHASE_RANGE = (0.5, 1.2)
FULL_WIDTH = 2.3548

#: Shading of the coil: smoothing in mm, size of its logarithm.
SHADING_SMOOTHING = 45.0
SHADING_RANGE = (0.03, 0.08)

#: Deviation of the noise in each channel, relative to the median of the brain, and its smoothing
#: (mm) by the resampling to 1 mm.
NOISE_RANGE = (0.008, 0.02)
NOISE_SMOOTHING = (0.9, 0.9, 1.0)

#: Skull stripping: smoothing of the brain mask (mm), range of the threshold that cuts it, and
#: random fields that are added to the threshold (smoothing in mm, size).
OUTLINE_SMOOTHING = 4.5
OUTLINE_RANGE = (0.42, 0.58)
OUTLINE_PARTS = ((9.0, 0.06), (2.2, 0.03))

#: Bright remnants of the skull: smoothing of their random field (mm), range of its threshold, the
#: layer of the smoothed brain mask where they lie, just outside the brain, and their intensity.
REMNANT_SMOOTHING = 5.0
REMNANT_THRESHOLD_RANGE = (2.6, 4.0)
REMNANT_LAYER = (0.28, 0.4)
REMNANT_INTENSITY = 1.3

#: Range of the median intensity of a scan.
MEDIAN_RANGE = (330.0, 620.0)


#: Intensities of the tissues of one individual, by the names of `TISSUE_RANGES`.
Tissue = dict[str, float]


def random_tissue(generator: np.random.Generator) -> Tissue:
    """Draw the intensities of one individual."""
    return {name: generator.uniform(*limits) for name, limits in TISSUE_RANGES.items()}


def texture(parts: Parts, generator: np.random.Generator, shape: tuple[int, ...]) -> Field:
    """Return a log-normal random factor of median 1, from smooth fields (smoothing in mm, size)."""
    factor = np.zeros(shape, np.float32)
    for deviation, size in parts:
        factor += np.float32(size) * smooth_noise(deviation, generator, shape)
    return np.exp(factor, out=factor)


def lesions(anatomy: Anatomy, near_fluid: Field, threshold: float, noise: Field) -> Field:
    """Return white-matter lesions of age in [0, 1]: where smooth noise exceeds a threshold.

    The smoothed map of fluid is added to the noise, so that more lie near the ventricles.
    """
    smoothing, share, width = DEEP_WHITE
    around = ndimage.gaussian_filter(anatomy.white, smoothing, truncate=3.0)
    spots = smooth_step(noise + LESION_NEAR_FLUID * near_fluid, threshold, LESION_WIDTH)
    return spots * smooth_step(around, share, width)


def healthy(anatomy: Anatomy, tissue: Tissue, generator: np.random.Generator) -> Field:
    """Return the intensities without the tumour."""
    smoothing, size = CONTRAST
    contrast = np.clip(1 + size * smooth_noise(smoothing, generator), *CONTRAST_LIMITS)
    solid: Field = anatomy.white * (1 + np.float32(tissue["white"] - 1) * contrast)
    solid += anatomy.grey * (1 + np.float32(tissue["grey"] - 1) * contrast)
    solid *= texture(TEXTURE, generator, solid.shape)
    near_fluid = ndimage.gaussian_filter(anatomy.fluid, RIM_SMOOTHING, truncate=3.0)
    noise = smooth_noise(LESION_SMOOTHING, generator)
    spots = lesions(anatomy, near_fluid, tissue["lesion_threshold"], noise)
    brighter = np.float32(tissue["rim"]) * near_fluid + np.float32(LESION_INTENSITY) * spots
    solid += anatomy.white * brighter
    solid += np.float32(tissue["fluid"]) * anatomy.fluid
    return solid


def core_intensity(tumour: Tumour, tissue: Tissue, generator: np.random.Generator) -> Field:
    """Return the intensities of necrosis and rim, which are valid in the core only."""
    core = ndimage.gaussian_filter((tumour.depth > 0).astype(np.float32), RIM_WIDTH)
    rim = ndimage.gaussian_filter((tumour.labels == ENHANCING).astype(np.float32), RIM_WIDTH)
    share = rim / np.maximum(core, np.float32(1e-3))
    solid: Field = (
        np.float32(tissue["necrosis"])
        + np.float32(tissue["enhancing"] - tissue["necrosis"]) * share
    )
    solid *= texture(CORE_TEXTURE, generator, solid.shape)
    return solid


def with_tumour(
    image: Field, anatomy: Anatomy, tumour: Tumour, tissue: Tissue, generator: np.random.Generator
) -> Field:
    """Return the intensities with the tumour: the oedema, then the core over it."""
    cube = tumour.cube
    infiltration = np.clip(tumour.density / CORE_DENSITY, 0, 1)
    here = image[cube] * (1 + np.float32(INFILTRATION) * infiltration)

    wet = smooth_step(tumour.oedema, OEDEMA_VISIBLE, OEDEMA_WIDTH)
    wet *= anatomy.white[cube] + np.float32(OEDEMA_IN_GREY) * anatomy.grey[cube]
    bright = np.float32(tissue["oedema"]) * texture(OEDEMA_TEXTURE, generator, here.shape)
    here += wet * (bright - here)

    border = ndimage.gaussian_filter((tumour.depth > 0).astype(np.float32), CORE_SMOOTHING)
    core = smooth_step(border, 0.5, CORE_WIDTH)
    core *= 1 - np.float32(FLUID_IN_CORE) * anatomy.fluid[cube]
    here += core * (core_intensity(tumour, tissue, generator) - here)
    result = image.copy()
    result[cube] = here
    return result


def strip_skull(
    brain: Field, generator: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the brain mask of an imperfect tool, and the remnants of skull in it."""
    outline = ndimage.gaussian_filter(brain, OUTLINE_SMOOTHING, truncate=3.0)
    cut = np.full(brain.shape, generator.uniform(*OUTLINE_RANGE), np.float32)
    for deviation, size in OUTLINE_PARTS:
        cut += np.float32(size) * smooth_noise(deviation, generator)
    mask = outline > cut
    remnant_field = smooth_noise(REMNANT_SMOOTHING, generator)
    threshold = generator.uniform(*REMNANT_THRESHOLD_RANGE)
    low, high = REMNANT_LAYER
    remnants = (remnant_field > threshold) & (outline > low) & (outline < high)
    return largest_part(mask) | remnants, remnants


def blur(image: Field, generator: np.random.Generator) -> Field:
    """Blur by the thickness of the slices and the size of the pixels."""
    in_plane = generator.permutation(
        [generator.uniform(*FREQUENCY_RANGE), generator.uniform(*PHASE_RANGE)]
    )
    through = generator.uniform(*THICKNESS_RANGE) / FULL_WIDTH
    result: Field = ndimage.gaussian_filter(image, (*in_plane, through), truncate=3.0)
    return result


def resampled_noise(shape: tuple[int, ...], generator: np.random.Generator) -> Field:
    """Return Gaussian noise of mean 0 and variance 1, smoothed as by a resampling to 1 mm."""
    white = generator.standard_normal(shape, dtype=np.float32)
    noise: Field = ndimage.gaussian_filter(white, NOISE_SMOOTHING, truncate=2.0)
    noise /= noise.std()
    return noise


def rician(signal: Field, deviation: float, generator: np.random.Generator) -> Field:
    """Return the magnitude of a signal with Gaussian noise in both channels.

    Source: Gudbjartsson and Patz, Magnetic Resonance in Medicine 34 (1995): 910-914.
    """
    real = signal + np.float32(deviation) * resampled_noise(signal.shape, generator)
    imaginary = np.float32(deviation) * resampled_noise(signal.shape, generator)
    result: Field = np.hypot(real, imaginary)
    return result


def scan(image: Field, brain: Field, generator: np.random.Generator) -> NDArray[np.int16]:
    """Return the scan of ideal intensities, 0 outside the brain and at least 1 in it.

    `brain` is the share of brain in each voxel.
    """
    mask, remnants = strip_skull(brain, generator)
    image = np.where(remnants, np.float32(REMNANT_INTENSITY), image)
    signal = blur(image, generator)
    size = np.float32(generator.uniform(*SHADING_RANGE))
    signal *= np.exp(size * smooth_noise(SHADING_SMOOTHING, generator))
    signal = rician(signal, generator.uniform(*NOISE_RANGE), generator)
    scale = generator.uniform(*MEDIAN_RANGE) / float(np.median(signal[mask]))
    levels = np.clip(np.rint(signal * np.float32(scale)), 1, np.iinfo(np.int16).max)
    return np.where(mask, levels, 0).astype(np.int16)
