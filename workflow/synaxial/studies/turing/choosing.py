"""Which images are shown, and in which order: drawn, so that nothing but the pixels tells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: The share of either kind is at most this; which one is drawn is not told: who knew could count.
LARGEST_SHARE = 0.6


@dataclass(frozen=True)
class Shown:
    """One image of the page.

    Attributes
    ----------
    identifier
        Eight hexadecimal digits, drawn.
    generated
        The truth.
    origin
        Its number among the generated or among the held-out images.
    repeat_of
        The place, from 0, at which it was shown before.
    """

    identifier: str
    generated: bool
    origin: int
    repeat_of: int | None = None


def choose(
    generated: int,
    subjects: Sequence[str],
    levels: Sequence[int],
    images: int,
    repeats: float,
    seed: int,
) -> list[Shown]:
    """Draw the images of a page, in the order in which they are shown.

    Generated ones are drawn at random, none twice. Real ones are spread evenly over the slice
    levels, and over the subjects as far as that goes. Images that are shown twice are drawn from
    the first third, whatever they are, and come again in the last third.

    Parameters
    ----------
    generated
        How many generated images there are.
    subjects, levels
        Of each held-out image, its subject and its axial slice.
    images
        How many are shown, real and generated together.
    repeats
        So large a share of them is shown twice, 0 to 1/3.
    seed
        The same seed draws the same.

    Raises
    ------
    ValueError
        There are not enough images of a kind; the message does not tell how many were drawn.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    # Enough for any share, or the mistake would tell the share that was drawn.
    for what, there in (("generated", generated), ("held-out", len(levels))):
        if there < most_of_a_kind(images):
            raise ValueError(f"{there} {what} images, expected {most_of_a_kind(images)} or more")
    count = int(
        generator.integers(images - most_of_a_kind(images), most_of_a_kind(images), endpoint=True)
    )
    pool = [(True, int(i)) for i in generator.choice(generated, count, replace=False)]
    pool += [(False, i) for i in spread(subjects, levels, images - count, generator)]
    order = [pool[i] for i in generator.permutation(images)]

    third = images // 3
    twice = generator.choice(third, min(round(images * repeats), third), replace=False)
    late = generator.integers(images - third, images, len(twice), endpoint=True)
    places: list[tuple[float, int]] = [(float(place), place) for place in range(images)]
    # Before the image at that place, at its end after the last.
    places += [(place - 0.5, int(which)) for place, which in zip(late, twice, strict=True)]
    places.sort()
    names = identifiers(len(places), generator)
    return [
        Shown(name, generated=kind, origin=origin, repeat_of=None if place == which else which)
        for name, (place, which) in zip(names, places, strict=True)
        for kind, origin in [order[which]]
    ]


def most_of_a_kind(images: int) -> int:
    """Return how many images of either kind a page of so many may show."""
    return int(np.floor(round(images * LARGEST_SHARE, 6)))


def spread(
    subjects: Sequence[str], levels: Sequence[int], count: int, generator: np.random.Generator
) -> list[int]:
    """Draw images that are spread evenly over the slice levels, then over the subjects.

    Of the images in the order of their levels, every (N / count)-th one's level is wanted, from a
    drawn start; the image is one of that level whose subject has the fewest so far, and by chance
    among these.

    Parameters
    ----------
    subjects, levels
        Of N images.
    count
        How many are drawn, at most N; none is drawn twice.
    generator
        Of the draws.
    """
    rank = generator.permutation(len(levels))
    ordered = np.lexsort((rank, np.asarray(levels)))
    wanted = np.floor((np.arange(count) + generator.random()) * len(levels) / count).astype(int)
    taken: dict[str, int] = dict.fromkeys(subjects, 0)
    left: dict[int, list[int]] = {}
    for image in ordered:
        left.setdefault(levels[image], []).append(int(image))
    chosen = []
    for place in wanted:
        at_level = left[levels[ordered[place]]]
        image = min(at_level, key=lambda i: (taken[subjects[i]], rank[i]))
        at_level.remove(image)
        taken[subjects[image]] += 1
        chosen.append(image)
    return chosen


def identifiers(count: int, generator: np.random.Generator) -> list[str]:
    """Draw names of eight hexadecimal digits, none twice; they carry nothing."""
    drawn: NDArray[np.int64] = generator.choice(2**32, count, replace=False)
    return [f"{number:08x}" for number in drawn]
