"""The marks of the scanner and of the skull stripping."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synaxial.data.phantom.fields import smooth_noise
from synaxial.data.phantom.frame import Field
from synaxial.data.phantom.masks import largest_part

#: Thickness of the slices (full width at half maximum, mm), and blur within them (deviation, mm)
#: along the two directions: phase encoding is often the coarser.
THICKNESS_RANGE = (1.5, 4.0)
FREQUENCY_RANGE = (0.4, 0.7)
PHASE_RANGE = (0.5, 1.2)
FULL_WIDTH = 2.3548

#: The coil's shading: smoothing in mm, size of its logarithm.
SHADING_SMOOTHING = 45.0
SHADING_RANGE = (0.03, 0.08)

#: Deviation of the noise in each channel, relative to the brain's median, and its smoothing by
#: the resampling to 1 mm (mm).
NOISE_RANGE = (0.008, 0.02)
NOISE_SMOOTHING = (0.9, 0.9, 1.0)

#: Skull stripping: smoothing of the brain's outline (mm), where it is cut (smaller leaves more),
#: and how that wanders from place to place (smoothing in mm, size).
OUTLINE_SMOOTHING = 4.5
OUTLINE_RANGE = (0.42, 0.58)
OUTLINE_PARTS = ((9.0, 0.06), (2.2, 0.03))

#: Bright remnants of the skull: where a field (smoothing in mm) is above this, over individuals,
#: in a layer of the smoothed outline just outside the brain; their brightness.
REMNANT_SMOOTHING = 5.0
REMNANT_THRESHOLD_RANGE = (2.6, 4.0)
REMNANT_LAYER = (0.28, 0.4)
REMNANT_INTENSITY = 1.3

#: Median intensity of a scan, in its own units.
MEDIAN_RANGE = (330.0, 620.0)


def strip_skull(
    brain: Field, generator: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the brain mask that an imperfect tool leaves, and the skull remnants in it."""
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
    """Blur as slices of some thickness and pixels of some size do."""
    in_plane = generator.permutation(
        [generator.uniform(*FREQUENCY_RANGE), generator.uniform(*PHASE_RANGE)]
    )
    through = generator.uniform(*THICKNESS_RANGE) / FULL_WIDTH
    result: Field = ndimage.gaussian_filter(image, (*in_plane, through), truncate=3.0)
    return result


def resampled_noise(shape: tuple[int, ...], generator: np.random.Generator) -> Field:
    """Return Gaussian noise of mean 0 and variance 1 that a resampling to 1 mm has smoothed."""
    white = generator.standard_normal(shape, dtype=np.float32)
    noise: Field = ndimage.gaussian_filter(white, NOISE_SMOOTHING, truncate=2.0)
    noise /= noise.std()
    return noise


def rician(signal: Field, deviation: float, generator: np.random.Generator) -> Field:
    """Return the magnitude of a signal with Gaussian noise in both channels.

    The magnitude follows Rice's distribution (Gudbjartsson and Patz, Magnetic Resonance in
    Medicine 34 (1995): 910-914).
    """
    real = signal + np.float32(deviation) * resampled_noise(signal.shape, generator)
    imaginary = np.float32(deviation) * resampled_noise(signal.shape, generator)
    result: Field = np.hypot(real, imaginary)
    return result


def scan(image: Field, brain: Field, generator: np.random.Generator) -> NDArray[np.int16]:
    """Return the volume that the scanner gives: int16, 0 outside the brain and at least 1 in it.

    Parameters
    ----------
    image
        Ideal intensities, relative to about the brain's median.
    brain
        Share of brain in each voxel.
    generator
        Where the randomness comes from.
    """
    mask, remnants = strip_skull(brain, generator)
    image = np.where(remnants, np.float32(REMNANT_INTENSITY), image)
    signal = blur(image, generator)
    size = np.float32(generator.uniform(*SHADING_RANGE))
    signal *= np.exp(size * smooth_noise(SHADING_SMOOTHING, generator))
    signal = rician(signal, generator.uniform(*NOISE_RANGE), generator)
    scale = generator.uniform(*MEDIAN_RANGE) / float(np.median(signal[mask]))
    levels = np.clip(np.rint(signal * np.float32(scale)), 1, np.iinfo(np.int16).max)
    result: NDArray[np.int16] = np.where(mask, levels, 0).astype(np.int16)
    return result
