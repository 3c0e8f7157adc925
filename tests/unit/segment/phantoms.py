"""Slices of pseudo-subjects at 64 pixels, with their masks."""

import numpy as np

from synaxial.acquire.phantom import make_phantom
from synaxial.functions.parallel import for_each, use_threads
from synaxial.resize.square import resample
from synaxial.segment.slices import Slices
from synaxial.slice.axial import axial_slice
from synaxial.slice.window import conversion_of, find_window

SIZE = 64


def make_slices(numbers, levels=range(60, 108, 4)):
    """Return the slices of these pseudo-subjects, as the pipeline makes images and masks."""
    images = np.empty((len(numbers), len(levels), SIZE, SIZE), np.uint8)
    masks = np.empty(images.shape, np.bool_)

    def make(at):
        phantom = make_phantom(0, numbers[at])
        convert = conversion_of(
            phantom.image, *find_window(phantom.image, (0.5, 99.5), "a phantom")
        )
        for level, index in enumerate(levels):
            images[at, level] = resample(
                convert(axial_slice(phantom.image, index)), SIZE, "bicubic"
            )
            tumour = axial_slice(phantom.segmentation, index)
            masks[at, level] = resample(tumour, SIZE, "nearest") > 0

    with use_threads(2):
        for_each(make, range(len(numbers)))
    groups = np.repeat(np.arange(len(numbers), dtype=np.int64), len(levels))
    names = [f"phantom_{number}" for number in numbers]
    return Slices(images.reshape(-1, SIZE, SIZE), masks.reshape(-1, SIZE, SIZE), groups, names)
