"""Masks of the brain, and of the parts of the brain that are as bright as a tumour on FLAIR."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]

#: The brightest value that still counts as background: generators seldom reach exactly 0.
DARKEST = 16

#: A tumour-like pixel lies this many robust standard deviations (1.4826 MAD) above the median of
#: the brain. On 12 phantoms the mean Dice coefficient with the tumour, over 281 slices that have
#: one, is 0.82 at 2 deviations and 0.87 at 1.5. But 1.5 marks three times as much in slices
#: without a tumour (1.8 % of the brain in 4 phantom slices and 3.0 % in 5 real ones; 0.6 % each at
#: 2). On two real volumes (86 slices) it is 0.86 and 0.88 at 2, and below 0.7 in one slice of ten;
#: 2 of the 5 real slices without a tumour have a marked part.
DEVIATIONS = 2.0

#: The smallest area of a tumour-like part, as a share of the image: 144 pixels of 256 x 256.
SMALLEST_SHARE = 0.0022

#: The standard deviation of a normal distribution divided by its median absolute deviation.
NORMAL = 1.4826


def brain_mask(image: NDArray[np.uint8]) -> Mask:
    """Return the largest connected part above the background, with its holes filled."""
    labels, count = ndimage.label(image > DARKEST)
    if count == 0:
        return np.zeros(image.shape, np.bool_)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    filled: Mask = ndimage.binary_fill_holes(labels == sizes.argmax())
    return filled


def hyperintense_mask(image: NDArray[np.uint8], brain: Mask) -> Mask:
    """Return the parts of the brain that are as bright as oedema and tumour are on FLAIR.

    They are connected pixels above the median of the brain by `DEVIATIONS` robust standard
    deviations, of at least `SMALLEST_SHARE` of the image, with their holes filled. Bright
    artefacts count too. A dark core that is open to the brain does not.
    """
    values = image[brain]
    if values.size == 0:
        return brain
    median = np.median(values)
    deviation = NORMAL * np.median(np.abs(values - median))
    labels, _ = ndimage.label(brain & (image > median + DEVIATIONS * deviation))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    filled: Mask = ndimage.binary_fill_holes((sizes >= SMALLEST_SHARE * image.size)[labels])
    return filled


def symmetry(image: NDArray[np.uint8], brain: Mask) -> float:
    """Return how similar the left and right halves of the brain are, in 0 to 1.

    1 - sum |I - M| / sum (I + M), where I is the brain and M its mirror image at the column of its
    centroid. 1 for an image without a brain.
    """
    if not brain.any():
        return 1.0
    side = image.shape[1]
    centre = np.nonzero(brain)[1].mean()
    source = round(2 * centre) - np.arange(side)
    inside = (source >= 0) & (source < side)
    values = np.where(brain, image, 0).astype(np.int64)
    mirrored = np.where(inside, values[:, np.clip(source, 0, side - 1)], 0)
    return 1 - float(np.abs(values - mirrored).sum() / (values + mirrored).sum())
