"""Slices with the tumour's masks: real ones of a data set, and generated ones of stacks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synaxial.config.model import Segment
from synaxial.data.dataset.reading import describe_images, open_masks, read_dataset
from synaxial.gan.networks.randomness import seed_sequence
from synaxial.gan.train.batches import RankBatches
from synaxial.io.errors import SynaxialError
from synaxial.io.images import as_grey, overlap
from synaxial.io.stacks import Stack, images_of, masks_of, read_stack
from synaxial.studies.segment.sizes import people_wanted

#: First numbers of the names of streams of random numbers, beyond those of `networks.randomness`.
PEOPLE, AUGMENTATION = 100, 101

#: What a U-Net may be trained with.
KINDS = {
    "real": "real slices",
    "synthetic": "generated slices",
    "both": "real and generated slices",
}

#: The farthest shift of an augmented slice along each axis, as a share of the width.
FARTHEST = 1 / 16


@dataclass(frozen=True)
class Slices:
    """Images and their masks.

    Attributes
    ----------
    images
        uint8 (N, S, S).
    masks
        bool (N, S, S): where the tumour is.
    groups
        int64 (N,): of real slices the person's number, of generated ones each its own.
    names
        What each group is called.
    generators
        The digests of what made generated slices, each once and sorted; none of real ones.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    groups: NDArray[np.int64]
    names: list[str]
    generators: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def of_groups(self, chosen: NDArray[np.int64]) -> "Slices":
        """Return the slices of some groups."""
        kept = np.isin(self.groups, chosen)
        return Slices(self.images[kept], self.masks[kept], self.groups[kept], self.names)


def read_real(folder: Path) -> Slices:
    """Return a data set's slices; a group is a person, called as the first subject that is theirs.

    Raises
    ------
    SynaxialError
        A file is absent, damaged, or of another data set.
    """
    images, rows = read_dataset(folder)
    describe_images(folder)
    masks = open_masks(folder) > 0
    first = np.unique(images.groups, return_index=True)[1]
    names = [rows[at]["subject"] for at in first]
    return Slices(np.asarray(images.pixels), masks, images.groups, names)


def read_generated(paths: list[Path], size: int) -> Slices:
    """Return the images of stacks with their masks, in the stacks' order.

    Raises
    ------
    SynaxialError
        A file is absent or damaged, has no masks, does not say which generator made it, or has
        images of another size than `size`.
    """
    images, masks = [], []
    generators: set[str] = set()
    for path in paths:
        stack = read_stack(path)
        if stack.pages.shape[1:3] != (size, size):
            raise SynaxialError(
                path, f"has images of {stack.pages.shape[1:3]}", f"({size}, {size}), as real ones"
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
    count = sum(map(len, images))
    names = [str(number) for number in range(count)]
    groups = np.arange(count)
    made_by = tuple(sorted(generators))
    return Slices(np.concatenate(images), np.concatenate(masks), groups, names, made_by)


def generators_of(stack: Stack, path: Path) -> set[str]:
    """Return the digests of the generators that made a stack's images.

    Raises
    ------
    SynaxialError
        A page does not name its generator.
    """
    found = {page.get("generator") for page in stack.descriptions}
    named = {name for name in found if isinstance(name, str) and name}
    if len(named) < len(found):
        raise SynaxialError(
            path, "has pages that do not name their generator", "a stack of `synaxial sample`"
        )
    return named


def choose_people(slices: Slices, asked: str, seed: int) -> Slices:
    """Return the slices of some people, drawn by the seed; fewer are part of more.

    Raises
    ------
    SynaxialError
        More people are asked for than there are.
    """
    people = len(slices.names)
    generator = np.random.Generator(np.random.SFC64(seed_sequence(PEOPLE, seed)))
    order = generator.permutation(people)
    return slices.of_groups(order[: people_wanted(asked, people)])


def batches(parts: list[Slices], settings: Segment, seed: int) -> Iterator[Slices]:
    """Yield the augmented slices of each update: as many of each part.

    A part's slices come in an order drawn anew for each pass over them. The augmentation of update
    k is the same whatever the parts are.
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
    """Return slices mirrored, left to right, every other one by chance, and shifted a little.

    What comes in from outside is background. An image and its mask undergo the same.
    """
    count, side = images.shape[:2]
    farthest = max(1, int(side * FARTHEST))
    mirrored = generator.random((count,)) < 0.5
    shifts = generator.integers(-farthest, farthest + 1, (count, 2))
    new_images, new_masks = np.zeros_like(images), np.zeros_like(masks)
    for at in range(count):
        (from_rows, rows), (from_columns, columns) = (
            overlap(int(shift), side, side) for shift in shifts[at]
        )
        step = -1 if mirrored[at] else 1
        new_images[at, rows, columns] = images[at, :, ::step][from_rows, from_columns]
        new_masks[at, rows, columns] = masks[at, :, ::step][from_rows, from_columns]
    return Slices(new_images, new_masks, np.arange(count), [])
