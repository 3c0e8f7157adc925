"""Images in memory: uint8 arrays with row 0 at the top, and what several stages do with them."""

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: The colour of an outline (red, green, blue): it is clear on bright and on dark grey.
COLOUR = (255, 96, 0)

#: A pixel of a generated or resampled mask is inside if its value is above this: half of 255.
HALF = 127.5


@dataclass(frozen=True)
class ImageSet:
    """Grey images, and which of them belong to one person."""

    #: uint8 (N, H, W), 0 for the background.
    pixels: NDArray[np.uint8]
    #: int64 (N,): the person's number for real images, the image's own number for generated ones.
    #: Images of one person resemble each other, so the bootstrap draws groups, never images.
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pixels)


def subset(images: ImageSet, chosen: NDArray[np.int64]) -> ImageSet:
    """Return some of the images, in memory."""
    return ImageSet(np.ascontiguousarray(images.pixels[chosen]), images.groups[chosen])


def groups_of(names: Sequence[Hashable]) -> NDArray[np.int64]:
    """Return the number of each image's group, int64 (N,), from the groups' names."""
    numbers = {name: at for at, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.int64)


def as_grey(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the rounded mean of the channels of (N, H, W, 3); grey (N, H, W) comes back as is."""
    if images.ndim == 3:
        return images
    # A third of a whole number is never halfway between two, so adding 1 rounds to the nearest.
    total = images.sum(axis=3, dtype=np.uint16)
    grey: NDArray[np.uint8] = ((total + 1) // 3).astype(np.uint8)
    return grey


def area_averages(images: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """Return grey images, (N, H, W), at another size, (N, side, side): means over areas."""
    small = np.empty((len(images), side, side), np.float32)
    for at, image in enumerate(images):
        # Pillow does not round images of 32-bit floats.
        exact = Image.fromarray(image.astype(np.float32))
        small[at] = np.asarray(exact.resize((side, side), Image.Resampling.BOX))
    return small


def digest_of_pixels(images: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of the shape and the pixels of an image or of several, in hexadecimal.

    It does not depend on how the images are compressed, or on the files they are in.
    """
    digest = hashlib.sha256(f"{images.shape}\n".encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()


def evenly_spaced(count: int, most: int) -> list[int]:
    """Return at most `most` of the numbers 0..count-1, evenly spaced, first and last included."""
    return [round(position) for position in np.linspace(0, count - 1, min(count, most)).tolist()]


def overlap(shift: int, length: int, size: int) -> tuple[slice, slice]:
    """Return which of `length` pixels stay in a line of `size`, and their places in it.

    The pixels move by `shift`, which may be negative.
    """
    return (
        slice(max(-shift, 0), max(min(length, size - shift), 0)),
        slice(max(shift, 0), max(min(size, length + shift), 0)),
    )


def outlined(images: NDArray[np.uint8], masks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draw the outline of each mask (N, H, W) into its image: (N, H, W[, 3]) to (N, H, W, 3).

    A pixel of a mask above `HALF` is inside.
    """
    if images.ndim == 3:
        images = images[..., None]
    coloured = np.broadcast_to(images, (*masks.shape, 3)).copy()
    coloured[edges(masks > HALF)] = COLOUR
    return coloured


def edges(inside: NDArray[np.bool_], width: int = 1) -> NDArray[np.bool_]:
    """Return the edge of masks (N, H, W): their pixels with one of four neighbours outside.

    Nothing is outside beyond the border of the image. A `width` of 2 adds the edge of what is
    left without the edge.
    """
    enclosed = inside
    for _ in range(width):
        around = np.pad(enclosed, [(0, 0), (1, 1), (1, 1)], mode="edge")
        enclosed = (
            enclosed
            & around[:, :-2, 1:-1]
            & around[:, 2:, 1:-1]
            & around[:, 1:-1, :-2]
            & around[:, 1:-1, 2:]
        )
    return inside & ~enclosed
