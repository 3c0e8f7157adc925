"""What the comparison is made of."""

from dataclasses import dataclass
from typing import Any

#: What the numbers mean; those of another one do not compare.
PROTOCOL = "2"


@dataclass(frozen=True)
class Training:
    """What one U-Net achieved.

    Attributes
    ----------
    kind
        One of `KINDS`.
    subjects
        How many people were asked for: `all`, `quarter`, a number, or `none`.
    seed
        Of the training.
    people
        How many people the real slices were of.
    real_images, synthetic_images
        How many slices there were to train with.
    dice
        By the names of people held out.
    training_set
        The SHA-256 of the images and masks of the real slices' data set; None without any.
    generators
        The digests of what made the generated slices.
    experiment
        What theirs is called; None if nobody said.
    """

    kind: str
    subjects: str
    seed: int
    people: int
    real_images: int
    synthetic_images: int
    dice: dict[str, float]
    training_set: dict[str, str] | None
    generators: tuple[str, ...]
    experiment: str | None


@dataclass(frozen=True)
class Check:
    """Where masks lie, and what is found without training.

    Attributes
    ----------
    images
        How many, by set: `generated` and `real`.
    masks
        By set and by the names of `NUMBERS`: value, low and high, or None.
    floors
        Dice coefficients by the names of people, of a `threshold` and of the `empty` mask.
    generators
        The digests of what made the generated masks.
    """

    images: dict[str, int]
    masks: dict[str, dict[str, dict[str, float] | None]]
    floors: dict[str, dict[str, float]]
    generators: tuple[str, ...]


@dataclass(frozen=True)
class Results:
    """All of a comparison.

    Attributes
    ----------
    trainings
        Of one budget, each of another kind, number of people or seed.
    check
        Of the same people held out.
    budget
        By the names of `BUDGET`.
    held_out
        How many images and people, and how many of these have no tumour.
    """

    trainings: list[Training]
    check: Check
    budget: dict[str, Any]
    held_out: dict[str, Any]
