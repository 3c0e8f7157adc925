"""Where the brain is in an image, and what in it is bright as a tumour is on FLAIR."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: The brightest value that still counts as background: generators seldom reach 0.
DARKEST = 16

#: How far above the brain's median a tumour-like pixel is, in deviations (1.4826 MAD: the standard
#: deviation, if values were normal), and the smallest area of connected ones, as a share of the
#: image: 144 pixels of 256 x 256. On 12 phantoms the mean Dice coefficient with the segmented
#: tumour, over 281 slices that have one, is 0.82 at 2 deviations and 0.87 at 1.5; but 1.5 marks
#: three times as much in slices without one (1.8 % of the brain in 4 phantom slices, 3.0 % in 5
#: real ones; 0.6 % each at 2). On two real volumes (86 slices) it is 0.86 and 0.88 at 2, and below
#: 0.7 in one slice of ten; 2 of the 5 real slices without a tumour have a part that is marked.
DEVIATIONS = 2.0
SMALLEST_SHARE = 0.0022

#: The standard deviation of a normal distribution over its median absolute deviation.
NORMAL = 1.4826


def brain_mask(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the largest connected part above the background, with what it encloses.

    Parameters
    ----------
    image
        uint8 (S, S).
    """
    labels, count = ndimage.label(image > DARKEST)
    if count == 0:
        return np.zeros(image.shape, np.bool_)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return filled(labels == sizes.argmax())


def filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask with its holes: what is not connected with the image's border."""
    # A frame connects all of the outside, so that it is one part: that of the corner.
    outside, _ = ndimage.label(np.pad(~mask, 1, constant_values=True))
    without_frame: NDArray[np.bool_] = outside[1:-1, 1:-1] != outside[0, 0]
    return without_frame


def hyperintense_mask(image: NDArray[np.uint8], brain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what is bright as oedema and tumour are on FLAIR, with what it encloses.

    Pixels of the brain above its median + `DEVIATIONS` robust standard deviations, in connected
    parts of at least `SMALLEST_SHARE` of the image. Bright artefacts count too, and a dark core
    that is open to the brain does not.

    Parameters
    ----------
    image
        uint8 (S, S).
    brain
        Its mask.
    """
    values = image[brain]
    if values.size == 0:
        return brain
    median = np.median(values)
    deviation = NORMAL * np.median(np.abs(values - median))
    labels, _ = ndimage.label(brain & (image > median + DEVIATIONS * deviation))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return filled((sizes >= SMALLEST_SHARE * image.size)[labels])


def symmetry(image: NDArray[np.uint8], brain: NDArray[np.bool_]) -> float:
    """Return how alike the brain is to its mirror image, left to right, in 0 to 1.

    1 - sum |I - M| / sum (I + M), where I is the brain and M the same mirrored at the column of
    its centroid. 1 for an image without a brain.
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
