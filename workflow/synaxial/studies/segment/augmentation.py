"""The batches of a U-Net's training, with the augmentation that is usual for segmentation."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from synaxial.config.model import Segment
from synaxial.gan.networks.randomness import seed_sequence
from synaxial.gan.train.batches import RankBatches
from synaxial.studies.segment.slices import Slices

#: First word of the names of this study's random streams; `gan` has the lower numbers.
AUGMENTATION = 101

#: The longest shift along each axis, as a share of the width; the largest rotation in degrees; the
#: largest change of the size; and of the logarithms of brightness and gamma. Kinds and sizes are
#: about those of nnU-Net (Isensee et al., 2021, supplementary note 4), which applies each only to a
#: part of the images.
SHIFT, ROTATION, SCALE, BRIGHTNESS, GAMMA = 1 / 16, 15.0, 0.15, 0.1, 0.2


def batches(parts: list[Slices], settings: Segment, seed: int) -> Iterator[Slices]:
    """Yield the augmented slices of each update, equally many of each part.

    Each pass over a part has a new random order. The augmentation of update k depends on the seed
    alone, not on the parts.
    """
    share = settings.batch_size // len(parts)
    orders = [RankBatches(len(part), share, seed, 0, 1) for part in parts]
    for update in range(settings.updates):
        chosen = [next(order) for order in orders]
        images = [part.images[at] for part, at in zip(parts, chosen, strict=True)]
        masks = [part.masks[at] for part, at in zip(parts, chosen, strict=True)]
        generator = np.random.Generator(np.random.SFC64(seed_sequence(AUGMENTATION, seed, update)))
        yield augmented(np.concatenate(images), np.concatenate(masks), generator)


def augmented(
    images: NDArray[np.uint8], masks: NDArray[np.bool_], generator: np.random.Generator
) -> Slices:
    """Return slices that are turned, scaled, shifted, and changed in brightness and gamma.

    Half of them are mirrored left to right. Images are uint8 and masks bool, (N, S, S). An image
    and its mask are moved alike; pixels that enter from outside are background.
    """
    count, side = images.shape[:2]
    mirrored = generator.random((count,)) < 0.5
    numbers = generator.uniform(-1, 1, (count, 6))
    new_images, new_masks = np.empty_like(images), np.empty_like(masks)
    for at, (turn, size, down, right, light, gamma) in enumerate(numbers):
        matrix = moving(ROTATION * turn, 1 + SCALE * size, bool(mirrored[at]))
        shift = SHIFT * side * np.array([down, right])
        image = moved(images[at], matrix, shift) / 255
        brighter = np.exp(BRIGHTNESS * light) * np.maximum(image, 0) ** np.exp(GAMMA * gamma)
        new_images[at] = np.clip(np.rint(255 * brighter), 0, 255)
        new_masks[at] = moved(masks[at], matrix, shift) >= 0.5
    return Slices(new_images, new_masks, np.arange(count), [])


def moving(degrees: float, scale: float, mirrored: bool) -> NDArray[np.float64]:
    """Return the matrix (2, 2) from places in the new image to those in the old, from the centre.

    A scale above 1 enlarges. Mirrored is left to right.
    """
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix: NDArray[np.float64] = np.diag([1.0, -1.0 if mirrored else 1.0]) @ turn / scale
    return matrix


def moved(
    image: NDArray[np.generic], matrix: NDArray[np.float64], shift: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return an image (S, S), linearly interpolated; `shift` is in pixels, down and right."""
    centre = (np.array(image.shape) - 1) / 2
    offset = centre - matrix @ (centre + shift)
    result: NDArray[np.float32] = affine_transform(
        image.astype(np.float32), matrix, offset, order=1
    )
    return result
