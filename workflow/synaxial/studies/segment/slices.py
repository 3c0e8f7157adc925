"""Slices with tumour masks: real ones of a data set, generated ones of stacks, and pictures."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synaxial.data.dataset.reading import describe_images, open_masks, read_dataset
from synaxial.gan.networks.randomness import seed_sequence
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json
from synaxial.io.images import as_grey, edges
from synaxial.io.sheets import make_sheet
from synaxial.io.stacks import Stack, images_of, masks_of, read_stack
from synaxial.studies.segment.limits import people_wanted

#: First word of the name of this random stream; `gan` has the lower numbers.
PEOPLE = 100

#: What a U-Net may be trained with.
KINDS = {
    "real": "real slices",
    "synthetic": "generated slices",
    "both": "real and generated slices",
}

#: The largest number of slices of a picture, and the smallest width of each in pixels.
SHOWN, WIDTH = 8, 192

#: The colours of the outlines of the first and of the second mask.
FIRST, SECOND = (45, 212, 191), (251, 113, 133)


@dataclass(frozen=True)
class Slices:
    """Images and their masks.

    Attributes
    ----------
    images, masks
        uint8 and bool (N, S, S); a mask is where the tumour is.
    groups
        int64 (N,): the person's number for real slices; a number of its own for each generated one.
    names
        The name of each group.
    generators
        Digests of the generators of generated slices, sorted, each once.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    groups: NDArray[np.int64]
    names: list[str]
    generators: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)


def read_real(folder: Path) -> Slices:
    """Return a data set's slices. A group is a person, named by that person's first subject."""
    images, rows = read_dataset(folder)
    describe_images(folder)
    masks = open_masks(folder) > 0
    first = np.unique(images.groups, return_index=True)[1]
    names = [rows[at]["subject"] for at in first]
    return Slices(np.asarray(images.pixels), masks, images.groups, names)


def read_generated(paths: list[Path], size: int) -> Slices:
    """Return the images of stacks with their masks, in the order of the stacks.

    Stacks without masks, or of images of another width than `size`, are refused.
    """
    images, masks = [], []
    generators: set[str] = set()
    for path in paths:
        stack = read_stack(path)
        if stack.pages.shape[1:3] != (size, size):
            raise SynaxialError(
                path,
                f"has images of {stack.pages.shape[1:3]}",
                f"({size}, {size}), as the real ones",
            )
        found = masks_of(stack, path)
        if found is None:
            raise SynaxialError(
                path,
                "has no masks",
                "stacks of an experiment with masks: true",
                "see docs/masks.md",
            )
        generators |= generators_of(stack, path)
        images.append(as_grey(images_of(stack, path).pages))
        masks.append(as_grey(found.pages) > 0)
    groups = np.arange(sum(map(len, images)))
    names = [str(number) for number in groups]
    pixels, inside = np.concatenate(images), np.concatenate(masks)
    return Slices(pixels, inside, groups, names, tuple(sorted(generators)))


def generators_of(stack: Stack, path: Path) -> set[str]:
    """Return the digests of the generators of a stack's images; a page must name its generator."""
    found = {page.get("generator") for page in stack.descriptions}
    named = {name for name in found if isinstance(name, str) and name}
    if len(named) < len(found):
        raise SynaxialError(
            path, "has pages that do not name their generator", "a stack of `synaxial sample`"
        )
    return named


def describe_dataset(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the images and of the masks of a data set."""
    record = read_json(folder / "masks.json")
    return {"images_sha256": record["images_sha256"], "masks_sha256": record["sha256"]}


def describe_held_out(folder: Path, truth: Slices, scores: dict[str, float]) -> dict[str, Any]:
    """Return which slices were segmented, of how many people, and how many have no tumour.

    `scores` has a number for each person with a tumour.
    """
    return {
        "images": len(truth),
        "people": len(truth.names),
        "people_without_tumour": len(truth.names) - len(scores),
        **describe_dataset(folder),
    }


def reduced(slices: Slices, factor: int) -> Slices:
    """Return slices whose width is divided by a factor: means of squares of pixels.

    A pixel of a mask is inside if half of its square is.
    """
    if factor == 1:
        return slices
    count, side = slices.images.shape[:2]
    squares = (count, side // factor, factor, side // factor, factor)
    images = slices.images.reshape(squares).mean(axis=(2, 4), dtype=np.float32)
    masks = slices.masks.reshape(squares).mean(axis=(2, 4), dtype=np.float32) >= 0.5
    return replace(slices, images=np.rint(images).astype(np.uint8), masks=masks)


def choose_people(slices: Slices, asked: str, seed: int) -> Slices:
    """Return the slices of people drawn by the seed; a smaller choice is part of a larger one."""
    people = len(slices.names)
    generator = np.random.Generator(np.random.SFC64(seed_sequence(PEOPLE, seed)))
    chosen = generator.permutation(people)[: people_wanted(asked, people)]
    kept = np.isin(slices.groups, chosen)
    return Slices(slices.images[kept], slices.masks[kept], slices.groups[kept], slices.names)


def fullest_slices(slices: Slices) -> NDArray[np.int64]:
    """Return the slice with the largest tumour of each of the first `SHOWN` people with one."""
    areas = slices.masks.sum(axis=(1, 2))
    best = []
    for group in np.unique(slices.groups):
        own = np.flatnonzero(slices.groups == group)
        if areas[own].any():
            best.append(own[areas[own].argmax()])
    return np.array(best[:SHOWN], np.int64)


def draw_outlines(
    images: NDArray[np.uint8],
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    labels: list[str],
    title: str,
) -> Image.Image:
    """Draw a row of images, and below it the same images with the outlines of two masks each.

    Images are uint8 and masks bool, (N, S, S), at least one.
    """
    times = max(1, -(-WIDTH // images.shape[1]))
    plain = np.repeat(_enlarged(images, times)[..., None], 3, axis=3)
    outlined = plain.copy()
    for masks, colour in ((first, FIRST), (second, SECOND)):
        outlined[edges(_enlarged(masks, times), width=2)] = colour
    pages = np.concatenate([plain, outlined])
    return make_sheet(pages, len(images), column_labels=labels, title=title)


def _enlarged(images: NDArray[Any], times: int) -> NDArray[Any]:
    return images.repeat(times, axis=1).repeat(times, axis=2)
