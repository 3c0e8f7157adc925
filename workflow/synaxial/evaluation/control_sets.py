"""Which images each set has."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from synaxial.config.model import Evaluate
from synaxial.evaluation.metrics import controls
from synaxial.io.images import ImageSet, subset

#: `reference`: half of the held-out subjects, what everything is held against. `real`: the other
#: half, as near as other subjects are. `copies`: training images. The rest are `real`, spoilt.
Kind = Literal["reference", "real", "copies", "blurred", "grid", "noise"]


@dataclass(frozen=True)
class Control:
    """A set of images.

    Attributes
    ----------
    images
        The images; their groups are the subjects' numbers in the data set that they come from.
    origin
        int64 (N,): which image of that data set each one is, or is made from.
    """

    images: ImageSet
    origin: NDArray[np.int64]


def make_control(
    kind: Kind, training: ImageSet, held_out: ImageSet, settings: Evaluate, most: int
) -> Control:
    """Make one of the sets; all have the same number of images.

    Parameters
    ----------
    kind
        Which.
    training, held_out
        The images of the two data sets.
    settings
        Its keys `images`, `seed`, `blur` and `grid_…`.
    most
        How many images are generated.

    Raises
    ------
    ValueError
        Fewer than two subjects would be in a half of the held-out ones.
    """
    halves = {"reference": half_of(held_out, 0), "real": half_of(held_out, 1)}
    sizes = [len(half) for half in halves.values()]
    count = min(settings.images, most, len(training), *sizes)
    if kind == "copies":
        chosen = controls.copies(len(training), count, settings.seed)
        return Control(subset(training, chosen), chosen)
    chosen = evenly(halves["reference" if kind == "reference" else "real"], count)
    images = subset(held_out, chosen)
    match kind:
        case "blurred":
            images = controls.blurred(images, settings.blur)
        case "grid":
            images = controls.planted_grid(images, settings.grid_amplitude, settings.grid_period)
        case "noise":
            images = controls.noise(images, settings.seed)
    return Control(images, chosen)


def half_of(images: ImageSet, which: int) -> NDArray[np.int64]:
    """Return the images of every second subject, beginning with the first or the second.

    Raises
    ------
    ValueError
        They are of fewer than two subjects.
    """
    subjects = np.unique(images.groups)[which::2]
    if len(subjects) < 2:
        raise ValueError(f"{len(np.unique(images.groups))} held-out subjects, expected 4 or more")
    return np.flatnonzero(np.isin(images.groups, subjects))


def evenly(numbers: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return `count` of the numbers, evenly spaced, so that each subject has as many images."""
    places = (np.arange(count) * len(numbers)) // count
    return numbers[places]
