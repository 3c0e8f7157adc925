"""The choice of the images of a page and of their order.

Both are random, so that only the pixels tell real from generated images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: The largest share of either kind. The drawn share is secret: readers who knew it could count.
LARGEST_SHARE = 0.6


@dataclass(frozen=True)
class Shown:
    """One image of the page.

    `identifier` is eight random hexadecimal digits. `origin` is the image's number among the
    generated or the held-out images. `repeat_of` is the place, from 0, where it was shown before.
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

    Generated images are drawn without replacement. Real ones are spread evenly over the slice
    levels, and over the subjects as far as possible. Images that are shown twice are drawn from the
    first third of the page, of either kind, and come again in the last third.

    Parameters
    ----------
    generated
        Number of generated images available.
    subjects, levels
        The subject and the axial slice of each held-out image.
    images, repeats
        Number of images to show, and the share of them that is shown twice, 0 to 1/3.
    seed
        Seed of the draws.

    Raises
    ------
    ValueError
        There are too few images of a kind. The message does not reveal how many were drawn.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    # Enough for any share, or the error would reveal the drawn one.
    most = most_of_a_kind(images)
    for what, there in (("generated", generated), ("held-out", len(levels))):
        if there < most:
            raise ValueError(f"{there} {what} images, expected {most} or more")
    count = int(generator.integers(images - most, most, endpoint=True))
    pool = [(True, int(i)) for i in generator.choice(generated, count, replace=False)]
    pool += [(False, i) for i in spread(subjects, levels, images - count, generator)]
    order = [pool[i] for i in generator.permutation(images)]

    third = images // 3
    twice = generator.choice(third, min(round(images * repeats), third), replace=False)
    late = generator.integers(images - third, images, len(twice), endpoint=True)
    places: list[tuple[float, int]] = [(float(place), place) for place in range(images)]
    # Before the image at that place, or after the last one.
    places += [(place - 0.5, int(which)) for place, which in zip(late, twice, strict=True)]
    places.sort()
    # Eight hexadecimal digits, which carry no information.
    names = generator.choice(2**32, len(places), replace=False)
    shown = []
    for name, (place, which) in zip(names, places, strict=True):
        kind, origin = order[which]
        shown.append(Shown(f"{name:08x}", kind, origin, None if place == which else which))
    return shown


def most_of_a_kind(images: int) -> int:
    """Return the largest number of images of one kind on a page."""
    return int(np.floor(round(images * LARGEST_SHARE, 6)))


def spread(
    subjects: Sequence[str], levels: Sequence[int], count: int, generator: np.random.Generator
) -> list[int]:
    """Draw `count` of N images, spread evenly over their slice levels, then over their subjects.

    The levels are those of every (N / count)-th image in the order of levels, from a random start.
    Each level gives an image of the subject with the fewest so far, at random among equals.
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
